package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func TestAnEndpointTakesWhatItsFilterSelects(t *testing.T) {
	for _, c := range []struct {
		events   []string
		disabled bool
		takes    string // the types out of those below
	}{
		{nil, false, "invoice.completed invoice.new invoice.new_kind payout.sent"},
		{nil, true, ""},
		{[]string{"invoice.completed"}, false, "invoice.completed"},
		{[]string{"invoice.completed"}, true, ""},
		{[]string{"invoice.new"}, false, "invoice.new"},
		{[]string{"invoice.*"}, false, "invoice.completed invoice.new invoice.new_kind"},
		{[]string{"payout.*", "invoice.new"}, false, "invoice.new payout.sent"},
		{[]string{"pay.*"}, false, ""},
	} {
		e := invoice.Endpoint{Events: c.events, Disabled: c.disabled}
		var got []string
		for _, typ := range []string{"invoice.completed", "invoice.new", "invoice.new_kind", "payout.sent"} {
			if e.Takes(invoice.EventType(typ)) {
				got = append(got, typ)
			}
		}
		require.Equal(t, c.takes, strings.Join(got, " "), "%v, disabled %t", c.events, c.disabled)
	}
}

// strict is an [invoice.EndpointChecker].
type strict struct{}

func (strict) Formats() []string { return []string{"standard", "terse"} }

func (strict) CheckCallback(url string) error {
	if strings.Contains(url, "localhost") {
		return errors.New("must not point to localhost")
	}
	return nil
}

func TestEndpointsAreRefusedByTheFieldThatIsWrong(t *testing.T) {
	plain, _, id := newProjects(t)
	ps := plain.WithChecks(strict{})
	taken, err := ps.AddEndpoint(t.Context(), id, invoice.NewEndpoint{URL: "https://taken.example/?token=1"})
	require.NoError(t, err)
	mine, err := ps.AddEndpoint(t.Context(), id, invoice.NewEndpoint{URL: "https://mine.example/"})
	require.NoError(t, err)
	const good = "https://a.example/hook"
	for _, c := range []struct {
		in                   invoice.NewEndpoint
		field, value, reason string
	}{
		{invoice.NewEndpoint{}, "URL", "", "must be an absolute http or https URL"},
		{invoice.NewEndpoint{URL: "ftp://a.example/"}, "URL", "ftp://a.example/", "must be an absolute http or https URL"},
		{invoice.NewEndpoint{URL: good + "\n"}, "URL", "", "must not have control characters, such as tabs and ends of lines"},
		{invoice.NewEndpoint{URL: good + "?" + strings.Repeat("x", 2048)}, "URL", good, "must have at most 2048 bytes"},
		{invoice.NewEndpoint{URL: "http://localhost/?key=secret"}, "URL", "http://localhost/", "must not point to localhost"},
		{invoice.NewEndpoint{URL: taken.URL}, "URL", "https://taken.example/", "is the URL of endpoint " + taken.ID},
		{invoice.NewEndpoint{URL: good, Format: "verbose"}, "Format", "verbose", "is unknown"},
		{invoice.NewEndpoint{URL: good, Events: []string{"invoice.complete"}}, "Events", "invoice.complete", "has an entry that matches no event"},
		{invoice.NewEndpoint{URL: good, Events: []string{"invoice.paid.*"}}, "Events", "invoice.paid.*", "has an entry that matches no event"},
		{invoice.NewEndpoint{URL: good, Events: []string{"*"}}, "Events", "*", `has an entry that is neither an event type nor a prefix that ends in ".*"`},
		{invoice.NewEndpoint{URL: good, Events: []string{"payout.sent", ""}}, "Events", "", `has an entry that is neither an event type nor a prefix that ends in ".*"`},
		{invoice.NewEndpoint{URL: good, Events: []string{"payout..sent"}}, "Events", "payout..sent", `has an entry that is neither an event type nor a prefix that ends in ".*"`},
		{invoice.NewEndpoint{URL: good, Events: []string{"x." + strings.Repeat("y", 63)}}, "Events", "x." + strings.Repeat("y", 62), `has an entry that is neither an event type nor a prefix that ends in ".*"`},
		{invoice.NewEndpoint{URL: good, Events: []string{"invoice.*", "invoice.*"}}, "Events", "invoice.*", "has an entry twice"},
		{invoice.NewEndpoint{URL: good, Events: many(65)}, "Events", "payout.t64", "has more than 64 entries"},
	} {
		_, err := ps.AddEndpoint(t.Context(), id, c.in)
		for _, err := range []error{err, ps.ReplaceEndpoint(t.Context(), id, mine.ID, c.in)} {
			var bad *invoice.InvalidError
			require.ErrorAs(t, err, &bad, "%+v", c.in)
			require.Equal(t, [3]string{c.field, c.value, c.reason}, [3]string{bad.Field, bad.Value, bad.Reason})
			require.NotContains(t, err.Error(), "key=secret")
			require.NotContains(t, err.Error(), "token=1")
		}
	}
	list, err := ps.Endpoints(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []string{taken.URL, mine.URL}, []string{list[0].URL, list[1].URL}, "a refusal changes nothing")

	_, err = plain.AddEndpoint(t.Context(), id, invoice.NewEndpoint{URL: good, Format: "terse"})
	require.Error(t, err, "without checks no format is known")
	_, err = ps.AddEndpoint(t.Context(), "nobody", invoice.NewEndpoint{URL: good})
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.ErrorIs(t, ps.ReplaceEndpoint(t.Context(), id, "ep_0", invoice.NewEndpoint{URL: good}), invoice.ErrNoEndpoint)
	_, err = ps.RotateEndpointSecret(t.Context(), id, "ep_0", 0)
	require.ErrorIs(t, err, invoice.ErrNoEndpoint)
	for i := range 14 {
		_, err = ps.AddEndpoint(t.Context(), id, invoice.NewEndpoint{URL: fmt.Sprint(good, i), Events: many(64)})
		require.NoError(t, err)
	}
	_, err = ps.AddEndpoint(t.Context(), id, invoice.NewEndpoint{URL: good})
	var full *invoice.InvalidError
	require.ErrorAs(t, err, &full)
	require.Equal(t, "Endpoints", full.Field)
}

func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("payout.t", i)
	}
	return out
}

func TestAnEndpointIsAddedReplacedRotatedAndRemoved(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := store.NewMemory()
	ps, err := invoice.NewProjects(m, func() time.Time { return now })
	require.NoError(t, err)
	p, _, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(t, err)
	ps = ps.WithChecks(strict{})
	e, err := ps.AddEndpoint(t.Context(), p.ID, invoice.NewEndpoint{URL: "https://a.example/", Events: []string{"invoice.*"}})
	require.NoError(t, err)
	require.Regexp(t, `^ep_[0-9a-f]{16}$`, e.ID)
	first := e.Secrets[0].Value
	require.NotEqual(t, p.Secrets[0].Value, first)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		shown := fmt.Sprintf(verb, e) + fmt.Sprintf(verb, []invoice.Endpoint{e}) + fmt.Sprintf(verb, invoice.Project{Endpoints: []invoice.Endpoint{e}})
		require.NotContains(t, shown, first)
		require.NotContains(t, shown, "a.example", "a URL may have a secret in it")
	}

	second, err := ps.RotateEndpointSecret(t.Context(), p.ID, e.ID, time.Hour)
	require.NoError(t, err)
	secrets := func() []string {
		t.Helper()
		list, err := ps.EndpointSecrets(t.Context(), p.ID, e.ID)
		require.NoError(t, err)
		return list
	}
	require.Equal(t, []string{second, first}, secrets())
	require.NoError(t, ps.ReplaceEndpoint(t.Context(), p.ID, e.ID, invoice.NewEndpoint{URL: "https://b.example/", Format: "terse", Disabled: true}))
	require.Equal(t, []string{second, first}, secrets(), "a replacement keeps the secrets")
	now = now.Add(time.Hour)
	require.Equal(t, []string{second}, secrets())
	own, err := ps.Secrets(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, []string{p.Secrets[0].Value}, own)

	list, err := ps.Endpoints(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, []invoice.Endpoint{{ID: e.ID, URL: "https://b.example/", Format: "terse", Disabled: true, CreatedAt: e.CreatedAt}}, list)

	for range 2 {
		require.NoError(t, ps.RemoveEndpoint(t.Context(), p.ID, e.ID))
	}
	_, err = ps.EndpointSecrets(t.Context(), p.ID, e.ID)
	require.ErrorIs(t, err, invoice.ErrNoEndpoint)
	list, err = ps.Endpoints(t.Context(), p.ID)
	require.NoError(t, err)
	require.Empty(t, list)
}

// counted counts how often projects are read, and runs within before it answers.
type counted struct {
	*store.Memory
	reads  int
	within func()
}

func (c *counted) Project(ctx context.Context, id string) (invoice.Project, error) {
	c.reads++
	p, err := c.Memory.Project(ctx, id)
	if within := c.within; within != nil {
		c.within = nil
		within()
	}
	return p, err
}

func TestEndpointsAreReadAgainWhenTheyMayHaveChanged(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	c := &counted{Memory: store.NewMemory()}
	ps, err := invoice.NewProjects(c, clock)
	require.NoError(t, err)
	elsewhere, err := invoice.NewProjects(c.Memory, clock)
	require.NoError(t, err)
	p, _, err := ps.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(t, err)
	known := func() (n int) {
		t.Helper()
		list, err := ps.Receivers(t.Context(), p.ID)
		require.NoError(t, err)
		for _, e := range list {
			require.Empty(t, e.Secrets)
		}
		return len(list)
	}
	add := func(ps *invoice.Projects, host string) {
		t.Helper()
		_, err := ps.AddEndpoint(t.Context(), p.ID, invoice.NewEndpoint{URL: "https://" + host + ".example/"})
		require.NoError(t, err)
	}
	require.Equal(t, 0, known())
	c.reads = 0
	require.Equal(t, 0, known())
	require.Zero(t, c.reads, "it is remembered")
	add(ps.WithChecks(strict{}), "a")
	require.Equal(t, 1, known(), "a change through the same projects is seen at once")
	add(elsewhere, "b")
	require.Equal(t, 1, known())
	now = now.Add(invoice.ReceiversAge)
	require.Equal(t, 2, known(), "one by another process after a while")
	add(elsewhere, "c")
	now = now.Add(-time.Hour)
	require.Equal(t, 3, known(), "also when the clock was set back")

	now = now.Add(time.Hour)
	c.within = func() { add(ps, "d") }
	require.Equal(t, 3, known(), "it was read before the change")
	require.Equal(t, 4, known(), "and not remembered beyond it")

	list, err := ps.Receivers(t.Context(), "nobody")
	require.NoError(t, err)
	require.Empty(t, list, "an unknown project has none")
}

// locked is a store of projects one of which cannot be read at times.
type locked struct {
	invoice.ProjectStore
	mu  sync.Mutex // guards what follows
	id  string
	err error
}

func (l *locked) set(id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id, l.err = id, err
}

func (l *locked) Project(ctx context.Context, id string) (invoice.Project, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil && id == l.id {
		return invoice.Project{}, l.err
	}
	return l.ProjectStore.Project(ctx, id)
}

// hooked restarts the service with a project that has two endpoints, one of which takes only what is paid.
func (w *world) hooked() (of *locked, project string, all, paid invoice.Endpoint) {
	of = &locked{ProjectStore: w.store}
	ps, err := invoice.NewProjects(of, nil)
	require.NoError(w.t, err)
	p, _, err := ps.Create(w.t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(w.t, err)
	all, err = ps.AddEndpoint(w.t.Context(), p.ID, invoice.NewEndpoint{URL: "https://all.example/"})
	require.NoError(w.t, err)
	paid, err = ps.AddEndpoint(w.t.Context(), p.ID, invoice.NewEndpoint{
		URL: "https://paid.example/", Events: []string{"invoice.payment_received", "invoice.completed"},
	})
	require.NoError(w.t, err)
	w.cfg.Receivers = ps
	w.restart()
	return of, p.ID, all, paid
}

// toldTo returns the types of the events of an invoice that a receiver has messages of, in order.
func (w *world) toldTo(inv invoice.Invoice, receiver string) string {
	w.t.Helper()
	records, err := w.store.History(w.t.Context(), inv.ID, 0)
	require.NoError(w.t, err)
	var out []string
	for _, r := range records {
		if r.Message.Receiver == receiver {
			out = append(out, strings.TrimPrefix(string(r.Message.Event), "invoice."))
		}
	}
	return strings.Join(out, " ")
}

func TestEveryEventIsToldToTheEndpointsThatTakeIt(t *testing.T) {
	inWorld(t, func(w *world) {
		_, project, all, paid := w.hooked()
		mine := func(r *invoice.Request) { r.Project, r.CallbackURL = project, "" }
		inv, other := w.create(mine), w.create()
		archived, err := w.svc.CreateArchived(t.Context(), invoice.Request{Project: project, Price: price("10", "EUR")}, time.Time{})
		require.NoError(t, err)
		standing, err := w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: project, Asset: "SIM"})
		require.NoError(t, err)
		w.pay(inv, "SIM", "10")
		w.pay(standing, "SIM", "10")
		w.mine(1)
		w.mine(4)

		require.Equal(t, "created payment_received pending completed", w.toldTo(inv, all.ID))
		require.Equal(t, "payment_received completed", w.toldTo(inv, paid.ID))
		require.Equal(t, "created", w.toldTo(archived, all.ID))
		require.Empty(t, w.toldTo(archived, paid.ID))
		require.Equal(t, "created payment_received deposit", w.toldTo(standing, all.ID))
		require.Equal(t, "created", w.toldTo(other, ""))
		require.Empty(t, w.toldTo(other, all.ID), "another project's")
	})
}

func TestNothingIsStoredOfAnInvoiceWhileNobodyKnowsWhomToTell(t *testing.T) {
	inWorld(t, func(w *world) {
		projects, project, all, _ := w.hooked()
		mine := func(r *invoice.Request) { r.Project = project }
		inv, idle, other := w.create(mine), w.create(mine), w.create()
		time.Sleep(invoice.ReceiversAge)
		sealed := errors.New("no such sealing key")
		projects.set(project, sealed)
		_, err := w.svc.Create(t.Context(), invoice.Request{Project: project, Price: price("10", "EUR"), Asset: "SIM"})
		require.ErrorIs(t, err, sealed)
		_, err = w.svc.SetStatus(t.Context(), invoice.Act{Project: project, Invoice: inv.ID}, invoice.StatusCancelled)
		require.ErrorIs(t, err, sealed)
		w.pay(inv, "SIM", "10")
		w.pay(other, "SIM", "10")
		w.mine(1)
		time.Sleep(time.Minute)
		w.mine(4)
		require.Equal(t, invoice.StatusCompleted, w.get(other).State.Status, "no other project waits")
		time.Sleep(time.Hour)
		w.mine(1)
		for _, inv := range []invoice.Invoice{inv, idle} {
			now, err := w.svc.Invoice(t.Context(), project, inv.ID)
			require.NoError(t, err)
			require.Equal(t, invoice.StatusNew, now.State.Status)
			require.Equal(t, "created", w.toldTo(inv, all.ID))
		}

		projects.set(project, nil)
		time.Sleep(2 * time.Minute)
		w.mine(1)
		time.Sleep(2 * time.Minute)
		w.mine(1)
		require.Equal(t, "created payment_received completed", w.toldTo(inv, all.ID))
		require.Equal(t, "created expired", w.toldTo(idle, all.ID))
		require.Empty(t, w.health().Aside)
	})
}
