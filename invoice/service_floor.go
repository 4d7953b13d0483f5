package invoice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/chain"
)

// lookAheadOf is how many address numbers are looked at beyond those that the store knows of.
const lookAheadOf = 500

// lookAhead derives the next addresses that nobody has yet, as far as the store knows: money that arrives at one of them
// says that the store has lost its end. It does so when the network begins to be followed, and so after a restore.
func (n *network) lookAhead(ctx context.Context) error {
	n.mu.Lock()
	done := n.ahead != nil
	n.mu.Unlock()
	if done || n.Shared != nil || n.requester() != nil {
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
