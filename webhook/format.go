package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
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

// Messages returns the message for an event, or none if the invoice has no callback URL or its format does not report the
// event. An invoice whose format is no longer configured uses the default format, because a message that the receiver
// refuses is visible in the history, and a missing one is not.
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
		endpoint = "invalid" // the attempt fails, which the history shows
	}
	m := invoice.Message{
		ID: ev.ID, Event: ev.Type, Invoice: ev.Invoice, Seq: ev.Seq, Project: ev.Project,
		URL: inv.CallbackURL, Endpoint: endpoint, Body: body, At: ev.At, Format: format.Name(),
	}
	if s, has := format.(secretive); has {
		m.Secret = s.Secret(inv)
	}
	return []invoice.Message{m}
}

// secretive is the optional power of a format that signs with a secret of the invoice.
type secretive interface {
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

// ItisPay is the callback of the ItisPay invoice API, "itispay": sent for every change of status
// after the creation. Amounts are JSON numbers, exact and without exponent; the one in base units
// is an integer, and left out where it would exceed 64 bits, which receivers could not read. The paid amounts are all
// that the chain now has for the invoice, valued in its currency. While no asset is chosen the crypto amounts are 0
// and the currency is empty, and the fiat ones are those of the price.
func ItisPay() Format { return itisPay{} }

type itisPay struct{}

type itisPayBody struct {
	InvoiceID    string      `json:"invoice_id"`
	Status       string      `json:"status"`
	OrderID      string      `json:"order_id"`
	Currency     string      `json:"currency"`
	CryptoAmount json.Number `json:"crypto_amount"`
	FiatAmount   json.Number `json:"fiat_amount"`
	FiatCurrency string      `json:"fiat_currency"`
	Paid         json.Number `json:"actual_crypto_amount_paid"`
	PaidUnits    *int64      `json:"actual_crypto_amount_paid_in_units,omitempty"`
	UpdatedAt    string      `json:"updated_at"`
}

func (itisPay) Name() string { return "itispay" }

func (itisPay) Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	if ev.Type == invoice.EventCreated || ev.From == ev.To {
		return nil, false
	}
	out := itisPayBody{
		InvoiceID: inv.ID, Status: string(ev.To), OrderID: inv.OrderID, CryptoAmount: "0",
		FiatAmount: number(inv.Price.Amount), FiatCurrency: inv.Price.Currency,
		Paid: "0", PaidUnits: new(int64), UpdatedAt: inv.UpdatedAt.UTC().Format(time.RFC3339),
	}
	if q := inv.Quote; q != nil {
		received := inv.State.Received
		if received == nil {
			received = new(big.Int)
		}
		out.Currency, out.CryptoAmount = q.Asset.Code, number(q.Asset.Decimal(q.Due))
		out.FiatAmount, out.FiatCurrency = number(q.Fiat.Amount), q.Fiat.Currency
		out.Paid, out.PaidUnits = number(q.Asset.Decimal(received)), nil
		if received.IsInt64() {
			out.PaidUnits = new(received.Int64())
		}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, false // cannot be: the struct has only strings and numbers of decimals
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), true
}

// number writes a decimal as a JSON number; String never writes an exponent.
func number(d decimal.Decimal) json.Number { return json.Number(d.String()) }
