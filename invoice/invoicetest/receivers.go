package invoicetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cointill/cointill/invoice"
)

// receiver is an endpoint of the project "shop", with what it must be told.
type receiver struct {
	invoice.Endpoint
	wants func(invoice.EventType) bool
}

// newReceivers gives half of the worlds a project with endpoints. The other traits of a world do not depend on them.
func newReceivers(seed uint64) []receiver {
	r := rand.New(rand.NewPCG(seed, 1))
	if r.IntN(2) == 0 {
		return nil
	}
	everything := func(invoice.EventType) bool { return true }
	nothing := func(invoice.EventType) bool { return false }
	money := func(t invoice.EventType) bool {
		return t == invoice.EventPaymentReceived || t == invoice.EventPaymentLost || t == invoice.EventCompleted
	}
	of := func(id, path string, events ...string) invoice.Endpoint {
		return invoice.Endpoint{ID: "ep_" + id, URL: fmt.Sprintf("https://shop%d.example/%s", 1+r.IntN(2), path), Events: events}
	}
	off := of("off", "off")
	off.Disabled = true
	return []receiver{
		{of("all", "all", [][]string{nil, {"invoice.*"}}[r.IntN(2)]...), everything},
		{of("money", "money", "invoice.payment_received", "invoice.payment_lost", "invoice.completed", "payout.*"), money},
		{of("none", "none", "payout.*", "payout.sent"), nothing},
		{off, nothing},
	}
}

// projects is the store of projects as one process reaches it, which only reads.
type projects struct {
	invoice.ProjectStore
	p *Process
}

func (s projects) Project(ctx context.Context, id string) (invoice.Project, error) {
	return ask(ctx, s.p, "Project", id, func() (invoice.Project, error) {
		if id != "shop" {
			return invoice.Project{}, invoice.ErrNotFound
		}
		out := invoice.Project{ID: id, Version: 1}
		for _, r := range s.p.w.traits.receivers {
			out.Endpoints = append(out.Endpoints, r.Endpoint)
		}
		return out, nil
	})
}

// receiverTrouble lets a process fail to read whom events must be told to.
func (w *world) receiverTrouble(r *rand.Rand) {
	p, ok := w.live(r)
	if !ok {
		return
	}
	pl := plan{method: "Project", kind: []fault{faultBefore, faultAfter, faultCrashBefore}[r.IntN(3)], times: 1 + r.IntN(6)}
	p.mu.Lock()
	p.plan = pl
	p.mu.Unlock()
	w.note("    %s: %q %s, %d times", p.name, pl.method, pl.kind, pl.times)
}

// receiversOf returns the endpoints that an event must be told to.
func (w *world) receiversOf(ev invoice.Event) []invoice.Endpoint {
	var out []invoice.Endpoint
	for _, r := range w.traits.receivers {
		if r.wants(ev.Type) {
			out = append(out, r.Endpoint)
		}
	}
	return out
}

// isReceiver reports whether a URL is that of an endpoint of the project, where messages of all invoices arrive.
func (w *world) isReceiver(url string) bool {
	return slices.ContainsFunc(w.traits.receivers, func(r receiver) bool { return r.URL == url })
}

// auditReceivers compares the messages that were committed with an event with those that its project's endpoints must
// get. That each of them arrives once as new, in order, holds for all messages.
func (w *world) auditReceivers(b invoice.Batch) {
	for _, ev := range b.Events {
		var got, want []string
		for _, m := range b.Messages {
			if m.Invoice == ev.Invoice && m.Seq == ev.Seq && m.Receiver != "" {
				got = append(got, m.Receiver+" at "+m.URL)
				if m.ID == ev.ID || !strings.HasPrefix(m.ID, ev.ID) {
					w.fail(ruleReceivers, "the message of event %d of %s to %s has the id %s", ev.Seq, w.orderOf(ev.Invoice), m.Receiver, m.ID)
				}
			}
		}
		for _, e := range w.receiversOf(ev) {
			want = append(want, e.ID+" at "+e.URL)
		}
		if !slices.Equal(got, want) {
			w.fail(ruleReceivers, "event %d of %s, %s, has messages to %v, not to %v", ev.Seq, w.orderOf(ev.Invoice), ev.Type, got, want)
		}
	}
}
