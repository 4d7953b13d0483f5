package itispay_test

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// till is a payout.Service on the store of a world.
type till struct {
	*payout.Service
	t       testing.TB
	network chain.Network
	spender *stage.Spender
	bank    *bank
}

const (
	bankNetwork chain.Network = "sepa:main"
	euro        chain.AssetID = "sepa:main/iso4217:EUR"
)

// openTill returns a till that pays SIM and TOK, with a greatest fee of 0.001 SIM.
func (w *world) openTill(t testing.TB, change func(*payout.Config)) *till {
	t.Helper()
	sim, tok := w.chain.Asset("SIM"), w.chain.Asset("TOK")
	s := &stage.Spender{Coin: sim.ID, Start: start, One: true}
	b := &bank{has: map[string]payout.Instruction{}}
	backend := w.store.Backend.(store.Backend)
	notifier, err := webhook.NewNotifier(itispay.NewFormat(), webhook.Standard())
	require.NoError(t, err)
	cfg := payout.Config{
		Store: backend, Invoices: backend, Notifier: notifier, CheckCallback: anywhere, Now: w.now, Holder: "one",
		Networks: []payout.NetworkConfig{{
			Spender: s, Signer: s,
			Assets: []payout.AssetConfig{{Asset: sim, MaxFee: units("1000000000000000")}, {Asset: tok, MaxFee: units("1000000000000000")}},
		}, {
			Provider: b, Assets: []payout.AssetConfig{{Asset: chain.Asset{ID: euro, Code: "EUR", Decimals: 2}, MaxFee: big.NewInt(10)}},
		}},
	}
	if change != nil {
		change(&cfg)
	}
	service, err := payout.New(cfg)
	require.NoError(t, err)
	return &till{service, t, sim.ID.Network(), s, b}
}

// newTill returns a world whose API pays out. The shop has 10 SIM, 1000 TOK and 1000 EUR, and the operator 1 SIM for fees.
func newTill(t testing.TB, o options, change func(*payout.Config)) (*world, *till) {
	t.Helper()
	if o.service == nil {
		o.service = told
	}
	w := newWorld(t, o)
	p := w.openTill(t, change)
	p.fund(w.project, w.chain.Asset("SIM"), "10000000000000000000")
	p.fund(w.project, w.chain.Asset("TOK"), "1000000000")
	p.fund("", w.chain.Asset("SIM"), "1000000000000000000")
	require.NoError(t, p.Fund(context.Background(), bankNetwork, "incoming", w.project, "ben"))
	w.api = w.newAPI(t, func(c *itispay.Config) {
		if o.api != nil {
			o.api(c)
		}
		c.Payouts = p
		c.Fiat = inEuro
	})
	return w, p
}

func (p *till) fund(project string, asset chain.Asset, amount string) {
	p.t.Helper()
	id := p.spender.Fund(asset.ID, units(amount))
	require.NoError(p.t, p.Fund(context.Background(), p.network, id, project, "ben"))
}

// look does what is to be done, once.
func (p *till) look() {
	p.t.Helper()
	require.NoError(p.t, p.Look(context.Background(), p.network))
}

// pay pays everything that can be paid.
func (p *till) pay() {
	p.t.Helper()
	for range 3 { // one plans, one finds it in a block, one sees that nothing is left
		p.look()
		p.spender.Mine()
	}
}

// balance returns the project's balances that are not zero.
func (p *till) balance(project string) map[string]string {
	p.t.Helper()
	all, err := p.Balance(context.Background(), project)
	require.NoError(p.t, err)
	out := map[string]string{}
	for _, b := range all {
		if b.Units.Sign() != 0 {
			out[fmt.Sprint(b.Account.Kind, " ", b.Account.Asset.Reference())] = b.Units.String()
		}
	}
	return out
}

// payouts returns all payouts, oldest first.
func (p *till) payouts() []payout.Payout {
	p.t.Helper()
	page, err := p.Payouts(context.Background(), payout.Query{Oldest: true, Limit: 1000})
	require.NoError(p.t, err)
	return page.Payouts
}

// byKey returns the payout with the key.
func (p *till) byKey(key string) payout.Payout {
	p.t.Helper()
	page, err := p.Payouts(context.Background(), payout.Query{Search: key})
	require.NoError(p.t, err)
	require.Len(p.t, page.Payouts, 1)
	return page.Payouts[0]
}

// sound checks that the books add up, counted again.
func (p *till) sound() {
	p.t.Helper()
	require.NoError(p.t, p.Recount(context.Background()))
	all, err := p.Solvency(context.Background())
	require.NoError(p.t, err)
	for _, a := range all {
		require.Equal(p.t, a.Owed.String(), a.Held.String(), a.Asset)
	}
}

// table gets the export of settlements, and checks what every response has.
func (w *world) table(t testing.TB, key string) string {
	t.Helper()
	r := w.request("GET", "/invoices/settlements", key, "")
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	require.Equal(t, http.StatusOK, rec.Code, rec.Body)
	require.Equal(t, "text/csv; charset=utf-8", rec.Header().Get("Content-Type"))
	contract.Fits(t, w.api, r, rec.Code, rec.Header(), rec.Body.Bytes())
	return rec.Body.String()
}

// pays makes a payout with the headers that it needs.
func (w *world) pays(t testing.TB, key, body string, header ...string) answer {
	t.Helper()
	r := w.request("POST", "/payouts", key, body)
	r.Header.Set("X-Client-ID", "client-1")
	r.Header.Set("X-Project-ID", "project-1")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return w.send(t, w.api, r)
}

// thirds is a source of rates of 3.
type thirds struct{}

func (thirds) Rate(_ context.Context, p rates.Pair) (rates.Rate, error) {
	return rates.Rate{Pair: p, Value: decimal.NewFromInt(3), Time: start, Source: "thirds"}, nil
}

// moving is a source whose rate changes.
type moving struct{ rate *int64 }

func (m moving) Rate(_ context.Context, p rates.Pair) (rates.Rate, error) {
	return rates.Rate{Pair: p, Value: decimal.NewFromInt(*m.rate), Time: start, Source: "moving"}, nil
}

// late is a till in which a payout appears only after somebody has looked for it.
type late struct {
	*till
	looked bool
}

func (l *late) PayoutByKey(ctx context.Context, project, key string) (payout.Payout, error) {
	if !l.looked {
		l.looked = true
		return payout.Payout{}, payout.ErrNotFound
	}
	return l.till.PayoutByKey(ctx, project, key)
}

// inEuro returns the asset of bank transfers in EUR.
func inEuro(currency string) (chain.AssetID, bool) { return euro, currency == "EUR" }

// bank keeps an account of 1000 EUR.
type bank struct {
	mu   sync.Mutex // guards what follows
	has  map[string]payout.Instruction
	paid bool // everything that it has
}

func (b *bank) Network() chain.Network { return bankNetwork }
func (b *bank) Account() chain.Address { return "DE00SHOP" }

func (b *bank) Receiver(_ context.Context, _ chain.Asset, to string, _ payout.Beneficiary, _ *big.Int) (chain.Address, error) {
	if !strings.HasPrefix(to, "DE") {
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "no IBAN"}
	}
	return chain.Address(strings.ReplaceAll(to, " ", "")), nil
}

func (b *bank) Submit(_ context.Context, in payout.Instruction) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.has[in.ID] = in
	return nil
}

func (b *bank) Ask(_ context.Context, id string) (payout.Progress, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch _, has := b.has[id]; {
	case !has:
		return payout.Progress{}, payout.ErrNotFound
	case b.paid:
		return payout.Progress{Outcome: payout.OutcomePaid}, nil
	}
	return payout.Progress{Outcome: payout.OutcomePending}, nil
}

func (b *bank) Funding(context.Context, string) (chain.AssetID, *big.Int, error) {
	return euro, big.NewInt(100_000), nil
}

func (b *bank) Balance(context.Context, chain.AssetID) (*big.Int, error) {
	return big.NewInt(100_000), nil
}
