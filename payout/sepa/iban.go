package sepa

import "strings"

// IBAN is the number of an account (ISO 13616) in its electronic form: capital letters and digits without spaces. One that
// [ParseIBAN] returned is valid.
type IBAN string

// ibanLengths holds the lengths of IBANs by country, from SWIFT's IBAN registry.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
	"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
	"FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
	"IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
	"LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
	"NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
	"SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
	"UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// sepaCountries lists the countries of IBANs in the geographical scope of the schemes (EPC409-09). Territories without
// IBANs of their own, such as Guernsey or Martinique, are in those of their country.
const sepaCountries = "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL " +
	"PT RO RS SE SI SK SM VA"

// ParseIBAN reads an IBAN as people write it: letters of any case, with or without spaces. It refuses unknown countries, other
// lengths than the country's, and wrong check digits with a [FieldError].
func ParseIBAN(text string) (IBAN, error) {
	code := compact(text)
	if reason := ibanFault(code); reason != "" {
		return "", refuse("IBAN", text, reason)
	}
	return IBAN(code), nil
}

// ibanFault returns what is wrong with an electronic form, or nothing.
func ibanFault(code string) string {
	if len(code) < 4 || !letters(code[:2]) || !digits(code[2:4]) || !alphanumeric(code[4:]) {
		return "is not a country, two check digits, and capital letters or digits"
	}
	length, known := ibanLengths[code[:2]]
	switch {
	case !known:
		return "is of a country that has no IBANs"
	case len(code) != length:
		return "has not the length of its country's IBANs"
	case !checked(code):
		return "has wrong check digits"
	}
	return ""
}

// String returns the electronic form.
func (i IBAN) String() string { return string(i) }

// SEPA reports whether credit transfers of the SEPA schemes reach the country of the account.
func (i IBAN) SEPA() bool {
	return len(i) >= 2 && letters(string(i[:2])) && strings.Contains(sepaCountries, string(i[:2]))
}

// BIC is the code of a bank (ISO 9362) in capital letters and digits.
type BIC string

// ParseBIC reads a BIC of 8 or 11 characters, in letters of any case. It refuses others with a [FieldError].
func ParseBIC(text string) (BIC, error) {
	code := compact(text)
	if reason := bicFault(code); reason != "" {
		return "", refuse("BIC", text, reason)
	}
	return BIC(code), nil
}

// bicFault returns what is wrong with a code. Digits among the first four are legal since ISO 9362:2014.
func bicFault(code string) string {
	if len(code) != 8 && len(code) != 11 {
		return "has neither 8 nor 11 characters"
	}
	if !alphanumeric(code) || !letters(code[4:6]) {
		return "is not a bank, a country and a place in capital letters and digits"
	}
	return ""
}

// narrow reports whether the schema of pain.001.001.03 accepts the code as well: [A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?.
func (b BIC) narrow() bool {
	return letters(string(b[:6])) && b[6] != '0' && b[6] != '1' && b[7] != 'O'
}

// String returns the code.
func (b BIC) String() string { return string(b) }

// Reference is a creditor reference (ISO 11649), "RF" and check digits before up to 21 letters and digits.
type Reference string

// ParseReference reads a creditor reference as people write it: letters of any case, with or without spaces. It refuses
// others with a [FieldError].
func ParseReference(text string) (Reference, error) {
	code := compact(text)
	if reason := referenceFault(code); reason != "" {
		return "", refuse("Reference", text, reason)
	}
	return Reference(code), nil
}

func referenceFault(code string) string {
	const shortest, longest = 5, 25
	switch {
	case len(code) < shortest || len(code) > longest || code[:2] != "RF" || !digits(code[2:4]) || !alphanumeric(code[4:]):
		return "is not RF, two check digits, and 1 to 21 capital letters or digits"
	case !checked(code):
		return "has wrong check digits"
	}
	return ""
}

// String returns the electronic form.
func (r Reference) String() string { return string(r) }

// checked verifies the check digits, the third and fourth characters, of capital letters and digits: ISO 7064, MOD 97-10. They
// are never 00, 01 or 99, which would verify beside 97, 98 and 02.
func checked(code string) bool {
	if check := code[2:4]; check < "02" || check > "98" {
		return false
	}
	rest := 0
	for _, c := range []byte(code[4:] + code[:4]) {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}

// compact returns the text without spaces, its letters a to z as capital ones. Other alphabets' letters stay: the capital of
// ſ is S, and an account must not be found by it.
func compact(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return -1
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, text)
}

func letters(s string) bool { return only(s, func(c byte) bool { return c >= 'A' && c <= 'Z' }) }

func digits(s string) bool { return only(s, func(c byte) bool { return c >= '0' && c <= '9' }) }

func alphanumeric(s string) bool {
	return only(s, func(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' })
}

func only(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}
