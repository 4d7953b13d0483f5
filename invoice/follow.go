package invoice

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
)

// wakingPage is how many invoices are decided in one batch when their time has come.
const wakingPage = 200

// maxTries bounds how often a step is decided again because something changed meanwhile.
const maxTries = 50

// storeBackoff bounds the pause after a store has failed.
const storeBackoff = 30 * time.Second

// Run follows all networks, and lets invoices expire, until ctx ends; then it waits for everything it
// started and returns nil. A network or a store that fails is tried again and never stops the others.
// Several processes may run on one store: whoever comes second finds its step done and goes on from
// there.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, n := range s.chains {
		wg.Go(func() { s.follow(ctx, n) })
	}
	wg.Go(func() { s.expireUnchosen(ctx) })
	wg.Go(func() { s.tidy(ctx) })
	wg.Wait()
	return nil
}

// Every query of a listing looks at what its store has put off, which takes about a microsecond a change. Catching up
// takes as long for few changes as for thousands: while there are many it is done less often, and so costs each of
// them less.
const (
	tidyKeep  = 2048
	tidyEvery = time.Second
	tidyShare = 5 // of the time, so that the rest is for others
)

// tidy has the store catch up on what it puts off, until ctx ends.
func (s *Service) tidy(ctx context.Context) {
	tidier, able := s.cfg.Store.(Tidier)
	if !able {
		return
	}
	d := s.duty("tidy")
	defer d.release(ctx)
	s.repeat(ctx, d, func() error {
		if _, err := d.hold(ctx); err != nil {
			return err
		}
		began := time.Now()
		if err := tidier.Tidy(ctx, tidyKeep); err != nil {
			if ctx.Err() == nil {
				s.log.Error("store cannot catch up on listings", "error", err)
			}
			return err
		}
		pause(ctx, max(tidyEvery, (tidyShare-1)*time.Since(began)))
		return nil
	})
}

// follow applies one network's steps until ctx ends.
func (s *Service) follow(ctx context.Context, n *network) {
	d := s.duty("follow " + string(n.id))
	defer d.release(ctx)
	s.repeat(ctx, d, func() error {
		err := s.advance(ctx, n, d)
		n.set(err, err == nil || !notOurs(err))
		if err != nil && !notOurs(err) && ctx.Err() == nil {
			s.log.Error("network cannot be followed", "network", n.id, "error", err)
		}
		return err
	})
}

// repeat does the work of a duty until ctx ends, less often while it fails, and waits while it is
// another process's.
func (s *Service) repeat(ctx context.Context, d *duty, work func() error) {
	failures := 0
	for ctx.Err() == nil {
		err := work()
		switch {
		case err == nil:
			failures = 0
		case notOurs(err):
			d.lose()
			pause(ctx, d.ttl/5)
		default:
			failures++
			pause(ctx, min(100*time.Millisecond<<min(failures, 16), storeBackoff))
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// advance takes the network's progress from the store and goes on from there until something fails or
// somebody else has gone further. Failures of the node are not its own: the watcher paces and
// reports them.
func (s *Service) advance(ctx context.Context, n *network, d *duty) error {
	fence, err := d.hold(ctx)
	if err != nil {
		return err
	}
	p, err := s.progress(ctx, n)
	if err != nil {
		return err
	}
	if err := s.wake(ctx, n.id, p.Head, fence); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if fence, err = d.hold(ctx); err != nil {
			return err
		}
		n.set(nil, true)
		step, err := n.Watcher.Next(ctx, p.Cursor)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn("node did not answer", "network", n.id, "error", err)
			}
			continue
		}
		next, err := s.apply(ctx, n, p, step, fence)
		if errors.Is(err, errOvertaken) {
			return nil
		}
		if err != nil {
			return err
		}
		if next.Head != p.Head {
			if err := s.wake(ctx, n.id, next.Head, fence); err != nil {
				return err
			}
		}
		p = next
	}
	return nil
}

// progress answers how far the network was followed, and makes a beginning if it never was.
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

// errOvertaken: another process has advanced the network.
var errOvertaken = errors.New("network was advanced elsewhere")

// apply stores what a step did: payments, invoices, events, messages and the cursor, in one batch. If
// an invoice changed meanwhile it decides again on fresh facts.
func (s *Service) apply(ctx context.Context, n *network, p Progress, step chain.Step, fence Lease) (Progress, error) {
	v := look(n.id, step)
	began := time.Now()
	next := Progress{Network: n.id, Cursor: step.Cursor, Head: advanceHead(p.Head, step, s.cfg.Now().UTC()), Version: p.Version + 1}
	for try := 1; ; try++ {
		batch, err := s.digest(ctx, v, next)
		if err != nil {
			return Progress{}, fmt.Errorf("invoice: match %s: %w", n.id, err)
		}
		if len(batch.Update) == 0 && next.Head == p.Head && len(step.Joined) == 0 && !step.Rewound {
			return p, nil
		}
		batch.Progress, batch.Fence = []Progress{next}, fence
		err = s.store(ctx, batch)
		if err == nil {
			s.report(ctx, n, step, next, time.Since(began))
			return next, nil
		}
		// A conflict that fresh facts do not solve is for Health to show, at the pace of failures.
		if !errors.Is(err, ErrConflict) || try == maxTries {
			return Progress{}, fmt.Errorf("invoice: store step of %s: %w", n.id, err)
		}
		stored, err := s.cfg.Store.Network(ctx, n.id)
		if err != nil {
			return Progress{}, fmt.Errorf("invoice: read progress of %s: %w", n.id, err)
		}
		if stored.Version != p.Version {
			return Progress{}, errOvertaken
		}
		if ctx.Err() != nil {
			return Progress{}, ctx.Err()
		}
	}
}

// advanceHead is the head after a step. A finality that was reached stays reached, though a node may fail
// to say so at times.
func advanceHead(before chain.Head, step chain.Step, now time.Time) chain.Head {
	head := step.Head
	head.Time = chainTime(before.Time, head.Time.UTC(), now)
	if !step.Rewound {
		head.Safe = max(head.Safe, min(before.Safe, head.Height))
		head.Finalized = max(head.Finalized, min(before.Finalized, head.Height))
	}
	return head
}

// chainTime is what deadlines are held against. What was seen of a chain's time stays seen, and no
// block takes it further than our own clock: stamps can lie.
func chainTime(before, stamp, now time.Time) time.Time {
	if stamp.After(now) {
		stamp = now
	}
	if stamp.Before(before) {
		return before
	}
	return stamp
}

func (s *Service) report(ctx context.Context, n *network, step chain.Step, next Progress, took time.Duration) {
	on := Label{"network", string(n.id)}
	s.cfg.Meter.Time(ctx, MeterStep, took, on)
	s.cfg.Meter.Level(ctx, MeterHeight, int64(next.Head.Height), on)
	s.cfg.Meter.Level(ctx, MeterBehind, int64(n.Watcher.Lag().Blocks()), on)
	if step.Rewound {
		s.cfg.Meter.Count(ctx, MeterForks, 1, on)
		s.log.Warn("chain reorganised", "network", n.id, "fork", step.Fork, "head", next.Head.Height)
	}
}

// digest decides about every invoice that a step touches.
func (s *Service) digest(ctx context.Context, v view, next Progress) (Batch, error) {
	touched, mine, err := s.touched(ctx, v)
	if err != nil {
		return Batch{}, err
	}
	c := clock{head: next.Head, now: s.cfg.Now().UTC()}
	var b Batch
	for _, before := range touched {
		changes := absorb(before, mine[before.ID], v, c.now)
		if len(changes) == 0 {
			continue
		}
		for i := range changes {
			changes[i].payment = s.value(ctx, before, changes[i].payment)
		}
		ic, err := s.clockFor(ctx, before, v.network, c)
		if err != nil {
			return Batch{}, err
		}
		d, err := decided(before, merge(before, changes), changes, nil, Action{}, ic)
		if err != nil {
			return Batch{}, err
		}
		s.put(&b, d)
	}
	return b, nil
}

// clockFor is the clock of an invoice that a step touches: that of its own network, which is another
// one when money was sent on the wrong network.
func (s *Service) clockFor(ctx context.Context, inv Invoice, stepping chain.Network, c clock) (clock, error) {
	if inv.Network() == stepping {
		return s.withOldest(ctx, inv, c)
	}
	own, err := s.chainClock(ctx, inv.Network())
	if err != nil {
		return clock{}, err
	}
	own.now = c.now
	return s.withOldest(ctx, inv, own)
}

// withOldest adds how far the networks have come, of which the invoice holds places from an earlier choice: a place must
// not be given up while its network is not being seen.
func (s *Service) withOldest(ctx context.Context, inv Invoice, c clock) (clock, error) {
	c.oldest = c.head.Time
	for _, claim := range inv.held() {
		if claim.Network == inv.Network() {
			continue
		}
		p, err := s.cfg.Store.Network(ctx, claim.Network)
		if err != nil {
			return clock{}, fmt.Errorf("invoice: read progress of %s: %w", claim.Network, err)
		}
		if p.Head.Time.Before(c.oldest) {
			c.oldest = p.Head.Time
		}
	}
	return c, nil
}

// touched answers the invoices that a step may concern, by id, and which sightings are whose.
func (s *Service) touched(ctx context.Context, v view) ([]Invoice, map[string][]sighting, error) {
	found := map[string]Invoice{}
	mine, err := s.matched(ctx, v, found)
	if err != nil {
		return nil, nil, err
	}
	from := uint64(Unconfirmed - 1)
	if v.rewound {
		from = v.fork
	}
	if v.rewound || v.poolKnown {
		list, err := s.cfg.Store.InvoicesAbove(ctx, v.network, from)
		if err = s.passOver(v.network, err); err != nil {
			return nil, nil, err
		}
		for _, inv := range list {
			found[inv.ID] = inv
		}
	}
	ids := slices.Sorted(maps.Keys(found))
	out := make([]Invoice, len(ids))
	for i, id := range ids {
		out[i] = found[id]
	}
	return out, mine, nil
}

// matched answers which sightings are whose, and puts those invoices among the found ones.
func (s *Service) matched(ctx context.Context, v view, found map[string]Invoice) (map[string][]sighting, error) {
	if len(v.to) == 0 {
		return nil, nil
	}
	c, err := s.candidates(ctx, v)
	if err != nil {
		return nil, err
	}
	byAddress := map[chain.Address][]Invoice{}
	reused := map[chain.Address]bool{}
	for _, inv := range c.invoices {
		found[inv.ID] = inv
		for _, q := range inv.quotes() {
			byAddress[q.Address] = append(byAddress[q.Address], inv)
			reused[q.Address] = reused[q.Address] || q.Quarantine > 0 || q.Slot != "" || inv.Terms.Remainder
		}
	}
	owners, damaged, err := s.owners(ctx, v, reused, found)
	if err != nil {
		return nil, err
	}
	mine := map[string][]sighting{}
	for address, sightings := range v.to {
		for _, sight := range sightings {
			key := sight.transfer.Key()
			id := owners[key]
			// Nobody gets what may belong to an invoice that cannot be read.
			if i, ok := match(byAddress[address], sight.transfer); ok && id == "" && !c.damaged[address] && !damaged[key] {
				id = byAddress[address][i].ID
			}
			if id != "" {
				mine[id] = append(mine[id], sight)
			}
		}
	}
	return mine, nil
}

// candidates are the invoices that sightings may belong to.
type candidates struct {
	invoices []Invoice
	damaged  map[chain.Address]bool // addresses that had others too, which cannot be read
}

// candidates asks for the holders of the addresses, and then for the slots of those that are shared. Whether one is, is
// for the store to say and not for the configuration, which may have changed since: it has a remainder.
func (s *Service) candidates(ctx context.Context, v view) (candidates, error) {
	c := candidates{damaged: map[chain.Address]bool{}}
	var places, slots []Place
	for address := range v.to {
		places = append(places, Place{Address: address})
	}
	if err := s.at(ctx, v, places, &c); err != nil {
		return c, err
	}
	for _, inv := range c.invoices {
		if inv.Terms.Remainder && inv.Network() == v.network {
			for _, sight := range v.to[inv.Quote.Address] {
				slots = append(slots, Place{inv.Quote.Address, slotOf(sight.transfer.Asset, sight.transfer.Units)})
			}
		}
	}
	if len(slots) == 0 {
		return c, nil
	}
	return c, s.at(ctx, v, slots, &c)
}

// at adds the invoices at the places to the candidates. When some cannot be read it asks for each place alone, to
// know which are concerned.
func (s *Service) at(ctx context.Context, v view, places []Place, c *candidates) error {
	list, err := s.cfg.Store.InvoicesAt(ctx, places)
	c.invoices = append(c.invoices, list...)
	if _, damaged := errors.AsType[*DamagedError](err); damaged {
		for _, place := range places {
			if _, alone := s.cfg.Store.InvoicesAt(ctx, []Place{place}); alone != nil {
				c.damaged[place.Address] = true
			}
		}
	}
	return s.passOver(v.network, err)
}

// owners says whose those payments are that are known already, at addresses that have several invoices one after
// the other: a payment stays with the invoice that has it, whoever holds the place now. It also answers the
// payments of invoices that cannot be read.
func (s *Service) owners(ctx context.Context, v view, reused map[chain.Address]bool, found map[string]Invoice) (map[chain.Key]string, map[chain.Key]bool, error) {
	var keys []chain.Key
	for address := range reused {
		for _, sight := range v.to[address] {
			if reused[address] {
				keys = append(keys, sight.transfer.Key())
			}
		}
	}
	if len(keys) == 0 {
		return nil, nil, nil
	}
	list, err := s.cfg.Store.InvoicesPaidBy(ctx, keys)
	unreadable := map[chain.Key]bool{}
	if _, damaged := errors.AsType[*DamagedError](err); damaged {
		for _, key := range keys {
			if _, alone := s.cfg.Store.InvoicesPaidBy(ctx, []chain.Key{key}); alone != nil {
				unreadable[key] = true
			}
		}
	}
	if err = s.passOver(v.network, err); err != nil {
		return nil, nil, err
	}
	out := map[chain.Key]string{}
	for _, inv := range list {
		found[inv.ID] = inv
		for _, p := range inv.Payments {
			out[p.Key] = inv.ID
		}
	}
	return out, unreadable, nil
}

// passOver reports invoices that cannot be read and lets the others go on. What it cannot help is
// answered. Once a row is repaired, an older cursor in the store has its blocks read again.
func (s *Service) passOver(id chain.Network, err error) error {
	var damaged *DamagedError
	if !errors.As(err, &damaged) {
		return err
	}
	s.log.Error("stored invoices are damaged and passed over", "network", id, "invoices", damaged.Invoices, "error", damaged.Err)
	if n := s.chains[id]; n != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.damaged = damaged.Invoices
	}
	return nil
}

// wake decides about the invoices whose time has come with the head, page by page.
func (s *Service) wake(ctx context.Context, id chain.Network, head chain.Head, fence Lease) error {
	for {
		page, err := s.cfg.Store.InvoicesWaking(ctx, id, head, wakingPage)
		if err = s.passOver(id, err); err != nil {
			return fmt.Errorf("invoice: look for what matures on %s: %w", id, err)
		}
		if len(page) == 0 {
			return nil
		}
		b, err := s.wakeAll(ctx, page, clock{head: head, now: s.cfg.Now().UTC()})
		if err != nil {
			return err
		}
		b.Fence = fence
		err = s.store(ctx, b)
		if err != nil && !errors.Is(err, ErrConflict) {
			return fmt.Errorf("invoice: store what matures on %s: %w", id, err)
		}
		// What does not go to sleep again must not keep others from being looked at.
		if err == nil && (len(page) < wakingPage || !movesOn(page, b.Update)) || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// movesOn says whether one of the invoices wakes at another time than before.
func movesOn(before, after []Invoice) bool {
	for i := range before {
		if before[i].State.Wake != after[i].State.Wake {
			return true
		}
	}
	return false
}

// wakeAll decides about invoices whose facts are as they were but whose clock has moved.
func (s *Service) wakeAll(ctx context.Context, page []Invoice, c clock) (Batch, error) {
	var b Batch
	for _, before := range page {
		var changes []change
		for _, p := range before.Payments {
			if valued := s.value(ctx, before, p); (valued.Credit == nil) != (p.Credit == nil) || (valued.Rerated == nil) != (p.Rerated == nil) {
				changes = append(changes, change{payment: valued})
			}
		}
		ic, err := s.withOldest(ctx, before, c)
		if err != nil {
			return Batch{}, err
		}
		d, err := decided(before, merge(before, changes), changes, nil, Action{}, ic)
		if err != nil {
			return Batch{}, err
		}
		s.put(&b, d)
	}
	return b, nil
}

// expireUnchosen lets invoices expire that nobody chose an asset for: no chain can tell their time.
func (s *Service) expireUnchosen(ctx context.Context) {
	d := s.duty("expire")
	defer d.release(ctx)
	s.repeat(ctx, d, func() error {
		fence, err := d.hold(ctx)
		if err == nil {
			err = s.wake(ctx, "", chain.Head{Time: s.cfg.Now().UTC()}, fence)
		}
		if err != nil && !notOurs(err) && ctx.Err() == nil {
			s.log.Error("invoices without an asset cannot be looked at", "error", err)
		}
		if err == nil {
			pause(ctx, s.cfg.Poll)
		}
		return err
	})
}

// set remembers how the network stands, for Health.
func (n *network) set(err error, ours bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ours = ours
	if n.err = err; !ours {
		n.err = nil
	}
}
