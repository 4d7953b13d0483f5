package postgres_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shopspring/decimal"
)

// The database may be the shop's own, and any number of processes may use it.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("SHOP_DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool); err != nil { // changes nothing when the tables are up to date
		log.Fatal(err)
	}
	backend, err := postgres.New(ctx, pool)
	if err != nil {
		log.Fatal(err)
	}
	inv := invoice.Invoice{ID: "inv-1", Project: "example", OrderID: "7", Version: 1, CreatedAt: time.Now()}
	if err := backend.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}}); err != nil {
		log.Fatal(err)
	}
	found, err := backend.InvoiceByOrder(ctx, "example", "7")
	fmt.Println(found.ID, err)
	// Output: inv-1 <nil>
}

// The shop's order and its invoice exist together or not at all.
func ExampleStore_WithTx() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("SHOP_DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool); err != nil {
		log.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `CREATE TABLE orders (id text PRIMARY KEY, invoice text)`); err != nil {
		log.Fatal(err)
	}
	backend, err := postgres.New(ctx, pool)
	if err != nil {
		log.Fatal(err)
	}
	sim := chaintest.NewChain(chaintest.Config{}) // a simulated chain; a shop has nodes of real ones
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		log.Fatal(err)
	}
	wallet, err := evm.NewWallet("xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt")
	if err != nil {
		log.Fatal(err)
	}
	till, err := invoice.New(invoice.Config{
		Store: backend,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(5)}),
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: wallet, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	buy := func(number string, changeOfMind bool) error {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx)
		inv, err := till.CreateTx(ctx, tx, invoice.Request{
			Project: "shop", OrderID: number, Asset: "SIM", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(25)},
		})
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO orders VALUES ($1, $2)`, number, inv.ID); err != nil || changeOfMind {
			return err
		}
		return tx.Commit(ctx)
	}
	fmt.Println(buy("1", false), buy("2", true), buy("3", false))

	var orders int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM orders`).Scan(&orders); err != nil {
		log.Fatal(err)
	}
	page, err := till.List(ctx, invoice.Query{Project: "shop", Limit: 10})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(orders, "orders,", page.Total, "invoices")
	// Output:
	// <nil> <nil> <nil>
	// 2 orders, 2 invoices
}
