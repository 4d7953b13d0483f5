package bitcoin

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"
)

const announced = wire.MaxTxInSequenceNum - 2

func (f *fakeCore) poolNode(t *testing.T, optIn bool) *Node {
	t.Helper()
	n, err := New(Config{Params: f.params, RPC: f.client(t, ClientConfig{}), OptInRBF: optIn})
	require.NoError(t, err)
	return n
}

func TestPool_AsksOnlyForWhatIsNew(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.poolNode(t, false)
	var waiting []*wire.MsgTx
	for i := range 150 {
		waiting = append(waiting, pays(i, 0, out(int64(i+1), scriptTo(1))))
	}
	f.wait(waiting[:140]...)
	got, err := n.Pool(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 140)
	require.Equal(t, 140, f.count("getrawtransaction"))
	require.Equal(t, poolBatch, f.largest)

	f.wait(waiting...)
	got, err = n.Pool(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 150)
	require.Equal(t, 150, f.count("getrawtransaction"))

	f.wait(waiting[149])
	got, err = n.Pool(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Len(t, n.pool.known, 1, "A44: nothing is kept of what has left the pool")
	f.wait(waiting[:2]...)
	_, err = n.Pool(t.Context())
	require.NoError(t, err)
	require.Equal(t, 152, f.count("getrawtransaction"))
}

func TestPool_AnswersBelongToTheCaller(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.poolNode(t, false)
	f.wait(pays(1, 0, out(5, scriptTo(1))))
	for range 2 {
		got, err := n.Pool(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 5, got[0].Units.Int64())
		got[0].Units.SetInt64(9)
		got[0].To = ""
	}
}

func TestA37_PoolFollowsReplacementAndEviction(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.poolNode(t, false)
	first, second := pays(1, announced, out(5, scriptTo(1))), pays(1, announced, out(4, scriptTo(2)))
	for _, c := range []struct {
		pool []*wire.MsgTx
		want []int64
	}{{[]*wire.MsgTx{first}, []int64{5}}, {[]*wire.MsgTx{second}, []int64{4}}, {nil, nil}, {[]*wire.MsgTx{first}, []int64{5}}} {
		f.wait(c.pool...)
		got, err := n.Pool(t.Context())
		require.NoError(t, err)
		var units []int64
		for _, x := range got {
			units = append(units, x.Units.Int64())
		}
		require.Equal(t, c.want, units)
	}
}

func TestIncident22_WhatIsReplaceable(t *testing.T) {
	shop := out(5, scriptTo(1))
	plain := pays(1, wire.MaxTxInSequenceNum, shop)
	locked := pays(2, wire.MaxTxInSequenceNum-1, shop) // what lock times need announces nothing
	announces := pays(3, announced, shop)
	child := pays(announces, wire.MaxTxInSequenceNum, shop)
	grandchild := pays(child, wire.MaxTxInSequenceNum, shop)
	ofConfirmed := pays(pays(9, announced, shop), wire.MaxTxInSequenceNum, shop)
	truc := pays(4, wire.MaxTxInSequenceNum, shop)
	truc.Version = versionTRUC
	all := []*wire.MsgTx{grandchild, plain, locked, child, announces, ofConfirmed, truc}

	f := newCore(t, BitcoinRegtest())
	f.wait(all...)
	for optIn, want := range map[bool][]bool{
		true:  {true, false, false, true, true, false, true},
		false: {true, true, true, true, true, true, true},
	} {
		got, err := f.poolNode(t, optIn).Pool(t.Context())
		require.NoError(t, err)
		var replaceable []bool
		for _, x := range got {
			replaceable = append(replaceable, x.Replaceable)
		}
		require.Equal(t, want, replaceable, "opt-in %v", optIn)
	}

	// The parent is mined, so that nothing can replace the child any more.
	n := f.poolNode(t, true)
	_, err := n.Pool(t.Context())
	require.NoError(t, err)
	f.wait(child)
	got, err := n.Pool(t.Context())
	require.NoError(t, err)
	require.False(t, got[0].Replaceable)
}

func TestPool_TransactionThatLeavesDuringTheReadIsNotInIt(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	stays, leaves := pays(1, 0, out(5, scriptTo(1))), pays(2, 0, out(6, scriptTo(1)))
	f.wait(stays)
	f.say("getrawmempool", []string{leaves.TxHash().String(), stays.TxHash().String()})
	got, err := f.poolNode(t, false).Pool(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, stays.TxHash().String(), got[0].TxID)
}

func TestPool_ATransactionOfAnotherIdIsRefused(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	asked, other := pays(1, 0, out(5, scriptTo(1))), pays(2, 0, out(6, scriptTo(1)))
	f.wait(asked)
	for _, lie := range []any{hexOf(rawTx(t, other)), hexOf(rawTx(t, asked)) + "00", hexOf(rawTx(t, asked))[2:], "", "xx", 7, nil} {
		f.say("getrawtransaction", lie)
		got, err := f.poolNode(t, false).Pool(t.Context())
		require.Error(t, err)
		require.Empty(t, got)
	}
}

func TestPool_AFailureKeepsWhatWasRead(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	var waiting []*wire.MsgTx
	for i := range 200 {
		waiting = append(waiting, pays(i, 0, out(5, scriptTo(1))))
	}
	f.wait(waiting...)
	last := waiting[199].TxHash().String()
	var mu sync.Mutex
	broken := true
	known := make(map[string]bool)
	f.override["getrawtransaction"] = func(p []json.RawMessage) (any, *Error) {
		mu.Lock()
		defer mu.Unlock()
		if known[string(p[0])] {
			t.Errorf("%s is read again", p[0])
		}
		if string(p[0]) == `"`+last+`"` && broken {
			return nil, &Error{-32603, "internal"}
		}
		for _, tx := range waiting {
			if string(p[0]) == `"`+tx.TxHash().String()+`"` {
				return hexOf(rawTx(t, tx)), nil
			}
		}
		return nil, &Error{codeNotFound, ""}
	}
	n := f.poolNode(t, false)
	_, err := n.Pool(t.Context())
	require.Error(t, err, "a part of the pool must not pass for all of it")
	require.NotEmpty(t, n.pool.known)

	mu.Lock()
	broken = false
	for id := range n.pool.known {
		known[`"`+id.String()+`"`] = true
	}
	mu.Unlock()
	got, err := n.Pool(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 200)
}

func TestPool_ConcurrentCallsAgree(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	f.wait(pays(1, 0, out(5, scriptTo(1))), pays(2, announced, out(6, scriptTo(2))))
	n := f.poolNode(t, true)
	want, err := n.Pool(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := n.Pool(t.Context()); err != nil || len(got) != len(want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

// Litecoin's part for the extension block follows the witness (LIP-3); as its content holds no visible payments,
// made-up bytes stand for it.
func TestPool_TransactionsWithAPartForTheExtensionBlock(t *testing.T) {
	p := LitecoinRegtest()
	plain := pays(1, 0, out(5, scriptTo(1)), out(7, witnessScript(mwebPegIn, make([]byte, 32))))
	raw := rawTx(t, plain)
	end := len(raw) - 4
	carrying := append(append([]byte{}, raw[:4]...), 0, flagMWEB)
	carrying = append(append(carrying, raw[4:end]...), 1, 0xaa, 0xbb)
	carrying = append(carrying, raw[end:]...)
	nothingElse := []byte{2, 0, 0, 0, 0, flagMWEB, 0, 0, 1, 0xaa, 0xbb, 0, 0, 0, 0}

	f := newCore(t, p)
	id := plain.TxHash().String()
	hidden := hash{9}.String()
	f.say("getrawmempool", []string{id, hidden})
	f.override["getrawtransaction"] = func(p []json.RawMessage) (any, *Error) {
		if string(p[0]) == `"`+hidden+`"` {
			return hexOf(nothingElse), nil
		}
		return hexOf(carrying), nil
	}
	n := f.poolNode(t, true)
	for range 2 {
		got, err := n.Pool(t.Context())
		require.NoError(t, err)
		require.Equal(t, []paid{{"vout:0", addressOf(t, p, scriptTo(1)), 5}}, paidOf(got))
	}
	require.Equal(t, 2, f.count("getrawtransaction"))
}
