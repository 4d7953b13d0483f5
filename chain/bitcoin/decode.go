package bitcoin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cointill/cointill/chain"
)

// The wire format of blocks and transactions, decoded in place: the results refer to the bytes they came from. Every
// count is compared with the bytes that are left before anything is allocated.

// The errors of a decoder. The package returns all of them as chain.ErrIncomplete.
var (
	errTruncated = errors.New("truncated")
	errTrailing  = errors.New("trailing bytes")
	errFormat    = errors.New("not in the format of this chain")
	errHash      = errors.New("not a hash of 64 digits")
	errMutated   = errors.New("merkle tree with a repeated subtree")
)

const (
	headerSize = 80

	// The smallest transaction that has an input and an output.
	minTx     = 4 + 1 + minInput + 1 + minOutput + 4
	minInput  = 32 + 4 + 1 + 4
	minOutput = 8 + 1

	flagWitness = 0x01 // BIP-144
	flagMWEB    = 0x08 // LIP-3: a part for the extension block follows the witness

	versionAuxPoW = 0x100 // in a header's version: a proof of work of another chain follows

	maxPow = 4 << 20 // bytes of such a proof; a coinbase transaction and two branches
)

// hash is a double SHA-256 as on the wire. People write it in reverse.
type hash [sha256.Size]byte

func (h hash) String() string {
	slices.Reverse(h[:])
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], h[:])
	return string(text[:])
}

// UnmarshalJSON decodes exactly 64 hexadecimal digits.
func (h *hash) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return errHash
	}
	return h.parse(string(b[1 : len(b)-1]))
}

// parse is the reverse of String.
func (h *hash) parse(s string) error {
	if len(s) != 2*len(h) {
		return errHash
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return errHash
	}
	slices.Reverse(h[:])
	return nil
}

func doubleSHA256(b []byte) hash {
	once := sha256.Sum256(b)
	return sha256.Sum256(once[:])
}

// reader reads in place. Once it has failed it returns zeros, and stays failed.
type reader struct {
	b      []byte
	at     int
	failed bool
}

func (r *reader) left() int { return len(r.b) - r.at }

func (r *reader) skip(n uint64) {
	if n > uint64(len(r.b)-r.at) {
		r.failed, r.at = true, len(r.b)
		return
	}
	r.at += int(n)
}

// take returns the next n bytes, or nil.
func (r *reader) take(n uint64) []byte {
	from := r.at
	if r.skip(n); r.failed {
		return nil
	}
	return r.b[from:r.at:r.at]
}

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.failed = true
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) uint32() uint32 {
	var n [4]byte
	copy(n[:], r.take(4))
	return binary.LittleEndian.Uint32(n[:])
}

// size reads a count or length in Bitcoin's variable form (CompactSize).
func (r *reader) size() uint64 {
	first := r.byte()
	if first < 0xfd {
		return uint64(first)
	}
	return r.longSize(first)
}

func (r *reader) longSize(first byte) uint64 {
	var n [8]byte
	copy(n[:], r.take(2<<(first-0xfd)))
	return binary.LittleEndian.Uint64(n[:])
}

// count reads the number of things that follow, each of which has at least least bytes.
func (r *reader) count(least int) int {
	n := r.size()
	if n > uint64(r.left()/least) {
		r.failed = true
		return 0
	}
	return int(n)
}

// header is a block's header and its hash.
type header struct {
	version            uint32
	hash, parent, root hash
	time               uint32
}

// parseHeader parses the first 80 bytes of b.
func parseHeader(b []byte) (header, error) {
	if len(b) < headerSize {
		return header{}, errTruncated
	}
	return header{
		version: binary.LittleEndian.Uint32(b), hash: doubleSHA256(b[:headerSize]),
		parent: hash(b[4:36]), root: hash(b[36:68]), time: binary.LittleEndian.Uint32(b[68:]),
	}, nil
}

// transaction holds where the parts of a serialized transaction are. It refers to raw, which must not change.
type transaction struct {
	raw     []byte
	body    uint32 // start of the count of inputs
	outs    uint32 // start of the first output
	outsEnd uint32 // start of what txids do not cover: witness, and the part for the extension block
	nOuts   uint32
	flags   byte // which parts of BIP-144 and LIP-3 it has
}

// dialect is what serialized transactions of a chain may contain.
type dialect struct {
	segwit, mweb bool
	// loose is set for a transaction outside a block, as in the pool, where one of Litecoin may carry its part for the
	// extension block, or consist of that alone.
	loose bool
	// foreign is set for the coinbase of another chain, of which only the proof of work has to be valid: the miner may
	// leave the outputs out.
	foreign bool
}

// transaction reads one transaction. A loose one extends to the end.
func (d dialect) transaction(r *reader) (transaction, error) {
	start := r.at
	t := transaction{body: 4}
	r.skip(4)
	if d.segwit && r.left() >= 2 && r.b[r.at] == 0 {
		t.flags, t.body = r.b[r.at+1], 6
		known := byte(flagWitness)
		if d.mweb {
			known |= flagMWEB
		}
		if t.flags == 0 || t.flags&^known != 0 {
			return transaction{}, errFormat
		}
		r.skip(2)
	}
	nIns := r.count(minInput)
	for range nIns {
		r.skip(36)
		r.skip(r.size())
		r.skip(4)
	}
	nOuts := r.count(minOutput)
	t.outs, t.nOuts = uint32(r.at-start), uint32(nOuts)
	for range nOuts {
		r.skip(8)
		r.skip(r.size())
	}
	t.outsEnd = uint32(r.at - start)
	if t.flags&flagWitness != 0 {
		for range nIns {
			for range r.count(1) {
				r.skip(r.size())
			}
		}
	}
	if t.flags&flagMWEB != 0 && r.byte() != 0 && !r.failed {
		if !d.loose {
			return transaction{}, errFormat
		}
		r.skip(uint64(max(r.left()-4, 0)))
	}
	r.skip(4)
	switch only := d.loose && t.flags&flagMWEB != 0; {
	case r.failed:
		return transaction{}, errTruncated
	case nIns == 0 && !only, nOuts == 0 && !only && !d.foreign:
		return transaction{}, errFormat
	}
	t.raw = r.b[start:r.at:r.at]
	return t, nil
}

// parseLoose parses b as one transaction.
func (d dialect) parseLoose(b []byte) (transaction, error) {
	if uint64(len(b)) > math.MaxUint32 {
		return transaction{}, errFormat
	}
	d.loose = true
	r := reader{b: b}
	t, err := d.transaction(&r)
	if err == nil && r.left() > 0 {
		err = errTrailing
	}
	return t, err
}

// onlyMWEB reports whether the whole transaction is in the extension block: it pays nothing visible, and its id is not
// a hash of its bytes.
func (t transaction) onlyMWEB() bool { return t.flags&flagMWEB != 0 && t.nOuts == 0 }

// isHogEx reports whether this is the transaction that ends a block of Litecoin with an extension block.
func (t transaction) isHogEx() bool { return t.flags&flagMWEB != 0 }

// id returns the transaction's id. It uses scratch, and returns it for the next call.
func (t transaction) id(scratch []byte) (hash, []byte) {
	if t.flags == 0 {
		return doubleSHA256(t.raw), scratch
	}
	scratch = append(scratch[:0], t.raw[:4]...)
	scratch = append(scratch, t.raw[t.body:t.outsEnd]...)
	scratch = append(scratch, t.raw[len(t.raw)-4:]...)
	return doubleSHA256(scratch), scratch
}

// version returns the transaction's version.
func (t transaction) version() uint32 { return binary.LittleEndian.Uint32(t.raw) }

// isCoinbase reports whether the transaction has one input, which spends nothing.
func (t transaction) isCoinbase() bool {
	in := t.raw[t.body:]
	return in[0] == 1 && hash(in[1:33]) == hash{} && binary.LittleEndian.Uint32(in[33:]) == math.MaxUint32
}

// coinbaseScript returns the script of the first input.
func (t transaction) coinbaseScript() []byte {
	r := reader{b: t.raw, at: int(t.body) + 1 + 36}
	return r.take(r.size())
}

// inputs calls f for each input, with the transaction that it spends from and its sequence number.
func (t transaction) inputs(f func(from hash, sequence uint32)) {
	r := reader{b: t.raw, at: int(t.body)}
	for range r.size() {
		from := hash(r.take(32))
		r.skip(4)
		r.skip(r.size())
		f(from, binary.LittleEndian.Uint32(r.take(4)))
	}
}

// outputs calls f for each output.
func (t transaction) outputs(f func(n int, value uint64, script []byte)) {
	r := reader{b: t.raw, at: int(t.outs)}
	for n := range int(t.nOuts) {
		value := binary.LittleEndian.Uint64(r.take(8))
		f(n, value, r.take(r.size()))
	}
}

// block is a decoded block. Only its form has been checked.
type block struct {
	header
	txs []transaction
}

// dialect returns what transactions in blocks of the chain may contain.
func (p Params) dialect() dialect { return dialect{segwit: p.hrp != "", mweb: p.MWEB} }

// maxBlock returns the largest size of a serialized block, in bytes: well above what the coins allow, so that an
// extension block, a proof of merged mining or a raised limit still fit.
func (p Params) maxBlock() int {
	if p.cashPrefix != "" {
		return 64 << 20
	}
	return 8 << 20
}

// parseBlock parses raw as one block.
func (p Params) parseBlock(raw []byte) (block, error) {
	if len(raw) > p.maxBlock() {
		return block{}, errFormat
	}
	h, err := parseHeader(raw)
	if err != nil {
		return block{}, err
	}
	b := block{header: h}
	r := reader{b: raw, at: headerSize}
	if p.AuxPoW && h.version&versionAuxPoW != 0 {
		skipAuxPoW(&r)
	}
	n := r.count(minTx)
	if r.failed {
		return block{}, errTruncated
	}
	b.txs = make([]transaction, n)
	d := p.dialect()
	for i := range b.txs {
		if b.txs[i], err = d.transaction(&r); err != nil {
			return block{}, fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	if err := b.checkShape(); err != nil {
		return block{}, err
	}
	if b.txs[n-1].isHogEx() && r.left() > 0 {
		skipExtension(&r)
	}
	if r.left() > 0 {
		return block{}, errTrailing
	}
	return b, nil
}

// skipExtension skips the extension block, which is optional: 1 and the block, or 0. The HogEx commits to it by a
// hash, and it contains no visible payments, so it is not parsed: a change of its format must not hide payments.
func skipExtension(r *reader) {
	if there := r.b[r.at]; there <= 1 {
		r.skip(1)
		r.skip(uint64(r.left()) * uint64(there))
	}
}

// checkShape returns an error for a block that does not start with a coinbase, or has a second one, or has a HogEx
// before its end. The first rule also prevents that inner nodes of a merkle tree pass for transactions of 64 bytes.
func (b block) checkShape() error {
	if len(b.txs) == 0 {
		return errFormat
	}
	for i, t := range b.txs {
		if t.isCoinbase() != (i == 0) || t.isHogEx() && i < len(b.txs)-1 {
			return fmt.Errorf("transaction %d: %w", i, errFormat)
		}
	}
	return nil
}

// skipAuxPoW skips a proof of merged mining: the coinbase of the other chain, the branch that leads to it, the branch
// that leads from there to this block, and the header of the other chain. The work itself is for the node to verify,
// as for every other header.
func skipAuxPoW(r *reader) {
	whole := r.b
	r.b = whole[:min(len(whole), r.at+maxPow)]
	if _, err := (dialect{segwit: true, foreign: true}).transaction(r); err != nil {
		r.failed = true
		return
	}
	r.skip(sha256.Size) // hash of the other chain's block
	for range 2 {
		r.skip(uint64(sha256.Size * r.count(sha256.Size)))
		r.skip(4) // the side at each step
	}
	r.skip(headerSize)
	r.b = whole
}

// merkleRoot returns the root of ids, which it overwrites, and raises it to at least a number of levels: a subtree at
// the end of a larger tree counts as filled up with copies of its last node. It returns an error for a tree with two
// equal neighbours, as other lists of transactions have the same root (CVE-2012-2459).
func merkleRoot(ids []hash, levels int) (hash, error) {
	var pair [2 * sha256.Size]byte
	for level := 0; level < levels || len(ids) > 1; level++ {
		half := (len(ids) + 1) / 2
		for i := range half {
			left, right := &ids[2*i], &ids[min(2*i+1, len(ids)-1)]
			if left != right && *left == *right {
				return hash{}, errMutated
			}
			copy(pair[:], left[:])
			copy(pair[sha256.Size:], right[:])
			ids[i] = doubleSHA256(pair[:])
		}
		ids = ids[:half]
	}
	return ids[0], nil
}

// commitsHeight reports whether blocks at the height must contain it in their coinbase. BIP-34 was enforced from block
// 227931 on Bitcoin and Bitcoin Cash, 710000 on Litecoin, 1034383 on Dogecoin, according to their chainparams.cpp; for
// older blocks, and on private chains, the node is trusted.
func (p Params) commitsHeight(height uint64) bool {
	if p.AuxPoW {
		return height >= 1_034_383
	}
	return height >= 710_000
}

// checkHeight compares a height with the coinbase. It is for heights that need three or four bytes.
func (b block) checkHeight(height uint64) error {
	var push [5]byte
	binary.LittleEndian.PutUint32(push[1:], uint32(height))
	push[0] = 3
	if height >= 1<<23 {
		push[0] = 4
	}
	if height > math.MaxInt32 || !bytes.HasPrefix(b.txs[0].coinbaseScript(), push[:1+push[0]]) {
		return fmt.Errorf("%w: coinbase does not contain the height %d", chain.ErrIncomplete, height)
	}
	return nil
}
