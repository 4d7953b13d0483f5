package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Config configures a [Dispatcher]. Outbox and Secrets are required. The other fields have defaults.
type Config struct {
	// Outbox holds the messages to send.
	Outbox Outbox
	// Secrets sign the messages.
	Secrets Secrets
	// Rules are the rules of formats, by the format's name; see [Notifier.Rules]. Messages of other formats are sent
	// as the package comment describes.
	Rules map[string]Rules
	// Keys is required if any of Rules has a Key or a PayoutKey.
	Keys Keys

	// Client sends the requests. It must have a Timeout, and must restrict the addresses that it connects to like
	// the client of [NewClient], because clients choose the URLs. Default NewClient(ClientConfig{}).
	Client *http.Client
	// Workers is the maximum number of deliveries in flight, not counting those that take longer than Patience.
	// Default 256.
	Workers int
	// PerEndpoint is the maximum number of deliveries in flight to one endpoint. Default 32.
	PerEndpoint int
	// PerProject is the maximum number of Workers that the deliveries of one project occupy, so that no project
	// delays the others. The same fraction limits a project's part of Late. Messages whose Endpoint does not begin with
	// [EndpointPrefix] are claimed regardless. Default three quarters of Workers, rounded up.
	PerProject int
	// Patience is how long a delivery counts as one of the Workers. A longer one continues beside them, and nothing
	// else is sent to its endpoint until it ends. Default 1 second.
	Patience time.Duration
	// Late is the maximum number of deliveries that continue beside the Workers. Any others count as Workers until
	// they end. Default 4 times Workers.
	Late int
	// Lease is how long a claimed message is hidden from other claims. If its process dies, it is sent again after
	// that time. Lease must be at least twice Client.Timeout. Claims time out after a quarter of it.
	// Default 1 minute.
	Lease time.Duration
	// Schedule holds the waits after the first, second ... failed attempt. After one more failure the message is
	// dead. Up to a tenth is added to each wait at random, so that messages that failed together are not retried
	// together. A message is dead as well if it has been due for the total time of the longest schedule, and at least a
	// day, without an attempt because its endpoint does not respond. An empty, non-nil Schedule means one attempt.
	// Default 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: ten attempts over more than three days.
	Schedule []time.Duration
	// MaxRetryAfter limits the wait that an endpoint requests with Retry-After. Default 24 hours.
	MaxRetryAfter time.Duration
	// Poll is the interval between claims without a hint, and so the longest delay of messages that other processes
	// commit. Default 1 second.
	Poll time.Duration
	// Grace is how long deliveries in flight may continue after the context of Run ends. Default 5 seconds.
	Grace time.Duration
	// Breaker configures the circuit breaker of each endpoint.
	Breaker BreakerConfig
	// Now returns the current time. Default time.Now.
	Now func() time.Time
	// Logger logs failures. It never gets bodies or secrets, and of a URL only the endpoint. If nil, nothing is logged.
	Logger *slog.Logger
	// Meter counts and times attempts. Default invoice.NoMeter.
	Meter invoice.Meter
	// UserAgent is the User-Agent header of requests. Default "Cointill-Webhook".
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
		if (rules.Key != "" || rules.PayoutKey != "") && c.Keys == nil {
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

// overdue returns how long a message may be due for an endpoint that does not respond: the total time of the longest
// schedule, but at least a day, so that no short outage empties the outbox.
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

// perProjectLate returns the part of Late for one project: the same fraction as PerProject of Workers, rounded up.
func (c Config) perProjectLate() int { return (c.Late*c.PerProject + c.Workers - 1) / c.Workers }

// Dispatcher sends the messages of an [Outbox] until their endpoints accept them or they are given up. Any number of
// processes may each run one on the same outbox.
type Dispatcher struct {
	cfg     Config
	owned   bool // the client was created by New
	hint    chan struct{}
	running atomic.Bool
}

// New returns a dispatcher with the given configuration. It starts nothing.
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

// Hint tells the dispatcher that a message was committed or resent, so that it claims at once rather than at its next
// poll. Hint is cheap, never blocks, and may be called concurrently and at any time. Several hints before the next claim
// count as one. A missing hint only delays a message by up to Config.Poll.
func (d *Dispatcher) Hint() {
	select {
	case d.hint <- struct{}{}:
	default:
	}
}

// Run sends messages until ctx ends. It then claims no more, lets deliveries in flight continue for Config.Grace, and
// interrupts the rest. An interrupted delivery is recorded as such, and its message is due at once; an endpoint that has
// accepted it nevertheless receives the same id again. Run returns nil when everything that it started has ended and is
// recorded. It returns an error only if it is already running.
func (d *Dispatcher) Run(ctx context.Context) error {
	if !d.running.CompareAndSwap(false, true) {
		return errors.New("webhook: dispatcher: Run is already running")
	}
	defer d.running.Store(false)
	if d.owned {
		defer d.cfg.Client.CloseIdleConnections()
	}
	// Deliveries outlive ctx by the grace period, and must be recorded even after that.
	base := context.WithoutCancel(ctx)
	sending, interrupt := context.WithCancel(base)
	defer interrupt()
	r := &run{
		Dispatcher: d,
		base:       base,
		sending:    sending,
		endpoints:  newEndpoints(d.cfg.PerEndpoint, d.cfg.Workers, d.cfg.Breaker),
		shares:     newShares(d.cfg.PerProject, d.cfg.perProjectLate()),
		news:       make(chan news, 2*(d.cfg.Workers+d.cfg.Late)),
	}
	for ctx.Err() == nil {
		r.wait(ctx, r.claim(ctx))
	}
	r.finish(interrupt)
	return nil
}

// run is the state of one call of Run. Except for the deliveries, all of it belongs to one goroutine.
type run struct {
	*Dispatcher
	base      context.Context // for recording: never ends
	sending   context.Context // for sending: ends when the grace is over
	endpoints *endpoints
	shares    *shares
	prompt    []*flight // deliveries that count as workers, in the order of their start
	late      int       // number of deliveries beside them
	failures  int       // consecutive failed claims
	giveUpAt  time.Time // when messages may be given up again
	news      chan news // has room for all news, so that senders never block
}

// flight is a delivery in progress.
type flight struct {
	endpoint string
	project  string
	opened   int // how often the endpoint's breaker had opened when the delivery began
	since    time.Time
	answered bool // the endpoint is free, and the result is being recorded
	late     bool
}

// news is the progress of a delivery: a signal of the endpoint, or the end of recording.
type news struct {
	*flight
	signal   signal
	recorded bool
}

// pause is the wait before the next claim.
type pause struct {
	time  time.Duration
	quiet bool // hints do not end the wait
}

// claim starts as many deliveries as the limits allow.
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
		return pause{} // some endpoints may have more
	case len(deliveries) == limit && limit < free:
		return pause{} // there is room for other projects
	case len(deliveries) > 0 || len(r.prompt) > 0 || r.late > 0:
		return pause{time: r.cfg.Poll}
	}
	return pause{time: r.idle(ctx)}
}

// ask claims messages, with a timeout well within their lease. Hints before it need no other claim.
func (r *run) ask(ctx context.Context, q ClaimQuery) ([]Delivery, error) {
	select {
	case <-r.hint:
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Lease/4)
	defer cancel()
	return r.cfg.Outbox.Claim(ctx, q)
}

// givenUp is the number of messages that are given up in one call, small enough not to delay anything else.
const givenUp = 100

// giveUp gives up overdue messages to endpoints that do not respond, for one such endpoint in each poll.
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
		r.cfg.Logger.WarnContext(ctx, "webhook: messages given up", "endpoint", endpoint, "messages", n)
	}
	r.endpoints.looked(endpoint, now, n == givenUp)
}

// setAside moves late deliveries from the workers to the late ones. It returns the time until the next may be late.
func (r *run) setAside(now time.Time) time.Duration {
	next := r.cfg.Patience
	r.prompt = slices.DeleteFunc(r.prompt, func(f *flight) bool {
		left := r.cfg.Patience - now.Sub(f.since)
		switch {
		case left > 0:
			next = min(next, left)
		case r.late < r.cfg.Late && r.shares.setAside(f.project):
			r.late++
			f.late = true
			if !f.answered {
				r.endpoints.late(f.endpoint)
			}
		}
		return f.late
	})
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

// idle returns the time until a message is due, at most Config.Poll, because other processes give no hints. Messages
// that are already due were left out of the claim, and wait for the next poll as well.
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
	r.prompt = append(r.prompt, f)
	r.shares.begin(f.project)
	f.opened = r.endpoints.begin(f.endpoint)
	go func() {
		r.deliver(r.base, r.sending, delivery, func(s signal) { r.news <- news{flight: f, signal: s} })
		r.news <- news{flight: f, recorded: true}
	}()
}

// wait blocks until the next claim: until the pause ends, a hint arrives, an endpoint is free again, or a result is
// recorded, which may release the next message of its invoice.
func (r *run) wait(ctx context.Context, p pause) {
	if p.time > 0 {
		hint := r.hint
		if p.quiet {
			hint = nil
		}
		told := r.news
		if r.failures > 0 {
			told = nil // the outbox fails: do not ask it more often
		}
		timer := time.NewTimer(p.time)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-hint:
		case n := <-told:
			r.settle(n)
			r.gather(ctx, hint)
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

// gathering is how long more deliveries may end before the next claim: a claim is a write, which takes as long for one
// message as for all that could be sent.
const gathering = time.Millisecond

// gather lets the other deliveries in flight end together with the first one, unless something new is to be sent.
func (r *run) gather(ctx context.Context, hint <-chan struct{}) {
	timer := time.NewTimer(gathering)
	defer timer.Stop()
	for len(r.prompt) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-hint:
			return
		case n := <-r.news:
			r.settle(n)
		}
	}
}

func (r *run) settle(n news) {
	switch {
	case n.recorded && n.flight.late:
		r.late--
		r.shares.end(n.project, true)
	case n.recorded:
		r.prompt = slices.DeleteFunc(r.prompt, func(f *flight) bool { return f == n.flight })
		r.shares.end(n.project, false)
	default:
		n.answered = true
		s := r.endpoints.news(n.endpoint, n.signal, n.opened)
		if r.endpoints.end(n.endpoint, s, n.flight.late, r.cfg.Now()) {
			r.cfg.Logger.Warn("webhook: endpoint does not respond, circuit breaker opened", "endpoint", n.endpoint)
		}
	}
}

// finish waits for the deliveries in flight, and interrupts them at the end of the grace period.
func (r *run) finish(interrupt context.CancelFunc) {
	grace := time.AfterFunc(r.cfg.Grace, interrupt)
	defer grace.Stop()
	for len(r.prompt)+r.late > 0 {
		r.settle(<-r.news)
	}
}
