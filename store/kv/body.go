package kv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
)

// A long body of a message is kept apart from it, so that a delivery rewrites little, and once for all messages about one
// event that are committed together and have the same: in the event itself, if that has it, and else in a document of its own.
// No body is ever removed, because no message is.

// maxInline is the longest body that stays with its message: another document would take more.
const maxInline = 256

// bodySite is where the body of a message is kept. Zero is with the message, as all were once.
type bodySite struct {
	Position uint64 `json:",omitempty"` // of the event in the feed that has it; 0: it is a document of its own ...
	N        uint64 `json:",omitempty"` // ... that came with the message of this number
	Size     int
}

func (at bodySite) key(of site) string {
	if at.Position > 0 {
		return key("feed", at.Position)
	}
	return key("body", of.owner, of.seq, at.N)
}

// body is one that the transaction has written.
type body struct {
	owner string // see ownerOf
	seq   int64
	text  string
}

// wrote remembers where the body of an event is, or of a message about it.
func (t *txn) wrote(b body, at bodySite) {
	if t.bodies == nil {
		t.bodies = map[body]bodySite{}
	}
	t.bodies[b] = at
}

// putBody gives a long body of a message its place, unless it has one.
func (t *txn) putBody(m *message) {
	if m.BodyAt.Size > 0 || len(m.Message.Body) <= maxInline {
		return
	}
	b := body{ownerOf(m.Message), m.Message.Seq, string(m.Message.Body)}
	at, is := t.bodies[b]
	if !is {
		at = bodySite{N: m.N, Size: len(b.text)}
		t.put(at.key(m.site()), b.text)
		t.wrote(b, at)
	}
	m.BodyAt = at
}

// fill reads the bodies of messages. One that cannot be read is an [invoice.DamagedError].
func (t *txn) fill(all ...*message) {
	var keys []string
	for _, m := range all {
		if m.BodyAt.Size > 0 {
			keys = append(keys, m.BodyAt.key(m.site()))
		}
	}
	values := t.many(keys)
	for _, m := range all {
		if m.BodyAt.Size == 0 || t.err != nil {
			continue
		}
		text, err := m.BodyAt.read(values[m.BodyAt.key(m.site())])
		if err != nil {
			t.fail(&invoice.DamagedError{Invoices: []string{m.site().owner}, Err: fmt.Errorf("the body of message %s: %w", m.Message.ID, err)})
		}
		m.Message.Body = text
	}
}

// read returns the body that the value under the key has.
func (at bodySite) read(value string) ([]byte, error) {
	text := []byte(value)
	if at.Position > 0 {
		ev, err := decodeEvent(value, int64(at.Position))
		if err != nil {
			return nil, err
		}
		text = ev.Body
	}
	if len(text) != at.Size {
		return nil, errors.New("it is missing or has another length")
	}
	return text, nil
}

// event is one as it is stored: its value is this in JSON, a line feed and the body, byte for byte. Those of before have the body
// in Body and nothing behind.
type event struct {
	invoice.Event
	Body []byte `json:",omitempty"`
	Size int    // of the body behind
}

func (t *txn) putEvent(k string, ev invoice.Event) {
	head, err := json.Marshal(event{Event: ev, Size: len(ev.Body)})
	t.fail(err)
	t.put(k, string(head)+"\n"+string(ev.Body))
}

// decodeEvent decodes the value of the event at a position.
func decodeEvent(value string, position int64) (invoice.Event, error) {
	var ev event
	head, text, _ := bytes.Cut([]byte(value), []byte("\n"))
	err := json.Unmarshal(head, &ev)
	if err == nil && (ev.Position != position || ev.Size != len(text)) {
		err = errors.New("it is not the event of this position, or not all of it")
	}
	if ev.Event.Body = ev.Body; len(text) > 0 {
		ev.Event.Body = text
	}
	return ev.Event, err
}
