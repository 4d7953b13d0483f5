package signer_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"log"
	"math/big"

	"github.com/cointill/cointill/chain"
	chaintron "github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/signer"
	"github.com/cointill/cointill/payout/tron"
)

func ExampleNewSeed() {
	// The seed of the mnemonic "abandon abandon ... about", which everybody knows.
	secret, err := hex.DecodeString("5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4")
	if err != nil {
		log.Fatal(err)
	}
	family, err := tron.NewSigning(chaintron.Mainnet, "")
	if err != nil {
		log.Fatal(err)
	}
	seed, err := signer.NewSeed(secret, signer.Account{Family: family, Path: "m/44h/195h/0h"})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = seed.Close() }()
	fmt.Println(seed)
	fmt.Println(seed.Public(chaintron.Mainnet)[:16]) // what the watch-only processes have
	// Output:
	// signer.Seed of 1 networks
	// xpub6D1AabNHCupe
}

// A policy sees payments, not bytes.
func ExamplePolicy() {
	limit := big.NewInt(50_000_000) // 50 TRX
	list := map[chain.Address]bool{"TPL66VK2gCXNCD7EJg9pgJRfqcRazjhUZY": true}
	var policy signer.Policy = func(_ context.Context, _ payout.SignRequest, p payout.Parsed) error {
		for _, o := range p.Outputs {
			if !o.Own && (!list[o.To] || o.Units.Cmp(limit) > 0) {
				return &payout.RefusedError{Code: payout.RefusedPolicy, Reason: fmt.Sprintf("%s to %s", o.Units, o.To)}
			}
		}
		return nil
	}
	pay := func(to chain.Address, units int64) payout.Parsed {
		return payout.Parsed{Outputs: []payout.Output{{Asset: "tron:0x2b6653dc/slip44:195", To: to, Units: big.NewInt(units)}}}
	}
	fmt.Println(policy(context.Background(), payout.SignRequest{}, pay("TPL66VK2gCXNCD7EJg9pgJRfqcRazjhUZY", 5)))
	fmt.Println(policy(context.Background(), payout.SignRequest{}, pay("TPL66VK2gCXNCD7EJg9pgJRfqcRazjhUZY", 500_000_000)))
	// Output:
	// <nil>
	// policy: 500000000 to TPL66VK2gCXNCD7EJg9pgJRfqcRazjhUZY
}
