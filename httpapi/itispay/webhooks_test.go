package itispay_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

const simulationSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// receiver is a shop's endpoint that records requests.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*http.Request
	bodies [][]byte
	answer int
}

func newReceiver(t *testing.T) *receiver {
	rec := &receiver{answer: 200}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.got, rec.bodies = append(rec.got, r), append(rec.bodies, body)
		rw.WriteHeader(rec.answer)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (rec *receiver) count() int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return len(rec.got)
}

func simulating(change func(*itispay.Simulation)) func(*itispay.Config) {
	return func(c *itispay.Config) {
		c.Simulation = &itispay.Simulation{Client: webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}), Secret: simulationSecret}
		if change != nil {
			change(c.Simulation)
		}
	}
}

func (w *world) told(t testing.TB, order, url string) string {
	return w.create(t, fmt.Sprintf(`{"order_id":%q,"fiat_amount":100,"currency":"SIM","callback_url":%q}`, order, url)).text(t, "invoice_id")
}

func simulation(id, status string) string {
	return fmt.Sprintf(`{"invoice_id":%q,"status":%q}`, id, status)
}

func TestIncident44_ASimulationIsMarkedAndChangesNothing(t *testing.T) {
	w := newWorld(t, options{service: told, api: simulating(nil)})
	shop := newReceiver(t)
	id := w.told(t, "1", shop.URL+"/hook?a=b")
	before, err := w.service.Invoice(t.Context(), "", id)
	require.NoError(t, err)

	got := w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "completed"))
	require.Equal(t, `{"status":"success","message":"Webhook sent"}`+"\n", string(got.body))
	require.Equal(t, 1, shop.count())
	require.Equal(t, "/hook?a=b", shop.got[0].URL.String())
	require.Equal(t, "true", shop.got[0].Header.Get(itispay.HeaderSimulated))
	require.Equal(t, "application/json", shop.got[0].Header.Get("Content-Type"))
	require.JSONEq(t, `{"invoice_id":"`+id+`","status":"completed","order_id":"1","currency":"SIM","crypto_amount":0.05,"fiat_amount":100,
		"fiat_currency":"EUR","actual_crypto_amount_paid":0,"actual_crypto_amount_paid_in_units":0,"updated_at":"2024-01-15T10:30:00Z",
		"simulated":true}`, string(shop.bodies[0]))
	sent, err := webhook.Verify([]string{simulationSecret}, shop.got[0].Header, shop.bodies[0], start)
	require.NoError(t, err)
	require.Regexp(t, "^sim_[0-9a-f]{32}$", sent)

	after, err := w.service.Invoice(t.Context(), "", id)
	require.NoError(t, err)
	require.Equal(t, before, after)
	events, err := w.service.History(t.Context(), "", id, 0)
	require.NoError(t, err)
	require.Len(t, events, 1, "its creation")
	records, err := w.store.History(t.Context(), id, 0)
	require.NoError(t, err)
	require.Empty(t, records)
	w.do(t, "POST", "/webhooks/resend", w.key, `{"invoice_id":"`+id+`"}`).refused(t, 404, "not_found")
}

func TestA30_NoSimulationIsSignedWithAProjectsSecret(t *testing.T) {
	w := newWorld(t, options{service: told, api: simulating(nil)})
	shop := newReceiver(t)
	id := w.told(t, "1", shop.URL)
	w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "completed"))
	secrets, err := w.projects.Secrets(t.Context(), w.project)
	require.NoError(t, err)
	_, err = webhook.Verify(secrets, shop.got[0].Header, shop.bodies[0], start)
	require.ErrorIs(t, err, webhook.ErrBadSignature)

	w.api = w.newAPI(t, simulating(func(s *itispay.Simulation) { s.Secret = "" }))
	require.Equal(t, 200, w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "completed")).status)
	_, err = webhook.Verify(secrets, shop.got[1].Header, shop.bodies[1], start)
	require.ErrorIs(t, err, webhook.ErrNoSignature)
}

func TestIncident44_SimulationsAreOffUnlessAskedFor(t *testing.T) {
	w := newWorld(t, options{service: told})
	shop := newReceiver(t)
	id := w.told(t, "1", shop.URL)
	w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "completed")).refused(t, 501, "not_implemented")
	w.do(t, "POST", "/webhooks/simulate", "", simulation(id, "completed")).refused(t, 501, "not_implemented")

	w.api = w.newAPI(t, simulating(nil))
	w.do(t, "POST", "/webhooks/simulate", "", simulation(id, "completed")).refused(t, 401, "unauthorized")
	w.do(t, "POST", "/webhooks/simulate", w.other, simulation(id, "completed")).refused(t, 404, "not_found")
	require.Zero(t, shop.count())

	w.api = w.newAPI(t, simulating(func(s *itispay.Simulation) { s.Keyless = true }))
	w.do(t, "POST", "/webhooks/simulate", "", simulation(unknownID, "completed")).refused(t, 404, "not_found")
	require.Equal(t, 200, w.do(t, "POST", "/webhooks/simulate", "", simulation(id, "completed")).status)
	require.Equal(t, 1, shop.count())
}

func TestIncident47_ASimulationReachesNoPrivateAddress(t *testing.T) {
	w := newWorld(t, options{service: told, api: simulating(func(s *itispay.Simulation) {
		s.Client = webhook.NewClient(webhook.ClientConfig{Timeout: time.Second})
	})})
	shop := newReceiver(t)
	for i, url := range []string{shop.URL, "http://[::ffff:127.0.0.1]:8080/", "http://169.254.169.254/latest", "http://10.0.0.1:22/"} {
		id := w.told(t, fmt.Sprint(i), url)
		message := w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "completed")).refused(t, 422, "webhook_failed")
		require.Equal(t, "The callback_url could not be reached.", message, "it says no more")
	}
	require.Zero(t, shop.count())
}

func TestASimulationSaysWhatTheEndpointAnswered(t *testing.T) {
	now := start
	w := newWorld(t, options{service: told, api: func(c *itispay.Config) {
		simulating(nil)(c)
		c.Now = func() time.Time { return now }
	}})
	shop := newReceiver(t)
	id := w.told(t, "1", shop.URL)
	for _, answer := range []int{400, 302, 500} {
		shop.answer = answer
		message := w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "completed")).refused(t, 422, "webhook_failed")
		require.Equal(t, fmt.Sprintf("The callback_url answered %d.", answer), message)
		w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "completed")).refused(t, 429, "too_many_requests")
		now = now.Add(time.Second)
	}
	require.Equal(t, 3, shop.count())
}

func TestEveryStatusCanBeSimulated(t *testing.T) {
	w := newWorld(t, options{service: told, api: simulating(nil)})
	shop := newReceiver(t)
	for i, s := range invoice.Statuses() {
		id := w.told(t, fmt.Sprint(i), shop.URL)
		require.Equal(t, 200, w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, string(s))).status)
		require.Contains(t, string(shop.bodies[i]), `"status":"`+string(s)+`"`)
		require.Equal(t, "new", w.do(t, "GET", "/invoices/"+id, w.key, "").text(t, "status"))
	}
}

func TestBadSimulationsAreRefused(t *testing.T) {
	w := newWorld(t, options{service: told, api: simulating(nil)})
	shop := newReceiver(t)
	id := w.told(t, "1", shop.URL)
	silent := w.create(t, `{"order_id":"2","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	for _, body := range []string{
		`{}`, simulation(id, "paid"), simulation(id, ""), simulation("1", "new"), simulation("", "new"), `{"status":"new"}`, `{"invoice_id":"` + id + `"}`,
		simulation(silent, "new"), `{"invoice_id":1,"status":"new"}`,
	} {
		w.do(t, "POST", "/webhooks/simulate", w.key, body).refused(t, 422, "validation_error")
	}
	w.do(t, "POST", "/webhooks/simulate", w.key, `{`).refused(t, 400, "bad_request")
	require.Zero(t, shop.count())
}

// hanging never responds.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestEndpointsThatHangHoldFewSimulations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{service: told, now: time.Now, api: simulating(func(s *itispay.Simulation) {
			s.Client = &http.Client{Timeout: 10 * time.Second, Transport: hanging{}}
		})})
		var wg sync.WaitGroup
		for i := range 8 {
			id := w.told(t, fmt.Sprint(i), "https://example.com")
			wg.Go(func() {
				w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "new")).refused(t, 422, "webhook_failed")
			})
		}
		synctest.Wait()
		id := w.told(t, "more", "https://example.com")
		w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "new")).refused(t, 429, "too_many_requests")
		wg.Wait()
		w.do(t, "POST", "/webhooks/simulate", w.key, simulation(id, "new")).refused(t, 422, "webhook_failed")
	})
}

func TestA29_ResendSendsTheLatestCallbackAgainAndChangesNoInvoice(t *testing.T) {
	now := start
	hints := 0
	w := newWorld(t, options{service: told, now: func() time.Time { return now }, api: func(c *itispay.Config) {
		c.Resent = func() { hints++ }
	}})
	id := w.told(t, "order 1", "https://example.com/hook")
	resend := func(body string) answer { return w.do(t, "POST", "/webhooks/resend", w.key, body) }
	resend(`{"invoice_id":"`+id+`"}`).refused(t, 404, "not_found")
	require.Zero(t, hints)

	w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"cancelled"}`)
	now = now.Add(time.Minute)
	w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"new"}`)
	for range 2 { // both are reported
		deliver(t, w, now)
	}
	before, err := w.service.Invoice(t.Context(), "", id)
	require.NoError(t, err)
	first, err := w.store.History(t.Context(), id, 0)
	require.NoError(t, err)
	require.Len(t, first, 2)

	now = now.Add(time.Hour)
	for i, body := range []string{`{"invoice_id":"` + id + `"}`, `{"order_id":"order 1"}`, `{"invoice_id":"` + id + `","order_id":"another"}`} {
		require.Equal(t, `{"status":"resent","invoice_id":"`+id+`","callback_id":3}`+"\n", string(resend(body).body))
		require.Equal(t, i+1, hints)
		sent := deliver(t, w, now)
		require.Equal(t, first[1].Message, sent.Message, "the frozen bytes under the same id")
	}
	after, err := w.service.Invoice(t.Context(), "", id)
	require.NoError(t, err)
	require.Equal(t, before, after)
	records, err := w.store.History(t.Context(), id, 0)
	require.NoError(t, err)
	require.Len(t, records, 2)
	require.Len(t, records[0].Attempts, 1)
	require.Len(t, records[1].Attempts, 4, "each is an attempt of its own")

	for _, body := range []string{`{}`, `{"invoice_id":"1"}`, `{"invoice_id":null}`, `{"order_id":""}`, `{"order_id":1}`, `{"order_id":"a\u0000"}`, `{"order_id":"` + strings.Repeat("a", 256) + `"}`} {
		resend(body).refused(t, 422, "validation_error")
	}
	silent := w.create(t, `{"order_id":"silent","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	require.Equal(t, 200, w.do(t, "PATCH", "/invoices/"+silent, w.key, `{"status":"expired"}`).status)
	for _, body := range []string{`{"invoice_id":"` + unknownID + `"}`, `{"order_id":"another"}`, `{"invoice_id":"` + silent + `"}`} {
		resend(body).refused(t, 404, "not_found")
	}
	require.Equal(t, 3, hints)
	w.api = w.newAPI(t, func(c *itispay.Config) { c.Store = nil })
	resend(`{"invoice_id":"`+id+`"}`).refused(t, 501, "not_implemented")
}

// deliver claims the due messages and records that they were accepted.
func deliver(t *testing.T, w *world, now time.Time) webhook.Delivery {
	t.Helper()
	claimed, err := w.store.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 9})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	require.NoError(t, w.store.Record(t.Context(), claimed[0].Claim, webhook.Attempt{At: now, Status: 200}, webhook.Next{State: webhook.StateDelivered}))
	return claimed[0]
}

func TestACallbackIsNotSentForEver(t *testing.T) {
	w := newWorld(t, options{service: told})
	id := w.told(t, "1", "https://example.com/hook")
	w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"cancelled"}`)
	for range 1000 {
		_, err := w.store.Resend(t.Context(), id, "")
		require.NoError(t, err)
		deliver(t, w, start)
	}
	w.do(t, "POST", "/webhooks/resend", w.key, `{"invoice_id":"`+id+`"}`).refused(t, 429, "too_many_requests")
}

func TestWhatMovesMoneyOutIsNotServed(t *testing.T) {
	w := newWorld(t, options{})
	for _, c := range [][2]string{{"GET", "/invoices/settlements"}, {"POST", "/withdraw"}, {"POST", "/payouts"}} {
		r := w.request(c[0], c[1], w.key, "")
		r.Header.Set("X-Client-ID", "client")
		r.Header.Set("X-Project-ID", w.project)
		w.send(t, w.api, r).refused(t, 501, "not_implemented")
	}
	require.NotContains(t, w.log.String(), "level=ERROR", "nothing went wrong")
	for _, missing := range []string{"X-Client-ID", "X-Project-ID"} {
		r := w.request("POST", "/payouts", w.key, `{"type":"CRYPTO_PAYOUT"}`)
		r.Header.Set("X-Client-ID", "client")
		r.Header.Set("X-Project-ID", w.project)
		r.Header.Del(missing)
		require.Contains(t, w.send(t, w.api, r).refused(t, 422, "validation_error"), missing)
	}
	doc := contract.Of(t, w.api)
	for path, method := range map[string]string{"/invoices/settlements": "GET", "/withdraw": "POST", "/payouts": "POST", "/webhooks/simulate": "POST"} {
		require.Contains(t, contract.Statuses(doc.Operation(method, path)), "501", path)
		require.NotContains(t, contract.Statuses(doc.Operation(method, path)), "200", path)
	}
	for _, name := range []string{"X-Client-ID", "X-Project-ID"} {
		require.True(t, doc.Operation("POST", "/payouts").Parameters.GetByInAndName("header", name).Required, name)
	}
}
