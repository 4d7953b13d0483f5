package bitcoin

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/chain"
)

// Outpoint names an output: the transaction, and the output's number in it.
type Outpoint struct {
	TxID string // in the spelling of Core
	Vout uint32
}

// ErrOutpoint is returned for text that does not name an output.
var ErrOutpoint = errors.New("not a transaction id and the number of an output")

// ParseOutpoint parses what [Outpoint.String] returns, and nothing else.
func ParseOutpoint(s string) (Outpoint, error) {
	id, number, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(number, 10, 32)
	var h hash
	o := Outpoint{id, uint32(n)}
	if !ok || err != nil || h.parse(id) != nil || o.String() != s || h.String() != id {
		return Outpoint{}, fmt.Errorf("bitcoin: %w", ErrOutpoint)
	}
	return o, nil
}

// String returns the id, a colon and the number.
func (o Outpoint) String() string { return o.TxID + ":" + strconv.FormatUint(uint64(o.Vout), 10) }

// Output is an output that is not spent.
type Output struct {
	Units         int64
	Script        []byte
	Confirmations uint64 // 0 outside of blocks
	Coinbase      bool
}

// chunk is how many calls one request to a node carries, where each has a short response, and longChunk where each may be
// a whole transaction.
const (
	chunk     = 200
	longChunk = 16
)

// Unspent returns the outputs that are unspent by the newest block, or nil for each that is not. With pool, outputs of
// unconfirmed transactions exist as well, and what these spend is spent. It needs no index of the node. A response is about
// one block or another if a block arrives meanwhile: compare [Node.Tip] before and after.
func (n *Node) Unspent(ctx context.Context, points []Outpoint, pool bool) ([]*Output, error) {
	outputs := make([]*Output, len(points))
	for start := 0; start < len(points); start += chunk {
		some := points[start:min(start+chunk, len(points))]
		found := make([]unspent, len(some))
		queries := make([]query, len(some))
		for i, p := range some {
			queries[i] = query{method: "gettxout", params: []any{p.TxID, p.Vout, pool}, result: &orNull{&found[i]}}
		}
		err := n.rpc.batch(ctx, queries)
		for i := 0; i < len(some) && err == nil; i++ {
			if hasCode(queries[i].err, codeNotFound) {
				continue // btcd refuses to look at outputs that a transaction of its pool does not have
			}
			err = queries[i].err
			if err == nil {
				outputs[start+i], err = n.output(found[i])
			}
		}
		if err != nil {
			return nil, fmt.Errorf("bitcoin: read outputs of %s: %w", n.params.Name, translate(err))
		}
	}
	return outputs, nil
}

// unspent is the part of gettxout that is used.
type unspent struct {
	Value         json.Number `json:"value"`
	Confirmations uint64      `json:"confirmations"`
	Coinbase      bool        `json:"coinbase"`
	Script        struct {
		Hex string `json:"hex"`
	} `json:"scriptPubKey"`
}

// output returns the output, or nil if there is none.
func (n *Node) output(u unspent) (*Output, error) {
	if u.Value == "" {
		return nil, nil
	}
	units, err := n.params.units(u.Value)
	if err != nil {
		return nil, err
	}
	script, err := hex.DecodeString(u.Script.Hex)
	if err != nil {
		return nil, fmt.Errorf("%w: the script of an output is not hexadecimal", chain.ErrIncomplete)
	}
	return &Output{Units: units, Script: script, Confirmations: u.Confirmations, Coinbase: u.Coinbase}, nil
}

// maxNumber is the length of the longest amount that is read.
const maxNumber = 32

// amount returns the decimal in base units, exactly: nodes write amounts as decimals of coins.
func (p Params) amount(text json.Number) (decimal.Decimal, error) {
	d, err := decimal.NewFromString(text.String())
	if err != nil || len(text) > maxNumber || d.Exponent() < -2*maxNumber || d.Exponent() > maxNumber {
		return decimal.Zero, fmt.Errorf("%w: malformed amount", chain.ErrIncomplete)
	}
	return d.Shift(decimals), nil
}

// units returns an amount of money in base units.
func (p Params) units(text json.Number) (int64, error) {
	d, err := p.amount(text)
	if err == nil && (!d.IsInteger() || d.IsNegative() || d.GreaterThan(decimal.NewFromInt(p.MaxMoney))) {
		err = fmt.Errorf("%w: malformed amount", chain.ErrIncomplete)
	}
	if err != nil {
		return 0, err
	}
	return d.IntPart(), nil
}

// Fees is what a node says about fees, in base units for 1000 virtual bytes, rounded up. What it does not say is 0.
type Fees struct {
	Estimate  int64 // for a confirmation within the blocks that were asked for
	Relay     int64 // below it the node takes no transaction at present
	Increment int64 // what a replacement pays more, for each byte of its own
}

// Fees asks the node for its fees, and for the rate at which a transaction should be in one of the next blocks. A node that
// has no estimate, or does not know one of the methods, is no error.
func (n *Node) Fees(ctx context.Context, blocks int) (Fees, error) {
	var pool struct {
		Min       json.Number `json:"mempoolminfee"`
		Relay     json.Number `json:"minrelaytxfee"`
		Increment json.Number `json:"incrementalrelayfee"`
	}
	var network, info struct {
		Relay     json.Number `json:"relayfee"`
		Increment json.Number `json:"incrementalfee"`
	}
	var smart struct {
		Rate json.Number `json:"feerate"`
	}
	var simple json.Number
	last := query{method: "estimatefee", params: []any{blocks}, result: &simple}
	if n.params.ForkID() {
		last.params = nil
	}
	queries := []query{
		{method: "getmempoolinfo", result: &pool}, {method: "getnetworkinfo", result: &network}, {method: "getinfo", result: &info},
		{method: "estimatesmartfee", params: []any{blocks}, result: &smart}, last,
	}
	if err := n.rpc.batch(ctx, queries); err != nil {
		return Fees{}, fmt.Errorf("bitcoin: read fees of %s: %w", n.params.Name, translate(err))
	}
	for _, q := range queries {
		if hasCode(q.err, codeWarmUp) {
			return Fees{}, fmt.Errorf("bitcoin: read fees of %s: %w", n.params.Name, translate(q.err))
		}
	}
	return Fees{
		Estimate:  n.params.highest(smart.Rate, orIfNone(smart.Rate, simple)),
		Relay:     n.params.highest(pool.Min, pool.Relay, network.Relay, info.Relay),
		Increment: n.params.highest(pool.Increment, network.Increment),
	}, nil
}

// orIfNone returns the other number if there is none.
func orIfNone(number, other json.Number) json.Number {
	if number == "" {
		return other
	}
	return number
}

// highest returns the highest of the rates in base units, rounded up, or 0. A rate of which 1000 bytes cost more than can
// exist is none, and neither is a negative one, which old nodes use for an unknown one.
func (p Params) highest(rates ...json.Number) (most int64) {
	for _, text := range rates {
		d, err := p.amount(text)
		if text == "" || err != nil || !d.IsPositive() || d.GreaterThan(decimal.NewFromInt(p.MaxMoney)) {
			continue
		}
		most = max(most, d.Ceil().IntPart())
	}
	return most
}

// SendRaw gives a transaction to the node. A refusal is an [*Error] with one of the codes -22, -25, -26 and -27.
func (n *Node) SendRaw(ctx context.Context, raw []byte) error {
	if err := n.rpc.Call(ctx, nil, "sendrawtransaction", hex.EncodeToString(raw)); err != nil {
		return fmt.Errorf("bitcoin: send transaction to %s: %w", n.params.Name, translate(err))
	}
	return nil
}

// Pooled reports for each of the ids whether the node has the transaction, and no block of its chain does. It needs no index
// of the node.
func (n *Node) Pooled(ctx context.Context, ids []string) ([]bool, error) {
	pooled := make([]bool, len(ids))
	type where struct {
		Block         string `json:"blockhash"`
		Confirmations int64  `json:"confirmations"`
	}
	for start := 0; start < len(ids); start += longChunk {
		some := ids[start:min(start+longChunk, len(ids))]
		found := make([]where, len(some))
		queries := make([]query, len(some))
		for i, id := range some {
			queries[i] = query{method: "getrawtransaction", params: []any{id, 1}, result: &found[i]}
		}
		err := n.rpc.batch(ctx, queries)
		for i := 0; i < len(some) && err == nil; i++ {
			if hasCode(queries[i].err, codeNotFound) {
				continue
			}
			err = queries[i].err
			pooled[start+i] = err == nil && (found[i].Block == "" || found[i].Confirmations <= 0)
		}
		if err != nil {
			return nil, fmt.Errorf("bitcoin: read pool of %s: %w", n.params.Name, translate(err))
		}
	}
	return pooled, nil
}

// Burden returns what the transaction and all unconfirmed ones that depend on it pay together, in base units: a replacement
// must pay more. It is 0 if the node does not have the transaction unconfirmed, or does not say.
func (n *Node) Burden(ctx context.Context, id string) (int64, error) {
	var entry struct {
		Fees struct {
			Descendant json.Number `json:"descendant"` // in coins
		} `json:"fees"`
		Old json.Number `json:"descendantfees"` // in base units
	}
	err := n.rpc.Call(ctx, &entry, "getmempoolentry", id)
	var refused *Error
	if errors.As(err, &refused) && refused.Code != codeWarmUp {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("bitcoin: read pool of %s: %w", n.params.Name, translate(err))
	}
	if entry.Fees.Descendant != "" {
		return n.params.units(entry.Fees.Descendant)
	}
	if old, err := strconv.ParseInt(entry.Old.String(), 10, 64); err == nil && old > 0 && old <= n.params.MaxMoney {
		return old, nil
	}
	return 0, nil
}

// Transaction is a transaction that was parsed, or read from a node and compared with its id.
type Transaction struct {
	t  transaction
	id hash
}

// ParseTransaction parses a serialized transaction of the coin, and keeps a copy.
func (p Params) ParseTransaction(raw []byte) (Transaction, error) {
	t, err := p.dialect().parseLoose(slices.Clone(raw))
	if err != nil {
		return Transaction{}, fmt.Errorf("bitcoin: read transaction: %w: %w", chain.ErrIncomplete, err)
	}
	id, _ := t.id(nil)
	return Transaction{t, id}, nil
}

// ID returns the transaction's id.
func (t Transaction) ID() string { return t.id.String() }

// Base returns the serialization without witness and without a part for an extension block: the bytes that the id is the
// hash of.
func (t Transaction) Base() []byte {
	base := append([]byte(nil), t.t.raw[:4]...)
	base = append(base, t.t.raw[t.t.body:t.t.outsEnd]...)
	return append(base, t.t.raw[len(t.t.raw)-4:]...)
}

// Spends reports whether an input spends the output.
func (t Transaction) Spends(o Outpoint) bool {
	var id hash
	if id.parse(o.TxID) != nil {
		return false
	}
	r := reader{b: t.t.raw, at: int(t.t.body)}
	for range r.size() {
		from, vout := hash(r.take(32)), r.uint32()
		r.skip(r.size())
		r.skip(4)
		if from == id && vout == o.Vout {
			return true
		}
	}
	return false
}

// Transactions calls visit with each transaction of the block at a height, until visit returns false, and returns the
// block's header. It checks the block as [Node.Block] does. A Transaction must not be kept: [Params.ParseTransaction] copies
// one.
func (n *Node) Transactions(ctx context.Context, height uint64, visit func(Transaction) bool) (chain.Header, error) {
	var header chain.Header
	err := n.rawBlock(ctx, height, func(raw []byte, h hash) error {
		b, err := n.decode(raw, h, height)
		if err != nil {
			return err
		}
		header = b.Header
		parsed, err := n.params.parseBlock(raw)
		if err != nil {
			return err
		}
		var scratch []byte
		for _, t := range parsed.txs {
			var id hash
			if id, scratch = t.id(scratch); !visit(Transaction{t, id}) {
				break
			}
		}
		return nil
	})
	return header, err
}

// TransactionsAt returns confirmed transactions by their ids, of which at has the heights. It needs no index of the node: a
// node that cannot find one by its block is asked without that, and at last for the whole block. It returns
// [chain.ErrNotFound] if one is not where it should be.
func (n *Node) TransactionsAt(ctx context.Context, at map[string]uint64) (map[string]Transaction, error) {
	found := make(map[string]Transaction, len(at))
	hashes, err := n.hashesAt(ctx, at)
	for _, byBlock := range []bool{true, false} {
		if err == nil {
			err = n.askFor(ctx, at, hashes, byBlock, found)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("bitcoin: read transactions of %s: %w", n.params.Name, translate(err))
	}
	for id, height := range at {
		if _, ok := found[id]; ok {
			continue
		}
		_, err := n.Transactions(ctx, height, func(t Transaction) bool {
			if _, wanted := at[t.ID()]; wanted {
				t.t.raw = slices.Clone(t.t.raw)
				found[t.ID()] = t
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		if _, ok := found[id]; !ok {
			return nil, fmt.Errorf("bitcoin: read transactions of %s: %w: %s in block %d", n.params.Name, chain.ErrNotFound, id, height)
		}
	}
	return found, nil
}

// hashesAt returns the hash of the block at each height of at.
func (n *Node) hashesAt(ctx context.Context, at map[string]uint64) (map[uint64]hash, error) {
	var heights []uint64
	for _, height := range at {
		heights = append(heights, height)
	}
	slices.Sort(heights)
	heights = slices.Compact(heights)
	hashes := make(map[uint64]hash, len(heights))
	for some := range slices.Chunk(heights, chunk) {
		results, queries := make([]hash, len(some)), make([]query, len(some))
		for i, height := range some {
			queries[i] = query{method: "getblockhash", params: []any{height}, result: &results[i]}
		}
		if err := n.rpc.batch(ctx, queries); err != nil {
			return nil, err
		}
		for i, q := range queries {
			if q.err != nil {
				return nil, fmt.Errorf("getblockhash: %w", q.err)
			}
			hashes[some[i]] = results[i]
		}
	}
	return hashes, nil
}

// askFor asks for those transactions that are not found yet. A refusal is no error.
func (n *Node) askFor(
	ctx context.Context, at map[string]uint64, hashes map[uint64]hash, byBlock bool, found map[string]Transaction,
) error {
	var ids []string
	for id := range at {
		if _, ok := found[id]; !ok {
			ids = append(ids, id)
		}
	}
	for some := range slices.Chunk(ids, longChunk) {
		results, queries := make([]string, len(some)), make([]query, len(some))
		for i, id := range some {
			params := []any{id, 0}
			if byBlock {
				params = append(params, hashes[at[id]].String())
			}
			queries[i] = query{method: "getrawtransaction", params: params, result: &results[i]}
		}
		if err := n.rpc.batch(ctx, queries); err != nil {
			return err
		}
		for i, q := range queries {
			raw, err := hex.DecodeString(results[i])
			if q.err != nil || err != nil {
				continue
			}
			if t, err := n.params.ParseTransaction(raw); err == nil && t.ID() == some[i] {
				found[some[i]] = t
			}
		}
	}
	return nil
}
