package gateway

import (
	"encoding/json"
	"errors"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// units is an amount in base units, written as a string. It is nil if it is missing.
type units struct{ *big.Int }

// maxDigits is the most digits of an amount: 2^256 has 78.
const maxDigits = 80

// UnmarshalJSON implements json.Unmarshaler.
func (u *units) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil || text == "" {
		return err
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || len(text) > maxDigits {
		return errors.New("an amount must be a string of digits")
	}
	u.Int = n
	return nil
}

// wireState is what became of a payment.
type wireState struct {
	ID        string `json:"id"`
	Outcome   string `json:"outcome"`
	Why       string `json:"why"`
	Fee       units  `json:"fee"`
	Units     units  `json:"units"` // what came back
	Reference string `json:"reference"`
}

// returned is the outcome of a payment that was paid and came back.
const returned = "returned"

// wireAmount is an incoming payment or a balance.
type wireAmount struct {
	Asset chain.AssetID `json:"asset"`
	Units units         `json:"units"`
}

// wireRefused is the body of a response with status 422.
type wireRefused struct {
	Code   payout.Refusal `json:"code"`
	Reason string         `json:"reason"`
}

// wireInstruction is how an instruction is written: with its amounts as strings.
type wireInstruction payout.Instruction

// MarshalJSON implements json.Marshaler.
func (w wireInstruction) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		payout.Instruction
		Units  string `json:"units"`
		MaxFee string `json:"max_fee"`
	}{payout.Instruction(w), w.Units.String(), w.MaxFee.String()})
}
