package payout

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// creditFacts is everything that the books of one invoice are decided from.
type creditFacts struct {
	inv      invoice.Invoice
	payments []invoice.Payment     // all of them
	receipts map[chain.Key]Receipt // those that the books have
	ours     map[chain.Key]bool    // payments by which our own transactions moved our own money
	credit   Credit
	deep     map[chain.Network]uint64 // the highest block that is deep enough, of each network with books
	holding  func(Deposit) Holding
	now      time.Time
}

// credited is what has to be stored so that the books say what the chain and the invoice say.
type credited struct {
	receipts []Receipt
	credit   Credit
	entries  []Entry
	moves    []Move
	changed  bool
}

// book decides what the books of an invoice have to say. It is pure, and looks at what is, not at what happened: an event
// that comes twice, late or never changes nothing about the result.
func book(f creditFacts) credited {
	out := credited{credit: f.credit}
	received, accepted := map[chain.AssetID]*big.Int{}, map[chain.AssetID]*big.Int{}
	out.credit.Invoice, out.credit.Project = f.inv.ID, f.inv.Project
	out.credit.Network, out.credit.Wait = "", 0
	for _, p := range f.payments {
		deep, has := f.deep[p.Key.Network]
		if !has || f.ours[p.Key] {
			continue // what a top-up brings is no income: its end moves the holding
		}
		booked := !p.Withdrawn && p.Block.Hash != "" && p.Block.Height <= deep
		switch {
		case booked || p.Withdrawn:
		case p.Block.Hash == "": // no event says that a block has it: it is looked at again with each
			out.wait(p.Key.Network, deep+1)
		default:
			out.wait(p.Key.Network, p.Block.Height)
		}
		out.receive(f, p, booked)
		if booked {
			addTo(received, p.Asset, p.Units)
			if f.accepts(p) {
				addTo(accepted, p.Asset, p.Units)
			}
		}
	}
	out.settle(f, received, accepted)
	out.changed = len(out.receipts) > 0 || len(out.entries) > 0 ||
		out.credit.Wait != f.credit.Wait || out.credit.Network != f.credit.Network
	return out
}

// accepts reports whether the payment's money is the project's own.
func (f creditFacts) accepts(p invoice.Payment) bool {
	paid := f.inv.State.Status == invoice.StatusCompleted || f.inv.Terms.Standing
	return paid && f.inv.Accepts(p)
}

// wait notes that a payment will be deep enough later.
func (c *credited) wait(network chain.Network, height uint64) {
	if c.credit.Wait == 0 || network == c.credit.Network && height < c.credit.Wait {
		c.credit.Network, c.credit.Wait = network, height
	}
}

// receive books one payment, or takes it out of the books.
func (c *credited) receive(f creditFacts, p invoice.Payment, booked bool) {
	r, has := f.receipts[p.Key]
	if r.Booked == booked {
		return
	}
	if !has {
		wallet, index := placeOf(f.inv, p.To)
		r = Receipt{Key: p.Key, Invoice: f.inv.ID, Project: f.inv.Project, Asset: p.Asset, Units: p.Units}
		r.Holding = f.holding(Deposit{
			Key: p.Key, Asset: p.Asset, To: p.To, Units: p.Units, Height: p.Block.Height, Wallet: wallet, Index: index,
		})
	}
	r.Booked = booked
	r.Version++
	units := new(big.Int).Set(r.Units)
	if !booked {
		units.Neg(units)
	}
	c.receipts = append(c.receipts, r)
	c.moves = append(c.moves, Move{Holding: r.Holding, Units: units})
}

// settle posts the difference between what the books say of the invoice and what they should say.
func (c *credited) settle(f creditFacts, received, accepted map[chain.AssetID]*big.Int) {
	var l ledger
	next, shrinks := &c.credit, false
	own := map[chain.AssetID]*big.Int{}
	for asset, units := range accepted { // what was refunded while it was held can no longer become the project's
		most := new(big.Int).Sub(received[asset], orZero(f.credit.RefundedHeld[asset]))
		if own[asset] = new(big.Int).Set(units); most.Cmp(units) < 0 {
			own[asset].Set(most)
		}
	}
	commission := c.commission(f, own)
	for _, asset := range assetsOf(received, own, f.credit.Received, f.credit.Own) {
		in := new(big.Int).Sub(orZero(received[asset]), orZero(f.credit.Received[asset]))
		mine := new(big.Int).Sub(orZero(own[asset]), orZero(f.credit.Own[asset]))
		held := new(big.Int).Sub(in, mine)
		shrinks = shrinks || in.Sign() < 0 || mine.Sign() < 0 || held.Sign() < 0 && in.Sign() < 0
		l.add(Account{Kind: External, Asset: asset}, new(big.Int).Neg(in))
		l.add(Account{f.inv.Project, Held, asset}, held)
		l.add(Account{f.inv.Project, Available, asset}, mine)
	}
	if diff := new(big.Int).Sub(commission, orZero(f.credit.Commission)); diff.Sign() != 0 {
		asset := f.inv.Quote.Asset.ID
		l.move(Account{f.inv.Project, Available, asset}, Account{Kind: Commission, Asset: asset}, diff)
		next.Asset, next.Commission = asset, commission
		shrinks = shrinks || diff.Sign() < 0
	}
	next.Received, next.Own = received, own
	kind := EntryCredit
	if shrinks {
		kind = EntryRevert
	}
	e := l.entry(Entry{Kind: kind, Subject: f.inv.ID, At: f.now, Overdraw: shrinks})
	if len(e.Postings) == 0 {
		return
	}
	next.N++
	e.ID = creditID(f.inv.ID, next.N)
	c.entries = append(c.entries, e)
}

// invoiceEntry begins the IDs of entries that invoices make.
const invoiceEntry = "invoice:"

// creditID returns the ID of the nth entry that an invoice makes, from 1.
func creditID(invoiceID string, n int) string {
	return fmt.Sprintf("%s%s:%d", invoiceEntry, invoiceID, n)
}

// commission returns the operator's part of what the invoice brought, in base units of the quoted asset.
func (c *credited) commission(f creditFacts, own map[chain.AssetID]*big.Int) *big.Int {
	q := f.inv.Quote
	if q == nil || f.inv.Terms.Standing || orZero(q.Fee).Sign() == 0 {
		return new(big.Int)
	}
	fee := new(big.Int).Set(q.Fee)
	if have := orZero(own[q.Asset.ID]); have.Cmp(fee) < 0 {
		fee.Set(have)
	}
	return fee
}

// assetsOf returns all keys of the maps, in order.
func assetsOf(all ...map[chain.AssetID]*big.Int) []chain.AssetID {
	seen := map[chain.AssetID]bool{}
	for _, m := range all {
		for asset := range m {
			seen[asset] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// placeOf returns the wallet and the number of one of the invoice's addresses.
func placeOf(inv invoice.Invoice, address chain.Address) (wallet string, index uint32) {
	quotes := inv.Earlier
	if inv.Quote != nil {
		quotes = append(slices.Clone(quotes), *inv.Quote)
	}
	for _, q := range slices.Backward(quotes) {
		if q.Address == address || slices.Contains(q.Also, address) {
			return q.Wallet, q.Index
		}
	}
	return "", 0
}
