package evm_test

import (
	"context"
	"fmt"
	"math/big"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

func ExampleWallet() {
	w, err := evm.NewWallet("xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt")
	if err != nil {
		fmt.Println(err)
		return
	}
	address, err := w.Address(context.Background(), 0)
	fmt.Println(address, err)
	// Output: 0x9858EfFD232B4033E47d90003D41EC34EcaEda94 <nil>
}

// A Node reads what one endpoint offers, and a Follower makes a watcher of it. Nothing connects before the first call.
func ExampleNew() {
	client, err := evm.Dial(context.Background(), "https://node.example/key", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	usdc, err := evm.ERC20("eip155:8453", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USDC", 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	node, err := evm.New(evm.Config{
		Network: "eip155:8453", RPC: client, Assets: []chain.Asset{evm.Native("eip155:8453", "ETH"), usdc},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	follower, err := chain.NewFollower(chain.FollowConfig{Node: node})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(follower.Network())
	// Output: eip155:8453
}

// Another network has defaults of its own: here, payments of up to 100 coins have 3 confirmations.
func ExampleNode_Defaults() {
	client, err := evm.Dial(context.Background(), "http://127.0.0.1:8545", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	coin := evm.Native("eip155:2026", "COIN")
	node, err := evm.New(evm.Config{
		Network: "eip155:2026", RPC: client, Assets: []chain.Asset{coin},
		Defaults: func(chain.Asset) chain.Defaults {
			return chain.Defaults{Confirm: []chain.Tier{
				{UpTo: decimal.NewFromInt(100), Need: chain.Confirmations{Depth: 3}},
				{Need: chain.Confirmations{Tag: chain.FinalityFinalized}},
			}}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tier := range node.Defaults(coin).Confirm {
		fmt.Printf("up to %s: %+v\n", tier.UpTo, tier.Need)
	}
	// Output:
	// up to 100: {Tag: Depth:3}
	// up to 0: {Tag:finalized Depth:0}
}

func ExamplePaymentURI() {
	usdc, err := evm.ERC20("eip155:8453", "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", "USDC", 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	uri, err := evm.PaymentURI(usdc, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94", big.NewInt(25_000_000))
	fmt.Println(uri, err)
	// Output: ethereum:0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913@8453/transfer?address=0x9858EfFD232B4033E47d90003D41EC34EcaEda94&uint256=25000000 <nil>
}

func ExampleParseAddress() {
	fmt.Println(evm.ParseAddress("0x9858effd232b4033e47d90003d41ec34ecaeda94"))
	_, err := evm.ParseAddress("0x9858EfFD232B4033E47d90003D41EC34EcaEdA94")
	fmt.Println(err)
	// Output:
	// 0x9858EfFD232B4033E47d90003D41EC34EcaEda94 <nil>
	// evm: not an address: wrong checksum (ERC-55)
}

func ExampleNetworks() {
	for _, n := range evm.Networks() {
		if n.ID == "eip155:56" {
			for _, a := range n.Assets() {
				fmt.Println(a.Code, a.Decimals, a.ID)
			}
		}
	}
	// Output:
	// BNB 18 eip155:56/slip44:60
	// USDT_BSC 18 eip155:56/erc20:0x55d398326f99059fF775485246999027B3197955
	// USDC_BSC 18 eip155:56/erc20:0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d
}

func ExampleNewHeads() {
	_, err := evm.NewHeads(evm.HeadsConfig{URL: "https://node.example/key"})
	fmt.Println(err)
	// Output: evm: HeadsConfig.URL: must be an absolute URL with the scheme ws or wss
}
