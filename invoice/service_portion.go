package invoice

import (
	"context"
	"errors"
	"time"
)

// inPortions is the cause of an entry for [Aside.Portions].
const inPortions = "more than the store takes at once: it is stored in portions"

// portions stores what a step has for invoices as parts of it that the store takes, each with the progress that the step
// follows, until there is nothing left but what is refused. It returns the progress then.
//
// Whoever follows the network meanwhile, perhaps after a crash, reads the blocks again: what is stored of them changes
// nothing, and what of it is in none of them any more is taken back.
func (s *Service) portions(ctx context.Context, n *network, p Progress, v view, most int, refused *refusals) (Progress, error) {
	for {
		now := s.cfg.Now().UTC()
		// By the old head: nothing of these blocks is deep enough, and no deadline has passed, before all of them count.
		b, _, err := s.digest(ctx, v, p, clock{head: p.Head, now: now, most: most}, refused)
		if err != nil || len(b.Update) == 0 {
			return p, err
		}
		next := p
		next.Version, next.At, next.Aside = p.Version+1, now, p.inPortions(b.Payments, now)
		b.Progress, b.Fence = []Progress{next}, n.duty.fence()
		if err := s.stands(ctx, n, p); err != nil {
			return p, err
		}
		switch err = s.store(ctx, b); {
		case err == nil:
			p = next
		case errors.Is(err, ErrTooLarge):
			if most = fewer(most, len(b.Payments)); most == 0 {
				most = 1
				refused.tooLarge(b, err)
			}
		default:
			if err := s.refused(ctx, n, p, b, err, refused); err != nil {
				return p, err
			}
		}
	}
}

// fewer returns how many payments to try after as many, of at most so many, were too large for the store; 0 if it was
// only one.
func fewer(most, payments int) int {
	if most == 0 || most > payments {
		most = payments
	}
	return most / 2
}

// waiting returns the clock for a portion of what there is for an invoice: nothing ends by time before the rest counts.
func (c clock) waiting(before Invoice) clock {
	if deadline := before.EffectiveDeadline(); !before.State.Closed && c.head.Time.After(deadline) {
		c.head.Time = deadline
	}
	c.oldest = time.Time{}
	return c
}

// below returns the clock for a portion of what a step took back above a height: what is still to be taken back is not
// deep enough meanwhile.
func (c clock) below(fork uint64) clock {
	c.head.Height = min(c.head.Height, fork)
	c.head.Safe, c.head.Finalized = min(c.head.Safe, fork), min(c.head.Finalized, fork)
	return c
}

// spend takes as many payments from what is left for a portion, and reports whether it is used up.
func (c *clock) spend(payments int) bool {
	if c.most == 0 {
		return false
	}
	left := c.most - payments
	c.most = max(1, left)
	return left <= 0
}
