package evm_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// rawAnswers is a Caller that responds by method.
type rawAnswers map[string]json.RawMessage

func (r rawAnswers) CallContext(_ context.Context, result any, method string, _ ...any) error {
	return json.Unmarshal(r[method], result)
}

func (r rawAnswers) BatchCallContext(ctx context.Context, batch []rpc.BatchElem) error {
	for i := range batch {
		batch[i].Error = r.CallContext(ctx, batch[i].Result, batch[i].Method)
	}
	return nil
}

// FuzzTraces feeds a Node any traces of an honest block, of the whole and of single transactions: it must
// answer an error, or coin that a call without failure moved.
func FuzzTraces(f *testing.F) {
	var honest fakeBlock
	honest.tx(shop, 5)
	honest.tx(other, 6).calls = []object{call("CALL", shop, 2, failing(call("CALL", shop2, 3), "no")), call("SELFDESTRUCT", shop, 4)}
	block, err := json.Marshal(honest.full())
	require.NoError(f, err)
	receipts, err := json.Marshal(honest.receipts())
	require.NoError(f, err)
	traces, err := json.Marshal(honest.traces())
	require.NoError(f, err)
	one, err := json.Marshal(honest.txs[1].trace())
	require.NoError(f, err)
	known, err := json.Marshal(object{"hash": honest.txs[1].hash})
	require.NoError(f, err)
	f.Add(traces, []byte("null"))
	f.Add([]byte("{}"), one)
	f.Add([]byte("[null,null]"), []byte(`{"type":"CALL","calls":[{"type":"CALL","value":"0x1"}]}`))
	f.Fuzz(func(t *testing.T, traces, one []byte) {
		n, err := evm.New(evm.Config{Network: network, Assets: []chain.Asset{ether}, Traces: true, RPC: rawAnswers{
			"eth_getBlockByNumber": block, "eth_getBlockReceipts": receipts,
			"debug_traceBlockByHash": traces, "debug_traceTransaction": one, "eth_getTransactionByHash": known,
		}})
		require.NoError(t, err)
		b, err := n.Block(t.Context(), 100)
		if err != nil {
			require.Empty(t, b)
			return
		}
		require.GreaterOrEqual(t, len(b.Transfers), 2, "the value of the transactions is there, whatever the traces say")
		keys := make(map[chain.Key]bool)
		for _, x := range b.Transfers {
			require.Positive(t, x.Units.Sign())
			require.LessOrEqual(t, x.Units.BitLen(), 256)
			require.True(t, x.Index == "value" || strings.HasPrefix(x.Index, "call#") && strings.HasSuffix(x.Index, ":"+string(x.To)))
			require.False(t, keys[x.Key()])
			keys[x.Key()] = true
		}
	})
}

// FuzzBlock feeds a Node any pair of responses: it must return an error, or a block that makes sense.
func FuzzBlock(f *testing.F) {
	var honest fakeBlock
	honest.tx(shop, 5).transfer(usdtContract, shop, 6)
	block, err := json.Marshal(honest.full())
	require.NoError(f, err)
	receipts, err := json.Marshal(honest.receipts())
	require.NoError(f, err)
	f.Add(block, receipts)
	f.Add([]byte(`{"number":"0x64","hash":"`+blockHash+`","transactions":[null]}`), []byte(`[null]`))
	f.Add([]byte(`null`), []byte(`null`))
	f.Fuzz(func(t *testing.T, block, receipts []byte) {
		n, err := evm.New(evm.Config{Network: network, RPC: rawBlock{block, receipts}, Assets: []chain.Asset{ether, usdt}})
		require.NoError(t, err)
		b, err := n.Block(t.Context(), 100)
		if err != nil {
			require.Empty(t, b)
			return
		}
		require.EqualValues(t, 100, b.Height)
		require.Len(t, b.Hash, 66)
		keys := make(map[chain.Key]bool)
		for _, x := range b.Transfers {
			require.Positive(t, x.Units.Sign())
			require.LessOrEqual(t, x.Units.BitLen(), 256)
			to, err := evm.ParseAddress(string(x.To))
			require.NoError(t, err)
			require.Equal(t, to, x.To)
			require.False(t, keys[x.Key()])
			keys[x.Key()] = true
		}
	})
}
