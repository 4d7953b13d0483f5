package invoice

import (
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
)

// network is a configured chain with what the service remembers of it.
type network struct {
	ChainConfig
	id      chain.Network
	indexes *indexes // shared by all networks with the same wallet
	duty    *duty    // to follow it

	// Used by whoever follows it alone.
	asideDue  time.Time // when what was set aside is tried again ...
	asideNext int       // ... and which of it first
	limit     int       // most blocks of a step; 0 for no limit
	failures  int       // steps that the store failed with, in a row
	latest    time.Time // latest stamp of the blocks that this process has stored one after the other ...
	run       int       // ... and how many these are

	mu        sync.Mutex // guards what follows
	watched   bool       // the store knows where to start watching
	remainder bool       // the store has an invoice for what fits no other at a shared address
	err       error      // why the last step could not be stored
	since     time.Time  // when err began
	ours      bool       // no other process follows it
	seen      time.Time  // when a step last came to the end of the chain
	lostAt    time.Time  // when the store was found to have lost its end
	ahead     map[chain.Address]uint32
}

func (n *network) setWatched() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watched = true
}

// set remembers how the network stands, for Health.
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

// own notes that this process follows the network, whatever comes of it.
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

// smaller asks for smaller steps after the store has failed with one of so many blocks.
func (n *network) smaller(blocks int) {
	n.failures++
	if stepper, able := n.Watcher.(chain.Stepper); able && blocks > 1 {
		n.limit = blocks / 2
		stepper.Limit(n.limit)
	}
}

// stored notes that a step was stored: the next ones may be larger again.
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

// begin forgets the blocks that were stored before: another process may have gone on since.
func (n *network) begin() { n.latest, n.run = time.Time{}, 0 }

// latestStamp is the latest stamp of the blocks that one which joins now can say something of; zero when some of them
// may not be known.
func (n *network) latestStamp() time.Time {
	if n.run < stampReach {
		return time.Time{}
	}
	return n.latest
}

// maxLimit is the limit of a step above which there is none any more.
const maxLimit = 4096
