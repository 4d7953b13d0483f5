package payout

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// The types of events. A change of status is exactly one event of the type of the new status.
const (
	EventRequested invoice.EventType = "payout.requested"
	EventQueued    invoice.EventType = "payout.queued"
	EventSigned    invoice.EventType = "payout.signed"
	EventSent      invoice.EventType = "payout.sent"
	EventPaid      invoice.EventType = "payout.paid"
	EventFailed    invoice.EventType = "payout.failed"
	EventCancelled invoice.EventType = "payout.cancelled"
	EventReturned  invoice.EventType = "payout.returned"
	EventUndone    invoice.EventType = "payout.undone"   // alarm: a reorganisation took back what was final
	EventForeign   invoice.EventType = "payout.key_used" // alarm: somebody else spends with our key
)

// PayloadVersion is Payload.Data.Version: it grows when a field changes its meaning.
const PayloadVersion = 1

// Payload is the body of an event in the library's own format.
type Payload struct {
	Type      invoice.EventType `json:"type"`
	Timestamp time.Time         `json:"timestamp"`
	Data      PayloadData       `json:"data"`
}

// PayloadData describes the event, with the whole payout as it is after it.
type PayloadData struct {
	Version int           `json:"version"` // PayloadVersion
	Seq     int64         `json:"seq"`     // grows by one with every event of the payout
	From    Status        `json:"from,omitempty"`
	To      Status        `json:"to"`
	Payout  PayloadPayout `json:"payout"`
}

// PayloadPayout is a payout in the form that receivers get.
type PayloadPayout struct {
	ID       string           `json:"id"`
	Project  string           `json:"project"`
	Key      string           `json:"key"`
	Kind     Kind             `json:"kind"`
	Invoice  string           `json:"invoice,omitempty"`
	Status   Status           `json:"status"`
	Reason   Reason           `json:"reason,omitempty"`
	Detail   string           `json:"detail,omitempty"` // of a rejection or a return, for people
	Final    bool             `json:"final"`
	Asset    chain.Asset      `json:"asset"`
	Amount   decimal.Decimal  `json:"amount"`
	To       chain.Address    `json:"to,omitempty"`
	TxID     string           `json:"txid,omitempty"`
	Fee      *decimal.Decimal `json:"fee,omitempty"` // paid, in base units of FeeAsset
	FeeAsset chain.AssetID    `json:"fee_asset,omitempty"`
	// Charged is what the project pays for the network, in base units of FeeAsset: see [Payout.Charged].
	Charged   decimal.Decimal `json:"charged"`
	Name      string          `json:"name,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// shown returns the payout as receivers see it.
func (p Payout) shown() PayloadPayout {
	out := PayloadPayout{
		ID: p.ID, Project: p.Project, Key: p.Key, Kind: p.Kind, Invoice: p.Invoice, Status: p.State.Status, Reason: p.State.Reason,
		Final: p.State.Status.Ended(), Asset: p.Asset, Amount: p.Asset.Decimal(p.Units), To: p.To, TxID: p.State.TxID,
		FeeAsset: p.FeeAsset, Charged: decimal.NewFromBigInt(p.Charged(), 0), Name: p.Name, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
	if s := p.State; s.Reason == ReasonRejected || s.Reason == ReasonReturned {
		out.Detail = s.Detail
	}
	if p.State.Paid != nil {
		fee := decimal.NewFromBigInt(p.State.Paid, 0)
		out.Fee = &fee
	}
	return out
}

// alarms are the events of what a person must know.
var alarms = map[Reason]invoice.EventType{ReasonUndone: EventUndone, ReasonForeign: EventForeign}

// issue returns the payout as it is stored after a change, with the events that the change is.
func issue(before, after Payout, alarm Reason, now time.Time) (Payout, []invoice.Event, error) {
	after.Version, after.UpdatedAt = before.Version+1, now
	var types []invoice.EventType
	if typ, is := alarms[alarm]; is {
		types = append(types, typ)
	}
	if before.State.Status != after.State.Status {
		types = append(types, "payout."+invoice.EventType(after.State.Status))
	}
	var events []invoice.Event
	for _, typ := range types {
		after.Seq++
		ev := invoice.Event{Payout: after.ID, Project: after.Project, Seq: after.Seq, Type: typ, At: now}
		body, err := json.Marshal(Payload{Type: typ, Timestamp: now, Data: PayloadData{
			Version: PayloadVersion, Seq: ev.Seq, From: before.State.Status, To: after.State.Status, Payout: after.shown(),
		}})
		if err != nil {
			return Payout{}, nil, fmt.Errorf("payout: encode event %d of payout %s: %w", ev.Seq, after.ID, err)
		}
		sum := sha256.Sum256(body)
		ev.Body = body
		ev.ID = fmt.Sprintf("evt_%s_%d_%x", ev.Payout, ev.Seq, sum[:8])
		events = append(events, ev)
	}
	return after, events, nil
}
