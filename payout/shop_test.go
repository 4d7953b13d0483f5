package payout_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const (
	network chain.Network = "eip155:1"
	coin    chain.AssetID = "eip155:1/slip44:60"
	token   chain.AssetID = "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7"
)

// fakeSpender pays from one address. The test says what its chain knows.
type fakeSpender struct {
	mu         sync.Mutex // guards what follows
	rate       int64      // the fee of a transaction
	nonce      int
	mined      map[string]payout.Sighting // by id on the chain
	taken      bool                       // the number of every transaction was used by another
	dead       bool                       // no transaction can ever be mined
	sent       []string                   // every call of Send
	sendErr    error
	planErr    error
	never      map[string]string // payouts that can never be paid, by receiver
	funding    map[string][]payout.Move
	brought    map[string]*big.Int // by foreign transactions: "txid asset receiver"
	planned    int                 // calls of Plan
	replaceErr error               // of Replace
	replacing  func()              // happens once during a call of Replace
}

func newFakeSpender() *fakeSpender {
	return &fakeSpender{rate: 2, mined: map[string]payout.Sighting{}, never: map[string]string{}, funding: map[string][]payout.Move{}, brought: map[string]*big.Int{}}
}

func (f *fakeSpender) with(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fakeSpender) Network() chain.Network  { return network }
func (f *fakeSpender) FeeAsset() chain.AssetID { return coin }
func (f *fakeSpender) Lane() chain.Address     { return "lane" }

func (f *fakeSpender) Receiver(_ context.Context, _ chain.Asset, to string, units *big.Int) (chain.Address, error) {
	switch {
	case strings.HasPrefix(to, "contract"):
		return "", &payout.RefusedError{Code: payout.RefusedContract, Reason: "takes no coins"}
	case !strings.HasPrefix(strings.ToLower(to), "addr"):
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "not an address of Ethereum"}
	case units != nil && units.Cmp(big.NewInt(5)) < 0:
		return "", &payout.RefusedError{Code: payout.RefusedDust, Reason: "less than 0.05"}
	}
	return chain.Address(strings.ToLower(to)), nil
}

func laneHolding(asset chain.AssetID) payout.Holding {
	return payout.Holding{Network: network, Name: "lane/" + asset.Reference(), Asset: asset, Address: "lane", Wallet: "w", Branch: 1}
}

// free returns what the lane has of the asset and no open transaction takes.
func (f *fakeSpender) free(ctx context.Context, w payout.Wallet, asset chain.AssetID) *big.Int {
	h, err := w.Holding(ctx, laneHolding(asset).Name)
	if err != nil {
		return new(big.Int)
	}
	open, _ := w.Open(ctx)
	for _, t := range open {
		if t.Stage == payout.StageFinal {
			continue
		}
		for _, m := range t.Last().Moves {
			if m.Holding.Asset == asset {
				h.Units = new(big.Int).Add(h.Units, m.Units)
			}
		}
	}
	return h.Units
}

func (f *fakeSpender) Plan(ctx context.Context, w payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.planned++
	if f.planErr != nil {
		return payout.Plan{}, f.planErr
	}
	waits := payout.ErrNoCoins
	for _, p := range queued {
		if why, is := f.never[string(p.To)]; is {
			return payout.Plan{Refused: map[string]string{p.ID: why}}, nil
		}
		need := new(big.Int).Set(p.Units)
		if p.Asset.ID == coin {
			need.Add(need, big.NewInt(f.rate))
		}
		switch {
		case f.rate > p.Fee.Int64():
			waits = payout.ErrFeeTooHigh
		case f.free(ctx, w, p.Asset.ID).Cmp(need) >= 0:
			f.nonce++
			v := f.version([]payout.Payout{p}, fmt.Sprintf("nonce:%d", f.nonce), f.rate, false)
			return payout.Plan{Lane: "lane", Anchor: v.Spends[0], Version: v, Payouts: []string{p.ID}}, nil
		}
	}
	return payout.Plan{}, waits
}

// version returns an unsigned transaction of the payouts, or one that pays only ourselves.
func (f *fakeSpender) version(payouts []payout.Payout, nonce string, fee int64, cancels bool) payout.Version {
	v := payout.Version{Fee: big.NewInt(fee), Spends: []string{nonce}, Cancels: cancels, At: noon}
	text := fmt.Sprintf("%s fee %d", nonce, fee)
	leaves := map[chain.AssetID]*big.Int{}
	for _, p := range payouts {
		text += fmt.Sprintf(" %s to %s", p.Units, p.To)
		if leaves[p.Asset.ID] == nil {
			leaves[p.Asset.ID] = new(big.Int)
		}
		leaves[p.Asset.ID].Sub(leaves[p.Asset.ID], p.Units)
	}
	if leaves[coin] == nil {
		leaves[coin] = new(big.Int)
	}
	leaves[coin].Sub(leaves[coin], v.Fee)
	for _, asset := range slices.Sorted(maps.Keys(leaves)) {
		v.Moves = append(v.Moves, payout.Move{Holding: laneHolding(asset), Units: leaves[asset], Fee: asset == coin})
	}
	v.Unsigned = []byte(text)
	return v
}

func (f *fakeSpender) Replace(_ context.Context, _ payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if meanwhile := f.replacing; meanwhile != nil {
		f.replacing = nil
		f.mu.Unlock()
		meanwhile()
		f.mu.Lock()
	}
	if f.replaceErr != nil {
		return payout.Version{}, f.replaceErr
	}
	fee := max(t.Last().Fee.Int64()+1, f.rate)
	if t.Hurry != nil {
		fee = max(t.Last().Fee.Int64()+1, t.Hurry.Fee.Int64())
	}
	if big.NewInt(fee).Cmp(greatest) > 0 {
		return payout.Version{}, payout.ErrFeeTooHigh
	}
	if t.Cancel {
		return f.version(nil, t.Anchor, fee, true), nil
	}
	v := t.Last()
	v.Raw, v.TxID, v.Offered, v.Fee, v.At = nil, "", false, big.NewInt(fee), v.At.Add(time.Hour)
	v.Unsigned = fmt.Appendf(nil, "%s again", v.Unsigned)
	v.Moves = slices.Clone(v.Moves)
	for i, m := range v.Moves {
		if m.Fee {
			v.Moves[i].Units = new(big.Int).Sub(new(big.Int).Add(m.Units, t.Last().Fee), big.NewInt(fee))
		}
	}
	return v, nil
}

func signedForm(unsigned []byte) []byte { return append([]byte("signed "), unsigned...) }

func (f *fakeSpender) Verify(v payout.Version, signed []byte) ([]byte, string, error) {
	if !bytes.Equal(signed, signedForm(v.Unsigned)) {
		return nil, "", fmt.Errorf("the receiver was changed: %w", payout.ErrDiffers)
	}
	return signed, strings.ReplaceAll("tx "+string(v.Unsigned), " ", "_"), nil
}

func (f *fakeSpender) Send(_ context.Context, v payout.Version) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, v.TxID)
	return f.sendErr
}

func (f *fakeSpender) Look(_ context.Context, t payout.Transaction) (payout.Look, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := payout.Look{Taken: f.taken, TakenFinal: f.taken, Dead: f.dead}
	for _, v := range t.Versions {
		s := f.mined[v.TxID]
		s.Pooled = s.Height == 0 && slices.Contains(f.sent, v.TxID)
		l.Versions = append(l.Versions, s)
	}
	return l, nil
}

func (f *fakeSpender) Holding(d payout.Deposit) payout.Holding { return laneHolding(d.Asset) }

func (f *fakeSpender) Funding(_ context.Context, txID string) ([]payout.Move, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if moves := f.funding[strings.ToLower(txID)]; len(moves) > 0 { // as nodes do, it reads hexadecimal digits of both cases
		return moves, nil
	}
	return nil, payout.ErrNotFound
}

func (f *fakeSpender) Received(_ context.Context, txID string, to chain.Address, asset chain.AssetID) (*big.Int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if units := f.brought[fmt.Sprint(txID, " ", asset, " ", to)]; units != nil {
		return units, nil
	}
	return nil, payout.ErrNotFound
}

func (f *fakeSpender) Audit(_ context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	out := make([]*big.Int, len(holdings))
	for i, h := range holdings {
		out[i] = h.Units
	}
	return out, nil
}

// instantSigner signs everything at once, unless its error says otherwise.
type instantSigner struct {
	mu  sync.Mutex
	err error
}

func (s *instantSigner) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *instantSigner) Sign(_ context.Context, r payout.SignRequest) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return signedForm(r.Unsigned), nil
}

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// shop is a service on a store, with one network.
type shop struct {
	*payout.Service
	t       *testing.T
	store   store.Backend
	db      *sql.DB // of an SQLite store
	spender *fakeSpender
	signer  *instantSigner
	cfg     payout.Config
	mu      sync.Mutex
	clock   time.Time
	sales   map[string]*invoice.Invoice
}

func (s *shop) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *shop) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

// on opens a shop on each kind of store.
func on(t *testing.T, test func(t *testing.T, s *shop)) {
	t.Run("memory", func(t *testing.T) { test(t, newShop(t, store.NewMemory())) })
	t.Run("sqlite", func(t *testing.T) {
		db, err := sqlite.Open(filepath.Join(t.TempDir(), "shop.db"))
		require.NoError(t, err)
		require.NoError(t, sqlite.Migrate(t.Context(), db))
		b, err := sqlite.New(db)
		require.NoError(t, err)
		s := newShop(t, b)
		s.db = db
		test(t, s)
	})
}

func newMemoryShop(t *testing.T) *shop { return newShop(t, store.NewMemory()) }

func newShop(t *testing.T, b store.Backend) *shop {
	s := &shop{t: t, store: b, spender: newFakeSpender(), signer: &instantSigner{}, clock: noon, sales: map[string]*invoice.Invoice{}}
	asset := func(id chain.AssetID, code string) payout.AssetConfig {
		return payout.AssetConfig{Asset: chain.Asset{ID: id, Code: code, Decimals: 2}, MaxFee: big.NewInt(10)}
	}
	s.cfg = payout.Config{
		Store: b, Invoices: b, Now: s.now, Holder: "one",
		Networks: []payout.NetworkConfig{{
			Spender: s.spender, Signer: s.signer, Assets: []payout.AssetConfig{asset(coin, "ETH"), asset(token, "USDT")}, MaxTries: 3,
		}},
	}
	s.open(nil)
	return s
}

// open opens the service again, with a changed configuration.
func (s *shop) open(change func(*payout.Config)) {
	s.t.Helper()
	if change != nil {
		s.cfg.Networks = slices.Clone(s.cfg.Networks)
		s.cfg.Networks[0].Assets = slices.Clone(s.cfg.Networks[0].Assets)
		change(&s.cfg)
	}
	var err error
	s.Service, err = payout.New(s.cfg)
	require.NoError(s.t, err)
}

// fund gives a project, or the operator's float, coins or tokens.
func (s *shop) fund(project string, asset chain.AssetID, units int64) {
	s.t.Helper()
	id := fmt.Sprintf("0xfund%d", len(s.spender.funding))
	s.spender.with(func() {
		s.spender.funding[id] = []payout.Move{{Holding: laneHolding(asset), Units: big.NewInt(units)}}
	})
	require.NoError(s.t, s.Fund(s.t.Context(), network, id, project, "ben"))
}

func (s *shop) request(key string, amount string) payout.Request {
	return payout.Request{
		Project: "shop", Key: key, Asset: coin, To: "addr1", Units: decimal.RequireFromString(amount), Requester: "anna",
	}
}

func (s *shop) ask(key, amount string) payout.Payout {
	s.t.Helper()
	p, err := s.Request(s.t.Context(), s.request(key, amount))
	require.NoError(s.t, err)
	return p
}

func (s *shop) look() {
	s.t.Helper()
	require.NoError(s.t, s.Look(s.t.Context(), network))
}

func (s *shop) book() {
	s.t.Helper()
	require.NoError(s.t, s.Book(s.t.Context()))
}

// get returns the payout as it is stored.
func (s *shop) get(p payout.Payout) payout.Payout {
	s.t.Helper()
	p, err := s.Payout(s.t.Context(), p.Project, p.ID)
	require.NoError(s.t, err)
	return p
}

// status looks once, and returns the payout's status and reason.
func (s *shop) status(p payout.Payout) string {
	s.t.Helper()
	state := s.get(p).State
	return strings.TrimSpace(string(state.Status) + " " + string(state.Reason))
}

// mine puts the payout's transaction into a block that is final.
func (s *shop) mine(p payout.Payout) {
	s.t.Helper()
	id := s.get(p).State.TxID
	require.NotEmpty(s.t, id)
	s.spender.with(func() {
		s.spender.mined[id] = payout.Sighting{Height: 7, Final: true, Fee: big.NewInt(s.spender.rate)}
	})
}

// balance returns what the project has, as "available 10, reserved 2".
func (s *shop) balance(project string, asset chain.AssetID) string {
	s.t.Helper()
	all, err := s.Balance(s.t.Context(), project)
	require.NoError(s.t, err)
	var out []string
	for _, b := range all {
		if b.Account.Asset == asset && b.Account.Kind != payout.External && b.Units.Sign() != 0 {
			out = append(out, fmt.Sprintf("%s %s", b.Account.Kind, b.Units))
		}
	}
	return strings.Join(out, ", ")
}

// books returns all that a refusal must not change.
func (s *shop) books() string {
	s.t.Helper()
	entries, err := s.store.Entries(s.t.Context(), 0, 1000)
	require.NoError(s.t, err)
	events, err := s.store.Events(s.t.Context(), 0, 1000)
	require.NoError(s.t, err)
	page, err := s.Payouts(s.t.Context(), payout.Query{Limit: 1000})
	require.NoError(s.t, err)
	return fmt.Sprintf("%d entries, %d events, %d payouts, %s", len(entries), len(events), len(page.Payouts), s.balance("shop", coin))
}

// brought lets a foreign transaction have paid units to the receiver of p.
func (s *shop) brought(txID string, units int64, p payout.Payout) {
	s.spender.with(func() { s.spender.brought[fmt.Sprint(txID, " ", p.Asset.ID, " ", p.To)] = big.NewInt(units) })
}

// sound checks that the books add up, counted again.
func (s *shop) sound() {
	s.t.Helper()
	require.NoError(s.t, s.Recount(s.t.Context()))
	all, err := s.Solvency(s.t.Context())
	require.NoError(s.t, err)
	for _, a := range all {
		require.Equal(s.t, a.Owed.String(), a.Held.String(), a.Asset)
	}
}

// sell stores an invoice of the project, as the core does.
func (s *shop) sell(id string, due int64, fee int64) {
	s.t.Helper()
	inv := invoice.Invoice{
		ID: id, Project: "shop", OrderID: "order " + id, CreatedAt: noon, UpdatedAt: noon, Deadline: noon.AddDate(1, 0, 0),
		Quote: &invoice.Quote{
			Asset: chain.Asset{ID: coin, Code: "ETH", Decimals: 2}, Due: big.NewInt(due), Address: chain.Address("addr of " + id), Wallet: "w",
			Fee: big.NewInt(fee), At: noon,
		},
		State: invoice.State{Status: invoice.StatusNew}, Seq: 1, Version: 1,
	}
	require.NoError(s.t, s.store.Commit(s.t.Context(), invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{s.event(inv)}, Claims: []invoice.Claim{
		{Network: network, Place: invoice.Place{Address: inv.Quote.Address}, Invoice: id},
	}}))
	s.sales[id] = &inv
}

func (s *shop) event(inv invoice.Invoice) invoice.Event {
	return invoice.Event{
		ID: fmt.Sprintf("evt_%s_%d", inv.ID, inv.Seq), Invoice: inv.ID, Project: inv.Project, Seq: inv.Seq, Type: "invoice.seen", At: noon, Body: []byte(`{}`),
	}
}

// pay stores a payment of the invoice in the block; height 0 means that the chain took it back.
func (s *shop) pay(id string, n int, asset chain.AssetID, units int64, height uint64, status invoice.Status) {
	s.t.Helper()
	inv := s.sales[id]
	inv.Version++
	inv.Seq++
	inv.State.Status = status
	p := invoice.Payment{
		Key: chain.Key{Network: network, TxID: fmt.Sprintf("%s.%d", id, n), Index: "0"}, Invoice: id, Asset: asset, To: inv.Quote.Address,
		Units: big.NewInt(units), Credit: big.NewInt(units), FirstSeen: noon, Withdrawn: height == 0,
	}
	if height > 0 {
		p.Block = invoice.BlockRef{Height: height, Hash: fmt.Sprint("block ", height), Time: noon}
	}
	require.NoError(s.t, s.store.Commit(s.t.Context(), invoice.Batch{
		Update: []invoice.Invoice{*inv}, Payments: []invoice.Payment{p}, Events: []invoice.Event{s.event(*inv)},
	}))
}

// head tells the store how high the chain is.
func (s *shop) head(height uint64) {
	s.t.Helper()
	p, err := s.store.Network(s.t.Context(), network)
	require.NoError(s.t, err)
	p.Network, p.Version, p.At, p.Cursor = network, p.Version+1, noon, chain.Cursor("x")
	p.Head = chain.Head{Height: height, Hash: fmt.Sprint(height), Time: noon}
	require.NoError(s.t, s.store.Commit(s.t.Context(), invoice.Batch{Progress: []invoice.Progress{p}}))
}
