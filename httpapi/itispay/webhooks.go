package itispay

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// HeaderSimulated is the header that marks a simulated callback. Real callbacks never have it.
const HeaderSimulated = "Webhook-Simulated"

// Simulation enables POST /webhooks/simulate, which sends a callback with any status to an invoice's callback_url, so that
// a shop can test its receiver. Nothing is stored, and no invoice changes. The callback is marked by [HeaderSimulated] and
// the member "simulated", but a receiver that checks neither takes it for a real one.
type Simulation struct {
	// Client sends the callbacks. It is required, as is its Timeout, and it must restrict the addresses that it connects
	// to like the client of webhook.NewClient.
	Client *http.Client
	// Secret signs the callbacks, as in webhook.Sign. It must not be a secret of a project, so that receivers of real
	// callbacks refuse simulated ones; only a receiver under test gets it. If empty, callbacks are not signed.
	Secret string
	// Keyless lets everyone who knows an invoice's id simulate, including payers, as in the published API. Otherwise the
	// key of the invoice's project is required.
	Keyless bool
}

func (s *Simulation) check() error {
	switch {
	case s == nil:
		return nil
	case s.Client == nil || s.Client.Timeout <= 0:
		return errors.New("Client with a Timeout is required")
	case s.Secret == "":
		return nil
	}
	_, err := webhook.Sign(s.Secret, "check", time.Unix(0, 0), nil)
	return err
}

// simulateRequest is the body of POST /webhooks/simulate.
type simulateRequest struct {
	InvoiceID string `json:"invoice_id" schema:"required,format=uuid"`
	Status    status `json:"status" schema:"required" doc:"Status that the callback reports"`
}

// simulateAnswer is the response of POST /webhooks/simulate.
type simulateAnswer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// resendRequest is the body of POST /webhooks/resend.
type resendRequest struct {
	InvoiceID string `json:"invoice_id" schema:"format=uuid" doc:"Either this or order_id; takes precedence over order_id"`
	OrderID   string `json:"order_id" schema:"minLength=1,maxLength=255"`
}

// resendAnswer is the response of POST /webhooks/resend.
type resendAnswer struct {
	Status     string `json:"status"`
	InvoiceID  string `json:"invoice_id"`
	CallbackID int64  `json:"callback_id" doc:"Number of the callback within the invoice"`
}

func (a *api) simulate(r *httpapi.Request) (any, error) {
	var in simulateRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	inv, err := a.find(r.Context(), r.Project.ID, in.InvoiceID)
	if err != nil {
		return nil, err
	}
	if inv.CallbackURL == "" {
		return nil, &httpapi.FieldError{Field: "invoice_id", Reason: "has no callback_url"}
	}
	now := a.cfg.Now()
	if !a.pace.enter(inv.ID, now) {
		return nil, &httpapi.Error{Status: http.StatusTooManyRequests, Message: "Too many simulations. Please wait a second."}
	}
	defer a.pace.leave()
	req, err := a.cfg.Simulation.request(r.Context(), a.cfg.Format, inv, invoice.Status(in.Status), now)
	if err != nil {
		return nil, fmt.Errorf("itispay: simulate: %w", err)
	}
	if err := a.cfg.Simulation.send(req); err != nil {
		return nil, err
	}
	return simulateAnswer{"success", "Webhook sent"}, nil
}

// request makes a simulated callback: a real one but for the status, the marks, the id and the signature.
func (s *Simulation) request(ctx context.Context, format *Format, inv invoice.Invoice, to invoice.Status, now time.Time) (*http.Request, error) {
	body, told := format.Body(invoice.Event{Type: invoice.EventType("invoice." + string(to)), To: to}, inv)
	if !told {
		return nil, errors.New("the format does not tell it")
	}
	body = append(bytes.TrimSuffix(body, []byte("}")), `,"simulated":true}`...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, inv.CallbackURL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("callback_url is not valid") // the error of net/url would repeat it
	}
	var random [16]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	id := "sim_" + hex.EncodeToString(random[:])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(HeaderSimulated, "true")
	req.Header.Set(webhook.HeaderID, id)
	req.Header.Set(webhook.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	if s.Secret == "" {
		return req, nil
	}
	signature, err := webhook.Sign(s.Secret, id, now, body)
	req.Header.Set(webhook.HeaderSignature, signature)
	return req, err
}

// send posts a simulated callback. Its errors reveal little, because the client may not be the shop.
func (s *Simulation) send(req *http.Request) error {
	res, err := s.Client.Do(req)
	if err != nil {
		if gone := req.Context().Err(); gone != nil {
			return fmt.Errorf("itispay: simulate: %w", gone)
		}
		return notTaken("The callback_url could not be reached.")
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be reused
	_ = res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return notTaken(fmt.Sprintf("The callback_url answered %d.", res.StatusCode))
	}
	return nil
}

func notTaken(message string) error {
	return &refusal{status: http.StatusUnprocessableEntity, body: faultBody{"webhook_failed", message}}
}

const (
	maxSimulations = 8           // at once, because each holds a request until its endpoint responds
	simulateEvery  = time.Second // for one invoice
	maxPaced       = 1000        // number of invoices that are remembered
)

// pace limits simulations, so that they cannot flood an endpoint.
type pace struct {
	mu       sync.Mutex // guards what follows
	underWay int
	last     map[string]time.Time // by invoice
}

// enter reports whether an invoice may be simulated now. If so, the caller must call leave afterwards.
func (p *pace) enter(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last, known := p.last[id]; p.underWay >= maxSimulations || known && now.Sub(last) < simulateEvery {
		return false
	}
	if p.last == nil || len(p.last) >= maxPaced {
		p.last = map[string]time.Time{}
	}
	p.last[id] = now
	p.underWay++
	return true
}

func (p *pace) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underWay--
}

// maxAttempts is the number of attempts, including those after resends, from which a callback is not resent, because every
// attempt is stored.
const maxAttempts = 100

func (a *api) resend(r *httpapi.Request) (any, error) {
	var in resendRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	inv, err := a.resendable(r, in)
	if err != nil {
		return nil, err
	}
	records, err := a.cfg.Store.History(r.Context(), inv.ID, inv.Seq-historySeen)
	records = webhook.Callbacks(records)
	switch {
	case err != nil:
		return nil, fmt.Errorf("itispay: read history: %w", err)
	case len(records) > 0 && len(records[len(records)-1].Attempts) >= maxAttempts:
		return nil, &httpapi.Error{Status: http.StatusTooManyRequests, Message: "The callback was sent too often."}
	}
	m, err := a.cfg.Store.Resend(r.Context(), inv.ID, "")
	if errors.Is(err, invoice.ErrNotFound) {
		return nil, &refusal{status: http.StatusNotFound, body: faultBody{codes[http.StatusNotFound], "There is no callback to send again."}}
	}
	if err != nil {
		return nil, fmt.Errorf("itispay: resend: %w", err)
	}
	if a.cfg.Resent != nil {
		a.cfg.Resent()
	}
	return resendAnswer{"resent", inv.ID, m.Seq}, nil
}

// resendable returns the project's invoice that a request names.
func (a *api) resendable(r *httpapi.Request, in resendRequest) (invoice.Invoice, error) {
	switch {
	case in.InvoiceID != "":
		return a.find(r.Context(), r.Project.ID, in.InvoiceID)
	case in.OrderID == "":
		return invoice.Invoice{}, &httpapi.FieldError{Field: "invoice_id", Reason: "or order_id is required"}
	case !clean(in.OrderID):
		return invoice.Invoice{}, &httpapi.FieldError{Field: "order_id", Reason: "must be text"}
	}
	inv, err := ours(a.cfg.Store.InvoiceByOrder(r.Context(), r.Project.ID, in.OrderID))
	if err != nil {
		return inv, fmt.Errorf("itispay: read order: %w", err)
	}
	return inv, nil
}
