package invoicetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
)

// Process is one of the processes that share the store: a service, and what sends its messages. It has its own clock, its
// own nodes and its own connection to the store. It can die at any moment; nothing that it does afterwards has an effect.
type Process struct {
	w     *world
	name  string
	lives int
	nodes []*node
	svc   *invoice.Service
	store invoice.Store // as seen by the process

	ctx    context.Context
	cancel context.CancelFunc
	dead   chan struct{} // closed when it dies
	ended  chan struct{} // closed when everything it ran has ended

	mu         sync.Mutex // guards what follows
	died       bool
	plan       plan
	slow       time.Duration // maximum duration of a call
	skew       time.Duration
	onMessages func()
}

// Store returns the store itself, which Config.Open returned. After a restore it is another one.
func (p *Process) Store() invoice.Store { return p.w.store() }

// Now returns the time of the process's clock, which may be wrong.
func (p *Process) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.skew)
}

// Unheard reports whether the world has an endpoint that never accepts a message, and no other failing endpoint. In such a
// world the schedule of retries may be short, and should give up within about an hour.
func (p *Process) Unheard() bool { return p.w.traits.deaf != "" }

// OnMessages sets a function that is called when messages were committed.
func (p *Process) OnMessages(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onMessages = f
}

// teller is the process's dispatcher, which Tell runs.
type teller struct{ p *Process }

func (t teller) Hint() { t.p.hint() }

func (teller) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (p *Process) hint() {
	p.mu.Lock()
	f := p.onMessages
	p.mu.Unlock()
	if f != nil {
		f()
	}
}

// RoundTrip implements [http.RoundTripper]: it posts to the world's endpoints.
func (p *Process) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, err := p.w.endpoints.post(r.Context(), p, r.URL.String(), r.Header.Get("webhook-id"), body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Request: r, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader("")),
	}, nil
}

// pause waits in the process. It returns early when the context ends or the process dies.
func (p *Process) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.dead:
		return errDead
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	if p.isDead() { // both at once
		return errDead
	}
	return ctx.Err()
}

func (p *Process) isDead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// die ends the process immediately.
func (p *Process) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.died {
		p.died = true
		close(p.dead)
		p.cancel()
	}
}

// latency returns how long something takes. It is different for each call, to the nanosecond, but the same whenever the
// world is played: no two things happen at the same moment, and worlds are repeatable.
func (p *Process) latency(what ...string) time.Duration {
	p.mu.Lock()
	slow := p.slow
	p.mu.Unlock()
	h := hash{}.words(what...).words(p.name).number(p.w.cfg.Seed).number(uint64(p.lives)).number(uint64(time.Now().UnixNano()))
	d := 50*time.Microsecond + h.upTo(2*time.Millisecond)
	if slow > 0 {
		d += h.number(1).upTo(slow)
	}
	return d
}

// hash derives a pseudo-random number from words and numbers.
type hash struct{ state uint64 }

// Those of FNV-1a.
const (
	hashBasis = 14695981039346656037
	hashPrime = 1099511628211
)

func (h hash) words(words ...string) hash {
	h.state ^= hashBasis
	for _, word := range words {
		for i := range len(word) {
			h.state = (h.state ^ uint64(word[i])) * hashPrime
		}
		h.state *= hashPrime // ends the word
	}
	return h
}

func (h hash) number(n uint64) hash {
	h.state = (h.sum() ^ n) * hashPrime
	return h
}

// sum spreads the low bits of FNV, which are weak, by the finisher of SplitMix64.
func (h hash) sum() uint64 {
	x := h.state
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// upTo returns a duration below the given one.
func (h hash) upTo(most time.Duration) time.Duration { return time.Duration(h.sum() % uint64(most)) }

// start starts a process that is not running.
func (p *Process) start() error {
	w := p.w
	p.lives++
	p.mu.Lock()
	p.died, p.plan, p.onMessages = false, plan{}, nil
	p.dead, p.ended = make(chan struct{}), make(chan struct{})
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.mu.Unlock()
	p.store = remote{p}
	if _, ok := w.store().(invoice.Leaser); ok && w.traits.leases {
		p.store = leasing{remote{p}}
	}
	p.nodes = nil
	cfg := invoice.Config{
		Store: p.store, Rates: w.rates, Notifier: w.cfg.Notifier, Dispatcher: teller{p}, Now: p.Now,
		Holder: fmt.Sprint(p.name, "-", p.lives), Poll: 23*time.Second + p.odd("poll"),
		Window: w.traits.window, Lease: w.traits.lease,
	}
	if len(w.traits.receivers) > 0 {
		var err error
		if cfg.Receivers, err = invoice.NewProjects(projects{p: p}, p.Now); err != nil {
			return fmt.Errorf("invoicetest: %w", err)
		}
	}
	if w.traits.recorded {
		cfg.Floors = floors{p}
	}
	for _, t := range w.chains {
		c, err := p.chain(t)
		if err != nil {
			return err
		}
		cfg.Chains = append(cfg.Chains, c)
	}
	if w.cfg.Change != nil {
		w.cfg.Change(&cfg)
	}
	svc, err := invoice.New(cfg)
	if err != nil {
		return fmt.Errorf("invoicetest: %w", err)
	}
	p.svc = svc
	p.run(svc)
	return nil
}

// odd returns a duration that no other component has.
func (p *Process) odd(what string) time.Duration {
	return hash{}.words(what, p.name).number(uint64(p.lives)).number(p.w.cfg.Seed).upTo(time.Second)
}

func (p *Process) chain(t *truth) (invoice.ChainConfig, error) {
	n := &node{p: p, t: t, trouble: nodeHonest}
	p.nodes = append(p.nodes, n)
	var source chain.Node = n
	if p.w.traits.pools {
		source = poolNode{n}
	}
	watcher, err := p.w.cfg.Watch(chain.FollowConfig{
		Node: source, Poll: p.w.traits.poll + p.odd(string(t.net)), Now: p.Now,
		Batch: p.w.traits.batch, Window: p.w.traits.reach, Margin: 20 * time.Minute,
		// One call at a time and without random pauses, so that a world repeats itself; the nodes
		// of the simulation are slow when they fail.
		Parallel: 1, MinBackoff: 1, MaxBackoff: 1,
	})
	if err != nil {
		return invoice.ChainConfig{}, fmt.Errorf("invoicetest: %w", err)
	}
	c := invoice.ChainConfig{Watcher: watcher, Addresses: wallet{t.chain}, Pool: p.w.traits.pool, Shared: p.w.traits.shared}
	if p.w.traits.requests {
		c.Addresses = requester{wallet{t.chain}, t.net}
	}
	for _, a := range t.chain.Assets() {
		c.Assets = append(c.Assets, invoice.AssetConfig{Asset: a, Confirm: []chain.Tier{{Need: p.w.traits.confirm}}, Floor: p.w.floor(a)})
	}
	return c, nil
}

// wallet issues the same addresses on every chain of the world.
type wallet struct{ chain *chaintest.Chain }

func (wallet) Name() string { return "sim:wallet" }

func (w wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// requester returns two addresses for each request.
type requester struct {
	wallet
	network chain.Network
}

func (requester) Name() string { return "sim:requests" }

func (r requester) Request(ctx context.Context, ask invoice.PaymentRequest) (invoice.Payable, error) {
	made := func(which string) chain.Address {
		return r.chain.Address(fmt.Sprint(r.network, " ", ask.Number, which))
	}
	return invoice.Payable{Address: made("a"), Also: []chain.Address{made("b")}, Text: fmt.Sprint("pay ", ask.Units)}, nil
}

func (requester) Close(context.Context, invoice.ClosedRequest) error { return nil }

func (p *Process) run(svc *invoice.Service) {
	ctx, ended := p.ctx, p.ended
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := svc.Run(ctx); err != nil {
			p.w.fail(ruleRuns, "Run of %s answers %v", p.name, err)
		}
	})
	if p.w.cfg.Tell != nil {
		wg.Go(func() {
			if err := p.w.cfg.Tell(ctx, p); err != nil && !errors.Is(err, context.Canceled) {
				p.w.fail(ruleRuns, "Tell of %s answers %v", p.name, err)
			}
		})
	}
	go func() {
		wg.Wait()
		close(ended)
	}()
}

func (p *Process) alive() bool { return p.svc != nil && !p.isDead() && p.ctx.Err() == nil }

// living returns the running processes.
func (w *world) living() []*Process {
	return slices.DeleteFunc(slices.Clone(w.processes), func(p *Process) bool { return !p.alive() })
}
