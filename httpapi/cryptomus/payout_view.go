package cryptomus

import (
	"context"
	"errors"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

// payoutStatus is one of the statuses of payouts.
type payoutStatus string

// The statuses that a payout can have. Of the others in the published documents, system_fail does not occur.
const (
	payoutCheck   payoutStatus = "check"
	payoutProcess payoutStatus = "process"
	payoutPaid    payoutStatus = "paid"
	payoutFail    payoutStatus = "fail"
	payoutCancel  payoutStatus = "cancel"
)

// Enum returns the statuses, for the OpenAPI document.
func (payoutStatus) Enum() []string {
	return []string{"check", "process", "paid", "fail", "cancel"}
}

// payoutState maps a status of the core, and its reason, to the status of the API, and reports whether it is final.
func payoutState(status payout.Status, reason payout.Reason) (payoutStatus, bool) {
	switch status {
	case payout.StatusRequested:
		return payoutCheck, false
	case payout.StatusPaid:
		return payoutPaid, true
	case payout.StatusCancelled:
		return payoutCancel, true
	case payout.StatusFailed: // a transaction of others with our key may have paid it: a person has to look
		return payoutFail, reason != payout.ReasonForeign
	case payout.StatusReturned:
		return payoutFail, true
	case payout.StatusQueued, payout.StatusSigned, payout.StatusSent:
	}
	return payoutProcess, false
}

// payoutObject is a payout on the wire, in the responses to create and info.
type payoutObject struct {
	UUID          string         `json:"uuid"`
	Amount        string         `json:"amount" doc:"As sent"`
	Currency      string         `json:"currency"`
	Network       string         `json:"network"`
	Address       string         `json:"address"`
	TxID          *string        `json:"txid" schema:"nullable"`
	Status        payoutStatus   `json:"status"`
	IsFinal       bool           `json:"is_final"`
	Balance       httpapi.Number `json:"balance" doc:"What the merchant has of the coin, on all networks, rounded down"`
	PayerCurrency string         `json:"payer_currency" doc:"The coin that is paid out"`
	PayerAmount   httpapi.Number `json:"payer_amount" doc:"What the receiver gets of it, rounded down"`
}

type payoutAnswer struct {
	State  int          `json:"state" doc:"0"`
	Result payoutObject `json:"result"`
}

// listedPayout is a payout in a list.
type listedPayout struct {
	UUID      string       `json:"uuid"`
	Amount    string       `json:"amount" doc:"As sent"`
	Currency  string       `json:"currency"`
	Network   string       `json:"network"`
	Address   string       `json:"address"`
	TxID      *string      `json:"txid" schema:"nullable"`
	OrderID   string       `json:"order_id"`
	Status    payoutStatus `json:"status"`
	IsFinal   bool         `json:"is_final"`
	Balance   string       `json:"balance" doc:"What the merchant has of the coin, on all networks, rounded down"`
	CreatedAt string       `json:"created_at" doc:"In UTC+3"`
	UpdatedAt string       `json:"updated_at" doc:"In UTC+3"`
}

type payoutListAnswer struct {
	State  int           `json:"state" doc:"0"`
	Result payoutsListed `json:"result"`
}

type payoutsListed struct {
	MerchantUUID string         `json:"merchant_uuid"`
	Items        []listedPayout `json:"items"`
	Paginate     paginate       `json:"paginate"`
}

func (a *api) payoutAnswer(ctx context.Context, p payout.Payout) (any, error) {
	has, err := a.available(ctx, p.Project)
	if err != nil {
		return nil, err
	}
	return payoutAnswer{Result: a.payoutObject(p, has)}, nil
}

func (a *api) payoutObject(p payout.Payout, has map[string]decimal.Decimal) payoutObject {
	named := a.cfg.Format.named(p.Asset)
	status, final := payoutState(p.State.Status, p.State.Reason)
	return payoutObject{
		UUID: p.ID, Amount: p.Data[dataAmount], Currency: p.Data[dataCurrency], Network: named.Network, Address: string(p.To),
		TxID: orNull(p.State.TxID), Status: status, IsFinal: final, Balance: httpapi.Number{Decimal: has[named.Code].RoundDown(8)},
		PayerCurrency: named.Code, PayerAmount: httpapi.Number{Decimal: p.Asset.Decimal(p.Units).RoundDown(8)},
	}
}

// available returns what a project can pay out, by the codes of coins.
func (a *api) available(ctx context.Context, project string) (map[string]decimal.Decimal, error) {
	all, err := a.cfg.Payouts.Balance(ctx, project)
	if err != nil {
		return nil, err
	}
	out := map[string]decimal.Decimal{}
	for _, b := range all {
		for _, c := range a.currencies {
			if b.Account.Kind == payout.Available && b.Account.Asset == c.Asset.ID {
				out[c.Code] = out[c.Code].Add(c.Asset.Decimal(b.Units))
			}
		}
	}
	return out, nil
}

func (a *api) payoutInfo(r *httpapi.Request) (any, error) {
	in, err := idForm.read(r)
	if err != nil {
		return nil, err
	}
	var p payout.Payout
	switch {
	case in.OrderID != "":
		p, err = a.cfg.Payouts.PayoutByKey(r.Context(), r.Project.ID, in.OrderID)
	case in.UUID != "":
		p, err = a.cfg.Payouts.Payout(r.Context(), r.Project.ID, in.UUID)
	default:
		return nil, neitherID()
	}
	if errors.Is(err, payout.ErrNotFound) || err == nil && !listed(p) {
		return nil, errNoPayout
	}
	if err != nil {
		return nil, err
	}
	return a.payoutAnswer(r.Context(), p)
}

func (a *api) listPayouts(r *httpapi.Request) (any, error) {
	asked, err := readList(r)
	if err != nil {
		return nil, err
	}
	q := payout.Query{Project: r.Project.ID, Kind: payout.KindPayout, CreatedAfter: asked.after, CreatedBefore: asked.before}
	found, err := a.payoutPage(r.Context(), q, asked.at)
	if err != nil {
		return nil, err
	}
	has, err := a.available(r.Context(), r.Project.ID)
	if err != nil {
		return nil, err
	}
	found, pages := pageOf(found, asked.at, func(p payout.Payout) string { return p.ID })
	out := payoutsListed{MerchantUUID: r.Project.ID, Items: make([]listedPayout, len(found)), Paginate: pages}
	for i, p := range found {
		of := a.payoutObject(p, has)
		out.Items[i] = listedPayout{
			UUID: of.UUID, Amount: of.Amount, Currency: of.Currency, Network: of.Network, Address: of.Address, TxID: of.TxID,
			OrderID: p.Key, Status: of.Status, IsFinal: of.IsFinal, Balance: of.Balance.StringFixed(8),
			CreatedAt: clockText(p.CreatedAt), UpdatedAt: clockText(p.UpdatedAt),
		}
	}
	return payoutListAnswer{Result: out}, nil
}

// payoutPage returns up to one payout more than a page has, from the cursor on in its direction, and none for the payout of
// another project or API. The core has cursors for one direction only, so that it is asked for the time of the cursor's
// payout, and what comes before that at the same moment is left out.
func (a *api) payoutPage(ctx context.Context, q payout.Query, at *cursor) (out []payout.Payout, err error) {
	var from payout.Payout
	if at != nil {
		from, err = a.cfg.Payouts.Payout(ctx, q.Project, at.ID)
		switch {
		case errors.Is(err, invoice.ErrNotFound), err == nil && !listed(from):
			return nil, nil
		case err != nil:
			return nil, err
		}
		q.Oldest = !at.Next
		if at.Next && (q.CreatedBefore.IsZero() || q.CreatedBefore.After(from.CreatedAt)) {
			q.CreatedBefore = from.CreatedAt
		} else if !at.Next && q.CreatedAfter.Before(from.CreatedAt) {
			q.CreatedAfter = from.CreatedAt
		}
	}
	for passed := false; ; {
		page, err := a.cfg.Payouts.Payouts(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Payouts {
			waits := at != nil && !passed && p.CreatedAt.Equal(from.CreatedAt)
			passed = passed || p.ID == from.ID
			if !waits && listed(p) {
				out = append(out, p)
			}
		}
		if q.Before = page.Next; q.Before == "" || len(out) > perPage {
			return out[:min(len(out), perPage+1)], nil
		}
	}
}
