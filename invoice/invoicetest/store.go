package invoicetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// fault is a fault of one call of a store or an outbox.
type fault string

const (
	faultNone        fault = ""
	faultBefore      fault = "fails before"         // nothing is done, the caller gets an error
	faultAfter       fault = "fails after"          // it is done, the caller gets an error
	faultLater       fault = "fails, and goes on"   // the caller gets an error, and it is done a while later
	faultCrashBefore fault = "dies within, nothing" // the process dies in the middle, nothing is done
	faultCrashAfter  fault = "dies within, all"     // the process dies in the middle, everything is done
)

var (
	errStore = errors.New("injected: the store failed")
	errDead  = errors.New("injected: the process is dead")
)

// plan defines which of a process's next calls fail, and how.
type plan struct {
	method string // only this one, or any if empty
	kind   fault
	after  int // calls that go well before
	times  int // calls that fail then
}

// take returns the fault of the present call.
func (p *Process) take(method string) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	pl := &p.plan
	if pl.times == 0 || pl.method != "" && pl.method != method {
		return faultNone
	}
	if pl.after > 0 {
		pl.after--
		return faultNone
	}
	pl.times--
	return pl.kind
}

// Call makes a call to the store, an outbox or anything else outside of the process. The call takes some time, and may fail
// before or after f, or be the last that the process makes. Concurrent calls must have different keys, so that each takes a
// different time and none race.
func (p *Process) Call(ctx context.Context, method, key string, f func() error) error {
	before := p.w.life.Load()
	return p.call(ctx, method, key, func() error {
		if p.w.life.Load() != before {
			return fmt.Errorf("%s: another store has taken over: %w", method, errStore)
		}
		return f()
	})
}

func (p *Process) call(ctx context.Context, method, key string, f func() error) error {
	if err := p.pause(ctx, p.latency(method, key)); err != nil {
		return err
	}
	kind := p.take(method)
	if err := p.suffer(kind, method, faultBefore, faultCrashBefore); err != nil {
		return err
	}
	if kind == faultLater {
		wait := time.Second + p.latency("later", method, key)
		go func() {
			time.Sleep(wait)
			_ = f() // the caller has gone away
		}()
		return fmt.Errorf("%s: %w", method, errStore)
	}
	if err := f(); err != nil {
		return err
	}
	if err := p.suffer(kind, method, faultAfter, faultCrashAfter); err != nil {
		return err
	}
	return p.pause(ctx, p.latency("answer", method, key)/4)
}

// suffer applies a fault if it is due.
func (p *Process) suffer(is fault, method string, failure, crash fault) error {
	if is == failure {
		return fmt.Errorf("%s: %w", method, errStore)
	}
	if is == crash {
		p.die()
		return errDead
	}
	return nil
}

func ask[T any](ctx context.Context, p *Process, method, key string, f func() (T, error)) (T, error) {
	var out T
	err := p.Call(ctx, method, key, func() (err error) {
		out, err = f()
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}

// remote is one process's access to the store. It sorts lists, so that a world repeats itself.
type remote struct{ p *Process }

// leasing is a remote store with leases.
type leasing struct{ remote }

var (
	_ invoice.Store  = remote{}
	_ invoice.Leaser = leasing{}
)

func (r remote) Commit(ctx context.Context, b invoice.Batch) error {
	if _, leases := r.p.w.store().(invoice.Leaser); !leases || !r.p.w.traits.leases {
		b.Fence = invoice.Lease{}
	}
	return r.p.Call(ctx, "Commit", batchKey(b), func() error { return r.p.w.commit(ctx, b) })
}

// batchKey distinguishes batches that one process commits at the same moment.
func batchKey(b invoice.Batch) string {
	var key strings.Builder
	for _, inv := range slices.Concat(b.Insert, b.Update) {
		key.WriteString(inv.OrderID + " ")
	}
	for _, p := range b.Progress {
		key.WriteString(string(p.Network) + " ")
	}
	return key.String()
}

func (r remote) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return ask(ctx, r.p, "ReserveIndexes", wallet, func() (uint32, error) {
		first, err := r.p.w.store().ReserveIndexes(ctx, wallet, n)
		if err == nil {
			r.p.w.reserved(wallet, first, n)
			if n > 0 {
				r.p.w.did(entry{wallet: wallet, first: first, n: n})
			}
		}
		return first, err
	})
}

func (r remote) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return ask(ctx, r.p, "Invoice", "", func() (invoice.Invoice, error) { return r.p.w.store().Invoice(ctx, id) })
}

func (r remote) InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error) {
	return ask(ctx, r.p, "InvoiceByOrder", orderID, func() (invoice.Invoice, error) {
		return r.p.w.store().InvoiceByOrder(ctx, project, orderID)
	})
}

func (r remote) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	return ask(ctx, r.p, "Invoices", "", func() (invoice.Page, error) { return r.p.w.store().Invoices(ctx, q) })
}

func (r remote) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	return ask(ctx, r.p, "TakeIndex", wallet, func() (uint32, error) {
		index, err := r.p.w.store().TakeIndex(ctx, wallet)
		if err == nil {
			r.p.w.took(wallet, index)
			r.p.w.did(entry{wallet: wallet, first: index})
		}
		return index, err
	})
}

func (r remote) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	key := make([]string, len(places))
	for i, p := range places {
		key[i] = string(p.Address) + " " + p.Slot
	}
	slices.Sort(key)
	return inOrder(ask(ctx, r.p, "InvoicesAt", fmt.Sprint(key), func() ([]invoice.Invoice, error) {
		return r.p.w.store().InvoicesAt(ctx, places)
	}))
}

func (r remote) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	key := make([]string, len(q.Keys))
	for i, k := range q.Keys {
		key[i] = show(k)
	}
	slices.Sort(key)
	what := fmt.Sprint(key)
	if len(q.Keys) == 0 {
		what = string(q.Network) + " " + q.TxID
	}
	return inOrder(ask(ctx, r.p, "InvoicesPaid", what, func() ([]invoice.Invoice, error) {
		return r.p.w.store().InvoicesPaid(ctx, q)
	}))
}

func (r remote) HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error) {
	lister, lists := r.p.w.store().(invoice.SlotLister)
	if !lists {
		return nil, errors.ErrUnsupported
	}
	return ask(ctx, r.p, "HeldSlots", first, func() ([]string, error) {
		return lister.HeldSlots(ctx, network, address, first, last, limit)
	})
}

func (r remote) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	lister, lists := r.p.w.store().(invoice.PaidLister)
	if !lists {
		return nil, errors.ErrUnsupported
	}
	return ask(ctx, r.p, "PaidInvoices", after, func() ([]invoice.Invoice, error) { return lister.PaidInvoices(ctx, after, limit) })
}

func (r remote) Payments(ctx context.Context, id string, after chain.Key, limit int) ([]invoice.Payment, error) {
	return ask(ctx, r.p, "Payments", show(after), func() ([]invoice.Payment, error) { return r.p.w.store().Payments(ctx, id, after, limit) })
}

func (r remote) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	return inOrder(ask(ctx, r.p, "InvoicesWaking", string(network), func() ([]invoice.Invoice, error) {
		return r.p.w.store().InvoicesWaking(ctx, network, head, limit)
	}))
}

func inOrder(list []invoice.Invoice, err error) ([]invoice.Invoice, error) {
	slices.SortFunc(list, func(a, b invoice.Invoice) int { return cmp.Compare(a.OrderID, b.OrderID) })
	return list, err
}

func (r remote) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	return ask(ctx, r.p, "Network", string(network), func() (invoice.Progress, error) { return r.p.w.store().Network(ctx, network) })
}

func (r remote) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	return ask(ctx, r.p, "Events", "", func() ([]invoice.Event, error) { return r.p.w.store().Events(ctx, after, limit) })
}

func (r remote) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	return ask(ctx, r.p, "InvoiceEvents", "", func() ([]invoice.Event, error) { return r.p.w.store().InvoiceEvents(ctx, id, after) })
}

// storesOwn is the duration of leases by the store's own clock, which need not be the world's: longer than a world. The next
// request for a lease checks whether it has expired by the world's clock.
const storesOwn = time.Hour

// term is a lease with its end by the world's clock.
type term struct {
	invoice.Lease
	ends time.Time
}

func (l leasing) leaser() invoice.Leaser { return l.p.w.store().(invoice.Leaser) }

func (l leasing) Lease(ctx context.Context, duty, holder string, ttl time.Duration) (invoice.Lease, error) {
	return ask(ctx, l.p, "Lease", duty, func() (invoice.Lease, error) {
		terms := l.p.w.terms
		if old, given := terms.get(duty); given && !time.Now().Before(old.ends) {
			if err := l.leaser().Release(ctx, old.Lease); err != nil {
				return invoice.Lease{}, err
			}
		}
		lease, err := l.leaser().Lease(ctx, duty, holder, storesOwn)
		if err == nil {
			terms.set(term{lease, time.Now().Add(ttl)})
		}
		return lease, err
	})
}

// terms holds the latest leases.
type terms struct {
	mu     sync.Mutex
	byDuty map[string]term
}

func (t *terms) get(duty string) (term, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out, ok := t.byDuty[duty]
	return out, ok
}

func (t *terms) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.byDuty)
}

func (t *terms) set(next term) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byDuty[next.Duty] = next
}

func (l leasing) Release(ctx context.Context, lease invoice.Lease) error {
	return l.p.Call(ctx, "Release", lease.Duty, func() error { return l.leaser().Release(ctx, lease) })
}
