package main

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// spender tells what a network's spender does, and lets two things go wrong: one payout of each round gets too low a fee at
// first, and once the process dies before it sends a transaction.
type spender struct {
	payout.Spender
	miser payout.Spender // plans with a fee that is too low; nil on Bitcoin, where the parent delays blocks
	tell  story
	death string // file that says that the process has died already

	doomed []byte // unsigned bytes of the transaction that it dies of; only Run's one goroutine for the network uses it
}

// sweeper is a spender whose deposits stay at their addresses.
type sweeper struct {
	*spender
	payout.Sweeper
	coin  chain.Asset
	token chain.Asset
}

// Plan implements payout.Spender.
func (s *spender) Plan(ctx context.Context, w payout.Wallet, payouts []payout.Payout) (payout.Plan, error) {
	plan, err := s.plan(ctx, w, payouts)
	if err != nil || len(plan.Payouts) == 0 {
		return plan, err
	}
	keys := ""
	for _, id := range plan.Payouts {
		i := slices.IndexFunc(payouts, func(p payout.Payout) bool { return p.ID == id })
		keys += " " + payouts[i].Key
		if deadly(payouts[i].Key) {
			s.doomed = plan.Version.Unsigned
		}
	}
	s.tell.say("planned", "%s pays%s, at most %s, in all %s", anchor(plan.Anchor), keys, plan.Version.Rate, plan.Version.Fee)
	return plan, nil
}

func (s *spender) plan(ctx context.Context, w payout.Wallet, payouts []payout.Payout) (payout.Plan, error) {
	if s.miser == nil {
		return s.Spender.Plan(ctx, w, payouts)
	}
	isSlow := func(p payout.Payout) bool { return slow(p.Key) }
	quick := slices.DeleteFunc(slices.Clone(payouts), isSlow)
	if len(quick) > 0 {
		plan, err := s.Spender.Plan(ctx, w, quick)
		if err == nil || len(quick) == len(payouts) {
			return plan, err
		}
	}
	return s.miser.Plan(ctx, w, slices.DeleteFunc(slices.Clone(payouts), func(p payout.Payout) bool { return !isSlow(p) }))
}

// Replace implements payout.Spender.
func (s *spender) Replace(ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	v, err := s.Spender.Replace(ctx, w, t, greatest)
	if err == nil {
		s.tell.say("replaced", "no block took %s for %s: the same again for %s", anchor(t.Anchor), t.Last().Fee, v.Fee)
	}
	return v, err
}

// Send implements payout.Spender. It is called after the signed bytes are stored.
func (s *spender) Send(ctx context.Context, v payout.Version) error {
	if s.doomed != nil && bytes.Equal(s.doomed, v.Unsigned) {
		s.die(v)
	}
	err := s.Spender.Send(ctx, v)
	if err == nil {
		s.tell.say("sent", "transaction %s", short(v.TxID))
	}
	return err
}

// die kills this process, once in all of its lives.
func (s *spender) die(v payout.Version) {
	if _, err := os.Stat(s.death); err == nil {
		return
	}
	if err := os.WriteFile(s.death, nil, 0o600); err != nil {
		return // then it lives
	}
	s.tell.say("dies", "transaction %s is signed and stored, and not sent", short(v.TxID))
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
		select {} // nothing more happens in this process
	}
}

// Sweep implements payout.Sweeper.
func (s *sweeper) Sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	plan, purpose, err := s.Sweeper.Sweep(ctx, w, h, o)
	switch {
	case err != nil:
	case purpose == payout.PurposeTopUp:
		s.tell.say("topped up", "%s gets coins for the sweep of its %s", short(h.Address), s.code(h.Asset))
	default:
		s.tell.say("swept", "the %s of %s to the lane", s.code(h.Asset), short(h.Address))
	}
	return plan, purpose, err
}

func (s *sweeper) code(id chain.AssetID) string {
	if id == s.token.ID {
		return s.token.Code
	}
	return s.coin.Code
}

// anchor returns how people read what all versions of a transaction spend.
func anchor(name string) string {
	if i := bytes.LastIndexByte([]byte(name), ':'); i > 0 && name[:6] == "nonce:" {
		return "nonce " + name[i+1:]
	}
	return fmt.Sprintf("coin %s", short(name))
}

func deathFile(dir string) string { return filepath.Join(dir, "died") }
