package payout_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// withdraw asks for a withdrawal of the whole cent amount.
func (s *shop) withdraw(key string, units int64) payout.Payout {
	s.t.Helper()
	r := s.request(key, decimal.New(units, -2).String())
	r.Kind = payout.KindWithdrawal
	p, err := s.Request(s.t.Context(), r)
	require.NoError(s.t, err)
	return p
}

// settlements returns "withdrawal: opening + income + corrections + other = closing, invoices" for each.
func (s *shop) settlements() (out []string) {
	s.t.Helper()
	settled := map[string][]string{}
	name := func(p *payout.Payout) string {
		if p == nil {
			return "open"
		}
		return p.Key
	}
	all, err := s.Settlements(s.t.Context(), "shop", coin, func(by *payout.Payout, l payout.Line) error {
		settled[name(by)] = append(settled[name(by)], fmt.Sprintf("%s %s", l.Subject, l.Units))
		return nil
	})
	require.NoError(s.t, err)
	for _, x := range all {
		n := name(x.Payout)
		out = append(out, fmt.Sprintf("%s: %s + %s + %s + %s = %s %v", n, x.Opening, x.Income, x.Corrections, x.Other, x.Closing, settled[n]))
	}
	return out
}

// A cash-out settles what came in since the one before; what the chain takes back later is a correction in the next one.
func TestAWithdrawalSettlesWhatInvoicesBroughtSinceTheOneBefore(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.sell("a", 500, 0)
		s.sell("b", 300, 30)
		s.sell("c", 200, 0)
		s.head(100)
		s.pay("a", 1, coin, 500, 50, invoice.StatusCompleted)
		s.pay("b", 1, coin, 300, 51, invoice.StatusCompleted)
		s.book()
		require.Equal(t, []string{"open: 0 + 770 + 0 + 0 = 770 [a 500 b 270]"}, s.settlements())
		_, err := s.SettledBy(t.Context(), "shop", "a", coin)
		require.ErrorIs(t, err, payout.ErrNotFound, "nothing settles it yet")

		given := s.withdraw("given up", 100)
		_, err = s.Cancel(t.Context(), "shop", given.ID, "ben", "")
		require.NoError(t, err)
		first := s.withdraw("first", 600)
		s.pay("c", 1, coin, 200, 60, invoice.StatusCompleted)
		s.book()
		s.pay("b", 1, coin, 300, 0, invoice.StatusNew) // gone for good
		s.book()
		second := s.withdraw("second", 5)
		want := []string{
			"first: 0 + 770 + 0 + -610 = 160 [a 500 b 270]",
			"second: 160 + 200 + -270 + -15 = 75 [c 200 b -270]",
		}
		require.Equal(t, want, s.settlements())
		s.ask("supplier", "0.5")
		require.Equal(t, append(want, "open: 75 + 0 + 0 + -60 = 15 []"), s.settlements())

		for id, by := range map[string]payout.Payout{"a": first, "b": first, "c": second} {
			p, err := s.SettledBy(t.Context(), "shop", id, coin)
			require.NoError(t, err)
			require.Equal(t, by.Key, p.Key)
		}
		for _, other := range [][]string{{"shop", "unknown"}, {"another", "a"}} {
			_, err = s.SettledBy(t.Context(), other[0], other[1], coin)
			require.ErrorIs(t, err, payout.ErrNotFound)
		}
		_, err = s.SettledBy(t.Context(), "shop", "a", token)
		require.ErrorIs(t, err, payout.ErrNotFound)

		end := errors.New("enough")
		_, err = s.Settlements(t.Context(), "shop", coin, func(*payout.Payout, payout.Line) error { return end })
		require.ErrorIs(t, err, end)
		none, err := s.Settlements(t.Context(), "another", coin, nil)
		require.NoError(t, err)
		require.Empty(t, none)
	})
}
