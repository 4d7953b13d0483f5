package payout_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func TestAPayoutFromRequestToPaid(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		p := s.ask("a", "2")
		require.Equal(t, "available 790, reserved 210", s.balance("shop", coin))
		s.look()
		require.Equal(t, "sent", s.status(p))
		s.mine(p)
		s.look()
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, "available 798", s.balance("shop", coin), "what the network did not take of the fee came back")
		lines, err := s.Statement(t.Context(), payout.Account{Project: "shop", Kind: payout.Available, Asset: coin}, 0, 10)
		require.NoError(t, err)
		var kinds []payout.EntryKind
		for _, l := range lines {
			kinds = append(kinds, l.Kind)
		}
		require.Equal(t, []payout.EntryKind{payout.EntryFund, payout.EntryReserve, payout.EntryPost}, kinds)
		events, err := s.store.Events(t.Context(), 0, 100)
		require.NoError(t, err)
		var types []string
		for i, ev := range events {
			require.Equal(t, []any{p.ID, int64(i + 1)}, []any{ev.Payout, ev.Seq})
			types = append(types, string(ev.Type))
		}
		require.Equal(t, []string{"payout.queued", "payout.signed", "payout.sent", "payout.paid"}, types)
		s.sound()
	})
}

func TestAPayoutInATokenPaysItsFeeFromTheFloat(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", token, 1000)
		r := s.request("a", "10")
		r.Asset = token
		var short *payout.InsufficientError
		_, err := s.Request(t.Context(), r)
		require.ErrorAs(t, err, &short, "the float is empty")
		s.fund("", coin, 100)
		p, err := s.Request(t.Context(), r)
		require.NoError(t, err, "the whole balance")
		require.Equal(t, []string{"reserved 1000", "float 90, reserved 10"}, []string{s.balance("shop", token), s.balance("", coin)})
		s.look()
		s.mine(p)
		s.look()
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, []string{"", "float 98"}, []string{s.balance("shop", token), s.balance("", coin)})
		s.sound()
	})
}

// A node that reports a failure may have taken the transaction. The same bytes are sent again, and nothing else is.
func TestASendThatFailsIsRepeatedAndNeverReplacedByAnother_P6(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		p := s.ask("a", "1")
		s.spender.sendErr = errors.New("timeout")
		s.spender.mined["nothing"] = payout.Sighting{}
		s.look()
		first := s.spender.sent[0]
		s.spender.with(func() { s.spender.sent = nil }) // no node has it
		for range 3 {
			require.Equal(t, "signed", s.status(p), "no way leads back to the queue")
			s.wait(2 * time.Minute)
			s.look()
			s.spender.with(func() {
				require.Equal(t, []string{first}, s.spender.sent)
				s.spender.sent = nil
			})
		}
		require.Equal(t, "available 890, reserved 110", s.balance("shop", coin), "nothing comes back without a proof")
		s.spender.with(func() { s.spender.sendErr = nil })
		s.mine(p)
		s.look()
		require.Equal(t, "paid", s.status(p))
		s.sound()
	})
}

// By hand and by the machine, from two processes at once: the transaction is planned and sent as one.
func TestTwoProcessesSendOneTransaction_P2_P3_Incident19(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.ask("a", "1")
		second, err := payout.New(s.cfg)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 20 {
			svc := []*payout.Service{s.Service, second}[i%2]
			wg.Go(func() { _ = svc.Look(t.Context(), network) }) // one of them finds that it is late
		}
		wg.Wait()
		s.look()
		s.spender.with(func() { require.Len(t, slices.Compact(slices.Clone(s.spender.sent)), 1) })
		s.sound()
	})
}

// A process that starts again finds what the one before it did.
func TestARestartGivesNothingBackAndPaysNothingAgain_P5(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		p := s.ask("a", "1")
		s.look()
		for range 3 {
			s.open(nil)
			s.wait(time.Hour)
			s.look()
			require.Equal(t, "sent", s.status(p)[:4])
		}
		require.Equal(t, "available 890, reserved 110", s.balance("shop", coin))
	})
}

func TestAFailingPayoutIsTriedLessOftenAndEnds_P22(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		p := s.ask("a", "1")
		s.spender.dead = true
		var pauses []time.Duration
		for range 3 {
			s.look()
			s.look()
			state := s.get(p).State
			if state.Status == payout.StatusFailed {
				break
			}
			pauses = append(pauses, state.RetryAt.Sub(s.now()))
			planned := s.spender.planned
			s.look()
			require.Equal(t, planned, s.spender.planned, "nothing is planned before the pause is over")
			s.wait(pauses[len(pauses)-1])
		}
		require.Equal(t, []time.Duration{time.Minute, 2 * time.Minute}, pauses)
		require.Equal(t, "failed refused", s.status(p))
		require.Equal(t, "available 1000", s.balance("shop", coin))
		s.sound()
	})
}

func TestCancelBeforeAndAfterTheSignature(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		early := s.ask("early", "1")
		_, err := s.Cancel(t.Context(), "other", early.ID, "ben", "")
		require.ErrorIs(t, err, payout.ErrNotFound)
		_, err = s.Cancel(t.Context(), "shop", early.ID, "ben", "wrong amount")
		require.NoError(t, err)
		require.Equal(t, "cancelled operator", s.status(early))
		require.Equal(t, "available 1000", s.balance("shop", coin))
		var status *payout.StatusError
		_, err = s.Cancel(t.Context(), "shop", early.ID, "ben", "")
		require.ErrorAs(t, err, &status)

		late := s.ask("late", "1")
		s.look()
		paying := s.get(late).State.TxID
		_, err = s.Cancel(t.Context(), "shop", late.ID, "ben", "")
		require.NoError(t, err)
		require.Equal(t, "sent", s.status(late), "only the chain ends it")
		require.Equal(t, "available 890, reserved 110", s.balance("shop", coin))
		s.look()
		s.look()
		tx, err := s.Transaction(t.Context(), s.get(late).State.Transaction)
		require.NoError(t, err)
		require.True(t, tx.Last().Cancels)
		require.Equal(t, tx.Versions[0].Spends, tx.Last().Spends, "both exclude each other")
		s.spender.with(func() {
			s.spender.mined[tx.Last().TxID] = payout.Sighting{Height: 8, Final: true, Fee: big.NewInt(3)}
			require.Contains(t, s.spender.sent, paying)
		})
		s.look()
		require.Equal(t, "cancelled operator", s.status(late))
		require.Equal(t, "available 997", s.balance("shop", coin), "the fee of the cancellation is gone")
		s.sound()

		low := s.ask("low", "1")
		s.look()
		s.spender.with(func() { s.spender.rate, s.spender.sent = 100, nil })
		_, err = s.Cancel(t.Context(), "shop", low.ID, "ben", "")
		require.NoError(t, err)
		s.look()
		require.Equal(t, "sent fee_too_high", s.status(low))
		require.Empty(t, s.spender.sent)
		s.wait(2 * time.Minute)
		s.look()
		require.Len(t, s.spender.sent, 1, "no node had it, and what comes after it waits for it")
		s.spender.with(func() { s.spender.rate = 2 })
		s.mine(low)
		s.look()

		taken := s.ask("taken", "1")
		s.look()
		_, err = s.Cancel(t.Context(), "shop", taken.ID, "ben", "")
		require.NoError(t, err)
		s.mine(taken) // a block was quicker
		s.look()
		require.Equal(t, "paid", s.status(taken))
		s.sound()
	})
}

func TestWhatIsStoppedIsNotPlannedSignedOrSent(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		sent := s.ask("sent", "1")
		s.look()
		s.signer.set(payout.ErrLater)
		unsigned := s.ask("unsigned", "1")
		s.look()
		require.NoError(t, s.Stop(t.Context(), network, "something is wrong", "ben"))
		s.signer.set(nil)
		fresh := s.ask("fresh", "1")
		s.look()
		require.Equal(t, "queued needs_signature", s.status(unsigned))
		require.Empty(t, s.get(fresh).State.Transaction)
		require.Len(t, s.spender.sent, 1)
		s.mine(sent)
		s.look()
		require.Equal(t, "paid", s.status(sent), "what was sent is observed")
		why, err := s.Stopped(t.Context(), network)
		require.NoError(t, err)
		require.Equal(t, "something is wrong", why.Reason)
		require.NoError(t, s.Resume(t.Context(), network))
		s.look()
		require.Equal(t, []string{"sent", "sent"}, []string{s.status(unsigned), s.status(fresh)})
	})
}

// stopping is a signer that stops the network the first time that it is asked.
type stopping struct {
	s    *shop
	once sync.Once
}

func (g *stopping) Sign(ctx context.Context, r payout.SignRequest) ([]byte, error) {
	var err error
	g.once.Do(func() { err = g.s.Stop(ctx, network, "now", "ben") })
	return signedForm(r.Unsigned), err
}

func TestTheStopSwitchHoldsInTheMiddleOfARound(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.open(func(c *payout.Config) { c.Networks[0].Signer = &stopping{s: s} })
		s.fund("shop", coin, 1000)
		for i := range 3 {
			s.ask(fmt.Sprint(i), "1")
		}
		s.look()
		require.Empty(t, s.spender.sent)
		require.Equal(t, 1, s.spender.planned)
	})
}

// What cannot be paid now waits alone: the network is not stopped, and others are paid.
func TestOnlyAUsedKeyStopsANetwork(t *testing.T) {
	for code, stops := range map[payout.Refusal]bool{payout.RefusedTooSoon: false, payout.RefusedContract: false, payout.RefusedStopped: true} {
		t.Run(string(code), func(t *testing.T) {
			s := newShop(t, store.NewMemory())
			s.fund("shop", coin, 1000)
			p := s.ask("a", "1")
			s.spender.planErr = fmt.Errorf("plan: %w", &payout.RefusedError{Code: code, Reason: "why"})
			s.look()
			stopped, err := s.Stopped(t.Context(), network)
			require.NoError(t, err)
			require.Equal(t, stops, stopped != nil)
			s.spender.planErr = nil
			s.look()
			if stops {
				require.Equal(t, "queued", s.status(p))
				return
			}
			require.Equal(t, "sent", s.status(p))
		})
	}
}

func TestAPayoutThatCanNeverBePaidFailsAndTheNextIsPaidInTheSameRound(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.spender.never["addr1"] = "the receiver is blocked"
		never := s.ask("never", "1")
		r := s.request("next", "1")
		r.To = "addr2"
		next, err := s.Request(t.Context(), r)
		require.NoError(t, err)
		s.look()
		require.Equal(t, []string{"failed refused", "sent"}, []string{s.status(never), s.status(next)})
		require.Equal(t, "the receiver is blocked", s.get(never).State.Detail)
		require.Equal(t, "available 890, reserved 110", s.balance("shop", coin))
		s.sound()
	})
}

// lazy is a spender that looks at the first 100 of a queue alone, as one may.
type lazy struct{ *fakeSpender }

func (l lazy) Plan(ctx context.Context, w payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	return l.fakeSpender.Plan(ctx, w, queued[:min(len(queued), 100)])
}

func TestManyPayoutsThatWaitDoNotKeepTheRestWaiting(t *testing.T) {
	s := newShop(t, store.NewMemory())
	s.open(func(c *payout.Config) {
		c.Networks[0].Spender = lazy{s.spender}
		c.Networks[0].Assets[1].MaxFee = big.NewInt(1) // the network wants 2
	})
	s.fund("shop", token, 100_000)
	s.fund("shop", coin, 1000)
	s.fund("", coin, 1000)
	var stuck payout.Payout
	for i := range 230 {
		r := s.request(fmt.Sprint("stuck ", i), "1")
		r.Asset = token
		var err error
		stuck, err = s.Request(t.Context(), r)
		require.NoError(t, err)
	}
	p := s.ask("last", "1")
	for range 4 {
		s.look()
	}
	require.Equal(t, []string{"sent", "queued fee_too_high"}, []string{s.status(p), s.status(stuck)})
	before := s.get(stuck).Version
	for range 4 {
		s.look()
	}
	require.Equal(t, before, s.get(stuck).Version, "a payout that goes on waiting is not stored again")
}

func TestExportAndImport(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.open(func(c *payout.Config) { c.Networks[0].Signer = nil })
		s.fund("shop", coin, 1000)
		p := s.ask("a", "1")
		s.look()
		require.Equal(t, "queued needs_signature", s.status(p))
		id := s.get(p).State.Transaction
		_, err := s.Import(t.Context(), id, 0, []byte("x"))
		require.ErrorIs(t, err, payout.ErrNotFound, "it was not exported")
		request, err := s.Export(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []any{network, id, 0}, []any{request.Network, request.Transaction, request.N})
		_, err = s.Cancel(t.Context(), "shop", p.ID, "ben", "")
		require.NoError(t, err)
		s.look()
		require.Equal(t, "queued", s.status(p)[:6], "it may be signed by now")

		for _, tampered := range [][]byte{nil, []byte("signed nonce:1 fee 2 100 to addr9")} {
			_, err = s.Import(t.Context(), id, 0, tampered)
			require.ErrorIs(t, err, payout.ErrDiffers)
		}
		for _, n := range []int{-1, 5} {
			_, err = s.Import(t.Context(), id, n, signedForm(request.Unsigned))
			require.ErrorIs(t, err, payout.ErrNotFound)
		}
		require.Empty(t, s.spender.sent)
		for range 2 {
			_, err = s.Import(t.Context(), id, 0, signedForm(request.Unsigned))
			require.NoError(t, err)
		}
		require.Equal(t, payout.StatusSigned, s.get(p).State.Status)
		s.mine(p)
		s.look()
		require.Equal(t, "paid", s.status(p), "the chain was quicker than the wish")
		s.sound()
	})
}

// skewed is a store whose sums are wrong.
type skewed struct{ payout.Store }

func (s skewed) Totals(ctx context.Context) ([]payout.Total, error) {
	all, err := s.Store.Totals(ctx)
	for i := range all {
		all[i].Held = new(big.Int).Add(all[i].Held, big.NewInt(1))
	}
	return all, err
}

func TestARecountNamesEachSumThatIsWrong(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		require.NoError(t, s.Recount(t.Context()))
		s.cfg.Store = skewed{s.cfg.Store}
		wrong, err := payout.New(s.cfg)
		require.NoError(t, err)
		var miscount *payout.MiscountError
		err = wrong.Recount(t.Context())
		require.ErrorAs(t, err, &miscount)
		require.Equal(t, []payout.Miscount{{Asset: coin, Of: "holdings", Sum: big.NewInt(1000), Kept: big.NewInt(1001)}}, miscount.Sums)
		require.ErrorContains(t, err, "holdings add up to 1000, 1001 is kept")
	})
}

func TestFundsAreBookedOnce(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.spender.funding["0xabc"] = []payout.Move{{Holding: laneHolding(coin), Units: big.NewInt(50)}}
		terms, err := s.FundTerms(t.Context(), network, " 0xABC")
		require.NoError(t, err)
		require.Equal(t, []payout.FundPart{{Asset: coin, Units: big.NewInt(50)}}, terms, "before anything is booked")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { require.NoError(t, s.Fund(t.Context(), network, "0xabc", "", "ben")) })
		}
		wg.Wait()
		for _, spelling := range []string{"0xABC", " 0xabc\n", "0XABC"} {
			require.NoError(t, s.Fund(t.Context(), network, spelling, "", "ben"))
			require.NoError(t, s.Fund(t.Context(), network, spelling, "shop", "ben"))
		}
		require.Equal(t, "float 50", s.balance("", coin))
		terms, err = s.FundTerms(t.Context(), network, "0xabc")
		require.NoError(t, err)
		require.Equal(t, []payout.FundPart{{Asset: coin, Units: big.NewInt(50), Booked: &payout.Account{Kind: payout.Float, Asset: coin}}}, terms)
		_, err = s.FundTerms(t.Context(), network, "0xdef")
		require.ErrorIs(t, err, payout.ErrNotFound)
		require.ErrorIs(t, s.Fund(t.Context(), network, "0xdef", "", "ben"), payout.ErrNotFound)
		require.ErrorIs(t, s.Fund(t.Context(), "eip155:9", "0xabc", "", "ben"), payout.ErrNetwork)

		s.fund("shop", coin, 1000)
		p := s.ask("a", "1")
		s.look()
		own := s.get(p).State.TxID
		s.spender.funding[own] = []payout.Move{{Holding: laneHolding(coin), Units: big.NewInt(890)}}
		var bad *payout.InvalidError
		require.ErrorAs(t, s.Fund(t.Context(), network, own, "", "ben"), &bad, "change is no income")
		s.sound()
	})
}

func TestAClosedDayStaysClosed(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		var bad *payout.InvalidError
		_, err := s.CloseDay(t.Context(), noon, "ben")
		require.ErrorAs(t, err, &bad, "it is not over")
		s.wait(24 * time.Hour)
		closing, err := s.CloseDay(t.Context(), noon, "ben")
		require.NoError(t, err)
		require.Equal(t, noon.Truncate(24*time.Hour), closing.Day)
		s.ask("today", "1")
		s.wait(-24 * time.Hour)
		before := s.books()
		_, err = s.Request(t.Context(), s.request("yesterday", "1"))
		require.ErrorIs(t, err, payout.ErrDayClosed)
		require.Equal(t, before, s.books())
	})
}

func TestAnAdjustmentIsMadeOnceAndWithinTheRules(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 100)
		a := payout.Adjustment{
			ID: "2030-1", From: payout.Account{Project: "shop", Kind: payout.Available, Asset: coin}, To: payout.Account{Kind: payout.Float, Asset: coin},
			Units: big.NewInt(30), Reason: "an agreed cost", Actor: "ben",
		}
		for range 2 {
			require.NoError(t, s.Adjust(t.Context(), a))
		}
		require.Equal(t, []string{"available 70", "float 30"}, []string{s.balance("shop", coin), s.balance("", coin)})
		other := a
		other.Units = big.NewInt(31)
		var taken *payout.EntryError
		require.ErrorAs(t, s.Adjust(t.Context(), other), &taken)
		other.ID, other.Units = "2030-2", big.NewInt(71)
		var short *payout.InsufficientError
		require.ErrorAs(t, s.Adjust(t.Context(), other), &short)
		other.Units, other.To = big.NewInt(1), payout.Account{Kind: payout.External, Asset: coin}
		var wrong *payout.UnbalancedError
		require.ErrorAs(t, s.Adjust(t.Context(), other), &wrong, "nothing left our addresses")
		other.Moves = []payout.Move{{Holding: laneHolding(coin), Units: big.NewInt(-1)}}
		require.NoError(t, s.Adjust(t.Context(), other))
		for _, change := range []func(*payout.Adjustment){
			func(a *payout.Adjustment) { a.ID = "" },
			func(a *payout.Adjustment) { a.ID = string(make([]byte, 300)) },
			func(a *payout.Adjustment) { a.Reason = "" },
			func(a *payout.Adjustment) { a.Actor = "" },
			func(a *payout.Adjustment) { a.Units = nil },
		} {
			bad := a
			bad.ID = "2030-3"
			change(&bad)
			var invalid *payout.InvalidError
			require.ErrorAs(t, s.Adjust(t.Context(), bad), &invalid)
		}
		s.sound()
	})
}

func TestAPayoutBelongsToTheTransactionOfTheHost(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		if s.db == nil {
			_, err := s.RequestTx(t.Context(), nil, s.request("a", "1"))
			require.ErrorIs(t, err, errors.ErrUnsupported)
			return
		}
		s.fund("shop", coin, 1000)
		_, err := s.db.ExecContext(t.Context(), "CREATE TABLE orders (payout TEXT)")
		require.NoError(t, err)
		before := s.books()
		for _, commit := range []bool{false, true} {
			tx, err := s.db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			p, err := s.RequestTx(t.Context(), tx, s.request("a", "1"))
			require.NoError(t, err)
			again, err := s.RequestTx(t.Context(), tx, s.request("a", "1"))
			require.NoError(t, err)
			require.Equal(t, p.ID, again.ID)
			_, err = s.RequestTx(t.Context(), tx, s.request("b", "50"))
			var short *payout.InsufficientError
			require.ErrorAs(t, err, &short, "a refusal leaves the transaction as it was")
			_, err = tx.ExecContext(t.Context(), "INSERT INTO orders VALUES (?)", p.ID)
			require.NoError(t, err)
			if !commit {
				require.NoError(t, tx.Rollback())
				require.Equal(t, before, s.books())
				continue
			}
			require.NoError(t, tx.Commit())
			s.Hint()
			s.look()
			require.Equal(t, "sent", s.status(p))
		}
		within, err := s.WithTx(must(s.db.BeginTx(t.Context(), nil)))
		require.NoError(t, err)
		require.Error(t, within.Run(t.Context()))
		s.sound()
	})
}

// A hint wakes every loop, so that a payout never waits for the next poll because another loop took the hint.
func TestARequestIsPaidAtOnceAndRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, store.NewMemory())
		s.open(func(c *payout.Config) { c.Poll, c.Now = time.Hour, time.Now })
		s.fund("shop", coin, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		for i := range 5 {
			synctest.Wait()
			p := s.ask(fmt.Sprint(i), "1")
			synctest.Wait()
			require.Equal(t, "sent", s.status(p))
		}
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestNewRefusesAConfigurationThatCannotWork(t *testing.T) {
	s := newShop(t, store.NewMemory())
	for name, change := range map[string]func(*payout.Config){
		"no store":    func(c *payout.Config) { c.Store = nil },
		"no invoices": func(c *payout.Config) { c.Invoices = nil },
		"no spender":  func(c *payout.Config) { c.Networks = []payout.NetworkConfig{{}} },
		"twice":       func(c *payout.Config) { c.Networks = append(c.Networks, c.Networks[0]) },
		"no fee": func(c *payout.Config) {
			c.Networks[0].Assets = []payout.AssetConfig{{Asset: chain.Asset{ID: coin, Code: "ETH", Decimals: 2}}}
		},
		"an asset of another network": func(c *payout.Config) {
			c.Networks[0].Assets = []payout.AssetConfig{{Asset: chain.Asset{ID: "eip155:9/slip44:60", Code: "ETH"}, MaxFee: big.NewInt(1)}}
		},
	} {
		cfg := s.cfg
		cfg.Networks = slices.Clone(cfg.Networks)
		change(&cfg)
		_, err := payout.New(cfg)
		require.Error(t, err, name)
	}
}
