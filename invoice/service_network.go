package invoice

import (
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
)

// network is a configured chain with the service's state of it.
type network struct {
	ChainConfig
	id      chain.Network
	indexes *indexes // shared by all networks of the wallet
	duty    *duty    // the duty of following it

	// Used only by the goroutine that follows it.
	asideDue  time.Time // when the next retry of what was set aside is due ...
	asideNext int       // ... and where in the list it begins
	limit     int       // most blocks per step; 0 for no limit
	failures  int       // consecutive steps that failed in the store
	latest    time.Time // latest timestamp of the consecutive blocks that this process has stored ...
	run       int       // ... and their number

	mu        sync.Mutex // guards what follows
	watched   bool       // the store has progress for the network
	remainder bool       // the store has an invoice for payments to a shared address that fit no other
	err       error      // why the last step could not be stored
	since     time.Time  // when err began
	ours      bool       // no other process follows it
	seen      time.Time  // when a step last reached the end of the chain
	lostAt    time.Time  // when the store was found to have lost its end
	ahead     map[chain.Address]uint32
}

func (n *network) setWatched() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watched = true
}

// set records the network's state for Health.
func (n *network) set(err error, ours bool, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ours = ours
	if !ours {
		err = nil
	}
	if n.err = err; err == nil {
		n.since = time.Time{}
	} else if n.since.IsZero() {
		n.since = now
	}
}

// own records that this process follows the network, before the outcome is known.
func (n *network) own() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ours = true
}

func (n *network) sawEnd(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = now
}

// smaller asks for smaller steps after the store has failed with one of that many blocks.
func (n *network) smaller(blocks int) {
	n.failures++
	n.shrink(blocks)
}

// shrink asks for steps of fewer blocks, and reports whether they can be expected: not when there is only one, and not
// when the watcher has given more than it was asked for.
func (n *network) shrink(blocks int) bool {
	stepper, able := n.Watcher.(chain.Stepper)
	if !able || blocks < 2 {
		return false
	}
	kept := n.limit == 0 || blocks <= n.limit
	n.limit = blocks / 2
	stepper.Limit(n.limit)
	return kept
}

// stored records that a step was stored: the next ones may be larger again.
func (n *network) stored(step chain.Step) {
	n.failures = 0
	for _, b := range step.Joined {
		n.latest = later(n.latest, b.Time)
	}
	n.run += len(step.Joined)
	if stepper, able := n.Watcher.(chain.Stepper); able && n.limit > 0 {
		if n.limit *= 2; n.limit > maxLimit {
			n.limit = 0
		}
		stepper.Limit(n.limit)
	}
}

// begin forgets the blocks stored before: another process may have gone on since.
func (n *network) begin() { n.latest, n.run = time.Time{}, 0 }

// latestStamp returns the latest timestamp of the blocks within reach of one that joins now; zero when some of them may
// not be known.
func (n *network) latestStamp() time.Time {
	if n.run < stampReach {
		return time.Time{}
	}
	return n.latest
}

// maxLimit is the step limit above which steps become unlimited again.
const maxLimit = 4096
