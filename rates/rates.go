package rates

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Pair names a market: the price of one Base in Quote. Codes are upper case, such as
// BTC, USDT or EUR. The zero value is not a valid pair.
type Pair struct {
	Base  string
	Quote string
}

// String returns the pair as "BTC/EUR".
func (p Pair) String() string { return p.Base + "/" + p.Quote }

// maxCode bounds a currency code: codes end up in URLs, map keys and errors.
const maxCode = 16

// Validate returns an error that wraps [ErrNoRate] if a code is not 1 to 16 of the
// characters A-Z and 0-9, since no source can know such a pair.
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

// Rate is a price that a source returned. It is a value: copying it is safe.
type Rate struct {
	// Pair is the pair that was asked for.
	Pair Pair
	// Value is the price of one Base in units of Quote, exact and positive.
	Value decimal.Decimal
	// Time is when the price was true, as the source states it, or when it was
	// read if the source states no time.
	Time time.Time
	// Source names where the price comes from, such as "kraken" or
	// "median(kraken,bitstamp)".
	Source string
}

// Source returns the rate of a pair. Everything in this package that returns rates
// is a Source, and a custom provider becomes one by this method alone.
type Source interface {
	// Rate returns the price of one p.Base in p.Quote. The rate has the Pair p,
	// a positive Value, a Time and a Source.
	//
	// Rate may block on the network but returns soon after ctx ends. It may be
	// called concurrently and has no side effects. If the source does not know
	// the pair, or does not trust its price, the error wraps ErrNoRate. If a
	// provider refuses the request by an HTTP status, the error is or wraps an
	// *HTTPError. Other failures are any other error.
	Rate(ctx context.Context, p Pair) (Rate, error)
}

// Named is a source with the name that it has in errors and in the Source of a rate.
type Named struct {
	Name   string
	Source Source
}

// ErrNoRate is the error of a pair that has no trustworthy rate. Errors wrap it: use
// errors.Is.
var ErrNoRate = errors.New("rates: no rate")

// UnavailableError is the error of Median, First, Cross and Cache if there is no
// trustworthy rate for Pair now. It matches [ErrNoRate], and errors.As finds the
// reasons. Trying again later may succeed.
type UnavailableError struct {
	Pair Pair
	// Reasons has the error of each source or why its rate was refused.
	Reasons []error
}

// maxReason bounds what one source's error adds to the text.
const maxReason = 300

// Error returns the pair and the reason of each source.
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

// Is reports whether target is [ErrNoRate].
func (e *UnavailableError) Is(target error) bool { return target == ErrNoRate }

// Unwrap returns the reasons.
func (e *UnavailableError) Unwrap() []error { return e.Reasons }

// HTTPError is a provider's refusal of a request: any status but 200, such as 429
// (too many requests), 403 or 451 (not from your region). Its text has neither URL
// nor body, so that no key can leak through it.
type HTTPError struct {
	// Source is the provider's name.
	Source string
	// Status is the HTTP status code.
	Status int
	// RetryAfter is how long the provider demands that no request is made, zero
	// if it does not state it. Until then, a source of rates/market returns
	// this error without a request.
	RetryAfter time.Duration
}

// Error returns the source, the status, and the pause if there is one.
func (e *HTTPError) Error() string {
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s: HTTP status %d, retry after %s", e.Source, e.Status, e.RetryAfter)
	}
	return fmt.Sprintf("%s: HTTP status %d", e.Source, e.Status)
}
