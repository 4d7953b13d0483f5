package invoice_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
)

// orderWallet is a wallet on the simulated chain.
type orderWallet struct{ chain *chaintest.Chain }

func (orderWallet) Name() string { return "orders" }

func (w orderWallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// The shop's order and its invoice are stored in one transaction: both exist, or neither does.
func ExampleService_CreateTx() {
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
	store, err := sqlite.New(db)
	if err != nil {
		log.Fatal(err)
	}
	sim := chaintest.NewChain(chaintest.Config{})
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		log.Fatal(err)
	}
	service, err := invoice.New(invoice.Config{
		Store: store,
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: orderWallet{sim}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	buy := func(order string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		inv, err := service.CreateTx(ctx, tx, invoice.Request{
			Project: "shop", Asset: "SIM", Price: invoice.Price{Currency: "SIM", Amount: decimal.NewFromInt(3)},
		})
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO orders (id, invoice) VALUES (?, ?)`, order, inv.ID); err != nil {
			return err
		}
		return tx.Commit()
	}
	fmt.Println("first:", buy("1001") == nil)
	fmt.Println("repeated:", buy("1001") == nil) // the order exists, so its second invoice is rolled back

	cancel := func(order string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		within, err := service.WithTx(tx)
		if err != nil {
			return err
		}
		var id string
		if err := tx.QueryRow(`DELETE FROM orders WHERE id = ? RETURNING invoice`, order).Scan(&id); err != nil {
			return err
		}
		if _, err := within.SetStatus(ctx, invoice.Act{Project: "shop", Invoice: id}, invoice.StatusCancelled); err != nil {
			return err
		}
		return tx.Commit()
	}
	fmt.Println("cancelled:", cancel("1001") == nil)

	page, err := service.List(ctx, invoice.Query{Limit: 10})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("invoices:", page.Total, page.Invoices[0].State.Status)
	// Output:
	// first: true
	// repeated: false
	// cancelled: true
	// invoices: 1 cancelled
}
