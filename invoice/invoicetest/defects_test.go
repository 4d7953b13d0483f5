package invoicetest_test

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/invoice/invoicetest"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
)

// A simulation that finds nothing proves nothing. Each of these defects has been shipped or could be, and must be found
// within the given number of worlds.
func TestDeliberateDefectsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("plays many defects: not with -short")
	}
	for _, d := range []struct {
		name   string
		within uint64 // worlds
		build  func(*invoicetest.Config)
	}{
		{"the cursor is stored before the effects", 40, inStore(cursorFirst)},
		{"half of a commit is applied", 40, inStore(halfCommit)},
		{"a commit is answered before it is done", 20, inStore(lateCommit)},
		{"versions of invoices are ignored", 60, among(inStore(lostUpdate))},
		{"the version of the cursor is ignored", 600, among(inStore(lostCursor))},
		{"a refused batch is stored without its events", 60, among(inStore(droppedEvents))},
		{"a payment that moved is a second row", 20, inStore(duplicateRows)},
		{"withdrawals of payments are not stored", 60, inStore(forgottenWithdrawals)},
		{"InvoicesPaid forgets the unconfirmed", 20, inStore(forgetUnconfirmed)},
		{"InvoicesPaid is some blocks off", 60, inStore(blocksOff)},
		{"InvoicesAt forgets what is closed", 20, inStore(forgetClosed)},
		{"InvoicesAt forgets who gave a place up", 200, inStore(forgetReleased)},
		{"InvoicesPaid finds nothing by keys", 400, inStore(forgetPayers)},
		{"a number that was freed is handed out twice", 60, inStore(freedTwice)},
		{"deposits are told again with every block", 40, inStore(forgetMaturity)},
		{"InvoicesWaking forgets deadlines", 20, inStore(forgetDeadlines)},
		{"InvoicesWaking forgets heights", 20, inStore(forgetHeights)},
		{"ReserveIndexes begins again", 20, inStore(indexesAgain)},
		{"an event becomes visible after a later one", 10, inStore(feedSlips)},
		{"the outbox loses the order", 40, inStore(outboxUnordered)},
		{"the outbox drops what a dead process has claimed", 60, among(inStore(outboxDrops))},
		{"the store forgets what is dust", 40, inStore(forgetDust)},
		{"slots are not looked at", 60, inStore(forgetSlots)},
		{"what cannot be examined is not named", 200, inWatcher(passOverUnexamined)},
		{"a retry has a fresh body", 20, inStore(freshBody)},
		{"a retry has a fresh id", 20, inStore(freshID)},
		{"a message that was refused counts as told", 20, inStore(failureIsSuccess)},
		{"an endpoint is told of no deposit", 60, inNotifier(forgetDeposits)},
		{"an endpoint is told twice", 20, inNotifier(toldTwice)},
		{"endpoints that cannot be read are taken for none", 60, unreadIsNone},
		{"payments are keyed without the index", 20, inWatcher(withoutIndex)},
		{"invoices expire by the wall clock", 20, inWatcher(wallClock)},
		{"the watcher does not tell of forks", 20, inWatcher(forkUnseen)},
		{"a part of the pool is taken for all of it", 20, inWatcher(partialPool)},
		{"a block is passed over in a long step", 20, inWatcher(passOver)},
		{"the head is ahead of the blocks", 20, inWatcher(headAhead)},
		{"the pool counts as mined", 20, inWatcher(poolIsBlock)},
		{"stamps that go back are not seen", 60, inWatcher(stampsGrow)},
		{"a payment keeps the first stamp of its block", 60, inStore(firstStamp)},
		{"the sums of settled payments are lost", 200, inStore(forgetSums)},
		{"settled payments are among the open ones", 200, inStore(settledAgain)},
		{"a reservation is undone when its caller goes away", 200, inStore(undoneReservation)},
		{"a lease does not end before its holder ends it", 60, among(inStore(leasesForEver))},
		{"an endpoint that takes nothing holds up the others", 60, inStore(oneQueue)},
		{"what is given up is tried again", 200, inStore(neverGivenUp)},
		{"the floor is forgotten with the store", 60, inFloors(forgetFloor)},
		{"the floor is not raised", 60, inFloors(neverRaised)},
		{"an event is known by its number alone", 60, inService(idWithoutContents)},
		{"there is nothing new beyond the end of the feed", 60, inStore(nothingBeyond)},
		{"positions that were passed over are given to events", 60, inStore(skipNothing)},
		{"the places of a project are not counted", 60, inStore(boundless)},
	} {
		if testing.Short() && d.within >= 200 {
			continue // so many worlds are played when there is time
		}
		t.Run(d.name, func(t *testing.T) {
			cfg := config()
			d.build(&cfg)
			for cfg.Seed = 1; cfg.Seed <= d.within; cfg.Seed++ {
				// A store with a defect cannot always be restored, which says nothing of the defect.
				if f := invoicetest.Play(t, cfg).Failure; f != nil && f.Rule.Name != "a restored store is what it was" {
					t.Logf("world %d: %s: %.200s", cfg.Seed, f.Rule.Name, f.Detail)
					return
				}
			}
			t.Errorf("not found in %d worlds", d.within)
		})
	}
}

// flawed is a store with a defect: each function that is not nil replaces the method.
type flawed struct {
	*store.Memory
	commit  func(context.Context, invoice.Batch) error
	read    func(invoice.Invoice) invoice.Invoice // what every read of an invoice returns
	above   func(from uint64) uint64
	address func([]invoice.Invoice) []invoice.Invoice
	waking  func(chain.Head) chain.Head
	reserve func(context.Context, string, uint32) (uint32, error)
	take    func(context.Context, string) (uint32, error)
	paidBy  func([]invoice.Invoice) []invoice.Invoice
	events  func([]invoice.Event) []invoice.Event
	beyond  func(after int64, err error) error // the error of a read of the feed
	claim   func([]webhook.Delivery) []webhook.Delivery
	record  func(webhook.Next) webhook.Next

	recorded func(webhook.Claim, webhook.Next)
	release  func(invoice.Lease) error
}

func inStore(flaw func(*flawed)) func(*invoicetest.Config) {
	return func(cfg *invoicetest.Config) {
		cfg.Open = func(*testing.T) invoice.Store {
			f := &flawed{Memory: store.NewMemory()}
			flaw(f)
			return f
		}
	}
}

// among makes several processes share the store, for defects that a single process does not show.
func among(build func(*invoicetest.Config)) func(*invoicetest.Config) {
	return func(cfg *invoicetest.Config) {
		build(cfg)
		cfg.Processes = 3
	}
}

func (f *flawed) Commit(ctx context.Context, b invoice.Batch) error {
	if f.commit != nil {
		return f.commit(ctx, b)
	}
	return f.Memory.Commit(ctx, b)
}

func (f *flawed) seen(list []invoice.Invoice, err error) ([]invoice.Invoice, error) {
	if f.read != nil {
		for i, inv := range list {
			list[i] = f.read(inv)
		}
	}
	return list, err
}

func (f *flawed) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	inv, err := f.Memory.Invoice(ctx, id)
	if err == nil && f.read != nil {
		inv = f.read(inv)
	}
	return inv, err
}

func (f *flawed) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	page, err := f.Memory.Invoices(ctx, q)
	page.Invoices, err = f.seen(page.Invoices, err)
	return page, err
}

func (f *flawed) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	list, err := f.seen(f.Memory.InvoicesAt(ctx, places))
	if f.address != nil {
		list = f.address(list)
	}
	return list, err
}

func (f *flawed) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	if f.above != nil && q.From > 0 {
		q.From = f.above(q.From)
	}
	list, err := f.seen(f.Memory.InvoicesPaid(ctx, q))
	if f.paidBy != nil && len(q.Keys) > 0 {
		list = f.paidBy(list)
	}
	return list, err
}

func (f *flawed) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	if f.take != nil {
		return f.take(ctx, wallet)
	}
	return f.Memory.TakeIndex(ctx, wallet)
}

func (f *flawed) InvoicesWaking(ctx context.Context, n chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	if f.waking != nil {
		head = f.waking(head)
	}
	return f.seen(f.Memory.InvoicesWaking(ctx, n, head, limit))
}

func (f *flawed) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	if f.reserve != nil {
		return f.reserve(ctx, wallet, n)
	}
	return f.Memory.ReserveIndexes(ctx, wallet, n)
}

func (f *flawed) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	list, err := f.Memory.Events(ctx, after, limit)
	if f.events != nil {
		list = f.events(list)
	}
	if f.beyond != nil {
		err = f.beyond(after, err)
	}
	return list, err
}

func (f *flawed) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	list, err := f.Memory.Claim(ctx, q)
	if f.claim != nil {
		list = f.claim(list)
	}
	return list, err
}

func (f *flawed) Record(ctx context.Context, c webhook.Claim, a webhook.Attempt, next webhook.Next) error {
	if f.record != nil {
		next = f.record(next)
	}
	if f.recorded != nil {
		f.recorded(c, next)
	}
	return f.Memory.Record(ctx, c, a, next)
}

func (f *flawed) Release(ctx context.Context, l invoice.Lease) error {
	if f.release != nil {
		return f.release(l)
	}
	return f.Memory.Release(ctx, l)
}

// flawedFloors has a defect: each function replaces the method.
type flawedFloors struct {
	invoice.Floors
	floor func(uint32) uint32
	raise func(uint32) uint32
}

func (f flawedFloors) Floor(ctx context.Context, wallet string) (uint32, error) {
	next, err := f.Floors.Floor(ctx, wallet)
	return f.floor(next), err
}

func (f flawedFloors) Raise(ctx context.Context, wallet string, next uint32) error {
	return f.Floors.Raise(ctx, wallet, f.raise(next))
}

func inFloors(flaw func(*flawedFloors)) func(*invoicetest.Config) {
	same := func(next uint32) uint32 { return next }
	return func(cfg *invoicetest.Config) {
		cfg.Change = func(c *invoice.Config) {
			if c.Floors != nil {
				f := flawedFloors{c.Floors, same, same}
				flaw(&f)
				c.Floors = f
			}
		}
	}
}

func forgetFloor(f *flawedFloors) { f.floor = func(uint32) uint32 { return 0 } }
func neverRaised(f *flawedFloors) { f.raise = func(uint32) uint32 { return 0 } }

// service is a store that acts as a part of the service.
type service struct {
	invoice.Store
	commit func(context.Context, invoice.Batch) error
}

func (s service) Commit(ctx context.Context, b invoice.Batch) error { return s.commit(ctx, b) }

func inService(flaw func(*service)) func(*invoicetest.Config) {
	return func(cfg *invoicetest.Config) {
		cfg.Change = func(c *invoice.Config) {
			s := service{Store: c.Store}
			flaw(&s)
			c.Store = s
		}
	}
}

func idWithoutContents(s *service) {
	cut := func(id string) string { return id[:strings.LastIndexByte(id, '_')] }
	s.commit = func(ctx context.Context, b invoice.Batch) error {
		b.Events, b.Messages = slices.Clone(b.Events), slices.Clone(b.Messages)
		for i, ev := range b.Events {
			b.Events[i].ID = cut(ev.ID)
		}
		for i, m := range b.Messages {
			b.Messages[i].ID = cut(m.ID)
		}
		return s.Store.Commit(ctx, b)
	}
}

func nothingBeyond(f *flawed) {
	f.beyond = func(after int64, err error) error {
		if _, beyond := errors.AsType[*invoice.PositionError](err); beyond && after < 1<<60 { // such a read looks for the end
			return nil
		}
		return err
	}
}

func skipNothing(f *flawed) {
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		b.Skip = 0
		return f.Memory.Commit(ctx, b)
	}
}

// boundless drops the claims that belong to no address of the network.
func boundless(f *flawed) {
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		share := func(c invoice.Claim) bool { return strings.HasPrefix(string(c.Address), "share/") }
		b.Claims = slices.DeleteFunc(slices.Clone(b.Claims), share)
		b.Releases = slices.DeleteFunc(slices.Clone(b.Releases), func(r invoice.Release) bool { return share(r.Claim) })
		return f.Memory.Commit(ctx, b)
	}
}

// stampsGrow makes the stamps of blocks grow.
func stampsGrow(s chain.Step) chain.Step {
	for i := 1; i < len(s.Joined); i++ {
		if before := s.Joined[i-1].Time; s.Joined[i].Time.Before(before) {
			s.Joined[i].Time = before
		}
	}
	return s
}

func firstStamp(f *flawed) {
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		b.Payments = slices.Clone(b.Payments)
		for i, p := range b.Payments {
			now, err := f.Memory.InvoicesPaid(ctx, invoice.PaymentQuery{Keys: []chain.Key{p.Key}})
			if err != nil || len(now) == 0 {
				continue
			}
			for _, old := range now[0].Payments {
				if old.Key == p.Key && old.Block.Hash == p.Block.Hash {
					b.Payments[i].Block.Time = old.Block.Time
				}
			}
		}
		return f.Memory.Commit(ctx, b)
	}
}

func forgetSums(f *flawed) {
	f.read = func(inv invoice.Invoice) invoice.Invoice {
		if inv.Settled != nil {
			inv.Settled = &invoice.Settled{Count: inv.Settled.Count, Received: new(big.Int), Counted: new(big.Int), LastSeen: inv.Settled.LastSeen}
		}
		return inv
	}
}

// settledAgain returns settled payments as if they were not in the sums.
func settledAgain(f *flawed) {
	f.read = func(inv invoice.Invoice) invoice.Invoice {
		inv.Payments = slices.Clone(inv.Payments)
		all, err := f.Memory.Payments(context.Background(), inv.ID, chain.Key{}, 1000)
		for _, p := range all {
			if p.Settled && err == nil {
				p.Settled = false
				inv.Payments = append(inv.Payments, p)
			}
		}
		return inv
	}
}

func undoneReservation(f *flawed) {
	var mu sync.Mutex
	undone := map[string][2]uint32{}
	f.reserve = func(ctx context.Context, wallet string, n uint32) (uint32, error) {
		mu.Lock()
		first, again := undone[wallet][0], undone[wallet][1] == n && n > 0
		delete(undone, wallet)
		mu.Unlock()
		if again {
			return first, nil
		}
		first, err := f.Memory.ReserveIndexes(ctx, wallet, n)
		time.AfterFunc(500*time.Microsecond, func() {
			if err == nil && ctx.Err() != nil {
				mu.Lock()
				defer mu.Unlock()
				undone[wallet] = [2]uint32{first, n}
			}
		})
		return first, err
	}
}

func leasesForEver(f *flawed) { f.release = func(invoice.Lease) error { return nil } }

// oneQueue hands out only failed messages while there are any.
func oneQueue(f *flawed) {
	var mu sync.Mutex
	failed := map[string]bool{}
	f.recorded = func(c webhook.Claim, next webhook.Next) {
		mu.Lock()
		defer mu.Unlock()
		if failed[c.Message] = true; next.State != webhook.StateDue {
			delete(failed, c.Message)
		}
	}
	f.claim = func(list []webhook.Delivery) []webhook.Delivery {
		mu.Lock()
		defer mu.Unlock()
		return slices.DeleteFunc(list, func(d webhook.Delivery) bool { return len(failed) > 0 && !failed[d.Message.ID] })
	}
}

func neverGivenUp(f *flawed) {
	f.record = func(n webhook.Next) webhook.Next {
		if n.State == webhook.StateDead {
			return webhook.Next{State: webhook.StateDue, Wait: time.Minute}
		}
		return n
	}
}

func forgetReleased(f *flawed) {
	f.address = func(list []invoice.Invoice) []invoice.Invoice {
		return slices.DeleteFunc(list, func(inv invoice.Invoice) bool { return !inv.State.ReleasedAt.IsZero() })
	}
}

func forgetPayers(f *flawed) {
	f.paidBy = func([]invoice.Invoice) []invoice.Invoice { return nil }
}

func freedTwice(f *flawed) {
	var last []uint32
	f.take = func(ctx context.Context, wallet string) (uint32, error) {
		if len(last) > 0 {
			index := last[0]
			last = nil
			return index, nil
		}
		index, err := f.Memory.TakeIndex(ctx, wallet)
		if err == nil {
			last = []uint32{index}
		}
		return index, err
	}
}

func forgetDust(f *flawed) {
	f.read = func(inv invoice.Invoice) invoice.Invoice {
		inv.Payments = slices.Clone(inv.Payments)
		for i := range inv.Payments {
			inv.Payments[i].Dust = false
		}
		return inv
	}
}

// forgetSlots gives every payment at a shared address to any invoice there, whatever the amount.
func forgetSlots(f *flawed) {
	f.read = func(inv invoice.Invoice) invoice.Invoice {
		if q := inv.Quote; q != nil && q.Slot != "" {
			alone := *q
			alone.Slot = ""
			inv.Quote = &alone
		}
		return inv
	}
}

func passOverUnexamined(s chain.Step) chain.Step {
	for i := range s.Joined {
		s.Joined[i].Unexamined = nil
	}
	return s
}

func forgetMaturity(f *flawed) {
	f.read = func(inv invoice.Invoice) invoice.Invoice {
		inv.Payments = slices.Clone(inv.Payments)
		for i := range inv.Payments {
			inv.Payments[i].MaturedAt = time.Time{}
		}
		return inv
	}
}

var errLost = errors.New("connection lost")

func cursorFirst(f *flawed) {
	n := 0
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		if len(b.Progress) == 0 || len(b.Payments) == 0 {
			return f.Memory.Commit(ctx, b)
		}
		if err := f.Memory.Commit(ctx, invoice.Batch{Progress: b.Progress, Fence: b.Fence}); err != nil {
			return err
		}
		if n++; n%5 == 0 {
			return errLost
		}
		b.Progress = nil
		return f.Memory.Commit(ctx, b)
	}
}

func halfCommit(f *flawed) {
	n := 0
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		if len(b.Payments) > 0 {
			if n++; n%5 == 0 {
				if err := f.Memory.Commit(ctx, invoice.Batch{Payments: b.Payments, Progress: b.Progress, Fence: b.Fence}); err != nil {
					return err
				}
				return errLost
			}
		}
		return f.Memory.Commit(ctx, b)
	}
}

func lateCommit(f *flawed) {
	n := 0
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		if n++; n%10 == 0 {
			time.AfterFunc(100*time.Millisecond, func() { _ = f.Memory.Commit(context.Background(), b) })
			return nil
		}
		return f.Memory.Commit(ctx, b)
	}
}

func lostUpdate(f *flawed) {
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		b.Update = slices.Clone(b.Update)
		for i, inv := range b.Update {
			if now, err := f.Memory.Invoice(ctx, inv.ID); err == nil {
				b.Update[i].Version = now.Version + 1
			}
		}
		b.Events = f.fresh(ctx, b.Events)
		b.Messages = slices.DeleteFunc(slices.Clone(b.Messages), func(m invoice.Message) bool {
			return !slices.ContainsFunc(b.Events, func(ev invoice.Event) bool { return ev.ID == m.ID })
		})
		return f.Memory.Commit(ctx, b)
	}
}

// fresh acts like INSERT OR IGNORE.
func (f *flawed) fresh(ctx context.Context, events []invoice.Event) []invoice.Event {
	return slices.DeleteFunc(slices.Clone(events), func(ev invoice.Event) bool {
		old, _ := f.Memory.InvoiceEvents(ctx, ev.Invoice, 0)
		return slices.ContainsFunc(old, func(o invoice.Event) bool { return o.Seq == ev.Seq })
	})
}

func lostCursor(f *flawed) {
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		b.Progress = slices.Clone(b.Progress)
		for i, p := range b.Progress {
			if now, err := f.Memory.Network(ctx, p.Network); err == nil {
				b.Progress[i].Version = now.Version + 1
			}
		}
		return f.Memory.Commit(ctx, b)
	}
}

func droppedEvents(f *flawed) {
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		err := f.Memory.Commit(ctx, b)
		if !errors.Is(err, invoice.ErrConflict) || len(b.Update) == 0 {
			return err
		}
		b.Events, b.Messages, b.Progress, b.Update = nil, nil, nil, slices.Clone(b.Update)
		for i, inv := range b.Update {
			if now, readErr := f.Memory.Invoice(ctx, inv.ID); readErr == nil {
				b.Update[i].Version = now.Version + 1
			}
		}
		return f.Memory.Commit(ctx, b)
	}
}

func duplicateRows(f *flawed) {
	var mu sync.Mutex
	rows := map[string][]invoice.Payment{}
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		var old []invoice.Payment
		for _, p := range b.Payments {
			if now, err := f.Memory.Invoice(ctx, p.Invoice); err == nil {
				old = append(old, slices.DeleteFunc(now.Payments, func(o invoice.Payment) bool { return o.Key != p.Key })...)
			}
		}
		err := f.Memory.Commit(ctx, b)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			for _, p := range old {
				rows[p.Invoice] = append(rows[p.Invoice], p)
			}
		}
		return err
	}
	f.read = func(inv invoice.Invoice) invoice.Invoice {
		mu.Lock()
		defer mu.Unlock()
		inv.Payments = append(inv.Payments, rows[inv.ID]...)
		return inv
	}
}

func forgottenWithdrawals(f *flawed) {
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		b.Payments = slices.DeleteFunc(slices.Clone(b.Payments), func(p invoice.Payment) bool { return p.Withdrawn })
		return f.Memory.Commit(ctx, b)
	}
}

func forgetUnconfirmed(f *flawed) {
	f.above = func(from uint64) uint64 {
		if from >= invoice.Unconfirmed {
			return invoice.Unconfirmed + 1
		}
		return from
	}
}

// blocksOff is an offset greater than the number of blocks that are read for their stamps anyway.
func blocksOff(f *flawed) {
	f.above = func(from uint64) uint64 {
		if from < invoice.Unconfirmed {
			from += 14
		}
		return from
	}
}

func forgetClosed(f *flawed) {
	f.address = func(list []invoice.Invoice) []invoice.Invoice {
		return slices.DeleteFunc(list, func(inv invoice.Invoice) bool { return inv.State.Closed })
	}
}

func forgetDeadlines(f *flawed) {
	f.waking = func(h chain.Head) chain.Head {
		h.Time = time.Time{}
		return h
	}
}

func forgetHeights(f *flawed) {
	f.waking = func(h chain.Head) chain.Head { return chain.Head{Time: h.Time} }
}

func indexesAgain(f *flawed) {
	var n atomic.Int64
	f.reserve = func(ctx context.Context, wallet string, size uint32) (uint32, error) {
		first, err := f.Memory.ReserveIndexes(ctx, wallet, size)
		if n.Add(1)%3 == 0 {
			first = 0
		}
		return first, err
	}
}

func feedSlips(f *flawed) {
	held := map[string]int{}
	f.events = func(list []invoice.Event) []invoice.Event {
		return slices.DeleteFunc(list, func(ev invoice.Event) bool {
			held[ev.ID]++
			return ev.Position%7 == 0 && held[ev.ID] == 1
		})
	}
}

// outboxUnordered hides from the store which messages belong together.
func outboxUnordered(f *flawed) {
	const mark = "#"
	f.commit = func(ctx context.Context, b invoice.Batch) error {
		b.Messages = slices.Clone(b.Messages)
		for i, m := range b.Messages {
			b.Messages[i].URL = m.URL + mark + m.ID
		}
		return f.Memory.Commit(ctx, b)
	}
	f.claim = func(list []webhook.Delivery) []webhook.Delivery {
		for i := range list {
			url, _, _ := bytes.Cut([]byte(list[i].Message.URL), []byte(mark))
			list[i].Message.URL = string(url)
		}
		return list
	}
}

func outboxDrops(f *flawed) {
	f.claim = func(list []webhook.Delivery) []webhook.Delivery {
		return slices.DeleteFunc(list, func(d webhook.Delivery) bool { return d.Claim.Token > 1 && d.Tried == 0 })
	}
}

func freshBody(f *flawed) {
	f.claim = func(list []webhook.Delivery) []webhook.Delivery {
		for i, d := range list {
			if d.Tried > 0 {
				list[i].Message.Body = append(d.Message.Body, ' ')
			}
		}
		return list
	}
}

func freshID(f *flawed) {
	f.claim = func(list []webhook.Delivery) []webhook.Delivery {
		for i, d := range list {
			if d.Tried > 0 {
				list[i].Message.ID = "again_" + d.Message.ID
			}
		}
		return list
	}
}

func failureIsSuccess(f *flawed) {
	f.record = func(n webhook.Next) webhook.Next {
		if n.State == webhook.StateDue {
			n.State = webhook.StateDelivered
		}
		return n
	}
}

// mistold is a notifier with a defect.
type mistold struct {
	invoice.Notifier
	flaw func(ev invoice.Event, to []invoice.Endpoint) []invoice.Endpoint
}

func inNotifier(flaw func(invoice.Event, []invoice.Endpoint) []invoice.Endpoint) func(*invoicetest.Config) {
	return func(cfg *invoicetest.Config) {
		cfg.Change = func(c *invoice.Config) { c.Notifier = mistold{c.Notifier, flaw} }
	}
}

func (m mistold) Messages(ev invoice.Event, inv invoice.Invoice, to []invoice.Endpoint) []invoice.Message {
	return m.Notifier.Messages(ev, inv, m.flaw(ev, to))
}

func forgetDeposits(ev invoice.Event, to []invoice.Endpoint) []invoice.Endpoint {
	if ev.Type == invoice.EventDeposit {
		return nil
	}
	return to
}

func toldTwice(_ invoice.Event, to []invoice.Endpoint) []invoice.Endpoint {
	for _, e := range to {
		e.ID += "again"
		to = append(to, e)
	}
	return to
}

// guessing is a source of endpoints that has none when it cannot read them.
type guessing struct{ source invoice.Receivers }

func (g guessing) Receivers(ctx context.Context, project string) ([]invoice.Endpoint, error) {
	list, err := g.source.Receivers(ctx, project)
	if err != nil && ctx.Err() == nil {
		return nil, nil
	}
	return list, err
}

func unreadIsNone(cfg *invoicetest.Config) {
	cfg.Change = func(c *invoice.Config) {
		if c.Receivers != nil {
			c.Receivers = guessing{c.Receivers}
		}
	}
}

// seer is a watcher with a defect.
type seer struct {
	invoice.ChainWatcher
	flaw func(chain.Step) chain.Step
}

func inWatcher(flaw func(chain.Step) chain.Step) func(*invoicetest.Config) {
	return func(cfg *invoicetest.Config) {
		cfg.Watch = func(f chain.FollowConfig) (invoice.ChainWatcher, error) {
			w, err := chain.NewFollower(f)
			return seer{w, flaw}, err
		}
	}
}

func (s seer) Next(ctx context.Context, c chain.Cursor) (chain.Step, error) {
	step, err := s.ChainWatcher.Next(ctx, c)
	if err == nil {
		step.Joined = slices.Clone(step.Joined)
		for i, b := range step.Joined {
			step.Joined[i].Transfers = slices.Clone(b.Transfers)
		}
		step = s.flaw(step)
	}
	return step, err
}

func withoutIndex(s chain.Step) chain.Step {
	for _, b := range s.Joined {
		for i := range b.Transfers {
			b.Transfers[i].Index = "0"
		}
	}
	return s
}

func wallClock(s chain.Step) chain.Step {
	s.Head.Time = time.Now()
	return s
}

func forkUnseen(s chain.Step) chain.Step {
	s.Rewound = false
	return s
}

func partialPool(s chain.Step) chain.Step {
	if s.PoolKnown && time.Now().UnixNano()%2 == 0 {
		s.Pool = s.Pool[:len(s.Pool)/2]
	}
	return s
}

func passOver(s chain.Step) chain.Step {
	if len(s.Joined) > 2 {
		s.Joined[0].Transfers = nil
	}
	return s
}

func headAhead(s chain.Step) chain.Step {
	s.Head.Height += 2
	return s
}

func poolIsBlock(s chain.Step) chain.Step {
	if n := len(s.Joined); n > 0 {
		s.Joined[n-1].Transfers = append(s.Joined[n-1].Transfers, s.Pool...)
	}
	return s
}
