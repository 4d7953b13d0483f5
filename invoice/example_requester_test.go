package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

// lightning makes an address for each request, as a Lightning node does. A real one calls its node.
type lightning struct{}

func (lightning) Name() string { return "lightning" }

func (lightning) Address(context.Context, uint32) (chain.Address, error) {
	return "", errors.New("addresses are made for requests only")
}

func (lightning) Request(_ context.Context, r invoice.PaymentRequest) (invoice.Payable, error) {
	hash := fmt.Sprintf("hash-%d", r.Number)
	return invoice.Payable{Address: chain.Address(hash), Text: fmt.Sprintf("lnsim-%s-%s", hash, r.Units)}, nil
}

func (lightning) Close(_ context.Context, r invoice.ClosedRequest) error { return nil }

var _ invoice.Requester = lightning{}

// A source of addresses that is a Requester makes an address for each invoice, with a text for the payer's wallet.
func ExampleRequester() {
	ctx := context.Background()
	sim := chaintest.NewChain(chaintest.Config{})
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		log.Fatal(err)
	}
	service, err := invoice.New(invoice.Config{
		Store: store.NewMemory(),
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: lightning{}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("TOK")}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	inv, err := service.Create(ctx, invoice.Request{
		Project: "shop", Asset: "TOK", Price: invoice.Price{Currency: "TOK", Amount: decimal.NewFromInt(3)},
	})
	if err != nil {
		log.Fatal(err)
	}
	uri, err := service.PaymentURI(inv)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(inv.Quote.Address, uri)
	// Output:
	// hash-0 lnsim-hash-0-3000000
}
