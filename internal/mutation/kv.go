package main

const keptFile = "store/kv/message.go"

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
}
