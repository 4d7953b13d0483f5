// Package invoice is the core: it issues invoices, follows the chains, decides what each payment means, and keeps
// what must be told.
//
//	service, err := invoice.New(invoice.Config{Store: store, Rates: rates, Chains: chains, Notifier: notifier})
//	...
//	go service.Run(ctx) // until ctx ends
//	inv, err := service.Create(ctx, invoice.Request{
//		Project: "shop", OrderID: "1001", Asset: "BTC", Price: invoice.Price{Currency: "EUR", Amount: amount},
//	})
//
// examples/embed is a whole shop around it.
//
// # How it decides
//
// A status is never set. It is folded from facts: the terms, the payments as the chain has them now, what operators did,
// and how far the chain has come. The same facts in any order, twice, or after a crash give the same status.
// A reorganisation, a replaced transaction or an operator changes a fact, and the fold does the rest. Every change is
// one [Event], stored in the same [Batch] as what it reports.
//
// # What it asks of the world
//
// The ports are in ports.go: a [Store] that applies a batch whole or not at all, a [ChainWatcher], a [RateSource], an
// [AddressSource], a [Notifier]. Of a store it asks no locks: versions guard what was read.
//
// # Addresses
//
// By default every invoice gets an address of its own, derived from an extended public key, and nobody else ever
// gets it. [Pool] lets addresses rest and be used again; [Shared] lets all invoices be paid to one address and tells
// them apart by the exact amount. Whatever arrives at an address that was ever shown is recorded.
//
// # Finding the money without this program
//
// [Service.Recovery] says what the shop's own wallet needs. Restore the wallet from its seed words, or watch-only from
// the descriptor (Bitcoin Core: importdescriptors with the range 0 to Next-1; Electrum and hardware wallets: the same
// account, with the gap limit set above Gap). Of an EVM or TRON account, derive the children 0/i for the numbers in
// Used. Nothing else in the database is needed to spend what came in.
//
// # What it does not do
//
// It holds no keys that can spend and moves no money; it knows no HTTP and no database; it sends nothing: the
// messages that tell an event lie in the store's outbox until package webhook sends them.
package invoice
