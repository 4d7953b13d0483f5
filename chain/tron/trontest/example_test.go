package trontest_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

// A program's test reads a payment from a fake node over HTTP.
func ExampleChain() {
	const payer, shop = "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
	fake := trontest.NewChain()
	server := httptest.NewServer(fake)
	defer server.Close()
	fake.Send(fake.Transfer(payer, shop, 25_000_000))
	fake.Mine(1)

	trx := tron.Native(fake.Network(), "TRX")
	node, err := tron.New(tron.Config{
		Network: fake.Network(), Genesis: fake.Genesis(), URL: server.URL, Assets: []chain.Asset{trx},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	block, err := node.Block(context.Background(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range block.Transfers {
		fmt.Println(trx.Decimal(t.Units), trx.Code, "to", t.To)
	}
	// Output: 25 TRX to TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t
}
