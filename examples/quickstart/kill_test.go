package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

const longer = 3500 * time.Millisecond // longer than the whole run

// The program is killed with kill -9 at 50 seeded moments on Ethereum, and 6 on Bitcoin, and restarted. The same invoices
// complete, each payment is counted once, and each event is delivered. The moments are derived from the number of the life.
func TestKilledAtAnyMomentItGoesOnWhereItWas(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a program often: not with -short")
	}
	program := filepath.Join(t.TempDir(), "quickstart")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	eachChain(t, func(t *testing.T, chain string) {
		lives, deaths := 10, 5 // number of directories, and how often the program is killed on each before it may end
		if chain == "btc" {
			lives, deaths = 2, 3
		}
		for life := range lives {
			t.Run(fmt.Sprint(life), func(t *testing.T) {
				t.Parallel()
				live(t, program, chain, life, deaths)
			})
		}
	})
}

func live(t *testing.T, program, chain string, life, deaths int) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(life), 9))
	for range deaths {
		after := time.Duration(rng.Int64N(int64(longer)))
		text, err := start(t, program, chain, dir, after)
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			continue
		}
		require.NoError(t, err, text) // it ended before it could be killed
	}
	text, err := start(t, program, chain, dir, time.Minute)
	require.NoError(t, err, text)
	require.Equal(t, 2, strings.Count(text, " completed "), text)
	inspect(t, chain, dir)
}

// start runs the program until it ends or is killed.
func start(t *testing.T, program, chain, dir string, killAfter time.Duration) (string, error) {
	cmd := exec.Command(program, "-chain", chain, "-data", dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(killAfter, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	return out.String(), err
}

// inspect compares the contents of the directory with the chain.
func inspect(t *testing.T, chain, dir string) {
	ctx := context.Background()
	net, err := openDevnet(ctx, chain, dir)
	require.NoError(t, err)
	defer net.close()
	db, err := sqlite.Open(filepath.Join(dir, "shop.db"))
	require.NoError(t, err)
	defer db.Close()
	store, err := sqlite.New(db)
	require.NoError(t, err)

	page, err := store.Invoices(ctx, invoice.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Invoices, 2, "the same invoices, not others")
	var messages []string
	for _, inv := range page.Invoices {
		require.Equal(t, invoice.StatusCompleted, inv.State.Status)
		onChain, err := net.received(ctx, inv.Quote.Asset, inv.Quote.Address)
		require.NoError(t, err)
		require.Equal(t, onChain.String(), inv.State.Received.String(), "credited is what the chain has")
		sum := new(big.Int)
		for _, p := range inv.Payments {
			if p.Withdrawn && chain == "btc" {
				continue // the chain loses transactions that are in no stored block, and the payer pays again
			}
			require.False(t, p.Withdrawn)
			sum.Add(sum, p.Units)
		}
		require.Equal(t, onChain.String(), sum.String(), "each payment is counted once")
		events, err := store.InvoiceEvents(ctx, inv.ID, 0)
		require.NoError(t, err)
		for i, ev := range events {
			require.Equal(t, int64(i+1), ev.Seq)
		}
		records, err := store.History(ctx, inv.ID, 0)
		require.NoError(t, err)
		for _, r := range records {
			require.Equal(t, webhook.StateDelivered, r.State, r.Message.ID)
			messages = append(messages, r.Message.ID+" "+string(r.Message.Body))
		}
	}
	rows, err := db.QueryContext(ctx, `SELECT id || ' ' || body FROM shop_hooks`)
	require.NoError(t, err)
	defer rows.Close()
	var told []string
	for rows.Next() {
		var hook string
		require.NoError(t, rows.Scan(&hook))
		told = append(told, hook)
	}
	require.NoError(t, rows.Err())
	require.ElementsMatch(t, messages, told, "each event was delivered")
}
