package invoice

import (
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// part is what one payment adds to the sums of its invoice.
type part struct {
	received, counted *big.Int // nil for nothing
	late, other       bool
}

// part returns what a payment adds: nothing when the chain no longer has it, or when it is dust or on another network.
func (f facts) part(p Payment, fold actionFold) part {
	if p.Withdrawn || p.Dust || p.Asset.Network() != f.asset.Network() {
		return part{}
	}
	out := part{late: f.late(p, fold), other: p.Asset != f.asset}
	if p.Credit != nil {
		out.received, out.counted = p.Credit, f.counts(p, fold, out.late, out.other)
	}
	return out
}

func (s *Settled) clone() *Settled {
	if s == nil {
		return &Settled{Received: new(big.Int), Counted: new(big.Int), Assets: map[chain.AssetID]SettledSum{}}
	}
	out := *s
	out.Received, out.Counted = new(big.Int).Set(orZero(s.Received)), new(big.Int).Set(orZero(s.Counted))
	out.Paid, out.Assets = slices.Clone(s.Paid), maps.Clone(s.Assets)
	if out.Assets == nil {
		out.Assets = map[chain.AssetID]SettledSum{}
	}
	return &out
}

// add adds a payment, or subtracts it with the sign -1.
func (s *Settled) add(p Payment, is part, sign int64) {
	times := big.NewInt(sign)
	sum := func(a, b *big.Int) *big.Int { return new(big.Int).Add(orZero(a), new(big.Int).Mul(orZero(b), times)) }
	s.Count += sign
	s.Received, s.Counted = sum(s.Received, is.received), sum(s.Counted, is.counted)
	if is.late {
		s.Late += sign
	}
	if is.other {
		s.Other += sign
	}
	if !p.Withdrawn && !p.Dust {
		was := s.Assets[p.Asset]
		was.Units, was.Credit = sum(was.Units, p.Units), sum(was.Credit, p.Credit)
		if !p.MaturedAt.IsZero() {
			was.Mature = sum(was.Mature, p.Units)
		}
		s.Assets[p.Asset] = was
	}
	if !slices.Contains(s.Paid, p.To) {
		s.Paid = append(s.Paid, p.To)
	}
	if !p.Dust {
		s.LastSeen = later(s.LastSeen, p.FirstSeen)
	}
}

// lastSeen returns the latest FirstSeen of the settled payments.
func (s *Settled) lastSeen() time.Time {
	if s == nil {
		return time.Time{}
	}
	return s.LastSeen
}

// An invoice with more than settleFrom open payments has all but the latest settleKeep settled, as far as nothing is awaited
// of them: what a step costs does not grow with the history of an address.
const (
	settleFrom = 100
	settleKeep = 50
)

// settle moves payments of which nothing is awaited any more into the sums, and returns them.
func (inv *Invoice) settle(c clock) []Payment {
	open := 0
	for _, p := range inv.Payments {
		if !p.Settled {
			open++
		}
	}
	if open <= settleFrom {
		return nil
	}
	order := make([]int, 0, open)
	for i, p := range inv.Payments {
		if !p.Settled {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return inv.Payments[b].FirstSeen.Compare(inv.Payments[a].FirstSeen) })
	f := inv.facts()
	fold := foldActions(f.deadline, f.actions)
	sums := inv.Settled.clone()
	payments := slices.Clone(inv.Payments)
	var out []Payment
	for _, i := range order[settleKeep:] {
		if c.most > 0 && len(out) == c.most {
			break
		}
		if p := &payments[i]; f.awaitsNothing(*p, fold, c.head) {
			p.Settled = true
			sums.add(*p, f.part(*p, fold), 1)
			out = append(out, *p)
		}
	}
	if len(out) > 0 {
		inv.Payments, inv.Settled = payments, sums
	}
	return out
}

// awaitsNothing reports whether only a reorganisation or an operator can still change what a payment means.
func (f facts) awaitsNothing(p Payment, fold actionFold, head chain.Head) bool {
	switch {
	case p.Withdrawn:
		return true
	case !p.inBlock(), p.needsValue(f, fold):
		return false
	case p.Dust, p.Asset.Network() != f.asset.Network():
		return true
	case f.terms.Standing && p.MaturedAt.IsZero():
		return false
	}
	return p.mature(f.terms.Confirm, head)
}

// resettled returns the invoice, which must have all of its payments, with the sums of the settled ones recomputed from
// its present facts, and those payments that are no longer settled because they have to be valued first.
func (inv Invoice) resettled() (Invoice, []change) {
	if inv.Settled == nil {
		return inv, nil
	}
	f := inv.facts()
	fold := foldActions(f.deadline, f.actions)
	var sums *Settled
	var reopened []change
	inv.Payments = slices.Clone(inv.Payments)
	for i := range inv.Payments {
		p := &inv.Payments[i]
		switch {
		case !p.Settled:
		case p.needsValue(f, fold):
			p.Settled = false
			reopened = append(reopened, change{payment: *p})
		default:
			sums = sums.clone()
			sums.add(*p, f.part(*p, fold), 1)
		}
	}
	inv.Settled = sums
	return inv, reopened
}
