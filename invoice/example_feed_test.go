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

// feedWallet is a wallet on the simulated chain.
type feedWallet struct{ chain *chaintest.Chain }

func (feedWallet) Name() string { return "feed" }

func (w feedWallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// A shop reads the feed page by page and keeps the position of the last event that it has processed.
func ExampleService_Events() {
	ctx := context.Background()
	sim := chaintest.NewChain(chaintest.Config{})
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		log.Fatal(err)
	}
	service, err := invoice.New(invoice.Config{
		Store: store.NewMemory(),
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: feedWallet{sim}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, order := range []string{"1001", "1002"} {
		inv, err := service.Create(ctx, invoice.Request{
			Project: "shop", OrderID: order, Price: invoice.Price{Currency: "SIM", Amount: decimal.NewFromInt(3)},
		})
		if err == nil {
			_, err = service.SetStatus(ctx, invoice.Act{Project: "shop", Invoice: inv.ID, Actor: "clerk"}, invoice.StatusCancelled)
		}
		if err != nil {
			log.Fatal(err)
		}
	}

	const page = 3
	for position := int64(0); ; { // a shop stores the position together with what it did
		events, err := service.Events(ctx, position, page)
		if err != nil {
			log.Fatal(err)
		}
		for _, ev := range events {
			fmt.Printf("%d %s by %q\n", ev.Seq, ev.Type, ev.Actor)
			position = ev.Position
		}
		if len(events) < page {
			break // the end of the feed for now
		}
	}
	// Output:
	// 1 invoice.created by ""
	// 2 invoice.cancelled by "clerk"
	// 1 invoice.created by ""
	// 2 invoice.cancelled by "clerk"
}
