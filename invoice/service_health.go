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

// trouble is the last time that an invoice was skipped.
type trouble struct {
	network chain.Network
	at      time.Time
}

// troubled holds the invoices that could not be read or decided about when they were last needed.
type troubled struct {
	mu   sync.Mutex
	list map[string]trouble
}

const (
	maxTroubled  = 100              // most invoices remembered
	troubledLast = 10 * time.Minute // how long a readable invoice is still reported
)

func (s *Service) trouble(id chain.Network, invoice string, cause error) {
	s.log.Error("invoice skipped", "network", id, "invoice", invoice, "error", cause)
	s.troubled.mu.Lock()
	defer s.troubled.mu.Unlock()
	if s.troubled.list == nil {
		s.troubled.list = map[string]trouble{}
	}
	if _, known := s.troubled.list[invoice]; known || len(s.troubled.list) < maxTroubled {
		s.troubled.list[invoice] = trouble{id, s.cfg.Now()}
	}
}

// passOver reports the invoices of a [DamagedError] and returns nil, so that the others go on. It returns any other
// error.
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

// NetworkHealth describes the state of one network.
type NetworkHealth struct {
	Network  chain.Network
	Name     string
	Ours     bool       // this process follows it; if false, another one does, and Lag means nothing
	Lag      chain.Lag  // the watcher's lag; Lag.At is the height that cannot be read, Lag.Since since when
	Stored   chain.Head // how far the store has come
	Advanced time.Time  // when the store last advanced, or recorded that the chain had not; zero before that
	Seen     time.Time  // when this process last reached the end of the chain
	Err      error      // why the last step could not be stored; nil if it was
	Since    time.Time  // when Err began
	// Ahead is how far the timestamp of the chain's last block is ahead of our clock. More than [MaxAhead] means that
	// one of them is wrong.
	Ahead   time.Duration
	Aside   []Aside   // what is set aside, oldest first
	Damaged []string  // ids of invoices that were skipped because they could not be read or stored when last needed
	LostEnd time.Time // when the store was found to have lost its end (see Config.Floors); zero if never
}

// OK reports whether payments on the network are being seen: within the given time the store advanced, or the chain was
// seen not to, and the store is at most behind blocks behind. Where this process follows the network itself, its node
// must also have responded within the time, its last step must have been stored, and our clock must not be far behind
// the chain's. The time should be some minutes, since an idle network is recorded once a minute.
func (h NetworkHealth) OK(now time.Time, within time.Duration, behind uint64) bool {
	if now.Sub(later(h.Advanced, h.Seen)) > within || h.Stored.Tip > h.Stored.Height+behind {
		return false
	}
	return !h.Ours || h.Err == nil && h.Lag.Err == nil && h.Ahead <= MaxAhead && now.Sub(h.Lag.Answered) <= within && h.Lag.Blocks() <= behind
}

// Health returns the state of each network, in the order of the configuration. It tries again to read the invoices that
// were skipped.
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

// stillTroubled returns the skipped invoices, by network. It forgets those that can be read and had no trouble for a
// while.
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
