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
	s := newShop(ctx, must(sqlite.Open("shop.db")), prices, os.Getenv("ETH_RPC"), os.Getenv("ETH_XPUB"), "eip155:1")
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: s, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	ended := make(chan error, 3)
	for _, run := range []func() error{server.ListenAndServe, func() error { return s.fulfil(ctx) }, func() error { return s.invoices.Run(ctx) }} {
		go func() { ended <- run(); stop() }() // the first that ends stops the others
	}
	<-ctx.Done()
	log.Print(errors.Join(server.Shutdown(context.Background()), <-ended, <-ended, <-ended, s.db.Close()))
}

type shop struct {
	db       *sql.DB
	store    *sqlite.Store
	invoices *invoice.Service
}

func newShop(ctx context.Context, db *sql.DB, prices rates.Source, rpcURL, xpub string, network chain.Network) *shop {
	must(db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, invoice TEXT UNIQUE, position INTEGER DEFAULT 0)`))
	must(0, sqlite.Migrate(ctx, db))
	eth := evm.Native(network, "ETH")
	node := must(evm.New(evm.Config{Network: network, RPC: must(evm.Dial(ctx, rpcURL, nil)), Assets: []chain.Asset{eth}}))
	s := &shop{db: db, store: must(sqlite.New(db))}
	s.invoices = must(invoice.New(invoice.Config{Store: s.store, Rates: prices, Chains: []invoice.ChainConfig{{
		Name: "Ethereum", Watcher: must(chain.NewFollower(chain.FollowConfig{Node: node})), Addresses: must(evm.NewWallet(xpub)),
		PaymentURI: invoice.AddressURI(evm.PaymentURI), Assets: []invoice.AssetConfig{{Asset: eth}},
	}}}))
	return s
}

// ServeHTTP stores an order and its invoice in one transaction: neither exists without the other.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tx, err := s.db.BeginTx(r.Context(), nil)
	if err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	defer tx.Rollback() // no effect after the commit
	inv, err := s.invoices.WithStore(s.store.WithTx(tx)).Create(r.Context(), invoice.Request{
		Project: "shop", OrderID: r.FormValue("order"), Asset: "ETH", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(25)},
	})
	if err == nil {
		_, err = tx.ExecContext(r.Context(), `INSERT INTO orders (id, invoice) VALUES (?, ?)`, inv.OrderID, inv.ID)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		log.Print(err)
		http.Error(w, "no invoice for this order", http.StatusConflict)
		return
	}
	s.invoices.Committed()
	fmt.Fprintf(w, "pay %s ETH to %s\n", inv.Quote.Asset.Decimal(inv.Quote.Due), inv.Quote.Address)
}

// fulfil reads the feed of events, which misses nothing. It stores the position with each paid order, and continues from
// there.
func (s *shop) fulfil(ctx context.Context) error {
	var position int64
	if err := s.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(position), 0) FROM orders`).Scan(&position); err != nil {
		return err
	}
	for ; ctx.Err() == nil; time.Sleep(time.Second) {
		events, err := s.invoices.Events(ctx, position, 100)
		if err != nil {
			log.Print(err) // the next round tries again
		}
		for _, ev := range events {
			if position = ev.Position; ev.Type == invoice.EventCompleted {
				done, err := s.db.ExecContext(ctx, `UPDATE orders SET position = ? WHERE invoice = ?`, ev.Position, ev.Invoice)
				if err != nil {
					return err
				}
				if n, _ := done.RowsAffected(); n != 1 {
					return fmt.Errorf("invoice %s has %d orders", ev.Invoice, n)
				}
			}
		}
	}
	return nil
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
