package fetch_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/internal/fetch"
)

var (
	btcEUR = rates.Pair{Base: "BTC", Quote: "EUR"}
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// world is a provider's server, a client of it, and the client's clock.
type world struct {
	client *fetch.Client
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
	client, err := fetch.New(fetch.Config{
		Name:    "feed",
		HTTP:    server.Client(),
		BaseURL: server.URL + "/proxy",
		Header:  http.Header{"X-Api-Key": {"hunter2"}},
		Now:     func() time.Time { return w.now },
	})
	require.NoError(t, err)
	w.client = client
	return w
}

// ask expects the price in plain text.
func (w *world) ask(ctx context.Context) (rates.Rate, error) {
	return w.client.Rate(ctx, btcEUR, fetch.Question{
		Path:  "/price",
		Query: map[string][]string{"of": {"BTC EUR"}},
		Parse: func(body []byte) (fetch.Quote, error) {
			v, err := rates.ParseValue(string(body))
			return fetch.Quote{Value: v}, err
		},
	})
}

func TestRateAsksWithPathQueryAndHeader(t *testing.T) {
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
	require.Equal(t, noon, r.Time, "read now, for want of a time of its own")
}

func TestStatusIsJudged(t *testing.T) {
	for _, tc := range []struct {
		status  int
		header  string
		noRate  bool
		pause   time.Duration
		message string
	}{
		{400, "", true, 0, "feed: rates: no rate for BTC/EUR: feed: HTTP status 400"},
		{404, "", true, 0, "feed: rates: no rate for BTC/EUR: feed: HTTP status 404"},
		{403, "", false, 0, "feed: HTTP status 403"},
		{451, "", false, 0, "feed: HTTP status 451"},
		{429, "120", false, 2 * time.Minute, "feed: HTTP status 429, retry after 2m0s"},
		{429, "Sun, 01 Mar 2026 12:00:30 GMT", false, 30 * time.Second, "feed: HTTP status 429, retry after 30s"},
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
			if tc.noRate {
				require.ErrorIs(t, err, rates.ErrNoRate)
			} else {
				require.NotErrorIs(t, err, rates.ErrNoRate)
			}
		})
	}
}

func TestAProviderThatWantsAPauseHasIt(t *testing.T) {
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
	require.EqualValues(t, 1, w.calls.Load(), "no request during the pause")

	w.now = noon.Add(time.Minute)
	_, err = w.ask(t.Context())
	require.NoError(t, err)
}

func TestBadAnswersAreErrors(t *testing.T) {
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

func TestAnAnswerThatBreaksOffIsAnError(t *testing.T) {
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

func TestTheClientsOwnTimeoutIsNotTheCallersDeadline(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	client, err := fetch.New(fetch.Config{Name: "feed", HTTP: &http.Client{Timeout: 20 * time.Millisecond}, BaseURL: server.URL})
	require.NoError(t, err)
	_, err = client.Rate(t.Context(), btcEUR, fetch.Question{Path: "/"})
	require.EqualError(t, err, "feed: ask for BTC/EUR: no answer in time")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

func TestRedirectsAreNotFollowedAndTheKeyStays(t *testing.T) {
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
	_, err := fetch.New(fetch.Config{Name: "feed", HTTP: given, Default: "https://feed.example"})
	require.NoError(t, err)
	require.Nil(t, given.CheckRedirect)
}

func TestErrorsHaveNeitherURLNorKey(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens
	client, err := fetch.New(fetch.Config{Name: "feed", BaseURL: server.URL + "/secret-path", Header: http.Header{"X-Api-Key": {"hunter2"}}})
	require.NoError(t, err)
	_, err = client.Rate(t.Context(), btcEUR, fetch.Question{Path: "/price"})
	require.ErrorContains(t, err, "feed: ask for BTC/EUR: ")
	require.NotContains(t, err.Error(), "secret-path")
	require.NotContains(t, err.Error(), "hunter2")

	for _, base := range []string{"ftp://secret.example", "secret.example", "https://user:secret@feed.example", "https://", "http://%secret"} {
		_, err := fetch.New(fetch.Config{Name: "feed", BaseURL: base})
		require.ErrorContains(t, err, "BaseURL")
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestANilClientIsAClient(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "1") }))
	defer server.Close()
	for _, doer := range []fetch.Doer{nil, (*http.Client)(nil)} {
		client, err := fetch.New(fetch.Config{Name: "feed", HTTP: doer, BaseURL: server.URL})
		require.NoError(t, err)
		_, err = client.Rate(t.Context(), btcEUR, fetch.Question{Path: "/", Parse: func([]byte) (fetch.Quote, error) {
			v, err := rates.ParseValue("1")
			return fetch.Quote{Value: v}, err
		}})
		require.NoError(t, err)
	}
}

func TestUnix(t *testing.T) {
	at, err := fetch.Unix("1711356300")
	require.NoError(t, err)
	require.Equal(t, time.Date(2024, 3, 25, 8, 45, 0, 0, time.UTC), at)
	for _, bad := range []string{"", "0", "-1", "1711356300.5", "soon", "99999999999999999", "1e9"} {
		_, err := fetch.Unix(bad)
		require.Error(t, err, bad)
	}
}

func TestUnixMilli(t *testing.T) {
	at, err := fetch.UnixMilli("1711356300123")
	require.NoError(t, err)
	require.Equal(t, time.Date(2024, 3, 25, 8, 45, 0, 123e6, time.UTC), at)
	for _, bad := range []string{"", "0", "-1", "1711356300.5", "soon", "1711356300123000000", "1.7e12"} {
		_, err := fetch.UnixMilli(bad)
		require.Error(t, err, bad)
	}
}

func TestAnAcceptHeaderReplacesThatOfJSON(t *testing.T) {
	for accept, want := range map[string]string{"": "application/json", "application/xml": "application/xml"} {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := r.Header.Values("Accept"); len(got) != 1 || got[0] != want {
				t.Errorf("accepts %q, want %q", got, want)
			}
		}))
		defer server.Close()
		header := http.Header{}
		if accept != "" {
			header.Set("Accept", accept)
		}
		client, err := fetch.New(fetch.Config{Name: "feed", BaseURL: server.URL, Header: header})
		require.NoError(t, err)
		_, err = client.Rate(t.Context(), btcEUR, fetch.Question{Path: "/", Parse: func([]byte) (fetch.Quote, error) {
			return fetch.Quote{}, rates.ErrNoRate
		}})
		require.ErrorIs(t, err, rates.ErrNoRate)
	}
}

func TestDecodeXMLReadsASCIIOfAnyEncoding(t *testing.T) {
	var out struct {
		Name  string `xml:"name"`
		Value string `xml:"value"`
	}
	body := "<?xml version=\"1.0\" encoding=\"windows-1251\"?><a><name>\xc4x\xd1</name><value>84,9</value></a>"
	require.NoError(t, fetch.DecodeXML([]byte(body), &out))
	require.Equal(t, "?x?", out.Name)
	require.Equal(t, "84,9", out.Value)

	for name, bad := range map[string]string{
		"nothing":             "",
		"a page":              "<html><br></html>",
		"breaks off":          "<a><name>",
		"an entity of theirs": `<!DOCTYPE a [<!ENTITY e "x">]><a><name>&e;</name></a>`,
		"deep":                strings.Repeat("<a>", 100_000),
	} {
		err := fetch.DecodeXML([]byte(bad), &out)
		require.ErrorContains(t, err, "not the expected XML", name)
		require.Less(t, len(err.Error()), 300)
	}
}
