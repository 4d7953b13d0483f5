package tron

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/payout"
)

// blocksPerLook is how many blocks one look for an expired transaction reads. Those of five minutes are a hundred.
const blocksPerLook = 200

// maxSearched is how many searches are remembered. One that is forgotten begins anew.
const maxSearched = 10_000

// Look implements [payout.Spender]. A solidified block is final and buried at once. With a node that does not tell what it
// has without a block, no version is Pooled, and is sent again.
//
// Dead needs the blocks themselves: once the last solidified block is not earlier than the expiration, all blocks that could
// have the transaction are read, 200 of them in a call. The next calls go on.
func (s *Spender) Look(ctx context.Context, t payout.Transaction) (payout.Look, error) {
	if _, err := s.node.Tip(ctx); err != nil { // it verifies that this is the network
		return payout.Look{}, fmt.Errorf("tron: look: %w", err)
	}
	look := payout.Look{Dead: len(t.Versions) > 0}
	for i, v := range t.Versions {
		seen, dead, err := s.sight(ctx, v)
		if err != nil {
			return payout.Look{}, fmt.Errorf("tron: look at version %d of transaction %s: %w", i, t.ID, err)
		}
		look.Versions = append(look.Versions, seen)
		look.Dead = look.Dead && dead
	}
	return look, nil
}

// sight reports what the chain knows of a version, and whether it is proven that it never will be mined.
func (s *Spender) sight(ctx context.Context, v payout.Version) (seen payout.Sighting, dead bool, err error) {
	p, _, _, err := understand(v.Unsigned)
	if err != nil {
		return seen, false, fmt.Errorf("its unsigned form is damaged: %w", err)
	}
	e, err := s.node.Execution(ctx, p.txID())
	if errors.Is(err, chain.ErrNotFound) {
		if dead, err = s.dead(ctx, p, v); err != nil || dead || !v.Signed() {
			return payout.Sighting{}, dead, err
		}
		return payout.Sighting{Pooled: s.node.Pending(ctx, v.TxID)}, false, nil
	}
	if err != nil {
		return seen, false, err
	}
	if err := moved(p, e); err != nil {
		return seen, false, err
	}
	return payout.Sighting{
		Height: e.Header.Height, Final: e.Final, Buried: e.Final, Failed: e.Failed, Fee: big.NewInt(e.Fee),
	}, false, nil
}

// moved returns an error if the transaction succeeded, but the token's contract does not say that it moved what it should
// have: then a person has to look.
func moved(p payment, e tron.Execution) error {
	if e.Failed || p.contract == nil {
		return nil
	}
	for _, l := range e.Tokens {
		if l.Contract == p.contract.address() && l.From == p.from.address() && l.To == p.to.address() && l.Units.Cmp(p.units) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: transaction %s succeeded without the expected Transfer log", chain.ErrIncomplete, p.txID())
}

// dead reports whether no block has the transaction or ever can have it.
func (s *Spender) dead(ctx context.Context, p payment, v payout.Version) (bool, error) {
	solid, err := s.node.Solid(ctx)
	if err != nil || solid.Time.Before(p.expires()) {
		return false, err
	}
	var n note
	if err := json.Unmarshal(v.Note, &n); err != nil {
		return false, fmt.Errorf("its note is damaged: %w", err)
	}
	from := chain.Header{Height: n.Height, Hash: n.Hash}
	if ref, err := refer(from); err != nil || ref != p.ref {
		return false, errors.New("its note does not fit it")
	}
	id := p.txID()
	if at, begun := s.progress(id); begun {
		from = at
	}
	last, over, err := s.node.Absent(ctx, id, from, p.expires(), blocksPerLook)
	switch {
	case err != nil:
		s.forget(id)
		return false, err
	case over:
		s.forget(id)
		return true, nil
	}
	s.remember(id, last)
	return false, nil
}

func (s *Spender) progress(id string) (chain.Header, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, has := s.searched[id]
	return h, has
}

func (s *Spender) remember(id string, h chain.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.searched) >= maxSearched {
		clear(s.searched)
	}
	s.searched[id] = h
}

func (s *Spender) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.searched, id)
}

// Funding implements [payout.Spender]. Only the lane is an address of our own that is no invoice's.
func (s *Spender) Funding(ctx context.Context, txID string) ([]payout.Move, error) {
	e, err := s.final(ctx, txID)
	if err != nil {
		return nil, fmt.Errorf("tron: funding: %w", err)
	}
	var out []payout.Move
	for _, x := range e.Transfers {
		if _, ours := s.assets[x.Asset]; !ours || x.To != s.lane.address || x.From == s.lane.address {
			continue
		}
		if x.Held {
			return nil, fmt.Errorf("tron: funding: %w: the decimals of %s are not confirmed", chain.ErrIncomplete, x.Asset)
		}
		out = add(out, payout.Move{Holding: s.holding(s.lane, x.Asset), Units: x.Units})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("tron: funding: transaction %s brought nothing to %s: %w", txID, s.lane.address, payout.ErrNotFound)
	}
	return out, nil
}

// final returns what a solidified block says of a transaction, or payout.ErrNotFound.
func (s *Spender) final(ctx context.Context, txID string) (tron.Execution, error) {
	if b, err := hex.DecodeString(txID); err != nil || len(b) != sha256.Size {
		return tron.Execution{}, payout.ErrNotFound // no node is asked
	}
	e, err := s.node.Execution(ctx, txID)
	if errors.Is(err, chain.ErrNotFound) || err == nil && !e.Final {
		err = payout.ErrNotFound
	}
	return e, err
}

// Received implements [payout.Spender].
func (s *Spender) Received(ctx context.Context, txID string, to chain.Address, asset chain.AssetID) (*big.Int, error) {
	e, err := s.final(ctx, txID)
	units := new(big.Int)
	for _, x := range e.Transfers {
		if x.To == to && x.Asset == asset && !x.Held {
			units.Add(units, x.Units)
		}
	}
	if err == nil && units.Sign() == 0 {
		err = payout.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("tron: received by %s in transaction %.64q: %w", to, txID, err)
	}
	return units, nil
}

// add adds a move to those of the same holding.
func add(all []payout.Move, m payout.Move) []payout.Move {
	for i := range all {
		if all[i].Holding.Name == m.Holding.Name {
			all[i].Units = new(big.Int).Add(all[i].Units, m.Units)
			return all
		}
	}
	return append(all, m)
}

// Audit implements [payout.Spender], by the last solidified block.
func (s *Spender) Audit(ctx context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	out := make([]*big.Int, len(holdings))
	for i, h := range holdings {
		units, err := s.audit(ctx, h)
		if err != nil {
			return nil, fmt.Errorf("tron: audit %s: %w", h.Name, err)
		}
		out[i] = units
	}
	return out, nil
}

func (s *Spender) audit(ctx context.Context, h payout.Holding) (*big.Int, error) {
	if h.Asset == s.coin {
		state, err := s.node.State(ctx, h.Address)
		return big.NewInt(state.Sun), err
	}
	a, known := s.assets[h.Asset]
	if !known {
		return nil, fmt.Errorf("%s is not among Config.Assets", h.Asset)
	}
	return s.node.TokenBalance(ctx, a, h.Address)
}
