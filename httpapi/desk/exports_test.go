package desk_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// table parses a CSV export, with its head.
func (w *world) table(path string) [][]string {
	w.t.Helper()
	rows, err := csv.NewReader(strings.NewReader(w.page(path))).ReadAll()
	require.NoError(w.t, err)
	return rows
}

func column(rows [][]string, name string) []string {
	var out []string
	for i, head := range rows[0] {
		if head == name {
			for _, row := range rows[1:] {
				out = append(out, row[i])
			}
		}
	}
	return out
}

// listed returns the ids of a listing, over all of its pages.
func (w *world) listed(path string) []string {
	w.t.Helper()
	var out []string
	bare, _, _ := strings.Cut(path, "?")
	for next := path; next != ""; {
		page := w.page(next)
		for _, m := range invoiceLinks.FindAllStringSubmatch(page, -1) {
			out = append(out, m[1])
		}
		next = nextOf(page, bare)
	}
	return out
}

func TestAnExportHasExactlyWhatTheFilterShows_O2(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	for i := range 120 {
		w.create([]string{w.shop, w.rival}[i%2], "", fmt.Sprint(5+i), nil)
	}
	deposit, err := w.invoices.CreateStanding(context.Background(), invoice.Deposit{Project: w.shop, Asset: "SIM", OrderID: "D-1"})
	require.NoError(t, err)
	for _, q := range []url.Values{
		{}, {"project": {w.shop}}, {"status": {"expired"}}, {"q": {"a-100"}}, {"asset": {"SIM"}, "status": {"new"}}, {"asset": {"TOK"}},
		{"from": {"2026-11-20"}, "to": {"2026-11-20"}}, {"to": {"2026-11-19"}}, {"sort": {"fiat_amount"}, "order": {"asc"}}, {"sort": {"updated_at"}}, {"sort": {"crypto_amount"}},
		{"deposits": {"1"}}, {"fiat": {"eur"}},
	} {
		list := w.listed("/invoices?" + q.Encode())
		rows := w.table("/invoices/export?format=csv&" + q.Encode())
		require.Equal(t, len(list), len(rows)-1, q)
		require.Equal(t, list, column(rows, "id"), "%v: the same invoices in the same order", q)
		lines := strings.Fields(w.page("/invoices/export?format=jsonl&field=id&" + q.Encode()))
		require.Len(t, lines, len(list))
		require.Contains(t, w.page("/invoices?"+q.Encode()), fmt.Sprintf(">%d invoice", len(list)), "and so is the total")
	}
	require.Equal(t, []string{deposit.ID}, w.listed("/invoices?deposits=1"))

	w.as("zoe", desk.RoleViewer, w.rival)
	require.Equal(t, w.listed("/invoices"), column(w.table("/invoices/export"), "id"))
	require.NotContains(t, column(w.table("/invoices/export"), "project"), w.shop)
}

func TestFieldsOfAnExportAreChosen_O3(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	rows := w.table("/invoices/export?q=A-1002")
	require.Equal(t, "id order_id name project status outcome created_at completed_at currency amount asset network due received confirmed data.table", strings.Join(rows[0], " "))
	require.Equal(t, []string{"A-1002", "Order A-1002", "completed", "over", "EUR", "100", "SIM", "sim:1", "0.05", "0.075", "0.075", "7"},
		append(append([]string{rows[1][1], rows[1][2]}, rows[1][4:6]...), rows[1][8:]...))

	rows = w.table("/invoices/export?q=A-1002&field=order_id&field=transactions&field=rate&field=payment_page&field=project_name&field=fiat_amount&field=address&field=payments&field=closed")
	inv := w.order("A-1002")
	require.Equal(t, []string{"A-1002", "shop", "true", "2000", "100", string(inv.Quote.Address), "1", inv.Payments[0].Key.TxID, "https://pay.example/" + inv.ID}, rows[1])

	line := w.page("/invoices/export?q=A-1002&format=jsonl&field=order_id&field=data.table&field=due")
	require.Equal(t, `{"order_id":"A-1002","due":"0.05","data.table":"7"}`+"\n", line)
	for _, field := range []string{"data.secret", "key", "quote"} {
		require.Equal(t, http.StatusBadRequest, w.fetch("/invoices/export?field="+field).Code)
	}
	require.Equal(t, http.StatusBadRequest, w.fetch("/invoices/export?format=xlsx").Code)
	require.NotContains(t, w.page("/invoices/export?format=jsonl"), "not to be shown")
	page := w.page("/invoices")
	require.Contains(t, page, `name="field" value="data.table" checked`)
}

func TestNoCellIsAFormula(t *testing.T) {
	w := newWorld(t, nil)
	nasty := []string{"=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", `"=1"`, "a,b"}
	for _, text := range nasty {
		w.create(w.shop, text, "10", func(r *invoice.Request) { r.Name, r.Data = text, map[string]string{"table": text} })
	}
	rows := w.table("/invoices/export")
	require.Len(t, rows, len(nasty)+1)
	for _, row := range rows {
		for _, cell := range row {
			require.NotContains(t, "=+-@\t\r", (cell + " ")[:1], cell)
		}
	}
	require.Contains(t, column(rows, "order_id"), "'=1+1")
	require.Contains(t, column(rows, "data.table"), "a,b")
	lines := bufio.NewScanner(strings.NewReader(w.page("/invoices/export?format=jsonl&field=name")))
	for lines.Scan() {
		var o map[string]string
		require.NoError(t, json.Unmarshal(lines.Bytes(), &o))
		require.Contains(t, nasty, o["name"], "JSON has the text as it is")
	}
}

func TestPayoutsAreExportedAsTheyAreListed(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 60 {
		w.request(w.shop, fmt.Sprint("k", i), "0.01", "=carl")
	}
	w.request(w.rival, "theirs", "0.01", "carl")
	require.Len(t, w.table("/payouts/export"), 62)
	rows := w.table("/payouts/export?project=" + w.shop + "&status=queued")
	require.Len(t, rows, 61)
	require.Equal(t, "'=carl", column(rows, "requester")[0])
	require.Len(t, w.table("/payouts/export?kind=refund"), 1)
	seen := 0
	for next := "/payouts"; next != ""; {
		page := w.page(next)
		seen += strings.Count(page, `<td data-label="Receiver">`)
		next = nextOf(page, "/payouts")
	}
	require.Equal(t, 61, seen)
	require.Equal(t, http.StatusBadRequest, w.fetch("/payouts?before=x").Code)
	require.Len(t, strings.Split(strings.TrimSpace(w.page("/payouts/export?format=jsonl")), "\n"), 61)
	w.as("zoe", desk.RoleViewer, w.rival)
	require.Len(t, w.table("/payouts/export"), 2)
}

var payoutLinks = regexp.MustCompile(`<td data-label="Amount" class="first"><a href="[./]*payouts/([^"]+)">`)

// listedPayouts returns the ids of a listing of payouts, over all of its pages.
func (w *world) listedPayouts(path string) (ids []string, pages int) {
	w.t.Helper()
	for next := path; next != ""; pages++ {
		page := w.page(next)
		for _, m := range payoutLinks.FindAllStringSubmatch(page, -1) {
			ids = append(ids, m[1])
		}
		next = nextOf(page, "/payouts")
	}
	return ids, pages
}

// Those that wait for somebody are few among very many: they are found on few pages, and exported alike.
func TestPayoutsAreFilteredByWhyTheyWaitOrEnded_O10(t *testing.T) {
	w := newWorld(t, nil)
	first := w.request(w.shop, "wages", "6", "carl")
	for i := range 900 {
		w.request(w.shop, fmt.Sprint("k", i), "0.001", "carl")
	}
	second := w.request(w.rival, "more wages", "1", "carl")
	_, err := w.payouts.Cancel(context.Background(), w.rival, second.ID, "ben", "")
	require.NoError(t, err)
	for q, want := range map[string][]string{
		"reason=needs_approval":                     {first.ID},
		"reason=operator":                           {second.ID},
		"reason=operator&status=cancelled":          {second.ID},
		"reason=operator&status=failed":             nil,
		"reason=needs_approval&project=" + w.rival:  nil,
		"reason=needs_approval&from=2026-11-20":     {first.ID},
		"reason=needs_approval&q=" + second.ID:      nil,
		"reason=needs_approval&to=2026-11-19":       nil,
		"reason=needs_approval&kind=payout&q=wages": {first.ID},
	} {
		listed, pages := w.listedPayouts("/payouts?" + q)
		require.Equal(t, want, listed, q)
		require.Equal(t, 1, pages, q)
		require.Equal(t, want, column(w.table("/payouts/export?"+q), "id"), q)
	}
	page := w.page("/payouts?reason=needs_approval")
	require.Contains(t, page, `<option value="needs_approval" selected>needs the approval of another person</option>`)
	require.Contains(t, page, `<input type="hidden" name="reason" value="needs_approval">`, "the export keeps it")
	require.Equal(t, http.StatusBadRequest, w.fetch("/payouts?reason=nothing").Code)
}

// flow is an answer that counts what it gets and keeps none of it.
type flow struct {
	header  http.Header
	status  int
	bytes   int64
	flushes int
	most    uint64 // of the heap, when a part was sent
	fail    bool   // the client is gone
}

func (f *flow) Header() http.Header    { return f.header }
func (f *flow) WriteHeader(status int) { f.status = status }
func (f *flow) Write(b []byte) (int, error) {
	if f.fail {
		return 0, errDown
	}
	f.bytes += int64(len(b))
	return len(b), nil
}

func (f *flow) Flush() {
	f.flushes++
	if f.flushes%20 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		f.most = max(f.most, m.HeapAlloc)
	}
}

// An export is sent page by page, so that its memory does not grow with it.
func TestAnExportIsStreamedInBoundedMemory(t *testing.T) {
	w := newWorld(t, nil)
	for range 3000 {
		w.create(w.shop, "", "10", func(r *invoice.Request) { r.Name = strings.Repeat("long name ", 20) })
	}
	export := func(times int) *flow {
		f := &flow{header: http.Header{}}
		for range times {
			w.desk.ServeHTTP(f, httptest.NewRequest(http.MethodGet, "/invoices/export", nil))
		}
		return f
	}
	head := &flow{header: http.Header{}}
	for _, path := range []string{"/invoices/export", "/audit/export", "/payouts/export"} {
		w.desk.ServeHTTP(head, httptest.NewRequest(http.MethodHead, path, nil))
	}
	require.Zero(t, head.flushes, "who asks for the head alone gets no rows")
	f := export(1)
	require.GreaterOrEqual(t, f.flushes, 6, "each page is sent on its own")
	once, often := export(4), export(12)
	require.Greater(t, often.bytes, int64(8_000_000))
	require.Less(t, int64(often.most)-int64(once.most), int64(4_000_000), "nothing of what was sent is kept")
}

func TestAnExportThatFailsIsNoCompleteFile(t *testing.T) {
	w := newWorld(t, nil)
	w.create(w.shop, "", "10", nil)
	r := httptest.NewRequest(http.MethodGet, "/invoices/export", nil)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { w.desk.ServeHTTP(&flow{header: http.Header{}, fail: true}, r) })
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	require.NotEqual(t, http.StatusOK, w.do(r.WithContext(gone)).Code, "what fails before the first page is a page that says so")
}

func TestWhatAFilterCannotBe(t *testing.T) {
	w := newWorld(t, nil)
	for _, q := range []string{"status=paid", "sort=name", "from=yesterday", "to=2026-13-01", "q=%ff", "q=" + strings.Repeat("x", 256), "asset=%00"} {
		for _, path := range []string{"/invoices", "/invoices/export"} {
			require.Equal(t, http.StatusBadRequest, w.fetch(path+"?"+q).Code, q)
		}
	}
	for _, q := range []string{"status=new", "kind=gift", "from=x", "q=%ff"} {
		require.Equal(t, http.StatusBadRequest, w.fetch("/payouts?"+q).Code, q)
	}
	require.Equal(t, http.StatusNotFound, w.fetch("/invoices?project=nothing").Code)
	require.Equal(t, http.StatusBadRequest, w.fetch("/search?q=%ff").Code)
}
