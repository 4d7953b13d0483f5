package invoice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/chain"
)

// lookAheadOf is how many address numbers are watched beyond those that the store knows of.
const lookAheadOf = 500

// lookAhead derives the next addresses that nobody has yet, as far as the store knows: money at one of them shows that
// the store has lost its end. It runs when the network begins to be followed, and so after a restore.
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

// forgetAhead causes the next unused addresses to be derived again.
func (n *network) forgetAhead() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ahead = nil
}

// stray handles money at an address that no invoice has. At an address that the store has not handed out yet, it shows
// that the store has lost its end: that address and those near it are skipped from now on. If that fails, the error
// makes the step be repeated.
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
	s.log.Error("payment to an address that was not handed out", "network", id, "address", address, "number", index)
	err = n.indexes.lift(ctx, n.indexes.within(index+1, lookAheadOf))
	if errors.Is(err, errFloor) { // all of it was skipped before
		s.log.Error("raising the floor failed", "network", id, "error", err)
	} else if err != nil {
		return err
	}
	n.forgetAhead()
	return n.lookAhead(ctx)
}

// lost records that the store is an older one: it knows of fewer numbers of a wallet than were handed out, or of less
// of a network than was seen of it. From now on, events get positions that no event of the lost end can have had.
func (s *Service) lost(ctx context.Context, wallet string, has, floor uint32) error {
	s.log.Error("store has lost its end: skipping address numbers and feed positions that may have been used",
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

// checkFloor compares the store with the floor of the network's wallet if that was not done yet. A floor that cannot be
// read does not stop payments from being seen; lost numbers that cannot be skipped do.
func (s *Service) checkFloor(ctx context.Context, n *network) error {
	err := n.indexes.check(ctx)
	if err == nil {
		return nil
	}
	s.log.Error("comparing the store with the floor failed", "network", n.id, "error", err)
	if errors.Is(err, errFloor) {
		return nil
	}
	return fmt.Errorf("invoice: compare store with floor: %w", err)
}

// leeway is how many positions are skipped when our clock gives no position for the feed: more than the events of a
// lost tail.
const leeway = 1 << 20

// lastClock is the time up to which a clock is trusted: until then, the year 2255, the microseconds fit the numbers of
// JavaScript and leave room for events.
var lastClock = time.UnixMicro(1<<53 - 1<<42)

// skipPositions advances the feed beyond every position that a lost event may have had. It uses the clock, since
// positions skipped before may be lost too: there is a position for each microsecond, and there are fewer events than
// that.
func (s *Service) skipPositions(ctx context.Context) error {
	var beyond *PositionError
	if _, err := s.cfg.Store.Events(ctx, 1<<62, 1); !errors.As(err, &beyond) {
		return fmt.Errorf("invoice: look for the end of the feed: %w", err)
	}
	skip := beyond.Last + leeway
	if now := s.cfg.Now(); now.Before(lastClock) {
		skip = max(skip, now.UnixMicro())
	} else {
		s.log.Error("clock is centuries ahead and not used for feed positions", "time", now)
	}
	if err := s.cfg.Store.Commit(ctx, Batch{Skip: skip}); err != nil {
		return fmt.Errorf("invoice: skip positions of the feed: %w", err)
	}
	return nil
}

// Restored tells the service that its store was restored from a backup, or lacks the last commits, for cases that
// neither [Config.Floors] nor the chain reveals. In each wallet it skips as many address numbers as may have been
// handed out since the backup, but none beyond the size of a [Pool], and the feed of events continues at higher
// positions than it can have had. The free addresses of a pool rest in this process alone: call Restored in every other
// process as well, where numbers may be 0. It may block on the store until ctx ends. Calling it twice skips twice as
// many numbers and is harmless.
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
