package storetest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/defect"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/store/storetest"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// defective is a backend with something wrong with it.
type defective struct {
	*store.Memory
	commit   func(context.Context, *store.Memory, invoice.Batch) error
	lease    func(m *store.Memory, ctx context.Context, duty, holder string, ttl time.Duration) (invoice.Lease, error)
	invoice  func(*store.Memory, invoice.Invoice) invoice.Invoice // changes what Invoice returns
	by       func([]invoice.Invoice) []invoice.Invoice            // changes what InvoicesPaid returns
	payments func([]invoice.Payment) []invoice.Payment

	anySlot, firstPage bool // HeldSlots, and what is read in pages or after a number, ignore where they are to begin
	events             func([]invoice.Event, error) ([]invoice.Event, error)
	reserve            func(uint32, error) (uint32, error)
	network            func(invoice.Progress) invoice.Progress
	secrets            func([]invoice.Message) []invoice.Message
	replace            func(context.Context, *store.Memory, []store.SecretChange) error
	book               func(context.Context, *store.Memory, payout.Batch) error
}

func (d defective) CommitPayouts(ctx context.Context, b payout.Batch) error {
	if d.book == nil {
		return d.Memory.CommitPayouts(ctx, b)
	}
	return d.book(ctx, d.Memory, b)
}

func (d defective) MessageSecrets(ctx context.Context, after string, limit int) ([]invoice.Message, error) {
	page, err := d.Memory.MessageSecrets(ctx, after, limit)
	if d.secrets != nil {
		page = d.secrets(page)
	}
	return page, err
}

func (d defective) ReplaceSecrets(ctx context.Context, changes []store.SecretChange) error {
	if d.replace == nil {
		return d.Memory.ReplaceSecrets(ctx, changes)
	}
	return d.replace(ctx, d.Memory, changes)
}

func (d defective) Commit(ctx context.Context, b invoice.Batch) error {
	if d.commit == nil {
		return d.Memory.Commit(ctx, b)
	}
	return d.commit(ctx, d.Memory, b)
}

func (d defective) Lease(ctx context.Context, duty, holder string, ttl time.Duration) (invoice.Lease, error) {
	if d.lease == nil {
		return d.Memory.Lease(ctx, duty, holder, ttl)
	}
	return d.lease(d.Memory, ctx, duty, holder, ttl)
}

func (d defective) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	inv, err := d.Memory.Invoice(ctx, id)
	if d.invoice != nil && err == nil {
		inv = d.invoice(d.Memory, inv)
	}
	return inv, err
}

func (d defective) HeldSlots(ctx context.Context, n chain.Network, a chain.Address, first, last string, limit int) ([]string, error) {
	if d.anySlot {
		first, last = "", "\U0010ffff"
	}
	return d.Memory.HeldSlots(ctx, n, a, first, last, limit)
}

func (d defective) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	if d.firstPage {
		after = ""
	}
	return d.Memory.PaidInvoices(ctx, after, limit)
}

func (d defective) Documents(ctx context.Context, prefix, after string, limit int) ([]payout.Document, error) {
	if d.firstPage {
		after = ""
	}
	return d.Memory.Documents(ctx, prefix, after, limit)
}

func (d defective) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	if d.firstPage {
		after = 0
	}
	return d.Memory.InvoiceEvents(ctx, id, after)
}

func (d defective) History(ctx context.Context, id string, after int64) ([]webhook.Record, error) {
	if d.firstPage {
		after = 0
	}
	return d.Memory.History(ctx, id, after)
}

func (d defective) changed(found []invoice.Invoice, err error) ([]invoice.Invoice, error) {
	if d.by != nil {
		found = d.by(found)
	}
	return found, err
}

func (d defective) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	return d.changed(d.Memory.InvoicesPaid(ctx, q))
}

func (d defective) Payments(ctx context.Context, id string, after chain.Key, limit int) ([]invoice.Payment, error) {
	found, err := d.Memory.Payments(ctx, id, after, limit)
	if d.payments != nil {
		found = d.payments(found)
	}
	return found, err
}

func (d defective) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	if d.events == nil {
		return d.Memory.Events(ctx, after, limit)
	}
	return d.events(d.Memory.Events(ctx, after, limit))
}

func (d defective) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	if d.reserve == nil {
		return d.Memory.ReserveIndexes(ctx, wallet, n)
	}
	return d.reserve(d.Memory.ReserveIndexes(ctx, wallet, n))
}

func (d defective) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	p, err := d.Memory.Network(ctx, network)
	if d.network != nil {
		p = d.network(p)
	}
	return p, err
}

// withoutSettled leaves the settled payments out.
func withoutSettled(found []invoice.Invoice) []invoice.Invoice {
	for i, inv := range found {
		found[i].Payments = slices.DeleteFunc(inv.Payments, func(p invoice.Payment) bool { return p.Settled })
	}
	return found
}

// withSettled reads the settled payments with the invoice.
func withSettled(m *store.Memory, inv invoice.Invoice) invoice.Invoice {
	inv.Payments, _ = m.Payments(context.Background(), inv.ID, chain.Key{}, 1000)
	return inv
}

type fixed struct {
	defective
	cases []string // that fail
}

// Where a case hangs it need not be waited for as long as a busy machine may take.
const (
	neverReturns = "a commit under a fence does not return"
	neverEnds    = "a lease does not run out"
	patience     = 4 * time.Second
)

// defects are mistakes that an adapter may make, and the cases that must find them.
func defects() map[string]fixed {
	return map[string]fixed{
		"the fence is ignored": {defective{commit: func(ctx context.Context, m *store.Memory, b invoice.Batch) error {
			b.Fence = invoice.Lease{}
			return m.Commit(ctx, b)
		}}, []string{"leases/a frozen holder cannot write", "leases/a commit cannot slip past a takeover"}},
		neverReturns: {defective{commit: func(ctx context.Context, m *store.Memory, b invoice.Batch) error {
			if b.Fence != (invoice.Lease{}) {
				<-ctx.Done()
				return ctx.Err()
			}
			return m.Commit(ctx, b)
		}}, []string{"leases/a frozen holder cannot write", "leases/a commit cannot slip past a takeover"}},
		neverEnds: {defective{lease: func(m *store.Memory, ctx context.Context, duty, holder string, _ time.Duration) (invoice.Lease, error) {
			return m.Lease(ctx, duty, holder, time.Hour)
		}}, []string{"leases/a lease that runs out is free"}},
		"messages without a secret are left out": {defective{secrets: func(page []invoice.Message) []invoice.Message {
			return slices.DeleteFunc(page, func(m invoice.Message) bool { return m.Secret == "" })
		}}, []string{"secrets/every message comes once"}},
		"a secret is replaced whatever it is": {defective{replace: func(ctx context.Context, m *store.Memory, changes []store.SecretChange) error {
			now, err := m.MessageSecrets(ctx, "", 1000)
			for i, c := range changes {
				for _, msg := range now {
					if msg.ID == c.Message {
						changes[i].From = msg.Secret
					}
				}
			}
			return errors.Join(err, m.ReplaceSecrets(ctx, changes))
		}}, []string{"secrets/another secret stays"}},
		"secrets are not replaced": {defective{replace: func(context.Context, *store.Memory, []store.SecretChange) error {
			return nil
		}}, []string{"secrets/a secret is replaced", "secrets/secrets are sealed and sealed anew"}},
		"settled payments come with the invoice": {defective{invoice: withSettled}, []string{
			"settled payments/invoices come without their settled payments", // a reader beside a writer may be too slow to see it
		}},
		"settled payments never come": {defective{by: withoutSettled}, []string{
			"settled payments/a settled payment that is asked for comes too", "settled payments/settled payments of a transaction come too",
			"settled payments/settled payments above a height come too",
		}},
		"invoices with settled payments alone are not found": {defective{by: func(found []invoice.Invoice) []invoice.Invoice {
			return slices.DeleteFunc(found, func(inv invoice.Invoice) bool {
				return !slices.ContainsFunc(inv.Payments, func(p invoice.Payment) bool { return !p.Settled })
			})
		}}, []string{"settled payments/settled payments above a height come too"}},
		"a page of payments is turned round": {defective{payments: func(page []invoice.Payment) []invoice.Payment {
			slices.Reverse(page)
			return page
		}}, []string{"settled payments/payments in pages"}},
		"a page of payments has the open ones alone": {defective{payments: func(page []invoice.Payment) []invoice.Payment {
			return slices.DeleteFunc(page, func(p invoice.Payment) bool { return p.Settled })
		}}, []string{"settled payments/payments in pages"}},
		"a conflict has no name": {defective{commit: func(ctx context.Context, m *store.Memory, b invoice.Batch) error {
			if err := m.Commit(ctx, b); errors.Is(err, invoice.ErrConflict) {
				return invoice.ErrConflict
			} else {
				return err
			}
		}}, []string{"conflicts/a conflict names its invoice", "conflicts/a conflict of several names its own"}},
		"a conflict has another's name": {defective{commit: func(ctx context.Context, m *store.Memory, b invoice.Batch) error {
			err := m.Commit(ctx, b)
			var conflict *invoice.ConflictError
			if errors.As(err, &conflict) && len(b.Insert) > 0 {
				conflict.Invoice = b.Insert[0].ID
			}
			return err
		}}, []string{"conflicts/a conflict names its invoice"}},
		"nothing is beyond the end of the feed": {defective{events: func(found []invoice.Event, err error) ([]invoice.Event, error) {
			var beyond *invoice.PositionError
			if errors.As(err, &beyond) {
				return nil, nil
			}
			return found, err
		}}, []string{"feed/a position beyond the end is refused"}},
		"held slots are those of the whole address": {defective{anySlot: true}, []string{"listers/held slots in order"}},
		"every page is the first": {defective{firstPage: true}, []string{
			"listers/paid invoices in pages", "listers/an invoice whose payments are all settled is a paid one",
			"payouts/documents are listed in pages", "feed/an invoice's events in order", "outbox/every attempt is kept",
			"payouts/messages of payouts are told in order",
		}},
		"nothing is skipped": {defective{commit: func(ctx context.Context, m *store.Memory, b invoice.Batch) error {
			b.Skip = 0
			return m.Commit(ctx, b)
		}}, []string{"feed/positions are skipped", "feed/positions are skipped beside commits"}},
		"a wallet ends without a name": {defective{reserve: func(first uint32, err error) (uint32, error) {
			if errors.Is(err, invoice.ErrNoAddress) {
				err = errors.New("no more")
			}
			return first, err
		}}, []string{"commit/indexes end before they repeat", "commit/all indexes at once"}},
		"what was set aside is forgotten": {defective{network: func(p invoice.Progress) invoice.Progress {
			p.Aside = nil
			return p
		}}, []string{"commit/progress comes back as it was"}},
		"the time of a step is cut": {defective{network: func(p invoice.Progress) invoice.Progress {
			p.At = p.At.Truncate(time.Microsecond)
			return p
		}}, []string{"commit/progress comes back as it was"}},
		"balances are checked before the commit": {defective{book: checkedBefore}, []string{"payouts/the first debits of an account at once"}},
		"an entry is applied again": {defective{book: func(ctx context.Context, m *store.Memory, b payout.Batch) error {
			b.Entries = slices.Clone(b.Entries)
			for i, e := range b.Entries {
				if old, err := m.Entry(ctx, e.ID); err == nil && old.Same(e) {
					b.Entries[i].ID += " again"
				}
			}
			return m.CommitPayouts(ctx, b)
		}}, []string{"payouts/an entry is booked once", "payouts/a batch that is committed again"}},
		"locks are taken from others": {defective{book: func(ctx context.Context, m *store.Memory, b payout.Batch) error {
			for _, l := range b.Locks {
				if held, err := m.Locks(ctx, l.Network, []string{l.Name}); err == nil && held[l.Name] != "" {
					b.Unlocks = append(slices.Clone(b.Unlocks), payout.Lock{Network: l.Network, Name: l.Name, Transaction: held[l.Name]})
				}
			}
			return m.CommitPayouts(ctx, b)
		}}, []string{"payouts/a lock has one transaction", "payouts/a refused batch leaves no trace"}},
		"sums are not checked": {defective{book: func(ctx context.Context, m *store.Memory, b payout.Batch) error {
			sums := map[chain.AssetID]*big.Int{}
			for _, move := range b.Moves {
				sums[move.Holding.Asset] = new(big.Int).Sub(cmp.Or(sums[move.Holding.Asset], new(big.Int)), move.Units)
			}
			for _, e := range b.Entries {
				for _, p := range e.Postings {
					if !p.Account.Guarded() {
						sums[p.Account.Asset] = new(big.Int).Sub(cmp.Or(sums[p.Account.Asset], new(big.Int)), p.Units)
					}
				}
			}
			for asset, sum := range sums {
				if sum.Sign() != 0 {
					b.Moves = append(slices.Clone(b.Moves), payout.Move{Holding: payout.Holding{Network: "nowhere", Name: "the rest", Asset: asset}, Units: sum})
				}
			}
			return m.CommitPayouts(ctx, b)
		}}, []string{"payouts/what we hold is what we owe"}},
	}
}

// checkedBefore looks at balances first, and commits whatever they are then.
func checkedBefore(ctx context.Context, m *store.Memory, b payout.Batch) error {
	b.Entries = slices.Clone(b.Entries)
	for i, e := range b.Entries {
		b.Entries[i].Overdraw = true
		for _, p := range e.Postings {
			left := new(big.Int).Set(p.Units)
			balances, err := m.Balances(ctx, p.Account.Project)
			if err != nil {
				return err
			}
			for _, has := range balances {
				if has.Account == p.Account {
					left.Add(left, has.Units)
				}
			}
			if p.Account.Guarded() && left.Sign() < 0 && !e.Overdraw {
				return &payout.InsufficientError{Account: p.Account, Balance: new(big.Int).Sub(left, p.Units), Needed: new(big.Int).Neg(p.Units)}
			}
		}
	}
	time.Sleep(5 * time.Millisecond) // as long as a transaction takes
	return m.CommitPayouts(ctx, b)
}

// txDefects are mistakes in how a store works within a transaction of the host's.
func txDefects() map[string]struct {
	spoil func(h *storetest.Host, s *sqlite.Store)
	cases []string
} {
	// within changes the transactions.
	within := func(change func(tx *storetest.HostTx, s *sqlite.Store)) func(*storetest.Host, *sqlite.Store) {
		return func(h *storetest.Host, s *sqlite.Store) {
			begin := h.Begin
			h.Begin = func(t *testing.T) storetest.HostTx {
				tx := begin(t)
				change(&tx, s)
				return tx
			}
		}
	}
	return map[string]struct {
		spoil func(h *storetest.Host, s *sqlite.Store)
		cases []string
	}{
		"a rollback commits": {within(func(tx *storetest.HostTx, _ *sqlite.Store) { tx.Rollback = tx.Commit }), []string{
			"what is rolled back is not", "a freed number is taken once", "what was skipped and is rolled back is not",
		}},
		"a commit rolls back": {within(func(tx *storetest.HostTx, _ *sqlite.Store) { tx.Commit = tx.Rollback }), []string{
			"what is committed is there", "the feed goes on",
		}},
		"numbers are from before the transaction": {within(func(tx *storetest.HostTx, s *sqlite.Store) {
			tx.Store = numbersApart{tx.Store, new(uint32)}
		}), []string{"a number is handed out once"}},
		"a refusal is forgotten": {within(func(tx *storetest.HostTx, _ *sqlite.Store) { tx.Store = forgetful{tx.Store} }), []string{
			"a refusal leaves the transaction usable", "what was committed before counts",
		}},
		"reads are from outside": {within(func(tx *storetest.HostTx, s *sqlite.Store) { tx.Store = outside{tx.Store, s} }), []string{
			"nobody sees it before",
		}},
	}
}

// numbersApart hands out numbers of its own.
type numbersApart struct {
	invoice.Store
	next *uint32
}

func (n numbersApart) ReserveIndexes(_ context.Context, _ string, count uint32) (uint32, error) {
	first := *n.next
	*n.next += count
	return first, nil
}

// forgetful reports success.
type forgetful struct{ invoice.Store }

func (f forgetful) Commit(ctx context.Context, b invoice.Batch) error {
	_ = f.Store.Commit(ctx, b)
	return nil
}

// outside reads what is committed.
type outside struct {
	invoice.Store
	s *sqlite.Store
}

func (o outside) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return o.s.Invoice(ctx, id)
}

// noListers is the name of a backend that lacks what WithListers requires.
const noListers = "optional interfaces are missing"

func TestSuiteOnDefects(t *testing.T) {
	defect.Only(t)
	for name, d := range defects() {
		t.Run(name, func(t *testing.T) {
			var opts []storetest.Option
			if name == neverReturns || name == neverEnds {
				opts = append(opts, storetest.WithPatience(patience))
			}
			storetest.Run(t, func(*testing.T) store.Backend {
				broken := d.defective
				broken.Memory = store.NewMemory()
				return broken
			}, opts...)
		})
	}
	t.Run(noListers, func(t *testing.T) {
		storetest.Run(t, func(*testing.T) store.Backend { return struct{ store.Backend }{store.NewMemory()} }, storetest.WithListers())
	})
	for name, d := range txDefects() {
		t.Run(name, func(t *testing.T) {
			storetest.RunTx(t, func(t *testing.T) storetest.Host {
				h, s := host(t)
				d.spoil(&h, s)
				return h
			})
		})
	}
}

// host keeps orders beside the invoices.
func host(t *testing.T) (storetest.Host, *sqlite.Store) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	require.NoError(t, sqlite.Migrate(t.Context(), db))
	s, err := sqlite.New(db)
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE orders (number TEXT)")
	require.NoError(t, err)
	return storetest.Host{
		Backend: s,
		Begin: func(t *testing.T) storetest.HostTx {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			return storetest.HostTx{Store: inTx(t, s, tx), Commit: tx.Commit, Rollback: tx.Rollback, Insert: func(row string) error {
				_, err := tx.Exec("INSERT INTO orders (number) VALUES (?)", row)
				return err
			}}
		},
		Rows: func(t *testing.T) (rows []string) {
			found, err := db.Query("SELECT number FROM orders")
			require.NoError(t, err)
			defer found.Close()
			for found.Next() {
				var row string
				require.NoError(t, found.Scan(&row))
				rows = append(rows, row)
			}
			return rows
		},
	}, s
}

func TestDefectsFailByName(t *testing.T) {
	if testing.Short() {
		t.Skip("plays many defects: not with -short")
	}
	failed, out := defect.Failed(t)
	require.False(t, bytes.Contains(out, []byte("panic:")), "%s", out)
	must := func(defect string, cases []string) {
		for _, c := range cases {
			name := strings.ReplaceAll(defect+"/"+c, " ", "_")
			require.True(t, failed[name], "%s must fail when %s; these do: %v", c, defect, slices.Sorted(func(yield func(string) bool) {
				for f := range failed {
					if strings.HasPrefix(f, strings.ReplaceAll(defect, " ", "_")) && !yield(f) {
						return
					}
				}
			}))
		}
	}
	for name, d := range defects() {
		must(name, d.cases)
	}
	for name, d := range txDefects() {
		must(name, d.cases)
	}
	must(noListers, []string{"listers/held slots in order", "listers/paid invoices in pages"})
	require.True(t, bytes.Contains(out, []byte("it has not ended after "+patience.String())), "a case that hangs says so")
}

// inTx returns the store within a transaction.
func inTx(t testing.TB, s invoice.Transactor, tx any) invoice.Store {
	t.Helper()
	within, err := s.WithTx(tx)
	require.NoError(t, err)
	return within
}
