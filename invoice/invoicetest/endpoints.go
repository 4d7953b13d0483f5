package invoicetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/invoice"
)

// manner is the behaviour of an endpoint.
type manner string

const (
	endpointTakes   manner = "takes"         // 200
	endpointFails   manner = "fails"         // 500, and does not accept it
	endpointHangs   manner = "hangs"         // no response, and does not accept it
	endpointLate    manner = "answers late"  // accepts it, and responds with 200 after the sender has given up
	endpointDrops   manner = "drops"         // accepts it, and drops the connection
	endpointRefuses manner = "refuses"       // 400, and does not accept it
	endpointRepeats manner = "gets it twice" // the network repeats the request
)

var manners = []manner{endpointFails, endpointHangs, endpointLate, endpointDrops, endpointRefuses, endpointRepeats}

// told is what endpoints know about one message.
type told struct {
	body     string
	url      string
	attempts int
	settled  bool // the sender received a response after which it need not send again
}

// endpoints are all receivers of webhooks.
type endpoints struct {
	w *world

	mu      sync.Mutex
	manners map[string]manner // by host
	told    map[string]*told  // by message id
	last    map[string]int64  // the newest sequence number that arrived, by invoice and URL
	due     map[string][]due  // the messages that were committed, by invoice and URL
	skewed  bool              // a clock has been wrong
	tried   time.Time         // when the endpoint that accepts nothing was last tried
}

// deafHost accepts nothing in the worlds that have such an endpoint.
const deafHost = "https://shop0.example/"

// deaf reports whether a URL belongs to the endpoint that accepts nothing.
func (e *endpoints) deaf(to string) bool {
	return e.w.traits.deaf != "" && strings.HasPrefix(to, deafHost)
}

// due is a message that was committed and must be delivered.
type due struct {
	id  string
	seq int64
}

func newEndpoints(w *world) *endpoints {
	return &endpoints{w: w, manners: map[string]manner{}, told: map[string]*told{}, last: map[string]int64{}, due: map[string][]due{}}
}

// expect records committed messages.
func (e *endpoints) expect(messages []invoice.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range messages {
		key := m.Invoice + " " + m.URL
		e.due[key] = append(e.due[key], due{m.ID, m.Seq})
	}
}

// restored forgets all due messages except those of a restored store. Messages that were delivered before may be delivered
// again.
func (e *endpoints) restored(messages []invoice.Message) {
	e.mu.Lock()
	clear(e.due)
	clear(e.last)
	e.skewed = true
	e.mu.Unlock()
	e.expect(messages)
}

// waiting returns the messages that were committed and are not settled yet.
func (e *endpoints) waiting() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for key, list := range e.due {
		if _, to, _ := strings.Cut(key, " "); e.deaf(to) {
			continue
		}
		for _, d := range list {
			if msg := e.told[d.id]; msg == nil || !msg.settled {
				out = append(out, d.id)
			}
		}
	}
	return out
}

func (e *endpoints) set(host string, m manner) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.manners[host] = m
}

func (e *endpoints) heal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.manners)
}

// post delivers a message to an endpoint.
func (e *endpoints) post(ctx context.Context, p *Process, to, id string, body []byte) (int, error) {
	// The path of a callback has the order id, which is the same in the same world, while invoice ids are not.
	inv, seq := splitID(id)
	where := to
	if e.w.isReceiver(to) {
		where += " " + e.w.orderOf(inv)
	}
	status, err := e.take(ctx, p, to, where, id, body)
	if errors.Is(err, context.DeadlineExceeded) {
		// Requests that were sent together would time out together.
		err = cmp.Or(p.pause(context.WithoutCancel(ctx), p.latency("timeout", where, strconv.FormatInt(seq, 10))), err)
	}
	return status, err
}

// take is the endpoint's part of post; where is the same in the same world.
func (e *endpoints) take(ctx context.Context, p *Process, to, where, id string, body []byte) (int, error) {
	target, err := url.Parse(to)
	if err != nil {
		return 0, err
	}
	_, seq := splitID(id)
	if err := p.pause(ctx, p.latency("post", where, strconv.FormatInt(seq, 10))); err != nil {
		return 0, err
	}
	m := e.arrive(target.Host, to, id, body)
	switch m {
	case endpointRepeats:
		e.arrive(target.Host, to, id, body)
	case endpointHangs:
		return 0, p.pause(ctx, time.Hour)
	case endpointLate:
		if err := p.pause(ctx, time.Hour); err != nil {
			return 0, err
		}
	case endpointDrops:
		return 0, errors.New("injected: connection reset")
	default: // responds in time
	}
	if err := p.pause(ctx, p.latency("answer", where, strconv.FormatInt(seq, 10))); err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if m == endpointFails {
		return http.StatusInternalServerError, nil
	}
	e.told[id].settled = true
	if m == endpointRefuses {
		return http.StatusBadRequest, nil
	}
	return http.StatusOK, nil
}

// arrive records an arrival and checks the rules.
func (e *endpoints) arrive(host, to, id string, body []byte) manner {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.manners[host]
	switch {
	case e.deaf(to):
		m, e.tried = e.w.traits.deaf, time.Now()
	case m == "":
		m = endpointTakes
	}
	inv, seq := splitID(id)
	msg := e.told[id]
	if msg == nil {
		msg = &told{body: string(body), url: to}
		e.told[id] = msg
	}
	msg.attempts++
	if msg.body != string(body) || msg.url != to {
		e.w.fail(ruleOneContent, "message %s arrived with two contents: %s and then %s", id, msg.body, body)
	}
	if !bytes.Contains(body, []byte(inv)) {
		e.w.fail(ruleOneContent, "message %s does not tell of its invoice: %s", id, body)
	}
	key := inv + " " + to
	if e.w.traits.restores && !slices.ContainsFunc(e.due[key], func(d due) bool { return d.id == id }) {
		return m // it was being sent when the store lost it
	}
	for _, d := range e.due[key] {
		// A message that was sent often enough to the endpoint that accepts nothing is given up.
		if before := e.told[d.id]; d.seq < seq && (before == nil || !before.settled && !e.deaf(to)) {
			e.w.fail(ruleOrder, "message %d of %s arrived before message %d was settled", seq, e.w.orderOf(inv), d.seq)
		}
	}
	// If clocks differ by more than the duration of a claim, two processes can send one message, and
	// the slower one repeats it. The receiver recognises it by its ID.
	if seq < e.last[key] && (msg.attempts == 1 || !e.skewed) {
		e.w.fail(ruleOrder, "message %d of %s arrived after message %d", seq, e.w.orderOf(inv), e.last[key])
	}
	e.last[key] = max(e.last[key], seq)
	return m
}

// lastTried returns when the endpoint that accepts nothing was last tried.
func (e *endpoints) lastTried() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tried
}

// splitID splits an event's id into the invoice, the number and the hash of its contents.
func splitID(id string) (invoice string, seq int64) {
	parts := strings.Split(id, "_")
	if len(parts) < 3 {
		return id, 0
	}
	seq, _ = strconv.ParseInt(parts[2], 10, 64)
	return parts[1], seq
}

// settled reports whether a message need not be sent again.
func (e *endpoints) settled(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.told[id] != nil && e.told[id].settled
}

func (e *endpoints) clocksDiffer() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.skewed = true
}

// quiet is longer than any pause between attempts.
const quiet = time.Hour

// tire waits until the endpoint that accepts nothing is given up, with one process, which has all of its remaining messages.
func (w *world) tire() {
	if !w.traits.tires || w.failed() {
		return
	}
	for _, p := range w.processes[1:] {
		w.await(p)
	}
	// Attempts are made one after the other once the endpoint is considered dead.
	most := 2*quiet + time.Duration(len(w.followed()))*time.Hour/4
	for start := time.Now(); time.Since(start) < most; {
		w.sleep(quiet)
		if time.Since(w.endpoints.lastTried()) > quiet {
			w.inspectGoroutines()
			return
		}
	}
	w.fail(ruleGivenUp, "the endpoint that %s is still sent messages after %s", w.traits.deaf, most)
}
