package evm

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/cointill/cointill/chain"
)

// The responses of a node, with only the fields that are used: a block of thousands of transactions is decoded at the
// speed of its JSON, and fields that networks add do no harm. The types of single fields reject other forms, so that a
// damaged response is an error and never a zero.

type wireHeader struct {
	Number    quantity `json:"number"`
	Hash      word     `json:"hash"`
	Parent    word     `json:"parentHash"`
	Timestamp quantity `json:"timestamp"`
	GasUsed   quantity `json:"gasUsed"`
	Bloom     bloom    `json:"logsBloom"`
}

type wireBlock struct {
	wireHeader
	Txs []wireTx `json:"transactions"`

	inner []inner        // by transaction; nil when calls are not examined
	aside map[int]string // transactions that could not be examined, and why
}

func (h *wireHeader) head() *wireHeader { return h }

type wireTx struct {
	Hash  word     `json:"hash"`
	From  address  `json:"from"`
	To    *address `json:"to"` // nil when the transaction makes a contract
	Value *amount  `json:"value"`
}

// wireHashes is a block with the hashes of its transactions.
type wireHashes struct {
	wireHeader
	Txs []word `json:"transactions"`
}

// placedTx is a transaction that was requested alone.
type placedTx struct {
	wireTx
	Block word `json:"blockHash"`
}

// unsent reports whether nobody can have sent the transaction: some networks list their own actions as a transaction
// from nobody to nobody.
func (x *wireTx) unsent() bool {
	return x.From == (address{}) && x.To != nil && *x.To == (address{}) && x.Value != nil && *x.Value == (amount{})
}

func (b *wireBlock) hasUnsent() bool {
	return slices.ContainsFunc(b.Txs, func(x wireTx) bool { return x.unsent() })
}

type wireReceipt struct {
	TxHash    word      `json:"transactionHash"`
	BlockHash word      `json:"blockHash"`
	Status    *quantity `json:"status"` // nil before Byzantium, when receipts had none
	Logs      []wireLog `json:"logs"`
}

func (r *wireReceipt) succeeded() bool { return r.Status != nil && *r.Status == 1 }

// wireLog is a log. The fields that the filter is made of must be well-formed in every log, the others only in those
// of watched tokens: see [Node.checkReceipt].
type wireLog struct {
	Address   address   `json:"address"`
	Topics    []word    `json:"topics"`
	Data      data      `json:"data"`
	TxHash    looseWord `json:"transactionHash"`
	BlockHash looseWord `json:"blockHash"`
	Index     loosePos  `json:"logIndex"`
	Removed   bool      `json:"removed"`
}

// maxTime limits the stamp of a block, in seconds: the year 36812.
const maxTime = 1 << 40

// header returns a response as a chain.Header. It must be the block at the requested height.
func (h *wireHeader) header(height uint64) (chain.Header, error) {
	if h.Hash == (word{}) || uint64(h.Number) != height || h.Timestamp > maxTime {
		return chain.Header{}, fmt.Errorf("%w: block %d requested, but block %d with hash %s received",
			chain.ErrIncomplete, height, h.Number, h.Hash)
	}
	answer := chain.Header{Height: height, Hash: h.Hash.String(), Time: time.Unix(int64(h.Timestamp), 0).UTC()}
	if height > 0 {
		answer.Parent = h.Parent.String()
	}
	return answer, nil
}

var (
	errHex  = errors.New("not a 0x hexadecimal string")
	errSize = errors.New("hexadecimal string of the wrong size")
)

// digits returns the part between "0x and ". It copies nothing.
func digits(b []byte) ([]byte, error) {
	if len(b) < 4 || b[0] != '"' || b[1] != '0' || b[2] != 'x' || b[len(b)-1] != '"' {
		return nil, errHex
	}
	return b[3 : len(b)-1], nil
}

// fixed decodes exactly len(dst) bytes.
func fixed(dst, b []byte) error {
	d, err := digits(b)
	if err != nil {
		return err
	}
	if len(d) != 2*len(dst) {
		return errSize
	}
	_, err = hex.Decode(dst, d)
	return err
}

// word is a hash or a topic.
type word [32]byte

func (w *word) UnmarshalJSON(b []byte) error { return fixed(w[:], b) }

func (w word) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w word) String() string { return "0x" + hex.EncodeToString(w[:]) }

// isAddress reports whether the word is an address as the ABI encodes it.
func (w word) isAddress() bool { return [12]byte(w[:12]) == [12]byte{} }

func (w word) address() chain.Address { return checksummed(common.Address(w[12:])) }

// looseWord is a word, or zero for anything else.
type looseWord word

func (w *looseWord) UnmarshalJSON(b []byte) error {
	if fixed(w[:], b) != nil {
		*w = looseWord{}
	}
	return nil
}

// loosePos is a quantity, or -1 for anything else.
type loosePos int64

func (p *loosePos) UnmarshalJSON(b []byte) error {
	var q quantity
	if *p = -1; q.UnmarshalJSON(b) == nil && q <= math.MaxInt64 {
		*p = loosePos(q)
	}
	return nil
}

type address [20]byte

func (a *address) UnmarshalJSON(b []byte) error { return fixed(a[:], b) }

func (a address) address() chain.Address { return checksummed(common.Address(a)) }

// bloom is the filter in a block's header of the addresses and topics of its logs.
type bloom [256]byte

func (f *bloom) UnmarshalJSON(b []byte) error { return fixed(f[:], b) }

// quantity is an integer of at most 64 bits.
type quantity uint64

func (q *quantity) UnmarshalJSON(b []byte) error {
	d, err := digits(b)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(string(d), 16, 64)
	if err != nil {
		return fmt.Errorf("quantity: %w", errors.Unwrap(err)) // the outer error repeats the input
	}
	*q = quantity(n)
	return nil
}

// amount is an unsigned integer of at most 256 bits.
type amount [32]byte

func (a *amount) UnmarshalJSON(b []byte) error {
	d, err := digits(b)
	if err != nil {
		return err
	}
	if len(d) == 0 || len(d) > 64 {
		return errSize
	}
	var padded [64]byte
	for i := range padded {
		padded[i] = '0'
	}
	copy(padded[64-len(d):], d)
	_, err = hex.Decode(a[:], padded[:])
	return err
}

func (a amount) units() *big.Int { return new(big.Int).SetBytes(a[:]) }

// data is the data of a log. Only its size and, if it is a single word, that word are kept. The size is -1 if it is
// not data.
type data struct {
	size int
	word amount
}

func (v *data) UnmarshalJSON(b []byte) error {
	*v = data{size: -1}
	d, err := digits(b)
	if err != nil || len(d)%2 != 0 {
		return nil //nolint:nilerr // see wireLog
	}
	if len(d) == 2*len(v.word) {
		if _, err := hex.Decode(v.word[:], d); err != nil {
			return nil //nolint:nilerr // see wireLog
		}
	}
	v.size = len(d) / 2
	return nil
}

var (
	_ json.Unmarshaler = (*word)(nil)
	_ json.Unmarshaler = (*address)(nil)
	_ json.Unmarshaler = (*bloom)(nil)
	_ json.Unmarshaler = (*quantity)(nil)
	_ json.Unmarshaler = (*amount)(nil)
	_ json.Unmarshaler = (*data)(nil)
	_ json.Unmarshaler = (*looseWord)(nil)
	_ json.Unmarshaler = (*loosePos)(nil)
)
