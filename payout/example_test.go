package payout_test

import (
	"context"
	"fmt"
	"log"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

// A payout from its request to the block that has it. With a real network, the spender is that of payout/bitcoin,
// payout/evm or payout/tron, the signer one of payout/signer or nil, and Run does what Look does here.
func Example() {
	ctx := context.Background()
	books := store.NewMemory()
	spender := newFakeSpender() // a made-up network, whose chain this program plays
	ether := chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 2}
	payouts, err := payout.New(payout.Config{
		Store: books, Invoices: books,
		Networks: []payout.NetworkConfig{{
			Spender: spender, Signer: &instantSigner{},
			Assets: []payout.AssetConfig{{Asset: ether, MaxFee: big.NewInt(10)}}, // 0.10 ETH a payout at most
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	show := func(id string) payout.Payout {
		p, err := payouts.Payout(ctx, "shop", id)
		if err != nil {
			log.Fatal(err)
		}
		balances, err := payouts.Balance(ctx, "shop")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s:", p.State.Status)
		for _, b := range balances {
			fmt.Printf(" %s %s", b.Account.Kind, ether.Decimal(b.Units))
		}
		fmt.Println()
		return p
	}

	// The shop put 10 ETH into the wallet. What invoices bring is booked by Run.
	spender.funding["0xf00d"] = []payout.Move{{Holding: laneHolding(ether.ID), Units: big.NewInt(1000)}}
	if err := payouts.Fund(ctx, "eip155:1", "0xf00d", "shop", "anna"); err != nil {
		log.Fatal(err)
	}

	request := payout.Request{Project: "shop", Key: "salary 7", Asset: ether.ID, To: "addr1", Units: decimal.RequireFromString("2.5")}
	p, err := payouts.Request(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	show(p.ID)
	again, err := payouts.Request(ctx, request) // the answer was lost, so the shop asks again
	fmt.Println("the same payout:", again.ID == p.ID, err)

	for range 2 {
		if err := payouts.Look(ctx, "eip155:1"); err != nil { // plans, signs, stores, sends, observes
			log.Fatal(err)
		}
		if p = show(p.ID); p.State.Status == payout.StatusSent { // a block takes it
			spender.mined[p.State.TxID] = payout.Sighting{Height: 7, Final: true, Fee: big.NewInt(2)}
		}
	}
	// Output:
	// queued: available 7.4 reserved 2.6
	// the same payout: true <nil>
	// sent: available 7.4 reserved 2.6
	// paid: available 7.48 reserved 0
}

// Without a Signer in the process, a person takes what is to be signed to where the key is, and brings the signature.
func ExampleService_Export() {
	ctx := context.Background()
	s, p := watchOnly() // a payout of 1 ETH, after a look at the network
	id := p.State.Transaction
	fmt.Println(p.State.Status, p.State.Reason)
	request, err := s.Export(ctx, id) // from now on it may be signed
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", request.Unsigned)
	_, err = s.Import(ctx, id, request.N, []byte("signed nonce:1 fee 2 100 to addr666"))
	fmt.Println(err != nil)
	t, err := s.Import(ctx, id, request.N, signedForm(request.Unsigned))
	fmt.Println(t.Stage, err)
	// Output:
	// queued needs_signature
	// nonce:1 fee 2 100 to addr1
	// true
	// signed <nil>
}

// watchOnly returns a service without a signer, and a payout that waits for a signature.
func watchOnly() (*payout.Service, payout.Payout) {
	ctx := context.Background()
	books, spender := store.NewMemory(), newFakeSpender()
	ether := chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 2}
	s := must(payout.New(payout.Config{
		Store: books, Invoices: books,
		Networks: []payout.NetworkConfig{{Spender: spender, Assets: []payout.AssetConfig{{Asset: ether, MaxFee: big.NewInt(10)}}}},
	}))
	spender.funding["0xf00d"] = []payout.Move{{Holding: laneHolding(ether.ID), Units: big.NewInt(1000)}}
	if err := s.Fund(ctx, "eip155:1", "0xf00d", "shop", "anna"); err != nil {
		log.Fatal(err)
	}
	p := must(s.Request(ctx, payout.Request{Project: "shop", Key: "a", Asset: ether.ID, To: "addr1", Units: decimal.NewFromInt(1)}))
	if err := s.Look(ctx, "eip155:1"); err != nil {
		log.Fatal(err)
	}
	return s, must(s.Payout(ctx, "shop", p.ID))
}
