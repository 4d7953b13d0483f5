package payout_test

import (
	"bytes"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

// A signer's own program sent a version, signed once more or with a fee of its own.
func TestWhatTheSignerSentUnderAnotherIDIsOurs(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		p, tx := slowShop(s)
		s.spender.with(func() {
			s.spender.mined[tx.Last().TxID] = payout.Sighting{Height: 7, Fee: big.NewInt(2), TxID: "0xother"}
			s.spender.funding["0xother"] = []payout.Move{{Holding: laneHolding(coin), Units: big.NewInt(50)}}
		})
		s.look()
		require.Equal(t, "sent confirming", s.status(p))
		require.Equal(t, "0xother", s.get(p).State.TxID)
		var bad *payout.InvalidError
		require.ErrorAs(t, s.Fund(t.Context(), network, "0xother", "shop", "ben"), &bad)
		s.look()
		s.spender.with(func() {
			s.spender.mined[tx.Last().TxID] = payout.Sighting{Height: 7, Fee: big.NewInt(2), TxID: "0xother", Final: true}
		})
		s.look()
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, "0xother", s.get(p).State.TxID)
		s.sound()
	})
}

// A block has what the signer sent before its signature comes here, and leaves the chain again.
func TestASignatureOfWhatABlockHadIsStored(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.signer.set(payout.ErrLater)
		p := s.ask("late", "1")
		s.look()
		unsigned := s.transactionOf(p).Last()
		_, id, err := s.spender.Verify(unsigned, signedForm(unsigned.Unsigned))
		require.NoError(t, err)
		s.spender.with(func() { s.spender.mined[""] = payout.Sighting{Height: 7, Fee: big.NewInt(2), TxID: id} })
		s.look()
		require.Equal(t, "sent confirming", s.status(p))
		s.spender.with(func() { delete(s.spender.mined, "") })
		s.look()
		s.signer.set(nil)
		s.look()
		require.Equal(t, id, s.transactionOf(p).Last().TxID)
		s.mine(p)
		s.look()
		require.Equal(t, "paid", s.status(p))
		s.sound()
	})
}

// A top-up that the signer sent by itself is no payment of the invoice whose address it came to.
func TestATopUpThatTheSignerSentUnderAnotherIDIsNoPayment(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		w := spread(t, s, 60)
		w.topUp["addr of inv0"] = true
		_, err := s.SweepNow(t.Context(), coin, false, "ben")
		require.NoError(t, err)
		s.look()
		require.Equal(t, []string{"top_up lane"}, s.underWay())
		all, err := s.store.OpenTransactions(t.Context(), network)
		require.NoError(t, err)
		s.spender.with(func() {
			s.spender.mined[all[0].Last().TxID] = payout.Sighting{Height: 21, Fee: big.NewInt(2), TxID: "inv0.2"}
		})
		s.look()
		own, err := s.MovesOwn(t.Context(), network, "inv0.2")
		require.NoError(t, err)
		require.True(t, own)
		before := s.balance("shop", coin)
		s.pay("inv0", 2, coin, 7, 21, invoice.StatusCompleted)
		s.head(40)
		s.book()
		require.Equal(t, before, s.balance("shop", coin))
		s.sound()
	})
}

// A signer's own program may pay more than a payout reserves, and a chain that is built on another one may take more than was
// planned. The chain is the truth, and what is beyond the promise is the operator's.
func TestAFeeAboveWhatIsReservedIsTheOperatorsLoss(t *testing.T) {
	for name, c := range map[string]struct {
		float  int64 // before
		paid   int64
		failed bool
		asset  chain.AssetID
		want   []string // status, project, operator
	}{
		"as much as is reserved":     {float: 100, paid: 10, want: []string{"paid", "available 890", "float 100"}},
		"more":                       {float: 100, paid: 15, want: []string{"paid", "available 890", "float 95"}},
		"more than the float has":    {float: 3, paid: 15, want: []string{"paid", "available 890", "float -2"}},
		"more, and there is none":    {paid: 15, want: []string{"paid", "available 890", "float -5"}},
		"more, for nothing":          {float: 100, paid: 15, failed: true, want: []string{"failed reverted", "available 990", "float 95"}},
		"more, for another asset":    {float: 100, paid: 15, asset: token, want: []string{"paid", "available 1000", "float 85"}},
		"more than the lane's books": {paid: 950, want: []string{"paid", "available 890", "float -940"}},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				var log bytes.Buffer
				s.open(func(c *payout.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				s.fund("shop", coin, 1000)
				s.fund("shop", token, 1000)
				if c.float > 0 {
					s.fund("", coin, c.float)
				}
				r := s.request("order 1", "1")
				if c.asset != "" {
					r.Asset = c.asset
				}
				p, err := s.Request(t.Context(), r)
				require.NoError(t, err)
				before := s.balance("", coin)
				s.look()
				tx := s.transactionOf(p)
				end := func(seen payout.Sighting) {
					s.spender.with(func() { s.spender.mined[tx.Last().TxID] = seen })
					s.look()
				}
				seen := payout.Sighting{Height: 7, Final: true, Fee: big.NewInt(c.paid), Failed: c.failed, TxID: "0xother"}
				end(seen)
				s.look()
				require.Equal(t, c.want, []string{s.status(p), s.balance("shop", coin), s.balance("", coin)})
				require.Equal(t, "10", s.get(p).State.Paid.String(), "what it carried")
				more := c.paid > 10
				require.Equal(t, more, strings.Contains(s.transactionOf(p).Detail, "the float paid"), s.transactionOf(p).Detail)
				require.Equal(t, more, strings.Contains(log.String(), "money out needs a person"), log.String())
				s.sound()

				end(payout.Sighting{}) // a deep reorganisation
				require.Equal(t, "sent undone", s.status(p))
				require.Equal(t, before, s.balance("", coin))
				require.Empty(t, s.transactionOf(p).Detail)
				s.sound()
				seen.Height, seen.Fee = 9, big.NewInt(2) // a cheaper version is mined after all
				end(seen)
				require.Empty(t, s.transactionOf(p).Detail)
				s.sound()
				end(payout.Sighting{})
				seen.Height, seen.Fee, seen.Buried = 11, big.NewInt(c.paid), true
				end(seen)
				s.look()
				require.Equal(t, c.want, []string{s.status(p), s.balance("shop", coin), s.balance("", coin)})
				open, err := s.store.OpenTransactions(t.Context(), network)
				require.NoError(t, err)
				require.Empty(t, open)
				s.sound()
			})
		})
	}
}

// The cancellation of a payout for the sake of another may cost more than is reserved as well.
func TestACancellationAboveWhatIsReservedIsTheOperatorsLoss(t *testing.T) {
	for name, c := range map[string]struct {
		purpose payout.Purpose
		want    string
	}{"of one payout": {want: "cancelled operator"}, "of the transaction": {want: "sent confirming"}} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				s.fund("", coin, 100)
				p, tx := slowShop(s)
				var err error
				if c.want == "cancelled operator" {
					_, err = s.Cancel(t.Context(), p.Project, p.ID, "ben", "")
				} else {
					_, err = s.CancelTransaction(t.Context(), tx.ID, "ben")
				}
				require.NoError(t, err)
				s.look()
				cancellation := s.transactionOf(p).Last()
				require.True(t, cancellation.Cancels)
				s.spender.with(func() {
					s.spender.mined[cancellation.TxID] = payout.Sighting{Height: 7, Final: true, Fee: big.NewInt(15), TxID: "0xother"}
				})
				s.look()
				require.Equal(t, c.want, s.status(p))
				require.Equal(t, "float 95", s.balance("", coin))
				s.sound()
				s.spender.with(func() { delete(s.spender.mined, cancellation.TxID) })
				s.look()
				require.Equal(t, "float 100", s.balance("", coin))
				s.sound()
			})
		})
	}
}

// What sweeps reserve is the operator's already, and so is what they cost beyond that.
func TestASweepAboveWhatIsReservedIsTheOperatorsLoss(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		spread(t, s, 60)
		_, err := s.SweepNow(t.Context(), coin, false, "ben")
		require.NoError(t, err)
		before := s.balance("", coin)
		s.look()
		all, err := s.store.OpenTransactions(t.Context(), network)
		require.NoError(t, err)
		require.Len(t, all, 1)
		s.spender.with(func() {
			s.spender.mined[all[0].Last().TxID] = payout.Sighting{Height: 21, Final: true, Fee: big.NewInt(150), TxID: "0xother"}
		})
		s.look()
		got, err := s.Transaction(t.Context(), all[0].ID)
		require.NoError(t, err)
		require.Equal(t, payout.StageFinal, got.Stage)
		require.Contains(t, got.Detail, "the float paid")
		require.Equal(t, "float -50", s.balance("", coin), before)
		s.sound()
		s.spender.with(func() { clear(s.spender.mined) })
		s.look()
		s.sound()
	})
}

// A reorganisation deeper than what counts as final puts a transaction into another block, and nobody looked meanwhile. There it
// takes another fee, fails, or is there as it was signed another time.
func TestWhatComesBackOtherwiseIsBookedAsItIs(t *testing.T) {
	first := payout.Sighting{Height: 7, Final: true, Fee: big.NewInt(4), TxID: "0xfirst"}
	for name, c := range map[string]struct {
		change func(*payout.Sighting)
		want   []string // status, project, operator, id
	}{
		"as it was":               {func(*payout.Sighting) {}, []string{"paid", "available 896", "float 100", "0xfirst"}},
		"with a lower fee":        {func(s *payout.Sighting) { s.Fee = big.NewInt(2) }, []string{"paid", "available 898", "float 100", "0xfirst"}},
		"with a higher fee":       {func(s *payout.Sighting) { s.Fee = big.NewInt(9) }, []string{"paid", "available 891", "float 100", "0xfirst"}},
		"beyond what is reserved": {func(s *payout.Sighting) { s.Fee = big.NewInt(15) }, []string{"paid", "available 890", "float 95", "0xfirst"}},
		"failed":                  {func(s *payout.Sighting) { s.Failed = true }, []string{"failed reverted", "available 996", "float 100", "0xfirst"}},
		"under another id":        {func(s *payout.Sighting) { s.TxID = "0xother" }, []string{"paid", "available 896", "float 100", "0xother"}},
	} {
		for _, when := range []string{"before it is buried", "when it is buried"} {
			t.Run(name+", "+when, func(t *testing.T) {
				on(t, func(t *testing.T, s *shop) {
					s.fund("", coin, 100)
					p, tx := slowShop(s)
					see := func(seen payout.Sighting) {
						s.spender.with(func() { s.spender.mined[tx.Last().TxID] = seen })
						s.look()
						s.sound()
					}
					see(first)
					require.Equal(t, "paid", s.status(p))
					next := first
					c.change(&next)
					if when == "before it is buried" {
						see(next)
						see(next)
						if next.TxID == first.TxID {
							require.Equal(t, c.want[:3], []string{s.status(p), s.balance("shop", coin), s.balance("", coin)})
						}
					}
					next.Buried = true
					for range 3 {
						see(next)
					}
					require.Equal(t, c.want, []string{s.status(p), s.balance("shop", coin), s.balance("", coin), s.get(p).State.TxID})
					got := s.transactionOf(p)
					require.Equal(t, payout.StageBuried, got.Stage)
					require.Equal(t, next.Fee, got.Paid)
				})
			})
		}
	}
}
