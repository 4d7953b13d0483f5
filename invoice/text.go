package invoice

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// InvalidError says which field of a request is wrong and why. Nothing was stored.
type InvalidError struct {
	Field  string // in the snake_case of the APIs: "fiat_amount"
	Reason string // follows the field's name: "must be positive"
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

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
