package bitcoin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

var kinds = []btc.ScriptKind{btc.P2PKH, btc.P2SHP2WPKH, btc.P2WPKH, btc.P2TR}

func TestBtcd(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 60)
	for i, kind := range kinds {
		t.Run("Lifecycle/"+kind.String(), func(t *testing.T) { lifecycle(t, newShop(t, n, kind, byte(10+i))) })
		t.Run("P13_P14_SizeIsEstimatedWithinOneByteAnInput/"+kind.String(), func(t *testing.T) { sizes(t, newShop(t, n, kind, byte(20+i))) })
		t.Run("P19_ReplacementPaysTheSame/"+kind.String(), func(t *testing.T) { replacement(t, newShop(t, n, kind, byte(30+i))) })
	}
}

// lifecycle is a payout from plan to burial.
func lifecycle(t *testing.T, s *shop) {
	s.receive(t, 100_000, 250_000)
	to := s.stranger(t, 1)
	tx := s.plan(t, s.payout(t, "a", to, 120_000, 50_000))
	require.Equal(t, []string{"a"}, tx.Payouts)
	before := tx.Last().TxID
	require.Equal(t, s.wallet.Kind() == btc.P2PKH, before == "", "the id is known before the signature, but for P2PKH")
	s.sign(t, &tx)
	require.Equal(t, int64(120_000), s.pays(t, tx.Last(), to))
	require.Equal(t, payout.Look{Versions: make([]payout.Sighting, 1)}, s.look(t, tx), "nobody has it")

	s.send(t, tx)
	s.send(t, tx) // again is no error
	require.Equal(t, []payout.Sighting{{Pooled: true}}, s.look(t, tx).Versions)

	height := s.height(t) + 1
	s.mine(t, 1)
	s.send(t, tx)
	fee := tx.Last().Fee
	require.Equal(t, []payout.Sighting{{Height: height, Fee: fee}}, s.look(t, tx).Versions)
	s.mine(t, 1)
	require.Equal(t, []payout.Sighting{{Height: height, Fee: fee, Final: true}}, s.look(t, tx).Versions)

	s.books.apply(t, tx.Last(), tx.Last().TxID)
	require.Len(t, s.books.holdings, 1+2-len(tx.Last().Spends))
	require.Equal(t, 350_000-120_000-fee.Int64(), s.books.total())
	audit(t, s)

	second := s.plan(t, s.payout(t, "b", to, 200_000, 50_000)) // with the change
	s.sign(t, &second)
	s.send(t, second)
	s.mine(t, 8)
	require.Equal(t, []payout.Sighting{{Height: height, Fee: fee, Final: true, Buried: true}}, s.look(t, tx).Versions)
}

// audit checks that the chain has what the books have.
func audit(t *testing.T, s *shop) {
	t.Helper()
	var holdings []payout.Holding
	for _, h := range s.books.holdings {
		holdings = append(holdings, h)
	}
	units, err := s.spender.Audit(t.Context(), holdings)
	require.NoError(t, err)
	for i, h := range holdings {
		require.Zero(t, h.Units.Cmp(units[i]), h.Name)
	}
}

// sizes pays with 1, 2 and 12 coins, and 3 payees.
func sizes(t *testing.T, s *shop) {
	values := make([]int64, 12)
	for i := range values {
		values[i] = 20_000 + int64(i)
	}
	s.receive(t, append(values, 1_000_000)...)
	for i, sum := range []int64{900_000, 25_000, 150_000} {
		to := s.stranger(t, byte(40+i))
		tx := s.plan(t,
			s.payout(t, fmt.Sprint("x", i), to, sum/3, 100_000), s.payout(t, fmt.Sprint("y", i), to, sum/3, 100_000),
			s.payout(t, fmt.Sprint("z", i), to, sum/3, 100_000))
		s.sign(t, &tx)
		v := tx.Last()
		require.Equal(t, v.Fee.Int64(), s.feeOf(t, v))
		require.Equal(t, 3*(sum/3), s.pays(t, v, to))
		size, inputs := vsizeOf(parse(t, v)), int64(len(v.Spends))
		text, _, _ := strings.Cut(v.Rate, " ")
		rate := decimal.RequireFromString(text).Shift(3).IntPart()
		if len(parse(t, v).TxOut) == 4 {
			estimate := v.Fee.Int64() * 1000 / rate // the fee was rounded up
			require.GreaterOrEqual(t, estimate, size)
			require.LessOrEqual(t, estimate-size, inputs)
		}
		require.GreaterOrEqual(t, v.Fee.Int64()*1000, rate*size)
		s.send(t, tx)
	}
	s.mine(t, 1)
}

// replacement raises the fee, first from change and then with a further coin, and mines the version in the middle.
func replacement(t *testing.T, s *shop) {
	s.receive(t, 60_000, 50_000, 40_000)
	to := s.stranger(t, 2)
	tx := s.plan(t, s.payout(t, "a", to, 51_000, 50_000))
	s.sign(t, &tx)
	s.send(t, tx)
	for len(tx.Versions) < 8 && len(tx.Last().Spends) == len(tx.Versions[0].Spends) {
		s.replace(t, &tx, 50_000)
		s.sign(t, &tx)
		s.send(t, tx)
		last, before := tx.Last(), tx.Versions[len(tx.Versions)-2]
		require.Equal(t, int64(51_000), s.pays(t, last, to))
		require.Equal(t, 1, last.Fee.Cmp(before.Fee))
		require.Contains(t, last.Spends, tx.Anchor)
	}
	look := s.look(t, tx)
	require.True(t, look.Versions[len(tx.Versions)-1].Pooled)
	require.False(t, look.Versions[0].Pooled)
	height := s.height(t) + 1
	s.mine(t, 1)
	look = s.look(t, tx)
	require.Equal(t, height, look.Versions[len(tx.Versions)-1].Height)
	_, _, err := s.spender.Replace(t.Context(), s.books, tx, tx.Last().Fee)
	require.ErrorIs(t, err, payout.ErrNoReplacement)
}

func TestBtcd_Reorganisation(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	s := newShop(t, n, btc.P2WPKH, 1)
	s.receive(t, 100_000)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 50_000, 50_000))
	s.sign(t, &tx)
	s.send(t, tx)
	s.mine(t, 1)
	require.True(t, s.look(t, tx).Versions[0].Mined())
	s.drop(t, 1)
	require.False(t, s.look(t, tx).Versions[0].Mined(), "the block has left the chain")
	s.send(t, tx) // the same bytes again
	require.True(t, s.look(t, tx).Versions[0].Pooled)
	height := s.height(t) + 1
	s.mine(t, final)
	require.Equal(t, height, s.look(t, tx).Versions[0].Height)
	require.True(t, s.look(t, tx).Versions[0].Final)
}

var errNone *payout.RefusedError

func TestBtcd_P20_WhatIsRefusedIsNotConcludedFrom(t *testing.T) {
	n := startBtcd(t)
	s := newShop(t, n, btc.P2PKH, 1)
	s.receive(t, 100_000)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 50_000, 50_000))
	s.sign(t, &tx)
	broken := tx.Last()
	broken.Raw = append([]byte(nil), broken.Raw...)
	broken.Raw[60] ^= 1 // in the signature
	err := s.spender.Send(t.Context(), broken)
	require.True(t, errors.As(err, &errNone), "%v", err)
	require.Equal(t, payout.RefusedInvalid, errNone.Code)

	foreign := tx.Last()
	m := parse(t, foreign)
	m.TxIn[0].PreviousOutPoint = wire.OutPoint{Index: 5}
	foreign.Raw = serialize(t, m)
	err = s.spender.Send(t.Context(), foreign)
	require.True(t, errors.As(err, &errNone), "%v", err)
	require.Equal(t, payout.RefusedSpent, errNone.Code)
	require.Equal(t, []payout.Sighting{{}}, s.look(t, tx).Versions)
	s.send(t, tx)
}
