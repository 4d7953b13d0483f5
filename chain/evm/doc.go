// Package evm connects chain to networks that speak the JSON-RPC of Ethereum. [Node] reads blocks, [Wallet] derives
// addresses from an extended public key, [PaymentURI] makes a URI for wallets, and [Networks] lists the networks and
// assets that shops usually take.
//
//	client, err := evm.Dial(ctx, "https://node.example/key", nil)
//	...
//	node, err := evm.New(evm.Config{Network: "eip155:1", RPC: client, Assets: assets})
//	...
//	follower, err := chain.NewFollower(chain.FollowConfig{Node: node})
//
// A Node reports only what is proven to have happened: the value of a transaction that succeeded according to its
// receipt, and Transfer logs of the configured contracts, all tied to the hash of one block. It never looks at call
// data, at symbols, or at who sent the money.
//
// Native coin that a contract passes on inside a transaction (a contract wallet, an exchange's batch payout,
// SELFDESTRUCT) leaves neither a transaction to the receiver nor a log. A Node sees it with [Config.Traces], which
// requires a node with call traces; otherwise such a payment is not seen. [Node.Capabilities] returns what a node
// offers.
//
// A defect of a node stops only what it concerns: see [Node.Lacks]. A token whose decimals cannot be confirmed is held
// back alone, and its transfers are reported as [chain.Transfer].Held.
//
// A Node never sees what arrives without a transaction: withdrawals of validators, rewards, and native coin that some
// networks credit by themselves for a bridge. It has no list of unconfirmed transactions, holds no private key, and
// sends nothing.
//
// Blocks are read one by one, with everything that belongs to them, and never as logs of a range: data requested by
// the block's hash can be proven to belong to the block, and every provider returns the logs of one block.
package evm
