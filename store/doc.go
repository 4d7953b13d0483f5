// Package store says what a database serves for this library, [Backend], and has the reference
// implementation, [Memory]: maps under one mutex, for tests and first steps, gone with the process.
//
//	db := store.NewMemory()
//	err := db.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{created}})
//
// Adapters for databases live in the folders below, such as store/sqlite. One of your own is least work
// with store/kv, if the database keeps keys and values in transactions. Package store/storetest proves
// any adapter in one call.
//
// The package does not decide anything: what belongs together, and what it means, is the business of
// package invoice. It does not delete anything either.
package store
