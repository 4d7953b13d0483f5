package evm_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cointill/cointill/chain"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout/evm"
)

// A Spender needs the public key of an account alone. Nothing connects before the first call.
func ExampleNew() {
	wallet, err := chainevm.NewWallet("xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := chainevm.Dial(context.Background(), "https://node.example/key", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	spender, err := evm.New(evm.Config{
		Network: "eip155:8453", RPC: client, Wallet: wallet,
		Assets:   []evm.Asset{{Asset: chainevm.Native("eip155:8453", "ETH")}},
		Finality: evm.Finality{Tag: "finalized"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("payouts come from", spender.Lane())
	fmt.Println("top-ups come from", spender.TopUpLane())
	// Output:
	// payouts come from 0x399Db6Ed32539fbDF44c3e7678b5b428e378F666
	// top-ups come from 0x26db4d065800Bd118928848E69A1cBF956Cff1D0
}

// A signer sees what it signs, and says no to what its policy does not allow.
func ExampleParseUnsigned() {
	unsigned := []byte(`{"network":"eip155:1","from":"0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F","branch":1,"index":0,` +
		`"tx":"0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080"}`)
	u, err := evm.ParseUnsigned(unsigned)
	if err != nil {
		fmt.Println(err)
		return
	}
	coin := chain.Asset{Decimals: 18}
	fmt.Printf("%s pays %s to %s for at most %s, nonce %d\n", u.From, coin.Decimal(u.Units), u.To, coin.Decimal(u.Fee), u.Nonce)
	key := bytes.Repeat([]byte{0x46}, 32) // that of address Branch/Index of the account
	signed, err := u.Sign(key)
	fmt.Println(len(signed), err)
	// Output:
	// 0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F pays 1 to 0x3535353535353535353535353535353535353535 for at most 0.00042, nonce 9
	// 110 <nil>
}
