package bitcoin_test

import (
	"context"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain/bitcoin"
)

func ExampleWallet() {
	coin := bitcoin.Bitcoin()
	wallet, err := bitcoin.NewWallet(coin, "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs", bitcoin.FromKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	address, err := wallet.Address(context.Background(), 0)
	fmt.Println(address, err)
	fmt.Println("at least", coin.Asset().Decimal(wallet.Minimum()), coin.Code)
	// Output:
	// bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu <nil>
	// at least 0.00000294 BTC
}

func ExampleParams_PaymentURI() {
	coin := bitcoin.BitcoinCash()
	uri, err := coin.PaymentURI(coin.Asset(), "bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6", big.NewInt(150_000_000))
	fmt.Println(uri, err)
	// Output: bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6?amount=1.5 <nil>
}

func ExampleParams_ParseAddress() {
	fmt.Println(bitcoin.BitcoinCash().ParseAddress("1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"))
	_, err := bitcoin.Litecoin().ParseAddress("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd")
	fmt.Println(err)
	// Output:
	// bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a <nil>
	// bitcoin: not an address of Litecoin: wrong length or prefix
}
