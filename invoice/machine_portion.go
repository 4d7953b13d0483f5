package invoice

import "time"

// inPortions is the cause of an entry for [Aside.Portions].
const inPortions = "more than the store takes at once: it is stored in portions"

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
