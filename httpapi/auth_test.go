package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

// oneProject is a store of one project that counts queries.
type oneProject struct {
	invoice.ProjectStore
	keyHash string
	asked   int
	fails   error
}

func (s *oneProject) ProjectByKey(_ context.Context, keyHash string) (invoice.Project, error) {
	s.asked++
	if s.fails != nil {
		return invoice.Project{}, s.fails
	}
	if keyHash != s.keyHash {
		return invoice.Project{}, invoice.ErrNotFound
	}
	return invoice.Project{ID: "shop", KeyHash: keyHash}, nil
}

func TestAKeyIsRememberedForASecondAndARefusalNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &oneProject{keyHash: invoice.HashKey("good")}
		projects, err := invoice.NewProjects(s, nil)
		require.NoError(t, err)
		scheme := httpapi.ProjectKey("key", "Api-Key", projects, nil)
		api, err := httpapi.New(httpapi.Config{
			Title: "t", Version: "1", FaultBody: "", Fault: func(err error) (int, any) { return http.StatusUnauthorized, "" },
			Routes: []httpapi.Route{{
				Method: "GET", Path: "/who", OperationID: "who", Summary: "Who", Tag: "t", Auth: scheme, Answer: "",
				Handler: func(r *httpapi.Request) (any, error) { return r.Project.ID, nil },
			}},
		})
		require.NoError(t, err)
		ask := func(key string) int {
			rec, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/who", nil)
			r.Header.Set("Api-Key", key)
			api.ServeHTTP(rec, r)
			return rec.Code
		}
		require.Equal(t, http.StatusUnauthorized, ask("bad"))
		require.Equal(t, http.StatusUnauthorized, ask("bad"))
		require.Equal(t, 2, s.asked)
		require.Equal(t, http.StatusOK, ask("good"))
		require.Equal(t, http.StatusOK, ask("good"))
		require.Equal(t, 3, s.asked)

		s.keyHash = invoice.HashKey("new")
		require.Equal(t, http.StatusOK, ask("new"), "a key that was just made")
		time.Sleep(time.Second - time.Nanosecond)
		require.Equal(t, http.StatusOK, ask("good"), "revoked, but less than a second ago")
		time.Sleep(time.Nanosecond)
		require.Equal(t, http.StatusUnauthorized, ask("good"))
		require.Equal(t, http.StatusUnauthorized, ask(""))
	})
}

func TestWrongKeysAreLimitedBeforeTheyAreLookedUp(t *testing.T) {
	s := &oneProject{keyHash: invoice.HashKey("good")}
	projects, err := invoice.NewProjects(s, nil)
	require.NoError(t, err)
	now := time.Unix(1_800_000_000, 0)
	api, err := httpapi.New(httpapi.Config{
		Title: "t", Version: "1", Limit: httpapi.Limit{PerSecond: 1, Burst: 5}, Now: func() time.Time { return now }, FaultBody: "",
		Fault: func(err error) (int, any) {
			if refused, ok := errors.AsType[*httpapi.Error](err); ok {
				return refused.Status, ""
			}
			return http.StatusInternalServerError, ""
		},
		Routes: []httpapi.Route{{
			Method: "GET", Path: "/who", OperationID: "who", Summary: "Who", Tag: "t", Answer: "",
			Auth:    httpapi.ProjectKey("key", "Api-Key", projects, nil),
			Handler: func(r *httpapi.Request) (any, error) { return r.Project.ID, nil },
		}},
	})
	require.NoError(t, err)
	ask := func(path, from, key string) int {
		rec, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = from
		r.Header.Set("Api-Key", key)
		api.ServeHTTP(rec, r)
		require.Equal(t, rec.Code == http.StatusTooManyRequests, rec.Header().Get("Retry-After") != "")
		return rec.Code
	}
	count := map[int]int{}
	for range 1000 {
		count[ask("/who", "192.0.2.7:1000", "bad")]++
	}
	require.Equal(t, map[int]int{http.StatusUnauthorized: 5, http.StatusTooManyRequests: 995}, count)
	require.Equal(t, 5, s.asked)
	require.Equal(t, http.StatusOK, ask("/who", "192.0.2.8:1000", "good"), "others are not concerned")

	s.fails = errors.New("no disk") // not caused by the key
	for range 20 {
		require.Equal(t, http.StatusInternalServerError, ask("/who", "192.0.2.10:1000", "other"))
	}
	s.fails = nil

	for _, path := range []string{"/docs", "/openapi.json", "/nothing"} {
		now = now.Add(time.Minute)
		for range 5 {
			require.NotEqual(t, http.StatusTooManyRequests, ask(path, "192.0.2.9:1000", ""), path)
		}
		require.Equal(t, http.StatusTooManyRequests, ask(path, "192.0.2.9:1000", ""), path)
		require.Equal(t, http.StatusOK, ask("/who", "192.0.2.9:1000", "good"), "what visitors ask keeps no key from being used")
	}
}

func TestTheHostAuthenticatesBeforeAnythingIsRead(t *testing.T) {
	kept := spy.On(store.NewMemory())
	projects, err := invoice.NewProjects(kept, nil)
	require.NoError(t, err)
	shop, _, err := projects.Create(t.Context(), invoice.NewProject{Owner: "o", Name: "shop", AllowedIPs: "10.0.0.0/8"})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		id     string
		err    error
		status int
		calls  []string
	}{
		"known":              {id: shop.ID, status: 200, calls: []string{"Project"}},
		"unknown":            {id: "018f3f3e-0000-7000-8000-000000000001", status: 401, calls: []string{"Project"}},
		"none":               {status: 401},
		"NUL":                {id: "a\x00", status: 401},
		"no UTF-8":           {id: "\xff", status: 401},
		"long":               {id: strings.Repeat("a", 256), status: 401},
		"unauthorized":       {id: shop.ID, err: fmt.Errorf("session: %w", httpapi.ErrUnauthorized), status: 401},
		"nothing known":      {id: shop.ID, err: fmt.Errorf("session: %w", invoice.ErrNotFound), status: 401},
		"forbidden":          {id: shop.ID, err: fmt.Errorf("session: %w", httpapi.ErrForbidden), status: 403},
		"broken":             {id: shop.ID, err: errors.New("redis is gone"), status: 500},
		"broken and unknown": {err: errors.New("redis is gone"), status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			called := 0
			api, err := httpapi.NewFeed(httpapi.FeedConfig{Service: new(invoice.Service), Projects: projects, Authenticate: func(*http.Request) (string, error) {
				called++
				return c.id, c.err
			}})
			require.NoError(t, err)
			kept.Calls()
			w := httptest.NewRecorder()
			// An invalid parameter is refused only after the host has authenticated the request, from any address.
			api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/events?limit=0", nil))
			if c.status == 200 {
				c.status = 422
			}
			require.Equal(t, c.status, w.Code, w.Body)
			require.Equal(t, c.calls, kept.Calls())
			require.Equal(t, 1, called)
			require.NotContains(t, w.Body.String(), "redis")
		})
	}
}

func TestWhoTheHostRefusesTooOftenWaits(t *testing.T) {
	projects, err := invoice.NewProjects(store.NewMemory(), nil)
	require.NoError(t, err)
	called := 0
	api, err := httpapi.NewFeed(httpapi.FeedConfig{
		Service: new(invoice.Service), Projects: projects, Limit: httpapi.Limit{PerSecond: 2}, Now: func() time.Time { return time.Unix(0, 0) },
		Authenticate: func(*http.Request) (string, error) { called++; return "", httpapi.ErrUnauthorized },
	})
	require.NoError(t, err)
	for _, want := range []int{401, 401, 429, 429} {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/events", nil))
		require.Equal(t, want, w.Code)
	}
	require.Equal(t, 2, called)
}

func TestTheDocumentSaysThatTheHostAuthenticates(t *testing.T) {
	projects, err := invoice.NewProjects(store.NewMemory(), nil)
	require.NoError(t, err)
	cfg := httpapi.FeedConfig{Service: new(invoice.Service), Projects: projects}
	const says = "Requests are authenticated by the site that serves this API."
	api, err := httpapi.NewFeed(cfg)
	require.NoError(t, err)
	require.NotContains(t, string(api.OpenAPI()), says)
	cfg.Authenticate = func(*http.Request) (string, error) { return "", httpapi.ErrForbidden }
	api, err = httpapi.NewFeed(cfg)
	require.NoError(t, err)
	doc := contract.Of(t, api)
	require.Contains(t, doc.Info.Description, says)
	require.Empty(t, doc.Components.SecuritySchemes)
	op := doc.Operation(http.MethodGet, "/events")
	require.Empty(t, *op.Security)
	require.Subset(t, contract.Statuses(op), []string{"401", "403"})
}
