package bitcoin

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"sync"

	"github.com/cointill/cointill/chain"
)

const (
	maxPool      = 1_000_000 // transactions; Core's default of 300 MB holds fewer
	poolBatch    = 64        // transactions in one batch
	poolParallel = 4         // concurrent batches; Core handles four calls at a time by default

	replaceableBelow = 0xfffffffe // BIP-125: a sequence number that signals replacement
	versionTRUC      = 3          // BIP-431: such a transaction is replaceable whatever it signals
)

// pool is what is known about the node's unconfirmed transactions as of its last response.
type pool struct {
	optIn bool
	turn  chan struct{} // held while the fields below are used
	known map[hash]*pooled
	calls uint // how often the pool was listed
}

// pooled is an unconfirmed transaction.
type pooled struct {
	transfers []chain.Transfer
	listed    uint // the last call in which it was in the pool

	// Kept only if not everything is replaceable anyway.
	signals     bool   // signals that it may be replaced
	parents     []hash // the transactions that it spends from, in the pool or in blocks
	replaceable bool   // in the list that is being made
}

func newPool(optIn bool) pool {
	return pool{optIn: optIn, turn: make(chan struct{}, 1), known: make(map[hash]*pooled)}
}

// Pool implements [chain.Pooler]. It requests the ids of all unconfirmed transactions, and then only those
// transactions that the previous call did not see. It compares each with its id. Concurrent calls wait for each other.
// A call that fails keeps what it has read for the next one, so that even a large pool is read eventually, however
// short the time for one call is.
func (n *Node) Pool(ctx context.Context) ([]chain.Transfer, error) {
	transfers, err := n.readPool(ctx)
	if err != nil {
		return nil, fmt.Errorf("bitcoin: read pool of %s: %w", n.params.Name, translate(err))
	}
	return transfers, nil
}

func (n *Node) readPool(ctx context.Context) ([]chain.Transfer, error) {
	select {
	case n.pool.turn <- struct{}{}:
		defer func() { <-n.pool.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var ids []hash
	if err := n.rpc.Call(ctx, &ids, "getrawmempool"); err != nil {
		return nil, err
	}
	if len(ids) > maxPool {
		return nil, fmt.Errorf("%w: %d transactions", ErrResponseTooLarge, len(ids))
	}
	if err := n.fetch(ctx, n.pool.missing(ids)); err != nil {
		return nil, err
	}
	return n.pool.list(ids), nil
}

// missing drops what has left the pool, and returns what is new in it.
func (p *pool) missing(ids []hash) []hash {
	p.calls++
	var fresh []hash
	for _, id := range ids {
		if t, ok := p.known[id]; ok {
			t.listed = p.calls
		} else {
			fresh = append(fresh, id)
		}
	}
	for id, t := range p.known {
		if t.listed != p.calls {
			delete(p.known, id)
		}
	}
	return fresh
}

// fetch reads transactions into the pool, several batches at a time.
func (n *Node) fetch(ctx context.Context, ids []hash) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex // guards ids and the pool
	var wg sync.WaitGroup
	for range min(poolParallel, (len(ids)+poolBatch-1)/poolBatch) {
		wg.Go(func() {
			for {
				mu.Lock()
				some := ids[:min(poolBatch, len(ids))]
				ids = ids[len(some):]
				mu.Unlock()
				if len(some) == 0 || ctx.Err() != nil {
					return
				}
				txs, err := n.fetchBatch(ctx, some)
				mu.Lock()
				for i, t := range txs {
					if t != nil {
						t.listed = n.pool.calls
						n.pool.known[some[i]] = t
					}
				}
				mu.Unlock()
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// fetchBatch reads transactions. One that has left the pool meanwhile is nil.
func (n *Node) fetchBatch(ctx context.Context, ids []hash) ([]*pooled, error) {
	queries, texts := make([]query, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		queries[i] = query{method: "getrawtransaction", params: []any{id.String()}, result: &texts[i]}
	}
	if err := n.rpc.batch(ctx, queries); err != nil {
		return nil, err
	}
	txs := make([]*pooled, len(ids))
	for i, q := range queries {
		if hasCode(q.err, codeNotFound) {
			continue
		}
		err := q.err
		if err == nil {
			txs[i], err = n.pooled(texts[i], ids[i])
		}
		if err != nil {
			return txs, fmt.Errorf("transaction %s: %w", ids[i], err)
		}
	}
	return txs, nil
}

// pooled decodes a transaction of the pool and compares it with its id.
func (n *Node) pooled(text string, id hash) (*pooled, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not hexadecimal", chain.ErrIncomplete)
	}
	t, err := n.params.dialect().parseLoose(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", chain.ErrIncomplete, err)
	}
	p := new(pooled)
	if t.onlyMWEB() {
		return p, nil
	}
	if got, _ := t.id(nil); got != id {
		return nil, fmt.Errorf("%w: transaction %s received", chain.ErrIncomplete, got)
	}
	if p.transfers, err = n.appendPaid(nil, t, id); err != nil {
		return nil, fmt.Errorf("%w: %w", chain.ErrIncomplete, err)
	}
	if !n.pool.optIn {
		return p, nil
	}
	p.signals = t.version() == versionTRUC
	t.inputs(func(from hash, sequence uint32) {
		p.signals = p.signals || sequence < replaceableBelow
		p.parents = append(p.parents, from)
	})
	return p, nil
}

// list returns the transfers of transactions, in their order, as far as they are known. The caller may change them.
func (p *pool) list(ids []hash) []chain.Transfer {
	if p.optIn {
		p.spread()
	}
	total := 0
	for _, t := range p.known {
		total += len(t.transfers)
	}
	all := make([]chain.Transfer, 0, total)
	for _, id := range ids {
		t, ok := p.known[id]
		if !ok {
			continue
		}
		for _, x := range t.transfers {
			x.Units = new(big.Int).Set(x.Units)
			x.Replaceable = !p.optIn || t.replaceable
			all = append(all, x)
		}
	}
	return all
}

// spread finds what is replaceable: transactions that signal it, and all their descendants within the pool, which go
// when their ancestor goes (BIP-125 calls that inherited signaling).
func (p *pool) spread() {
	children := make(map[hash][]hash)
	var reached []hash
	for id, t := range p.known {
		if t.replaceable = t.signals; t.signals {
			reached = append(reached, id)
		}
		for _, parent := range t.parents {
			if _, unconfirmed := p.known[parent]; unconfirmed {
				children[parent] = append(children[parent], id)
			}
		}
	}
	for len(reached) > 0 {
		last := len(reached) - 1
		id := reached[last]
		reached = reached[:last]
		for _, child := range children[id] {
			if t := p.known[child]; !t.replaceable {
				t.replaceable = true
				reached = append(reached, child)
			}
		}
	}
}
