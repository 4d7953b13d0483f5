package store

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// message is a message in the outbox.
type message struct {
	invoice.Message
	n        int64 // how many were inserted before it
	state    webhook.State
	ready    bool      // it is due and not held back
	due      time.Time // when it may be claimed; the end of the lease while it is claimed
	token    int64     // of the newest claim
	open     bool      // that claim has not been recorded yet
	tried    int
	attempts []webhook.Attempt
}

// goneKey identifies a URL that takes no more messages of a project.
type goneKey struct{ project, url string }

func (m *message) target() goneKey { return goneKey{m.Project, m.URL} }

// insertMessage makes the message due, or dead if its URL is gone.
func (m *Memory) insertMessage(u *undo, in invoice.Message) error {
	if _, taken := m.messages[in.ID]; taken {
		return conflict(in.Subject(), "message %s is taken", in.ID)
	}
	msg := &message{Message: cloneMessage(in), n: m.inserted, state: webhook.StateDead}
	m.inserted++
	set(u, m.messages, in.ID, msg)
	set(u, m.messagesOf, in.Subject(), append(slices.Clone(m.messagesOf[in.Subject()]), msg))
	if !m.gone[msg.target()] {
		m.setState(msg, webhook.StateDue)
		u.add(func() { m.setState(msg, webhook.StateDead) })
		m.releaseNext(msg, time.Now())
	}
	return nil
}

// releaseNext makes the first undelivered messages of the invoice or payout to the same URL claimable.
func (m *Memory) releaseNext(of *message, now time.Time) {
	var first []*message
	for _, msg := range m.messagesOf[of.Subject()] {
		switch {
		case msg.URL != of.URL || msg.state != webhook.StateDue:
		case len(first) == 0 || msg.Seq < first[0].Seq:
			first = []*message{msg}
		case msg.Seq == first[0].Seq:
			first = append(first, msg)
		}
	}
	for _, msg := range first {
		if !msg.ready {
			m.setDue(msg, now)
		}
	}
}

// setDue makes the message claimable from the given time on.
func (m *Memory) setDue(msg *message, due time.Time) {
	msg.ready, msg.due = true, due
	q := m.ready[msg.Endpoint]
	if q == nil {
		q = &queue{}
		m.ready[msg.Endpoint] = q
	}
	heap.Push(q, entry{msg, due})
}

func (m *Memory) setState(msg *message, state webhook.State) {
	msg.state, msg.ready = state, false
	all := m.undelivered[msg.target()]
	switch {
	case state != webhook.StateDue:
		if delete(all, msg.ID); len(all) == 0 {
			delete(m.undelivered, msg.target())
		}
	case all == nil:
		m.undelivered[msg.target()] = map[string]*message{msg.ID: msg}
	default:
		all[msg.ID] = msg
	}
}

// entry is a message as it was when it was put into its queue. It is void if the message has changed since.
type entry struct {
	*message
	due time.Time
}

func (e entry) void() bool { return !e.ready || !e.message.due.Equal(e.due) }

// queue holds the messages of an endpoint that are not held back, the earliest due first. It is a [heap.Interface].
type queue []entry

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	return cmp.Or(q[i].due.Compare(q[j].due), cmp.Compare(q[i].n, q[j].n)) < 0
}
func (q *queue) Push(x any) { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// first returns the message of an endpoint that is due first, or nil if there is none.
func (m *Memory) first(endpoint string) *message {
	q := m.ready[endpoint]
	for q != nil && q.Len() > 0 {
		if !(*q)[0].void() {
			return (*q)[0].message
		}
		heap.Pop(q)
	}
	delete(m.ready, endpoint)
	return nil
}

// Claim implements [webhook.Outbox]. It uses the system clock.
func (m *Memory) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var heads queue
	for endpoint := range m.ready {
		if msg := m.first(endpoint); msg != nil && !msg.due.After(now) && !q.Skips(endpoint) {
			heads = append(heads, entry{msg, msg.due})
		}
	}
	heap.Init(&heads)
	had := map[string]int{}
	var out []webhook.Delivery
	for len(heads) > 0 && len(out) < q.Limit {
		msg := heads[0].message
		msg.token++
		msg.open = true
		m.setDue(msg, now.Add(max(q.Lease, 1)))
		out = append(out, webhook.Delivery{
			Claim: webhook.Claim{Message: msg.ID, Token: msg.token}, Message: cloneMessage(msg.Message), Tried: msg.tried,
		})
		had[msg.Endpoint]++
		next := m.first(msg.Endpoint)
		if next.due.After(now) || had[msg.Endpoint] == q.PerEndpoint {
			heap.Pop(&heads)
			continue
		}
		heads[0] = entry{next, next.due}
		heap.Fix(&heads, 0)
	}
	return out, nil
}

// Record implements [webhook.Outbox].
func (m *Memory) Record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	msg := m.messages[claim.Message]
	if msg == nil || !msg.open || msg.token != claim.Token {
		return fmt.Errorf("store: record attempt of message %s: %w", claim.Message, webhook.ErrStaleClaim)
	}
	switch next.State {
	case webhook.StateDue, webhook.StateDelivered, webhook.StateDead:
	default:
		return fmt.Errorf("store: record attempt of message %s: unknown state %q", claim.Message, next.State)
	}
	now := time.Now()
	m.end(msg, attempt)
	switch {
	case next.State != webhook.StateDue:
		m.setState(msg, next.State)
	case msg.state == webhook.StateDue:
		m.setDue(msg, now.Add(next.Wait))
	}
	if next.Gone {
		m.gone[msg.target()] = true
		for _, other := range m.undelivered[msg.target()] {
			m.setState(other, webhook.StateDead)
		}
	}
	m.releaseNext(msg, now)
	return nil
}

// end adds an attempt and closes the claim of the message.
func (m *Memory) end(msg *message, attempt webhook.Attempt) {
	msg.attempts = append(msg.attempts, attempt)
	msg.tried++
	msg.open = false
}

// GiveUp implements [webhook.Outbox].
func (m *Memory) GiveUp(ctx context.Context, q webhook.GiveUpQuery) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for n := range q.Limit {
		msg := m.first(q.Endpoint)
		if msg == nil || now.Sub(msg.due) <= q.Overdue {
			return n, nil
		}
		m.end(msg, q.Attempt)
		m.setState(msg, webhook.StateDead)
		m.releaseNext(msg, now)
	}
	return q.Limit, nil
}

// NextDue implements [webhook.Outbox].
func (m *Memory) NextDue(ctx context.Context) (wait time.Duration, some bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for endpoint := range m.ready {
		if msg := m.first(endpoint); msg != nil {
			if left := max(0, msg.due.Sub(now)); !some || left < wait {
				wait, some = left, true
			}
		}
	}
	return wait, some, nil
}

// History implements [webhook.Outbox].
func (m *Memory) History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []webhook.Record
	for _, msg := range m.inOrder(invoiceID) {
		if msg.Seq <= after {
			continue
		}
		record := webhook.Record{
			Message:  cloneMessage(msg.Message),
			State:    msg.state,
			Attempts: slices.Clone(msg.attempts),
		}
		if msg.state == webhook.StateDue {
			record.Due = msg.due.UTC()
		}
		out = append(out, record)
	}
	return out, nil
}

func (m *Memory) inOrder(invoiceID string) []*message {
	return slices.SortedFunc(slices.Values(m.messagesOf[invoiceID]), func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.n, b.n))
	})
}

// Resend implements [webhook.Outbox].
func (m *Memory) Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error) {
	if err := ctx.Err(); err != nil {
		return invoice.Message{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.DeleteFunc(m.inOrder(invoiceID), func(msg *message) bool { return msg.Receiver != receiver })
	if len(all) == 0 {
		return invoice.Message{}, fmt.Errorf("store: resend for invoice %s: %w", invoiceID, invoice.ErrNotFound)
	}
	msg := all[len(all)-1]
	delete(m.gone, goneKey{msg.Project, msg.URL})
	msg.tried = 0
	msg.open = false // what is under way now was not asked for by this resend
	m.setState(msg, webhook.StateDue)
	m.releaseNext(msg, time.Now())
	return cloneMessage(msg.Message), nil
}

var _ MessageSecrets = (*Memory)(nil)

// MessageSecrets implements [MessageSecrets], in the order of the ids.
func (m *Memory) MessageSecrets(ctx context.Context, after string, limit int) ([]invoice.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []invoice.Message
	for _, msg := range m.messages {
		if msg.ID > after {
			out = append(out, cloneMessage(msg.Message))
		}
	}
	slices.SortFunc(out, func(a, b invoice.Message) int { return cmp.Compare(a.ID, b.ID) })
	return out[:min(max(limit, 0), len(out))], nil
}

// ReplaceSecrets implements [MessageSecrets].
func (m *Memory) ReplaceSecrets(ctx context.Context, changes []SecretChange) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if msg := m.messages[c.Message]; msg != nil && msg.Secret == c.From {
			msg.Secret = c.To
		}
	}
	return nil
}
