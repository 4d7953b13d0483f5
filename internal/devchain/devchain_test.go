package devchain_test

import (
	"bufio"
	"context"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/internal/devchain"
)

const shop chain.Address = "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0"

func start(t *testing.T, dir string) *devchain.Chain {
	t.Helper()
	c, err := devchain.Start(devchain.Config{DataDir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func nodeOf(t *testing.T, c *devchain.Chain) *evm.Node {
	t.Helper()
	client, err := evm.Dial(t.Context(), c.URL(), nil)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	n, err := evm.New(evm.Config{Network: devchain.Network, RPC: client, Assets: []chain.Asset{c.Native(), c.Token()}})
	require.NoError(t, err)
	return n
}

func TestChain_PaysInBothAssets(t *testing.T) {
	c := start(t, "")
	n := nodeOf(t, c)
	coin, err := c.Pay(t.Context(), c.Native(), shop, big.NewInt(5))
	require.NoError(t, err)
	token, err := c.Pay(t.Context(), c.Token(), shop, big.NewInt(6))
	require.NoError(t, err)
	require.NoError(t, c.Mine(1))
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	b, err := n.Block(t.Context(), tip.Height)
	require.NoError(t, err)
	require.Len(t, b.Transfers, 2)
	require.Equal(t, coin, b.Transfers[0].TxID)
	require.Equal(t, token, b.Transfers[1].TxID)
	require.Equal(t, shop, b.Transfers[1].To)
	require.Equal(t, big.NewInt(6), b.Transfers[1].Units)
}

func TestChain_TimeIsTheWallClockUnlessAdjusted(t *testing.T) {
	before := time.Now().Truncate(time.Second)
	c := start(t, "")
	n := nodeOf(t, c)
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	require.False(t, tip.Time.Before(before))
	require.False(t, tip.Time.After(time.Now().Add(time.Second)))
	require.NoError(t, c.AdjustTime(time.Hour))
	later, err := n.Tip(t.Context())
	require.NoError(t, err)
	require.Equal(t, tip.Time.Add(time.Hour), later.Time)
}

func TestChain_ReorganisedTransactionsComeBackElsewhere(t *testing.T) {
	c := start(t, "")
	n := nodeOf(t, c)
	require.NoError(t, c.Mine(1))
	txid, err := c.Pay(t.Context(), c.Token(), shop, big.NewInt(6))
	require.NoError(t, err)
	require.NoError(t, c.Mine(3))
	old, err := n.Tip(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Reorganise(3))
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	require.Equal(t, old.Height+1, tip.Height)
	h, err := n.Header(t.Context(), old.Height)
	require.NoError(t, err)
	require.NotEqual(t, old.Hash, h.Hash)
	b, err := n.Block(t.Context(), old.Height-2)
	require.NoError(t, err)
	require.Len(t, b.Transfers, 1)
	require.Equal(t, txid, b.Transfers[0].TxID)
	require.Error(t, c.Reorganise(int(tip.Height)))
}

// childDir is set in the process that TestChain_SurvivesKill starts and kills.
const childDir = "DEVCHAIN_TEST_DIR"

// replaced marks a block that child is about to reorganise away.
const replaced = "replaced"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println(err)
		}
		os.Exit(1) // it is meant to be killed
	}
	os.Exit(m.Run())
}

// child pays, mines and reorganises without end, and prints what JSON-RPC showed to be in a block.
func child(dir string) error {
	c, err := devchain.Start(devchain.Config{DataDir: dir})
	if err != nil {
		return err
	}
	ctx := context.Background()
	client, err := ethclient.Dial(c.URL())
	if err != nil {
		return err
	}
	for i := 1; ; i++ {
		txid, err := c.Pay(ctx, c.Token(), shop, big.NewInt(int64(i)))
		if err != nil {
			return err
		}
		if err := c.Mine(1); err != nil {
			return err
		}
		if i%5 == 0 {
			if err := c.Reorganise(2); err != nil {
				return err
			}
		}
		r, err := client.TransactionReceipt(ctx, common.HexToHash(txid))
		if err != nil {
			return err
		}
		block := r.BlockHash.Hex()
		if i%5 == 4 {
			block = replaced
		}
		fmt.Printf("SEEN %s %s\n", txid, block)
	}
}

func TestChain_SurvivesKill(t *testing.T) {
	dir := t.TempDir()
	var seen, blocks []string
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; n < 7+round && lines.Scan(); n++ {
			require.True(t, strings.HasPrefix(lines.Text(), "SEEN "), lines.Text())
			f := strings.Fields(lines.Text())
			seen, blocks = append(seen, f[1]), append(blocks, f[2])
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // its output before it died
			if f := strings.Fields(lines.Text()); len(f) == 3 {
				seen, blocks = append(seen, f[1]), append(blocks, f[2])
			}
		}
		_ = cmd.Wait()
	}
	require.Greater(t, len(seen), 25)

	c := start(t, dir)
	client, err := ethclient.Dial(c.URL())
	require.NoError(t, err)
	defer client.Close()
	for i, txid := range seen {
		r, err := client.TransactionReceipt(t.Context(), common.HexToHash(txid))
		require.NoError(t, err, "transaction %s was in a block", txid)
		if blocks[i] != replaced {
			require.Equal(t, blocks[i], r.BlockHash.Hex(), "transaction %s was in another block", txid)
		}
	}
	_, err = c.Pay(t.Context(), c.Native(), shop, big.NewInt(1))
	require.NoError(t, err)
	require.NoError(t, c.Mine(1))
}

func TestChain_ContinuesWithTheSameBlocks(t *testing.T) {
	dir := t.TempDir()
	first, err := devchain.Start(devchain.Config{DataDir: dir})
	require.NoError(t, err)
	_, err = first.Pay(t.Context(), first.Token(), shop, big.NewInt(6))
	require.NoError(t, err)
	require.NoError(t, first.Mine(3))
	n := nodeOf(t, first)
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	var before []chain.Block
	for h := range tip.Height + 1 {
		b, err := n.Block(t.Context(), h)
		require.NoError(t, err)
		before = append(before, b)
	}
	require.NoError(t, first.Close())

	n = nodeOf(t, start(t, dir))
	for h, want := range before {
		b, err := n.Block(t.Context(), uint64(h))
		require.NoError(t, err)
		require.Equal(t, want, b)
	}
}

func TestStart_TakenPortIsAnError(t *testing.T) {
	c := start(t, "")
	_, err := devchain.Start(devchain.Config{Addr: strings.TrimPrefix(c.URL(), "http://")})
	require.Error(t, err)
}
