package cryptomus

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

const (
	// maxResends is how often a delivered webhook may be resent.
	maxResends = 10
	// historySeen is how many of an invoice's latest events, whose messages may be resent, are looked at: a payer can cause
	// any number.
	historySeen = 1000
	// maxAttempts is the maximum number of attempts of a webhook with any result, including those after resends.
	maxAttempts = 20
	// maxTests is the maximum number of test webhooks at once, and maxOwnTests that of one merchant, because each holds
	// a request until its endpoint responds.
	maxTests    = 8
	maxOwnTests = 2
)

// tests counts the test webhooks in progress.
type tests struct {
	mu  sync.Mutex // guards what follows
	all int
	own map[string]int // by project
}

// enter reports whether the project may send another test now. If so, the caller must call leave afterwards.
func (t *tests) enter(project string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all >= maxTests || t.own[project] >= maxOwnTests {
		return false
	}
	if t.own == nil {
		t.own = map[string]int{}
	}
	t.all++
	t.own[project]++
	return true
}

func (t *tests) leave(project string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	if t.own[project]--; t.own[project] == 0 {
		delete(t.own, project)
	}
}

// testRequest is the body of POST /test-webhook/payment and /test-webhook/wallet.
type testRequest struct {
	URLCallback string `json:"url_callback" schema:"required,minLength=6,maxLength=150,format=uri"`
	Currency    string `json:"currency" schema:"required,maxLength=32"`
	Network     string `json:"network" schema:"required,maxLength=64"`
	UUID        string `json:"uuid" schema:"format=uuid" doc:"Id of an invoice or a static wallet; random if absent"`
	OrderID     string `json:"order_id" schema:"minLength=1,maxLength=32" doc:"Random if absent; replaced by that of the uuid if both are given"`
	Status      string `json:"status" schema:"enum=process|check|paid|paid_over|fail|wrong_amount|cancel|system_fail|refund_process|refund_fail|refund_paid,default=paid"`
}

// payoutTestRequest is the body of POST /test-webhook/payout.
type payoutTestRequest struct {
	URLCallback string `json:"url_callback" schema:"required,minLength=6,maxLength=150,format=uri"`
	Currency    string `json:"currency" schema:"required,maxLength=32"`
	Network     string `json:"network" schema:"required,maxLength=64"`
	UUID        string `json:"uuid" schema:"format=uuid" doc:"Id of a payout; random if absent"`
	OrderID     string `json:"order_id" schema:"minLength=1,maxLength=32" doc:"Random if absent; replaced by that of the uuid if both are given"`
	Status      string `json:"status" schema:"enum=process|check|paid|fail|cancel|system_fail,default=paid"`
}

// resendRequest is the body of POST /payment/resend of version 2.
type resendRequest struct {
	UUID    string `json:"uuid" schema:"format=uuid" doc:"One of this, order_id and txid is required"`
	OrderID string `json:"order_id" schema:"minLength=1,maxLength=128" doc:"Takes precedence over uuid and txid"`
	TxID    string `json:"txid" schema:"minLength=1,maxLength=256" doc:"Transaction of a payment, as in webhooks; used if neither uuid nor order_id is given"`
}

var (
	testForm       = formOf[testRequest]()
	payoutTestForm = formOf[payoutTestRequest]()
	resendForm     = formOf[resendRequest]()
)

func (a *api) resend(r *httpapi.Request) (any, error) {
	inv, err := a.invoiceOf(r)
	if err != nil {
		return nil, err
	}
	return a.resendOf(r, inv)
}

func (a *api) resendV2(r *httpapi.Request) (any, error) {
	in, err := resendForm.read(r)
	if err != nil {
		return nil, err
	}
	var inv invoice.Invoice
	switch {
	case in.OrderID != "" || in.UUID != "":
		inv, err = a.byID(r, in.UUID, in.OrderID, errNoPayment)
	case in.TxID != "":
		inv, err = a.byTx(r, in.TxID)
	default:
		bad := invalid{}
		for _, name := range []string{"uuid", "order_id", "txid"} {
			bad.add(name, "required_without_all")
		}
		err = bad
	}
	if err != nil {
		return nil, err
	}
	return a.resendOf(r, inv)
}

// byTx returns the project's invoice that was paid in a transaction: of several, the newest that has something to send.
func (a *api) byTx(r *httpapi.Request, txID string) (invoice.Invoice, error) {
	found, err := a.service.InvoicesPaidIn(r.Context(), r.Project.ID, txID)
	if err != nil {
		return invoice.Invoice{}, err
	}
	found = slices.DeleteFunc(found, func(inv invoice.Invoice) bool { return inv.Terms.Standing || inv.Format != FormatName })
	if len(found) == 0 {
		return invoice.Invoice{}, errNoPayment
	}
	return found[max(0, slices.IndexFunc(found, resendable))], nil
}

// resendable reports whether the invoice has a callback URL and a status whose webhook may be resent.
func resendable(inv invoice.Invoice) bool {
	told := []status{statusPaid, statusPaidOver, statusWrongAmount}
	return inv.CallbackURL != "" && slices.Contains(told, summarize(inv).Status)
}

func (a *api) resendOf(r *httpapi.Request, inv invoice.Invoice) (any, error) {
	if !resendable(inv) {
		return nil, errNoNotification
	}
	records, err := a.cfg.Store.History(r.Context(), inv.ID, inv.Seq-historySeen)
	if err != nil {
		return nil, fmt.Errorf("cryptomus: read history: %w", err)
	}
	if records = webhook.Callbacks(records); len(records) == 0 {
		return nil, errNoNotification
	}
	if last := records[len(records)-1]; deliveries(last) > maxResends || len(last.Attempts) >= maxAttempts {
		return nil, errTooMuchResend
	}
	switch _, err := a.cfg.Store.Resend(r.Context(), inv.ID, ""); {
	case errors.Is(err, invoice.ErrNotFound):
		return nil, errNoNotification
	case err != nil:
		return nil, fmt.Errorf("cryptomus: resend: %w", err)
	}
	if a.cfg.Resent != nil {
		a.cfg.Resent()
	}
	return emptyAnswer{Result: []string{}}, nil
}

// deliveries returns how often the endpoint has accepted a message. All but the first follow resends.
func deliveries(of webhook.Record) int {
	n := 0
	for _, attempt := range of.Attempts {
		if attempt.Error == "" {
			n++
		}
	}
	return n
}

// testWebhook sends a test webhook. It stores and changes nothing.
func (a *api) testWebhook(kind string) func(*httpapi.Request) (any, error) {
	return func(r *httpapi.Request) (any, error) {
		in, err := testForm.read(r)
		if err != nil {
			return nil, err
		}
		coins := a.find(strings.ToUpper(in.Currency), a.network(in.Network))
		switch {
		case a.cfg.TestClient == nil:
			return nil, errForbidden
		case len(coins) == 0:
			return nil, errTestPaymentServices
		}
		test := testMessage{Type: kind, UUID: in.UUID, OrderID: in.OrderID, Status: status(in.Status), Currency: coins[0].Currency}
		if err := a.nameTest(r, &test); err != nil {
			return nil, err
		}
		return a.sendTest(r, in.URLCallback, test.body(), PaymentKey)
	}
}

// sendTest signs a test webhook with one of the project's keys, and sends it.
func (a *api) sendTest(r *httpapi.Request, url string, body []byte, key string) (any, error) {
	body, err := signed(body, r.Project.Keys[key].Value)
	if err != nil {
		return nil, fmt.Errorf("cryptomus: test webhook: %w", err)
	}
	if !a.tests.enter(r.Project.ID) {
		return nil, &httpapi.Error{Status: http.StatusTooManyRequests, Message: "Too many tests are under way. Please try again."}
	}
	defer a.tests.leave(r.Project.ID)
	if err := a.post(r, url, body); err != nil {
		return nil, err
	}
	return emptyAnswer{Result: []string{}}, nil
}

// testPayout sends a test webhook of a payout. It stores and changes nothing.
func (a *api) testPayout(r *httpapi.Request) (any, error) {
	in, err := payoutTestForm.read(r)
	if err != nil {
		return nil, err
	}
	coins := a.find(strings.ToUpper(in.Currency), a.network(in.Network))
	switch {
	case a.cfg.TestClient == nil:
		return nil, errForbidden
	case len(coins) == 0 || !a.paysOut(coins[0]):
		return nil, errTestPayoutServices
	}
	test := payoutMessage{
		UUID: cmp.Or(in.UUID, randomUUID()), OrderID: cmp.Or(in.OrderID, strings.ReplaceAll(randomUUID(), "-", "")),
		Amount: decimal.NewFromInt(1), Final: in.Status != string(payoutProcess) && in.Status != string(payoutCheck), Status: in.Status,
		Currency: coins[0].Currency, Test: true,
	}
	if in.UUID != "" {
		p, err := a.cfg.Payouts.Payout(r.Context(), r.Project.ID, in.UUID)
		if errors.Is(err, payout.ErrNotFound) || err == nil && !listed(p) {
			return nil, errTestNoPayout
		}
		if err != nil {
			return nil, err
		}
		test.OrderID = p.Key
	}
	return a.sendTest(r, in.URLCallback, test.body(), PayoutKey)
}

// nameTest sets the ids of a test: those of an invoice or a wallet of the project, or ids of nothing.
func (a *api) nameTest(r *httpapi.Request, test *testMessage) error {
	if test.UUID == "" {
		test.UUID = randomUUID()
		if test.OrderID == "" {
			test.OrderID = strings.ReplaceAll(randomUUID(), "-", "")
		}
		return nil
	}
	inv, err := ours(a.service.Invoice(r.Context(), r.Project.ID, test.UUID))
	switch wallet := test.Type == "wallet"; {
	case errors.Is(err, invoice.ErrNotFound), err == nil && inv.Terms.Standing != wallet:
		if wallet {
			return errTestNoWallet
		}
		return errTestNoPayment
	}
	test.OrderID = inv.OrderID
	return err
}

// post sends a test. It ignores the status of the response, and its error does not reveal why the endpoint is unreachable,
// which would show the names in the host's network.
func (a *api) post(r *httpapi.Request, url string, body []byte) error {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil || req.URL.User != nil || a.service.CheckCallback(url) != nil {
		return broken("url_callback", "url")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.cfg.TestClient.Do(req)
	if err != nil { // may contain the URL, which must not be logged
		return errGateway
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be reused
	return res.Body.Close()
}

// randomUUID returns a random UUID of version 4 (RFC 9562).
func randomUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// testMessage is a webhook that reports nothing, to test a receiver. It is marked by the member is_test, which no other
// webhook has. All its amounts are 1.
type testMessage struct {
	Type          string // "payment" or "wallet"
	UUID, OrderID string
	Status        status // any status of the API
	Currency      Currency
}

// body returns the body, to be [signed].
func (t testMessage) body() []byte {
	final := !slices.Contains([]status{statusCheck, statusProcess, statusConfirmCheck, statusWrongAmountWaiting, "refund_process"}, t.Status)
	const one = "1.00000000"
	var p phpObject
	p.text("type", t.Type)
	p.text("uuid", t.UUID)
	p.text("order_id", t.OrderID)
	p.text("amount", one)
	p.text("payment_amount", one)
	p.null("payment_amount_usd")
	p.text("merchant_amount", one)
	p.text("commission", "0.00000000")
	p.flag("is_final", final)
	p.text("status", string(t.Status))
	p.null("from")
	if t.Type == "wallet" {
		p.text("wallet_address_uuid", t.UUID)
	} else {
		p.null("wallet_address_uuid")
	}
	p.text("network", t.Currency.Network)
	p.text("currency", t.Currency.Code)
	p.text("payer_currency", t.Currency.Code)
	p.text("payer_amount", one)
	p.text("payer_amount_exchange_rate", "1")
	p.null("transfer_id")
	p.null("additional_data")
	p.flag("is_test", true)
	return p.end()
}
