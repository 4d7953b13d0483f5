// Command embed is a shop that takes ETH, with its own mux and its own table of orders in its own database.
//
//	ETH_RPC=https://... ETH_XPUB=xpub... go run ./examples/embed
//	curl -X POST '127.0.0.1:8080/buy?order=1001'
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	prices := must(rates.NewCache(rates.CacheConfig{Source: must(market.New(market.Config{}, market.Kraken()))}))
	db := must(sqlite.Open("shop.db"))
	invoices := open(ctx, db, prices, os.Getenv("ETH_RPC"), os.Getenv("ETH_XPUB"), "eip155:1")
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: buy(db, invoices), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	ended := make(chan error, 3)
	for _, run := range []func() error{server.ListenAndServe, func() error { return fulfil(ctx, db, invoices) }, func() error { return invoices.Run(ctx) }} {
		go func() { ended <- run(); stop() }() // what fails ends the rest
	}
	<-ctx.Done()
	log.Print(errors.Join(server.Shutdown(context.Background()), <-ended, <-ended, <-ended, db.Close()))
}

func open(ctx context.Context, db *sql.DB, prices rates.Source, rpcURL, xpub string, network chain.Network) *invoice.Service {
	must(db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, invoice TEXT UNIQUE, position INTEGER DEFAULT 0)`))
	must(0, sqlite.Migrate(ctx, db))
	eth := evm.Native(network, "ETH")
	node := must(evm.New(evm.Config{Network: network, RPC: must(evm.Dial(ctx, rpcURL, nil)), Assets: []chain.Asset{eth}}))
	return must(invoice.New(invoice.Config{Store: must(sqlite.New(db)), Rates: prices, Chains: []invoice.ChainConfig{{
		Name: "Ethereum", Watcher: must(chain.NewFollower(chain.FollowConfig{Node: node})), Addresses: must(evm.NewWallet(xpub)),
		PaymentURI: invoice.AddressURI(evm.PaymentURI), Assets: []invoice.AssetConfig{{Asset: eth}},
	}}}))
}

// buy stores an order and its invoice in one transaction: neither exists without the other.
func buy(db *sql.DB, invoices *invoice.Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tx, err := db.BeginTx(r.Context(), nil)
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		defer tx.Rollback() // does nothing after the commit
		inv, err := invoices.CreateTx(r.Context(), tx, invoice.Request{
			Project: "shop", OrderID: r.FormValue("order"), Asset: "ETH", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(25)},
		})
		if err == nil {
			if _, err = tx.ExecContext(r.Context(), `INSERT INTO orders (id, invoice) VALUES (?, ?)`, inv.OrderID, inv.ID); err == nil {
				err = tx.Commit()
			}
		}
		if err != nil {
			log.Print(err)
			http.Error(w, "no invoice for this order", http.StatusConflict)
			return
		}
		fmt.Fprintf(w, "pay %s ETH to %s\n", inv.Quote.Asset.Decimal(inv.Quote.Due), inv.Quote.Address)
	}
}

// fulfil stores with each paid order its position in the feed of events, which misses nothing, and after a restart goes on there.
func fulfil(ctx context.Context, db *sql.DB, invoices *invoice.Service) error {
	var position int64
	err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(position), 0) FROM orders`).Scan(&position)
	for ; err == nil; time.Sleep(time.Second) {
		var events []invoice.Event
		events, err = invoices.Events(ctx, position, 100)
		for _, ev := range events {
			if position = ev.Position; err == nil && ev.Type == invoice.EventCompleted { // without a row there is no such order
				err = db.QueryRowContext(ctx, `UPDATE orders SET position = ? WHERE invoice = ? RETURNING position`, position, ev.Invoice).Scan(&position)
			}
		}
	}
	return fmt.Errorf("fulfil: %w", err)
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
