// Command payday shows money out, with nothing to install: invoices are paid on a chain in this process, and another process
// books what came in, sweeps it, gives back what was paid too much, and makes three payouts. One transaction is stuck and
// gets a higher fee. The process that pays is killed between the moment when a signed transaction is stored and the one when
// it is sent, and comes back. At the end each payout is counted on the chain.
//
//	go run ./examples/payday
//	go run ./examples/payday -chain btc
//	go run ./examples/payday -kills 50 -seed 7
//
// The second command does the same on Bitcoin, without any key in the process that pays: it exports PSBTs, a third process
// signs them, and it imports the result. It needs btcd, in PATH or named by COINTILL_BTCD. With -kills the process that pays
// is killed so many times with kill -9, at moments that follow from the seed, and started again.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	chain string
	kills int
	seed  uint64
}

// role is what a child process is.
type role struct {
	name  string // till, report or signer; empty for the parent
	dir   string
	round int
}

func main() {
	var o options
	var r role
	flag.StringVar(&o.chain, "chain", "eth", "eth, or btc, which needs btcd")
	flag.IntVar(&o.kills, "kills", 0, "how often the process that pays is killed at random")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "what everything at random follows from")
	flag.StringVar(&r.name, "role", "", "be a child process; for this program's own use")
	flag.StringVar(&r.dir, "dir", "", "directory of a child process")
	flag.IntVar(&r.round, "round", 0, "number of a child's round")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch r.name {
	case "":
		err = run(ctx, o, os.Stdout)
	case "till":
		err = runTill(leashed(ctx), r, os.Stdout)
	case "report":
		err = report(leashed(ctx), r, os.Stdout)
	case "signer":
		err = runSigner(leashed(ctx), r, os.Stdout)
	default:
		err = fmt.Errorf("there is no role %q", r.name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "payday:", err)
		os.Exit(1)
	}
}

// leashed returns a context that ends with the process that started this one, which holds the other end of its standard
// input.
func leashed(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // returns when the parent has ended
		cancel()
	}()
	return ctx
}
