// Package bitcoin connects chain to Bitcoin and its relatives: Litecoin, Dogecoin, Bitcoin Cash. [Params] describes a
// coin, [Node] reads blocks, [Wallet] derives addresses from an extended public key, and [Params.PaymentURI] makes a
// URI for wallets.
//
//	coin := bitcoin.Litecoin()
//	wallet, err := bitcoin.NewWallet(coin, "zpub...", bitcoin.FromKey)
//	...
//	address, err := wallet.Address(ctx, 0) // ltc1q...
//
// A payment is an output whose script is exactly that of an address. The package never looks at the text of addresses
// in a node's responses, nor at scripts that merely contain a key or its hash.
//
// The package does not see payments inside Litecoin's extension blocks (MWEB) or tokens of Bitcoin Cash, holds no
// private key, and sends nothing.
package bitcoin
