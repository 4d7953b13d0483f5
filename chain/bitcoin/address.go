package bitcoin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/bech32"

	"github.com/cointill/cointill/chain"
)

// ErrAddress is returned for text that is not an address of the coin and network, or has a wrong checksum.
var ErrAddress = errors.New("not an address")

// maxAddress is more than the longest address: a CashAddr of 32 bytes with its prefix. BIP-173 allows 90.
const maxAddress = 128

// addresses describes how a coin spells the addresses of its output scripts. The states are those of the checksums
// after the prefix, which is the same for all addresses.
type addresses struct {
	p2pkh, p2sh byte   // base58 versions
	oldP2SH     byte   // a second version of P2SH, still read but not written; p2sh if there is none
	hrp         string // of bech32; empty without segwit
	hrpState    uint64
	mwebHRP     string // of addresses that are refused by name
	cashPrefix  string // of CashAddr, which then replaces base58; empty without
	cashState   uint64
}

func base58Addresses(p2pkh, p2sh byte) addresses {
	return addresses{p2pkh: p2pkh, p2sh: p2sh, oldP2SH: p2sh}
}

func (a addresses) withOldP2SH(version byte) addresses {
	a.oldP2SH = version
	return a
}

func (a addresses) withSegwit(hrp string) addresses {
	a.hrp, a.hrpState = hrp, bech32State(hrp)
	return a
}

func (a addresses) withMWEB(hrp string) addresses {
	a.mwebHRP = hrp
	return a
}

func (a addresses) withCashAddr(prefix string) addresses {
	a.cashPrefix, a.cashState = prefix, cashState(prefix)
	return a
}

// ParseAddress parses an address and returns its canonical spelling, that of [Params.AddressOf]: bech32 in lower case,
// Litecoin's P2SH with an M, Bitcoin Cash as CashAddr with its prefix in lower case and without the token mark. It
// also accepts bech32 and CashAddr in upper case, Litecoin's P2SH with a 3, and Bitcoin Cash in base58 or without the
// prefix.
//
// It returns [ErrAddress] for anything else: addresses of other networks as far as they differ (test networks share
// theirs, and so do Bitcoin and Bitcoin Cash in base58), wrong checksums, mixed case, bech32 where BIP-350 requires
// bech32m and the reverse, programs of a wrong length, and MWEB addresses, whose payments no output script shows.
func (p Params) ParseAddress(s string) (chain.Address, error) {
	script, err := p.Script(chain.Address(s))
	if err != nil {
		return "", err
	}
	a, _ := p.AddressOf(script) // every script that is decoded has an address
	return a, nil
}

// decode returns the output script of an address in any of its spellings.
func (a *addresses) decode(s string) ([]byte, error) {
	switch {
	case s == "" || len(s) > maxAddress:
		return nil, errors.New("wrong length")
	case a.mwebHRP != "" && hasHRP(s, a.mwebHRP):
		return nil, errors.New("payments to MWEB addresses cannot be seen")
	case a.hrp != "" && hasHRP(s, a.hrp):
		return a.decodeSegwit(s)
	case a.cashPrefix != "" && (strings.Contains(s, ":") || len(s) > maxBase58):
		return a.decodeCash(s)
	default:
		return a.decodeBase58(s)
	}
}

// hasHRP reports whether s is bech32 with the human-readable part, in any case.
func hasHRP(s, hrp string) bool {
	return len(s) > len(hrp) && s[len(hrp)] == '1' && strings.EqualFold(s[:len(hrp)], hrp)
}

// decodeSegwit decodes an address as BIP-173 and BIP-350 specify.
func (a *addresses) decodeSegwit(s string) ([]byte, error) {
	_, data, encoding, err := bech32.DecodeGeneric(s)
	if err != nil {
		return nil, errors.New("wrong checksum or character (bech32)")
	}
	if len(data) == 0 || data[0] > 16 {
		return nil, errors.New("wrong witness version")
	}
	program, err := bech32.ConvertBits(data[1:], 5, 8, false)
	if err != nil {
		return nil, errors.New("wrong padding (bech32)")
	}
	version := data[0]
	if wanted := bech32.VersionM; version > 0 && encoding != wanted || version == 0 && encoding == wanted {
		return nil, errors.New("wrong checksum: bech32 is for witness version 0, bech32m for the others (BIP-350)")
	}
	script := witnessScript(version, program)
	if _, _, ok := a.witness(script); !ok {
		return nil, errors.New("wrong length of the witness program, or a version that is nobody's")
	}
	return script, nil
}

// maxBase58 is the largest number of characters that base58 needs for 25 bytes. No CashAddr is that short.
const maxBase58 = 35

// hashLen is the length of the hashes in P2PKH and P2SH.
const hashLen = 20

func (a *addresses) decodeBase58(s string) ([]byte, error) {
	if len(s) > maxBase58 {
		return nil, errors.New("wrong length or prefix")
	}
	raw := base58.Decode(s)
	if len(raw) != 1+hashLen+4 {
		return nil, errors.New("wrong length or character (base58)")
	}
	if checkSum(raw[:1+hashLen]) != [4]byte(raw[1+hashLen:]) {
		return nil, errors.New("wrong checksum (base58)")
	}
	switch hash := raw[1 : 1+hashLen]; raw[0] {
	case a.p2pkh:
		return p2pkhScript(hash), nil
	case a.p2sh, a.oldP2SH:
		return p2shScript(hash), nil
	default:
		return nil, fmt.Errorf("version %#02x is another network's", raw[0])
	}
}

// checkSum returns the checksum of base58check.
func checkSum(b []byte) [4]byte {
	sum := doubleSHA256(b)
	return [4]byte(sum[:4])
}

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// base58Check returns a hash in base58 with its version. It divides by 58^5 at a time, which keeps the remainders in a
// machine word: package base58 of btcutil takes several times as long, and this runs for every output of a block.
func base58Check(version byte, hash []byte) chain.Address {
	var raw [28]byte // three bytes of zero before the 25, for whole words
	raw[3] = version
	copy(raw[4:], hash)
	sum := checkSum(raw[3:24])
	copy(raw[24:], sum[:])

	var words [7]uint32
	for i := range words {
		words[i] = uint32(raw[4*i])<<24 | uint32(raw[4*i+1])<<16 | uint32(raw[4*i+2])<<8 | uint32(raw[4*i+3])
	}
	const fiveDigits = 58 * 58 * 58 * 58 * 58
	var out [maxBase58]byte
	for end := maxBase58; end > 0; end -= 5 {
		var rest uint64
		for i := range words {
			rest = rest<<32 | uint64(words[i])
			words[i] = uint32(rest / fiveDigits)
			rest %= fiveDigits
		}
		digits := uint32(rest)
		for i := end - 1; i >= end-5; i-- {
			out[i] = base58Alphabet[digits%58]
			digits /= 58
		}
	}
	start := 0
	for start < maxBase58 && out[start] == '1' {
		start++
	}
	for i := 3; i < len(raw) && raw[i] == 0; i++ { // each leading byte of zero is one 1
		start--
	}
	return chain.Address(out[start:])
}
