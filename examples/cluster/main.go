// Command cluster runs three processes on one PostgreSQL, a shop that creates invoices through any of them, and payers. It
// kills the processes with kill -9 at random and restarts them, and finally compares what was created, paid, credited and
// reported to the shop.
//
//	go run ./examples/cluster
//	go run ./examples/cluster -failover
//	go run ./examples/cluster -lossy
//
// With -failover the database server is killed in the middle, and its synchronous standby promoted. With -lossy the standby
// is asynchronous and lacks the last invoices: then no address, no position of the feed and no message is used a second time,
// the loss is told, and what is left is paid and told as ever. The servers are started from the installed binaries of PostgreSQL. Without both, DATABASE_URL can name a running server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/internal/pgserver"
)

type options struct {
	invoices int
	workers  int
	kills    int
	failover bool
	lossy    bool // the standby of the failover lacks the last commits
	seed     uint64
	program  string // program of the workers; default this one
}

// orders is how many there are in all: one more where a part of them is lost.
func (o options) orders() int {
	if o.lossy {
		return o.invoices + 1
	}
	return o.invoices
}

func main() {
	var o options
	var w workerOptions
	flag.IntVar(&o.invoices, "invoices", 2000, "how many invoices to make")
	flag.IntVar(&o.workers, "workers", 3, "how many processes share the database")
	flag.IntVar(&o.kills, "kills", 20, "how often one of them is killed")
	flag.BoolVar(&o.failover, "failover", false, "lose the database server in the middle")
	flag.BoolVar(&o.lossy, "lossy", false, "lose it with what was committed last")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "what everything at random follows from")
	flag.StringVar(&w.name, "worker", "", "be a worker of this name; for this program's own use")
	flag.StringVar(&w.database, "database", "", "where a worker's database is")
	flag.StringVar(&w.node, "node", "", "where a worker's node is")
	flag.StringVar(&w.floors, "floors", "", "where the floors of a worker's numbers are")
	flag.StringVar(&w.listen, "listen", "", "where a worker listens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if w.name != "" {
		err = work(ctx, w)
	} else {
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// patience bounds the whole run.
const patience = 5 * time.Minute

// run runs one cluster to the end and checks it.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o.failover = o.failover || o.lossy
	fmt.Fprintf(out, "seed %d: %d invoices, %d workers, %d kills, failover %t, lossy %t\n", o.seed, o.invoices, o.workers, o.kills, o.failover, o.lossy)
	db, err := openDatabase(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	node, err := devchain.Start(devchain.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	c, err := newCluster(ctx, o, db.url, node)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.play(ctx, db, out); err != nil {
		return err
	}
	return c.check(ctx, out)
}

// database is the database of the cluster.
type database struct {
	url     string // includes the standby, if there is one
	servers []*pgserver.Server
}

func openDatabase(ctx context.Context, o options) (*database, error) {
	if given := os.Getenv("DATABASE_URL"); given != "" && !o.failover {
		return &database{url: given}, nil
	}
	primary, err := pgserver.Start(ctx, pgserver.Config{})
	if err != nil {
		return nil, err
	}
	db := &database{url: primary.URL("postgres"), servers: []*pgserver.Server{primary}}
	if !o.failover {
		return db, nil
	}
	begin := primary.Standby
	if o.lossy {
		begin = primary.AsyncStandby
	}
	standby, err := begin(ctx)
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	db.servers = append(db.servers, standby)
	db.url, err = either(primary.URL("postgres"), standby.URL("postgres"))
	return db, err
}

// either returns a URL that connects to whichever of two servers accepts writes.
func either(first, second string) (string, error) {
	a, err := url.Parse(first)
	if err != nil {
		return "", err
	}
	b, err := url.Parse(second)
	if err != nil {
		return "", err
	}
	q := a.Query()
	q.Set("host", q.Get("host")+","+b.Query().Get("host"))
	q.Set("target_session_attrs", "read-write")
	q.Set("connect_timeout", "5")
	a.RawQuery = q.Encode()
	return a.String(), nil
}

// detach makes the standby lack what is committed from now on.
func (db *database) detach(ctx context.Context) error { return db.servers[1].Detach(ctx) }

// failOver kills the primary and promotes the standby.
func (db *database) failOver(ctx context.Context) error {
	if err := db.servers[0].Kill(); err != nil {
		return err
	}
	return db.servers[1].Promote(ctx)
}

func (db *database) close() error {
	var errs []error
	for _, s := range db.servers {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}
