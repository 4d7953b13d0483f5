package bitcoin

import (
	"fmt"
	"math/big"
	"math/bits"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/cointill/cointill/chain"
)

// decode decodes a serialized block into a chain.Block, and proves that it is the block with that hash.
func (n *Node) decode(raw []byte, asked hash, height uint64) (chain.Block, error) {
	b, err := n.params.parseBlock(raw)
	if err != nil {
		return chain.Block{}, fmt.Errorf("%w: block %s: %w", chain.ErrIncomplete, asked, err)
	}
	if b.hash != asked {
		return chain.Block{}, fmt.Errorf("%w: block %s requested, but block %s received", chain.ErrIncomplete, asked, b.hash)
	}
	if n.params.commitsHeight(height) {
		if err := b.checkHeight(height); err != nil {
			return chain.Block{}, err
		}
	}
	transfers, root, err := n.transfers(b.txs)
	if err == nil && root != b.root {
		err = fmt.Errorf("transactions have the root %s instead of %s", root, b.root)
	}
	if err != nil {
		return chain.Block{}, fmt.Errorf("%w: block %s: %w", chain.ErrIncomplete, asked, err)
	}
	return chain.Block{Header: b.at(height), Transfers: transfers}, nil
}

// Large blocks are distributed over the processors in parts: most of the work is hashing, and encoding addresses. A
// part is a whole subtree of the merkle tree.
const (
	partLevels = 8
	partSize   = 1 << partLevels
)

// transfers returns the payments of the transactions of a block, and their merkle root.
func (n *Node) transfers(txs []transaction) ([]chain.Transfer, hash, error) {
	parts := make([]part, 0, (len(txs)+partSize-1)/partSize)
	outs := 0
	for some := range slices.Chunk(txs, partSize) {
		parts = append(parts, part{txs: some, begin: outs})
		for _, t := range some {
			outs += int(t.nOuts)
		}
	}
	all := make([]chain.Transfer, outs)
	levels := partLevels
	if len(parts) == 1 {
		levels = 0
	}
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(parts)); i = next.Add(1) - 1 {
			p := &parts[i]
			p.err = n.readPart(p, all[p.begin:p.begin], i == 0, levels)
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(parts)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	total := 0
	roots := make([]hash, len(parts))
	for i, p := range parts { // the transfers of each are at its place in all; the gaps between them are removed
		if p.err != nil {
			return nil, hash{}, p.err
		}
		total += copy(all[total:], p.transfers)
		roots[i] = p.root
	}
	root, err := merkleRoot(roots, 0)
	return all[:total:total], root, err
}

// part is some consecutive transactions.
type part struct {
	txs       []transaction
	begin     int // how many outputs come before them in the block
	transfers []chain.Transfer
	root      hash
	err       error
}

// readPart reads the transactions of a part into room. The first part starts with the coinbase.
func (n *Node) readPart(p *part, room []chain.Transfer, first bool, levels int) error {
	var ids [partSize]hash
	var scratch []byte
	var err error
	for i, t := range p.txs {
		ids[i], scratch = t.id(scratch)
		if first && i == 0 {
			continue
		}
		if room, err = n.appendPaid(room, t, ids[i]); err != nil {
			return err
		}
	}
	p.transfers = room
	p.root, err = merkleRoot(ids[:len(p.txs)], levels)
	return err
}

// appendPaid appends the payments of a transaction to addresses.
func (n *Node) appendPaid(to []chain.Transfer, t transaction, id hash) ([]chain.Transfer, error) {
	var txid string
	var failed error
	t.outputs(func(i int, value uint64, script []byte) {
		if value > uint64(n.params.MaxMoney) {
			failed = fmt.Errorf("transaction %s pays %d, more than can exist", id, value)
		}
		if value == 0 {
			return
		}
		address, ok := n.params.AddressOf(script)
		if !ok {
			return
		}
		if txid == "" {
			txid = id.String()
		}
		to = append(to, chain.Transfer{
			TxID: txid, Index: n.vout(i), Asset: n.asset, To: address, Units: units(value),
		})
	})
	return to, failed
}

// vout returns the Index of an output.
func (n *Node) vout(i int) string {
	if i < len(n.index) {
		return n.index[i]
	}
	return "vout:" + strconv.Itoa(i)
}

// units is big.NewInt with one allocation instead of two: a large block has thousands.
func units(value uint64) *big.Int {
	if bits.UintSize < 64 {
		return new(big.Int).SetUint64(value)
	}
	n := new(struct {
		big.Int
		word [1]big.Word
	})
	n.word[0] = big.Word(value)
	n.SetBits(n.word[:])
	return &n.Int
}
