package bitcoin_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/internal/devbtc"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
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
	_, err := s.spender.Replace(t.Context(), s.books, tx, tx.Last().Fee)
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

// The chain decides between the versions of a transaction that is cancelled.
func TestBtcd_P19_Cancel(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	for i, kind := range []btc.ScriptKind{btc.P2WPKH, btc.P2TR} {
		s := newShop(t, n, kind, byte(1+i))
		s.receive(t, 100_000)
		to := s.stranger(t, 1)
		tx := s.plan(t, s.payout(t, "a", to, 60_000, 50_000))
		s.sign(t, &tx)
		s.send(t, tx)
		tx.Cancel = true
		s.replace(t, &tx, 50_000)
		s.sign(t, &tx)
		v := tx.Last()
		require.True(t, v.Cancels)
		require.Zero(t, s.pays(t, v, to))
		require.Equal(t, v.Fee.Int64(), s.feeOf(t, v))
		require.Equal(t, tx.Versions[0].Moves[len(tx.Versions[0].Moves)-1].Holding.Address, v.Moves[1].Holding.Address, "no further number is taken")
		s.send(t, tx)
		s.mine(t, final)
		look := s.look(t, tx)
		require.Equal(t, payout.Sighting{}, look.Versions[0])
		require.True(t, look.Versions[1].Final)
		require.False(t, look.Dead)
		s.books.apply(t, v, v.TxID)
		require.Equal(t, 100_000-v.Fee.Int64(), s.books.total())
		audit(t, s)
	}
}

// P18: a version without change gets a coin more.
func TestBtcd_P16_P18_AVersionWithoutChangeIsReplaced(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	s := newShop(t, n, btc.P2WPKH, 1)
	s.receive(t, 100_000, 70_000)
	fee := func() int64 {
		p, err := s.spender.Plan(t.Context(), newBooksOf(s.books, 100_000), []payout.Payout{s.payout(t, "a", s.stranger(t, 1), 50_000, 50_000)})
		require.NoError(t, err)
		return p.Version.Fee.Int64()
	}()
	to := s.stranger(t, 1)
	tx := s.plan(t, s.payout(t, "a", to, 100_000-fee, 50_000))
	s.sign(t, &tx)
	require.Len(t, parse(t, tx.Last()).TxOut, 1, "change would be dust")
	s.send(t, tx)
	s.replace(t, &tx, 50_000)
	s.sign(t, &tx)
	s.send(t, tx)
	require.Len(t, tx.Last().Spends, 2)
	require.Len(t, parse(t, tx.Last()).TxOut, 2)
	require.Equal(t, 100_000-fee, s.pays(t, tx.Last(), to))
	require.True(t, s.look(t, tx).Versions[1].Pooled)

	_, err := s.spender.Replace(t.Context(), s.books, tx, tx.Last().Fee)
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
}

// newBooksOf returns books with the coins of the value alone.
func newBooksOf(b *books, units int64) *books {
	some := newBooks()
	for name, h := range b.holdings {
		if h.Units.Int64() == units {
			some.holdings[name] = h
		}
	}
	return some
}

// Somebody else has the key. Nothing is concluded before a block shows it, and what is concluded is taken back with the
// block.
func TestBtcd_TheAnchorIsTaken(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	s := newShop(t, n, btc.P2WPKH, 1)
	s.receive(t, 100_000)
	ours := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 60_000, 50_000))
	s.sign(t, &ours)
	thief := newShop(t, n, btc.P2WPKH, 1)
	thief.books.holdings = newBooksOf(s.books, 100_000).holdings
	for name, h := range thief.books.holdings {
		h.Lock = ""
		thief.books.holdings[name] = h
	}
	theirs := thief.plan(t, thief.payout(t, "b", s.stranger(t, 2), 61_000, 50_000))
	thief.sign(t, &theirs)
	thief.send(t, theirs)
	require.Error(t, s.spender.Send(t.Context(), ours.Last()))
	require.Equal(t, payout.Look{Versions: make([]payout.Sighting, 1)}, s.look(t, ours))
	s.mine(t, 1)
	require.Equal(t, payout.Look{Versions: make([]payout.Sighting, 1), Taken: true}, s.look(t, ours))
	s.mine(t, 8)
	require.Equal(t, payout.Look{Versions: make([]payout.Sighting, 1), Taken: true}, s.look(t, ours))
	s.mine(t, 1)
	require.Equal(t, payout.Look{Versions: make([]payout.Sighting, 1), Taken: true, TakenFinal: true}, s.look(t, ours))
	s.drop(t, 10)
	require.Equal(t, payout.Look{Versions: make([]payout.Sighting, 1)}, s.look(t, ours))
}

// A version that spends what somebody else has spent is in no pool. Its successor takes another coin, and need not pay more.
func TestBtcd_AStolenCoinIsReplacedAtNoHigherFee(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	s := newShop(t, n, btc.P2WPKH, 1)
	s.receive(t, 100_000, 90_000, 80_000)
	to := s.stranger(t, 1)
	tx := s.plan(t, s.payout(t, "a", to, 160_000, 20_000))
	s.sign(t, &tx)
	require.Len(t, tx.Last().Spends, 2)
	stolen := s.books.holdings[tx.Last().Spends[1]]
	thief := newShop(t, n, btc.P2WPKH, 1)
	stolen.Lock = ""
	thief.books.holdings = map[string]payout.Holding{stolen.Name: stolen}
	theirs := thief.plan(t, thief.payout(t, "b", s.stranger(t, 2), 61_000, 50_000))
	thief.sign(t, &theirs)
	thief.send(t, theirs)
	s.mine(t, 1)
	refused := s.spender.Send(t.Context(), tx.Last())
	require.ErrorAs(t, refused, new(*payout.RefusedError))

	s.replace(t, &tx, tx.Last().Fee.Int64()+200)
	s.sign(t, &tx)
	s.send(t, tx)
	require.NotContains(t, tx.Last().Spends, stolen.Name)
	require.Contains(t, tx.Last().Spends, tx.Anchor)
	s.mine(t, final)
	require.True(t, s.look(t, tx).Versions[1].Final)
	require.Equal(t, int64(160_000), s.pays(t, tx.Last(), to))
}

// None of the transaction's outputs is left, and a P2PKH version may not even have an id.
func TestBtcd_ATransactionIsFoundByReadingBlocks(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	for i, kind := range []btc.ScriptKind{btc.P2PKH, btc.P2WPKH} {
		s := newShop(t, n, kind, byte(1+i))
		s.receive(t, 100_000)
		payee := newShop(t, n, btc.P2WPKH, byte(11+i))
		key, err := payee.wallet.Key(0, 0)
		require.NoError(t, err)
		fee := int64(10_000)
		tx := s.plan(t, s.payout(t, "a", key.Address, 100_000-fee, 50_000))
		unsigned := tx
		unsigned.Versions = []payout.Version{tx.Last()}
		s.sign(t, &tx)
		s.send(t, tx)
		height := s.height(t) + 1
		s.mine(t, 2)
		for vout, o := range parse(t, tx.Last()).TxOut {
			owner, branch, index := payee, uint32(0), uint32(0)
			if a, _ := s.params.AddressOf(o.PkScript); a != key.Address {
				owner, branch, index = s, 1, tx.Last().Moves[1].Holding.Index
			}
			spend := newShop(t, n, owner.wallet.Kind(), map[bool]byte{true: byte(1 + i), false: byte(11 + i)}[owner == s])
			spend.books.holdings["x"] = payout.Holding{
				Network: s.params.Network, Asset: s.params.Asset().ID, Name: fmt.Sprint(tx.Last().TxID, ":", vout),
				Wallet: spend.wallet.Name(), Branch: branch, Index: index, Units: bigOf(o.Value),
			}
			gone := spend.plan(t, spend.payout(t, "b", s.stranger(t, 3), o.Value/2, 50_000))
			spend.sign(t, &gone)
			spend.send(t, gone)
		}
		s.mine(t, 1)
		want := payout.Sighting{Height: height, Final: true, Fee: tx.Last().Fee}
		for range 2 { // the second time from memory
			require.Equal(t, []payout.Sighting{want}, s.look(t, tx).Versions)
		}
		if kind == btc.P2PKH {
			want.TxID = tx.Last().TxID
		}
		require.Equal(t, []payout.Sighting{want}, s.look(t, unsigned).Versions, "somebody signed and sent it elsewhere")
		s.drop(t, 3)
		require.False(t, s.look(t, tx).Versions[0].Mined())
		s.mine(t, 4)
	}
}

func TestBtcd_FundingOfTheLane(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	s := newShop(t, n, btc.P2WPKH, 1)
	lane := s.spender.Lane()
	other, err := s.wallet.Address(t.Context(), 0)
	require.NoError(t, err)
	change, err := s.wallet.Key(1, 1)
	require.NoError(t, err)
	s.pay(t, devbtc.Output{To: lane, Units: 70_000}, devbtc.Output{To: other, Units: 5000}, devbtc.Output{To: lane, Units: 30_000},
		devbtc.Output{To: change.Address, Units: 7000})
	var pool []string
	s.call(t, &pool, "getrawmempool")
	require.Len(t, pool, 1)
	for range final {
		_, err = s.spender.Funding(t.Context(), pool[0])
		require.ErrorIs(t, err, payout.ErrNotFound, "not final")
		s.mine(t, 1)
	}
	units, err := s.spender.Received(t.Context(), pool[0], other, s.params.Asset().ID) // P24
	require.NoError(t, err)
	require.Equal(t, big.NewInt(5000), units)
	_, err = s.spender.Received(t.Context(), pool[0], s.stranger(t, 9), s.params.Asset().ID)
	require.ErrorIs(t, err, payout.ErrNotFound)
	moves, err := s.spender.Funding(t.Context(), pool[0])
	require.NoError(t, err)
	require.Len(t, moves, 2)
	for _, m := range moves {
		m.Holding.Units = m.Units
		s.books.holdings[m.Holding.Name] = m.Holding
	}
	require.Equal(t, int64(100_000), s.books.total())
	audit(t, s)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 80_000, 10_000))
	s.sign(t, &tx)
	s.send(t, tx)
	for _, id := range []string{"", "x", pool[0][1:] + "0", tx.Last().TxID} {
		_, err = s.spender.Funding(t.Context(), id)
		require.ErrorIs(t, err, payout.ErrNotFound)
	}
}

func TestBtcd_P13_FiveHundredPayouts(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 30)
	s := newShop(t, n, btc.P2WPKH, 1, func(c *bitcoin.Config) { c.Batch = 500 })
	s.receive(t, 40_000_000, 30_000_000)
	var all []payout.Payout
	for i, id := range ids(500) {
		all = append(all, s.payout(t, id, s.stranger(t, byte(i)), int64(100_000+i%7), 1000))
	}
	tx := s.plan(t, all...)
	require.Len(t, tx.Payouts, 500)
	s.sign(t, &tx)
	size := vsizeOf(parse(t, tx.Last()))
	require.LessOrEqual(t, size, int64(100_000), "nodes relay no larger ones")
	s.send(t, tx)
	s.replace(t, &tx, 1_000_000)
	s.sign(t, &tx)
	s.send(t, tx)
	height := s.height(t) + 1
	s.mine(t, final)
	require.Equal(t, height, s.look(t, tx).Versions[1].Height)
}
