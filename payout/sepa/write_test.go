package sepa_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout/sepa"
)

var update = flag.Bool("update", false, "write the golden files anew")

func amount(text string) decimal.Decimal { return decimal.RequireFromString(text) }

// batch returns what most tests begin with: something of everything that a transfer can have in both versions.
func batch() sepa.Batch {
	return sepa.Batch{
		MessageID: "POUT-2026-0731", CreatedAt: time.Date(2026, 11, 30, 8, 15, 0, 0, time.UTC),
		Debtor: "Musterladen GmbH & Co. KG", IBAN: "DE89370400440532013000", BIC: "COBADEFFXXX",
		Date: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Sum: amount("1100.74"),
		Transfers: []sepa.Transfer{
			{
				EndToEndID: "po-0001", Amount: amount("100"), Creditor: "Jürgen Groß", IBAN: "AT611904300234573201",
				Address:    &sepa.Address{Street: "Währinger Straße", Building: "12", PostCode: "1090", Town: "Wien", Country: "AT", Lines: []string{"Stiege 3", "Tür 7"}},
				Remittance: "Auszahlung Nº 1\nDanke!",
			},
			{EndToEndID: "po-0002", Amount: amount("0.75"), Creditor: "B. Voorbeeld", IBAN: "NL91ABNA0417164300", BIC: "ABNANL2A", Purpose: "SALA", Reference: "RF18539007547034"},
			{EndToEndID: "po/0003", Amount: amount("999.99"), Creditor: "Γιώργος Παπαδόπουλος", IBAN: "GR1601101250000000012300695", Remittance: "O'Neil (50+50)"},
		},
	}
}

func instant() sepa.Batch {
	b := batch()
	b.Instant = true
	b.Address = &sepa.Address{PostCode: "50667", Town: "Köln", Country: "DE"}
	b.Date = time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC) // every day is one for instant transfers
	b.Transfers[0].UETR = "0b5e6a51-9c1f-4a6e-8f0e-2f4b9c7d1e20"
	return b
}

// cases are the files that have a golden copy.
func cases() map[string]struct {
	profile sepa.Profile
	batch   sepa.Batch
} {
	yes, no := true, false
	return map[string]struct {
		profile sepa.Profile
		batch   sepa.Batch
	}{
		"pain.001.001.09.xml":      {sepa.Profile{BatchBooking: &no}, batch()},
		"pain.001.001.03.xml":      {sepa.Profile{Version: sepa.Version03, Charset: sepa.German, CreditorAgent: sepa.AgentNotProvided, InitiatingParty: "Holding SE"}, batch()},
		"pain.001.001.09-inst.xml": {sepa.Profile{BatchBooking: &yes}, instant()},
	}
}

func written(t testing.TB, p sepa.Profile, b sepa.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, sepa.Write(&out, p, b))
	return out.Bytes()
}

func TestFilesAreTheGoldenOnes(t *testing.T) {
	for name, c := range cases() {
		path := filepath.Join("testdata", name)
		got := written(t, c.profile, c.batch)
		if *update {
			require.NoError(t, os.WriteFile(path, got, 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), name)
		require.Equal(t, got, written(t, c.profile, c.batch), "the same batch gives the same bytes")
	}
}

// valid runs xmllint, a validator that shares nothing with this package.
func valid(t testing.TB, schema string, document []byte) bool {
	t.Helper()
	program, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("xmllint is missing: install libxml2-utils")
		}
		t.Skip("xmllint is missing: install libxml2-utils")
	}
	run := exec.Command(program, "--nonet", "--noout", "--schema", filepath.Join("testdata", schema+".xsd"), "-")
	run.Stdin = bytes.NewReader(document)
	said, err := run.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%s", said)
	return err == nil
}

func TestFilesAreValidForXmllint(t *testing.T) {
	for name, c := range cases() {
		require.True(t, valid(t, c.profile.Version.String(), written(t, c.profile, c.batch)), name)
	}
	for _, version := range []sepa.Version{sepa.Version09, sepa.Version03} {
		for _, agent := range []sepa.CreditorAgent{sepa.AgentOmitted, sepa.AgentNotProvided} {
			for _, charset := range []sepa.Charset{sepa.Latin, sepa.German} {
				p := sepa.Profile{Version: version, CreditorAgent: agent, Charset: charset}
				require.True(t, valid(t, version.String(), written(t, p, batch())), "%+v", p)
			}
		}
	}
}

// The schema catches two of these mutations of a file. The check of what goes into one catches all.
func TestFaultsThatSchemasOverlookAreFoundBeforeTheFirstByte(t *testing.T) {
	good := string(written(t, sepa.Profile{}, batch()))
	for _, c := range []struct {
		fault       string
		old, new    string // in the file
		schemaFinds bool
		put         func(*sepa.Batch)
		field       string // empty: what would be wrong is put right
	}{
		{"non-ASCII name", "B. Voorbeeld", "B. Voorbëeld", false, func(b *sepa.Batch) { b.Transfers[1].Creditor = "B. Voorbëeld" }, ""},
		{"non-Latin name", "B. Voorbeeld", "王小明", false, func(b *sepa.Batch) { b.Transfers[1].Creditor = "王小明" }, "Batch.Transfers[1].Creditor"},
		{"wrong check digits", "NL91ABNA0417164300", "NL91ABNA0417164301", false, func(b *sepa.Batch) { b.Transfers[1].IBAN = "NL91ABNA0417164301" }, "Batch.Transfers[1].IBAN"},
		{"wrong sum", "<CtrlSum>1100.74", "<CtrlSum>1100.75", false, func(b *sepa.Batch) { b.Sum = amount("1100.75") }, "Batch.Sum"},
		{"three decimals", ">0.75<", ">0.751<", false, func(b *sepa.Batch) { b.Transfers[1].Amount = amount("0.751") }, "Batch.Transfers[1].Amount"},
		{"EndToEndId too long", "po-0002", strings.Repeat("x", 36), true, func(b *sepa.Batch) { b.Transfers[1].EndToEndID = strings.Repeat("x", 36) }, "Batch.Transfers[1].EndToEndID"},
		{"IBAN with spaces", "NL91ABNA0417164300", "NL91 ABNA 0417 1643 00", true, func(b *sepa.Batch) { b.Transfers[1].IBAN = "NL91 ABNA 0417 1643 00" }, "Batch.Transfers[1].IBAN"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			b := batch()
			c.put(&b)
			var out bytes.Buffer
			err := sepa.Write(&out, sepa.Profile{}, b)
			if c.field == "" {
				require.NoError(t, err)
				require.Equal(t, good, out.String())
			} else {
				var fault *sepa.FieldError
				require.ErrorAs(t, err, &fault)
				require.Equal(t, c.field, fault.Field)
				require.Zero(t, out.Len())
			}
			mutated := strings.ReplaceAll(good, c.old, c.new)
			require.NotEqual(t, good, mutated)
			require.Equal(t, c.schemaFinds, !valid(t, "pain.001.001.09", []byte(mutated)))
		})
	}
}

func TestWhatNoBankTakesIsRefusedByItsField(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return at
	}
	third := func(change func(*sepa.Transfer)) func(*sepa.Profile, *sepa.Batch) {
		return func(_ *sepa.Profile, b *sepa.Batch) { change(&b.Transfers[2]) }
	}
	for field, changes := range map[string][]func(*sepa.Profile, *sepa.Batch){
		"Profile.Version":         {func(p *sepa.Profile, _ *sepa.Batch) { p.Version = 7 }},
		"Profile.CreditorAgent":   {func(p *sepa.Profile, _ *sepa.Batch) { p.CreditorAgent = -1 }},
		"Profile.Charset":         {func(p *sepa.Profile, _ *sepa.Batch) { p.Charset = 2 }},
		"Profile.InitiatingParty": {func(p *sepa.Profile, _ *sepa.Batch) { p.InitiatingParty = strings.Repeat("n", 71) }},
		"Batch.MessageID": {
			func(_ *sepa.Profile, b *sepa.Batch) { b.MessageID = "" },
			func(_ *sepa.Profile, b *sepa.Batch) { b.MessageID = strings.Repeat("m", 36) },
			func(_ *sepa.Profile, b *sepa.Batch) { b.MessageID = "a_b" },
			func(_ *sepa.Profile, b *sepa.Batch) { b.MessageID = "é" },
		},
		"Batch.CreatedAt": {
			func(_ *sepa.Profile, b *sepa.Batch) { b.CreatedAt = time.Time{} },
			func(_ *sepa.Profile, b *sepa.Batch) { b.CreatedAt = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) },
		},
		"Batch.Debtor":       {func(_ *sepa.Profile, b *sepa.Batch) { b.Debtor = "" }},
		"Batch.IBAN":         {func(_ *sepa.Profile, b *sepa.Batch) { b.IBAN = "" }},
		"Batch.BIC":          {func(_ *sepa.Profile, b *sepa.Batch) { b.BIC = "COBADEFFXXX0" }},
		"Batch.Address.Town": {func(_ *sepa.Profile, b *sepa.Batch) { b.Address = &sepa.Address{Country: "DE"} }},
		"Batch.Date": {
			func(_ *sepa.Profile, b *sepa.Batch) { b.Date = time.Time{} },
			func(_ *sepa.Profile, b *sepa.Batch) { b.Date = day("2026-11-29") },
			func(_ *sepa.Profile, b *sepa.Batch) { b.Date = day("2026-11-27") },
			func(_ *sepa.Profile, b *sepa.Batch) { b.Date = day("2026-12-25") },
			func(_ *sepa.Profile, b *sepa.Batch) { b.Date, b.Instant = day("2026-11-29"), true },
		},
		"Batch.Transfers": {func(_ *sepa.Profile, b *sepa.Batch) { b.Transfers, b.Sum = nil, decimal.Zero }},
		"Batch.Transfers[2].EndToEndID": {
			third(func(x *sepa.Transfer) { x.EndToEndID = "po-0001" }),
			third(func(x *sepa.Transfer) { x.EndToEndID = "NOTPROVIDED" }),
			third(func(x *sepa.Transfer) { x.EndToEndID = "/a" }),
			third(func(x *sepa.Transfer) { x.EndToEndID = "a/" }),
			third(func(x *sepa.Transfer) { x.EndToEndID = "a//b" }),
			third(func(x *sepa.Transfer) { x.EndToEndID = " a" }),
			third(func(x *sepa.Transfer) { x.EndToEndID = "a\nb" }),
		},
		"Batch.Transfers[2].UETR": {
			third(func(x *sepa.Transfer) { x.UETR = "0B5E6A51-9C1F-4A6E-8F0E-2F4B9C7D1E20" }),
			third(func(x *sepa.Transfer) { x.UETR = "0b5e6a51-9c1f-7a6e-8f0e-2f4b9c7d1e20" }),
			third(func(x *sepa.Transfer) { x.UETR = "0b5e6a51-9c1f-4a6e-cf0e-2f4b9c7d1e20" }),
			third(func(x *sepa.Transfer) { x.UETR = "short" }),
			func(p *sepa.Profile, b *sepa.Batch) {
				p.Version, b.Transfers[2].UETR = sepa.Version03, "0b5e6a51-9c1f-4a6e-8f0e-2f4b9c7d1e20"
			},
		},
		"Batch.Transfers[2].Amount": {
			third(func(x *sepa.Transfer) { x.Amount = decimal.Zero }),
			third(func(x *sepa.Transfer) { x.Amount = amount("-1") }),
			third(func(x *sepa.Transfer) { x.Amount = amount("0.009") }),
			third(func(x *sepa.Transfer) { x.Amount = amount("1000000000") }),
			third(func(x *sepa.Transfer) { x.Amount = decimal.New(1, 2_000_000_000) }),
			third(func(x *sepa.Transfer) { x.Amount = decimal.New(1, -2_000_000_000) }),
		},
		"Batch.Transfers[2].Creditor": {
			third(func(x *sepa.Transfer) { x.Creditor = "" }),
			third(func(x *sepa.Transfer) { x.Creditor = " \t" }),
			third(func(x *sepa.Transfer) { x.Creditor = strings.Repeat("ö", 36) }), // 72 in Latin
		},
		"Batch.Transfers[2].IBAN": {
			third(func(x *sepa.Transfer) { x.IBAN = "" }),
			third(func(x *sepa.Transfer) { x.IBAN = "gr1601101250000000012300695" }),
			third(func(x *sepa.Transfer) { x.IBAN = "TR330006100519786457841326" }), // valid, but not in SEPA
		},
		"Batch.Transfers[2].BIC": {
			third(func(x *sepa.Transfer) { x.BIC = "ABNANL2" }),
			func(p *sepa.Profile, _ *sepa.Batch) { p.CreditorAgent = sepa.AgentRequired },
			func(p *sepa.Profile, b *sepa.Batch) {
				p.Version, b.Transfers[2].BIC = sepa.Version03, "A1NANL2A" // only newer schemas have such
			},
		},
		"Batch.Transfers[2].Address.Country": {third(func(x *sepa.Transfer) { x.Address = &sepa.Address{Town: "Athens", Country: "Greece"} })},
		"Batch.Transfers[2].Address.PostCode": {third(func(x *sepa.Transfer) {
			x.Address = &sepa.Address{Town: "A", Country: "GR", PostCode: strings.Repeat("1", 17)}
		})},
		"Batch.Transfers[2].Address.Lines": {third(func(x *sepa.Transfer) {
			x.Address = &sepa.Address{Town: "A", Country: "GR", Lines: []string{"1", "2", "3"}}
		})},
		"Batch.Transfers[2].Address.Lines[1]": {third(func(x *sepa.Transfer) {
			x.Address = &sepa.Address{Town: "A", Country: "GR", Lines: []string{"1", strings.Repeat("2", 71)}}
		})},
		"Batch.Transfers[2].Purpose": {
			third(func(x *sepa.Transfer) { x.Purpose = "sala" }),
			third(func(x *sepa.Transfer) { x.Purpose = "SALAR" }),
		},
		"Batch.Transfers[2].Remittance": {third(func(x *sepa.Transfer) { x.Remittance = strings.Repeat("r", 141) })},
		"Batch.Transfers[2].Reference": {
			third(func(x *sepa.Transfer) { x.Reference = "RF18539007547034" }), // beside a text
			third(func(x *sepa.Transfer) { x.Remittance, x.Reference = "", "RF19539007547034" }),
		},
	} {
		for i, change := range changes {
			var p sepa.Profile
			b := batch()
			if field == "Batch.Transfers[2].BIC" {
				b.Transfers[0].BIC = "ABNANL2A" // the profile may require it
			}
			change(&p, &b)
			var out bytes.Buffer
			err := sepa.Write(&out, p, b)
			var fault *sepa.FieldError
			require.ErrorAs(t, err, &fault, "%s, change %d", field, i)
			require.Equal(t, field, fault.Field, "change %d: %v", i, err)
			require.Zero(t, out.Len())
			require.LessOrEqual(t, len(fault.Value), 64)
		}
	}
}

func TestATransferIsCheckedAloneAsInABatch(t *testing.T) {
	transfer := batch().Transfers[1]
	require.NoError(t, transfer.Check(sepa.Profile{}))
	transfer.IBAN = "NL91ABNA0417164301"
	require.EqualError(t, transfer.Check(sepa.Profile{}), `Transfer.IBAN "NL91ABNA0417164301" has wrong check digits`)
}

func TestAmountsAreTheirValuesNotTheirSpelling(t *testing.T) {
	for text, want := range map[string]string{"0.01": "0.01", "999999999.99": "999999999.99", "1.5000": "1.50", "1e3": "1000.00"} {
		b := batch()
		b.Transfers, b.Sum = b.Transfers[:1], decimal.Zero
		b.Transfers[0].Amount = amount(text)
		require.Contains(t, string(written(t, sepa.Profile{}, b)), `<InstdAmt Ccy="EUR">`+want+`</InstdAmt>`)
	}
}

func TestWritingLeavesTheBatchAsItIs(t *testing.T) {
	b := batch()
	written(t, sepa.Profile{}, b)
	require.Equal(t, batch(), b)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	require.ErrorIs(t, sepa.Write(brokenWriter{}, sepa.Profile{}, batch()), os.ErrClosed)
}

// parsedFile is a second reading of a file, by what a bank looks at.
type parsedFile struct {
	Header struct {
		ID    string `xml:"MsgId"`
		Count int    `xml:"NbOfTxs"`
		Sum   string `xml:"CtrlSum"`
	} `xml:"CstmrCdtTrfInitn>GrpHdr"`
	Payment struct {
		ID        string `xml:"PmtInfId"`
		Count     int    `xml:"NbOfTxs"`
		Sum       string `xml:"CtrlSum"`
		Date      string `xml:"ReqdExctnDt>Dt"`
		Account   string `xml:"DbtrAcct>Id>IBAN"`
		Transfers []struct {
			ID         string `xml:"PmtId>EndToEndId"`
			Amount     string `xml:"Amt>InstdAmt"`
			Name       string `xml:"Cdtr>Nm"`
			Account    string `xml:"CdtrAcct>Id>IBAN"`
			Reference  string `xml:"RmtInf>Strd>CdtrRefInf>Ref"`
			Remittance string `xml:"RmtInf>Ustrd"`
		} `xml:"CdtTrfTxInf"`
	} `xml:"CstmrCdtTrfInitn>PmtInf"`
}

func TestWhatIsWrittenIsReadBackAndAddsUp(t *testing.T) {
	b := many(1000)
	b.Transfers[7].Creditor, b.Transfers[7].Remittance = "Müller & Söhne", "50 % auf <alles>"
	file := written(t, sepa.Profile{Charset: sepa.German}, b)
	require.True(t, bytes.HasPrefix(file, []byte(`<?xml version="1.0" encoding="UTF-8"?>`)))
	require.NotContains(t, string(file), "schemaLocation")
	var got parsedFile
	require.NoError(t, xml.Unmarshal(file, &got))
	require.Equal(t, b.MessageID, got.Header.ID)
	require.Equal(t, b.MessageID, got.Payment.ID)
	require.Equal(t, b.IBAN.String(), got.Payment.Account)
	require.Equal(t, "2026-12-01", got.Payment.Date)
	require.Len(t, got.Payment.Transfers, 1000)
	require.Equal(t, 1000, got.Header.Count)
	require.Equal(t, 1000, got.Payment.Count)
	sum := decimal.Zero
	for i, transfer := range got.Payment.Transfers {
		require.Equal(t, b.Transfers[i].EndToEndID, transfer.ID)
		require.Equal(t, b.Transfers[i].IBAN.String(), transfer.Account)
		require.True(t, amount(transfer.Amount).Equal(b.Transfers[i].Amount))
		sum = sum.Add(amount(transfer.Amount))
	}
	require.Equal(t, sum.StringFixed(2), got.Header.Sum)
	require.Equal(t, sum.StringFixed(2), got.Payment.Sum)
	require.Equal(t, "Müller & Söhne", got.Payment.Transfers[7].Name)
	require.Equal(t, "50 % auf (alles)", got.Payment.Transfers[7].Remittance)
}

// many returns a batch of n transfers.
func many(n int) sepa.Batch {
	b := batch()
	b.Sum, b.Transfers = decimal.Zero, make([]sepa.Transfer, n)
	for i := range b.Transfers {
		b.Transfers[i] = sepa.Transfer{
			EndToEndID: "0199f1a2-0000-7000-" + strconv.Itoa(100_000+i), Amount: decimal.New(int64(i%99_999+1), -2),
			Creditor: "Jürgen Groß " + strconv.Itoa(i), IBAN: "AT611904300234573201", Remittance: "Payout " + strconv.Itoa(i),
		}
	}
	return b
}
