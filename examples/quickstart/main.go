// Command quickstart shows the whole life of two invoices in a few seconds, with nothing to install or to configure: an
// SQLite file, an Ethereum node in this process, the HTTP APIs, and a shop that receives webhooks. A payer pays one invoice
// in two transactions and the other with a little too much.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -chain btc
//
// The second command does the same on Bitcoin. It needs btcd, in PATH or named by COINTILL_BTCD, and otherwise prints how to
// install it. With -serve the program keeps running and prints commands with curl to try. With -data DIR it keeps everything
// in DIR, and the next start continues from there, however the last run ended.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.chain, "chain", "eth", "eth, or btc, which needs btcd")
	flag.BoolVar(&o.serve, "serve", false, "go on running after both invoices are paid")
	flag.StringVar(&o.dir, "data", "", "directory to keep everything in; default one that is deleted at the end")
	flag.StringVar(&o.addr, "addr", "", "address to listen on; default the last one of the directory, else a free port of 127.0.0.1")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

type options struct {
	chain string
	serve bool
	dir   string
	addr  string
}

// patience bounds the whole run.
const patience = time.Minute

// run runs the program until both invoices are paid or, if it serves, until ctx ends.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "cointill-quickstart-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	h, err := open(ctx, o)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	ended := h.start(ctx, end)
	defer func() { err = errors.Join(err, ended(), h.close()) }()

	t := &timeline{out: out, house: h}
	t.say("", "listening", "API on %s, data in %s", h.apiURL(), o.dir)
	if err := play(ctx, h, t); err != nil {
		end(nil)
		return err
	}
	if o.serve {
		err = h.serve(ctx, t)
	}
	end(nil)
	return err
}

// serve prints what to try, and tells what happens until ctx ends.
func (h *house) serve(ctx context.Context, t *timeline) error {
	trial, err := h.shop.trial(ctx)
	if err != nil {
		return err
	}
	if h.gallery.new {
		if err := h.gallery.create(ctx); err != nil {
			return err
		}
	}
	fmt.Fprint(t.out, h.curl(trial))
	lived := make(chan error, 1)
	go func() { lived <- h.gallery.live(ctx) }()
	err = t.watch(ctx)
	if live := <-lived; ctx.Err() == nil {
		err = errors.Join(err, live)
	}
	return err
}

// play places the shop's two orders, pays them, and waits until the shop has received the webhooks.
func play(ctx context.Context, h *house, t *timeline) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	orders := h.offer.orders
	for _, o := range orders {
		if err := h.shop.place(ctx, o); err != nil {
			return fmt.Errorf("place order %s: %w", o.ID, err)
		}
	}
	paid := make(chan error, len(orders))
	for _, o := range orders {
		go func() { paid <- h.payer.pay(ctx, o) }()
	}
	err := t.follow(ctx, orders)
	cancel()
	for range orders {
		if payErr := <-paid; err != nil && !errors.Is(payErr, context.Canceled) {
			err = errors.Join(err, payErr)
		}
	}
	return err
}
