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
	// failuresBeforeAside is how often a store fails with a step before the step is tried without the invoices that it
	// concerns.
	failuresBeforeAside = 4
	// asideEvery is the interval of retries of what is set aside, asideTime the longest that a network waits for them,
	// and examineTime the longest that one transaction may take of it.
	asideEvery  = time.Minute
	asideTime   = 10 * time.Second
	examineTime = 5 * time.Second
)

// held returns why what was set aside cannot be retried: the watcher has not confirmed that its asset is no longer held
// back, or the asset is no longer configured.
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

// logAside logs what was newly set aside, and what there was no room for.
func (s *Service) logAside(n *network, before, after []Aside, now time.Time) {
	for _, a := range after {
		full := strings.HasSuffix(a.Cause, asideFull) && !slices.ContainsFunc(before, func(o Aside) bool { return sameAside(o, a) })
		if full || a.Since.Equal(now) {
			s.log.Error("set aside", "network", n.id, "invoice", a.Invoice, "unexamined", a.Unexamined, "cause", a.Cause)
		}
	}
}

// retryAside periodically retries what was set aside: a transaction may be examined by now, a row repaired. Of each
// invoice, only the first entry is tried. What does not fit in the time is left to the next round.
func (s *Service) retryAside(ctx context.Context, n *network, p Progress) (Progress, error) {
	if len(p.Aside) == 0 || time.Now().Before(n.asideDue) {
		return p, nil
	}
	began := time.Now()
	n.asideDue = began.Add(asideEvery)
	list := p.Aside
	for i := range list {
		a := list[(n.asideNext+i)%len(list)]
		if a.Portions || a.Invoice != "" && !p.isNext(a, a.Invoice) {
			continue
		}
		if time.Since(began) > asideTime {
			n.asideNext = (n.asideNext + i) % len(list)
			return p, nil
		}
		var err error
		p, err = s.retryOne(ctx, n, p, a)
		switch {
		case errors.Is(err, errOvertaken), ctx.Err() != nil:
			return p, err
		case err != nil:
			s.log.Warn("retry failed, still set aside", "network", n.id, "invoice", a.Invoice, "unexamined", a.Unexamined, "error", err)
		default:
			s.log.Info("no longer set aside", "network", n.id, "invoice", a.Invoice, "unexamined", a.Unexamined)
		}
	}
	return p, nil
}

// retryOne processes one entry that was set aside, in portions when it is more than the store takes at once: then the entry
// stays until the last of them. It returns the progress that is stored by then, also with an error.
func (s *Service) retryOne(ctx context.Context, n *network, p Progress, a Aside) (Progress, error) {
	if err := n.held(a); err != nil {
		return p, err
	}
	v, err := n.asideView(ctx, p, a)
	if err != nil {
		return p, err
	}
	for most := 0; ; {
		c := clock{head: p.Head, now: s.cfg.Now().UTC(), most: most}
		if most > 0 && a.Rewound {
			c = c.below(a.Fork)
		}
		b, next, err := s.retried(ctx, p, a, v, c)
		if err != nil {
			return p, err
		}
		portion := most > 0 && len(b.Update) > 0
		if portion {
			next.Aside = p.Aside
		}
		b.Progress, b.Fence = []Progress{next}, n.duty.fence()
		if err := s.stands(ctx, n, p); err != nil {
			return p, err
		}
		err = s.store(ctx, b)
		switch {
		case errors.Is(err, ErrTooLarge):
			if most = fewer(most, len(b.Payments)); most == 0 {
				return p, err
			}
		case errors.Is(err, ErrConflict) && errors.Is(s.stands(ctx, n, p), errOvertaken):
			return p, errOvertaken
		case err != nil:
			return p, err
		case portion:
			p = next
		default:
			s.logAside(n, p.Aside, next.Aside, c.now)
			return next, nil
		}
	}
}

// retried decides about one entry that was set aside, and returns the progress without it.
func (s *Service) retried(ctx context.Context, p Progress, a Aside, v view, c clock) (Batch, Progress, error) {
	t, err := s.touched(ctx, v)
	if err != nil {
		return Batch{}, p, err
	}
	mayBe := func(s sighting) bool { return a.Invoice == "" || a.has(s) }
	if slices.ContainsFunc(t.unread, mayBe) || slices.Contains(t.damaged, a.Invoice) {
		return Batch{}, p, errors.New("cannot be read")
	}
	if slices.ContainsFunc(t.unclear, mayBe) {
		return Batch{}, p, errors.New(unclear)
	}
	b, err := s.redigest(ctx, p, a, v, t, c)
	if err != nil {
		return Batch{}, p, err
	}
	next := p
	next.Version, next.Aside = p.Version+1, without(p.Aside, a)
	if a.Unexamined != nil { // else it is set aside already
		if next.Aside = setHeldAside(next.Aside, t, c.now); seenIn(next.Aside) < seenIn(p.Aside)+len(t.held) {
			return Batch{}, p, errors.New("has no room for what is held back of it")
		}
	}
	return b, next, nil
}

// redigest decides about the invoices that an entry concerns.
func (s *Service) redigest(ctx context.Context, p Progress, a Aside, v view, t touch, c clock) (Batch, error) {
	ask := s.prices.remembering()
	var b Batch
	for _, before := range t.invoices {
		if a.Invoice != "" && a.Invoice != before.ID {
			continue
		}
		if a.Invoice == "" && len(t.mine[before.ID]) > 0 && !p.isNext(a, before.ID) {
			return b, errors.New("waits for what was set aside before")
		}
		d, err := s.digested(ctx, before, t.mine[before.ID], v, c, ask)
		if err != nil {
			return b, err
		}
		if d == nil {
			continue
		}
		if err := s.put(ctx, &b, *d); err != nil {
			return b, err
		}
		if c.spend(len(d.payments)) {
			break
		}
	}
	return b, nil
}

// asideView returns the view of the part of a step that was set aside, arranged for matching again. After a rewind it
// includes what the new blocks have for invoices that could not be read: what only moved is not lost.
func (n *network) asideView(ctx context.Context, p Progress, a Aside) (view, error) {
	v := newView(n.id)
	v.rewound, v.fork, v.retried = a.Rewound, a.Fork, true
	v.first, v.earliest = a.First, a.Earliest
	for _, o := range p.Aside {
		same := sameAside(a, o)
		if a.Rewound && o.Invoice == "" || same {
			for _, seen := range o.Seen {
				seen.Transfer.Held = seen.Transfer.Held && !same // else n.held has checked it
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
		if err != nil { // also chain.ErrGone, which may come from a node that is behind: only a step that removes the block is proof
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
