package evm

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
)

// txsAtOnce is how many transactions are requested in one batch. Usual nodes accept none of more than 128 kB.
const txsAtOnce = 16

// blockApart reads a block that is too large for one response: its hashes first, and then the transactions. A
// transaction that is too large by itself is set aside.
func (n *Node) blockApart(ctx context.Context, height uint64) (*wireBlock, error) {
	answer, err := blockAt[wireHashes](ctx, n, height, false)
	if err != nil {
		return nil, err
	}
	b := &wireBlock{wireHeader: answer.wireHeader, Txs: make([]wireTx, len(answer.Txs))}
	for i, hash := range answer.Txs {
		b.Txs[i] = wireTx{Hash: hash, Value: new(amount)}
	}
	places := make([]int, len(b.Txs))
	for i := range places {
		places[i] = i
	}
	for some := range slices.Chunk(places, txsAtOnce) {
		if err := n.readTxs(ctx, b, some); !tooLarge(err) {
			if err != nil {
				return nil, err
			}
			continue
		}
		for _, i := range some {
			err := n.readTxs(ctx, b, []int{i})
			switch {
			case tooLarge(err):
				n.setAside(ctx, b, i, err)
			case err != nil:
				return nil, err
			}
		}
	}
	return b, nil
}

// readTxs reads some transactions of a block into it.
func (n *Node) readTxs(ctx context.Context, b *wireBlock, some []int) error {
	answers := make([]*placedTx, len(some))
	batch := make([]rpc.BatchElem, len(some))
	for k, i := range some {
		batch[k] = rpc.BatchElem{Method: "eth_getTransactionByHash", Args: []any{b.Txs[i].Hash}, Result: &answers[k]}
	}
	if err := n.allOf(ctx, batch); err != nil {
		return err
	}
	for k, i := range some {
		if x := answers[k]; x == nil || x.Hash != b.Txs[i].Hash || x.Block != b.Hash {
			return fmt.Errorf("%w: no transaction %s in block %s", chain.ErrIncomplete, b.Txs[i].Hash, b.Hash)
		}
		b.Txs[i] = answers[k].wireTx
	}
	return nil
}
