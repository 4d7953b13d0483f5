package invoice

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// InvalidError says what a caller gave that is wrong and why. Nothing was stored.
type InvalidError struct {
	// Field is the Go field of what was given, such as "Asset" or "Price.Amount" of a [Request], or the parameter's name,
	// such as "window". Where a stored invoice no longer fits the configuration it is the field of its [Quote].
	Field string
	// Value is what was given, as text of at most 64 bytes: a longer one is cut off. It is empty for what was not given
	// or may be secret, such as Data. Of a URL it has neither the query nor the user.
	Value  string
	Reason string // follows the field's name and value: "must be positive"
	cause  error
}

// Error returns a text such as `Asset "XYZ" is not supported`.
func (e *InvalidError) Error() string {
	if e.Value == "" {
		return e.Field + " " + e.Reason
	}
	return fmt.Sprintf("%s %q %s", e.Field, e.Value, e.Reason)
}

// Unwrap returns [ErrBelowMinimum] where that is why; else nil.
func (e *InvalidError) Unwrap() error { return e.cause }

// ErrBelowMinimum: a price is less than the least that can be paid in the asset. The error is an [InvalidError] as well.
var ErrBelowMinimum = errors.New("less than the minimum of the asset")

// maxValue bounds InvalidError.Value, in bytes.
const maxValue = 64

// refuse makes an InvalidError of a value, which it bounds.
func refuse(field, value, reason string) *InvalidError {
	if len(value) > maxValue {
		end := maxValue
		for end > maxValue-utf8.UTFMax && !utf8.RuneStart(value[end]) {
			end--
		}
		value = value[:end]
	}
	return &InvalidError{Field: field, Value: value, Reason: reason}
}

// valueOf is a number as an InvalidError shows it. One with an absurd exponent is not written out, and one with more
// digits than anybody reads is not shown.
func valueOf(d decimal.Decimal) string {
	switch {
	case d.NumDigits() > maxValue:
		return ""
	case d.Exponent() > maxValue || d.Exponent() < -maxValue:
		return fmt.Sprintf("%se%d", d.Coefficient(), d.Exponent())
	}
	return d.String()
}

// publicURL is what may be shown of a URL: where it goes, without the user, the query and the fragment, which can be
// secret. Of what is no URL of a host nothing may be.
func publicURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// newID makes a UUID of version 7 (RFC 9562): 48 bits of milliseconds, so that new rows are
// neighbours in every index, and 74 random bits, so that nobody guesses one.
func newID(now time.Time) string {
	var b [16]byte
	rand.Read(b[:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// refuseText refuses text that is not clean, or longer than so many characters; nil if there is nothing to refuse.
func refuseText(field, s string, most int) error {
	switch {
	case !utf8.ValidString(s):
		return refuse(field, s, "must be valid UTF-8")
	case !cleanText(s):
		return refuse(field, s, "must not have control characters, such as tabs and ends of lines")
	case utf8.RuneCountInString(s) > most:
		return refuse(field, s, fmt.Sprintf("must have at most %d characters", most))
	}
	return nil
}

// cleanText says whether s is valid UTF-8 without control characters.
func cleanText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// SortKey writes a decimal that is not negative so that the keys sort as texts the way the numbers
// do, for stores that sort by amount.
func SortKey(d decimal.Decimal) string {
	if d.Sign() <= 0 {
		return ""
	}
	digits := strings.TrimRight(d.Coefficient().String(), "0")
	magnitude := len(d.Coefficient().String()) + int(d.Exponent())
	return fmt.Sprintf("%04d%s", 5000+magnitude, digits)
}
