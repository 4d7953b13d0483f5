package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// MaxMembers is the largest number of [NodesConfig.Members].
const MaxMembers = 64

// NodesConfig configures [Nodes]. Zero fields have the defaults stated with them.
type NodesConfig struct {
	// Members are the nodes, the preferred one first; required, at most MaxMembers. They belong to one network and are
	// made by the same adapter with the same assets: their data are compared exactly.
	Members []Member

	// Agree is how many members must report the same: 1, at most all of them. With 1, each member is trusted, and the
	// others stand by. With more, at least that many must collude to make the program believe in a block, a transfer
	// or finality that does not exist; each block is read that often.
	Agree int

	// MaxLag is how many heights a member's tip may be behind the best before others are preferred, and how many blocks
	// below their tips members may have to go to find one that they agree on: 3.
	MaxLag uint64
	// MaxAge is how old the stamp of a member's tip may be before others are preferred; zero disables the check.
	MaxAge time.Duration

	// Timeout is the longest wait for one response of one member: 8 s. If the caller's deadline leaves less, it is
	// shared among the members that may have to be tried. If it was too short for a block with all of them, it is
	// doubled for the next attempt, up to eight times.
	Timeout    time.Duration
	Check      time.Duration // how often the tip of a member that stands by is read: 15 s
	MinBackoff time.Duration // pause of a member after a first failure; doubled after each further one: 1 s
	MaxBackoff time.Duration // longest pause of a member: 1 min
	// PoolKeep is how long the transfers in a member's pool still count after the pool can no longer be read: 10 min.
	// After that, those that no other member lists are gone.
	PoolKeep time.Duration

	Now    func() time.Time // clock for Health and MaxAge, not for pauses: time.Now
	Logger *slog.Logger     // if nil, nothing is logged
}

// Member is one node of several.
type Member struct {
	Name string // for health, logs and errors; unique; must not contain a secret, such as a URL with a key
	Node Node
}

func (c NodesConfig) withDefaults() (NodesConfig, error) {
	if len(c.Members) == 0 {
		return c, errors.New("chain: NodesConfig.Members is required")
	}
	for _, d := range []struct {
		name     string
		field    *time.Duration
		fallback time.Duration
	}{
		{"MaxAge", &c.MaxAge, 0},
		{"Timeout", &c.Timeout, 8 * time.Second},
		{"Check", &c.Check, 15 * time.Second},
		{"MinBackoff", &c.MinBackoff, time.Second},
		{"MaxBackoff", &c.MaxBackoff, max(time.Minute, c.MinBackoff)},
		{"PoolKeep", &c.PoolKeep, 10 * time.Minute},
	} {
		if *d.field < 0 {
			return c, fmt.Errorf("chain: NodesConfig.%s is negative", d.name)
		}
		if *d.field == 0 {
			*d.field = d.fallback
		}
	}
	if c.MaxBackoff < c.MinBackoff {
		return c, errors.New("chain: NodesConfig.MaxBackoff is less than MinBackoff")
	}
	if c.Agree == 0 {
		c.Agree = 1
	}
	if c.Agree < 1 || c.Agree > len(c.Members) {
		return c, fmt.Errorf("chain: NodesConfig.Agree must be 1 to the number of members, %d", len(c.Members))
	}
	if c.MaxLag == 0 {
		c.MaxLag = 3
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, c.checkMembers()
}

func (c NodesConfig) checkMembers() error {
	if len(c.Members) > MaxMembers {
		return fmt.Errorf("chain: NodesConfig.Members: more than %d", MaxMembers)
	}
	names := map[string]bool{}
	for i, m := range c.Members {
		switch {
		case m.Node == nil:
			return fmt.Errorf("chain: NodesConfig.Members[%d].Node is required", i)
		case m.Name == "" || len(m.Name) > 64 || names[m.Name]:
			return fmt.Errorf("chain: NodesConfig.Members[%d].Name must be unique and have 1 to 64 bytes", i)
		case m.Node.Network() != c.Members[0].Node.Network():
			return fmt.Errorf("chain: NodesConfig.Members[%d] (%s) is for %s, but the first is for %s",
				i, m.Name, m.Node.Network(), c.Members[0].Node.Network())
		}
		names[m.Name] = true
	}
	return nil
}

// Nodes combines several nodes of one network into one [Node]. It fails over when a member fails, prefers members that
// are not behind, rejects those of another network, and returns only what [NodesConfig.Agree] members report. A
// failing member pauses for an increasing time and never takes the others down; if all fail, the error wraps the error
// of each. All methods may be called concurrently.
//
// It implements [Pooler], [Hinter], [Examiner] and [Lacker] with those members that do: Pool and Examine return
// [errors.ErrUnsupported] if fewer than Agree members have the ability, and Wait never hints if none is a Hinter.
type Nodes struct {
	cfg      NodesConfig
	network  Network
	pools    bool
	examines bool
	polling  chan struct{}      // held while the pools are read; guards the next two fields
	pool     map[claim]*pending // what is known to be in the pools
	round    int                // counts the readings of the pools

	mu      sync.Mutex
	members []*member
	height  uint64 // height of the last tip returned
	split   bool   // the members disagreed when last asked
	late    int    // how often in a row the time for data was too short
}

// NewNodes validates cfg. It calls no member.
func NewNodes(cfg NodesConfig) (*Nodes, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Nodes{cfg: cfg, network: cfg.Members[0].Node.Network(), polling: make(chan struct{}, 1), pool: map[claim]*pending{}}
	poolers, examiners := 0, 0
	for i, configured := range cfg.Members {
		m := &member{Member: configured, bit: 1 << i}
		m.pooler, _ = m.Node.(Pooler)
		m.hinter, _ = m.Node.(Hinter)
		m.examiner, _ = m.Node.(Examiner)
		if m.examiner != nil {
			examiners++
		}
		if m.pooler != nil {
			poolers++
		}
		n.members = append(n.members, m)
	}
	n.pools, n.examines = poolers >= cfg.Agree, examiners >= cfg.Agree
	return n, nil
}

var (
	_ Node   = (*Nodes)(nil)
	_ Pooler = (*Nodes)(nil)
	_ Hinter = (*Nodes)(nil)
	_ Lacker = (*Nodes)(nil)
)

// kind is an ability of a member, in which it can fail separately.
type kind int

const (
	kindTip kind = iota
	kindData
	kindPool
	kindHint
	kindExamine // never judged: anybody's transaction is no evidence against a member
	kinds
)

// member is a node and what is known about it.
type member struct {
	Member
	bit    uint64
	pooler Pooler
	hinter Hinter
	pooled time.Time // when its pool was last read; guarded by Nodes.polling

	examiner Examiner

	// Guarded by Nodes.mu.
	standing [kinds]standing
	checked  bool // its tip was read and showed the right network
	refused  bool // it showed another network, and was not checked since
	tip      Tip
	asked    time.Time
	tipAsked time.Time // by the clock of pauses
	answered time.Time
	latency  time.Duration
	lagging  bool
	dissent  error // how its tip contradicts the others
	dispute  dispute
	inUse    bool
}

// standing is how a member does in one of its abilities.
type standing struct {
	failures int
	ready    time.Time // when it may be called again
	err      error     // the last failure, if nothing succeeded since
}

func (s standing) rests() bool { return time.Now().Before(s.ready) }

// ready reports whether the member may be called now.
func (m *member) ready(k kind) bool {
	return !m.standing[k].rests() && (k == kindTip || !m.refused && !m.standing[kindTip].rests())
}

// well reports whether nothing speaks against trusting the member.
func (m *member) well() bool {
	return m.ready(kindTip) && m.ready(kindData) && !m.lagging && m.dissent == nil
}

func (m *member) lacks() []Lack {
	if node, ok := m.Node.(Lacker); ok {
		return node.Lacks()
	}
	return nil
}

// doubted returns the assets whose decimals a member contradicts. Confirmations of others do not count: a member that
// stands by may have given one long ago.
func (n *Nodes) doubted() map[AssetID]bool {
	var assets map[AssetID]bool
	for _, m := range n.members {
		for _, l := range m.lacks() {
			if l.What == Decimals && l.Contradicted {
				if assets == nil {
					assets = make(map[AssetID]bool)
				}
				assets[l.Asset] = true
			}
		}
	}
	return assets
}

// lacking reports whether all members together lack what one of them does. With Agree above 1, agreement is the proof;
// otherwise only the proofs of the members in use matter. A property of the contract affects all.
func (n *Nodes) lacking(m *member, l Lack) bool {
	switch {
	case l.What.proof():
		return n.cfg.Agree == 1 && m.inUse
	case l.What != Decimals || l.Contradicted:
		return true
	}
	able := 0
	for _, o := range n.members {
		if o.able(l) {
			able++
		}
	}
	return able < n.cfg.Agree
}

// able reports whether the member can do at present what another lacks.
func (m *member) able(l Lack) bool {
	if !m.checked || m.standing[kindTip].failures > 0 || m.standing[kindData].failures > 0 {
		return false
	}
	return !slices.ContainsFunc(m.lacks(), func(o Lack) bool { return o.What == l.What && o.Asset == l.Asset })
}

// Lacks implements [Lacker]. It returns the assets whose decimals a member contradicts, or that some cannot confirm
// and fewer than [NodesConfig.Agree] can; the tokens whose logs a member cannot read; and with an Agree of 1 the
// proofs that the member in use lacks. The reason starts with the name of a member.
func (n *Nodes) Lacks() []Lack {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []Lack
	for _, m := range n.members {
		for _, l := range m.lacks() {
			if !n.lacking(m, l) {
				continue
			}
			l.Reason = clean(m.Name + ": " + l.Reason)
			known := slices.IndexFunc(all, func(o Lack) bool { return o.What == l.What && o.Asset == l.Asset })
			switch {
			case known < 0:
				all = append(all, l)
			case l.Contradicted && !all[known].Contradicted:
				all[known] = l
			}
		}
	}
	return all
}

// NodeHealth describes how a member does.
type NodeHealth struct {
	Name     string
	Height   uint64        // of its tip when last asked
	Err      error         // what is wrong with it, including that it contradicts the others; nil if nothing is
	Failures int           // consecutive failures, in the ability that does worst
	Asked    time.Time     // when it was last called
	Answered time.Time     // when it last responded without error
	Latency  time.Duration // how long its last successful call took
	Lacks    []Lack        // what it cannot do; nil if it is not a [Lacker]
	InUse    bool          // its data are those returned at present
	Lagging  bool          // it is behind the others, or its tip is old
	Refused  bool          // it serves another network, and is not trusted until it is found to serve the right one
}

// Health returns how each member does, in the order of preference. It calls no member and does not block.
func (n *Nodes) Health() []NodeHealth {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]NodeHealth, 0, len(n.members))
	for _, m := range n.members {
		h := NodeHealth{
			Name: m.Name, Height: m.tip.Height, Asked: m.asked, Answered: m.answered, Latency: m.latency,
			InUse: m.inUse, Lagging: m.lagging, Refused: m.refused, Lacks: m.lacks(),
		}
		for _, s := range m.standing {
			h.Failures = max(h.Failures, s.failures)
			if h.Err == nil {
				h.Err = s.err
			}
		}
		// A lasting dispute is recorded again with each attempt of the reader.
		switch {
		case h.Err != nil:
		case m.dissent != nil:
			h.Err = m.dissent
		case time.Since(m.dispute.at) < 2*n.cfg.MaxBackoff:
			h.Err = m.dispute.err
		}
		all = append(all, h)
	}
	return all
}

// Network implements [Node].
func (n *Nodes) Network() Network { return n.network }

// Wait implements [Hinter]: a hint of any member is one.
func (n *Nodes) Wait(ctx context.Context) error {
	n.mu.Lock()
	var hinters []*member
	for _, m := range n.members {
		if m.hinter != nil && m.ready(kindHint) {
			hinters = append(hinters, m)
		}
	}
	n.mu.Unlock()
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	hints := make(chan struct{}, len(hinters))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for _, m := range hinters {
		wg.Go(func() {
			epoch := n.epoch(m, kindHint)
			err := m.hinter.Wait(wait)
			if wait.Err() != nil {
				return
			}
			n.judge(m, kindHint, epoch, err)
			if err == nil {
				hints <- struct{}{}
			}
		})
	}
	select {
	case <-hints:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// answer is what a member returned.
type answer[T any] struct {
	m     *member
	value T
	err   error
}

// gather calls members concurrently and returns their answers in the order of the members.
func gather[T any](ctx context.Context, n *Nodes, members []*member, k kind, limit time.Duration, question func(context.Context, *member) (T, error)) []answer[T] {
	answers := make([]answer[T], len(members))
	limits := n.limits(members, k, limit)
	var wg sync.WaitGroup
	for i, m := range members {
		wg.Go(func() {
			value, err := attempt(ctx, n, m, k, limits[i], question)
			answers[i] = answer[T]{m, value, err}
		})
	}
	wg.Wait()
	return answers
}

// limits shortens the time of those that failed last time, if there are enough others, so that a silent member does
// not delay the rest.
func (n *Nodes) limits(members []*member, k kind, limit time.Duration) []time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	sound := 0
	for _, m := range n.members {
		if m.checked && m.standing[kindTip].failures == 0 && m.standing[k].failures == 0 {
			sound++
		}
	}
	limits := make([]time.Duration, len(members))
	for i, m := range members {
		limits[i] = limit
		failed := m.standing[k].failures > 0 || !m.checked && m.standing[kindTip].failures > 0
		if failed && sound >= n.cfg.Agree {
			limits[i] = limit / 4
		}
	}
	return limits
}

// attempt calls a member once. A member's tip is read before anything else, to verify its network.
func attempt[T any](ctx context.Context, n *Nodes, m *member, k kind, limit time.Duration, question func(context.Context, *member) (T, error)) (T, error) {
	n.mu.Lock()
	unchecked := k != kindTip && !m.checked
	m.asked = n.cfg.Now()
	epoch, began := m.standing[k].failures, time.Now()
	n.mu.Unlock()
	if unchecked {
		if _, err := attempt(ctx, n, m, kindTip, limit, askTip); err != nil {
			var none T
			return none, err
		}
	}
	value, err := ask(ctx, limit, func(ctx context.Context) (T, error) { return question(ctx, m) })
	if late := errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(began) > limit/2; ctx.Err() != nil && !late {
		return value, ctx.Err() // the caller's decision, not a failure of the member
	}
	n.took(m, began, err)
	// If several must agree, an answer is only good once they do.
	if k != kindExamine && (err != nil || k != kindData || n.cfg.Agree == 1) {
		n.judge(m, k, epoch, err)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", m.Name, err)
	}
	return value, err
}

func askTip(ctx context.Context, m *member) (Tip, error) {
	tip, err := m.Node.Tip(ctx)
	if err == nil {
		err = tip.usable(tip.Height)
	}
	return tip, err
}

func (n *Nodes) took(m *member, began time.Time, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		m.answered, m.latency = n.cfg.Now(), time.Since(began)
	}
}

// epoch distinguishes what was asked before a failure from what was asked after it.
func (n *Nodes) epoch(m *member, k kind) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return m.standing[k].failures
}

// judge records the result of a call of an epoch. Several calls under way when the member began to fail count as one
// failure.
func (n *Nodes) judge(m *member, k kind, epoch int, err error) {
	if errors.Is(err, ErrMoved) || k == kindData && errors.Is(err, ErrNotFound) {
		return // neither good nor bad
	}
	log := n.cfg.Logger.With("network", n.network, "node", m.Name)
	switch before, after := n.record(m, k, epoch, err); {
	case before > 0 && after == 0:
		log.Info("node is back", "failures", before)
	case before > 0 || after == 0:
	case errors.Is(err, ErrWrongNetwork):
		log.Error("node refused", "err", err)
	default:
		log.Warn("node in trouble", "err", err)
	}
}

// record returns the consecutive failures before and after.
func (n *Nodes) record(m *member, k kind, epoch int, err error) (before, after int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &m.standing[k]
	switch {
	case err == nil && k == kindTip:
		m.checked, m.refused = true, false
	case errors.Is(err, ErrWrongNetwork):
		m.checked, m.refused, m.inUse = false, true, false
	}
	before = s.failures
	switch {
	case before != epoch:
	case err == nil:
		*s = standing{}
	default:
		s.failures++
		s.err = err
		s.ready = time.Now().Add(backoff(s.failures, n.cfg.MinBackoff, n.cfg.MaxBackoff))
	}
	return before, s.failures
}

// share returns how long one of a number of attempts may take.
func (n *Nodes) share(ctx context.Context, attempts int) time.Duration {
	return share(ctx, n.cfg.Timeout, attempts)
}

func share(ctx context.Context, limit time.Duration, attempts int) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/time.Duration(max(attempts, 1)))
	}
	return limit
}

// pick returns the members that have not answered yet and satisfy fit, in the order of preference.
func (n *Nodes) pick(fit func(*member) bool, answers []answer[Tip]) []*member {
	n.mu.Lock()
	defer n.mu.Unlock()
	var picked []*member
	for _, m := range n.members {
		if !slices.ContainsFunc(answers, func(a answer[Tip]) bool { return a.m == m }) && fit(m) {
			picked = append(picked, m)
		}
	}
	return picked
}

// troubles returns why members cannot be called.
func (n *Nodes) troubles() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []error
	for _, m := range n.members {
		if err := cmp.Or(m.standing[kindTip].err, m.standing[kindData].err); err != nil {
			all = append(all, fmt.Errorf("%s: %w", m.Name, err))
		}
	}
	return errors.Join(all...)
}
