// Package evm connects chain to networks that speak the JSON-RPC of Ethereum: [Node] reads blocks,
// [Wallet] derives addresses from an extended public key, [PaymentURI] asks a wallet to pay.
//
//	client, err := evm.Dial(ctx, "https://node.example/key", nil)
//	...
//	node, err := evm.New(evm.Config{Network: "eip155:1", RPC: client, Assets: assets})
//	...
//	follower, err := chain.NewFollower(chain.FollowConfig{Node: node})
//
// What a Node reports is only what provably happened: the value of a transaction that its receipt calls
// successful, and Transfer logs of the configured contracts, all tied to the hash of one block. It never
// looks at call data, at symbols, or at who sent the money.
//
// It does not see native coin that a contract passes on inside a transaction (a contract wallet, an
// exchange's batch payout, SELFDESTRUCT), nor withdrawals of validators: these leave neither a transaction
// to the receiver nor a log. It has no list of unconfirmed transactions, holds no private key, and sends
// nothing.
package evm
