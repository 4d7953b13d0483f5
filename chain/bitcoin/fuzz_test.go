package bitcoin

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

// fuzzed are the dialects that differ.
func fuzzed() []Params {
	return []Params{BitcoinRegtest(), LitecoinRegtest(), DogecoinRegtest(), BitcoinCashRegtest()}
}

// makesSense checks what must hold of all transfers. A block that has the same transaction twice, which no chain has,
// may list its transfers twice.
func makesSense(t *testing.T, p Params, transfers []chain.Transfer) {
	t.Helper()
	seen := make(map[chain.Key]chain.Transfer)
	for _, x := range transfers {
		require.Positive(t, x.Units.Sign())
		require.LessOrEqual(t, x.Units.Int64(), p.MaxMoney)
		require.Len(t, x.TxID, 64)
		_, err := p.Script(x.To)
		require.NoError(t, err)
		if twin, twice := seen[x.Key()]; twice {
			require.Equal(t, twin, x)
		}
		seen[x.Key()] = x
	}
}

// FuzzBlock decodes any bytes as a block, whose root is put right so that the rest is reached.
func FuzzBlock(f *testing.F) {
	tx := pays(1, 0, out(5, scriptTo(1)))
	for i, p := range fuzzed() {
		raw := simpleBlock(f, p, 2, hash{}, tx)
		f.Add(raw, byte(i))
		raw = append([]byte(nil), raw...)
		raw[1] = 1 // merged mining
		f.Add(raw, byte(i))
	}
	f.Fuzz(func(t *testing.T, raw []byte, which byte) {
		p := fuzzed()[which%4]
		b, err := p.parseBlock(raw)
		if err != nil {
			return
		}
		n := testNode(t, p)
		_, root, err := n.transfers(b.txs)
		if err != nil {
			return
		}
		copy(raw[36:], root[:])
		found, err := n.decode(raw, hashOf(raw), 2)
		require.NoError(t, err)
		makesSense(t, p, found.Transfers)
	})
}

// FuzzTransaction decodes any bytes as a transaction. Where wire reads it too, both agree.
func FuzzTransaction(f *testing.F) {
	tx := pays(1, 0, out(5, scriptTo(1)), out(0, nil))
	f.Add(rawTx(f, tx))
	tx.TxIn[0].Witness = wire.TxWitness{{1, 2, 3}}
	f.Add(rawTx(f, tx))
	f.Add([]byte{2, 0, 0, 0, 0, flagMWEB, 0, 0, 1, 0xaa, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, p := range fuzzed() {
			x, err := p.dialect().parseLoose(raw)
			if err != nil {
				continue
			}
			require.Len(t, x.raw, len(raw))
			id, _ := x.id(nil)
			inputs := 0
			x.inputs(func(hash, uint32) { inputs++ })
			outputs := 0
			x.outputs(func(n int, _ uint64, _ []byte) {
				require.Equal(t, outputs, n)
				outputs++
			})
			paid, err := testNode(t, p).appendPaid(nil, x, id)
			if err == nil {
				makesSense(t, p, paid)
			}
			if x.flags&^flagWitness != 0 {
				continue
			}
			var w wire.MsgTx
			if w.Deserialize(bytes.NewReader(raw)) != nil {
				continue // it has bounds of its own
			}
			require.Equal(t, w.TxHash().String(), id.String())
			require.Len(t, w.TxIn, inputs)
			require.Len(t, w.TxOut, outputs)
		}
	})
}

// FuzzAnswer lets the node answer anything to everything.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"result":"00","error":null,"id":1}`)
	f.Add(500, `{"result":null,"error":{"code":-28,"message":"Loading"},"id":1}`)
	f.Add(200, `[{"result":{"chain":"main","blocks":1,"headers":1,"bestblockhash":"00"},"id":0},{"result":"00","id":1}]`)
	f.Add(200, `{"result":["0000000000000000000000000000000000000000000000000000000000000000"]}`)
	f.Add(401, ``)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		defer server.Close()
		c, err := Dial(ClientConfig{URL: server.URL})
		require.NoError(t, err)
		defer c.Close()
		n, err := New(Config{Params: BitcoinRegtest(), RPC: c, OptInRBF: true})
		require.NoError(t, err)
		ctx := context.Background()
		tip, err := n.Tip(ctx)
		require.Error(t, err)
		require.Empty(t, tip)
		h, err := n.Header(ctx, 1)
		require.Error(t, err)
		require.Empty(t, h)
		b, err := n.Block(ctx, 1)
		require.Error(t, err)
		require.Empty(t, b)
		pool, _ := n.Pool(ctx) // it may be empty
		require.Empty(t, pool)
	})
}
