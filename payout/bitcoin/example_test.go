package bitcoin_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
)

// The account comes with its origin, so that hardware wallets find their keys. The process holds no private one.
func Example() {
	client, err := btc.Dial(btc.ClientConfig{URL: "http://127.0.0.1:8332", CookieFile: "/var/lib/bitcoind/.cookie"})
	if err != nil {
		fmt.Println(err)
		return
	}
	const account = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
	wallet, err := btc.NewWallet(btc.Bitcoin(), "[73c5da0a/84h/0h/0h]"+account+"/<0;1>/*", btc.FromKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	spender, err := bitcoin.New(bitcoin.Config{
		RPC: client, Wallet: wallet,
		Fees: bitcoin.FeePolicy{Blocks: 3, Fallback: 5_000, Cap: 100_000},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("pays from", spender.Lane())

	_, err = spender.Receiver(context.Background(), chain.Asset{ID: spender.FeeAsset()}, "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", big.NewInt(25_000))
	if refused, ok := errors.AsType[*payout.RefusedError](err); ok {
		fmt.Println(refused)
	}
	// Output:
	// pays from bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el
	// wrong_address: not an address of Bitcoin
}

// A key in the process signs what the spender has planned. Whoever has the PSBT can sign it elsewhere instead.
func ExampleKey_Sign() {
	sign := func(spender *bitcoin.Spender, v payout.Version, account string) (raw []byte, txID string, err error) {
		key, err := bitcoin.NewKey(btc.Bitcoin(), account, btc.P2WPKH)
		if err != nil {
			return nil, "", err
		}
		defer key.Zero()
		signed, err := key.Sign(v.Unsigned)
		if err != nil {
			return nil, "", err
		}
		return spender.Verify(v, signed)
	}
	_ = sign
}
