package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/internal/remote"
)

// maxBody is the largest body of a request or response, in bytes.
const maxBody = 64 << 10

// Config configures a [Gateway].
type Config struct {
	Network chain.Network // the name of the account among networks, such as "custody:main"; required
	Account chain.Address // the account, for people; required
	// URL is where the gateway is. It must be https, unless the host is a loopback address.
	URL string
	// Token is sent as bearer token, if it is not empty; it has at least 32 bytes.
	Token string
	// Client is copied, without redirects. Its transport may have a client certificate. If nil, it is http.Client{}.
	Client *http.Client
	// Timeout limits one request; 30 seconds if 0.
	Timeout time.Duration
}

// Gateway is a payout.Provider. It is safe for concurrent use. Formatting it shows no token.
type Gateway struct {
	network chain.Network
	account chain.Address
	client  *remote.Client
}

var (
	_ payout.Provider   = (*Gateway)(nil)
	_ payout.Withdrawer = (*Gateway)(nil)
)

// New returns a Gateway. It makes no request.
func New(c Config) (*Gateway, error) {
	if c.Network == "" || c.Account == "" {
		return nil, errors.New("gateway: Config: Network and Account are required")
	}
	client, err := remote.New(remote.Config{URL: c.URL, Token: c.Token, Client: c.Client, Timeout: c.Timeout, MaxBody: maxBody})
	if err != nil {
		return nil, fmt.Errorf("gateway: Config.%w", err)
	}
	return &Gateway{c.Network, c.Account, client}, nil
}

// Format implements fmt.Formatter.
func (g Gateway) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "gateway of %s", g.network) }

// Network implements payout.Provider.
func (g *Gateway) Network() chain.Network { return g.network }

// Account implements payout.Provider.
func (g *Gateway) Account() chain.Address { return g.account }

// Receiver implements payout.Provider.
func (g *Gateway) Receiver(ctx context.Context, asset chain.Asset, to string, who payout.Beneficiary, units *big.Int) (chain.Address, error) {
	q := url.Values{"asset": {string(asset.ID)}, "to": {to}}
	if units != nil {
		q.Set("units", units.String())
	}
	for k, v := range map[string]string{"name": who.Name, "bic": who.BIC, "country": who.Country} {
		if v != "" {
			q.Set(k, v)
		}
	}
	var out struct {
		To chain.Address `json:"to"`
	}
	if err := g.get(ctx, "/receivers?"+q.Encode(), &out); err != nil {
		return "", fmt.Errorf("gateway: receiver: %w", err)
	}
	if out.To == "" {
		return "", errors.New("gateway: receiver: the response names none")
	}
	return out.To, nil
}

// Submit implements payout.Provider.
func (g *Gateway) Submit(ctx context.Context, in payout.Instruction) error {
	status, text, err := g.client.Do(ctx, http.MethodPut, "/payments/"+url.PathEscape(in.ID), wireInstruction(in))
	if err == nil && status != http.StatusOK && status != http.StatusAccepted {
		err = g.problem(status, text)
	}
	if err == nil {
		_, err = g.state(in.ID, text)
	}
	if err != nil {
		return fmt.Errorf("gateway: submit %s: %w", in.ID, err)
	}
	return nil
}

// Withdraw implements payout.Withdrawer.
func (g *Gateway) Withdraw(ctx context.Context, id string) error {
	status, text, err := g.client.Do(ctx, http.MethodDelete, "/payments/"+url.PathEscape(id), nil)
	switch {
	case err != nil:
	case status == http.StatusNotFound:
		err = payout.ErrNotFound
	case status == http.StatusConflict:
		err = payout.ErrNoReplacement
	case status != http.StatusOK:
		err = g.problem(status, text)
	}
	if err != nil {
		return fmt.Errorf("gateway: withdraw %.40q: %w", id, err)
	}
	return nil
}

// Ask implements payout.Provider.
func (g *Gateway) Ask(ctx context.Context, id string) (payout.Progress, error) {
	s, err := g.ask(ctx, id)
	if err != nil {
		return payout.Progress{}, fmt.Errorf("gateway: ask for %.40q: %w", id, err)
	}
	out := payout.Progress{Outcome: payout.Outcome(s.Outcome), Why: g.client.Text(s.Why), Fee: s.Fee.Int, Reference: g.client.Text(s.Reference)}
	if s.Outcome == returned { // so it was paid
		out.Outcome, out.Returned = payout.OutcomePaid, s.Units.Int
	}
	return out, nil
}

func (g *Gateway) ask(ctx context.Context, id string) (wireState, error) {
	status, text, err := g.client.Do(ctx, http.MethodGet, "/payments/"+url.PathEscape(id), nil)
	switch {
	case err != nil:
		return wireState{}, err
	case status == http.StatusNotFound:
		return wireState{}, payout.ErrNotFound
	case status != http.StatusOK:
		return wireState{}, g.problem(status, text)
	}
	return g.state(id, text)
}

// state returns what a response says of the payment with the id.
func (g *Gateway) state(id string, text []byte) (wireState, error) {
	var s wireState
	if err := json.Unmarshal(text, &s); err != nil || s.ID != id {
		return wireState{}, errors.New("the response is not about this payment")
	}
	switch payout.Outcome(s.Outcome) {
	case payout.OutcomePending, payout.OutcomeConfirm, payout.OutcomePaid, payout.OutcomeFailed, payout.OutcomeWithdrawn, returned:
	default:
		return wireState{}, fmt.Errorf("the response has the outcome %q", g.client.Text(s.Outcome))
	}
	if s.Fee.Int != nil && s.Fee.Sign() < 0 || s.Outcome == returned && (s.Units.Int == nil || s.Units.Sign() <= 0) {
		return wireState{}, errors.New("the response has a negative fee, or returned nothing")
	}
	return s, nil
}

// Funding implements payout.Provider.
func (g *Gateway) Funding(ctx context.Context, id string) (chain.AssetID, *big.Int, error) {
	asset, units, err := g.amount(ctx, "/incoming/"+url.PathEscape(id))
	if err == nil && units.Sign() <= 0 {
		err = payout.ErrNotFound
	}
	if err != nil {
		return "", nil, fmt.Errorf("gateway: incoming payment %.40q: %w", id, err)
	}
	return asset, units, nil
}

// Balance implements payout.Provider.
func (g *Gateway) Balance(ctx context.Context, asset chain.AssetID) (*big.Int, error) {
	of, units, err := g.amount(ctx, "/balance?"+url.Values{"asset": {string(asset)}}.Encode())
	if err == nil && of != asset {
		err = errors.New("the response is about another asset")
	}
	if err != nil {
		return nil, fmt.Errorf("gateway: balance of %s: %w", asset, err)
	}
	return units, nil
}

func (g *Gateway) amount(ctx context.Context, path string) (chain.AssetID, *big.Int, error) {
	var out wireAmount
	if err := g.get(ctx, path, &out); err != nil {
		return "", nil, err
	}
	if out.Units.Int == nil {
		return "", nil, errors.New("the response has no amount")
	}
	return out.Asset, out.Units.Int, nil
}

// get reads a resource.
func (g *Gateway) get(ctx context.Context, path string, into any) error {
	status, text, err := g.client.Do(ctx, http.MethodGet, path, nil)
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound:
		return payout.ErrNotFound
	case status == http.StatusUnprocessableEntity:
		var r wireRefused
		if json.Unmarshal(text, &r) == nil && r.Code != "" {
			return &payout.RefusedError{Code: payout.Refusal(g.client.Text(string(r.Code))), Reason: g.client.Text(r.Reason)}
		}
		return g.problem(status, text)
	case status != http.StatusOK:
		return g.problem(status, text)
	}
	if json.Unmarshal(text, into) != nil {
		return errors.New("the response cannot be read")
	}
	return nil
}

func (g *Gateway) problem(status int, text []byte) error {
	return fmt.Errorf("response %d: %s", status, g.client.Text(string(text)))
}
