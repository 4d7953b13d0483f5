package tron_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

func TestIncident7_TipReportsWhatIsSolidified(t *testing.T) {
	s := newScene(t)
	for _, c := range []struct{ mine, height, solid uint64 }{{0, 0, 0}, {5, 5, 0}, {13, 18, 0}, {1, 19, 1}, {11, 30, 12}} {
		s.Chain.Mine(int(c.mine))
		tip, err := s.node.Tip(t.Context())
		require.NoError(t, err)
		require.Equal(t, c.height, tip.Height)
		require.Equal(t, c.solid, tip.Finalized)
		require.Equal(t, c.solid, tip.Safe)
	}
}

func TestTip_SolidifiedHeightIsNeverBeyondTheTip(t *testing.T) {
	s := newScene(t)
	s.Chain.Mine(30)
	ahead := s.World
	behind := httptest.NewServer(trontest.NewChain()) // another machine, which has block 0 alone
	defer behind.Close()
	n, err := tron.New(tron.Config{
		Network: s.Network(), Genesis: s.Genesis(), URL: behind.URL, SolidityURL: ahead.URL, Assets: []chain.Asset{s.trx},
	})
	require.NoError(t, err)
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	require.Zero(t, tip.Height)
	require.Zero(t, tip.Finalized)
}

func TestIncident22_NothingUnconfirmedIsReported(t *testing.T) {
	var n any = newScene(t).node
	_, pooler := n.(chain.Pooler)
	require.False(t, pooler)
}

func TestIncident26_NodeOfAnotherNetworkIsRefused(t *testing.T) {
	s := newScene(t)
	for network, genesis := range map[chain.Network]string{
		tron.Mainnet: "", tron.Nile: "", tron.Shasta: "", s.Network(): strings.Repeat("0", 56) + s.Genesis()[56:],
	} {
		n, err := tron.New(tron.Config{Network: network, Genesis: genesis, URL: s.URL, Assets: []chain.Asset{tron.Native(network, "TRX")}})
		require.NoError(t, err)
		_, err = n.Tip(t.Context())
		require.ErrorIs(t, err, chain.ErrWrongNetwork)
	}
}

func TestIncident26_Block0IsComparedAgainAfterAFailureAndAfterAHundredCalls(t *testing.T) {
	s := newScene(t)
	tips := func(n int) {
		for range n {
			_, err := s.node.Tip(t.Context())
			require.NoError(t, err)
		}
	}
	tips(101)
	require.Equal(t, 4, s.Calls("wallet/triggerconstantcontract"), "two tokens, twice")
	s.Behave(trontest.Busy)
	_, err := s.node.Header(t.Context(), 0)
	require.Error(t, err)
	s.Behave(trontest.Normal)
	var elsewhere any
	require.NoError(t, json.Unmarshal([]byte(publishedHeaders[100]), &elsewhere))
	s.Edit("getblock", func(any) any { return elsewhere })
	for range 2 { // it stays wrong until it is right
		_, err = s.node.Tip(t.Context())
		require.Error(t, err)
	}
	s.Edit("getblock", nil)
	tips(1)
}

func TestIncident12_DecimalsMustBeTheContracts(t *testing.T) {
	s := newScene(t)
	for decimals, wrong := range map[int]bool{6: false, 18: true, 0: true} {
		_, err := s.adapter(s.token(usdtContract, "USDT", decimals)).Tip(t.Context())
		if wrong {
			require.ErrorIs(t, err, chain.ErrWrongNetwork)
			require.ErrorContains(t, err, usdtContract)
		} else {
			require.NoError(t, err)
		}
	}
}

// troubles are ways in which a token's decimals() can cease to answer what it should.
func troubles(s *scene) map[string]struct {
	begin func()
	says  string
} {
	answers := func(raw string) func() {
		return func() {
			s.Edit("triggerconstantcontract", func(any) any {
				var a any
				require.NoError(s.t, json.Unmarshal([]byte(raw), &a))
				return a
			})
		}
	}
	return map[string]struct {
		begin func()
		says  string
	}{
		"no constant calls": {func() { s.Behave(trontest.NoConstant) }, "CONTRACT_VALIDATE_ERROR this node does not support constant"},
		"reverts":           {func() { s.Behave(trontest.Reverting) }, "REVERT opcode executed"},
		"turned off":        {func() { s.Behave(trontest.NoTrigger) }, "404"},
		"error":             {answers(`{"Error":"class java.lang.RuntimeException : no"}`), "RuntimeException"},
		"message in clear":  {answers(`{"result":{"code":"OTHER_ERROR","message":"in clear"}}`), "OTHER_ERROR in clear"},
		"nothing":           {answers(`{}`), "no result"},
		"no word":           {answers(`{"result":{"result":true}}`), "no result"},
		"empty":             {answers(`{"constant_result":[""]}`), "0 bytes"},
		"short":             {answers(`{"constant_result":["06"]}`), "1 bytes"},
		"not hex":           {answers(`{"constant_result":["000z"]}`), "hexadecimal"},
		"another number":    {answers(`{"constant_result":["` + strings.Repeat("0", 62) + `12"]}`), "18 decimals"},
	}
}

func TestHeld_TokenInTroubleAloneIsHeldBack(t *testing.T) {
	for name := range troubles(newScene(t)) {
		for _, start := range []bool{false, true} {
			t.Run(fmt.Sprint(name, start), func(t *testing.T) {
				s := newScene(t)
				trouble := troubles(s)[name]
				n := s.adapter(s.trx, s.usdt)
				at := s.mine(s.Transfer(payer, shop, 5), s.call().Token(usdtContract, payer, shop, units(6)))
				held := func(want bool) {
					t.Helper()
					b, err := n.Block(t.Context(), at)
					require.NoError(t, err)
					require.Len(t, b.Transfers, 2)
					require.False(t, b.Transfers[0].Held)
					require.Equal(t, want, b.Transfers[1].Held)
				}
				if !start {
					_, err := n.Tip(t.Context())
					require.NoError(t, err)
					held(false)
				}
				trouble.begin()
				_, err := n.Header(t.Context(), 99) // another machine may answer after that
				require.Error(t, err)
				_, err = n.Block(t.Context(), 99)
				require.Error(t, err)
				for range trustedOnce {
					_, err = n.Tip(t.Context())
				}
				if start && name == "another number" {
					require.ErrorIs(t, err, chain.ErrWrongNetwork)
					return
				}
				require.NoError(t, err)
				held(true)
				lacks := n.Lacks()
				require.Len(t, lacks, 1)
				require.Equal(t, chain.Decimals, lacks[0].What)
				require.Equal(t, s.usdt.ID, lacks[0].Asset)
				require.Contains(t, lacks[0].Reason, trouble.says)

				s.Behave(trontest.Normal)
				s.Edit("triggerconstantcontract", nil)
				for range 11 {
					_, err = n.Tip(t.Context())
					require.NoError(t, err)
				}
				held(false)
				require.Empty(t, n.Lacks())
			})
		}
	}
}

// trustedOnce is after how many calls Tip has asked for the decimals again.
const trustedOnce = 101

func TestHeld_TokensThatAreNoContractAreHeldBack(t *testing.T) {
	s := newScene(t)
	n := s.adapter(s.trx, s.token(other, "USDT", 6))
	_, err := n.Tip(t.Context())
	require.NoError(t, err)
	require.Len(t, n.Lacks(), 1)
	require.Contains(t, n.Lacks()[0].Reason, "Smart contract is not exist.")
}

func TestHeld_NodeThatHangsOverAContractIsAskedAboutTheRest(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5))
	n, err := tron.New(tron.Config{Network: s.Network(), Genesis: s.Genesis(), URL: s.URL, Assets: []chain.Asset{s.trx, s.usdt},
		Client: &http.Client{Transport: hanging{"triggerconstantcontract"}}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	tip, err := n.Tip(ctx)
	require.NoError(t, err)
	require.Equal(t, at, tip.Height)
	require.Len(t, n.Lacks(), 1)
}

// hanging does not respond to calls of a method, or of all if it has none, before their context ends.
type hanging struct{ method string }

func (h hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, h.method) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// every calls all methods that reach the node, at a block that is there.
func every(t *testing.T, n *tron.Node, check func(err error)) {
	t.Helper()
	_, err := n.Tip(t.Context())
	check(err)
	_, err = n.Header(t.Context(), 1)
	check(err)
	_, err = n.Block(t.Context(), 1)
	check(err)
}

// trouble is an error that is neither "no such block" nor "another network".
func trouble(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.NotErrorIs(t, err, chain.ErrNotFound)
	require.NotErrorIs(t, err, chain.ErrWrongNetwork)
}

func TestIncident31_LimitsAreErrorsAndNeverEmptyAnswers(t *testing.T) {
	for habit, says := range map[trontest.Habit]string{
		trontest.Busy: "lack of computing resources", trontest.Limited: "403", trontest.TooMany: "429", trontest.Unavailable: "503",
	} {
		s := newScene(t)
		s.mine(s.call().Token(usdtContract, payer, shop, units(5)))
		s.Behave(habit)
		every(t, s.node, func(err error) {
			trouble(t, err)
			require.ErrorContains(t, err, says)
			require.NotErrorIs(t, err, chain.ErrIncomplete)
		})
		require.Equal(t, 1, s.Calls("wallet/getblockbynum"), "a limit does not mean that getblock is not there")
	}
}

func TestIncident31_LiteNodeWithoutHistoryIsAnError(t *testing.T) {
	s := newScene(t)
	s.mine(s.Transfer(payer, shop, 5))
	s.Behave(trontest.Lite)
	_, err := s.node.Block(t.Context(), 1)
	trouble(t, err)
	require.ErrorContains(t, err, "lite full node")
}

func TestIncident31_LimitInTheMiddleOfABlock(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5), s.call().Token(usdtContract, payer, shop, units(5)))
	s.Edit("gettransactioninfobyblocknum", func(any) any {
		return object{"Error": "class java.lang.IllegalAccessException : lack of computing resources"}
	})
	_, err := s.node.Block(t.Context(), at)
	trouble(t, err)
}

func TestNode_NothingWhereThereHasToBeSomethingIsIncomplete(t *testing.T) {
	s := newScene(t)
	s.mine()
	s.Edit("getblock", func(any) any { return object{} })
	_, err := s.node.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrIncomplete)
	_, err = s.node.Header(t.Context(), 1)
	require.ErrorIs(t, err, chain.ErrNotFound)
	s.Behave(trontest.NoGetBlock)
	s.Edit("getnowblock", func(any) any { return object{} })
	_, err = s.node.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestNode_WithoutGetBlockReadsWholeBlocks(t *testing.T) {
	s := newScene(t)
	s.Chain.Mine(20)
	want, err := s.node.Tip(t.Context())
	require.NoError(t, err)
	s.Behave(trontest.NoGetBlock)
	for range 2 {
		got, err := s.node.Tip(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	h, err := s.node.Header(t.Context(), 20)
	require.NoError(t, err)
	require.Equal(t, want.Header, h)
	_, err = s.node.Header(t.Context(), 21)
	require.ErrorIs(t, err, chain.ErrNotFound)
}

func TestNode_TroubleIsAnErrorOnEveryMethod(t *testing.T) {
	write := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	for name, handler := range map[string]http.HandlerFunc{
		"404": http.NotFound,
		"413": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", http.StatusRequestEntityTooLarge)
		},
		"502":                 func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusBadGateway) },
		"204":                 func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"redirect":            func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusTemporaryRedirect) },
		"hang up":             func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"page":                write("<html>"),
		"nothing":             write(""),
		"null":                write("null"),
		"text":                write(`"x"`),
		"list":                write("[]"),
		"cut short":           write(`{"blockID":"00`),
		"two":                 write(`{}{}`),
		"error":               write(`{"Error":"class java.lang.NullPointerException : null"}`),
		"error in lower case": write(`{"error":{"code":-32005,"message":"limit exceeded"}}`),
		"gateway":             write(`{"Success":false,"Error":"The key exceeds the frequency limit"}`),
		"types":               write(`{"blockID":5}`),
		"digits":              write(`{"blockID":"zz"}`),
		"other":               write(`{"jsonrpc":"2.0","id":1,"result":null,"blockID":"` + strings.Repeat("0", 64) + `"}`),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			n, err := tron.New(tron.Config{Network: tron.Mainnet, URL: server.URL, Assets: []chain.Asset{tron.Native(tron.Mainnet, "TRX")}})
			require.NoError(t, err)
			every(t, n, func(err error) { trouble(t, err) })
		})
	}
}

func TestTip_NumbersBeyondTheirBoundsAreRefused(t *testing.T) {
	s := newScene(t)
	_, err := s.node.Tip(t.Context())
	require.NoError(t, err)
	s.Chain.Mine(1)
	s.Edit("getblock", func(b any) any { header(b)["timestamp"], header(b)["new"] = int64(1)<<62, 1; return b })
	_, err = s.node.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrIncomplete)
	s.Edit("getblock", nil)
	_, err = s.node.Tip(t.Context())
	require.NoError(t, err)
	s.Edit("getblock", func(b any) any {
		header(b)["number"], header(b)["new"] = -1, 1
		b.(object)["blockID"] = strings.Repeat("f", 64)
		return b
	})
	_, err = s.node.Tip(t.Context())
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestNode_RedirectsAreNotFollowedSinceTheyWouldTakeTheKeyAlong(t *testing.T) {
	s := newScene(t)
	s.mine()
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer gate.Close()
	n, err := tron.New(tron.Config{Network: s.Network(), Genesis: s.Genesis(), URL: gate.URL, APIKey: "key", Assets: []chain.Asset{s.trx}})
	require.NoError(t, err)
	every(t, n, func(err error) {
		trouble(t, err)
		require.ErrorContains(t, err, "307")
	})
	require.Empty(t, s.Keys())
}

func TestNode_AnswersAreBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"blockID":"`)
		chunk := []byte(strings.Repeat("a", 1<<20))
		for range tron.MaxResponse>>20 + 2 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	n, err := tron.New(tron.Config{Network: tron.Mainnet, URL: server.URL, Assets: []chain.Asset{tron.Native(tron.Mainnet, "TRX")}})
	require.NoError(t, err)
	_, err = n.Block(t.Context(), 1)
	require.ErrorIs(t, err, tron.ErrResponseTooLarge)
}

func TestNode_KeyIsSentAndNoErrorContainsIt(t *testing.T) {
	s := newScene(t)
	s.mine(s.call())
	var logged strings.Builder
	host := strings.TrimPrefix(s.URL, "http://")
	for name, url := range map[string]string{
		"refused": "http://user:sesame4@127.0.0.1:1/sesame2?token=sesame3",
		"404":     "http://user:sesame4@" + host + "/sesame2?token=sesame3",
	} {
		n, err := tron.New(tron.Config{
			Network: s.Network(), Genesis: s.Genesis(), URL: url, APIKey: "sesame1", Assets: []chain.Asset{s.trx},
			Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		})
		require.NoError(t, err)
		every(t, n, func(err error) {
			require.Error(t, err)
			require.NotContains(t, err.Error(), "sesame", name)
		})
	}
	require.Equal(t, "sesame1", s.Keys()[len(s.Keys())-1])

	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"Error":"%s %s %s %s"}`, r.Header.Get("TRON-PRO-API-KEY"), r.URL, r.Header.Get("Authorization"), strings.Repeat("long ", 1000))
	}))
	defer echo.Close()
	n, err := tron.New(tron.Config{
		Network: tron.Nile, URL: echo.URL + "/sesame2?token=sesame3", APIKey: "sesame1", Assets: []chain.Asset{tron.Native(tron.Nile, "TRX")},
	})
	require.NoError(t, err)
	every(t, n, func(err error) {
		require.ErrorContains(t, err, "node reports")
		require.NotContains(t, err.Error(), "sesame")
		require.Less(t, len(err.Error()), 400)
	})
	inside := strings.Replace(echo.URL, "http://", "http://sesame5:sesame4@", 1)
	n, err = tron.New(tron.Config{Network: tron.Nile, URL: inside + "/x/sesame2", Assets: []chain.Asset{tron.Native(tron.Nile, "TRX")}})
	require.NoError(t, err)
	every(t, n, func(err error) {
		require.ErrorContains(t, err, "node reports")
		require.NotContains(t, err.Error(), "sesame")
		require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString([]byte("sesame5:sesame4")))
	})
	for _, bad := range []string{"", "sesame", "ftp://user:sesame@host/", "http://user:sesame@%zz/"} {
		_, err := tron.New(tron.Config{Network: tron.Nile, URL: bad, Assets: []chain.Asset{tron.Native(tron.Nile, "TRX")}})
		require.ErrorContains(t, err, "Config.URL")
		require.NotContains(t, err.Error(), "sesame")
	}
	require.NotContains(t, logged.String(), "sesame")
}

func TestNode_SolidifiedViewMayBeElsewhere(t *testing.T) {
	s := newScene(t)
	s.Chain.Mine(20)
	solid := httptest.NewServer(s.Chain)
	defer solid.Close()
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/walletsolidity") {
			http.NotFound(w, r)
			return
		}
		s.Chain.ServeHTTP(w, r)
	}))
	defer full.Close()
	c := tron.Config{Network: s.Network(), Genesis: s.Genesis(), URL: full.URL, Assets: []chain.Asset{s.trx}}
	n, err := tron.New(c)
	require.NoError(t, err)
	_, err = n.Tip(t.Context())
	trouble(t, err)
	c.SolidityURL = solid.URL + "/"
	n, err = tron.New(c)
	require.NoError(t, err)
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, tip.Finalized)
}

func TestNode_TimeLimitAndContextHold(t *testing.T) {
	n, err := tron.New(tron.Config{
		Network: tron.Nile, URL: "http://node.invalid", Assets: []chain.Asset{tron.Native(tron.Nile, "TRX")},
		Client: &http.Client{Timeout: 10 * time.Millisecond, Transport: hanging{}},
	})
	require.NoError(t, err)
	every(t, n, func(err error) { trouble(t, err) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.Header(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNew_RefusesBadConfigurationByName(t *testing.T) {
	trx := tron.Native(tron.Mainnet, "TRX")
	usdt := mainnetUSDT(t)
	private := chain.Network("tron:0x00112233")
	good := tron.Config{Network: tron.Mainnet, URL: "http://127.0.0.1:1", Assets: []chain.Asset{trx, usdt}}
	_, err := tron.New(good)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(c *tron.Config)
		says   string
	}{
		"network":            {func(c *tron.Config) { c.Network = "eip155:1" }, "Config.Network"},
		"network's spelling": {func(c *tron.Config) { c.Network = "tron:mainnet" }, "Config.Network"},
		"no assets":          {func(c *tron.Config) { c.Assets = nil }, "Config.Assets"},
		"two coins":          {func(c *tron.Config) { c.Assets = []chain.Asset{trx, trx} }, "second native coin"},
		"token twice":        {func(c *tron.Config) { c.Assets = []chain.Asset{usdt, usdt} }, "twice"},
		"coin's decimals":    {func(c *tron.Config) { c.Assets[0].Decimals = 18 }, "6 decimals"},
		"coin type":          {func(c *tron.Config) { c.Assets[0].ID = "tron:0x2b6653dc/slip44:60" }, "slip44:195"},
		"contract in hex": {func(c *tron.Config) {
			c.Assets[0].ID = "tron:0x2b6653dc/trc20:41a614f803b6fd780986a42c78ec9c7f77e6ded13c"
		}, usdtContract},
		"TRC-10":          {func(c *tron.Config) { c.Assets[0].ID = "tron:0x2b6653dc/trc10:1002000" }, "neither"},
		"other network's": {func(c *tron.Config) { c.Assets[0] = tron.Native(tron.Nile, "TRX") }, "not on tron:0x2b6653dc"},
		"wrong block 0":   {func(c *tron.Config) { c.Genesis = strings.Repeat("0", 56) + "2b6653dc" }, "Config.Genesis"},
		"solidity":        {func(c *tron.Config) { c.SolidityURL = "x" }, "Config.SolidityURL"},
		"private network": {func(c *tron.Config) { c.Network, c.Assets = private, []chain.Asset{tron.Native(private, "TRX")} }, "Config.Genesis"},
		"of another chain id": {func(c *tron.Config) {
			c.Network, c.Assets, c.Genesis = private, []chain.Asset{tron.Native(private, "TRX")}, strings.Repeat("0", 64)
		}, "Config.Genesis"},
		"no id": {func(c *tron.Config) { c.Network, c.Genesis = private, "00112233" }, "Config.Genesis"},
	} {
		bad := good
		bad.Assets = []chain.Asset{trx, usdt}
		c.change(&bad)
		_, err := tron.New(bad)
		require.ErrorContains(t, err, c.says, name)
	}
}

func TestIncident15_SameAddressElsewhereIsAnotherNetwork(t *testing.T) {
	_, err := tron.New(tron.Config{Network: tron.Mainnet, URL: "http://127.0.0.1:1",
		Assets: []chain.Asset{{ID: "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", Code: "USDT", Decimals: 6}}})
	require.Error(t, err)
}

func TestA7_AddressesNeedNoNode(t *testing.T) {
	a, err := wallet(t, accountKey).Address(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, vectors[0][0], a)
}

// No block is passed over, whatever a node that limits requests responds: the follower continues where it was.
func TestA3_A4_LimitsDelayBlocksAndLoseNone(t *testing.T) {
	s := newScene(t)
	var want []string
	for i := range int64(6) {
		x := s.call().Token(usdtContract, payer, shop, units(i+1))
		s.mine(x)
		want = append(want, x.ID)
	}
	f, err := chain.NewFollower(chain.FollowConfig{
		Node: s.node, Batch: 2, Parallel: 1, Margin: -1, Poll: time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond,
	})
	require.NoError(t, err)
	var l chaintest.Ledger
	cursor := chain.CursorSince(time.Time{})
	habits := []trontest.Habit{trontest.Busy, trontest.Limited, trontest.TooMany, trontest.Unavailable, trontest.Lite}
	for i := 0; len(l.Transfers()) < len(want); i++ {
		require.Less(t, i, 100)
		s.Behave(habits[i%len(habits)])
		_, err := f.Next(t.Context(), cursor)
		require.Error(t, err)
		require.NotZero(t, f.Lag().Failures)
		s.Behave(trontest.Normal)
		step, err := f.Next(t.Context(), cursor)
		require.NoError(t, err)
		require.NoError(t, l.Apply(step))
		cursor = step.Cursor
	}
	var got []string
	for _, x := range l.Transfers() {
		got = append(got, x.TxID)
	}
	require.Equal(t, want, got)
}
