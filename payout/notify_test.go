package payout_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

var _ payout.Notifier = (*webhook.Notifier)(nil)

// listener is a server that verifies what it is told.
type listener struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	secret string
	got    []string // types of events, in order
	ids    []string
	bodies []payout.Payload
}

func listen(t *testing.T) *listener {
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		id, body, err := webhook.VerifyRequest(r, []string{l.secret}, time.Now())
		if err != nil {
			l.got = append(l.got, "bad: "+err.Error())
			return
		}
		var p payout.Payload
		if err := json.Unmarshal(body, &p); err != nil {
			l.got = append(l.got, "bad: "+err.Error())
		}
		l.got, l.ids, l.bodies = append(l.got, string(p.Type)), append(l.ids, id), append(l.bodies, p)
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(l.Close)
	return l
}

// told returns the types of what has arrived, once there are n.
func (l *listener) told(t *testing.T, n int) []string {
	t.Helper()
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.got) >= n
	}, 20*time.Second, 5*time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got
}

func TestTheCallbackAndTheEndpointsOfTheProjectAreToldOfAPayout(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		callback, all, paid := listen(t), listen(t), listen(t)
		notifier, err := webhook.NewNotifier(webhook.Standard())
		require.NoError(t, err)
		projects, err := invoice.NewProjects(s.store, nil)
		require.NoError(t, err)
		project, _, err := projects.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
		require.NoError(t, err)
		everything, err := projects.AddEndpoint(t.Context(), project.ID, invoice.NewEndpoint{URL: all.URL, Events: []string{"payout.*"}})
		require.NoError(t, err)
		end, err := projects.AddEndpoint(t.Context(), project.ID, invoice.NewEndpoint{URL: paid.URL, Events: []string{"payout.paid"}})
		require.NoError(t, err)
		callback.secret, all.secret, paid.secret = project.Secrets[0].Value, everything.Secrets[0].Value, end.Secrets[0].Value
		dispatcher, err := webhook.New(webhook.Config{
			Outbox: s.store, Secrets: projects, Poll: 10 * time.Millisecond, Schedule: []time.Duration{time.Millisecond},
			Client: webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}),
		})
		require.NoError(t, err)
		s.open(func(c *payout.Config) {
			c.Notifier, c.Receivers, c.Hint, c.CheckCallback = notifier, projects, dispatcher.Hint, func(string) error { return nil }
			c.Now = time.Now
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- dispatcher.Run(ctx) }()
		defer func() {
			cancel()
			require.NoError(t, <-ended)
		}()

		s.fund(project.ID, coin, 1000)
		r := s.request("a", "2")
		r.Project, r.CallbackURL = project.ID, callback.URL+"/hook"
		p, err := s.Request(t.Context(), r)
		require.NoError(t, err)
		s.look()
		s.mine(p)
		s.look()
		life := []string{"payout.queued", "payout.signed", "payout.sent", "payout.paid"}
		require.Equal(t, life, callback.told(t, 4))
		require.Equal(t, life, all.told(t, 4))
		require.Equal(t, life[3:], paid.told(t, 1))

		events, err := s.store.Events(t.Context(), 0, 10)
		require.NoError(t, err)
		for i, ev := range events {
			require.Equal(t, ev.ID, callback.ids[i], "the id of the event")
			require.Equal(t, ev.ID+"_"+everything.ID, all.ids[i])
		}
		last := callback.bodies[3].Data
		require.Equal(t, []any{int64(4), payout.StatusSent, payout.StatusPaid}, []any{last.Seq, last.From, last.To})
		require.Equal(t, []any{p.ID, "a", "2", true}, []any{last.Payout.ID, last.Payout.Key, last.Payout.Amount.String(), last.Payout.Final})
	})
}

func TestTheNotifierChecksTheCallbackAndTheFormat(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		notifier, err := webhook.NewNotifier(webhook.Standard())
		require.NoError(t, err)
		s.open(func(c *payout.Config) { c.Notifier = notifier })
		s.fund("shop", coin, 1000)
		before := s.books()
		for _, url := range []string{"http://127.0.0.1/hook", "https://user:secret@shop.example/", "ftp://shop.example/"} {
			r := s.request("a", "1")
			r.CallbackURL = url
			_, err := s.Request(t.Context(), r)
			var bad *payout.InvalidError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, "CallbackURL", bad.Field)
			require.NotContains(t, err.Error(), "secret")
		}
		r := s.request("a", "1")
		r.Format = "unknown"
		_, err = s.Request(t.Context(), r)
		require.Error(t, err)
		require.Equal(t, before, s.books())
		r.Format, r.CallbackURL = "standard", "https://shop.example/hook"
		_, err = s.Request(t.Context(), r)
		require.NoError(t, err)
	})
}

// deaf provides no endpoints while it fails.
type deaf struct{ err error }

func (d *deaf) Receivers(context.Context, string) ([]invoice.Endpoint, error) {
	return []invoice.Endpoint{{ID: "ep", URL: "https://shop.example/"}}, d.err
}

func TestNothingIsStoredOfAPayoutWhoseReceiversAreUnknown(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		notifier, err := webhook.NewNotifier(webhook.Standard())
		require.NoError(t, err)
		receivers := &deaf{}
		s.open(func(c *payout.Config) { c.Notifier, c.Receivers = notifier, receivers })
		s.fund("shop", coin, 1000)
		p := s.ask("a", "1")
		s.look()
		s.mine(p)
		receivers.err = errors.New("the database is away")
		before := s.books()
		_, err = s.Request(t.Context(), s.request("b", "1"))
		require.ErrorIs(t, err, receivers.err)
		require.ErrorIs(t, s.Look(t.Context(), network), receivers.err)
		require.Equal(t, before, s.books(), "not even that it is paid")
		receivers.err = nil
		s.look()
		require.Equal(t, "paid", s.status(p))
		history, err := s.store.History(t.Context(), p.ID, 0)
		require.NoError(t, err)
		var told []string
		for _, m := range history {
			told = append(told, string(m.Message.Event))
		}
		require.Equal(t, []string{"payout.queued", "payout.signed", "payout.sent", "payout.paid"}, told, "no message is lost")
		s.sound()
	})
}
