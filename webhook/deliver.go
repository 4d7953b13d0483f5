package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cointill/cointill/invoice"
)

const (
	maxAnswer  = 64 << 10 // bytes of a response body that are read, so that the connection can be reused
	maxExcerpt = 1 << 10  // bytes of a response body that are stored
	maxError   = 256      // bytes of an error text that are stored

	recordTries   = 3
	recordTimeout = 5 * time.Second
)

// Names of the measurements of a [Dispatcher].
const (
	MeterAttempts = "cointill.webhook.attempts" // counter of attempts; the label state is the message's state after the attempt
	MeterAnswer   = "cointill.webhook.answer"   // time until the response or the failure of an attempt
)

var errInterrupted = errors.New("interrupted because the sender was stopped")

// deliver makes one attempt, reports through tell what it shows about the endpoint, and then records it.
func (d *Dispatcher) deliver(base, sending context.Context, delivery Delivery, tell func(signal)) {
	at := d.cfg.Now()
	a := d.attempt(sending, delivery.Message, at)
	end := d.cfg.Now()
	tell(a.signal())
	next := d.follow(a, delivery.Message.Format, delivery.Tried, end)
	d.cfg.Meter.Count(base, MeterAttempts, 1, invoice.Label{Key: "state", Value: string(next.State)})
	d.cfg.Meter.Time(base, MeterAnswer, end.Sub(at))
	d.record(base, delivery, Attempt{
		At: at.UTC(), Duration: end.Sub(at), Status: a.status, Excerpt: a.excerpt, Error: a.reason(d.cfg.Rules[delivery.Message.Format]),
	}, next)
}

// answer is the result of an attempt: a status or an error.
type answer struct {
	status     int
	excerpt    string
	retryAfter string
	err        error
	sent       bool // the request was handed to the client
}

func (d *Dispatcher) attempt(ctx context.Context, m invoice.Message, at time.Time) answer {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Client.Timeout)
	defer cancel()
	req, err := d.request(ctx, m, at)
	if err != nil {
		return answer{err: interrupted(ctx, err)}
	}
	res, err := d.cfg.Client.Do(req)
	if err != nil {
		return answer{err: interrupted(ctx, err), sent: true}
	}
	defer func() { _ = res.Body.Close() }() // only what was read counts
	a := answer{status: res.StatusCode, retryAfter: res.Header.Get("Retry-After"), sent: true}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	a.excerpt = clean(body, maxExcerpt)
	if err != nil && (ctx.Err() != nil || timedOut(err)) {
		a.err = interrupted(ctx, err) // a response that does not end in time does not count
	}
	return a
}

func (d *Dispatcher) request(ctx context.Context, m invoice.Message, at time.Time) (*http.Request, error) {
	secrets, err := d.secrets(ctx, m)
	if err != nil {
		return nil, err
	}
	body, extra, err := d.finish(ctx, m)
	if err != nil {
		return nil, err
	}
	signature, err := signAll(secrets, m.ID, at, body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errBadURL
	}
	maps.Copy(req.Header, extra)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", d.cfg.UserAgent)
	req.Header.Set(HeaderID, m.ID)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(HeaderSignature, signature)
	// The header is not sent. It tells the transport that the request may be repeated, so that it retries on a new
	// connection if the endpoint has just closed an idle one.
	req.Header["Idempotency-Key"] = []string{}
	return req, nil
}

// errRemoved is the end of messages to an endpoint that the project has no more.
var errRemoved = errors.New("the endpoint was removed")

// secrets returns what signs a message.
func (d *Dispatcher) secrets(ctx context.Context, m invoice.Message) (secrets []string, err error) {
	if m.Receiver == "" {
		secrets, err = d.cfg.Secrets.Secrets(ctx, m.Project)
	} else {
		secrets, err = d.cfg.Secrets.EndpointSecrets(ctx, m.Project, m.Receiver)
	}
	switch {
	case err == nil:
		return secrets, nil
	case m.Receiver != "" && errors.Is(err, invoice.ErrNoEndpoint):
		return nil, errRemoved
	}
	d.cfg.Logger.ErrorContext(ctx, "webhook: read signing secrets", "project", m.Project, "receiver", m.Receiver, "err", err)
	return nil, errors.New("signing secrets are not available")
}

// finish returns the body and the additional headers of a message by the rules of its format.
func (d *Dispatcher) finish(ctx context.Context, m invoice.Message) ([]byte, http.Header, error) {
	rules := d.cfg.Rules[m.Format]
	if rules.Sign == nil {
		return m.Body, nil, nil
	}
	key, name := "", rules.Key
	if m.Payout != "" {
		name = cmp.Or(rules.PayoutKey, name)
	}
	if name != "" {
		var err error
		if key, err = d.cfg.Keys.Key(ctx, m.Project, name); err != nil {
			d.cfg.Logger.ErrorContext(ctx, "webhook: read signing key", "project", m.Project, "key", name, "err", err)
			return nil, nil, errors.New("the signing key is not available")
		}
	}
	return rules.Sign(m, key)
}

// errBadURL replaces the error of net/url, which contains the URL.
var errBadURL = errors.New("the URL is not valid")

// interrupted returns errInterrupted if the attempt ended because the dispatcher stops, and else err. A timeout ends the
// context too, but with another error.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errInterrupted
	}
	return err
}

// verdict is the consequence of an attempt for its message.
type verdict int

const (
	verdictRetry verdict = iota
	verdictDelivered
	verdictStop
	verdictGone
)

// judge implements the table of statuses in the package comment.
func judge(status int) verdict {
	switch {
	case status >= 200 && status <= 299:
		return verdictDelivered
	case status == http.StatusGone:
		return verdictGone
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status >= 500:
		return verdictRetry
	}
	return verdictStop
}

func (a answer) verdict(r Rules) verdict {
	switch {
	case errors.Is(a.err, ErrRefused), errors.Is(a.err, errBadURL), errors.Is(a.err, errRemoved):
		return verdictStop
	case a.err != nil:
		return verdictRetry
	case r.Taken == nil:
		return judge(a.status)
	case r.Taken(a.status):
		return verdictDelivered
	}
	return verdictRetry
}

func (a answer) signal() signal {
	switch {
	case !a.sent || errors.Is(a.err, errInterrupted) || errors.Is(a.err, ErrRefused):
		return signalNone
	case a.err != nil:
		return signalSilent
	}
	return signalAnswered
}

// follow returns the state of a message after an attempt. tried is the number of attempts before it.
func (d *Dispatcher) follow(a answer, format string, tried int, now time.Time) Next {
	rules, schedule := d.cfg.Rules[format], d.cfg.Schedule
	if rules.Schedule != nil {
		schedule = rules.Schedule
	}
	switch a.verdict(rules) {
	case verdictDelivered:
		return Next{State: StateDelivered}
	case verdictGone:
		return Next{State: StateDead, Gone: true}
	case verdictStop:
		return Next{State: StateDead}
	case verdictRetry:
	}
	if errors.Is(a.err, errInterrupted) {
		return Next{State: StateDue}
	}
	if tried >= len(schedule) {
		return Next{State: StateDead}
	}
	wait := schedule[max(tried, 0)]
	wait += time.Duration(rand.Int64N(int64(wait)/10 + 1))
	if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
		wait = max(wait, min(retryAfter(a.retryAfter, now), d.cfg.MaxRetryAfter))
	}
	return Next{State: StateDue, Wait: wait}
}

// retryAfter parses a Retry-After header in either form of RFC 9110, section 10.2.3. It returns 0 for an invalid value.
func retryAfter(value string, now time.Time) time.Duration {
	const most = int64(10 * 365 * 24 * time.Hour / time.Second) // keeps the product in range
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(int64(seconds), most)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// record stores the attempt, and retries a few times. If that fails, the claim's lease ends and the message is sent again:
// a repeated message is better than a lost record.
func (d *Dispatcher) record(ctx context.Context, delivery Delivery, attempt Attempt, next Next) {
	m := delivery.Message
	about := "invoice"
	if m.Payout != "" {
		about = "payout"
	}
	log := d.cfg.Logger.With("message", m.ID, about, m.Subject(), "endpoint", m.Endpoint)
	if next.State == StateDead {
		log.WarnContext(ctx, "webhook: message given up", "status", attempt.Status, "reason", attempt.Error)
	}
	var err error
	for try := range recordTries {
		if try > 0 {
			time.Sleep(time.Duration(try) * 100 * time.Millisecond)
		}
		err = d.recordOnce(ctx, delivery.Claim, attempt, next)
		if err == nil {
			return
		}
		if errors.Is(err, ErrStaleClaim) {
			break
		}
	}
	log.ErrorContext(ctx, "webhook: attempt not recorded", "state", next.State, "err", err)
}

func (d *Dispatcher) recordOnce(ctx context.Context, claim Claim, attempt Attempt, next Next) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return d.cfg.Outbox.Record(ctx, claim, attempt, next)
}

// reason returns the reason of a failed attempt for the history, and an empty text for a successful one. The clients that
// chose the URL see it, so it contains neither the URL nor addresses of the operator's network.
func (a answer) reason(r Rules) string {
	switch {
	case a.err != nil:
		return clean([]byte(describe(a.err)), maxError)
	case a.verdict(r) == verdictDelivered:
		return ""
	case a.status >= 300 && a.status <= 399:
		return fmt.Sprintf("answered %d: redirects are not followed", a.status)
	}
	return fmt.Sprintf("answered %d", a.status)
}

func describe(err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var op *net.OpError
	var inURL *url.Error
	switch {
	case errors.Is(err, ErrRefused):
		return ErrRefused.Error()
	case errors.As(err, &dns) && !dns.IsTimeout:
		return "the host name could not be resolved"
	case timedOut(err):
		return "no complete answer in time"
	case errors.As(err, &certificate):
		return "certificate: " + certificate.Err.Error()
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error()
	case errors.As(err, &inURL):
		return inURL.Err.Error()
	}
	return err.Error()
}

func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// clean returns the start of a text as valid UTF-8 of at most limit bytes. Control characters become spaces.
func clean(text []byte, limit int) string {
	text = text[:min(len(text), 4*limit)]
	printable := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(text), "\uFFFD"))
	if len(printable) > limit {
		printable = strings.ToValidUTF8(printable[:limit], "")
	}
	return printable
}
