// Command cluster lets three processes share one PostgreSQL, has a shop make invoices through any of them
// and payers pay, kills the processes with kill -9 at random and starts them again, and then holds what was
// created, paid, credited and told against each other.
//
//	go run ./examples/cluster
//	go run ./examples/cluster -failover
//
// With -failover the database server is killed in the middle, and its synchronous standby promoted. The
// servers are started from the installed binaries of PostgreSQL; DATABASE_URL names one that runs
// already, for the first mode.
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
	seed     uint64
	program  string // what workers are started from; default this program
}

func main() {
	var o options
	var w workerOptions
	flag.IntVar(&o.invoices, "invoices", 2000, "how many invoices to make")
	flag.IntVar(&o.workers, "workers", 3, "how many processes share the database")
	flag.IntVar(&o.kills, "kills", 20, "how often one of them is killed")
	flag.BoolVar(&o.failover, "failover", false, "lose the database server in the middle")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "what everything at random follows from")
	flag.StringVar(&w.name, "worker", "", "be a worker of this name; for this program's own use")
	flag.StringVar(&w.database, "database", "", "where a worker's database is")
	flag.StringVar(&w.node, "node", "", "where a worker's node is")
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

// run plays one cluster to the end and checks it.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	fmt.Fprintf(out, "seed %d: %d invoices, %d workers, %d kills, failover %t\n", o.seed, o.invoices, o.workers, o.kills, o.failover)
	db, err := openDatabase(ctx, o.failover)
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

// database is where everything is kept.
type database struct {
	url     string // names the standby too, if there is one
	servers []*pgserver.Server
}

func openDatabase(ctx context.Context, failover bool) (*database, error) {
	if given := os.Getenv("DATABASE_URL"); given != "" && !failover {
		return &database{url: given}, nil
	}
	primary, err := pgserver.Start(ctx, pgserver.Config{})
	if err != nil {
		return nil, err
	}
	db := &database{url: primary.URL("postgres"), servers: []*pgserver.Server{primary}}
	if !failover {
		return db, nil
	}
	standby, err := primary.Standby(ctx)
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	db.servers = append(db.servers, standby)
	db.url, err = either(primary.URL("postgres"), standby.URL("postgres"))
	return db, err
}

// either makes a URL that leads to whichever of two servers can be written to.
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

// failOver loses the primary and makes the standby take its place.
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
