package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

// cluster is the workers, the shop and the payers.
type cluster struct {
	o          options
	store      store.Backend
	closeStore func()
	node       *devchain.Chain
	shop       *shop
	workers    []*worker
	calm       sync.Mutex       // held while a worker is killed, and while none may be
	feed       map[int64]string // events by their positions, as a reader of the feed has seen them
}

func newCluster(ctx context.Context, o options, at location, node *devchain.Chain) (*cluster, error) {
	c := &cluster{o: o, node: node, feed: map[int64]string{}}
	var err error
	if c.store, c.closeStore, err = at.open(ctx); err != nil {
		return nil, err
	}
	if err := c.open(ctx, at); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cluster) open(ctx context.Context, at location) error {
	projects, err := invoice.NewProjects(c.store, nil)
	if err != nil {
		return err
	}
	if c.shop, err = openShop(ctx, projects); err != nil {
		return err
	}
	for i := range c.o.workers {
		addr, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		w := &worker{program: c.o.program, args: []string{
			"-worker", fmt.Sprint(i + 1), "-database", at.database, "-members", at.members, "-node", c.node.URL(), "-listen", addr, "-floors", c.shop.floors,
		}}
		if err := w.start(); err != nil {
			return err
		}
		c.workers = append(c.workers, w)
		c.shop.tills = append(c.shop.tills, "http://"+addr)
	}
	return nil
}

// freeAddress returns an address that a worker can use in all of its lives.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// play creates the shop's invoices, pays them and kills workers, until everything is paid and reported.
func (c *cluster) play(ctx context.Context, db database, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel(nil)
		wg.Wait()
	}()
	part := func(f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	part(c.mine)
	part(c.kill)
	part(func(ctx context.Context) error { return db.harass(ctx, c.o) })
	part(c.read)
	orders := make(chan *order, c.o.invoices)
	part(func(ctx context.Context) error { return c.shop.buy(ctx, c.o, orders) })
	first := &payer{node: c.node, rng: rand.New(rand.NewPCG(c.o.seed, 2))}
	part(func(ctx context.Context) error {
		for n := 1; ; n++ {
			select {
			case o, more := <-orders:
				if !more {
					return nil
				}
				if err := first.pay(ctx, o); err != nil {
					return err
				}
			case <-ctx.Done():
				return nil
			}
			if n == c.o.invoices*2/5 && c.o.lossy {
				if err := c.detach(ctx, db, first); err != nil {
					return err
				}
			}
			if n == c.o.invoices/2 && c.o.failover {
				if err := c.failOver(ctx, db, out); err != nil {
					return err
				}
			}
		}
	})
	if c.o.lossy {
		other := &payer{node: c.node, rng: rand.New(rand.NewPCG(c.o.seed, 4))}
		part(func(ctx context.Context) error { return c.shop.recover(ctx, c.o, other) })
	}
	for c.shop.told() < c.o.orders() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d invoices told as completed: %w", c.shop.told(), c.o.orders(), context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func (c *cluster) mine(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := c.node.Mine(1); err != nil {
			return err
		}
		pause(ctx, 250*time.Millisecond)
	}
	return nil
}

// detach makes the standby lack what comes now, and so an order of a worker that begins anew and takes new numbers: their
// floor shows even to workers that have seen nothing else of what was lost.
func (c *cluster) detach(ctx context.Context, db database, p *payer) error {
	if err := errors.Join(db.detach(ctx), c.killOne(ctx, c.workers[0], 0)); err != nil {
		return err
	}
	late, err := c.shop.orderAt(ctx, func() string { return c.shop.tills[0] }, "late-order")
	if err != nil {
		return err
	}
	return p.pay(ctx, late)
}

// failOver loses the database server. If its standby lacks something, the workers are down until it is promoted, because one
// that goes on could store events before it has noticed; then one of them must say so.
func (c *cluster) failOver(ctx context.Context, db database, out io.Writer) error {
	c.calm.Lock()
	defer c.calm.Unlock()
	fmt.Fprintln(out, "the database server is lost, and its standby promoted")
	c.shop.mu.Lock()
	c.shop.restored = c.o.lossy
	c.shop.mu.Unlock()
	if !c.o.lossy {
		return db.fail(ctx)
	}
	for _, w := range c.workers {
		w.stop()
	}
	errs := []error{db.fail(ctx)}
	for _, w := range c.workers {
		errs = append(errs, w.start())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for pause(ctx, 50*time.Millisecond) {
		for i, till := range c.shop.tills {
			if lost, at := lostEnd(ctx, till); lost {
				fmt.Fprintf(out, "worker %d says that the store has lost its end, at %s\n", i+1, at)
				return nil
			}
		}
	}
	return ctx.Err()
}

// lostEnd reports whether a worker says that the store has lost its latest part, and when it was found.
func lostEnd(ctx context.Context, till string) (lost bool, at string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, till+"/ready", nil)
	if err != nil {
		return false, ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, "" // it is restarting
	}
	defer res.Body.Close()
	var said struct {
		Networks []struct {
			LostEnd string `json:"lost_end"`
		} `json:"networks"`
	}
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		return false, ""
	}
	for _, n := range said.Networks {
		if n.LostEnd != "" {
			return true, n.LostEnd
		}
	}
	return false, ""
}

// read reads the feed as it grows. Where the store has lost its end, it goes on from what the store says.
func (c *cluster) read(ctx context.Context) error {
	for last := int64(0); pause(ctx, 20*time.Millisecond); {
		page, err := c.store.Events(ctx, last, 500)
		var beyond *invoice.PositionError
		switch {
		case errors.As(err, &beyond):
			last = beyond.Last
		case err != nil:
			continue // while the server is replaced
		}
		for _, ev := range page {
			if known, is := c.feed[ev.Position]; is && known != ev.ID {
				return fmt.Errorf("position %d of the feed had event %s and has %s", ev.Position, known, ev.ID)
			}
			c.feed[ev.Position], last = ev.ID, ev.Position
		}
	}
	return nil
}

// kill kills a random worker with kill -9, and restarts it a moment later.
func (c *cluster) kill(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(c.o.seed, 1))
	for range c.o.kills {
		if !pause(ctx, time.Duration(rng.Int64N(int64(time.Second)))) {
			break
		}
		if err := c.killOne(ctx, c.workers[rng.IntN(len(c.workers))], time.Duration(rng.Int64N(int64(300*time.Millisecond)))); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) killOne(ctx context.Context, w *worker, dead time.Duration) error {
	c.calm.Lock()
	defer c.calm.Unlock()
	w.stop()
	pause(ctx, dead)
	return w.start()
}

// pause waits, and reports whether it did so until the end; otherwise ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (c *cluster) close() error {
	for _, w := range c.workers {
		w.stop()
	}
	if c.shop != nil {
		_ = c.shop.server.Close()
	}
	c.closeStore()
	return nil
}

// worker is one process, which is killed and restarted.
type worker struct {
	program string
	args    []string

	mu     sync.Mutex // guards what follows
	cmd    *exec.Cmd
	leash  io.Closer
	ended  chan struct{}
	closed bool
}

// start starts the process. It is restarted if it ends without being killed, for example because the database was not
// available at its start.
func (w *worker) start() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	program := w.program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	cmd := exec.Command(program, w.args...)
	leash, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.cmd, w.leash, w.closed = cmd, leash, false
	ended := make(chan struct{})
	w.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
		w.mu.Lock()
		again := w.cmd == cmd && !w.closed
		w.mu.Unlock()
		if again {
			time.Sleep(200 * time.Millisecond)
			_ = w.start()
		}
	}()
	return nil
}

// stop kills the process with kill -9.
func (w *worker) stop() {
	w.mu.Lock()
	w.closed = true
	cmd, leash, ended := w.cmd, w.leash, w.ended
	w.mu.Unlock()
	_ = cmd.Process.Kill()
	<-ended
	_ = leash.Close()
}
