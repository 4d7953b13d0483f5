package tron

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/token"
)

// ErrPresent is returned by [Node.Absent] when a block has the transaction.
var ErrPresent = errors.New("a block has the transaction")

// What those need to know who make transactions. The methods of this file block on the node until ctx ends, and may be
// called concurrently. After an error nothing is known.

// State is what the last solidified block has of an address.
type State struct {
	Active bool  // the account exists: it once got TRX
	Sun    int64 // its TRX
}

// State returns what the last solidified block has of the address.
func (n *Node) State(ctx context.Context, address chain.Address) (State, error) {
	a, err := parse(string(address))
	if err != nil {
		return State{}, fmt.Errorf("tron: read account: %w", err)
	}
	var answer struct {
		Address *octets `json:"address"`
		Balance int64   `json:"balance"`
	}
	if err := n.api.call(ctx, solidity, "getaccount", map[string]string{"address": a.hex()}, &answer); err != nil {
		return State{}, fmt.Errorf("tron: read account %s: %w", address, err)
	}
	if answer.Address == nil {
		return State{}, nil
	}
	if at, ok := accountOf(*answer.Address); !ok || at != a || answer.Balance < 0 {
		return State{}, fmt.Errorf("tron: read account %s: %w: another one received", address, chain.ErrIncomplete)
	}
	return State{Active: true, Sun: answer.Balance}, nil
}

// hex returns an address in the form of requests.
func (a account) hex() string { return hex.EncodeToString(append([]byte{prefix}, a[:]...)) }

// HasCode reports whether the address is a contract.
func (n *Node) HasCode(ctx context.Context, address chain.Address) (bool, error) {
	a, err := parse(string(address))
	if err != nil {
		return false, fmt.Errorf("tron: read contract: %w", err)
	}
	var answer struct {
		At       *octets `json:"contract_address"`
		Bytecode string  `json:"bytecode"`
	}
	if err := n.api.call(ctx, wallet, "getcontract", map[string]string{"value": a.hex()}, &answer); err != nil {
		return false, fmt.Errorf("tron: read contract %s: %w", address, err)
	}
	return answer.At != nil || answer.Bytecode != "", nil
}

// Prices are the prices of the network, in sun. Votes change them.
type Prices struct {
	Energy   int64 // of a unit
	Byte     int64 // of bandwidth
	Account  int64 // of a transfer that makes an account, beside bandwidth
	NewBytes int64 // of the bandwidth of such a transfer, whatever its size
	MaxLimit int64 // greatest fee limit of a transaction
}

// Prices returns the prices of the network.
func (n *Node) Prices(ctx context.Context) (Prices, error) {
	var answer struct {
		Parameters []struct {
			Key   string `json:"key"`
			Value int64  `json:"value"`
		} `json:"chainParameter"`
	}
	if err := n.api.call(ctx, wallet, "getchainparameters", struct{}{}, &answer); err != nil {
		return Prices{}, fmt.Errorf("tron: read prices: %w", err)
	}
	var p Prices
	fields := map[string]*int64{
		"getEnergyFee": &p.Energy, "getTransactionFee": &p.Byte, "getCreateNewAccountFeeInSystemContract": &p.Account,
		"getCreateAccountFee": &p.NewBytes, "getMaxFeeLimit": &p.MaxLimit,
	}
	for _, o := range answer.Parameters {
		if field := fields[o.Key]; field != nil {
			*field = o.Value
		}
	}
	const most = 1 << 40 // keeps every product within 63 bits
	for name, field := range fields {
		if *field <= 0 || *field > most {
			return Prices{}, fmt.Errorf("tron: read prices: %w: %s is %d", chain.ErrIncomplete, name, *field)
		}
	}
	return p, nil
}

// TokenBalance returns what the address has of the token, in base units, by the last solidified block.
func (n *Node) TokenBalance(ctx context.Context, asset chain.Asset, address chain.Address) (*big.Int, error) {
	owner, err := parse(string(address))
	if err != nil {
		return nil, fmt.Errorf("tron: read balance of %s: %w", asset.ID, err)
	}
	answer, reverted, err := n.constant(ctx, solidity, owner, asset, "balanceOf(address)", word(owner[:]))
	if err == nil && (reverted || len(answer.Words) != 1 || len(answer.Words[0]) != len(hash{})) {
		err = fmt.Errorf("%w: the contract returned no number", chain.ErrIncomplete)
	}
	if err != nil {
		return nil, fmt.Errorf("tron: read balance of %s: %w", asset.ID, err)
	}
	return new(big.Int).SetBytes(answer.Words[0]), nil
}

// TransferEnergy returns how much energy the transfer of a token would take now, penalty included, and whether it would
// be reverted. It depends on the receiver, and on the amount.
func (n *Node) TransferEnergy(ctx context.Context, asset chain.Asset, from, to chain.Address, units *big.Int) (energy int64, reverted bool, err error) {
	owner, err := parse(string(from))
	if err != nil {
		return 0, false, fmt.Errorf("tron: estimate transfer of %s: %w", asset.ID, err)
	}
	receiver, err := parse(string(to))
	if err != nil {
		return 0, false, fmt.Errorf("tron: estimate transfer of %s: %w", asset.ID, err)
	}
	if units.Sign() < 0 || units.BitLen() > 256 {
		return 0, false, fmt.Errorf("tron: estimate transfer of %s: units are out of range", asset.ID)
	}
	answer, reverted, err := n.constant(ctx, wallet, owner, asset, "transfer(address,uint256)", word(receiver[:])+word(units.Bytes()))
	const most = 1 << 40
	if err == nil && !reverted && (answer.Energy <= 0 || answer.Energy > most) {
		err = fmt.Errorf("%w: energy is %d", chain.ErrIncomplete, answer.Energy)
	}
	if err != nil {
		return 0, false, fmt.Errorf("tron: estimate transfer of %s: %w", asset.ID, err)
	}
	if !reverted && len(answer.Words) == 1 && len(answer.Words[0]) == len(hash{}) {
		// A token may return false instead of reverting; one that returns nothing cannot.
		reverted = bytes.Equal(answer.Words[0], make([]byte, len(hash{})))
	}
	return answer.Energy, reverted, nil
}

// word returns an argument of a call as 64 hexadecimal digits.
func word(b []byte) string { return strings.Repeat("0", 64-2*len(b)) + hex.EncodeToString(b) }

func (n *Node) constant(ctx context.Context, v view, owner account, asset chain.Asset, selector, parameter string) (a constantAnswer, reverted bool, err error) {
	contract, err := parse(asset.ID.Reference())
	if err != nil {
		return a, false, err
	}
	question := map[string]string{
		"owner_address": owner.hex(), "contract_address": contract.hex(), "function_selector": selector, "parameter": parameter,
	}
	if err := n.api.call(ctx, v, "triggerconstantcontract", question, &a); err != nil {
		return a, false, err
	}
	reverted, err = a.check(n)
	return a, reverted, err
}

// Broadcast gives a signed transaction, encoded as protobuf, to the node, and returns its code such as SUCCESS, and its
// words. After an error the node may have taken it or not.
func (n *Node) Broadcast(ctx context.Context, raw []byte) (code, message string, err error) {
	var answer struct {
		Result  bool   `json:"result"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if err := n.api.call(ctx, wallet, "broadcasthex", map[string]string{"transaction": hex.EncodeToString(raw)}, &answer); err != nil {
		return "", "", fmt.Errorf("tron: broadcast: %w", err)
	}
	if text, err := hex.DecodeString(answer.Message); err == nil && utf8.Valid(text) {
		answer.Message = string(text)
	}
	if answer.Code == "" && answer.Result {
		answer.Code = success
	}
	return answer.Code, n.api.secrets.Text(answer.Message), nil
}

// Pending reports whether the node says that it has the transaction and that it is in no block. That proves nothing about
// other nodes, and a node may not support the question: then it is false.
func (n *Node) Pending(ctx context.Context, txID string) bool {
	var answer struct {
		ID string `json:"txID"`
	}
	err := n.api.call(ctx, wallet, "gettransactionfrompending", map[string]string{"value": txID}, &answer)
	return err == nil && txID != "" && answer.ID == txID
}

// Execution is what a block says of a transaction.
type Execution struct {
	Header chain.Header
	Final  bool   // the block is solidified
	Failed bool   // it took its fee and moved nothing
	Result string // such as OUT_OF_ENERGY
	Fee    int64  // in sun, of all kinds
	// Transfers are those of the assets that the Node watches, as Node.Block reports them.
	Transfers []chain.Transfer
	// Tokens are all Transfer logs in the form of TRC-20, of whatever contract.
	Tokens []TokenLog
}

// TokenLog is a Transfer log.
type TokenLog struct {
	Contract, From, To chain.Address
	Units              *big.Int
}

// Execution returns what the block that has the transaction says of it, or chain.ErrNotFound if this node knows none. What
// Node.Block proves is proven; that there is none is not: Absent proves that. Fee and logs are the node's word.
func (n *Node) Execution(ctx context.Context, txID string) (Execution, error) {
	var id hash
	if err := id.UnmarshalJSON([]byte(strconv.Quote(txID))); err != nil {
		return Execution{}, fmt.Errorf("tron: read transaction %.64q: not an id", txID)
	}
	e, err := n.executionIn(ctx, solidity, id)
	if e == nil && err == nil {
		e, err = n.executionIn(ctx, wallet, id)
	}
	if e == nil && err == nil {
		err = chain.ErrNotFound
	}
	if err != nil {
		return Execution{}, fmt.Errorf("tron: read transaction %s: %w", id, err)
	}
	return *e, nil
}

// executionIn returns what a view of the chain has of a transaction, or nil if nothing.
func (n *Node) executionIn(ctx context.Context, v view, id hash) (*Execution, error) {
	var info wireInfo
	if err := n.api.call(ctx, v, "gettransactioninfobyid", map[string]string{"value": id.String()}, &info); err != nil {
		return nil, err
	}
	if info.ID == nil {
		return nil, nil
	}
	if *info.ID != id || info.Block <= 0 || info.Fee < 0 {
		return nil, fmt.Errorf("%w: another one received", chain.ErrIncomplete)
	}
	block, header, err := n.provenBlock(ctx, uint64(info.Block))
	if err != nil {
		return nil, err
	}
	if v == solidity {
		if err := n.isSolid(ctx, header); err != nil {
			return nil, err
		}
	}
	for i := range block.Txs {
		x := &block.Txs[i]
		if x.ID != id {
			continue
		}
		if err := checkInfo(block, x, &info); err != nil {
			return nil, err
		}
		one := &wireBlock{Txs: []wireTx{*x}}
		e := &Execution{Header: header, Final: v == solidity, Failed: !x.succeeded(), Fee: info.Fee, Transfers: n.transfers(one, []*wireInfo{&info})}
		for _, r := range x.Results {
			e.Result = cmp.Or(r.ContractRet, e.Result)
		}
		if !e.Failed {
			e.Tokens = tokenLogs(&info)
		}
		return e, nil
	}
	return nil, fmt.Errorf("%w: block %d does not have it", chain.ErrIncomplete, info.Block)
}

// tokenLogs returns the Transfer logs of a result.
func tokenLogs(r *wireInfo) (all []TokenLog) {
	for i := range r.Logs {
		l := &r.Logs[i]
		if len(l.Topics) == 0 || !bytes.Equal(l.Topics[0], token.TransferTopic[:]) || len(l.Address) != len(account{}) {
			continue
		}
		if from, to, units, ok := l.transfer(); ok {
			all = append(all, TokenLog{spell(account(l.Address)), spell(from), spell(to), units})
		}
	}
	return all
}

// provenBlock reads a block with all of its transactions, as proven as Node.Block has them.
func (n *Node) provenBlock(ctx context.Context, height uint64) (*wireBlock, chain.Header, error) {
	block, header, err := n.wholeBlock(ctx, height)
	if err != nil {
		return nil, chain.Header{}, err
	}
	if made := root(block.Txs); !bytes.Equal(made[:], block.Header.Raw.Root) && (len(block.Txs) > 0 || len(block.Header.Raw.Root) > 0) {
		_, err = n.infos(ctx, block) // compares the node's own list
	}
	return block, header, err
}

// isSolid returns an error unless the block is solidified.
func (n *Node) isSolid(ctx context.Context, h chain.Header) error {
	solid, err := n.headerAt(ctx, solidity, int64(h.Height))
	if err != nil {
		return err
	}
	if solid.Hash != h.Hash {
		return fmt.Errorf("%w: block %d is %s, but %s is solidified", chain.ErrIncomplete, h.Height, h.Hash, solid.Hash)
	}
	return nil
}

// Solid returns the last solidified block.
func (n *Node) Solid(ctx context.Context) (chain.Header, error) {
	h, err := n.headerAt(ctx, solidity, latest)
	if err != nil {
		return chain.Header{}, fmt.Errorf("tron: read the last solidified block: %w", err)
	}
	return h, nil
}

// Absent proves that a transaction which refers to the solidified block after, and expires at the given time, is in no
// solidified block and never will be. It reads the blocks that follow, up to and with the first that is not earlier than
// the expiration: no later one can have it. It reads at most so many, and returns the last one it read: call it again with
// that one to go on, until over is true. All blocks are linked to each other and proven as Node.Block proves them. It
// returns chain.ErrNotFound if the chain has not come so far, and ErrPresent if a block has the transaction.
func (n *Node) Absent(ctx context.Context, txID string, after chain.Header, expires time.Time, most int) (last chain.Header, over bool, err error) {
	last, over, err = n.absent(ctx, txID, after, expires, most)
	if err != nil {
		return after, false, fmt.Errorf("tron: look for transaction %s: %w", txID, err)
	}
	return last, over, nil
}

func (n *Node) absent(ctx context.Context, txID string, after chain.Header, expires time.Time, most int) (last chain.Header, over bool, err error) {
	last = after
	for range most {
		block, header, err := n.provenBlock(ctx, last.Height+1)
		if err != nil {
			return last, false, err
		}
		if header.Parent != last.Hash {
			return last, false, fmt.Errorf("%w: block %d does not follow %s", chain.ErrIncomplete, header.Height, last.Hash)
		}
		for i := range block.Txs {
			if block.Txs[i].ID.String() == txID {
				return last, false, fmt.Errorf("%w: block %d", ErrPresent, header.Height)
			}
		}
		last = header
		if over = !header.Time.Before(expires); over {
			break
		}
	}
	return last, over, n.isSolid(ctx, last)
}
