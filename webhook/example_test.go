package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// A receiver verifies the bytes as they arrived, decodes them after that, and knows repetitions by their id.
func ExampleVerifyRequest() {
	secrets := []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	seen := map[string]bool{} // in a database, in the transaction that acts on the event

	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, body, err := webhook.VerifyRequest(r, secrets, time.Now())
		if err != nil {
			http.Error(w, "not signed by us", http.StatusUnauthorized)
			return
		}
		if seen[id] {
			return // told before: 200 again, and nothing else
		}
		var event invoice.Payload
		if err := json.Unmarshal(body, &event); err != nil {
			http.Error(w, "not an event", http.StatusBadRequest)
			return
		}
		seen[id] = true
		fmt.Println(id, event.Type, event.Data.Invoice.OrderID)
	})

	send := func(body string) int {
		now := time.Now()
		signature, err := webhook.Sign(secrets[0], "evt_1", now, []byte(`{"type":"invoice.completed","data":{"invoice":{"order_id":"A-17"}}}`))
		if err != nil {
			return 0
		}
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
		r.Header.Set(webhook.HeaderID, "evt_1")
		r.Header.Set(webhook.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		r.Header.Set(webhook.HeaderSignature, signature)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	fmt.Println(send(`{"type":"invoice.completed","data":{"invoice":{"order_id":"A-99"}}}`))
	fmt.Println(send(`{"type":"invoice.completed","data":{"invoice":{"order_id":"A-17"}}}`))
	fmt.Println(send(`{"type":"invoice.completed","data":{"invoice":{"order_id":"A-17"}}}`))
	// Output:
	// 401
	// evt_1 invoice.completed A-17
	// 200
	// 200
}

func ExampleCheckURL() {
	cfg := invoice.Config{CheckCallback: webhook.CheckURL}

	fmt.Println(cfg.CheckCallback("https://shop.example/hook"))
	fmt.Println("callback_url", cfg.CheckCallback("http://127.0.0.1/hook"))
	fmt.Println(webhook.CheckPrivateURL("http://127.0.0.1/hook"))
	// Output:
	// <nil>
	// callback_url must not point to a private or reserved address
	// <nil>
}
