package itispay_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
)

// service and projects are what the shop has made of its store, chains and rates; the Service's Notifier has the format.
func mount(mux *http.ServeMux, service *invoice.Service, format *itispay.Format, projects *invoice.Projects) error {
	api, err := itispay.New(itispay.Config{Service: service, Format: format, Projects: projects})
	if err != nil {
		return err
	}
	mux.Handle("/pay/api/v1/", http.StripPrefix("/pay/api/v1", api))
	return nil
}

// The API is mounted beside the shop's own handlers, under a prefix of its choice.
func Example() {
	service, projects := exampleShop()
	mux := http.NewServeMux()
	if err := mount(mux, service, itispay.NewFormat(), projects); err != nil {
		log.Fatal(err)
	}
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest("GET", "/pay/api/v1/rates", nil))
	fmt.Print(rec.Body)
	// Output: {"rates":{"SIM":2000,"TOK":0.5}}
}
