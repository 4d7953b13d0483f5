package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limit bounds how often one client may ask: a project or an account by its key, anybody else by
// address. The zero value is no limit: it is the host's choice.
type Limit struct {
	PerSecond int // requests in the long run
	Burst     int // requests at once; default PerSecond
}

// maxClients bounds how many clients a limiter remembers.
const maxClients = 100_000

// limiter is a token bucket for each client, as the one moment at which the bucket will be full again
// (the generic cell rate algorithm): a client that has not asked for a while need not be remembered.
type limiter struct {
	every time.Duration // one token
	burst time.Duration // a full bucket
	now   func() time.Time

	mu   sync.Mutex // guards what follows
	full map[string]time.Time
}

func newLimiter(l Limit, now func() time.Time) (*limiter, error) {
	if l.PerSecond < 0 || l.Burst < 0 || l.PerSecond > int(time.Second) || l.PerSecond == 0 && l.Burst > 0 {
		return nil, fmt.Errorf("Limit of %d a second and %d at once makes no sense", l.PerSecond, l.Burst)
	}
	if l.PerSecond == 0 {
		return nil, nil
	}
	if l.Burst == 0 {
		l.Burst = l.PerSecond
	}
	if now == nil {
		now = time.Now
	}
	every := time.Second / time.Duration(l.PerSecond)
	return &limiter{every: every, burst: every * time.Duration(l.Burst), now: now, full: map[string]time.Time{}}, nil
}

// take takes a token of the client's, or answers how long until there is one.
func (l *limiter) take(client string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	full := l.full[client]
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.every)
	if wait := full.Sub(now) - l.burst; wait > 0 {
		return wait
	}
	if len(l.full) >= maxClients {
		l.forget(now)
	}
	l.full[client] = full
	return 0
}

// forget drops the clients whose bucket is full, and all of them if there are too many others: then
// somebody has more addresses than can be counted, and the rest must not suffer from it.
func (l *limiter) forget(now time.Time) {
	for client, full := range l.full {
		if !full.After(now) {
			delete(l.full, client)
		}
	}
	if len(l.full) >= maxClients {
		clear(l.full)
	}
}

// limit refuses a request of a client that asks too often.
func (a *API) limit(r *Request) error {
	if a.limiter == nil {
		return nil
	}
	wait := a.limiter.take(a.client(r))
	if wait == 0 {
		return nil
	}
	seconds := int64((wait + time.Second - 1) / time.Second)
	r.w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	return &Error{http.StatusTooManyRequests, fmt.Sprintf("Too many requests. Please wait %d s.", seconds)}
}

func (a *API) client(r *Request) string {
	switch {
	case r.Project.ID != "":
		return "project " + r.Project.ID
	case r.Account != "":
		return "account " + r.Account
	}
	return "address " + a.cfg.ClientIP(r.Request).String()
}
