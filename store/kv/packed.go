package kv

// Messages used to be kept in the document of their invoice, or in one for all of a payout. They are read there, and moved to
// documents of their own when one of them changes or another one comes.

// unpack moves the messages out of the document of an owner. What is a site's by now led to the owner then.
func (t *txn) unpack(owner string) {
	if t.docs[owner] == nil && t.get(key("invoice", owner)) == "" {
		return
	}
	d := t.doc(owner)
	for _, m := range d.Messages {
		t.delete(key("undelivered", m.Message.Project, m.Message.URL, m.Message.ID)) // its other keys are as they were
		t.put(key("message", m.Message.ID), m.site().String())
		t.keep(m)
	}
	d.Messages = nil
	if d.Payout != "" {
		t.forget(owner)
		t.delete(key("invoice", owner))
	}
}

// packedIn returns the message that the key leads to, which is in the document of an owner, or nil.
func (t *txn) packedIn(owner, k string) *message {
	d := t.read(owner)
	if d == nil {
		return nil
	}
	for _, m := range d.Messages {
		if key("message", m.Message.ID) == k {
			return m
		}
	}
	return nil
}
