package evm_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// slowly is a fake node, reached without a network, that takes so long for each call of a contract, one after the other.
type slowly struct {
	*fakeNode
	per    time.Duration
	single bool // it takes no batches
}

func (s *slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	if s.single && body[0] == '[' {
		http.Error(w, "no batches", http.StatusBadRequest)
		return w.Result(), nil
	}
	select {
	case <-time.After(s.per * time.Duration(bytes.Count(body, []byte("eth_call")))):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

// manyTokens are so many tokens with six decimals.
func manyTokens(t *testing.T, count int) []chain.Asset {
	t.Helper()
	var all []chain.Asset
	for i := range count {
		contract, err := evm.ParseAddress(fmt.Sprintf("0x%040x", 0x2bcdef00+i))
		require.NoError(t, err)
		all = append(all, tokenOf(t, network, string(contract), fmt.Sprintf("T%d", i), 6))
	}
	return all
}

func TestHeld_SlowNodeIsAskedAboutAllTokens(t *testing.T) {
	for name, c := range map[string]struct {
		tokens int
		per    time.Duration
		single bool
		tips   int // until all tokens have been asked about
	}{
		"two, singly":     {2, 3 * time.Second, true, 1},
		"many, at once":   {40, 250 * time.Millisecond, false, 1},
		"many, singly":    {40, 250 * time.Millisecond, true, 1},
		"all, in parts":   {90, 400 * time.Millisecond, false, 3},
		"all, one by one": {90, 400 * time.Millisecond, true, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowly{newFake(), c.per, c.single}
				client, err := evm.Dial(t.Context(), "http://node.example", &http.Client{Transport: s, Timeout: time.Hour})
				require.NoError(t, err)
				defer client.Close()
				tokens := manyTokens(t, c.tokens)
				n, err := evm.New(evm.Config{Network: network, RPC: client, Assets: tokens})
				require.NoError(t, err)
				tip := func() {
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					_, err := n.Tip(ctx)
					require.NoError(t, err)
				}
				for range c.tips {
					tip()
				}
				require.Empty(t, n.Lacks())
				asked := s.calls["eth_call"]
				require.Equal(t, c.tokens, asked)
				tip()
				require.Equal(t, asked, s.calls["eth_call"], "all are known now")

				// Another machine may answer after a failure, and what is not asked about at once is not held back.
				for _, at := range []int{0, c.tokens - 1} {
					s.only(tokens[at].ID.Reference(), word(18), nil)
					s.fail("eth_getBlockByNumber", &rpcFault{-32000, "down"})
					_, err = n.Tip(t.Context())
					require.Error(t, err)
					delete(s.override, "eth_getBlockByNumber")
					for range c.tips {
						tip()
						require.LessOrEqual(t, len(n.Lacks()), 1)
					}
					require.Len(t, n.Lacks(), 1)
					require.Equal(t, tokens[at].ID, n.Lacks()[0].Asset)
					delete(s.override, "eth_call")
					for range c.tips {
						tip()
					}
					require.Empty(t, n.Lacks())
				}
			})
		})
	}
}

func TestHeld_TokenThatHangsAloneIsHeldBackAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &hanging{slowly: &slowly{newFake(), time.Second, true}}
		client, err := evm.Dial(t.Context(), "http://node.example", &http.Client{Transport: s, Timeout: time.Hour})
		require.NoError(t, err)
		defer client.Close()
		n, err := evm.New(evm.Config{Network: network, RPC: client, Assets: []chain.Asset{ether, usdt, usdc}})
		require.NoError(t, err)
		_, err = n.Tip(t.Context())
		require.NoError(t, err)
		require.Empty(t, n.Lacks())
		s.contract = usdtContract
		s.fail("eth_getBlockByNumber", &rpcFault{-32000, "down"})
		_, err = n.Tip(t.Context())
		require.Error(t, err)
		delete(s.override, "eth_getBlockByNumber")
		for tips := range 4 { // also where the time for one of them is all that there is
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			_, err = n.Tip(ctx)
			cancel()
			require.NoError(t, err)
			if tips == 0 {
				require.Empty(t, n.Lacks(), "it may be too slow for both of them together")
				continue
			}
			require.Len(t, n.Lacks(), 1)
			require.Equal(t, usdt.ID, n.Lacks()[0].Asset)
		}
	})
}

// hanging does not answer about one contract.
type hanging struct {
	*slowly
	contract string
}

func (h *hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if h.contract != "" && bytes.Contains(body, []byte(h.contract)) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return h.slowly.RoundTrip(r)
}
