package kv

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// message is a message with its history. Each is a document of its own, without a long body, so that what is recorded of one
// costs the same however many there are about its invoice and however long they are.
type message struct {
	webhook.Record           // its body is missing until fill if BodyAt is not zero
	BodyAt         bodySite  `json:",omitzero"`
	N              uint64    // messages due at the same time are sent in the order of their commits
	Since          time.Time `json:",omitzero"`  // when Due was set
	Ready          bool      `json:",omitempty"` // no earlier message is due
	Tried          int       `json:",omitempty"`
	Token          int64     `json:",omitempty"` // of the latest claim
	Open           bool      `json:",omitempty"` // that claim is not recorded yet

	stored []entry // the keys that lead to it, except for its id
}

func (m *message) due() bool { return m.State == webhook.StateDue }

// record returns the message as readers see it.
func (m *message) record() webhook.Record {
	r := m.Record
	if !m.due() {
		r.Due = time.Time{}
	}
	return r
}

// site is where a message is kept: with its subject, by Seq, and by the order of commits.
type site struct {
	owner  string // see ownerOf
	seq, n uint64
}

// toldOf stands for a payout where messages are kept by the id of their invoice; no invoice has such an id.
func toldOf(payoutID string) string { return "\x00payout\x00" + payoutID }

// ownerOf returns the id of the invoice that the message is about, or what stands for its payout.
func ownerOf(m invoice.Message) string {
	if m.Invoice == "" {
		return toldOf(m.Payout)
	}
	return m.Invoice
}

func (m *message) site() site { return site{ownerOf(m.Message), uint64(m.Message.Seq), m.N} }

func (s site) key() string { return key("told", s.owner, s.seq, s.n) }

// siteMark begins the value of a key that leads to a site. No valid text does.
const siteMark = "\xff"

func (s site) String() string {
	numbers := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.seq), s.n)
	return siteMark + string(numbers) + s.owner
}

// siteOf decodes the value of a key that leads to a site.
func siteOf(value string) (s site, is bool) {
	text, is := strings.CutPrefix(value, siteMark)
	if !is || len(text) < 16 {
		return site{}, false
	}
	return site{text[16:], binary.BigEndian.Uint64([]byte(text)), binary.BigEndian.Uint64([]byte(text[8:]))}, true
}

// entries returns the keys that lead to the message while it is to be sent.
func (m *message) entries() []entry {
	if !m.due() {
		return nil
	}
	at, id := m.site(), m.Message.ID
	out := []entry{{"undelivered", key("undelivered", m.Message.Project, m.Message.URL, at.owner, at.seq, at.n), at.String()}}
	if m.Ready {
		out = append(out,
			entry{"due", key("due", m.Message.Endpoint, m.Due, m.N), claimable(m.Message.Endpoint, at)},
			entry{"since", key("since", m.Since, id), id})
	}
	return out
}

// keep stores a message that was changed, and the keys that lead to it.
func (t *txn) keep(m *message) {
	is := m.entries()
	for _, e := range m.stored {
		if !slices.Contains(is, e) {
			t.delete(e.key)
		}
	}
	for _, e := range is {
		if !slices.Contains(m.stored, e) {
			t.put(e.key, e.value)
		}
	}
	m.stored = is
	t.putBody(m)
	bare := *m
	if m.BodyAt.Size > 0 {
		bare.Message.Body = nil
	}
	t.store(m.site().key(), bare)
}

// messageAt returns the message at the site, or nil with an [invoice.DamagedError] of the transaction.
func (t *txn) messageAt(at site) *message {
	value := t.get(at.key())
	if t.err != nil {
		return nil
	}
	m, err := decodeMessage(value)
	if err == nil && m.site() != at {
		err = errors.New("it is another message")
	}
	if err != nil {
		t.fail(&invoice.DamagedError{Invoices: []string{at.owner}, Err: err})
		return nil
	}
	return m
}

func decodeMessage(value string) (*message, error) {
	m := &message{}
	if err := json.Unmarshal([]byte(value), m); err != nil {
		return nil, err
	}
	m.stored = m.entries()
	return m, nil
}

// message returns the message, to be changed and kept, or nil if there is none.
func (t *txn) message(id string) *message {
	value := t.get(key("message", id))
	if value == "" {
		return nil
	}
	at, is := siteOf(value)
	if !is {
		t.unpack(value)
		if at, is = siteOf(t.get(key("message", id))); !is {
			return nil
		}
	}
	return t.messageAt(at)
}

// addMessage stores a new message.
func (t *txn) addMessage(m invoice.Message) {
	now := time.Now().UTC()
	if m.Payout == "" {
		t.require(t.doc(m.Invoice).Invoice.Version > 0, conflict(m.Invoice, "message %s of an unknown invoice", m.ID))
	}
	t.unpack(ownerOf(m))
	t.require(t.get(key("message", m.ID)) == "", conflict(m.Subject(), "message %s is taken", m.ID))
	state := webhook.StateDue
	if t.get(key("gone", m.Project, m.URL)) != "" {
		state = webhook.StateDead
	}
	added := &message{Record: webhook.Record{Message: m, State: state, Due: now}, N: t.next()}
	t.put(key("message", m.ID), added.site().String())
	t.keep(added)
	t.freeNext(added, now)
}

// freeNext makes the first undelivered message to the URL of this one about the same subject claimable from now on, and
// those with its Seq. It reads those, the ones that were claimable before, and one more.
func (t *txn) freeNext(of *message, now time.Time) {
	first := site{}
	for _, value := range t.scan(under("undelivered", of.Message.Project, of.Message.URL, ownerOf(of.Message))) {
		at, is := siteOf(value)
		if !is {
			continue
		}
		m := t.messageAt(at)
		if t.err != nil {
			return
		}
		if first == (site{}) {
			first = at
		}
		ready := at.seq == first.seq
		switch {
		case ready && !m.Ready:
			m.Ready, m.Due, m.Since = true, now, now
			t.keep(m)
		case !ready && m.Ready:
			m.Ready = false
			t.keep(m)
		case !ready:
			return
		}
	}
}

// messages returns the messages about an invoice or a payout whose Seq is above after, in its order.
func (t *txn) messages(id string, after int64) (out []*message) {
	for _, owner := range []string{id, toldOf(id)} {
		if d := t.read(owner); d != nil {
			out = slices.DeleteFunc(slices.Clone(d.Messages), func(m *message) bool { return m.Message.Seq <= after })
		}
		for _, value := range t.scan(since(after, "told", owner)) {
			m, err := decodeMessage(value)
			if err != nil {
				t.fail(&invoice.DamagedError{Invoices: []string{id}, Err: err})
				return nil
			}
			out = append(out, m)
		}
		if len(out) > 0 || t.err != nil {
			break
		}
	}
	return out
}

// disable makes all undelivered messages of the project to the URL dead, and later ones.
func (t *txn) disable(project, url string) {
	all := under("undelivered", project, url)
	for _, value := range t.scan(all) {
		if _, is := siteOf(value); !is {
			t.unpack(value)
		}
	}
	for _, value := range t.scan(all) {
		at, is := siteOf(value)
		if !is {
			continue
		}
		if m := t.messageAt(at); m != nil {
			m.State = webhook.StateDead
			t.keep(m)
		}
	}
	t.put(key("gone", project, url), "gone")
}
