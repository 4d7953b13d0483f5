package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/cointill/cointill/invoice"
)

// FeedConfig configures the feed of events. Service and Projects are required; the other fields mean what they
// mean in [Config].
type FeedConfig struct {
	Service  *invoice.Service
	Projects *invoice.Projects
	// Authenticate identifies the project of a request in place of its API key. If nil, the API key does.
	Authenticate Authenticate
	ClientIP     ClientIP
	Limit        Limit
	Now          func() time.Time
	Logger       *slog.Logger
	Meter        invoice.Meter
}

// NewFeed returns an API with one route, GET /events?after=&limit=, which returns a project's events after a position, in
// order. It belongs to none of the public APIs; mount it beside them. A shop that was down, or that prefers polling to
// webhooks, stores the position of the last event that it has processed and misses none. The key is in the header Api-Key.
//
// Positions count the events of all projects. A response has few events, or none, when the others belong to other projects:
// continue after its "next" until "next" is the position that was asked for.
//
// A position beyond the last event gets the response 409 with {"error": "...", "last": N}: the shop has seen events that the
// store no longer has, for example because a backup was restored. Later events have positions above N, so a shop that
// continues after N misses none.
func NewFeed(cfg FeedConfig) (*API, error) {
	if cfg.Service == nil || cfg.Projects == nil {
		return nil, errors.New("httpapi: NewFeed: Service and Projects are required")
	}
	f := feed{cfg.Service}
	auth := ProjectKey("ApiKeyAuth", "Api-Key", cfg.Projects, cfg.ClientIP)
	if cfg.Authenticate != nil {
		auth = HostScheme(cfg.Authenticate, cfg.Projects)
	}
	return New(Config{
		Title: "Feed of events", Version: "1",
		Description: "What happened to a project's invoices, in one order that never changes. A position beyond the last event is answered 409 " +
			"with the position to go on after: the feed has lost its end, as after the restore of a backup.",
		Routes: []Route{{
			Method: http.MethodGet, Path: "/events", OperationID: "listEvents", Tag: "Events",
			Summary: "List events after a position", Auth: auth,
			Params: feedQuery{}, Answer: feedPage{}, Faults: []int{http.StatusConflict}, Handler: f.list,
		}},
		Fault: feedFault, FaultBody: feedError{},
		Examples: map[string]any{
			"id": "evt_018f3f3e", "error": "The position is beyond the last event.", "last": 41,
			"event": map[string]any{"type": "invoice.created", "timestamp": "2026-03-02T12:00:00Z", "data": map[string]any{}},
		},
		Limit: cfg.Limit, ClientIP: cfg.ClientIP, Now: cfg.Now, Logger: cfg.Logger, Meter: cfg.Meter,
	})
}

type feed struct{ service *invoice.Service }

type feedQuery struct {
	After int64 `json:"after" schema:"minimum=0,default=0" doc:"Position of the last event that was processed"`
	Limit int   `json:"limit" schema:"minimum=1,maximum=100,default=100"`
}

type feedPage struct {
	Events []feedEvent `json:"events"`
	Next   int64       `json:"next" doc:"The value of after for the next request"`
}

type feedEvent struct {
	Position int64           `json:"position"`
	ID       string          `json:"id" doc:"Id of the event, the same as in the header webhook-id"`
	Event    json.RawMessage `json:"event" doc:"Body of the webhook in the standard format, byte for byte"`
}

type feedError struct {
	Error string `json:"error"`
	Last  *int64 `json:"last,omitempty" doc:"Only in 409: the position to continue after"`
}

// feedPages bounds how many events of other projects one request passes over, in pages of the Service.
const feedPages = 20

func (f feed) list(r *Request) (any, error) {
	var q feedQuery
	if err := r.Bind(&q); err != nil {
		return nil, err
	}
	out := feedPage{Events: []feedEvent{}, Next: q.After}
	for range feedPages {
		page, err := f.service.Events(r.Context(), out.Next, invoice.MaxPage)
		if err != nil {
			return nil, fmt.Errorf("httpapi: read feed: %w", err)
		}
		for _, ev := range page {
			if len(out.Events) == q.Limit {
				return out, nil
			}
			if out.Next = ev.Position; ev.Project == r.Project.ID {
				out.Events = append(out.Events, feedEvent{ev.Position, ev.ID, ev.Body})
			}
		}
		if len(page) < invoice.MaxPage {
			break
		}
	}
	return out, nil
}

func feedFault(err error) (int, any) {
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused.Status, feedError{Error: refused.Message}
	}
	if invalid, ok := errors.AsType[*FieldError](err); ok {
		return http.StatusUnprocessableEntity, feedError{Error: invalid.Error()}
	}
	if beyond, ok := errors.AsType[*invoice.PositionError](err); ok {
		return http.StatusConflict, feedError{"The position is beyond the last event: the feed has lost its end. Go on after \"last\".", &beyond.Last}
	}
	return http.StatusInternalServerError, feedError{Error: "Something went wrong."}
}
