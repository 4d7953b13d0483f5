package evm

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/internal/scrub"
)

// MaxResponse is the largest body of one HTTP response, in bytes after decompression. The largest blocks of busy
// networks have about 20 MB of receipts.
const MaxResponse = 64 << 20

// dialTimeout limits one request if the caller's client has no limit.
const dialTimeout = 30 * time.Second

// ErrResponseTooLarge is returned when a response is cut off at [MaxResponse].
var ErrResponseTooLarge = errors.New("response too large")

// Caller is the port to a JSON-RPC client; *rpc.Client of go-ethereum implements it. Both methods block until the
// response arrives or ctx ends, and may be called concurrently.
type Caller interface {
	CallContext(ctx context.Context, result any, method string, args ...any) error
	BatchCallContext(ctx context.Context, batch []rpc.BatchElem) error
}

var _ Caller = (*rpc.Client)(nil)

// Client is a JSON-RPC client over HTTP whose errors contain nothing of its URL but scheme and host, even where a node
// repeats it. All methods may be called concurrently.
type Client struct {
	rpc     *rpc.Client
	secrets scrub.Secrets
}

var _ Caller = (*Client)(nil)

// CallContext implements [Caller].
func (c *Client) CallContext(ctx context.Context, result any, method string, args ...any) error {
	return c.scrubbed(c.rpc.CallContext(ctx, result, method, args...))
}

// BatchCallContext implements [Caller].
func (c *Client) BatchCallContext(ctx context.Context, batch []rpc.BatchElem) error {
	err := c.rpc.BatchCallContext(ctx, batch)
	for i := range batch {
		batch[i].Error = c.scrubbed(batch[i].Error)
	}
	return c.scrubbed(err)
}

// Close closes the client's connections.
func (c *Client) Close() { c.rpc.Close() }

// RPC returns the underlying client for other libraries, such as ethclient. Its errors are not scrubbed: they may
// repeat the URL.
func (c *Client) RPC() *rpc.Client { return c.rpc }

// scrubbed keeps what a Node looks at: codes of JSON-RPC, statuses of HTTP, and what other errors wrap.
func (c *Client) scrubbed(err error) error {
	var httpError rpc.HTTPError
	var rpcError rpc.Error
	switch {
	case errors.As(err, &httpError): // its text and its body are those of a gateway
		return rpc.HTTPError{StatusCode: httpError.StatusCode, Status: http.StatusText(httpError.StatusCode)}
	case errors.As(err, &rpcError):
		return &codeError{rpcError.ErrorCode(), c.secrets.Text(rpcError.Error())}
	}
	return c.secrets.Error(err)
}

// Dial returns a JSON-RPC client over HTTP with bounded responses, a time limit, and no redirects. It opens no
// connection. Errors contain nothing of the URL but scheme and host, since providers put keys into the path, the query
// and the user. A nil client has a limit of 30 seconds a request; a given one is copied.
func Dial(ctx context.Context, rawURL string, client *http.Client) (*Client, error) {
	target, err := scrub.ParseURL(rawURL, "http", "https")
	if err != nil {
		return nil, fmt.Errorf("evm: dial: %w", err)
	}
	safe := url.URL{Scheme: target.Scheme, Host: target.Host}
	var guarded http.Client
	if client != nil {
		guarded = *client
	}
	if guarded.Timeout == 0 {
		guarded.Timeout = dialTimeout
	}
	if guarded.Transport == nil {
		guarded.Transport = http.DefaultTransport
	}
	guarded.Transport = &transport{next: guarded.Transport, target: target}
	guarded.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c, err := rpc.DialOptions(ctx, safe.String(), rpc.WithHTTPClient(&guarded))
	if err != nil {
		return nil, fmt.Errorf("evm: dial %s: %w", safe.String(), err)
	}
	return &Client{c, scrub.Of([]*url.URL{target})}, nil
}

// transport sends requests to the real URL, which the layers above do not know and so cannot reveal.
type transport struct {
	next   http.RoundTripper
	target *url.URL
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	target := *t.target
	target.User = nil
	r.URL, r.Host = &target, target.Host
	if u := t.target.User; u != nil {
		password, _ := u.Password()
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	left := int64(MaxResponse)
	if limit, ok := r.Context().Value(maxResponseKey{}).(int64); ok {
		left = min(left, limit)
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: left}
	return resp, nil
}

type maxResponseKey struct{}

// withMaxResponse lowers the limit of a response below MaxResponse, for clients that [Dial] made.
func withMaxResponse(ctx context.Context, limit int64) context.Context {
	return context.WithValue(ctx, maxResponseKey{}, limit)
}

// boundedBody fails at its limit rather than ends, so that a cut response does not look complete.
type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrResponseTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// codeError is a JSON-RPC error object with a bounded message.
type codeError struct {
	code    int
	message string
}

func (e *codeError) Error() string { return fmt.Sprintf("error %d: %s", e.code, e.message) }

// ErrorCode implements [rpc.Error].
func (e *codeError) ErrorCode() int { return e.code }

// statusError is an HTTP status without a JSON-RPC response.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("HTTP status %d", int(e)) }

// tidy makes an error of a Caller fit for logs: without URLs, which contain keys, and without bodies. Other secrets
// are the Caller's to remove, as [Client] does.
func tidy(err error) error {
	if err == nil {
		return nil
	}
	var httpError rpc.HTTPError
	var rpcError rpc.Error
	var ours *codeError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &httpError):
		return statusError(httpError.StatusCode)
	case errors.As(err, &rpcError):
		return &codeError{rpcError.ErrorCode(), scrub.Secrets{}.Text(rpcError.Error())}
	}
	return scrub.Secrets{}.Error(err)
}

// The JSON-RPC and EIP-1474 codes of a method that a node does not have, and of a request that it considers invalid.
const (
	codeNoMethod       = -32601
	codeUnsupported    = -32004
	codeInvalidRequest = -32600
	codeInvalidParams  = -32602
)

// The codes of a response that is too large for the node: go-ethereum's, and that of jsonrpsee.
const (
	codeTooLarge    = -32003
	codeTooLargeToo = -32008
)

// tooLarge reports whether a response was too large, for the node, for a gateway, or for this package.
func tooLarge(err error) bool {
	var status statusError
	return errors.Is(err, ErrResponseTooLarge) || hasCode(err, codeTooLarge, codeTooLargeToo) ||
		errors.As(err, &status) && status == http.StatusRequestEntityTooLarge
}

func hasCode(err error, codes ...int) bool {
	var coded *codeError
	return errors.As(err, &coded) && slices.Contains(codes, coded.code)
}
