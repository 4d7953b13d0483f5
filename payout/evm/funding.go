package evm

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// Funding implements [payout.Spender], for both lanes. It sees the value of the transaction itself and the Transfer logs
// of the configured tokens; native coin that a contract passes on within the transaction leaves neither. What one lane
// pays to the other is no funding, and neither is a sweep, which the caller knows by its id.
func (s *Spender) Funding(ctx context.Context, txID string) ([]payout.Move, error) {
	moves, err := s.funding(ctx, txID)
	if err != nil {
		return nil, fmt.Errorf("payout/evm: funding by %.80q: %w", txID, err)
	}
	return moves, nil
}

func (s *Spender) funding(ctx context.Context, txID string) ([]payout.Move, error) {
	tx, receipt, err := s.succeeded(ctx, txID)
	if err != nil {
		return nil, err
	}
	if s.isLane(chain.Address(tx.From.Hex())) {
		return nil, payout.ErrNotFound
	}
	moves := s.brought(tx, receipt)
	if len(moves) == 0 {
		return nil, payout.ErrNotFound
	}
	return moves, nil
}

// Received implements [payout.Spender]. It sees what [Spender.Funding] sees.
func (s *Spender) Received(ctx context.Context, txID string, to chain.Address, asset chain.AssetID) (*big.Int, error) {
	units := new(big.Int)
	tx, receipt, err := s.succeeded(ctx, txID)
	if err == nil {
		if asset == s.coin.ID && tx.To != nil && tx.To.Hex() == string(to) {
			units.Set((*big.Int)(tx.Value))
		}
		for _, log := range receipt.Logs {
			if _, receiver, moved, ok := log.transfer(); ok && s.assetAt(log.Address) == asset && receiver.Hex() == string(to) {
				units.Add(units, moved)
			}
		}
		if units.Sign() == 0 {
			err = payout.ErrNotFound
		}
	}
	if err != nil {
		return nil, fmt.Errorf("payout/evm: received by %s in transaction %.80q: %w", to, txID, err)
	}
	return units, nil
}

// succeeded returns a transaction that a final block has and that did not fail, or ErrNotFound.
func (s *Spender) succeeded(ctx context.Context, txID string) (*wireTx, *wireReceipt, error) {
	hash, err := hexutil.Decode(txID)
	if err != nil || len(hash) != common.HashLength {
		return nil, nil, payout.ErrNotFound // no node is asked
	}
	var tx *wireTx
	var receipt *wireReceipt
	h, err := s.head(ctx, []rpc.BatchElem{
		{Method: "eth_getTransactionByHash", Args: []any{txID}, Result: &tx},
		{Method: "eth_getTransactionReceipt", Args: []any{txID}, Result: &receipt},
	})
	switch {
	case err != nil:
		return nil, nil, err
	case tx == nil || receipt == nil:
		return nil, nil, payout.ErrNotFound
	case tx.Hash != common.BytesToHash(hash) || tx.Value == nil:
		return nil, nil, fmt.Errorf("%w: the transaction is %s", chain.ErrIncomplete, tx.Hash)
	}
	height, err := s.proven(ctx, h, tx.Hash, receipt)
	if err != nil {
		return nil, nil, err
	}
	if height > h.final || *receipt.Status != 1 {
		return nil, nil, payout.ErrNotFound
	}
	return tx, receipt, nil
}

// brought returns what a transaction brought to the lanes.
func (s *Spender) brought(tx *wireTx, receipt *wireReceipt) (moves []payout.Move) {
	add := func(to common.Address, asset chain.AssetID, units *big.Int) {
		for _, l := range []lane{s.pay, s.topUp} {
			if to.Hex() != string(l.address) || units.Sign() <= 0 {
				continue
			}
			for _, m := range moves {
				if m.Holding.Name == holdingName(l.address, asset) {
					m.Units.Add(m.Units, units)
					return
				}
			}
			moves = append(moves, payout.Move{Holding: s.holdingOf(l, asset), Units: new(big.Int).Set(units)})
		}
	}
	if tx.To != nil {
		add(*tx.To, s.coin.ID, (*big.Int)(tx.Value))
	}
	for _, log := range receipt.Logs {
		id := s.assetAt(log.Address)
		from, to, units, ok := log.transfer()
		if _, known := s.assets[id]; ok && known && !s.isLane(chain.Address(from.Hex())) {
			add(to, id, units)
		}
	}
	return moves
}

// Audit implements [payout.Spender]. All balances are those of one block, the newest.
func (s *Spender) Audit(ctx context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	units, err := s.audit(ctx, holdings)
	if err != nil {
		return nil, fmt.Errorf("payout/evm: audit: %w", err)
	}
	return units, nil
}

func (s *Spender) audit(ctx context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	h, err := s.head(ctx, nil)
	if err != nil {
		return nil, err
	}
	results := make([]balanceResult, len(holdings))
	elems := make([]rpc.BatchElem, len(holdings))
	for i, o := range holdings {
		token := ""
		if o.Network != s.c.Network || len(o.Address) != 2+2*common.AddressLength {
			return nil, fmt.Errorf("holding %.100q is not of %s", o.Name, s.c.Network)
		}
		if o.Asset.Namespace() != native {
			token = o.Asset.Reference()
		}
		elems[i] = balanceOf(o.Address, token, hexutil.EncodeUint64(h.height), &results[i])
	}
	if err := s.batch(ctx, elems); err != nil {
		return nil, err
	}
	out := make([]*big.Int, len(holdings))
	for i, e := range elems {
		if e.Error != nil {
			return nil, fmt.Errorf("%s of %s: %w", e.Method, holdings[i].Name, e.Error)
		}
		if out[i], err = results[i].units(); err != nil {
			return nil, fmt.Errorf("%s: %w", holdings[i].Name, err)
		}
	}
	return out, nil
}
