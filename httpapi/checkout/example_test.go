package checkout_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/httpapi/checkout/checkouttest"
)

// A shop mounts the page in its own mux. In a program, Invoices is the invoice.Service; the samples stand for it here.
func Example() {
	page, err := checkout.New(checkout.Config{
		Invoices: checkouttest.New(time.Now()),
		Shop:     func(string) checkout.Shop { return checkout.Shop{Name: "Corner Books", Contact: "help@shop.example"} },
		Style:    []byte(":root { --accent: #7a2e8e; }"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- page.Run(ctx) }() // tells open pages what changes
	mux := http.NewServeMux()
	mux.Handle("/pay/", http.StripPrefix("/pay", page))

	server := httptest.NewServer(mux)
	response, err := http.Get(server.URL + "/pay/" + checkouttest.ID("paid") + "?lang=de")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.Status, err, strings.Contains(string(body), "Bezahlt"))
	_ = response.Body.Close() // only read from
	server.Close()
	cancel()
	fmt.Println(<-ended)
	// Output:
	// 200 OK <nil> true
	// <nil>
}
