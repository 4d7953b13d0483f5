package tron

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/chain"
)

// The responses of a node, with only the members that are used. Nodes leave out what is zero, empty or false, as
// protobuf does: a missing member is its zero, and only what is checked against a hash is safe from damage.

// octets are bytes in hexadecimal digits without 0x.
type octets []byte

func (o *octets) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return errHex
	}
	raw := make([]byte, hex.DecodedLen(len(b)-2))
	if _, err := hex.Decode(raw, b[1:len(b)-1]); err != nil {
		return errHex // the decoder's error repeats the input
	}
	*o = raw
	return nil
}

var errHex = errors.New("response has something else in place of hexadecimal digits")

// hash is the id of a block or of a transaction, or a topic.
type hash [32]byte

func (h *hash) UnmarshalJSON(b []byte) error {
	var raw octets
	if err := raw.UnmarshalJSON(b); err != nil {
		return err
	}
	if len(raw) != len(h) {
		return errHex
	}
	*h = hash(raw)
	return nil
}

func (h hash) String() string { return hex.EncodeToString(h[:]) }

var (
	_ json.Unmarshaler = (*octets)(nil)
	_ json.Unmarshaler = (*hash)(nil)
	_ json.Unmarshaler = (*wireHeader)(nil)
)

type wireBlock struct {
	ID     *hash `json:"blockID"`
	Header *struct {
		Raw *wireHeader `json:"raw_data"`
	} `json:"block_header"`
	Txs []wireTx `json:"transactions"`

	aside map[int]string // transactions that could not be examined, and why
}

// nothing reports whether the response was an empty object.
func (b *wireBlock) nothing() bool { return b.ID == nil && b.Header == nil && b.Txs == nil }

// wireHeader is BlockHeader.raw of the protocol.
type wireHeader struct {
	Timestamp int64  `json:"timestamp"` // milliseconds
	Root      octets `json:"txTrieRoot"`
	Parent    octets `json:"parentHash"`
	Number    int64  `json:"number"`
	WitnessID int64  `json:"witness_id"`
	Witness   octets `json:"witness_address"`
	Version   int32  `json:"version"`
	StateRoot octets `json:"accountStateRoot"`

	strange bool // it has unknown members
}

func (h *wireHeader) UnmarshalJSON(b []byte) error {
	type plain wireHeader
	known := json.NewDecoder(bytes.NewReader(b))
	known.DisallowUnknownFields()
	if known.Decode((*plain)(h)) == nil {
		return nil
	}
	*h = wireHeader{strange: true}
	return json.Unmarshal(b, (*plain)(h))
}

// id returns the id of the block: its height, and the hash of the header as protobuf except for its first 8 bytes.
func (h *wireHeader) id() hash {
	message := appendNumber(nil, 1, h.Timestamp)
	message = appendFilled(message, 2, h.Root)
	message = appendFilled(message, 3, h.Parent)
	message = appendNumber(message, 7, h.Number)
	message = appendNumber(message, 8, h.WitnessID)
	message = appendFilled(message, 9, h.Witness)
	message = appendNumber(message, 10, int64(h.Version))
	message = appendFilled(message, 11, h.StateRoot)
	id := hash(sha256.Sum256(message))
	binary.BigEndian.PutUint64(id[:], uint64(h.Number))
	return id
}

// maxTime limits the stamp of a block, in milliseconds: the year 36812.
const maxTime = 1000 << 40

// header returns a response as a chain.Header, and proves its id. A header with unknown members, which an upgrade of
// the network may bring, proves only its height.
func (b *wireBlock) header() (chain.Header, error) {
	if b.ID == nil || b.Header == nil || b.Header.Raw == nil {
		return chain.Header{}, fmt.Errorf("%w: a block without id or header", chain.ErrIncomplete)
	}
	h, id := b.Header.Raw, *b.ID
	height := binary.BigEndian.Uint64(id[:])
	if h.Number < 0 || uint64(h.Number) != height || h.Timestamp < 0 || h.Timestamp > maxTime || len(h.Parent) != len(id) {
		return chain.Header{}, fmt.Errorf("%w: header of block %d does not fit its id %s", chain.ErrIncomplete, h.Number, id)
	}
	if !h.strange && h.id() != id {
		return chain.Header{}, fmt.Errorf("%w: header of block %d does not hash to its id %s", chain.ErrIncomplete, h.Number, id)
	}
	answer := chain.Header{Height: height, Hash: id.String(), Time: time.UnixMilli(h.Timestamp).UTC()}
	if height > 0 {
		answer.Parent = hash(h.Parent).String()
	}
	return answer, nil
}

// success is the result of a transaction that succeeded.
const success = "SUCCESS"

type wireTx struct {
	ID         hash     `json:"txID"`
	Raw        octets   `json:"raw_data_hex"`
	Signatures []octets `json:"signature"`
	Results    []struct {
		Fee         int64  `json:"fee"`
		Code        string `json:"ret"`
		ContractRet string `json:"contractRet"`
	} `json:"ret"`

	contract contract // of Raw
}

// succeeded reports whether the transaction succeeded according to the block. Transactions of 2018, from before the
// virtual machine, have no result and count as failed.
func (x *wireTx) succeeded() bool {
	for _, r := range x.Results {
		if r.ContractRet != success || !fine(r.Code) {
			return false
		}
	}
	return len(x.Results) > 0
}

// fine reports whether a code is the zero of the protocol's enumerations of two, which nodes leave out. The protocol
// misspells it.
func fine(code string) bool {
	return code == "" || code == success || code == "SUCESS" //nolint:misspell // so spelled in the protocol
}

// contractResults are the values of Transaction.Result.contractResult in the protocol.
var contractResults = map[string]int64{
	"": 0, "DEFAULT": 0, success: 1, "REVERT": 2, "BAD_JUMP_DESTINATION": 3, "OUT_OF_MEMORY": 4, "PRECOMPILED_CONTRACT": 5,
	"STACK_TOO_SMALL": 6, "STACK_TOO_LARGE": 7, "ILLEGAL_OPERATION": 8, "STACK_OVERFLOW": 9, "OUT_OF_ENERGY": 10,
	"OUT_OF_TIME": 11, "JVM_STACK_OVER_FLOW": 12, "UNKNOWN": 13, "TRANSFER_FAILED": 14, "INVALID_CODE": 15,
}

// leaf returns the transaction's hash in the tree of its block, with its signatures and its results.
func (x *wireTx) leaf() hash {
	message := appendBytes(nil, 1, x.Raw)
	for _, s := range x.Signatures {
		message = appendBytes(message, 2, s)
	}
	for _, r := range x.Results {
		code := int64(1)
		if fine(r.Code) {
			code = 0
		}
		result := appendNumber(nil, 1, r.Fee)
		result = appendNumber(result, 2, code)
		result = appendNumber(result, 3, contractResults[r.ContractRet])
		message = appendBytes(message, 5, result)
	}
	return sha256.Sum256(message)
}

// root returns the root of the tree of a block's transactions, all zero if there are none. A hash without a neighbour
// moves up unchanged.
func root(txs []wireTx) hash {
	if len(txs) == 0 {
		return hash{}
	}
	level := make([]hash, len(txs))
	for i := range txs {
		level[i] = txs[i].leaf()
	}
	for len(level) > 1 {
		above := level[:0]
		for i := 0; i < len(level); i += 2 {
			h := level[i]
			if i+1 < len(level) {
				h = sha256.Sum256(append(h[:], level[i+1][:]...))
			}
			above = append(above, h)
		}
		level = above
	}
	return level[0]
}

// wireInfo is the result of a transaction, TransactionInfo of the protocol.
type wireInfo struct {
	ID        *hash  `json:"id"`
	Block     int64  `json:"blockNumber"`
	Timestamp int64  `json:"blockTimeStamp"`
	Fee       int64  `json:"fee"`    // in sun, of all kinds
	Result    string `json:"result"` // FAILED, or nothing; see fine
	Receipt   struct {
		Result string `json:"result"` // only of transactions that run code
	} `json:"receipt"`
	Logs     []wireLog      `json:"log"`
	Internal []wireInternal `json:"internal_transactions"`
}

type wireLog struct {
	Address octets   `json:"address"` // without the prefix
	Topics  []octets `json:"topics"`
	Data    octets   `json:"data"`
}

type wireInternal struct {
	From   octets `json:"caller_address"`
	To     octets `json:"transferTo_address"`
	Values []struct {
		Sun   int64  `json:"callValue"`
		Token string `json:"tokenId"` // of a TRC-10 token
	} `json:"callValueInfo"`
	Note     octets `json:"note"`
	Rejected bool   `json:"rejected"`
}
