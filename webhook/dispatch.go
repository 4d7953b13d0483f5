package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Config describes a dispatcher. Outbox and Secrets are required; the other fields have defaults.
type Config struct {
	Outbox  Outbox
	Secrets Secrets
	// Rules are those of the formats that have some, by their names; see [Notifier.Rules]. A message of a format
	// that is not among them is sent as the default says.
	Rules map[string]Rules
	// Keys are needed when a rule has a Key.
	Keys Keys

	// Client sends. It must have a Timeout, and must guard its dialling as that of [NewClient] does,
	// because others choose where it connects to. Default NewClient(ClientConfig{}).
	Client *http.Client
	// Workers is how many deliveries are in flight at most, not counting those that take longer than Patience.
	// Default 256.
	Workers int
	// PerEndpoint is how many go to one endpoint at most. Default 32.
	PerEndpoint int
	// PerProject is how many of the Workers the deliveries of one project take at most, so that no project makes the
	// others wait; of Late it is the same part. Messages whose Endpoint does not begin with [EndpointPrefix] are claimed
	// all the same. Default three quarters of Workers, rounded up.
	PerProject int
	// Patience is how long a delivery counts among the Workers. After that it goes on beside them, and nothing
	// else is sent to its endpoint until it is over. Default 1 second.
	Patience time.Duration
	// Late is how many deliveries may go on beside the Workers; further ones count among them for as long as they
	// take. Default 4 times Workers.
	Late int
	// Lease is how long a claimed message is hidden from other claims, at least twice the client's
	// timeout. A quarter of it is how long the outbox is waited for. A message whose process died is sent again when it has run out. Default 1 minute.
	Lease time.Duration
	// Schedule are the waits after the first, second ... failed attempt; after one more failure
	// the message is dead. Up to a tenth is added to each wait at random, so that what failed
	// together does not come back together. What has been due for as long as all of that takes, and for a day at
	// least, without being tried because its endpoint does not answer, is dead as well. Empty but not nil: one
	// attempt. Default 5 s, 5 min,
	// 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: ten attempts over more than three days.
	Schedule []time.Duration
	// MaxRetryAfter bounds what an endpoint can ask for with Retry-After. Default 24 hours.
	MaxRetryAfter time.Duration
	// Poll is how often the outbox is asked when there is no hint, which is how long messages wait
	// that another process has committed. Default 1 second.
	Poll time.Duration
	// Grace is how long deliveries in flight may go on when Run is told to end. Default 5 seconds.
	Grace   time.Duration
	Breaker BreakerConfig
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger gets what an operator should see: of URLs the endpoint alone, and never bodies or
	// secrets. Nil is silence.
	Logger *slog.Logger
	// Meter is told of every attempt. Default invoice.NoMeter.
	Meter invoice.Meter
	// UserAgent is sent with every request. Default "Cointill-Webhook".
	UserAgent string
}

func defaultSchedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

func (c Config) withDefaults() Config {
	if c.Client == nil {
		c.Client = NewClient(ClientConfig{})
	}
	if c.Schedule == nil {
		c.Schedule = defaultSchedule()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Meter == nil {
		c.Meter = invoice.NoMeter()
	}
	if c.UserAgent == "" {
		c.UserAgent = "Cointill-Webhook"
	}
	c.Workers = orDefault(c.Workers, 256)
	c.PerEndpoint = min(orDefault(c.PerEndpoint, 32), c.Workers)
	c.PerProject = min(orDefault(c.PerProject, c.Workers-c.Workers/4), c.Workers)
	c.Patience = orDefault(c.Patience, time.Second)
	c.Late = orDefault(c.Late, 4*c.Workers)
	c.Lease = orDefault(c.Lease, time.Minute)
	c.MaxRetryAfter = orDefault(c.MaxRetryAfter, 24*time.Hour)
	c.Poll = orDefault(c.Poll, time.Second)
	c.Grace = orDefault(c.Grace, 5*time.Second)
	c.Breaker = c.Breaker.withDefaults()
	return c
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

func (c Config) validate() error {
	switch {
	case c.Workers < 0 || c.PerEndpoint < 0 || c.PerProject < 0 || c.Late < 0:
		return errors.New("webhook: New: Workers, PerEndpoint, PerProject and Late must not be negative")
	case c.Patience < 0 || c.Lease < 0 || c.MaxRetryAfter < 0 || c.Poll < 0 || c.Grace < 0:
		return errors.New("webhook: New: durations must not be negative")
	case c.Client.Timeout <= 0:
		return errors.New("webhook: New: Client.Timeout is required")
	case c.Lease < 2*c.Client.Timeout:
		return errors.New("webhook: New: Lease must be at least twice Client.Timeout")
	}
	if err := checkSchedule(c.Schedule); err != nil {
		return err
	}
	for _, rules := range c.Rules {
		if err := checkSchedule(rules.Schedule); err != nil {
			return err
		}
		if rules.Key != "" && c.Keys == nil {
			return errors.New("webhook: New: Keys is required by Rules")
		}
	}
	return nil
}

func checkSchedule(waits []time.Duration) error {
	for _, wait := range waits {
		if wait < 0 {
			return errors.New("webhook: New: Schedule must not have negative waits")
		}
	}
	return nil
}

// overdue is how long a message is due at most for an endpoint that does not answer: as long as the longest schedule
// takes, but for a day at least, so that no short outage empties the outbox.
func (c Config) overdue() time.Duration {
	longest := 24 * time.Hour
	schedules := [][]time.Duration{c.Schedule}
	for _, rules := range c.Rules {
		schedules = append(schedules, rules.Schedule)
	}
	for _, schedule := range schedules {
		var all time.Duration
		for _, wait := range schedule {
			all += wait + wait/10
		}
		longest = max(longest, all)
	}
	return longest
}

// perProjectLate is the part of Late that PerProject is of Workers, rounded up.
func (c Config) perProjectLate() int { return (c.Late*c.PerProject + c.Workers - 1) / c.Workers }

// Dispatcher sends the messages of an outbox until their endpoints have taken them. Any number of
// processes may each run one on the same outbox.
type Dispatcher struct {
	cfg     Config
	owned   bool // the client is the default one
	hint    chan struct{}
	running atomic.Bool
}

// New makes a dispatcher. It starts nothing.
func New(cfg Config) (*Dispatcher, error) {
	if cfg.Outbox == nil {
		return nil, errors.New("webhook: New: Outbox is required")
	}
	if cfg.Secrets == nil {
		return nil, errors.New("webhook: New: Secrets is required")
	}
	owned := cfg.Client == nil
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Dispatcher{cfg: cfg, owned: owned, hint: make(chan struct{}, 1)}, nil
}

// Hint says that a message was committed or resent: the dispatcher looks at once instead of at its next
// poll. It is cheap, never blocks, may be called concurrently and at any time, and any number of hints
// before the next look count as one. A hint that is forgotten costs Config.Poll of time, nothing else.
func (d *Dispatcher) Hint() {
	select {
	case d.hint <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends, then claims no more, lets deliveries in flight go on for Config.Grace
// and interrupts the rest. An interrupted delivery is recorded as such and due at once; the
// endpoint may have taken it all the same and then sees its id again. Run returns nil when
// everything it started has ended and is recorded, and an error only when it is already running.
func (d *Dispatcher) Run(ctx context.Context) error {
	if !d.running.CompareAndSwap(false, true) {
		return errors.New("webhook: dispatcher: Run is already running")
	}
	defer d.running.Store(false)
	if d.owned {
		defer d.cfg.Client.CloseIdleConnections()
	}
	// Deliveries outlive ctx by their grace, and what came of them must be recorded even then.
	base := context.WithoutCancel(ctx)
	sending, interrupt := context.WithCancel(base)
	defer interrupt()
	r := &run{
		Dispatcher: d,
		base:       base,
		sending:    sending,
		endpoints:  newEndpoints(d.cfg.PerEndpoint, d.cfg.Workers, d.cfg.Breaker),
		shares:     newShares(d.cfg.PerProject, d.cfg.perProjectLate()),
		prompt:     map[*flight]bool{},
		news:       make(chan news, 2*(d.cfg.Workers+d.cfg.Late)),
	}
	for ctx.Err() == nil {
		r.wait(ctx, r.claim(ctx))
	}
	r.finish(interrupt)
	return nil
}

// run is the state of one Run. All of it but the deliveries themselves belongs to one goroutine.
type run struct {
	*Dispatcher
	base      context.Context // for recording: never ends
	sending   context.Context // for sending: ends when the grace is over
	endpoints *endpoints
	shares    *shares
	prompt    map[*flight]bool // the deliveries that count among the workers
	late      int              // those beside them
	failures  int              // claims that failed in a row
	giveUpAt  time.Time        // when messages may be given up again
	news      chan news        // room for all that there can be: nobody waits to tell
}

// flight is a delivery under way.
type flight struct {
	endpoint string
	project  string
	opened   int // how often the endpoint's breaker had opened when it began
	since    time.Time
	answered bool // the endpoint is free; what came of it is being recorded
	late     bool
}

// news says how far a delivery has come: the endpoint has shown something, or all is recorded.
type news struct {
	*flight
	signal   signal
	recorded bool
}

// pause says how the loop waits before it claims again.
type pause struct {
	time  time.Duration
	quiet bool // hints do not end it
}

// claim starts as many deliveries as there is room for.
func (r *run) claim(ctx context.Context) pause {
	now := r.cfg.Now()
	patience := r.setAside(now)
	free := r.cfg.Workers - len(r.prompt)
	if free <= 0 {
		return pause{time: min(r.cfg.Poll, patience), quiet: true}
	}
	skip, perEndpoint := r.endpoints.ration(now)
	projects, limit := r.shares.ration(free)
	q := ClaimQuery{Lease: r.cfg.Lease, Limit: limit, Skip: skip, PerEndpoint: perEndpoint}
	for _, project := range projects {
		q.SkipPrefixes = append(q.SkipPrefixes, EndpointPrefix(project))
	}
	deliveries, err := r.ask(ctx, q)
	if err != nil {
		return r.claimFailed(ctx, err)
	}
	r.failures = 0
	r.giveUp(ctx, now)
	for _, delivery := range deliveries {
		r.start(delivery)
	}
	switch {
	case len(deliveries) > 0 && perEndpoint < r.cfg.PerEndpoint:
		return pause{} // some endpoints got less than they may have
	case len(deliveries) == limit && limit < free:
		return pause{} // there is room for other projects
	case len(deliveries) > 0 || len(r.prompt) > 0 || r.late > 0:
		return pause{time: r.cfg.Poll}
	}
	return pause{time: r.idle(ctx)}
}

// ask claims, but not for so long that what it brings is no longer claimed.
func (r *run) ask(ctx context.Context, q ClaimQuery) ([]Delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Lease/4)
	defer cancel()
	return r.cfg.Outbox.Claim(ctx, q)
}

// givenUp is how many messages are given up at once: few enough to be in nobody's way.
const givenUp = 100

// giveUp gives up what has waited for an endpoint that does not answer for as long as a message is tried. One such
// endpoint has its turn in each poll.
func (r *run) giveUp(ctx context.Context, now time.Time) {
	if now.Before(r.giveUpAt) {
		return
	}
	endpoint, some := r.endpoints.turn(now)
	if !some {
		return
	}
	r.giveUpAt = now.Add(r.cfg.Poll)
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Lease/4)
	defer cancel()
	n, err := r.cfg.Outbox.GiveUp(ctx, GiveUpQuery{
		Endpoint: endpoint, Overdue: r.cfg.overdue(), Limit: givenUp,
		Attempt: Attempt{At: now.UTC(), Error: "not sent, because the endpoint has not answered for too long"},
	})
	switch {
	case err != nil && ctx.Err() == nil:
		r.cfg.Logger.ErrorContext(ctx, "webhook: give up messages", "endpoint", endpoint, "err", err)
	case n > 0:
		r.cfg.Logger.WarnContext(ctx, "webhook: messages are given up", "endpoint", endpoint, "messages", n)
	}
	r.endpoints.looked(endpoint, now, n == givenUp)
}

// setAside takes those that are late from among the workers, and answers when the next will be.
func (r *run) setAside(now time.Time) time.Duration {
	next := r.cfg.Patience
	for f := range r.prompt {
		left := r.cfg.Patience - now.Sub(f.since)
		switch {
		case left > 0:
			next = min(next, left)
		case r.late < r.cfg.Late && r.shares.setAside(f.project):
			delete(r.prompt, f)
			r.late++
			f.late = true
			if !f.answered {
				r.endpoints.late(f.endpoint)
			}
		}
	}
	return next
}

func (r *run) claimFailed(ctx context.Context, err error) pause {
	if ctx.Err() != nil {
		return pause{}
	}
	r.failures++
	r.cfg.Logger.ErrorContext(ctx, "webhook: claim messages", "err", err, "failures", r.failures)
	return pause{time: min(r.cfg.Poll<<min(r.failures-1, 5), time.Minute), quiet: true}
}

// idle answers how long nothing is due, at most the time of a poll: other processes give no hints.
// What is due already was left out by the claim, and waits for the next poll as well.
func (r *run) idle(ctx context.Context) time.Duration {
	asking, cancel := context.WithTimeout(ctx, r.cfg.Lease/4)
	defer cancel()
	wait, some, err := r.cfg.Outbox.NextDue(asking)
	if err != nil {
		if ctx.Err() == nil {
			r.cfg.Logger.ErrorContext(ctx, "webhook: ask when the next message is due", "err", err)
		}
		return r.cfg.Poll
	}
	if some && wait > 0 {
		return min(wait, r.cfg.Poll)
	}
	return r.cfg.Poll
}

func (r *run) start(delivery Delivery) {
	f := &flight{endpoint: delivery.Message.Endpoint, project: delivery.Message.Project, since: r.cfg.Now()}
	r.prompt[f] = true
	r.shares.begin(f.project)
	f.opened = r.endpoints.begin(f.endpoint)
	go func() {
		r.deliver(r.base, r.sending, delivery, func(s signal) { r.news <- news{flight: f, signal: s} })
		r.news <- news{flight: f, recorded: true}
	}()
}

// wait returns when it is time to claim again: after the pause, at a hint, when an endpoint is free again, or when
// something was recorded, for that may free the next message of its invoice.
func (r *run) wait(ctx context.Context, p pause) {
	if p.time > 0 {
		hint := r.hint
		if p.quiet {
			hint = nil
		}
		told := r.news
		if r.failures > 0 {
			told = nil // the outbox is in trouble: do not ask it more often
		}
		timer := time.NewTimer(p.time)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-hint:
		case n := <-told:
			r.settle(n)
		}
	}
	for {
		select {
		case n := <-r.news:
			r.settle(n)
		default:
			return
		}
	}
}

func (r *run) settle(n news) {
	switch {
	case n.recorded && n.flight.late:
		r.late--
		r.shares.end(n.project, true)
	case n.recorded:
		delete(r.prompt, n.flight)
		r.shares.end(n.project, false)
	default:
		n.answered = true
		s := r.endpoints.news(n.endpoint, n.signal, n.opened)
		if r.endpoints.end(n.endpoint, s, n.flight.late, r.cfg.Now()) {
			r.cfg.Logger.Warn("webhook: endpoint does not answer, leaving it alone for a while", "endpoint", n.endpoint)
		}
	}
}

// finish waits for the deliveries in flight, and interrupts them when the grace is over.
func (r *run) finish(interrupt context.CancelFunc) {
	grace := time.AfterFunc(r.cfg.Grace, interrupt)
	defer grace.Stop()
	for len(r.prompt)+r.late > 0 {
		r.settle(<-r.news)
	}
}
