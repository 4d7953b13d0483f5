// Package bitcoin connects chain to Bitcoin and the coins that are made like it: Litecoin, Dogecoin, Bitcoin Cash.
// [Params] says how they differ, [Node] reads blocks, [Wallet] derives addresses from an extended public key, and
// [Params.PaymentURI] asks a wallet to pay.
//
//	coin := bitcoin.Litecoin()
//	wallet, err := bitcoin.NewWallet(coin, "zpub...", bitcoin.FromKey)
//	...
//	address, err := wallet.Address(ctx, 0) // ltc1q...
//
// A payment is an output whose script is exactly that of an address. The text of addresses in a node's answers is
// never looked at, nor is anything that merely contains a key or its hash.
//
// The package sees no payments inside Litecoin's extension blocks (MWEB) and no tokens of Bitcoin Cash, holds no
// private key, and sends nothing.
package bitcoin
