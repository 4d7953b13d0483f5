package invoice

import (
	"time"

	"github.com/cointill/cointill/chain"
)

// advanceHead is the head after a step. A finality that was reached stays reached, though a node may fail
// to say so at times.
func advanceHead(before chain.Head, step chain.Step, now time.Time) chain.Head {
	head := step.Head
	head.Tip = max(head.Tip, head.Height)
	if head.Time = head.Time.UTC(); head.AtTip() {
		head.Time = chainTime(before.Time, head.Time, now)
	} else { // a block that is still to be read may be stamped in time
		head.Time = before.Time
	}
	if !step.Rewound {
		head.Safe = max(head.Safe, min(before.Safe, head.Height))
		head.Finalized = max(head.Finalized, min(before.Finalized, head.Height))
	}
	return head
}

// chainTime is what deadlines are held against. What was seen of a chain's time stays seen, and no
// block takes it further than our own clock: stamps can lie.
func chainTime(before, stamp, now time.Time) time.Time {
	if stamp.After(now) {
		stamp = now
	}
	if stamp.Before(before) {
		return before
	}
	return stamp
}

// MaxAhead is how far a block may be stamped ahead of our clock before one of them is taken for wrong. Bitcoin takes blocks
// up to two hours ahead, which honest miners do not come near.
const MaxAhead = time.Hour

// stampedAhead is how far the end of the chain is stamped ahead of our clock, 0 when it is not.
func stampedAhead(lag chain.Lag, now time.Time) time.Duration {
	if lag.TipTime.IsZero() {
		return 0
	}
	return max(0, lag.TipTime.Sub(now))
}
