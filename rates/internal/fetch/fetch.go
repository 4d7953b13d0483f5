// Package fetch is what all rate providers do alike: one bounded GET of JSON or
// XML, judged by its status, with nothing of the URL or the key in any error.
package fetch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/rates"
)

// Doer is the part of *http.Client that a provider needs.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

const (
	maxBody      = 1 << 20
	maxQuoted    = 100 // bytes of a bad answer in an error
	maxPause     = time.Hour
	defaultPause = time.Minute // after "too many requests" without Retry-After
	timeout      = 10 * time.Second
)

// Client asks one provider. It is safe for concurrent use.
type Client struct {
	name   string
	http   Doer
	base   *url.URL
	header http.Header
	now    func() time.Time

	mu     sync.Mutex // guards what follows
	until  time.Time  // no request before
	status int        // the refusal that said so
}

// Config configures New. Name and Default are required.
type Config struct {
	Name    string
	HTTP    Doer   // nil is a client with a timeout
	BaseURL string // empty is Default
	Default string
	Header  http.Header // sent with each request; an Accept replaces that of JSON
	Now     func() time.Time
}

// New returns a client of one provider. It follows no redirects, since they would
// carry the header to wherever they point, unless HTTP is something else than an
// *http.Client and does.
func New(config Config) (*Client, error) {
	u, err := url.Parse(cmp.Or(config.BaseURL, config.Default))
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%s: BaseURL is not an http or https URL without credentials", config.Name)
	}
	c := &Client{name: config.Name, http: config.HTTP, base: u, header: config.Header, now: config.Now}
	given, ok := config.HTTP.(*http.Client)
	if config.HTTP == nil || ok && given == nil {
		given, ok = &http.Client{Timeout: timeout}, true
	}
	if ok {
		own := *given
		own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c.http = &own
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// Question is one request and how to read its answer.
type Question struct {
	Path  string
	Query url.Values
	// Parse reads the body of an answer with status 200.
	Parse func(body []byte) (Quote, error)
}

// Quote is what a body says. A zero Time means that it does not say when.
type Quote struct {
	Value decimal.Decimal
	Time  time.Time
}

// Rate asks the question and makes a valid rate of the answer. The statuses 400
// and 404, which is how providers say that they do not know a pair, wrap both
// rates.ErrNoRate and an *rates.HTTPError.
func (c *Client) Rate(ctx context.Context, p rates.Pair, q Question) (rates.Rate, error) {
	quote, err := c.Quote(ctx, p, q)
	if err != nil {
		return rates.Rate{}, err
	}
	r := rates.Rate{Pair: p, Value: quote.Value, Time: quote.Time, Source: c.name}
	if r.Time.IsZero() {
		r.Time = c.now()
	}
	if err := r.Validate(); err != nil {
		return rates.Rate{}, fmt.Errorf("%s: read answer for %s: %w", c.name, p, err)
	}
	return r, nil
}

// Quote asks the question and returns what Parse makes of the answer: what Rate does but for the check of the value,
// for a provider that has to be asked about a pair before it is asked for its rate.
func (c *Client) Quote(ctx context.Context, p rates.Pair, q Question) (Quote, error) {
	if err := p.Validate(); err != nil {
		return Quote{}, fmt.Errorf("%s: %w", c.name, err)
	}
	body, err := c.get(ctx, q.Path, q.Query)
	if refused, ok := errors.AsType[*rates.HTTPError](err); ok {
		if refused.Status == http.StatusBadRequest || refused.Status == http.StatusNotFound {
			err = fmt.Errorf("%s: %w for %s: %w", c.name, rates.ErrNoRate, p, refused)
		}
		return Quote{}, err
	}
	if err != nil {
		return Quote{}, fmt.Errorf("%s: ask for %s: %w", c.name, p, err)
	}
	quote, err := q.Parse(body)
	if err != nil {
		return Quote{}, fmt.Errorf("%s: read answer for %s: %w", c.name, p, err)
	}
	return quote, nil
}

// Decode reads JSON into out; the error quotes the beginning of the body.
func Decode(body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("not the expected JSON: %q", body[:min(len(body), maxQuoted)])
	}
	return nil
}

// DecodeXML reads XML into out; the error quotes the beginning of the body. Of any
// encoding but UTF-8 it reads the ASCII characters and puts a question mark for
// each byte that is none, which is enough for numbers, dates and currency codes.
func DecodeXML(body []byte, out any) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return asciiReader{input}, nil }
	if err := d.Decode(out); err != nil {
		return fmt.Errorf("not the expected XML: %q", body[:min(len(body), maxQuoted)])
	}
	return nil
}

type asciiReader struct{ from io.Reader }

func (r asciiReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	for i, c := range p[:n] {
		if c >= utf8.RuneSelf {
			p[i] = '?'
		}
	}
	return n, err
}

// get returns the body of an answer with status 200, and otherwise an
// *rates.HTTPError.
func (c *Client) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	if err := c.paused(); err != nil {
		return nil, err
	}
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("not a valid URL")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "cointill")
	maps.Copy(req.Header, c.header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // what was read is complete or refused
	if resp.StatusCode != http.StatusOK {
		return nil, c.refused(resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, cause(ctx, err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("answer is larger than %d bytes", maxBody)
	}
	return body, nil
}

// cause strips the URL from an error of the HTTP client, and what would match the
// caller's deadline when it was the client's own that passed.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if timed, ok := errors.AsType[net.Error](err); ok && timed.Timeout() {
		return errors.New("no answer in time")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// paused is the refusal that still holds, if any.
func (c *Client) paused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.until.Sub(c.now())
	if left <= 0 {
		return nil
	}
	return &rates.HTTPError{Source: c.name, Status: c.status, RetryAfter: left}
}

// refused types the refusal and, if the provider wants a pause, begins it.
func (c *Client) refused(resp *http.Response) error {
	now := c.now()
	pause := retryAfter(resp.Header.Get("Retry-After"), now)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusTeapot: // 418 is how some say "banned"
		pause = cmp.Or(pause, defaultPause)
	}
	if pause > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.until, c.status = now.Add(pause), resp.StatusCode
	}
	return &rates.HTTPError{Source: c.name, Status: resp.StatusCode, RetryAfter: pause}
}

// retryAfter reads RFC 9110 section 10.2.3: seconds or a date. What is neither,
// or past, is no pause; an hour is the longest.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxPause)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxPause)
	}
	return 0
}

// BidAsk reads the two sides of a market into their middle.
func BidAsk(bid, ask string) (Quote, error) {
	b, err := rates.ParseValue(bid)
	if err != nil {
		return Quote{}, fmt.Errorf("bid: %w", err)
	}
	a, err := rates.ParseValue(ask)
	if err != nil {
		return Quote{}, fmt.Errorf("ask: %w", err)
	}
	value, err := rates.FromBidAsk(b, a)
	return Quote{Value: value}, err
}

// Unix reads the seconds since 1970 that a feed gives as its time.
func Unix(s string) (time.Time, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}, fmt.Errorf("time %.40q is not seconds since 1970", s)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// UnixMilli reads the milliseconds since 1970 that a feed gives as its time.
func UnixMilli(s string) (time.Time, error) {
	millis, err := strconv.ParseInt(s, 10, 64)
	if err != nil || millis <= 0 || millis > 1<<50 {
		return time.Time{}, fmt.Errorf("time %.40q is not milliseconds since 1970", s)
	}
	return time.UnixMilli(millis).UTC(), nil
}
