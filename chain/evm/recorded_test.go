package evm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// recordedNetwork is the network of the recorded node.
const recordedNetwork chain.Network = "eip155:3503995874084926"

// recording is one request to a real node, and its answer.
type recording struct {
	Method string
	Params []json.RawMessage
	Result json.RawMessage
	Fault  *rpcFault
}

// recordings reads the recorded responses of nodes that are kept beside the checkout, or in COINTILL_DATA. Each file
// has a request after ">>" and its response after "<<".
func recordings(t *testing.T) []recording {
	t.Helper()
	dir := recordedData()
	files, err := filepath.Glob(filepath.Join(dir, "eth", "*", "*.io"))
	require.NoError(t, err)
	if len(files) == 0 {
		require.NotEqual(t, "true", os.Getenv("CI"), "no recorded node answers in %s", dir)
		t.Logf("no recorded node answers in %s: nothing checked", dir)
		return nil
	}
	var all []recording
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var r recording
		for line := range bytes.Lines(raw) {
			if q, ok := bytes.CutPrefix(line, []byte(">> ")); ok {
				require.NoError(t, json.Unmarshal(q, &r), file)
			}
			if a, ok := bytes.CutPrefix(line, []byte("<< ")); ok {
				var answer struct {
					Result json.RawMessage
					Error  *rpcFault
				}
				require.NoError(t, json.Unmarshal(a, &answer), file)
				r.Result, r.Fault = answer.Result, answer.Error
			}
		}
		all = append(all, r)
	}
	return all
}

// recordedData is where recorded data are.
func recordedData() string {
	if dir := os.Getenv("COINTILL_DATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "data")
}

// recordedPair reads a block of a real network and its receipts, or nothing where there are none.
func recordedPair(t *testing.T, name string) (block object, receipts []object) {
	t.Helper()
	dir := filepath.Join(recordedData(), "more", name)
	if _, err := os.Stat(dir); err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "no recorded block in %s", dir)
		t.Logf("no recorded block in %s: nothing checked", dir)
		return nil, nil
	}
	for file, into := range map[string]any{"block.json": &block, "receipts.json": &receipts} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, into))
	}
	return block, receipts
}

func tokenOf(t *testing.T, network chain.Network, contract, code string, decimals int) chain.Asset {
	t.Helper()
	a, err := evm.ERC20(network, contract, code, decimals)
	require.NoError(t, err)
	return a
}

// answered picks the answer to a call whose first parameter is given.
func answered(t *testing.T, all []recording, method, first string) json.RawMessage {
	t.Helper()
	for _, r := range all {
		if r.Method == method && len(r.Params) > 0 && string(r.Params[0]) == strconv.Quote(first) {
			return r.Result
		}
	}
	require.Failf(t, "not recorded", "%s %s", method, first)
	return nil
}

// replay is a server that responds with these results by method, whatever the parameters.
func replay(results map[string]json.RawMessage) *fakeNode {
	f := newFake()
	for method, result := range results {
		f.say(method, result)
	}
	return f
}

func recordedNode(t *testing.T, f *fakeNode) *evm.Node {
	t.Helper()
	token, err := evm.ERC20(recordedNetwork, "0x7dcd17433742f4c0ca53122ab541d0ba67fc27df", "T", 6)
	require.NoError(t, err)
	return f.nodeOn(t, recordedNetwork, evm.Native(recordedNetwork, "ETH"), token)
}

type recordedBlock struct{ Number, Hash, ParentHash string }

func TestRecorded_HeadersOfEveryFork(t *testing.T) {
	for _, r := range recordings(t) {
		if r.Method != "eth_getBlockByNumber" {
			continue
		}
		n := recordedNode(t, replay(map[string]json.RawMessage{r.Method: r.Result}))
		var want *recordedBlock
		require.NoError(t, json.Unmarshal(r.Result, &want))
		if want == nil {
			_, err := n.Header(t.Context(), 1000)
			require.ErrorIs(t, err, chain.ErrNotFound)
			continue
		}
		height, err := strconv.ParseUint(want.Number, 0, 64)
		require.NoError(t, err)
		h, err := n.Header(t.Context(), height)
		require.NoError(t, err)
		require.Equal(t, want.Hash, h.Hash)
		if height > 0 {
			require.Equal(t, want.ParentHash, h.Parent)
		}
	}
}

func TestRecorded_TipWithFinality(t *testing.T) {
	all := recordings(t)
	if all == nil {
		return
	}
	f := newFake()
	f.override["eth_getBlockByNumber"] = func(p []json.RawMessage) (any, *rpcFault) {
		return answered(t, all, "eth_getBlockByNumber", strings.Trim(string(p[0]), `"`)), nil
	}
	f.say("eth_call", "0x"+strings.Repeat("0", 63)+"6")
	for _, r := range all {
		if r.Method == "eth_chainId" {
			f.say(r.Method, r.Result)
		}
	}
	tip, err := recordedNode(t, f).Tip(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 0x36, tip.Height)
	require.EqualValues(t, 0x36, tip.Safe)
	require.EqualValues(t, 0x36, tip.Finalized)
}

func TestRecorded_BlockWithReceiptsAndLogs(t *testing.T) {
	all := recordings(t)
	if all == nil {
		return
	}
	block := answered(t, all, "eth_getBlockByNumber", "latest")
	receipts := answered(t, all, "eth_getBlockReceipts", "latest")
	pays := func(t *testing.T, f *fakeNode) {
		b, err := recordedNode(t, f).Block(t.Context(), 0x36)
		require.NoError(t, err)
		require.Len(t, b.Transfers, 1)
		x := b.Transfers[0]
		require.Equal(t, "0x42bbb5422de0069316bbe68f4cb8fc31ac577b1dd0fee07ee3584fe9822fd0cb value 2", fmt.Sprint(x.TxID, " ", x.Index, " ", x.Units))
	}
	t.Run("block receipts", func(t *testing.T) {
		f := replay(map[string]json.RawMessage{"eth_getBlockByNumber": block, "eth_getBlockReceipts": receipts})
		pays(t, f)
	})
	t.Run("logs and single receipts", func(t *testing.T) {
		f := replay(map[string]json.RawMessage{"eth_getBlockByNumber": block, "eth_getLogs": []byte("[]")})
		f.fail("eth_getBlockReceipts", noMethod)
		var byTx []struct{ TransactionHash string }
		var raw []json.RawMessage
		require.NoError(t, json.Unmarshal(receipts, &byTx))
		require.NoError(t, json.Unmarshal(receipts, &raw))
		f.override["eth_getTransactionReceipt"] = func(p []json.RawMessage) (any, *rpcFault) {
			for i := range byTx {
				if string(p[0]) == strconv.Quote(byTx[i].TransactionHash) {
					return raw[i], nil
				}
			}
			return nil, nil
		}
		pays(t, f)
	})
	t.Run("a log withheld", func(t *testing.T) {
		f := replay(map[string]json.RawMessage{"eth_getBlockByNumber": block})
		var many []object
		require.NoError(t, json.Unmarshal(receipts, &many))
		many[3]["logs"] = []any{}
		f.say("eth_getBlockReceipts", many)
		_, err := recordedNode(t, f).Block(t.Context(), 0x36)
		require.ErrorIs(t, err, chain.ErrIncomplete)
	})
	t.Run("receipts of an unknown block", func(t *testing.T) {
		f := replay(map[string]json.RawMessage{"eth_getBlockByNumber": block, "eth_getBlockReceipts": answered(t, all,
			"eth_getBlockReceipts", "0x00000000000000000000000000000000000000000000000000000000deadbeef")})
		_, err := recordedNode(t, f).Block(t.Context(), 0x36)
		require.ErrorIs(t, err, chain.ErrIncomplete)
	})
}

// Each recorded receipt is served in a block of its own, around a transaction that carries value.
func TestRecorded_ReceiptsOfEveryKind(t *testing.T) {
	kinds := make(map[bool]int)
	for _, r := range recordings(t) {
		if r.Method != "eth_getTransactionReceipt" || string(r.Result) == "null" {
			continue
		}
		var receipt struct {
			BlockHash, BlockNumber, TransactionHash, Status string
		}
		require.NoError(t, json.Unmarshal(r.Result, &receipt))
		f := replay(map[string]json.RawMessage{"eth_getTransactionReceipt": r.Result})
		f.fail("eth_getBlockReceipts", noMethod)
		f.say("eth_getLogs", []any{})
		f.say("eth_getBlockByNumber", object{
			"number": receipt.BlockNumber, "hash": receipt.BlockHash, "parentHash": receipt.BlockHash,
			"timestamp": "0x1", "gasUsed": "0x1", "logsBloom": "0x" + strings.Repeat("0", 512),
			"transactions": []object{{"hash": receipt.TransactionHash, "from": payer, "to": shop, "value": "0x1"}},
		})
		height, err := strconv.ParseUint(receipt.BlockNumber, 0, 64)
		require.NoError(t, err)
		b, err := recordedNode(t, f).Block(t.Context(), height)
		require.NoError(t, err)
		succeeded := receipt.Status == "0x1" // the oldest receipts have no status
		require.Equal(t, succeeded, len(b.Transfers) == 1)
		kinds[succeeded]++
	}
	t.Logf("receipts by whether they say that the transaction succeeded: %v", kinds)
}
