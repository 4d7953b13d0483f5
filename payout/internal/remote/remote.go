// Package remote asks another process of the shop, or of its custodian, over HTTP: with bounds, and without telling secrets.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/cointill/cointill/internal/scrub"
)

const (
	// MinToken is the least number of bytes of a bearer token.
	MinToken  = 32
	maxReason = 256
)

// Config configures a [Client].
type Config struct {
	URL     string        // https, unless the host is a loopback address
	Token   string        // sent as bearer token, if it is not empty; at least 32 bytes
	Client  *http.Client  // copied, without redirects; nil means http.Client{}
	Timeout time.Duration // of one request; 30 seconds if 0
	MaxBody int           // bytes of a request or response
}

// Client asks. It is safe for concurrent use. Formatting it shows no token.
type Client struct {
	url     string
	token   string
	client  http.Client
	secrets scrub.Secrets
	most    int
}

// Format implements fmt.Formatter. What holds a Client in a field that is not exported needs a Format of its own.
func (Client) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "***") }

// New returns a Client. It makes no request. An error begins with the name of the field.
func New(c Config) (*Client, error) {
	u, err := scrub.ParseURL(c.URL, "http", "https")
	if err != nil {
		return nil, fmt.Errorf("URL: %w", err)
	}
	if u.Scheme == "http" && !loopback(u) {
		return nil, errors.New("URL: must be https, as its host is no loopback address")
	}
	if c.Token != "" && len(c.Token) < MinToken {
		return nil, fmt.Errorf("Token: must have at least %d bytes", MinToken)
	}
	out := &Client{url: u.String(), token: c.Token, secrets: scrub.Of([]*url.URL{u}, c.Token), most: c.MaxBody}
	if c.Client != nil {
		out.client = *c.Client
	}
	if out.client.Timeout = c.Timeout; c.Timeout <= 0 {
		out.client.Timeout = 30 * time.Second
	}
	out.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return out, nil
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// Do makes a request with body as JSON, or without one if it is nil, to the URL with path after it.
func (c *Client) Do(ctx context.Context, method, path string, body any) (status int, text []byte, err error) {
	var sent []byte
	if body != nil {
		if sent, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	if len(sent) > c.most {
		return 0, nil, fmt.Errorf("request is larger than %d bytes", c.most)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(sent))
	if err != nil {
		return 0, nil, errors.New("URL does not form a request")
	}
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, nil, c.secrets.Error(err)
	}
	defer func() { _ = response.Body.Close() }() // the body has been read
	text, err = io.ReadAll(io.LimitReader(response.Body, int64(c.most)+1))
	if err != nil {
		return 0, nil, fmt.Errorf("read response: %w", c.secrets.Error(err))
	}
	if len(text) > c.most {
		return 0, nil, fmt.Errorf("response is larger than %d bytes", c.most)
	}
	return response.StatusCode, text, nil
}

// Text returns a text that came from outside in one bounded, printable line without secrets.
func (c *Client) Text(s string) string { return c.secrets.Text(Plain(s)) }

// Plain returns a text for people in one bounded, printable line.
func Plain(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason]
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
