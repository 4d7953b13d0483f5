package bitcoin

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded is a real block: raw, and its facts according to its chain.
type recorded struct {
	Hash   string   `json:"hash"`
	Parent string   `json:"previousblockhash"`
	Height uint64   `json:"height"`
	Time   int64    `json:"time"`
	Tx     []string `json:"tx"`
	Block  string   `json:"block"`
}

// recordings reads the recorded blocks that are kept beside the checkout, or in COINTILL_DATA.
func recordings(t *testing.T) map[string]recorded {
	t.Helper()
	dir := os.Getenv("COINTILL_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(dir, "blocks", "*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		require.NotEqual(t, "true", os.Getenv("CI"), "no recorded blocks in %s", dir)
		t.Logf("no recorded blocks in %s: nothing checked", dir)
	}
	all := make(map[string]recorded)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var r recorded
		require.NoError(t, json.Unmarshal(text, &r), file)
		all[filepath.Base(file)] = r
	}
	return all
}

var recordedParams = map[string]Params{
	"bitcoin_mainnet_951658.json":   Bitcoin(),
	"bitcoin_signet_31500.json":     BitcoinSignet(),
	"dogecoin_mainnet_371337.json":  Dogecoin(),
	"litecoin_mainnet_2265985.json": Litecoin(),
}

func TestRecorded_BlocksDecodeToTheirHashHeightAndTransactions(t *testing.T) {
	for name, r := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			p, ok := recordedParams[name]
			require.True(t, ok, "of which chain is it?")
			n := testNode(t, p)
			raw, err := hex.DecodeString(r.Block)
			require.NoError(t, err)

			b, err := n.decode(raw, mustHash(r.Hash), r.Height)
			require.NoError(t, err)
			require.Equal(t, r.Hash, b.Hash)
			require.Equal(t, r.Parent, b.Parent)
			require.Equal(t, r.Time, b.Time.Unix())

			parsed, err := p.parseBlock(raw)
			require.NoError(t, err)
			var ids []string
			for _, x := range parsed.txs {
				id, _ := x.id(nil)
				ids = append(ids, id.String())
			}
			require.Equal(t, r.Tx, ids)
			require.NotEmpty(t, b.Transfers)
		})
	}
}

func mustHash(s string) (h hash) {
	if err := h.parse(s); err != nil {
		panic(err)
	}
	return h
}

// testNode returns a Node that can decode, without a node to call.
func testNode(t testing.TB, p Params) *Node {
	t.Helper()
	c, err := Dial(ClientConfig{URL: "http://127.0.0.1:1"})
	require.NoError(t, err)
	n, err := New(Config{Params: p, RPC: c})
	require.NoError(t, err)
	return n
}
