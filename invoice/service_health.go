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
