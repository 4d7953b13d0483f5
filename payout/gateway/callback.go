package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/cointill/cointill/payout"
)

// Service is what a callback tells; *payout.Service has it.
type Service interface {
	// Hint makes Run look at once.
	Hint()
	Returned(ctx context.Context, r payout.Return) (payout.Payout, error)
}

// CallbackConfig configures [NewCallback].
type CallbackConfig struct {
	Gateway *Gateway // required
	Service Service  // required
	// Verify returns the body of a request if it is signed, such as webhook.VerifyRequest does with the custodian's
	// secrets. It reads a bounded body only. Required.
	Verify func(r *http.Request) ([]byte, error)
	Logger *slog.Logger // if nil, nothing is logged
}

// NewCallback returns the handler of the custodian's callbacks. It responds 204 to one that was heeded, 401 to one that is
// not signed, and 503 to one that the custodian should repeat.
func NewCallback(c CallbackConfig) (http.Handler, error) {
	if c.Gateway == nil || c.Service == nil || c.Verify == nil {
		return nil, errors.New("gateway: CallbackConfig: Gateway, Service and Verify are required")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return http.HandlerFunc(c.serve), nil
}

func (c CallbackConfig) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := c.Verify(r)
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var about struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(body, &about) != nil || about.ID == "" || len(about.ID) > 64 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if err := c.heed(r.Context(), about.ID); err != nil {
		c.Logger.WarnContext(r.Context(), "a callback of the custodian is not heeded yet", "payment", about.ID, "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// heed asks what became of the payment. Only a return has to be booked from here: everything else is for Run.
func (c CallbackConfig) heed(ctx context.Context, id string) error {
	c.Service.Hint()
	s, err := c.Gateway.ask(ctx, id)
	if errors.Is(err, payout.ErrNotFound) {
		return nil // it is not ours to know
	}
	if err != nil || s.Outcome != returned {
		return err
	}
	_, err = c.Service.Returned(ctx, payout.Return{
		Network: c.Gateway.network, Instruction: id, Units: s.Units.Int, Reason: c.Gateway.client.Text(s.Why),
	})
	if errors.Is(err, payout.ErrNotFound) {
		return nil
	}
	return err
}
