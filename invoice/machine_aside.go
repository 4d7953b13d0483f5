package invoice

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

// refusals records what the store refused of one step.
type refusals struct {
	tries int
	named map[string]refusal // by the invoice that was named
	last  string             // the last batch refused without naming an invoice ...
	times int                // ... and how often it was refused in a row
	all   string             // why every invoice is left out; empty otherwise

	large bool // an invoice is left out because its part was more than the store takes at once

	untold bool // invoices are left out as well when it cannot be read whom their events must be told to
}

type refusal struct {
	version int64
	times   int
	cause   string // why the invoice is left out; empty otherwise
}

// conflict records that the batch was refused. Facts that changed between two refusals may have caused them; the same
// facts that are refused again and again contradict what is stored.
func (r *refusals) conflict(b Batch, err error) {
	if named, ok := errors.AsType[*ConflictError](err); ok {
		i := slices.IndexFunc(b.Update, func(inv Invoice) bool { return inv.ID == named.Invoice })
		if i >= 0 {
			r.name(b.Update[i], err)
			return
		}
	}
	var facts strings.Builder
	for _, inv := range b.Update {
		fmt.Fprintf(&facts, "%s %d\n", inv.ID, inv.Version)
	}
	if facts.String() != r.last {
		r.last, r.times = facts.String(), 0
	}
	if r.times++; r.times >= stubborn {
		r.all = err.Error()
	}
}

func (r *refusals) name(inv Invoice, err error) {
	was := r.named[inv.ID]
	if was.version != inv.Version {
		was = refusal{version: inv.Version}
	}
	if was.times++; was.times >= stubborn {
		was.cause = err.Error()
	}
	r.named[inv.ID] = was
}

// tooLarge leaves out the invoice with the most payments in a batch that was more than the store takes at once.
func (r *refusals) tooLarge(b Batch, err error) {
	payments := map[string]int{}
	for _, p := range b.Payments {
		payments[p.Invoice]++
	}
	most := slices.MaxFunc(b.Update, func(x, y Invoice) int { return cmp.Compare(payments[x.ID], payments[y.ID]) })
	r.named[most.ID] = refusal{version: most.Version, cause: err.Error()}
	r.large = true
}

// cause returns why an invoice is left out of a step, or "". Once something of an invoice is set aside, everything
// later is set aside too until it is processed: the order matters.
func (r *refusals) cause(id string, aside []Aside) string {
	if r.all != "" {
		return r.all
	}
	if cause := r.named[id].cause; cause != "" {
		return cause
	}
	if i := slices.IndexFunc(aside, func(a Aside) bool { return a.Invoice == id }); i >= 0 {
		return aside[i].Cause
	}
	return ""
}

const (
	// stubborn is how often the same facts are refused before they are taken for a contradiction.
	stubborn = 3
	// maxAside bounds what is set aside on one network, and maxSeen the transfers of each.
	maxAside = 100
	maxSeen  = 200
	// maxSeenOfOne bounds the transfers that are set aside of one invoice, to which anybody can send many in one block, and
	// maxSeenInAll those of all: they are a few megabytes of the batch that stores them.
	maxSeenOfOne = 5_000
	maxSeenInAll = 10_000
	// maxHeld bounds what is set aside in addition because its asset is held back, and maxHeldOfOne the transfers of
	// these to one invoice: anybody who has one can send many, which cost next to nothing on some chains.
	maxHeld      = 20
	maxHeldOfOne = 50
)

// Why transfers belong to no invoice yet.
const (
	unread  = "an invoice at the address cannot be read"
	unclear = "it is older than all invoices that are known to have had the address"
)

// asideAfter returns what is set aside after a step, without what the store refuses of it.
func (p Progress) asideAfter(v view, t touch, now time.Time) []Aside {
	out := slices.Clone(p.Aside)
	if v.joins { // then it is stored as a whole
		out = slices.DeleteFunc(out, func(a Aside) bool { return a.Portions })
	}
	if v.rewound {
		out = stillThere(out, v.fork)
	}
	for i, a := range out {
		out[i] = v.stamped(a)
	}
	for _, u := range v.unexamined {
		out = setAside(out, Aside{Since: now, Cause: u.Reason, Unexamined: &u})
	}
	if v.rewound { // before what the new blocks have
		for _, id := range t.damaged {
			out = setAside(out, Aside{Since: now, Cause: "cannot be read", Invoice: id, Rewound: true, Fork: v.fork})
		}
	}
	nobodys := v.part("", t.unread, unread, now)
	nobodys.Rewound, nobodys.Fork = false, 0
	out = setAside(out, nobodys)
	return setHeldAside(out, t, now)
}

// inPortions returns what is set aside after one of the portions of a step, which has the payments.
func (p Progress) inPortions(payments []Payment, now time.Time) []Aside {
	above := func(pay Payment) bool {
		return pay.Key.Network == p.Network && pay.inBlock() && !pay.Withdrawn && pay.Block.Height > p.Head.Height
	}
	if !slices.ContainsFunc(payments, above) || slices.ContainsFunc(p.Aside, func(a Aside) bool { return a.Portions }) {
		return p.Aside
	}
	return append(slices.Clip(p.Aside), Aside{Since: now, Cause: inPortions, Portions: true, Fork: p.Head.Height})
}

// stamped returns the entry with the times by which its blocks existed, as far as the step proves earlier ones.
func (v view) stamped(a Aside) Aside {
	if u := a.Unexamined; u != nil && v.provesEarlier(u.Height, u.Time) {
		earlier := *u
		earlier.Time = v.earliest
		a.Unexamined = &earlier
	}
	a.Seen = slices.Clone(a.Seen)
	for i, s := range a.Seen {
		if v.provesEarlier(s.Block.Height, s.Block.Time) {
			a.Seen[i].Block.Time = v.earliest
		}
	}
	return a
}

// part returns what a step has for one invoice, to be set aside. Transfers in a pool are left out, since they come
// again by themselves.
func (v view) part(id string, mine []sighting, cause string, now time.Time) Aside {
	a := Aside{Since: now, Cause: cause, Invoice: id, Rewound: v.rewound, Fork: v.fork}
	for _, s := range mine {
		if s.block != (BlockRef{}) {
			a.Seen = append(a.Seen, Seen{s.transfer, s.block, v.whose[s.transfer.Key()]})
		}
	}
	return a
}

// with returns the entry with what the step proves of the payments that the invoice has.
func (a Aside) with(payments []Payment, v view) Aside {
	if slices.ContainsFunc(payments, v.stampedBack) {
		a.First, a.Earliest = v.first, v.earliest
	}
	return a
}

// stillThere returns what is set aside without what was in blocks that left the chain: it comes again with the blocks
// that have it now.
func stillThere(list []Aside, fork uint64) []Aside {
	var out []Aside
	for _, a := range list {
		if a.Unexamined != nil && a.Unexamined.Height > fork {
			continue
		}
		if a.First > fork {
			a.First, a.Earliest = 0, time.Time{}
			if len(a.Seen) == 0 && !a.Rewound {
				continue
			}
		}
		all := len(a.Seen)
		a.Seen = slices.DeleteFunc(slices.Clone(a.Seen), func(s Seen) bool { return s.Block.Height > fork })
		if all == 0 || len(a.Seen) > 0 || a.Rewound {
			out = append(out, a)
		}
	}
	return out
}

// setHeldAside sets aside transfers in assets that are held back. They do not delay other payments to their invoice.
func setHeldAside(list []Aside, t touch, now time.Time) []Aside {
	for _, seen := range t.held {
		if seen.Block != (BlockRef{}) {
			list = setAside(list, Aside{Since: now, Cause: "asset is held back: " + string(seen.Transfer.Asset), Seen: []Seen{seen}})
		}
	}
	return list
}

// holds reports whether the asset is held back.
func holds(lag chain.Lag, asset chain.AssetID) bool {
	return slices.ContainsFunc(lag.Lacks, func(l chain.Lack) bool { return l.What == chain.Decimals && l.Asset == asset })
}

// heldBack reports whether the entry is set aside only because its asset is held back.
func (a Aside) heldBack() bool {
	return a.Invoice == "" && len(a.Seen) > 0 && a.Seen[0].For != "" && a.Seen[0].Transfer.Held
}

// setAside adds an entry to the list, as long as there is room. Transactions that cannot be examined, which anybody can
// send, make room first. Transfers that are held back, which anybody can send too, have room of their own. Of the others,
// which have to fit in one batch with what else is set aside, only so many are kept.
func setAside(list []Aside, a Aside) []Aside {
	room := maxSeenInAll
	for _, o := range list {
		if !o.heldBack() {
			room -= len(o.Seen)
		}
	}
	if a.Invoice != "" {
		room = min(room, maxSeenOfOne-seenOf(list, a.Invoice))
	}
	if len(a.Seen) <= room || a.heldBack() {
		return addAside(list, a)
	}
	a.Seen = a.Seen[:max(0, room)]
	return noteFull(addAside(list, a), false)
}

func addAside(list []Aside, a Aside) []Aside {
	if a.Unexamined == nil && len(a.Seen) == 0 && !a.Rewound && a.Earliest.IsZero() {
		return list
	}
	if a.heldBack() && heldOf(list, a.Seen[0].For) >= maxHeldOfOne {
		return noteFull(list, true)
	}
	for i := len(list) - 1; i >= 0; i-- {
		last := &list[i]
		if last.Unexamined != nil || a.Unexamined != nil || last.Invoice != a.Invoice && (a.Invoice != "" || !last.Rewound) ||
			a.Invoice == "" && last.Invoice == "" && strings.TrimSuffix(last.Cause, asideFull) != a.Cause {
			continue
		}
		if last.Invoice != a.Invoice || a.Rewound || len(last.Seen)+len(a.Seen) > maxSeen {
			break
		}
		last.Seen = append(slices.Clip(last.Seen), a.Seen...)
		if !a.Earliest.IsZero() && (last.Earliest.IsZero() || a.Earliest.Before(last.Earliest)) {
			last.First, last.Earliest = a.First, a.Earliest
		}
		return list
	}
	list = append(list, a)
	held := 0
	for _, o := range list {
		if o.heldBack() {
			held++
		}
	}
	switch {
	case a.heldBack() && held <= maxHeld, !a.heldBack() && len(list)-held <= maxAside:
		return list
	case a.heldBack():
		return noteFull(list[:len(list)-1], true)
	}
	if i := slices.IndexFunc(list, func(a Aside) bool { return a.Unexamined != nil }); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return noteFull(list[:len(list)-1], false)
}

// seenIn returns how many transfers are set aside.
func seenIn(list []Aside) int {
	n := 0
	for _, a := range list {
		n += len(a.Seen)
	}
	return n
}

// seenOf returns how many transfers to an invoice are set aside.
func seenOf(list []Aside, invoice string) int {
	n := 0
	for _, a := range list {
		if a.Invoice == invoice {
			n += len(a.Seen)
		}
	}
	return n
}

// heldOf returns how many transfers to an invoice are held back.
func heldOf(list []Aside, invoice string) int {
	n := 0
	for _, a := range list {
		for _, s := range a.Seen {
			if a.heldBack() && s.For == invoice {
				n++
			}
		}
	}
	return n
}

// noteFull records, in the last entry that is held back or in the last other one, that there was no room for what came
// after it.
func noteFull(list []Aside, held bool) []Aside {
	for i := range slices.Backward(list) {
		if last := &list[i]; last.heldBack() == held {
			last.Cause = strings.TrimSuffix(last.Cause, asideFull) + asideFull
			break
		}
	}
	return list
}

// asideFull tells readers of Health or the log that the blocks since then must be read again, from an older cursor.
const asideFull = "; not all that came after it is kept: the blocks since then have to be read again"

// isNext reports whether the entry is the invoice's first in the list.
func (p Progress) isNext(a Aside, invoice string) bool {
	i := slices.IndexFunc(p.Aside, func(o Aside) bool { return sameAside(a, o) || o.Invoice == invoice })
	return i >= 0 && sameAside(a, p.Aside[i])
}

// without returns the list without the first entry that is the same.
func without(list []Aside, a Aside) []Aside {
	i := slices.IndexFunc(list, func(o Aside) bool { return sameAside(o, a) })
	if i < 0 {
		return list
	}
	return slices.Delete(slices.Clone(list), i, i+1)
}

func sameAside(a, b Aside) bool {
	return a.Since.Equal(b.Since) && a.Invoice == b.Invoice && a.Cause == b.Cause && a.Fork == b.Fork && a.Rewound == b.Rewound &&
		(a.Unexamined == nil) == (b.Unexamined == nil) && (a.Unexamined == nil || *a.Unexamined == *b.Unexamined)
}

// has reports whether the entry contains the sighting's transfer.
func (a Aside) has(s sighting) bool {
	return slices.ContainsFunc(a.Seen, func(seen Seen) bool { return seen.Transfer.Key() == s.transfer.Key() })
}
