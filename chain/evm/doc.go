// Package evm connects chain to networks that speak the JSON-RPC of Ethereum: [Node] reads blocks,
// [Wallet] derives addresses from an extended public key, [PaymentURI] asks a wallet to pay, and
// [Networks] lists what shops usually take.
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
// Native coin that a contract passes on inside a transaction (a contract wallet, an exchange's batch payout,
// SELFDESTRUCT) leaves neither a transaction to the receiver nor a log. A Node sees it with [Config.Traces],
// which needs a node with call traces; without, such a payment is not seen. [Node.Capabilities] tells what
// a node offers.
//
// What a node does not do right stops no more than what it concerns: [Node.Lacks] names it. A token whose decimals cannot
// be confirmed is held back alone, and what arrives of it is reported as [chain.Transfer].Held.
//
// It never sees what arrives without any transaction: withdrawals of validators, rewards, and native coin that
// some networks credit by themselves for a bridge. It has no list of unconfirmed transactions, holds no private
// key, and sends nothing.
//
// Blocks are asked for one by one, with all that belongs to them, and never as logs of a range: what comes by
// the block's hash can be proven to be that block's, and the logs of one block are what every provider gives.
package evm
