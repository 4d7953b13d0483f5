package invoice_test

import (
	"context"
	"errors"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func TestAReopenedStandingInvoiceDoesNotWakeWithEveryBlock(t *testing.T) {
	inWorld(t, func(w *world) {
		inv, err := w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", Asset: "SIM"})
		require.NoError(t, err)
		act := invoice.Act{Project: "shop", Invoice: inv.ID}
		_, err = w.svc.SetStatus(t.Context(), act, invoice.StatusCancelled)
		require.NoError(t, err)
		_, err = w.svc.SetStatus(t.Context(), act, invoice.StatusNew)
		require.NoError(t, err)
		w.mine(1)
		v := w.get(inv)
		w.mine(5)
		require.Equal(t, v.Version, w.get(inv).Version)
	})
}

func TestManyReopenedStandingInvoicesDoNotStopTheNetwork(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 200 {
			inv, err := w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", Asset: "SIM"})
			require.NoError(t, err)
			act := invoice.Act{Project: "shop", Invoice: inv.ID}
			_, err = w.svc.SetStatus(t.Context(), act, invoice.StatusCancelled)
			require.NoError(t, err)
			_, err = w.svc.SetStatus(t.Context(), act, invoice.StatusNew)
			require.NoError(t, err)
		}
		pay := w.create()
		w.pay(pay, "SIM", "10")
		w.mine(1)
		w.mine(3)
		w.wants(pay, invoice.StatusCompleted, exact)
	})
}

type otherWallet struct{ chain *chaintest.Chain }

func (w otherWallet) Name() string { return "sim:wallet2" }
func (w otherWallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address("second wallet"), nil
}

func TestMoneyToTheOldSharedAddressIsSeenAfterTheWalletChanged(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.cfg.Chains[0].Addresses = otherWallet{w.chain}
		w.restart()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		require.Len(t, w.get(inv).Payments, 1)
	}, shared(0))
}

func TestMoneyIsSeenAfterSharedWasTurnedOff(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.cfg.Chains[0].Shared = nil
		w.restart()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		require.Len(t, w.get(inv).Payments, 1)
	}, shared(0))
}

func TestTheNewSharedAddressHasARemainderToo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create()
		w.cfg.Chains[0].Addresses = otherWallet{w.chain}
		w.restart()
		next := w.create()
		w.pay(next, "SIM", "3")
		w.mine(1)
		page, err := w.svc.List(t.Context(), invoice.Query{Project: "till", Standing: true, Limit: 10})
		require.NoError(t, err)
		var paid int
		for _, inv := range page.Invoices {
			paid += len(inv.Payments)
		}
		require.Equal(t, 1, paid)
	}, shared(0))
}

func TestTheFirstInvoicesAddressStillFindsItAfterSharedWasTurnedOn(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create() // number 0
		w.cfg.Chains[0].Shared = &invoice.Shared{Project: "till"}
		w.restart()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		require.Len(t, w.get(inv).Payments, 1)
	})
}

type namedWallet struct {
	name  string
	chain *chaintest.Chain
}

func (w namedWallet) Name() string { return w.name }
func (w namedWallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return chain.Address(w.name + string(rune('a'+index))), nil
}

func twoNetworks(t *testing.T, same bool, change func(*invoice.Config), f func(w *world, other *chaintest.Chain)) {
	other := chaintest.NewChain(chaintest.Config{Network: "sim:2", Seed: "other", Assets: []chain.Asset{{ID: "sim:2/slip44:1", Code: "SIM2", Decimals: 18}}})
	inWorld(t, func(w *world) {
		w.stop()
		w.rates.set("SIM2", "EUR", "2")
		name := "W"
		if !same {
			name = "V"
		}
		cfg := w.cfg
		cfg.Chains = append([]invoice.ChainConfig(nil), w.cfg.Chains...)
		cfg.Chains[0].Watcher = w.watcher(w.chain)
		cfg.Chains[0].Addresses = namedWallet{"W", w.chain}
		cfg.Chains = append(cfg.Chains, invoice.ChainConfig{
			Watcher: w.watcher(other), Addresses: namedWallet{name, other},
			Assets: []invoice.AssetConfig{{Asset: other.Asset("SIM2"), Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: 3}}}}},
		})
		change(&cfg)
		w.cfg = cfg
		w.start()
		other.MineAt(time.Now())
		w.mine(1)
		f(w, other)
	})
}

func TestAPlaceIsGivenUpThoughAnotherNetworkWasChosenLater(t *testing.T) {
	for name, only := range map[string]func(*invoice.ChainConfig){
		"a pooled address": func(c *invoice.ChainConfig) { c.Pool = &invoice.Pool{Size: 1, Quarantine: time.Hour} },
		"a shared amount": func(c *invoice.ChainConfig) {
			c.Shared = &invoice.Shared{Project: "till", Slots: 1, Quarantine: time.Hour}
		},
	} {
		t.Run(name, func(t *testing.T) {
			twoNetworks(t, false, func(cfg *invoice.Config) { only(&cfg.Chains[0]) }, func(w *world, other *chaintest.Chain) {
				inv := w.create()
				_, err := w.svc.Choose(t.Context(), "shop", inv.ID, "SIM2")
				require.NoError(t, err)
				for range 5 {
					time.Sleep(time.Hour)
					other.MineAt(time.Now())
					w.mine(1)
				}
				require.Equal(t, invoice.StatusExpired, w.get(inv).State.Status)
				w.create()
			})
		})
	}
}

func TestMoneyOnTheWrongNetworkIsTheHolders(t *testing.T) {
	twoNetworks(t, true, func(cfg *invoice.Config) {
		for i := range cfg.Chains {
			cfg.Chains[i].Pool = &invoice.Pool{Quarantine: time.Hour}
		}
	}, func(w *world, other *chaintest.Chain) {
		old := w.create()
		w.pass(2 * time.Hour)
		next := w.create()
		require.Equal(t, old.Quote.Address, next.Quote.Address)
		other.Pay(next.Quote.Address, other.Asset("SIM2"), next.Quote.Due)
		other.MineAt(time.Now())
		w.mine(1)
		require.Empty(t, w.get(old).Payments)
		require.Len(t, w.get(next).Payments, 1)
	})
}

func TestRefreshOnANetworkNoLongerConfigured(t *testing.T) {
	twoNetworks(t, false, func(cfg *invoice.Config) {
		cfg.Chains[1].Pool = &invoice.Pool{Quarantine: time.Hour}
	}, func(w *world, other *chaintest.Chain) {
		inv := w.create(func(r *invoice.Request) { r.Asset = "SIM2" })
		time.Sleep(3 * time.Hour)
		other.MineAt(time.Now())
		w.mine(1)
		require.NotZero(t, w.get(inv).State.ReleasedAt)
		w.stop()
		w.cfg.Chains = w.cfg.Chains[:1]
		w.cfg.Chains[0].Watcher = w.watcher(w.chain)
		w.start()
		_, err := w.svc.Refresh(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, time.Hour)
		require.Error(t, err)
	})
}

func TestAnUnconfirmedPaymentKeepsThePlace(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.chain.SendReplaceable(chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "4")})
		w.settle()
		require.Len(t, w.get(inv).Payments, 1)
		time.Sleep(3 * time.Hour)
		w.chain.MineEmpty(1)
		w.chain.AdjustTime(3 * time.Hour)
		w.chain.MineEmpty(1)
		w.settle()
		require.True(t, w.get(inv).State.Closed)
		require.Zero(t, w.get(inv).State.ReleasedAt, "money is on its way")
	}, pooled(1))
}

func TestAPlaceOnABlindNetworkIsNotGivenUp(t *testing.T) {
	twoNetworks(t, false, func(cfg *invoice.Config) {
		for i := range cfg.Chains {
			cfg.Chains[i].Pool = &invoice.Pool{Quarantine: time.Hour}
		}
	}, func(w *world, other *chaintest.Chain) {
		inv := w.create() // on the first network
		_, err := w.svc.Choose(t.Context(), "shop", inv.ID, "SIM2")
		require.NoError(t, err)
		w.chain.Down(errors.New("down"))
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), inv.Quote.Due) // in time, and nobody sees it
		w.chain.MineAt(time.Now())
		time.Sleep(3 * time.Hour)
		other.MineAt(time.Now())
		w.settle()
		next := w.create()
		w.chain.Down(nil)
		time.Sleep(10 * time.Minute)
		w.settle()
		require.Empty(t, w.get(next).Payments, "paid before this invoice existed")
		require.Len(t, w.get(inv).Payments, 1)
	})
}

func TestRefusedOrdersInTransactionsDoNotUseUpThePool(t *testing.T) {
	inWorld(t, func(w *world) {
		first := w.create()
		for range 3 {
			_, err := w.svc.Within(w.store).Create(t.Context(), invoice.Request{Project: "shop", OrderID: first.OrderID, Price: price("1", "EUR"), Asset: "SIM"})
			require.ErrorIs(t, err, invoice.ErrDuplicateOrder)
		}
		w.create()
	}, pooled(3))
}

type cancelling struct {
	store.Backend
	cancel context.CancelFunc
}

func (c *cancelling) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	i, err := c.Backend.ReserveIndexes(ctx, wallet, n)
	if n > 0 && c.cancel != nil {
		c.cancel()
	}
	return i, err
}

func (c *cancelling) Commit(ctx context.Context, b invoice.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.Backend.Commit(ctx, b)
}

func TestCallersThatGoAwayDoNotUseUpThePool(t *testing.T) {
	st := &cancelling{Backend: store.NewMemory()}
	inWorld(t, func(w *world) {
		for range 1 {
			ctx, cancel := context.WithCancel(context.Background())
			st.cancel = cancel
			_, err := w.svc.Create(ctx, invoice.Request{Project: "shop", Price: price("1", "EUR"), Asset: "SIM"})
			require.ErrorIs(t, err, context.Canceled)
		}
		st.cancel = nil
		w.create()
	}, pooled(1), func(cfg *invoice.Config) { cfg.Store = st })
}

func TestAPaymentOfADamagedInvoiceIsNotGivenToTheOneBefore(t *testing.T) {
	f := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		old := w.create()
		w.pass(2 * time.Hour)
		next := w.create()
		require.Equal(t, old.Quote.Address, next.Quote.Address)
		f.damage(next.ID)
		w.pay(next, "SIM", "10")
		w.mine(3)
		require.Empty(t, w.get(old).Payments)
	}, pooled(1), func(cfg *invoice.Config) { cfg.Store = f })
}

func TestRefreshAtASharedAddressInAnAssetNoLongerConfigured(t *testing.T) {
	inWorld(t, func(w *world) {
		tok := func(r *invoice.Request) { r.Asset = "TOK" }
		old := w.create(tok)
		w.pass(2 * time.Hour)
		require.NotZero(t, w.get(old).State.ReleasedAt)
		w.create(tok)
		w.cfg.Chains[0].Assets = w.cfg.Chains[0].Assets[:1]
		w.restart()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := w.svc.Refresh(ctx, invoice.Act{Project: "shop", Invoice: old.ID}, time.Hour)
		require.Error(t, err)
	}, shared(0))
}

func TestAClosedPartialWithAnUnconfirmedPaymentKeepsThePlace(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		output := chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "4")}
		txid := w.chain.SendReplaceable(output)
		w.settle()
		require.Len(t, w.get(inv).Payments, 1)
		w.chain.AdjustTime(4 * time.Hour)
		time.Sleep(3 * time.Hour)
		w.chain.MineEmpty(1)
		w.settle()
		require.True(t, w.get(inv).State.Closed)
		require.Len(t, w.get(inv).Payments, 1)
		next, err := w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
		if errors.Is(err, invoice.ErrNoAddress) {
			return // it is kept
		}
		require.NoError(t, err)
		require.Equal(t, inv.Quote.Address, next.Quote.Address)
		w.chain.Replace(txid, output) // the payer raises the fee
		w.mine(3)
		require.Empty(t, w.get(next).Payments, "somebody else's money")
	}, pooled(1))
}

// bent is a chain with a contract that pays more once it is told to: the same transaction, another amount.
type bent struct {
	*chaintest.Chain
	more atomic.Bool
}

func (b *bent) Block(ctx context.Context, height uint64) (chain.Block, error) {
	block, err := b.Chain.Block(ctx, height)
	if b.more.Load() {
		for i := range block.Transfers {
			block.Transfers[i].Units = new(big.Int).Add(block.Transfers[i].Units, big.NewInt(1))
		}
	}
	return block, err
}

func TestAPaymentAtASharedAddressWhoseAmountChangesInAReorganisation(t *testing.T) {
	b := &bent{}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), inv.Quote.Due)
		w.mine(1)
		require.Len(t, w.get(inv).Payments, 1)
		b.more.Store(true)
		w.chain.Reorganise(1, 1, chaintest.Remined)
		w.mine(1)
		time.Sleep(5 * time.Minute)
		w.settle()
		b.more.Store(false)
		next := w.create()
		w.chain.Pay(next.Quote.Address, w.chain.Asset("SIM"), next.Quote.Due)
		w.mine(3)
		health, err := w.svc.Health(t.Context())
		require.NoError(t, err)
		require.NoError(t, health[0].Err)
		require.Empty(t, health[0].Aside, "the payment is nobody else's")
		require.Equal(t, invoice.StatusCompleted, w.get(next).State.Status)
	}, shared(0), func(cfg *invoice.Config) {}, func(cfg *invoice.Config) {
		b.Chain = cfg.Chains[0].Addresses.(wallet).chain
		f, err := chain.NewFollower(chain.FollowConfig{Node: b, Poll: time.Second, Batch: 4})
		if err != nil {
			panic(err)
		}
		cfg.Chains[0].Watcher = f
	})
}

func TestADepositThatShrinksInAReorganisationIsTold(t *testing.T) {
	b := &bent{}
	inWorld(t, func(w *world) {
		inv, err := w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", Asset: "SIM"})
		require.NoError(t, err)
		w.pay(inv, "SIM", "1")
		w.mine(3)
		require.Len(t, w.told(inv), 3)
		b.more.Store(true)
		w.chain.Reorganise(3, 1, chaintest.Remined)
		w.mine(5)
		require.Greater(t, len(w.told(inv)), 3)
	}, func(cfg *invoice.Config) {
		b.Chain = cfg.Chains[0].Addresses.(wallet).chain
		f, err := chain.NewFollower(chain.FollowConfig{Node: b, Poll: time.Second, Batch: 4})
		if err != nil {
			panic(err)
		}
		cfg.Chains[0].Watcher = f
	})
}

func TestADamagedInvoiceAtASharedAddressStopsNothingElse(t *testing.T) {
	f := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.settle() // seen in the pool
		require.Len(t, w.get(inv).Payments, 1)
		f.damage(inv.ID)
		w.mine(1)
		next := w.create()
		w.chain.Pay(next.Quote.Address, w.chain.Asset("SIM"), next.Quote.Due)
		w.mine(3)
		time.Sleep(time.Minute)
		w.settle()
		health, err := w.svc.Health(t.Context())
		require.NoError(t, err)
		require.NoError(t, health[0].Err)
		require.Equal(t, invoice.StatusCompleted, w.get(next).State.Status)
	}, shared(0), func(cfg *invoice.Config) { cfg.Store = f })
}
