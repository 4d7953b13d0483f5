package bank_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/providertest"
	"github.com/cointill/cointill/payout/sepa"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const (
	ours   = "DE89370400440532013000"
	theirs = "AT611904300234573201"
)

// office is the other side: a bank that reads files and writes documents, as the test says.
type office struct {
	t       testing.TB
	orders  map[string]order // of all files, by EndToEndId
	files   map[string][]string
	entries int
}

type order struct{ file, id, amount, name, iban string }

func newOffice(t testing.TB) *office {
	return &office{t: t, orders: map[string]order{}, files: map[string][]string{}}
}

// take reads a file, as a program that is not ours would.
func (o *office) take(text []byte) (id string) {
	o.t.Helper()
	var doc struct {
		ID  string `xml:"CstmrCdtTrfInitn>GrpHdr>MsgId"`
		Sum string `xml:"CstmrCdtTrfInitn>GrpHdr>CtrlSum"`
		Txs []struct {
			ID     string `xml:"PmtId>EndToEndId"`
			Amount string `xml:"Amt>InstdAmt"`
			Name   string `xml:"Cdtr>Nm"`
			IBAN   string `xml:"CdtrAcct>Id>IBAN"`
		} `xml:"CstmrCdtTrfInitn>PmtInf>CdtTrfTxInf"`
	}
	require.NoError(o.t, xml.Unmarshal(text, &doc))
	require.NotContains(o.t, o.files, doc.ID, "a file is taken once")
	sum := decimal.Zero
	for _, tx := range doc.Txs {
		require.NotContains(o.t, o.orders, tx.ID, "an order is in one file")
		o.orders[tx.ID] = order{doc.ID, tx.ID, tx.Amount, tx.Name, tx.IBAN}
		o.files[doc.ID] = append(o.files[doc.ID], tx.ID)
		sum = sum.Add(decimal.RequireFromString(tx.Amount))
	}
	require.Equal(o.t, doc.Sum, sum.StringFixed(2))
	return doc.ID
}

// status writes a pain.002 for a file: a status of the whole, and "id:status:reason:info" of some orders.
func (o *office) status(file, group string, some ...string) string {
	var txs strings.Builder
	for _, s := range some {
		f := strings.SplitN(s+":::", ":", 5)
		reason := ""
		if f[2] != "" {
			reason = fmt.Sprintf("<StsRsnInf><Rsn><Cd>%s</Cd></Rsn><AddtlInf>%s</AddtlInf></StsRsnInf>", f[2], f[3])
		}
		fmt.Fprintf(&txs, "<TxInfAndSts><OrgnlEndToEndId>%s</OrgnlEndToEndId><TxSts>%s</TxSts>%s</TxInfAndSts>", f[0], f[1], reason)
	}
	if group != "" {
		group = "<GrpSts>" + group + "</GrpSts>"
	}
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>`+
		`<GrpHdr><MsgId>S1</MsgId><CreDtTm>2030-01-02T10:00:00</CreDtTm></GrpHdr>`+
		`<OrgnlGrpInfAndSts><OrgnlMsgId>%s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>%s</OrgnlGrpInfAndSts>`+
		`<OrgnlPmtInfAndSts><OrgnlPmtInfId>%s</OrgnlPmtInfId>%s</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`, file, group, file, txs.String())
}

// entry is one booked line of the account; what is in more stands in its details.
func (o *office) entry(direction, amount, more string) string {
	o.entries++
	return fmt.Sprintf(`<Ntry><Amt Ccy="EUR">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2030-01-03</Dt></BookgDt>`+
		`<AcctSvcrRef>E%d</AcctSvcrRef><BkTxCd/><NtryDtls>%s</NtryDtls></Ntry>`, amount, direction, o.entries, more)
}

func (o *office) debit(id string) string {
	return o.entry("DBIT", o.orders[id].amount, fmt.Sprintf(`<TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs></TxDtls>`, id))
}

func (o *office) back(id, amount, reason string) string {
	return o.entry("CRDT", amount, fmt.Sprintf(`<TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs><RtrInf><Rsn><Cd>%s</Cd></Rsn></RtrInf></TxDtls>`, id, reason))
}

func (o *office) income(amount, name string) string {
	return o.entry("CRDT", amount, fmt.Sprintf(`<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><RltdPties><Dbtr><Pty><Nm>%s</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>topping up</Ustrd></RmtInf></TxDtls>`, name))
}

// statement writes a camt.053 of entries.
func (o *office) statement(opening, closing string, entries ...string) string {
	balance := func(code, amount string) string {
		return fmt.Sprintf(`<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2030-01-03</Dt></Dt></Bal>`, code, amount)
	}
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>`+
		`<GrpHdr><MsgId>M1</MsgId><CreDtTm>2030-01-03T23:00:00</CreDtTm></GrpHdr><Stmt><Id>ST-%d</Id><Acct><Id><IBAN>%s</IBAN></Id></Acct>%s%s%s</Stmt></BkToCstmrStmt></Document>`,
		o.entries, ours, balance("OPBD", opening), balance("CLBD", closing), strings.Join(entries, ""))
}

// shop pays in euro.
type shop struct {
	*payout.Service
	t       testing.TB
	account *bank.Account
	office  *office
	clock   time.Time
}

func newShop(t testing.TB, change ...func(*bank.Config)) *shop {
	t.Helper()
	s := &shop{t: t, office: newOffice(t), clock: time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)}
	books := store.NewMemory()
	c := bank.Config{Store: books, Network: "sepa:main", Owner: "Shop GmbH", IBAN: ours, Now: func() time.Time { return s.clock }}
	for _, f := range change {
		f(&c)
	}
	var err error
	s.account, err = bank.New(c)
	require.NoError(t, err)
	s.Service, err = payout.New(payout.Config{
		Store: books, Invoices: books, Now: func() time.Time { return s.clock },
		Networks: []payout.NetworkConfig{{Provider: s.account, Assets: []payout.AssetConfig{{Asset: s.account.Asset(), MaxFee: new(big.Int)}}}},
	})
	require.NoError(t, err)
	l := s.entries(s.office.statement("0", "1000", s.office.income("1000", "Owner")))
	require.Len(t, l.Incoming, 1)
	require.NoError(t, s.Fund(t.Context(), "sepa:main", l.Incoming[0].ID, "shop", "ben"))
	return s
}

func (s *shop) entries(doc string) bank.Learned {
	s.t.Helper()
	l, err := s.account.ReadEntries(s.t.Context(), s.Service, strings.NewReader(doc))
	require.NoError(s.t, err)
	return l
}

func (s *shop) status(doc string) bank.Learned {
	s.t.Helper()
	l, err := s.account.ReadStatus(s.t.Context(), strings.NewReader(doc))
	require.NoError(s.t, err)
	return l
}

func (s *shop) pay(key, amount string) payout.Payout {
	s.t.Helper()
	p, err := s.Request(s.t.Context(), payout.Request{
		Project: "shop", Key: key, Asset: s.account.Asset().ID, To: "AT61 1904 3002 3457 3201", Units: decimal.RequireFromString(amount),
		Beneficiary: &payout.Beneficiary{Name: "Jürgen Müßig", Reference: "bill " + key},
	})
	require.NoError(s.t, err)
	return p
}

func (s *shop) look() {
	s.t.Helper()
	require.NoError(s.t, s.Look(s.t.Context(), "sepa:main"))
}

// export looks, exports, and brings the file to the bank.
func (s *shop) export() string {
	s.t.Helper()
	s.look()
	f, err := s.account.Export(s.t.Context(), bank.ExportOptions{})
	require.NoError(s.t, err)
	text, err := s.account.Bytes(s.t.Context(), f.ID)
	require.NoError(s.t, err)
	require.Equal(s.t, f.ID, s.office.take(text))
	return f.ID
}

// is returns the status of a payout with what there is for people.
func (s *shop) is(p payout.Payout) string {
	s.t.Helper()
	s.look()
	p, err := s.Payout(s.t.Context(), "shop", p.ID)
	require.NoError(s.t, err)
	return strings.TrimSpace(fmt.Sprint(p.State.Status, " ", p.State.Reason, " ", p.State.Detail))
}

func id(p payout.Payout) string { return strings.ReplaceAll(p.ID, "-", "") }

// sound checks that the books add up.
func (s *shop) sound(available int64) {
	s.t.Helper()
	require.NoError(s.t, s.Recount(s.t.Context()))
	all, err := s.Balance(s.t.Context(), "shop")
	require.NoError(s.t, err)
	require.Equal(s.t, available, all[0].Units.Int64())
}

func TestAnAccountKeepsThePromises(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Subject {
		s := newShop(t)
		paid := 1000
		return providertest.Subject{
			Provider: s.account, Asset: s.account.Asset(), To: "AT61 1904 3002 3457 3201", Canonical: theirs, Bad: "AT611904300234573202",
			Who: payout.Beneficiary{Name: "Jürgen Müßig"},
			Has: func() (out []payout.Instruction) {
				f, err := s.account.Export(t.Context(), bank.ExportOptions{})
				require.NoError(t, err)
				text, err := s.account.Bytes(t.Context(), f.ID)
				require.NoError(t, err)
				for _, id := range s.office.files[s.office.take(text)] {
					o := s.office.orders[id]
					require.Equal(t, "Juergen Muessig", o.name)
					out = append(out, payout.Instruction{
						ID: id, To: theirs, Units: decimal.RequireFromString(o.amount).Shift(2).BigInt(), Beneficiary: payout.Beneficiary{Name: "Jürgen Müßig"},
					})
				}
				return out
			},
			Pay: func(id string) {
				s.export()
				s.entries(s.office.statement("0", "0", s.office.debit(id)))
			},
			Fail: func(id, why string) { s.status(s.office.status(s.export(), "", id+":RJCT:"+why)) },
			Receive: func(units *big.Int) string {
				amount := decimal.NewFromBigInt(units, -2)
				opening := decimal.NewFromInt(int64(paid))
				l := s.entries(s.office.statement(opening.String(), opening.Add(amount).String(), s.office.income(amount.String(), "somebody")))
				return l.Incoming[0].ID
			},
		}
	})
}

func TestOnlyWhatIsSettledOrDebitedIsPaid(t *testing.T) {
	s := newShop(t)
	a, b, c := s.pay("a", "100"), s.pay("b", "20.50"), s.pay("c", "3")
	s.look()
	require.Equal(t, "sent  waits for a file", s.is(a))
	file := s.export()
	require.Equal(t, "sent  in file "+file, s.is(a))
	s.status(s.office.status(file, "ACCP"))
	require.Equal(t, "sent  in file "+file+" ACCP", s.is(a))
	s.status(s.office.status(file, "PART", id(b)+":RJCT:AC04:account closed"))
	require.Equal(t, "failed rejected AC04 account closed", s.is(b))
	require.Equal(t, "sent", s.is(a)[:4], "of the others nothing is said")
	s.status(s.office.status(file, "", id(c)+":ACSC"))
	s.status(s.office.status(file, "", id(c)+":ACSP")) // an earlier report, read later
	require.Equal(t, "paid", s.is(c))
	l := s.entries(s.office.statement("1000", "897", s.office.debit(id(a)), s.office.debit(id(c))))
	require.Empty(t, l.Puzzles)
	require.Equal(t, "paid", s.is(a))
	s.sound(89_700)
	require.NoError(t, s.Audit(t.Context(), "sepa:main", func(d payout.Difference) { t.Error(d) }))
}

// A bank may book a file as one debit: all that it has not rejected.
func TestADebitForAWholeFilePaysWhatWasNotRejected(t *testing.T) {
	s := newShop(t)
	a, b, c := s.pay("a", "100"), s.pay("b", "20.50"), s.pay("c", "3")
	file := s.export()
	s.status(s.office.status(file, "PART", id(b)+":RJCT:AC04"))
	sum := func(amount string) string {
		return s.office.entry("DBIT", amount, fmt.Sprintf("<Btch><PmtInfId>%s</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>", file))
	}
	l := s.entries(s.office.statement("1000", "897.01", sum("102.99")))
	require.Len(t, l.Puzzles, 1, "it does not add up")
	require.Equal(t, "sent", s.is(a)[:4])
	s.entries(s.office.statement("1000", "897", sum("103")))
	require.Equal(t, []string{"paid", "failed rejected AC04", "paid"}, []string{s.is(a), s.is(b), s.is(c)})
	s.sound(89_700)
}

func TestAVerificationOfThePayeeWaitsForAPerson(t *testing.T) {
	s := newShop(t)
	a, b := s.pay("a", "100"), s.pay("b", "20.50")
	file := s.export()
	s.status(s.office.status(file, "", id(a)+":RVMC:RVMC:Jurgen Mussig AG", id(b)+":RVNM"))
	require.Equal(t, "sent needs_confirmation the account's name is similar: Jurgen Mussig AG", s.is(a))
	require.Equal(t, "sent needs_confirmation the account has another name", s.is(b))
	s.status(s.office.status(file, "", id(a)+":ACSC", id(b)+":RJCT:MS03:not confirmed"))
	require.Equal(t, "paid", s.is(a))
	require.Equal(t, "failed rejected MS03 not confirmed", s.is(b))
	s.sound(90_000)
}

// Days later the money is back: it is the project's again, and is not paid again by itself.
func TestWhatComesBackIsReturnedOnce(t *testing.T) {
	s := newShop(t)
	a := s.pay("a", "100")
	s.export()
	out := s.office.statement("1000", "900", s.office.debit(id(a)))
	s.entries(out)
	require.Equal(t, "paid", s.is(a))
	back := s.office.statement("900", "998.50", s.office.back(id(a), "98.50", "AC01"))
	for range 3 {
		l := s.entries(back)
		require.Empty(t, l.Puzzles)
		s.entries(out)
	}
	require.Equal(t, "returned returned AC01", s.is(a))
	s.sound(99_850)
	_, err := s.account.Export(t.Context(), bank.ExportOptions{})
	require.ErrorIs(t, err, bank.ErrNothing)
}

// Documents come in any order: what is back before it was known as paid is both at once.
func TestAReturnThatIsReadBeforeTheDebit(t *testing.T) {
	s := newShop(t)
	a := s.pay("a", "100")
	s.export()
	out, back := s.office.debit(id(a)), s.office.back(id(a), "99", "AC01")
	s.entries(s.office.statement("900", "999", back))
	require.Equal(t, "returned returned AC01", s.is(a))
	s.entries(s.office.statement("1000", "900", out))
	require.Equal(t, "returned returned AC01", s.is(a))
	s.sound(99_900)
}

func TestAFileIsFrozenAndAnOrderIsInOneFile(t *testing.T) {
	s := newShop(t)
	s.pay("a", "100")
	first := s.export()
	before, err := s.account.Bytes(t.Context(), first)
	require.NoError(t, err)
	s.pay("b", "1")
	s.clock = s.clock.Add(24 * time.Hour)
	second := s.export()
	require.NotEqual(t, first, second)
	again, err := s.account.Bytes(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, string(before), string(again))
	files, err := s.account.Files(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.Equal(t, []string{first, second}, []string{files[0].ID, files[1].ID})
	require.Equal(t, "10000", files[0].Cents.String())
	_, err = s.account.Bytes(t.Context(), "unknown")
	require.ErrorIs(t, err, payout.ErrNotFound)
	_, err = s.account.ReadStatus(t.Context(), strings.NewReader(s.office.status("unknown", "ACCP")))
	require.ErrorIs(t, err, payout.ErrNotFound)
}

func TestWhatWaitsForAFileIsToldBeforeItIsMade(t *testing.T) {
	s := newShop(t)
	waiting := func(most int) bank.Waiting {
		w, err := s.account.Waiting(t.Context(), most)
		require.NoError(t, err)
		return w
	}
	require.Equal(t, bank.Waiting{Cents: new(big.Int)}, waiting(10))
	s.pay("a", "100")
	s.pay("b", "20.50")
	gone := s.pay("c", "7")
	s.look()
	_, err := s.Cancel(t.Context(), "shop", gone.ID, "ben", "")
	require.NoError(t, err)
	s.look()
	nameless := payout.Instruction{ID: "x", Asset: s.account.Asset(), To: theirs, Units: big.NewInt(500)}
	require.NoError(t, s.account.Submit(t.Context(), nameless))
	w := waiting(10)
	require.Equal(t, []any{2, "12050", 1, false}, []any{w.Orders, w.Cents.String(), w.Broken, w.More})
	w = waiting(1)
	require.Equal(t, []any{1, true}, []any{w.Orders, w.More})
	f, err := s.account.Export(t.Context(), bank.ExportOptions{})
	require.NoError(t, err)
	require.Equal(t, []any{2, "12050"}, []any{f.Orders, f.Cents.String()}, "looking at it has changed nothing")
	require.Zero(t, waiting(10).Orders)
	same, err := s.account.File(t.Context(), f.ID)
	require.NoError(t, err)
	require.Equal(t, f, same)
	_, err = s.account.File(t.Context(), "unknown")
	require.ErrorIs(t, err, payout.ErrNotFound)
}

// counting counts how often a store is read, and how many documents it gave.
type counting struct {
	bank.Store
	reads, documents int
}

func (c *counting) Document(ctx context.Context, name string) ([]byte, error) {
	c.reads++
	c.documents++
	return c.Store.Document(ctx, name)
}

func (c *counting) Documents(ctx context.Context, prefix, after string, limit int) ([]payout.Document, error) {
	all, err := c.Store.Documents(ctx, prefix, after, limit)
	c.reads++
	c.documents += len(all)
	return all, err
}

func TestWhatWaitsIsReadManyAtATime(t *testing.T) {
	for name, c := range map[string]struct{ orders, every, waiting, reads, documents int }{
		"all wait":                           {1200, 1, 1200, 10, 2*1200 + 10},
		"others between":                     {1200, 2, 600, 30, 3 * 1200},
		"few of many":                        {2000, 100, 20, 2*20 + 2, 5 * 20},
		"more of many than are to be looked": {3000, 1, 2000, 12, 2*2000 + 10},
	} {
		t.Run(name, func(t *testing.T) {
			s := &counting{Store: store.NewMemory()}
			account, err := bank.New(bank.Config{Store: s, Network: "sepa:main", Owner: "Shop GmbH", IBAN: ours})
			require.NoError(t, err)
			sum := new(big.Int)
			for i := range c.orders {
				in := payout.Instruction{
					ID: fmt.Sprintf("o%07d", i), Asset: account.Asset(), To: theirs, Units: big.NewInt(int64(100 + i)), MaxFee: new(big.Int),
					Beneficiary: payout.Beneficiary{Name: "Somebody"},
				}
				require.NoError(t, account.Submit(t.Context(), in))
				if i%c.every > 0 {
					require.NoError(t, account.Withdraw(t.Context(), in.ID))
				} else if i < 2000 {
					sum.Add(sum, in.Units)
				}
			}
			s.reads, s.documents = 0, 0
			w, err := account.Waiting(t.Context(), 2000)
			require.NoError(t, err)
			require.Equal(t, bank.Waiting{Orders: c.waiting, Cents: sum, More: c.orders/c.every > 2000}, w)
			require.LessOrEqual(t, s.reads, c.reads)
			require.LessOrEqual(t, s.documents, c.documents)
		})
	}
}

func TestADocumentIsCheckedWithoutAChange(t *testing.T) {
	s := newShop(t)
	check := func(doc string) error { return s.account.CheckEntries(t.Context(), strings.NewReader(doc)) }
	good := s.office.statement("1000", "1007", s.office.income("7", "somebody"))
	require.NoError(t, check(good))
	_, _, err := s.account.Funding(t.Context(), "anything")
	require.ErrorIs(t, err, payout.ErrNotFound)
	require.ErrorIs(t, check(strings.ReplaceAll(good, ours, theirs)), bank.ErrOtherAccount)
	require.ErrorAs(t, check(good[:len(good)-30]), new(*sepa.DocumentError))
	balance, err := s.account.Balance(t.Context(), s.account.Asset().ID)
	require.NoError(t, err)
	require.Equal(t, "100000", balance.String(), "of the statement that was read")
}

func TestTheNewestFilesComeFirst(t *testing.T) {
	s := newShop(t)
	latest := func(before string, limit int) (ids []string) {
		files, err := s.account.Latest(t.Context(), before, limit)
		require.NoError(t, err)
		for _, f := range files {
			ids = append(ids, f.ID)
		}
		return ids
	}
	require.Empty(t, latest("", 10))
	var want []string
	for i, wait := range []time.Duration{0, time.Hour, 29 * 24 * time.Hour, 400 * 24 * time.Hour, time.Minute} {
		s.clock = s.clock.Add(wait)
		s.pay(fmt.Sprint(i), "1")
		want = append([]string{s.export()}, want...)
	}
	s.clock = s.clock.Add(100 * 24 * time.Hour)
	require.Equal(t, want, latest("", 10))
	require.Equal(t, want[:3], latest("", 3))
	require.Equal(t, want[3:], latest(want[2], 10))
	require.Equal(t, want[1:2], latest(want[0], 1))
	require.Empty(t, latest(want[4], 10))
	require.Equal(t, want, latest("99991231235959-x", 10))
	_, err := s.account.Latest(t.Context(), "unknown", 10)
	require.ErrorIs(t, err, payout.ErrNotFound)
}

// A database that was restored has an order in its queue that the bank has executed: the statement is read first.
func TestWhatTheBankHasExecutedIsNotExportedAgain(t *testing.T) {
	s := newShop(t)
	a := s.pay("a", "100")
	s.look()
	s.office.orders[id(a)] = order{amount: "100.00"}
	s.entries(s.office.statement("1000", "900", s.office.debit(id(a))))
	_, err := s.account.Export(t.Context(), bank.ExportOptions{})
	require.ErrorIs(t, err, bank.ErrNothing)
	require.Equal(t, "paid", s.is(a))
	s.sound(90_000)
}

// What no file has yet can be cancelled; of the rest only the bank can say what becomes of it.
func TestAnOrderIsCancelledUntilAFileHasIt(t *testing.T) {
	s := newShop(t)
	a, b := s.pay("a", "100"), s.pay("b", "1")
	s.look()
	_, err := s.Cancel(t.Context(), "shop", a.ID, "ben", "")
	require.NoError(t, err)
	s.look()
	require.Equal(t, "cancelled operator", s.is(a))
	file := s.export()
	require.Equal(t, []string{id(b)}, s.office.files[file])
	_, err = s.Cancel(t.Context(), "shop", b.ID, "ben", "")
	require.NoError(t, err)
	s.look()
	require.Contains(t, s.is(b), "sent refused")
	s.entries(s.office.statement("1000", "999", s.office.debit(id(b))))
	require.Equal(t, "paid", s.is(b))
	s.sound(99_900)
}

func TestTwoExportsAtOnceShareNoOrder(t *testing.T) {
	s := newShop(t)
	for i := range 20 {
		s.pay(fmt.Sprint(i), "1")
	}
	s.look()
	done := make(chan error)
	for range 4 {
		go func() {
			_, err := s.account.Export(t.Context(), bank.ExportOptions{Most: 7})
			done <- err
		}()
	}
	none := 0
	for range 4 {
		if err := <-done; err != nil {
			require.ErrorIs(t, err, bank.ErrNothing)
			none++
		}
	}
	require.LessOrEqual(t, none, 1)
	files, err := s.account.Files(t.Context(), 10)
	require.NoError(t, err)
	for _, f := range files {
		text, err := s.account.Bytes(t.Context(), f.ID)
		require.NoError(t, err)
		s.office.take(text)
	}
	require.Len(t, s.office.orders, 20)
}

func TestPuzzlesAreToldAndNothingFollows(t *testing.T) {
	s := newShop(t)
	a, b := s.pay("a", "100"), s.pay("b", "1")
	file := s.export()
	charge := s.office.entry("DBIT", "4.50", "")
	wrong := s.office.entry("DBIT", "99", fmt.Sprintf(`<TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs></TxDtls>`, id(a)))
	s.status(s.office.status(file, "", id(b)+":RJCT:AC04"))
	late := s.office.debit(id(b))
	more := s.office.back(id(a), "100.01", "AC01")
	l := s.entries(s.office.statement("1000", "900", charge, wrong, late, more))
	require.Len(t, l.Puzzles, 5, "the last one: the statement does not add up: %v", l.Puzzles)
	require.Equal(t, "sent", s.is(a)[:4])
	require.Equal(t, "failed rejected AC04", s.is(b))
	l = s.status(s.office.status(file, "", id(b)+":ACSC"))
	require.Len(t, l.Puzzles, 1)
	s.sound(90_000)
	_, err := s.account.ReadEntries(t.Context(), s.Service, strings.NewReader(strings.ReplaceAll(s.office.statement("0", "0", charge), ours, theirs)))
	require.ErrorContains(t, err, "another account")
}

func TestReceiversAreCheckedBeforeAnythingIsReserved(t *testing.T) {
	s := newShop(t, func(c *bank.Config) { c.Profile.CreditorAgent = sepa.AgentRequired })
	good := payout.Beneficiary{Name: "Erika Muster", BIC: "bkau atww"}
	for name, c := range map[string]struct {
		to    string
		who   payout.Beneficiary
		cents int64
		code  payout.Refusal
	}{
		"good":               {theirs, good, 100, ""},
		"wrong check digits": {"AT611904300234573202", good, 100, payout.RefusedAddress},
		"no SEPA country":    {"BR1500000000000010932840814P2", good, 100, payout.RefusedAddress},
		"no name":            {theirs, payout.Beneficiary{BIC: "BKAUATWW"}, 100, payout.RefusedInvalid},
		"no BIC":             {theirs, payout.Beneficiary{Name: "Erika"}, 100, payout.RefusedInvalid},
		"too much":           {theirs, good, 100_000_000_000, payout.RefusedInvalid},
		"nothing":            {theirs, good, 0, payout.RefusedDust},
		"Chinese":            {theirs, payout.Beneficiary{Name: "王小明", BIC: "BKAUATWW"}, 100, payout.RefusedInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.account.Receiver(t.Context(), s.account.Asset(), c.to, c.who, big.NewInt(c.cents))
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			var refused *payout.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.code, refused.Code)
		})
	}
	_, err := bank.New(bank.Config{})
	require.ErrorContains(t, err, "Config")
	_, err = bank.New(bank.Config{Store: store.NewMemory(), Network: "sepa:main", Owner: "a", IBAN: "DE1"})
	require.ErrorContains(t, err, "Config")
}
