// Package tron pays out on the TRON network. [Spender] plans, checks, sends and observes transactions of TRX and of TRC-20
// tokens through a node of chain/tron, and holds no key; [Signing] reads and signs them, and holds none either.
//
//	spender, err := tron.New(tron.Config{Node: node, Wallet: wallet, Assets: []chain.Asset{trx, usdt}})
//	...
//	family, err := tron.NewSigning(network, xpub)
//	...
//	keys, err := signer.Open("payouts.seed", passphrase, signer.Account{Family: family, Path: "m/44h/195h/0h"})
//
// # One transaction at a time
//
// TRON has no numbers of senders and no coins that only one transaction can spend: two transactions for one payout could
// both be executed. So a transaction has one version and is never replaced. Its bytes are sent again and again until a
// block has them, or until it has expired and every solidified block that could have it was read. Short expirations
// ([Config].Expiry) make that quick. A lite full node does not have these blocks: then nothing is ever declared dead.
//
// # Fees
//
// A payout reserves the greatest fee: the fee limit, which pays for energy; bandwidth; and what a new account costs. The fee
// limit follows from an estimate with the real receiver and amount, plus a fifth, times the price, and never from stakes:
// with a fee limit of what remains to be burned, a transaction fails although there is energy. What stakes, delegations or
// free bandwidth save is given back once the transaction is final.
//
// # Deposits
//
// Deposits stay at the addresses that they came to until they are swept to the lane, which is key 1/0 of the account. The
// sweep of a token needs TRX at its address, which a top-up brings first.
//
// # Unsigned transactions
//
// What a signer gets is the JSON form of a transaction that tools of TRON know (txID, raw_data, raw_data_hex), with the
// path of the key beside it. It takes either that with a signature added, or the encoded transaction.
//
// The package was tested against the fake node of chain/tron/trontest and against tronweb, not against a running node.
package tron
