package desk_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// line is a booked line of the account at the bank.
func line(direction, amount, reference, order string) string {
	return fmt.Sprintf(`<Ntry><Amt Ccy="EUR">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-20</Dt></BookgDt>`+
		`<AcctSvcrRef>%s</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs>`+
		`<RltdPties><Dbtr><Pty><Nm>A. Customer</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>topping up</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`, amount, direction, reference, order)
}

func camt(lines ...string) []byte {
	return []byte(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>1</Id>` +
		`<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>` + strings.Join(lines, "") + `</Stmt></BkToCstmrStmt></Document>`)
}

func pain002(file, order, status string) []byte {
	return fmt.Appendf(nil, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>S1</MsgId></GrpHdr>`+
		`<OrgnlGrpInfAndSts><OrgnlMsgId>%s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>`+
		`<OrgnlPmtInfAndSts><OrgnlPmtInfId>%s</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>%s</OrgnlEndToEndId><TxSts>%s</TxSts></TxInfAndSts>`+
		`</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`, file, file, order, status)
}

// euros gives the shop euros at the bank.
func (w *world) euros(amount string) {
	w.t.Helper()
	ctx := context.Background()
	learned, err := w.bank.ReadEntries(ctx, w.payouts, bytes.NewReader(camt(line("CRDT", amount, "E0", "NOTPROVIDED"))))
	require.NoError(w.t, err)
	require.NoError(w.t, w.payouts.Fund(ctx, w.bank.Network(), learned.Incoming[0].ID, w.shop, "ben"))
}

// salary asks for a payout in euro, and lets the account at the bank take it. It returns the id of the order.
func (w *world) salary(key, amount string) string {
	w.t.Helper()
	ctx := context.Background()
	p, err := w.payouts.Request(ctx, payout.Request{
		Project: w.shop, Key: key, Asset: w.bank.Asset().ID, To: "AT61 1904 3002 3457 3201", Units: decimal.RequireFromString(amount),
		Beneficiary: &payout.Beneficiary{Name: "Erika Muster", Reference: "January"},
	})
	require.NoError(w.t, err)
	w.lookAtBank()
	return strings.ReplaceAll(p.ID, "-", "")
}

func (w *world) lookAtBank() {
	w.t.Helper()
	require.NoError(w.t, w.payouts.Look(context.Background(), w.bank.Network()))
}

// bring brings a document of the bank.
func (w *world) bring(name string, doc []byte) answer {
	w.t.Helper()
	form := w.form("/money/bank/read")
	form.Set("reason", "of today")
	return w.uploadAs("/money/bank/read", form, "file", name, doc)
}

func TestAFileForTheBankIsMadeAndBrought(t *testing.T) {
	w := newWorld(t, nil)
	w.euros("1000")
	w.as("olga", desk.RoleOperator)
	require.Contains(t, w.page("/money"), `href="./money/bank"`)
	require.NotContains(t, w.page("/money/bank"), `data-act="export"`, "an operator may not pay out")
	w.as("ben", desk.RoleApprover)
	require.Contains(t, w.page("/money/bank/export"), "No order waits for a file.")
	order := w.salary("salary 7", "250.50")
	w.salary("salary 8", "100")
	page := w.page("/money/bank")
	for _, text := range []string{"2 orders", "350.5 EUR", "DE89370400440532013000", `data-act="export"`} {
		require.Contains(t, page, text)
	}
	page = w.page("/money/bank/export")
	require.Contains(t, page, "2 orders")
	require.Contains(t, page, "350.5 EUR")
	stale := w.form("/money/bank/export")
	stale.Set("reason", "salaries")
	w.salary("salary 9", "1")
	a := w.post("/money/bank/export", stale)
	require.Equal(t, http.StatusConflict, a.Code)
	require.Contains(t, a.Body.String(), "Other orders wait by now")
	require.Contains(t, a.Body.String(), "351.5 EUR", "the new sum is shown before anything is done")
	require.Equal(t, http.StatusConflict, w.act("/money/bank/export", "salaries", "date", "tomorrow").Code)
	require.Equal(t, http.StatusConflict, w.act("/money/bank/export", "salaries", "date", "2020-01-01").Code, "the day is over")
	page = w.acted(w.act("/money/bank/export", "salaries", "date", "2026-11-24"))
	files, err := w.bank.Latest(context.Background(), "", 10)
	require.NoError(t, err)
	require.Len(t, files, 1)
	f := files[0]
	require.Equal(t, []any{3, "2026-11-24"}, []any{f.Orders, f.Date.Format("2006-01-02")})
	require.Contains(t, page, f.ID)
	require.Contains(t, page, "0 orders")
	log := w.audit()
	require.Equal(t, map[string]string{"file": f.ID, "orders": "3", "sum": "351.5 EUR", "sha256": f.Hash, "date": "2026-11-24", "instant": "false"}, log[len(log)-1].After)

	download := "/money/bank/download?file=" + f.ID
	page = w.page(download)
	for _, text := range []string{f.Hash, "351.5 EUR", "2026-11-24", "Reason"} {
		require.Contains(t, page, text)
	}
	for range 2 {
		a = w.act(download, "for the bank's portal")
		require.Equal(t, []any{200, "application/xml", `attachment; filename="` + f.ID + `.xml"`},
			[]any{a.Code, a.Header().Get("Content-Type"), a.Header().Get("Content-Disposition")})
		sum := sha256.Sum256(a.Body.Bytes())
		require.Equal(t, f.Hash, hex.EncodeToString(sum[:]))
		require.Contains(t, a.Body.String(), order)
		require.NoError(t, xml.Unmarshal(a.Body.Bytes(), new(struct{})))
	}
	log = w.audit()
	require.Equal(t, []any{"bank.download", f.ID}, []any{log[len(log)-1].Act, log[len(log)-1].Facts["File"]})
	for _, id := range []string{"", "unknown", strings.Repeat("x", 101)} {
		require.Equal(t, http.StatusNotFound, w.fetch("/money/bank/download?file="+id).Code, id)
	}
}

func TestWhatTheBankSaysIsReadAndShown(t *testing.T) {
	w := newWorld(t, nil)
	w.euros("1000")
	paid, rejected := w.salary("paid", "250.50"), w.salary("rejected", "3")
	f, err := w.bank.Export(context.Background(), bank.ExportOptions{})
	require.NoError(t, err)
	w.as("ben", desk.RoleApprover)

	page := w.acted(w.bring("status <1>.xml", pain002(f.ID, rejected, "RJCT")))
	require.Contains(t, page, "status &lt;1&gt;.xml")
	require.Contains(t, page, "status report")
	w.lookAtBank()
	require.Equal(t, payout.StatusFailed, w.payout("rejected").State.Status)

	doc := camt(line("DBIT", "250.50", "E1", paid), line("CRDT", "70", "E2", "NOTPROVIDED"), line("DBIT", "9.99", "E3", "card fee"))
	page = w.acted(w.bring("day.xml", doc))
	for _, text := range []string{"day.xml", "statement", "1 puzzle", "9.99 is no order", "70 EUR", "A. Customer", "topping up", "money/fund?network=sepa%3Amain&amp;txid="} {
		require.Contains(t, page, text)
	}
	w.lookAtBank()
	require.Equal(t, payout.StatusPaid, w.payout("paid").State.Status)
	sum := sha256.Sum256(doc)
	log := w.audit()
	last := log[len(log)-1]
	require.Equal(t, map[string]string{"orders_changed": "1", "came_in": "1", "puzzles": "1"}, last.After)
	require.Equal(t, []string{"bank.read_document", "day.xml", hex.EncodeToString(sum[:]), fmt.Sprint(len(doc)), "of today"},
		[]string{last.Act, last.Facts["File"], last.Facts["SHA-256"], last.Facts["Bytes"], last.Reason})
	page = w.acted(w.bring("day again.xml", doc))
	require.Equal(t, "0", w.audit()[len(w.audit())-1].After["orders_changed"], "the second time it changes nothing")
	require.Less(t, strings.Index(page, "day again.xml"), strings.Index(page, "day.xml"), "the newest first")
	w.as("olga", desk.RoleOperator)
	require.NotContains(t, w.page("/money/bank"), "money/fund")
}

func TestAFaultyDocumentIsRefusedAndChangesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.euros("1000")
	order := w.salary("salary", "250.50")
	f, err := w.bank.Export(context.Background(), bank.ExportOptions{})
	require.NoError(t, err)
	w.as("ben", desk.RoleApprover)
	good := camt(line("DBIT", "250.50", "E1", order), line("CRDT", "1", "E2", "x"))
	books := func() string {
		docs, err := w.store.Documents(context.Background(), "sepa/", "", 1000)
		require.NoError(t, err)
		return string(marshal(t, docs))
	}
	var lines []string
	for i := range 1500 { // more than are gathered before the first of them are stored
		lines = append(lines, line("CRDT", "1", fmt.Sprint("L", i), "x"))
	}
	long := camt(lines...)
	before := books()
	for text, doc := range map[string][]byte{
		"Choose a file.":                       nil,
		"This is neither a status report":      []byte("%PDF-1.7"),
		"The document cannot be read":          good[:len(good)-20],
		"The document cannot be read: /Doc":    long[:len(long)-20],
		"It is a document of another account.": bytes.ReplaceAll(good, []byte("DE89370400440532013000"), []byte("AT611904300234573201")),
		"It is about a file that was not made": pain002("other", order, "ACSC"),
		"The document cannot be read: /":       bytes.Replace(pain002(f.ID, order, "ACSC"), []byte("</GrpHdr>"), []byte("</GrpHdr><!DOCTYPE x>"), 1),
	} {
		a := w.bring("x.xml", doc)
		require.Contains(t, []int{http.StatusConflict, http.StatusUnprocessableEntity}, a.Code, text)
		require.Contains(t, a.Body.String(), text)
		require.Equal(t, before, books(), text)
	}
	form := w.form("/money/bank/read")
	form.Set("reason", "of today")
	require.Contains(t, w.post("/money/bank/read", form).Body.String(), "Choose a file.", "a form without files")
	require.Equal(t, before, books())
	require.Contains(t, w.page("/money/bank"), "None was read.")
	w.acted(w.bring("good.xml", good))
	require.NotEqual(t, before, books())
}

// A statement of a busy day is larger than any other form, and is not kept in memory; it leaves no file behind.
func TestALargeDocumentIsReadAndATooLargeOneIsNot(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	w := newWorld(t, nil)
	pad := func(n int) []byte { // with comments, none of them longer than documents may have
		return append(camt(), bytes.Repeat([]byte("<!--"+strings.Repeat("x", 1017)+"-->"), n>>10)...)
	}
	w.acted(w.bring("busy.xml", pad(20<<20)))
	a := w.bring("huge.xml", pad(33<<20))
	require.Equal(t, http.StatusBadRequest, a.Code)
	require.Contains(t, a.Body.String(), "too large")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	form := w.form("/money/bank/export")
	form.Set("text", strings.Repeat("x", 3<<20))
	require.Equal(t, http.StatusBadRequest, w.post("/money/bank/export", form).Code, "other forms are as bounded as ever")
}

func TestVeryMuchThatADocumentSaidIsCounted(t *testing.T) {
	w := newWorld(t, nil)
	var lines []string
	for i := range 1500 {
		lines = append(lines, strings.ReplaceAll(line("CRDT", "1", fmt.Sprint("E", i), "x"), "topping up", strings.Repeat("&lt;", 100)))
	}
	page := w.acted(w.bring("much.xml", camt(lines...)))
	require.Contains(t, page, "more, which the document has")
	require.Less(t, len(page), 2<<20)
	require.Equal(t, "1500", w.audit()[1].After["came_in"])
}

func TestFilesOfSeveralBanksArePaged(t *testing.T) {
	second := func(w *world) *bank.Account {
		a, err := bank.New(bank.Config{Store: w.store, Network: "sepa:main", Owner: "Corner shop", IBAN: "AT611904300234573201", Now: w.clock.Now})
		require.NoError(t, err)
		return a
	}
	w := newWorld(t, nil)
	w.euros("1000")
	for i := range 51 {
		w.wait(3600e9)
		w.salary(fmt.Sprint(i), "1")
		_, err := w.bank.Export(context.Background(), bank.ExportOptions{})
		require.NoError(t, err)
	}
	page := w.page("/money/bank")
	require.Equal(t, 50, strings.Count(page, `data-label="Made"`))
	page = w.page("/money/bank" + unescape(nextLink.FindStringSubmatch(page)[1]))
	require.Equal(t, 1, strings.Count(page, `data-label="Made"`))
	require.Contains(t, page, "First page")
	require.Equal(t, http.StatusNotFound, w.fetch("/money/bank?bank=sepa:other").Code)
	require.Equal(t, http.StatusNotFound, w.fetch("/money/bank?before=unknown").Code)
	require.NotContains(t, page, "f-bank", "there is one")
	w = newWorld(t, func(c *desk.Config) { c.Banks = append(c.Banks, second(&world{store: w.store, clock: w.clock})) })
	require.Contains(t, w.page("/money/bank?"+url.Values{"bank": {"sepa:main"}}.Encode()), "AT611904300234573201")
}
