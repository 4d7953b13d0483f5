// Package store says what a database serves for this library, [Backend], and has the reference
// implementation, [Memory]: maps under one mutex, for tests and first steps, gone with the process.
//
//	db := store.NewMemory()
//	err := db.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{created}})
//
// Adapters for databases live in the folders below, such as store/sqlite. Package store/storetest
// proves an adapter, also one of your own, in one call.
//
// The package does not decide anything: what belongs together, and what it means, is the business of
// package invoice. It does not delete anything either.
package store
