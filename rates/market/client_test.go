package market_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
)

// feed is a provider that states the price in plain text.
func feed() market.Provider {
	return market.Provider{
		Name:   "feed",
		URL:    "https://feed.example",
		Header: http.Header{"X-Api-Key": {"hunter2"}},
		Request: func(q market.Question) (market.Request, error) {
			return market.Request{Path: "/price", Query: url.Values{"of": {q.Pair.Base + " " + q.Pair.Quote}}}, nil
		},
		Read: func(_ market.Question, body []byte) (market.Quote, error) {
			v, err := rates.ParseValue(string(body))
			return market.Quote{Value: v}, err
		},
	}
}

// world is a server of feed, a source that asks it, and the source's clock.
type world struct {
	source *market.Source
	calls  atomic.Int32
	now    time.Time
}

func newWorld(t *testing.T, handler http.HandlerFunc) *world {
	t.Helper()
	w := &world{now: noon}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.calls.Add(1)
		handler(rw, r)
	}))
	t.Cleanup(server.Close)
	var err error
	w.source, err = market.New(market.Config{
		HTTP:    server.Client(),
		BaseURL: server.URL + "/proxy",
		Now:     func() time.Time { return w.now },
	}, feed())
	require.NoError(t, err)
	return w
}

func (w *world) ask(ctx context.Context) (rates.Rate, error) { return w.source.Rate(ctx, btcEUR) }

func TestARequestHasPathQueryAndHeader(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.String() != "/proxy/price?of=BTC+EUR" || r.Header.Get("X-Api-Key") != "hunter2" {
			rw.WriteHeader(http.StatusTeapot)
		}
		io.WriteString(rw, "58000.5")
	})
	r, err := w.ask(t.Context())
	require.NoError(t, err)
	require.Equal(t, "58000.5", r.Value.String())
	require.Equal(t, "feed", r.Source)
	require.Equal(t, btcEUR, r.Pair)
	require.Equal(t, noon, r.Time, "the time of reading, since the response states none")
}

func TestTheQueryOfBaseURLIsSentWithEachRequest(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		io.WriteString(rw, "1")
	}))
	defer server.Close()
	bare := feed()
	bare.Request = func(market.Question) (market.Request, error) { return market.Request{Path: "/price"}, nil }
	for _, tc := range []struct {
		provider market.Provider
		want     string
	}{
		{feed(), "/v1/price?apikey=hunter3&of=BTC+EUR"},
		{bare, "/v1/price?apikey=hunter3"},
	} {
		s, err := market.New(market.Config{BaseURL: server.URL + "/v1/?apikey=hunter3"}, tc.provider)
		require.NoError(t, err)
		_, err = s.Rate(t.Context(), btcEUR)
		require.NoError(t, err)
		require.Equal(t, tc.want, asked)
	}
}

func TestStatusesAreTyped(t *testing.T) {
	for _, tc := range []struct {
		status  int
		header  string
		noRate  bool
		pause   time.Duration
		message string
	}{
		{400, "", true, 0, "feed: rates: no rate for BTC/EUR: feed: HTTP status 400"},
		{404, "", true, 0, "feed: rates: no rate for BTC/EUR: feed: HTTP status 404"},
		{401, "", false, 0, "feed: HTTP status 401"},
		{403, "", false, 0, "feed: HTTP status 403"},
		{451, "", false, 0, "feed: HTTP status 451"},
		{429, "120", false, 2 * time.Minute, "feed: HTTP status 429, retry after 2m0s"},
		{429, "Mon, 02 Mar 2026 12:00:30 GMT", false, 30 * time.Second, "feed: HTTP status 429, retry after 30s"},
		{429, "", false, time.Minute, "feed: HTTP status 429, retry after 1m0s"},
		{429, "-5", false, time.Minute, "feed: HTTP status 429, retry after 1m0s"},
		{429, "Sun, 01 Mar 2020 12:00:30 GMT", false, time.Minute, "feed: HTTP status 429, retry after 1m0s"},
		{429, "2000000000", false, time.Hour, "feed: HTTP status 429, retry after 1h0m0s"},
		{418, "600", false, 10 * time.Minute, "feed: HTTP status 418, retry after 10m0s"},
		{503, "5", false, 5 * time.Second, "feed: HTTP status 503, retry after 5s"},
		{500, "", false, 0, "feed: HTTP status 500"},
		{204, "", false, 0, "feed: HTTP status 204"},
	} {
		t.Run(tc.message, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
				if tc.header != "" {
					rw.Header().Set("Retry-After", tc.header)
				}
				rw.WriteHeader(tc.status)
				if tc.status != http.StatusNoContent {
					io.WriteString(rw, "58000")
				}
			})
			_, err := w.ask(t.Context())
			require.EqualError(t, err, tc.message)
			var refused *rates.HTTPError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, rates.HTTPError{Source: "feed", Status: tc.status, RetryAfter: tc.pause}, *refused)
			require.Equal(t, tc.noRate, errors.Is(err, rates.ErrNoRate))
		})
	}
}

func TestA31_EveryProviderTypesARefusalAndKeepsThePause(t *testing.T) {
	each(t, func(t *testing.T, s service) {
		calls := 0
		source := serve(t, s.provider, func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"code":-1003,"msg":"Too many requests."}`)
		})
		for range 2 {
			_, err := source.Rate(t.Context(), pair(s.known))
			var refused *rates.HTTPError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, rates.HTTPError{Source: s.provider.Name, Status: 429, RetryAfter: 30 * time.Second}, *refused)
			require.NotErrorIs(t, err, rates.ErrNoRate)
		}
		require.Equal(t, 1, calls, "a ban grows if it is not kept to")
	})
}

func TestThereIsNoRequestDuringAPause(t *testing.T) {
	limited := true
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		if limited {
			rw.Header().Set("Retry-After", "60")
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		io.WriteString(rw, "58000")
	})
	_, err := w.ask(t.Context())
	require.EqualError(t, err, "feed: HTTP status 429, retry after 1m0s")
	limited = false

	w.now = noon.Add(time.Minute - 1)
	_, err = w.ask(t.Context())
	require.EqualError(t, err, "feed: HTTP status 429, retry after 1ns")
	require.EqualValues(t, 1, w.calls.Load())

	w.now = noon.Add(time.Minute)
	_, err = w.ask(t.Context())
	require.NoError(t, err)
}

func TestBadBodiesAreErrorsOfLimitedSize(t *testing.T) {
	for name, tc := range map[string]struct {
		body    string
		message string
	}{
		"empty":         {"", "is not a number"},
		"a page":        {"<html>Attention required</html>", "is not a number"},
		"zero":          {"0", "not positive"},
		"negative":      {"-1", "not positive"},
		"exponent bomb": {"1e999999999", ""},
		"huge":          {strings.Repeat("1", 2<<20), "larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, tc.body) })
			_, err := w.ask(t.Context())
			require.ErrorContains(t, err, tc.message)
			require.Less(t, len(err.Error()), 300)
		})
	}
}

func TestAResponseThatBreaksOffIsAnError(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "5")
		io.WriteString(rw, "580") // of 58000
	})
	_, err := w.ask(t.Context())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestABodyThatNeverEndsEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		io.WriteString(rw, "58000")
		rw.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	_, err := w.ask(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheTimeoutOfTheClientIsNotTheDeadlineOfTheCaller(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(stall))
	defer server.Close()
	s, err := market.New(market.Config{HTTP: &http.Client{Timeout: 20 * time.Millisecond}, BaseURL: server.URL}, feed())
	require.NoError(t, err)
	_, err = s.Rate(t.Context(), btcEUR)
	require.EqualError(t, err, "feed: ask for BTC/EUR: no response in time")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	defer elsewhere.Close()
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, elsewhere.URL, http.StatusFound)
	})
	_, err := w.ask(t.Context())
	require.EqualError(t, err, "feed: HTTP status 302")
}

func TestTheCallersClientIsNotChanged(t *testing.T) {
	given := &http.Client{}
	_, err := market.New(market.Config{HTTP: given}, feed())
	require.NoError(t, err)
	require.Nil(t, given.CheckRedirect)
}

func TestANilClientIsOneOfTheStandardLibrary(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "1") }))
	defer server.Close()
	for _, config := range []market.Config{{BaseURL: server.URL}, {BaseURL: server.URL, HTTP: (*http.Client)(nil)}} {
		s, err := market.New(config, feed())
		require.NoError(t, err)
		_, err = s.Rate(t.Context(), btcEUR)
		require.NoError(t, err)
	}
}

func TestTheMediaTypeOfTheResponsesIsAskedFor(t *testing.T) {
	for accept, want := range map[string]string{"": "application/json", "application/xml": "application/xml"} {
		p := feed()
		p.Accept = accept
		s := serve(t, p, func(rw http.ResponseWriter, r *http.Request) {
			if got := r.Header.Values("Accept"); len(got) != 1 || got[0] != want {
				t.Errorf("accepts %q, want %q", got, want)
			}
			io.WriteString(rw, "1")
		})
		_, err := s.Rate(t.Context(), btcEUR)
		require.NoError(t, err)
	}
}

// failing is a client whose errors tell all about the request.
type failing struct{ wrap func(text string) error }

func (f failing) Do(r *http.Request) (*http.Response, error) {
	return nil, f.wrap(fmt.Sprintf("%s %s with %v", r.Method, r.URL, r.Header))
}

// telling is a client whose responses repeat the request.
type telling int

func (status telling) Do(r *http.Request) (*http.Response, error) {
	text := fmt.Sprintf(`{"error":"%s of %s"}`, r.URL, r.Header.Get("X-Api-Key"))
	return &http.Response{StatusCode: int(status), Status: text, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// Whatever a client or a provider puts into an error, the keys in the path and the
// query of the URL and in the header are not in it.
func TestErrorsHaveNoSecrets(t *testing.T) {
	secrets := []string{"path-key", "query-key", "hunter2", "bare+key"}
	base := "https://proxy.example/path-key/?apikey=query-key&bare%2Bkey"
	cause := errors.New("cause")
	for name, client := range map[string]interface {
		Do(*http.Request) (*http.Response, error)
	}{
		"plain error": failing{func(text string) error { return fmt.Errorf("%s: %w", text, cause) }},
		"URL error": failing{func(text string) error {
			return fmt.Errorf("send: %w", &url.Error{Op: "Get", URL: text, Err: cause})
		}},
		"body":   telling(200),
		"status": telling(500),
	} {
		t.Run(name, func(t *testing.T) {
			p := market.EXMO() // whose errors quote the response
			p.Header = http.Header{"X-Api-Key": {"hunter2"}}
			for _, p := range []market.Provider{p, feed()} {
				s, err := market.New(market.Config{HTTP: client, BaseURL: base}, p)
				require.NoError(t, err)
				_, err = s.Rate(t.Context(), btcEUR)
				require.ErrorContains(t, err, p.Name+": ")
				for _, secret := range secrets {
					require.NotContains(t, err.Error(), secret)
				}
				if _, ok := client.(failing); ok {
					require.ErrorIs(t, err, cause)
				}
			}
		})
	}
	for _, bad := range []string{"ftp://secret.example", "secret.example", "https://user:secret@feed.example", "https://", "http://%secret", "https:///?k=secret"} {
		_, err := market.New(market.Config{BaseURL: bad}, feed())
		require.ErrorContains(t, err, "Config.BaseURL")
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestAConnectionThatIsRefusedIsAnErrorWithoutSecrets(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s, err := market.New(market.Config{BaseURL: server.URL + "/secret-path?key=secret-query"}, feed())
	require.NoError(t, err)
	_, err = s.Rate(t.Context(), btcEUR)
	require.ErrorContains(t, err, "feed: ask for BTC/EUR: ")
	require.NotContains(t, err.Error(), "secret")
}
