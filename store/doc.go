// Package store defines [Backend], everything that a database provides for this library, and [Memory], the reference
// implementation: maps under one mutex, for tests and first steps. Its contents are lost when the process ends.
//
//	db := store.NewMemory()
//	err := db.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{created}})
//
// Adapters for databases live in the folders below, such as store/sqlite. To write a custom one for a transactional
// database of keys and values, start with store/kv. Package store/storetest proves any adapter in one call.
//
// [Seal] keeps the secrets in any backend sealed. [FloorFile] notices that a database has lost its end, for example
// because a backup was restored.
//
// The package decides nothing: package invoice defines what belongs together and what it means. It deletes nothing
// either.
package store
