package invoice_test

import (
	"context"
	"fmt"
	"log"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

// restoredWallet is a wallet on the simulated chain.
type restoredWallet struct{ chain *chaintest.Chain }

func (restoredWallet) Name() string { return "restored" }

func (w restoredWallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// After the restore of a backup, the store does not know the addresses that were shown since the backup. Restored skips
// them, so that no second invoice gets one.
func ExampleService_Restored() {
	ctx := context.Background()
	sim := chaintest.NewChain(chaintest.Config{})
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		log.Fatal(err)
	}
	service, err := invoice.New(invoice.Config{
		Store: store.NewMemory(), // stands for the database that was restored
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: restoredWallet{sim}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	// At most 500 invoices were created since the backup.
	if err := service.Restored(ctx, 500); err != nil {
		log.Fatal(err)
	}
	inv, err := service.Create(ctx, invoice.Request{
		Project: "shop", Asset: "SIM", Price: invoice.Price{Currency: "SIM", Amount: decimal.NewFromInt(3)},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("address number", inv.Quote.Index)
	// Output:
	// address number 500
}
