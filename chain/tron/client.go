package tron

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/cointill/cointill/internal/scrub"
)

// MaxResponse is the largest body of one HTTP response, in bytes after decompression. A full block has 2 MB of
// transactions, which are about 8 MB of JSON; their results can be several times that.
const MaxResponse = 64 << 20

// callTimeout limits one request if the caller's client has no limit.
const callTimeout = 30 * time.Second

// ErrResponseTooLarge is returned when a response is larger than [MaxResponse].
var ErrResponseTooLarge = errors.New("response too large")

// view is a prefix of the API: all blocks, or those that are solidified.
type view string

const (
	wallet   view = "wallet"
	solidity view = "walletsolidity"
)

// statusError is an HTTP status other than 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("HTTP status %d", int(e)) }

// nodeError is the member Error of a response, usually with HTTP status 200.
type nodeError string

func (e nodeError) Error() string { return "node reports: " + string(e) }

var errNoJSON = errors.New("response is not JSON, as from a lite full node that is asked for history")

// client calls the HTTP API. No error contains a URL, since providers put keys into the path, or the key.
type client struct {
	http    http.Client
	base    map[view]*url.URL
	key     string
	secrets scrub.Secrets // masked in a node's messages
}

func newClient(c Config) (*client, error) {
	full, err := scrub.ParseURL(c.URL, "http", "https")
	if err != nil {
		return nil, fmt.Errorf("tron: Config.URL: %w", err)
	}
	solid := full
	if c.SolidityURL != "" {
		if solid, err = scrub.ParseURL(c.SolidityURL, "http", "https"); err != nil {
			return nil, fmt.Errorf("tron: Config.SolidityURL: %w", err)
		}
	}
	api := &client{base: map[view]*url.URL{wallet: full, solidity: solid}, key: c.APIKey}
	if c.Client != nil {
		api.http = *c.Client
	}
	if api.http.Timeout == 0 {
		api.http.Timeout = callTimeout
	}
	api.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	api.secrets = scrub.Of([]*url.URL{full, solid}, c.APIKey)
	return api, nil
}

// call calls a method and decodes the response, which must be an object or a list like result. An empty object, which
// means that there is nothing, leaves result as it is.
func (c *client) call(ctx context.Context, v view, method string, question, result any) error {
	body, err := c.post(ctx, v, method, question)
	if err == nil {
		err = c.decode(body, result)
	}
	if err != nil {
		return fmt.Errorf("%s/%s: %w", v, method, err)
	}
	return nil
}

func (c *client) post(ctx context.Context, v view, method string, question any) ([]byte, error) {
	asked, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	target := c.base[v].JoinPath(string(v), method)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(asked))
	if err != nil {
		return nil, errors.New("URL does not form a request")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if c.key != "" {
		request.Header.Set("TRON-PRO-API-KEY", c.key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.secrets.Error(err)
	}
	defer func() { _ = response.Body.Close() }() // the body has been read
	if response.StatusCode != http.StatusOK {
		return nil, statusError(response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxResponse+1))
	if err != nil {
		return nil, fmt.Errorf("read response: %w", c.secrets.Error(err))
	}
	if len(body) > MaxResponse {
		return nil, ErrResponseTooLarge
	}
	return body, nil
}

// decode decodes a response, unless it is an error. Errors come with status 200, in an object in place of any result,
// and so does the refusal of a node that is called too often.
func (c *client) decode(body []byte, result any) error {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || (body[0] != '{' && body[0] != '[') {
		return errNoJSON
	}
	if body[0] == '[' {
		return tidy(json.Unmarshal(body, result))
	}
	var failure struct {
		Error json.RawMessage `json:"Error"`
	}
	if err := json.Unmarshal(body, &failure); err != nil {
		return tidy(err)
	}
	if failure.Error != nil {
		return nodeError(c.secrets.Text(string(failure.Error)))
	}
	if _, list := result.(*[]wireInfo); list {
		return nil // an object in place of a list is an empty list
	}
	return tidy(json.Unmarshal(body, result))
}

// formError is a response that cannot be decoded, perhaps because of its content.
type formError struct{ what string }

func (e *formError) Error() string { return e.what }

// tidy shortens an error of decoding: the kind of mistake, without the text.
func tidy(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return &formError{fmt.Sprintf("response is broken JSON at byte %d", syntax.Offset)}
	case errors.As(err, &kind):
		return &formError{fmt.Sprintf("response has the wrong type or size at %q", kind.Field)}
	}
	return &formError{err.Error()}
}
