package bitcoin

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/internal/scrub"
)

// MaxResponse is the largest body of one HTTP response, in bytes: a block of 64 MB in hexadecimal, or about two million
// transaction ids.
const MaxResponse = 130 << 20

const (
	dialTimeout = 30 * time.Second // limits one request if the caller's client has no limit
	maxCookie   = 4096             // largest size of a cookie file in bytes; Core's have 75
	keptConns   = 16               // idle connections to the node, for requests at the same time
)

// ErrResponseTooLarge is returned when a response is cut off at [MaxResponse], or is longer than any valid result.
var ErrResponseTooLarge = errors.New("response too large")

// Error is a node's refusal, by the codes of Bitcoin Core's protocol.h: -5 is an unknown block or transaction, -8 a
// parameter out of range, -28 a node that is warming up, -32601 an unknown method.
type Error struct {
	Code    int
	Message string // at most 200 bytes; for people, never to branch on
}

func (e *Error) Error() string { return fmt.Sprintf("error %d: %s", e.Code, e.Message) }

// StatusError is an HTTP status without a JSON-RPC response: 401 for wrong credentials, 403 for an address that the
// node does not allow, 503 for a node whose work queue is full.
type StatusError struct {
	Status int
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("HTTP status %d (%s)", e.Status, http.StatusText(e.Status))
}

// ClientConfig configures a [Client]. Credentials are User and Password, or the content of CookieFile, or those in the
// URL; or none.
type ClientConfig struct {
	URL string // http or https, with the path of a wallet if needed; required

	User, Password string
	// CookieFile is the file into which Core writes new credentials at each start, .cookie in its data directory. It
	// is read at the first call, and again whenever the node refuses the credentials.
	CookieFile string

	// HTTP sends the requests, with its TLS, proxies and time limits. It is copied. The default, and a client without
	// a limit, has a limit of 30 seconds a request.
	HTTP *http.Client
}

// Client calls the JSON-RPC of Bitcoin Core and its relatives. It is safe for concurrent use.
type Client struct {
	url    string
	http   http.Client
	cookie string // file

	mu      sync.Mutex
	auth    string // value of the header; empty for none, or if not read yet
	secrets scrub.Secrets

	buffers sync.Pool // of *bytes.Buffer, for bodies as large as blocks
}

// Dial returns a client. It opens no connection and reads no file. No error of the client contains a credential, or
// more of the URL than the host.
func Dial(c ClientConfig) (*Client, error) {
	target, err := scrub.ParseURL(c.URL, "http", "https")
	if err != nil {
		return nil, fmt.Errorf("bitcoin: ClientConfig.URL: %w", err)
	}
	secrets := scrub.Of([]*url.URL{target}, c.User, c.Password, base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password)))
	user, password := c.User, c.Password
	if u := target.User; u != nil {
		if user != "" || c.CookieFile != "" {
			return nil, errors.New("bitcoin: ClientConfig.URL: credentials are also set in User or CookieFile")
		}
		user = u.Username()
		password, _ = u.Password()
		target.User = nil
	}
	if user != "" && c.CookieFile != "" {
		return nil, errors.New("bitcoin: ClientConfig.User and ClientConfig.CookieFile are both set")
	}
	n := &Client{url: target.String(), cookie: c.CookieFile, secrets: secrets}
	if user != "" || password != "" {
		n.auth = basic(user + ":" + password)
	}
	if c.HTTP != nil {
		n.http = *c.HTTP
	}
	if n.http.Timeout == 0 {
		n.http.Timeout = dialTimeout
	}
	if n.http.Transport == nil {
		if t, ok := http.DefaultTransport.(*http.Transport); ok {
			t = t.Clone()
			t.MaxIdleConnsPerHost = keptConns
			n.http.Transport = t
		}
	}
	n.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return n, nil
}

func basic(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

// Close closes idle connections. The client stays usable.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call calls a method of the node, and decodes the result into result unless that is nil. It blocks until the response
// arrives or ctx ends. A refusal of the node is an [*Error], a response of anything in between a [*StatusError].
func (c *Client) Call(ctx context.Context, result any, method string, params ...any) error {
	body, err := c.post(ctx, request{ID: 1, Method: method, Params: orEmpty(params)})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	defer c.release(body)
	var a answer
	if err := json.Unmarshal(body.Bytes(), &a); err != nil {
		return fmt.Errorf("%s: malformed response", method) // the decoder's error may repeat what it read
	}
	if err := a.into(result); err != nil {
		return fmt.Errorf("%s: %w", method, c.tidy(err))
	}
	return nil
}

// query is one of several calls, and its result.
type query struct {
	method string
	params []any
	result any
	err    error // the node's response to this call
}

// batch makes several calls at once. An error of a single one is in the query.
func (c *Client) batch(ctx context.Context, queries []query) error {
	requests := make([]request, len(queries))
	for i, q := range queries {
		requests[i] = request{ID: i, Method: q.method, Params: orEmpty(q.params)}
	}
	body, err := c.post(ctx, requests)
	if err != nil {
		return fmt.Errorf("batch of %s: %w", queries[0].method, err)
	}
	defer c.release(body)
	var answers []answer
	if err := json.Unmarshal(body.Bytes(), &answers); err != nil {
		var refused answer
		if json.Unmarshal(body.Bytes(), &refused) == nil && refused.Error != nil {
			return fmt.Errorf("batch of %s: %w", queries[0].method, c.tidy(refused.Error))
		}
		return fmt.Errorf("batch of %s: malformed response", queries[0].method)
	}
	found := make([]bool, len(queries))
	for _, a := range answers {
		if a.ID == nil || *a.ID < 0 || *a.ID >= len(queries) || found[*a.ID] {
			return fmt.Errorf("batch of %s: a response to no call", queries[0].method)
		}
		found[*a.ID] = true
		queries[*a.ID].err = c.tidy(a.into(queries[*a.ID].result))
	}
	if len(answers) != len(queries) {
		return fmt.Errorf("batch of %s: %d responses to %d calls", queries[0].method, len(answers), len(queries))
	}
	return nil
}

type request struct {
	Version string `json:"jsonrpc"`
	ID      int    `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

// MarshalJSON adds the version that every node understands: Core's before 28 know no other.
func (r request) MarshalJSON() ([]byte, error) {
	type plain request
	r.Version = "1.0"
	return json.Marshal(plain(r))
}

func orEmpty(params []any) []any {
	if params == nil {
		return []any{}
	}
	return params
}

// orNull is a result that may be null, which leaves Value as it is.
type orNull struct{ Value any }

// UnmarshalJSON decodes into Value.
func (o *orNull) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	return json.Unmarshal(b, o.Value)
}

type answer struct {
	ID     *int            `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *Error          `json:"error"`
}

func (a answer) into(result any) error {
	if a.Error != nil {
		return a.Error
	}
	if result == nil {
		return nil
	}
	_, optional := result.(*orNull)
	if a.Result == nil || string(a.Result) == "null" && !optional { // null is refused in place of an empty list
		return errors.New("response without a result")
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return errors.New("result of an unexpected type")
	}
	return nil
}

// post sends a request and reads the body of its response; release gives the body back. If the node refuses the
// credentials, it tries once more with new ones from the cookie file.
func (c *Client) post(ctx context.Context, question any) (*bytes.Buffer, error) {
	payload, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	auth, err := c.credentials("")
	if err != nil {
		return nil, err
	}
	body, err := c.send(ctx, payload, auth)
	var status *StatusError
	if errors.As(err, &status) && status.Status == http.StatusUnauthorized && c.cookie != "" {
		fresh, readErr := c.credentials(auth)
		if readErr != nil || fresh == auth {
			return nil, err
		}
		return c.send(ctx, payload, fresh)
	}
	return body, err
}

// credentials returns the header to log in with. Those in refused are no longer valid: another call may have replaced
// them already, or the file is read again.
func (c *Client) credentials(refused string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cookie == "" || c.auth != refused {
		return c.auth, nil
	}
	f, err := os.Open(c.cookie)
	if err != nil {
		return "", fmt.Errorf("read cookie file: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	raw, err := io.ReadAll(io.LimitReader(f, maxCookie))
	if err != nil {
		return "", fmt.Errorf("read cookie file: %w", err)
	}
	login := strings.TrimSpace(string(raw))
	c.auth = basic(login)
	_, password, _ := strings.Cut(login, ":")
	c.secrets = c.secrets.And(password, strings.TrimPrefix(c.auth, "Basic "))
	return c.auth, nil
}

// send is post without a second try. It reads the body before it looks at the status, since Core reports errors in a
// JSON body under 500 and 404.
func (c *Client) send(ctx context.Context, payload []byte, auth string) (*bytes.Buffer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(payload))
	if err != nil {
		return nil, errors.New("make request") // the error contains the URL
	}
	req.Header.Set("Content-Type", "application/json")
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.tidy(err)
	}
	defer resp.Body.Close() //nolint:errcheck // the body has been read
	body, err := c.read(resp)
	if err != nil {
		return nil, c.tidy(err)
	}
	if resp.StatusCode == http.StatusOK {
		return body, nil
	}
	var a answer
	if resp.StatusCode != http.StatusUnauthorized && json.Unmarshal(body.Bytes(), &a) == nil && a.Error != nil {
		return body, nil
	}
	c.release(body)
	return nil, &StatusError{resp.StatusCode}
}

func (c *Client) read(resp *http.Response) (*bytes.Buffer, error) {
	if resp.ContentLength > MaxResponse {
		return nil, ErrResponseTooLarge
	}
	body, ok := c.buffers.Get().(*bytes.Buffer)
	if !ok {
		body = new(bytes.Buffer)
	}
	body.Reset()
	if n := resp.ContentLength; n > 0 {
		body.Grow(int(min(n, 16<<20)) + bytes.MinRead) // the rest is not allocated before it arrives
	}
	n, err := body.ReadFrom(io.LimitReader(resp.Body, MaxResponse+1))
	if err == nil && n > MaxResponse {
		err = ErrResponseTooLarge
	}
	if err != nil {
		c.release(body)
		return nil, err
	}
	return body, nil
}

// release gives a body back. What was decoded from it in place must not be used any more.
func (c *Client) release(body *bytes.Buffer) { c.buffers.Put(body) }

// tidy makes an error fit for logs: without the URL, in whose path providers put keys, and without credentials that a
// gateway repeats.
func (c *Client) tidy(err error) error {
	c.mu.Lock()
	secrets := c.secrets
	c.mu.Unlock()
	var fault *Error
	if errors.As(err, &fault) {
		return &Error{fault.Code, secrets.Text(fault.Message)}
	}
	return secrets.Error(err)
}

// raw requests something serialized and calls use with its bytes, which must not keep them.
func (c *Client) raw(ctx context.Context, limit int, use func([]byte) error, method string, params ...any) error {
	body, err := c.post(ctx, request{ID: 1, Method: method, Params: params})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	defer c.release(body)
	b, err := unhex(body.Bytes(), limit)
	if err != nil {
		return fmt.Errorf("%s: %w", method, c.tidy(err))
	}
	return use(b)
}

// unhex decodes a result of hexadecimal digits in place. It recognises Core's format without a JSON decoder, which
// would look at each of millions of digits twice; the rest of the response goes through one.
func unhex(body []byte, limit int) ([]byte, error) {
	var digits []byte
	rest := body
	if before, after, ok := bytes.Cut(body, []byte(`"result":"`)); ok && len(before) < 64 {
		if n := bytes.IndexByte(after, '"'); n >= 0 {
			digits = after[:n]
			rest = append(append([]byte{}, body[:len(body)-len(after)]...), after[n:]...)
		}
	}
	var a answer
	if err := json.Unmarshal(rest, &a); err != nil {
		return nil, errors.New("malformed response")
	}
	var text string
	if err := a.into(&text); err != nil {
		return nil, err
	}
	if text != "" { // another format
		digits = []byte(text)
	}
	if hex.DecodedLen(len(digits)) > limit {
		return nil, ErrResponseTooLarge
	}
	n, err := hex.Decode(digits, digits)
	if err != nil {
		return nil, errors.New("result is not hexadecimal digits; length " + strconv.Itoa(len(digits)))
	}
	return digits[:n], nil
}
