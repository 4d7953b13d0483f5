package evm

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// window is how many nonces below the chain's count are looked for among what is locked.
const window = 64

// nonceName returns the name of the lock of a nonce.
func nonceName(a chain.Address, nonce uint64) string {
	return "nonce:" + string(a) + ":" + strconv.FormatUint(nonce, 10)
}

// nonce returns the next nonce of an address that has sent count transactions: the lowest one that is not locked. So a
// gap is filled before anything else. It never asks a node what is pending: nodes forget that. It also returns the open
// transactions, read after the locks: whoever plans at the same time, in another process, is among them, or takes the same nonce.
//
// It returns a RefusedError: RefusedStopped if a transaction of the address is on the chain that is none of ours, and
// RefusedTooSoon if too many wait for their block.
func (s *Spender) nonce(ctx context.Context, w payout.Wallet, a chain.Address, count uint64) (uint64, []payout.Transaction, error) {
	taken, open, err := s.taken(ctx, w, a, count)
	if err != nil {
		return 0, nil, err
	}
	if err := s.foreign(taken, open, a, count); err != nil {
		return 0, nil, err
	}
	for n := count; n < count+uint64(s.c.InFlight); n++ {
		if !taken[n] {
			return n, open, nil
		}
	}
	return 0, nil, refusal(payout.RefusedTooSoon, "%d transactions of %s wait for their block", s.c.InFlight, a)
}

// taken returns which nonces around the count are known to be ours, and the open transactions.
func (s *Spender) taken(ctx context.Context, w payout.Wallet, a chain.Address, count uint64) (map[uint64]bool, []payout.Transaction, error) {
	var names []string
	byName := map[string]uint64{}
	for n := count - min(count, window); n < count+uint64(s.c.InFlight); n++ {
		name := nonceName(a, n)
		names, byName[name] = append(names, name), n
	}
	locked, err := w.Locked(ctx, names)
	if err != nil {
		return nil, nil, fmt.Errorf("read locks: %w", err)
	}
	open, err := w.Open(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read open transactions: %w", err)
	}
	taken := map[uint64]bool{}
	for name := range locked {
		if n, asked := byName[name]; asked {
			taken[n] = true
		}
	}
	for _, t := range open {
		text, ours := anchored(t, a)
		if !ours {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("transaction %s: its anchor %.64q has no nonce", t.ID, t.Anchor)
		}
		if n >= count && t.Mined >= 0 && t.Height > 0 {
			return nil, nil, fmt.Errorf("%w: transaction %s with nonce %d is in a block, and it counts %d", ErrBehind, t.ID, n, count)
		}
		taken[n] = true
	}
	return taken, open, nil
}

// foreign returns an error if somebody else used the key of the address, as far as the chain's count shows that. What
// was done with it before our first transaction, or after our last one was buried and unlocked, shows in balances only.
func (s *Spender) foreign(taken map[uint64]bool, open []payout.Transaction, a chain.Address, count uint64) error {
	for _, t := range open {
		if _, ours := anchored(t, a); ours && t.Foreign {
			return refusal(payout.RefusedStopped, "somebody else used the key of %s: see transaction %s", a, t.ID)
		}
	}
	known := s.c.Acknowledged[a]
	if count <= known || taken[count-1] {
		return nil
	}
	for n := max(known, count-min(count, window)); n < count; n++ {
		if taken[n] {
			return refusal(payout.RefusedStopped,
				"the chain counts %d transactions of %s, of which the last is none of ours: see Config.Acknowledged", count, a)
		}
	}
	return nil
}

// waiting returns the open transactions of an address that no final block has.
func waiting(open []payout.Transaction, a chain.Address) []payout.Transaction {
	return slices.DeleteFunc(slices.Clone(open), func(t payout.Transaction) bool {
		_, ours := anchored(t, a)
		return !ours || t.Stage == payout.StageFinal
	})
}
