package itispay_test

import (
	"net/http"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/itispay"
)

// TestAForeignValidatorObjectsToNothing sends typical requests of clients to both versions through a validator in another
// language.
func TestAForeignValidatorObjectsToNothing(t *testing.T) {
	for version, build := range map[string]func(itispay.Config) (*httpapi.API, error){"1.1.0": itispay.New, "1.0.0": itispay.NewV1} {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t, options{service: told})
			api, err := build(w.config(func(c *itispay.Config) {
				c.Simulation = &itispay.Simulation{Client: &http.Client{Timeout: 1e9, Transport: taken{}}}
			}))
			if err != nil {
				t.Fatal(err)
			}
			id := w.told(t, "told", "https://example.com/hook")
			w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"expired"}`)
			open := w.told(t, "open", "https://example.com/hook")
			prism := contract.Prism(t, api, nil)
			send := func(method, path, key string, status int, bodies ...string) {
				t.Helper()
				for _, body := range bodies {
					prism.Send(w.request(method, path, key, body), status)
				}
			}
			send("POST", "/invoices", w.key, 201,
				`{"order_id":"1","fiat_amount":100,"fiat_currency":"EUR","currency":"SIM","allowed_error_percent":5,"order_name":"Order #1","expire_min":30,"callback_url":"https://example.com/callback"}`,
				`{"order_id":"2","crypto_amount":0.001,"currency":"SIM"}`, `{"order_id":"3","fiat_amount":"29.95","currency":"sim","crypto_amount":null,"fiat_currency":null}`,
				`{"order_id":"4","fiat_amount":3.3000000000000003,"currency":"SIM","expire_min":30.0}`, `{"order_id":"5","crypto_amount":20,"currency":"SIM"}`)
			send("POST", "/invoices", w.key, 409, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`)
			send("POST", "/invoices", w.key, 422, `{"order_id":"6","fiat_amount":25.005,"currency":"SIM"}`, `{"order_id":"6","currency":"SIM"}`)
			send("POST", "/archived", w.key, 201, `{"order_id":"old","fiat_amount":100,"currency":"SIM","created_at":"2023-01-01"}`)
			send("GET", "/invoices", w.key, 200, "")
			send("GET", "/invoices?status=new&currency=SIM&created_after=2024-01-01T00:00:00Z&page=1&page_size=2&sort_by=created_at&sort_order=desc", w.key, 200, "")
			send("GET", "/invoices/"+id, w.key, 200, "")
			send("GET", "/invoices/"+unknownID, w.key, 404, "")
			send("PATCH", "/invoices/"+open, w.key, 200, `{"status":"cancelled","comment":null}`)
			send("POST", "/webhooks/simulate", w.key, 200, `{"invoice_id":"`+id+`","status":"completed"}`)
			send("POST", "/projects", accountKey, 201, `{"name":"My API Project","description":"","api_allowed_ips":""}`)
			send("GET", "/currencies", "", 200, "")
			send("GET", "/rates", "", 200, "")
			send("GET", "/invoices", "0000", 401, "")
			if version == "1.0.0" {
				return
			}
			send("GET", "/public/invoices/"+id, "", 200, "")
			send("GET", "/public/invoices/"+w.told(t, "payable", "https://example.com/hook"), "", 200, "")
			send("GET", "/admin/invoices", w.admin, 200, "")
			send("GET", "/admin/invoices/"+id, w.admin, 200, "")
			send("POST", "/webhooks/resend", w.key, 200, `{"invoice_id":"`+id+`"}`, `{"order_id":"told"}`)
		})
	}
}

func TestAForeignValidatorObjectsToNothingAboutMoneyOut(t *testing.T) {
	w, _ := newTill(t, options{}, nil)
	prism := contract.Prism(t, w.api, nil)
	send := func(method, path string, status int, body string) {
		t.Helper()
		r := w.request(method, path, w.key, body)
		r.Header.Set("X-Client-ID", "client")
		r.Header.Set("X-Project-ID", "project")
		prism.Send(r, status)
	}
	send("POST", "/withdraw", 200, `{"currency":"SIM","to":"sim1own","amount":"0.002"}`)
	send("POST", "/withdraw", 422, `{"currency":"SIM","to":"sim1own","amount":"2000"}`)
	send("POST", "/payouts", 201, cryptoBody)
	send("POST", "/payouts", 201, bankBody)
	send("POST", "/payouts", 201, `{"type":"crypto_payout","fiat":{"amount":25,"currency":"EUR"},"crypto":{"currency":"SIM","cryptoAddress":"sim1c","memo":1},"beneficiary":null,"order_id":""}`)
	send("POST", "/payouts", 409, `{"type":"CRYPTO_PAYOUT","fiat":{"amount":25,"currency":"EUR"},"crypto":{"currency":"SIM","address":"sim1c"},"order_id":"order-001"}`)
	send("GET", "/invoices/settlements", 200, "")
	send("GET", "/admin/invoices", 403, "")
}
