package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/scrub"
)

// callTime bounds one request.
const callTime = 30 * time.Second

// maxBatch is the most calls in one batch.
const maxBatch = 50

// ErrBehind is wrapped by errors about a node whose chain is older than what is known: nothing that it says counts.
var ErrBehind = errors.New("the node is behind")

// header is what is needed of a block. Txs has hashes or transactions, as requested.
type header struct {
	Number    *hexutil.Uint64 `json:"number"`
	Hash      common.Hash     `json:"hash"`
	Timestamp hexutil.Uint64  `json:"timestamp"`
	BaseFee   *hexutil.Big    `json:"baseFeePerGas"` // nil where there is none
}

// head is the end of the chain as a node sees it.
type head struct {
	height  uint64
	final   uint64   // height of the newest final block; 0 if none is
	counts  []uint64 // transactions of each address that was asked about, as of the latest block
	baseFee *big.Int // nil where there is none
}

// depth returns how deep a block is: 1 for the newest.
func (h head) depth(height uint64) uint64 {
	if height > h.height {
		return 0
	}
	return h.height - height + 1
}

// call makes one call.
func (s *Spender) call(ctx context.Context, result any, method string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if err := s.c.RPC.CallContext(ctx, result, method, args...); err != nil {
		return fmt.Errorf("%s: %w", method, tidy(err))
	}
	return nil
}

// batch makes calls, together where the node lets it. Each element has its own error; the error returned is about the
// node.
func (s *Spender) batch(ctx context.Context, elems []rpc.BatchElem) error {
	for len(elems) > 0 {
		part := elems[:min(len(elems), maxBatch)]
		if err := s.together(ctx, part); err != nil {
			return err
		}
		elems = elems[len(part):]
	}
	return nil
}

func (s *Spender) together(ctx context.Context, elems []rpc.BatchElem) error {
	limited, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := s.c.RPC.BatchCallContext(limited, elems)
	for i := range elems {
		if err == nil && errors.Is(elems[i].Error, rpc.ErrMissingBatchResponse) {
			err = elems[i].Error
		}
	}
	if err == nil {
		for i := range elems {
			elems[i].Error = tidy(elems[i].Error)
		}
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i := range elems { // some nodes know no batches
		err := s.call(ctx, elems[i].Result, elems[i].Method, elems[i].Args...)
		var ours *nodeError
		if elems[i].Error = err; err != nil && !errors.As(err, &ours) {
			return err
		}
	}
	return nil
}

// head reads the end of the chain, and checks that the node is on the right one and not behind.
func (s *Spender) head(ctx context.Context, more []rpc.BatchElem, addresses ...chain.Address) (head, error) {
	var id hexutil.Uint64
	var latest, tagged *header
	counts := make([]*hexutil.Uint64, len(addresses))
	elems := []rpc.BatchElem{
		{Method: "eth_chainId", Result: &id},
		{Method: "eth_getBlockByNumber", Args: []any{"latest", false}, Result: &latest},
	}
	for i, a := range addresses {
		elems = append(elems, rpc.BatchElem{Method: "eth_getTransactionCount", Args: []any{a, "latest"}, Result: &counts[i]})
	}
	needed := len(elems)
	if tag := s.c.Finality.Tag; tag != "" {
		elems = append(elems, rpc.BatchElem{Method: "eth_getBlockByNumber", Args: []any{tag, false}, Result: &tagged})
	}
	own := len(elems)
	elems = append(elems, more...)
	if err := s.batch(ctx, elems); err != nil {
		return head{}, err
	}
	for _, e := range elems[:needed] {
		if e.Error != nil {
			return head{}, fmt.Errorf("%s: %w", e.Method, e.Error)
		}
	}
	copy(more, elems[own:])
	if s.id.Cmp(new(big.Int).SetUint64(uint64(id))) != 0 {
		return head{}, fmt.Errorf("%w: the node is on chain %d and not %s", chain.ErrWrongNetwork, id, s.c.Network)
	}
	h := head{counts: make([]uint64, len(counts))}
	for i, n := range counts {
		if n == nil {
			return head{}, fmt.Errorf("%w: no count of %s", chain.ErrIncomplete, addresses[i])
		}
		h.counts[i] = uint64(*n)
	}
	return s.ended(h, latest, tagged)
}

// ended completes a head with its blocks.
func (s *Spender) ended(h head, latest, tagged *header) (head, error) {
	if latest == nil || latest.Number == nil || latest.Hash == (common.Hash{}) {
		return head{}, fmt.Errorf("%w: no latest block", chain.ErrIncomplete)
	}
	h.height, h.baseFee = uint64(*latest.Number), (*big.Int)(latest.BaseFee)
	age := s.c.Now().Sub(time.Unix(int64(min(uint64(latest.Timestamp), 1<<40)), 0))
	if s.c.MaxAge > 0 && age > s.c.MaxAge {
		return head{}, fmt.Errorf("%w: its newest block, %d, is %s old", ErrBehind, h.height, age.Truncate(time.Second))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.height+s.c.Finality.Buried <= s.seen {
		return head{}, fmt.Errorf("%w: its newest block is %d, and there was a block %d", ErrBehind, h.height, s.seen)
	}
	s.seen = max(s.seen, h.height)
	h.final = s.finalHeight(h.height, tagged)
	return h, nil
}

// finalHeight returns the height of the newest final block, or 0.
func (s *Spender) finalHeight(latest uint64, tagged *header) uint64 {
	final := latest
	if d := s.c.Finality.Depth; d > 0 {
		if latest+1 < d {
			return 0
		}
		final = latest + 1 - d
	}
	if s.c.Finality.Tag == "" {
		return final
	}
	if tagged == nil || tagged.Number == nil {
		s.log.Warn("the node names no final block", "network", s.c.Network, "tag", s.c.Finality.Tag)
		return 0
	}
	return min(final, uint64(*tagged.Number))
}

// block returns the header at a height, or ErrNotFound of package chain.
func (s *Spender) block(ctx context.Context, height uint64) (header, error) {
	var h *header
	if err := s.call(ctx, &h, "eth_getBlockByNumber", hexutil.Uint64(height), false); err != nil {
		return header{}, err
	}
	if h == nil || h.Number == nil || uint64(*h.Number) != height {
		return header{}, fmt.Errorf("block %d: %w", height, chain.ErrNotFound)
	}
	return *h, nil
}

// nodeError is an error object of JSON-RPC.
type nodeError struct {
	code int
	text string
}

func (e *nodeError) Error() string { return fmt.Sprintf("error %d: %s", e.code, e.text) }

// ErrorCode implements [rpc.Error].
func (e *nodeError) ErrorCode() int { return e.code }

// tidy makes an error of a Caller fit for logs: without URLs, which contain keys, and without bodies.
func tidy(err error) error {
	var fault rpc.Error
	var status rpc.HTTPError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return fmt.Errorf("HTTP status %d", status.StatusCode)
	case errors.As(err, &fault):
		return &nodeError{fault.ErrorCode(), scrub.Secrets{}.Text(fault.Error())}
	}
	return scrub.Secrets{}.Error(err)
}
