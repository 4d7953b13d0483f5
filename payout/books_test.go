package payout_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func TestTheBooksSayWhatTheChainSaysHoweverOftenTheyAreTold(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.sell("x", 100, 10)
		s.pay("x", 1, coin, 120, 5, invoice.StatusNew)
		s.head(4)
		s.book()
		require.Equal(t, "", s.balance("shop", coin), "no block that is deep enough has it")
		s.head(5)
		for range 3 {
			s.book()
			require.Equal(t, "held 120", s.balance("shop", coin))
		}
		s.pay("x", 1, coin, 120, 5, invoice.StatusCompleted)
		s.pay("x", 1, coin, 120, 5, invoice.StatusCompleted) // told twice
		for range 3 {
			s.book()
			require.Equal(t, []string{"available 110", "commission 10"}, []string{s.balance("shop", coin), s.balance("", coin)})
		}
		s.pay("x", 2, token, 7, 6, invoice.StatusCompleted) // late, in another asset
		s.head(6)
		s.book()
		require.Equal(t, "held 7", s.balance("shop", token))
		s.sound()
	})
}

func TestMoneyThatTheChainTakesBackMayLeaveADebt(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.paid("x", 120, invoice.StatusCompleted)
		p := s.ask("a", "0.9")
		s.look()
		s.mine(p)
		s.look()
		require.Equal(t, "available 18", s.balance("shop", coin))
		s.pay("x", 1, coin, 120, 0, invoice.StatusNew)
		s.book()
		require.Equal(t, []string{"available -92", ""}, []string{s.balance("shop", coin), s.balance("", coin)})
		var short *payout.InsufficientError
		_, err := s.Request(t.Context(), s.request("b", "0.05"))
		require.ErrorAs(t, err, &short)
		s.sound()
		s.pay("x", 1, coin, 120, 8, invoice.StatusCompleted) // in another block
		s.head(8)
		s.book()
		require.Equal(t, "available 18", s.balance("shop", coin))
		s.sound()
	})
}

// broken is a core of which one invoice, or all, cannot be read.
type broken struct {
	payout.Invoices
	id     string
	whole  atomic.Bool
	called atomic.Int64
}

var errBroken = errors.New("the row is damaged")

func (b *broken) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	if !b.whole.Load() && (b.id == "" || id == b.id) {
		b.called.Add(1)
		return invoice.Invoice{}, errBroken
	}
	return b.Invoices.Invoice(ctx, id)
}

func TestAnInvoiceThatCannotBeBookedWaitsAlone(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		b := &broken{Invoices: s.store, id: "bad"}
		s.open(func(c *payout.Config) { c.Invoices = b })
		s.head(5)
		for _, id := range []string{"bad", "good"} {
			s.sell(id, 100, 0)
			s.pay(id, 1, coin, 100, 5, invoice.StatusCompleted)
		}
		s.book()
		require.Equal(t, "available 100", s.balance("shop", coin))
		s.book()
		b.whole.Store(true)
		s.book()
		require.Equal(t, "available 200", s.balance("shop", coin))
		aside, err := s.store.Documents(t.Context(), "books/aside/", "", 10)
		require.NoError(t, err)
		require.Empty(t, aside)
		s.sound()
	})
}

// Many invoices that wait for a block, and that then cannot be read, must neither be tried without end nor hide others.
func TestManyInvoicesThatCannotBeBookedDoNotHideTheOthers(t *testing.T) {
	s := newShop(t, store.NewMemory())
	b := &broken{Invoices: s.store}
	b.whole.Store(true)
	s.open(func(c *payout.Config) { c.Invoices = b })
	s.head(4)
	const many = 250
	for i := range many {
		id := fmt.Sprintf("bad %03d", i)
		s.sell(id, 100, 0)
		s.pay(id, 1, coin, 100, 5, invoice.StatusCompleted)
	}
	s.sell("good", 100, 0)
	s.pay("good", 1, coin, 100, 6, invoice.StatusCompleted)
	s.book()
	require.Equal(t, "", s.balance("shop", coin))
	b.whole.Store(false)
	s.head(5)
	s.book()
	require.Positive(t, b.called.Load())
	require.LessOrEqual(t, b.called.Load(), int64(many))
	b.whole.Store(true)
	s.head(6)
	for range 3 {
		s.book()
	}
	require.Equal(t, fmt.Sprintf("available %d", 100*(many+1)), s.balance("shop", coin))
}

// summed is a core whose invoices sum up their payments, as those with a long history do.
type summed struct{ payout.Invoices }

func (c summed) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	inv, err := c.Invoices.Invoice(ctx, id)
	inv.Payments, inv.Settled = nil, &invoice.Settled{Count: 1}
	return inv, err
}

func TestPaymentsThatAnInvoiceSumsUpAreBooked(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.open(func(c *payout.Config) { c.Invoices = summed{s.store} })
		s.head(5)
		s.sell("x", 100, 0)
		s.pay("x", 1, coin, 100, 5, invoice.StatusCompleted)
		s.book()
		require.Equal(t, "available 100", s.balance("shop", coin))
		s.sound()
	})
}

// A payment is seen before a block has it, and that one has it is no event of its invoice.
func TestAPaymentThatABlockTakesLaterIsBooked(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.sell("a", 500, 0)
		s.head(100)
		p := invoice.Payment{
			Key: chain.Key{Network: network, TxID: "a.1", Index: "0"}, Invoice: "a", Asset: coin, To: s.sales["a"].Quote.Address,
			Units: big.NewInt(30), Credit: big.NewInt(30), FirstSeen: noon,
		}
		tell := func(events ...invoice.Event) {
			inv := s.sales["a"]
			inv.Version++
			inv.Seq += int64(len(events))
			for i := range events {
				events[i] = s.event(*inv)
			}
			require.NoError(t, s.store.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{*inv}, Payments: []invoice.Payment{p}, Events: events}))
		}
		tell(invoice.Event{})
		s.book()
		require.Empty(t, s.balance("shop", coin))
		p.Block = invoice.BlockRef{Height: 103, Hash: "block 103", Time: noon}
		tell()
		s.book()
		require.Empty(t, s.balance("shop", coin), "the chain is at 100")
		s.head(102)
		s.book()
		require.Empty(t, s.balance("shop", coin))
		s.head(103)
		s.book()
		require.Equal(t, "held 30", s.balance("shop", coin))
		s.sound()
	})
}
