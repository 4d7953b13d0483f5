// Command cluster runs three processes on one PostgreSQL, or on a cluster of etcd, a shop that creates invoices through any of them, and payers. It
// kills the processes with kill -9 at random and restarts them, and finally compares what was created, paid, credited and
// reported to the shop.
//
//	go run ./examples/cluster
//	go run ./examples/cluster -failover
//	go run ./examples/cluster -lossy
//	go run ./examples/cluster -etcd
//
// With -failover the database server is killed in the middle, and its synchronous standby promoted. With -lossy the standby
// is asynchronous and lacks the last invoices: then no address, no position of the feed and no message is used a second time,
// the loss is told, and what is left is paid and told as ever. The servers are started from the installed binaries of
// PostgreSQL. Without both, DATABASE_URL can name a running server. With -etcd the three members of a cluster of etcd are killed
// at random as well, and nobody promotes anything; COINTILL_ETCD names the program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cointill/cointill/internal/devchain"
)

type options struct {
	invoices int
	workers  int
	kills    int
	failover bool
	lossy    bool // the standby of the failover lacks the last commits
	etcd     bool
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
	flag.BoolVar(&o.etcd, "etcd", false, "keep everything on three members of etcd, and kill them too")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "what everything at random follows from")
	flag.StringVar(&w.name, "worker", "", "be a worker of this name; for this program's own use")
	flag.StringVar(&w.database, "database", "", "where a worker's database is")
	flag.StringVar(&w.members, "members", "", "where a worker's members of etcd are")
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
	fmt.Fprintf(out, "seed %d: %d invoices, %d workers, %d kills, failover %t, lossy %t, etcd %t\n", o.seed, o.invoices, o.workers, o.kills, o.failover, o.lossy, o.etcd)
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
	c, err := newCluster(ctx, o, db.location(), node)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.play(ctx, db, out); err != nil {
		return err
	}
	return c.check(ctx, out)
}
