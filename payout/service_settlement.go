package payout

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

// Settlement is a cash-out of one asset: a withdrawal of a project. It settles what the project's invoices brought since the
// one before it, by the order of the ledger, and shows as a correction what the chain took back after it was settled. A
// withdrawal that failed, was cancelled or came back settles nothing: what it would have settled belongs to the next one.
//
// All sums are in base units of the asset. Opening, Income, Corrections and Other add up to Closing, which is the balance
// of the project's available account after the withdrawal was reserved.
type Settlement struct {
	// Payout is the withdrawal; nil for the last Settlement if there is something that none has settled yet.
	Payout  *Payout  `json:"payout,omitempty"`
	Opening *big.Int `json:"opening"`
	// Income is what invoices brought, without commission. Corrections are what was taken back of them, as a negative sum.
	Income      *big.Int `json:"income"`
	Corrections *big.Int `json:"corrections"`
	// Other is all other changes: the withdrawal itself, payouts, refunds, what came back, adjustments.
	Other   *big.Int `json:"other"`
	Closing *big.Int `json:"closing"`
	// After and Upto are the positions in the ledger between which its lines are, the first not included.
	After int64 `json:"after"`
	Upto  int64 `json:"upto"`
}

// Settlements returns the settlements of a project in one asset, the oldest first. It calls line, unless that is nil, with
// each line of the project's available account that an invoice made, in order, and with the withdrawal that settles it,
// which is nil if none does yet. An error that line returns ends the call. The cost grows with the statement.
func (s *Service) Settlements(ctx context.Context, project string, asset chain.AssetID, line func(by *Payout, l Line) error) ([]Settlement, error) {
	out, err := s.settlements(ctx, project, asset, line)
	if err != nil {
		return nil, fmt.Errorf("payout: settlements of %s in project %q: %w", asset, project, err)
	}
	return out, nil
}

func (s *Service) settlements(
	ctx context.Context, project string, asset chain.AssetID, line func(by *Payout, l Line) error,
) ([]Settlement, error) {
	all, err := s.cashOuts(ctx, project, asset)
	if err != nil {
		return nil, err
	}
	all = append(all, Settlement{Upto: math.MaxInt64})
	at, after := 0, int64(0)
	all[0].open(nil)
	for {
		page, err := s.cfg.Store.Lines(ctx, Account{project, Available, asset}, after, linePage)
		if err != nil {
			return nil, err
		}
		for _, l := range page {
			for after = l.Position; after > all[at].Upto; at++ {
				all[at+1].open(&all[at])
			}
			if byInvoice := all[at].add(l); byInvoice && line != nil {
				if err := line(all[at].Payout, l); err != nil {
					return nil, err
				}
			}
		}
		if len(page) < linePage {
			break
		}
	}
	for ; at < len(all)-1; at++ {
		all[at+1].open(&all[at])
	}
	if after <= all[at].After { // nothing is open
		return all[:at], nil
	}
	all[at].Upto = after
	return all, nil
}

// linePage is how many lines of a statement are read at once.
const linePage = 1000

// open begins a settlement where the one before it, or nil, ended.
func (t *Settlement) open(before *Settlement) {
	t.Opening, t.Closing = new(big.Int), new(big.Int)
	t.Income, t.Corrections, t.Other = new(big.Int), new(big.Int), new(big.Int)
	if before != nil {
		t.After = before.Upto
		t.Opening.Set(before.Closing)
		t.Closing.Set(before.Closing)
	}
}

// add counts a line of the statement. It reports whether an invoice made it.
func (t *Settlement) add(l Line) bool {
	t.Closing = l.Balance
	byInvoice := strings.HasPrefix(l.Entry, invoiceEntry)
	sum := t.Other
	if byInvoice {
		if sum = t.Income; l.Units.Sign() < 0 {
			sum = t.Corrections
		}
	}
	sum.Add(sum, l.Units)
	return byInvoice
}

// cashOuts returns the withdrawals of a project in one asset that settle something, each with the position of the entry
// that reserved it, in the order of the ledger.
func (s *Service) cashOuts(ctx context.Context, project string, asset chain.AssetID) ([]Settlement, error) {
	var out []Settlement
	q := Query{Project: project, Kind: KindWithdrawal, Asset: asset, Oldest: true, Limit: 1000}
	for {
		page, err := s.cfg.Store.Payouts(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Payouts {
			if !p.settles() {
				continue
			}
			e, err := s.cfg.Store.Entry(ctx, reserveID(p))
			if err != nil {
				return nil, fmt.Errorf("withdrawal %s: %w", p.ID, err)
			}
			out = append(out, Settlement{Payout: &p, Upto: e.Position})
		}
		if q.Before = page.Next; q.Before == "" {
			break
		}
	}
	slices.SortFunc(out, func(a, b Settlement) int { return cmp.Compare(a.Upto, b.Upto) })
	return out, nil
}

// settles reports whether the payout is a withdrawal that was made, or still may be.
func (p Payout) settles() bool {
	return p.Kind == KindWithdrawal && p.State.Status != StatusFailed && p.State.Status != StatusCancelled && p.State.Status != StatusReturned
}

// SettledBy returns the withdrawal that settles what an invoice brought to its project in the asset, or ErrNotFound if it
// brought nothing, or if nothing settles it yet. What the invoice brought later may be settled by a later one.
func (s *Service) SettledBy(ctx context.Context, project, invoiceID string, asset chain.AssetID) (Payout, error) {
	p, err := s.settledBy(ctx, project, invoiceID, asset)
	if err != nil {
		return Payout{}, fmt.Errorf("payout: settlement of invoice %s: %w", invoiceID, err)
	}
	return p, nil
}

func (s *Service) settledBy(ctx context.Context, project, invoiceID string, asset chain.AssetID) (Payout, error) {
	credit, err := s.cfg.Store.Credit(ctx, invoiceID)
	if err != nil {
		return Payout{}, err
	}
	if credit.Project != project {
		return Payout{}, ErrNotFound
	}
	for n := range credit.N {
		e, err := s.cfg.Store.Entry(ctx, creditID(invoiceID, n+1))
		if err != nil {
			return Payout{}, err
		}
		mine := func(p Posting) bool { return p.Account == Account{project, Available, asset} && p.Units.Sign() > 0 }
		if slices.ContainsFunc(e.Postings, mine) {
			return s.cashOutAfter(ctx, project, asset, e)
		}
	}
	return Payout{}, ErrNotFound
}

// clocks is how much the clocks of two processes may differ.
const clocks = time.Hour

// cashOutAfter returns the first withdrawal that was reserved after the entry.
func (s *Service) cashOutAfter(ctx context.Context, project string, asset chain.AssetID, after Entry) (Payout, error) {
	q := Query{Project: project, Kind: KindWithdrawal, Asset: asset, CreatedAfter: after.At.Add(-clocks), Oldest: true}
	first, found := int64(math.MaxInt64), Payout{}
	for {
		page, err := s.cfg.Store.Payouts(ctx, q)
		if err != nil {
			return Payout{}, err
		}
		for _, p := range page.Payouts {
			if found.ID != "" && p.CreatedAt.After(found.CreatedAt.Add(clocks)) {
				return found, nil
			}
			if !p.settles() {
				continue
			}
			e, err := s.cfg.Store.Entry(ctx, reserveID(p))
			if err != nil {
				return Payout{}, err
			}
			if e.Position > after.Position && e.Position < first {
				first, found = e.Position, p
			}
		}
		if q.Before = page.Next; q.Before == "" {
			break
		}
	}
	if found.ID == "" {
		return Payout{}, ErrNotFound
	}
	return found, nil
}
