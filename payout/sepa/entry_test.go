package sepa_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout/sepa"
)

// read returns all that a document has.
func read(t testing.TB, document []byte) ([]sepa.Entry, []sepa.Statement) {
	t.Helper()
	var entries []sepa.Entry
	statements, err := sepa.ReadEntries(bytes.NewReader(document), sepa.Limits{}, func(e sepa.Entry) error {
		entries = append(entries, e)
		return nil
	})
	require.NoError(t, err)
	return entries, statements
}

func ofOurs(err error) bool {
	return errors.As(err, new(*sepa.DocumentError)) || errors.As(err, new(*sepa.LimitError))
}

func date(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestAGermanStatementIsRead(t *testing.T) {
	document := file(t, "camt.053.001.08-batch.xml")
	require.True(t, valid(t, "camt.053.001.08", document))
	entries, statements := read(t, document)
	require.Len(t, entries, 4)
	require.Len(t, statements, 1)

	batch := entries[0]
	require.Equal(t, "camt.053", batch.Message)
	require.Equal(t, "0353C5320261202210311", batch.Statement)
	require.Equal(t, "DE89370400440532013000", batch.Account)
	require.Equal(t, "1", batch.Ref)
	require.Equal(t, "2026120200017441000", batch.ServicerRef)
	require.Equal(t, "1100.74 EUR DBIT", batch.Amount.String()+" "+batch.Currency+" "+string(batch.Direction))
	require.True(t, batch.Status.Booked())
	require.Equal(t, []time.Time{date("2026-12-02"), date("2026-12-02")}, []time.Time{batch.Booking, batch.Value})
	require.Equal(t, sepa.Code{Domain: "PMNT", Family: "ICDT", SubFamily: "ESCT", Own: "NTRF+191+00931"}, batch.Code)
	require.Equal(t, "SEPA Sammel-Ueberweisung", batch.Info)
	require.Equal(t, []sepa.BatchBooking{{MessageID: ours, PaymentID: ours, Count: "3", Amount: amount("1100.74"), Currency: "EUR"}}, batch.Batches)
	require.Empty(t, batch.Transactions)

	single := entries[1]
	require.Len(t, single.Transactions, 1)
	require.Equal(t, sepa.Transaction{
		MessageID: "POUT-2026-0732", PaymentID: "POUT-2026-0732", InstructionID: "INS-1", EndToEndID: "po-0004",
		UETR: "0b5e6a51-9c1f-4a6e-8f0e-2f4b9c7d1e20", ServicerRef: "T-881", TransactionID: "TX-4",
		Amount: amount("100.00"), Currency: "EUR", Direction: sepa.Debit,
		Debtor:     sepa.Party{Name: "Musterladen GmbH", Account: "DE89370400440532013000"},
		Creditor:   sepa.Party{Name: "Juergen Gross", Account: "AT611904300234573201"},
		Remittance: []string{"Payout 4,", "second line"},
	}, single.Transactions[0])
	require.False(t, single.Reversal)
	require.Equal(t, "Juergen Gross", single.OtherSide(single.Transactions[0]).Name)

	returned := entries[2]
	require.Equal(t, sepa.Credit, returned.Direction)
	transaction := returned.Transactions[0]
	require.True(t, transaction.Returned())
	require.Equal(t, "AC04", transaction.ReturnReason)
	require.Equal(t, []string{"Konto", "erloschen"}, transaction.ReturnInfo)
	require.Equal(t, "po-0003", transaction.EndToEndID)
	require.Equal(t, "RF18539007547034", transaction.Reference)
	require.Equal(t, "B. Voorbeeld", returned.OtherSide(transaction).Name, "parties are those of the first transfer, and ours is known by its account")

	waiting := entries[3]
	require.False(t, waiting.Status.Booked())
	require.True(t, waiting.Booking.IsZero())
	require.Empty(t, waiting.Transactions[0].Currency, "one of two, of which the bank says no amount")
	require.Equal(t, "31", waiting.Transactions[1].Amount.String(), "what was settled before what was ordered")

	statement := statements[0]
	require.Equal(t, "234", statement.Number)
	require.Equal(t, 4, statement.Entries)
	require.Equal(t, "5000 3824.26 25 1200.74", fmt.Sprint(statement.Opening, " ", statement.Closing, " ", statement.Credits, " ", statement.Debits))
	difference, ok := statement.Difference()
	require.True(t, ok)
	require.True(t, difference.IsZero(), "the pending entry does not count")
}

func TestAnOldStatementInLatin1IsRead(t *testing.T) {
	entries, statements := read(t, file(t, "camt.053.001.02.xml"))
	require.Len(t, entries, 2)
	e := entries[0]
	require.True(t, e.Status.Booked())
	require.Equal(t, date("2026-12-02"), e.Booking)
	require.Equal(t, date("2026-12-03"), e.Value)
	transaction := e.Transactions[0]
	require.Equal(t, "rück/1", transaction.EndToEndID)
	require.Equal(t, sepa.Party{Name: "Grünwald & Söhne", Account: "12345"}, transaction.Debtor)
	require.Equal(t, transaction.Debtor, e.OtherSide(transaction))
	require.Equal(t, "12.5 EUR", transaction.Amount.String()+" "+transaction.Currency)
	require.Equal(t, "EIGEN", transaction.ReturnReason)
	require.True(t, entries[1].Reversal)
	difference, ok := statements[0].Difference()
	require.True(t, ok)
	require.True(t, difference.IsZero(), "from a debt of 10: %s", difference)
}

func TestNotificationsOfSeveralAccountsAreRead(t *testing.T) {
	entries, statements := read(t, file(t, "camt.054.001.08.xml"))
	require.Len(t, entries, 2)
	require.Equal(t, "2026120200017441001", entries[0].ServicerRef)
	require.Equal(t, date("2026-12-02"), entries[0].Booking)
	require.Equal(t, sepa.EntryStatus("FUTR"), entries[1].Status)
	require.False(t, entries[1].Status.Booked())
	require.Equal(t, "440532013000", entries[1].Account)
	require.Equal(t, "N-2", entries[1].Statement)
	require.Len(t, statements, 2)
	require.Equal(t, "camt.054", statements[0].Message)
	_, ok := statements[0].Difference()
	require.False(t, ok, "a notification has no balances")
	require.Equal(t, "CHF", statements[1].Currency)
}

func TestOneEntryHasOneKeyInEveryDocument(t *testing.T) {
	day, _ := read(t, file(t, "camt.052.001.06.xml"))
	note, _ := read(t, file(t, "camt.054.001.08.xml"))
	end, _ := read(t, file(t, "camt.053.001.08-batch.xml"))
	require.Equal(t, "camt.052", day[0].Message)
	require.Equal(t, note[0].Key(), end[1].Key())
	require.Equal(t, note[0].Key(), day[1].Key(), "100.0 is 100.00")
	require.NotEqual(t, day[0].Key(), day[1].Key(), "pending and booked are two facts")
	require.Len(t, note[0].Key(), 64)

	keys := map[string]bool{}
	for _, entries := range [][]sepa.Entry{day, end} {
		for _, e := range entries {
			keys[e.Key()] = true
		}
	}
	require.Len(t, keys, len(day)+len(end)-1)
}

func TestWithoutTheBanksReferenceKeysAreMadeOfTheRest(t *testing.T) {
	base := sepa.Entry{
		Account: "A", Amount: amount("5"), Currency: "EUR", Direction: sepa.Debit, Status: sepa.EntryBooked, Booking: date("2026-12-02"),
		Transactions: []sepa.Transaction{{EndToEndID: "a"}},
	}
	numbered := base
	numbered.Ref = "1"
	for name, e := range map[string]sepa.Entry{"contents": base, "number": numbered} {
		for _, reference := range []string{"", "NONREF", "NotProvided"} {
			same := e
			same.ServicerRef, same.Statement = reference, "another"
			require.Equal(t, e.Key(), same.Key(), name)
		}
		for what, change := range map[string]func(*sepa.Entry){
			"account":   func(e *sepa.Entry) { e.Account = "B" },
			"amount":    func(e *sepa.Entry) { e.Amount = amount("5.01") },
			"currency":  func(e *sepa.Entry) { e.Currency = "CHF" },
			"direction": func(e *sepa.Entry) { e.Direction = sepa.Credit },
			"state":     func(e *sepa.Entry) { e.Status = sepa.EntryPending },
			"date":      func(e *sepa.Entry) { e.Booking = date("2026-12-03") },
		} {
			other := e
			change(&other)
			require.NotEqual(t, e.Key(), other.Key(), "%s: %s", name, what)
		}
	}
	other := base
	other.Transactions = []sepa.Transaction{{EndToEndID: "b"}}
	require.NotEqual(t, base.Key(), other.Key())
}

// statementOf builds a camt.053 of one account.
func statementOf(content string) string {
	return `<Document><BkToCstmrStmt><Stmt><Id>S</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>` + content + `</Stmt></BkToCstmrStmt></Document>`
}

const plainEntry = `<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts></Ntry>`

func readText(document string, limits sepa.Limits) (n int, err error) {
	_, err = sepa.ReadEntries(strings.NewReader(document), limits, func(sepa.Entry) error { n++; return nil })
	return n, err
}

func TestAMissingEntryShowsInTheBalances(t *testing.T) {
	balance := func(code, amount string) string {
		return `<Bal><Tp><CdOrPrtry><Cd>` + code + `</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">` + amount + `</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>`
	}
	_, statements := read(t, []byte(statementOf(balance("PRCD", "10.00")+balance("CLBD", "7.00")+plainEntry)))
	difference, ok := statements[0].Difference()
	require.True(t, ok)
	require.Equal(t, "-2", difference.String())
	_, statements = read(t, []byte(statementOf(balance("PRCD", "10.00")+balance("CLBD", "9.00")+strings.Replace(plainEntry, "EUR", "USD", 1))))
	_, ok = statements[0].Difference()
	require.False(t, ok, "two currencies do not add up")
}

func TestWhatMakesAnEntryHasToBeThere(t *testing.T) {
	for name, document := range map[string]string{
		"no amount":            statementOf(strings.Replace(plainEntry, `<Amt Ccy="EUR">1.00</Amt>`, "", 1)),
		"no currency":          statementOf(strings.Replace(plainEntry, ` Ccy="EUR"`, "", 1)),
		"a wrong currency":     statementOf(strings.Replace(plainEntry, "EUR", "euro", 1)),
		"a comma":              statementOf(strings.Replace(plainEntry, "1.00", "1,00", 1)),
		"a sign":               statementOf(strings.Replace(plainEntry, "1.00", "-1.00", 1)),
		"an exponent":          statementOf(strings.Replace(plainEntry, "1.00", "1e9", 1)),
		"too many digits":      statementOf(strings.Replace(plainEntry, "1.00", strings.Repeat("1", 19), 1)),
		"a point alone":        statementOf(strings.Replace(plainEntry, "1.00", ".", 1)),
		"no direction":         statementOf(strings.Replace(plainEntry, "DBIT", "", 1)),
		"a wrong direction":    statementOf(strings.Replace(plainEntry, "DBIT", "dbit", 1)),
		"no state":             statementOf(strings.Replace(plainEntry, "BOOK", "", 1)),
		"a wrong date":         statementOf(strings.Replace(plainEntry, "</Sts>", "</Sts><BookgDt><Dt>02.12.2026</Dt></BookgDt>", 1)),
		"a wrong transaction":  statementOf(strings.Replace(plainEntry, "</Sts>", "</Sts><NtryDtls><TxDtls><CdtDbtInd>X</CdtDbtInd></TxDtls></NtryDtls>", 1)),
		"no account":           strings.Replace(statementOf(plainEntry), "DE89370400440532013000", "", 1),
		"no account, no entry": `<Document><BkToCstmrStmt><Stmt/></BkToCstmrStmt></Document>`,
		"a balance of nothing": statementOf(`<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp></Bal>`),
		"no statement":         `<Document><BkToCstmrStmt><GrpHdr/></BkToCstmrStmt></Document>`,
		"another's statement":  `<Document><BkToCstmrStmt><Rpt/></BkToCstmrStmt></Document>`,
		"two messages":         `<Document><BkToCstmrStmt/><BkToCstmrStmt/></Document>`,
		"another document":     string(file(t, "pain.002.001.10-part.xml")),
		"another root":         `<BkToCstmrStmt/>`,
		"nothing":              "",
	} {
		n, err := readText(document, sepa.Limits{})
		require.ErrorAs(t, err, new(*sepa.DocumentError), name)
		require.Zero(t, n, name)
	}
}

func TestHostileDocumentsAreRefused(t *testing.T) {
	good := statementOf(plainEntry)
	for name, document := range map[string]string{
		"a DTD":                     `<!DOCTYPE Document [<!ENTITY x "y">]>` + good,
		"an external DTD":           `<!DOCTYPE Document SYSTEM "file:///etc/passwd">` + good,
		"an entity":                 strings.Replace(good, "1.00", "&x;", 1),
		"a processing instruction":  `<?xml version="1.0"?><?php exit ?>` + good,
		"a second XML header":       strings.Replace(good, "<Stmt>", `<Stmt><?xml version="1.0"?>`, 1),
		"a late XML header":         " " + `<?xml version="1.0"?>` + good,
		"another version of XML":    `<?xml version="1.1"?>` + good,
		"UTF-16":                    "\xff\xfe<\x00D\x00",
		"UTF-16, big-endian":        "\xfe\xff\x00<\x00D",
		"another encoding":          `<?xml version="1.0" encoding="windows-1252"?>` + good,
		"bytes that are not UTF-8":  strings.Replace(good, "<Id>S", "<Id>\xff", 1),
		"control characters":        strings.Replace(good, "<Id>S", "<Id>\x00", 1),
		"tags that do not match":    strings.Replace(good, "</Stmt>", "</Smtt>", 1),
		"prefixes that do not":      strings.Replace(good, "</Stmt>", "</n:Stmt>", 1),
		"a tag that ends nothing":   good + "</Document>",
		"text behind":               good + "x",
		"a second root":             good + good,
		"an attribute without mark": strings.Replace(good, `"EUR"`, "EUR", 1),
		"an early end":              strings.TrimSuffix(good, "</Document>"),
		"an end within a tag":       good[:len(good)-3],
		"HTML":                      "<html><body>503</body></html>",
	} {
		_, err := readText(document, sepa.Limits{})
		require.ErrorAs(t, err, new(*sepa.DocumentError), name)
	}
	n, err := readText("\xef\xbb\xbf"+`<?xml version="1.0" encoding="utf-8"?>`+good+"\n<!-- the end -->\n", sepa.Limits{})
	require.NoError(t, err, "a byte order mark of UTF-8, and comments")
	require.Equal(t, 1, n)
}

func TestEverythingOfADocumentIsBounded(t *testing.T) {
	good := statementOf(plainEntry + plainEntry)
	transaction := `<NtryDtls>` + strings.Repeat(`<TxDtls><RmtInf><Ustrd>`+strings.Repeat("r", 140)+`</Ustrd></RmtInf></TxDtls>`, 50) + `</NtryDtls>`
	for _, c := range []struct {
		limit, document string
		limits          sepa.Limits
		before          int // entries that are given away
	}{
		{"Bytes", good, sepa.Limits{Bytes: int64(len(good)) - 1}, 2},
		{"Depth", good, sepa.Limits{Depth: 5}, 0},
		{"Depth", "<Document><BkToCstmrStmt>" + strings.Repeat("<a>", 50), sepa.Limits{}, 0},
		{"Token", strings.Replace(good, "<Id>S", "<Id>"+strings.Repeat("S", 100<<10), 1), sepa.Limits{}, 0},
		{"Token", strings.Replace(good, "<Id>", `<Id a="`+strings.Repeat("S", 100<<10)+`">`, 1), sepa.Limits{}, 0},
		{"Token", strings.Replace(good, "<Stmt>", "<!--"+strings.Repeat("c", 100<<10)+"--><Stmt>", 1), sepa.Limits{}, 0},
		{"Token", "<" + strings.Repeat("n", 100<<10), sepa.Limits{}, 0},
		{"Token", strings.Replace(good, "<Id>S", "<Id>"+strings.Repeat("S<!-- -->", 100<<10), 1), sepa.Limits{}, 0},
		{"Entries", good, sepa.Limits{Entries: 1}, 1},
		{"Memory", statementOf(strings.Replace(plainEntry, "</Ntry>", transaction+"</Ntry>", 1)), sepa.Limits{Memory: 20_000}, 0},
		{"Memory", `<Document><BkToCstmrStmt>` + strings.Repeat(`<Stmt><Acct><Id><IBAN>X</IBAN></Id></Acct></Stmt>`, 100), sepa.Limits{Memory: 20_000}, 0},
	} {
		n, err := readText(c.document, c.limits)
		var limit *sepa.LimitError
		require.ErrorAs(t, err, &limit, c.limit)
		require.Equal(t, c.limit, limit.Limit)
		require.Equal(t, c.before, n)
	}
	many := statementOf(strings.Repeat(strings.Replace(plainEntry, "</Ntry>", transaction+"</Ntry>", 1), 100))
	n, err := readText(many, sepa.Limits{Memory: 100_000})
	require.NoError(t, err, "one entry at a time")
	require.Equal(t, 100, n)

	status := statusOf("", "<OrgnlPmtInfAndSts>"+strings.Repeat("<TxInfAndSts/>", 100)+"</OrgnlPmtInfAndSts>")
	for name, limits := range map[string]sepa.Limits{"Entries": {Entries: 99}, "Memory": {Memory: 20_000}, "Bytes": {Bytes: 100}, "Depth": {Depth: 3}} {
		_, err := sepa.ReadStatus(strings.NewReader(status), limits)
		var limit *sepa.LimitError
		require.ErrorAs(t, err, &limit)
		require.Equal(t, name, limit.Limit)
	}
}

func TestWhatIsKeptDoesNotGrowWithTheDocument(t *testing.T) {
	from, to := io.Pipe()
	go func() { to.CloseWithError(statements(to, 20_000)) }()
	heap := func() int64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	n, early := 0, int64(0)
	_, err := sepa.ReadEntries(from, sepa.Limits{}, func(sepa.Entry) error {
		switch n++; n {
		case 1_000:
			early = heap()
		case 20_000:
			require.Less(t, heap()-early, int64(1<<20), "the document has 19 MB more")
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 20_000, n)
}

func TestErrorsOfTheReaderAndOfTheCallerComeBack(t *testing.T) {
	document := statementOf(plainEntry + plainEntry)
	stop := errors.New("stop")
	n := 0
	_, err := sepa.ReadEntries(strings.NewReader(document), sepa.Limits{}, func(sepa.Entry) error { n++; return stop })
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, n)
	for _, at := range []int{0, 1, 200, len(document) - 1} {
		broken := io.MultiReader(strings.NewReader(document[:at]), iotest.ErrReader(io.ErrClosedPipe))
		_, err = sepa.ReadEntries(broken, sepa.Limits{}, func(sepa.Entry) error { return nil })
		require.ErrorIs(t, err, io.ErrClosedPipe)
		require.False(t, ofOurs(err))
		_, err = sepa.ReadStatus(io.MultiReader(strings.NewReader("<Document>"), iotest.ErrReader(io.ErrClosedPipe)), sepa.Limits{})
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
	_, err = sepa.ReadEntries(iotest.OneByteReader(strings.NewReader(document)), sepa.Limits{}, func(sepa.Entry) error { return nil })
	require.NoError(t, err)
}

func TestErrorsNameThePlace(t *testing.T) {
	_, err := readText(statementOf(strings.Replace(plainEntry, "1.00", "1,00", 1)), sepa.Limits{})
	require.EqualError(t, err, `/Document/BkToCstmrStmt/Stmt/Ntry/Amt before byte 129: "1,00" is not an amount`)
}

func FuzzReadEntries(f *testing.F) {
	for _, name := range []string{"camt.052.001.06.xml", "camt.053.001.02.xml", "camt.053.001.08-batch.xml", "camt.054.001.08.xml"} {
		f.Add(file(f, name))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		entries, credits, debits := 0, decimal.Zero, decimal.Zero
		statements, err := sepa.ReadEntries(bytes.NewReader(document), sepa.Limits{Bytes: 64 << 10, Memory: 1 << 20}, func(e sepa.Entry) error {
			entries++
			require.NotEmpty(t, e.Account)
			require.False(t, e.Amount.IsNegative())
			require.Contains(t, []sepa.Direction{sepa.Credit, sepa.Debit}, e.Direction)
			require.Len(t, e.Key(), 64)
			switch {
			case !e.Status.Booked():
			case e.Direction == sepa.Credit:
				credits = credits.Add(e.Amount)
			default:
				debits = debits.Add(e.Amount)
			}
			return nil
		})
		if err != nil {
			require.True(t, ofOurs(err), "%v", err)
			return
		}
		for _, s := range statements {
			entries -= s.Entries
			credits, debits = credits.Sub(s.Credits), debits.Sub(s.Debits)
		}
		require.Zero(t, entries)
		require.True(t, credits.IsZero() && debits.IsZero())
	})
}
