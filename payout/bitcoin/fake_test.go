package bitcoin_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
)

// fake is a node of any coin, with what a test puts into it. Its chain has tip blocks, of which only headers and
// hashes exist.
type fake struct {
	mu      sync.Mutex
	params  btc.Params
	tip     int
	txs     map[string]*wire.MsgTx
	depth   map[string]int      // confirmations; 0 in the pool
	spent   map[string]bool     // outputs that are spent
	replies map[string]string   // JSON of results or, beginning with "!", of errors, by method
	calls   map[string]int      // number of calls, by method
	sent    []string            // hexadecimal
	burden  map[string]int64    // what the node says that a transaction and those after it pay; it knows of no other
	change  func(method string) // called before each reply
}

func newFake(p btc.Params) *fake {
	return &fake{
		params: p, tip: 1000, txs: make(map[string]*wire.MsgTx), depth: make(map[string]int), spent: make(map[string]bool),
		replies: make(map[string]string), calls: make(map[string]int), burden: make(map[string]int64),
	}
}

type rpcRequest struct {
	ID     int               `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var all []rpcRequest
	var body json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&body)
	batch := json.Unmarshal(body, &all) == nil
	if !batch {
		var one rpcRequest
		_ = json.Unmarshal(body, &one)
		all = []rpcRequest{one}
	}
	var out []string
	for _, q := range all {
		result := f.reply(q)
		if result[0] == '!' {
			out = append(out, fmt.Sprintf(`{"id":%d,"result":null,"error":%s}`, q.ID, result[1:]))
		} else {
			out = append(out, fmt.Sprintf(`{"id":%d,"result":%s,"error":null}`, q.ID, result))
		}
	}
	if !batch {
		fmt.Fprint(w, out[0])
		return
	}
	fmt.Fprint(w, "[")
	for i, s := range out {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprint(w, s)
	}
	fmt.Fprint(w, "]")
}

const (
	unknownTx     = `!{"code":-5,"message":"No such mempool or blockchain transaction"}`
	unknownMethod = `!{"code":-32601,"message":"Method not found"}`
)

func (f *fake) reply(q rpcRequest) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.change != nil {
		f.change(q.Method)
	}
	f.calls[q.Method]++
	if reply, ok := f.replies[q.Method]; ok {
		return reply
	}
	var text string
	if len(q.Params) > 0 {
		_ = json.Unmarshal(q.Params[0], &text)
	}
	switch q.Method {
	case "getblockchaininfo":
		return fmt.Sprintf(`{"chain":"regtest","blocks":%d,"headers":%d,"bestblockhash":%q}`, f.tip, f.tip, f.hash(f.tip))
	case "getblockhash":
		var height int
		_ = json.Unmarshal(q.Params[0], &height)
		if height == 0 {
			return fmt.Sprintf("%q", f.params.Genesis)
		}
		return fmt.Sprintf("%q", f.hash(height))
	case "getblockheader":
		for height := f.tip; height > 0; height-- {
			if f.hash(height) == text {
				return fmt.Sprintf("%q", toHex(f.header(height)))
			}
		}
		return unknownTx
	case "gettxout":
		var vout int
		_ = json.Unmarshal(q.Params[1], &vout)
		if string(q.Params[2]) == "false" && f.depth[text] == 0 {
			return "null"
		}
		return f.txOut(text, vout)
	case "getmempoolentry":
		sum, known := f.burden[text]
		if !known {
			return unknownTx
		}
		return fmt.Sprintf(`{"fees":{"descendant":%d.%08d}}`, sum/1e8, sum%1e8)
	case "getrawtransaction":
		tx, ok := f.txs[text]
		if !ok {
			return unknownTx
		}
		raw := toHex(raw(tx))
		if string(q.Params[1]) == "1" {
			if f.depth[text] == 0 {
				return fmt.Sprintf(`{"hex":%q}`, raw)
			}
			return fmt.Sprintf(`{"hex":%q,"blockhash":"00","confirmations":%d}`, raw, f.depth[text])
		}
		return fmt.Sprintf("%q", raw)
	case "sendrawtransaction":
		f.sent = append(f.sent, text)
		return `"00"`
	default:
		return unknownMethod
	}
}

func (f *fake) txOut(id string, vout int) string {
	tx, ok := f.txs[id]
	if !ok || vout >= len(tx.TxOut) || f.spent[fmt.Sprint(id, ":", vout)] {
		return "null"
	}
	o := tx.TxOut[vout]
	return fmt.Sprintf(`{"value":%d.%08d,"confirmations":%d,"scriptPubKey":{"hex":%q},"coinbase":false}`,
		o.Value/1e8, o.Value%1e8, f.depth[id], toHex(o.PkScript))
}

// header returns a header whose parent is the header before.
func (f *fake) header(height int) []byte {
	b := make([]byte, 80)
	binary.LittleEndian.PutUint32(b[68:], uint32(height))
	return b
}

func (f *fake) hash(height int) string {
	once := sha256.Sum256(f.header(height))
	twice := sha256.Sum256(once[:])
	slices.Reverse(twice[:])
	return toHex(twice[:])
}

func raw(tx *wire.MsgTx) []byte {
	var b bytes.Buffer
	_ = tx.Serialize(&b)
	return b.Bytes()
}

// put makes a coin of each value, with a transaction of its own, and books it. It returns the names.
func (f *fake) put(t testing.TB, s *shop, depth int, values ...int64) []string {
	t.Helper()
	var names []string
	for _, v := range values {
		key, err := s.wallet.Key(0, s.next)
		require.NoError(t, err)
		tx := wire.NewMsgTx(2)
		in := wire.NewTxIn(&wire.OutPoint{Index: s.next}, []byte{1, 2, 3}, nil)
		tx.AddTxIn(in)
		tx.AddTxOut(wire.NewTxOut(v, key.Script))
		id := tx.TxHash().String()
		f.txs[id], f.depth[id] = tx, depth
		h := s.spender.Holding(payout.Deposit{
			Key: keyOf(s, id), Asset: s.params.Asset().ID, To: key.Address, Units: bigOf(v), Height: uint64(f.tip - depth + 1),
			Wallet: s.wallet.Name(), Index: s.next,
		})
		s.books.holdings[h.Name] = h
		names = append(names, h.Name)
		s.next++
	}
	return names
}

// pool puts a signed version into the node's pool.
func (f *fake) pool(t testing.TB, v payout.Version) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.txs[v.TxID], f.depth[v.TxID] = parse(t, v), 0
}

// rate makes the node ask for a rate, in base units for 1000 bytes.
func (f *fake) rate(rate int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replies["estimatesmartfee"] = fmt.Sprintf(`{"feerate":%d.%08d}`, rate/1e8, rate%1e8)
}

// newFakeShop returns a wallet at a fake node.
func newFakeShop(t testing.TB, p btc.Params, kind btc.ScriptKind, change ...func(*bitcoin.Config)) (*shop, *fake) {
	t.Helper()
	f := newFake(p)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	client, err := btc.Dial(btc.ClientConfig{URL: server.URL})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return newShop(t, node{client: client, params: p}, kind, 1, change...), f
}
