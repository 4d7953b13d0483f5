// Package tron connects chain to the TRON network over the HTTP API of a full node. [Node] reads blocks, [Wallet]
// derives addresses from an extended public key, and [PaymentURI] makes the text of a payment's QR code.
//
//	usdt, err := tron.TRC20(tron.Mainnet, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "USDT", 6)
//	...
//	node, err := tron.New(tron.Config{
//		Network: tron.Mainnet, URL: "https://api.trongrid.io", APIKey: key,
//		Assets: []chain.Asset{tron.Native(tron.Mainnet, "TRX"), usdt},
//	})
//	...
//	follower, err := chain.NewFollower(chain.FollowConfig{Node: node})
//
// A Node reports only what is proven, or what the node states in two places: TRX of transfer transactions that
// succeeded, Transfer logs of the configured contracts in calls that succeeded, and TRX that a contract passed on
// inside such a call. It never looks at call data, at symbols, at TRC-10 tokens of any name, or at who sent the money.
//
// TRX that contracts pass on is only seen if the full node keeps internal transactions: vm.saveInternalTx of
// java-tron, which is off by default (see [Config].IgnoreInternal). Gains that are not transfers are not seen: rewards
// of voters and of block producers, unfrozen stakes, fills on the old on-chain exchange, the stake that a contract
// leaves behind when it destroys itself.
//
// Tokens need a full node that calls contracts (vm.supportConstant of java-tron), since their decimals are compared
// with the contract. If that fails, the token is held back, with the node's own words in [Node.Lacks], and its
// transfers are reported as [chain.Transfer].Held. TRX and the other tokens are not affected.
//
// A Node is not a [chain.Pooler]. The pending transactions of a full node are its own view and not the network's, and
// the API lists one transaction a call; the next block is three seconds away.
//
// For those who make transactions, a Node estimates and broadcasts them, and reports and proves what became of them
// ([Node.Execution], [Node.Absent]); the rest of paying out is in payout/tron.
//
// The package holds no private key. It does not import go-ethereum. It was tested against published
// blocks and against a fake full node (tron/trontest), not against a running one.
package tron
