package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// callMessage is the argument of eth_call and eth_estimateGas.
type callMessage struct {
	From  chain.Address `json:"from"`
	To    string        `json:"to"`
	Value *hexutil.Big  `json:"value,omitempty"`
	Data  hexutil.Bytes `json:"data,omitempty"`
}

func message(from lane, m move) callMessage {
	to, value, data := m.message()
	return callMessage{from.address, to.Hex(), (*hexutil.Big)(value), data}
}

// gas tries the move on the newest block and returns the gas limit for it: that of a plain payment exactly, and a
// quarter more than what it takes now otherwise. It returns a RefusedError with RefusedContract if the contract does
// not do it, and ErrNoCoins if the sender has too little on the chain to try.
func (s *Spender) gas(ctx context.Context, from lane, m move) (uint64, error) {
	msg := message(from, m)
	var used *hexutil.Uint64
	var code, returned hexutil.Bytes
	elems := []rpc.BatchElem{{Method: "eth_estimateGas", Args: []any{msg}, Result: &used}}
	if m.isToken() {
		elems = append(elems,
			rpc.BatchElem{Method: "eth_call", Args: []any{msg, "latest"}, Result: &returned},
			rpc.BatchElem{Method: "eth_getCode", Args: []any{m.token.Hex(), "latest"}, Result: &code})
	}
	if err := s.batch(ctx, elems); err != nil {
		return 0, err
	}
	if m.isToken() {
		if err := elems[2].Error; err != nil {
			return 0, err
		}
		if len(code) == 0 {
			return 0, fmt.Errorf("%w: there is no contract at %s", chain.ErrIncomplete, m.token)
		}
		if err := s.trialError(ctx, from, m, elems[1].Error); err != nil {
			return 0, err
		}
		if !isTrue(returned) {
			return 0, s.refusedBy(ctx, from, m, "the token returns false")
		}
	}
	if err := s.trialError(ctx, from, m, elems[0].Error); err != nil {
		return 0, err
	}
	if used == nil || *used == 0 {
		return 0, fmt.Errorf("%w: no estimate of gas", chain.ErrIncomplete)
	}
	return s.limit(uint64(*used), m)
}

// limit returns the gas limit for a move that takes so much now.
func (s *Spender) limit(used uint64, m move) (uint64, error) {
	switch {
	case used <= params.TxGas && !m.isToken():
		return params.TxGas, nil
	case used > s.c.Fees.MaxGas:
		return 0, refusal(payout.RefusedContract, "it takes %d of gas, and Config.Fees.MaxGas is %d", used, s.c.Fees.MaxGas)
	}
	return max(params.TxGas, min(used+(used+3)/4, s.c.Fees.MaxGas)), nil
}

// isTrue reports whether a call of transfer succeeded by what it returned: true, or nothing, as old tokens do.
func isTrue(returned []byte) bool {
	return len(returned) == 0 || len(returned) >= 32 && new(big.Int).SetBytes(returned[:32]).Cmp(big.NewInt(1)) == 0
}

// Parts of what nodes say when a call fails within a contract, and when its sender has too little.
var (
	saysReverted = []string{
		"revert", "invalid opcode", "out of gas", "gas required exceeds", "invalid jump", "stack underflow", "stack limit",
		"bad instruction", "write protection", "vm execution error", "invalidfeopcode", "opcodenotfound",
	}
	saysPoor = []string{"insufficient funds", "insufficient balance", "insufficientfunds", "outoffunds", "out of funds"}
)

// trialError translates the error of a call that was tried.
func (s *Spender) trialError(ctx context.Context, from lane, m move, err error) error {
	if err == nil {
		return nil
	}
	var fault *nodeError
	if !errors.As(err, &fault) {
		return err
	}
	const reverted = 3 // the code of a revert
	text, code := fault.text, fault.code
	switch {
	case contains(text, saysPoor):
		return fmt.Errorf("%w: the node says of %s: %s", payout.ErrNoCoins, from.address, text)
	case code != reverted && !contains(text, saysReverted):
		return err
	}
	return s.refusedBy(ctx, from, m, text)
}

// refusedBy returns ErrNoCoins if a contract did not do it because the sender has too little of the token, else a
// RefusedError.
func (s *Spender) refusedBy(ctx context.Context, from lane, m move, text string) error {
	if m.isToken() {
		has, err := s.balance(ctx, from.address, m.token.Hex())
		if err != nil {
			return err
		}
		if has.Cmp(m.units) < 0 {
			return fmt.Errorf("%w: %s has %s of %s on the chain", payout.ErrNoCoins, from.address, has, m.token)
		}
	}
	return refusal(payout.RefusedContract, "%s", text)
}

// balanceSelector is the selector of balanceOf(address).
const balanceSelector = "0x70a08231"

// balanceOf returns the call that reads what an address has of a token, or of native coin for an empty token.
func balanceOf(a chain.Address, token, at string, result any) rpc.BatchElem {
	if token == "" {
		return rpc.BatchElem{Method: "eth_getBalance", Args: []any{a, at}, Result: result}
	}
	msg := map[string]string{"to": token, "data": balanceSelector + "000000000000000000000000" + string(a[2:])}
	return rpc.BatchElem{Method: "eth_call", Args: []any{msg, at}, Result: result}
}

// balance returns what an address has on the newest block.
func (s *Spender) balance(ctx context.Context, a chain.Address, token string) (*big.Int, error) {
	var result balanceResult
	e := balanceOf(a, token, "latest", &result)
	if err := s.call(ctx, &result, e.Method, e.Args...); err != nil {
		return nil, err
	}
	return result.units()
}

// balanceResult is the result of either call of balanceOf. They are encoded in different ways.
type balanceResult string

func (r balanceResult) units() (*big.Int, error) {
	const digits = 64
	if len(r) < 3 || len(r) > 2+digits || r[:2] != "0x" {
		return nil, fmt.Errorf("%w: %.80q is no balance", chain.ErrIncomplete, string(r))
	}
	n, ok := new(big.Int).SetString(string(r[2:]), 16)
	if !ok || n.Sign() < 0 {
		return nil, fmt.Errorf("%w: %.80q is no balance", chain.ErrIncomplete, string(r))
	}
	return n, nil
}
