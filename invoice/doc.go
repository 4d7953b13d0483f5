// Package invoice is the core of the library: it issues invoices, follows the chains, decides what each payment means,
// and stores the events that report it.
//
// The package example is the smallest program; examples/embed is a whole shop.
//
// # How it decides
//
// A status is never set. It is folded from facts: the terms, the payments as the chain has them now, the operators'
// actions, and how far the chain has come. The same facts in any order, twice, or after a crash give the same status.
// A reorganisation, a replaced transaction or an operator changes a fact, and the fold follows. Every change is one
// [Event], stored in the same [Batch] as what it reports.
//
// # Ports
//
// The interfaces that a program provides are a [Store] that applies a batch whole or not at all, a [ChainWatcher], a
// [RateSource], an [AddressSource] and a [Notifier]; [Floors] and [Meter] are optional. A store needs no locks: versions
// guard what was read.
//
// # Reading order
//
// The files form layers, and each file uses only its own layer and lower ones. The test in internal/architecture
// enforces this.
//
//   - The vocabulary is in the files without a prefix. Begin with invoice.go, terms.go, quote.go, payment.go and
//     event.go; the ports are in store.go and ports.go.
//   - machine_*.go decide, purely: facts and a clock in, a [State] out. Begin with decide in machine_decide.go.
//   - prepare_*.go make what is to be stored: quotes, address numbers, decisions and event bodies.
//   - service_*.go do the input and output. Begin with service_create.go and service_follow.go.
//
// # Addresses
//
// By default every invoice gets an address of its own, derived from an extended public key, which no other invoice ever
// gets. [Pool] lets addresses rest and be used again; [Shared] lets all invoices be paid to one address and tells them
// apart by the exact amount. Every payment to an address that was ever shown is recorded.
//
// # Finding the money without this program
//
// [Service.Recovery] returns what the shop's own wallet needs. Restore the wallet from its seed words, or watch-only from
// the descriptor (Bitcoin Core: importdescriptors with the range 0 to Next-1; Electrum and hardware wallets: the same
// account, with the gap limit set above Gap). For an EVM or TRON account, derive the children 0/i for the numbers in
// Used. Nothing else in the database is needed to spend what came in.
//
// # What it does not do
//
// It holds no keys that can spend and moves no money. It uses neither HTTP nor a database. It sends nothing: messages
// stay in the store's outbox until package webhook sends them.
package invoice
