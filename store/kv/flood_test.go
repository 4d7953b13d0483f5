package kv_test

import (
	"context"
	"fmt"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// bounded refuses updates that write more keys or bytes than it allows.
type bounded struct {
	kv.DB
	keys  int
	bytes int64
}

// newBounded allows what store/etcd allows if it is not told otherwise.
func newBounded() *bounded {
	return &bounded{DB: &sorted{}, keys: 20_000, bytes: 8 << 20}
}

func (db *bounded) Update(ctx context.Context, f func(kv.Tx) error) error {
	return db.DB.Update(ctx, func(tx kv.Tx) error {
		w := &boundedTx{Tx: tx, sizes: map[string]int{}}
		if err := f(w); err != nil {
			return err
		}
		size := 0
		for key, value := range w.sizes {
			size += len(key) + value
		}
		if len(w.sizes) > db.keys || int64(size) > db.bytes {
			return fmt.Errorf("%w: %d keys with %d bytes", invoice.ErrTooLarge, len(w.sizes), size)
		}
		return nil
	})
}

// boundedTx counts the last value of each key.
type boundedTx struct {
	kv.Tx
	sizes map[string]int
}

func (tx *boundedTx) Put(key, value []byte) error {
	tx.sizes[string(key)] = len(value)
	return tx.Tx.Put(key, value)
}

func (tx *boundedTx) Delete(key []byte) error {
	tx.sizes[string(key)] = 0
	return tx.Tx.Delete(key)
}

// receivers are endpoints of every project.
type receivers int

func (n receivers) Receivers(context.Context, string) (out []invoice.Endpoint, err error) {
	for i := range n {
		id := fmt.Sprintf("0197f3a0-0000-7000-8000-%012d", i)
		out = append(out, invoice.Endpoint{ID: id, URL: fmt.Sprintf("https://hooks.shop.example/cointill/%d", i)})
	}
	return out, nil
}

type wallet struct{ chain *chaintest.Chain }

func (wallet) Name() string { return "hot" }

func (w wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// shop is one that a stranger floods with payments.
type shop struct {
	t     *testing.T
	chain *chaintest.Chain
	*invoice.Service
}

var tether = chain.Asset{ID: "eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7", Code: "USDT", Decimals: 6}

// inShop runs a test in a shop, in a bubble of its own.
func inShop(t *testing.T, db kv.DB, to receivers, test func(t *testing.T, s *shop)) {
	synctest.Test(t, func(t *testing.T) {
		sim := chaintest.NewChain(chaintest.Config{Network: "eip155:1", Assets: []chain.Asset{tether}, Start: time.Now(), Seed: "flood"})
		watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim, Poll: time.Second})
		require.NoError(t, err)
		notifier, err := webhook.NewNotifier(webhook.Standard())
		require.NoError(t, err)
		service, err := invoice.New(invoice.Config{
			Store: kv.New(db), Notifier: notifier, Receivers: to, Chains: []invoice.ChainConfig{{
				Watcher: watcher, Addresses: wallet{sim}, Assets: []invoice.AssetConfig{{Asset: tether}},
			}},
		})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- service.Run(ctx) }()
		defer func() {
			stop()
			require.NoError(t, <-done)
		}()
		s := &shop{t, sim, service}
		s.mine()
		test(t, s)
	})
}

// mine adds a block, and lets it be seen.
func (s *shop) mine() {
	s.chain.MineAt(time.Now())
	time.Sleep(10 * time.Second)
}

func (s *shop) create(order string) invoice.Invoice {
	inv, err := s.Create(s.t.Context(), invoice.Request{
		Project: "0197f3a0-0000-7000-8000-00000000shop", OrderID: order, Asset: "USDT",
		Price: invoice.Price{Currency: "USDT", Amount: decimal.NewFromInt(5000)},
	})
	require.NoError(s.t, err)
	return inv
}

// flood pays an invoice by many outputs of one transaction.
func (s *shop) flood(inv invoice.Invoice, payments int) {
	outputs := make([]chaintest.Output, payments)
	for i := range outputs {
		outputs[i] = chaintest.Output{To: inv.Quote.Address, Asset: tether, Units: big.NewInt(1_000_000)}
	}
	s.chain.Send(outputs...)
}

// seen returns how many payments of the invoice are known.
func (s *shop) seen(inv invoice.Invoice) int {
	inv, err := s.Invoice(s.t.Context(), inv.Project, inv.ID)
	require.NoError(s.t, err)
	return inv.PaymentCount()
}

// The figures are those of OPERATING.md, and of the block that costs most: beyond 50 payments, events show only some.
func TestManyPaymentsOfABlockToOneInvoiceAreOneUpdate(t *testing.T) {
	if testing.Short() {
		t.Skip("plays thousands of payments: not with -short")
	}
	for _, c := range []struct {
		to       receivers
		payments int
	}{{1, 1200}, {4, 800}, {10, 500}, {16, 350}, {16, 50}} {
		t.Run(fmt.Sprintf("%d to %d endpoints", c.payments, c.to), func(t *testing.T) {
			inShop(t, newBounded(), c.to, func(t *testing.T, s *shop) {
				inv := s.create("4711")
				s.flood(inv, c.payments)
				s.mine()
				require.Equal(t, c.payments, s.seen(inv))
			})
		})
	}
}

func TestWhatIsTooLargeForAnUpdateIsStoredInPortions(t *testing.T) {
	inShop(t, &bounded{DB: &sorted{}, keys: 20_000, bytes: 300_000}, 1, func(t *testing.T, s *shop) {
		inv, other := s.create("4711"), s.create("4712")
		s.flood(inv, 300)
		s.flood(other, 1)
		s.mine()
		require.Equal(t, 300, s.seen(inv))
		require.Equal(t, 1, s.seen(other))
		s.isWell()
		for range 20 { // until all are deep enough, and settled as far as the bound allows
			s.mine()
		}
		require.Equal(t, 300, s.seen(inv))
		s.isWell()
	})
}

// isWell checks that nothing failed, and that nothing is set aside.
func (s *shop) isWell() {
	health, err := s.Health(s.t.Context())
	require.NoError(s.t, err)
	require.NoError(s.t, health[0].Err)
	require.Empty(s.t, health[0].Aside)
	require.Empty(s.t, health[0].Damaged)
}

// As much as the core keeps of one network, with the texts that are longest on the networks there are.
func TestAllThatIsSetAsideOfANetworkFitsInAnUpdate(t *testing.T) {
	seen := make([]invoice.Seen, 14_000)
	for i := range seen {
		seen[i] = invoice.Seen{For: "0197f3a0-0000-7000-8000-000000000000", Transfer: chain.Transfer{
			TxID: fmt.Sprintf("0x%064d", i), Index: "log:1000", Asset: tether.ID, Units: big.NewInt(1e15),
			From: chain.Address(fmt.Sprintf("0x%040d", i)), To: chain.Address(fmt.Sprintf("0x%040d", i)),
		}, Block: invoice.BlockRef{Height: 1e8, Hash: fmt.Sprintf("0x%064d", i), Time: time.Now()}}
	}
	p := invoice.Progress{Network: "eip155:1", Version: 1, Cursor: make(chain.Cursor, 150<<10), Aside: []invoice.Aside{{Cause: "x", Seen: seen}}}
	require.NoError(t, kv.New(newBounded()).Commit(t.Context(), invoice.Batch{Progress: []invoice.Progress{p}}))
}
