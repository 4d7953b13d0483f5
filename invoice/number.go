package invoice

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/shopspring/decimal"
)

var hundred = decimal.NewFromInt(100)

// divideUp divides two positive numbers and rounds up to a whole one.
func divideUp(a, b decimal.Decimal) *big.Int {
	quotient, rest := a.QuoRem(b, 0)
	if rest.Sign() > 0 {
		quotient = quotient.Add(decimal.NewFromInt(1))
	}
	return quotient.BigInt()
}

// divideDown divides two positive numbers and rounds down to a whole one.
func divideDown(a, b decimal.Decimal) *big.Int {
	quotient, _ := a.QuoRem(b, 0)
	return quotient.BigInt()
}

// roundUp rounds a positive amount up to a multiple of the step; nil is 1.
func roundUp(units, step *big.Int) *big.Int {
	if step == nil {
		return units
	}
	rest := new(big.Int).Rem(units, step)
	if rest.Sign() == 0 {
		return units
	}
	return new(big.Int).Add(units, rest.Sub(step, rest))
}

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}

// percent reports whether d is within the bounds and of a reasonable precision, which is checked first: comparing
// writes out all digits.
func percent(d, least, most decimal.Decimal) bool {
	return d.Exponent() <= 2 && d.Exponent() >= -9 && d.NumDigits() <= 18 && d.GreaterThanOrEqual(least) && d.LessThanOrEqual(most)
}

// SortKey returns a text for a decimal that is not negative, such that the texts sort in the order of the numbers. It
// is for stores that sort by amount.
func SortKey(d decimal.Decimal) string {
	if d.Sign() <= 0 {
		return ""
	}
	digits := strings.TrimRight(d.Coefficient().String(), "0")
	magnitude := len(d.Coefficient().String()) + int(d.Exponent())
	return fmt.Sprintf("%04d%s", 5000+magnitude, digits)
}

// maxAmount bounds prices: more than anything costs, in any currency, and small enough that arithmetic stays cheap.
var maxAmount = decimal.New(1, 18)

// CheckAmount refuses, with an [InvalidError] for the field, an amount that is not positive, is too large for a price,
// or has more decimals than given. It is safe for numbers with extreme exponents.
func CheckAmount(field string, amount decimal.Decimal, decimals int32) error {
	if amount.Sign() <= 0 {
		return refuse(field, valueOf(amount), "must be positive")
	}
	// The exponent is checked first, because comparing would write out all its digits.
	exponent := int64(amount.Exponent())
	if exponent >= -100 && int64(amount.NumDigits())+exponent > 19 {
		return refuse(field, valueOf(amount), "is too large")
	}
	if exponent < -100 || !amount.Equal(amount.Truncate(decimals)) {
		return refuse(field, valueOf(amount), fmt.Sprintf("must not have more than %d decimals", decimals))
	}
	if amount.GreaterThan(maxAmount) {
		return refuse(field, valueOf(amount), "is too large")
	}
	return nil
}
