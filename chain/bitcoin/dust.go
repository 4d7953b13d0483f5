package bitcoin

import "math/big"

// dustRule describes which outputs nodes do not relay because spending them would cost too much.
type dustRule struct {
	perKB int64 // base units for 1000 bytes of an output together with the input that spends it; 0 for flat
	flat  int64 // base units for any script
}

// The size, in bytes, that Core assumes for the input that spends an output; the signature of a witness is discounted.
const (
	spendBytes        = 148
	spendWitnessBytes = 67
	outputBytes       = 9 // of the output without its script: value and length
)

// Dust returns the smallest value, in base units, of an output with the script that nodes of the coin relay with their
// default settings, without an additional fee. Policies change: it is a default, not a rule of the chain.
func (p Params) Dust(script []byte) *big.Int {
	if p.dust.perKB == 0 {
		return big.NewInt(p.dust.flat)
	}
	size := int64(outputBytes + len(script) + spendBytes)
	if _, _, ok := witnessProgram(script); ok {
		size += spendWitnessBytes - spendBytes
	}
	return big.NewInt(p.dust.perKB * size / 1000)
}
