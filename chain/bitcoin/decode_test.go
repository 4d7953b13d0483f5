package bitcoin

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

// decodes runs a serialized block through a Node, at its own hash.
func decodes(t *testing.T, p Params, raw []byte, height uint64) (chain.Block, error) {
	t.Helper()
	return testNode(t, p).decode(raw, hashOf(raw), height)
}

// refuses checks that a block is rejected for a reason.
func refuses(t *testing.T, p Params, raw []byte, why error) {
	t.Helper()
	b, err := decodes(t, p, raw, 2)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	if why != nil {
		require.ErrorIs(t, err, why)
	}
	require.Empty(t, b)
}

func TestDecode_AgreesWithWireOnBlocksOfEverySize(t *testing.T) {
	n := testNode(t, BitcoinRegtest())
	for _, size := range []int{0, 1, 2, 3, 254, 255, 256, 257, 511, 513, 700, 1100} {
		raw, of := largeBlock(t, size)
		var want wire.MsgBlock
		require.NoError(t, want.Deserialize(bytes.NewReader(raw)))
		b, err := n.decode(raw, of, 2)
		require.NoError(t, err)
		require.Equal(t, want.BlockHash().String(), b.Hash)
		require.Equal(t, want.Header.Timestamp.Unix(), b.Time.Unix())
		var got []string
		for _, x := range b.Transfers {
			script, err := n.params.Script(x.To)
			require.NoError(t, err)
			got = append(got, x.TxID+x.Index+x.Units.String()+string(script))
		}
		var expected []string
		for _, tx := range want.Transactions[1:] {
			for i, o := range tx.TxOut {
				expected = append(expected, tx.TxHash().String()+n.vout(i)+units(uint64(o.Value)).String()+string(o.PkScript))
			}
		}
		require.Equal(t, expected, got, "%d payments", size)
	}
}

func TestDecode_CutOrLongerBlocksAreRefused(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	raw := f.mine(t, pays(1, 0, out(5, scriptTo(1)), out(6, scriptTo(2))))
	for n := range raw {
		if n >= headerSize {
			refuses(t, f.params, raw[:n], nil)
		}
	}
	refuses(t, f.params, append(slices.Clone(raw), 0), errTrailing)
	refuses(t, f.params, append(slices.Clone(raw), 1, 2, 3), errTrailing)
	refuses(t, f.params, make([]byte, 9<<20), errFormat)
}

func TestDecode_CountsDoNotReserveMemory(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	raw := f.mine(t)
	for _, count := range [][]byte{
		{0xfd, 0xff, 0xff}, {0xfe, 0xff, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		refuses(t, f.params, slices.Concat(raw[:headerSize], count, raw[headerSize+1:]), errTruncated)
		inputs := headerSize + 1 + 4
		refuses(t, f.params, slices.Concat(raw[:inputs], count, raw[inputs+1:]), errTruncated)
	}
	refuses(t, f.params, append(slices.Clone(raw[:headerSize]), 0), errFormat)
}

func TestIncident31_ABlockThatLacksATransactionIsRefused(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	a, b := pays(1, 0, out(5, scriptTo(1))), pays(2, 0, out(6, scriptTo(1)))
	whole := f.mine(t, a, b)
	for _, txs := range [][]*wire.MsgTx{{a}, {b}, {b, a}, {a, b, a}, {a, pays(2, 0, out(7, scriptTo(1)))}} {
		part := simpleBlock(t, f.params, 2, hash{}, txs...)
		refuses(t, f.params, slices.Concat(whole[:headerSize], part[headerSize:]), nil)
	}
}

// CVE-2012-2459: the last transactions of a list may be repeated without changing its root.
func TestDecode_RepeatedTransactionsAreRefusedAlthoughTheRootIsRight(t *testing.T) {
	p := BitcoinRegtest()
	for _, size := range []int{3, 5, 6, 255, 257, 600, 769} {
		var txs []*wire.MsgTx
		for i := range size - 1 {
			txs = append(txs, pays(i, uint32(i), out(int64(i+1), scriptTo(1))))
		}
		raw := simpleBlock(t, p, 2, hash{}, txs...)
		_, err := decodes(t, p, raw, 2)
		require.NoError(t, err)

		// Repeat as many at the end as the lowest subtree without a neighbour has.
		repeat := size & -size
		forged := simpleBlockUnchecked(t, raw, slices.Concat(txs, txs[len(txs)-repeat:]))
		refuses(t, p, forged, errMutated)
	}
}

// simpleBlockUnchecked puts other transactions behind the header and the coinbase of a block.
func simpleBlockUnchecked(t *testing.T, raw []byte, txs []*wire.MsgTx) []byte {
	t.Helper()
	var b bytes.Buffer
	b.Write(raw[:headerSize])
	require.NoError(t, wire.WriteVarInt(&b, 0, uint64(1+len(txs))))
	b.Write(rawTx(t, newCoinbase(2)))
	for _, tx := range txs {
		b.Write(rawTx(t, tx))
	}
	return b.Bytes()
}

func TestDecode_OnlyTheFirstTransactionIsACoinbase(t *testing.T) {
	p := BitcoinRegtest()
	a := rawTx(t, pays(1, 0, out(5, scriptTo(1))))
	b := rawTx(t, pays(2, 0, out(5, scriptTo(1))))
	refuses(t, p, blockOf(t, p, wire.BlockHeader{}, nil, nil, a, b), errFormat) // as inner nodes passed off as transactions
	c := rawTx(t, newCoinbase(2))
	refuses(t, p, blockOf(t, p, wire.BlockHeader{}, nil, nil, c, rawTx(t, newCoinbase(3))), errFormat)
}

func TestDecode_TheCoinbaseNamesTheHeightWhereBIP34Holds(t *testing.T) {
	for _, c := range []struct {
		params  Params
		named   int
		height  uint64
		refused bool
	}{
		{Bitcoin(), 951_658, 951_658, false},
		{Bitcoin(), 951_657, 951_658, true},
		{Bitcoin(), 951_658 & 0xffff, 951_658, true},
		{Bitcoin(), 7, 100_000, false}, // before it was demanded
		{Dogecoin(), 7, 1_034_382, false},
		{Dogecoin(), 7, 1_034_383, true},
		{Litecoin(), 709_999, 710_000, true},
		{Litecoin(), 2_265_985, 2_265_985, false},
	} {
		_, err := decodes(t, c.params, simpleBlock(t, c.params, c.named, hash{}), c.height)
		if c.refused {
			require.ErrorIs(t, err, chain.ErrIncomplete)
		} else {
			require.NoError(t, err)
		}
	}
	// From 2^23 on, three bytes would have a sign.
	coinbase := newCoinbase(0)
	coinbase.TxIn[0].SignatureScript = []byte{4, 0, 0, 0x80, 0, 7}
	raw := blockOf(t, Dogecoin(), wire.BlockHeader{}, nil, nil, rawTx(t, coinbase))
	_, err := decodes(t, Dogecoin(), raw, 1<<23)
	require.NoError(t, err)
	_, err = decodes(t, Dogecoin(), raw, 1<<40+1<<23)
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

// hogEx makes the transaction that ends a block of Litecoin with an extension block, after LIP-3: flag 08, the pool as
// first output, peg-outs after it, and a zero in place of a part of its own.
func hogEx(t *testing.T, outputs ...*wire.TxOut) []byte {
	t.Helper()
	raw := rawTx(t, pays(1, 0, append([]*wire.TxOut{out(999_999, witnessScript(mwebPool, make([]byte, 32)))}, outputs...)...))
	end := len(raw) - 4
	return slices.Concat(raw[:4], []byte{0, flagMWEB}, raw[4:end], []byte{0}, raw[end:])
}

func TestDecode_LitecoinPegOutsArePaymentsAndThePoolIsNot(t *testing.T) {
	p := Litecoin()
	coinbase := rawTx(t, newCoinbase(2))
	pegIn := rawTx(t, pays(2, 0, out(77, witnessScript(mwebPegIn, make([]byte, 32))), out(5, scriptTo(1))))
	hog := hogEx(t, out(6, scriptTo(2)))
	extension := []byte{1, 0xaa, 0xbb}
	b, err := decodes(t, p, blockOf(t, p, wire.BlockHeader{}, nil, extension, coinbase, pegIn, hog), 2)
	require.NoError(t, err)
	require.Equal(t, []paid{{"vout:1", addressOf(t, p, scriptTo(1)), 5}, {"vout:1", addressOf(t, p, scriptTo(2)), 6}}, paidOf(b.Transfers))

	for _, none := range [][]byte{nil, {0}} {
		_, err = decodes(t, p, blockOf(t, p, wire.BlockHeader{}, nil, none, coinbase, hog), 2)
		require.NoError(t, err, "a node may leave out the extension block")
	}
	refuses(t, p, blockOf(t, p, wire.BlockHeader{}, nil, extension, coinbase, pegIn), errTrailing)
	refuses(t, p, blockOf(t, p, wire.BlockHeader{}, nil, []byte{0, 0}, coinbase, hog), errTrailing)
	refuses(t, p, blockOf(t, p, wire.BlockHeader{}, nil, []byte{2}, coinbase, hog), errTrailing)
	refuses(t, p, blockOf(t, p, wire.BlockHeader{}, nil, nil, coinbase, hog, pegIn), errFormat)

	carrying := slices.Clone(hog)
	carrying[len(carrying)-5] = 1
	part := slices.Concat(carrying[:len(carrying)-4], []byte{0xaa}, carrying[len(carrying)-4:])
	refuses(t, p, blockOf(t, p, wire.BlockHeader{}, nil, nil, coinbase, part), errFormat)
	refuses(t, BitcoinRegtest(), blockOf(t, p, wire.BlockHeader{}, nil, nil, coinbase, hog), errFormat)
}

// auxPoW makes a proof of merged mining, after Dogecoin's auxpow.h: coinbase of the other chain, hash of its block,
// two branches with their sides, header of the other chain.
func auxPoW(t *testing.T, first, second int) []byte {
	t.Helper()
	branch := func(n int) []byte {
		return slices.Concat([]byte{byte(n)}, make([]byte, n*32), []byte{0, 0, 0, 0})
	}
	return slices.Concat(rawTx(t, newCoinbase(7)), make([]byte, 32), branch(first), branch(second), make([]byte, headerSize))
}

func TestDecode_DogecoinProofOfMergedMiningIsPassedOver(t *testing.T) {
	p := Dogecoin()
	txs := [][]byte{rawTx(t, newCoinbase(2)), rawTx(t, pays(1, 0, out(5, scriptTo(1))))}
	merged := wire.BlockHeader{Version: 0x00620104, Timestamp: time.Unix(1, 0)}
	for _, branches := range [][2]int{{0, 0}, {1, 0}, {12, 3}, {200, 30}} {
		raw := blockOf(t, p, merged, auxPoW(t, branches[0], branches[1]), nil, txs...)
		b, err := decodes(t, p, raw, 2)
		require.NoError(t, err)
		require.Len(t, b.Transfers, 1)
		_, err = decodes(t, Bitcoin(), raw, 2)
		require.Error(t, err, "no other chain has it")
	}
	refuses(t, p, blockOf(t, p, merged, nil, nil, txs...), nil)
	refuses(t, p, blockOf(t, p, merged, auxPoW(t, 0, 0)[1:], nil, txs...), nil)
	refuses(t, p, blockOf(t, p, wire.BlockHeader{Version: 4}, auxPoW(t, 0, 0), nil, txs...), nil)

	// A branch that claims more than there is.
	endless := binary.LittleEndian.AppendUint32(slices.Concat(rawTx(t, newCoinbase(7)), make([]byte, 32), []byte{0xfe}), 1<<31)
	refuses(t, p, blockOf(t, p, merged, endless, nil, txs...), errTruncated)

	// The header alone is followed by the proof too.
	f := newCore(t, p)
	raw := blockOf(t, p, merged, auxPoW(t, 2, 1), nil, txs...)
	f.blocks = append(f.blocks, raw)
	f.say("getblockheader", hex.EncodeToString(raw[:headerSize+len(auxPoW(t, 2, 1))]))
	h, err := f.node(t).Header(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, hashOf(raw).String(), h.Hash)
}

// The outputs of the other chain's coinbase are irrelevant, so a miner may leave them out.
func TestDecode_DogecoinProofOfMergedMiningWithoutOutputs(t *testing.T) {
	p := Dogecoin()
	pow := newCoinbase(7)
	pow.TxOut = nil
	proof := slices.Concat(rawTx(t, pow), make([]byte, 32+5+5+headerSize))
	merged := wire.BlockHeader{Version: 0x00620104, Timestamp: time.Unix(1, 0)}
	raw := blockOf(t, p, merged, proof, nil, rawTx(t, newCoinbase(2)), rawTx(t, pays(1, 0, out(5, scriptTo(1)))))
	b, err := decodes(t, p, raw, 2)
	require.NoError(t, err)
	require.Len(t, b.Transfers, 1)
}

func TestDecode_WitnessIsNoPartOfTheId(t *testing.T) {
	tx := pays(1, 0, out(5, scriptTo(1)))
	tx.TxIn[0].Witness = wire.TxWitness{{1, 2}, nil, make([]byte, 300)}
	for _, p := range []Params{BitcoinRegtest(), LitecoinRegtest()} {
		b, err := decodes(t, p, simpleBlock(t, p, 2, hash{}, tx), 2)
		require.NoError(t, err)
		require.Equal(t, tx.TxHash().String(), b.Transfers[0].TxID)
	}
	for _, p := range []Params{DogecoinRegtest(), BitcoinCashRegtest()} { // they have none
		_, err := p.dialect().parseLoose(rawTx(t, tx))
		require.Error(t, err)
	}
	raw := rawTx(t, tx)
	for _, flag := range []byte{0, 2, 3, flagMWEB, 0x81} {
		raw[5] = flag
		_, err := BitcoinRegtest().dialect().parseLoose(raw)
		require.ErrorIs(t, err, errFormat)
	}
}
