package cryptosteroid_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/invoice"
)

// service and projects are what the shop has made of its store, chains and rates; the Service's Notifier has the format.
func mount(mux *http.ServeMux, service *invoice.Service, projects *invoice.Projects, format *cryptosteroid.Format) error {
	api, err := cryptosteroid.New(cryptosteroid.Config{Service: service, Projects: projects, Format: format, MaxNew: 1000})
	if err != nil {
		return err
	}
	mux.Handle("/pay/", http.StripPrefix("/pay", api))
	return nil
}

// The API is mounted beside the shop's own handlers, under a prefix of its choice.
func Example() {
	w, err := openWorld(options{})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	if err := mount(mux, w.service, w.projects, cryptosteroid.NewFormat(view(w.one, w.two))); err != nil {
		log.Fatal(err)
	}
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest("GET", "/pay/merchants/018f3f3e-0000-7000-8000-00000000000a/invoices/1", nil))
	fmt.Print(rec.Body)
	// Output: {"statusCode":404,"message":"There is no such merchant, wallet, invoice or address.","error":"Not Found"}
}

// An operator tells each merchant the ids of its wallets.
func ExampleWalletID() {
	for _, method := range []string{"BTC", "USDT_TRC20"} {
		fmt.Println(method, cryptosteroid.WalletID("018f3f3e-0000-7000-8000-00000000000a", method))
	}
	// Output:
	// BTC 676771a9-c75b-5328-91f1-657280f7036d
	// USDT_TRC20 c629c259-7f53-511d-990a-5a19e4f047d3
}
