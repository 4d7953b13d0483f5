package evm

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
)

// receiptBatch is how many receipts are asked for at once, which is what providers allow.
const receiptBatch = 100

// receipts answers a block's receipts in the order of its transactions, proven to belong to the block.
// Those of transactions that transfer nothing may be nil.
func (n *Node) receipts(ctx context.Context, b *wireBlock) ([]*wireReceipt, error) {
	if len(b.Txs) == 0 {
		if b.GasUsed != 0 || b.Bloom != (bloom{}) {
			return nil, fmt.Errorf("%w: no transactions, but gas was used or logs were written", chain.ErrIncomplete)
		}
		return nil, nil
	}
	seen := make(map[word]struct{}, len(b.Txs))
	for i := range b.Txs {
		if b.Txs[i].Value == nil {
			return nil, fmt.Errorf("%w: transaction %s without value", chain.ErrIncomplete, b.Txs[i].Hash)
		}
		seen[b.Txs[i].Hash] = struct{}{}
	}
	if len(seen) != len(b.Txs) {
		return nil, fmt.Errorf("%w: a transaction is listed twice", chain.ErrIncomplete)
	}
	if !n.noBlockReceipts.Load() {
		receipts, err := n.blockReceipts(ctx, b)
		if !hasCode(err, codeNoMethod, codeUnsupported) {
			return receipts, err
		}
		n.noBlockReceipts.Store(true)
		n.log.WarnContext(ctx, "evm: node has no eth_getBlockReceipts; reading logs and single receipts",
			"network", n.network)
	}
	return n.pickedReceipts(ctx, b)
}

// blockReceipts reads all receipts of a block in one call.
func (n *Node) blockReceipts(ctx context.Context, b *wireBlock) ([]*wireReceipt, error) {
	var receipts []*wireReceipt
	if err := n.call(ctx, &receipts, "eth_getBlockReceipts", b.Hash); err != nil {
		return nil, err
	}
	if len(receipts) != len(b.Txs) {
		return nil, fmt.Errorf("%w: %d receipts for %d transactions", chain.ErrIncomplete, len(receipts), len(b.Txs))
	}
	for i, r := range receipts {
		if err := checkReceipt(b, i, r); err != nil {
			return nil, err
		}
	}
	return receipts, checkBloom(b, receipts)
}

// checkReceipt makes sure that a receipt, and every log in it, is that of the block's i-th transaction.
func checkReceipt(b *wireBlock, i int, r *wireReceipt) error {
	tx := b.Txs[i].Hash
	if r == nil {
		return fmt.Errorf("%w: no receipt of transaction %s", chain.ErrIncomplete, tx)
	}
	if r.TxHash != tx || r.BlockHash != b.Hash {
		return fmt.Errorf("%w: receipt of transaction %s in block %s, want %s in %s",
			chain.ErrIncomplete, r.TxHash, r.BlockHash, tx, b.Hash)
	}
	for i := range r.Logs {
		l := &r.Logs[i]
		if l.TxHash != tx || l.BlockHash != b.Hash || l.Removed {
			return fmt.Errorf("%w: log %d of transaction %s belongs elsewhere or was removed", chain.ErrIncomplete, i, tx)
		}
		if i > 0 && l.Index <= r.Logs[i-1].Index {
			return fmt.Errorf("%w: log %d of transaction %s is repeated or out of order", chain.ErrIncomplete, i, tx)
		}
	}
	return nil
}

// checkBloom makes sure that all receipts of a block together have exactly the logs that its header's filter
// announces. A header with an empty filter announces nothing: some networks never fill it in.
func checkBloom(b *wireBlock, receipts []*wireReceipt) error {
	if b.Bloom == (bloom{}) || b.Bloom == bloomOf(receipts) {
		return nil
	}
	return fmt.Errorf("%w: logs are missing or too many: they do not make the filter in the header", chain.ErrIncomplete)
}

// pickedReceipts reads the receipts of those transactions that may transfer an asset: the ones with native
// value, and the ones that a log of a token points at. When logs seem to be missing, it reads all.
func (n *Node) pickedReceipts(ctx context.Context, b *wireBlock) ([]*wireReceipt, error) {
	logs, all, err := n.tokenLogs(ctx, b)
	if err != nil {
		return nil, err
	}
	var picked []int
	unplaced := len(logs)
	for i := range b.Txs {
		logged := logs[b.Txs[i].Hash] > 0
		if logged {
			unplaced--
		}
		if all || logged || n.movesCoin(&b.Txs[i]) {
			picked = append(picked, i)
		}
	}
	if unplaced > 0 {
		return nil, fmt.Errorf("%w: logs of %d transactions that the block does not have", chain.ErrIncomplete, unplaced)
	}
	receipts := make([]*wireReceipt, len(b.Txs))
	for len(picked) > 0 {
		part := picked[:min(len(picked), receiptBatch)]
		picked = picked[len(part):]
		if err := n.receiptsOf(ctx, b, part, receipts); err != nil {
			return nil, err
		}
	}
	for i, r := range receipts {
		if r == nil {
			continue
		}
		if count := n.countLogs(r); count < logs[r.TxHash] || (count > logs[r.TxHash] && !all) {
			return nil, fmt.Errorf("%w: logs and receipt of transaction %s differ", chain.ErrIncomplete, b.Txs[i].Hash)
		}
	}
	if all {
		return receipts, checkBloom(b, receipts)
	}
	return receipts, nil
}

// receiptsOf reads the receipts of the transactions at the given places of the block, in one batch.
func (n *Node) receiptsOf(ctx context.Context, b *wireBlock, places []int, receipts []*wireReceipt) error {
	batch := make([]rpc.BatchElem, len(places))
	for k, i := range places {
		batch[k] = rpc.BatchElem{
			Method: "eth_getTransactionReceipt", Args: []any{b.Txs[i].Hash}, Result: &receipts[i],
		}
	}
	if err := n.batch(ctx, batch); err != nil {
		return err
	}
	for k, i := range places {
		if err := batch[k].Error; err != nil {
			n.trust.Store(0)
			return fmt.Errorf("receipt of transaction %s: %w", b.Txs[i].Hash, tidy(err))
		}
		if err := checkReceipt(b, i, receipts[i]); err != nil {
			return err
		}
	}
	return nil
}

// tokenLogs counts the Transfer logs of the configured tokens by transaction. It also says whether logs may
// be missing: the header's filter lets expect a token of which no log came, or says nothing at all.
func (n *Node) tokenLogs(ctx context.Context, b *wireBlock) (count map[word]int, missing bool, err error) {
	if len(n.tokens) == 0 {
		return nil, false, nil
	}
	contracts := make([]string, len(n.tokens))
	for i, t := range n.tokens {
		contracts[i] = t.ID.Reference()
	}
	filter := map[string]any{"blockHash": b.Hash, "address": contracts, "topics": [][]word{{transferTopic}}}
	var logs []wireLog
	if err := n.call(ctx, &logs, "eth_getLogs", filter); err != nil {
		return nil, false, err
	}
	count = make(map[word]int)
	came := make([]bool, len(n.tokens))
	for i := range logs {
		l := &logs[i]
		t, ours := n.tokenOf(l)
		if !ours || l.BlockHash != b.Hash || l.Removed {
			return nil, false, fmt.Errorf("%w: log of transaction %s was not asked for or was removed", chain.ErrIncomplete, l.TxHash)
		}
		count[l.TxHash]++
		came[t] = true
	}
	if b.Bloom == (bloom{}) {
		return count, true, nil
	}
	if !b.Bloom.mayContain(transferTopic[:]) {
		return count, false, nil
	}
	for i, t := range n.tokens {
		contract := common.HexToAddress(t.ID.Reference())
		if !came[i] && b.Bloom.mayContain(contract[:]) {
			return count, true, nil
		}
	}
	return count, false, nil
}

// countLogs is how many logs in a receipt the filter of tokenLogs selects.
func (n *Node) countLogs(r *wireReceipt) int {
	count := 0
	for i := range r.Logs {
		if _, ours := n.tokenOf(&r.Logs[i]); ours {
			count++
		}
	}
	return count
}
