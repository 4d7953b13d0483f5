package payout

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
)

// Return is money of a payout that came back to the account of a [Provider].
type Return struct {
	Network chain.Network // of the provider; required
	// Instruction is the ID of the instruction that paid; required.
	Instruction string
	Units       *big.Int // what came back, in base units: positive, and at most what was paid
	Reason      string   // the bank's reason, for people; at most 255 bytes
}

// Returned books that a payout's money came back, at most once for an instruction: the payout is returned, and the money
// where it was reserved from. It is not paid again by itself. It returns ErrNotFound for an instruction that paid nothing.
//
// From before the call on the provider has to report what came back ([Progress.Returned]): of a payout that is not known as
// paid yet that alone is booked.
func (s *Service) Returned(ctx context.Context, r Return) (p Payout, err error) {
	if len(r.Reason) > 255 || !clean(r.Reason) {
		return Payout{}, fmt.Errorf("payout: return: %w", refuse("Reason", "", "must be a text of at most 255 bytes"))
	}
	for range attempts {
		if p, err = s.returned(ctx, r); !errors.Is(err, ErrConflict) {
			break
		}
	}
	if err != nil {
		return Payout{}, fmt.Errorf("payout: return of instruction %.40q on %s: %w", r.Instruction, r.Network, err)
	}
	return p, nil
}

func (s *Service) returned(ctx context.Context, r Return) (Payout, error) {
	before, err := s.paidBy(ctx, r.Network, r.Instruction)
	if err != nil || before.State.Status == StatusReturned {
		return before, err
	}
	var b Batch
	after := before
	switch {
	case before.State.Status != StatusPaid:
		// What is being decided now was perhaps decided without the return: a new version makes it be decided again.
	case orZero(r.Units).Sign() <= 0 || r.Units.Cmp(before.Units) > 0:
		return Payout{}, refuse("Units", orZero(r.Units).String(), fmt.Sprintf("must be positive and at most %s", before.Units))
	default:
		var e Entry
		after, e = returned(before, r, s.now())
		b.Entries = []Entry{e}
		b.Moves = []Move{{Holding: s.networks[r.Network].Spender.Holding(Deposit{Asset: before.Asset.ID}), Units: r.Units}}
		if err := s.unrefund(ctx, &b, after, 1); err != nil {
			return Payout{}, err
		}
	}
	if after, err = s.put(ctx, &b, before, after, ""); err != nil {
		return Payout{}, err
	}
	return after, s.commit(ctx, b)
}

// returned returns the payout after its money came back, and the entry of that. It is pure.
func returned(p Payout, r Return, now time.Time) (Payout, Entry) {
	var l ledger
	l.move(Account{Kind: External, Asset: p.Asset.ID}, p.Source, r.Units)
	p.State.Status, p.State.Reason, p.State.Detail, p.State.EndAt = StatusReturned, ReasonReturned, r.Reason, now
	return p, l.entry(Entry{ID: "payout:" + p.ID + ":returned", Kind: EntryReturn, Subject: p.ID, At: now, Note: r.Reason})
}

// paidBy returns the payout that a provider's instruction paid or pays.
func (s *Service) paidBy(ctx context.Context, network chain.Network, instruction string) (Payout, error) {
	n := s.networks[network]
	if n == nil || n.Provider == nil {
		return Payout{}, fmt.Errorf("%w: no provider pays on %s", ErrNetwork, network)
	}
	id, err := s.cfg.Store.Document(ctx, ownName(network, instruction))
	if err != nil {
		return Payout{}, err
	}
	if id == nil {
		return Payout{}, ErrNotFound
	}
	t, err := s.cfg.Store.Transaction(ctx, string(id))
	if err != nil {
		return Payout{}, err
	}
	p, err := s.cfg.Store.Payout(ctx, t.Payouts[0])
	if err == nil && p.State.TxID != instruction {
		err = ErrNotFound
	}
	return p, err
}
