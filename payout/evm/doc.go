// Package evm pays out on networks that speak the JSON-RPC of Ethereum: [Spender] plans, checks, sends and watches
// transactions, and [Unsigned] is what a signer signs.
//
//	client, err := evm.Dial(ctx, "https://node.example/key", nil) // of chain/evm
//	...
//	spender, err := payoutevm.New(payoutevm.Config{
//		Network: "eip155:1", RPC: client, Wallet: wallet, Assets: assets,
//		Finality: payoutevm.Finality{Tag: "finalized"},
//	})
//
// # Addresses
//
// All addresses are of one account, m/44'/60'/n'. Branch 0 has the deposit addresses. Address 1/0 pays payouts, one a
// transaction, and gets what is swept. Address 1/1 tops deposit addresses up for their sweeps, so that a sweep that is
// stuck keeps no payout waiting. A process needs the account's extended public key alone.
//
// # Nonces
//
// The anchor of a transaction is the nonce of its address, as the lock "nonce:", the address, ":" and the number. The next
// nonce is the lowest one that the chain has not used and that is not locked. So what was given up leaves no gap for
// long, and what a node forgot is sent again as it was. A node's count of pending transactions is never read.
//
// Nobody else may use the keys. When the chain has a transaction of an address that is none of ours, that address is
// stopped until an operator has looked: see [Config.Acknowledged].
//
// # Fees
//
// Transactions are of type 2 (EIP-1559), or of type 0 where blocks have no base fee. The greatest price is twice the base
// fee and the tip, which is a part of it. What a transaction can cost at most is known when it is planned, and never more
// than is reserved for it.
//
// # Proof
//
// A version is in a block if the node has its receipt, and the block at that height is the one that the receipt names. A
// token has moved if it logged exactly what was asked for. What is mined and moved nothing has failed. A nonce is used by
// somebody else if the block in which the count of the address passed it is known, and has none of the versions. Anything
// else proves nothing, and the same bytes are sent again.
//
// # What it does not do
//
// It does not use EIP-3009 (transferWithAuthorization) and EIP-7702 (delegation to code): sweeps of tokens are two
// transactions, a top-up and the transfer, on every network alike. It pays no two payouts by one transaction, as that
// would take a contract and its approval. It does not pay out tokens that move another amount than they are told to. It
// does not see native coin that a contract brings to a lane, which has to be booked by hand.
package evm
