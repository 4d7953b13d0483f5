package bitcoin

import (
	"errors"
	"strings"

	"github.com/btcsuite/btcd/btcutil/bech32"

	"github.com/cointill/cointill/chain"
)

// charset has the digits of bech32, CashAddr and the checksums of descriptors.
const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// The BCH codes of bech32 (30 bits), CashAddr and descriptors (40 bits).
var (
	bech32Code     = newCode(30, [5]uint64{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3})
	cashCode       = newCode(40, [5]uint64{0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470})
	descriptorCode = newCode(40, [5]uint64{0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd})
)

// code divides polynomials with coefficients of five bits by a generator polynomial; the remainder is the
// checksum.
type code struct {
	top   uint       // position of the coefficient that leaves the state at each step
	table [32]uint64 // what to add for each value of it
}

func newCode(bits uint, generators [5]uint64) *code {
	c := &code{top: bits - 5}
	for value := range c.table {
		for i, g := range generators {
			if value>>i&1 == 1 {
				c.table[value] ^= g
			}
		}
	}
	return c
}

// step takes the next coefficient.
func (c *code) step(state uint64, value byte) uint64 {
	top := state >> c.top
	return (state^top<<c.top)<<5 ^ uint64(value) ^ c.table[top&31]
}

// writer writes groups of five bits and keeps the state of their checksum.
type writer struct {
	code  *code
	state uint64
	out   [maxAddress]byte // an array, so that nothing is allocated
	n     int
}

// plain writes what is already in the state.
func (w *writer) plain(s string) { w.n += copy(w.out[w.n:], s) }

func (w *writer) digit(value byte) {
	w.state = w.code.step(w.state, value)
	w.out[w.n] = charset[value]
	w.n++
}

// bytes writes eight bits each, after the bits that are held back; finish pads the rest with zeros.
func (w *writer) bytes(held, bits uint, b []byte) {
	for _, next := range b {
		held = held<<8 | uint(next)
		for bits += 8; bits >= 5; {
			bits -= 5
			w.digit(byte(held >> bits & 31))
		}
	}
	if bits > 0 {
		w.digit(byte(held << (5 - bits) & 31))
	}
}

// checksum writes the checksum, in as many digits as the code has.
func (w *writer) checksum(final uint64) {
	for shift := uint(0); shift <= w.code.top; shift += 5 {
		w.state = w.code.step(w.state, 0)
	}
	w.state ^= final
	for shift := int(w.code.top); shift >= 0; shift -= 5 {
		w.out[w.n] = charset[w.state>>shift&31]
		w.n++
	}
}

func (w *writer) String() string { return string(w.out[:w.n]) }

// bech32State returns the state of the checksum after the human-readable part, expanded as BIP-173 specifies.
func bech32State(hrp string) uint64 {
	state := uint64(1)
	for i := range len(hrp) {
		state = bech32Code.step(state, hrp[i]>>5)
	}
	state = bech32Code.step(state, 0)
	for i := range len(hrp) {
		state = bech32Code.step(state, hrp[i]&31)
	}
	return state
}

// The constants that the checksums of bech32 and bech32m end with (BIP-350).
const (
	bech32Final  = 1
	bech32mFinal = 0x2bc830a3
)

// segwit returns a witness program as an address.
func (a *addresses) segwit(version byte, program []byte) chain.Address {
	w := writer{code: bech32Code, state: a.hrpState}
	w.plain(a.hrp)
	w.plain("1")
	w.digit(version)
	w.bytes(0, 0, program)
	if version == 0 {
		w.checksum(bech32Final)
	} else {
		w.checksum(bech32mFinal)
	}
	return chain.Address(w.String())
}

// cashState returns the state of the checksum after the prefix and the zero that stands for the colon.
func cashState(prefix string) uint64 {
	state := uint64(1)
	for i := range len(prefix) {
		state = cashCode.step(state, prefix[i]&31)
	}
	return cashCode.step(state, 0)
}

// The version byte of a CashAddr: the kind of script, and the length of its hash. The token kinds pay the same
// scripts; they signal that the owner's wallet supports tokens.
const (
	cashP2PKH      = 0 << 3
	cashP2SH       = 1 << 3
	cashP2SH32     = cashP2SH | 3
	cashTokenP2PKH = 2 << 3
	cashTokenP2SH  = 3 << 3
)

// cash returns a hash as a CashAddr with its prefix.
func (a *addresses) cash(version byte, hash []byte) chain.Address {
	w := writer{code: cashCode, state: a.cashState}
	w.plain(a.cashPrefix)
	w.plain(":")
	w.digit(version >> 3)
	w.bytes(uint(version&7), 3, hash)
	w.checksum(1)
	return chain.Address(w.String())
}

// decodeCash decodes a CashAddr, with or without its prefix.
func (a *addresses) decodeCash(s string) ([]byte, error) {
	lower := strings.ToLower(s)
	if s != lower && s != strings.ToUpper(s) {
		return nil, errors.New("mixed case (CashAddr)")
	}
	if prefix, rest, ok := strings.Cut(lower, ":"); ok {
		if prefix != a.cashPrefix {
			return nil, errors.New("another network's prefix (CashAddr)")
		}
		lower = rest
	}
	digits := make([]byte, len(lower))
	state := a.cashState
	for i := range len(lower) {
		value := strings.IndexByte(charset, lower[i])
		if value < 0 {
			return nil, errors.New("wrong character (CashAddr)")
		}
		digits[i] = byte(value)
		state = cashCode.step(state, byte(value))
	}
	if state != 1 || len(digits) <= 8 {
		return nil, errors.New("wrong checksum (CashAddr)")
	}
	raw, err := bech32.ConvertBits(digits[:len(digits)-8], 5, 8, false)
	if err != nil || len(raw) == 0 {
		return nil, errors.New("wrong padding (CashAddr)")
	}
	hash := raw[1:]
	switch version := raw[0]; {
	case len(hash) == hashLen && (version == cashP2PKH || version == cashTokenP2PKH):
		return p2pkhScript(hash), nil
	case len(hash) == hashLen && (version == cashP2SH || version == cashTokenP2SH):
		return p2shScript(hash), nil
	case len(hash) == 32 && (version == cashP2SH32 || version == cashTokenP2SH|cashP2SH32):
		return p2sh32Script(hash), nil
	default:
		return nil, errors.New("neither P2PKH nor P2SH (CashAddr)")
	}
}
