package evm

import (
	"encoding/binary"

	"github.com/ethereum/go-ethereum/crypto"
)

// bloomBits returns the three bits that a value sets in a block's filter (Ethereum Yellow Paper, section 4.3.1), as
// positions from the filter's end.
func bloomBits(value []byte) [3]uint {
	sum := crypto.Keccak256(value)
	var bits [3]uint
	for i := range bits {
		bits[i] = uint(binary.BigEndian.Uint16(sum[2*i:])) % (8 * uint(len(bloom{})))
	}
	return bits
}

func (f *bloom) add(value []byte) {
	for _, bit := range bloomBits(value) {
		f[len(f)-1-int(bit/8)] |= 1 << (bit % 8)
	}
}

// mayContain returns false only if no log of the block has the value as its address or as a topic.
func (f *bloom) mayContain(value []byte) bool {
	for _, bit := range bloomBits(value) {
		if f[len(f)-1-int(bit/8)]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// holds reports whether the filter has all bits of another.
func (f *bloom) holds(other bloom) bool {
	for i, bits := range other {
		if bits&^f[i] != 0 {
			return false
		}
	}
	return true
}

// bloomOf returns the filter of a block with these receipts, without those that are nil. Addresses and topics are
// repeated often within a block, and each is hashed once.
func bloomOf(receipts []*wireReceipt) bloom {
	var f bloom
	addresses := make(map[address]struct{})
	topics := make(map[word]struct{})
	for _, r := range receipts {
		if r == nil {
			continue
		}
		for i := range r.Logs {
			l := &r.Logs[i]
			if _, done := addresses[l.Address]; !done {
				addresses[l.Address] = struct{}{}
				f.add(l.Address[:])
			}
			for _, t := range l.Topics {
				if _, done := topics[t]; !done {
					topics[t] = struct{}{}
					f.add(t[:])
				}
			}
		}
	}
	return f
}
