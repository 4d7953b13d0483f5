package cryptomus_test

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// fakeSpender pays from one address of its network, one payout in a transaction. The test says what its chain knows.
type fakeSpender struct {
	network chain.Network
	coin    chain.AssetID

	mu      sync.Mutex // guards what follows
	nonce   int
	mined   map[string]payout.Sighting // by the id on the chain
	taken   bool                       // somebody else has spent with our key
	funding map[string]payout.Move
	never   string // a receiver that can never be paid
}

// Fees of the fake chain, in base units of its coin: the greatest of a payout, and what a transaction costs.
var (
	maxFee = big.NewInt(1_000_000_000_000_000)
	netFee = big.NewInt(400_000_000_000_000)
)

func (f *fakeSpender) with(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fakeSpender) Network() chain.Network  { return f.network }
func (f *fakeSpender) FeeAsset() chain.AssetID { return f.coin }
func (f *fakeSpender) Lane() chain.Address     { return "lane" }

func (f *fakeSpender) Receiver(_ context.Context, _ chain.Asset, to string, units *big.Int) (chain.Address, error) {
	switch {
	case strings.HasPrefix(to, "notpaid"):
		return "", &payout.RefusedError{Code: payout.RefusedAsset}
	case !strings.HasPrefix(to, "receiver"):
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "not an address of the fake chain"}
	case units != nil && units.Cmp(big.NewInt(5)) < 0:
		return "", &payout.RefusedError{Code: payout.RefusedDust}
	}
	return chain.Address(to), nil
}

func (f *fakeSpender) lane(asset chain.AssetID) payout.Holding {
	return payout.Holding{Network: f.network, Name: "lane/" + string(asset), Asset: asset, Address: "lane", Wallet: "w", Branch: 1}
}

func (f *fakeSpender) Plan(ctx context.Context, w payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	open, err := w.Open(ctx)
	if err != nil {
		return payout.Plan{}, err
	}
	for _, p := range queued {
		if string(p.To) == f.never {
			return payout.Plan{Refused: map[string]string{p.ID: "it takes nothing"}}, nil
		}
		moves := []payout.Move{{Holding: f.lane(f.coin), Units: new(big.Int).Neg(netFee), Fee: true}}
		if p.Asset.ID == f.coin {
			moves[0].Units = new(big.Int).Sub(moves[0].Units, p.Units)
		} else {
			moves = append(moves, payout.Move{Holding: f.lane(p.Asset.ID), Units: new(big.Int).Neg(p.Units)})
		}
		short := slices.ContainsFunc(moves, func(m payout.Move) bool {
			free, err := payout.Free(ctx, w, open, m.Holding.Name, "")
			return err != nil || free.CmpAbs(m.Units) < 0 || free.Sign() < 0
		})
		if short {
			continue
		}
		f.nonce++
		anchor := fmt.Sprintf("nonce:%d", f.nonce)
		return payout.Plan{Lane: "lane", Anchor: anchor, Payouts: []string{p.ID}, Version: payout.Version{
			Unsigned: fmt.Appendf(nil, "%s pays %s of %s to %s", anchor, p.Units, p.Asset.ID, p.To), Fee: netFee, Spends: []string{anchor}, Moves: moves, At: start,
		}}, nil
	}
	return payout.Plan{}, payout.ErrNoCoins
}

func (f *fakeSpender) Replace(context.Context, payout.Wallet, payout.Transaction, *big.Int) (payout.Version, error) {
	return payout.Version{}, payout.ErrNoReplacement
}

func (f *fakeSpender) Verify(v payout.Version, signed []byte) ([]byte, string, error) {
	name, _, _ := strings.Cut(string(v.Unsigned), " ")
	return signed, "tx:" + name, nil
}

func (f *fakeSpender) Send(context.Context, payout.Version) error { return nil }

func (f *fakeSpender) Look(_ context.Context, t payout.Transaction) (payout.Look, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := payout.Look{Taken: f.taken, TakenFinal: f.taken}
	for _, v := range t.Versions {
		seen := f.mined[v.TxID]
		seen.Pooled = v.Signed() && seen.Height == 0
		l.Versions = append(l.Versions, seen)
	}
	return l, nil
}

func (f *fakeSpender) Holding(d payout.Deposit) payout.Holding { return f.lane(d.Asset) }

func (f *fakeSpender) Funding(_ context.Context, txID string) ([]payout.Move, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if move, has := f.funding[txID]; has {
		return []payout.Move{move}, nil
	}
	return nil, payout.ErrNotFound
}

func (f *fakeSpender) Received(context.Context, string, chain.Address, chain.AssetID) (*big.Int, error) {
	return nil, payout.ErrNotFound
}

func (f *fakeSpender) Audit(context.Context, []payout.Holding) ([]*big.Int, error) { return nil, nil }

func (f *fakeSpender) Sign(_ context.Context, r payout.SignRequest) ([]byte, error) {
	return append([]byte("signed "), r.Unsigned...), nil
}

// openPayouts adds money out to a world: COIN and USDT on sim, and USDT on alt, whose fees the operator pays.
func (w *world) openPayouts(notifier *webhook.Notifier, change func(*payout.Config)) (err error) {
	cfg := payout.Config{
		Store: w.store, Invoices: w.store, Notifier: notifier, Receivers: w.projects, Now: w.now, Holder: "test",
		CheckCallback: func(string) error { return nil },
	}
	w.spenders = map[chain.Network]*fakeSpender{}
	for _, c := range w.currencies() {
		network := c.Asset.ID.Network()
		at := slices.IndexFunc(cfg.Networks, func(n payout.NetworkConfig) bool { return n.Spender.Network() == network })
		if at < 0 {
			s := &fakeSpender{network: network, coin: chain.AssetID(network) + "/slip44:1", mined: map[string]payout.Sighting{}, funding: map[string]payout.Move{}}
			w.spenders[network] = s
			at = len(cfg.Networks)
			cfg.Networks = append(cfg.Networks, payout.NetworkConfig{Spender: s, Signer: s})
		}
		cfg.Networks[at].Assets = append(cfg.Networks[at].Assets, payout.AssetConfig{Asset: c.Asset, MaxFee: maxFee})
	}
	if change != nil {
		change(&cfg)
	}
	w.payouts, err = payout.New(cfg)
	return err
}

func sources() map[string]invoice.RateSource {
	return map[string]invoice.RateSource{"Kucoin": dear{}, "BinanceP2P": dear{}, "Exmo": rates.NewFixed(nil, nil)}
}

func personal(project string) string { return "owner of " + project }

// fund gives a project, or the operator's float, an amount in base units.
func (w *world) fund(t testing.TB, project string, asset chain.AssetID, units string) {
	t.Helper()
	s := w.spenders[asset.Network()]
	id := fmt.Sprint("fund", len(s.funding))
	s.with(func() { s.funding[id] = payout.Move{Holding: s.lane(asset), Units: bigInt(units)} })
	require.NoError(t, w.payouts.Fund(context.Background(), asset.Network(), id, project, "operator"))
}

func bigInt(text string) *big.Int {
	n, _ := new(big.Int).SetString(text, 10)
	return n
}

// Assets of the world.
const (
	coin   chain.AssetID = "sim:1/slip44:1"
	usdt   chain.AssetID = "sim:1/erc20:0xaa"
	alt    chain.AssetID = "sim:2/erc20:0xbb"
	altFee chain.AssetID = "sim:2/slip44:1"
)

// rich gives the shop 10 COIN, 1000 USDT on sim and 500 on alt, and the operator what fees cost.
func (w *world) rich(t testing.TB) {
	t.Helper()
	w.fund(t, w.shop.id, coin, "10000000000000000000")
	w.fund(t, w.shop.id, usdt, "1000000000")
	w.fund(t, w.shop.id, alt, "500000000000000000000")
	w.fund(t, "", coin, "1000000000000000000")
	w.fund(t, "", altFee, "1000000000000000000")
}

// out makes a request with the shop's payout key.
func (w *world) out(t testing.TB, path, body string) answer {
	t.Helper()
	return w.send(t, w.api, w.request("POST", path, w.shop, w.shop.payout, body))
}

// payOut makes a payout of the shop.
func (w *world) payOut(t testing.TB, body string) map[string]any {
	t.Helper()
	return w.out(t, "/payout", body).result(t)
}

// look lets the service pay what waits on a network.
func (w *world) look(t testing.TB, network chain.Network) {
	t.Helper()
	require.NoError(t, w.payouts.Look(context.Background(), network))
}

// mine puts the transaction of a payout into a final block, where it fails or not. What failed is buried at once: before that, no other
// refund takes its place.
func (w *world) mine(t testing.TB, id string, fails bool) (txid string) {
	t.Helper()
	p, err := w.payouts.Payout(context.Background(), w.shop.id, id)
	require.NoError(t, err)
	require.NotEmpty(t, p.State.TxID, "%s %s %s", p.State.Status, p.State.Reason, p.State.Detail)
	network := p.Asset.ID.Network()
	s := w.spenders[network]
	s.with(func() {
		s.mined[p.State.TxID] = payout.Sighting{Height: 7, Final: true, Buried: fails, Failed: fails, Fee: netFee}
	})
	w.look(t, network)
	w.look(t, network)
	return p.State.TxID
}

// brought stores a payment of an invoice or a wallet in a block that is deep enough, with the status that the invoice has
// then, and books it.
func (w *world) brought(t testing.TB, id, txid, units string, status invoice.Status, seen time.Time) {
	t.Helper()
	ctx := context.Background()
	inv, err := w.store.Invoice(ctx, id)
	require.NoError(t, err)
	network := inv.Quote.Asset.ID.Network()
	p := invoice.Payment{
		Key: chain.Key{Network: network, TxID: txid, Index: "0"}, Invoice: id, Asset: inv.Quote.Asset.ID, To: inv.Quote.Address,
		Units: bigInt(units), Credit: bigInt(units), FirstSeen: seen, Block: invoice.BlockRef{Height: 5, Hash: "block", Time: seen},
	}
	inv.Version++
	inv.Seq++
	inv.State.Status = status
	if !inv.Terms.Standing {
		inv.State.Received, inv.State.Confirmed, inv.State.Counted = bigInt(units), bigInt(units), bigInt(units)
		inv.State.Closed, inv.State.CompletedAt = true, seen
		if inv.State.Received.Cmp(inv.Quote.Due) > 0 {
			inv.State.Outcome = invoice.OutcomeOver
		}
	}
	inv.Payments = append(inv.Payments, p)
	ev := invoice.Event{ID: fmt.Sprintf("evt_%s_%d", id, inv.Seq), Invoice: id, Project: inv.Project, Seq: inv.Seq, Type: "invoice.seen", At: seen, Body: []byte(`{}`)}
	progress, err := w.store.Network(ctx, network)
	require.NoError(t, err)
	progress.Network, progress.At, progress.Cursor = network, seen, chain.Cursor("x")
	progress.Version++
	progress.Head = chain.Head{Height: 9, Hash: "head", Time: seen}
	require.NoError(t, w.store.Commit(ctx, invoice.Batch{
		Update: []invoice.Invoice{inv}, Payments: []invoice.Payment{p}, Events: []invoice.Event{ev}, Progress: []invoice.Progress{progress},
	}))
	require.NoError(t, w.payouts.Book(ctx))
}

// sound requires that the ledger adds up.
func (w *world) sound(t testing.TB) {
	t.Helper()
	require.NoError(t, w.payouts.Recount(context.Background()))
	all, err := w.payouts.Solvency(context.Background())
	require.NoError(t, err)
	for _, a := range all {
		require.Equal(t, a.Owed.String(), a.Held.String(), a.Asset)
	}
}

// has returns what a project has of an asset, as "available 10, reserved 2".
func (w *world) has(t testing.TB, project string, asset chain.AssetID) string {
	t.Helper()
	all, err := w.payouts.Balance(context.Background(), project)
	require.NoError(t, err)
	var out []string
	for _, b := range all {
		if b.Account.Asset == asset && b.Account.Kind != payout.External && b.Units.Sign() != 0 {
			out = append(out, fmt.Sprintf("%s %s", b.Account.Kind, b.Units))
		}
	}
	return strings.Join(out, ", ")
}

var _ cryptomus.Payouts = (*payout.Service)(nil)

// brings returns an invoice of 1 COIN that was paid with an amount in base units, and booked.
func (w *world) brings(t testing.TB, order, units string) (id string) {
	t.Helper()
	id = w.create(t, `{"amount":"1","currency":"COIN","order_id":"`+order+`"}`)["uuid"].(string)
	w.brought(t, id, "brought-"+order, units, invoice.StatusCompleted, w.now())
	return id
}
