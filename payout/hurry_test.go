package payout_test

import (
	"context"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

// slowShop has a payout that was sent, and that no block has.
func slowShop(s *shop) (payout.Payout, payout.Transaction) {
	s.t.Helper()
	s.fund("shop", coin, 1000)
	p := s.ask("order 1", "1")
	s.look()
	require.Equal(s.t, "sent", s.status(p))
	return p, s.transactionOf(p)
}

func (s *shop) transactionOf(p payout.Payout) payout.Transaction {
	s.t.Helper()
	t, err := s.Transaction(s.t.Context(), s.get(p).State.Transaction)
	require.NoError(s.t, err)
	return t
}

func TestHurry_TheNextVersionHasTheFeeThatWasChosen(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		p, tx := slowShop(s)
		terms, err := s.HurryTerms(t.Context(), tx.ID)
		require.NoError(t, err)
		require.Equal(t, "2 3 3 10", terms.Present.String()+" "+terms.Least.String()+" "+terms.Proposed.String()+" "+terms.Greatest.String())
		require.Equal(t, coin, terms.Asset)
		require.False(t, terms.Bump)
		require.Equal(t, "5", terms.Costs(big.NewInt(7)).String())
		require.Equal(t, tx, s.transactionOf(p), "asking stores nothing")

		got, err := s.Hurry(t.Context(), tx.ID, big.NewInt(7), "ben")
		require.NoError(t, err)
		require.Equal(t, "7 ben", got.Hurry.Fee.String()+" "+got.Hurry.Actor)
		require.Len(t, got.Versions, 1, "the process that has the duty makes it")
		again, err := s.Hurry(t.Context(), tx.ID, big.NewInt(7), "anna")
		require.NoError(t, err)
		require.Equal(t, got, again)

		s.look()
		done := s.transactionOf(p)
		require.Nil(t, done.Hurry)
		require.Len(t, done.Versions, 2)
		require.Equal(t, "7", done.Last().Fee.String())
		require.Equal(t, "ben", done.Last().Hurry.Actor)
		require.Contains(t, s.spender.sent, done.Last().TxID)
		again, err = s.Hurry(t.Context(), tx.ID, big.NewInt(7), "ben")
		require.NoError(t, err, "it was followed")
		require.Equal(t, done, again)
		s.look()
		require.Len(t, s.transactionOf(p).Versions, 2)
		require.Equal(t, "sent", s.status(p), "nobody tries it again")

		s.spender.with(func() { s.spender.rate = 7 })
		s.mine(p)
		s.look()
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, "available 893", s.balance("shop", coin))
		s.sound()
	})
}

func TestHurry_Proposes(t *testing.T) {
	for rate, want := range map[int64]string{1: "3", 6: "6", 90: "10"} {
		s := newMemoryShop(t)
		_, tx := slowShop(s)
		s.spender.with(func() { s.spender.rate = rate })
		terms, err := s.HurryTerms(t.Context(), tx.ID)
		require.NoError(t, err)
		require.Equal(t, want, terms.Proposed.String(), "at a rate of %d", rate)
	}
}

func TestHurry_IsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*shop, payout.Payout, *payout.Transaction)
		fee    int64
		is     error
		says   string
	}{
		"a fee that is not higher":         {fee: 2, is: payout.ErrFeeTooLow, says: "from 3 to 10"},
		"a fee above the cap":              {fee: 11, is: payout.ErrFeeTooHigh, says: "from 3 to 10"},
		"an unknown transaction":           {fee: 5, before: func(_ *shop, _ payout.Payout, tx *payout.Transaction) { tx.ID = "none" }, is: payout.ErrNotFound},
		"a stopped network":                {fee: 5, before: func(s *shop, _ payout.Payout, _ *payout.Transaction) { s.stop() }, is: payout.ErrStopped},
		"what a block has":                 {fee: 5, before: func(s *shop, p payout.Payout, _ *payout.Transaction) { s.mine(p) }, is: payout.ErrNotUnderWay, says: "block"},
		"what is final":                    {fee: 5, before: func(s *shop, p payout.Payout, _ *payout.Transaction) { s.mine(p); s.look() }, is: payout.ErrNotUnderWay, says: "final"},
		"what is being cancelled":          {fee: 5, before: func(s *shop, p payout.Payout, _ *payout.Transaction) { s.cancel(p) }, is: payout.ErrNotUnderWay, says: "cancelled"},
		"another choice while one waits":   {fee: 6, before: func(s *shop, _ payout.Payout, tx *payout.Transaction) { s.hurry(*tx, 7) }, is: payout.ErrFeeTooLow, says: "from 8"},
		"what the network cannot":          {fee: 5, before: func(s *shop, _ payout.Payout, _ *payout.Transaction) { s.replaceFails(payout.ErrNoReplacement) }, is: payout.ErrNoReplacement},
		"what the wallet has no coins for": {fee: 5, before: func(s *shop, _ payout.Payout, _ *payout.Transaction) { s.replaceFails(payout.ErrNoCoins) }, is: payout.ErrNoCoins},
		"what the node does not say":       {fee: 5, before: func(s *shop, _ payout.Payout, _ *payout.Transaction) { s.replaceFails(errDown) }, is: errDown},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				p, tx := slowShop(s)
				if c.before != nil {
					c.before(s, p, &tx)
				}
				books, was := s.books(), s.transactionOf(p)
				_, err := s.Hurry(t.Context(), tx.ID, big.NewInt(c.fee), "ben")
				require.ErrorIs(t, err, c.is)
				require.ErrorContains(t, err, c.says)
				require.Equal(t, books, s.books())
				require.Equal(t, was, s.transactionOf(p))
			})
		})
	}
}

var errDown = errors.New("the node is down")

func (s *shop) stop() { require.NoError(s.t, s.Stop(s.t.Context(), network, "a look", "ben")) }

func (s *shop) cancel(p payout.Payout) {
	_, err := s.Cancel(s.t.Context(), p.Project, p.ID, "ben", "")
	require.NoError(s.t, err)
}

func (s *shop) hurry(tx payout.Transaction, fee int64) {
	s.t.Helper()
	_, err := s.Hurry(s.t.Context(), tx.ID, big.NewInt(fee), "ben")
	require.NoError(s.t, err)
}

func (s *shop) replaceFails(err error) { s.spender.with(func() { s.spender.replaceErr = err }) }

// What was possible when the operator asked, and is not any more, is said by the payout and forgotten.
func TestHurry_LapsesWhenItBecomesImpossible(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		p, tx := slowShop(s)
		s.hurry(tx, 7)
		s.replaceFails(payout.ErrNoCoins)
		s.look()
		require.Equal(t, "sent no_coins", s.status(p))
		require.Nil(t, s.transactionOf(p).Hurry)
		s.replaceFails(nil)
		s.look()
		require.Len(t, s.transactionOf(p).Versions, 1)
	})
}

func TestHurry_WaitsForANodeThatFails(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		p, tx := slowShop(s)
		s.hurry(tx, 7)
		s.replaceFails(errDown)
		require.ErrorIs(t, s.Look(t.Context(), network), errDown)
		require.NotNil(t, s.transactionOf(p).Hurry)
		s.replaceFails(nil)
		s.look()
		require.Equal(t, "7", s.transactionOf(p).Last().Fee.String())
	})
}

// Two operators at two processes choose at once: one of them wins, and there is one more version.
func TestHurry_TwoAtOnce(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		p, tx := slowShop(s)
		other, err := payout.New(s.cfg)
		require.NoError(t, err)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				svc := []*payout.Service{s.Service, other}[i%2]
				_, errs[i] = svc.Hurry(context.Background(), tx.ID, big.NewInt(int64(5+i%2)), "ben")
			})
		}
		wg.Wait()
		won := s.transactionOf(p).Hurry
		require.NotNil(t, won)
		for i, err := range errs {
			if err != nil {
				require.ErrorIs(t, err, payout.ErrFeeTooLow)
				require.NotEqual(t, won.Fee.Int64(), int64(5+i%2))
			}
		}
		s.look()
		require.Len(t, s.transactionOf(p).Versions, 2)
		require.Equal(t, won.Fee.String(), s.transactionOf(p).Last().Fee.String())
	})
}

// Somebody else chooses more while the network is asked: the choice that was decided on what was before is decided again.
func TestHurry_WhatAnotherChoseMeanwhileStays(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		p, tx := slowShop(s)
		s.spender.replacing = func() { s.hurry(tx, 9) }
		_, err := s.Hurry(t.Context(), tx.ID, big.NewInt(7), "anna")
		require.ErrorIs(t, err, payout.ErrFeeTooLow)
		require.Equal(t, "9 ben", s.transactionOf(p).Hurry.Fee.String()+" "+s.transactionOf(p).Hurry.Actor)
	})
}

func TestHurry_ABumpWhereNothingIsReplaced(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		b := &bumpSpender{fakeSpender: s.spender, cost: 7}
		s.open(func(c *payout.Config) {
			c.Networks[0].Spender = b
			c.Networks[0].MaxBump = big.NewInt(20)
		})
		p, tx := slowShop(s)
		s.replaceFails(payout.ErrNoReplacement)
		terms, err := s.HurryTerms(t.Context(), tx.ID)
		require.NoError(t, err)
		require.True(t, terms.Bump)
		require.Equal(t, "2 3 7 20", terms.Present.String()+" "+terms.Least.String()+" "+terms.Proposed.String()+" "+terms.Greatest.String())
		require.Equal(t, "12", terms.Costs(big.NewInt(12)).String())

		_, err = s.Hurry(t.Context(), tx.ID, big.NewInt(12), "ben")
		var short *payout.InsufficientError
		require.ErrorAs(t, err, &short, "the operator pays it")
		s.fund("", coin, 100)
		s.hurry(tx, 12)
		s.look()
		child, has := s.child(p)
		require.True(t, has)
		require.Equal(t, "12", child.Last().Fee.String())
		require.Equal(t, "ben", child.Last().Hurry.Actor)
		require.Nil(t, s.transactionOf(p).Hurry)
		require.Equal(t, "float 88, reserved 12", s.balance("", coin), "what was chosen, and not all that is permitted")

		s.hurry(tx, 12) // it was followed
		_, err = s.Hurry(t.Context(), tx.ID, big.NewInt(13), "ben")
		require.ErrorIs(t, err, payout.ErrNotUnderWay)
		require.ErrorContains(t, err, child.ID, "the one that can be hurried")
	})
}

// clockedSpender makes the next version at a time of its own.
type clockedSpender struct {
	*fakeSpender
	at time.Time
}

func (s *clockedSpender) Replace(ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	v, err := s.fakeSpender.Replace(ctx, w, t, greatest)
	v.At = s.at
	return v, err
}

func TestANewVersionIsSentAtOnceWhateverTheClocksSay(t *testing.T) {
	for name, made := range map[string]time.Duration{"at the instant of the one before": 0, "earlier": -time.Minute, "later": time.Hour} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				s.open(func(c *payout.Config) { c.Networks[0].Spender = &clockedSpender{s.spender, noon.Add(made)} })
				p, tx := slowShop(s)
				require.Equal(t, noon, tx.SentAt)
				s.hurry(tx, 7)
				s.look()
				second := s.transactionOf(p).Last().TxID
				require.NotEqual(t, tx.Last().TxID, second)
				require.Equal(t, []string{tx.Last().TxID, second}, s.spender.sent)
				s.look()
				require.Len(t, s.spender.sent, 2)

				s.wait(2 * time.Hour) // as long as no block has it
				s.look()
				require.Len(t, s.transactionOf(p).Versions, 3)
				require.Len(t, s.spender.sent, 3)
			})
		})
	}
}

// The document of a transaction of before does not say which version was sent.
func TestANewVersionOfWhatWasStoredBeforeIsSentAtOnce(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.open(func(c *payout.Config) { c.Networks[0].Spender = &clockedSpender{s.spender, noon} })
		p, tx := slowShop(s)
		require.Equal(t, 1, tx.Sent)
		tx.Sent = 0
		tx.Version++
		require.NoError(t, s.store.CommitPayouts(t.Context(), payout.Batch{Transactions: []payout.Transaction{tx}}))
		s.look()
		require.Len(t, s.spender.sent, 1, "what was sent is not sent again")
		s.hurry(tx, 7)
		s.look()
		require.Len(t, s.spender.sent, 2)
		require.Equal(t, 2, s.transactionOf(p).Sent)
	})
}

// The process ended, or a signer's own program sent it: nobody wrote down that it was sent, and a node has it.
func TestWhatANodeHasGetsAHigherFeeWhoeverSentIt(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		p, tx := slowShop(s)
		was := s.transactionOf(p)
		was.SentAt, was.Sent = time.Time{}, 0
		was.Version++
		require.NoError(t, s.store.CommitPayouts(t.Context(), payout.Batch{Transactions: []payout.Transaction{was}}))
		s.wait(2 * time.Hour)
		s.look()
		require.Len(t, s.transactionOf(p).Versions, 2)
		require.NotEqual(t, tx.Last().TxID, s.transactionOf(p).Last().TxID)
	})
}
