package payout_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

func TestATransferMovesMoneyBetweenProjectsOnce(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 100)
		move := payout.Transfer{ID: "1", From: "shop", To: "anna", Asset: coin, Units: big.NewInt(60), Actor: "shop"}
		for range 2 {
			require.NoError(t, s.Transfer(t.Context(), move))
			require.Equal(t, []string{"available 40", "available 60"}, []string{s.balance("shop", coin), s.balance("anna", coin)})
		}
		before := s.books()
		var taken *payout.EntryError
		other := move
		other.Units = big.NewInt(1)
		require.ErrorAs(t, s.Transfer(t.Context(), other), &taken)
		var short *payout.InsufficientError
		require.ErrorAs(t, s.Transfer(t.Context(), payout.Transfer{ID: "2", From: "shop", To: "anna", Asset: coin, Units: big.NewInt(41)}), &short)
		require.Equal(t, "shop", short.Account.Project)
		require.Equal(t, before, s.books())

		back := payout.Transfer{ID: "3", From: "anna", To: "shop", Asset: coin, Units: big.NewInt(60)}
		require.NoError(t, s.Transfer(t.Context(), back))
		require.Equal(t, []string{"available 100", ""}, []string{s.balance("shop", coin), s.balance("anna", coin)})
		s.sound()
	})
}

func TestATransferNamesWhatIsWrongWithIt(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		s.fund("shop", coin, 100)
		before := s.books()
		for field, change := range map[string]func(*payout.Transfer){
			"ID":    func(m *payout.Transfer) { m.ID = "" },
			"From":  func(m *payout.Transfer) { m.From = "" },
			"To":    func(m *payout.Transfer) { m.To = "shop" },
			"Asset": func(m *payout.Transfer) { m.Asset = chain.AssetID(network) + "/slip44:1" },
			"Units": func(m *payout.Transfer) { m.Units = big.NewInt(-1) },
			"actor": func(m *payout.Transfer) { m.Actor = strings.Repeat("a", 191) },
		} {
			move := payout.Transfer{ID: "1", From: "shop", To: "anna", Asset: coin, Units: big.NewInt(60)}
			change(&move)
			var bad *payout.InvalidError
			require.ErrorAs(t, s.Transfer(t.Context(), move), &bad, field)
			require.Equal(t, field, bad.Field)
		}
		elsewhere := payout.Transfer{ID: "1", From: "shop", To: "anna", Asset: "eip155:5/slip44:60", Units: big.NewInt(1)}
		require.ErrorIs(t, s.Transfer(t.Context(), elsewhere), payout.ErrNetwork)
		none := payout.Transfer{ID: "1", From: "shop", To: "anna", Asset: coin}
		var bad *payout.InvalidError
		require.ErrorAs(t, s.Transfer(t.Context(), none), &bad)
		require.Equal(t, before, s.books())
	})
}
