// Command customstore takes a payment with a custom storage adapter: it keeps everything in a file of bbolt, an embedded
// key-value database. The whole adapter is in store.go; store/kv does the rest, and store/storetest proves it in
// store_test.go.
//
//	go run ./examples/customstore -file till.db
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/kv"
	"github.com/shopspring/decimal"
)

func main() {
	file := flag.String("file", "", "file to keep everything in; default one that is deleted at the end")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, *file, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "customstore:", err)
		os.Exit(1)
	}
}

// wallet issues addresses on a simulated chain.
type wallet struct{ sim *chaintest.Chain }

func (w wallet) Name() string { return string(w.sim.Network()) }

func (w wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.sim.Address(fmt.Sprint("customer ", index)), nil
}

// run creates an invoice, pays it, and waits until the feed says that it is completed.
func run(ctx context.Context, file string, out io.Writer) (err error) {
	if file == "" {
		dir, err := os.MkdirTemp("", "cointill-customstore-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		file = filepath.Join(dir, "till.db")
	}
	db, err := openDB(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	// Each run has its own chain, which is gone at the end; the file may stay.
	network := chain.Network(fmt.Sprint("sim:", time.Now().UnixNano()))
	sim := chaintest.NewChain(chaintest.Config{Network: network, Start: time.Now().Add(-time.Hour)})
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim, Poll: 10 * time.Millisecond})
	if err != nil {
		return err
	}
	prices := rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(5)})
	invoices, err := invoice.New(invoice.Config{Store: kv.New(db), Rates: prices, Chains: []invoice.ChainConfig{{
		Watcher: watcher, Addresses: wallet{sim}, Assets: []invoice.AssetConfig{{
			Asset: sim.Asset("SIM"), Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: 3}}},
		}},
	}}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- invoices.Run(ctx) }()
	defer func() { cancel(); err = errors.Join(err, <-ended) }()

	inv, err := invoices.Create(ctx, invoice.Request{
		Project: "shop", OrderID: string(network), Asset: "SIM", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(10)},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "pay %s SIM to %s\n", inv.Quote.Asset.Decimal(inv.Quote.Due), inv.Quote.Address)
	sim.Pay(inv.Quote.Address, inv.Quote.Asset, inv.Quote.Due)
	for range 3 {
		sim.MineAt(time.Now())
	}
	return follow(ctx, invoices, inv.ID, out)
}

// follow prints the invoice's events until it is completed, and the number of completed invoices in the file.
func follow(ctx context.Context, invoices *invoice.Service, id string, out io.Writer) error {
	for position := int64(0); ; time.Sleep(10 * time.Millisecond) {
		events, err := invoices.Events(ctx, position, 100)
		if err != nil {
			return err
		}
		for _, ev := range events {
			position = ev.Position
			if ev.Invoice != id {
				continue
			}
			fmt.Fprintf(out, "%-26s %s\n", ev.Type, ev.To)
			if ev.Type == invoice.EventCompleted {
				page, err := invoices.List(ctx, invoice.Query{Project: "shop", Status: invoice.StatusCompleted, Limit: 1})
				fmt.Fprintf(out, "paid invoices in the file: %d\n", page.Total)
				return err
			}
		}
	}
}
