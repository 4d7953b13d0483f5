package invoicetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
)

// life is a store until another one replaces it.
type life struct{ store invoice.Store }

// entry is a change of the store. Replaying all entries reproduces a store, except for leases and deliveries: all messages
// of a restored store are due again.
type entry struct {
	batch  invoice.Batch
	before map[string]was // the batch's invoices before it

	wallet   string // wallet of which numbers were reserved instead
	first, n uint32 // n is 0 for a number that had been freed
}

// did records a change in the worlds whose store may be restored.
func (w *world) did(e entry) {
	if !w.traits.restores {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.wallet == "" {
		e.before = map[string]was{}
		for _, inv := range slices.Concat(e.batch.Insert, e.batch.Update) {
			if old, known := w.was[inv.ID]; known {
				e.before[inv.ID] = old
			}
		}
	}
	e.batch.Fence = invoice.Lease{}
	w.journal = append(w.journal, e)
}

// again replays the entry to another store.
func (e entry) again(s invoice.Store) error {
	ctx := context.Background()
	if e.wallet == "" {
		return s.Commit(ctx, e.batch)
	}
	take := func() (uint32, error) { return s.ReserveIndexes(ctx, e.wallet, e.n) }
	if e.n == 0 {
		take = func() (uint32, error) { return s.TakeIndex(ctx, e.wallet) }
	}
	if first, err := take(); err != nil || first != e.first {
		return fmt.Errorf("number %d was handed out, and now %d: %w", e.first, first, cmp.Or(err, errStore))
	}
	return nil
}

// restore replaces the world's store by one with only the first changes. The world forgets what it knows about the rest,
// except for what must never occur again: addresses that were shown, and events that were delivered.
func (w *world) restore(keep int) (position int64) {
	w.committing <- struct{}{}
	defer func() { <-w.committing }()
	fresh := w.cfg.Open(w.t)
	w.mu.Lock()
	kept, lost := w.journal[:keep:keep], w.journal[keep:]
	w.journal = kept
	w.mu.Unlock()
	for _, e := range kept {
		if err := e.again(fresh); err != nil {
			w.fail(ruleReplays, "what was done to a store cannot be done again: %v", err)
			return 0
		}
	}
	w.life.Store(&life{fresh})
	w.totals.Restores++
	shown := map[chain.Address]string{}
	for _, inv := range w.seen {
		for address := range addresses(inv) {
			shown[address] = inv.ID
		}
	}
	position = w.forget(kept, lost)
	w.readFeed()
	w.resume(position)
	clear(w.issued)
	w.all()
	for address, id := range shown {
		if !w.issued[address] && w.ownerOf(address) != "somebody else" {
			w.lost[address] = id
		}
	}
	for _, t := range w.chains {
		if p, err := fresh.Network(context.Background(), t.net); err == nil {
			w.mu.Lock()
			w.time[t.net] = p.Head.Time
			w.mu.Unlock()
		}
	}
	w.shop.restored(w)
	return position
}

// forget removes what the world knows about the lost part, and returns the position of a reader of the feed.
func (w *world) forget(kept, lost []entry) (position int64) {
	w.terms.forget()
	clear(w.firstSeen)
	clear(w.inspected)
	clear(w.shop.noted)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range slices.Backward(lost) {
		for _, inv := range slices.Concat(e.batch.Insert, e.batch.Update) {
			if old, known := e.before[inv.ID]; known {
				w.was[inv.ID] = old
			} else {
				delete(w.was, inv.ID)
			}
		}
	}
	clear(w.ranges)
	clear(w.freed)
	var due []invoice.Message
	for _, e := range kept {
		switch {
		case e.n > 0:
			w.ranges[e.wallet] = append(w.ranges[e.wallet], [2]uint32{e.first, e.first + e.n})
		case e.wallet != "":
			i := slices.Index(w.freed[e.wallet], e.first)
			w.freed[e.wallet] = slices.Delete(w.freed[e.wallet], i, i+1)
		}
		for _, r := range e.batch.Releases {
			if r.Reuse {
				w.freed[r.Wallet] = append(w.freed[r.Wallet], r.Index)
			}
		}
		due = append(due, e.batch.Messages...)
	}
	w.endpoints.restored(due)
	if n := len(w.feed); n > 0 {
		position = w.feed[n-1].Position
	}
	w.feed = nil
	clear(w.lastSeq)
	clear(w.events)
	return position
}

// resume continues to read the feed after the position of a reader who does not know about the restore.
func (w *world) resume(position int64) {
	end := int64(0)
	if feed := w.followed(); len(feed) > 0 {
		end = feed[len(feed)-1].Position
	}
	_, err := w.store().Events(context.Background(), position, 1)
	beyond, refused := errors.AsType[*invoice.PositionError](err)
	switch {
	case err != nil && !refused:
		w.fail(ruleErrors, "read the feed: %v", err)
	case !refused && position > end:
		w.fail(ruleFeed, "who has read the feed up to %d is not told that it ends at %d", position, end)
	case refused && (position <= end || beyond.Position != position || beyond.Last < end):
		w.fail(ruleFeed, "who has read the feed up to %d is told that %d is beyond %d, where it ends at %d", position, beyond.Position, beyond.Last, end)
	case refused:
		if list, err := w.store().Events(context.Background(), beyond.Last, 1); err != nil || len(list) > 0 {
			w.fail(ruleFeed, "%d, which is named as the end of the feed, is followed by %d events, error %v", beyond.Last, len(list), err)
		}
	}
}

// late is a reader of the feed who is away while the store is restored.
type late struct {
	after  int64 // the position of the last event that it has seen
	old    int   // number of events in the restored store
	misses int   // number of failures of the record
}

// readLater schedules the return of a reader of the feed. It must miss nothing if the service sees at its start that the
// store has lost its latest part. It knows that by the record or, if what was passed over is lost too, by a clock.
func (w *world) readLater(position int64) {
	before := w.late
	w.late = nil
	if len(w.skews) > 0 && w.totals.Restores > 1 {
		return
	}
	w.record.mu.Lock()
	next := maps.Clone(w.record.next)
	w.record.mu.Unlock()
	for wallet, floor := range next {
		if has, err := w.store().ReserveIndexes(context.Background(), wallet, 0); err == nil && has < floor {
			w.late = &late{position, len(w.followed()), w.record.missed()}
			if before != nil {
				w.late.after = max(position, before.after)
			}
		}
	}
}

// comeBack lets the absent reader continue.
func (w *world) comeBack() {
	if w.late == nil || w.late.misses != w.record.missed() {
		w.late = nil
		return
	}
	found := map[string]bool{}
	for after, more := w.late.after, true; more; {
		list, err := w.store().Events(context.Background(), after, 100)
		if beyond, refused := errors.AsType[*invoice.PositionError](err); refused {
			after = beyond.Last
			continue
		}
		for _, ev := range list {
			found[ev.ID] = true
			after = ev.Position
		}
		more = len(list) > 0
	}
	for _, ev := range w.followed()[w.late.old:] {
		if !found[ev.ID] {
			w.fail(ruleFeed, "who had read the feed up to %d before the restore never sees event %d of %s at %d", w.late.after, ev.Seq, w.orderOf(ev.Invoice), ev.Position)
		}
	}
	w.late = nil
}

// restored adapts the shop's knowledge to the store's. The shop keeps the lost invoices, because their payers have them too.
func (s *shop) restored(w *world) {
	var kept []*order
	for _, o := range s.orders {
		inv, there := w.seen[o.inv.ID]
		if q := o.inv.Quote; q != nil && q.Address != "" && !shown(inv, q.Address) {
			s.lost = append(s.lost, o.inv)
		}
		if !there {
			delete(w.promised, o.id)
			continue
		}
		o.inv, w.promised[o.id] = inv, inv
		kept = append(kept, o)
	}
	s.orders = kept
}

// backup ends every process, and starts them again on the store as it was some time ago.
func (w *world) backup(r *rand.Rand) {
	dies := r.IntN(2) == 0
	for _, p := range w.living() {
		if dies {
			p.die()
		}
		w.await(p)
	}
	n, least := w.watched()
	if len(w.skews) == 0 {
		least = 0 // if nothing is watched yet, watching starts at a time by a clock
	}
	if least > n {
		return
	}
	keep := least + r.IntN(n-least+1)
	if r.IntN(3) > 0 {
		keep = max(least, n-1-r.IntN(40))
	}
	position := w.restore(keep)
	w.readLater(position)
	w.note("    a backup is restored: %d of %d, %d invoices are lost", keep, n, len(w.shop.lost))
	w.afterwards(r)
	if !w.traits.recorded && !w.say(r) {
		return
	}
	for _, p := range w.processes {
		if !p.alive() && r.IntN(3) > 0 {
			w.launch(p)
		}
	}
	w.orderAgain(r)
	w.sleep(20 * time.Second) // no restore follows immediately
}

// say tells the first process that starts that the store was restored, and reports whether that succeeded.
func (w *world) say(r *rand.Rand) bool {
	p, _ := one(r, w.processes)
	w.launch(p)
	numbers := uint32(1)
	w.mu.Lock()
	for _, top := range w.top {
		numbers += top // upper bound of the numbers shown since
	}
	w.mu.Unlock()
	for range 10 {
		_, err := limited(w, p, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.svc.Restored(ctx, numbers) })
		if err == nil {
			return true
		}
	}
	w.fail(ruleHeals, "%s does not take it that its store was restored", p.name)
	return false
}

// takeOver replaces the store by a standby that lacks the last commits, while the processes run. The standby has existed for
// longer than the networks have been watched.
func (w *world) takeOver(r *rand.Rand) {
	n, least := w.watched()
	if least > n {
		return
	}
	keep := max(least, n-1-r.IntN(12))
	w.restore(keep)
	w.late = nil
	w.note("    a standby takes over: %d of %d, %d invoices are lost", keep, n, len(w.shop.lost))
	w.afterwards(r)
	w.orderAgain(r)
}

// watched returns the number of changes of the store, and how many of them were made until all networks were watched.
func (w *world) watched() (done, until int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	begun := map[chain.Network]bool{}
	for i, e := range w.journal {
		for _, p := range e.batch.Progress {
			begun[p.Network] = true
		}
		if len(begun) == len(w.chains) {
			return len(w.journal), i + 1
		}
	}
	return len(w.journal), len(w.journal) + 1
}

// afterwards lets some payers pay lost invoices.
func (w *world) afterwards(r *rand.Rand) {
	for range r.IntN(4) {
		w.payLost(r)
	}
}

// payLost pays a lost invoice.
func (w *world) payLost(r *rand.Rand) {
	inv, ok := one(r, w.shop.lost)
	if !ok {
		return
	}
	units := inv.Quote.Due
	if inv.Terms.Standing {
		units = big.NewInt(1_000_000)
	}
	out := chaintest.Output{To: inv.Quote.Address, Asset: inv.Quote.Asset, Units: units}
	w.note("    %s, which is lost, is paid by %s", inv.OrderID, shorten(w.truth(inv.Network()).send(r.IntN(3) == 0, []chaintest.Output{out})))
}

// orderAgain lets the shop request some of the lost invoices again.
func (w *world) orderAgain(r *rand.Rand) {
	for _, inv := range slices.Clone(w.shop.lost) {
		p, ok := w.live(r)
		if ok && r.IntN(4) == 0 {
			w.createAt(p, w.request(r, inv.OrderID))
		}
	}
}

// record is a shop's record of its wallets outside its store.
type record struct {
	mu     sync.Mutex
	next   map[string]uint32
	fails  bool
	misses int // number of failed calls
}

func (f *record) missed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.misses
}

func (f *record) fail(fails bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = fails
}

// floors is one process's access to the record.
type floors struct{ p *Process }

var _ invoice.Floors = floors{}

// Floor implements [invoice.Floors].
func (f floors) Floor(ctx context.Context, wallet string) (next uint32, err error) {
	err = f.reach(ctx, "Floor", wallet, func(r *record) { next = r.next[wallet] })
	return next, err
}

// Raise implements [invoice.Floors].
func (f floors) Raise(ctx context.Context, wallet string, next uint32) error {
	return f.reach(ctx, "Raise", wallet, func(r *record) { r.next[wallet] = max(r.next[wallet], next) })
}

func (f floors) reach(ctx context.Context, method, wallet string, do func(*record)) error {
	r := f.p.w.record
	err := f.p.call(ctx, method, wallet, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.fails {
			return fmt.Errorf("%s: %w", method, errStore)
		}
		do(r)
		return nil
	})
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.misses++
	}
	return err
}

// recordTrouble makes the record fail, or ends that.
func (w *world) recordTrouble(r *rand.Rand) {
	fails := r.IntN(2) == 0
	w.record.fail(fails)
	w.note("    the record of numbers fails: %t", fails)
}

// restoring returns the kinds of steps of worlds whose store is restored.
var restoring = []kind{
	{"a backup is restored", 4, false, (*world).backup},
	{"a standby takes over", 4, true, (*world).takeOver},
	{"a lost invoice is paid", 6, false, (*world).payLost},
	{"record in trouble", 4, true, (*world).recordTrouble},
}
