package invoice

import (
	"context"
	"math/big"

	"github.com/shopspring/decimal"
)

// Deposit describes a standing invoice. Project and Asset are required; the fields have the meaning of those in
// [Request].
type Deposit struct {
	Project     string
	OrderID     string
	Name        string
	Asset       string
	CallbackURL string
	Format      string
	Data        map[string]string
	// MaxOpen bounds the project's open standing invoices: if there are that many already, the deposit is refused with
	// [ErrTooManyNew], as [Request.MaxNew] does for other invoices. 0: no bound.
	MaxOpen int
}

// CreateStanding creates an invoice that has no amount due and no deadline: an address of its own that takes deposits.
// Each deposit is reported when it is seen ([EventPaymentReceived]) and when it is deep enough ([EventDeposit]), by the
// asset's last tier of confirmations, since the amount is not known in advance. Deposits in other assets of the network
// are recorded and reported, and not valued. The invoice is new until it is cancelled or archived. It refuses as
// [Service.Create] does.
func (s *Service) CreateStanding(ctx context.Context, d Deposit) (Invoice, error) {
	asset, known := s.prices.findAsset(d.Asset)
	if !known {
		return Invoice{}, refuse("Asset", d.Asset, "is not supported")
	}
	inv, err := s.draftStanding(d, asset)
	if err != nil {
		return Invoice{}, err
	}
	if err := s.checkCap(ctx, Request{Project: d.Project, OrderID: d.OrderID}, d.MaxOpen, true); err != nil {
		return Invoice{}, err
	}
	return s.withPlace(ctx, inv, s.commitNew)
}

func (s *Service) draftStanding(d Deposit, a AssetConfig) (Invoice, error) {
	err := s.checkAddressee(Request{
		Project: d.Project, OrderID: d.OrderID, Name: d.Name, CallbackURL: d.CallbackURL, Format: d.Format, Data: d.Data,
	})
	if err != nil {
		return Invoice{}, err
	}
	now := s.cfg.Now().UTC()
	return Invoice{
		ID: newID(now), Project: d.Project, OrderID: d.OrderID, Name: d.Name, CallbackURL: d.CallbackURL,
		Format: d.Format, Data: d.Data, Price: Price{Currency: a.Code, Amount: decimal.Zero},
		Quote:     &Quote{Asset: a.Asset, Due: new(big.Int), At: now},
		Terms:     Terms{Standing: true, Confirm: a.Confirm[len(a.Confirm)-1].Need, Late: LateHold, Other: OtherHold},
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}, nil
}
