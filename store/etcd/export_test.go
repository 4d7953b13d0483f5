package etcd

// Allow has an open database allow more operations, without asking the servers, which takes them longer than most tests.
func Allow(db *DB, ops int) *DB {
	db.cfg.MaxOps = ops
	return db
}
