// Command embed is a shop that takes ETH, with its own mux and its own table of orders in its own database:
// ETH_RPC=https://... ETH_XPUB=xpub... go run ./examples/embed, then curl -d ” '127.0.0.1:8080/buy?order=1001'
package main

import (
	"context"
	"database/sql"
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
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	prices := must(rates.NewCache(rates.CacheConfig{Source: must(market.New(market.Config{}, market.Kraken()))}))
	db := must(sqlite.Open("shop.db"))
	mux := http.NewServeMux()
	invoices := shop(ctx, mux, db, prices, os.Getenv("ETH_RPC"), os.Getenv("ETH_XPUB"), "eip155:1")
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:8080", mux)) }()
	go fulfil(ctx, db, invoices)
	must(0, invoices.Run(ctx))
}

// shop puts the invoices into the shop's own database and its pages on the shop's own mux.
func shop(ctx context.Context, mux *http.ServeMux, db *sql.DB, prices rates.Source, rpcURL, xpub string, network chain.Network) *invoice.Service {
	must(db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, invoice TEXT, paid INTEGER DEFAULT 0)`))
	must(0, sqlite.Migrate(ctx, db))
	eth := evm.Native(network, "ETH")
	node := must(evm.New(evm.Config{Network: network, RPC: must(evm.Dial(ctx, rpcURL, nil)), Assets: []chain.Asset{eth}}))
	invoices := must(invoice.New(invoice.Config{
		Store: must(sqlite.New(db)), Rates: prices,
		Chains: []invoice.ChainConfig{{
			Name: "Ethereum", Watcher: must(chain.NewFollower(chain.FollowConfig{Node: node})),
			Addresses: must(evm.NewWallet(xpub)), PaymentURI: invoice.AddressURI(evm.PaymentURI), Assets: []invoice.AssetConfig{{Asset: eth}},
		}},
	}))
	mux.HandleFunc("POST /buy", func(w http.ResponseWriter, r *http.Request) {
		price := invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(25)}
		inv, err := invoices.Create(r.Context(), invoice.Request{Project: "shop", OrderID: r.FormValue("order"), Asset: "ETH", Price: price})
		if err == nil {
			_, err = db.ExecContext(r.Context(), `INSERT INTO orders (id, invoice) VALUES (?, ?)`, inv.OrderID, inv.ID)
		}
		if err != nil {
			http.Error(w, "no invoice for this order", http.StatusConflict)
		} else {
			fmt.Fprintf(w, "pay %s ETH to %s\n", inv.Quote.Asset.Decimal(inv.Quote.Due), inv.Quote.Address)
		}
	})
	return invoices
}

// fulfil marks orders as paid. It reads the feed of events, which misses nothing, from its beginning.
func fulfil(ctx context.Context, db *sql.DB, invoices *invoice.Service) {
	for position := int64(0); ctx.Err() == nil; time.Sleep(time.Second) {
		for _, ev := range must(invoices.Events(context.Background(), position, 100)) {
			if position = ev.Position; ev.Type == invoice.EventCompleted {
				must(db.Exec(`UPDATE orders SET paid = 1 WHERE invoice = ?`, ev.Invoice))
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
