package payout_test

import (
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// paid is a shop with an invoice of 100, a commission of 10, that was paid with units and booked.
func (s *shop) paid(id string, units int64, status invoice.Status) {
	s.t.Helper()
	s.sell(id, 100, 10)
	s.pay(id, 1, coin, units, 5, status)
	s.head(5)
	s.book()
}

func (s *shop) refund(key, id, amount string) payout.RefundRequest {
	r := payout.RefundRequest{Project: "shop", Key: key, Invoice: id, To: "addr9", Requester: "anna"}
	if amount != "" {
		r.Units = decimal.RequireFromString(amount)
	}
	return r
}

func TestRefundsGiveBackWhatCameInAndNoMore(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 130, invoice.StatusCompleted)
		require.Equal(t, []string{"available 1120", "commission 10"}, []string{s.balance("shop", coin), s.balance("", coin)})
		part, token, err := s.Refund(t.Context(), s.refund("part", "x", "0.5"))
		require.NoError(t, err)
		require.Empty(t, token)
		require.Equal(t, []any{payout.KindRefund, "x", int64(50)}, []any{part.Kind, part.Invoice, part.Units.Int64()})

		before := s.books()
		var bad *payout.InvalidError
		_, _, err = s.Refund(t.Context(), s.refund("more", "x", "0.81"))
		require.ErrorAs(t, err, &bad)
		_, _, err = s.Refund(t.Context(), s.refund("negative", "x", "-1"))
		require.ErrorAs(t, err, &bad)
		endless := s.refund("endless", "x", "")
		endless.Units = decimal.New(1, 1<<30)
		_, _, err = s.Refund(t.Context(), endless)
		require.ErrorAs(t, err, &bad)
		over := s.refund("over", "x", "")
		over.Over = true
		_, _, err = s.Refund(t.Context(), over)
		require.ErrorIs(t, err, payout.ErrNothingLeft, "less than what was due is left")
		_, _, err = s.Refund(t.Context(), s.refund("unknown", "y", ""))
		require.ErrorIs(t, err, payout.ErrNotFound)
		stranger := s.refund("stranger", "x", "")
		stranger.Project = "other"
		_, _, err = s.Refund(t.Context(), stranger)
		require.ErrorIs(t, err, payout.ErrNotFound, "another project's invoice does not exist")
		nowhere := s.refund("nowhere", "x", "")
		nowhere.To = "bc1q"
		_, _, err = s.Refund(t.Context(), nowhere)
		require.ErrorAs(t, err, &bad)
		require.Equal(t, before, s.books())

		rest, _, err := s.Refund(t.Context(), s.refund("rest", "x", ""))
		require.NoError(t, err)
		require.Equal(t, int64(80), rest.Units.Int64())
		_, _, err = s.Refund(t.Context(), s.refund("again", "x", ""))
		require.ErrorIs(t, err, payout.ErrNothingLeft)
		_, err = s.Cancel(t.Context(), "shop", part.ID, "ben", "")
		require.NoError(t, err)
		_, _, err = s.Refund(t.Context(), s.refund("after all", "x", "0.5"))
		require.NoError(t, err, "what was cancelled can be refunded")
		s.sound()
	})
}

// An invoice may be completed by a person without any payment.
func TestNothingReceivedIsNothingToRefund_P28(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.sell("x", 100, 10)
		s.sales["x"].State.Status = invoice.StatusCompleted
		s.book()
		before := s.books()
		for _, amount := range []string{"", "1"} {
			_, _, err := s.Refund(t.Context(), s.refund("a"+amount, "x", amount))
			require.ErrorIs(t, err, payout.ErrNothingLeft)
		}
		require.Equal(t, before, s.books())
	})
}

func TestRefundOfTheExcess(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 130, invoice.StatusCompleted)
		r := s.refund("over", "x", "")
		r.Over = true
		p, _, err := s.Refund(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, int64(30), p.Units.Int64())
		again, _, err := s.Refund(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, p.ID, again.ID, "a replay, also when nothing is left")
		r.Over = false
		var taken *payout.KeyError
		_, _, err = s.Refund(t.Context(), r)
		require.ErrorAs(t, err, &taken, "everything is another request")
		s.sound()
	})
}

// A reorganisation deeper than what counts as final can pay a refund that failed, or was cancelled, after all. Another one in its
// place would be one too many.
func TestARefundThatEndedUnpaidIsMadeAgainOnceThatIsBuried(t *testing.T) {
	for name, cancel := range map[string]bool{"failed": false, "cancelled": true} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				s.fund("shop", coin, 1000)
				s.paid("x", 100, invoice.StatusCompleted)
				p, _, err := s.Refund(t.Context(), s.refund("first", "x", ""))
				require.NoError(t, err)
				s.look()
				first := s.transactionOf(p).Last().TxID
				if cancel {
					s.cancel(p)
					s.look()
				}
				last := s.transactionOf(p).Last().TxID
				see := func(id string, seen payout.Sighting) {
					s.spender.with(func() {
						clear(s.spender.mined)
						s.spender.mined[id] = seen
					})
					s.look()
					s.look()
					s.sound()
				}
				again := func(key string) error {
					_, _, err := s.Refund(t.Context(), s.refund(key, "x", ""))
					return err
				}
				unpaid := payout.Sighting{Height: 7, Final: true, Fee: big.NewInt(2), Failed: !cancel}
				see(last, unpaid)
				require.Contains(t, s.status(p), name)
				require.ErrorIs(t, again("too soon"), payout.ErrNothingLeft)
				see(first, payout.Sighting{Height: 8, Final: true, Fee: big.NewInt(2)})
				require.Equal(t, "paid", s.status(p))
				require.ErrorIs(t, again("paid"), payout.ErrNothingLeft)
				see(last, unpaid)
				unpaid.Buried = true
				see(last, unpaid)
				require.Contains(t, s.status(p), name)
				require.NoError(t, again("second"))
				require.ErrorIs(t, again("third"), payout.ErrNothingLeft)
				s.sound()
			})
		})
	}
}

func TestARefundThatTheNetworkCanNeverPayIsMadeAgain(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 100, invoice.StatusCompleted)
		p, _, err := s.Refund(t.Context(), s.refund("first", "x", ""))
		require.NoError(t, err)
		s.spender.never[string(p.To)] = "the receiver is blocked"
		s.look()
		require.Equal(t, "failed refused", s.status(p))
		delete(s.spender.never, string(p.To))
		_, _, err = s.Refund(t.Context(), s.refund("second", "x", ""))
		require.NoError(t, err)
		s.sound()
	})
}

func TestTheSameRefundIsRecognised_P29(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 130, invoice.StatusCompleted)
		first, _, err := s.Refund(t.Context(), s.refund("a", "x", "0.50"))
		require.NoError(t, err)
		before := s.books()
		again, _, err := s.Refund(t.Context(), s.refund("a", "x", "0.5"))
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
		var taken *payout.KeyError
		for _, change := range []func(*payout.RefundRequest){
			func(r *payout.RefundRequest) { r.Units = decimal.Zero },
			func(r *payout.RefundRequest) { r.Units = decimal.NewFromInt(1) },
			func(r *payout.RefundRequest) { r.To = "addr8" },
			func(r *payout.RefundRequest) { r.To = "" },
			func(r *payout.RefundRequest) { r.Name = "x" },
		} {
			r := s.refund("a", "x", "0.5")
			change(&r)
			_, _, err = s.Refund(t.Context(), r)
			require.ErrorAs(t, err, &taken)
		}
		_, err = s.Request(t.Context(), s.request("a", "0.5"))
		require.ErrorAs(t, err, &taken)
		require.Equal(t, before, s.books())
	})
}

func TestMoneyThatIsHeldIsRefundedFromThere(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 60, invoice.StatusExpired)
		require.Equal(t, "available 1000, held 60", s.balance("shop", coin))
		p, _, err := s.Refund(t.Context(), s.refund("a", "x", ""))
		require.NoError(t, err)
		require.Equal(t, []payout.AccountKind{payout.Held, payout.Available}, []payout.AccountKind{p.Source.Kind, p.Payer.Kind}, "no fee is taken from what is not ours")
		require.Equal(t, "available 990, reserved 70", s.balance("shop", coin))
		s.look()
		s.mine(p)
		s.look()
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, "available 998", s.balance("shop", coin))
		_, _, err = s.Refund(t.Context(), s.refund("b", "x", ""))
		require.ErrorIs(t, err, payout.ErrNothingLeft)

		s.pay("x", 2, coin, 100, 6, invoice.StatusCompleted) // the payer pays again, and the invoice is completed after all
		s.head(6)
		s.book()
		require.Equal(t, "available 1088", s.balance("shop", coin), "what was refunded is not paid a second time: 100 less the commission")
		s.sound()
	})
}

func TestAClaimNamesItsReceiverOnce(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 130, invoice.StatusCompleted)
		r := s.refund("a", "x", "")
		r.To = ""
		p, token, err := s.Refund(t.Context(), r)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(token), 43)
		require.NotContains(t, fmt.Sprintf("%+v", s.get(p)), token, "the token is stored nowhere")
		again, none, err := s.Refund(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, []string{p.ID, ""}, []string{again.ID, none}, "the token is told once")
		s.look()
		require.Equal(t, "requested needs_receiver", s.status(p))

		shown, err := s.Claimed(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, p.ID, shown.ID)
		_, err = s.Claim(t.Context(), token+"x", "addr5")
		require.ErrorIs(t, err, payout.ErrClaimed)
		var bad *payout.InvalidError
		for _, to := range []string{"", "bc1q", "contract", "addr" + strings.Repeat("5", 300)} {
			_, err = s.Claim(t.Context(), token, to)
			require.ErrorAs(t, err, &bad)
		}
		var wg sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			wg.Go(func() { _, results[i] = s.Claim(t.Context(), token, fmt.Sprint("addr", i)) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
				continue
			}
			require.ErrorIs(t, err, payout.ErrClaimed)
		}
		require.Equal(t, 1, won)
		_, _, err = s.Refund(t.Context(), r)
		require.NoError(t, err, "a replay, also after the claim")
		s.look()
		require.Equal(t, "sent", s.status(p))
		s.sound()
	})
}

func TestAtOnceTheSameRefundHasOneTokenThatWorks(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 130, invoice.StatusCompleted)
		r := s.refund("a", "x", "")
		r.To = ""
		var wg sync.WaitGroup
		var mu sync.Mutex
		var tokens []string
		for range 12 {
			wg.Go(func() {
				_, token, err := s.Refund(t.Context(), r)
				require.NoError(t, err)
				if token != "" {
					mu.Lock()
					defer mu.Unlock()
					tokens = append(tokens, token)
				}
			})
		}
		wg.Wait()
		require.Len(t, tokens, 1, "a token that opens nothing would be worse than none")
		_, err := s.Claim(t.Context(), tokens[0], "addr5")
		require.NoError(t, err)
	})
}

func TestAClaimThatNobodyMakesEnds(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 130, invoice.StatusCompleted)
		r := s.refund("a", "x", "")
		r.To, r.Window = "", time.Hour
		p, token, err := s.Refund(t.Context(), r)
		require.NoError(t, err)
		s.wait(time.Hour + 2*time.Second)
		_, err = s.Claim(t.Context(), token, "addr5")
		require.ErrorIs(t, err, payout.ErrClaimed)
		_, err = s.Claimed(t.Context(), token)
		require.ErrorIs(t, err, payout.ErrClaimed)
		s.look()
		require.Equal(t, "cancelled expired", s.status(p))
		require.Equal(t, "available 1120", s.balance("shop", coin))
		_, _, err = s.Refund(t.Context(), s.refund("b", "x", ""))
		require.NoError(t, err, "it can be refunded again")
		s.sound()
	})
}

func TestAClaimEndsAlsoBehindThousandsThatAreOpen(t *testing.T) {
	s := newShop(t, store.NewMemory())
	s.open(func(c *payout.Config) { c.Policies.ApproveAbove = map[chain.AssetID]*big.Int{coin: big.NewInt(0)} })
	s.fund("shop", coin, 100_000)
	s.paid("x", 60_000, invoice.StatusCompleted)
	for i := range 1001 { // they wait for an approval, and never end by themselves
		_, _, err := s.Refund(t.Context(), s.refund(fmt.Sprint(i), "x", "0.05"))
		require.NoError(t, err)
	}
	r := s.refund("claim", "x", "0.05")
	r.To, r.Window = "", time.Hour
	p, _, err := s.Refund(t.Context(), r)
	require.NoError(t, err)
	s.wait(2 * time.Hour)
	for range 3 {
		s.look()
	}
	require.Equal(t, "cancelled expired", s.status(p))
}

func TestParallelRefundsDoNotExceedWhatCameIn_Incident18(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 10_000)
		s.paid("x", 130, invoice.StatusCompleted)
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() { _, _, _ = s.Refund(t.Context(), s.refund(fmt.Sprint(i), "x", "0.5")) })
		}
		wg.Wait()
		credit, err := s.store.Credit(t.Context(), "x")
		require.NoError(t, err)
		require.Equal(t, "100", credit.RefundedOwn[coin].String())
		page, err := s.Payouts(t.Context(), payout.Query{Kind: payout.KindRefund})
		require.NoError(t, err)
		require.Len(t, page.Payouts, 2)
		s.sound()
	})
}
