package tron

import (
	"encoding/binary"
	"errors"
)

// The two forms of a field in a protobuf message that matter here.
const (
	varintForm = 0
	bytesForm  = 2
)

var errProto = errors.New("not a protobuf message")

// field is one field of a message. It has neither varint nor payload if its form does not matter.
type field struct {
	number  uint64
	form    uint64
	varint  uint64
	payload []byte
}

// next reads the first field of a message, and returns the rest.
func next(message []byte) (field, []byte, error) {
	key, n := binary.Uvarint(message)
	if n <= 0 {
		return field{}, nil, errProto
	}
	message = message[n:]
	f := field{number: key >> 3, form: key & 7}
	size := uint64(0)
	switch f.form {
	case varintForm:
		if f.varint, n = binary.Uvarint(message); n <= 0 {
			return field{}, nil, errProto
		}
		return f, message[n:], nil
	case bytesForm:
		if size, n = binary.Uvarint(message); n <= 0 {
			return field{}, nil, errProto
		}
		message = message[n:]
	case 1:
		size = 8
	case 5:
		size = 4
	default: // groups are not used by anything on TRON
		return field{}, nil, errProto
	}
	if size > uint64(len(message)) {
		return field{}, nil, errProto
	}
	if f.form == bytesForm {
		f.payload = message[:size]
	}
	return f, message[size:], nil
}

// appendBytes appends a field even if it is empty, as an element of a list.
func appendBytes(message []byte, number uint64, payload []byte) []byte {
	message = binary.AppendUvarint(message, number<<3|bytesForm)
	message = binary.AppendUvarint(message, uint64(len(payload)))
	return append(message, payload...)
}

// appendFilled appends a field unless it is empty.
func appendFilled(message []byte, number uint64, payload []byte) []byte {
	if len(payload) == 0 {
		return message
	}
	return appendBytes(message, number, payload)
}

// appendNumber appends a field unless it is zero.
func appendNumber(message []byte, number uint64, value int64) []byte {
	if value == 0 {
		return message
	}
	message = binary.AppendUvarint(message, number<<3|varintForm)
	return binary.AppendUvarint(message, uint64(value))
}

// The types of contract in a transaction that matter here.
const (
	transferContract = 1
	createContract   = 30
	triggerContract  = 31
)

// contract is what a transaction does. TRON accepts no transaction with two contracts.
type contract struct {
	kind     uint32 // also 0 if it cannot be read
	from, to account
	sun      int64 // moved by a transferContract to the field to, if positive
}

// runs reports whether a transaction runs code.
func (c contract) runs() bool { return c.kind == createContract || c.kind == triggerContract }

// mayRun reports whether a transaction runs code or cannot be read.
func (c contract) mayRun() bool { return c.runs() || c.kind == 0 }

// readContract reads the raw data of a transaction (Transaction.raw of the protocol). Unreadable data are the contract
// of kind 0: nobody must be able to stop the reading of a block with such a transaction.
func readContract(raw []byte) contract {
	var only []byte
	for rest := raw; len(rest) > 0; {
		var f field
		var err error
		if f, rest, err = next(rest); err != nil {
			return contract{}
		}
		if f.number == 11 && f.form == bytesForm {
			if only != nil {
				return contract{}
			}
			only = f.payload
		}
	}
	var c contract
	var parameter []byte
	for rest := only; len(rest) > 0; {
		var f field
		var err error
		if f, rest, err = next(rest); err != nil {
			return contract{}
		}
		switch {
		case f.number == 1 && f.form == varintForm:
			c.kind = uint32(f.varint)
		case f.number == 2 && f.form == bytesForm:
			parameter = f.payload
		}
	}
	if c.kind == transferContract {
		c.readTransfer(parameter)
	}
	return c
}

// readTransfer reads a TransferContract within the google.protobuf.Any that carries it.
func (c *contract) readTransfer(wrapped []byte) {
	var value []byte
	for rest := wrapped; len(rest) > 0; {
		var f field
		var err error
		if f, rest, err = next(rest); err != nil {
			return
		}
		if f.number == 2 && f.form == bytesForm {
			value = f.payload
		}
	}
	var from, to []byte
	var sun int64
	for rest := value; len(rest) > 0; {
		var f field
		var err error
		if f, rest, err = next(rest); err != nil {
			return
		}
		switch {
		case f.number == 1 && f.form == bytesForm:
			from = f.payload
		case f.number == 2 && f.form == bytesForm:
			to = f.payload
		case f.number == 3 && f.form == varintForm:
			sun = int64(f.varint)
		}
	}
	receiver, ok := accountOf(to)
	if !ok {
		return
	}
	c.from, _ = accountOf(from)
	c.to, c.sun = receiver, sun
}
