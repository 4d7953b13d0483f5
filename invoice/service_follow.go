package invoice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
)

// storeBackoff is the longest pause after a store has failed.
const storeBackoff = 30 * time.Second

// Run follows all networks, expires invoices and runs the dispatcher until ctx ends; then it waits for everything it
// started and returns nil, or the error of the dispatcher. A dispatcher, a network or a store that fails never stops the
// others; networks and stores are retried. Several processes may run on one store: the one that comes second finds its
// step done and continues from there. Run returns an error for a service of [Service.WithTx].
func (s *Service) Run(ctx context.Context) error {
	if s.outer != nil {
		return errors.New("invoice: Run: the service works in a transaction (WithTx): run the original service instead")
	}
	var wg sync.WaitGroup
	for _, n := range s.chains {
		wg.Go(func() { s.follow(ctx, n) })
	}
	wg.Go(func() { s.expireUnchosen(ctx) })
	wg.Go(func() { s.tidy(ctx) })
	if s.cfg.Dispatcher != nil {
		wg.Go(func() { s.hintLate(ctx) })
	}
	err := s.dispatch(ctx)
	wg.Wait()
	return err
}

// dispatch runs the dispatcher, if there is one, until ctx ends.
func (s *Service) dispatch(ctx context.Context) error {
	if s.cfg.Dispatcher == nil {
		return nil
	}
	if err := s.cfg.Dispatcher.Run(ctx); err != nil {
		s.log.Error("dispatcher does not run", "error", err)
		return fmt.Errorf("invoice: Run: Dispatcher: %w", err)
	}
	return nil
}

// Every query of a listing reads what its store has deferred, which takes about a microsecond per change. Catching up
// takes as long for few changes as for thousands: while there are many it is done less often, and so costs each of
// them less.
const (
	tidyKeep  = 2048
	tidyEvery = time.Second
	tidyShare = 5 // of the time, so that the rest is for others
)

// tidy makes the store catch up on what it has deferred, until ctx ends.
func (s *Service) tidy(ctx context.Context) {
	tidier, able := s.cfg.Store.(Tidier)
	if !able {
		return
	}
	s.repeat(ctx, s.duty("tidy"), func(ctx context.Context) error {
		began := time.Now()
		if err := tidier.Tidy(ctx, tidyKeep); err != nil {
			if ctx.Err() == nil {
				s.log.Error("store failed to catch up on listings", "error", err)
			}
			return err
		}
		pause(ctx, max(tidyEvery, (tidyShare-1)*time.Since(began)))
		return nil
	})
}

// follow applies one network's steps until ctx ends.
func (s *Service) follow(ctx context.Context, n *network) {
	s.repeat(ctx, n.duty, func(ctx context.Context) error {
		n.own()
		err := s.advance(ctx, n)
		if err != nil && !notOurs(err) && ctx.Err() == nil {
			s.log.Error("following the network failed", "network", n.id, "error", err)
			n.set(err, true, s.cfg.Now())
		}
		return err
	}, func() { n.set(nil, false, s.cfg.Now()) })
}

// repeat does the work of a duty until ctx ends, less often while it fails. While the duty is another process's, it
// waits and calls elsewhere.
func (s *Service) repeat(ctx context.Context, d *duty, work func(context.Context) error, elsewhere ...func()) {
	defer d.release(ctx)
	failures := 0
	for ctx.Err() == nil {
		err := d.during(ctx, func(ctx context.Context) error {
			for ctx.Err() == nil {
				if err := work(ctx); err != nil {
					return err
				}
				failures = 0
			}
			return ctx.Err()
		})
		switch {
		case ctx.Err() != nil:
		case notOurs(err):
			d.lose()
			for _, tell := range elsewhere {
				tell()
			}
			pause(ctx, d.ttl/5)
		default:
			failures++
			pause(ctx, min(100*time.Millisecond<<min(failures, 16), storeBackoff))
		}
	}
}

// advance reads the network's progress from the store and continues from there until something fails or another process
// has gone further. Failures of the node are not its concern: the watcher paces and reports them.
func (s *Service) advance(ctx context.Context, n *network) error {
	if err := s.checkFloor(ctx, n); err != nil {
		return err
	}
	n.begin()
	p, err := s.progress(ctx, n)
	if err != nil {
		return err
	}
	if err := n.lookAhead(ctx); err != nil {
		return err
	}
	if err := s.wake(ctx, n.id, p.Head, n.duty.fence(), p.Aside); err != nil {
		return err
	}
	for ctx.Err() == nil {
		version := p.Version
		if p, err = s.retryAside(ctx, n, p); err != nil {
			return passOvertaken(err)
		}
		if p.Version != version { // portions left to the clock what it decides
			if err := s.wake(ctx, n.id, p.Head, n.duty.fence(), p.Aside); err != nil {
				return err
			}
		}
		step, err := n.Watcher.Next(ctx, p.Cursor)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn("node did not respond", "network", n.id, "error", err)
			}
			continue
		}
		next, err := s.apply(ctx, n, p, step)
		if err != nil {
			return passOvertaken(err)
		}
		n.set(nil, true, s.cfg.Now())
		if next.Head.AtTip() {
			n.sawEnd(s.cfg.Now())
		}
		if next.Head != p.Head || next.Version > p.Version+1 { // or there were portions
			if err := s.wake(ctx, n.id, next.Head, n.duty.fence(), next.Aside); err != nil {
				return err
			}
		}
		p = next
	}
	return nil
}

// errOvertaken: another process has advanced the network.
var errOvertaken = errors.New("network was advanced elsewhere")

func passOvertaken(err error) error {
	if errors.Is(err, errOvertaken) {
		return nil
	}
	return err
}

// progress returns how far the network was followed, and stores a beginning if it never was.
func (s *Service) progress(ctx context.Context, n *network) (Progress, error) {
	p, err := s.cfg.Store.Network(ctx, n.id)
	if err != nil {
		return Progress{}, fmt.Errorf("invoice: read progress of %s: %w", n.id, err)
	}
	if p.Version > 0 {
		n.setWatched()
		return p, nil
	}
	p = s.firstProgress(n.id)
	if err := s.cfg.Store.Commit(ctx, Batch{Progress: []Progress{p}}); err != nil && !errors.Is(err, ErrConflict) {
		return Progress{}, fmt.Errorf("invoice: begin to watch %s: %w", n.id, err)
	}
	return s.cfg.Store.Network(ctx, n.id)
}

// heartbeat is how often the store records that a chain was seen although nothing happened on it, for other processes.
const heartbeat = time.Minute

// apply stores what a step did: payments, invoices, events, messages and the cursor, in one batch. If an invoice
// changed meanwhile, it decides again on fresh facts. What the store keeps refusing is set aside, and the rest goes on.
func (s *Service) apply(ctx context.Context, n *network, p Progress, step chain.Step) (Progress, error) {
	v := look(n.id, step)
	v.after(n.latestStamp())
	v.resume(p.Aside, step.Head, s.cfg.Now())
	v.veil(p.Aside)
	for _, a := range p.Aside {
		v.recall(a.Seen)
	}
	began := time.Now()
	next := Progress{Network: n.id, Cursor: step.Cursor, Head: advanceHead(p.Head, step, s.cfg.Now().UTC()), Version: p.Version + 1}
	refused := &refusals{named: map[string]refusal{}, untold: n.failures >= failuresBeforeAside}
	for {
		now := s.cfg.Now().UTC()
		b, aside, err := s.digest(ctx, v, p, clock{head: next.Head, now: now}, refused)
		if err != nil {
			if _, untold := errors.AsType[*untoldError](err); untold {
				n.smaller(len(step.Joined))
			}
			return Progress{}, fmt.Errorf("invoice: match %s: %w", n.id, err)
		}
		next.At, next.Aside = now, aside
		if len(b.Update) == 0 && next.Head == p.Head && len(step.Joined) == 0 && !step.Rewound && next.At.Sub(p.At).Abs() < heartbeat {
			return p, nil
		}
		b.Progress, b.Fence = []Progress{next}, n.duty.fence()
		if err := s.stands(ctx, n, p); err != nil {
			return Progress{}, fmt.Errorf("invoice: store step of %s: %w", n.id, err)
		}
		err = s.store(ctx, b)
		if err == nil {
			if n.stored(step); refused.all != "" || refused.large {
				n.asideDue = time.Time{} // most of it was set aside only because it shared a batch with what was refused
			}
			s.report(ctx, n, step, next, time.Since(began))
			s.logAside(n, p.Aside, aside, now)
			return next, nil
		}
		switch {
		case !errors.Is(err, ErrTooLarge) || len(b.Update) == 0:
			err = s.refused(ctx, n, p, b, err, refused)
		case n.shrink(len(step.Joined)):
			return p, nil
		case step.Rewound: // what it takes back cannot be told from what is stored if the chain goes back again meanwhile
			refused.tooLarge(b, err)
			err = nil
		default:
			p, err = s.portions(ctx, n, p, v, fewer(0, len(b.Payments)), refused)
			next.Version = p.Version + 1
		}
		if err != nil {
			n.smaller(len(step.Joined))
			return Progress{}, fmt.Errorf("invoice: store step of %s: %w", n.id, err)
		}
	}
}

// stands returns an error unless the store still has the progress that a step follows. A commit checks only its
// version, which is not enough: a store that has lost its end counts up to the version again as others go on, perhaps
// from an earlier block, and the blocks between would never be read.
func (s *Service) stands(ctx context.Context, n *network, p Progress) error {
	stored, err := s.cfg.Store.Network(ctx, n.id)
	switch {
	case err != nil:
		return fmt.Errorf("read progress: %w", err)
	case stored.Version > p.Version:
		return errOvertaken
	case stored.Version < p.Version || !stored.At.Equal(p.At):
		n.indexes.fellBack()
		n.forgetAhead()
		return errOvertaken
	}
	return nil
}

// refused decides what a refusal of a step means: nil to decide again, on fresh facts or with something set aside.
func (s *Service) refused(ctx context.Context, n *network, p Progress, b Batch, err error, r *refusals) error {
	if ctx.Err() != nil || notOurs(err) {
		return err
	}
	if !errors.Is(err, ErrConflict) {
		// Either the store is down or it cannot take some row. Leaving all rows out shows which.
		if n.failures < failuresBeforeAside || len(b.Update) == 0 || r.all != "" {
			return err
		}
		r.all = err.Error()
		return nil
	}
	if err := s.stands(ctx, n, p); err != nil {
		return err
	}
	r.conflict(b, err)
	if r.tries++; r.tries == maxTries {
		return err
	}
	return nil
}

func (s *Service) report(ctx context.Context, n *network, step chain.Step, next Progress, took time.Duration) {
	on := Label{"network", string(n.id)}
	s.cfg.Meter.Time(ctx, MeterStep, took, on)
	s.cfg.Meter.Level(ctx, MeterHeight, int64(next.Head.Height), on)
	s.cfg.Meter.Level(ctx, MeterBehind, int64(n.Watcher.Lag().Blocks()), on)
	transactions := int64(0)
	for _, a := range next.Aside {
		if a.Unexamined != nil {
			transactions++
		}
	}
	s.cfg.Meter.Level(ctx, MeterAside, int64(len(next.Aside))-transactions, on, Label{"of", "invoice"})
	s.cfg.Meter.Level(ctx, MeterAside, transactions, on, Label{"of", "transaction"})
	if step.Rewound {
		s.cfg.Meter.Count(ctx, MeterForks, 1, on)
		s.log.Warn("chain reorganised", "network", n.id, "fork", step.Fork, "head", next.Head.Height)
	}
}

// expireUnchosen expires invoices for which no asset was chosen, by our clock: no chain's time applies to them.
func (s *Service) expireUnchosen(ctx context.Context) {
	d := s.duty("expire")
	s.repeat(ctx, d, func(ctx context.Context) error {
		err := s.wake(ctx, "", chain.Head{Time: s.cfg.Now().UTC()}, d.fence(), nil)
		if err != nil && !notOurs(err) && ctx.Err() == nil {
			s.log.Error("expiring invoices without an asset failed", "error", err)
		}
		if err == nil {
			pause(ctx, s.cfg.Poll)
		}
		return err
	})
}
