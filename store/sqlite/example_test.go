package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
)

// The file may be the shop's own. What was committed is there again after a restart.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for start := 1; start <= 2; start++ {
		db, err := sqlite.Open(filepath.Join(dir, "shop.db"))
		if err != nil {
			log.Fatal(err)
		}
		if err := sqlite.Migrate(ctx, db); err != nil { // changes nothing the second time
			log.Fatal(err)
		}
		backend, err := sqlite.New(db)
		if err != nil {
			log.Fatal(err)
		}
		inv := invoice.Invoice{ID: fmt.Sprint("inv-", start), Project: "shop", Version: 1, CreatedAt: time.Now()}
		if err := backend.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}}); err != nil {
			log.Fatal(err)
		}
		page, err := backend.Invoices(ctx, invoice.Query{Project: "shop", Limit: 10})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(page.Total, "invoices")
		if err := db.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1 invoices
	// 2 invoices
}

// The shop's order and its invoice exist together or not at all.
func ExampleStore_WithTx() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(filepath.Join(dir, "shop.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := sqlite.Migrate(ctx, db); err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE orders (id TEXT PRIMARY KEY, invoice TEXT)`); err != nil {
		log.Fatal(err)
	}
	backend, err := sqlite.New(db)
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
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		inv, err := till.CreateTx(ctx, tx, invoice.Request{
			Project: "shop", OrderID: number, Asset: "SIM", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(25)},
		})
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO orders VALUES (?, ?)`, number, inv.ID); err != nil || changeOfMind {
			return err
		}
		return tx.Commit()
	}
	fmt.Println(buy("1", false), buy("2", true), buy("3", false))

	var orders int
	if err := db.QueryRow(`SELECT COUNT(*) FROM orders`).Scan(&orders); err != nil {
		log.Fatal(err)
	}
	page, err := till.List(ctx, invoice.Query{Limit: 10})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(orders, "orders,", page.Total, "invoices")
	// Output:
	// <nil> <nil> <nil>
	// 2 orders, 2 invoices
}
