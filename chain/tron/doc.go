// Package tron connects chain to the TRON network over the HTTP API of a full node: [Node] reads blocks,
// [Wallet] derives addresses from an extended public key, [PaymentURI] asks a wallet to pay.
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
// What a Node reports is only what provably happened or what the node of the network says in two places: TRX of
// transfer transactions that succeeded, Transfer logs of the configured contracts in calls that succeeded, and
// TRX that a contract passed on inside such a call. It never looks at call data, at symbols, at TRC-10 tokens,
// whatever they are called, or at who sent the money.
//
// TRX that contracts pass on is only seen if the full node keeps internal transactions: vm.saveInternalTx of
// java-tron, which is off unless somebody turned it on (see [Config].IgnoreInternal). Gains that are no transfer are not seen: rewards of
// voters and of block producers, unfrozen stakes, fills on the old on-chain exchange, the stake that a contract
// leaves behind when it destroys itself.
//
// Tokens need a full node that calls contracts (vm.supportConstant of java-tron), since their decimals are compared with the
// contract. A token of which that does not succeed is held back, with the node's own words in [Node.Lacks]: what arrives of
// it is reported as [chain.Transfer].Held. TRX and the other tokens go on.
//
// A Node is no [chain.Pooler]. What a full node has pending is its own view and not the network's, and the API
// lists it one transaction a call; a block is three seconds away.
//
// The package holds no private key and sends nothing. It was tested against published blocks and against a fake
// of a full node (tron/trontest), not against a running one.
package tron
