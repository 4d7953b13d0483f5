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
type told struct {
	id, project, name, link string
	seq                     int64 // of the last event
}

// toldCount is how many of each are told about.
type toldCount struct{ invoices, standing, payouts int }

func (c toldCount) plus(d toldCount) toldCount {
	return toldCount{c.invoices + d.invoices, c.standing + d.standing, c.payouts + d.payouts}
}

// text returns the count for people.
func (c toldCount) text() string {
	text := counted(c.invoices, "invoice", "invoices")
	if c.standing > 0 {
		text += ", " + counted(c.standing, "deposit address", "deposit addresses")
	}
	return text + " and " + counted(c.payouts, "payout", "payouts")
}

// toldPage is a part of all that is told about: the first invoices and standing invoices of an order, and the newest payouts.
type toldPage struct {
	all   []told
	count toldCount
	older mark // where the part that follows begins; the same as finished if there is none
}

// mark is a place in the three listings: what was read last of each, empty at the beginning, or allRead.
type mark struct{ invoice, standing, payout string }

const allRead = "all"

var finished = mark{allRead, allRead, allRead}

// values returns the parameters of the URL that name the place.
func (m mark) values() url.Values {
	return parameters(map[string]string{"invoice": m.invoice, "standing": m.standing, "payout": m.payout})
}

// readMark returns the place that the URL or the form names.
func (v *visit) readMark() (mark, error) {
	m := mark{v.query("invoice"), v.query("standing"), v.query("payout")}
	if max(len(m.invoice), len(m.standing), len(m.payout)) > 200 {
		return m, badFilter("the page does not exist")
	}
	return m, nil
}

// readTold returns up to limit of each that is told about of the project, or of all that the person sees, from the mark on. Of
// several projects there is only a beginning: nothing is older than it.
func (v *visit) readTold(project string, order invoice.Sort, from mark, limit int) (toldPage, error) {
	out := toldPage{older: from}
	q := invoice.Query{Project: project, Sort: order, Limit: limit, Uncounted: true}
	var err error
	if out.count.invoices, err = v.readToldInvoices(&out, q, &out.older.invoice); err != nil {
		return out, err
	}
	q.Standing = true
	if out.count.standing, err = v.readToldInvoices(&out, q, &out.older.standing); err != nil {
		return out, err
	}
	out.count.payouts, err = v.readToldPayouts(&out, project, limit)
	return out, err
}

// readToldInvoices adds the invoices of the query that come after one, moves that on, and returns how many they are.
func (v *visit) readToldInvoices(out *toldPage, q invoice.Query, after *string) (int, error) {
	if *after == allRead {
		return 0, nil
	}
	q.After = *after
	page, err := v.list(q)
	if err != nil {
		return 0, err
	}
	*after = allRead
	if n := len(page.Invoices); n == q.Limit {
		*after = page.Invoices[n-1].ID
	}
	for _, inv := range page.Invoices {
		out.all = append(out.all, told{inv.ID, inv.Project, heading(inv), v.link("invoices", inv.ID) + "#webhooks", inv.Seq})
	}
	return len(page.Invoices), nil
}

// readToldPayouts adds the payouts that are older than the mark, moves that on, and returns how many they are.
func (v *visit) readToldPayouts(out *toldPage, project string, limit int) (int, error) {
	before := out.older.payout
	out.older.payout = allRead
	if before == allRead || v.cfg.Payouts == nil {
		return 0, nil
	}
	scope := []string{project}
	if project == "" {
		scope = v.scope()
	}
	var payouts []payout.Payout
	for _, project := range scope {
		page, err := v.readPayouts(payout.Query{Project: project, Before: before, Limit: limit})
		if err != nil {
			return 0, err
		}
		out.older.payout = cmp.Or(page.Next, allRead) // of one project, or of all
		payouts = append(payouts, page.Payouts...)
	}
	if len(scope) > 1 {
		slices.SortStableFunc(payouts, func(a, b payout.Payout) int { return b.CreatedAt.Compare(a.CreatedAt) })
		payouts = payouts[:min(len(payouts), limit)]
	}
	for _, p := range payouts {
		name := "payout of " + v.amount(p.Asset.ID, p.Units)
		out.all = append(out.all, told{p.ID, p.Project, name, v.link("payouts", p.ID) + "#webhooks", p.Seq})
	}
	return len(payouts), nil
}

// lately says what was looked at of the invoices that changed last, and of payouts.
func (c toldCount) lately() string {
	text := "the " + counted(c.invoices, "invoice", "invoices") + " that changed last"
	if c.payouts > 0 {
		text += " and the " + counted(c.payouts, "newest payout", "newest payouts")
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

// readMessages looks at the messages about what was changed last of the project, or of all that the person sees, but for those
// about deposits.
func (v *visit) readMessages(project string) (messagesLately, error) {
	out := messagesLately{endpoints: map[receiverKey]endpointHealth{}}
	if v.cfg.Outbox == nil {
		return out, nil
	}
	page, err := v.readTold(project, invoice.SortUpdated, mark{standing: allRead}, messagesSeen)
	if err != nil {
		return out, err
	}
	out.looked = page.count.lately()
	for _, t := range page.all {
		records, err := v.cfg.Outbox.History(v.ctx(), t.id, t.seq-eventsSeen)
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

const (
	resendSeen = 500              // invoices, and payouts, that one act on an endpoint looks at at a time
	resendTime = 10 * time.Second // for which it goes on to older ones
)

// planResendAll plans to send again what an endpoint was not told. The page that asks looks at the latest that is told about: no
// outbox finds it by its endpoint without reading much that came through.
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
	from, err := v.readMark()
	if err != nil {
		return nil, err
	}
	first, err := v.readUntold(p.ID, e.ID, from)
	if err != nil {
		return nil, err
	}
	d.facts = append(d.facts, fact{Name: "Given up", Value: strconv.Itoa(first.dead)}, fact{Name: "Refused so far", Value: strconv.Itoa(len(first.found) - first.dead)},
		fact{Name: "Looked at", Value: first.count.text()})
	for _, u := range first.urls {
		d.facts = append(d.facts, fact{Name: "Sent to", Value: u, Code: true})
	}
	d.hidden = hiddenFields(from.values())
	switch {
	case first.older != finished:
		d.text += " Only the latest were looked at for this page. Older ones are sent again too, for at most " + roughly(resendTime) + ": the result leads to what is left then."
	case len(first.found) == 0:
		d.refused = "Of these, nothing was given up or refused."
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		out, err := v.resendAll(ctx, p.ID, e.ID, first)
		return v.resentAll(out), err
	}
	return d, nil
}

// untold is what of one part of all that is told about a receiver was not told.
type untold struct {
	toldPage
	found []told   // the oldest first
	dead  int      // of their messages, how many were given up
	urls  []string // that they go to
}

// readUntold returns what of the part that begins at the mark the receiver was not told. The order of the parts is that of
// creation, which nothing changes: so one that follows another has nothing that was in that one, and lacks nothing.
func (v *visit) readUntold(project, receiver string, from mark) (out untold, err error) {
	if out.toldPage, err = v.readTold(project, invoice.SortCreated, from, resendSeen); err != nil {
		return out, err
	}
	for _, t := range slices.Backward(out.all) {
		records, err := v.cfg.Outbox.History(v.ctx(), t.id, t.seq-eventsSeen)
		if err != nil {
			return out, err
		}
		s, is := stuckOf(records, receiver)
		if !is || !s.last {
			continue // a later one is about to be sent
		}
		out.found = append(out.found, t)
		if s.dead {
			out.dead++
		}
		if u := shownURL(s.record.Message.URL); !slices.Contains(out.urls, u) {
			out.urls = append(out.urls, u)
		}
	}
	return out, nil
}

// resent is what came of sending again.
type resent struct {
	messages int
	looked   toldCount
	older    mark // where what is left begins
}

// resendAll sends the latest message about each that the receiver was not told to it again, of the first part and of those that
// follow, until there are no more or its time is over. With an error it returns what was done before.
func (v *visit) resendAll(ctx context.Context, project, receiver string, part untold) (out resent, err error) {
	v = v.within(ctx)
	for until := v.cfg.Now().Add(resendTime); ; {
		out.looked = out.looked.plus(part.count)
		for _, t := range part.found {
			_, err := v.cfg.Outbox.Resend(ctx, t.id, receiver)
			if errors.Is(err, invoice.ErrNotFound) {
				continue // it was removed meanwhile
			}
			if err != nil {
				return out, fmt.Errorf("send %s again: %w", t.id, err)
			}
			out.messages++
		}
		out.older = part.older
		if out.older == finished || !v.cfg.Now().Before(until) {
			return out, nil
		}
		if part, err = v.readUntold(project, receiver, out.older); err != nil {
			return out, fmt.Errorf("look at what is older: %w", err)
		}
	}
}

// resentAll returns what is shown of what came of sending again, with the page that goes on with the rest.
func (v *visit) resentAll(out resent) done {
	result := done{
		text:  "Everything was looked at.",
		shown: []fact{{Name: "Sent again", Value: counted(out.messages, "message", "messages")}, {Name: "Looked at", Value: out.looked.text()}},
		after: map[string]string{
			"sent_again": strconv.Itoa(out.messages), "looked_at": out.looked.text(), "everything": strconv.FormatBool(out.older == finished),
		},
	}
	if out.older != finished {
		result.text = "Its time was over before everything was looked at. Go on with what is older."
		result.path = v.r.URL.Path[1:] + "?" + out.older.values().Encode()
	}
	return result
}
