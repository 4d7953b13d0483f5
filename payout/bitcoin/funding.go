package bitcoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
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
	var moves []payout.Move
	err := s.outputsTo(ctx, txID, s.lane.Script, func(at btc.Outpoint, out *btc.Output, tip chain.Tip) {
		c := coin{at.String(), out.Units, btc.BranchChange, 0}
		if _, reason := s.usable(c, out, tip); reason != "" {
			return
		}
		m := s.move(c.name, s.lane, c.branch, c.index, c.value)
		m.Holding.Units, m.Holding.Height = big.NewInt(c.value), tip.Height+1-out.Confirmations
		moves = append(moves, m)
	})
	if err == nil && len(moves) == 0 {
		err = payout.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("payout/bitcoin: funding by transaction %.64q: %w", txID, err)
	}
	return moves, nil
}

// Received implements [payout.Spender]. It sees outputs that are not spent, with a number below 1024.
func (s *Spender) Received(ctx context.Context, txID string, to chain.Address, asset chain.AssetID) (*big.Int, error) {
	units := new(big.Int)
	script, err := s.params.Script(to)
	if err == nil && asset == s.asset {
		err = s.outputsTo(ctx, txID, script, func(_ btc.Outpoint, out *btc.Output, _ chain.Tip) {
			if out.Confirmations >= s.final {
				units.Add(units, big.NewInt(out.Units))
			}
		})
	}
	if err == nil && units.Sign() == 0 {
		err = payout.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("payout/bitcoin: received by %s in transaction %.64q: %w", to, txID, err)
	}
	return units, nil
}

// outputsTo calls visit with each output of a transaction to the script that the newest block has and nothing has spent.
func (s *Spender) outputsTo(ctx context.Context, txID string, script []byte, visit func(btc.Outpoint, *btc.Output, chain.Tip)) error {
	if _, err := btc.ParseOutpoint(txID + ":0"); err != nil {
		return payout.ErrNotFound // no node is asked
	}
	tip, err := s.node.Tip(ctx)
	if err != nil {
		return err
	}
	for first := 0; first < mostFunded; first += fundedChunk {
		points := make([]btc.Outpoint, fundedChunk)
		for i := range points {
			points[i] = btc.Outpoint{TxID: txID, Vout: uint32(first + i)}
		}
		outputs, err := s.node.Unspent(ctx, points, false)
		if err != nil {
			return err
		}
		for i, out := range outputs {
			if out != nil && bytes.Equal(out.Script, script) && out.Confirmations <= tip.Height+1 {
				visit(points[i], out, tip)
			}
		}
	}
	return nil
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
