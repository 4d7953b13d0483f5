package invoice

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// lookAheadOf is how many address numbers are looked at beyond those that the store knows of.
const lookAheadOf = 500

// lookAhead derives the next addresses that nobody has yet, as far as the store knows: money that arrives at one of them
// says that the store has lost its end. It does so when the network begins to be followed, and so after a restore.
func (n *network) lookAhead(ctx context.Context) error {
	n.mu.Lock()
	done := n.ahead != nil
	n.mu.Unlock()
	if done || n.Shared != nil {
		return nil
	}
	next, err := n.indexes.store.ReserveIndexes(ctx, n.indexes.wallet, 0)
	if err != nil {
		return fmt.Errorf("invoice: look how many addresses of %s were handed out: %w", n.id, err)
	}
	ahead := make(map[chain.Address]uint32, lookAheadOf)
	for i := next; i < next+lookAheadOf && i >= next; i++ {
		address, err := n.Addresses.Address(ctx, i)
		if err != nil {
			break // the wallet ends
		}
		ahead[address] = i
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ahead = ahead
	return nil
}

// forgetAhead has the next addresses that nobody has be derived again.
func (n *network) forgetAhead() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ahead = nil
}

// stray looks at money that arrived where nobody is. At an address that the store has not given to anybody yet, it says
// that the store has lost its end: that address and those near it are passed over from now on. When that fails the money
// must be looked at again.
func (s *Service) stray(ctx context.Context, id chain.Network, address chain.Address) error {
	n := s.chains[id]
	if n == nil {
		return nil
	}
	n.mu.Lock()
	index, ours := n.ahead[address]
	n.mu.Unlock()
	if !ours {
		return nil
	}
	has, err := n.indexes.store.ReserveIndexes(ctx, n.indexes.wallet, 0)
	if err != nil {
		return fmt.Errorf("look whether address %d of %s was handed out: %w", index, id, err)
	}
	if index < has {
		return nil
	}
	s.log.Error("money arrived at an address that nobody has", "network", id, "address", address, "number", index)
	err = n.indexes.lift(ctx, n.indexes.within(index+1, lookAheadOf))
	if errors.Is(err, errFloor) { // it was all passed over before
		s.log.Error("the floor could not be raised", "network", id, "error", err)
	} else if err != nil {
		return err
	}
	n.forgetAhead()
	return n.lookAhead(ctx)
}

// lost notes that the store is an older one: it knows of fewer numbers of a wallet than were handed out, or of less of a
// network than was seen of it. What the feed of events gets from now on has positions that no event of the lost end can
// have had.
func (s *Service) lost(ctx context.Context, wallet string, has, floor uint32) error {
	s.log.Error("the store has lost its end: address numbers and positions that may have been given are passed over",
		"wallet", wallet, "store", has, "floor", floor)
	for each := s; each != nil; each = each.outer {
		for _, n := range each.chains {
			if n.indexes.wallet == wallet {
				n.mu.Lock()
				n.lostAt = s.cfg.Now().UTC()
				n.mu.Unlock()
			}
		}
	}
	return s.skipPositions(ctx)
}

// checkFloor holds the store against the floor of the network's wallet if that was not done yet. That nobody knows the
// floor is no reason not to see what is paid; that what was lost cannot be passed over is one.
func (s *Service) checkFloor(ctx context.Context, n *network) error {
	err := n.indexes.check(ctx)
	if err == nil {
		return nil
	}
	s.log.Error("the store could not be held against the floor", "network", n.id, "error", err)
	if errors.Is(err, errFloor) {
		return nil
	}
	return fmt.Errorf("invoice: hold the store against the floor: %w", err)
}

// leeway is how many positions are passed over when our clock says nothing of where the feed is: more events than a tail
// that is lost has.
const leeway = 1 << 20

// lastClock is the time up to which a clock is believed: the microseconds fit the numbers of JavaScript until then, the
// year 2255, and leave room for events.
var lastClock = time.UnixMicro(1<<53 - 1<<42)

// skipPositions has the feed go on beyond every position that an event may have had which the store has lost: by the clock,
// since what was passed over before may be lost too. There is a position for each microsecond, and fewer events than that.
func (s *Service) skipPositions(ctx context.Context) error {
	var beyond *PositionError
	if _, err := s.cfg.Store.Events(ctx, 1<<62, 1); !errors.As(err, &beyond) {
		return fmt.Errorf("invoice: look for the end of the feed: %w", err)
	}
	skip := beyond.Last + leeway
	if now := s.cfg.Now(); now.Before(lastClock) {
		skip = max(skip, now.UnixMicro())
	} else {
		s.log.Error("our clock is centuries ahead: the feed of events does not follow it", "time", now)
	}
	if err := s.cfg.Store.Commit(ctx, Batch{Skip: skip}); err != nil {
		return fmt.Errorf("invoice: pass over positions of the feed: %w", err)
	}
	return nil
}

// Restored tells the service that its store was restored from a backup, or lacks the last commits, where neither
// [Config.Floors] nor the chain says so. Of each wallet it passes over as many address numbers as may have been handed
// out since the backup, but none beyond the size of a [Pool], and the feed of events goes on at higher positions than it
// can have had. The free addresses of a pool rest in this process alone: do it in every other one as well, where numbers
// may be 0. It may block on the store until ctx ends. Doing it twice passes over twice as many, and harms nothing.
func (s *Service) Restored(ctx context.Context, numbers uint32) error {
	done := map[string]bool{}
	for _, n := range s.chains {
		if wallet := n.indexes.wallet; !done[wallet] && n.Shared == nil {
			done[wallet] = true
			if err := n.indexes.restored(ctx, numbers); err != nil {
				return fmt.Errorf("invoice: after a restore: %w", err)
			}
		}
	}
	return s.skipPositions(ctx)
}

// trouble is an invoice that was passed over.
type trouble struct {
	network chain.Network
	at      time.Time
}

// troubled are the invoices that could not be read or decided about when they were last needed.
type troubled struct {
	mu   sync.Mutex
	list map[string]trouble
}

const (
	maxTroubled  = 100              // how many are remembered
	troubledLast = 10 * time.Minute // how long one is named that can be read again
)

func (s *Service) trouble(id chain.Network, invoice string, cause error) {
	s.log.Error("invoice is passed over", "network", id, "invoice", invoice, "error", cause)
	s.troubled.mu.Lock()
	defer s.troubled.mu.Unlock()
	if s.troubled.list == nil {
		s.troubled.list = map[string]trouble{}
	}
	if _, known := s.troubled.list[invoice]; known || len(s.troubled.list) < maxTroubled {
		s.troubled.list[invoice] = trouble{id, s.cfg.Now()}
	}
}

// passOver reports invoices that cannot be read and lets the others go on. What it cannot help is
// answered.
func (s *Service) passOver(id chain.Network, err error) error {
	damaged, ok := errors.AsType[*DamagedError](err)
	if !ok {
		return err
	}
	for _, invoice := range damaged.Invoices {
		s.trouble(id, invoice, damaged.Err)
	}
	return nil
}

// NetworkHealth is how one network stands.
type NetworkHealth struct {
	Network  chain.Network
	Name     string
	Ours     bool       // this process follows it; else another one does, and Lag says nothing
	Lag      chain.Lag  // what the watcher says; Lag.At is the height that cannot be read, Lag.Since since when
	Stored   chain.Head // how far the store has come
	Advanced time.Time  // when the store last came further, or was told that the chain has not; zero before it ever did
	Seen     time.Time  // when this process last came to the end of the chain
	Err      error      // why the last step could not be stored; nil when it could
	Since    time.Time  // since when Err stands
	// Ahead is how far the chain's last block is stamped ahead of our clock: one of them is wrong when it is more than
	// [MaxAhead].
	Ahead   time.Duration
	Aside   []Aside   // what could not be taken into account yet, oldest first
	Damaged []string  // ids of invoices that could not be read or stored when they were last needed, and were passed over
	LostEnd time.Time // when it was found that the store has lost its end (see Config.Floors); zero when it was not
}

// MaxAhead is how far a block may be stamped ahead of our clock before one of them is taken for wrong. Bitcoin takes blocks
// up to two hours ahead, which honest miners do not come near.
const MaxAhead = time.Hour

// OK reports whether payments on the network are being seen: the store came further within the given time, or the chain
// was seen not to, and is at most as many blocks behind. Where this process follows the network itself, its node
// answered within the time, the answer could be stored, and our clock is not far behind the chain's. The time should
// be some minutes, since an idle network is noted once a minute.
func (h NetworkHealth) OK(now time.Time, within time.Duration, behind uint64) bool {
	if now.Sub(later(h.Advanced, h.Seen)) > within || h.Stored.Tip > h.Stored.Height+behind {
		return false
	}
	return !h.Ours || h.Err == nil && h.Lag.Err == nil && h.Ahead <= MaxAhead && now.Sub(h.Lag.Answered) <= within && h.Lag.Blocks() <= behind
}

// Health answers how each network stands, in the order of the configuration. What was in trouble is looked at again.
func (s *Service) Health(ctx context.Context) ([]NetworkHealth, error) {
	damaged := s.stillTroubled(ctx)
	var out []NetworkHealth
	for _, c := range s.cfg.Chains {
		n := s.chains[c.Watcher.Network()]
		p, err := s.cfg.Store.Network(ctx, n.id)
		if err != nil {
			return nil, fmt.Errorf("invoice: read progress of %s: %w", n.id, err)
		}
		h := NetworkHealth{Network: n.id, Name: n.Name, Lag: n.Watcher.Lag(), Stored: p.Head, Advanced: p.At, Aside: p.Aside, Damaged: damaged[n.id]}
		h.Ahead = stampedAhead(h.Lag, s.cfg.Now())
		n.mu.Lock()
		h.Ours, h.Err, h.Since, h.Seen, h.LostEnd = n.ours, n.err, n.since, n.seen, n.lostAt
		n.mu.Unlock()
		out = append(out, h)
	}
	return out, nil
}

// stampedAhead is how far the end of the chain is stamped ahead of our clock, 0 when it is not.
func stampedAhead(lag chain.Lag, now time.Time) time.Duration {
	if lag.TipTime.IsZero() {
		return 0
	}
	return max(0, lag.TipTime.Sub(now))
}

// stillTroubled are the invoices that are passed over, by network. Those that can be read, and were in no trouble for a
// while, are forgotten.
func (s *Service) stillTroubled(ctx context.Context) map[chain.Network][]string {
	s.troubled.mu.Lock()
	list := maps.Clone(s.troubled.list)
	s.troubled.mu.Unlock()
	out := map[chain.Network][]string{}
	for id, t := range list {
		if s.cfg.Now().Sub(t.at) > troubledLast {
			if _, err := s.cfg.Store.Invoice(ctx, id); err == nil {
				s.troubled.mu.Lock()
				delete(s.troubled.list, id)
				s.troubled.mu.Unlock()
				continue
			}
		}
		out[t.network] = append(out[t.network], id)
	}
	for id := range out {
		slices.Sort(out[id])
	}
	return out
}
