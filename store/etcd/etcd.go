package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/queue"
	"github.com/cointill/cointill/store/kv"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	// ErrUnknown means that the writes of an Update may be stored, may be stored in a moment, or may never be.
	ErrUnknown = errors.New("whether it is stored is not known")
	// ErrTooLarge means that an Update writes more than Config or the servers allow. Nothing of it is stored.
	// It is an [invoice.ErrTooLarge].
	ErrTooLarge = fmt.Errorf("it writes more than is allowed: %w", invoice.ErrTooLarge)
	// ErrNoSpace means that the servers have reached their quota (--quota-backend-bytes) and store nothing until an operator
	// has made room. Nothing of the Update is stored.
	ErrNoSpace = errors.New("the servers have reached their quota")
	// ErrServerLimit means that a server takes fewer operations in one transaction than Config allows: raise its
	// --max-txn-ops, or lower Config.MaxOps.
	ErrServerLimit = errors.New("a server takes fewer operations in a transaction (--max-txn-ops) than MaxOps")
)

// Config configures a [DB]. The zero value is ready for use on servers that are set up as the package's documentation says.
type Config struct {
	// Prefix is in front of all keys; default "cointill/". Nothing else may write under it. It keeps apart what shares the
	// servers, so no prefix may begin with another one.
	Prefix string
	// Timeout bounds each request; default 5 s.
	Timeout time.Duration
	// Patience bounds how long a commit is repeated until its outcome is known; default 30 s. Meanwhile all other updates of
	// this DB wait.
	Patience time.Duration
	// MaxOps is how many keys an Update may write; default 20,000. The servers must allow two more (--max-txn-ops, which is 128 by
	// default).
	MaxOps int
	// MaxBytes is how many bytes of keys and values an Update may write; default 8 MiB. Larger ones are refused before
	// anything is sent. Servers refuse what is beyond their --max-request-bytes, and the client what is beyond its
	// MaxCallSendMsgSize.
	MaxBytes int
	// Cache is how many bytes of keys and values are kept for the next updates; default 16 MiB.
	Cache int
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Timeout < 0 || cfg.Patience < 0 || cfg.MaxOps < 0 || cfg.MaxBytes < 0 || cfg.Cache < 0 {
		return cfg, errors.New("etcd: a bound is negative")
	}
	cfg.Prefix = cmp.Or(cfg.Prefix, "cointill/")
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	cfg.Patience = cmp.Or(cfg.Patience, 30*time.Second)
	cfg.MaxOps = cmp.Or(cfg.MaxOps, 20_000)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 8<<20)
	cfg.Cache = cmp.Or(cfg.Cache, 16<<20)
	return cfg, nil
}

var (
	_ kv.DB    = (*DB)(nil)
	_ kv.Ahead = (*viewing)(nil)
)

// DB is a database of keys and values on etcd. Its methods may be called concurrently. It needs no closing; the caller
// closes the client when no method runs any more.
type DB struct {
	client *clientv3.Client
	cfg    Config
	queue  queue.Queue[*job]
	base   base
}

// New returns the database under the prefix. It reads once from as many servers as the client has endpoints, to find that
// one of them takes too few operations ([ErrServerLimit]). It writes nothing and starts nothing.
func New(ctx context.Context, client *clientv3.Client, cfg Config) (*DB, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	db := &DB{client: client, cfg: cfg}
	db.base.turn = make(chan struct{}, 1)
	for range max(1, len(client.Endpoints())) {
		if err := db.probe(ctx); err != nil {
			return nil, fmt.Errorf("etcd: open %q: %w", cfg.Prefix, err)
		}
	}
	return db, nil
}

// probe sends a transaction with as many operations as a commit may have. Its condition never holds, and the operations would
// only read.
func (db *DB) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	ops := make([]clientv3.Op, db.cfg.MaxOps+2) // those of the version as well
	for i := range ops {
		ops[i] = clientv3.OpGet(db.versionKey(), clientv3.WithCountOnly())
	}
	_, err := db.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(db.versionKey()), "<", 0)).Then(ops...).Commit()
	if errors.Is(err, rpctypes.ErrTooManyOps) {
		return fmt.Errorf("%w %d: %w", ErrServerLimit, db.cfg.MaxOps, err)
	}
	return err
}

// viewTries is how often a View is begun anew because its state was compacted away.
const viewTries = 10

// View implements [kv.DB]. The state is the newest one at its first read. If the servers compact it away before the end, f is
// run again on a newer one. It returns an error when that has happened ten times, or when a server has not answered within
// Config.Timeout.
func (db *DB) View(ctx context.Context, f func(kv.Tx) error) error {
	for try := 1; ; try++ {
		t := &viewing{reader: reader{db: db, ctx: ctx}}
		err := f(t)
		if t.err == nil {
			return err
		}
		if !outdated(t.err) || try == viewTries {
			return fmt.Errorf("etcd: view: %w", errors.Join(err, t.err))
		}
	}
}

// Update implements [kv.DB]. It runs f on the caller's goroutine: at once, and again when something that f may have read has
// changed since. Updates of this DB that come while another one is stored are stored together, one after the other, each whole
// or not at all.
//
// Errors are those of f, [ErrTooLarge] and [ErrNoSpace], with which nothing is stored, and [ErrUnknown]. If ctx ends before
// the outcome is known, Update returns at once, with the error of ctx and, if the writes may be stored, ErrUnknown.
// Any other error is of a read, or of a refusal, and nothing is stored. An f that takes long keeps the other updates of this
// DB waiting.
func (db *DB) Update(ctx context.Context, f func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("etcd: update: %w", err)
	}
	j := newJob(ctx, f)
	defer close(j.left)
	s, err := db.latest(ctx, j.begun.Add(-trust))
	if err != nil {
		return fmt.Errorf("etcd: update: %w", err)
	}
	j.first = db.begin(ctx, s, nil)
	j.run(j.first)
	if failed := j.first.err; failed != nil && !outdated(failed) {
		return fmt.Errorf("etcd: update: %w", j.first.out)
	}
	if db.queue.Join(j) {
		go db.lead()
	}
	return db.await(j)
}

// await runs the job whenever it is its turn, until its outcome is known.
func (db *DB) await(j *job) error {
	for {
		select {
		case t := <-j.turns:
			j.run(t)
		case err := <-j.outcome:
			return err
		case <-j.ctx.Done():
			if db.queue.Withdraw(j, func() bool { return false }) {
				return fmt.Errorf("etcd: update: %w", j.ctx.Err())
			}
			select {
			case err := <-j.outcome:
				return err
			default: // the leader has it, and may be about to store it
				return fmt.Errorf("etcd: update: %w: %w", ErrUnknown, j.ctx.Err())
			}
		}
	}
}
