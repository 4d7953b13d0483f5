package invoicetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Config sets what is simulated. Open is required.
type Config struct {
	// Open makes an empty store, inside the bubble that the world lives in, and another one whenever the world's loses its
	// end: what the backup has is done to that, and the old one is not used any more. What must be closed is closed
	// with t.Cleanup. A store that waits for anything outside of the bubble, such as a database, is made and called
	// by a goroutine outside of it, through channels that were made there: the world's time stands still meanwhile.
	// Its leases run out by the world's clock, whichever clock it has itself.
	Open func(t *testing.T) invoice.Store

	Seed  uint64 // the world; the same seed is the same world
	Steps int    // how many steps are played; default 60
	// Processes share the store; 0: one to three, as the seed says. A store that is for one process is
	// played with 1.
	Processes int

	// Tell tells the messages of the store's outbox until ctx ends, as a process of the shop does, such as
	// a webhook.Dispatcher. It reaches its outbox through [Process.Call] and endpoints through the process,
	// which is a [net/http.RoundTripper], so that both can fail. Nil: nothing is told, and only the
	// feed is looked at.
	Tell func(ctx context.Context, p *Process) error
	// Notifier makes the messages; default one for each event of an invoice with a callback URL, and one for each
	// endpoint of the project that takes it, with the body that was frozen with the event.
	Notifier invoice.Notifier
	// Watch makes a watcher of a node; default [chain.NewFollower].
	Watch func(chain.FollowConfig) (invoice.ChainWatcher, error)
	// Change has the last word on a process's configuration. Nil changes nothing.
	Change func(*invoice.Config)

	// Trace has the result tell what happened also where no rule was broken.
	Trace bool

	skip map[int]bool // steps that are left out
}

func (c Config) withDefaults() Config {
	if c.Steps == 0 {
		c.Steps = 60
	}
	if c.Notifier == nil {
		c.Notifier = plain{}
	}
	if c.Watch == nil {
		c.Watch = func(f chain.FollowConfig) (invoice.ChainWatcher, error) { return chain.NewFollower(f) }
	}
	return c
}

func (c Config) name() string { return fmt.Sprintf("the world of seed %d", c.Seed) }

// plain is the notifier of those who have none.
type plain struct{}

func (plain) Formats() []string { return []string{"plain"} }

func (plain) Messages(ev invoice.Event, inv invoice.Invoice, to []invoice.Endpoint) []invoice.Message {
	var out []invoice.Message
	add := func(id, receiver, url string) {
		out = append(out, invoice.Message{
			ID: id, Event: ev.Type, Invoice: ev.Invoice, Seq: ev.Seq, Project: ev.Project, Receiver: receiver, URL: url,
			Endpoint: url[:strings.LastIndexByte(url, '/')] + receiver, Body: ev.Body, At: ev.At,
		})
	}
	if inv.CallbackURL != "" {
		add(ev.ID, "", inv.CallbackURL)
	}
	for _, e := range to {
		add(ev.ID+"_"+e.ID, e.ID, e.URL)
	}
	return out
}

// Failure is a rule that was broken.
type Failure struct {
	Rule   Rule
	Detail string
	Seed   uint64
	Step   int // the step that it showed after
}

// Totals are what worlds were made of.
type Totals struct {
	Worlds, Invoices, Payments, Events, Commits, Forks, Crashes, Restores int
}

func (t *Totals) add(o Totals) {
	t.Worlds += o.Worlds
	t.Invoices += o.Invoices
	t.Payments += o.Payments
	t.Events += o.Events
	t.Commits += o.Commits
	t.Forks += o.Forks
	t.Crashes += o.Crashes
	t.Restores += o.Restores
}

func (t Totals) String() string {
	return fmt.Sprintf("%d worlds, %d invoices, %d payments, %d events, %d commits, %d forks, %d crashes, %d restores",
		t.Worlds, t.Invoices, t.Payments, t.Events, t.Commits, t.Forks, t.Crashes, t.Restores)
}

// Result is what came of one world.
type Result struct {
	Failure *Failure // nil: every rule was kept
	Trace   []string // what happened, a line each; where no rule was broken, only with Config.Trace
	Totals  Totals
}

// Play plays one world and fails nothing: the caller looks at the result.
func Play(t *testing.T, cfg Config) Result {
	t.Helper()
	var res Result
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cfg.withDefaults())
		w.shop.noted = map[string]int64{}
		w.play()
		res = Result{w.failure, w.told(), w.totals}
	})
	return res
}

// Run plays one world. If a rule is broken it fails the test, with the shortest beginning of the world that
// breaks one, less what does not matter.
func Run(t *testing.T, cfg Config) Totals {
	t.Helper()
	res := Play(t, cfg)
	if res.Failure != nil {
		t.Error(Shrink(t, cfg, res).Report())
	}
	return res.Totals
}

// Explore plays n worlds from the first seed on, until three have failed.
func Explore(t *testing.T, cfg Config, first uint64, n int) Totals {
	t.Helper()
	var sum Totals
	failures := 0
	for seed := first; seed < first+uint64(n) && failures < 3; seed++ {
		cfg.Seed = seed
		res := Play(t, cfg)
		sum.add(res.Totals)
		if res.Failure != nil {
			failures++
			t.Error(Shrink(t, cfg, res).Report())
		}
	}
	t.Logf("seeds %d to %d: %s", first, first+uint64(sum.Worlds)-1, sum)
	return sum
}

// Shrink looks for the shortest beginning of a failing world that fails, and then for steps that can
// be left out. Another rule may be broken first then: with one defect there are many ways to see it.
func Shrink(t *testing.T, cfg Config, res Result) Result {
	t.Helper()
	cfg = cfg.withDefaults()
	cfg.Seed = res.Failure.Seed
	most := min(res.Failure.Step, cfg.Steps)
	for n := 1; n <= most; n++ {
		cfg.Steps = n
		if r := Play(t, cfg); r.Failure != nil {
			res = r
			break
		}
	}
	cfg.skip = map[int]bool{}
	for step := cfg.Steps; step >= 1; step-- {
		cfg.skip[step] = true
		if r := Play(t, cfg); r.Failure != nil {
			res = r
		} else {
			delete(cfg.skip, step)
		}
	}
	return res
}

// Report tells what was broken, how to see it again, and what happened before.
func (r Result) Report() string {
	f := r.Failure
	if f == nil {
		return "every rule was kept"
	}
	return fmt.Sprintf("rule: %s\nwhy: %s\nbroken: %s\nreplay: -seed %d -steps %d (what follows leaves out steps that do not matter)\n%s",
		f.Rule.Name, f.Rule.Why, f.Detail, f.Seed, f.Step, strings.Join(r.Trace, "\n"))
}
