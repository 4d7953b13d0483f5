package sepa_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout/sepa"
)

// The examples of SWIFT's registry, one a country.
const registry = `AD1200012030200359100100 AE070331234567890123456 AL47212110090000000235698741 AT611904300234573201
AZ21NABZ00000000137010001944 BA391290079401028494 BE68539007547034 BG80BNBG96611020345678 BH67BMAG00001299123456
BR1800360305000010009795493C1 BY13NBRB3600900000002Z00AB00 CH9300762011623852957 CR05015202001026284066
CY17002001280000001200527600 CZ6508000000192000145399 DE89370400440532013000 DK5000400440116243 DO28BAGR00000001212453611324
EE382200221020145685 EG380019000500000000263180002 ES9121000418450200051332 FI2112345600000785 FO6264600001631634
FR1420041010050500013M02606 GB29NWBK60161331926819 GE29NB0000000101904917 GI75NWBK000000007099453 GL8964710001000206
GR1601101250000000012300695 GT82TRAJ01020000001210029690 HR1210010051863000160 HU42117730161111101800000000
IE29AIBK93115212345678 IL620108000000099999999 IQ98NBIQ850123456789012 IS140159260076545510730339 IT60X0542811101000000123456
JO94CBJO0010000000000131000302 KW81CBKU0000000000001234560101 KZ86125KZT5004100100 LB62099900000001001901229114
LC55HEMM000100010012001200023015 LI21088100002324013AA LT121000011101001000 LU280019400644750000 LV80BANK0000435195001
MC5811222000010123456789030 MD24AG000225100013104168 ME25505000012345678951 MK07250120000058984 MR1300020001010000123456753
MT84MALT011000012345MTLCAST001S MU17BOMM0101101030300200000MUR NL91ABNA0417164300 NO9386011117947 PK36SCBL0000001123456702
PL61109010140000071219812874 PS92PALS000000000400123456702 PT50000201231234567890154 QA58DOHB00001234567890ABCDEFG
RO49AAAA1B31007593840000 RS35260005601001611379 SA0380000000608010167519 SC18SSCB11010000000000001497USD
SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541 SM86U0322509800000000270100 ST23000100010051845310146
SV62CENR00000000000000700025 TL380080012345678910157 TN5910006035183598478831 TR330006100519786457841326
UA213223130000026007233566001 VA59001123000012345678 VG96VPVG0000012345678901 XK051212012345678906`

func TestTheExamplesOfTheRegistryAreIBANs(t *testing.T) {
	for _, code := range strings.Fields(registry) {
		iban, err := sepa.ParseIBAN(code)
		require.NoError(t, err)
		require.Equal(t, code, iban.String())
	}
}

func TestIBANsAreReadAsPeopleWriteThem(t *testing.T) {
	for _, text := range []string{"GB82 WEST 1234 5698 7654 32", " gb82west12345698765432 ", "GB82WEST12345698765432"} {
		iban, err := sepa.ParseIBAN(text)
		require.NoError(t, err)
		require.Equal(t, sepa.IBAN("GB82WEST12345698765432"), iban)
	}
}

func TestEveryWrongDigitOfAnIBANIsFound(t *testing.T) {
	const good = "AT611904300234573201"
	for i := 2; i < len(good); i++ {
		for digit := byte('0'); digit <= '9'; digit++ {
			if digit != good[i] {
				_, err := sepa.ParseIBAN(good[:i] + string(digit) + good[i+1:])
				require.Error(t, err)
			}
		}
	}
}

func TestWrongIBANsAreRefused(t *testing.T) {
	for text, reason := range map[string]string{
		"":                         "is not a country, two check digits, and capital letters or digits",
		"ſE4550000000058398257466": "is not a country, two check digits, and capital letters or digits",
		"DE":                       "is not a country, two check digits, and capital letters or digits",
		"DE8937040044053201300é":   "is not a country, two check digits, and capital letters or digits",
		"DE89-3704-0044-0532-013":  "is not a country, two check digits, and capital letters or digits",
		"US64SVBKUS6S3300958879":   "is of a country that has no IBANs",
		"DE8937040044053201300":    "has not the length of its country's IBANs",
		"DE893704004405320130000":  "has not the length of its country's IBANs",
		"AT611904300234573202":     "has wrong check digits",
		"AT161904300234573201":     "has wrong check digits",
		// The remainder is right, but check digits are never these.
		"BE00000000000002": "has wrong check digits", "BE01000000000081": "has wrong check digits", "BE99000000000063": "has wrong check digits",
	} {
		_, err := sepa.ParseIBAN(text)
		var fault *sepa.FieldError
		require.ErrorAs(t, err, &fault, text)
		require.Equal(t, "IBAN", fault.Field)
		require.Equal(t, reason, fault.Reason, text)
	}
}

func TestIBANsKnowWhetherSEPAReachesThem(t *testing.T) {
	for text, want := range map[sepa.IBAN]bool{
		"DE89370400440532013000": true, "CH9300762011623852957": true, "GB82WEST12345698765432": true, "GI75NWBK000000007099453": true,
		"RS35260005601001611379": true, "MD24AG000225100013104168": true,
		"TR330006100519786457841326": false, "UA213223130000026007233566001": false, "XK051212012345678906": false, "": false, "T ": false,
	} {
		require.Equal(t, want, text.SEPA(), text)
	}
}

func TestBICsHave8Or11Characters(t *testing.T) {
	for text, want := range map[string]sepa.BIC{"COBADEFFXXX": "COBADEFFXXX", "abna nl 2a": "ABNANL2A", "1234DE5M": "1234DE5M"} {
		bic, err := sepa.ParseBIC(text)
		require.NoError(t, err)
		require.Equal(t, want, bic)
		require.Equal(t, string(want), bic.String())
	}
	for _, text := range []string{"", "COBADEFF1", "COBADEFFXXX0", "COBA0EFF", "COBADEF-", "COBADÉF"} {
		_, err := sepa.ParseBIC(text)
		var fault *sepa.FieldError
		require.ErrorAs(t, err, &fault, text)
		require.Equal(t, "BIC", fault.Field)
	}
}

func TestReferencesHaveCheckDigits(t *testing.T) {
	for text, want := range map[string]sepa.Reference{
		"RF18 5390 0754 7034": "RF18539007547034", "rf18539007547034": "RF18539007547034", "RF712348231": "RF712348231",
	} {
		reference, err := sepa.ParseReference(text)
		require.NoError(t, err, text)
		require.Equal(t, want, reference)
		require.Equal(t, string(want), reference.String())
	}
	for _, text := range []string{"", "RF18", "RF19539007547034", "XX18539007547034", "RF18 5390-0754", "RF" + strings.Repeat("1", 24)} {
		_, err := sepa.ParseReference(text)
		var fault *sepa.FieldError
		require.ErrorAs(t, err, &fault, text)
		require.Equal(t, "Reference", fault.Field)
	}
}

// What is read is canonical: it is what is read from it, and a bank takes it.
func FuzzParseIBAN(f *testing.F) {
	for _, text := range []string{"DE89 3704 0044 0532 0130 00", "at611904300234573201", "AT611904300234573202", "", "XX", "ſE"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		iban, err := sepa.ParseIBAN(text)
		if err != nil {
			require.ErrorAs(t, err, new(*sepa.FieldError))
			return
		}
		again, err := sepa.ParseIBAN(iban.String())
		require.NoError(t, err)
		require.Equal(t, iban, again)
		require.Regexp(t, `^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`, iban.String())
	})
}
