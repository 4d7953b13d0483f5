package checkout

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func dictionaryOf(t testing.TB) *dictionary {
	t.Helper()
	own, err := fs.Sub(wordFiles, "words")
	require.NoError(t, err)
	d, err := newDictionary(own, nil)
	require.NoError(t, err)
	return d
}

// wordsOf returns the words of a language, with a text for each plural form.
func wordsOf(t *testing.T, file string) map[string][]string {
	t.Helper()
	text, err := wordFiles.ReadFile("words/" + file)
	require.NoError(t, err)
	var f wordFile
	require.NoError(t, json.Unmarshal(text, &f))
	require.NotEmpty(t, f.Name)
	out := map[string][]string{}
	for key, raw := range f.Words {
		var one string
		var forms map[string]string
		if json.Unmarshal(raw, &one) == nil {
			out[key] = []string{one}
			continue
		}
		require.NoError(t, json.Unmarshal(raw, &forms), key)
		require.Contains(t, forms, "other", "%s: %s", file, key)
		out[key] = slices.Collect(maps.Values(forms))
	}
	return out
}

var placeholders = regexp.MustCompile(`%\[\d\][sd]|%`)

func TestWordsOfEveryLanguageAreCompleteAndTakeTheSameArguments(t *testing.T) {
	english := wordsOf(t, "en.json")
	files, err := fs.ReadDir(wordFiles, "words")
	require.NoError(t, err)
	require.Len(t, files, len(languages), "a file for each language and no other")
	for _, file := range files {
		words := wordsOf(t, file.Name())
		require.ElementsMatch(t, slices.Collect(maps.Keys(english)), slices.Collect(maps.Keys(words)), file.Name())
		for key, texts := range words {
			want := placeholders.FindAllString(english[key][0], -1)
			for _, text := range texts {
				require.NotEmpty(t, strings.TrimSpace(text), "%s: %s", file.Name(), key)
				got := placeholders.FindAllString(text, -1)
				require.ElementsMatch(t, want, got, "%s: %s: %s", file.Name(), key, text)
			}
		}
	}
}

// A word that nobody uses is translated for nothing, and one that is missing shows its key to payers.
func TestWordsAreThoseThatThePagesUse(t *testing.T) {
	used := map[string]bool{}
	literal := regexp.MustCompile(`"([a-z]+(?:\.[a-z]+)?)"`)
	for _, pattern := range []string{"*.go", "templates/*.html"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
				used[m[1]] = true
			}
		}
	}
	for _, k := range []Kind{KindChoose, KindPay, KindPart, KindConfirming, KindPaid, KindUnder, KindExpired, KindLate, KindReverted, KindCancelled, KindRecord, KindStanding} {
		used[string(k)+".title"], used[string(k)+".lead"] = true, k != KindPay
	}
	words := wordsOf(t, "en.json")
	for key := range words {
		require.True(t, used[key], "nobody uses %q", key)
	}
	for key := range used {
		if _, dotted, _ := strings.Cut(key, "."); used[key] && dotted != "" && !slices.Contains([]string{"html", "css", "js", "json"}, dotted) {
			require.Contains(t, words, key)
		}
	}
}

func TestAmountsAreWrittenAsTheLanguageDoesAndStayExact(t *testing.T) {
	d := dictionaryOf(t)
	amount := decimal.RequireFromString("1234567.123456789012345678")
	for lang, want := range map[string]string{
		"en": "1,234,567.123456789012345678",
		"de": "1.234.567,123456789012345678",
		"fr": "1\u202f234\u202f567,123456789012345678",
		"hi": "12,34,567.123456789012345678",
		"ja": "1,234,567.123456789012345678",
	} {
		require.Equal(t, want, strings.ReplaceAll(d.match(lang, "").amount(amount, 2), "\u00a0", "\u202f"), lang)
	}
	en := d.match("en", "")
	require.Equal(t, "49.90", en.amount(decimal.RequireFromString("49.9"), 2))
	require.Equal(t, "50.00", en.amount(decimal.NewFromInt(50), 2))
	require.Equal(t, "0.00000001", en.amount(decimal.RequireFromString("0.00000001"), 0))
	require.Equal(t, "123456789012345678901234567890", en.amount(decimal.RequireFromString("123456789012345678901234567890"), 0))
}

func TestTheLanguageIsTheOneThatIsAskedForOrTheBrowsers(t *testing.T) {
	d := dictionaryOf(t)
	for _, c := range []struct{ code, accept, want string }{
		{"de", "fr", "de"}, {"", "fr-CA, en;q=0.5", "fr"}, {"", "pt-BR", "pt"}, {"", "sv", "en"}, {"xx", "it", "it"},
		{"", "zh-TW", "zh"}, {"", "", "en"}, {"", "\x00;;;", "en"}, {"", strings.Repeat("a,", 5000), "en"},
	} {
		require.Equal(t, c.want, d.match(c.code, c.accept).Lang, "%+v", c)
	}
	for _, lang := range []string{"ar", "he"} {
		require.Equal(t, "rtl", d.match(lang, "").Dir)
	}
	require.Equal(t, "ltr", d.match("ja", "").Dir)
}

func TestAHostReplacesWords(t *testing.T) {
	own, err := fs.Sub(wordFiles, "words")
	require.NoError(t, err)
	host := os.DirFS(writeWords(t, `{"words": {"paid.title": "Merci !"}}`))
	d, err := newDictionary(own, host)
	require.NoError(t, err)
	require.Equal(t, "Merci !", d.match("fr", "").T("paid.title"))
	require.NotEqual(t, "Merci !", d.match("en", "").T("paid.title"))

	_, err = newDictionary(own, os.DirFS(writeWords(t, `{"words": {"paid.tilte": "Merci !"}}`)))
	require.ErrorContains(t, err, "paid.tilte")
	_, err = newDictionary(own, os.DirFS(writeWords(t, `{"words": {"confirming.count": {"dual": "x"}}}`)))
	require.ErrorContains(t, err, "confirming.count")
}

func writeWords(t *testing.T, text string) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fr.json"), []byte(text), 0o600))
	return dir
}
