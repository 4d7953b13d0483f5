package payouttest_test

import (
	"context"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/invoice/invoicetest"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

// TestTheBooksFollowTheCore plays the worlds of the core, with its reorganisations, crashes and restored backups, while the
// books are kept in the same store. In the end they say of every invoice what the chain brought.
func TestTheBooksFollowTheCore(t *testing.T) {
	n := 60
	if *seeds > 0 {
		n = *seeds / 4
	}
	if testing.Short() {
		n = 8
	}
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	t.Logf("first seed %d", first)
	for i := range uint64(n) {
		last := &lastStore{}
		res := invoicetest.Play(t, invoicetest.Config{Open: last.open, Seed: first + i})
		require.Nil(t, res.Failure, "world %d", first+i)
		checkBooks(t, first+i, last.store)
	}
	t.Logf("%d worlds, the books of each as its chain", n)
}

// lastStore is the store of a world; after a restore it is another one.
type lastStore struct{ store *store.Memory }

// open returns an empty store, whose books are kept while the world goes on.
func (l *lastStore) open(t *testing.T) invoice.Store {
	s := store.NewMemory()
	l.store = s
	svc := booksOf(t, s)
	go func() {
		for t.Context().Err() == nil {
			_ = svc.Book(t.Context()) // while the core writes, it may be late
			select {
			case <-t.Context().Done():
			case <-time.After(7 * time.Second):
			}
		}
	}()
	return s
}

// booksOf returns a service that pays nothing.
func booksOf(t *testing.T, s *store.Memory) *payout.Service {
	t.Helper()
	var networks []payout.NetworkConfig
	for _, net := range []chain.Network{"sim:1", "sim:2"} {
		networks = append(networks, payout.NetworkConfig{Spender: still{network: net}, Assets: []payout.AssetConfig{
			{Asset: chain.Asset{ID: chain.AssetID(net) + "/slip44:1", Code: "SIM", Decimals: 18}, MaxFee: big.NewInt(1)},
		}})
	}
	svc, err := payout.New(payout.Config{Store: s, Invoices: s, Networks: networks})
	require.NoError(t, err)
	return svc
}

// still is a spender of networks on which nothing is paid.
type still struct {
	payout.Spender
	network chain.Network
}

func (s still) Network() chain.Network  { return s.network }
func (s still) FeeAsset() chain.AssetID { return chain.AssetID(s.network) + "/slip44:1" }

func (s still) Holding(d payout.Deposit) payout.Holding {
	return payout.Holding{Network: s.network, Name: d.Key.TxID + ":" + d.Key.Index, Asset: d.Asset, Address: d.To}
}

// checkBooks compares the books of a world that is over with its payments.
func checkBooks(t *testing.T, seed uint64, s *store.Memory) {
	t.Helper()
	ctx := context.Background()
	svc := booksOf(t, s)
	deep := map[chain.Network]uint64{}
	for _, net := range []chain.Network{"sim:1", "sim:2"} {
		p, err := s.Network(ctx, net)
		require.NoError(t, err)
		if p.Version == 0 {
			continue
		}
		p.Version++
		p.Head.Height++ // what no block had is looked at again with the next one
		require.NoError(t, s.Commit(ctx, invoice.Batch{Progress: []invoice.Progress{p}}))
		deep[net] = p.Head.Height
	}
	for range 3 {
		require.NoError(t, svc.Book(ctx), "world %d", seed)
	}
	require.NoError(t, svc.Recount(ctx), "world %d", seed)
	page, err := s.Invoices(ctx, invoice.Query{Limit: 1000})
	require.NoError(t, err)
	for _, inv := range page.Invoices {
		want := map[chain.AssetID]*big.Int{}
		payments, err := s.Payments(ctx, inv.ID, chain.Key{}, 1000)
		require.NoError(t, err)
		for _, p := range payments {
			if !p.Withdrawn && p.Block.Hash != "" && p.Block.Height <= deep[p.Key.Network] {
				if want[p.Asset] == nil {
					want[p.Asset] = new(big.Int)
				}
				want[p.Asset].Add(want[p.Asset], p.Units)
			}
		}
		credit, err := s.Credit(ctx, inv.ID)
		require.NoError(t, err)
		for asset, units := range want {
			require.NotNil(t, credit.Received[asset], "world %d: invoice %s brought %s of %s", seed, inv.ID, units, asset)
			require.Equal(t, units.String(), credit.Received[asset].String(), "world %d: invoice %s, %s", seed, inv.ID, asset)
		}
		for asset, units := range credit.Received {
			require.True(t, units.Sign() == 0 || want[asset] != nil, "world %d: invoice %s brought no %s", seed, inv.ID, asset)
		}
	}
}
