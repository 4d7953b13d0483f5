package storetest

import (
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// benchProjects differ in size: the first has nine of ten invoices.
var benchProjects = []string{
	"0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11", "0198c8d3-11aa-7b22-8e1b-5a4c3d2e1f00", "0198c8d4-22bb-7c33-9f2c-6b5d4e3f2a11",
}

// Listings measures pages of listings, with every kind of filter, sort and position, among the invoices of three
// projects that Fill has put into the backend. It reports percentiles of the time of a page in milliseconds.
func Listings(b *testing.B, backend store.Backend, invoices int) {
	for _, kind := range []struct {
		name  string
		query func(*rand.Rand, int) invoice.Query
	}{{"any filter", anyFilter}, {"search", anySearch}} {
		b.Run(kind.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, uint64(invoices)))
			var took []time.Duration
			for range b.N {
				q := kind.query(r, invoices)
				q.Limit = 1
				page, err := backend.Invoices(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				q.Limit, q.Offset = 20, 20*r.IntN(page.Total/20+1)
				began := time.Now()
				if page, err = backend.Invoices(b.Context(), q); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
				if want := min(q.Limit, page.Total-q.Offset); len(page.Invoices) != want {
					b.Fatalf("%+v: got %d invoices of a total of %d, want %d", q, len(page.Invoices), page.Total, want)
				}
			}
			slices.Sort(took)
			b.ReportMetric(0, "ns/op")
			for _, p := range []int{50, 99, 100} {
				b.ReportMetric(float64(took[(len(took)-1)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
			}
		})
	}
}

// Fill puts invoices into an empty backend, like those of a shop after some years: most are completed or expired. The
// backend may put off the last 2,000.
func Fill(b *testing.B, backend store.Backend, invoices int) {
	b.Helper()
	const batch = 1000
	for from := 0; from < invoices; from += batch {
		var insert []invoice.Invoice
		for n := from; n < min(from+batch, invoices); n++ {
			insert = append(insert, benchInvoice(n))
		}
		if err := backend.Commit(b.Context(), invoice.Batch{Insert: insert}); err != nil {
			b.Fatal(err)
		}
		keep := 16 * batch
		if from+3*batch >= invoices {
			keep = 2 * batch
		}
		if tidier, able := backend.(invoice.Tidier); able {
			if err := tidier.Tidy(b.Context(), keep); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func benchInvoice(n int) invoice.Invoice {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	inv := newInvoice(n)
	inv.ID = fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", 0x198c8d0+n>>4, n<<12&0xffff|r.IntN(1<<12), r.IntN(1<<12), 0x8000|r.IntN(1<<14), r.Uint64N(1<<48))
	inv.Project = benchProjects[max(0, r.IntN(20)-17)]
	inv.OrderID, inv.Name = fmt.Sprintf("order-%06d", n), fmt.Sprintf("%s %d", benchNames[r.IntN(len(benchNames))], r.IntN(1000))
	inv.CreatedAt = start.Add(time.Duration(n)*time.Minute + time.Duration(r.IntN(300))*time.Second)
	inv.UpdatedAt = inv.CreatedAt.Add(time.Duration(r.IntN(86400)) * time.Second)
	inv.State.Status = benchStatuses[r.IntN(len(benchStatuses))]
	inv.Price = invoice.Price{Currency: []string{"EUR", "EUR", "USD"}[r.IntN(3)], Amount: decimal.New(int64(100*r.IntN(300)+99), -2)}
	inv.Quote = newQuote(n, []chain.Asset{pol, eth, eth}[r.IntN(3)])
	inv.Quote.Fiat = inv.Price
	inv.Quote.Due = big.NewInt(r.Int64N(1 << 40))
	return inv
}

var benchStatuses = []invoice.Status{
	invoice.StatusCompleted, invoice.StatusCompleted, invoice.StatusCompleted, invoice.StatusExpired, invoice.StatusExpired,
	invoice.StatusCancelled, invoice.StatusPaidPartial, invoice.StatusNew, invoice.StatusPending,
}

var benchNames = []string{"Order", "Chair", "Table of oak", "Gift card", "Lamp", "Order of a Sofa"}

func anyFilter(r *rand.Rand, invoices int) invoice.Query {
	q := invoice.Query{
		Sort:      []invoice.Sort{invoice.SortCreated, invoice.SortUpdated, invoice.SortFiat, invoice.SortDue}[r.IntN(4)],
		Ascending: r.IntN(2) == 0,
	}
	some := benchInvoice(r.IntN(invoices))
	for _, restrict := range []func(){
		func() { q.Project = some.Project },
		func() { q.Status = some.State.Status },
		func() { q.AssetCode = some.Quote.Asset.Code },
		func() { q.Fiat = some.Price.Currency },
		func() { q.CreatedAfter = some.CreatedAt },
		func() { q.CreatedBefore = benchInvoice(r.IntN(invoices)).CreatedAt },
	} {
		if r.IntN(3) == 0 {
			restrict()
		}
	}
	return q
}

// anySearch returns a part, of one character or more, of a text of an invoice.
func anySearch(r *rand.Rand, invoices int) invoice.Query {
	q := anyFilter(r, invoices)
	some := benchInvoice(r.IntN(invoices))
	text := []string{some.ID, some.Project, some.OrderID, some.Name}[r.IntN(4)]
	from := r.IntN(len(text))
	q.Search = text[from : from+1+r.IntN(len(text)-from)]
	return q
}

// Settled measures the cost of a step at an address with a long history, on the backends that open returns: an invoice
// with one open payment is read in each way in which a step reads it, and gets another payment while the open one
// settles. The time of an operation must not depend on how many payments settled before.
func Settled(b *testing.B, open func(b *testing.B) store.Backend) {
	for _, settled := range []int{10, 1_000, 100_000} {
		if testing.Short() && settled > 1_000 {
			break
		}
		b.Run(fmt.Sprintf("settled=%d", settled), func(b *testing.B) {
			backend := open(b)
			h := &paidOften{inv: newInvoice(1)}
			h.fill(b, backend, settled)
			for _, op := range []struct {
				name string
				do   func(b *testing.B) error
			}{
				{"read", func(b *testing.B) error { return h.read(b, backend) }},
				{"match", func(b *testing.B) error { return h.match(b, backend) }},
				{"above", func(b *testing.B) error { return h.above(b, backend) }},
				{"page", func(b *testing.B) error { return h.page(b, backend) }},
				{"pay", func(b *testing.B) error { return h.pay(b, backend, 1) }},
			} {
				b.Run(op.name, func(b *testing.B) {
					for b.Loop() {
						if err := op.do(b); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// paidOften is an invoice that is paid again and again. Its last payment is open.
type paidOften struct {
	inv      invoice.Invoice
	payments int
}

func (h *paidOften) fill(b *testing.B, backend store.Backend, settled int) {
	b.Helper()
	const batch = 1000
	if err := backend.Commit(b.Context(), created(h.inv)); err != nil {
		b.Fatal(err)
	}
	for n := 0; n <= settled; n += batch {
		if err := h.pay(b, backend, min(batch, settled+1-n)); err != nil {
			b.Fatal(err)
		}
	}
}

func (h *paidOften) last() invoice.Payment { return newPayment(h.payments, h.inv, uint64(h.payments)) }

// pay settles the open payment, and adds others, of which the last is open.
func (h *paidOften) pay(b *testing.B, backend store.Backend, n int) error {
	h.inv = revise(h.inv, func(inv *invoice.Invoice) { inv.Settled = &invoice.Settled{Count: int64(h.payments + n - 1)} })
	batch := invoice.Batch{Update: []invoice.Invoice{h.inv}}
	if h.payments > 0 {
		batch.Payments = append(batch.Payments, settledPayment(h.payments, h.inv, uint64(h.payments)))
	}
	for range n {
		h.payments++
		batch.Payments = append(batch.Payments, settledPayment(h.payments, h.inv, uint64(h.payments)))
	}
	batch.Payments[len(batch.Payments)-1].Settled = false
	return backend.Commit(b.Context(), batch)
}

// one checks that the invoice came with its open payment only.
func (h *paidOften) one(found []invoice.Invoice, err error) error {
	if err == nil && (len(found) != 1 || len(found[0].Payments) != 1) {
		err = fmt.Errorf("got %d invoices, want one with one payment", len(found))
	}
	return err
}

func (h *paidOften) read(b *testing.B, backend store.Backend) error {
	inv, err := backend.Invoice(b.Context(), h.inv.ID)
	return h.one([]invoice.Invoice{inv}, err)
}

func (h *paidOften) match(b *testing.B, backend store.Backend) error {
	if err := h.one(backend.InvoicesAt(b.Context(), []invoice.Place{place(1)})); err != nil {
		return err
	}
	return h.one(backend.InvoicesPaid(b.Context(), invoice.PaymentQuery{Keys: []chain.Key{h.last().Key}}))
}

func (h *paidOften) above(b *testing.B, backend store.Backend) error {
	return h.one(backend.InvoicesPaid(b.Context(), invoice.PaymentQuery{Network: mainnet, From: uint64(h.payments-1) + 1}))
}

// page returns ten payments from the middle.
func (h *paidOften) page(b *testing.B, backend store.Backend) error {
	page, err := backend.Payments(b.Context(), h.inv.ID, newPayment(h.payments/2, h.inv, 0).Key, 10)
	if err == nil && len(page) != min(10, h.payments-h.payments/2) {
		err = fmt.Errorf("got a page of %d payments", len(page))
	}
	return err
}

// Backlogs returns the numbers of messages to one endpoint that a benchmark of [Backlog] leaves unsent: a few if it
// runs only to check that it works.
func Backlogs(b *testing.B) []int {
	if testing.Short() || b.N == 1 && flag.Lookup("test.benchtime").Value.String() == "1x" {
		return []int{0, 1_000}
	}
	return []int{0, 1_000, 100_000, 300_000}
}

// Backlog creates invoices from 8 callers, with a message each, while messages that are due to other endpoints than the
// dead one are claimed and delivered. It ends when all are sent, and reports how many were created and delivered per
// second.
func Backlog(b *testing.B, backend store.Backend, dead string) {
	ctx := b.Context()
	var next atomic.Int64
	hint := make(chan struct{}, 1)
	var creating, telling sync.WaitGroup
	b.ResetTimer()
	began := time.Now()
	for range 8 {
		creating.Go(func() {
			for {
				n := int(next.Add(1))
				if n > b.N {
					return
				}
				inv := newInvoice(n)
				msg := newMessage(inv, 1, shopURL)
				msg.Endpoint = fmt.Sprintf("https://shop%d.example:443", n%20)
				batch := created(inv)
				batch.Messages = []invoice.Message{msg}
				if err := backend.Commit(ctx, batch); err != nil {
					b.Error(err)
				}
				select {
				case hint <- struct{}{}:
				default:
				}
			}
		})
	}
	telling.Go(func() { tellAll(b, backend, dead, hint) })
	creating.Wait()
	created := time.Since(began)
	telling.Wait()
	b.ReportMetric(float64(b.N)/created.Seconds(), "created/s")
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "told/s")
}

// tellAll sends b.N messages, like a dispatcher whose endpoints respond at once.
func tellAll(b *testing.B, backend store.Backend, dead string, hint <-chan struct{}) {
	ctx := b.Context()
	work := make(chan webhook.Delivery, 256)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for d := range work {
				if err := backend.Record(ctx, d.Claim, webhook.Attempt{At: start, Status: 200}, delivered); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for told := 0; told < b.N && !b.Failed(); {
		got, err := backend.Claim(ctx, webhook.ClaimQuery{Lease: time.Minute, Limit: 256 - len(work), Skip: []string{dead}, PerEndpoint: 32})
		if err != nil {
			b.Error(err)
		}
		for _, d := range got {
			work <- d
		}
		if told += len(got); len(got) == 0 {
			select {
			case <-hint:
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	close(work)
	workers.Wait()
}
