package payout

import (
	"math/big"

	"github.com/cointill/cointill/chain"
)

// Parsed is what a signer reads in an unsigned transaction, so that its policy decides about payments and not about bytes.
type Parsed struct {
	Network chain.Network `json:"network"`
	// Outputs are all that the transaction gives to anybody, in its order.
	Outputs []Output `json:"outputs"`
	// Fee is the greatest fee that the network can take, in base units of FeeAsset.
	Fee      *big.Int      `json:"fee"`
	FeeAsset chain.AssetID `json:"fee_asset"`
}

// Output is one payment within a transaction.
type Output struct {
	Asset chain.AssetID `json:"asset"`
	To    chain.Address `json:"to"` // in the network's canonical spelling
	Units *big.Int      `json:"units"`
	// Own reports that the receiver is proven to be an address of the same account, such as that of change.
	Own bool `json:"own,omitempty"`
}
