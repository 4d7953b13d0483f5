package bitcoin_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// A signer that has a version may never sign it, and then its coins would be locked for ever.
func TestReplace_ACancellationOutbidsWhatWasNeverSignedOnlyIfItCan(t *testing.T) {
	const value, most = 10_000_000, 50_000
	for name, c := range map[string]struct {
		seen     func(t *testing.T, s *shop, f *fake, tx *payout.Transaction)
		pays     bool  // it is no cancellation
		greatest int64 // what is reserved; that of the first version if 0
		is       error
		outbids  bool
	}{
		"offered, and the reserve is enough":     {seen: offered, greatest: most, outbids: true},
		"offered, and the reserve is too little": {seen: offered},
		"offered, and not enough for itself":     {seen: offered, greatest: 100, is: payout.ErrFeeTooHigh},
		"offered, with a higher fee chosen": {seen: func(t *testing.T, s *shop, f *fake, tx *payout.Transaction) {
			offered(t, s, f, tx)
			tx.Hurry = &payout.Hurry{Fee: tx.Last().Fee}
		}},
		"offered, and in the pool": {is: payout.ErrFeeTooHigh, seen: func(t *testing.T, s *shop, f *fake, tx *payout.Transaction) {
			offered(t, s, f, tx)
			elsewhere := payout.Transaction{Versions: []payout.Version{tx.Last()}}
			s.sign(t, &elsewhere) // by the signer's own program
			f.pool(t, elsewhere.Last())
		}},
		"offered, and to be paid": {seen: offered, pays: true, is: payout.ErrFeeTooHigh},
		"shown to nobody":         {seen: func(*testing.T, *shop, *fake, *payout.Transaction) {}, greatest: most},
		"signed here": {is: payout.ErrFeeTooHigh, seen: func(t *testing.T, s *shop, f *fake, tx *payout.Transaction) {
			offered(t, s, f, tx)
			s.sign(t, tx)
		}},
		"signed here, and another one offered": {greatest: 5_000, is: payout.ErrFeeTooHigh, seen: func(t *testing.T, s *shop, f *fake, tx *payout.Transaction) {
			offered(t, s, f, tx)
			f.rate(40_000)
			s.replace(t, tx, most)
			offered(t, s, f, tx)
			s.sign(t, tx)
			f.rate(10_000)
			s.replace(t, tx, most)
			offered(t, s, f, tx)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
			f.rate(10_000)
			f.put(t, s, 6, value)
			tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 1_000_000, most))
			c.seen(t, s, f, &tx)
			tx.Cancel = !c.pays
			greatest := c.greatest
			if greatest == 0 {
				greatest = tx.Last().Fee.Int64()
			}
			v, err := s.spender.Replace(t.Context(), s.books, tx, big.NewInt(greatest))
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
				return
			}
			require.NoError(t, err)
			require.Contains(t, v.Spends, tx.Anchor)
			require.LessOrEqual(t, v.Fee.Int64(), greatest)
			require.Equal(t, c.outbids, v.Fee.Cmp(tx.Last().Fee) > 0, "%s after %s", v.Fee, tx.Last().Fee)
			tx.Versions = append(tx.Versions, v)
			s.sign(t, &tx)
			require.GreaterOrEqual(t, 1000*v.Fee.Int64(), 10_000*vsizeOf(parse(t, tx.Last())), "the network's rate")
			require.Zero(t, s.pays(t, tx.Last(), s.stranger(t, 1)))
		})
	}
}

// offered lets a signer have the last version, and not sign it.
func offered(_ *testing.T, _ *shop, _ *fake, tx *payout.Transaction) {
	tx.Versions[len(tx.Versions)-1].Offered = true
}

// A coin that is too small to outbid what was never signed is still given free.
func TestReplace_ACancellationOfASmallCoinTakesNoOther(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.rate(10_000)
	f.put(t, s, 6, 2_100)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 600, 50_000))
	offered(t, s, f, &tx)
	tx.Cancel = true
	v, err := s.spender.Replace(t.Context(), s.books, tx, big.NewInt(50_000))
	require.NoError(t, err)
	require.Equal(t, tx.Last().Spends, v.Spends)
}

// Where the signer's own program sends what it never gave back, the node has one of the two, and the chain decides.
func TestBtcd_ACancellationOfWhatWasNeverSignedHere(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	for i, sent := range []bool{false, true} {
		s := newShop(t, n, btc.P2PKH, byte(1+i)) // the id of what is not signed is not known
		s.receive(t, 100_000)
		to := s.stranger(t, byte(1+i))
		tx := s.plan(t, s.payout(t, "a", to, 60_000, 50_000))
		tx.Versions[0].Offered, tx.Cancel = true, true
		elsewhere := payout.Transaction{Versions: []payout.Version{tx.Last()}}
		s.sign(t, &elsewhere)
		if sent {
			s.send(t, elsewhere)
		}
		s.replace(t, &tx, tx.Last().Fee.Int64())
		require.Less(t, tx.Last().Fee.Int64(), tx.Versions[0].Fee.Int64())
		s.sign(t, &tx)
		err := s.spender.Send(t.Context(), tx.Last())
		var refused *payout.RefusedError
		if sent {
			require.ErrorAs(t, err, &refused)
		} else {
			require.NoError(t, err)
		}
		s.mine(t, final)
		look := s.look(t, tx)
		require.Equal(t, sent, look.Versions[0].Final)
		require.Equal(t, !sent, look.Versions[1].Final)
		require.False(t, look.Taken)
		if sent {
			require.Equal(t, elsewhere.Last().TxID, look.Versions[0].TxID)
		}
	}
}
