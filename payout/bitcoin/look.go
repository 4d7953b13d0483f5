package bitcoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

const (
	looks     = 3    // how often a look begins again because a block arrived
	scanLimit = 200  // blocks that one look searches
	mostScans = 1000 // anchors whose search is remembered
	probed    = 16   // outputs of a version that are looked for
)

// Look implements [payout.Spender]. That no version is in a block follows from the anchor, unspent by the newest block. If
// it is spent, what spent it is found by a version's own outputs, or by reading the blocks since the first version was
// planned, at most 200 a call: until it is found, Look returns an error.
func (s *Spender) Look(ctx context.Context, t payout.Transaction) (payout.Look, error) {
	anchor, err := btc.ParseOutpoint(t.Anchor)
	if err != nil {
		return payout.Look{}, fmt.Errorf("payout/bitcoin: anchor of transaction %s: %w", t.ID, err)
	}
	for range looks {
		tip, err := s.node.Tip(ctx)
		if err != nil {
			return payout.Look{}, err
		}
		look, err := s.look(ctx, t, anchor, tip)
		if err != nil {
			return payout.Look{}, err
		}
		after, err := s.node.Tip(ctx)
		if err != nil {
			return payout.Look{}, err
		}
		if after.Hash == tip.Hash {
			return look, nil
		}
	}
	return payout.Look{}, errMoved
}

func (s *Spender) look(ctx context.Context, t payout.Transaction, anchor btc.Outpoint, tip chain.Tip) (payout.Look, error) {
	look := payout.Look{Versions: make([]payout.Sighting, len(t.Versions))}
	unspent, err := s.node.Unspent(ctx, []btc.Outpoint{anchor}, false)
	if err != nil {
		return payout.Look{}, err
	}
	if unspent[0] != nil {
		s.forget(t.Anchor)
		return look, s.pooled(ctx, t, look)
	}
	if t.Purpose == payout.PurposeBump { // what it spends may be in no block: then none needs to be read
		err := s.pooled(ctx, t, look)
		if err != nil || slices.ContainsFunc(look.Versions, func(v payout.Sighting) bool { return v.Pooled }) {
			return look, err
		}
	}
	by, err := s.spender(ctx, t, anchor, tip)
	switch {
	case err != nil:
		return payout.Look{}, err
	case by == nil: // the transaction that made the anchor is in no block any more
		return look, s.pooled(ctx, t, look)
	}
	depth := tip.Height + 1 - by.height
	if by.version < 0 {
		look.Taken, look.TakenFinal = true, depth >= s.buried
		return look, nil
	}
	v := t.Versions[by.version]
	sight := payout.Sighting{Height: by.height, Final: depth >= s.final, Buried: depth >= s.buried, Fee: new(big.Int).Set(v.Fee)}
	if by.txID != v.TxID {
		sight.TxID = by.txID
	}
	look.Versions[by.version] = sight
	return look, nil
}

// pooled sets which versions the node has unconfirmed.
func (s *Spender) pooled(ctx context.Context, t payout.Transaction, look payout.Look) error {
	var ids []string
	var at []int
	for i, v := range t.Versions {
		if v.TxID != "" {
			ids, at = append(ids, v.TxID), append(at, i)
		}
	}
	pooled, err := s.node.Pooled(ctx, ids)
	for i := range pooled {
		look.Versions[at[i]].Pooled = pooled[i]
	}
	return err
}

// spent is a transaction in a block that spends an anchor.
type spent struct {
	version int // -1 for a foreign one
	txID    string
	height  uint64
}

// spender returns what spent the anchor, or nil if nothing in the chain did.
func (s *Spender) spender(ctx context.Context, t payout.Transaction, anchor btc.Outpoint, tip chain.Tip) (*spent, error) {
	for i, v := range t.Versions {
		if v.TxID == "" {
			continue
		}
		n, err := readNote(v.Note)
		if err != nil {
			return nil, err
		}
		points := make([]btc.Outpoint, 0, probed+1)
		for vout := range uint32(probed) {
			points = append(points, btc.Outpoint{TxID: v.TxID, Vout: vout})
		}
		if n.Change >= probed {
			points = append(points, btc.Outpoint{TxID: v.TxID, Vout: uint32(n.Change)})
		}
		outputs, err := s.node.Unspent(ctx, points, false)
		if err != nil {
			return nil, err
		}
		for _, out := range outputs {
			if out != nil && out.Confirmations > 0 && out.Confirmations <= tip.Height+1 {
				return &spent{i, v.TxID, tip.Height + 1 - out.Confirmations}, nil
			}
		}
	}
	return s.search(ctx, t, anchor, tip)
}

// scan is how far the blocks were searched for what spends an anchor.
type scan struct {
	next  uint64 // the block to read next
	last  string // hash of the one before it; empty at the start
	found *found
}

// found is a transaction that spends the anchor.
type found struct {
	txID   string
	bare   chainhash.Hash // of the transaction without signatures
	height uint64
	block  string // hash
}

// forget drops what is remembered of an anchor.
func (s *Spender) forget(anchor string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.scans, anchor)
}

// remembered returns the state of a search, if its blocks are still in the chain, or that of a new one.
func (s *Spender) remembered(ctx context.Context, t payout.Transaction) (scan, error) {
	s.mu.Lock()
	known, ok := s.scans[t.Anchor]
	s.mu.Unlock()
	if ok {
		height, hash := known.next-1, known.last
		if known.found != nil {
			height, hash = known.found.height, known.found.block
		}
		h, err := s.node.Header(ctx, height)
		if err == nil && h.Hash == hash {
			return *known, nil
		}
		if err != nil && !errors.Is(err, chain.ErrNotFound) {
			return scan{}, err
		}
	}
	// No version can be in a block below the height that it was planned at, but for a reorganisation.
	first := uint64(1)
	for i, v := range t.Versions {
		n, err := readNote(v.Note)
		if err != nil {
			return scan{}, err
		}
		from := uint64(1)
		if n.Height > s.buried {
			from = n.Height - s.buried
		}
		if i == 0 || from < first {
			first = from
		}
	}
	return scan{next: first}, nil
}

// remember keeps the state of a search.
func (s *Spender) remember(anchor string, state scan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.scans) >= mostScans {
		clear(s.scans)
	}
	s.scans[anchor] = &state
}

// search reads blocks until one has what spends the anchor.
func (s *Spender) search(ctx context.Context, t payout.Transaction, anchor btc.Outpoint, tip chain.Tip) (*spent, error) {
	state, err := s.remembered(ctx, t)
	if err != nil {
		return nil, err
	}
	for read := 0; state.found == nil && state.next <= tip.Height; read++ {
		if read == scanLimit {
			s.remember(t.Anchor, state)
			return nil, fmt.Errorf("payout/bitcoin: searching for what spent %s: at block %d of %d", t.Anchor, state.next, tip.Height)
		}
		if err := s.searchBlock(ctx, &state, anchor); err != nil {
			return nil, err
		}
	}
	if state.last != "" || state.found != nil {
		s.remember(t.Anchor, state)
	}
	if state.found == nil {
		return nil, nil
	}
	return s.identify(t, *state.found)
}

// searchBlock reads the next block.
func (s *Spender) searchBlock(ctx context.Context, state *scan, anchor btc.Outpoint) error {
	var hit *found
	var failed error
	header, err := s.node.Transactions(ctx, state.next, func(tx btc.Transaction) bool {
		if !tx.Spends(anchor) {
			return true
		}
		parsed := new(wire.MsgTx)
		if failed = parsed.DeserializeNoWitness(bytes.NewReader(tx.Base())); failed == nil {
			hit = &found{txID: tx.ID(), bare: bare(parsed).TxHash()}
		}
		return false
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if state.last != "" && header.Parent != state.last {
		s.forget(anchor.String())
		return errMoved
	}
	if hit != nil {
		hit.height, hit.block = header.Height, header.Hash
	}
	state.next, state.last, state.found = state.next+1, header.Hash, hit
	return nil
}

// identify tells which version a transaction is. Its id alone does not tell where ids cover signatures.
func (s *Spender) identify(t payout.Transaction, f found) (*spent, error) {
	for i, v := range t.Versions {
		p, err := parsePacket(v.Unsigned)
		if err != nil {
			return nil, fmt.Errorf("payout/bitcoin: version %d of transaction %s: %w", i, t.ID, err)
		}
		if p.UnsignedTx.TxHash() == f.bare {
			return &spent{i, f.txID, f.height}, nil
		}
	}
	return &spent{-1, f.txID, f.height}, nil
}
