package tron_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
)

func TestTransferLogs_OfAnotherFormAreNamed(t *testing.T) {
	s := newScene(t)
	at := s.mine(
		s.Transfer(payer, shop, 5), s.call().Token(usdcContract, payer, shop, units(6)),
		s.call().Token(usdtContract, payer, shop, units(7)), s.call().Token(usdtContract, payer, shop, units(8)),
	)
	s.Edit("gettransactioninfobyblocknum", func(answer any) any {
		for i := 2; i < 4; i++ {
			l := info(answer, i)["log"].([]any)[0].(object)
			topics := l["topics"].([]any)
			l["data"] = topics[1].(string) + topics[2].(string) + l["data"].(string)
			l["topics"] = topics[:1]
		}
		return answer
	})
	for blocks := range uint64(2) {
		b, err := s.node.Block(t.Context(), at)
		require.NoError(t, err)
		require.Len(t, b.Transfers, 2, "the others are seen")
		lacks := s.node.Lacks()
		require.Len(t, lacks, 1)
		require.Equal(t, chain.TransferLogs, lacks[0].What)
		require.Equal(t, s.usdt.ID, lacks[0].Asset)
		require.Equal(t, blocks+1, lacks[0].Blocks)
	}
}

// recorded reads what is recorded beside the checkout, or where COINTILL_DATA says, or nothing where there is none.
func recorded(t *testing.T, name string) json.RawMessage {
	t.Helper()
	dir := os.Getenv("COINTILL_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "more", name))
	if err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "no recorded block in %s", dir)
		t.Logf("no recorded block in %s: nothing checked", dir)
	}
	return raw
}

func TestRecorded_BlockWithFieldsThatTheNodeDoesNotShow(t *testing.T) {
	block, infos := recorded(t, "tron-mainnet-79072107.block.json"), recorded(t, "tron-mainnet-79072107.infos.json")
	if block == nil || infos == nil {
		return
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/getblockbynum"):
			_, _ = w.Write(block)
		case strings.HasSuffix(r.URL.Path, "/gettransactioninfobyblocknum"):
			_, _ = w.Write(infos)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	var logged strings.Builder
	n, err := tron.New(tron.Config{
		Network: tron.Mainnet, URL: server.URL, Assets: []chain.Asset{tron.Native(tron.Mainnet, "TRX")},
		Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	require.NoError(t, err)
	for blocks := range uint64(3) {
		b, err := n.Block(t.Context(), 79072107)
		require.NoError(t, err)
		require.Len(t, b.Transfers, 230)
		lacks := n.Lacks()
		require.Len(t, lacks, 1)
		require.Equal(t, chain.ProofOfTransactions, lacks[0].What)
		require.Equal(t, blocks+1, lacks[0].Blocks)
	}
	require.Equal(t, 1, strings.Count(logged.String(), "do not match the root"), "it is said once")
}

func TestProofOfTransactions_IsCountedAndSaidOnce(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5))
	var logged strings.Builder
	n, err := tron.New(tron.Config{
		Network: s.Network(), Genesis: s.Genesis(), URL: s.URL, Assets: []chain.Asset{s.trx},
		Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	require.NoError(t, err)
	_, err = n.Block(t.Context(), at)
	require.NoError(t, err)
	require.Empty(t, n.Lacks())
	s.Edit("getblockbynum", func(block any) any { // as if the node did not know a field of it
		tx(block, 0)["signature"] = []any{}
		return block
	})
	for blocks := range uint64(3) {
		b, err := n.Block(t.Context(), at)
		require.NoError(t, err)
		require.Len(t, b.Transfers, 1)
		require.Len(t, n.Lacks(), 1)
		require.Equal(t, chain.ProofOfTransactions, n.Lacks()[0].What)
		require.Equal(t, blocks+1, n.Lacks()[0].Blocks)
	}
	require.Equal(t, 1, strings.Count(logged.String(), "do not match the root"))
}
