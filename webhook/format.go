package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/invoice"
)

// Format is a way to tell events. Its methods must be pure, quick, and safe for concurrent use.
type Format interface {
	// Name is the value of Invoice.Format that asks for it.
	Name() string
	// Body answers what is posted for an event and the invoice as it is after the event. False means
	// that this event is not told in this format.
	Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool)
}

// Notifier makes the messages of events. It implements [invoice.Notifier]; its methods may be called
// concurrently.
type Notifier struct {
	formats []Format
}

var _ invoice.Notifier = (*Notifier)(nil)

// NewNotifier makes a notifier of one or more formats with different names. The first is what invoices
// without a format are told in.
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

// Formats lists the names of the formats; the first is the default.
func (n *Notifier) Formats() []string {
	names := make([]string, len(n.formats))
	for i, f := range n.formats {
		names[i] = f.Name()
	}
	return names
}

// Messages answers the message for an event: none when the invoice has no callback URL or its format
// does not tell such events, else one. An invoice whose format is no longer configured is told in
// the default format: an answer that the receiver refuses shows in the history, silence does not.
func (n *Notifier) Messages(ev invoice.Event, inv invoice.Invoice) []invoice.Message {
	if inv.CallbackURL == "" {
		return nil
	}
	format := n.formats[0]
	for _, f := range n.formats {
		if f.Name() == inv.Format {
			format = f
		}
	}
	body, tell := format.Body(ev, inv)
	if !tell {
		return nil
	}
	endpoint, err := Endpoint(inv.Project, inv.CallbackURL)
	if err != nil {
		endpoint = "invalid" // the attempt to tell it will say so in the history
	}
	m := invoice.Message{
		ID: ev.ID, Event: ev.Type, Invoice: ev.Invoice, Seq: ev.Seq, Project: ev.Project,
		URL: inv.CallbackURL, Endpoint: endpoint, Body: body, At: ev.At, Format: format.Name(),
	}
	if s, has := format.(Secretive); has {
		m.Secret = s.Secret(inv)
	}
	return []invoice.Message{m}
}

// Secretive is the optional power of a [Format] that signs with a secret of the invoice.
type Secretive interface {
	// Secret returns the secret, which [Rules].Sign gets as Message.Secret; "" when the invoice has none. It must be pure.
	Secret(inv invoice.Invoice) string
}

// Rules answers the rules of each format that has some, for [Config.Rules].
func (n *Notifier) Rules() map[string]Rules {
	out := map[string]Rules{}
	for _, f := range n.formats {
		if ruled, has := f.(Ruled); has {
			out[f.Name()] = ruled.Rules()
		}
	}
	return out
}

// Standard is the library's own format, "standard": every event, with the body that was frozen with
// it. Receivers decode it into [invoice.Payload].
func Standard() Format { return standard{} }

type standard struct{}

func (standard) Name() string { return "standard" }

func (standard) Body(ev invoice.Event, _ invoice.Invoice) ([]byte, bool) {
	return bytes.Clone(ev.Body), true
}
