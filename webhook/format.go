package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/invoice"
)

// Format renders events as messages. Its methods must be pure and fast, and may be called concurrently. A format may also
// implement [Ruled].
type Format interface {
	// Name returns the name of the format, which is the value of Invoice.Format for invoices that use it.
	Name() string
	// Body returns the body of the message for an event and the invoice as it is after the event, and false if the format
	// does not report the event.
	Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool)
}

// Notifier creates the messages of events. It implements [invoice.Notifier]. Its methods may be called concurrently.
type Notifier struct {
	formats []Format
}

var _ invoice.Notifier = (*Notifier)(nil)

// NewNotifier returns a notifier with one or more formats, whose names must differ. The first is the default, for invoices
// without a format.
func NewNotifier(formats ...Format) (*Notifier, error) {
	if len(formats) == 0 {
		return nil, errors.New("webhook: NewNotifier: at least one format is required")
	}
	n := &Notifier{}
	for _, f := range formats {
		if f == nil || f.Name() == "" {
			return nil, errors.New("webhook: NewNotifier: a format has no name")
		}
		if slices.Contains(n.Formats(), f.Name()) {
			return nil, fmt.Errorf("webhook: NewNotifier: two formats are called %q", f.Name())
		}
		n.formats = append(n.formats, f)
	}
	return n, nil
}

// Formats returns the names of the formats. The first is the default.
func (n *Notifier) Formats() []string {
	names := make([]string, len(n.formats))
	for i, f := range n.formats {
		names[i] = f.Name()
	}
	return names
}

// Messages returns the message for the invoice's callback URL, if it has one, and one for each of the endpoints, except
// where the format does not report the event. A format that is no longer configured is replaced by the default, because
// a message that the receiver refuses is visible in the history, and a missing one is not. An endpoint without a format
// gets [Standard].
func (n *Notifier) Messages(ev invoice.Event, inv invoice.Invoice, to []invoice.Endpoint) []invoice.Message {
	var out []invoice.Message
	if inv.CallbackURL != "" {
		out = n.message(out, ev, inv, n.format(inv.Format), invoice.Endpoint{URL: inv.CallbackURL})
	}
	for _, e := range to {
		format := Standard()
		if e.Format != "" {
			format = n.format(e.Format)
		}
		out = n.message(out, ev, inv, format, e)
	}
	return out
}

// format returns the format with the name, or the default.
func (n *Notifier) format(name string) Format {
	for _, f := range n.formats {
		if f.Name() == name {
			return f
		}
	}
	return n.formats[0]
}

// message appends the message for one receiver, whose ID is empty for the invoice's callback.
func (n *Notifier) message(out []invoice.Message, ev invoice.Event, inv invoice.Invoice, format Format, to invoice.Endpoint) []invoice.Message {
	body, tell := format.Body(ev, inv)
	if !tell {
		return out
	}
	m := messageTo(ev, to, format, body)
	if s, has := format.(Secretive); has {
		m.Secret = s.Secret(inv)
	}
	return append(out, m)
}

// messageTo returns the message with the body for one receiver, whose ID is empty for a callback.
func messageTo(ev invoice.Event, to invoice.Endpoint, format Format, body []byte) invoice.Message {
	m := invoice.Message{
		ID: ev.ID, Event: ev.Type, Invoice: ev.Invoice, Payout: ev.Payout, Seq: ev.Seq, Project: ev.Project, Receiver: to.ID,
		URL: to.URL, Body: body, At: ev.At, Format: format.Name(),
	}
	if to.ID != "" {
		m.ID += "_" + to.ID
	}
	var err error
	if m.Endpoint, err = endpointOf(ev.Project, to.ID, to.URL); err != nil {
		m.Endpoint = "invalid" // the attempt fails, which the history shows
	}
	return m
}

// PayoutFormat is the optional power of a [Format] that reports events of payouts as well. Without it they are reported in
// the format [Standard].
type PayoutFormat interface {
	// PayoutBody returns the body of the message for an event of a payout, whose Body is a payout.Payload, and false if the
	// format does not report the event. data is what the payout's creator keeps with it (payout.Request.Data), and must not
	// be changed. It must be pure and fast.
	PayoutBody(ev invoice.Event, data map[string]string) ([]byte, bool)
}

// PayoutMessages implements payout.Notifier: it returns the message for the payout's callback URL, if it has one, and one
// for each of the endpoints. Formats are chosen as for [Notifier.Messages]; one that is no [PayoutFormat] is replaced by
// [Standard], with its rules, so that no message is missing.
func (n *Notifier) PayoutMessages(
	ev invoice.Event, callbackURL, format string, data map[string]string, to []invoice.Endpoint,
) []invoice.Message {
	var out []invoice.Message
	if callbackURL != "" {
		out = n.payoutMessage(out, ev, data, n.format(format), invoice.Endpoint{URL: callbackURL})
	}
	for _, e := range to {
		format := Standard()
		if e.Format != "" {
			format = n.format(e.Format)
		}
		out = n.payoutMessage(out, ev, data, format, e)
	}
	return out
}

func (n *Notifier) payoutMessage(
	out []invoice.Message, ev invoice.Event, data map[string]string, format Format, to invoice.Endpoint,
) []invoice.Message {
	body, tell := bytes.Clone(ev.Body), true
	if able, has := format.(PayoutFormat); has {
		body, tell = able.PayoutBody(ev, data)
	} else {
		format = Standard()
	}
	if !tell {
		return out
	}
	return append(out, messageTo(ev, to, format, body))
}

// Secretive is the optional power of a [Format] that signs with a secret of the invoice.
type Secretive interface {
	// Secret returns the secret, which [Rules].Sign gets as Message.Secret; "" when the invoice has none. It must be pure.
	Secret(inv invoice.Invoice) string
}

// Rules returns the rules of the formats that implement [Ruled], by name, for [Config.Rules].
func (n *Notifier) Rules() map[string]Rules {
	out := map[string]Rules{}
	for _, f := range n.formats {
		if ruled, has := f.(Ruled); has {
			out[f.Name()] = ruled.Rules()
		}
	}
	return out
}

// Standard returns the library's own format, "standard". It reports every event, with the body that was stored with the
// event. Receivers decode it into [invoice.Payload].
func Standard() Format { return standard{} }

type standard struct{}

func (standard) Name() string { return "standard" }

func (standard) Body(ev invoice.Event, _ invoice.Invoice) ([]byte, bool) {
	return bytes.Clone(ev.Body), true
}
