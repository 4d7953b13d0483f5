package main

const (
	keptFile = "store/kv/message.go"
	bodyFile = "store/kv/body.go"
)

var kvTable = []mutation{
	{
		name: "a message that another one overtook stays claimable", file: keptFile,
		from: `			m.Ready = false
			t.keep(m)`, to: `			t.keep(m)`,
		rule: "messages about one invoice to one URL are sent in their order",
	},
	{
		name: "the next message is not released", file: keptFile,
		from: `		case ready && !m.Ready:
			m.Ready, m.Due, m.Since = true, now, now`, to: `		case ready && !m.Ready:
			m.Due, m.Since = now, now`,
		rule: "a message that is not held back is due",
	},
	{
		name: "keys of a message that was sent still lead to it", file: keptFile,
		from: `		if !slices.Contains(is, e) {
			t.delete(e.key)
		}`, to: `		if !slices.Contains(is, e) && m.due() {
			t.delete(e.key)
		}`,
		rule: "what was delivered is not due",
	},
	{
		name: "a message with a taken id replaces the other one", file: keptFile,
		from: `t.require(t.get(key("message", m.ID)) == "", conflict(`, to: `t.require(true, conflict(`,
		rule: "a message is told once",
	},
	{
		name: "packed messages keep the key that led to their document", file: "store/kv/packed.go",
		from: `		t.put(key("message", m.Message.ID), m.site().String())
`, to: ``,
		rule: "messages of before are read and sent",
	},
	{
		name: "each receiver has a body of its own", file: bodyFile,
		from: `	if !is {
		at = bodySite{`, to: `	if !is || true {
		at = bodySite{`,
		rule: "a body is kept once for all receivers",
	},
	{
		name: "all receivers of an event get the same body", file: bodyFile,
		from: `b := body{ownerOf(m.Message), m.Message.Seq, string(m.Message.Body)}
	at, is := t.bodies[b]`, to: `b := body{ownerOf(m.Message), m.Message.Seq, string(m.Message.Body)}
	at, is := t.bodies[b]
	for other := range t.bodies {
		if len(other.text) == len(b.text) {
			at, is = t.bodies[other], true
		}
	}`,
		rule: "each receiver gets its own body, byte for byte",
	},
	{
		name: "bodies of events are not found", file: "store/kv/feed.go",
		from: `bodySite{Position: last + 1, Size: len(ev.Body)}`, to: `bodySite{}`,
		rule: "a body that the event has is kept with the event alone",
	},
	{
		name: "a body is sent although some of it is missing", file: bodyFile,
		from: `	if len(text) != at.Size {`, to: `	if len(text) == 0 {`,
		rule: "what is damaged is not sent",
	},
	{
		name: "an event may end too early", file: bodyFile,
		from: ` || ev.Size != len(text)) {`, to: `) {`,
		rule: "an event that is damaged is reported",
	},
	{
		name: "a delivery rewrites the body", file: keptFile,
		from: `		bare.Message.Body = nil`, to: ``,
		rule: "a delivery costs the same however long the body is",
	},
	{
		name: "bodies of events of before are lost", file: bodyFile,
		from: `	if ev.Event.Body = ev.Body; len(text) > 0 {`, to: `	if ev.Event.Body = nil; len(text) > 0 {`,
		rule: "events of before are read",
	},
	{
		name: "messages of before are not claimed", file: "store/kv/outbox.go",
		from: `	return t.message(to)`, to: `	return nil`,
		rule: "messages of before are read and sent",
	},
	{
		name: "a message is claimed without its body", file: "store/kv/outbox.go",
		from: `			if m != nil {
				t.fill(m)
			}
`, to: ``,
		rule: "each receiver gets its own body, byte for byte",
	},
}
