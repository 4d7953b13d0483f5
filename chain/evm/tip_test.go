package evm_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

func TestTip_IsTheLatestBlockWithFinality(t *testing.T) {
	f := newFake()
	f.override["eth_getBlockByNumber"] = func(p []json.RawMessage) (any, *rpcFault) {
		h := f.header()
		switch string(p[0]) {
		case `"safe"`:
			h["number"] = "0x60"
		case `"finalized"`:
			h["number"] = "0x40"
		}
		return h, nil
	}
	tip, err := f.node(t).Tip(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 100, tip.Height)
	require.Equal(t, blockHash, tip.Hash)
	require.EqualValues(t, 0x60, tip.Safe)
	require.EqualValues(t, 0x40, tip.Finalized)
}

func TestTip_FinalityIsZeroWhileTheNodeDoesNotReportIt(t *testing.T) {
	for name, say := range map[string]func(h object) (any, *rpcFault){
		"error":   func(object) (any, *rpcFault) { return nil, &rpcFault{-39001, "safe block not found"} },
		"null":    func(object) (any, *rpcFault) { return nil, nil },
		"genesis": func(h object) (any, *rpcFault) { h["number"] = "0x0"; return h, nil },
		"garbage": func(object) (any, *rpcFault) { return "x", nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.override["eth_getBlockByNumber"] = func(p []json.RawMessage) (any, *rpcFault) {
				if string(p[0]) == `"latest"` {
					return f.header(), nil
				}
				return say(f.header())
			}
			tip, err := f.node(t).Tip(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 100, tip.Height)
			require.Zero(t, tip.Safe)
			require.Zero(t, tip.Finalized)
		})
	}
}

func TestTip_WithoutLatestBlockIsIncomplete(t *testing.T) {
	f := newFake()
	f.say("eth_getBlockByNumber", nil)
	_, err := f.node(t).Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestIncident26_ChainIDIsComparedEveryTime(t *testing.T) {
	f := newFake()
	n := f.node(t)
	_, err := n.Tip(t.Context())
	require.NoError(t, err)
	f.say("eth_chainId", "0x89")
	_, err = n.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrWrongNetwork)
	require.ErrorContains(t, err, "137")
	f.say("eth_chainId", nil)
	_, err = n.Tip(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, chain.ErrWrongNetwork)
}

func word(n int) string { return fmt.Sprintf("0x%064x", n) }

func TestIncident12_DecimalsMustBeTheContracts(t *testing.T) {
	for answer, wrong := range map[string]bool{
		word(6):                               false,
		word(18):                              true,
		"0x1" + strings.Repeat("0", 62) + "6": true,
	} {
		f := newFake()
		f.say("eth_call", answer)
		n := f.node(t, usdt)
		for range 2 { // it stays wrong until it is right
			_, err := n.Tip(t.Context())
			if wrong {
				require.ErrorIs(t, err, chain.ErrWrongNetwork, answer)
				require.ErrorContains(t, err, string(usdt.ID))
			} else {
				require.NoError(t, err)
			}
		}
		f.say("eth_call", word(6))
		_, err := n.Tip(t.Context())
		require.NoError(t, err)
		require.Empty(t, n.Lacks())
	}
}

// troubles are ways in which a token's decimals() can cease to answer what it should.
var troubles = map[string]struct {
	answer any
	fault  *rpcFault
	says   string
}{
	"reverts":             {fault: &rpcFault{3, "execution reverted: paused"}, says: "paused"},
	"no contract":         {answer: "0x", says: "no token"},
	"null":                {says: "no token"},
	"short":               {answer: "0x06", says: "no token"},
	"no word":             {answer: "0x" + strings.Repeat("z", 64), says: "decimals"},
	"number":              {answer: 6, says: "decimals"},
	"limit":               {fault: &rpcFault{-32005, "limit exceeded"}, says: "limit exceeded"},
	"no calls":            {fault: &rpcFault{-32601, "no eth_call"}, says: "no eth_call"},
	"another number":      {answer: word(18), says: "18 decimals"},
	"a number beyond all": {answer: "0x" + strings.Repeat("f", 64), says: "decimals"},
}

// only has decimals() of one contract answer otherwise.
func (f *fakeNode) only(contract string, answer any, fault *rpcFault) {
	f.override["eth_call"] = func(p []json.RawMessage) (any, *rpcFault) {
		if strings.Contains(string(p[0]), contract) {
			return answer, fault
		}
		return word(6), nil
	}
}

func TestHeld_TokenInTroubleAloneIsHeldBack(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.tx(shop, 5).transfer(usdtContract, shop, 6).transfer(usdcContract, shop, 7)
			f.tx(shop2, 8)
			n := f.node(t)
			held := func() map[string]bool {
				_, err := n.Tip(t.Context())
				require.NoError(t, err)
				b, err := n.Block(t.Context(), 100)
				require.NoError(t, err)
				require.Equal(t, []paid{
					{"value", "ETH", shop, 5}, {usdtContract + "#0:" + shop, "USDT", shop, 6}, {usdcContract + "#0:" + shop, "USDC", shop, 7},
					{"value", "ETH", shop2, 8},
				}, paidOf(b))
				held := map[string]bool{}
				for i, p := range paidOf(b) {
					held[p.Asset] = b.Transfers[i].Held
				}
				return held
			}
			require.Equal(t, map[string]bool{"ETH": false, "USDT": false, "USDC": false}, held())
			require.Empty(t, n.Lacks())

			f.only(usdtContract, trouble.answer, trouble.fault)
			f.fail("eth_getBlockByNumber", &rpcFault{-32000, "down"}) // another machine answers after that
			_, err := n.Tip(t.Context())
			require.Error(t, err)
			delete(f.override, "eth_getBlockByNumber")
			for range 2 {
				require.Equal(t, map[string]bool{"ETH": false, "USDT": true, "USDC": false}, held())
				lacks := n.Lacks()
				require.Len(t, lacks, 1)
				require.Equal(t, chain.Decimals, lacks[0].What)
				require.Equal(t, usdt.ID, lacks[0].Asset)
				require.Contains(t, lacks[0].Reason, trouble.says)
				require.Equal(t, trouble.says == "18 decimals" || name == "a number beyond all", lacks[0].Contradicted)
				require.False(t, lacks[0].Since.IsZero())
			}

			delete(f.override, "eth_call")
			require.Equal(t, map[string]bool{"ETH": false, "USDT": false, "USDC": false}, held())
			require.Empty(t, n.Lacks())
		})
	}
}

func TestHeld_TokenInTroubleFromTheStart(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.tx(shop, 5).transfer(usdtContract, shop, 6)
			f.only(usdtContract, trouble.answer, trouble.fault)
			n := f.node(t)
			_, err := n.Tip(t.Context())
			if strings.Contains(name, "number") && name != "number" {
				require.ErrorIs(t, err, chain.ErrWrongNetwork)
				return
			}
			require.NoError(t, err)
			require.Len(t, n.Lacks(), 1)
			b, err := n.Block(t.Context(), 100)
			require.NoError(t, err)
			require.Equal(t, []bool{false, true}, []bool{b.Transfers[0].Held, b.Transfers[1].Held})
		})
	}
}

func TestHeld_NodeThatHangsOverCallsOrRefusesThemIsAskedAboutTheRest(t *testing.T) {
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"403":     func(w http.ResponseWriter) { http.Error(w, "upgrade your plan", http.StatusForbidden) },
		"405":     func(w http.ResponseWriter) { http.Error(w, "no", http.StatusMethodNotAllowed) },
		"hangs":   func(http.ResponseWriter) { time.Sleep(2 * time.Second) },
		"nothing": func(http.ResponseWriter) {},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.tx(shop, 5).transfer(usdtContract, shop, 6)
			f.refuseCall = func(w http.ResponseWriter, method string) bool {
				if method == "eth_call" {
					refuse(w)
				}
				return method == "eth_call"
			}
			n := f.node(t, ether, usdt)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			tip, err := n.Tip(ctx)
			require.NoError(t, err)
			require.EqualValues(t, 100, tip.Height)
			require.Len(t, n.Lacks(), 1)
			b, err := n.Block(t.Context(), 100)
			require.NoError(t, err)
			require.Equal(t, []bool{false, true}, []bool{b.Transfers[0].Held, b.Transfers[1].Held})
		})
	}
}

func TestHeld_AskedAgainWithEveryTip(t *testing.T) {
	f := newFake()
	n := f.node(t, ether, usdt)
	f.fail("eth_call", &rpcFault{3, "reverted"})
	for range 3 {
		_, err := n.Tip(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, 3, f.calls["eth_call"])
}

func TestHeld_ExaminedTransactionIsHeldBackToo(t *testing.T) {
	f := newFake()
	x := f.tx(shop, 5).transfer(usdtContract, shop, 6)
	f.fail("eth_call", &rpcFault{3, "reverted"})
	n := f.node(t, ether, usdt)
	_, err := n.Tip(t.Context())
	require.NoError(t, err)
	found, err := n.Examine(t.Context(), chain.Unexamined{TxID: x.hash, Height: 100, Block: blockHash})
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, []bool{false, true}, []bool{found[0].Held, found[1].Held})
}

func TestTip_DecimalsAreAskedAgainAfterAFailure(t *testing.T) {
	f := newFake()
	n := f.node(t, usdt)
	for range 3 {
		_, err := n.Tip(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, 1, f.calls["eth_call"])
	f.fail("eth_getBlockReceipts", &rpcFault{-32000, "no"})
	f.fail("eth_getTransactionReceipt", &rpcFault{-32000, "no"})
	f.tx(shop, 1)
	_, err := n.Block(t.Context(), 100)
	require.Error(t, err)
	f.say("eth_call", word(18)) // another machine answers now
	for range 2 {               // it stays wrong until it is right
		_, err = n.Tip(t.Context())
		require.NoError(t, err)
		require.Len(t, n.Lacks(), 1)
	}
	f.say("eth_call", word(6))
	_, err = n.Tip(t.Context())
	require.NoError(t, err)
	require.Empty(t, n.Lacks())
}

func TestTip_DecimalsAreAskedAgainAfterAThousandCalls(t *testing.T) {
	f := newFake()
	n := f.node(t, usdt)
	for range 1001 {
		_, err := n.Tip(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, 2, f.calls["eth_call"])
}

// every calls all methods that reach the node.
func every(t *testing.T, n *evm.Node, check func(err error)) {
	t.Helper()
	_, err := n.Tip(t.Context())
	check(err)
	_, err = n.Header(t.Context(), 100)
	check(err)
	_, err = n.Block(t.Context(), 100)
	check(err)
}

func TestNode_TroubleIsAnErrorOnEveryMethod(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"429":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "slow down", http.StatusTooManyRequests) },
		"503":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gone", http.StatusServiceUnavailable) },
		"garbage": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"null":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "null") },
		"object":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") },
		"array":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") },
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{"num`)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"error": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"limit exceeded"}}`)
		},
		"hang up": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.handler = handler
			every(t, f.node(t), func(err error) {
				require.Error(t, err)
				require.NotErrorIs(t, err, chain.ErrNotFound)
				require.NotErrorIs(t, err, chain.ErrWrongNetwork)
			})
		})
	}
}

func TestNode_WrongTypesAreErrors(t *testing.T) {
	for _, result := range []any{"x", 5, []any{}, []any{5}, true} {
		f := newFake()
		f.say("eth_getBlockByNumber", result)
		every(t, f.node(t), func(err error) { require.Error(t, err, result) })
	}
}

func TestDial_AnswersAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("large answers: not with -short")
	}
	f := newFake()
	f.handler = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":"`)
		chunk := []byte(strings.Repeat("a", 1<<20))
		for range evm.MaxResponse>>20 + 2 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, `"}`)
	}
	_, err := f.node(t).Block(t.Context(), 100)
	require.ErrorIs(t, err, evm.ErrResponseTooLarge)
}

func TestDial_LongErrorsAreCut(t *testing.T) {
	f := newFake()
	f.fail("eth_getBlockByNumber", &rpcFault{-32000, strings.Repeat("long ", 10_000)})
	_, err := f.node(t).Header(t.Context(), 100)
	require.Error(t, err)
	require.Less(t, len(err.Error()), 500)
}

func TestDial_KeepsSecretsOfTheURL(t *testing.T) {
	asked := make(chan [2]string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- [2]string{r.Header.Get("Authorization"), r.URL.RequestURI()}
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	var logged strings.Builder
	for name, url := range map[string]string{
		"hang up":  "http://user:secret@" + host + "/v3/secret?key=secret",
		"refused":  "http://user:secret@127.0.0.1:1/v3/secret?key=secret",
		"no host":  "http://user:secret@/secret",
		"unparsed": "http://user:secret@%zz/secret",
		"scheme":   "ftp://user:secret@" + host + "/secret",
	} {
		client, err := evm.Dial(t.Context(), url, nil)
		if err != nil {
			require.NotContains(t, err.Error(), "secret", name)
			continue
		}
		n, err := evm.New(evm.Config{Network: network, RPC: client, Assets: []chain.Asset{ether},
			Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		require.NoError(t, err)
		every(t, n, func(err error) {
			require.Error(t, err)
			require.NotContains(t, err.Error(), "secret", name)
		})
		require.NotContains(t, client.CallContext(t.Context(), nil, "x").Error(), "secret", name)
	}
	require.Equal(t, [2]string{"Basic dXNlcjpzZWNyZXQ=", "/v3/secret?key=secret"}, <-asked)
	require.NotContains(t, logged.String(), "secret")
}

func TestDial_KeepsSecretsThatANodeRepeats(t *testing.T) {
	var logged strings.Builder
	said := func(r *http.Request) string { return r.URL.String() + " " + r.Header.Get("Authorization") }
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request, batch bool){
		"error": func(w http.ResponseWriter, r *http.Request, batch bool) {
			one := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":%q}}`, said(r))
			if batch {
				one = "[" + one + "]"
			}
			_, _ = io.WriteString(w, one)
		},
		"status": func(w http.ResponseWriter, r *http.Request, _ bool) { http.Error(w, said(r), http.StatusForbidden) },
		"text":   func(w http.ResponseWriter, r *http.Request, _ bool) { _, _ = io.WriteString(w, said(r)) },
		"result": func(w http.ResponseWriter, r *http.Request, _ bool) {
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":%q}`, said(r))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				w.Header().Set("Content-Type", "application/json")
				answer(w, r, strings.HasPrefix(string(body), "["))
			}))
			defer server.Close()
			at := strings.Replace(server.URL, "http://", "http://operator:sesame1@", 1) + "/v3/sesame2?key=sesame3"
			client, err := evm.Dial(t.Context(), at, nil)
			require.NoError(t, err)
			n, err := evm.New(evm.Config{Network: network, RPC: client, Assets: []chain.Asset{ether, usdt}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			require.NoError(t, err)
			tellsNothing := func(err error) {
				require.Error(t, err)
				for _, told := range []string{"sesame", "operator", base64.StdEncoding.EncodeToString([]byte("operator:sesame1"))} {
					require.NotContains(t, err.Error(), told)
				}
			}
			every(t, n, tellsNothing)
			if name != "result" {
				tellsNothing(client.CallContext(t.Context(), new(string), "x"))
				batch := []rpc.BatchElem{{Method: "x", Result: new(string)}, {Method: "y", Result: new(string)}}
				err := client.BatchCallContext(t.Context(), batch)
				tellsNothing(errors.Join(err, batch[0].Error, batch[1].Error))
			}
		})
	}
	require.NotContains(t, logged.String(), "sesame")
}

func TestDial_ClientsTimeLimitHolds(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	client, err := evm.Dial(t.Context(), server.URL, &http.Client{Timeout: 10 * time.Millisecond})
	require.NoError(t, err)
	n, err := evm.New(evm.Config{Network: network, RPC: client, Assets: []chain.Asset{ether}})
	require.NoError(t, err)
	_, err = n.Header(t.Context(), 1)
	require.Error(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.Header(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
}

func TestClient_ErrorsOfAllCallsAreScrubbed(t *testing.T) {
	var methods []string
	for m := range reflect.TypeFor[*evm.Client]().Methods() {
		methods = append(methods, m.Name)
	}
	require.Equal(t, []string{"BatchCallContext", "CallContext", "Close", "RPC"}, methods)
}
