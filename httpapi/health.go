package httpapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/cointill/cointill/invoice"
)

// ReadyConfig says when a process is ready. Service is required.
type ReadyConfig struct {
	Service *invoice.Service
	Within  time.Duration    // how long ago each network's node may have answered last; default 2 minutes
	Behind  uint64           // how many blocks a network may be behind; default 10
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default silence
}

// Alive answers 200 to every request: the process runs. It is for whoever starts it anew when it does not.
func Alive() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, http.StatusOK, health{OK: true}) })
}

// health is what Alive and Ready answer.
type health struct {
	OK       bool            `json:"ok"`
	Networks []networkHealth `json:"networks,omitempty"`
}

type networkHealth struct {
	Network string `json:"network"`
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Ours    bool   `json:"ours"`    // this process follows it
	Height  uint64 `json:"height"`  // of the last block that was stored
	Behind  uint64 `json:"behind"`  // blocks; 0 when another process follows it
	Damaged int    `json:"damaged"` // stored invoices that cannot be read
}

// Ready answers 200 when the store can be read and every network that this process follows is being seen, else
// 503; see [invoice.NetworkHealth.OK]. Invoices are created all the same while a network lags, so a process
// that is not ready is one to look at, and not one to send no requests to. The answer has no error texts:
// they can name nodes and belong in the log. Mount it where operators can reach it and others cannot.
func Ready(cfg ReadyConfig) (http.Handler, error) {
	if cfg.Service == nil {
		return nil, errors.New("httpapi: Ready: Service is required")
	}
	if cfg.Within < 0 {
		return nil, errors.New("httpapi: Ready: Within must not be negative")
	}
	if cfg.Within == 0 {
		cfg.Within = 2 * time.Minute
	}
	if cfg.Behind == 0 {
		cfg.Behind = 10
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		networks, err := cfg.Service.Health(r.Context())
		if err != nil {
			cfg.Logger.ErrorContext(r.Context(), "health cannot be read", "error", err)
			writeHealth(w, http.StatusServiceUnavailable, health{})
			return
		}
		out, status := health{OK: true}, http.StatusOK
		for _, n := range networks {
			one := networkHealth{
				Network: string(n.Network), Name: n.Name, Ours: n.Ours, Height: n.Stored.Height, Damaged: len(n.Damaged),
				OK: n.OK(cfg.Now(), cfg.Within, cfg.Behind) && len(n.Damaged) == 0,
			}
			if n.Ours {
				one.Behind = n.Lag.Blocks()
			}
			if !one.OK {
				cfg.Logger.WarnContext(r.Context(), "network is not well", "network", n.Network, "lag", n.Lag.Err, "stored", n.Err, "damaged", n.Damaged)
				out.OK, status = false, http.StatusServiceUnavailable
			}
			out.Networks = append(out.Networks, one)
		}
		writeHealth(w, status, out)
	}), nil
}

func writeHealth(w http.ResponseWriter, status int, h health) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(h) // fails only when nobody listens any more
}
