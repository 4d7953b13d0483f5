package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

func TestEachEndpointHasAMessageOfItsOwn(t *testing.T) {
	n, err := webhook.NewNotifier(named("brief"))
	require.NoError(t, err)
	inv := ether(t, "1", "1")
	ev := completed(inv)
	messages := n.Messages(ev, inv, []invoice.Endpoint{
		{ID: "ep_1", URL: "https://shop.example/hook?order=1"},
		{ID: "ep_2", URL: "https://shop.example/other", Format: "brief"},
		{ID: "ep_3", URL: "https://elsewhere.example/", Format: "gone"},
	})
	require.Len(t, messages, 4)
	own, err := webhook.Endpoint(inv.Project, inv.CallbackURL)
	require.NoError(t, err)
	require.Equal(t, own, messages[0].Endpoint)
	var shown []string
	for _, m := range messages {
		require.Equal(t, []any{ev.Type, inv.ID, int64(3), "p1", ev.At}, []any{m.Event, m.Invoice, m.Seq, m.Project, m.At})
		require.True(t, strings.HasPrefix(m.Endpoint, webhook.EndpointPrefix("p1")), m.Endpoint)
		require.Equal(t, 1, strings.Count(strings.Join(endpointsOf(messages), "\n")+"\n", m.Endpoint+"\n"), "isolated from the others, also on one host")
		shown = append(shown, m.ID+" "+m.Receiver+" "+m.URL+" "+m.Format+" "+string(m.Body))
	}
	require.Equal(t, []string{
		ev.ID + "  https://shop.example/hook?order=1 brief brief",
		ev.ID + `_ep_1 ep_1 https://shop.example/hook?order=1 standard {"type":"invoice.completed"}`,
		ev.ID + "_ep_2 ep_2 https://shop.example/other brief brief",
		ev.ID + "_ep_3 ep_3 https://elsewhere.example/ brief brief",
	}, shown)

	inv.CallbackURL = ""
	only := n.Messages(ev, inv, []invoice.Endpoint{{ID: "ep_1", URL: "https://shop.example/"}})
	require.Len(t, only, 1)
	require.Equal(t, "ep_1", only[0].Receiver)
}

func endpointsOf(messages []invoice.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, m.Endpoint)
	}
	return out
}

func TestEndpointsOfLongURLsHaveABoundToo(t *testing.T) {
	n, err := webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	inv := ether(t, "1", "1")
	inv.CallbackURL = ""
	long := "https://" + strings.Repeat("a.", 120) + "example/"
	inv.Project = strings.Repeat("p", 240)
	ev := completed(inv)
	list := endpointsOf(n.Messages(ev, inv, []invoice.Endpoint{{ID: "ep_1", URL: long}, {ID: "ep_2", URL: long}}))
	require.NotEqual(t, list[0], list[1])
	for _, e := range list {
		require.LessOrEqual(t, len(e), 500)
		require.True(t, strings.HasPrefix(e, webhook.EndpointPrefix(inv.Project)))
	}
}

// receiver is a shop's server, which verifies what it gets.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex // guards what follows
	secrets []string
	answer  int
	got     []string // the ids that were verified, and "bad" for others
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{answer: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		id, _, err := webhook.VerifyRequest(req, r.secrets, time.Now())
		if err != nil {
			id = "bad: " + err.Error()
		}
		r.got = append(r.got, id)
		w.WriteHeader(r.answer)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) set(answer int, secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.secrets = answer, secrets
}

// ids returns what has arrived since it was called last, once there are n.
func (r *receiver) ids(t *testing.T, n int) []string {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.got) >= n
	}, 20*time.Second, 5*time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.got
	r.got = nil
	return out
}

// served is a project with a callback and two endpoints, each at a server of its own, and a dispatcher that runs.
type served struct {
	t                   *testing.T
	store               *store.Memory
	projects            *invoice.Projects
	project             string
	notifier            *webhook.Notifier
	dispatcher          *webhook.Dispatcher
	callback, all, paid *receiver
	allID, paidID       string
}

func serve(t *testing.T) *served {
	s := &served{t: t, store: store.NewMemory(), callback: newReceiver(t), all: newReceiver(t), paid: newReceiver(t)}
	var err error
	s.projects, err = invoice.NewProjects(s.store, nil)
	require.NoError(t, err)
	p, _, err := s.projects.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(t, err)
	s.project = p.ID
	all, err := s.projects.AddEndpoint(t.Context(), p.ID, invoice.NewEndpoint{URL: s.all.URL + "/hook"})
	require.NoError(t, err)
	paid, err := s.projects.AddEndpoint(t.Context(), p.ID, invoice.NewEndpoint{URL: s.paid.URL + "/hook", Events: []string{"invoice.completed"}})
	require.NoError(t, err)
	s.allID, s.paidID = all.ID, paid.ID
	s.callback.set(200, p.Secrets[0].Value)
	s.all.set(200, all.Secrets[0].Value)
	s.paid.set(200, paid.Secrets[0].Value)
	s.notifier, err = webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	s.dispatcher, err = webhook.New(webhook.Config{
		Outbox: s.store, Secrets: s.projects, Schedule: []time.Duration{time.Millisecond, time.Millisecond}, Poll: 10 * time.Millisecond,
		Client: webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.dispatcher.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return s
}

// tell commits an event as the service does.
func (s *served) tell(inv string, seq int64, typ invoice.EventType) {
	s.t.Helper()
	in := ether(s.t, "1", "1")
	in.ID, in.Project, in.CallbackURL, in.Format = inv, s.project, s.callback.URL+"/own", ""
	ev := completed(in)
	ev.ID, ev.Seq, ev.Type = "evt_"+inv+"_"+string(rune('0'+seq)), seq, typ
	endpoints, err := s.projects.Receivers(s.t.Context(), s.project)
	require.NoError(s.t, err)
	to := slices.DeleteFunc(endpoints, func(e invoice.Endpoint) bool { return !e.Takes(typ) })
	require.NoError(s.t, s.store.Commit(s.t.Context(), invoice.Batch{Messages: s.notifier.Messages(ev, in, to)}))
	s.dispatcher.Hint()
}

func TestEachEndpointVerifiesWhatItAskedForByItsOwnSecret(t *testing.T) {
	s := serve(t)
	s.tell("a", 1, invoice.EventCreated)
	s.tell("a", 2, invoice.EventCompleted)
	require.Equal(t, []string{"evt_a_1", "evt_a_2"}, s.callback.ids(t, 2))
	require.Equal(t, []string{"evt_a_1_" + s.allID, "evt_a_2_" + s.allID}, s.all.ids(t, 2))
	require.Equal(t, []string{"evt_a_2_" + s.paidID}, s.paid.ids(t, 1))

	former := s.all.secrets[0]
	fresh, err := s.projects.RotateEndpointSecret(t.Context(), s.project, s.allID, time.Hour)
	require.NoError(t, err)
	for seq, secret := range []string{former, fresh} {
		s.all.set(200, secret)
		s.tell("b", int64(seq)+1, invoice.EventCreated)
		require.Equal(t, []string{"evt_b_" + string(rune('1'+seq)) + "_" + s.allID}, s.all.ids(t, 1), "either secret verifies during the overlap")
	}
	s.all.set(500, fresh)
	s.tell("c", 1, invoice.EventCreated)
	id := "evt_c_1_" + s.allID
	require.Equal(t, []string{id, id, id}, s.all.ids(t, 3), "every attempt has the same id")
	require.ElementsMatch(t, []string{"evt_b_1", "evt_b_2", "evt_c_1"}, s.callback.ids(t, 3), "one endpoint does not delay another")
}

func TestAnEndpointThatIsGoneIsGoneAloneUntilAResend(t *testing.T) {
	s := serve(t)
	s.all.set(410, s.all.secrets...)
	s.tell("a", 1, invoice.EventCompleted)
	s.all.ids(t, 1)
	require.Equal(t, []string{"evt_a_1"}, s.callback.ids(t, 1))
	require.Equal(t, []string{"evt_a_1_" + s.paidID}, s.paid.ids(t, 1))
	require.Eventually(t, func() bool { return s.states("a")[s.allID] == webhook.StateDead }, 10*time.Second, time.Millisecond)
	s.all.set(200, s.all.secrets...)
	s.tell("a", 2, invoice.EventCompleted)
	require.Equal(t, []string{"evt_a_2"}, s.callback.ids(t, 1))
	require.Equal(t, webhook.StateDead, s.states("a")[s.allID])

	m, err := s.store.Resend(t.Context(), "a", s.allID)
	require.NoError(t, err)
	s.dispatcher.Hint()
	require.Equal(t, []string{m.ID}, s.all.ids(t, 1))
	require.Equal(t, "evt_a_2_"+s.allID, m.ID)
	m, err = s.store.Resend(t.Context(), "a", "")
	require.NoError(t, err)
	require.Equal(t, "evt_a_2", m.ID, "the invoice's own callback")
}

// states returns the state of the last message to each receiver.
func (s *served) states(inv string) map[string]webhook.State {
	records, err := s.store.History(s.t.Context(), inv, 0)
	require.NoError(s.t, err)
	out := map[string]webhook.State{}
	for _, r := range records {
		out[r.Message.Receiver] = r.State
	}
	return out
}

func TestMessagesToAnEndpointThatWasRemovedAreDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = always(status(500))
		removed := false
		w.cfg.Secrets = secretsFunc(func(of string) ([]string, error) {
			if removed && of == "p1 ep_1" {
				return nil, invoice.ErrNoEndpoint
			}
			return []string{specSecret}, nil
		})
		own, to := message("a", 1, "shop.example"), message("a", 1, "hooks.example")
		to.ID, to.Receiver = to.ID+"_ep_1", "ep_1"
		w.commit(own, to)
		w.runFor(time.Second)
		removed = true
		w.runFor(time.Minute)
		for _, r := range w.history("a") {
			last := r.Attempts[len(r.Attempts)-1]
			if r.Message.Receiver == "" {
				require.Equal(t, webhook.StateDue, r.State)
				continue
			}
			require.Equal(t, webhook.StateDead, r.State)
			require.Equal(t, "the endpoint was removed", last.Error)
			require.Zero(t, last.Status, "it is not sent")
		}
		require.Len(t, webhook.Callbacks(w.history("a")), 1)
	})
}

// brief is a format that shortens events of payouts, and reports no "payout.signed".
type brief struct{ webhook.Format }

func (brief) Name() string { return "brief" }

func (brief) PayoutBody(ev invoice.Event, data map[string]string) ([]byte, bool) {
	return []byte("brief " + data["note"]), ev.Type != "payout.signed"
}

func TestEventsOfPayoutsHaveTheFormatThatCanReportThem(t *testing.T) {
	n, err := webhook.NewNotifier(named("of invoices"), brief{webhook.Standard()})
	require.NoError(t, err)
	ev := invoice.Event{ID: "evt_p_3", Payout: "p", Project: "p1", Seq: 3, Type: "payout.sent", Body: []byte(`{"type":"payout.sent"}`), At: time.Now()}
	to := []invoice.Endpoint{{ID: "ep_1", URL: "https://shop.example/1"}, {ID: "ep_2", URL: "https://shop.example/2", Format: "brief"}}
	data := map[string]string{"note": "of the creator"}
	var shown []string
	for _, m := range append(n.PayoutMessages(ev, "https://shop.example/hook", "of invoices", data, to), n.PayoutMessages(ev, "", "", data, nil)...) {
		require.Equal(t, []any{"p", "", int64(3), "p1", ev.Type, ev.At}, []any{m.Payout, m.Invoice, m.Seq, m.Project, m.Event, m.At})
		require.True(t, strings.HasPrefix(m.Endpoint, webhook.EndpointPrefix("p1")), m.Endpoint)
		shown = append(shown, m.ID+" "+m.Receiver+" "+m.URL+" "+m.Format+" "+string(m.Body))
	}
	require.Equal(t, []string{
		`evt_p_3  https://shop.example/hook standard {"type":"payout.sent"}`,
		`evt_p_3_ep_1 ep_1 https://shop.example/1 standard {"type":"payout.sent"}`,
		"evt_p_3_ep_2 ep_2 https://shop.example/2 brief brief of the creator",
	}, shown)
	ev.Type = "payout.signed"
	require.Len(t, n.PayoutMessages(ev, "https://shop.example/hook", "brief", data, to), 1, "only the standard tells everything")
}
