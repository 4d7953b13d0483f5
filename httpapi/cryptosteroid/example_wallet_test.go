package cryptosteroid_test

import (
	"fmt"

	"github.com/cointill/cointill/httpapi/cryptosteroid"
)

// An operator tells each merchant the ids of its wallets.
func ExampleWalletID() {
	for _, method := range []string{"BTC", "USDT_TRC20"} {
		fmt.Println(method, cryptosteroid.WalletID("018f3f3e-0000-7000-8000-00000000000a", method))
	}
	// Output:
	// BTC 676771a9-c75b-5328-91f1-657280f7036d
	// USDT_TRC20 c629c259-7f53-511d-990a-5a19e4f047d3
}
