package desk_test

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// world is a shop with a simulated chain, and persons at its desk.
type world struct {
	t        testing.TB
	desk     *desk.Desk
	invoices *invoice.Service
	projects *invoice.Projects
	payouts  *payout.Service
	store    *store.Memory
	records  *records
	clock    *stage.Clock
	chain    *chaintest.Chain
	bank     *bank.Account
	spender  *stage.Spender
	log      *spy.Log
	shop     string // id of a project
	key      string // of it
	rival    string // id of another one

	mu     sync.Mutex // guards what follows
	person desk.Person
	absent error // of Authenticate
	lose   bool  // the next commit of payouts is stored, and its answer lost
	lists  int   // reads of lists of payouts
	extra  int64 // base units that are held beyond what is owed, of each asset
}

// lossy is the store of payouts, on a bad day.
type lossy struct {
	*store.Memory
	w *world
}

func (l lossy) CommitPayouts(ctx context.Context, b payout.Batch) error {
	err := l.Memory.CommitPayouts(ctx, b)
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.w.lose && err == nil {
		l.w.lose = false
		return errDown
	}
	return err
}

func (l lossy) Payouts(ctx context.Context, q payout.Query) (payout.Page, error) {
	l.w.mu.Lock()
	l.w.lists++
	l.w.mu.Unlock()
	return l.Memory.Payouts(ctx, q)
}

func (l lossy) Totals(ctx context.Context) ([]payout.Total, error) {
	all, err := l.Memory.Totals(ctx)
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	for i := range all {
		all[i].Held = new(big.Int).Add(all[i].Held, big.NewInt(l.w.extra))
	}
	return all, err
}

// newWorld returns a shop that takes SIM (2000 EUR) and TOK (0.5 EUR) and pays them out. An administrator is at the desk, who
// has just proved who they are.
func newWorld(t testing.TB, change func(*desk.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: stage.NewClock(start), store: store.NewMemory(), chain: chaintest.NewChain(chaintest.Config{Start: start}), log: &spy.Log{}}
	w.records = &records{Records: w.store.Records()}
	w.be(desk.Person{ID: "ann", Name: "Ann", Role: desk.RoleAdministrator, Proved: start})
	w.openInvoices()
	w.shop, w.key = stage.Project(t, w.projects, "shop", "")
	w.rival, _ = stage.Project(t, w.projects, "rival", "")
	w.openPayouts()
	cfg := desk.Config{
		Invoices: w.invoices, Projects: w.projects, Records: w.records, Payouts: w.payouts, Holdings: w.store, Outbox: w.store,
		Banks:        []*bank.Account{w.bank},
		Authenticate: w.authenticate, SignIn: "/sign-in", Now: w.clock.Now, Metadata: []string{"table"}, Name: "Corner shop",
		PaymentPage: func(inv invoice.Invoice) string { return "https://pay.example/" + inv.ID },
		ClaimPage:   func(token string) string { return "https://pay.example/claim/" + token },
		Transaction: func(_ chain.Network, id string) string { return "https://explorer.example/tx/" + url.PathEscape(id) },
		Logger:      slog.New(slog.NewTextHandler(w.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	w.desk, err = desk.New(cfg)
	require.NoError(t, err)
	return w
}

func (w *world) openInvoices() {
	t := w.t
	notifier, err := webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	w.projects, err = invoice.NewProjects(w.store, w.clock.Now)
	require.NoError(t, err)
	sim, err := stage.Chain(w.chain, 2*time.Millisecond, stage.Addresses{Wallet: "test", Format: "sim1address%08d"})
	require.NoError(t, err)
	prices := map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2000), {Base: "TOK", Quote: "EUR"}: decimal.RequireFromString("0.5")}
	w.invoices, err = invoice.New(invoice.Config{
		Store: w.store, Notifier: notifier, Receivers: w.projects, CheckCallback: func(string) error { return nil }, Now: w.clock.Now, Rates: rates.NewFixed(w.clock.Now, prices),
		Chains: []invoice.ChainConfig{sim}, Holder: "one",
	})
	require.NoError(t, err)
}

func (w *world) openPayouts() {
	t := w.t
	sim, tok := w.chain.Asset("SIM"), w.chain.Asset("TOK")
	w.spender = &stage.Spender{Coin: sim.ID, Start: start}
	notifier, err := webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	w.bank, err = bank.New(bank.Config{Store: w.store, Network: "sepa:main", Owner: "Corner shop", IBAN: "DE89370400440532013000", Now: w.clock.Now})
	require.NoError(t, err)
	w.payouts, err = payout.New(payout.Config{
		Store: lossy{w.store, w}, Invoices: w.store, Notifier: notifier, Receivers: w.projects, Now: w.clock.Now, Holder: "one",
		CheckCallback: func(string) error { return nil },
		Policies:      payout.Policies{ApproveAbove: map[chain.AssetID]*big.Int{sim.ID: units("5000000000000000000")}},
		Networks: []payout.NetworkConfig{{Spender: w.spender, Assets: []payout.AssetConfig{
			{Asset: sim, MaxFee: units("1000000000000000"), MinSweep: units("1000000000000000")}, {Asset: tok, MaxFee: units("1000000000000000")},
		}}, {Provider: w.bank, Assets: []payout.AssetConfig{{Asset: w.bank.Asset(), MaxFee: new(big.Int)}}}},
	})
	require.NoError(t, err)
	w.fund(w.shop, sim, "10000000000000000000")
	w.fund(w.rival, sim, "3000000000000000000")
	w.fund(w.shop, tok, "1000000000")
	w.fund("", sim, "1000000000000000000")
}

func (w *world) fund(project string, asset chain.Asset, amount string) {
	w.t.Helper()
	id := w.spender.Fund(asset.ID, units(amount))
	require.NoError(w.t, w.payouts.Fund(context.Background(), asset.ID.Network(), id, project, "ben"))
}

func units(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		panic(s)
	}
	return n
}

func (w *world) wait(d time.Duration) {
	w.clock.Add(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.person.Proved = w.person.Proved.Add(d)
}

// be puts a person at the desk.
func (w *world) be(p desk.Person) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.person, w.absent = p, nil
}

// as puts a person of the role at the desk, who has just proved who they are.
func (w *world) as(id string, role desk.Role, projects ...string) {
	w.be(desk.Person{ID: id, Name: strings.ToUpper(id[:1]) + id[1:], Role: role, Projects: projects, Proved: w.clock.Now()})
}

func (w *world) authenticate(*http.Request) (desk.Person, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.person, w.absent
}

// create creates an invoice of the project.
func (w *world) create(project, order, amount string, change func(*invoice.Request)) invoice.Invoice {
	w.t.Helper()
	r := invoice.Request{
		Project: project, OrderID: order, Name: "Order " + order, Price: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString(amount)}, Asset: "SIM",
		CallbackURL: "https://shop.example/hook", Data: map[string]string{"table": "7", "secret": "not to be shown"},
	}
	if change != nil {
		change(&r)
	}
	inv, err := w.invoices.Create(context.Background(), r)
	require.NoError(w.t, err)
	return inv
}

// pay pays an invoice a fraction of what is due, in percent.
func (w *world) pay(inv invoice.Invoice, percent int64) string {
	n := new(big.Int).Mul(inv.Quote.Due, big.NewInt(percent))
	return w.chain.Pay(inv.Quote.Address, inv.Quote.Asset, n.Div(n, big.NewInt(100)))
}

// see lets the service see what the chain has, and the books book it.
func (w *world) see() {
	w.t.Helper()
	head := w.chain.Head()
	w.runUntil(func(ctx context.Context) bool {
		health, err := w.invoices.Health(ctx)
		return err == nil && health[0].Stored.Height >= head.Height && health[0].Lag.Tip >= head.Height
	})
	require.NoError(w.t, w.payouts.Book(context.Background()))
}

// runUntil runs the service until it has seen something.
func (w *world) runUntil(seen func(context.Context) bool) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- w.invoices.Run(ctx) }()
	require.Eventually(w.t, func() bool { return seen(ctx) }, 20*time.Second, time.Millisecond)
	cancel()
	require.NoError(w.t, <-ended)
}

// confirm mines enough blocks.
func (w *world) confirm() {
	w.t.Helper()
	w.chain.Mine(3)
	w.see()
}

// get returns an invoice as it is now.
func (w *world) get(inv invoice.Invoice) invoice.Invoice {
	w.t.Helper()
	now, err := w.invoices.Invoice(context.Background(), "", inv.ID)
	require.NoError(w.t, err)
	return now
}

// request asks for a payout of the project.
func (w *world) request(project, key, amount, requester string) payout.Payout {
	w.t.Helper()
	p, err := w.payouts.Request(context.Background(), payout.Request{
		Project: project, Key: key, Asset: w.chain.Asset("SIM").ID, To: "sim1receiver", Units: decimal.RequireFromString(amount), Requester: requester, Name: "For " + key,
		CallbackURL: "https://shop.example/payouts",
	})
	require.NoError(w.t, err)
	return p
}

func (w *world) look() {
	w.t.Helper()
	require.NoError(w.t, w.payouts.Look(context.Background(), w.chain.Asset("SIM").ID.Network()))
}

// answer is what the desk answered.
type answer struct {
	*httptest.ResponseRecorder
	path string
}

func (w *world) do(r *http.Request) answer {
	rec := httptest.NewRecorder()
	w.desk.ServeHTTP(rec, r)
	return answer{rec, r.URL.Path}
}

func (w *world) fetch(path string) answer {
	return w.do(httptest.NewRequest(http.MethodGet, path, nil))
}

// page fetches a page that must be there.
func (w *world) page(path string) string {
	w.t.Helper()
	a := w.fetch(path)
	require.Equal(w.t, http.StatusOK, a.Code, "%s: %s", path, a.Body)
	return a.Body.String()
}

// post sends a form as a browser does from a page of the desk.
func (w *world) post(path string, form url.Values) answer {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return w.do(r)
}

// upload sends a form with a file.
func (w *world) upload(path string, form url.Values, name string, body []byte) answer {
	w.t.Helper()
	return w.uploadAs(path, form, name, "signed.psbt", body)
}

// uploadAs sends a form with a file that has a name.
func (w *world) uploadAs(path string, form url.Values, name, file string, body []byte) answer {
	w.t.Helper()
	var b strings.Builder
	m := multipart.NewWriter(&b)
	for k, v := range form {
		require.NoError(w.t, m.WriteField(k, v[0]))
	}
	f, err := m.CreateFormFile(name, file)
	require.NoError(w.t, err)
	_, err = f.Write(body)
	require.NoError(w.t, err)
	require.NoError(w.t, m.Close())
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(b.String()))
	r.Header.Set("Content-Type", m.FormDataContentType())
	return w.do(r)
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`)

// form returns the hidden inputs of a page of an act.
func (w *world) form(path string) url.Values {
	w.t.Helper()
	out := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(w.page(path), -1) {
		out.Set(m[1], unescape(m[2]))
	}
	return out
}

// act opens the page of an act and sends its form with a reason and further values.
func (w *world) act(path, reason string, more ...string) answer {
	w.t.Helper()
	form := w.form(path)
	form.Set("reason", reason)
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	bare, query, _ := strings.Cut(path, "?")
	values, err := url.ParseQuery(query)
	require.NoError(w.t, err)
	for name := range values {
		if !form.Has(name) {
			form.Set(name, values.Get(name))
		}
	}
	return w.post(bare, form)
}

// acted requires that an act was done, and returns the page that it leads to.
func (w *world) acted(a answer) string {
	w.t.Helper()
	require.Equal(w.t, http.StatusSeeOther, a.Code, "%s", a.Body)
	base, err := url.Parse("http://desk" + a.path)
	require.NoError(w.t, err)
	to, err := base.Parse(a.Header().Get("Location"))
	require.NoError(w.t, err)
	return w.page(to.RequestURI())
}

// audit returns the entries of the audit log.
func (w *world) audit() []desk.Entry {
	w.t.Helper()
	_, bodies, err := w.records.ReadRecords(context.Background(), desk.AuditLog, 0, false, 1000)
	require.NoError(w.t, err)
	out := make([]desk.Entry, len(bodies))
	for i, b := range bodies {
		require.NoError(w.t, unmarshal(b, &out[i]))
	}
	return out
}

var errDown = errors.New("the store is down")

// furnish gives the shop an invoice of every kind, and two payouts.
func furnish(w *world) {
	exact := w.create(w.shop, "A-1001", "40", nil)
	over := w.create(w.shop, "A-1002", "100", nil)
	under := w.create(w.shop, "A-1003", "80", nil)
	w.create(w.shop, "A-1004", "25", nil)
	late := w.create(w.shop, "A-1005", "60", func(r *invoice.Request) { r.Window = time.Minute })
	gone := w.create(w.rival, "B-1", "12", nil)
	w.pay(exact, 100)
	w.pay(over, 150)
	w.pay(under, 40)
	w.confirm()
	w.wait(40 * time.Minute)
	w.chain.AdjustTime(time.Hour)
	w.confirm()
	w.pay(late, 100)
	w.pay(gone, 50)
	w.confirm()
	w.create(w.shop, "A-1006", "15", nil)
	cancelled := w.create(w.shop, "A-1007", "15", nil)
	_, err := w.invoices.SetStatus(context.Background(), invoice.Act{Invoice: cancelled.ID, Actor: "zoe", Comment: "sold out"}, invoice.StatusCancelled)
	require.NoError(w.t, err)
	w.request(w.shop, "rent", "1", "carl")
	w.request(w.shop, "wages", "6", "carl")
	w.look()
}

// all returns all invoices.
func (w *world) all() []invoice.Invoice {
	w.t.Helper()
	page, err := w.invoices.List(context.Background(), invoice.Query{Limit: invoice.MaxPage})
	require.NoError(w.t, err)
	return page.Invoices
}

// order returns the invoice with the order id.
func (w *world) order(id string) invoice.Invoice {
	w.t.Helper()
	for _, inv := range w.all() {
		if inv.OrderID == id {
			return inv
		}
	}
	require.Fail(w.t, "no such order", id)
	return invoice.Invoice{}
}

// payout returns the payout with the key.
func (w *world) payout(key string) payout.Payout {
	w.t.Helper()
	page, err := w.payouts.Payouts(context.Background(), payout.Query{Search: key})
	require.NoError(w.t, err)
	require.Len(w.t, page.Payouts, 1, key)
	return page.Payouts[0]
}

func (w *world) refundsOf(inv invoice.Invoice) []payout.Payout {
	w.t.Helper()
	page, err := w.payouts.Payouts(context.Background(), payout.Query{Search: inv.ID, Kind: payout.KindRefund})
	require.NoError(w.t, err)
	return page.Payouts
}

var claimQuery = webhook.ClaimQuery{Lease: time.Minute, Limit: 10}

// kill lets the endpoint refuse the messages about an invoice for good.
func kill(w *world, id string) {
	w.t.Helper()
	claimed, err := w.store.Claim(context.Background(), claimQuery)
	require.NoError(w.t, err)
	for _, d := range claimed {
		if d.Message.Invoice == id {
			attempt := webhook.Attempt{At: w.clock.Now(), Duration: 1500 * time.Millisecond, Status: 500, Excerpt: "no luck today", Error: "status 500"}
			require.NoError(w.t, w.store.Record(context.Background(), d.Claim, attempt, webhook.Next{State: webhook.StateDead}))
		}
	}
}

// endpoint adds an endpoint to a project.
func (w *world) endpoint(project, url string) invoice.Endpoint {
	w.t.Helper()
	e, err := w.projects.AddEndpoint(context.Background(), project, invoice.NewEndpoint{URL: url})
	require.NoError(w.t, err)
	return e
}

// answer lets every message that is due now be answered: next says what becomes of it.
func (w *world) answer(next func(invoice.Message) (status int, next webhook.Next)) {
	w.t.Helper()
	for {
		claimed, err := w.store.Claim(context.Background(), webhook.ClaimQuery{Lease: time.Minute, Limit: 1000})
		require.NoError(w.t, err)
		if len(claimed) == 0 {
			return
		}
		for _, d := range claimed {
			status, next := next(d.Message)
			require.NoError(w.t, w.store.Record(context.Background(), d.Claim, webhook.Attempt{At: w.clock.Now(), Status: status}, next))
		}
	}
}

// states returns the states of the messages about something to one receiver, in order.
func (w *world) states(id, receiver string) []webhook.State {
	w.t.Helper()
	records, err := w.store.History(context.Background(), id, 0)
	require.NoError(w.t, err)
	var out []webhook.State
	for _, r := range records {
		if r.Message.Receiver == receiver {
			out = append(out, r.State)
		}
	}
	return out
}

func regexpMustFind(t testing.TB, pattern, text string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotNil(t, m, "%s in %s", pattern, text)
	return m[1]
}

// start is when the tests begin.
var start = time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)
