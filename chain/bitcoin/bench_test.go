package bitcoin

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"
)

// largeBlock is a block of that many payments with two inputs and two outputs, all of P2WPKH, beside the coinbase.
func largeBlock(t testing.TB, payments int) (raw []byte, of hash) {
	t.Helper()
	dice := rand.NewChaCha8([32]byte{1})
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = dice.Read(b) // never fails
		return b
	}
	b := &wire.MsgBlock{Header: wire.BlockHeader{Version: 4, Timestamp: time.Unix(1_700_000_000, 0)}}
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: wire.MaxPrevOutIndex}, random(20), [][]byte{make([]byte, 32)}))
	coinbase.AddTxOut(wire.NewTxOut(1, append([]byte{0, 20}, random(20)...)))
	require.NoError(t, b.AddTransaction(coinbase))
	for range payments {
		tx := wire.NewMsgTx(2)
		for range 2 {
			in := wire.NewTxIn(&wire.OutPoint{Index: 1}, nil, [][]byte{random(71), random(33)})
			copy(in.PreviousOutPoint.Hash[:], random(32))
			tx.AddTxIn(in)
			tx.AddTxOut(wire.NewTxOut(12_345, append([]byte{0, 20}, random(20)...)))
		}
		require.NoError(t, b.AddTransaction(tx))
	}
	var ids []hash
	for _, tx := range b.Transactions {
		ids = append(ids, hash(tx.TxHash()))
	}
	root, err := merkleRoot(ids, 0)
	require.NoError(t, err)
	copy(b.Header.MerkleRoot[:], root[:])
	var out bytes.Buffer
	require.NoError(t, b.Serialize(&out))
	return out.Bytes(), hash(b.BlockHash())
}

// BenchmarkBlock3000 says how long it takes to decode a block, prove it and spell its addresses, and how that compares
// with wire.MsgBlock, which only decodes: no ids, no merkle root, no addresses. They take turns, and the ratio is that of
// the best of each, so that other load of the machine does not matter as much. Budget on two free processors: 1.3.
// Measured: 1.2 on two, 1.9 on one, where the hashes alone take nearly as long as wire.
//
//	go test -run '^$' -bench Block3000 -cpu 1,2 ./chain/bitcoin
func BenchmarkBlock3000(b *testing.B) {
	raw, of := largeBlock(b, 3000)
	n := testNode(b, BitcoinRegtest())
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	wires, ours := time.Hour, time.Hour
	for b.Loop() {
		b.StopTimer()
		start := time.Now()
		var block wire.MsgBlock
		require.NoError(b, block.Deserialize(bytes.NewReader(raw)))
		wires = min(wires, time.Since(start))
		b.StartTimer()

		start = time.Now()
		found, err := n.decode(raw, of, 200)
		if err != nil || len(found.Transfers) != 6000 {
			b.Fatal(err, len(found.Transfers))
		}
		ours = min(ours, time.Since(start))
	}
	b.ReportMetric(float64(ours)/float64(wires), "x-wire")
	b.ReportMetric(float64(ours.Microseconds()), "best-µs")
}
