package signer

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
	"time"

	"github.com/cointill/cointill/internal/scrub"
	"github.com/cointill/cointill/payout"
)

// minToken is the shortest bearer token, in bytes.
const minToken = 32

// RemoteConfig configures a [Remote].
type RemoteConfig struct {
	// URL is where the signer's handler is. It must be https, unless the host is a loopback address.
	URL string
	// Token is sent as bearer token, if it is not empty; it has at least 32 bytes.
	Token string
	// Client is copied, without redirects. Its transport may have a client certificate. If nil, it is http.Client{}.
	Client *http.Client
	// Timeout limits one request; 30 seconds if 0.
	Timeout time.Duration
}

// Remote is a payout.Signer in another process, behind a [NewHandler]. It is safe for concurrent use. Formatting it shows no
// token.
type Remote struct {
	url     string
	token   token
	client  http.Client
	secrets scrub.Secrets
}

// token is a secret that prints as nothing.
type token string

func (token) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "***") }

var _ payout.Signer = (*Remote)(nil)

// NewRemote returns a Remote. It makes no request.
func NewRemote(c RemoteConfig) (*Remote, error) {
	u, err := scrub.ParseURL(c.URL, "http", "https")
	if err != nil {
		return nil, fmt.Errorf("signer: RemoteConfig.URL: %w", err)
	}
	if u.Scheme == "http" && !loopback(u) {
		return nil, errors.New("signer: RemoteConfig.URL: must be https, as its host is no loopback address")
	}
	if c.Token != "" && len(c.Token) < minToken {
		return nil, fmt.Errorf("signer: RemoteConfig.Token: must have at least %d bytes", minToken)
	}
	r := &Remote{url: u.String(), token: token(c.Token), secrets: scrub.Of([]*url.URL{u}, c.Token)}
	if c.Client != nil {
		r.client = *c.Client
	}
	if r.client.Timeout = c.Timeout; c.Timeout <= 0 {
		r.client.Timeout = 30 * time.Second
	}
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return r, nil
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// Sign implements payout.Signer. It returns ErrLater and RefusedError as the signer says, and for everything else an error
// that leaves it open.
func (r *Remote) Sign(ctx context.Context, q payout.SignRequest) ([]byte, error) {
	signed, err := r.sign(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("signer: version %d of transaction %.64q: %w", q.N, q.Transaction, err)
	}
	return signed, nil
}

func (r *Remote) sign(ctx context.Context, q payout.SignRequest) ([]byte, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("request is larger than %d bytes", MaxBody)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("URL does not form a request")
	}
	request.Header.Set("Content-Type", "application/json")
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+string(r.token))
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, r.secrets.Error(err)
	}
	defer func() { _ = response.Body.Close() }() // the body has been read
	text, err := io.ReadAll(io.LimitReader(response.Body, MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read response: %w", r.secrets.Error(err))
	}
	if len(text) > MaxBody {
		return nil, fmt.Errorf("response is larger than %d bytes", MaxBody)
	}
	return r.read(q, response.StatusCode, text)
}

// read returns what a response says.
func (r *Remote) read(q payout.SignRequest, status int, text []byte) ([]byte, error) {
	switch status {
	case http.StatusOK:
		var s wireSigned
		if json.Unmarshal(text, &s) != nil || len(s.Signed) == 0 {
			return nil, errors.New("response 200 has no signed transaction")
		}
		return s.Signed, nil
	case http.StatusAccepted:
		return nil, payout.ErrLater
	case http.StatusForbidden:
		var f wireRefused
		if json.Unmarshal(text, &f) != nil || f.Digest != digest(q.Unsigned) {
			return nil, errors.New("response 403 is not of the signer")
		}
		refused := &payout.RefusedError{Code: payout.RefusedPolicy, Reason: r.secrets.Text(plain(f.Reason))}
		if f.Code == string(payout.RefusedInvalid) {
			refused.Code = payout.RefusedInvalid
		}
		return nil, refused
	}
	var p wireProblem
	_ = json.Unmarshal(text, &p) // else the status has to do
	return nil, fmt.Errorf("response %d: %s", status, r.secrets.Text(plain(p.Error)))
}
