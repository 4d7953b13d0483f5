package invoice

import (
	"time"

	"github.com/cointill/cointill/chain"
)

// advanceHead returns the head after a step. A finality that was reached stays reached, though a node may fail to
// report it at times.
func advanceHead(before chain.Head, step chain.Step, now time.Time) chain.Head {
	head := step.Head
	head.Tip = max(head.Tip, head.Height)
	if head.Time = head.Time.UTC(); head.AtTip() {
		head.Time = chainTime(before.Time, head.Time, now)
	} else { // a block that is still to be read may have a timestamp within a deadline
		head.Time = before.Time
	}
	if !step.Rewound {
		head.Safe = max(head.Safe, min(before.Safe, head.Height))
		head.Finalized = max(head.Finalized, min(before.Finalized, head.Height))
	}
	return head
}

// chainTime returns the time that deadlines are compared with. It never goes back, and never beyond our own clock,
// since timestamps can be wrong.
func chainTime(before, stamp, now time.Time) time.Time {
	if stamp.After(now) {
		stamp = now
	}
	if stamp.Before(before) {
		return before
	}
	return stamp
}

// MaxAhead is how far a block's timestamp may be ahead of our clock before one of them is considered wrong. Bitcoin
// accepts blocks up to two hours ahead, which honest miners do not approach.
const MaxAhead = time.Hour

// stampedAhead returns how far the timestamp of the chain's last block is ahead of our clock, or 0.
func stampedAhead(lag chain.Lag, now time.Time) time.Duration {
	if lag.TipTime.IsZero() {
		return 0
	}
	return max(0, lag.TipTime.Sub(now))
}
