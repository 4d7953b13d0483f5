package httpapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/docs/docstest"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// till is a service on a simulated chain, with two projects.
func till(t *testing.T) (*invoice.Service, *invoice.Projects, *chain.Follower, [2]string, [2]string) {
	return tillOn(t, spy.On(store.NewMemory()))
}

func tillOn(t testing.TB, kept *spy.Store) (*invoice.Service, *invoice.Projects, *chain.Follower, [2]string, [2]string) {
	sim := chaintest.NewChain(chaintest.Config{})
	sim.Lose(chain.ProofOfLogs, "") // this has no effect
	follower, err := chain.NewFollower(chain.FollowConfig{Node: sim, Poll: time.Millisecond})
	require.NoError(t, err)
	service, err := invoice.New(invoice.Config{Store: kept, Chains: []invoice.ChainConfig{{
		Name: "Simulated", Watcher: follower, Addresses: stage.Addresses{Wallet: "sim", Format: "sim%d"}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
	}}})
	require.NoError(t, err)
	projects, err := invoice.NewProjects(kept, nil)
	require.NoError(t, err)
	var ids, keys [2]string
	for i := range ids {
		ids[i], keys[i] = stage.Project(t, projects, fmt.Sprint(i), "192.0.2.0/24")
	}
	return service, projects, follower, ids, keys
}

func TestAShopThatWasDownAsksWhatHappenedAndSeesNothingOfOthers(t *testing.T) {
	service, projects, _, ids, keys := till(t)
	api, err := httpapi.NewFeed(httpapi.FeedConfig{Service: service, Projects: projects})
	require.NoError(t, err)
	for i := range 7 {
		_, err := service.Create(t.Context(), invoice.Request{
			Project: ids[i%2], Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(1)}, OrderID: fmt.Sprint(i),
		})
		require.NoError(t, err)
	}
	ask := func(query, key string) (status int, page struct {
		Events []struct {
			Position int64           `json:"position"`
			ID       string          `json:"id"`
			Event    invoice.Payload `json:"event"`
		} `json:"events"`
		Next int64 `json:"next"`
	}) {
		r := httptest.NewRequest(http.MethodGet, "/events"+query, nil)
		r.Header.Set("Api-Key", key)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page), w.Body.String())
		return w.Code, page
	}
	status, first := ask("?limit=2", keys[0])
	require.Equal(t, http.StatusOK, status)
	require.Len(t, first.Events, 2)
	_, rest := ask(fmt.Sprintf("?after=%d", first.Next), keys[0])
	require.Len(t, rest.Events, 2)
	var orders []string
	for _, ev := range append(first.Events, rest.Events...) {
		require.Equal(t, ids[0], ev.Event.Data.Invoice.Project)
		orders = append(orders, ev.Event.Data.Invoice.OrderID)
	}
	require.Equal(t, []string{"0", "2", "4", "6"}, orders)
	_, none := ask(fmt.Sprintf("?after=%d", rest.Next), keys[0])
	require.Empty(t, none.Events)
	require.Equal(t, rest.Next, none.Next, "what is asked for and has not come stays where it is")

	for query, want := range map[string]int{"?limit=0": 422, "?limit=101": 422, "?after=-1": 422, "?after=x": 422} {
		status, _ := ask(query, keys[0])
		require.Equal(t, want, status, query)
	}
	status, _ = ask("", "wrong")
	require.Equal(t, http.StatusUnauthorized, status)
	_, err = httpapi.NewFeed(httpapi.FeedConfig{Service: service})
	require.Error(t, err)
}

func TestAShopThatIsBeyondTheEndGoesOnFromTheLastEvent(t *testing.T) {
	service, projects, _, ids, keys := till(t)
	api, err := httpapi.NewFeed(httpapi.FeedConfig{Service: service, Projects: projects})
	require.NoError(t, err)
	ask := func(after int64) (status int, page struct {
		Events []struct {
			Position int64           `json:"position"`
			Event    invoice.Payload `json:"event"`
		} `json:"events"`
		Next int64  `json:"next"`
		Text string `json:"error"`
		Last *int64 `json:"last"`
	}) {
		r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/events?after=%d", after), nil)
		r.Header.Set("Api-Key", keys[0])
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page), w.Body.String())
		return w.Code, page
	}
	order := func(id string) {
		_, err := service.Create(t.Context(), invoice.Request{
			Project: ids[0], Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(1)}, OrderID: id,
		})
		require.NoError(t, err)
	}
	status, page := ask(7)
	require.Equal(t, http.StatusConflict, status)
	require.NotNil(t, page.Last, "also when nothing has happened yet")
	require.Zero(t, *page.Last)
	order("before")
	_, page = ask(0)
	end := page.Next
	require.Nil(t, page.Last)

	status, page = ask(end + 1)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, page.Text, "beyond the last event")
	require.Equal(t, end, *page.Last)
	last := *page.Last
	order("after 1")
	order("after 2")
	status, page = ask(last)
	require.Equal(t, http.StatusOK, status)
	var orders []string
	for _, ev := range page.Events {
		require.Greater(t, ev.Position, last)
		orders = append(orders, ev.Event.Data.Invoice.OrderID)
	}
	require.Equal(t, []string{"after 1", "after 2"}, orders)
}

// feedOf returns the feed of two projects with one event each.
func feedOf(t testing.TB) contract.Subject { return feedBehind(t, false) }

// hostedFeed returns the feed with the host's own authentication.
func hostedFeed(t testing.TB) contract.Subject { return feedBehind(t, true) }

func feedBehind(t testing.TB, hosted bool) contract.Subject {
	kept := spy.On(store.NewMemory())
	service, projects, _, ids, keys := tillOn(t, kept)
	var invoices []string
	for _, id := range ids {
		inv, err := service.Create(t.Context(), invoice.Request{Project: id, Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(1)}})
		require.NoError(t, err)
		invoices = append(invoices, inv.ID)
	}
	callers := map[contract.Caller]string{contract.Rival: keys[1], contract.Stranger: strings.Repeat("0", 64)}
	return contract.Subject{
		API: func(limit httpapi.Limit, _ httpapi.Replies) *httpapi.API {
			cfg := httpapi.FeedConfig{Service: service, Projects: projects, Limit: limit}
			if hosted {
				cfg.Authenticate = contract.Host("Api-Key", map[string]string{keys[0]: ids[0], keys[1]: ids[1], strings.Repeat("0", 64): "unknown"})
			}
			api, err := httpapi.NewFeed(cfg)
			require.NoError(t, err)
			return api
		},
		Request: func(route httpapi.Route, e contract.Exercise) *http.Request {
			r := httptest.NewRequest(route.Method, e.Target, nil)
			r.Header.Set("Api-Key", cmp.Or(callers[e.As], keys[0]))
			return r
		},
		Strip: func(r *http.Request) { r.Header.Del("Api-Key") },
		Store: kept, Secrets: []string{ids[0], keys[0], invoices[0]},
		Exercises: map[string]contract.Exercise{"listEvents": {Target: "/events?after=0&limit=5", Refuse: []contract.Refusal{
			{Status: 422, Target: "/events?limit=0"}, {Status: 409, Target: "/events?after=9000000000000000000"}, {Status: 400, Target: "/events?a=%zz"},
		}}},
	}
}

func TestTheFeedsDocumentIsItsContract(t *testing.T) { contract.Examine(t, feedOf) }

func TestIncident45_TheFeedOfAnotherIsNotSeen(t *testing.T) { contract.Walk(t, feedOf) }

func TestTheFeedOfAnotherIsNotSeenBehindTheHostsAuthentication(t *testing.T) {
	contract.Examine(t, hostedFeed)
	contract.Walk(t, hostedFeed)
}

func TestAProcessIsReadyWhenItsNetworksAreSeen(t *testing.T) {
	service, _, _, _, _ := till(t)
	ready, err := httpapi.Ready(httpapi.ReadyConfig{Service: service})
	require.NoError(t, err)
	ask := func(h http.Handler) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code, w.Body.String()
	}
	status, body := ask(httpapi.Alive())
	require.Equal(t, 200, status, body)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	require.Eventually(t, func() bool {
		status, body = ask(ready)
		return status == http.StatusOK && strings.Contains(body, `"ours":true`)
	}, 10*time.Second, time.Millisecond, "%s", body)
	require.Contains(t, body, `"name":"Simulated"`)
	require.Contains(t, body, `"lacks":[{"what":"proof of logs","since":"`)
	cancel()
	require.NoError(t, <-ended)

	late, err := httpapi.Ready(httpapi.ReadyConfig{Service: service, Now: func() time.Time { return time.Now().Add(time.Hour) }})
	require.NoError(t, err)
	status, _ = ask(late)
	require.Equal(t, http.StatusServiceUnavailable, status, "nobody has seen the chain for an hour")
	_, err = httpapi.Ready(httpapi.ReadyConfig{})
	require.Error(t, err)
}

// troubled is a store with something set aside on each network.
type troubled struct {
	spy.Backend
	aside []invoice.Aside
}

func (s *troubled) Network(ctx context.Context, n chain.Network) (invoice.Progress, error) {
	p, err := s.Backend.Network(ctx, n)
	p.At, p.Aside = time.Now(), s.aside
	return p, err
}

func TestHealthShowsWhatIsSetAsideWithoutTheWordsOfStores(t *testing.T) {
	kept := &troubled{Backend: store.NewMemory()}
	service, _, _, _, _ := tillOn(t, spy.On(kept))
	ready, err := httpapi.Ready(httpapi.ReadyConfig{Service: service})
	require.NoError(t, err)
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		ready.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code, w.Body.String()
	}
	status, body := ask()
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, `"aside":0,"advanced":"`)
	for _, absent := range []string{"set_aside", "lost_end", "waiting_for", "node_failing", "store_failing", "damaged_invoices"} {
		require.NotContains(t, body, absent)
	}
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 30 {
		kept.aside = append(kept.aside, invoice.Aside{Since: since, Cause: "x", Unexamined: &chain.Unexamined{TxID: fmt.Sprint("tx", i), Reason: "its trace is too large"}})
	}
	status, body = ask()
	require.Equal(t, http.StatusOK, status, "a stranger does not make a process look ill")
	require.Contains(t, body, `"aside":30,"set_aside":[{"since":"2026-01-02T03:04:05Z","cause":"its trace is too large","txid":"tx0"}`)
	require.Contains(t, body, `"tx19"`)
	require.NotContains(t, body, `"tx20"`)

	kept.aside = []invoice.Aside{{Since: since, Cause: "x", Portions: true, Fork: 7}}
	status, body = ask()
	require.Equal(t, http.StatusOK, status, "nor does a flood")
	require.Contains(t, body, `"cause":"a block with many payments is stored in portions"`)

	kept.aside = []invoice.Aside{{Since: since, Cause: "dial postgres://till:pw@db: refused", Invoice: "one"}}
	status, body = ask()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, `"cause":"an invoice cannot be read or stored","invoice":"one"`)
	require.NotContains(t, body, "pw")

	kept.aside = []invoice.Aside{{Since: since, Cause: "x", Seen: []invoice.Seen{{Transfer: chain.Transfer{Held: true}}}}}
	status, body = ask()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, `"cause":"the asset is held back"`)
}

func TestTheDocumentHasAPageForPeople(t *testing.T) {
	service, projects, _, _, _ := till(t)
	api, err := httpapi.NewFeed(httpapi.FeedConfig{Service: service, Projects: projects})
	require.NoError(t, err)
	docstest.Samples(t, api)
	page := docstest.Page(t, api)
	for _, want := range []string{"Feed of events", "/events", "openapi.json", "Position of the last event", "FeedEvent", "Api-Key"} {
		require.Contains(t, page, want)
	}
}

// seen is a meter that records the labels of its counters.
type seen struct {
	invoice.Meter
	counts map[string]int64
}

func (s seen) Count(_ context.Context, name string, n int64, labels ...invoice.Label) {
	s.counts[fmt.Sprint(name, labels)] += n
}

func TestRequestsAreMeasured(t *testing.T) {
	m := seen{invoice.NoMeter(), map[string]int64{}}
	api, err := httpapi.New(httpapi.Config{
		Title: "t", Version: "1", Fault: fault, FaultBody: faultBody{}, Meter: m,
		Routes: []httpapi.Route{{Method: "GET", Path: "/x", OperationID: "x", Summary: "x", Tag: "x", Answer: faultBody{}, Handler: func(*httpapi.Request) (any, error) {
			return faultBody{"fine"}, nil
		}}},
	})
	require.NoError(t, err)
	for _, path := range []string{"/x", "/x", "/y"} {
		api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	require.Equal(t, map[string]int64{
		"cointill.http.requests[{operation x} {status 200}]": 2, "cointill.http.requests[{operation } {status 404}]": 1,
	}, m.counts)
}
