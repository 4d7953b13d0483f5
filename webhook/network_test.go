package webhook_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// deliverTo runs a dispatcher over real connections until the message has been tried once, and answers
// its history.
func deliverTo(t *testing.T, client *http.Client, url string) webhook.Record {
	t.Helper()
	endpoint, err := webhook.Endpoint("p1", url)
	require.NoError(t, err)
	m := message("inv", 1, "shop.example")
	m.URL, m.Endpoint = url, endpoint
	outbox := &recorded{Memory: store.NewMemory(), done: make(chan struct{}, 1)}
	require.NoError(t, outbox.Commit(t.Context(), invoice.Batch{Messages: []invoice.Message{m}}))
	d, err := webhook.New(webhook.Config{Outbox: outbox, Secrets: secretsFunc(oneSecret), Client: client})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	<-outbox.done
	cancel()
	require.NoError(t, <-ended)
	records, err := outbox.History(t.Context(), "inv", 0)
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.NotEmpty(t, records[0].Attempts)
	return records[0]
}

// recorded says when something was recorded.
type recorded struct {
	*store.Memory
	done chan struct{}
}

func (r *recorded) Record(ctx context.Context, c webhook.Claim, a webhook.Attempt, next webhook.Next) error {
	err := r.Memory.Record(ctx, c, a, next)
	select {
	case r.done <- struct{}{}:
	default:
	}
	return err
}

func TestDeliveryOverTheNetwork(t *testing.T) {
	var believed atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, body, err := webhook.VerifyRequest(r, []string{specSecret}, time.Now())
		if err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "key=1" || r.Header.Get("Accept-Encoding") != "" || string(body) != `{"id":"`+id+`"}` {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		believed.Add(1)
		io.WriteString(w, "thanks")
	}))
	defer srv.Close()
	client := webhook.NewClient(webhook.ClientConfig{AllowLoopback: true})
	defer client.CloseIdleConnections()
	rec := deliverTo(t, client, srv.URL+"/hook?key=1")
	require.Equal(t, webhook.StateDelivered, rec.State)
	require.Equal(t, "thanks", rec.Attempts[0].Excerpt)
	require.Empty(t, rec.Attempts[0].Error)
	require.EqualValues(t, 1, believed.Load())
}

func TestA28_APrivateAddressIsNeitherDialledNorTriedAgain(t *testing.T) {
	port, connections := listen(t, "127.0.0.1:0")
	rec := deliverTo(t, nil, "http://127.0.0.1:"+port+"/hook")
	require.Equal(t, webhook.StateDead, rec.State)
	require.Equal(t, "address is not allowed for webhooks", rec.Attempts[0].Error)
	require.Zero(t, connections.Load())
}

func TestAHugeAnswerIsCutOff(t *testing.T) {
	cut := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("x", 64<<10))
		var err error
		for i := 0; i < 1024 && err == nil; i++ { // more than any connection holds on its way
			_, err = w.Write(chunk)
		}
		cut <- err
	}))
	defer srv.Close()
	rec := deliverTo(t, webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}), srv.URL)
	require.Error(t, <-cut, "the sender has read all of it")
	require.Equal(t, webhook.StateDelivered, rec.State)
	require.Len(t, rec.Attempts[0].Excerpt, 1024)
}

func TestASlowAnswerIsATimeout(t *testing.T) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "beginning")
		w.(http.Flusher).Flush()
		<-stop
	}))
	defer srv.Close()
	defer close(stop)
	client := webhook.NewClient(webhook.ClientConfig{AllowLoopback: true, Timeout: 100 * time.Millisecond})
	rec := deliverTo(t, client, srv.URL)
	require.Equal(t, webhook.StateDue, rec.State)
	require.Equal(t, "no complete answer in time", rec.Attempts[0].Error)
	require.Equal(t, "beginning", rec.Attempts[0].Excerpt)
}

// Servers close idle connections without notice. A message that meets such a connection goes out on a
// fresh one within the same attempt.
func TestAConnectionThatWasClosedWhileIdleCostsNoAttempt(t *testing.T) {
	var mu sync.Mutex
	used := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		again := used[r.RemoteAddr]
		used[r.RemoteAddr] = true
		mu.Unlock()
		if again {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		}
	}))
	defer srv.Close()
	client := webhook.NewClient(webhook.ClientConfig{AllowLoopback: true})
	defer client.CloseIdleConnections()
	for range 3 {
		rec := deliverTo(t, client, srv.URL)
		require.Equal(t, webhook.StateDelivered, rec.State, "%+v", rec.Attempts)
	}
	require.Len(t, used, 3, "each met the idle connection of the one before")
}
