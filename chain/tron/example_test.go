package tron_test

import (
	"context"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
)

func ExampleWallet() {
	w, err := tron.NewWallet("xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd")
	if err != nil {
		fmt.Println(err)
		return
	}
	address, err := w.Address(context.Background(), 0)
	fmt.Println(address, err)
	// Output: TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH <nil>
}

// USDT on TRON, by its contract.
func ExampleTRC20() {
	usdt, err := tron.TRC20(tron.Mainnet, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "USDT", 6)
	fmt.Println(usdt.ID, err)
	// Output: tron:0x2b6653dc/trc20:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t <nil>
}

func ExampleNew() {
	node, err := tron.New(tron.Config{
		Network: tron.Nile,
		URL:     "https://nile.trongrid.io",
		Assets:  []chain.Asset{tron.Native(tron.Nile, "TRX")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	follower, err := chain.NewFollower(chain.FollowConfig{Node: node})
	fmt.Println(follower != nil, err)
	// Output: true <nil>
}

func ExampleParseAddress() {
	fmt.Println(tron.ParseAddress("41a614f803b6fd780986a42c78ec9c7f77e6ded13c"))
	_, err := tron.ParseAddress("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6T")
	fmt.Println(err)
	// Output:
	// TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t <nil>
	// tron: not an address: wrong checksum
}

func ExamplePaymentURI() {
	trx := tron.Native(tron.Mainnet, "TRX")
	uri, err := tron.PaymentURI(trx, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH", big.NewInt(25_000_000))
	fmt.Println(uri, err)
	// Output: TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH <nil>
}
