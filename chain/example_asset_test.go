package chain_test

import (
	"fmt"
	"math/big"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/chain"
)

// Amounts are exact, and are rounded against the payer where they must be rounded.
func ExampleAsset() {
	usdc := chain.Asset{ID: "eip155:8453/erc20:0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", Code: "USDC", Decimals: 6}
	fmt.Println(usdc.ID.Network(), usdc.Validate())
	fmt.Println(usdc.Decimal(big.NewInt(25_500_000)), usdc.Code)

	third := decimal.NewFromInt(10).Div(decimal.NewFromInt(3))
	fmt.Println(usdc.UnitsUp(third), "are due,", usdc.UnitsDown(third), "are credited")
	_, err := usdc.UnitsExact(third)
	fmt.Println(err)
	// Output:
	// eip155:8453 <nil>
	// 25.5 USDC
	// 3333334 are due, 3333333 are credited
	// 3.3333333333333333 USDC: more decimals than the asset has (6)
}

func ExampleParseNetwork() {
	n, err := chain.ParseNetwork("eip155:1")
	fmt.Println(n.Namespace(), n.Reference(), err)
	_, err = chain.ParseNetwork("ethereum")
	fmt.Println(err)
	// Output:
	// eip155 1 <nil>
	// chain: "ethereum" is not a CAIP-2 chain id
}

// Confirmations count heights, and a block at the head has one.
func ExampleHead_Confirmations() {
	head := chain.Head{Height: 100}
	fmt.Println(head.Confirmations(100), head.Confirmations(95), head.Confirmations(101))
	// Output: 1 6 0
}
