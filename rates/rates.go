package rates

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Pair names a market: what one Base costs in Quote. Codes are upper case,
// such as BTC, USDT or EUR. The zero value is not a valid pair.
type Pair struct {
	Base  string
	Quote string
}

// String returns the pair as "BTC/EUR".
func (p Pair) String() string { return p.Base + "/" + p.Quote }

// maxCode bounds a currency code: codes end up in URLs, map keys and errors.
const maxCode = 16

// Validate refuses a pair whose codes are not 1 to 16 of the characters A-Z and
// 0-9. The error wraps [ErrNoRate], since no source can know such a pair.
func (p Pair) Validate() error {
	for _, code := range []string{p.Base, p.Quote} {
		if !validCode(code) {
			return fmt.Errorf("%w: currency code %.20q is not 1 to %d of A-Z and 0-9", ErrNoRate, code, maxCode)
		}
	}
	return nil
}

func validCode(code string) bool {
	if code == "" || len(code) > maxCode {
		return false
	}
	for _, c := range []byte(code) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Rate is what a source said. It is a value: copying it is safe.
type Rate struct {
	// Pair is the pair that was asked for.
	Pair Pair
	// Value is the price of one Base in units of Quote, exact and positive.
	Value decimal.Decimal
	// Time is when the source says the price was true, or when it was read
	// if the source does not say.
	Time time.Time
	// Source names who said it, such as "kraken" or "median(kraken,bitstamp)".
	Source string
}

// Source tells the rate of a pair. Everything in this package that answers rates
// is one, and a user's own provider becomes one by this method alone.
type Source interface {
	// Rate returns the price of one p.Base in p.Quote. The answer has the
	// asked Pair, a positive Value, a Time and a Source.
	//
	// It may block on the network, but returns soon after ctx ends. It may
	// be called concurrently and has no effect beyond the question. A pair
	// that the source does not know, or whose price it does not trust, is an
	// error that wraps ErrNoRate; other failures are any error, and an answer
	// by HTTP that refuses the request is an *HTTPError.
	Rate(ctx context.Context, p Pair) (Rate, error)
}

// Named is a source with the name under which errors and answers mention it.
type Named struct {
	Name   string
	Source Source
}

// ErrNoRate says that there is nothing trustworthy for the pair. Callers compare
// with errors.Is.
var ErrNoRate = errors.New("rates: no rate")

// UnavailableError is the refusal of Median, First, Cross and Cache: no trustworthy
// rate for Pair now, and why. It matches [ErrNoRate], and errors.As reaches
// through it to the reasons. Trying again later may succeed.
type UnavailableError struct {
	Pair Pair
	// Reasons has what each source said or why it was not believed.
	Reasons []error
}

// maxReason bounds what one source's error adds to the text.
const maxReason = 300

// Error names the pair and the reason of each source.
func (e *UnavailableError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rates: no rate for %s", e.Pair)
	sep := ": "
	for _, reason := range e.Reasons {
		text := reason.Error()
		if len(text) > maxReason {
			text = strings.ToValidUTF8(text[:maxReason], "") + "..."
		}
		b.WriteString(sep + text)
		sep = "; "
	}
	return b.String()
}

// Is reports that an UnavailableError is an ErrNoRate.
func (e *UnavailableError) Is(target error) bool { return target == ErrNoRate }

// Unwrap returns the reasons.
func (e *UnavailableError) Unwrap() []error { return e.Reasons }

// HTTPError is a provider's refusal of a request, such as 429 (too many), 403 or
// 451 (not from your region), or any status but 200. The text carries neither
// URL nor body, so that no key can leak through it.
type HTTPError struct {
	// Source is the provider's name.
	Source string
	// Status is the HTTP status code.
	Status int
	// RetryAfter is how long the provider asked to be left alone, zero if it
	// did not say. Providers of this module answer this error themselves,
	// without a request, until then.
	RetryAfter time.Duration
}

// Error names the source, the status, and the pause if there is one.
func (e *HTTPError) Error() string {
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s: HTTP status %d, retry after %s", e.Source, e.Status, e.RetryAfter)
	}
	return fmt.Sprintf("%s: HTTP status %d", e.Source, e.Status)
}
