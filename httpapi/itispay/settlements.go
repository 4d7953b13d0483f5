package itispay

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/sheet"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// csvType is the Content-Type of the export; RFC 4180.
const csvType = "text/csv; charset=utf-8"

// settlementColumns are the published titles of the columns.
var settlementColumns = []string{"order_id", "invoice_id", "currency", "currency_paid", "crypto_amount", "Date of settlement", "Hash of settlement"}

// settlementDecimals is the published number of decimals of the column crypto_amount.
const settlementDecimals = 8

// settlementTime is the published form of the column Date of settlement, in UTC.
const settlementTime = "2006-01-02 15:04:05"

// exportSettlements writes the invoices that withdrawals have settled, those of one asset after those of another.
func (a *api) exportSettlements(r *httpapi.Request) (any, error) {
	ctx, project := r.Context(), r.Project.ID
	assets, err := a.settledAssets(ctx, project)
	if err != nil {
		return nil, err
	}
	return httpapi.Text{Type: csvType, Write: func(w io.Writer) error {
		table := csv.NewWriter(w)
		table.UseCRLF = true // RFC 4180
		if err := table.Write(settlementColumns); err != nil {
			return err
		}
		for _, asset := range assets {
			x := export{api: a, ctx: ctx, project: project, asset: asset, table: table}
			if err := x.write(); err != nil {
				return fmt.Errorf("itispay: export settlements: %w", err)
			}
		}
		table.Flush()
		return table.Error()
	}}, nil
}

// settledAssets returns the assets that the project ever had, by their codes.
func (a *api) settledAssets(ctx context.Context, project string) ([]chain.AssetID, error) {
	balances, err := a.cfg.Payouts.Balance(ctx, project)
	if err != nil {
		return nil, err
	}
	var out []chain.AssetID
	for _, b := range balances {
		if b.Account.Kind == payout.Available {
			out = append(out, b.Account.Asset)
		}
	}
	slices.SortStableFunc(out, func(x, y chain.AssetID) int { return cmp.Compare(a.codeByID(x), a.codeByID(y)) })
	return out, nil
}

// export writes the settlements of one asset.
type export struct {
	*api
	ctx     context.Context
	project string
	asset   chain.AssetID
	table   *csv.Writer

	by    *payout.Payout      // the withdrawal that settles what follows
	order []string            // ids of its invoices, in the order of the ledger
	sums  map[string]*big.Int // what it settles of each, in base units of the asset
}

func (x *export) write() error {
	_, err := x.cfg.Payouts.Settlements(x.ctx, x.project, x.asset, func(by *payout.Payout, l payout.Line) error {
		if by == nil { // nothing settles it yet
			return nil
		}
		if x.by == nil || x.by.ID != by.ID {
			if err := x.flush(); err != nil {
				return err
			}
			x.by, x.order, x.sums = by, nil, map[string]*big.Int{}
		}
		if x.sums[l.Subject] == nil {
			x.order, x.sums[l.Subject] = append(x.order, l.Subject), new(big.Int)
		}
		x.sums[l.Subject].Add(x.sums[l.Subject], l.Units)
		return nil
	})
	if err != nil {
		return err
	}
	return x.flush()
}

// flush writes the lines of one withdrawal. One that is not yet paid has settled nothing.
func (x *export) flush() error {
	if x.by == nil || x.by.State.Status != payout.StatusPaid {
		return nil
	}
	for _, id := range x.order {
		if x.sums[id].Sign() == 0 {
			continue
		}
		inv, err := x.find(x.ctx, x.project, id)
		if errors.Is(err, invoice.ErrNotFound) { // another API's
			continue
		}
		if err != nil {
			return err
		}
		listed, err := x.listed(inv)
		if err != nil {
			return err
		}
		if listed {
			if err := x.table.Write(x.row(inv, x.sums[id])); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed reports whether the invoice is completed, or was until the chain took its money back: a settlement that was
// exported once stays, and so its correction has something to correct.
func (x *export) listed(inv invoice.Invoice) (bool, error) {
	if inv.State.Status == invoice.StatusCompleted {
		return true, nil
	}
	events, err := x.service.History(x.ctx, x.project, inv.ID, 0)
	return slices.ContainsFunc(events, func(ev invoice.Event) bool { return ev.To == invoice.StatusCompleted }), err
}

// row returns the line of an invoice. The amount is in the invoice's currency, as in the published sample, also if it was
// paid in another one: then it is the value at which the payments were accepted.
func (x *export) row(inv invoice.Invoice, units *big.Int) []string {
	currency, paid, amount := x.codeByID(x.asset), "", x.by.Asset.Decimal(units)
	if q := inv.Quote; q != nil && q.Asset.ID != x.asset {
		if value := worth(inv, x.asset, units); value != nil {
			currency, paid, amount = x.cfg.Format.code(q.Asset), currency, q.Asset.Decimal(value)
		}
	}
	return []string{
		sheet.Harmless(inv.OrderID), inv.ID, sheet.Harmless(currency), sheet.Harmless(paid),
		amount.Truncate(settlementDecimals).StringFixed(settlementDecimals),
		x.by.CreatedAt.UTC().Format(settlementTime), sheet.Harmless(x.by.State.TxID),
	}
}

// worth returns what units of another asset are worth in base units of the invoice's, at the value of all payments that it
// got in that asset, rounded towards zero. It returns nil if none of them had a value.
func worth(inv invoice.Invoice, asset chain.AssetID, units *big.Int) *big.Int {
	came, value := new(big.Int), new(big.Int)
	add := func(units, credit *big.Int) {
		if units != nil && credit != nil {
			came.Add(came, units)
			value.Add(value, credit)
		}
	}
	if inv.Settled != nil {
		add(inv.Settled.Assets[asset].Units, inv.Settled.Assets[asset].Credit)
	}
	for _, p := range inv.Payments {
		if p.Asset == asset && !p.Settled {
			add(p.Units, p.Credit)
		}
	}
	if came.Sign() == 0 {
		return nil
	}
	return value.Quo(value.Mul(value, units), came)
}

// settlement returns when and by which transaction an invoice was settled, if it was.
func (a *api) settlement(ctx context.Context, inv invoice.Invoice) (at *httpapi.Time, hash string, err error) {
	if a.cfg.Payouts == nil || isRecord(inv) {
		return nil, "", nil
	}
	p, err := a.cfg.Payouts.SettledBy(ctx, inv.Project, inv.ID, inv.PaidAsset())
	switch {
	case errors.Is(err, payout.ErrNotFound), err == nil && p.State.Status != payout.StatusPaid:
		return nil, "", nil
	case err != nil:
		return nil, "", err
	}
	return &httpapi.Time{Time: p.CreatedAt}, p.State.TxID, nil
}
