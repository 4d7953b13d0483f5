package webhook_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cointill/cointill/webhook"
)

// The client connects to no private address, whatever a URL or a name server says.
func ExampleNewClient() {
	private := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "secret")
	}))
	defer private.Close()

	for _, allowed := range []bool{false, true} {
		client := webhook.NewClient(webhook.ClientConfig{AllowLoopback: allowed})
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, private.URL, http.NoBody)
		if err != nil {
			log.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			fmt.Println("refused")
			continue
		}
		fmt.Println(res.Status)
		_ = res.Body.Close()
	}
	// Output:
	// refused
	// 200 OK
}
