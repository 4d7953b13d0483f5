package sepa_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout/sepa"
)

func TestNamesAreSpeltWithTheCharactersOfBanks(t *testing.T) {
	for text, want := range map[string]string{
		"Ana Beispiel":           "Ana Beispiel",
		"O'Brien-Smith (junior)": "O'Brien-Smith (junior)",
		// German, with the case of the neighbours.
		"Jürgen Groß": "Juergen Gross", "Ägidius Öztürk": "Aegidius Oeztuerk", "ÜBER GRÖẞE": "UEBER GROESSE", "Ä": "Ae", "Ä B": "Ae B",
		// Accents of all kinds, composed and not.
		"José Ñandú": "Jose Nandu", "Łukasz Żółć": "Lukasz Zolc", "Dvořák": "Dvorak", "Ștefan Țară": "Stefan Tara", "Şükrü Iğdır": "Suekrue Igdir",
		"İstanbul": "Istanbul", "Þórður Guðmundsson": "Thordur Gudmundsson", "Søren Ærø": "Soren Aero", "Đoković": "Dokovic", "Nguyễn Văn Ái": "Nguyen Van Ai",
		"Jose\u0301": "Jose", "u\u0308ber": "ueber", "ﬁnance ＡＢＣ": "finance ABC", "Œuvre ħ": "Oeuvre h",
		// Greek.
		"Γιώργος Παπαδόπουλος": "Giorgos Papadopoulos", "Ευάγγελος Σταύρου": "Evangelos Stavrou", "ΘΕΟΔΩΡΟΣ": "THEODOROS", "Ψυχή": "Psychi",
		"Θάνος Ευθυμίου": "Thanos Efthymiou", "Άγγελος": "Angelos", "προϋπόθεση": "proypothesi", "Λευκός": "Lefkos", "Σφίγξ": "Sfinx",
		// Bulgarian, unless the letters say otherwise.
		"Георги Щърбанов": "Georgi Shtarbanov", "София": "Sofia", "Ия Илиянова": "Ia Iliyanova", "ЖЕЛЕЗНИЦА": "ZHELEZNITSA", "Цветан Шишков": "Tsvetan Shishkov",
		"Юлия Ямболова": "Yulia Yambolova", "Цар ЩЪ": "Tsar SHTA",
		// Ukrainian.
		"Володимир Їжакевич": "Volodymyr Yizhakevych", "Згурський Юрій": "Zghurskyi Yurii", "Єлизавета Щербань": "Yelyzaveta Shcherban", "Ґалаґан": "Galagan",
		"Наталія Хомʼяк": "Nataliia Khom'iak",
		// Russian.
		"Михаил Жёлтый": "Mikhail Zheltyi", "Подъячев Рыбинский": "Podieiachev Rybinskii", "Юрьев Эдуард": "Iurev Eduard",
		// Letters of Serbian and Macedonian.
		"Ђорђе Љубић Његош": "Djordje Ljubic Njegosh", "Ѓорѓи": "Gjorgji",
		// Signs.
		"Müller & Co. KG": "Mueller + Co. KG", "5 €": "5 E", "a@b.eu": "a(at)b.eu", "one_two": "one-two", "“quoted” „text‟ – dash…": "'quoted' 'text - dash...",
		"a; b! c=d [e] {f} <g>": "a, b. c.d (e) (f) (g)", "50 % * 2": "50 . . 2", `back\slash|bar`: "back/slash/bar", "½ № 5 °C": "1/2 No 5 .C",
		// Space, and what has no spelling.
		"  two \t lines\r\n\u00a0here  ": "two lines here", "Rocket 🚀 GmbH": "Rocket GmbH", "王 Wang": "Wang", "zero\u200bwidth": "zerowidth",
		"bad\xffbyte": "badbyte",
	} {
		got, err := sepa.Transliterate(text, sepa.Latin)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
}

func TestGermanBanksTakeUmlautsAndSomeSigns(t *testing.T) {
	got, err := sepa.Transliterate("Müller & Söhne, Straße 5 * 50 % $ – François @ ÄÖÜ", sepa.German)
	require.NoError(t, err)
	require.Equal(t, "Müller & Söhne, Straße 5 * 50 % $ - Francois (at) ÄÖÜ", got)
	got, err = sepa.Transliterate("u\u0308", sepa.German) // not composed
	require.NoError(t, err)
	require.Equal(t, "ü", got)
}

func TestTextsOfWhichNothingIsLeftAreRefused(t *testing.T) {
	for _, text := range []string{"", "  \n", "王小明", "محمد", "🚀🚀", "...", "–", "\xff\xfe", "日本 & 中国"} {
		for _, charset := range []sepa.Charset{sepa.Latin, sepa.German} {
			_, err := sepa.Transliterate(text, charset)
			var fault *sepa.FieldError
			require.ErrorAs(t, err, &fault, text)
			require.Equal(t, "Text", fault.Field)
		}
	}
}

var (
	latin  = regexp.MustCompile(`^[A-Za-z0-9/\-?:().,'+ ]+$`)
	german = regexp.MustCompile(`^[A-Za-z0-9/\-?:().,'+ ÄÖÜäöüß&*$%]+$`)
)

// Whatever comes in, what comes out has characters of the set only, and is spelt as it is.
func FuzzTransliterate(f *testing.F) {
	for _, text := range []string{"Jürgen Groß", "Γιώργος", "Щърбанов", "Їжак", "Ёлка", "王", "a\u0301\u0327", "½ﬃ№", "\xff", "İ", "ŉ Ǆ ϓ"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for charset, allowed := range map[sepa.Charset]*regexp.Regexp{sepa.Latin: latin, sepa.German: german} {
			got, err := sepa.Transliterate(text, charset)
			if err != nil {
				require.ErrorAs(t, err, new(*sepa.FieldError))
				continue
			}
			require.Regexp(t, allowed, got)
			require.Equal(t, strings.TrimSpace(got), got)
			again, err := sepa.Transliterate(got, charset)
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}
