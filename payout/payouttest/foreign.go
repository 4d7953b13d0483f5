package payouttest

import (
	"context"
	"fmt"
	"math/big"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// theft is a transaction that somebody else made with our key. It may be the owner himself, who paid by hand what we were
// about to pay.
type theft struct {
	made
	of      string   // our transaction whose place it takes, if that was shown to a signer
	instead []string // its payouts, unless the signer has refused it
	name    string   // of the holding that it spends
	units   *big.Int
	written bool // the operator has written the loss off
}

// steal sends a transaction of somebody who has our key: it spends one of our coins, or uses our next number.
func (w *world) steal(s *spender) {
	if !w.chance(w.cfg.foreign) || s.c.kind == expiring {
		return
	}
	native := s.c.assets[0]
	rate := s.c.rate + 10
	t := tx{From: lane, Fee: strconv.Itoa(rate * 20), Used: strconv.Itoa(rate * 20), Asset: native, Rate: rate, Foreign: true, Salt: w.rand.Int()}
	it := &theft{made: made{network: s.network}, name: "lane/" + native, units: num(t.Used)}
	if s.c.kind == accounts {
		t.Spends = []string{numberName(lane, s.c.tip().nonces[lane])}
	} else {
		for _, name := range sortedKeys(s.c.tip().coins) {
			if units := s.c.tip().coins[name]; it.units.Cmp(num(t.Used)) == 0 || units.Cmp(it.units) < 0 {
				it.name, it.units, t.Spends = name, units, []string{name}
			}
		}
		if len(t.Spends) == 0 {
			return
		}
	}
	raw := sign(t.encode(), 0)
	it.id = s.c.kind.idOf(raw)
	if err := s.c.submit(raw); err == nil {
		w.note("somebody else spends %s", t.Spends[0])
		it.tx = t
		it.of, it.instead = w.paidWith(s, t.Spends[0])
		w.thefts = append(w.thefts, it)
	}
}

// paidWith returns the transaction whose anchor has the name, and its payouts, if it was shown to a signer.
func (w *world) paidWith(s *spender, name string) (id string, payouts []string) {
	locks, err := w.inner.Locks(context.Background(), s.network, []string{name})
	w.must(err)
	if locks[name] == "" {
		return "", nil
	}
	t, err := w.inner.Transaction(context.Background(), locks[name])
	w.must(err)
	if t.Anchor != name || t.Stage == payout.StagePlanned {
		return "", nil
	}
	return t.ID, t.Payouts
}

// refusedAll notes that the signer has signed nothing of a transaction and refuses it: who refuses what he is shown has not paid it
// by hand either.
func (w *world) refusedAll(transaction string) {
	for _, it := range w.thefts {
		if it.of == transaction {
			it.instead = nil
		}
	}
}

// writeOff books what was stolen as a loss of the operator, once no reorganisation can bring it back, and takes the lane
// into use again.
func (w *world) writeOff(svc *payout.Service, s *spender) {
	ctx := context.Background()
	for _, it := range w.thefts {
		at, taken := s.c.at(s.c.height() - depthBuried + 1).taken[it.id]
		if !taken || it.written {
			continue
		}
		if s.c.kind == accounts { // it took what its block took
			it.units = s.c.tip().fees[it.id]
		}
		asset := chain.AssetID(s.c.assets[0])
		err := svc.Adjust(ctx, payout.Adjustment{
			ID: it.id[:16], From: payout.Account{Kind: payout.Float, Asset: asset}, To: payout.Account{Kind: payout.External, Asset: asset},
			Units: it.units, Moves: []payout.Move{{Holding: s.named(it.name), Units: new(big.Int).Neg(it.units)}},
			Reason: fmt.Sprint("stolen in block ", at), Actor: "ben",
		})
		w.result("write off %s of %s", err, it.units, it.name)
		it.written = err == nil
	}
	s.known = s.c.tip().nonces[lane]
	w.must(svc.Resume(ctx, s.network))
}

// named returns the holding with the name.
func (s *spender) named(name string) payout.Holding {
	if s.c.kind == coins {
		return s.coin(name)
	}
	return s.balance(lane, s.c.assets[0])
}

// strange reports whether the numbers of the lane were used by somebody else, as far as the node has it.
func (s *spender) strange(ctx context.Context, w payout.Wallet, nonce int) (bool, error) {
	if nonce <= s.known {
		return false, nil
	}
	name := numberName(lane, nonce-1)
	locked, err := w.Locked(ctx, []string{name})
	return locked[name] == "", err
}
