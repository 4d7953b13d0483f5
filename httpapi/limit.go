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

	"github.com/cointill/cointill/httpapi/internal/client"
)

// Limit bounds how often one client may send requests. Projects and accounts are counted by key, all other clients by
// address. Invalid keys are counted by address too, before the next key is looked up. All addresses of an IPv6 /64 count as
// one, because one customer has all of them. The zero value sets no limit.
type Limit struct {
	PerSecond int // requests in the long run
	Burst     int // requests at once; default PerSecond
}

// maxClients bounds how many clients a limiter remembers individually, and crowds is the number of buckets that the others
// share: a client with more addresses than can be counted gains nothing by that, and takes nothing from remembered clients.
const (
	maxClients = 100_000
	crowds     = 4096
)

// limiter holds a token bucket for each client, represented by the time at which the bucket will be full again (the generic
// cell rate algorithm): a client that has sent nothing for a while need not be remembered.
type limiter struct {
	every time.Duration // one token
	burst time.Duration // a full bucket
	now   func() time.Time

	mu      sync.Mutex // guards what follows
	full    map[string]time.Time
	cleared time.Time // when full buckets were last removed
}

func newLimiter(l Limit, now func() time.Time) (*limiter, error) {
	if l.PerSecond < 0 || l.Burst < 0 || l.PerSecond > int(time.Second) || l.PerSecond == 0 && l.Burst > 0 {
		return nil, fmt.Errorf("Limit: PerSecond %d and Burst %d are not valid", l.PerSecond, l.Burst)
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

// take takes a token of the client, or returns how long it takes until there is one. A nil limiter never refuses.
func (l *limiter) take(client string) (wait time.Duration) { return l.ask(client, true) }

// left returns how long it takes until the client has a token. It takes none.
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

// bucket returns the client's own bucket, or a shared one if there is no room. Full buckets are removed to make room, at
// most once a second, because finding them is slow.
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

// limitStranger refuses a request from an address that has sent too many.
func (a *API) limitStranger(r *Request) error { return r.tooMany(a.strange.take(a.address(r))) }

// limited returns a handler of a public page with a limit by address.
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

// address returns the text by which unauthenticated clients are counted.
func (a *API) address(r *Request) string { return client.Network(a.cfg.ClientIP(r.Request)) }
