package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// transferTopic is the first topic of Transfer(address,address,uint256).
var transferTopic = crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)"))

type wireReceipt struct {
	TxHash    common.Hash     `json:"transactionHash"`
	BlockHash common.Hash     `json:"blockHash"`
	Block     hexutil.Uint64  `json:"blockNumber"`
	Status    *hexutil.Uint64 `json:"status"`
	GasUsed   *hexutil.Uint64 `json:"gasUsed"`
	Price     *hexutil.Big    `json:"effectiveGasPrice"`
	L1Fee     *hexutil.Big    `json:"l1Fee"` // where the chain is built on another one
	Logs      []wireLog       `json:"logs"`
}

type wireLog struct {
	Address common.Address `json:"address"`
	Topics  []common.Hash  `json:"topics"`
	Data    hexutil.Bytes  `json:"data"`
	Removed bool           `json:"removed"`
}

// transfer reads a log of a token; ok is false for other logs.
func (l wireLog) transfer() (from, to common.Address, units *big.Int, ok bool) {
	if len(l.Topics) != 3 || l.Topics[0] != transferTopic || len(l.Data) != common.HashLength || l.Removed {
		return from, to, nil, false
	}
	return common.BytesToAddress(l.Topics[1][:]), common.BytesToAddress(l.Topics[2][:]), new(big.Int).SetBytes(l.Data), true
}

type wireTx struct {
	Hash      common.Hash     `json:"hash"`
	BlockHash *common.Hash    `json:"blockHash"`
	From      common.Address  `json:"from"`
	To        *common.Address `json:"to"`
	Nonce     hexutil.Uint64  `json:"nonce"`
	Value     *hexutil.Big    `json:"value"`
	Input     hexutil.Bytes   `json:"input"`
}

// Look implements [payout.Spender]. That a version was mined is proven by its receipt and the block at its height. That
// another transaction took the nonce is proven by the block in which the count of the address passed it and in which no
// version is: a receipt that is not there proves nothing, since another node may have given the count. The node must have
// the state of that block; without it, Look returns an error.
//
// A transaction with the nonce that does the same as a version counts as that version, whatever its id: the signer's own
// program may have sent it.
func (s *Spender) Look(ctx context.Context, t payout.Transaction) (payout.Look, error) {
	look, err := s.look(ctx, t)
	if err != nil {
		return payout.Look{}, fmt.Errorf("payout/evm: look at transaction %s: %w", t.ID, err)
	}
	return look, nil
}

func (s *Spender) look(ctx context.Context, t payout.Transaction) (payout.Look, error) {
	versions, err := s.parseAll(t)
	if err != nil {
		return payout.Look{}, err
	}
	q := inquiry{Spender: s, versions: versions, hashes: map[common.Hash]int{}}
	for i, v := range t.Versions {
		if v.TxID != "" {
			q.hashes[common.HexToHash(v.TxID)] = i
		}
	}
	q.look.Versions = make([]payout.Sighting, len(t.Versions))
	if err := q.ask(ctx, t); err != nil {
		return payout.Look{}, err
	}
	switch mined := q.mined; {
	case t.Mined >= 0 && q.head.height < t.Height:
		return payout.Look{}, fmt.Errorf("%w: its newest block is %d, and block %d had it", ErrBehind, q.head.height, t.Height)
	case mined > 1:
		return payout.Look{}, fmt.Errorf("%w: %d versions have receipts", chain.ErrIncomplete, mined)
	case mined == 0 && q.head.counts[0] > q.versions[0].Nonce:
		if err := q.taker(ctx); err != nil {
			return payout.Look{}, err
		}
	}
	return q.look, nil
}

// inquiry is one call of Look.
type inquiry struct {
	*Spender
	versions []Unsigned
	hashes   map[common.Hash]int // to the index of the version
	head     head
	mined    int // how many versions are in blocks
	look     payout.Look
}

// ask reads what the node has of each version.
func (q *inquiry) ask(ctx context.Context, t payout.Transaction) error {
	receipts, txs := make([]*wireReceipt, len(t.Versions)), make([]*wireTx, len(t.Versions))
	var more []rpc.BatchElem
	for hash, i := range q.hashes {
		more = append(more,
			rpc.BatchElem{Method: "eth_getTransactionByHash", Args: []any{hash}, Result: &txs[i]},
			rpc.BatchElem{Method: "eth_getTransactionReceipt", Args: []any{hash}, Result: &receipts[i]})
	}
	var err error
	if q.head, err = q.Spender.head(ctx, more, q.versions[0].From); err != nil {
		return err
	}
	for _, e := range more {
		if e.Error != nil {
			return fmt.Errorf("%s: %w", e.Method, e.Error)
		}
	}
	for hash, i := range q.hashes {
		switch {
		case receipts[i] != nil:
			err = q.see(ctx, i, hash, receipts[i])
		case txs[i] != nil && txs[i].BlockHash == nil:
			q.look.Versions[i].Pooled = true
		case txs[i] != nil:
			err = fmt.Errorf("%w: %s is in a block and has no receipt", chain.ErrIncomplete, hash)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// see notes a receipt of a version.
func (q *inquiry) see(ctx context.Context, i int, hash common.Hash, r *wireReceipt) error {
	height, err := q.proven(ctx, q.head, hash, r)
	if err != nil {
		return err
	}
	fee, err := r.fee()
	if err != nil {
		return fmt.Errorf("receipt of %s: %w", hash, err)
	}
	failed, err := q.failed(q.versions[i], r)
	if err != nil {
		return fmt.Errorf("receipt of %s: %w", hash, err)
	}
	q.mined++
	q.look.Versions[i] = payout.Sighting{
		Height: height, Final: height <= q.head.final, Buried: q.buried(height), Failed: failed, Fee: fee,
	}
	return nil
}

// proven returns the height of the block that has a transaction, by its receipt and by the block at that height.
func (s *Spender) proven(ctx context.Context, h head, hash common.Hash, r *wireReceipt) (uint64, error) {
	height := uint64(r.Block)
	if r.TxHash != hash || r.Status == nil || height == 0 {
		return 0, fmt.Errorf("%w: the receipt of %s is that of %s", chain.ErrIncomplete, hash, r.TxHash)
	}
	if height > h.height {
		return 0, fmt.Errorf("%w: its newest block is %d, and block %d has %s", ErrBehind, h.height, height, hash)
	}
	b, err := s.block(ctx, height)
	if err != nil {
		return 0, err
	}
	if b.Hash != r.BlockHash {
		return 0, fmt.Errorf("%w: the receipt of %s is in a block that has left the chain", chain.ErrIncomplete, hash)
	}
	return height, nil
}

// fee returns what the transaction paid.
func (r *wireReceipt) fee() (*big.Int, error) {
	if r.GasUsed == nil || r.Price == nil {
		return nil, fmt.Errorf("%w: no gasUsed or effectiveGasPrice", chain.ErrIncomplete)
	}
	fee := new(big.Int).Mul(new(big.Int).SetUint64(uint64(*r.GasUsed)), (*big.Int)(r.Price))
	if r.L1Fee != nil {
		fee.Add(fee, (*big.Int)(r.L1Fee))
	}
	return fee, nil
}

// failed reports whether a mined version moved nothing. A token must log exactly what was asked for; when it logs
// something else from the sender, nobody can say what happened, and that is an error.
func (s *Spender) failed(u Unsigned, r *wireReceipt) (bool, error) {
	if *r.Status != 1 {
		return true, nil
	}
	if u.Token == "" {
		return false, nil
	}
	other := false
	for _, l := range r.Logs {
		from, to, units, ok := l.transfer()
		if !ok || l.Address.Hex() != string(u.Token) || from.Hex() != string(u.From) {
			continue
		}
		if to.Hex() == string(u.To) && units.Cmp(u.Units) == 0 {
			return false, nil
		}
		other = true
	}
	if other {
		return false, fmt.Errorf("%w: the token moved something else than %s to %s", errOtherTransfer, u.Units, u.To)
	}
	return true, nil
}

// errOtherTransfer is about tokens that do not belong into Config.Assets.
var errOtherTransfer = errors.New("not an exact transfer")

// taker finds the block in which the nonce was used, and what did.
func (q *inquiry) taker(ctx context.Context) error {
	height, err := q.passed(ctx)
	if err != nil {
		return err
	}
	first := q.versions[0]
	var b struct {
		Hash common.Hash `json:"hash"`
		Txs  []wireTx    `json:"transactions"`
	}
	if err := q.call(ctx, &b, "eth_getBlockByNumber", hexutil.Uint64(height), true); err != nil {
		return err
	}
	if err := q.confirm(ctx, height, b.Hash); err != nil {
		return err
	}
	for _, x := range b.Txs {
		if _, ours := q.hashes[x.Hash]; ours {
			return fmt.Errorf("%w: %s is in block %d and has no receipt", chain.ErrIncomplete, x.Hash, height)
		}
		if x.From.Hex() != string(first.From) || uint64(x.Nonce) != first.Nonce {
			continue
		}
		if i := q.same(x); i >= 0 {
			return q.seeOther(ctx, i, x.Hash)
		}
	}
	q.look.Taken, q.look.TakenFinal = true, q.buried(height)
	s := q.Spender
	s.log.Error("a transaction that is not ours used a nonce", "network", s.c.Network, "address", first.From, "nonce", first.Nonce, "height", height)
	return nil
}

// buried reports whether nothing more is expected of the block.
func (q *inquiry) buried(height uint64) bool {
	return height <= q.head.final && q.head.depth(height) >= q.c.Finality.Buried
}

// same returns the index of the version that does the same as a transaction, or -1.
func (q *inquiry) same(x wireTx) int {
	for i, u := range q.versions {
		if x.To != nil && *x.To == *u.tx.To() && x.Value != nil && (*big.Int)(x.Value).Cmp(u.tx.Value()) == 0 &&
			string(x.Input) == string(u.tx.Data()) {
			return i
		}
	}
	return -1
}

// seeOther notes a transaction that does the same as a version under another id.
func (q *inquiry) seeOther(ctx context.Context, i int, hash common.Hash) error {
	var r *wireReceipt
	if err := q.call(ctx, &r, "eth_getTransactionReceipt", hash); err != nil {
		return err
	}
	if r == nil {
		return fmt.Errorf("%w: no receipt of %s", chain.ErrIncomplete, hash)
	}
	err := q.see(ctx, i, hash, r)
	q.look.Versions[i].TxID = hash.Hex()
	return err
}

// passed returns the height at which the count of the sender passed the nonce. It looks near the end first: there nodes
// have the state.
func (q *inquiry) passed(ctx context.Context) (uint64, error) {
	after, before := q.head.height, uint64(0)
	for step := uint64(1); ; step *= 2 {
		height := after - min(after, step)
		used, err := q.used(ctx, height)
		if err != nil {
			return 0, err
		}
		if !used {
			before = height
			break
		}
		if after = height; height == 0 {
			return 0, fmt.Errorf("%w: the nonce is used in the first block", chain.ErrIncomplete)
		}
	}
	for after-before > 1 {
		middle := before + (after-before)/2
		used, err := q.used(ctx, middle)
		if err != nil {
			return 0, err
		}
		if used {
			after = middle
		} else {
			before = middle
		}
	}
	return after, nil
}

// used reports whether the nonce is used after the block at a height.
func (q *inquiry) used(ctx context.Context, height uint64) (bool, error) {
	var count *hexutil.Uint64
	err := q.call(ctx, &count, "eth_getTransactionCount", q.versions[0].From, hexutil.Uint64(height))
	if err == nil && count == nil {
		err = chain.ErrIncomplete
	}
	if err != nil {
		return false, fmt.Errorf("find what used nonce %d, with the state of block %d: %w", q.versions[0].Nonce, height, err)
	}
	return uint64(*count) > q.versions[0].Nonce, nil
}

// confirm checks that the block at the height is still the one with the hash, and the one in which the nonce was used.
func (q *inquiry) confirm(ctx context.Context, height uint64, hash common.Hash) error {
	before, err := q.used(ctx, height-1)
	if err != nil {
		return err
	}
	after, err := q.used(ctx, height)
	if err != nil {
		return err
	}
	b, err := q.block(ctx, height)
	if err != nil {
		return err
	}
	if before || !after || b.Hash != hash {
		return fmt.Errorf("%w: block %d has changed meanwhile", chain.ErrIncomplete, height)
	}
	return nil
}
