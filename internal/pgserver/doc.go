// Package pgserver runs real PostgreSQL servers for tests and examples, on this machine and for this process only: they
// listen on a Unix socket in a private directory, and end with the process.
//
//	primary, err := pgserver.Start(ctx, pgserver.Config{})
//	...
//	defer primary.Stop()
//	standby, err := primary.Standby(ctx) // a commit now waits for it
//	...
//	err = primary.Kill()
//	err = standby.Promote(ctx)
//	pool, err := pgxpool.New(ctx, standby.URL("postgres"))
//
// It does not install PostgreSQL; [ErrNoServer] describes where it looks for it.
package pgserver
