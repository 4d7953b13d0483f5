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

// MaxAnswer bounds the body of one HTTP answer, in bytes after decompression. A full block has 2 MB of
// transactions, which are about 8 MB of JSON; their results can be some times that.
const MaxAnswer = 64 << 20

// callTimeout bounds one request when the caller's client has no bound.
const callTimeout = 30 * time.Second

// ErrAnswerTooLarge says that an answer was larger than [MaxAnswer].
var ErrAnswerTooLarge = errors.New("answer too large")

// view is a prefix of the API: what the node has, or what is solidified.
type view string

const (
	wallet   view = "wallet"
	solidity view = "walletsolidity"
)

// statusError is an HTTP status other than 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("HTTP status %d", int(e)) }

// nodeError is what a node says in the member Error of an answer, usually with HTTP status 200.
type nodeError string

func (e nodeError) Error() string { return "node says: " + string(e) }

var errNoJSON = errors.New("answer is no JSON; a lite full node answers so when it is asked for history")

// client calls the HTTP API. No error of it has a URL in it, since providers put keys into the path, nor the key.
type client struct {
	http    http.Client
	base    map[view]*url.URL
	key     string
	secrets scrub.Secrets // not to be repeated from a node's messages
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

// call asks for a method and decodes the answer, which must be an object or a list as result is. An empty object
// leaves result as it is: so nodes say that there is nothing.
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
		return nil, errors.New("cannot make a request of the URL")
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
	defer func() { _ = response.Body.Close() }() // all that matters has been read
	if response.StatusCode != http.StatusOK {
		return nil, statusError(response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", c.secrets.Error(err))
	}
	if len(body) > MaxAnswer {
		return nil, ErrAnswerTooLarge
	}
	return body, nil
}

// decode decodes an answer, unless it is an error. Errors come with status 200, in an object in the place of
// whatever was asked for, and so does the refusal of a node that is asked too often.
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
		return nil // an object in the place of a list has nothing of it
	}
	return tidy(json.Unmarshal(body, result))
}

// formError is an answer that cannot be decoded, which what is in it may be the cause of.
type formError struct{ what string }

func (e *formError) Error() string { return e.what }

// tidy makes an error of decoding short: what is wrong, without the text that is wrong.
func tidy(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return &formError{fmt.Sprintf("answer is broken JSON at byte %d", syntax.Offset)}
	case errors.As(err, &kind):
		return &formError{fmt.Sprintf("answer has the wrong type or size at %q", kind.Field)}
	}
	return &formError{err.Error()}
}
