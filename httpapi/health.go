package httpapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/cointill/cointill/invoice"
)

// ReadyConfig defines when a process is ready. Service is required.
type ReadyConfig struct {
	Service *invoice.Service
	Within  time.Duration    // how old each network's last sight of its chain may be; default 2 minutes
	Behind  uint64           // how many blocks a network may be behind; default 10
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // if nil, nothing is logged
}

// Alive responds with 200 to every request: the process runs. It is for a supervisor that restarts the process.
func Alive() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, http.StatusOK, health{OK: true}) })
}

// health is the response of Alive and Ready.
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
	// DamagedIDs and SetAside hold the first ones; Aside is the total number of the latter.
	DamagedIDs   []string   `json:"damaged_invoices,omitempty"`
	Aside        int        `json:"aside"`
	SetAside     []setAside `json:"set_aside,omitempty"`
	Advanced     Time       `json:"advanced,omitzero"`      // when the store last advanced, or the chain was seen to have nothing new
	WaitingFor   uint64     `json:"waiting_for,omitempty"`  // height of the block that cannot be read
	NodeFailing  Time       `json:"node_failing,omitzero"`  // since when the node has been failing
	StoreFailing Time       `json:"store_failing,omitzero"` // since when steps could not be stored
	AheadSeconds int64      `json:"ahead_seconds"`          // how far the chain's last block is stamped ahead of the process's clock
	LostEnd      Time       `json:"lost_end,omitzero"`      // when the store was found to have lost its latest part
	Lacks        []lack     `json:"lacks,omitempty"`        // abilities that the node lacks
}

// lack is an ability that a node lacks, a [chain.Ability]. The reason is in the log.
type lack struct {
	What   string `json:"what"`
	Asset  string `json:"asset,omitempty"` // the only one affected; if decimals are lacking, it is held back
	Since  Time   `json:"since"`
	Blocks uint64 `json:"blocks,omitempty"` // in which it was noticed
}

// setAside describes what could not be taken into account yet. The reason for an invoice is only in the log, because it may
// contain error texts of a database.
type setAside struct {
	Since   Time   `json:"since"`
	Cause   string `json:"cause"`
	Invoice string `json:"invoice,omitempty"` // the invoice that it belongs to, if known
	TxID    string `json:"txid,omitempty"`    // a transaction that could not be examined; anybody can have sent it
}

// shownTroubles bounds how many invoices and transactions a network is shown with.
const shownTroubles = 20

func newNetworkHealth(n invoice.NetworkHealth, ok bool) networkHealth {
	out := networkHealth{
		Network: string(n.Network), Name: n.Name, OK: ok && len(n.Damaged) == 0, Ours: n.Ours, Height: n.Stored.Height,
		Damaged: len(n.Damaged), DamagedIDs: n.Damaged[:min(len(n.Damaged), shownTroubles)], Aside: len(n.Aside),
		Advanced: Time{n.Advanced}, StoreFailing: Time{n.Since}, AheadSeconds: int64(n.Ahead / time.Second), LostEnd: Time{n.LostEnd},
	}
	if n.Ours {
		out.Behind, out.WaitingFor, out.NodeFailing = n.Lag.Blocks(), n.Lag.At, Time{n.Lag.Since}
		for _, l := range n.Lag.Lacks {
			out.Lacks = append(out.Lacks, lack{string(l.What), string(l.Asset), Time{l.Since}, l.Blocks})
		}
	}
	for _, a := range n.Aside {
		one := setAside{Since: Time{a.Since}, Invoice: a.Invoice, Cause: "an invoice cannot be read or stored"}
		switch { // nobody must be able to make a process look unhealthy by what anybody can send
		case a.Unexamined != nil:
			one.Cause, one.TxID = a.Unexamined.Reason, a.Unexamined.TxID
		case a.Portions:
			one.Cause = "a block with many payments is stored in portions"
		default:
			out.OK = false
			if len(a.Seen) > 0 && a.Seen[0].Transfer.Held {
				one.Cause = "the asset is held back"
			}
		}
		if len(out.SetAside) < shownTroubles {
			out.SetAside = append(out.SetAside, one)
		}
	}
	return out
}

// Ready responds with 200 if the store can be read, every network is being seen, and no invoice is damaged or has something
// set aside, and otherwise with 503; see [invoice.NetworkHealth.OK]. A transaction that could not be examined is only shown.
// Invoices can be created while a network lags, so a process that is not ready needs attention but can still serve
// requests. The response contains no error texts of nodes and stores, which can name hosts; they are in the log. Mount it
// where only operators can reach it.
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
			one := newNetworkHealth(n, n.OK(cfg.Now(), cfg.Within, cfg.Behind))
			if !one.OK {
				cfg.Logger.WarnContext(r.Context(), "network is not well", "network", n.Network, "lag", n.Lag.Err, "stored", n.Err, "damaged", n.Damaged, "aside", n.Aside)
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
	_ = json.NewEncoder(w).Encode(h) // fails only when the client is gone
}
