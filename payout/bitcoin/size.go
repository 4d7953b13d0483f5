package bitcoin

import (
	"math/bits"

	btc "github.com/cointill/cointill/chain/bitcoin"
)

// Sizes are weights: four for a byte, one for a byte of a witness (BIP-141). A coin without segregated witness has no
// witness bytes, so that the same numbers serve.
const (
	byteWeight   = 4
	baseBytes    = 4 + 4          // version and lock time
	segwitWeight = 2              // marker and flag
	inputBytes   = 32 + 4 + 1 + 4 // outpoint, length of the script below 253, sequence
	outputBytes  = 8 + 1          // value and length of the script

	// An ECDSA signature with a low S has at most 71 bytes, and one more for its type. A taproot signature has 64, as its
	// type may be left out for the usual one; one with the type is a weight of 1 more, which is planned for.
	signature  = 72
	publicKey  = 33
	schnorr    = 65
	redeem     = 22
	pushes     = 2                                  // lengths of signature and key
	pkhWitness = 1 + pushes + signature + publicKey // with the count of items
)

// inputWeight returns the greatest weight of an input that spends an output of the kind.
func inputWeight(kind btc.ScriptKind) int64 {
	const in = byteWeight * inputBytes
	switch kind {
	case btc.P2WPKH:
		return in + pkhWitness
	case btc.P2SHP2WPKH:
		return in + byteWeight*(1+redeem) + pkhWitness
	case btc.P2TR:
		return in + 1 + 1 + schnorr
	default:
		return in + byteWeight*(pushes+signature+publicKey)
	}
}

// outputWeight returns the weight of an output.
func outputWeight(script []byte) int64 { return byteWeight * int64(outputBytes+len(script)) }

// countBytes returns the length of a count in Bitcoin's variable form.
func countBytes(n int) int64 {
	if n < 0xfd {
		return 1
	}
	return 3
}

// fixedWeight returns the weight of a transaction without its inputs and outputs.
func fixedWeight(kind btc.ScriptKind, inputs, outputs int) int64 {
	w := byteWeight * (baseBytes + countBytes(inputs) + countBytes(outputs))
	if kind != btc.P2PKH {
		w += segwitWeight
	}
	return w
}

// vsize returns virtual bytes, rounded up.
func vsize(weight int64) int64 { return (weight + byteWeight - 1) / byteWeight }

// feeFor returns the fee of a weight at a rate for 1000 virtual bytes, rounded up.
func feeFor(rate, weight int64) int64 { return feeForSize(rate, vsize(weight)) }

// feeForSize returns the fee of so many virtual bytes.
func feeForSize(rate, size int64) int64 {
	// Both are bounded by their checks, so that the product is far from 128 bits.
	hi, lo := bits.Mul64(uint64(rate), uint64(size))
	lo, carry := bits.Add64(lo, 999, 0)
	fee, _ := bits.Div64(hi+carry, lo, 1000)
	return int64(fee)
}
