package bitcoin

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

// scriptTo is P2PKH to a key hash of which every byte is the same.
func scriptTo(who byte) []byte { return p2pkhScript(bytes.Repeat([]byte{who}, hashLen)) }

func addressOf(t testing.TB, p Params, script []byte) chain.Address {
	t.Helper()
	a, ok := p.AddressOf(script)
	require.True(t, ok)
	return a
}

// pays makes a transaction that spends a made-up coin, or the first output of another one.
func pays(from any, sequence uint32, outputs ...*wire.TxOut) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	in := &wire.TxIn{Sequence: sequence, SignatureScript: []byte{1, 2, 3}}
	switch from := from.(type) {
	case *wire.MsgTx:
		in.PreviousOutPoint.Hash = from.TxHash()
	case int:
		in.PreviousOutPoint.Hash[0] = byte(from)
		in.PreviousOutPoint.Hash[31] = 1
	}
	tx.AddTxIn(in)
	tx.TxOut = outputs
	return tx
}

func out(value int64, script []byte) *wire.TxOut { return wire.NewTxOut(value, script) }

func rawTx(t testing.TB, tx *wire.MsgTx) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, tx.Serialize(&b))
	return b.Bytes()
}

// newCoinbase makes one that contains its height as BIP-34 specifies, and has an output.
func newCoinbase(height int) *wire.MsgTx {
	tx := wire.NewMsgTx(1)
	script := binary.LittleEndian.AppendUint32([]byte{3}, uint32(height))[:4]
	tx.AddTxIn(&wire.TxIn{
		PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex}, SignatureScript: script, Sequence: wire.MaxTxInSequenceNum,
	})
	tx.AddTxOut(out(50_0000_0000, scriptTo(0xcb)))
	return tx
}

// blockOf serializes a block of serialized transactions, with whatever follows the header and the transactions.
func blockOf(t testing.TB, p Params, h wire.BlockHeader, proof, extension []byte, txs ...[]byte) []byte {
	t.Helper()
	var ids []hash
	for _, raw := range txs {
		x, err := p.dialect().parseLoose(raw)
		require.NoError(t, err)
		id, _ := x.id(nil)
		ids = append(ids, id)
	}
	root, err := merkleRoot(ids, 0)
	require.NoError(t, err)
	h.MerkleRoot = [32]byte(root)
	var b bytes.Buffer
	require.NoError(t, h.Serialize(&b))
	b.Write(proof)
	require.NoError(t, wire.WriteVarInt(&b, 0, uint64(len(txs))))
	for _, raw := range txs {
		b.Write(raw)
	}
	b.Write(extension)
	return b.Bytes()
}

// simpleBlock is a block of a coinbase and other transactions.
func simpleBlock(t testing.TB, p Params, height int, parent hash, txs ...*wire.MsgTx) []byte {
	t.Helper()
	all := [][]byte{rawTx(t, newCoinbase(height))}
	for _, tx := range txs {
		all = append(all, rawTx(t, tx))
	}
	h := wire.BlockHeader{Version: 4, PrevBlock: [32]byte(parent), Timestamp: time.Unix(1_700_000_000+int64(height)*600, 0)}
	return blockOf(t, p, h, nil, nil, all...)
}

func hashOf(raw []byte) hash { return doubleSHA256(raw[:headerSize]) }

// fakeCore is a scripted node with the JSON-RPC of Core. It is honest unless a method is overridden.
type fakeCore struct {
	params   Params
	override map[string]func(params []json.RawMessage) (any, *Error)
	handler  http.HandlerFunc // replaces JSON-RPC altogether

	mu      sync.Mutex
	blocks  [][]byte
	pool    []*wire.MsgTx
	calls   map[string]int
	largest int    // batch
	auth    string // what to log in with, if anything
}

type object = map[string]any

// newCore makes a node of a chain with some blocks. Its Params have its own block 0.
func newCore(t testing.TB, p Params) *fakeCore {
	t.Helper()
	f := &fakeCore{
		params: p, override: make(map[string]func([]json.RawMessage) (any, *Error)), calls: make(map[string]int),
	}
	f.mine(t)
	f.params.Genesis = hashOf(f.blocks[0]).String()
	f.params.Fork = Fork{}
	f.mine(t)
	return f
}

// mine adds a block with transactions.
func (f *fakeCore) mine(t testing.TB, txs ...*wire.MsgTx) []byte {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var parent hash
	if len(f.blocks) > 0 {
		parent = hashOf(f.blocks[len(f.blocks)-1])
	}
	raw := simpleBlock(t, f.params, len(f.blocks), parent, txs...)
	f.blocks = append(f.blocks, raw)
	f.pool = slices.DeleteFunc(f.pool, func(tx *wire.MsgTx) bool { return slices.Contains(txs, tx) })
	return raw
}

func (f *fakeCore) wait(txs ...*wire.MsgTx) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pool = txs
}

// say makes a method answer always the same.
func (f *fakeCore) say(method string, result any) {
	f.override[method] = func([]json.RawMessage) (any, *Error) { return result, nil }
}

// fail makes a method answer an error object.
func (f *fakeCore) fail(method string, code int) {
	f.override[method] = func([]json.RawMessage) (any, *Error) { return nil, &Error{code, "as told"} }
}

func (f *fakeCore) answer(method string, params []json.RawMessage) (any, *Error) {
	if o, ok := f.override[method]; ok {
		return o(params)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	tip := len(f.blocks) - 1
	text := func(i int) (s string) { _ = json.Unmarshal(params[i], &s); return s }
	at := func(hash string) int {
		return slices.IndexFunc(f.blocks, func(b []byte) bool { return hashOf(b).String() == hash })
	}
	switch method {
	case "getblockchaininfo":
		return object{
			"chain": "main", "blocks": tip, "headers": tip, "bestblockhash": hashOf(f.blocks[tip]).String(),
			"initialblockdownload": false, "verificationprogress": 0.999,
		}, nil
	case "getblockhash":
		var height int
		if json.Unmarshal(params[0], &height) != nil || height > tip {
			return nil, &Error{codeRange, "Block height out of range"}
		}
		return hashOf(f.blocks[height]).String(), nil
	case "getblockheader", "getblock":
		i := at(text(0))
		if i < 0 {
			return nil, &Error{codeNotFound, "Block not found"}
		}
		if method == "getblock" {
			return hex.EncodeToString(f.blocks[i]), nil
		}
		return hex.EncodeToString(f.blocks[i][:headerSize]), nil
	case "getrawmempool":
		ids := []string{}
		for _, tx := range f.pool {
			ids = append(ids, tx.TxHash().String())
		}
		return ids, nil
	case "getrawtransaction":
		for _, tx := range f.pool {
			if tx.TxHash().String() == text(0) {
				var b bytes.Buffer
				_ = tx.Serialize(&b)
				return hex.EncodeToString(b.Bytes()), nil
			}
		}
		return nil, &Error{codeNotFound, "No such mempool transaction"}
	}
	return nil, &Error{-32601, "Method not found"}
}

func (f *fakeCore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	auth := f.auth
	f.mu.Unlock()
	if auth != "" && r.Header.Get("Authorization") != auth {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if f.handler != nil {
		f.handler(w, r)
		return
	}
	type request struct {
		ID     json.RawMessage   `json:"id"`
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	status := http.StatusOK
	reply := func(q request) object {
		f.mu.Lock()
		f.calls[q.Method]++
		f.mu.Unlock()
		result, fault := f.answer(q.Method, q.Params)
		if fault != nil {
			status = http.StatusInternalServerError
			return object{"result": nil, "error": object{"code": fault.Code, "message": fault.Message}, "id": q.ID}
		}
		return object{"result": result, "error": nil, "id": q.ID}
	}
	body, _ := io.ReadAll(r.Body)
	var many []request
	if json.Unmarshal(body, &many) == nil {
		f.mu.Lock()
		f.largest = max(f.largest, len(many))
		f.mu.Unlock()
		replies := []object{}
		for _, q := range slices.Backward(many) { // in no order that a client may rely on
			replies = append(replies, reply(q))
		}
		_ = json.NewEncoder(w).Encode(replies)
		return
	}
	var one request
	if err := json.Unmarshal(body, &one); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := reply(one)
	w.WriteHeader(status)
	// Core's own order, with the result first.
	result, _ := json.Marshal(answer["result"])
	fault, _ := json.Marshal(answer["error"])
	fmt.Fprintf(w, `{"result":%s,"error":%s,"id":%s}`+"\n", result, fault, one.ID)
}

// client starts the server.
func (f *fakeCore) client(t testing.TB, c ClientConfig) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	if c.URL == "" {
		c.URL = server.URL
	}
	client, err := Dial(c)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func (f *fakeCore) node(t testing.TB) *Node {
	t.Helper()
	n, err := New(Config{Params: f.params, RPC: f.client(t, ClientConfig{})})
	require.NoError(t, err)
	return n
}

// count is how often a method was called.
func (f *fakeCore) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// paid is what matters of a transfer to a test.
type paid struct {
	Index string
	To    chain.Address
	Units int64
}

func paidOf(transfers []chain.Transfer) []paid {
	var all []paid
	for _, x := range transfers {
		all = append(all, paid{x.Index, x.To, x.Units.Int64()})
	}
	return all
}

func hexOf(raw []byte) string { return hex.EncodeToString(raw) }
