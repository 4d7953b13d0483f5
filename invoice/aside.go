package invoice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

const (
	// maxTries bounds how often a step is decided again because something changed meanwhile.
	maxTries = 50
	// stubborn is how often the same facts are refused before they are taken for a contradiction.
	stubborn = 3
	// failuresBeforeAside is how often a store fails with a step before it is asked to take the step without the
	// invoices that it touches.
	failuresBeforeAside = 4
	// maxAside bounds what is set aside on one network, and maxSeen the transfers of each.
	maxAside = 100
	maxSeen  = 200
	// maxHeld bounds what is set aside beside it because its asset is held back, and maxHeldOfOne the transfers to one
	// invoice: whoever has one can send many, which cost next to nothing on some chains.
	maxHeld      = 20
	maxHeldOfOne = 50
	// asideEvery is how often it is tried again, asideTime how long a network waits for that, and examineTime how long one
	// transaction may take of it.
	asideEvery  = time.Minute
	asideTime   = 10 * time.Second
	examineTime = 5 * time.Second
)

// refusals remembers what the store refused of one step.
type refusals struct {
	tries int
	named map[string]refusal // by the invoice that was named
	last  string             // what was refused last without a name ...
	times int                // ... and how often in a row
	all   string             // why every invoice is left out; empty while none need be
}

type refusal struct {
	version int64
	times   int
	cause   string // why the invoice is left out; empty while it need not be
}

// conflict notes that the batch was refused. Facts that changed between two refusals may have caused them; the same
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

// cause says why an invoice is left out of a step; empty when it is not. Once something of an invoice is set aside, all
// that comes later is too, until that is taken into account: the order matters.
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

// part is what a step has for one invoice, to be set aside. What waits in a pool comes again by itself.
func (v view) part(id string, mine []sighting, cause string, now time.Time) Aside {
	a := Aside{Since: now, Cause: cause, Invoice: id, Rewound: v.rewound, Fork: v.fork}
	for _, s := range mine {
		if s.block != (BlockRef{}) {
			a.Seen = append(a.Seen, Seen{s.transfer, s.block, v.whose[s.transfer.Key()]})
		}
	}
	return a
}

// Why transfers are nobody's yet.
const (
	unread  = "an invoice at the address cannot be read"
	unclear = "it is older than all invoices that are known to have had the address"
)

// asideAfter is what is set aside after a step, but for what the store refuses of it.
func (p Progress) asideAfter(v view, t touch, now time.Time) []Aside {
	out := slices.Clone(p.Aside)
	if v.rewound {
		out = stillThere(out, v.fork)
	}
	for i, a := range out {
		if u := a.Unexamined; u != nil && v.provesEarlier(u.Height, u.Time) {
			earlier := *u
			earlier.Time = v.earliest
			out[i].Unexamined = &earlier
		}
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

// stillThere is what is set aside, but for what was in blocks that left the chain: it comes again with the blocks that
// have it now.
func stillThere(list []Aside, fork uint64) []Aside {
	var out []Aside
	for _, a := range list {
		if a.Unexamined != nil && a.Unexamined.Height > fork {
			continue
		}
		all := len(a.Seen)
		a.Seen = slices.DeleteFunc(slices.Clone(a.Seen), func(s Seen) bool { return s.Block.Height > fork })
		if all == 0 || len(a.Seen) > 0 || a.Rewound {
			out = append(out, a)
		}
	}
	return out
}

// setHeldAside sets aside what a step has of assets that are held back. It stands in the way of nothing else that its
// invoice gets.
func setHeldAside(list []Aside, t touch, now time.Time) []Aside {
	for _, seen := range t.held {
		if seen.Block != (BlockRef{}) {
			list = setAside(list, Aside{Since: now, Cause: "asset is held back: " + string(seen.Transfer.Asset), Seen: []Seen{seen}})
		}
	}
	return list
}

// ErrHeldBack: the asset is held back, since its decimals are not confirmed ([chain.Decimals]), and nothing is asked for in
// it. That passes: [errors.Is] says that it is an [ErrBusy].
var ErrHeldBack error = heldBackError{}

type heldBackError struct{}

func (heldBackError) Error() string        { return "the asset is held back" }
func (heldBackError) Is(target error) bool { return target == ErrBusy }

// holds reports whether the asset is held back.
func holds(lag chain.Lag, asset chain.AssetID) bool {
	return slices.ContainsFunc(lag.Lacks, func(l chain.Lack) bool { return l.What == chain.Decimals && l.Asset == asset })
}

// held answers why what was set aside cannot be tried again: the watcher has not said that its asset is no longer held back,
// or is not asked for that, because the asset is configured no longer.
func (n *network) held(a Aside) error {
	lag := n.Watcher.Lag()
	for _, s := range a.Seen {
		asked := slices.ContainsFunc(n.Assets, func(c AssetConfig) bool { return c.ID == s.Transfer.Asset })
		if s.Transfer.Held && (!asked || lag.Answered.IsZero() || holds(lag, s.Transfer.Asset)) {
			return errors.New(a.Cause)
		}
	}
	return nil
}

// heldBack reports whether it is set aside only because its asset is held back.
func (a Aside) heldBack() bool {
	return a.Invoice == "" && len(a.Seen) > 0 && a.Seen[0].For != "" && a.Seen[0].Transfer.Held
}

// setAside adds to what is set aside, as long as there is room. What cannot be examined, which anybody can send, makes
// room first. What is held back, which anybody can send too, has its own room.
func setAside(list []Aside, a Aside) []Aside {
	if a.Unexamined == nil && len(a.Seen) == 0 && !a.Rewound {
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

// seenIn is how many transfers are set aside.
func seenIn(list []Aside) int {
	n := 0
	for _, a := range list {
		n += len(a.Seen)
	}
	return n
}

// heldOf is how many transfers to an invoice are held back.
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

// noteFull notes, at the last of what is held back or of all else, that there was no room for what came after it.
func noteFull(list []Aside, held bool) []Aside {
	for i := range slices.Backward(list) {
		if last := &list[i]; last.heldBack() == held {
			last.Cause = strings.TrimSuffix(last.Cause, asideFull) + asideFull
			break
		}
	}
	return list
}

// logAside logs what was set aside now, and what there was no room for.
func (s *Service) logAside(n *network, before, after []Aside, now time.Time) {
	for _, a := range after {
		full := strings.HasSuffix(a.Cause, asideFull) && !slices.ContainsFunc(before, func(o Aside) bool { return sameAside(o, a) })
		if full || a.Since.Equal(now) {
			s.log.Error("set aside", "network", n.id, "invoice", a.Invoice, "unexamined", a.Unexamined, "cause", a.Cause)
		}
	}
}

// asideFull tells whoever reads Health or the log that the blocks since then have to be read again, from an older cursor.
const asideFull = "; not all that came after it is kept: the blocks since then have to be read again"

// retryAside tries again, now and then, what was set aside: a transaction may be examined by now, a row repaired. Of what
// one invoice has, only the first is tried. What takes long goes on another time.
func (s *Service) retryAside(ctx context.Context, n *network, p Progress) (Progress, error) {
	if len(p.Aside) == 0 || time.Now().Before(n.asideDue) {
		return p, nil
	}
	began := time.Now()
	n.asideDue = began.Add(asideEvery)
	list := p.Aside
	for i := range list {
		a := list[(n.asideNext+i)%len(list)]
		if a.Invoice != "" && !p.isNext(a, a.Invoice) {
			continue
		}
		if time.Since(began) > asideTime {
			n.asideNext = (n.asideNext + i) % len(list)
			return p, nil
		}
		next, err := s.retryOne(ctx, n, p, a)
		switch {
		case errors.Is(err, errOvertaken), ctx.Err() != nil:
			return p, err
		case err != nil:
			s.log.Warn("stays set aside", "network", n.id, "invoice", a.Invoice, "unexamined", a.Unexamined, "error", err)
		default:
			p = next
			s.log.Info("no longer set aside", "network", n.id, "invoice", a.Invoice, "unexamined", a.Unexamined)
		}
	}
	return p, nil
}

// isNext reports whether nothing of the invoice was set aside before.
func (p Progress) isNext(a Aside, invoice string) bool {
	i := slices.IndexFunc(p.Aside, func(o Aside) bool { return sameAside(a, o) || o.Invoice == invoice })
	return i >= 0 && sameAside(a, p.Aside[i])
}

// retryOne takes one thing into account that was set aside.
func (s *Service) retryOne(ctx context.Context, n *network, p Progress, a Aside) (Progress, error) {
	if err := n.held(a); err != nil {
		return p, err
	}
	v, err := n.asideView(ctx, p, a)
	if err != nil {
		return p, err
	}
	t, err := s.touched(ctx, v)
	if err != nil {
		return p, err
	}
	mayBe := func(s sighting) bool { return a.Invoice == "" || a.has(s) }
	if slices.ContainsFunc(t.unread, mayBe) || slices.Contains(t.damaged, a.Invoice) {
		return p, errors.New("cannot be read")
	}
	if slices.ContainsFunc(t.unclear, mayBe) {
		return p, errors.New(unclear)
	}
	c, ask := clock{head: p.Head, now: s.cfg.Now().UTC()}, s.remembering()
	var b Batch
	for _, before := range t.invoices {
		if a.Invoice != "" && a.Invoice != before.ID {
			continue
		}
		if a.Invoice == "" && len(t.mine[before.ID]) > 0 && !p.isNext(a, before.ID) {
			return p, errors.New("waits for what was set aside before")
		}
		d, err := s.digested(ctx, before, t.mine[before.ID], v, c, ask)
		if err != nil {
			return p, err
		}
		if d != nil {
			s.put(&b, *d)
		}
	}
	next := p
	next.Version, next.Aside = p.Version+1, without(p.Aside, a)
	if a.Unexamined != nil { // else it is set aside already
		if next.Aside = setHeldAside(next.Aside, t, c.now); seenIn(next.Aside) < seenIn(p.Aside)+len(t.held) {
			return p, errors.New("has no room for what is held back of it")
		}
	}
	b.Progress, b.Fence = []Progress{next}, n.duty.fence()
	if err := s.stands(ctx, n, p); err != nil {
		return p, err
	}
	err = s.store(ctx, b)
	if errors.Is(err, ErrConflict) && errors.Is(s.stands(ctx, n, p), errOvertaken) {
		return p, errOvertaken
	}
	if err == nil {
		s.logAside(n, p.Aside, next.Aside, c.now)
	}
	return next, err
}

// without is the list less its first element that is the same.
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

// has reports whether the sighting was set aside with it.
func (a Aside) has(s sighting) bool {
	return slices.ContainsFunc(a.Seen, func(seen Seen) bool { return seen.Transfer.Key() == s.transfer.Key() })
}

// asideView is the part of a step that was set aside, arranged for matching once more. With a rewinding goes what the new
// blocks have for invoices that could not be read: what only moved is not lost.
func (n *network) asideView(ctx context.Context, p Progress, a Aside) (view, error) {
	v := newView(n.id)
	v.rewound, v.fork, v.retried = a.Rewound, a.Fork, true
	for _, o := range p.Aside {
		same := sameAside(a, o)
		if a.Rewound && o.Invoice == "" || same {
			for _, seen := range o.Seen {
				seen.Transfer.Held = seen.Transfer.Held && !same // else n.held has made sure of it
				v.add(sighting{seen.Transfer, seen.Block})
			}
		}
		if same {
			v.recall(o.Seen)
		}
	}
	if u := a.Unexamined; u != nil {
		examiner, able := n.Watcher.(chain.Examiner)
		if !able {
			return v, fmt.Errorf("examine %s: %w", u.TxID, errors.ErrUnsupported)
		}
		ctx, cancel := context.WithTimeout(ctx, examineTime)
		defer cancel()
		found, err := examiner.Examine(ctx, *u)
		if err != nil { // also chain.ErrGone, which a node may say that is behind: a step that takes the block back says so
			return v, err
		}
		for _, t := range found {
			t.Replaceable = false
			v.add(sighting{t, BlockRef{u.Height, u.Block, u.Time.UTC()}})
		}
	}
	v.arrange()
	return v, nil
}
