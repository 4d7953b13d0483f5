package bitcoin_test

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
)

func firstSeen(c *bitcoin.Config) { c.FirstSeen = true }

// bump makes the bump of a transaction, as a service does.
func (s *shop) bump(t testing.TB, tx payout.Transaction, greatest int64) payout.Transaction {
	t.Helper()
	p, err := s.spender.Bump(t.Context(), s.books, tx, big.NewInt(greatest))
	require.NoError(t, err)
	require.Empty(t, p.Payouts)
	child := payout.Transaction{
		ID: "bump of " + tx.ID, Network: s.params.Network, Purpose: payout.PurposeBump, Lane: p.Lane, Anchor: p.Anchor, Parent: tx.ID,
		Versions: []payout.Version{p.Version}, Stage: payout.StagePlanned, Mined: -1,
	}
	require.NoError(t, child.Check())
	require.True(t, p.Version.Cancels)
	return child
}

// stuck returns a transaction of a payout that the node's pool has, at the coin's fall-back rate.
func stuck(t *testing.T, s *shop, f *fake, value, units int64) payout.Transaction {
	t.Helper()
	f.put(t, s, 6, value)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), units, value))
	s.sign(t, &tx)
	f.pool(t, tx.Last())
	return tx
}

// changeOf returns the name and the units of a version's change.
func changeOf(v payout.Version) (string, int64) {
	m := v.Effects(v.TxID)[len(v.Moves)-1]
	return m.Holding.Name, m.Units.Int64()
}

func TestBump_BothTogetherPayTheRate(t *testing.T) {
	for _, c := range coins {
		if c.params.ForkID() {
			continue
		}
		t.Run(c.params.Name+"/"+c.kind.String(), func(t *testing.T) {
			s, f := newFakeShop(t, c.params, c.kind, firstSeen)
			tx := stuck(t, s, f, 900_000_000, 100_000_000)
			rate := 7*c.rate + 3
			f.rate(rate)
			child := s.bump(t, tx, 900_000_000)
			name, units := changeOf(tx.Last())
			require.Equal(t, name, child.Anchor, "by the name that it has in the books")
			require.Equal(t, []string{name}, child.Last().Spends)

			p, err := psbt.NewFromRawBytes(bytes.NewReader(child.Last().Unsigned), false)
			require.NoError(t, err)
			if c.kind != btc.P2TR {
				require.Equal(t, tx.Last().TxID, p.Inputs[0].NonWitnessUtxo.TxHash().String(), "for signers that want all of it")
			}
			s.sign(t, &child)
			v := child.Last()
			require.Equal(t, v.Fee.Int64(), s.feeOf(t, v))
			require.Len(t, v.Moves, 2)
			_, left := changeOf(v)
			require.Equal(t, units-v.Fee.Int64(), left)
			require.Zero(t, big.NewInt(-units).Cmp(v.Moves[0].Units))

			size := vsizeOf(parse(t, tx.Last())) + vsizeOf(parse(t, v))
			paid := 1000 * (tx.Last().Fee.Int64() + v.Fee.Int64())
			require.GreaterOrEqual(t, paid, rate*size)
			require.Less(t, paid, rate*(size+2), "the size of one signature is estimated")
		})
	}
}

func TestBump_IsRefused(t *testing.T) {
	const value, units = 10_000_000, 4_000_000
	for name, c := range map[string]struct {
		params btc.Params
		change func(*bitcoin.Config)
		then   func(t *testing.T, s *shop, f *fake, tx *payout.Transaction)
		all    bool // there is no change
		most   int64
		is     error
		says   string
	}{
		"on Bitcoin Cash, where it changes nothing": {params: btc.BitcoinCashRegtest(), is: payout.ErrNoReplacement, says: "each transaction alone"},
		"without change": {change: firstSeen, all: true, is: payout.ErrNoReplacement, says: "nothing of it comes back"},
		"of what no node has": {change: firstSeen, is: payout.ErrNoReplacement, says: "does not have the transaction",
			then: func(_ *testing.T, _ *shop, f *fake, tx *payout.Transaction) { delete(f.txs, tx.Last().TxID) }},
		"of what a block has": {change: firstSeen, is: payout.ErrNoReplacement, says: "does not have the transaction",
			then: func(_ *testing.T, _ *shop, f *fake, tx *payout.Transaction) { f.depth[tx.Last().TxID] = 1 }},
		"of change that is spent": {change: firstSeen, is: payout.ErrNoReplacement, says: "unconfirmed and unspent",
			then: func(_ *testing.T, _ *shop, f *fake, tx *payout.Transaction) {
				name, _ := changeOf(tx.Last())
				f.spent[name] = true
			}},
		"of what pays the rate already": {change: firstSeen, is: payout.ErrNoReplacement, says: "pays 10 sat/vB already",
			then: func(_ *testing.T, _ *shop, f *fake, _ *payout.Transaction) { f.rate(10_000) }},
		"of what can be replaced": {is: payout.ErrNoReplacement, says: "pays for itself alone",
			then: func(_ *testing.T, _ *shop, f *fake, tx *payout.Transaction) {
				f.burden[tx.Last().TxID] = tx.Last().Fee.Int64()
			}},
		"above the greatest fee": {change: firstSeen, most: 1000, is: payout.ErrFeeTooHigh, says: "of at most 1000"},
		"above the cap": {change: firstSeen, is: payout.ErrFeeTooHigh, says: "the cap is 500 sat/vB",
			then: func(_ *testing.T, _ *shop, f *fake, _ *payout.Transaction) { f.rate(500_001) }},
	} {
		t.Run(name, func(t *testing.T) {
			if c.params.Name == "" {
				c.params = btc.BitcoinRegtest()
			}
			if c.change == nil {
				c.change = func(*bitcoin.Config) {}
			}
			kind := btc.P2WPKH
			if c.params.ForkID() {
				kind = btc.P2PKH
			}
			s, f := newFakeShop(t, c.params, kind, c.change)
			pays := int64(units)
			if c.all {
				pays = value - 1500
			}
			tx := stuck(t, s, f, value, pays)
			f.rate(50_000)
			if c.then != nil {
				c.then(t, s, f, &tx)
			}
			if c.most == 0 {
				c.most = value
			}
			numbers := s.books.numbers
			_, err := s.spender.Bump(t.Context(), s.books, tx, big.NewInt(c.most))
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, numbers, s.books.numbers, "no number for change is taken in vain")
		})
	}
}

// The change pays the last unit that is above dust, and no more.
func TestBump_TheChangePaysDownToDust(t *testing.T) {
	fee := func(change int64) (int64, error) {
		s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH, firstSeen)
		tx := stuck(t, s, f, 10_000_000, 10_000_000-change-1440)
		require.Equal(t, int64(1440), tx.Last().Fee.Int64())
		f.rate(40_000)
		p, err := s.spender.Bump(t.Context(), s.books, tx, big.NewInt(1_000_000))
		if err != nil {
			return 0, err
		}
		return p.Version.Fee.Int64(), nil
	}
	need, err := fee(1_000_000)
	require.NoError(t, err)
	least, err := fee(need + 294)
	require.NoError(t, err)
	require.Equal(t, need, least)
	_, err = fee(need + 293)
	require.ErrorIs(t, err, payout.ErrNoCoins)
}

func TestBump_TheGreatestFeeIsEnough(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH, firstSeen)
	tx := stuck(t, s, f, 10_000_000, 1_000_000)
	f.rate(40_000)
	need := s.bump(t, tx, 1_000_000).Last().Fee.Int64()
	require.Equal(t, need, s.bump(t, tx, need).Last().Fee.Int64())
	_, err := s.spender.Bump(t.Context(), s.books, tx, big.NewInt(need-1))
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
}

// A payee has spent his output: whoever replaces the transaction pays for that as well.
func TestBump_OfWhatAPayeeHasPinned(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	tx := stuck(t, s, f, 10_000_000, 1_000_000)
	f.rate(40_000)
	f.burden[tx.Last().TxID] = 200_000
	_, err := s.spender.Replace(t.Context(), s.books, tx, big.NewInt(50_000))
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
	require.Less(t, s.bump(t, tx, 50_000).Last().Fee.Int64(), int64(20_000))
}

// The node has kept the first version, although it was sent another: it takes no replacement of it.
func TestBump_OfTheVersionThatTheNodeHas(t *testing.T) {
	s, f := newFakeShop(t, btc.LitecoinRegtest(), btc.P2WPKH)
	tx := stuck(t, s, f, 100_000_000, 10_000_000)
	f.burden[tx.Last().TxID] = tx.Last().Fee.Int64()
	first := tx.Last()
	f.rate(20_000)
	s.replace(t, &tx, 10_000_000)
	s.sign(t, &tx)
	child := s.bump(t, tx, 10_000_000)
	name, _ := changeOf(first)
	require.Equal(t, name, child.Anchor)
}

func TestBump_ItsFeeIsRaisedByWhatIsMissing(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	tx := stuck(t, s, f, 10_000_000, 1_000_000)
	f.burden[tx.Last().TxID] = 200_000
	f.rate(20_000)
	child := s.bump(t, tx, 100_000)
	s.sign(t, &child)
	f.pool(t, child.Last())
	first := child.Last()

	_, err := s.spender.Replace(t.Context(), s.books, child, big.NewInt(100_000))
	require.ErrorIs(t, err, payout.ErrNoReplacement, "it pays the rate already")
	_, err = s.spender.Bump(t.Context(), s.books, child, big.NewInt(100_000))
	require.ErrorIs(t, err, payout.ErrNoReplacement, "its own fee can be raised")

	f.rate(60_000)
	numbers := s.books.numbers
	s.replace(t, &child, 100_000)
	s.sign(t, &child)
	v := child.Last()
	require.Equal(t, numbers, s.books.numbers, "no further number is taken")
	require.Equal(t, first.Spends, v.Spends)
	require.True(t, v.Cancels)
	size := vsizeOf(parse(t, tx.Last())) + vsizeOf(parse(t, v))
	require.GreaterOrEqual(t, 1000*(tx.Last().Fee.Int64()+v.Fee.Int64()), 60_000*size)
	_, err = s.spender.Replace(t.Context(), s.books, child, v.Fee)
	require.ErrorIs(t, err, payout.ErrNoReplacement)

	f.rate(60_001) // by so little no node takes it
	s.replace(t, &child, 100_000)
	s.sign(t, &child)
	require.GreaterOrEqual(t, child.Last().Fee.Int64(), v.Fee.Int64()+vsizeOf(parse(t, v)))

	f.depth[tx.Last().TxID] = 1 // now it need not pay for its parent any more
	_, err = s.spender.Replace(t.Context(), s.books, child, big.NewInt(100_000))
	require.ErrorIs(t, err, payout.ErrNoReplacement)
	f.rate(400_000)
	s.replace(t, &child, 100_000)
	s.sign(t, &child)
	require.LessOrEqual(t, child.Last().Fee.Int64()*1000, 400_000*(vsizeOf(parse(t, v))+1))

	delete(f.txs, tx.Last().TxID)
	_, err = s.spender.Replace(t.Context(), s.books, child, big.NewInt(100_000))
	require.ErrorIs(t, err, payout.ErrNoReplacement)
	require.ErrorContains(t, err, "neither pool nor chain")
}

// Where nothing is replaced, a bump is bumped, and pays for all that it depends on, up to a depth.
func TestBump_OfABump(t *testing.T) {
	s, f := newFakeShop(t, btc.LitecoinRegtest(), btc.P2WPKH, firstSeen)
	tx := stuck(t, s, f, 900_000_000, 100_000_000)
	fees, size, rate := tx.Last().Fee.Int64(), vsizeOf(parse(t, tx.Last())), int64(10_000)
	for range 10 {
		rate += 5_000
		f.rate(rate)
		child := s.bump(t, tx, 900_000_000)
		s.sign(t, &child)
		f.pool(t, child.Last())
		fees, size = fees+child.Last().Fee.Int64(), size+vsizeOf(parse(t, child.Last()))
		require.GreaterOrEqual(t, 1000*fees, rate*size)
		require.Less(t, 1000*fees, rate*(size+20))
		_, err := s.spender.Replace(t.Context(), s.books, child, big.NewInt(900_000_000))
		require.ErrorIs(t, err, payout.ErrNoReplacement)
		tx = child
	}
	f.rate(rate + 5_000)
	_, err := s.spender.Bump(t.Context(), s.books, tx, big.NewInt(900_000_000))
	require.ErrorIs(t, err, payout.ErrNoReplacement)
	require.ErrorContains(t, err, "too many")
}

func TestLook_ABumpInThePoolNeedsNoBlocks(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH, firstSeen)
	tx := stuck(t, s, f, 10_000_000, 1_000_000)
	f.rate(40_000)
	child := s.bump(t, tx, 100_000)
	s.sign(t, &child)
	f.pool(t, child.Last())
	require.Equal(t, []payout.Sighting{{Pooled: true}}, s.look(t, child).Versions)
	require.Zero(t, f.calls["getblock"])
}

// What spends a coin that somebody else has spent is in no pool: there a replacement is no replacement.
func TestReplace_FirstSeen(t *testing.T) {
	for _, p := range []btc.Params{btc.LitecoinRegtest(), btc.BitcoinCashRegtest()} {
		t.Run(fmt.Sprint(p.Name), func(t *testing.T) {
			s, f := newFakeShop(t, p, btc.P2PKH, firstSeen)
			f.put(t, s, 6, 2_000_000, 2_000_000, 2_000_000)
			tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 3_000_000, 1_000_000))
			s.sign(t, &tx)
			_, err := s.spender.Replace(t.Context(), s.books, tx, big.NewInt(1_000_000))
			require.ErrorIs(t, err, payout.ErrNoReplacement)
			require.Len(t, tx.Last().Spends, 2)
			f.spent[tx.Last().Spends[1]] = true
			s.replace(t, &tx, tx.Last().Fee.Int64())
			require.Len(t, tx.Last().Spends, 2)
			require.Contains(t, tx.Last().Spends, tx.Anchor)
		})
	}
}

// mustRate reads a rate that is for people, in satoshis for 1000 bytes.
func mustRate(t *testing.T, text string) int64 {
	d, err := decimal.NewFromString(strings.TrimSuffix(text, " sat/vB"))
	require.NoError(t, err)
	return d.Shift(3).IntPart()
}

// chosen lets an operator choose the fee of what comes next.
func chosen(tx payout.Transaction, fee int64) payout.Transaction {
	tx.Hurry = &payout.Hurry{Fee: big.NewInt(fee)}
	return tx
}

func TestHurry_AReplacementHasTheFeeThatWasChosen(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	tx := stuck(t, s, f, 10_000_000, 1_000_000)
	f.burden[tx.Last().TxID] = tx.Last().Fee.Int64()
	size := vsizeOf(parse(t, tx.Last()))
	least := func() int64 {
		v, err := s.spender.Replace(t.Context(), s.books, chosen(tx, 1), big.NewInt(1_000_000))
		require.NoError(t, err)
		return v.Fee.Int64()
	}
	for _, asked := range []int64{1_000, 400_000} { // what the network asks for does not count
		f.rate(asked)
		require.InDelta(t, tx.Last().Fee.Int64()+size, least(), 2, "the increment of BIP-125")
		v, err := s.spender.Replace(t.Context(), s.books, chosen(tx, 12_345), big.NewInt(12_345))
		require.NoError(t, err)
		require.Equal(t, int64(12_345), v.Fee.Int64())
		require.Equal(t, 12_345*1000/size, mustRate(t, v.Rate), "its own rate")
		_, err = s.spender.Replace(t.Context(), s.books, chosen(tx, least()-1), big.NewInt(least()-1))
		require.ErrorIs(t, err, payout.ErrFeeTooHigh)
	}
	_, err := s.spender.Replace(t.Context(), s.books, chosen(tx, 600*size), big.NewInt(1_000_000))
	require.ErrorIs(t, err, payout.ErrFeeTooHigh, "above the cap of rates")
	f.burden[tx.Last().TxID] = 50_000
	require.Greater(t, least(), int64(50_000), "it pays for what payees have made of the outputs")
}

func TestHurry_ABumpCostsWhatWasChosen(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH, firstSeen)
	tx := stuck(t, s, f, 10_000_000, 1_000_000)
	f.rate(1_000)
	_, err := s.spender.Bump(t.Context(), s.books, tx, big.NewInt(100_000))
	require.ErrorIs(t, err, payout.ErrNoReplacement, "it pays what the network asks for")
	child := s.bump(t, chosen(tx, 12_345), 12_345)
	s.sign(t, &child)
	require.Equal(t, int64(12_345), child.Last().Fee.Int64())
	low := s.bump(t, chosen(tx, 1), 12_345).Last()
	before := 1000 * tx.Last().Fee.Int64() / vsizeOf(parse(t, tx.Last()))
	require.Greater(t, 1000*low.Fee.Int64()/vsizeOf(parse(t, child.Last())), before, "a miner who takes both gets more for each byte")
	_, err = s.spender.Bump(t.Context(), s.books, chosen(tx, low.Fee.Int64()-1), new(big.Int).Sub(low.Fee, big.NewInt(1)))
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
}

func TestHurry_ABumpIsRaisedToWhatWasChosen(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	tx := stuck(t, s, f, 10_000_000, 1_000_000)
	f.burden[tx.Last().TxID] = 200_000
	f.rate(20_000)
	child := s.bump(t, tx, 100_000)
	s.sign(t, &child)
	f.pool(t, child.Last())
	v, err := s.spender.Replace(t.Context(), s.books, chosen(child, 30_000), big.NewInt(30_000))
	require.NoError(t, err)
	require.Equal(t, int64(30_000), v.Fee.Int64(), "although it pays the network's rate")
}
