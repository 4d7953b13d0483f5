package invoice_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

// counter is a wallet on the simulated chain. Real ones derive addresses from a public key, as evm.NewWallet does.
type counter struct{ chain *chaintest.Chain }

func (counter) Name() string { return "counter" }

func (w counter) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// The smallest program: it creates an invoice, a payer pays it on a simulated chain, and the service completes it.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()

	sim := chaintest.NewChain(chaintest.Config{Start: time.Now()})
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim, Poll: 10 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	service, err := invoice.New(invoice.Config{
		Store: store.NewMemory(),
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: counter{sim}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- service.Run(ctx) }()

	inv, err := service.Create(ctx, invoice.Request{
		Project: "shop", OrderID: "1001", Asset: "SIM", Price: invoice.Price{Currency: "SIM", Amount: decimal.NewFromInt(3)},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(inv.State.Status, "due:", inv.Quote.Asset.Decimal(inv.Quote.Due), inv.Quote.Asset.Code)

	sim.Pay(inv.Quote.Address, inv.Quote.Asset, inv.Quote.Due)
	sim.Mine(12) // as many confirmations as DefaultConfirm requires on this chain

	for inv.State.Status != invoice.StatusCompleted && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
		if inv, err = service.Invoice(ctx, "shop", inv.ID); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(inv.State.Status, inv.State.Outcome)

	stop()
	fmt.Println("ended:", <-ended)
	// Output:
	// new due: 3 SIM
	// completed exact
	// ended: <nil>
}
