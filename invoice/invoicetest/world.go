package invoicetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// traits are the properties of a world and its troubles. Each world has only some, so that troubles do not mask each other.
type traits struct {
	networks  int
	processes int
	leases    bool
	pools     bool // nodes list their pool
	poll      time.Duration
	batch     int
	reach     int // number of blocks within which a reorganisation is resolved exactly
	confirm   chain.Confirmations
	window    time.Duration
	lazy      time.Duration   // additional latency of a node
	blind     bool            // nodes are down at the start
	pool      *invoice.Pool   // addresses are used again
	requests  bool            // addresses are made for each request to pay
	share     int             // maximum number of the project's places on a network; 0 means no bound
	shared    *invoice.Shared // all invoices of a network are paid to one address
	lease     time.Duration   // duration of leases
	ahead     bool            // blocks may be stamped an hour or two ahead, and clocks be wrong by hours
	floors    bool            // payments may be too small to decide anything
	restores  bool            // the store sometimes loses its latest part
	recorded  bool            // floors are recorded elsewhere; otherwise a process is told of restores
	deaf      manner          // of the endpoint that never accepts anything; empty if there is none
	tires     bool            // the end waits until that endpoint is given up
	receivers []receiver      // endpoints of the project, beside the callbacks of invoices
	most      int             // how many payments the store takes at once; 0 means all
	kinds     []kind          // of steps
}

func newTraits(seed uint64, cfg Config) traits {
	r := rand.New(rand.NewPCG(seed, 0))
	t := traits{
		networks: 1 + r.IntN(3)/2, processes: []int{1, 1, 2, 2, 3}[r.IntN(5)], leases: r.IntN(2) == 0,
		pools: r.IntN(4) > 0, poll: time.Duration(5+r.IntN(20)) * time.Second, batch: 1 + r.IntN(6), reach: 1 + r.IntN(12),
		window: time.Duration(2+r.IntN(15)) * time.Minute,
	}
	if cfg.Processes > 0 {
		t.processes = cfg.Processes
	}
	if r.IntN(3) == 0 {
		t.lazy = time.Duration(1+r.IntN(2000)) * time.Millisecond
	}
	t.blind = r.IntN(4) == 0
	// A step may take longer than a lease lasts.
	t.lease = []time.Duration{15 * time.Second, 15 * time.Second, 45 * time.Second, 5 * time.Second}[r.IntN(4)]
	if r.IntN(6) == 0 {
		t.lazy = time.Duration(2+r.IntN(7)) * time.Second
	}
	t.floors = r.IntN(3) == 0
	t.ahead = r.IntN(5) == 0
	t.confirm = []chain.Confirmations{
		{Depth: 1}, {Depth: 2}, {Depth: 3}, {Depth: 3}, {Depth: 6}, {}, {Tag: chain.FinalitySafe}, {Tag: chain.FinalityFinalized},
	}[r.IntN(8)]
	for _, k := range kinds {
		if !k.trouble || r.IntN(2) == 0 {
			t.kinds = append(t.kinds, k)
		}
	}
	if r.IntN(4) == 0 {
		t.pool = &invoice.Pool{Size: []uint32{0, 2, 4, 8}[r.IntN(4)], Quarantine: time.Duration(1+r.IntN(20)) * time.Minute}
	}
	if t.pool == nil && r.IntN(5) == 0 {
		t.shared = &invoice.Shared{Project: "shop", Slots: []int{0, 3, 20}[r.IntN(3)], Quarantine: time.Duration(1+r.IntN(20)) * time.Minute}
	}
	// Where addresses serve several invoices, what was lost is only kept apart by the quarantine that OPERATING.md asks for.
	if r.IntN(4) == 0 && t.pool == nil && t.shared == nil {
		t.restores, t.recorded = true, r.IntN(4) > 0
		for _, k := range restoring {
			if t.recorded || !k.trouble { // without a record, a process that goes on running need not notice
				t.kinds = append(t.kinds, k)
			}
		}
	}
	if r.IntN(8) == 0 && cfg.Tell != nil {
		t.deaf = []manner{endpointFails, endpointHangs, endpointDrops}[r.IntN(3)]
		t.tires = r.IntN(4) == 0
		// The schedules are short there: what others do not take must not be given up as well.
		t.kinds = slices.DeleteFunc(t.kinds, func(k kind) bool { return k.name == endpointInTrouble })
	}
	if r.IntN(16) == 0 {
		t.kinds = append(t.kinds, kind{"many pay one", 10, false, (*world).pourIn})
	}
	t.requests = r.IntN(8) == 0 && t.pool == nil && t.shared == nil && !t.restores
	if share := r.IntN(12); share < 4 && (t.pool != nil || t.shared != nil) {
		t.share = 1 + share
		if t.pool != nil {
			t.pool.PerProject = t.share
		} else {
			t.shared.PerProject = t.share
		}
	}
	if r.IntN(4) == 0 {
		t.most = 4 + r.IntN(30)
	}
	if t.receivers = newReceivers(seed); t.receivers != nil {
		t.kinds = append(t.kinds, kind{"endpoints cannot be read", 4, true, (*world).receiverTrouble})
	}
	return t
}

// world is one shop and its environment.
type world struct {
	t          *testing.T
	cfg        Config
	traits     traits
	began      time.Time
	chains     []*truth
	life       atomic.Pointer[life]
	record     *record
	rates      *quotes
	processes  []*Process
	endpoints  *endpoints
	terms      *terms
	committing chan struct{}
	shop       shop

	// Used by whoever plays alone.
	firstSeen  map[chain.Key]time.Time
	promised   map[string]invoice.Invoice
	skews      []time.Duration // all skews of clocks so far
	step       int
	seen       map[string]invoice.Invoice // each as last read
	issued     map[chain.Address]bool     // addresses that invoices ever showed
	lost       map[chain.Address]string   // addresses that were shown, of invoices that a restored store lacks
	dimmed     map[string]bool            // transactions that could not be examined at some time; later stamps say nothing of them
	late       *late                      // may be nil
	inspected  map[string]int64           // the version of each that was inspected completely
	goroutines int                        // number of goroutines at rest

	mu      sync.Mutex // guards what follows
	owners  map[chain.Address]string
	was     map[string]was
	feed    []invoice.Event
	events  map[string]invoice.Event
	ever    map[string]invoice.Event // including those that a restored store lacks
	journal []entry
	top     map[string]uint32 // the highest number of a wallet that was ever handed out
	lastSeq map[string]int64
	ranges  map[string][][2]uint32
	freed   map[string][]uint32 // numbers of a wallet that may be handed out again
	highest map[chain.Network]chain.Head
	time    map[chain.Network]time.Time // of each chain, as it was stored last
	blurred bool                        // a node lied, or a fork was deeper than watchers look
	trace   []remark
	failure *Failure
	totals  Totals
}

// quotes is the world's source of rates.
type quotes struct {
	mu     sync.Mutex
	prices map[rates.Pair]decimal.Decimal
	ever   map[string][]decimal.Decimal // all prices of a code so far
	out    bool
}

func (q *quotes) Rate(_ context.Context, p rates.Pair) (rates.Rate, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	value, known := q.prices[p]
	if q.out || !known {
		return rates.Rate{}, fmt.Errorf("injected: %s: %w", p, rates.ErrNoRate)
	}
	return rates.Rate{Pair: p, Value: value, Time: time.Now(), Source: "simulation"}, nil
}

func (q *quotes) set(code, value string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	price := decimal.RequireFromString(value)
	q.prices[rates.Pair{Base: code, Quote: "EUR"}] = price
	q.ever[code] = append(q.ever[code], price)
}

func (q *quotes) history(code string) []decimal.Decimal {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.ever[code])
}

func (q *quotes) fail(out bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.out = out
}

func newWorld(t *testing.T, cfg Config) *world {
	w := &world{
		t: t, cfg: cfg, traits: newTraits(cfg.Seed, cfg), began: time.Now(), record: &record{next: map[string]uint32{}},
		rates: &quotes{prices: map[rates.Pair]decimal.Decimal{}, ever: map[string][]decimal.Decimal{}}, committing: make(chan struct{}, 1), terms: &terms{byDuty: map[string]term{}},
		firstSeen: map[chain.Key]time.Time{}, promised: map[string]invoice.Invoice{}, owners: map[chain.Address]string{}, was: map[string]was{},
		seen: map[string]invoice.Invoice{}, issued: map[chain.Address]bool{}, lost: map[chain.Address]string{}, inspected: map[string]int64{}, dimmed: map[string]bool{},
		events: map[string]invoice.Event{}, ever: map[string]invoice.Event{}, top: map[string]uint32{}, lastSeq: map[string]int64{}, ranges: map[string][][2]uint32{}, freed: map[string][]uint32{},
		highest: map[chain.Network]chain.Head{}, time: map[chain.Network]time.Time{},
	}
	w.life.Store(&life{cfg.Open(t)})
	w.endpoints = newEndpoints(w)
	for i := range w.traits.networks {
		net := chain.Network(fmt.Sprintf("sim:%d", i+1))
		suffix := []string{"", "B"}[i]
		c := chaintest.NewChain(chaintest.Config{
			Network: net, Seed: fmt.Sprint(cfg.Seed, i), Start: w.began.Add(-20 * time.Minute), Interval: 30 * time.Second,
			Assets: []chain.Asset{
				{ID: chain.AssetID(net + "/slip44:1"), Code: "SIM" + suffix, Decimals: 18},
				{ID: chain.AssetID(net + "/erc20:0x00000000000000000000000000000000000000aa"), Code: "TOK" + suffix, Decimals: 6},
			},
		})
		c.Mine(38 - 17*i)
		w.chains = append(w.chains, newTruth(c))
		w.rates.set("SIM"+suffix, "2")
		w.rates.set("TOK"+suffix, "1")
	}
	for i := range w.traits.processes {
		w.processes = append(w.processes, &Process{w: w, name: fmt.Sprintf("p%d", i+1)})
	}
	return w
}

// store returns the current store; after a restore it is another one.
func (w *world) store() invoice.Store { return w.life.Load().store }

func (w *world) truth(id chain.Network) *truth {
	for _, t := range w.chains {
		if t.net == id {
			return t
		}
	}
	return nil
}

// floor returns the least payment in an asset that is not dust.
func (w *world) floor(a chain.Asset) decimal.Decimal {
	if !w.traits.floors {
		return decimal.Zero
	}
	return decimal.New(1, -3)
}

// dust reports whether a payment decides nothing: it is below the floor, and no invoice asked for so little.
func (w *world) dust(inv invoice.Invoice, asset chain.AssetID, units *big.Int) bool {
	for _, a := range w.truth(asset.Network()).chain.Assets() {
		if a.ID == asset && units.Cmp(a.UnitsUp(w.floor(a))) < 0 {
			return !slices.ContainsFunc(quotesOf(inv), func(q invoice.Quote) bool {
				return q.Asset.ID == asset && !inv.Terms.Standing && units.Cmp(q.Due) >= 0
			})
		}
	}
	return false
}

// earliest returns how far behind any clock ever was, and latest how far ahead.
func (w *world) earliest() time.Duration {
	var least time.Duration
	for _, skew := range w.skews {
		least = min(least, skew)
	}
	return least
}

func (w *world) latest() time.Duration {
	var most time.Duration
	for _, skew := range w.skews {
		most = max(most, skew)
	}
	return most
}

func (w *world) orderOf(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.was[id].order
}

// shows records which order an invoice's addresses belong to: the first with which the shop got them.
func (w *world) shows(inv invoice.Invoice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range quotesOf(inv) {
		if _, known := w.owners[q.Address]; !known {
			w.owners[q.Address] = inv.OrderID
		}
	}
}

func (w *world) ownerOf(address chain.Address) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.owners[address], "somebody else")
}

// fail records the first broken rule.
func (w *world) fail(r Rule, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(r, format, args...)
}

func (w *world) failLocked(r Rule, format string, args ...any) {
	if w.failure == nil {
		w.failure = &Failure{Rule: r, Detail: fmt.Sprintf(format, args...), Step: min(w.step, w.cfg.Steps), Seed: w.cfg.Seed}
		w.trace = append(w.trace, remark{time.Now(), "BROKEN: %s: %s", []any{r.Name, w.failure.Detail}})
	}
}

func (w *world) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure != nil
}

// remark is a line of the story of a world. Most worlds break no rule, and then nobody reads it: it is written down
// only when somebody does, so its arguments must not change.
type remark struct {
	at     time.Time
	format string
	args   []any
}

func (r remark) String() string {
	return fmt.Sprintf("%12s  %s", clock(r.at), fmt.Sprintf(r.format, r.args...))
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, remark{time.Now(), format, args})
}

// told returns the story if it is needed.
func (w *world) told() []string {
	if w.failure == nil && !w.cfg.Trace {
		return nil
	}
	out := make([]string, len(w.trace))
	for i, r := range w.trace {
		out[i] = r.String()
	}
	return out
}

// play plays the steps, and then lets the world come to rest.
func (w *world) play() {
	defer w.end()
	for _, p := range w.processes {
		if err := p.start(); err != nil {
			w.fail(ruleErrors, "start %s: %v", p.name, err)
			return
		}
		w.sleep(time.Millisecond)
	}
	if w.traits.blind {
		w.blur()
		for _, p := range w.processes {
			for _, n := range p.nodes {
				n.set(nodeDown, 0, chaintest.Honest)
			}
		}
	}
	w.sleep(30 * time.Second)
	w.goroutines = goroutines()
	w.note("%d networks, %d processes, leases %t, pools %t, poll %s, batch %d, reach %d, confirmations %v, window %s, addresses %+v, shared %+v, lease %s, lazy %s, floors %t, ahead %t, restores %t, recorded %t, deaf %q, endpoints %v",
		w.traits.networks, w.traits.processes, w.traits.leases, w.traits.pools, w.traits.poll, w.traits.batch, w.traits.reach, w.traits.confirm, w.traits.window, w.traits.pool,
		w.traits.shared, w.traits.lease, w.traits.lazy, w.traits.floors, w.traits.ahead, w.traits.restores, w.traits.recorded, w.traits.deaf, w.traits.receivers)
	for w.step = 1; w.step <= w.cfg.Steps && !w.failed(); w.step++ {
		if w.cfg.skip[w.step] {
			continue
		}
		r := rand.New(rand.NewPCG(w.cfg.Seed, uint64(w.step)))
		k := pick(r, w.traits.kinds)
		w.note("step %d: %s", w.step, k.name)
		k.play(w, r)
		w.sleep(nap(r))
		w.noteState(w.inspect(false))
	}
	if !w.failed() {
		w.note("at rest")
		w.rest(rand.New(rand.NewPCG(w.cfg.Seed, 0)))
		w.tire()
		w.noteState(w.all())
	}
}

// nap returns the duration of a step: usually about a poll, sometimes long enough for deadlines.
func nap(r *rand.Rand) time.Duration {
	switch n := r.IntN(20); {
	case n == 0:
		return time.Duration(1+r.IntN(10)) * time.Minute
	case n < 5:
		return time.Duration(1+r.IntN(2000)) * time.Millisecond
	}
	return time.Duration(1+r.IntN(25)) * time.Second
}

func (w *world) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// noteState records the state of the invoices that changed.
func (w *world) noteState(invoices []invoice.Invoice) {
	for _, inv := range invoices {
		if w.shop.noted[inv.ID] != inv.Version {
			w.shop.noted[inv.ID] = inv.Version
			w.note("    %v", standing(inv))
		}
	}
}

// standing returns an invoice's line in the story.
type standing invoice.Invoice

func (inv standing) String() string {
	line := fmt.Sprintf("%s %s (%s) closed %t, version %d, events %d", inv.OrderID, inv.State.Status, inv.State.Outcome, inv.State.Closed, inv.Version, inv.Seq)
	for _, p := range inv.Payments {
		line += fmt.Sprintf(" [%s %s seen %s in %d", show(p.Key), p.Units, clock(p.FirstSeen), p.Block.Height)
		if p.Withdrawn {
			line += " withdrawn"
		}
		line += "]"
	}
	return line
}

// rest repairs everything and waits until everything has been seen and delivered. Decisions made on an old head are
// reconsidered at a restart or with the next block.
func (w *world) rest(r *rand.Rand) {
	anew := r.IntN(2) == 0
	w.heal()
	if anew {
		w.dieAtWork(r)
		w.heal()
	}
	for i := range 3 {
		if !anew && i > 0 {
			w.sleep(time.Second)
			w.mine(1)
		}
		if !w.catchUp() {
			return
		}
	}
	w.inspectRest(anew)
	if w.traits.deaf == "" { // abandoned deliveries have ended by now
		w.inspectGoroutines()
	}
}

func (w *world) inspectGoroutines() {
	n := goroutines()
	for try := 0; n > w.goroutines && try < 30; try++ { // an attempt may just be under way
		w.sleep(time.Second)
		n = goroutines()
	}
	if n > w.goroutines {
		w.fail(ruleBounded, "%d goroutines run, where it began with %d", n, w.goroutines)
	}
}

// dieAtWork kills every process while it works on a block.
func (w *world) dieAtWork(r *rand.Rand) {
	for _, p := range w.processes {
		p.mu.Lock()
		p.plan = plan{method: "Commit", kind: []fault{faultCrashBefore, faultCrashAfter}[r.IntN(2)], after: r.IntN(3), times: 1}
		p.mu.Unlock()
	}
	w.mine(1)
	w.sleep(w.traits.poll + time.Second + time.Duration(r.IntN(3000))*time.Millisecond)
	for _, p := range w.processes {
		if p.alive() {
			p.die()
		}
	}
	w.note("    everything begins anew")
}

// heal repairs everything, and starts the processes that are not running.
func (w *world) heal() {
	w.endpoints.heal()
	w.rates.fail(false)
	w.record.fail(false)
	for _, p := range w.processes {
		p.heal()
		if !p.alive() {
			w.launch(p)
		}
	}
}

func (p *Process) heal() {
	p.mu.Lock()
	p.plan, p.slow, p.skew = plan{}, 0, 0
	p.mu.Unlock()
	for _, n := range p.nodes {
		n.set(nodeHonest, 0, chaintest.Honest)
	}
}

// launch starts a process after its last run has ended.
func (w *world) launch(p *Process) {
	w.await(p)
	if err := p.start(); err != nil {
		w.fail(ruleErrors, "start %s: %v", p.name, err)
	}
	w.sleep(time.Millisecond)
}

// await waits until everything that a process ran has ended.
func (w *world) await(p *Process) {
	if p.ended == nil {
		return
	}
	p.cancel()
	select {
	case <-p.ended:
	case <-time.After(5 * time.Minute):
		w.fail(ruleRuns, "%s does not end", p.name)
	}
}

// patience returns how long a healthy world may take to come to rest: longer than the longest pause after a failure, the
// skew of a clock, and a lease.
const patience = 90 * time.Minute

// soon is how long a message may take to an endpoint that accepts it, whatever the others do: longer than the longest pause
// after a failure, and the claim of a process that has died.
const soon = 10 * time.Minute

// catchUp waits until every chain has been followed to its head and every message is settled.
func (w *world) catchUp() bool {
	for start := time.Now(); time.Since(start) < patience; {
		w.sleep(2*w.traits.poll + 7*time.Second + 4*w.traits.lazy)
		if w.failed() {
			return false
		}
		if why := w.behind(); why == "" {
			return true
		}
		if waiting := w.endpoints.waiting(); w.traits.deaf != "" && len(w.skews) == 0 && time.Since(start) > soon && len(waiting) > 0 {
			w.fail(ruleIsolated, "%d messages were not told within %s, beside the endpoint that %s", len(waiting), soon, w.traits.deaf)
			return false
		}
	}
	w.fail(ruleHeals, "%s has not caught up after %s: %s", w.cfg.name(), patience, w.behind())
	return false
}

// behind returns what is still missing.
func (w *world) behind() string {
	for _, t := range w.chains {
		p, err := w.store().Network(context.Background(), t.net)
		if err != nil {
			return err.Error()
		}
		if tip := t.view().tip(); p.Head.Hash != tip.Hash {
			return fmt.Sprintf("%s stands at %d of %d", t.net, p.Head.Height, tip.Height)
		}
	}
	for _, t := range w.chains {
		if p, err := w.store().Network(context.Background(), t.net); err == nil && len(p.Aside) > 0 {
			return fmt.Sprintf("%s has set %d things aside, the first because %s", t.net, len(p.Aside), p.Aside[0].Cause)
		}
	}
	if waiting := w.endpoints.waiting(); w.cfg.Tell != nil && len(waiting) > 0 {
		return fmt.Sprintf("%d messages are not settled", len(waiting))
	}
	return ""
}

// end stops everything.
func (w *world) end() {
	for _, p := range w.processes {
		if p.cancel != nil {
			p.cancel()
		}
	}
	for _, p := range w.processes {
		w.await(p)
	}
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.totals.Worlds++
	w.totals.Payments += len(w.firstSeen)
	w.totals.Events += len(w.ever)
	for _, ev := range w.ever {
		w.totals.Invoices += oneIf(ev.Seq == 1)
	}
}

// reasonable reports whether an error of a call is expected in this world.
func reasonable(err error) bool {
	var invalid *invoice.InvalidError
	var transition *invoice.TransitionError
	return err == nil || errors.Is(err, errStore) || errors.Is(err, errDead) || errors.Is(err, context.Canceled) ||
		errors.Is(err, rates.ErrNoRate) || errors.Is(err, invoice.ErrNoAddress) || errors.As(err, &invalid) || errors.As(err, &transition)
}
