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

// Config configures a simulation. Open is required.
type Config struct {
	// Open returns an empty store. It is called inside the bubble of the world, and again whenever the world's store loses
	// its latest part: the contents of the backup are replayed to the new store, and the old one is no longer used. Use
	// t.Cleanup to close a store. A store that waits for anything outside of the bubble, such as a database, must be created
	// and called by a goroutine outside of it, through channels that were created there; the world's time stands still
	// meanwhile. Leases expire by the world's clock, whichever clock the store has.
	Open func(t *testing.T) invoice.Store

	Seed  uint64 // determines the world
	Steps int    // number of steps; default 60
	// Processes is the number of processes that share the store; default one to three, depending on the seed. Set it to 1
	// for a store for one process.
	Processes int

	// Tell sends the messages of the store's outbox until ctx ends, for example with a webhook.Dispatcher. It must reach the
	// outbox through [Process.Call], and endpoints through the process, which is a [net/http.RoundTripper], so that both can
	// fail. If nil, no messages are sent, and only the feed is checked.
	Tell func(ctx context.Context, p *Process) error
	// Notifier makes the messages. By default there is one for each event of an invoice with a callback URL, and one for each
	// endpoint of the project that receives it, with the body that was stored with the event.
	Notifier invoice.Notifier
	// Watch returns a watcher of a node; default [chain.NewFollower].
	Watch func(chain.FollowConfig) (invoice.ChainWatcher, error)
	// Change modifies the configuration of each process at the end. It may be nil.
	Change func(*invoice.Config)

	// Trace includes the trace in the result even if no rule was broken.
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

// plain is the default Notifier.
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

// Failure describes a broken rule.
type Failure struct {
	Rule   Rule
	Detail string
	Seed   uint64
	Step   int // the step after which it was noticed
}

// Totals counts the contents of worlds.
type Totals struct {
	Worlds, Invoices, Payments, Events, Commits, Portions, Forks, Crashes, Restores int
}

func (t *Totals) add(o Totals) {
	t.Worlds += o.Worlds
	t.Invoices += o.Invoices
	t.Payments += o.Payments
	t.Events += o.Events
	t.Commits += o.Commits
	t.Portions += o.Portions
	t.Forks += o.Forks
	t.Crashes += o.Crashes
	t.Restores += o.Restores
}

func (t Totals) String() string {
	return fmt.Sprintf("%d worlds, %d invoices, %d payments, %d events, %d commits with %d portions, %d forks, %d crashes, %d restores",
		t.Worlds, t.Invoices, t.Payments, t.Events, t.Commits, t.Portions, t.Forks, t.Crashes, t.Restores)
}

// Result is the result of one world.
type Result struct {
	Failure *Failure // nil if no rule was broken
	Trace   []string // what happened, one line each; if no rule was broken, only with Config.Trace
	Totals  Totals
}

// Play plays one world and returns the result. It does not fail the test.
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

// Run plays one world. If a rule is broken, it fails the test and reports the shortest sequence of steps that breaks one.
func Run(t *testing.T, cfg Config) Totals {
	t.Helper()
	res := Play(t, cfg)
	if res.Failure != nil {
		t.Error(Shrink(t, cfg, res).Report())
	}
	return res.Totals
}

// Explore plays the n worlds from the first seed on. It stops when three have failed.
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

// Shrink finds the shortest prefix of a failing world that fails, and then removes unnecessary steps. The result may break
// another rule, because one defect can show in many ways.
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

// Report returns a text with the broken rule, how to reproduce the failure, and what happened before.
func (r Result) Report() string {
	f := r.Failure
	if f == nil {
		return "every rule was kept"
	}
	return fmt.Sprintf("rule: %s\nwhy: %s\nbroken: %s\nreplay: -seed %d -steps %d (what follows leaves out steps that do not matter)\n%s",
		f.Rule.Name, f.Rule.Why, f.Detail, f.Seed, f.Step, strings.Join(r.Trace, "\n"))
}
