package invoice_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// world is a shop with one simulated chain. It lives in a synctest bubble: its time is the bubble's.
type world struct {
	t     *testing.T
	chain *chaintest.Chain
	store store.Backend
	rates *quotes
	cfg   invoice.Config
	svc   *invoice.Service
	stop  func()
}

// wallet issues addresses of the simulated chain.
type wallet struct{ chain *chaintest.Chain }

func (w wallet) Name() string { return "sim:wallet" }
func (w wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// quotes is a rate source whose prices a test can change.
type quotes struct {
	mu    sync.Mutex
	price map[rates.Pair]string
	calls int
}

func (q *quotes) set(base, quote, value string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.price[rates.Pair{Base: base, Quote: quote}] = value
}

func (q *quotes) Rate(_ context.Context, p rates.Pair) (rates.Rate, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls++
	value, ok := q.price[p]
	if !ok {
		return rates.Rate{}, &rates.UnavailableError{Pair: p}
	}
	return rates.Rate{Pair: p, Value: decimal.RequireFromString(value), Time: time.Now(), Source: "test"}, nil
}

func newQuotes() *quotes { return &quotes{price: map[rates.Pair]string{}} }

// tellAll is a notifier that has one message for every event.
type tellAll struct{}

func (tellAll) Formats() []string { return []string{"test"} }
func (tellAll) Messages(ev invoice.Event, inv invoice.Invoice, to []invoice.Endpoint) []invoice.Message {
	m := invoice.Message{
		ID: ev.ID, Event: ev.Type, Invoice: inv.ID, Seq: ev.Seq, Project: inv.Project, URL: "https://shop.example/hook",
		Endpoint: "https://shop.example:443", Body: ev.Body, At: ev.At,
	}
	out := []invoice.Message{m}
	for _, e := range to {
		m.ID, m.Receiver, m.URL = ev.ID+"_"+e.ID, e.ID, e.URL
		out = append(out, m)
	}
	return out
}

// inWorld runs a test in a fresh world. A coin costs 2 EUR, a token 1 EUR; three confirmations are
// needed; an invoice lives 30 minutes.
func inWorld(t *testing.T, f func(w *world), change ...func(*invoice.Config)) {
	t.Context().Done() // made outside of the bubble, into which many tests pass it: it is closed outside of it
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: store.NewMemory(), rates: newQuotes()}
		w.chain = chaintest.NewChain(chaintest.Config{Start: time.Now().Add(-time.Hour), Interval: 10 * time.Second})
		w.rates.set("SIM", "EUR", "2")
		w.rates.set("TOK", "EUR", "1")
		w.cfg = invoice.Config{Store: w.store, Rates: w.rates, Notifier: tellAll{}, Chains: []invoice.ChainConfig{{
			Watcher: w.watcher(w.chain), Addresses: wallet{w.chain}, Assets: []invoice.AssetConfig{
				{Asset: w.chain.Asset("SIM"), Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: 3}}}},
				{Asset: w.chain.Asset("TOK"), Minimum: decimal.RequireFromString("0.5"), Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: 3}}}},
			},
		}}}
		for _, c := range change {
			c(&w.cfg)
		}
		w.start()
		defer func() { w.stop() }()
		w.mine(1)
		f(w)
	})
}

func (w *world) watcher(node chain.Node) *chain.Follower {
	f, err := chain.NewFollower(chain.FollowConfig{Node: node, Poll: time.Second, Batch: 4})
	require.NoError(w.t, err)
	return f
}

// start starts a service on the world's store, as a new process would.
func (w *world) start() {
	w.t.Helper()
	svc, err := invoice.New(w.cfg)
	require.NoError(w.t, err)
	w.svc = svc
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(w.t, <-done)
		})
	}
}

// restart stops the service and starts another one on the same store.
func (w *world) restart() {
	w.stop()
	w.cfg.Chains[0].Watcher = w.watcher(w.chain)
	w.start()
}

// settle gives the watcher time to see what is there.
func (w *world) settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

// mine adds blocks that are stamped with the time of now, and lets them be seen.
func (w *world) mine(n int) {
	for range n {
		w.chain.MineAt(time.Now())
	}
	w.settle()
}

func (w *world) create(change ...func(*invoice.Request)) invoice.Invoice {
	w.t.Helper()
	r := invoice.Request{
		Project: "shop", OrderID: fmt.Sprint(time.Now().UnixNano()), Price: price("20", "EUR"), Asset: "SIM",
		CallbackURL: "https://shop.example/hook",
	}
	for _, c := range change {
		c(&r)
	}
	inv, err := w.svc.Create(w.t.Context(), r)
	require.NoError(w.t, err)
	time.Sleep(time.Millisecond)
	return inv
}

func price(amount, currency string) invoice.Price {
	return invoice.Price{Currency: currency, Amount: decimal.RequireFromString(amount)}
}

// pay sends an amount of an asset, in its own unit, to the invoice's address.
func (w *world) pay(inv invoice.Invoice, code, amount string) (txid string) {
	return w.chain.Pay(inv.Quote.Address, w.chain.Asset(code), w.units(code, amount))
}

func (w *world) units(code, amount string) *big.Int {
	units, err := w.chain.Asset(code).UnitsExact(decimal.RequireFromString(amount))
	require.NoError(w.t, err)
	return units
}

func (w *world) get(inv invoice.Invoice) invoice.Invoice {
	w.t.Helper()
	got, err := w.svc.Invoice(w.t.Context(), "shop", inv.ID)
	require.NoError(w.t, err)
	return got
}

func (w *world) wants(inv invoice.Invoice, status invoice.Status, outcome invoice.Outcome) {
	w.t.Helper()
	got := w.get(inv)
	require.Equal(w.t, status, got.State.Status)
	require.Equal(w.t, outcome.String(), got.State.Outcome.String())
	w.consistent(got)
}

// consistent checks what must hold of every invoice at rest: credited is what the chain has, events
// are numbered without gaps, and the last one of them says what the invoice is.
func (w *world) consistent(inv invoice.Invoice) {
	w.t.Helper()
	sums := map[chain.AssetID]*big.Int{}
	for _, p := range inv.Payments {
		if !p.Withdrawn && p.Block.Hash != "" {
			sums[p.Asset] = new(big.Int).Add(p.Units, zero(sums[p.Asset]))
		}
	}
	for _, a := range w.chain.Assets() {
		require.Equal(w.t, w.chain.Balance(inv.Quote.Address, a).String(), zero(sums[a.ID]).String(), "credited %s", a.Code)
	}
	events := w.events(inv)
	require.Len(w.t, events, int(inv.Seq))
	status := invoice.Status("")
	for i, ev := range events {
		require.Equal(w.t, int64(i+1), ev.Seq)
		require.Equal(w.t, status, ev.From, "event %d begins where the one before ended", ev.Seq)
		status = ev.To
	}
	require.Equal(w.t, inv.State.Status, status, "the events lead to the status")
}

func zero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}

func (w *world) events(inv invoice.Invoice) []invoice.Event {
	w.t.Helper()
	events, err := w.svc.History(w.t.Context(), "shop", inv.ID, 0)
	require.NoError(w.t, err)
	return events
}

// told is the types of an invoice's events in order.
func (w *world) told(inv invoice.Invoice) []invoice.EventType {
	var out []invoice.EventType
	for _, ev := range w.events(inv) {
		out = append(out, ev.Type)
	}
	return out
}

func (w *world) payload(ev invoice.Event) invoice.Payload {
	var p invoice.Payload
	require.NoError(w.t, json.Unmarshal(ev.Body, &p))
	return p
}
