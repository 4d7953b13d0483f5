package tron_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

// slowly is a node, reached without a network, that takes so long for each call of a contract, and for ever for one.
type slowly struct {
	*trontest.Chain
	per     time.Duration
	hanging string // the contract in hexadecimal digits
}

func (s *slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	per := time.Duration(0)
	if strings.HasSuffix(r.URL.Path, "triggerconstantcontract") {
		per = s.per
		if s.hanging != "" && bytes.Contains(body, []byte(s.hanging)) {
			per = time.Hour
		}
	}
	select {
	case <-time.After(per):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestHeld_SlowNodeIsAskedAboutAllTokens(t *testing.T) {
	for _, c := range []struct {
		tokens int
		per    time.Duration
		tips   int // until all tokens have been asked about
	}{
		{2, 3 * time.Second, 1}, {40, 250 * time.Millisecond, 1}, {90, 400 * time.Millisecond, 3},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowly{Chain: trontest.NewChain(), per: c.per}
				var tokens []chain.Asset
				for i := range c.tokens {
					contract := trontest.Address(fmt.Appendf(nil, "token %-14d", i))
					s.Deploy(contract, 6)
					a, err := tron.TRC20(s.Network(), contract, fmt.Sprintf("T%d", i), 6)
					require.NoError(t, err)
					tokens = append(tokens, a)
				}
				n, err := tron.New(tron.Config{
					Network: s.Network(), Genesis: s.Genesis(), URL: "http://node.example", Assets: tokens,
					Client: &http.Client{Transport: s, Timeout: 2 * time.Hour},
				})
				require.NoError(t, err)
				tips := func(count int) {
					for range count {
						ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
						_, err := n.Tip(ctx)
						cancel()
						require.NoError(t, err)
					}
				}
				tips(c.tips)
				require.Empty(t, n.Lacks())
				asked := s.Calls("wallet/triggerconstantcontract")
				require.Equal(t, c.tokens, asked)
				tips(99)
				require.Equal(t, asked, s.Calls("wallet/triggerconstantcontract"), "all are known now")

				s.hanging = fmt.Sprintf("%x", fmt.Sprintf("token %-14d", c.tokens/2))
				tips(1 + c.tips)
				require.Len(t, n.Lacks(), 1)
				require.Equal(t, tokens[c.tokens/2].ID, n.Lacks()[0].Asset)
				s.hanging = ""
				tips(10 + c.tips)
				require.Empty(t, n.Lacks())
			})
		})
	}
}

func TestHeld_TokenThatTakesAllTheTimeIsHeldBackAndTheOthersAreStillAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowly{Chain: trontest.NewChain(), per: time.Second}
		s.Deploy(usdtContract, 6)
		s.Deploy(usdcContract, 6)
		usdt, err := tron.TRC20(s.Network(), usdtContract, "USDT", 6)
		require.NoError(t, err)
		usdc, err := tron.TRC20(s.Network(), usdcContract, "USDC", 6)
		require.NoError(t, err)
		n, err := tron.New(tron.Config{
			Network: s.Network(), Genesis: s.Genesis(), URL: "http://node.example", Assets: []chain.Asset{usdt, usdc},
			Client: &http.Client{Transport: s, Timeout: 2 * time.Hour},
		})
		require.NoError(t, err)
		s.hanging = "a614f803b6fd780986a42c78ec9c7f77e6ded13c" // USDT
		for _, want := range [][]chain.AssetID{{usdt.ID, usdc.ID}, {usdt.ID}} {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			_, err = n.Tip(ctx)
			cancel()
			require.NoError(t, err)
			var held []chain.AssetID
			for _, l := range n.Lacks() {
				held = append(held, l.Asset)
			}
			require.Equal(t, want, held)
		}
	})
}
