// Package bank pays in euro from an account at a bank, by files: a payout.Provider.
//
//	account, err := bank.New(bank.Config{Store: books, Network: "sepa:main", Owner: "Shop GmbH", IBAN: "DE..."})
//	payouts, err := payout.New(payout.Config{..., Networks: []payout.NetworkConfig{{
//		Provider: account, Assets: []payout.AssetConfig{{Asset: account.Asset(), MaxFee: new(big.Int)}},
//	}}})
//
// What is queued becomes an order. [Account.Export] writes the orders that wait into a file (pain.001), once: the same file
// has the same bytes for ever ([Account.Bytes]), and an order is in one file. Somebody brings it to the bank, and brings back
// what the bank gives: status reports ([Account.ReadStatus]) and statements ([Account.ReadEntries]), in any order and any
// number of times.
//
// An order is paid when the bank says that it is settled, or has debited the account; "accepted" is not paid. It has failed
// when the bank has rejected it. Nothing else ends it: no time, and no missing answer. What comes back after it was paid is
// booked as returned, and not paid again by itself. A verification of the payee that is no match makes the order wait for a
// person who confirms it at the bank, or does not.
//
// What came in is told by ReadEntries and booked by payout.Service.Fund under its ID. What the documents say and nothing
// follows from, such as the bank's charges, is told as puzzles, for a person who books them by payout.Service.Adjust.
package bank
