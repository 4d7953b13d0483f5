package market

import (
	"cmp"
	"context"
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

	"github.com/cointill/cointill/rates"
)

// doer is the part of *http.Client that a source needs.
type doer interface {
	Do(*http.Request) (*http.Response, error)
}

const (
	maxBody      = 1 << 20 // bytes
	maxPause     = time.Hour
	defaultPause = time.Minute // after "too many requests" without Retry-After
	timeout      = 10 * time.Second
)

// client sends the requests of one source. It is safe for concurrent use.
type client struct {
	name   string // of the provider, for HTTPError
	http   doer
	base   *url.URL
	accept string
	header http.Header
	now    func() time.Time

	mu     sync.Mutex // guards what follows
	until  time.Time  // no request before
	status int        // the refusal that demanded the pause
}

// withoutRedirects returns given, of which a client of net/http is copied and kept
// from following redirects. If given is nil, it returns a client with a timeout.
func withoutRedirects(given doer) doer {
	std, ok := given.(*http.Client)
	if given == nil || ok && std == nil {
		std, ok = &http.Client{Timeout: timeout}, true
	}
	if !ok {
		return given
	}
	own := *std
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// get returns the body of a response with status 200. Any other status is a
// *rates.HTTPError.
func (c *client) get(ctx context.Context, r Request) ([]byte, error) {
	if err := c.paused(); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url(r), nil)
	if err != nil {
		return nil, errors.New("not a valid URL")
	}
	req.Header.Set("Accept", c.accept)
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
		return nil, fmt.Errorf("response is larger than %d bytes", maxBody)
	}
	return body, nil
}

// url joins the request to the base, whose query stays: it may have the key.
func (c *client) url(r Request) string {
	u := c.base.JoinPath(r.Path)
	query := r.Query.Encode()
	if u.RawQuery != "" && query != "" {
		query = "&" + query
	}
	u.RawQuery += query
	return u.String()
}

// cause strips the URL from an error of the HTTP client. It also strips what would
// match the caller's deadline when it was the client's own that passed.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if timed, ok := errors.AsType[net.Error](err); ok && timed.Timeout() {
		return errors.New("no response in time")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// paused returns the refusal that is still in force, if any.
func (c *client) paused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.until.Sub(c.now())
	if left <= 0 {
		return nil
	}
	return &rates.HTTPError{Source: c.name, Status: c.status, RetryAfter: left}
}

// refused returns the refusal and, if the provider demands a pause, begins it.
func (c *client) refused(resp *http.Response) error {
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

// retryAfter parses RFC 9110 section 10.2.3: seconds or a date. What is neither, or
// in the past, is no pause. An hour is the longest.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxPause)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxPause)
	}
	return 0
}
