package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Number is an exact decimal. Its JSON form is a number with all its digits and no exponent. It is decoded from a number or
// from a number in a string.
type Number struct{ decimal.Decimal }

// maxNumber bounds the length of a number's text. It exceeds that of the largest price with all decimals of any asset.
const maxNumber = 100

// number is the grammar of JSON numbers with an exponent of at most two digits, so that the number stays short when it is
// written out.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$`)

// MarshalJSON implements [json.Marshaler].
func (n Number) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Number) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	if bytes.HasPrefix(raw, []byte(`"`)) {
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
	}
	if len(text) > maxNumber || !number.MatchString(text) {
		return errors.New("not a decimal number")
	}
	d, err := decimal.NewFromString(text)
	n.Decimal = d
	return err
}

// promised is how many significant digits of a decimal every double keeps, and written how many it takes to write one.
const promised, written = 15, 17

// Meant returns the number with at most the given number of decimals that n stands for. That is n itself, unless n has more
// decimals and the 16 or 17 digits with which programs write doubles, such as 29.949999999999999 for 29.95 or
// 3.3000000000000003 for 3 * 1.1: then it is n rounded to the 15 digits that every double keeps, if the result fits. If
// neither fits, Meant returns n unchanged.
func (n Number) Meant(decimals int32) Number {
	digits := strings.TrimRight(n.Abs().Coefficient().String(), "0")
	exponent := n.Exponent() + int32(n.NumDigits()-len(digits))
	if exponent >= -decimals || len(digits) <= promised || len(digits) > written {
		return n
	}
	short := n.Round(promised - int32(len(digits)) - exponent)
	if fitted := short.Truncate(decimals); fitted.Equal(short) {
		return Number{fitted}
	}
	return n
}

// Time is a point in time. Its JSON form is RFC 3339 in UTC, rounded down to the second. It is decoded with any offset and
// any fraction.
type Time struct{ time.Time }

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(time.RFC3339) + `"`), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Time) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	parsed, err := time.Parse(time.RFC3339, text)
	t.Time = parsed.UTC()
	return err
}
