package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

var _ webhook.Secrets = (*invoice.Projects)(nil)

// got is a request that an endpoint has seen.
type got struct {
	At     time.Time
	URL    string
	Header http.Header
	Body   string
}

func (g got) id() string { return g.Header.Get(webhook.HeaderID) }

// internet stands for all endpoints: it answers as the test says and counts how many requests are
// under way at once.
type internet struct {
	answer func(n int, g got) reply // n requests with this id came before

	mu      sync.Mutex
	got     []got
	now     map[string]int // under way, by host; "" is all
	highest map[string]int
}

// reply is an answer; the zero value is 200.
type reply struct {
	status int
	header http.Header
	body   io.Reader
	err    error
	hang   bool
	wait   time.Duration
}

func (in *internet) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	g := got{At: time.Now(), URL: r.URL.String(), Header: r.Header.Clone(), Body: string(body)}
	in.mu.Lock()
	n := 0
	for _, other := range in.got {
		if other.id() == g.id() {
			n++
		}
	}
	in.got = append(in.got, g)
	in.mu.Unlock()
	in.count(r.URL.Host, 1)
	defer in.count(r.URL.Host, -1)
	var a reply
	if in.answer != nil {
		a = in.answer(n, g)
	}
	if a.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	select {
	case <-time.After(a.wait):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	if a.status == 0 {
		a.status = 200
	}
	if a.body == nil {
		a.body = strings.NewReader("")
	}
	return &http.Response{StatusCode: a.status, Header: a.header, Body: ending{r.Context(), a.body}, Request: r}, nil
}

// ending is a body whose reads end with the request.
type ending struct {
	ctx context.Context
	io.Reader
}

func (b ending) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (ending) Close() error { return nil }

func (in *internet) count(host string, by int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.now == nil {
		in.now, in.highest = map[string]int{}, map[string]int{}
	}
	for _, name := range []string{"", host} {
		in.now[name] += by
		in.highest[name] = max(in.highest[name], in.now[name])
	}
}

func (in *internet) seen() []got {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.got)
}

func (in *internet) ids() []string {
	var out []string
	for _, g := range in.seen() {
		out = append(out, g.id())
	}
	return out
}

func (in *internet) hostCount() map[string]int {
	out := map[string]int{}
	for _, g := range in.seen() {
		u, _ := url.Parse(g.URL)
		out[u.Host]++
	}
	return out
}

// secretsFunc is a [webhook.Secrets].
type secretsFunc func(project string) ([]string, error)

func (f secretsFunc) EndpointSecrets(_ context.Context, project, endpoint string) ([]string, error) {
	return f(project + " " + endpoint)
}

func (f secretsFunc) Secrets(_ context.Context, project string) ([]string, error) { return f(project) }

func oneSecret(string) ([]string, error) { return []string{specSecret}, nil }

// world is an outbox, the internet, and what happens between them, in the bubble of synctest.
type world struct {
	t     *testing.T
	store *store.Memory
	net   *internet
	cfg   webhook.Config
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, store: store.NewMemory(), net: &internet{}}
	w.cfg = webhook.Config{
		Outbox:  w.store,
		Secrets: secretsFunc(oneSecret),
		Client: &http.Client{
			Transport: w.net, Timeout: 15 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	return w
}

// message is the event with the number of an invoice, on its way to a host.
func message(inv string, seq int64, host string) invoice.Message {
	id := fmt.Sprintf("evt_%s_%d", inv, seq)
	return invoice.Message{
		ID: id, Event: invoice.EventPending, Invoice: inv, Seq: seq, Project: "p1",
		URL: "https://" + host + "/hook?key=s3cret", Endpoint: "https://" + host + ":443",
		Body: []byte(`{"id":"` + id + `"}`), At: time.Now(),
	}
}

func (w *world) commit(messages ...invoice.Message) {
	w.t.Helper()
	require.NoError(w.t, w.store.Commit(w.t.Context(), invoice.Batch{Messages: messages}))
}

// commitOf commits the message of a project's invoice n to a URL.
func (w *world) commitOf(project string, n int, url string) {
	w.t.Helper()
	m := message(fmt.Sprint(project, n), 1, "")
	m.Project, m.URL = project, url
	var err error
	m.Endpoint, err = webhook.Endpoint(project, url)
	require.NoError(w.t, err)
	w.commit(m)
}

// run runs a dispatcher until the returned function is called, which returns when Run has.
func (w *world) run() (d *webhook.Dispatcher, stop func()) {
	w.t.Helper()
	d, err := webhook.New(w.cfg)
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return d, func() {
		w.t.Helper()
		cancel()
		require.NoError(w.t, <-ended)
	}
}

// runFor runs a dispatcher for a time.
func (w *world) runFor(d time.Duration) {
	w.t.Helper()
	_, stop := w.run()
	time.Sleep(d)
	synctest.Wait()
	stop()
}

func (w *world) history(inv string) []webhook.Record {
	w.t.Helper()
	records, err := w.store.History(w.t.Context(), inv, 0)
	require.NoError(w.t, err)
	return records
}

func always(r reply) func(int, got) reply { return func(int, got) reply { return r } }

func status(code int) reply { return reply{status: code} }

var refusedConnection = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: connection refused")}

func TestA26_RetryTable(t *testing.T) {
	type want struct {
		state   webhook.State
		retried bool
		reason  string
	}
	delivered := want{state: webhook.StateDelivered}
	retry := func(reason string) want { return want{webhook.StateDelivered, true, reason} }
	dead := func(reason string) want { return want{state: webhook.StateDead, reason: reason} }
	for name, c := range map[string]struct {
		first reply
		want  want
	}{
		"200": {status(200), delivered}, "201": {status(201), delivered}, "204": {status(204), delivered}, "299": {status(299), delivered},
		"301": {status(301), dead("answered 301: redirects are not followed")}, "302": {status(302), dead("answered 302: redirects are not followed")},
		"304": {status(304), dead("answered 304: redirects are not followed")}, "308": {status(308), dead("answered 308: redirects are not followed")},
		"400": {status(400), dead("answered 400")}, "401": {status(401), dead("answered 401")}, "403": {status(403), dead("answered 403")},
		"404": {status(404), dead("answered 404")}, "409": {status(409), dead("answered 409")}, "410": {status(410), dead("answered 410")},
		"413": {status(413), dead("answered 413")}, "422": {status(422), dead("answered 422")},
		"408": {status(408), retry("answered 408")}, "425": {status(425), retry("answered 425")}, "429": {status(429), retry("answered 429")},
		"500": {status(500), retry("answered 500")}, "501": {status(501), retry("answered 501")}, "502": {status(502), retry("answered 502")},
		"503": {status(503), retry("answered 503")}, "504": {status(504), retry("answered 504")}, "599": {status(599), retry("answered 599")},
		"no connection":   {reply{err: refusedConnection}, retry("dial: connect: connection refused")},
		"name unknown":    {reply{err: &net.DNSError{Err: "no such host", Name: "shop", Server: "10.0.0.2:53"}}, retry("the host name could not be resolved")},
		"no answer":       {reply{hang: true}, retry("no complete answer in time")},
		"no end of it":    {reply{body: endless{}}, retry("no complete answer in time")},
		"broken body":     {reply{body: io.MultiReader(strings.NewReader("ok"), broken{})}, delivered},
		"address refused": {reply{err: &net.OpError{Op: "dial", Err: fmt.Errorf("%w: 10.0.0.1", webhook.ErrRefused)}}, dead("address is not allowed for webhooks")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.net.answer = func(n int, _ got) reply {
					if n == 0 {
						return c.first
					}
					return status(200)
				}
				w.commit(message("inv", 1, "shop.example"))
				w.runFor(time.Hour)
				rec := w.history("inv")[0]
				require.Equal(t, c.want.state, rec.State)
				attempts := 1
				if c.want.retried {
					attempts = 2
				}
				require.Len(t, rec.Attempts, attempts)
				require.Len(t, w.net.seen(), attempts)
				require.Equal(t, c.want.reason, rec.Attempts[0].Error)
				if c.first.err == nil && !c.first.hang {
					require.Equal(t, max(200, c.first.status), rec.Attempts[0].Status)
				}
			})
		})
	}
}

// endless is a body that trickles for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	time.Sleep(100 * time.Millisecond)
	p[0] = 'x'
	return 1, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestA26_AfterTheLastAttemptTheMessageIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Poll = 24 * time.Hour // so that it is the outbox that says when
		w.net.answer = always(status(500))
		w.commit(message("inv", 1, "shop.example"))
		w.runFor(10 * 24 * time.Hour)
		rec := w.history("inv")[0]
		require.Equal(t, webhook.StateDead, rec.State)
		schedule := []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
			10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		}
		require.Len(t, rec.Attempts, 1+len(schedule))
		for i, wait := range schedule {
			since := rec.Attempts[i+1].At.Sub(rec.Attempts[i].At)
			require.GreaterOrEqual(t, since, wait, "attempt %d", i+2)
			require.LessOrEqual(t, since, wait+wait/10, "attempt %d", i+2)
		}
	})
}

func TestRetryAfterIsHonouredWithinBounds(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		value    string
		from, to time.Duration
	}{
		"seconds":           {429, "3600", time.Hour, time.Hour},
		"with 503":          {503, "3600", time.Hour, time.Hour},
		"a date":            {429, "Sat, 01 Jan 2000 02:00:00 GMT", 2 * time.Hour, 2 * time.Hour}, // the bubble's clock begins 2000
		"less than planned": {429, "1", 5 * time.Second, 5500 * time.Millisecond},
		"more than allowed": {429, "999999999999999999", 6 * time.Hour, 6 * time.Hour},
		"in the past":       {429, "Fri, 31 Dec 1999 00:00:00 GMT", 5 * time.Second, 5500 * time.Millisecond},
		"negative":          {429, "-5", 5 * time.Second, 5500 * time.Millisecond},
		"nonsense":          {429, "soon", 5 * time.Second, 5500 * time.Millisecond},
		"not with 500":      {500, "3600", 5 * time.Second, 5500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.cfg.MaxRetryAfter = 6 * time.Hour
				w.net.answer = always(reply{status: c.status, header: http.Header{"Retry-After": {c.value}}})
				start := time.Now()
				w.commit(message("inv", 1, "shop.example"))
				w.runFor(time.Second)
				rec := w.history("inv")[0]
				require.Equal(t, webhook.StateDue, rec.State)
				require.GreaterOrEqual(t, rec.Due.Sub(start), c.from)
				require.LessOrEqual(t, rec.Due.Sub(start), c.to)
			})
		})
	}
}

func TestA24_MessagesOfAnInvoiceArriveInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = func(n int, g got) reply {
			if g.id() == "evt_a_2" && n < 2 {
				return status(503)
			}
			return status(200)
		}
		for seq := range int64(4) {
			w.commit(message("a", seq+1, "shop.example"), message("b", seq+1, "shop.example"))
		}
		start := time.Now()
		w.runFor(time.Hour)
		byInvoice := map[string][]string{}
		for _, g := range w.net.seen() {
			name := strings.Split(g.id(), "_")[1]
			byInvoice[name] = append(byInvoice[name], g.id())
			if name == "b" {
				require.Zero(t, g.At.Sub(start), "another invoice waits for nothing")
			}
		}
		require.Equal(t, []string{"evt_a_1", "evt_a_2", "evt_a_2", "evt_a_2", "evt_a_3", "evt_a_4"}, byInvoice["a"])
		require.Equal(t, []string{"evt_b_1", "evt_b_2", "evt_b_3", "evt_b_4"}, byInvoice["b"])
	})
}

func TestA24_ADeadMessageReleasesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = func(_ int, g got) reply {
			if g.id() == "evt_a_1" {
				return status(400)
			}
			return status(200)
		}
		w.commit(message("a", 1, "shop.example"), message("a", 2, "shop.example"))
		w.runFor(time.Second)
		require.Equal(t, []string{"evt_a_1", "evt_a_2"}, w.net.ids())
	})
}

func TestA23_EveryAttemptHasTheSameIDAndBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = func(n int, _ got) reply {
			if n < 5 {
				return status(500)
			}
			return status(200)
		}
		m := message("inv", 1, "shop.example")
		w.commit(m)
		w.runFor(24 * time.Hour)
		require.Len(t, w.net.seen(), 6)
		stamps := map[string]bool{}
		for _, g := range w.net.seen() {
			require.Equal(t, m.ID, g.id())
			require.Equal(t, string(m.Body), g.Body)
			require.Equal(t, m.URL, g.URL)
			require.Equal(t, "application/json", g.Header.Get("Content-Type"))
			require.Equal(t, "Cointill-Webhook", g.Header.Get("User-Agent"))
			require.Empty(t, g.Header.Values("Idempotency-Key"))
			id, err := webhook.Verify([]string{specSecret}, g.Header, []byte(g.Body), g.At)
			require.NoError(t, err)
			require.Equal(t, m.ID, id)
			require.Equal(t, strconv.FormatInt(g.At.Unix(), 10), g.Header.Get(webhook.HeaderTimestamp))
			stamps[g.Header.Get(webhook.HeaderTimestamp)] = true
		}
		require.Len(t, stamps, 6, "each attempt is stamped anew, or late ones would be refused as replays")
	})
}

// The process dies after the endpoint has taken the message and before that is recorded.
func TestA23_ACrashBetweenSendingAndRecordingRepeatsTheSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.commit(message("inv", 1, "shop.example"))
		w.cfg.Outbox = &faulty{Outbox: w.store, record: func(int) error { return errors.New("disk is gone") }}
		w.runFor(10 * time.Second)
		require.Equal(t, []string{"evt_inv_1"}, w.net.ids())
		require.Empty(t, w.history("inv")[0].Attempts)

		w.cfg.Outbox = w.store
		w.runFor(time.Minute)
		require.Equal(t, []string{"evt_inv_1", "evt_inv_1"}, w.net.ids())
		require.Equal(t, webhook.StateDelivered, w.history("inv")[0].State)
	})
}

// faulty is an outbox with errors; the functions get the number of calls before.
type faulty struct {
	webhook.Outbox
	claim, record func(n int) error

	claims, records atomic.Int32
}

func (f *faulty) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	n := int(f.claims.Add(1)) - 1
	if f.claim != nil {
		if err := f.claim(n); err != nil {
			return nil, err
		}
	}
	return f.Outbox.Claim(ctx, q)
}

func (f *faulty) Record(ctx context.Context, c webhook.Claim, a webhook.Attempt, next webhook.Next) error {
	n := int(f.records.Add(1)) - 1
	if f.record != nil {
		if err := f.record(n); err != nil {
			return err
		}
	}
	return f.Outbox.Record(ctx, c, a, next)
}

func TestAFailedRecordIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		outbox := &faulty{Outbox: w.store, record: func(n int) error {
			if n < 2 {
				return errors.New("connection lost")
			}
			return nil
		}}
		w.cfg.Outbox = outbox
		w.commit(message("inv", 1, "shop.example"))
		w.runFor(time.Hour)
		require.Equal(t, []string{"evt_inv_1"}, w.net.ids())
		require.Equal(t, webhook.StateDelivered, w.history("inv")[0].State)
		require.EqualValues(t, 3, outbox.records.Load())
	})
}

func TestAStaleClaimIsNotRecordedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		outbox := &faulty{Outbox: w.store, record: func(n int) error {
			if n == 0 {
				return fmt.Errorf("store: %w", webhook.ErrStaleClaim)
			}
			return nil
		}}
		w.cfg.Outbox = outbox
		w.commit(message("inv", 1, "shop.example"))
		w.runFor(30 * time.Second)
		require.EqualValues(t, 1, outbox.records.Load())
	})
}

func TestA27_EveryActiveSecretSigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		fresh := secretOf(32, 9)
		active := []string{specSecret}
		w.cfg.Secrets = secretsFunc(func(project string) ([]string, error) {
			require.Equal(t, "p1", project)
			return active, nil
		})
		believed := func(seq int64) (old, new bool) {
			w.commit(message("inv", seq, "shop.example"))
			w.runFor(time.Second)
			g := w.net.seen()[seq-1]
			_, errOld := webhook.Verify([]string{specSecret}, g.Header, []byte(g.Body), g.At)
			_, errNew := webhook.Verify([]string{fresh}, g.Header, []byte(g.Body), g.At)
			return errOld == nil, errNew == nil
		}
		for i, c := range []struct {
			active   []string
			old, new bool
		}{
			{[]string{specSecret}, true, false},
			{[]string{fresh, specSecret}, true, true},
			{[]string{fresh}, false, true},
		} {
			active = c.active
			old, new := believed(int64(i + 1))
			require.Equal(t, c.old, old)
			require.Equal(t, c.new, new)
		}
	})
}

func TestWithoutSecretsNothingIsSentAndTheMessageWaits(t *testing.T) {
	for name, secrets := range map[string]secretsFunc{
		"none":       func(string) ([]string, error) { return nil, nil },
		"unreadable": func(string) ([]string, error) { return nil, errors.New("password=s3cret refused") },
		"invalid":    func(string) ([]string, error) { return []string{"whsec_s3cret"}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.cfg.Secrets = secrets
				w.commit(message("inv", 1, "shop.example"))
				w.runFor(time.Second)
				require.Empty(t, w.net.seen())
				rec := w.history("inv")[0]
				require.Equal(t, webhook.StateDue, rec.State)
				require.NotEmpty(t, rec.Attempts[0].Error)
				require.NotContains(t, rec.Attempts[0].Error, "s3cret")

				w.cfg.Secrets = secretsFunc(oneSecret)
				w.runFor(time.Minute)
				require.Equal(t, webhook.StateDelivered, w.history("inv")[0].State)
			})
		})
	}
}

// One endpoint in a hundred hangs. The others are told everything at once, and the hanging ones
// never hold more than their share of the workers.
func TestA22_HangingEndpointsDelayNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Workers, w.cfg.PerEndpoint = 64, 4
		w.net.answer = func(_ int, g got) reply {
			if strings.Contains(g.URL, "hang") {
				return reply{hang: true}
			}
			return reply{wait: 10 * time.Millisecond}
		}
		const healthy, hanging, each = 495, 5, 8
		for i := range int64(hanging * each) { // the oldest, so they are claimed first
			w.commit(message(fmt.Sprint("h", i), 1, fmt.Sprintf("hang%d.example", i%hanging)))
		}
		for i := range int64(healthy * each) {
			w.commit(message(fmt.Sprint("a", i), 1, fmt.Sprintf("shop%d.example", i%healthy)))
		}
		_, stop := w.run()
		// 44 free workers, 10 ms each, 3960 messages: 0.9 s if nobody waits for those that hang.
		time.Sleep(2 * time.Second)
		synctest.Wait()
		told := 0
		for host, n := range w.net.hostCount() {
			if strings.HasPrefix(host, "shop") {
				told += n
			}
		}
		require.Equal(t, healthy*each, told)
		time.Sleep(10 * time.Minute)
		stop()
		require.LessOrEqual(t, w.net.highest[""], 64+20, "20 may be late at a time")
		for host, n := range w.net.highest {
			if host != "" {
				require.LessOrEqual(t, n, 4, host)
			}
		}
	})
}

// A delivery that takes longer than Patience gives its place to another, as long as there are few such.
func TestA22_LateDeliveriesGiveUpTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Workers, w.cfg.Late, w.cfg.Patience = 2, 1, time.Second
		w.net.answer = func(_ int, g got) reply { return reply{hang: strings.Contains(g.URL, "hang")} }
		for i := range 3 {
			m := message(fmt.Sprint("h", i), 1, fmt.Sprintf("hang%d.example", i))
			m.Project = fmt.Sprint("project ", i)
			w.commit(m)
		}
		w.commit(message("a", 1, "shop.example"))
		_, stop := w.run()
		time.Sleep(time.Second - time.Millisecond)
		synctest.Wait()
		require.Len(t, w.net.seen(), 2, "both workers wait")
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		require.Len(t, w.net.seen(), 3, "one of them is free again, and takes the third that hangs")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Len(t, w.net.seen(), 3, "no more may be late")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, w.net.hostCount()["shop.example"])
		require.Equal(t, 3, w.net.highest[""])
		stop()
	})
}

func TestNoProjectFeelsThatAnotherURLOfTheHostHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = func(_ int, g got) reply { return reply{hang: strings.Contains(g.URL, "hang")} }
		to := func(project, path string, n int) { w.commitOf(project, n, "https://plugins.example"+path) }
		for n := range 40 {
			to("b", "/hang", n)
		}
		d, stop := w.run()
		for n := range 200 {
			to("a", "/hook", n)
			d.Hint()
			synctest.Wait()
			require.Equal(t, webhook.StateDelivered, w.history(fmt.Sprint("a", n))[0].State, "told without any time passing")
			time.Sleep(time.Second)
			synctest.Wait()
		}
		stop()
	})
}

// A project whose endpoints are slow, but not so slow that they count as late, has work for all workers and more.
func TestNoProjectHasAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Workers, w.cfg.Patience = 8, time.Second
		w.net.answer = func(_ int, g got) reply {
			if strings.Contains(g.URL, "slow") {
				return reply{status: 200, wait: 900 * time.Millisecond}
			}
			return reply{status: 200}
		}
		to := func(project, host string, n int) { w.commitOf(project, n, "https://"+host+"/hook") }
		for n := range 2000 {
			to("b", fmt.Sprintf("slow%d.example", n%50), n)
		}
		d, stop := w.run()
		for n := range 50 {
			to("a", "shop.example", n)
			d.Hint()
			synctest.Wait()
			require.Equal(t, webhook.StateDelivered, w.history(fmt.Sprint("a", n))[0].State, "told without any time passing")
			time.Sleep(time.Second)
			synctest.Wait()
		}
		require.GreaterOrEqual(t, len(w.net.seen()), 50*6*9/10, "the rest of the workers were the other project's")
		stop()
		require.LessOrEqual(t, w.net.highest[""], 7)
	})
}

// A project whose endpoints hang for longer than anybody waits has neither all workers nor all that goes on beside them.
func TestNoProjectHasAllThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Workers, w.cfg.Late, w.cfg.Patience = 4, 8, time.Second
		w.net.answer = func(_ int, g got) reply {
			if strings.Contains(g.URL, "tardy") {
				return reply{status: 200, wait: 3 * time.Second}
			}
			return reply{hang: strings.Contains(g.URL, "hang")}
		}
		to := func(project, host string, n int) { w.commitOf(project, n, "https://"+host+"/hook") }
		for n := range 200 {
			to("b", fmt.Sprintf("hang%d.example", n), n)
		}
		_, stop := w.run()
		for n := range 10 {
			to("a", fmt.Sprintf("tardy%d.example", n), n)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		for n := range 10 {
			require.Equal(t, webhook.StateDelivered, w.history(fmt.Sprint("a", n))[0].State, n)
		}
		stop()
	})
}

func TestABurstThatTimesOutTogetherOpensTheBreakerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var up atomic.Bool
		w.net.answer = func(int, got) reply { return reply{hang: !up.Load()} }
		for n := range 32 {
			w.commit(message(fmt.Sprint("inv", n), 1, "shop.example"))
		}
		_, stop := w.run()
		time.Sleep(w.cfg.Client.Timeout + time.Second)
		synctest.Wait()
		require.Len(t, w.net.seen(), 32)
		up.Store(true)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Greater(t, len(w.net.seen()), 32, "the breaker is open for as long as after one failure too many")
		stop()
	})
}

// More endpoints hang than there are workers. Once they have been found out they get half of the workers
// at most, and new messages of others go out at once.
func TestA22_ManyHangingEndpointsGetHalfOfTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Workers = 8
		w.cfg.Breaker = webhook.BreakerConfig{Failures: 1000} // never open: the share alone must do
		w.net.answer = func(_ int, g got) reply {
			return reply{hang: strings.Contains(g.URL, "hang")}
		}
		for i := range 40 {
			w.commit(message(fmt.Sprint("h", i), 1, fmt.Sprintf("hang%d.example", i)))
		}
		d, stop := w.run()
		time.Sleep(5*15*time.Second + 5*time.Second + time.Millisecond) // all 40 have failed, and are due again
		synctest.Wait()
		for i := range 50 {
			w.commit(message(fmt.Sprint("a", i), 1, "shop.example"))
			d.Hint()
			synctest.Wait()
			require.Equal(t, i+1, w.net.hostCount()["shop.example"], "told without any time passing")
			time.Sleep(time.Second)
			synctest.Wait()
		}
		stop()
	})
}

// While the breaker is open the messages wait and lose no attempts.
func TestA22_AnOpenBreakerUsesUpNoAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var up atomic.Bool
		w.net.answer = func(int, got) reply {
			if !up.Load() {
				return reply{err: refusedConnection}
			}
			return status(200)
		}
		w.cfg.PerEndpoint = 4
		w.cfg.Breaker = webhook.BreakerConfig{Failures: 3, Open: time.Hour, MaxOpen: time.Hour}
		for i := range 20 {
			w.commit(message(fmt.Sprint("inv", i), 1, "shop.example"))
		}
		_, stop := w.run()
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		require.Len(t, w.net.seen(), 4, "the first four at once, then the breaker is open")

		up.Store(true)
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		stop()
		for i := range 20 {
			rec := w.history(fmt.Sprint("inv", i))[0]
			require.Equal(t, webhook.StateDelivered, rec.State)
			require.LessOrEqual(t, len(rec.Attempts), 2)
		}
	})
}

func TestA22_AnEndpointThatRecoversGetsEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var up atomic.Bool
		w.net.answer = func(int, got) reply {
			if !up.Load() {
				return reply{hang: true}
			}
			return status(200)
		}
		w.commit(message("first", 1, "shop.example"))
		d, stop := w.run()
		time.Sleep(6 * time.Hour)
		up.Store(true)
		for i := range 100 {
			w.commit(message(fmt.Sprint("inv", i), 1, "shop.example"))
		}
		time.Sleep(10*time.Minute + 15*time.Second) // the longest that the breaker stays open
		synctest.Wait()
		require.Equal(t, webhook.StateDelivered, w.history("inv99")[0].State)
		before := len(w.net.seen())
		w.commit(message("later", 1, "shop.example"))
		d.Hint()
		synctest.Wait()
		require.Len(t, w.net.seen(), before+1)
		stop()
	})
}

// A troubled endpoint makes claims smaller, so that it gets one message only; the others get their full
// share all the same, without waiting.
func TestA22_ATroubledEndpointTakesNothingFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = func(_ int, g got) reply {
			if strings.Contains(g.URL, "down") {
				return reply{err: refusedConnection}
			}
			return reply{wait: time.Second}
		}
		w.commit(message("d", 1, "down.example"))
		d, stop := w.run()
		synctest.Wait()
		start := time.Now()
		for i := range 8 {
			w.commit(message(fmt.Sprint("a", i), 1, fmt.Sprintf("shop%d.example", i%2)))
		}
		d.Hint()
		synctest.Wait()
		require.Len(t, w.net.seen(), 9)
		require.Zero(t, time.Since(start))
		stop()
	})
}

func TestNeverMoreInFlightThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Workers, w.cfg.PerEndpoint = 5, 2
		w.net.answer = func(_ int, g got) reply { return reply{wait: time.Duration(len(g.id())) * 37 * time.Millisecond} }
		for i := range 100 {
			w.commit(message(strings.Repeat("x", i%7)+fmt.Sprint(i), 1, fmt.Sprintf("shop%d.example", i%4)))
		}
		w.runFor(time.Hour)
		require.Len(t, w.net.seen(), 100)
		require.Equal(t, 5, w.net.highest[""])
		for i := range 4 {
			require.Equal(t, 2, w.net.highest[fmt.Sprintf("shop%d.example", i)])
		}
	})
}

func TestGoneDisablesTheURLUntilAResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var back atomic.Bool
		w.net.answer = func(int, got) reply {
			if !back.Load() {
				return status(410)
			}
			return status(200)
		}
		w.commit(message("inv", 1, "shop.example"), message("inv", 2, "shop.example"))
		d, stop := w.run()
		time.Sleep(time.Hour)
		w.commit(message("inv", 3, "shop.example"))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []string{"evt_inv_1"}, w.net.ids())
		for _, rec := range w.history("inv") {
			require.Equal(t, webhook.StateDead, rec.State)
		}
		back.Store(true)
		_, err := w.store.Resend(t.Context(), "inv", "")
		require.NoError(t, err)
		d.Hint()
		synctest.Wait()
		require.Equal(t, []string{"evt_inv_1", "evt_inv_3"}, w.net.ids())
		stop()
	})
}

func TestAResendHasTheSameIDAndBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.commit(message("inv", 1, "shop.example"), message("inv", 2, "shop.example"))
		d, stop := w.run()
		synctest.Wait()
		time.Sleep(time.Hour)
		_, err := w.store.Resend(t.Context(), "inv", "")
		require.NoError(t, err)
		d.Hint()
		synctest.Wait()
		stop()
		seen := w.net.seen()
		require.Equal(t, []string{"evt_inv_1", "evt_inv_2", "evt_inv_2"}, w.net.ids())
		require.Equal(t, seen[1].Body, seen[2].Body)
		require.NotEqual(t, seen[1].Header.Get(webhook.HeaderSignature), seen[2].Header.Get(webhook.HeaderSignature))
	})
}

func TestHintSendsAtOnceAndWithoutItThePollDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d, stop := w.run()
		time.Sleep(300 * time.Millisecond)
		start := time.Now()
		w.commit(message("a", 1, "shop.example"))
		d.Hint()
		synctest.Wait()
		require.Len(t, w.net.seen(), 1)
		require.Zero(t, w.net.seen()[0].At.Sub(start))

		w.commit(message("b", 1, "shop.example"))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, w.net.seen(), 2)
		stop()
	})
}

func TestHintNeverBlocks(t *testing.T) {
	w := newWorld(t)
	d, err := webhook.New(w.cfg)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				d.Hint()
			}
		})
	}
	wg.Wait()
}

func TestAnIdleDispatcherAsksOncePerPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		outbox := &faulty{Outbox: w.store}
		w.cfg.Outbox = outbox
		w.commit(message("inv", 1, "shop.example"))
		w.net.answer = always(reply{hang: true})
		w.cfg.Breaker = webhook.BreakerConfig{Failures: 1, Open: time.Hour} // its message stays due all the time
		w.runFor(10 * time.Minute)
		require.LessOrEqual(t, int(outbox.claims.Load()), 610)
	})
}

func TestDeliveriesThatEndTogetherAreFollowedByOneClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		outbox := &faulty{Outbox: w.store}
		w.cfg.Outbox, w.cfg.PerEndpoint = outbox, 32
		var ended atomic.Int64
		w.net.answer = func(int, got) reply {
			apart := time.Duration(ended.Add(1)%32) * 20 * time.Microsecond
			return reply{wait: 10*time.Millisecond + apart}
		}
		for i := range 320 {
			w.commit(message(fmt.Sprint("inv", i), 1, "shop.example"))
		}
		began := time.Now()
		_, stop := w.run()
		for len(w.net.seen()) < 320 {
			time.Sleep(time.Millisecond)
		}
		require.LessOrEqual(t, int(outbox.claims.Load()), 12, "ten rounds of 32")
		require.Less(t, time.Since(began), 150*time.Millisecond, "of the simulated clock")
		stop()
	})
}

func TestAnOutboxInTroubleIsAskedLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var healed atomic.Bool
		outbox := &faulty{Outbox: w.store, claim: func(int) error {
			if !healed.Load() {
				return errors.New("too many connections")
			}
			return nil
		}}
		w.cfg.Outbox = outbox
		w.commit(message("inv", 1, "shop.example"))
		d, stop := w.run()
		for range 600 {
			d.Hint()
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, int(outbox.claims.Load()), 30)
		healed.Store(true)
		time.Sleep(time.Minute)
		stop()
		require.Equal(t, webhook.StateDelivered, w.history("inv")[0].State)
	})
}

func TestRunEndsWithEverythingRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = func(_ int, g got) reply {
			return map[string]reply{"evt_quick_1": {wait: 2 * time.Second}, "evt_slow_1": {hang: true}}[g.id()]
		}
		w.commit(message("quick", 1, "a.example"), message("slow", 1, "b.example"))
		d, stop := w.run()
		synctest.Wait()
		ended, end := context.WithCancel(t.Context())
		end()
		require.Error(t, d.Run(ended), "a second Run")
		start := time.Now()
		w.commit(message("new", 1, "a.example"))
		stop()
		require.Equal(t, 5*time.Second, time.Since(start), "the grace")
		require.Equal(t, webhook.StateDelivered, w.history("quick")[0].State)
		require.Empty(t, w.history("new")[0].Attempts)
		slow := w.history("slow")[0]
		require.Equal(t, webhook.StateDue, slow.State)
		require.False(t, slow.Due.After(time.Now()), "due at once")
		require.Equal(t, "interrupted because the sender was stopped", slow.Attempts[0].Error)

		w.net.answer = nil
		_, stop = w.run()
		synctest.Wait()
		stop()
		require.Equal(t, webhook.StateDelivered, w.history("slow")[0].State)
	})
}

func TestAttemptsAreKeptWithTimeStatusExcerptAndDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = always(reply{
			status: 422, wait: 3 * time.Second,
			body: strings.NewReader("bad\x00\x1b[31m\xff order\r\n" + strings.Repeat("ä", 5000)),
		})
		start := time.Now()
		w.commit(message("inv", 1, "shop.example"))
		w.runFor(time.Minute)
		a := w.history("inv")[0].Attempts[0]
		require.True(t, start.Equal(a.At))
		require.Equal(t, 3*time.Second, a.Duration)
		require.Equal(t, 422, a.Status)
		require.True(t, strings.HasPrefix(a.Excerpt, "bad  [31m\uFFFD order  ää"), "%.40q", a.Excerpt)
		require.LessOrEqual(t, len(a.Excerpt), 1024)
		require.Greater(t, len(a.Excerpt), 1000)
	})
}

func TestErrorsTellNoSecretsOfTheURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = always(reply{err: errors.New("EOF")})
		bad := message("bad", 1, "shop.example")
		bad.URL = "https://shop.example/%zz?key=s3cret"
		w.commit(message("inv", 1, "shop.example"), bad)
		w.runFor(time.Second)
		require.Equal(t, "EOF", w.history("inv")[0].Attempts[0].Error)
		rec := w.history("bad")[0]
		require.Equal(t, webhook.StateDead, rec.State)
		require.Equal(t, "the URL is not valid", rec.Attempts[0].Error)
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := newWorld(t).cfg
	_, err := webhook.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*webhook.Config){
		"Outbox":         func(c *webhook.Config) { c.Outbox = nil },
		"Secrets":        func(c *webhook.Config) { c.Secrets = nil },
		"Client.Timeout": func(c *webhook.Config) { c.Client = &http.Client{} },
		"Lease":          func(c *webhook.Config) { c.Lease = 29 * time.Second },
		"Workers":        func(c *webhook.Config) { c.Workers = -1 },
		"Schedule":       func(c *webhook.Config) { c.Schedule = []time.Duration{-1} },
		"durations":      func(c *webhook.Config) { c.Poll = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := webhook.New(cfg)
		require.ErrorContains(t, err, name)
	}
}

// What could not be tried because its endpoint is silent is given up all the same, and never what can be told.
func TestASilentEndpointsMessagesAreGivenUpInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Schedule, w.cfg.Poll = []time.Duration{time.Hour, time.Hour}, 10*time.Second
		w.net.answer = func(_ int, g got) reply {
			if strings.Contains(g.URL, "down") {
				return reply{err: refusedConnection}
			}
			return status(200)
		}
		const many = 1000
		for i := range many {
			w.commit(message(fmt.Sprint("d", i), 1, "down.example"), message(fmt.Sprint("d", i), 2, "down.example"))
		}
		_, stop := w.run()
		time.Sleep(23 * time.Hour)
		synctest.Wait()
		waiting := func(seq int) (n int) {
			for i := range many {
				if w.history(fmt.Sprint("d", i))[seq-1].State == webhook.StateDue {
					n++
				}
			}
			return n
		}
		require.Greater(t, waiting(1), many/2, "most have hardly been tried")
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		require.Less(t, waiting(1), many/4, "only those that were tried have longer")
		require.Greater(t, waiting(2), many/2, "the next of an invoice has its own time")
		time.Sleep(150 * time.Hour)
		synctest.Wait()
		require.Zero(t, waiting(1)+waiting(2))
		w.commit(message("good", 1, "shop.example"), message("new", 1, "down.example"))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, webhook.StateDelivered, w.history("good")[0].State)
		require.Equal(t, webhook.StateDue, w.history("new")[0].State)
		stop()
		last := w.history("d999")[0].Attempts
		require.Equal(t, "not sent, because the endpoint has not answered for too long", last[len(last)-1].Error)
	})
}

// An outbox that does not answer is asked again, instead of being waited for.
func TestAClaimThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Outbox = &hanging{Outbox: w.store}
		w.commit(message("inv", 1, "shop.example"))
		w.runFor(time.Minute)
		require.Equal(t, webhook.StateDelivered, w.history("inv")[0].State)
	})
}

// hanging never answers the first claim.
type hanging struct {
	webhook.Outbox
	asked bool
}

func (h *hanging) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	if !h.asked {
		h.asked = true
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Outbox.Claim(ctx, q)
}

// claims counts the claims of an outbox, each of which takes a second.
type claims struct {
	webhook.Outbox
	n *atomic.Int32
}

func (c claims) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	c.n.Add(1)
	time.Sleep(time.Second)
	return c.Outbox.Claim(ctx, q)
}

// A hint and the end of a delivery that both come during a claim ask for one more claim, whichever is noticed first.
func TestAHintBeforeAClaimAsksForNoSecondOne(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			var n atomic.Int32
			w.cfg.Outbox, w.cfg.Poll = claims{w.store, &n}, time.Minute
			w.net.answer = func(int, got) reply {
				time.Sleep(500 * time.Millisecond)
				return status(200)
			}
			w.commit(message("1", 1, "shop.example"))
			d, stop := w.run()
			time.Sleep(1100 * time.Millisecond)
			d.Hint() // while the message is delivered
			time.Sleep(600 * time.Millisecond)
			d.Hint() // during the second claim
			time.Sleep(10 * time.Second)
			stop()
			require.Equal(t, int32(3), n.Load())
		})
	}
}
