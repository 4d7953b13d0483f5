package tron_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

// transport answers requests without a network.
type transport func(r *http.Request) []byte

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(f(r))), Request: r}, nil
}

// direct returns an adapter on the chain, or on other responses if there are some.
func direct(t testing.TB, c *trontest.Chain, answers map[string][]byte) *tron.Node {
	t.Helper()
	usdt, err := tron.TRC20(c.Network(), usdtContract, "USDT", 6)
	require.NoError(t, err)
	n, err := tron.New(tron.Config{
		Network: c.Network(), Genesis: c.Genesis(), URL: "http://node.invalid", Assets: []chain.Asset{tron.Native(c.Network(), "TRX"), usdt},
		Client: &http.Client{Transport: transport(func(r *http.Request) []byte {
			for method, body := range answers {
				if strings.HasSuffix(r.URL.Path, method) {
					return body
				}
			}
			w := httptest.NewRecorder()
			c.ServeHTTP(w, r)
			return w.Body.Bytes()
		})},
	})
	require.NoError(t, err)
	return n
}

// makesSense checks a block that the adapter accepted.
func makesSense(t *testing.T, b chain.Block) {
	t.Helper()
	keys := make(map[chain.Key]bool)
	for _, x := range b.Transfers {
		require.Positive(t, x.Units.Sign())
		require.LessOrEqual(t, x.Units.BitLen(), 256)
		to, err := tron.ParseAddress(string(x.To))
		require.NoError(t, err)
		require.Equal(t, to, x.To)
		require.Len(t, x.TxID, 64)
		require.False(t, keys[x.Key()])
		keys[x.Key()] = true
	}
}

// fuzzChain has one block of every kind of transaction.
func fuzzChain() *trontest.Chain {
	c := trontest.NewChain()
	c.Send(c.Transfer(payer, shop, 5), c.Call(payer, other, "", 0).Token(usdtContract, payer, shop, units(6)).Inside(other, shop, 7, "call"))
	c.Mine(1)
	return c
}

func said(c *trontest.Chain, method string) []byte {
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/wallet/"+method, strings.NewReader(`{"num":1}`)))
	return w.Body.Bytes()
}

// FuzzBlock feeds a Node any pair of responses: it must return an error, or a block that makes sense.
func FuzzBlock(f *testing.F) {
	c := fuzzChain()
	f.Add(said(c, "getblockbynum"), said(c, "gettransactioninfobyblocknum"))
	f.Add([]byte(shastaBlock), []byte(shastaInfo))
	f.Add([]byte(`{}`), []byte(`{}`))
	f.Add([]byte(`{"Error":"x"}`), []byte(`[null]`))
	f.Fuzz(func(t *testing.T, block, infos []byte) {
		n := direct(t, c, map[string][]byte{"/getblockbynum": block, "/gettransactioninfobyblocknum": infos})
		b, err := n.Block(t.Context(), 1)
		if err != nil {
			require.Empty(t, b)
			return
		}
		require.EqualValues(t, 1, b.Height)
		makesSense(t, b)
	})
}

// FuzzInfos feeds a Node any results of an honest block: TRX of transfer transactions is proven without them.
func FuzzInfos(f *testing.F) {
	c := fuzzChain()
	honest := said(c, "gettransactioninfobyblocknum")
	f.Add(honest)
	for old, with := range map[string]string{"SUCCESS": "REVERT", "63616c6c": "", `"callValue":7`: `"callValue":-7`, "ddf252ad": "", "000": "0f0"} {
		f.Add(bytes.ReplaceAll(honest, []byte(old), []byte(with)))
	}
	f.Fuzz(func(t *testing.T, infos []byte) {
		b, err := direct(t, c, map[string][]byte{"/gettransactioninfobyblocknum": infos}).Block(t.Context(), 1)
		if err != nil {
			require.Empty(t, b)
			return
		}
		require.NotEmpty(t, b.Transfers)
		require.Equal(t, "value", b.Transfers[0].Index)
		require.EqualValues(t, 5, b.Transfers[0].Units.Int64())
		makesSense(t, b)
	})
}

// FuzzTransaction puts any raw data into a block: it must be read, whatever one transaction in it is.
func FuzzTransaction(f *testing.F) {
	var block struct {
		Transactions []struct {
			Raw string `json:"raw_data_hex"`
		} `json:"transactions"`
	}
	require.NoError(f, json.Unmarshal(said(fuzzChain(), "getblockbynum"), &block))
	for _, x := range block.Transactions {
		raw, err := hex.DecodeString(x.Raw)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte{})
	f.Add([]byte("\x5a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := trontest.NewChain()
		c.Send(c.RawTx("", object{}, raw), c.Transfer(payer, shop, 5))
		c.Mine(1)
		b, err := direct(t, c, nil).Block(t.Context(), 1)
		if err != nil { // a transaction that runs code needs a result, and the fake has none of it
			require.ErrorIs(t, err, chain.ErrIncomplete)
			return
		}
		require.NotEmpty(t, b.Transfers)
		makesSense(t, b)
	})
}
