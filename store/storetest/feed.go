package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

var feedCases = []testCase{
	{"pages in the order of the commits", "events are appended to one feed in the order of the batch, positions grow", feedPages},
	{"an invoice's events in order", "InvoiceEvents answers all events of one invoice in order", feedOfInvoice},
	{"A47 a reader misses nothing", "once a position was seen, no lower one appears: who asks for what is after the last seen misses nothing", feedReader},
}

// follow reads the feed after the position, three events at a time.
func follow(t *testing.T, b store.Backend, after int64) []invoice.Event {
	t.Helper()
	var out []invoice.Event
	for {
		page := must[[]invoice.Event](t)(b.Events(t.Context(), after, 3))
		if len(page) > 3 {
			t.Fatalf("got %d events, want at most 3", len(page))
		}
		for _, ev := range page {
			if ev.Position <= after {
				t.Fatalf("position %d came after position %d", ev.Position, after)
			}
			after = ev.Position
		}
		out = append(out, page...)
		if len(page) == 0 {
			return out
		}
	}
}

func eventIDs(events []invoice.Event) []string {
	out := []string{}
	for _, ev := range events {
		out = append(out, ev.ID)
	}
	return out
}

func feedPages(t *testing.T, b store.Backend) {
	var want []string
	for n := range 5 {
		inv := newInvoice(n)
		events := []invoice.Event{newEvent(inv, 1), newEvent(inv, 2)}
		want = append(want, eventIDs(events)...)
		commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Events: events})
	}
	all := follow(t, b, 0)
	same(t, "the feed", eventIDs(all), want)
	same(t, "the feed after the fourth event", eventIDs(follow(t, b, all[3].Position)), want[4:])
	same(t, "the feed after its end", eventIDs(follow(t, b, all[9].Position)), []string{})
	same(t, "no event", eventIDs(must[[]invoice.Event](t)(b.Events(t.Context(), 0, 0))), []string{})
}

func feedOfInvoice(t *testing.T, b store.Backend) {
	one, two := newInvoice(1), newInvoice(2)
	commit(t, b, invoice.Batch{
		Insert: []invoice.Invoice{one, two},
		Events: []invoice.Event{newEvent(one, 1), newEvent(two, 1), newEvent(one, 2)},
	})
	for n := range int64(20) {
		commit(t, b, invoice.Batch{Events: []invoice.Event{newEvent(two, n+2), newEvent(one, n+3)}})
	}
	got := must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), one.ID))
	if len(got) != 22 {
		t.Fatalf("got %d events, want 22", len(got))
	}
	for i, ev := range got {
		if ev.Seq != int64(i)+1 || ev.Invoice != one.ID {
			t.Fatalf("event %d is number %d of %s", i, ev.Seq, ev.Invoice)
		}
	}
}

func feedReader(t *testing.T, b store.Backend) {
	const writers, each = 8, 12
	ctx := t.Context()
	errs := make(chan error, writers)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			inv := newInvoice(w)
			batch := invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{newEvent(inv, 1)}}
			for seq := int64(2); ; seq++ {
				if err := b.Commit(ctx, batch); err != nil {
					errs <- fmt.Errorf("writer %d: %w", w, err)
					return
				}
				if seq > each {
					return
				}
				batch = invoice.Batch{Events: []invoice.Event{newEvent(inv, seq)}}
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	var seen []invoice.Event
	for last := int64(0); ; {
		ended := false
		select {
		case <-done:
			ended = true
		default:
		}
		news := follow(t, b, last)
		seen = append(seen, news...)
		if len(news) > 0 {
			last = news[len(news)-1].Position
		}
		if ended {
			break
		}
	}
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	if len(seen) != writers*each {
		t.Fatalf("the reader saw %d events, want %d", len(seen), writers*each)
	}
	same(t, "what the reader saw", eventIDs(seen), eventIDs(follow(t, b, 0)))
	next := map[string]int64{}
	for _, ev := range seen {
		if next[ev.Invoice]++; ev.Seq != next[ev.Invoice] {
			t.Fatalf("event %d of %s came where %d was due", ev.Seq, ev.Invoice, next[ev.Invoice])
		}
	}
}
