package signer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/internal/remote"
)

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
type Remote struct{ client *remote.Client }

// Format implements fmt.Formatter.
func (Remote) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "***") }

var _ payout.Signer = (*Remote)(nil)

// NewRemote returns a Remote. It makes no request.
func NewRemote(c RemoteConfig) (*Remote, error) {
	client, err := remote.New(remote.Config{URL: c.URL, Token: c.Token, Client: c.Client, Timeout: c.Timeout, MaxBody: MaxBody})
	if err != nil {
		return nil, fmt.Errorf("signer: RemoteConfig.%w", err)
	}
	return &Remote{client}, nil
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
	status, text, err := r.client.Do(ctx, http.MethodPost, "", q)
	if err != nil {
		return nil, err
	}
	return r.read(q, status, text)
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
		refused := &payout.RefusedError{Code: payout.RefusedPolicy, Reason: r.client.Text(f.Reason)}
		if f.Code == string(payout.RefusedInvalid) {
			refused.Code = payout.RefusedInvalid
		}
		return nil, refused
	}
	var p wireProblem
	_ = json.Unmarshal(text, &p) // else the status has to do
	return nil, fmt.Errorf("response %d: %s", status, r.client.Text(p.Error))
}
