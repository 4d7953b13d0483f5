package sepa

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Charset is the set of characters that a bank takes in texts.
type Charset int

// The sets of characters.
const (
	// Latin is what all banks take: letters without accents, digits, space and / - ? : ( ) . , ' + (EPC132-08, 1.4).
	Latin Charset = iota
	// German is what German banks take as well: ÄÖÜäöüß&*$% (annex 3 of the agreement on remote data transmission of Die
	// Deutsche Kreditwirtschaft).
	German
)

// has reports whether a character is in the set.
func (c Charset) has(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	case r < unicode.MaxASCII && strings.ContainsRune(" /-?:().,'+", r):
		return true
	}
	return c == German && strings.ContainsRune("ÄÖÜäöüß&*$%", r)
}

// plain reports whether a text can stay as it is: it has characters of the set only, begins and ends with a letter or a digit, and
// has no two spaces in a row. Nearly all texts are such.
func (c Charset) plain(text string) bool {
	word := func(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' }
	return text != "" && word(text[0]) && word(text[len(text)-1]) && !strings.Contains(text, "  ") &&
		!strings.ContainsFunc(text, func(r rune) bool { return !c.has(r) })
}

// Transliterate spells a text with the characters of a set. Accents go; ä, ö, ü become ae, oe, ue and ß becomes ss; signs become
// similar ones (EPC217-08); Greek follows ELOT 743; Cyrillic is Ukrainian or Russian if letters say so, and else Bulgarian,
// each as in the country's passports. Line breaks and runs of spaces become one space, and none is left at the ends. What has no
// spelling, such as Chinese or an emoji, is left out. A text of which no letter and no digit is left is refused with a
// [FieldError].
func Transliterate(text string, charset Charset) (string, error) {
	if charset.plain(text) {
		return text, nil
	}
	speller := speller{charset: charset, text: []rune(norm.NFC.String(text))}
	speller.local = cyrillic(speller.text)
	var out strings.Builder
	for i := range speller.text {
		out.WriteString(speller.spell(i))
	}
	spelt := strings.Join(strings.Fields(out.String()), " ")
	if !strings.ContainsFunc(spelt, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return "", refuse("Text", text, "has nothing that can be written in Latin letters")
	}
	return spelt, nil
}

// speller spells the characters of one text.
type speller struct {
	charset Charset
	text    []rune
	local   map[rune]string // how the text's language differs from Bulgarian; nil if it does not
}

// at returns the character at an index, in lower case; 0 outside of the text.
func (s speller) at(i int) rune {
	if i < 0 || i >= len(s.text) {
		return 0
	}
	return unicode.ToLower(s.text[i])
}

// spell returns the spelling of one character. Nothing stands for what cannot be spelt.
func (s speller) spell(i int) string {
	r := s.text[i]
	if s.charset.has(r) {
		return string(r)
	}
	if unicode.IsSpace(r) || unicode.IsControl(r) {
		return " "
	}
	if sign, ok := signs[r]; ok {
		return sign
	}
	if spelling, ok := s.letter(i); ok {
		return s.cased(i, spelling)
	}
	// Accents and ligatures: the parts of a compatible decomposition that can be spelt.
	var out strings.Builder
	for _, part := range norm.NFKD.String(string(r)) {
		sign, isSign := signs[part]
		spelling, isLetter := spellings[unicode.ToLower(part)]
		switch {
		case s.charset.has(part):
			out.WriteRune(part)
		case isSign:
			out.WriteString(sign)
		case isLetter:
			out.WriteString(s.cased(i, spelling))
		}
	}
	return out.String()
}

// letter returns the spelling of a letter in lower case, as its neighbours and the language want it.
func (s speller) letter(i int) (string, bool) {
	r, before, after := s.at(i), s.at(i-1), s.at(i+1)
	switch {
	case (r == 'υ' || r == 'ύ') && before == 'ο':
		return "u", true // ou
	case (r == 'υ' || r == 'ύ') && strings.ContainsRune("αεη", before):
		if !unicode.IsLetter(after) || strings.ContainsRune("θκξπσςτφχψ", after) {
			return "f", true // before a voiceless consonant, and at the end of a word
		}
		return "v", true
	case r == 'γ' && strings.ContainsRune("γξχ", after):
		return "n", true
	case r == 'я' && before == 'и' && s.local == nil && !unicode.IsLetter(after):
		return "a", true // Sofia, Maria
	case r == 'г' && before == 'з' && s.local['г'] == "h":
		return "gh", true // so that it is not taken for ж
	}
	if s.local != nil {
		if spelling, ok := ukrainianInitials[r]; ok && s.local['г'] == "h" && !unicode.IsLetter(before) {
			return spelling, true
		}
		if spelling, ok := s.local[r]; ok {
			return spelling, true
		}
	}
	spelling, ok := spellings[r]
	return spelling, ok
}

// cased gives a spelling the case of the character: "Щ" is "Sht" in a name and "SHT" among capital letters.
func (s speller) cased(i int, spelling string) string {
	if spelling == "" || !unicode.IsUpper(s.text[i]) {
		return spelling
	}
	capital := func(at int) bool { return at >= 0 && at < len(s.text) && unicode.IsUpper(s.text[at]) }
	if capital(i+1) || capital(i-1) && !unicode.IsLetter(s.at(i+1)) {
		return strings.ToUpper(spelling)
	}
	return strings.ToUpper(spelling[:1]) + spelling[1:]
}

// cyrillic returns how the language of a text spells Cyrillic letters otherwise than Bulgarian.
func cyrillic(text []rune) map[rune]string {
	has := func(letters string) bool {
		return slices.ContainsFunc(text, func(r rune) bool { return strings.ContainsRune(letters, unicode.ToLower(r)) })
	}
	switch {
	case has("іїєґ"):
		return ukrainian
	case has("ыэё"):
		return russian
	}
	return nil
}

// spellings holds the letters whose spelling is no matter of accents, in lower case.
var spellings = map[rune]string{
	// Latin.
	'ä': "ae", 'ö': "oe", 'ü': "ue", 'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'þ': "th", 'ð': "d", 'đ': "d", 'ħ': "h", 'ı': "i",
	'ĸ': "k", 'ł': "l", 'ŋ': "n", 'ŧ': "t", 'ə': "e",
	// Greek: ELOT 743 (ISO 843).
	'α': "a", 'β': "v", 'γ': "g", 'δ': "d", 'ε': "e", 'ζ': "z", 'η': "i", 'θ': "th", 'ι': "i", 'κ': "k", 'λ': "l", 'μ': "m", 'ν': "n",
	'ξ': "x", 'ο': "o", 'π': "p", 'ρ': "r", 'σ': "s", 'ς': "s", 'τ': "t", 'υ': "y", 'φ': "f", 'χ': "ch", 'ψ': "ps", 'ω': "o",
	// Bulgarian: the Transliteration Act of 2009.
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ж': "zh", 'з': "z", 'и': "i", 'й': "y", 'к': "k", 'л': "l", 'м': "m",
	'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "h", 'ц': "ts", 'ч': "ch", 'ш': "sh",
	'щ': "sht", 'ъ': "a", 'ь': "y", 'ю': "yu", 'я': "ya",
	// Cyrillic letters of other languages.
	'ё': "e", 'ы': "y", 'э': "e", 'і': "i", 'ї': "i", 'є': "ie", 'ґ': "g", 'ў': "u", 'ј': "j", 'љ': "lj", 'њ': "nj", 'ћ': "c", 'ђ': "dj",
	'џ': "dz", 'ѓ': "gj", 'ќ': "kj", 'ѕ': "dz",
}

// russian is the spelling of ICAO Doc 9303, which passports have had since 2014.
var russian = map[rune]string{
	'й': "i", 'х': "kh", 'щ': "shch", 'ъ': "ie", 'ь': "", 'ю': "iu", 'я': "ia",
}

// ukrainian is the spelling of resolution 55 of the Cabinet of Ministers, 27 January 2010.
var ukrainian = map[rune]string{
	'г': "h", 'и': "y", 'й': "i", 'х': "kh", 'щ': "shch", 'ь': "", 'ю': "iu", 'я': "ia",
}

// ukrainianInitials are spelt otherwise where a word begins.
var ukrainianInitials = map[rune]string{'є': "ye", 'ї': "yi", 'й': "y", 'ю': "yu", 'я': "ya"}

// signs holds what stands for other signs.
var signs = map[rune]string{
	'&': "+", '€': "E", '@': "(at)", '_': "-", '!': ".", '"': "'", '#': ".", '$': ".", '%': ".", '*': ".", ';': ",", '=': ".",
	'<': "(", '>': ")", '[': "(", ']': ")", '{': "(", '}': ")", '\\': "/", '|': "/", '^': ".", '`': "'", '~': "-",
	'´': "'", '‘': "'", '’': "'", '‚': "'", '‛': "'", '′': "'", 'ʼ': "'", '“': "'", '”': "'", '„': "'", '″': "'", '«': "'", '»': "'",
	'‹': "'", '›': "'", '‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-", '−': "-", '•': "-", '…': "...", '·': ".",
	'⁄': "/", '×': "x", '¡': ".", '¿': "?", '§': ".", '°': ".",
}
