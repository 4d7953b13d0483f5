package httpapi

import (
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limit bounds how often one client may ask: a project or an account by its key, anybody else by
// address, and whose key opens nothing by address as well, before the next one is looked up. The addresses of one /64
// of IPv6, of which one customer has all, are one. The zero value is no limit: it is the host's choice.
type Limit struct {
	PerSecond int // requests in the long run
	Burst     int // requests at once; default PerSecond
}

// maxClients bounds how many clients a limiter remembers one by one, and crowds how many buckets the others share: who
// has more addresses than can be counted gets no more by that, and takes nothing from those who are remembered.
const (
	maxClients = 100_000
	crowds     = 4096
)

// limiter is a token bucket for each client, as the one moment at which the bucket will be full again
// (the generic cell rate algorithm): a client that has not asked for a while need not be remembered.
type limiter struct {
	every time.Duration // one token
	burst time.Duration // a full bucket
	now   func() time.Time

	mu      sync.Mutex // guards what follows
	full    map[string]time.Time
	cleared time.Time // when those were looked for that can be forgotten
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

// take takes a token of the client's, or answers how long until there is one. A nil limiter has enough.
func (l *limiter) take(client string) (wait time.Duration) { return l.ask(client, true) }

// left answers how long until the client has a token, and takes none.
func (l *limiter) left(client string) (wait time.Duration) { return l.ask(client, false) }

func (l *limiter) ask(client string, take bool) (wait time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	bucket := l.bucket(client, now)
	full := l.full[bucket]
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.every)
	if wait := full.Sub(now) - l.burst; wait > 0 {
		return wait
	}
	if take {
		l.full[bucket] = full
	}
	return 0
}

// bucket is the client's own while there is room. Who can be forgotten, because its bucket is full, makes room first; that
// is looked for no more than once in a second, as it takes long.
func (l *limiter) bucket(client string, now time.Time) string {
	if _, known := l.full[client]; known || len(l.full) < maxClients {
		return client
	}
	if now.Sub(l.cleared).Abs() >= max(l.every, time.Second) {
		l.cleared = now
		maps.DeleteFunc(l.full, func(_ string, full time.Time) bool { return !full.After(now) })
		if len(l.full) < maxClients {
			return client
		}
	}
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, client) // never fails
	return fmt.Sprint("crowd ", sum.Sum32()%crowds)
}

// limitStranger refuses a request of an address that asks too often.
func (a *API) limitStranger(r *Request) error { return r.tooMany(a.strange.take(a.address(r))) }

// limited is a page that anybody may read, but not too often.
func (a *API) limited(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r := &Request{Request: hr, ID: newRequestID(), w: w, maxBody: a.cfg.MaxBody}
		if err := a.limitStranger(r); err != nil {
			a.fail(r, err)
			return
		}
		page.ServeHTTP(w, hr)
	})
}

// tooMany refuses a request that must wait.
func (r *Request) tooMany(wait time.Duration) error {
	if wait == 0 {
		return nil
	}
	seconds := int64((wait + time.Second - 1) / time.Second)
	r.w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	return &Error{http.StatusTooManyRequests, fmt.Sprintf("Too many requests. Please wait %d s.", seconds)}
}

func (a *API) client(r *Request) string {
	if r.Project.ID != "" {
		return "project " + r.Project.ID
	}
	return "account " + r.Account
}

// address is what strangers are told apart by.
func (a *API) address(r *Request) string {
	ip := a.cfg.ClientIP(r.Request).Unmap().WithZone("")
	if ip.Is6() {
		network, _ := ip.Prefix(64) // never fails: there are 128 bits
		return network.String()
	}
	return ip.String()
}
