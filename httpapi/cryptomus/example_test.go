package cryptomus_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/invoice"
)

// A request as shops make it: the body is signed with the merchant's payment key.
func Example() {
	w, err := openWorld(options{}) // what the shop has made of its store, chains and rates
	if err != nil {
		log.Fatal(err)
	}
	cfg := cryptomus.Config{
		Service: w.service, Projects: w.projects, Store: w.store, Format: w.format(),
		PageURL: func(inv invoice.Invoice) string { return "https://shop.example/pay/" + inv.ID },
	}
	api, err := cryptomus.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	v2, err := cryptomus.NewV2(cfg)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", http.StripPrefix("/v1", api))
	mux.Handle("/v2/", http.StripPrefix("/v2", v2))

	ctx := context.Background()
	project, _, err := w.projects.Create(ctx, invoice.NewProject{Owner: "me", Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	key, err := w.projects.MakeKey(ctx, project.ID, cryptomus.PaymentKey, 0)
	if err != nil {
		log.Fatal(err)
	}
	body := `{"amount":"15","currency":"USD","order_id":"1"}`
	r := httptest.NewRequest("POST", "/v1/payment", strings.NewReader(body))
	r.Header.Set("merchant", project.ID)
	r.Header.Set("sign", cryptomus.Signature([]byte(body), key))
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, r)
	fmt.Println(rec.Code, strings.Contains(rec.Body.String(), `"order_id":"1","amount":"15.00","payment_amount":null`))
	// Output: 200 true
}
