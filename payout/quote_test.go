package payout_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestAQuoteIsWhatTheRequestMakesAndStoresNothing(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		before := s.books()
		r := s.request("", "2")
		r.FeeIncluded = true
		quoted, err := s.Quote(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, []string{"190", "10", "10"}, []string{quoted.Units.String(), quoted.Fee.String(), quoted.Charged().String()})
		r.To = ""
		_, err = s.Quote(t.Context(), r)
		require.NoError(t, err, "the receiver is not known yet")
		var bad *payout.InvalidError
		for field, change := range map[string]func(*payout.Request){
			"Units": func(r *payout.Request) { r.Units = decimal.RequireFromString("0.1") },
			"To":    func(r *payout.Request) { r.To = "bc1q" },
			"Asset": func(r *payout.Request) { r.Asset = chain.AssetID(network) + "/slip44:1" },
		} {
			wrong := r
			change(&wrong)
			_, err = s.Quote(t.Context(), wrong)
			require.ErrorAs(t, err, &bad)
			require.Equal(t, field, bad.Field)
		}
		require.Equal(t, before, s.books())

		r.Key, r.To = "a", "addr1"
		p, err := s.Request(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, quoted.Units, p.Units)
		found, err := s.PayoutByKey(t.Context(), "shop", "a")
		require.NoError(t, err)
		require.Equal(t, p.ID, found.ID)
		_, err = s.PayoutByKey(t.Context(), "other", "a")
		require.ErrorIs(t, err, payout.ErrNotFound)
	})
}

func TestTheAssetsAreThoseOfTheConfiguration(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.Assets()[0].MaxFee.SetInt64(1)
		var got []string
		for _, a := range s.Assets() {
			got = append(got, string(a.ID)+" "+a.MaxFee.String())
		}
		require.Equal(t, []string{string(coin) + " 10", string(token) + " 10"}, got)
	})
}

func TestWhatAProjectIsChargedIsToldWithThePayout(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.fund("shop", token, 1000)
		s.fund("", coin, 100)
		p := s.ask("a", "2")
		s.look()
		s.mine(p)
		s.look()
		require.Equal(t, []string{"10", "10", "10", "2"}, s.told(p), "the greatest fee, and in the end what the network took")
		r := s.request("b", "2")
		r.Asset = token
		free, err := s.Request(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, []string{"0"}, s.told(free), "the operator pays")
		_, err = s.Cancel(t.Context(), "shop", s.ask("c", "2").ID, "ben", "")
		require.NoError(t, err)
		cancelled, err := s.PayoutByKey(t.Context(), "shop", "c")
		require.NoError(t, err)
		require.Equal(t, []string{"10", "0"}, s.told(cancelled))
	})
}

// told returns what the events of a payout say that the project is charged.
func (s *shop) told(p payout.Payout) (out []string) {
	s.t.Helper()
	events, err := s.store.Events(s.t.Context(), 0, 1000)
	require.NoError(s.t, err)
	for _, ev := range events {
		var body payout.Payload
		require.NoError(s.t, json.Unmarshal(ev.Body, &body))
		if ev.Payout == p.ID {
			out = append(out, body.Data.Payout.Charged.String())
		}
	}
	return out
}

func TestARefundWithItsFeeIncludedCostsTheShopNoMoreThanWhatCameIn(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.paid("x", 130, invoice.StatusCompleted)
		s.fund("shop", coin, 10) // what the commission took
		all := s.refund("a", "x", "")
		all.FeeIncluded = true
		p, _, err := s.Refund(t.Context(), all)
		require.NoError(t, err)
		require.Equal(t, []int64{120, 10}, []int64{p.Units.Int64(), p.Fee.Int64()})
		require.Equal(t, "reserved 130", s.balance("shop", coin))
		again, _, err := s.Refund(t.Context(), all)
		require.NoError(t, err)
		require.Equal(t, p.ID, again.ID)
		var other *payout.KeyError
		_, _, err = s.Refund(t.Context(), s.refund("a", "x", ""))
		require.ErrorAs(t, err, &other)

		var bad *payout.InvalidError
		all.Key = "b"
		_, _, err = s.Refund(t.Context(), all)
		require.ErrorAs(t, err, &bad, "no more than a fee is left")
		require.Equal(t, "Units", bad.Field)
		s.sound()
	})
}

func TestARefundComesFromTheAccountThatIsNamed(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 100)
		s.paid("x", 130, invoice.StatusNew) // all of it is held
		r := s.refund("a", "x", "")
		r.From = payout.Available
		_, _, err := s.Refund(t.Context(), r)
		require.ErrorIs(t, err, payout.ErrNothingLeft)
		r.From = payout.Float
		var bad *payout.InvalidError
		_, _, err = s.Refund(t.Context(), r)
		require.ErrorAs(t, err, &bad)
		require.Equal(t, "From", bad.Field)
		r.From, r.FeeIncluded = payout.Held, true
		p, _, err := s.Refund(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, int64(130), p.Units.Int64(), "what is held is the payer's: no fee is taken from it")
		require.Equal(t, "available 90, reserved 140", s.balance("shop", coin))
		s.paid("y", 130, invoice.StatusCompleted)
		held := s.refund("b", "y", "")
		held.From = payout.Held
		_, _, err = s.Refund(t.Context(), held)
		require.ErrorIs(t, err, payout.ErrNothingLeft)
		s.sound()
	})
}

func TestAQuoteOfARefundIsWhatTheRefundMakesAndStoresNothing(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 1000)
		s.paid("x", 130, invoice.StatusCompleted)
		before := s.books()
		for _, over := range []bool{true, false} {
			r := s.refund(fmt.Sprint("over ", over), "x", "")
			r.Over = over
			quote, err := s.QuoteRefund(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, before, s.books(), "a quote stores nothing")
			made, _, err := s.Refund(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t,
				[]any{made.Kind, made.Invoice, made.To, made.Units, made.Source, made.Fee, made.FeeAsset, made.Payer},
				[]any{quote.Kind, quote.Invoice, quote.To, quote.Units, quote.Source, quote.Fee, quote.FeeAsset, quote.Payer})
			before = s.books()
		}
		credit, err := s.Credit(t.Context(), "shop", "x")
		require.NoError(t, err)
		require.Equal(t, "0", credit.Refundable(coin).String())
		_, err = s.QuoteRefund(t.Context(), s.refund("", "x", ""))
		require.ErrorIs(t, err, payout.ErrNothingLeft)
		stranger := s.refund("", "x", "")
		stranger.Project = "other"
		_, err = s.QuoteRefund(t.Context(), stranger)
		require.ErrorIs(t, err, payout.ErrNotFound)
		_, err = s.Credit(t.Context(), "other", "x")
		require.ErrorIs(t, err, payout.ErrNotFound, "another project's invoice does not exist")
		negative := s.refund("", "x", "-1")
		var bad *payout.InvalidError
		_, err = s.QuoteRefund(t.Context(), negative)
		require.ErrorAs(t, err, &bad)
		nowhere := s.refund("", "x", "")
		nowhere.To = "bc1q"
		_, err = s.QuoteRefund(t.Context(), nowhere)
		require.Error(t, err)
	})
}
