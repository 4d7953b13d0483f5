package bitcoin

import (
	"bytes"
	"fmt"

	"github.com/cointill/cointill/chain"
)

// Opcodes of the scripts that have addresses.
const (
	op1           = 0x51
	op16          = 0x60
	opDup         = 0x76
	opEqual       = 0x87
	opEqualVerify = 0x88
	opHash160     = 0xa9
	opHash256     = 0xaa
	opCheckSig    = 0xac
)

// The witness versions that Litecoin gives, with programs of 32 bytes, to the pool of its extension block (HogEx) and
// to what enters it. Such outputs pay nobody's key.
const (
	mwebPool  = 8
	mwebPegIn = 9
)

// The bytes before and after the hash.
var (
	p2pkhHead  = []byte{opDup, opHash160, hashLen}
	p2pkhTail  = []byte{opEqualVerify, opCheckSig}
	p2shHead   = []byte{opHash160, hashLen}
	p2sh32Head = []byte{opHash256, 32}
	p2shTail   = []byte{opEqual}
)

func p2pkhScript(hash []byte) []byte  { return bytes.Join([][]byte{p2pkhHead, hash, p2pkhTail}, nil) }
func p2shScript(hash []byte) []byte   { return bytes.Join([][]byte{p2shHead, hash, p2shTail}, nil) }
func p2sh32Script(hash []byte) []byte { return bytes.Join([][]byte{p2sh32Head, hash, p2shTail}, nil) }

func witnessScript(version byte, program []byte) []byte {
	opcode := version
	if version > 0 {
		opcode = op1 + version - 1
	}
	return append([]byte{opcode, byte(len(program))}, program...)
}

// witnessProgram splits a script as BIP-141 specifies. Version 0 must have one of the lengths that can be spent.
func witnessProgram(script []byte) (version byte, program []byte, ok bool) {
	if len(script) < 4 || len(script) > 42 || int(script[1]) != len(script)-2 {
		return 0, nil, false
	}
	program = script[2:]
	switch opcode := script[0]; {
	case opcode == 0:
		return 0, program, len(program) == 20 || len(program) == 32
	case op1 <= opcode && opcode <= op16:
		return opcode - op1 + 1, program, true
	default:
		return 0, nil, false
	}
}

// witness splits a witness program of the coin, if the coin has any and the version pays a key.
func (a *addresses) witness(script []byte) (version byte, program []byte, ok bool) {
	if a.hrp == "" {
		return 0, nil, false
	}
	version, program, ok = witnessProgram(script)
	if a.mwebHRP != "" && len(program) == 32 && (version == mwebPool || version == mwebPegIn) {
		ok = false
	}
	return version, program, ok
}

// between returns the n bytes of a script between head and tail, if it consists of exactly these.
func between(script, head []byte, n int, tail []byte) ([]byte, bool) {
	if len(script) != len(head)+n+len(tail) || !bytes.HasPrefix(script, head) || !bytes.HasSuffix(script, tail) {
		return nil, false
	}
	return script[len(head) : len(head)+n], true
}

// AddressOf returns the canonical address of an output script, and reports whether it has one. It knows scripts that
// are exactly P2PKH, P2SH and, where the coin has them, witness programs of any version, or P2SH with 32 bytes
// (Bitcoin Cash). All others have none: bare public keys and multisig, OP_RETURN, outputs of MWEB, scripts that follow
// a token of Bitcoin Cash, and any with additional bytes. Two scripts never have the same address.
//
// It may be called concurrently and does not retain script.
func (p Params) AddressOf(script []byte) (chain.Address, bool) {
	a := &p.addresses
	if hash, ok := between(script, p2pkhHead, hashLen, p2pkhTail); ok {
		if a.cashPrefix != "" {
			return a.cash(cashP2PKH, hash), true
		}
		return base58Check(a.p2pkh, hash), true
	}
	if hash, ok := between(script, p2shHead, hashLen, p2shTail); ok {
		if a.cashPrefix != "" {
			return a.cash(cashP2SH, hash), true
		}
		return base58Check(a.p2sh, hash), true
	}
	if a.cashPrefix != "" {
		if hash, ok := between(script, p2sh32Head, 32, p2shTail); ok {
			return a.cash(cashP2SH32, hash), true
		}
	}
	if version, program, ok := a.witness(script); ok {
		return a.segwit(version, program), true
	}
	return "", false
}

// Script returns the exact output script that pays the address. It accepts every spelling that [Params.ParseAddress]
// does, and returns [ErrAddress] for the same reasons.
func (p Params) Script(a chain.Address) ([]byte, error) {
	script, err := p.addresses.decode(string(a))
	if err != nil {
		return nil, fmt.Errorf("bitcoin: %w of %s: %w", ErrAddress, p.Name, err)
	}
	return script, nil
}
