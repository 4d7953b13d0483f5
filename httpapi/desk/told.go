package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
)

// told is an invoice or a payout that receivers are told about.
type told struct{ id, project, name, link string }

// toldPage is a part of all that is told about: the invoices that changed last, and the newest payouts.
type toldPage struct {
	all               []told
	invoices, payouts int
	older             mark // where the part that is older begins; the same as finished if there is none
}

// mark is a place in both listings: what was read last of each, empty at the beginning, or allRead.
type mark struct{ invoice, payout string }

const allRead = "all"

var finished = mark{allRead, allRead}

// values returns the parameters of the URL that name the place.
func (m mark) values() url.Values {
	return parameters(map[string]string{"invoice": m.invoice, "payout": m.payout})
}

// readTold returns up to limit invoices, and as many payouts, of the project, or of all that the person sees, from the mark on. Of
// several projects there is only a beginning: nothing is older than it.
func (v *visit) readTold(project string, from mark, limit int) (toldPage, error) {
	out := toldPage{older: from}
	if from.invoice != allRead {
		page, err := v.list(invoice.Query{Project: project, Sort: invoice.SortUpdated, After: from.invoice, Limit: limit, Uncounted: true})
		if err != nil {
			return out, err
		}
		out.older.invoice = allRead
		if n := len(page.Invoices); n == limit {
			out.older.invoice = page.Invoices[n-1].ID
		}
		out.invoices = len(page.Invoices)
		for _, inv := range page.Invoices {
			out.all = append(out.all, told{inv.ID, inv.Project, heading(inv), v.link("invoices", inv.ID) + "#webhooks"})
		}
	}
	if from.payout == allRead || v.cfg.Payouts == nil {
		out.older.payout = allRead
		return out, nil
	}
	scope := []string{project}
	if project == "" {
		scope = v.scope()
	}
	var payouts []payout.Payout
	for _, project := range scope {
		page, err := v.readPayouts(payout.Query{Project: project, Before: from.payout, Limit: limit})
		if err != nil {
			return out, err
		}
		out.older.payout = cmp.Or(page.Next, allRead) // of one project, or of all
		payouts = append(payouts, page.Payouts...)
	}
	if len(scope) > 1 {
		slices.SortStableFunc(payouts, func(a, b payout.Payout) int { return b.CreatedAt.Compare(a.CreatedAt) })
		payouts = payouts[:min(len(payouts), limit)]
	}
	out.payouts = len(payouts)
	for _, p := range payouts {
		name := "payout of " + v.amount(p.Asset.ID, p.Units)
		out.all = append(out.all, told{p.ID, p.Project, name, v.link("payouts", p.ID) + "#webhooks"})
	}
	return out, nil
}

// looked says what was looked at.
func (p toldPage) looked() string {
	text := "the " + counted(p.invoices, "invoice", "invoices") + " that changed last"
	if p.payouts > 0 {
		text += " and the " + counted(p.payouts, "newest payout", "newest payouts")
	}
	return text
}

// stuck is a message to one receiver that did not come through, and neither did any later one.
type stuck struct {
	record webhook.Record
	dead   bool // given up; else refused so far
	last   bool // there is no later message, so Outbox.Resend sends this one
}

// stuckOf returns the latest message to the receiver that was tried, if it did not come through.
func stuckOf(records []webhook.Record, receiver string) (stuck, bool) {
	last := true
	for _, r := range slices.Backward(records) {
		if r.Message.Receiver != receiver {
			continue
		}
		s := stuck{r, r.State == webhook.StateDead, last}
		last = false
		if s.dead || len(r.Attempts) > 0 {
			return s, r.State != webhook.StateDelivered
		}
	}
	return stuck{}, false
}

// receivers returns who was told, in the order of their latest messages.
func receivers(records []webhook.Record) []string {
	var out []string
	for _, r := range slices.Backward(records) {
		if !slices.Contains(out, r.Message.Receiver) {
			out = append(out, r.Message.Receiver)
		}
	}
	return out
}

// endpointHealth is what the messages that were looked at say of an endpoint.
type endpointHealth struct {
	dead, refused int       // of the latest messages about each subject
	tried         time.Time // the latest attempt
	status        int       // of its answer
	queued        bool      // a message waits for it, so it is not disabled
}

// gone reports whether the endpoint has said that it is gone, which disables its URL until a message is sent to it again.
func (h endpointHealth) gone() bool { return h.status == http.StatusGone && !h.queued }

// text says how the endpoint does, for people; empty if nothing is wrong.
func (h endpointHealth) text() string {
	var text string
	switch {
	case h.dead > 0 && h.refused > 0:
		text = strconv.Itoa(h.dead) + " given up, " + strconv.Itoa(h.refused) + " refused so far"
	case h.dead > 0:
		text = strconv.Itoa(h.dead) + " given up"
	case h.refused > 0:
		text = strconv.Itoa(h.refused) + " refused so far"
	}
	if h.gone() {
		text = "it said that it is gone (410) and is sent nothing until a message is sent again; " + cmp.Or(text, "none given up")
	}
	return text
}

// read takes in the messages about one subject to the endpoint.
func (h *endpointHealth) read(records []webhook.Record, receiver string) {
	if s, is := stuckOf(records, receiver); is && s.dead {
		h.dead++
	} else if is {
		h.refused++
	}
	for _, r := range records {
		if r.Message.Receiver != receiver {
			continue
		}
		h.queued = h.queued || r.State == webhook.StateDue
		for _, a := range r.Attempts {
			if !a.At.Before(h.tried) {
				h.tried, h.status = a.At, a.Status
			}
		}
	}
}

// receiverKey names an endpoint of a project.
type receiverKey struct{ project, id string }

// messagesLately is what the messages of the latest invoices and payouts say.
type messagesLately struct {
	troubled  []need
	looked    string
	endpoints map[receiverKey]endpointHealth
}

// readMessages looks at the messages about what was changed last of the project, or of all that the person sees.
func (v *visit) readMessages(project string) (messagesLately, error) {
	out := messagesLately{endpoints: map[receiverKey]endpointHealth{}}
	if v.cfg.Outbox == nil {
		return out, nil
	}
	page, err := v.readTold(project, mark{}, messagesSeen)
	if err != nil {
		return out, err
	}
	out.looked = page.looked()
	for _, t := range page.all {
		records, err := v.cfg.Outbox.History(v.ctx(), t.id)
		if err != nil {
			return out, err
		}
		var worst *need
		for _, receiver := range receivers(records) {
			key := receiverKey{t.project, receiver}
			h := out.endpoints[key]
			h.read(records, receiver)
			out.endpoints[key] = h
			if s, is := stuckOf(records, receiver); is && (worst == nil || s.dead && worst.Tone != toneBad) {
				n := s.need(t)
				worst = &n
			}
		}
		if worst != nil { // one of each says enough
			out.troubled = append(out.troubled, *worst)
		}
	}
	return out, nil
}

// need returns the message as something that wants a person.
func (s stuck) need(t told) need {
	m := s.record.Message
	n := need{toneBad, "Given up", t.name + ", " + string(m.Event) + ", " + shownURL(m.URL), t.link, m.At}
	if !s.dead {
		n.Tone, n.Title = toneWarn, "Refused so far: "+counted(len(s.record.Attempts), "attempt", "attempts")
	}
	return n
}

// resendSeen is how many invoices, and how many payouts, one act on an endpoint looks at.
const resendSeen = 500

// planResendAll plans to send again what an endpoint was not told, of one part of what is told about: no outbox finds it by
// its endpoint without reading much that came through.
func planResendAll(v *visit) (*deed, error) {
	d, p, e, err := v.endpointDeed(
		"Send again what the endpoint was not told", "Send again",
		"The latest message about each is sent again at once, with the same id and the same body, if it was given up or refused. "+
			"Earlier messages about the same are not. An endpoint that said that it is gone is sent messages again.",
	)
	if err != nil {
		return nil, err
	}
	d.subject, d.label = "webhooks", "Webhooks"
	d.facts = slices.DeleteFunc(d.facts, func(f fact) bool { return f.Name == "Owner" }) // administrators know it
	from := mark{v.query("invoice"), v.query("payout")}
	if len(from.invoice) > 200 || len(from.payout) > 200 {
		return nil, badFilter("the page does not exist")
	}
	page, err := v.readTold(p.ID, from, resendSeen)
	if err != nil {
		return nil, err
	}
	found, dead, urls, err := v.stuckTo(page.all, e.ID)
	if err != nil {
		return nil, err
	}
	looked := counted(page.invoices, "invoice", "invoices") + " and " + counted(page.payouts, "payout", "payouts")
	d.facts = append(d.facts, fact{Name: "Given up", Value: strconv.Itoa(dead)}, fact{Name: "Refused so far", Value: strconv.Itoa(len(found) - dead)},
		fact{Name: "Looked at", Value: looked})
	for _, u := range urls {
		d.facts = append(d.facts, fact{Name: "Sent to", Value: u, Code: true})
	}
	d.hidden = []field{{Name: "invoice", Value: from.invoice}, {Name: "payout", Value: from.payout}}
	next := "webhooks"
	if page.older != finished {
		d.further = "?" + page.older.values().Encode()
		next = v.r.URL.Path[1:] + d.further
	}
	if len(found) == 0 {
		d.refused = "Of these, nothing was given up or refused."
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		n, err := v.resendAll(ctx, found, e.ID)
		return done{after: map[string]string{"sent_again": strconv.Itoa(n), "looked_at": looked}, path: next}, err
	}
	return d, nil
}

// stuckTo returns what of all of it the receiver was not told, the oldest first, how many messages of it were given up, and the
// URLs that they go to.
func (v *visit) stuckTo(all []told, receiver string) (found []told, dead int, urls []string, err error) {
	for _, t := range slices.Backward(all) {
		records, err := v.cfg.Outbox.History(v.ctx(), t.id)
		if err != nil {
			return nil, 0, nil, err
		}
		s, is := stuckOf(records, receiver)
		if !is || !s.last {
			continue // a later one is about to be sent
		}
		found = append(found, t)
		if s.dead {
			dead++
		}
		if u := shownURL(s.record.Message.URL); !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return found, dead, urls, nil
}

// resendAll sends the latest message about each of them to the receiver again, and returns how many.
func (v *visit) resendAll(ctx context.Context, all []told, receiver string) (n int, err error) {
	for _, t := range all {
		_, err := v.cfg.Outbox.Resend(ctx, t.id, receiver)
		if errors.Is(err, invoice.ErrNotFound) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return n, fmt.Errorf("send %s again: %w", t.id, err)
		}
		n++
	}
	return n, nil
}
