package devbtc_test

import (
	"bufio"
	"context"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/devbtc"
)

const shop chain.Address = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"

func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a real node: not with -short")
	}
	path, err := devbtc.Program()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

func start(t *testing.T, dir string) *devbtc.Chain {
	t.Helper()
	c, err := devbtc.Start(t.Context(), devbtc.Config{Path: program(t), Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func received(t *testing.T, c *devbtc.Chain) int64 {
	t.Helper()
	units, err := c.Received(t.Context(), shop)
	require.NoError(t, err)
	return units.Int64()
}

func pay(t *testing.T, c *devbtc.Chain, units int64) {
	t.Helper()
	_, err := c.Pay(t.Context(), shop, big.NewInt(units))
	require.NoError(t, err)
}

func TestBtcd_WhatIsReceivedIsInBlocks(t *testing.T) {
	c := start(t, t.TempDir())
	require.Zero(t, received(t, c))
	pay(t, c, 1000)
	require.Zero(t, received(t, c))
	require.NoError(t, c.Mine(t.Context(), 1))
	pay(t, c, 2000)
	pay(t, c, 3000)
	require.Equal(t, int64(1000), received(t, c))
	require.NoError(t, c.Mine(t.Context(), 1))
	require.Equal(t, int64(6000), received(t, c))
}

func TestBtcd_PaysNoMoreThanACoinHas(t *testing.T) {
	c := start(t, t.TempDir())
	for _, units := range []string{"-1", "0", "5000000000", "99999999999999999999"} {
		n, _ := new(big.Int).SetString(units, 10)
		_, err := c.Pay(t.Context(), shop, n)
		require.ErrorContains(t, err, "pay "+units)
	}
}

func TestBtcd_ContinuesWithTheSameBlocksAndCoins(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	pay(t, first, 1000)
	require.NoError(t, first.Mine(t.Context(), 1))
	require.NoError(t, first.Close())

	second := start(t, dir)
	require.Equal(t, int64(1000), received(t, second))
	pay(t, second, 1000) // with another coin: the node refuses what is spent
	require.NoError(t, second.Mine(t.Context(), 1))
	require.Equal(t, int64(2000), received(t, second))
}

func TestBtcd_ABlockThatWasNotWrittenWholeIsForgotten(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	pay(t, first, 1000)
	require.NoError(t, first.Mine(t.Context(), 1))
	require.NoError(t, first.Close())
	blocks := filepath.Join(dir, "blocks")
	info, err := os.Stat(blocks)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(blocks, info.Size()-1))
	for range 2 { // what is written after it can be read
		second := start(t, dir)
		require.Zero(t, received(t, second))
		require.NoError(t, second.Close())
	}
}

func TestBtcd_OneThatWasLeftOverIsEndedFirst(t *testing.T) {
	dir := t.TempDir()
	leftOver := start(t, dir)
	pay(t, leftOver, 1000)
	require.NoError(t, leftOver.Mine(t.Context(), 1))
	require.Equal(t, int64(1000), received(t, start(t, dir)))
}

func TestStart_SaysWhatIsWrongWithTheProgram(t *testing.T) {
	_, err := devbtc.Start(t.Context(), devbtc.Config{Path: filepath.Join(t.TempDir(), "none"), Dir: t.TempDir()})
	require.ErrorIs(t, err, os.ErrNotExist)
	if runtime.GOOS == "windows" {
		return
	}
	_, err = devbtc.Start(t.Context(), devbtc.Config{Path: "/bin/echo"})
	require.ErrorContains(t, err, "it has ended")
	require.ErrorContains(t, err, "--regtest", "what it said")
}

func TestProgram_IsNamedByTheEnvironmentOrInPath(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv(devbtc.Env, "")
	_, err := devbtc.Program()
	require.ErrorIs(t, err, devbtc.ErrNoBtcd)
	require.NotContains(t, err.Error(), "\n")
	t.Setenv(devbtc.Env, "/somewhere/btcd")
	path, err := devbtc.Program()
	require.NoError(t, err)
	require.Equal(t, "/somewhere/btcd", path)
}

// childDir is set in the process that TestBtcd_SurvivesKill starts and kills.
const childDir = "DEVBTC_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println(err)
		}
		os.Exit(1) // it is meant to be killed
	}
	os.Exit(m.Run())
}

// child pays and mines without end, and prints what was in a block.
func child(dir string) error {
	path, err := devbtc.Program()
	if err != nil {
		return err
	}
	ctx := context.Background()
	c, err := devbtc.Start(ctx, devbtc.Config{Path: path, Dir: dir})
	if err != nil {
		return err
	}
	for {
		if _, err := c.Pay(ctx, shop, big.NewInt(1000)); err != nil {
			return err
		}
		if err := c.Mine(ctx, 1); err != nil {
			return err
		}
		units, err := c.Received(ctx, shop)
		if err != nil {
			return err
		}
		fmt.Println("SEEN", units)
	}
}

func TestBtcd_SurvivesKill(t *testing.T) {
	program(t)
	dir, seen := t.TempDir(), int64(0)
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			_, err := fmt.Sscan(strings.TrimPrefix(lines.Text(), "SEEN "), &seen)
			require.NoError(t, err, lines.Text())
			if n == 5+round {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait()
		if runtime.GOOS == "linux" && round == 0 {
			requireNobody(t, dir)
		}
	}
	require.GreaterOrEqual(t, seen, int64(3*6*1000))
	require.GreaterOrEqual(t, received(t, start(t, dir)), seen-3*1000, "a block may be lost each time")
}

// requireNobody waits until the directory's btcd has ended.
func requireNobody(t *testing.T, dir string) {
	t.Helper()
	login, err := os.ReadFile(filepath.Join(dir, "rpc-url"))
	require.NoError(t, err)
	at, err := url.Parse(string(login))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", at.Host)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, time.Minute, 20*time.Millisecond)
}
