package bitcoin_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
	"github.com/cointill/cointill/store"
)

func TestBtcd_ABumpAndItsParentAreMined(t *testing.T) {
	n := startBtcd(t)
	n.mine(t, 60)
	t.Run("Service", func(t *testing.T) { serviced(t, n, final) })
	for i, kind := range kinds {
		t.Run("Pinned/"+kind.String(), func(t *testing.T) { bumped(t, newShop(t, n, kind, byte(10+i)), byte(10+i), final) })
		t.Run("FirstSeen/"+kind.String(), func(t *testing.T) { chained(t, newShop(t, n, kind, byte(20+i)), byte(20+i), final) })
	}
}

func TestLitecoind_ABumpAndItsParentAreMined(t *testing.T) {
	n := startLitecoind(t)
	slow := func(c *bitcoin.Config) { c.Final = 6 }
	for i, kind := range []btc.ScriptKind{btc.P2PKH, btc.P2SHP2WPKH, btc.P2WPKH} {
		t.Run("Pinned/"+kind.String(), func(t *testing.T) { bumped(t, newShop(t, n, kind, byte(10+i), slow), byte(10+i), 6) })
		t.Run("FirstSeen/"+kind.String(), func(t *testing.T) { chained(t, newShop(t, n, kind, byte(20+i), slow), byte(20+i), 6) })
	}
	t.Run("Service", func(t *testing.T) { serviced(t, n, 6) })
	t.Run("OnlyTheBumpGetsItMined", func(t *testing.T) { hurried(t, newShop(t, n, btc.P2WPKH, 30, slow)) })
}

// at returns the same wallet, whose number is given, with another rate, and the same books.
func (s *shop) at(t testing.TB, number byte, deep uint64, rate int64, change ...func(*bitcoin.Config)) *shop {
	t.Helper()
	other := newShop(t, s.node, s.wallet.Kind(), number, append(change, func(c *bitcoin.Config) { c.Final, c.Fees.Floor, c.Fees.Fallback = deep, rate, rate })...)
	other.books = s.books
	return other
}

// pin lets a payee, whose wallet has the number, spend an output that no block has, for the fee.
func pin(t testing.TB, s *shop, number byte, from *wire.MsgTx, fee int64) {
	t.Helper()
	payee := newShop(t, s.node, btc.P2WPKH, number)
	key, err := payee.wallet.Key(0, 0)
	require.NoError(t, err)
	tx := wire.NewMsgTx(2)
	for vout, out := range from.TxOut {
		if !bytes.Equal(out.PkScript, key.Script) {
			continue
		}
		tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: from.TxHash(), Index: uint32(vout)}, nil, nil))
		tx.AddTxOut(wire.NewTxOut(out.Value-fee, out.PkScript))
		hashes := txscript.NewTxSigHashes(tx, txscript.NewCannedPrevOutputFetcher(out.PkScript, out.Value))
		tx.TxIn[0].Witness, err = txscript.WitnessSignature(
			tx, hashes, 0, out.Value, out.PkScript, txscript.SigHashAll, privateKey(t, number, 0, 0), true)
		require.NoError(t, err)
	}
	s.call(t, nil, "sendrawtransaction", hex.EncodeToString(serialize(t, tx)))
}

// bumped bumps a transaction that a payee has pinned: no replacement that the payout could pay is taken.
func bumped(t *testing.T, s *shop, number byte, deep int) {
	s.receive(t, 10_000_000)
	s.mine(t, deep)
	payee := newShop(t, s.node, btc.P2WPKH, 100+number)
	key, err := payee.wallet.Key(0, 0)
	require.NoError(t, err)
	tx := s.plan(t, s.payout(t, "a", key.Address, 3_000_000, 50_000))
	s.sign(t, &tx)
	s.send(t, tx)
	pin(t, s, 100+number, parse(t, tx.Last()), 200_000)

	v, err := s.spender.Replace(t.Context(), s.books, tx, bigOf(50_000))
	if err == nil { // of a node that does not say what depends on a transaction
		tx.Versions = append(tx.Versions, v)
		s.sign(t, &tx)
		require.ErrorAs(t, s.spender.Send(t.Context(), tx.Last()), new(*payout.RefusedError))
	} else {
		require.ErrorIs(t, err, payout.ErrFeeTooHigh)
	}

	hasty := s.at(t, number, uint64(deep), 60_000)
	child := hasty.bump(t, tx, 500_000)
	hasty.sign(t, &child)
	hasty.send(t, child)
	require.True(t, hasty.look(t, child).Versions[0].Pooled)
	hastier := s.at(t, number, uint64(deep), 90_000)
	hastier.replace(t, &child, 500_000)
	hastier.sign(t, &child)
	hastier.send(t, child)
	require.Equal(t, []payout.Sighting{{}, {Pooled: true}}, hastier.look(t, child).Versions)

	height := s.height(t) + 1
	s.mine(t, 1)
	require.Equal(t, height, s.look(t, tx).Versions[0].Height)
	require.Equal(t, height, s.look(t, child).Versions[1].Height)
	s.drop(t, 1)
	require.False(t, s.look(t, tx).Versions[0].Mined())
	require.False(t, s.look(t, child).Versions[1].Mined(), "its coin is in no block any more")
	require.NoError(t, s.spender.Send(t.Context(), tx.Versions[0])) // the parent first
	s.send(t, child)
	s.mine(t, deep)
	s.settled(t, 10_000_000-3_000_000, tx.Versions[0], child.Last())
}

// settled books versions that are final, and compares the books with the chain.
func (s *shop) settled(t testing.TB, left int64, all ...payout.Version) {
	t.Helper()
	for _, v := range all {
		s.books.apply(t, v, v.TxID)
		left -= v.Fee.Int64()
	}
	require.Equal(t, left, s.books.total())
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

// chained bumps a transaction and its bump, as where nothing is replaced.
func chained(t *testing.T, s *shop, number byte, deep int) {
	s.receive(t, 10_000_000)
	s.mine(t, deep)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, number), 3_000_000, 50_000))
	s.sign(t, &tx)
	s.send(t, tx)
	all, last := []payout.Version{tx.Last()}, tx
	for i := range 4 {
		hasty := s.at(t, number, uint64(deep), 30_000+int64(i)*20_000, firstSeen)
		child := hasty.bump(t, last, 500_000)
		hasty.sign(t, &child)
		hasty.send(t, child)
		all, last = append(all, child.Last()), child
		last.ID = fmt.Sprint("bump ", i)
	}
	s.mine(t, deep)
	require.True(t, s.look(t, tx).Versions[0].Final)
	require.True(t, s.look(t, last).Versions[0].Final)
	s.settled(t, 10_000_000-3_000_000, all...)
}

// hurried shows that miners look at both together: a transaction that pays less than blocks take is mined with its bump alone.
func hurried(t *testing.T, s *shop) {
	s.receive(t, 10_000_000)
	s.mine(t, 6)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 3_000_000, 50_000))
	s.sign(t, &tx)
	s.send(t, tx)
	s.call(t, nil, "prioritisetransaction", tx.Last().TxID, 0, -tx.Last().Fee.Int64())
	s.mine(t, 2)
	require.True(t, s.look(t, tx).Versions[0].Pooled, "no block takes it")
	hasty := s.at(t, 30, 6, 60_000, firstSeen)
	child := hasty.bump(t, tx, 500_000)
	hasty.sign(t, &child)
	hasty.send(t, child)
	height := s.height(t) + 1
	s.mine(t, 6)
	require.Equal(t, height, s.look(t, tx).Versions[0].Height)
	require.Equal(t, height, s.look(t, child).Versions[0].Height)
	s.settled(t, 10_000_000-3_000_000, tx.Last(), child.Last())
}

// rated is a spender whose fees change.
type rated struct{ *bitcoin.Spender }

// serviced lets a service pay a payee who pins, while fees rise: it bumps by itself, the float pays, and the books are the
// chain. An operator chooses the fee of the bump's next version.
func serviced(t *testing.T, n node, deep int) {
	clock := time.Now()
	now := func(c *bitcoin.Config) {
		c.Final, c.Buried, c.Now = uint64(deep), uint64(deep), func() time.Time { return clock }
	}
	s := newShop(t, n, btc.P2WPKH, 40, now)
	s.receive(t, 10_000_000)
	s.mine(t, deep)
	db := store.NewMemory()
	asset, spender := s.params.Asset(), &rated{s.spender}
	service, err := payout.New(payout.Config{
		Store: db, Invoices: db, Now: func() time.Time { return clock },
		Networks: []payout.NetworkConfig{{
			Spender: spender, Signer: instantly{s.key}, Assets: []payout.AssetConfig{{Asset: asset, MaxFee: bigOf(40_000)}}, MaxBump: bigOf(100_000),
		}},
	})
	require.NoError(t, err)
	b := payout.Batch{Entries: []payout.Entry{{ID: "deposit", Kind: payout.EntryFund, At: clock, Postings: []payout.Posting{
		{Account: payout.Account{Kind: payout.External, Asset: asset.ID}, Units: bigOf(-10_000_000)},
		{Account: payout.Account{Project: "shop", Kind: payout.Available, Asset: asset.ID}, Units: bigOf(9_000_000)},
		{Account: payout.Account{Kind: payout.Float, Asset: asset.ID}, Units: bigOf(1_000_000)},
	}}}}
	for _, h := range s.books.holdings {
		b.Moves = append(b.Moves, payout.Move{Holding: h, Units: h.Units})
	}
	require.NoError(t, db.CommitPayouts(t.Context(), b))
	payee, err := newShop(t, n, btc.P2WPKH, 140).wallet.Key(0, 0)
	require.NoError(t, err)
	p, err := service.Request(t.Context(), payout.Request{
		Project: "shop", Key: "a", Asset: asset.ID, To: string(payee.Address), Units: decimal.New(3_000_000, -8),
	})
	require.NoError(t, err)
	look := func() (parent payout.Transaction) {
		require.NoError(t, service.Look(t.Context(), s.params.Network))
		p, err = service.Payout(t.Context(), "shop", p.ID)
		require.NoError(t, err)
		parent, err = service.Transaction(t.Context(), p.State.Transaction)
		require.NoError(t, err)
		return parent
	}
	parent := look()
	pin(t, s, 140, parse(t, parent.Last()), 200_000)
	spender.Spender = s.at(t, 40, uint64(deep), 60_000, now).spender
	for range 4 { // a node that does not say what depends on a transaction has to refuse another version first
		clock = clock.Add(31 * time.Minute)
		look() // sends again what the node does not have
		clock = clock.Add(5 * time.Second)
		if parent = look(); parent.Child != "" {
			break
		}
	}
	child, err := service.Transaction(t.Context(), parent.Child)
	require.NoError(t, err, p.State.Detail)
	require.True(t, s.look(t, child).Versions[0].Pooled)
	require.True(t, s.look(t, parent).Versions[0].Pooled)
	clock = clock.Add(time.Second)
	terms, err := service.HurryTerms(t.Context(), child.ID)
	require.NoError(t, err)
	fee := new(big.Int).Add(terms.Least, bigOf(500))
	require.LessOrEqual(t, fee.Cmp(terms.Greatest), 0)
	_, err = service.Hurry(t.Context(), child.ID, fee, "ann")
	require.NoError(t, err)
	look()
	child, err = service.Transaction(t.Context(), child.ID)
	require.NoError(t, err)
	require.Equal(t, fee, child.Last().Fee, "as the operator chose")
	require.True(t, s.look(t, child).Versions[len(child.Versions)-1].Pooled)
	versions := len(parent.Versions)
	clock = clock.Add(31 * time.Minute)
	require.Len(t, look().Versions, versions, "what it pays for is not replaced")

	s.mine(t, deep)
	parent = look()
	require.Equal(t, payout.StatusPaid, p.State.Status)
	child, err = service.Transaction(t.Context(), child.ID)
	require.NoError(t, err)
	require.Equal(t, payout.StageFinal, child.Stage)
	left := map[payout.AccountKind]int64{}
	for _, project := range []string{"shop", ""} {
		balances, err := service.Balance(t.Context(), project)
		require.NoError(t, err)
		for _, b := range balances {
			left[b.Account.Kind] += b.Units.Int64()
		}
	}
	require.Equal(t, 1_000_000-child.Last().Fee.Int64(), left[payout.Float])
	require.Equal(t, 6_000_000-parent.Versions[0].Fee.Int64(), left[payout.Available])
	require.Zero(t, left[payout.Reserved])
	require.NoError(t, service.Recount(t.Context()))
	require.NoError(t, service.Audit(t.Context(), s.params.Network, func(d payout.Difference) { t.Errorf("%+v", d) }))
}
