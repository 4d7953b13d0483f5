package bitcoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

const (
	mostFunded  = 1024 // outputs of a transaction that are looked at
	fundedChunk = 128
)

// Funding implements [payout.Spender]. Its own address is [Spender.Lane] alone: change, which goes to others, is in the
// books already. It sees outputs that are not spent, with a number below 1024.
func (s *Spender) Funding(ctx context.Context, txID string) ([]payout.Move, error) {
	if _, err := btc.ParseOutpoint(txID + ":0"); err != nil {
		return nil, fmt.Errorf("payout/bitcoin: transaction %.64q: %w", txID, payout.ErrNotFound)
	}
	tip, err := s.node.Tip(ctx)
	if err != nil {
		return nil, err
	}
	var moves []payout.Move
	for first := 0; first < mostFunded; first += fundedChunk {
		points := make([]btc.Outpoint, fundedChunk)
		for i := range points {
			points[i] = btc.Outpoint{TxID: txID, Vout: uint32(first + i)}
		}
		outputs, err := s.node.Unspent(ctx, points, false)
		if err != nil {
			return nil, err
		}
		for i, out := range outputs {
			if out == nil || !bytes.Equal(out.Script, s.lane.Script) {
				continue
			}
			c := coin{points[i].String(), out.Units, btc.BranchChange, 0}
			if _, reason := s.usable(c, out, tip); reason != "" {
				continue
			}
			m := s.move(c.name, s.lane, c.branch, c.index, c.value)
			m.Holding.Units, m.Holding.Height = big.NewInt(c.value), tip.Height+1-out.Confirmations
			moves = append(moves, m)
		}
	}
	if len(moves) == 0 {
		return nil, fmt.Errorf("payout/bitcoin: transaction %s: %w", txID, payout.ErrNotFound)
	}
	return moves, nil
}

// Audit implements [payout.Spender]. A holding that is no coin of this chain has nothing.
func (s *Spender) Audit(ctx context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	if _, err := s.node.Tip(ctx); err != nil {
		return nil, err
	}
	units := make([]*big.Int, len(holdings))
	var points []btc.Outpoint
	var at []int
	for i, h := range holdings {
		units[i] = new(big.Int)
		if p, err := btc.ParseOutpoint(h.Name); err == nil && h.Network == s.params.Network && h.Asset == s.asset {
			points, at = append(points, p), append(at, i)
		}
	}
	outputs, err := s.node.Unspent(ctx, points, false)
	if err != nil {
		return nil, err
	}
	for i, out := range outputs {
		h := holdings[at[i]]
		if out == nil {
			continue
		}
		if script, err := s.params.Script(h.Address); err == nil && bytes.Equal(script, out.Script) {
			units[at[i]].SetInt64(out.Units)
		}
	}
	return units, nil
}

var errMoved = errors.New("payout/bitcoin: the chain moved while it was read")
