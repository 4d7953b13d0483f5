package itispay_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/internal/contract"
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
	spender *spender
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
	s := &spender{coin: sim.ID, mined: map[string]bool{}, funding: map[string]payout.Move{}}
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
	id := fmt.Sprint("fund", len(p.spender.funding))
	p.spender.funding[id] = payout.Move{Holding: laneOf(asset.ID), Units: units(amount)}
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
		p.spender.mine()
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

// spender pays from one address of a chain that takes everything. It signs by itself.
type spender struct {
	coin    chain.AssetID
	mu      sync.Mutex // guards what follows
	nonce   int
	sent    []string
	mined   map[string]bool
	funding map[string]payout.Move
	down    error // of the node
}

const feeOfSpender = 1_000_000_000 // base units of SIM

func laneOf(asset chain.AssetID) payout.Holding {
	return payout.Holding{Network: asset.Network(), Name: "lane/" + asset.Reference(), Asset: asset, Address: "lane", Wallet: "w", Branch: 1}
}

func (s *spender) mine() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.sent {
		s.mined[id] = true
	}
}

func (s *spender) Network() chain.Network  { return s.coin.Network() }
func (s *spender) FeeAsset() chain.AssetID { return s.coin }
func (s *spender) Lane() chain.Address     { return "lane" }

func (s *spender) Receiver(_ context.Context, _ chain.Asset, to string, units *big.Int) (chain.Address, error) {
	switch {
	case s.down != nil:
		return "", s.down
	case !strings.HasPrefix(strings.ToLower(to), "sim1"):
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "not an address of Simulated"}
	case units != nil && units.Cmp(big.NewInt(5)) < 0:
		return "", &payout.RefusedError{Code: payout.RefusedDust, Reason: "less than the network relays"}
	}
	return chain.Address(strings.ToLower(to)), nil
}

func (s *spender) Plan(_ context.Context, _ payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonce++
	p, anchor := queued[0], fmt.Sprintf("nonce:%d", s.nonce)
	leaves := map[chain.AssetID]*big.Int{s.coin: big.NewInt(-feeOfSpender)}
	leaves[p.Asset.ID] = new(big.Int).Sub(leaves[s.coin], p.Units)
	if p.Asset.ID != s.coin {
		leaves[p.Asset.ID] = new(big.Int).Neg(p.Units)
	}
	v := payout.Version{Fee: big.NewInt(feeOfSpender), Spends: []string{anchor}, Unsigned: fmt.Appendf(nil, "%s pays %s to %s", anchor, p.Units, p.To), At: start}
	for _, asset := range slices.Sorted(maps.Keys(leaves)) {
		v.Moves = append(v.Moves, payout.Move{Holding: laneOf(asset), Units: leaves[asset], Fee: asset == s.coin})
	}
	return payout.Plan{Lane: "lane", Anchor: anchor, Version: v, Payouts: []string{p.ID}}, nil
}

func (s *spender) Replace(context.Context, payout.Wallet, payout.Transaction, *big.Int) (payout.Version, error) {
	return payout.Version{}, payout.ErrNoReplacement
}

func (s *spender) Sign(_ context.Context, r payout.SignRequest) ([]byte, error) {
	return append([]byte("signed "), r.Unsigned...), nil
}

func (s *spender) Verify(v payout.Version, signed []byte) ([]byte, string, error) {
	if !bytes.HasSuffix(signed, v.Unsigned) {
		return nil, "", payout.ErrDiffers
	}
	return signed, "0x" + strings.TrimPrefix(v.Spends[0], "nonce:"), nil
}

func (s *spender) Send(_ context.Context, v payout.Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, v.TxID)
	return nil
}

func (s *spender) Look(_ context.Context, t payout.Transaction) (payout.Look, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l payout.Look
	for _, v := range t.Versions {
		see := payout.Sighting{Pooled: slices.Contains(s.sent, v.TxID)}
		if s.mined[v.TxID] {
			see = payout.Sighting{Height: 7, Final: true, Buried: true, Fee: v.Fee}
		}
		l.Versions = append(l.Versions, see)
	}
	return l, nil
}

func (s *spender) Holding(d payout.Deposit) payout.Holding { return laneOf(d.Asset) }

func (s *spender) Funding(_ context.Context, txID string) ([]payout.Move, error) {
	return []payout.Move{s.funding[txID]}, nil
}

func (s *spender) Received(context.Context, string, chain.Address, chain.AssetID) (*big.Int, error) {
	return nil, payout.ErrNotFound
}

func (s *spender) Audit(_ context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	out := make([]*big.Int, len(holdings))
	for i, h := range holdings {
		out[i] = h.Units
	}
	return out, nil
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
