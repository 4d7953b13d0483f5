// Package bitcoin pays out Bitcoin, Litecoin, Dogecoin and Bitcoin Cash: its [Spender] chooses coins and fees, makes
// transactions for a signer elsewhere, checks what the signer returns, sends it, and reports what became of it.
//
//	wallet, err := btc.NewWallet(btc.Bitcoin(), "wpkh([73c5da0a/84h/0h/0h]xpub6C.../<0;1>/*)", btc.FromKey)
//	...
//	spender, err := bitcoin.New(bitcoin.Config{RPC: client, Wallet: wallet})
//
// # Coins
//
// A holding is a coin, an unspent output, and its name is "txid:vout". Coins are chosen only when they are as deep as
// Config.Final, whatever the books say: before a transaction is made, the node must show each of its coins unspent, with the
// amount and the script that it should have. Change goes to branch 1 of the account and is a coin once its transaction is
// final. Nothing unconfirmed is ever spent, but by a bump.
//
// All versions of a transaction spend its first coin, the anchor, and have the same outputs but for the change. A version
// that cancels pays change alone.
//
// A bump ([Spender.Bump]) spends the change of a transaction that is in the node's pool, too cheap, and cannot be replaced: a
// payee has spent his output, so that a replacement would cost more than is reserved, or nodes keep the first version that
// they saw (Config.FirstSeen). It pays so much that both together pay the rate. Nodes need not take both at once: what is
// below the least that they relay alone cannot be bumped.
//
// # What is signed
//
// Version.Unsigned is a PSBT (BIP-174) with the whole previous transactions, the paths of the keys of coins and change, and
// the type of signature: all inputs and outputs (SIGHASH_ALL), on Bitcoin Cash with its fork id (0x41). Give the wallet its
// key with the origin, or else hardware wallets do not find their keys. [Key] signs it in this process.
//
// [Spender.Verify] takes a signed PSBT, binary or as base64, whose inputs are finalized or not, or the signed transaction,
// binary or as hexadecimal.
//
// # The node
//
// Any node with the JSON-RPC of Bitcoin Core that keeps its blocks for as long as a transaction may be open. It needs no
// index of transactions and no wallet. Where it cannot return a transaction by the block that has it, as btcd and Dogecoin
// Core cannot, the whole block is read for each coin that is spent, unless the node has an index (txindex).
//
// A node of Litecoin takes a replacement only with the option mempoolreplacement=1; without it, it refuses every version but
// the first that it saw as a conflict, and that one is bumped: set Config.FirstSeen to be spared the other. Nodes of Bitcoin Cash take none, and since
// version 23 of Bitcoin Cash Node its miners look at what each transaction pays alone: there what is too cheap waits.
//
// A transaction is found by its own unspent outputs, and otherwise by reading the blocks since it was planned. That somebody
// else spent the anchor is concluded only from the block that shows it.
package bitcoin
