package bitcoin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcutil/psbt"

	btc "github.com/cointill/cointill/chain/bitcoin"
)

// maxPacket is the largest PSBT that is read, in bytes: one of 500 coins from transactions of 100 kB each.
const maxPacket = 64 << 20

var (
	errPacket = errors.New("not a PSBT of version 0")

	magic = []byte("psbt\xff")
)

// parsePacket parses a PSBT in binary form. The library panics at some that are damaged, such as one with an empty path.
func parsePacket(b []byte) (p *psbt.Packet, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%w: %v", errPacket, r)
		}
	}()
	if len(b) > maxPacket || !bytes.HasPrefix(b, magic) {
		return nil, errPacket
	}
	if err := checkPacket(b[len(magic):]); err != nil {
		return nil, err
	}
	if p, err = psbt.NewFromRawBytes(bytes.NewReader(b), false); err != nil {
		return nil, fmt.Errorf("%w: %w", errPacket, err)
	}
	return p, nil
}

// The keys of a PSBT whose values begin with a count or have counts in them.
const (
	keyTransaction   = 0x00 // of the whole, and the previous one of an input
	keyInputTaproot  = 0x16 // path of an input's taproot key, after a number of hashes
	keyOutputTaproot = 0x07
)

// checkPacket walks through the maps of a PSBT, and compares each count with the bytes that are there. The library
// allocates for counts before it does, and panics at some.
func checkPacket(b []byte) error {
	w := walker{rest: b}
	inputs, outputs := 0, 0
	for n := 0; n < 1+inputs+outputs; n++ {
		for {
			key, value, more := w.pair()
			if w.failed {
				return errPacket
			}
			if !more {
				break
			}
			var err error
			switch {
			case n == 0 && len(key) == 1 && key[0] == keyTransaction:
				inputs, outputs, err = counts(value)
			case n > 0 && n <= inputs && key[0] == keyTransaction:
				_, err = btc.BitcoinRegtest().ParseTransaction(value)
			case n > 0 && n <= inputs && key[0] == keyInputTaproot, n > inputs && key[0] == keyOutputTaproot:
				err = checkHashes(value)
			}
			if err != nil {
				return fmt.Errorf("%w: %w", errPacket, err)
			}
		}
	}
	if len(w.rest) > 0 {
		return fmt.Errorf("%w: trailing bytes", errPacket)
	}
	return nil
}

// counts returns the numbers of inputs and outputs of an unsigned transaction.
func counts(b []byte) (inputs, outputs int, err error) {
	const version = 4
	if len(b) <= version || b[version] == 0 { // that would be read as the marker of a witness
		return 0, 0, errors.New("a transaction without inputs")
	}
	if _, err := btc.BitcoinRegtest().ParseTransaction(b); err != nil {
		return 0, 0, err
	}
	w := walker{rest: b[version:]}
	inputs = int(w.size())
	const outpoint, sequence = 36, 4
	for range inputs {
		w.take(outpoint)
		w.take(w.size())
		w.take(sequence)
	}
	return inputs, int(w.size()), nil
}

// checkHashes compares the number of hashes of 32 bytes, with which the value begins, with its length.
func checkHashes(value []byte) error {
	w := walker{rest: value}
	if n := w.size(); w.failed || n > uint64(len(value))/32 {
		return errors.New("a wrong number of hashes")
	}
	return nil
}

// walker reads a PSBT. Once it has failed it stays failed.
type walker struct {
	rest   []byte
	failed bool
}

// pair returns the next key and value; more is false at the end of a map.
func (w *walker) pair() (key, value []byte, more bool) {
	n := w.size()
	if n == 0 || w.failed {
		return nil, nil, false
	}
	key = w.take(n)
	value = w.take(w.size())
	return key, value, !w.failed
}

func (w *walker) take(n uint64) []byte {
	if w.failed || n > uint64(len(w.rest)) {
		w.failed, w.rest = true, nil
		return nil
	}
	b := w.rest[:n]
	w.rest = w.rest[n:]
	return b
}

// size reads a number in Bitcoin's variable form.
func (w *walker) size() uint64 {
	first := w.take(1)
	if first == nil {
		return 0
	}
	if first[0] < 0xfd {
		return uint64(first[0])
	}
	var n [8]byte
	copy(n[:], w.take(2<<(first[0]-0xfd)))
	return binary.LittleEndian.Uint64(n[:])
}
