package evm

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
)

const (
	receiptsAtOnce = 16
	maxReceipts    = 32 << 20 // bytes of so many receipts
)

// receiptsApart is receiptsOf for receipts that may be larger than the limit of any response: with enough logs,
// anybody can make them so. The effect of such a transaction is then taken from the logs of the tokens and from its
// trace. If they are not sufficient, the transaction is set aside.
func (n *Node) receiptsApart(ctx context.Context, b *wireBlock, wanted func(i int) bool) ([]*wireReceipt, error) {
	a := apart{n: n, b: b, receipts: make([]*wireReceipt, len(b.Txs))}
	var places []int
	for i := range b.Txs {
		if wanted(i) {
			places = append(places, i)
		}
	}
	for rest := places; len(rest) > 0; {
		some := rest[:min(len(rest), receiptsAtOnce)]
		rest = rest[len(some):]
		if a.batch(ctx, some); !a.able {
			break // one alone shows whether it is worthwhile
		}
	}
	for _, i := range places {
		if a.receipts[i] == nil {
			if err := a.one(ctx, i); err != nil {
				return nil, err
			}
		}
	}
	return a.receipts, checkBloomPart(b, a.receipts)
}

// apart reads receipts in small batches and singly.
type apart struct {
	n        *Node
	b        *wireBlock
	receipts []*wireReceipt
	able     bool // the node has returned a receipt of this block

	looked bool // for logs
	logs   map[word][]wireLog
	logErr error
}

// batch requests some receipts. A failure concerns none of them in particular.
func (a *apart) batch(ctx context.Context, some []int) {
	if len(some) < 2 || int(a.n.atOnce.Load()) < len(some) || ctx.Err() != nil {
		return // alone, then
	}
	results := make([]*wireReceipt, len(some))
	batch := make([]rpc.BatchElem, len(some))
	for k, i := range some {
		batch[k] = rpc.BatchElem{Method: "eth_getTransactionReceipt", Args: []any{a.b.Txs[i].Hash}, Result: &results[k]}
	}
	if err := a.n.rpc.BatchCallContext(withMaxResponse(ctx, maxReceipts), batch); err != nil {
		return
	}
	for k, i := range some {
		if batch[k].Error == nil && a.n.checkReceipt(a.b, i, results[k]) == nil {
			a.receipts[i], a.able = results[k], true
		}
	}
}

// one requests one receipt. It sets the transaction aside if that is the cause of a failure: if its receipt is too
// large, or the node returns the receipts of others.
func (a *apart) one(ctx context.Context, i int) error {
	hash := a.b.Txs[i].Hash
	var receipt *wireReceipt
	err := a.n.call(ctx, &receipt, "eth_getTransactionReceipt", hash)
	if err == nil {
		if err = a.n.checkReceipt(a.b, i, receipt); err == nil {
			a.receipts[i], a.able = receipt, true
		}
		return err
	}
	if ctx.Err() != nil || !a.able && !errors.Is(err, ErrResponseTooLarge) {
		return err
	}
	if alive := a.n.answers(ctx, hash); alive != nil {
		return fmt.Errorf("%w; %w", err, alive)
	}
	logs, missing := a.tokenLogs(ctx)
	if missing != nil {
		a.n.setAside(ctx, a.b, i, errors.Join(err, missing))
		return nil
	}
	if a.succeeded(i, len(logs[hash]) > 0) {
		succeeded := quantity(1)
		a.receipts[i] = &wireReceipt{TxHash: hash, BlockHash: a.b.Hash, Status: &succeeded, Logs: logs[hash]}
		if err := a.n.checkReceipt(a.b, i, a.receipts[i]); err != nil {
			return err
		}
	} else if a.n.movesCoin(&a.b.Txs[i]) && !a.failed(i) {
		a.n.setAside(ctx, a.b, i, err)
	}
	return nil
}

// succeeded reports whether the transaction is known to have succeeded: a transaction that fails has no logs.
func (a *apart) succeeded(i int, hasLogs bool) bool {
	return hasLogs || a.traced(i) && !a.b.inner[i].failed
}

func (a *apart) failed(i int) bool { return a.traced(i) && a.b.inner[i].failed }

func (a *apart) traced(i int) bool {
	_, aside := a.b.aside[i]
	return a.b.inner != nil && !aside && !a.b.Txs[i].unsent()
}

// tokenLogs returns the logs of the tokens in the block. If some that the filter announces seem to be missing, none is
// trusted.
func (a *apart) tokenLogs(ctx context.Context) (map[word][]wireLog, error) {
	if !a.looked {
		var missing bool
		a.looked = true
		a.logs, missing, a.logErr = a.n.tokenLogs(ctx, a.b)
		if a.logErr == nil && missing && a.b.Bloom != (bloom{}) {
			a.logErr = fmt.Errorf("%w: logs are missing", chain.ErrIncomplete)
		}
	}
	return a.logs, a.logErr
}
