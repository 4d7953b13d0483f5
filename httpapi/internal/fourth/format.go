package fourth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// FormatName is the name of [Format], and the Format of the invoices of this API.
const FormatName = "fourth"

// ProofKey names the key of a project that signs its webhooks.
const ProofKey = "proof"

// Format is the format of the API's webhooks. The body is the bill, sent for every change of its status. The header
// Bill-Proof contains the HMAC-SHA256 of the body. Only the status 202 accepts a webhook.
type Format struct{}

var _ webhook.Ruled = (*Format)(nil)

// NewFormat returns a Format.
func NewFormat() *Format { return &Format{} }

// Name implements [webhook.Format].
func (*Format) Name() string { return FormatName }

// Body implements [webhook.Format].
func (f *Format) Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	if ev.From == "" || statuses[ev.From] == statuses[ev.To] {
		return nil, false
	}
	body, err := json.Marshal(f.bill(inv))
	return body, err == nil
}

// Rules implements [webhook.Ruled].
func (*Format) Rules() webhook.Rules {
	return webhook.Rules{
		Key:      ProofKey,
		Taken:    func(status int) bool { return status == http.StatusAccepted },
		Schedule: []time.Duration{time.Second, time.Second},
		Sign: func(m invoice.Message, key string) ([]byte, http.Header, error) {
			if key == "" {
				return nil, nil, errors.New("fourth: sign webhook: the project has no key " + ProofKey)
			}
			return m.Body, http.Header{"Bill-Proof": {Proof(m.Body, key)}}, nil
		},
	}
}

// Proof returns the signature of a body.
func Proof(body []byte, key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// bill is an invoice on the wire.
type bill struct {
	ID        string `json:"id"`
	Reference string `json:"reference"`
	State     state  `json:"state"`
	Asset     string `json:"asset"`
	Due       string `json:"due"`
	Paid      string `json:"paid"`
	Address   string `json:"address"`
}

// state is a status on the wire.
type state string

// statuses maps the core's statuses to those on the wire.
var statuses = map[invoice.Status]state{
	invoice.StatusNew: "open", invoice.StatusPending: "coming", invoice.StatusPaidPartial: "short", invoice.StatusCompleted: "settled",
	invoice.StatusExpired: "lapsed", invoice.StatusCancelled: "void", invoice.StatusArchived: "filed",
}

// Enum returns the statuses, for the OpenAPI document.
func (state) Enum() []string {
	return []string{"open", "coming", "short", "settled", "lapsed", "void", "filed"}
}

// bill returns an invoice as it is in responses and webhooks.
func (*Format) bill(inv invoice.Invoice) bill {
	out := bill{ID: inv.ID, Reference: inv.OrderID, State: statuses[inv.State.Status], Asset: inv.Price.Currency, Due: "0", Paid: "0"}
	if q := inv.Quote; q != nil {
		received := inv.State.Received
		if received == nil {
			received = new(big.Int)
		}
		out.Due, out.Paid, out.Address = q.Asset.Decimal(q.Due).String(), q.Asset.Decimal(received).String(), string(q.Address)
	}
	return out
}
