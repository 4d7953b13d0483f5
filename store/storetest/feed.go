package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/callers"
)

var feedCases = []testCase{
	{"pages in the order of the commits", "events are appended to one feed in the order of the batch, positions grow", feedPages},
	{"an invoice's events in order", "InvoiceEvents returns the events of one invoice whose Seq is above after, in order", feedOfInvoice},
	{"a position beyond the end is refused", "Events refuses a position beyond the end of the feed with a PositionError that names the end", feedBeyondEnd},
	{"positions are skipped", "Skip gives the events of its batch and all later ones higher positions, and no reader is beyond it", feedSkips},
	{"a refused batch skips nothing", "Commit stores all of the batch or nothing", feedSkipRefused},
	{"positions are skipped beside commits", "events of batches that are committed after a Skip have higher positions", feedSkipsBeside},
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

// pastEnd reads events after a position that the feed has not reached.
func pastEnd(t *testing.T, b store.Backend, position, end int64) {
	t.Helper()
	events, err := b.Events(t.Context(), position, 3)
	var refusal *invoice.PositionError
	if !errors.As(err, &refusal) {
		t.Fatalf("after position %d: got %d events and error %v, want a PositionError", position, len(events), err)
	}
	if refusal.Position != position || refusal.Last != end {
		t.Fatalf("got %+v, want position %d and the end at %d", *refusal, position, end)
	}
}

func feedBeyondEnd(t *testing.T, b store.Backend) {
	same(t, "the empty feed", len(follow(t, b, 0)), 0)
	pastEnd(t, b, 1, 0)
	inv := newInvoice(1)
	// Messages are not events.
	commit(t, b, invoice.Batch{
		Insert: []invoice.Invoice{inv}, Events: []invoice.Event{newEvent(inv, 1), newEvent(inv, 2)},
		Messages: []invoice.Message{newMessage(inv, 1, "https://shop.example/callback")},
	})
	last := follow(t, b, 0)[1].Position
	same(t, "after the last", len(follow(t, b, last)), 0)
	pastEnd(t, b, last+1, last)
	pastEnd(t, b, 1<<63-1, last)
	refused(t, b, invoice.Batch{Insert: []invoice.Invoice{newInvoice(2)}, Events: []invoice.Event{newEvent(newInvoice(2), 1), newEvent(inv, 1)}}, invoice.ErrConflict)
	pastEnd(t, b, last+1, last)
	same(t, "all again", len(follow(t, b, 0)), 2)
}

func feedSkips(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	commit(t, b, invoice.Batch{Skip: 10})
	same(t, "after what was skipped", len(follow(t, b, 10)), 0)
	pastEnd(t, b, 11, 10)
	commit(t, b, invoice.Batch{Skip: 5}) // which is passed already
	pastEnd(t, b, 11, 10)
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{newEvent(inv, 1)}})
	first := follow(t, b, 10)
	same(t, "the first event", eventIDs(first), []string{"evt_inv-00001_1"})
	commit(t, b, invoice.Batch{Skip: 5})
	commit(t, b, invoice.Batch{Skip: 10, Events: []invoice.Event{newEvent(inv, 2)}})
	same(t, "the second event", eventIDs(follow(t, b, first[0].Position)), []string{"evt_inv-00001_2"})
	const far = 1 << 40
	commit(t, b, invoice.Batch{Skip: far, Events: []invoice.Event{newEvent(inv, 3), newEvent(inv, 4)}})
	same(t, "what came with a skip", eventIDs(follow(t, b, far)), []string{"evt_inv-00001_3", "evt_inv-00001_4"})
	same(t, "for a reader who is behind", len(follow(t, b, 1<<20)), 2)
	same(t, "from the beginning", len(follow(t, b, 0)), 4)
	commit(t, b, invoice.Batch{Skip: -1, Events: []invoice.Event{newEvent(inv, 5)}})
	same(t, "the invoice's events", len(must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), inv.ID, 0))), 5)
}

func feedSkipRefused(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{newEvent(inv, 1)}})
	last := follow(t, b, 0)[0].Position
	refused(t, b, invoice.Batch{Skip: 1000, Events: []invoice.Event{newEvent(inv, 1)}}, invoice.ErrConflict)
	refused(t, b, invoice.Batch{Skip: 1000, Update: []invoice.Invoice{inv}}, invoice.ErrConflict)
	pastEnd(t, b, last+1, last)
}

func feedSkipsBeside(t *testing.T, b store.Backend) {
	const writers, each, step = 6, 8, 1000
	errs := callers.Together(writers, func(i int) error {
		inv := newInvoice(i)
		if err := b.Commit(t.Context(), invoice.Batch{Insert: []invoice.Invoice{inv}}); err != nil {
			return err
		}
		for n := range int64(each) {
			batch, least := invoice.Batch{Events: []invoice.Event{newEvent(inv, n+1)}}, int64(0)
			if i%2 == 0 {
				least = step * (n + 1)
				if err := b.Commit(t.Context(), invoice.Batch{Skip: least}); err != nil {
					return err
				}
			}
			if err := b.Commit(t.Context(), batch); err != nil {
				return err
			}
			events, err := b.InvoiceEvents(t.Context(), inv.ID, 0)
			if err != nil {
				return err
			}
			if got := events[len(events)-1].Position; got <= least {
				return fmt.Errorf("an event has position %d although %d was skipped", got, least)
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	same(t, "all events", len(follow(t, b, 0)), writers*each)
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
	got := must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), one.ID, 0))
	if len(got) != 22 {
		t.Fatalf("got %d events, want 22", len(got))
	}
	for i, ev := range got {
		if ev.Seq != int64(i)+1 || ev.Invoice != one.ID {
			t.Fatalf("event %d is number %d of %s", i, ev.Seq, ev.Invoice)
		}
	}
	for _, after := range []int64{1, 2, 21, 22, 1 << 40} {
		later := must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), one.ID, after))
		sameList(t, fmt.Sprintf("events after number %d", after), later, got[min(after, 22):])
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
