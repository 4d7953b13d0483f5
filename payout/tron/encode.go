package tron

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
)

// The two contracts of the protocol that transactions of this package have.
const (
	transferContract = 1
	triggerContract  = 31
	transferURL      = "type.googleapis.com/protocol.TransferContract"
	triggerURL       = "type.googleapis.com/protocol.TriggerSmartContract"
)

// prefix is the first byte of every address.
const prefix = 0x41

// account is an address without its prefix.
type account [20]byte

func accountOf(a chain.Address) (account, error) {
	canonical, err := tron.ParseAddress(string(a))
	if err != nil {
		return account{}, err
	}
	raw, _, err := base58.CheckDecode(string(canonical))
	if err != nil || len(raw) != len(account{}) {
		return account{}, tron.ErrAddress
	}
	return account(raw), nil
}

// address returns the canonical spelling.
func (a account) address() chain.Address { return chain.Address(base58.CheckEncode(a[:], prefix)) }

// bytes returns the form of messages.
func (a account) bytes() []byte { return append([]byte{prefix}, a[:]...) }

// payment is a transaction that moves TRX or a token from one address to another.
type payment struct {
	ref        [10]byte // end of the number of a solidified block, and the middle of its id
	expiration int64    // milliseconds
	timestamp  int64    // milliseconds
	limit      int64    // fee limit, in sun; 0 for TRX
	from, to   account
	contract   *account // of the token; nil for TRX
	units      *big.Int
}

// selector is that of transfer(address,uint256).
const selector = "\xa9\x05\x9c\xbb"

// wordLen is the length of an argument of a call.
const wordLen = 32

// encode returns the raw data of the transaction (Transaction.raw of the protocol), whose hash is its id.
func (p payment) encode() []byte {
	kind, url, message := transferContract, transferURL, appendBytes(nil, 1, p.from.bytes())
	if p.contract == nil {
		message = appendNumber(appendBytes(message, 2, p.to.bytes()), 3, p.units.Int64())
	} else {
		kind, url = triggerContract, triggerURL
		message = appendBytes(appendBytes(message, 2, p.contract.bytes()), 4, p.callData())
	}
	wrapped := appendBytes(appendBytes(nil, 1, []byte(url)), 2, message)
	raw := appendBytes(appendBytes(nil, 1, p.ref[:2]), 4, p.ref[2:])
	raw = appendNumber(raw, 8, p.expiration)
	raw = appendBytes(raw, 11, appendBytes(appendNumber(nil, 1, int64(kind)), 2, wrapped))
	raw = appendNumber(raw, 14, p.timestamp)
	return appendNumber(raw, 18, p.limit)
}

func (p payment) callData() []byte {
	data := append([]byte(selector), make([]byte, 2*wordLen)...)
	copy(data[len(selector)+wordLen-len(p.to):], p.to[:])
	p.units.FillBytes(data[len(selector)+wordLen:])
	return data
}

// errRaw is returned for raw data that are no payment as encode makes them.
var errRaw = errors.New("not a transfer of TRX or of a token")

// decode reads raw data. It accepts only what encode makes, to the byte, so that nothing in them stays unread.
func decode(raw []byte) (p payment, err error) {
	outer, err := fields(raw)
	if err != nil {
		return p, errRaw
	}
	if b, h := outer[1].payload, outer[4].payload; len(b) == 2 && len(h) == 8 {
		p.ref = [10]byte(append(bytes.Clone(b), h...))
	}
	p.expiration, p.timestamp, p.limit = outer[8].varint, outer[14].varint, outer[18].varint
	inner, err := fields(outer[11].payload)
	if err != nil {
		return p, errRaw
	}
	wrapped, err := fields(inner[2].payload)
	if err != nil {
		return p, errRaw
	}
	value, err := fields(wrapped[2].payload)
	if err != nil {
		return p, errRaw
	}
	if err := p.read(inner[1].varint, value); err != nil {
		return p, err
	}
	if !bytes.Equal(p.encode(), raw) || p.expiration <= 0 || p.timestamp <= 0 || p.limit < 0 || p.units.Sign() <= 0 {
		return p, errRaw
	}
	return p, nil
}

// read reads a contract's message.
func (p *payment) read(kind int64, value map[uint64]field) error {
	from, second := value[1].payload, value[2].payload
	if len(from) != 1+len(account{}) || len(second) != 1+len(account{}) {
		return errRaw
	}
	p.from = account(from[1:])
	if kind == transferContract {
		p.to, p.units = account(second[1:]), big.NewInt(value[3].varint)
		return nil
	}
	data := value[4].payload
	if kind != triggerContract || len(data) != len(selector)+2*wordLen {
		return errRaw
	}
	contract := account(second[1:])
	p.contract = &contract
	p.to = account(data[len(selector)+wordLen-len(account{}) : len(selector)+wordLen])
	p.units = new(big.Int).SetBytes(data[len(selector)+wordLen:])
	return nil
}

// id returns the transaction's id.
func (p payment) id() [sha256.Size]byte { return sha256.Sum256(p.encode()) }

func (p payment) txID() string {
	id := p.id()
	return hex.EncodeToString(id[:])
}

// expires returns the time of a block from which on no later block can have the transaction.
func (p payment) expires() time.Time { return time.UnixMilli(p.expiration).UTC() }

// refer returns the reference to a block.
func refer(h chain.Header) (ref [10]byte, err error) {
	id, err := hex.DecodeString(h.Hash)
	if err != nil || len(id) != sha256.Size {
		return ref, fmt.Errorf("block %d has no id", h.Height)
	}
	copy(ref[:], id[6:8])
	copy(ref[2:], id[8:16])
	return ref, nil
}

// signatureLen is the length of a signature: r, s, and the number of the key that it recovers to.
const signatureLen = 65

// seal returns the signed transaction as it is sent.
func seal(raw, signature []byte) []byte { return appendBytes(appendBytes(nil, 1, raw), 2, signature) }

// unseal returns the parts of a signed transaction. It accepts only what seal makes.
func unseal(whole []byte) (raw, signature []byte, err error) {
	parts, err := fields(whole)
	if err != nil {
		return nil, nil, err
	}
	raw, signature = parts[1].payload, parts[2].payload
	if len(signature) != signatureLen || !bytes.Equal(seal(raw, signature), whole) {
		return nil, nil, errors.New("not a transaction with one signature")
	}
	return raw, signature, nil
}

// resultBytes is what the network adds to a transaction's size, for its result.
const resultBytes = 64

// size returns the bandwidth that the transaction takes, in bytes.
func (p payment) size() int64 {
	return int64(len(seal(p.encode(), make([]byte, signatureLen))) + resultBytes)
}

// field is one field of a message: a number or bytes.
type field struct {
	varint  int64
	payload []byte
}

var errMessage = errors.New("not a protobuf message of numbers and bytes")

// fields reads a message, each field of which occurs once.
func fields(message []byte) (map[uint64]field, error) {
	out := map[uint64]field{}
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return nil, errMessage
		}
		message = message[n:]
		value, n := binary.Uvarint(message)
		if _, twice := out[key>>3]; n <= 0 || twice {
			return nil, errMessage
		}
		message = message[n:]
		switch {
		case key&7 == 0 && value <= math.MaxInt64:
			out[key>>3] = field{varint: int64(value)}
		case key&7 == 2 && value <= uint64(len(message)):
			out[key>>3] = field{payload: message[:value]}
			message = message[value:]
		default:
			return nil, errMessage
		}
	}
	return out, nil
}

func appendBytes(message []byte, number uint64, payload []byte) []byte {
	message = binary.AppendUvarint(message, number<<3|2)
	message = binary.AppendUvarint(message, uint64(len(payload)))
	return append(message, payload...)
}

// appendNumber appends a field unless it is zero.
func appendNumber(message []byte, number uint64, value int64) []byte {
	if value == 0 {
		return message
	}
	return binary.AppendUvarint(binary.AppendUvarint(message, number<<3), uint64(value))
}
