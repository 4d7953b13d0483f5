package checkout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/shopspring/decimal"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"
)

// languages are the languages that the page speaks. The first is used when a browser asks for none of them.
var languages = []language.Tag{
	language.English, language.German, language.French, language.Spanish, language.Italian, language.Portuguese, language.Dutch,
	language.Polish, language.Russian, language.Ukrainian, language.Turkish, language.Arabic, language.Hebrew, language.Hindi,
	language.Chinese, language.Japanese, language.Korean, language.Vietnamese, language.Indonesian, language.Thai,
}

// dictionary holds the words of all languages.
type dictionary struct {
	matcher language.Matcher
	tongues []*tongue // in the order of languages
}

// tongue is one language. It is safe for concurrent use.
type tongue struct {
	Lang    string // BCP 47
	Name    string // as it calls itself
	Dir     string // ltr or rtl
	printer sync.Pool
	numerals
}

// wordFile is the form of words/xx.json. A word is a text, or an object with a text for each plural form of its first
// argument (zero, one, two, few, many, other; CLDR). %[1]s is the first argument.
type wordFile struct {
	Name  string                     `json:"name"`
	Words map[string]json.RawMessage `json:"words"`
}

// newDictionary reads the embedded words, and those of a host over them: it may replace any, and any language.
func newDictionary(own, host fs.FS) (*dictionary, error) {
	builder := catalog.NewBuilder(catalog.Fallback(languages[0]))
	d := &dictionary{matcher: language.NewMatcher(languages)}
	for _, tag := range languages {
		file, err := readWords(own, tag)
		if err != nil {
			return nil, err
		}
		if err := file.put(builder, tag); err != nil {
			return nil, err
		}
		if host != nil {
			more, err := readWords(host, tag)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			for key := range more.Words {
				if _, known := file.Words[key]; !known {
					return nil, fmt.Errorf("words of %s: there is no word %q", tag, key)
				}
			}
			if err := more.put(builder, tag); err != nil {
				return nil, err
			}
		}
		d.tongues = append(d.tongues, newTongue(tag, file.Name, builder))
	}
	return d, nil
}

func newTongue(tag language.Tag, name string, words catalog.Catalog) *tongue {
	t := &tongue{Lang: tag.String(), Name: name, Dir: "ltr"}
	if script, _ := tag.Script(); slices.Contains([]string{"Arab", "Hebr"}, script.String()) {
		t.Dir = "rtl"
	}
	// A Printer is not for concurrent use.
	t.printer.New = func() any { return message.NewPrinter(tag, message.Catalog(words)) }
	t.numerals = newNumerals(message.NewPrinter(tag))
	return t
}

func readWords(files fs.FS, tag language.Tag) (wordFile, error) {
	name := tag.String() + ".json"
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return wordFile{}, fmt.Errorf("read the words of %s: %w", tag, err)
	}
	var file wordFile
	if err := json.Unmarshal(text, &file); err != nil {
		return wordFile{}, fmt.Errorf("read the words of %s: %w", path.Base(name), err)
	}
	return file, nil
}

// put adds the words to the builder.
func (f wordFile) put(builder *catalog.Builder, tag language.Tag) error {
	for key, raw := range f.Words {
		word, err := wordOf(raw)
		if err == nil {
			err = builder.Set(tag, key, word)
		}
		if err != nil {
			return fmt.Errorf("word %q of %s: %w", key, tag, err)
		}
	}
	return nil
}

// pluralForms are the names of the forms in the order in which they are compared.
var pluralForms = []string{"zero", "one", "two", "few", "many", "other"}

func wordOf(raw json.RawMessage) (catalog.Message, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return catalog.String(text), nil
	}
	var forms map[string]string
	if err := json.Unmarshal(raw, &forms); err != nil {
		return nil, errors.New("must be a text, or an object of texts")
	}
	var cases []any
	for _, form := range pluralForms {
		if text, has := forms[form]; has {
			cases = append(cases, form, text)
			delete(forms, form)
		}
	}
	if len(forms) > 0 {
		return nil, fmt.Errorf("unknown plural forms %v", forms)
	}
	return plural.Selectf(1, "%d", cases...), nil
}

// match returns the language to speak: the one that is asked for by its code, or else the best for a header
// Accept-Language.
func (d *dictionary) match(code, accept string) *tongue {
	for _, t := range d.tongues {
		if t.Lang == code {
			return t
		}
	}
	if len(accept) > maxAccept {
		accept = ""
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return d.tongues[0]
	}
	_, i, _ := d.matcher.Match(wanted...)
	return d.tongues[i]
}

// maxAccept bounds the header Accept-Language that is parsed, in bytes.
const maxAccept = 200

// T returns a word with its arguments.
func (t *tongue) T(key string, args ...any) string {
	p := t.printer.Get().(*message.Printer)
	defer t.printer.Put(p)
	return p.Sprintf(key, args...)
}

// Split returns a word of one argument as what stands before the argument and after it, for an argument with markup.
func (t *tongue) Split(key string) [2]string {
	const mark = "\x00"
	before, after, _ := strings.Cut(t.T(key, mark), mark)
	return [2]string{before, after}
}

// numerals writes exact decimal numbers as a language does. Package number of x/text takes floats and integers alone.
type numerals struct {
	point  string
	digits [10]string
	whole  func(int64) string
}

func newNumerals(p *message.Printer) numerals {
	var lock sync.Mutex // a Printer is not for concurrent use
	n := numerals{whole: func(i int64) string {
		lock.Lock()
		defer lock.Unlock()
		return p.Sprint(number.Decimal(i))
	}}
	for i := range n.digits {
		n.digits[i] = p.Sprint(number.Decimal(i))
	}
	half := p.Sprint(number.Decimal(0.5))
	n.point = strings.TrimSuffix(strings.TrimPrefix(half, n.digits[0]), n.digits[5])
	return n
}

// amount returns a number that is not negative, with at least the given number of decimals.
func (n numerals) amount(d decimal.Decimal, decimals int32) string {
	whole, fraction, _ := strings.Cut(d.String(), ".")
	fraction += strings.Repeat("0", max(0, int(decimals)-len(fraction)))
	var b strings.Builder
	if i := d.Truncate(0); i.BigInt().IsInt64() {
		b.WriteString(n.whole(i.IntPart()))
	} else {
		n.spell(&b, whole)
	}
	if fraction != "" {
		b.WriteString(n.point)
		n.spell(&b, fraction)
	}
	return b.String()
}

func (n numerals) spell(b *strings.Builder, digits string) {
	for _, c := range digits {
		b.WriteString(n.digits[c-'0'])
	}
}
