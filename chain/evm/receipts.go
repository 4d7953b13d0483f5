package evm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/token"
)

// checkTxs returns an error for a block whose transactions cannot be complete, or do not have the form that is needed.
func checkTxs(b *wireBlock) error {
	if len(b.Txs) == 0 && (b.GasUsed != 0 || b.Bloom != (bloom{})) {
		return fmt.Errorf("%w: no transactions, but gas was used or logs were written", chain.ErrIncomplete)
	}
	seen := make(map[word]struct{}, len(b.Txs))
	for i := range b.Txs {
		if b.Txs[i].Value == nil {
			return fmt.Errorf("%w: transaction %s without value", chain.ErrIncomplete, b.Txs[i].Hash)
		}
		seen[b.Txs[i].Hash] = struct{}{}
	}
	if len(seen) != len(b.Txs) {
		return fmt.Errorf("%w: a transaction is listed twice", chain.ErrIncomplete)
	}
	return nil
}

// receipts returns a block's receipts in the order of its transactions, proven to belong to the block. Those of
// transactions that transfer nothing may be nil.
func (n *Node) receipts(ctx context.Context, b *wireBlock) ([]*wireReceipt, error) {
	switch {
	case len(b.Txs) == 0:
		return nil, nil
	case !n.bulk.offered():
		return n.pickedReceipts(ctx, b)
	}
	receipts, err := n.blockReceipts(ctx, b)
	switch {
	case err == nil:
		n.bulk.answered()
		return receipts, nil
	case ctx.Err() != nil:
		return nil, err
	case n.bulk.refusedFor(err):
		n.log.WarnContext(ctx, "node has no eth_getBlockReceipts: reading logs and single receipts",
			"network", n.network, "err", err)
		return n.pickedReceipts(ctx, b)
	}
	receipts, one := n.restOfReceipts(ctx, b, receipts)
	if one != nil {
		return nil, fmt.Errorf("%w; single receipts: %w", err, one)
	}
	return receipts, nil
}

// blockReceipts reads all receipts of a block in one call. If the response is not complete, the error is the reason,
// and the receipts are those that are good, with nil for the others: nodes leave out some, have duplicates or damaged
// ones, and return them correctly when asked for each alone.
func (n *Node) blockReceipts(ctx context.Context, b *wireBlock) ([]*wireReceipt, error) {
	var answer []*wireReceipt
	if err := n.call(ctx, &answer, "eth_getBlockReceipts", b.Hash); err != nil {
		return nil, err
	}
	places := make(map[word]int, len(b.Txs))
	for i := range b.Txs {
		places[b.Txs[i].Hash] = i
	}
	receipts, twice := make([]*wireReceipt, len(b.Txs)), make(map[int]bool)
	for _, r := range answer {
		if r == nil {
			continue
		}
		i, ours := places[r.TxHash]
		if !ours {
			return nil, fmt.Errorf("%w: receipt of transaction %s, which the block does not have", chain.ErrIncomplete, r.TxHash)
		}
		twice[i] = receipts[i] != nil
		receipts[i] = r
	}
	var failure error
	for i, r := range receipts {
		err := n.checkReceipt(b, i, r)
		if err == nil && twice[i] {
			err = fmt.Errorf("%w: two receipts of transaction %s", chain.ErrIncomplete, r.TxHash)
		}
		if err != nil {
			receipts[i], failure = nil, cmp.Or(failure, err)
		}
	}
	if failure == nil {
		if failure = checkBloom(b, receipts); failure != nil {
			return nil, failure // and any of them may be the incomplete one
		}
	}
	return receipts, failure
}

// restOfReceipts requests those receipts singly that are missing, and all if together with the others they do not
// match the filter in the header.
func (n *Node) restOfReceipts(ctx context.Context, b *wireBlock, have []*wireReceipt) ([]*wireReceipt, error) {
	if have == nil {
		return n.everyReceipt(ctx, b)
	}
	rest, err := n.receiptsOf(ctx, b, func(i int) bool { return have[i] == nil && !b.Txs[i].unsent() })
	if err != nil {
		return n.everyReceipt(ctx, b)
	}
	for i := range have {
		have[i] = cmp.Or(have[i], rest[i])
	}
	if err := n.unsentReceipts(ctx, b, have); err != nil {
		return nil, err
	}
	if n.checkFilled(b, have) != nil {
		return n.everyReceipt(ctx, b)
	}
	return have, nil
}

// unsentReceipts requests the missing receipts of transactions of the network itself. Nodes that leave such a receipt
// out may not have it at all: then the transaction is set aside, as its logs may be payments.
func (n *Node) unsentReceipts(ctx context.Context, b *wireBlock, have []*wireReceipt) error {
	for i := range b.Txs {
		if have[i] != nil || !b.Txs[i].unsent() {
			continue
		}
		var r *wireReceipt
		err := n.call(ctx, &r, "eth_getTransactionReceipt", b.Txs[i].Hash)
		var fault *codeError
		if err == nil && r != nil || err != nil && !errors.As(err, &fault) {
			if err == nil {
				err = n.checkReceipt(b, i, r)
			}
			if err != nil {
				return err
			}
			have[i] = r
			continue
		}
		n.setAside(ctx, b, i, cmp.Or(err, fmt.Errorf("%w: no receipt of what the network did itself", chain.ErrIncomplete)))
	}
	return nil
}

// checkReceipt verifies that a receipt, and every log of a token in it, belongs to the block's i-th transaction.
func (n *Node) checkReceipt(b *wireBlock, i int, r *wireReceipt) error {
	tx := b.Txs[i].Hash
	if r == nil {
		return fmt.Errorf("%w: no receipt of transaction %s", chain.ErrIncomplete, tx)
	}
	if r.TxHash != tx || r.BlockHash != b.Hash {
		return fmt.Errorf("%w: receipt of transaction %s in block %s, want %s in %s",
			chain.ErrIncomplete, r.TxHash, r.BlockHash, tx, b.Hash)
	}
	before := -1
	for i := range r.Logs {
		l := &r.Logs[i]
		if _, ours := n.tokenOf(l); !ours {
			continue // irrelevant in any case
		}
		if word(l.TxHash) != tx || word(l.BlockHash) != b.Hash || l.Removed || l.Index < 0 || l.Data.size < 0 {
			return fmt.Errorf("%w: log %d of transaction %s belongs elsewhere or was removed", chain.ErrIncomplete, i, tx)
		}
		if before >= 0 && l.Index <= r.Logs[before].Index {
			return fmt.Errorf("%w: log %d of transaction %s is repeated or out of order", chain.ErrIncomplete, i, tx)
		}
		before = i
	}
	return nil
}

// checkBloom verifies that all receipts of a block together have exactly the logs that its header's filter announces.
// A header with an empty filter announces nothing: some networks never fill it in. On Polygon, headers may leave out
// the logs of transactions of the network itself.
func checkBloom(b *wireBlock, receipts []*wireReceipt) error {
	if b.Bloom == (bloom{}) || b.Bloom == bloomOf(receipts) {
		return nil
	}
	if b.hasUnsent() {
		var sent []*wireReceipt
		for i, r := range receipts {
			if !b.Txs[i].unsent() {
				sent = append(sent, r)
			}
		}
		if b.Bloom == bloomOf(sent) {
			return nil
		}
	}
	if b.Bloom.holds(bloomOf(receipts)) {
		return fmt.Errorf("%w (or the network's filters have additional bits: see Config.UnprovenLogs)", errFilter)
	}
	return errFilter
}

var errFilter = fmt.Errorf("%w: logs do not match the filter in the header", chain.ErrIncomplete)

// checkFilled is checkBloom after unsentReceipts, where only transactions that are set aside have no receipt. Bits
// that the filter has beyond the others may then belong to these. As an error would stop the network for ever, the
// missing proof is recorded instead.
func (n *Node) checkFilled(b *wireBlock, receipts []*wireReceipt) error {
	err := checkBloom(b, receipts)
	if err == nil || !slices.Contains(receipts, nil) || !b.Bloom.holds(bloomOf(receipts)) {
		return err
	}
	n.assets.Lacks.Note("", chain.ProofOfLogs, "it has no receipt of what the network did itself", 1)
	return nil
}

// checkBloomPart is checkBloom if some receipts are unknown: the known ones must not have more logs than the filter
// announces.
func checkBloomPart(b *wireBlock, receipts []*wireReceipt) error {
	if b.Bloom == (bloom{}) || b.hasUnsent() {
		return nil
	}
	if !b.Bloom.holds(bloomOf(receipts)) {
		return errFilter
	}
	return nil
}

// everyReceipt reads all receipts of a block singly, even if some are too large for any response.
func (n *Node) everyReceipt(ctx context.Context, b *wireBlock) ([]*wireReceipt, error) {
	receipts, err := n.eachReceipt(ctx, b)
	if err != nil && !errors.Is(err, chain.ErrIncomplete) && ctx.Err() == nil {
		receipts, err = n.receiptsApart(ctx, b, func(int) bool { return true })
	}
	return receipts, err
}

// eachReceipt reads all receipts of a block singly.
func (n *Node) eachReceipt(ctx context.Context, b *wireBlock) ([]*wireReceipt, error) {
	receipts, err := n.receiptsOf(ctx, b, func(i int) bool { return !b.Txs[i].unsent() })
	if err == nil {
		err = n.unsentReceipts(ctx, b, receipts)
	}
	if err != nil {
		return nil, err
	}
	return receipts, n.checkFilled(b, receipts)
}

// pickedReceipts reads the receipts of those transactions that may transfer an asset: those with native value, and
// those that a log of a token belongs to. If logs are refused or seem to be missing, it reads all.
func (n *Node) pickedReceipts(ctx context.Context, b *wireBlock) ([]*wireReceipt, error) {
	logs, all, err := n.tokenLogs(ctx, b)
	if err != nil && (errors.Is(err, chain.ErrIncomplete) || ctx.Err() != nil) {
		return nil, err
	}
	if err != nil || all {
		receipts, one := n.everyReceipt(ctx, b)
		if one != nil {
			return nil, errors.Join(err, one)
		}
		return receipts, n.checkLogs(receipts, logs, true)
	}
	wanted := func(i int) bool {
		return len(logs[b.Txs[i].Hash]) > 0 || n.movesCoin(&b.Txs[i]) || b.inner != nil && len(b.inner[i].transfers) > 0
	}
	receipts, err := n.receiptsOf(ctx, b, wanted)
	if err != nil && !errors.Is(err, chain.ErrIncomplete) && ctx.Err() == nil {
		receipts, err = n.receiptsApart(ctx, b, wanted)
	}
	if err != nil {
		return nil, err
	}
	return receipts, n.checkLogs(receipts, logs, false)
}

// checkLogs verifies that every announced log is in the receipts and, unless some may be missing, that these have no
// others.
func (n *Node) checkLogs(receipts []*wireReceipt, logs map[word][]wireLog, missing bool) error {
	placed := 0
	for _, r := range receipts {
		if r == nil {
			continue
		}
		announced := len(logs[r.TxHash])
		if announced > 0 {
			placed++
		}
		if count := n.countLogs(r); count < announced || (count > announced && !missing) {
			return fmt.Errorf("%w: logs and receipt of transaction %s differ", chain.ErrIncomplete, r.TxHash)
		}
	}
	if placed < len(logs) {
		return fmt.Errorf("%w: logs of %d transactions that the block does not have", chain.ErrIncomplete, len(logs)-placed)
	}
	return nil
}

// receiptsOf reads the receipts of the transactions that are wanted.
func (n *Node) receiptsOf(ctx context.Context, b *wireBlock, wanted func(i int) bool) ([]*wireReceipt, error) {
	receipts := make([]*wireReceipt, len(b.Txs))
	var batch []rpc.BatchElem
	var places []int
	for i := range b.Txs {
		if wanted(i) {
			places = append(places, i)
			batch = append(batch, rpc.BatchElem{
				Method: "eth_getTransactionReceipt", Args: []any{b.Txs[i].Hash}, Result: &receipts[i],
			})
		}
	}
	if err := n.allOf(ctx, batch); err != nil {
		return nil, err
	}
	for _, i := range places {
		if err := n.checkReceipt(b, i, receipts[i]); err != nil {
			return nil, err
		}
	}
	return receipts, nil
}

// tokenLogs returns the Transfer logs of the configured tokens by transaction. It also reports whether logs may be
// missing: the header's filter announces a token without a log, or says nothing at all.
func (n *Node) tokenLogs(ctx context.Context, b *wireBlock) (byTx map[word][]wireLog, missing bool, err error) {
	if len(n.assets.Tokens) == 0 {
		return nil, false, nil
	}
	expected := n.expected(b)
	if b.Bloom != (bloom{}) && len(expected) == 0 && !b.hasUnsent() {
		return nil, false, nil // a filter may announce too much, but never too little
	}
	contracts := make([]string, len(n.assets.Tokens))
	for i, t := range n.assets.Tokens {
		contracts[i] = t.ID.Reference()
	}
	filter := map[string]any{"blockHash": b.Hash, "address": contracts, "topics": [][]word{{token.TransferTopic}}}
	var logs []wireLog
	if err := n.call(ctx, &logs, "eth_getLogs", filter); err != nil {
		return nil, false, err
	}
	byTx = make(map[word][]wireLog)
	came := make([]bool, len(n.assets.Tokens))
	for i := range logs {
		l := &logs[i]
		t, ours := n.tokenOf(l)
		if !ours {
			continue // not requested
		}
		tx := word(l.TxHash)
		if word(l.BlockHash) != b.Hash || l.Removed || l.Data.size < 0 {
			return nil, false, fmt.Errorf("%w: log of transaction %s belongs elsewhere or was removed", chain.ErrIncomplete, tx)
		}
		byTx[tx] = append(byTx[tx], *l)
		came[t] = true
	}
	if b.Bloom == (bloom{}) {
		return byTx, true, nil
	}
	for _, t := range expected {
		if !came[t] {
			return byTx, true, nil
		}
	}
	return byTx, false, nil
}

// expected returns the tokens of which the filter in the header announces transfers.
func (n *Node) expected(b *wireBlock) []int {
	if !b.Bloom.mayContain(token.TransferTopic[:]) {
		return nil
	}
	var expected []int
	for i, t := range n.assets.Tokens {
		contract := common.HexToAddress(t.ID.Reference())
		if b.Bloom.mayContain(contract[:]) {
			expected = append(expected, i)
		}
	}
	return expected
}

// countLogs returns how many logs in a receipt the filter of tokenLogs selects.
func (n *Node) countLogs(r *wireReceipt) int {
	count := 0
	for i := range r.Logs {
		if _, ours := n.tokenOf(&r.Logs[i]); ours {
			count++
		}
	}
	return count
}
