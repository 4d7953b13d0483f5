package bitcoin

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

// outputOf is a reply to gettxout.
func outputOf(value string, script []byte, confirmations int) object {
	return object{
		"value": json.RawMessage(value), "confirmations": confirmations, "coinbase": false, "bestblock": "00",
		"scriptPubKey": object{"hex": hexOf(script)},
	}
}

func TestUnspent_ReadsAmountsExactly(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.node(t)
	for text, units := range map[string]int64{
		"0.00000001": 1, "1e-08": 1, "0.1": 10_000_000, "0": 0, "20999999.97690000": 2_099_999_997_690_000, "0.29": 29_000_000, "1.15E0": 115_000_000,
	} {
		f.say("gettxout", outputOf(text, scriptTo(1), 3))
		got, err := n.Unspent(t.Context(), []Outpoint{{TxID: strings.Repeat("00", 32)}}, true)
		require.NoError(t, err)
		require.Equal(t, []*Output{{Units: units, Script: scriptTo(1), Confirmations: 3}}, got, text)
	}
	for _, text := range []string{"-1", "0.000000001", "1e400", "1e-400", "21000000.00000001", `"x"`, "1e999999999", "0.00000000000000000000000000000000000"} {
		f.say("gettxout", outputOf(text, scriptTo(1), 3))
		_, err := n.Unspent(t.Context(), []Outpoint{{}}, true)
		require.Error(t, err, text)
	}
}

func TestUnspent_ManyOfThemAndThoseThatAreNotThere(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.node(t)
	f.override["gettxout"] = func(params []json.RawMessage) (any, *Error) {
		var vout int
		_ = json.Unmarshal(params[1], &vout)
		switch vout % 3 {
		case 0:
			return nil, nil
		case 1:
			return nil, &Error{codeNotFound, "Output index number (vout) does not exist for transaction."}
		default:
			return outputOf("0.0000000"+string(rune('0'+vout%10)), scriptTo(byte(vout)), 1), nil
		}
	}
	points := make([]Outpoint, 1001)
	for i := range points {
		points[i].Vout = uint32(i)
	}
	outputs, err := n.Unspent(t.Context(), points, false)
	require.NoError(t, err)
	for i, o := range outputs {
		require.Equal(t, i%3 == 2, o != nil)
		if o != nil {
			require.EqualValues(t, i%10, o.Units)
		}
	}
	require.LessOrEqual(t, f.largest, chunk)
	f.fail("gettxout", codeWarmUp)
	_, err = n.Unspent(t.Context(), points, false)
	require.ErrorIs(t, err, chain.ErrBehind)
	f.fail("gettxout", -1)
	_, err = n.Unspent(t.Context(), points, false)
	require.Error(t, err)
}

func TestFees(t *testing.T) {
	f := newCore(t, DogecoinRegtest())
	n := f.node(t)
	fees, err := n.Fees(t.Context(), 6)
	require.NoError(t, err)
	require.Equal(t, Fees{}, fees, "a node that knows none of the methods")
	f.say("getmempoolinfo", object{"mempoolminfee": json.RawMessage("0.001"), "minrelaytxfee": json.RawMessage("0.00100001")})
	f.say("getnetworkinfo", object{"relayfee": json.RawMessage("0.0005"), "incrementalfee": json.RawMessage("0.0001")})
	f.say("estimatesmartfee", object{"feerate": json.RawMessage("1.00448231"), "blocks": 6})
	fees, err = n.Fees(t.Context(), 6)
	require.NoError(t, err)
	require.Equal(t, Fees{Estimate: 100_448_231, Relay: 100_001, Increment: 10_000}, fees)
	f.fail("estimatesmartfee", codeWarmUp)
	_, err = n.Fees(t.Context(), 6)
	require.ErrorIs(t, err, chain.ErrBehind)
}

func TestPooled_NeedsNoIndexAndIsNotMisledByOne(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.node(t)
	f.override["getrawtransaction"] = func(params []json.RawMessage) (any, *Error) {
		switch string(params[0]) {
		case `"waits"`:
			return object{"hex": "00"}, nil
		case `"mined"`:
			return object{"hex": "00", "blockhash": "00", "confirmations": 2}, nil
		case `"orphaned"`: // its block has left the chain
			return object{"hex": "00", "blockhash": "00", "confirmations": -1}, nil
		default:
			return nil, &Error{codeNotFound, "No such mempool transaction"}
		}
	}
	pooled, err := n.Pooled(t.Context(), []string{"waits", "mined", "orphaned", "unknown"})
	require.NoError(t, err)
	require.Equal(t, []bool{true, false, true, false}, pooled)
	f.fail("getrawtransaction", -1)
	_, err = n.Pooled(t.Context(), []string{"waits"})
	require.Error(t, err)
}

func TestTransaction_BaseIsWhatTheIDIsOf(t *testing.T) {
	tx := pays(7, 1, out(1000, scriptTo(1)), out(2000, scriptTo(2)))
	tx.TxIn[0].Witness = wire.TxWitness{{1, 2, 3}, {4}}
	parsed, err := BitcoinRegtest().ParseTransaction(rawTx(t, tx))
	require.NoError(t, err)
	require.Equal(t, tx.TxHash().String(), parsed.ID())
	again := new(wire.MsgTx)
	require.NoError(t, again.DeserializeNoWitness(bytes.NewReader(parsed.Base())))
	require.Equal(t, tx.TxHash(), again.TxHash())
	at := Outpoint{tx.TxIn[0].PreviousOutPoint.Hash.String(), tx.TxIn[0].PreviousOutPoint.Index}
	require.True(t, parsed.Spends(at))
	require.False(t, parsed.Spends(Outpoint{at.TxID, at.Vout + 1}))
	require.False(t, parsed.Spends(Outpoint{parsed.ID(), at.Vout}))
	require.False(t, parsed.Spends(Outpoint{"x", 0}))
	_, err = BitcoinRegtest().ParseTransaction(append(rawTx(t, tx), 0))
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

// Nodes differ in how they return a transaction that is in a block.
func TestTransactionsAt(t *testing.T) {
	a, b := pays(1, 1, out(1000, scriptTo(1))), pays(2, 1, out(2000, scriptTo(2)))
	for what, reply := range map[string]func(params []json.RawMessage) (any, *Error){
		"by the block":   func(p []json.RawMessage) (any, *Error) { return byID(p, len(p) == 3, a, b) },
		"by an index":    func(p []json.RawMessage) (any, *Error) { return byID(p, len(p) == 2, a, b) },
		"not at all":     func(p []json.RawMessage) (any, *Error) { return byID(p, false, a, b) },
		"another one":    func([]json.RawMessage) (any, *Error) { return hexOf(serialized(pays(9, 1, out(1, nil)))), nil },
		"no hexadecimal": func([]json.RawMessage) (any, *Error) { return "zz", nil },
	} {
		t.Run(what, func(t *testing.T) {
			f := newCore(t, BitcoinRegtest())
			f.mine(t, a)
			f.mine(t, b)
			f.override["getrawtransaction"] = reply
			n := f.node(t)
			ids := map[string]uint64{a.TxHash().String(): 2, b.TxHash().String(): 3}
			found, err := n.TransactionsAt(t.Context(), ids)
			require.NoError(t, err)
			require.Len(t, found, 2)
			for id := range ids {
				require.Equal(t, id, found[id].ID())
				require.NotEmpty(t, found[id].Base())
			}
			if what != "by the block" && what != "by an index" {
				_, err = n.TransactionsAt(t.Context(), map[string]uint64{a.TxHash().String(): 3})
				require.ErrorIs(t, err, chain.ErrNotFound)
			}
		})
	}
}

func serialized(tx *wire.MsgTx) []byte {
	var b bytes.Buffer
	_ = tx.Serialize(&b)
	return b.Bytes()
}

func byID(params []json.RawMessage, known bool, txs ...*wire.MsgTx) (any, *Error) {
	for _, tx := range txs {
		if known && string(params[0]) == `"`+tx.TxHash().String()+`"` {
			return hexOf(serialized(tx)), nil
		}
	}
	return nil, &Error{codeNotFound, "Use -txindex"}
}

func TestTransactions_OfABlockAreThoseThatItsHeaderProves(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	a, b := pays(1, 1, out(1000, scriptTo(1))), pays(2, 1, out(2000, scriptTo(2)))
	f.mine(t, a, b)
	n := f.node(t)
	var ids []string
	h, err := n.Transactions(t.Context(), 2, func(x Transaction) bool {
		ids = append(ids, x.ID())
		return true
	})
	require.NoError(t, err)
	require.Equal(t, uint64(2), h.Height)
	require.Equal(t, []string{a.TxHash().String(), b.TxHash().String()}, ids[1:])
	calls := 0
	_, err = n.Transactions(t.Context(), 2, func(Transaction) bool { calls++; return false })
	require.NoError(t, err)
	require.Equal(t, 1, calls)
	_, err = n.Transactions(t.Context(), 3, func(Transaction) bool { return true })
	require.ErrorIs(t, err, chain.ErrNotFound)

	f.blocks[2][len(f.blocks[2])-20] ^= 1 // another payee
	_, err = n.Transactions(t.Context(), 2, func(Transaction) bool { return true })
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestSendRaw_KeepsTheCode(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.node(t)
	f.fail("sendrawtransaction", -26)
	err := n.SendRaw(t.Context(), []byte{1})
	refused, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	require.Equal(t, -26, refused.Code)
	f.say("sendrawtransaction", "00")
	require.NoError(t, n.SendRaw(t.Context(), []byte{1}))
}

func TestBurden(t *testing.T) {
	f := newCore(t, BitcoinRegtest())
	n := f.node(t)
	for _, c := range []struct {
		entry object
		want  int64
	}{
		{object{"fees": object{"base": json.RawMessage("0.1"), "descendant": json.RawMessage("0.00012345")}, "descendantfees": 7}, 12_345},
		{object{"descendantfees": 777}, 777},
		{object{"descendantfees": json.RawMessage("1.5")}, 0},
		{object{}, 0},
	} {
		f.say("getmempoolentry", c.entry)
		got, err := n.Burden(t.Context(), "x")
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	for _, code := range []int{codeNotFound, -32601} {
		f.fail("getmempoolentry", code)
		got, err := n.Burden(t.Context(), "x")
		require.NoError(t, err)
		require.Zero(t, got)
	}
	f.fail("getmempoolentry", codeWarmUp)
	_, err := n.Burden(t.Context(), "x")
	require.ErrorIs(t, err, chain.ErrBehind)
}
