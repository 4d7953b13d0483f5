package webhook_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
)

// secret signs the messages of every project. An invoice.Projects has secrets for each.
type secret string

func (s secret) Secrets(context.Context, string) ([]string, error) { return []string{string(s)}, nil }

func (s secret) EndpointSecrets(context.Context, string, string) ([]string, error) {
	return nil, invoice.ErrNoEndpoint
}

// A dispatcher sends the messages of a store, signed, until the endpoint has accepted them. Usually the Service commits
// the messages, with the events that they report.
func ExampleDispatcher() {
	const key = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	received := make(chan string)
	shop := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, body, err := webhook.VerifyRequest(r, []string{string(key)}, time.Now())
		received <- fmt.Sprintf("%s %s %v", id, body, err)
	}))
	defer shop.Close()

	outbox := store.NewMemory()
	dispatcher, err := webhook.New(webhook.Config{
		Outbox: outbox, Secrets: key,
		Client: webhook.NewClient(webhook.ClientConfig{AllowLoopback: true}), // for this example alone
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- dispatcher.Run(ctx) }()

	endpoint, err := webhook.Endpoint("shop", shop.URL)
	if err != nil {
		log.Fatal(err)
	}
	message := invoice.Message{
		ID: "evt_1", Event: invoice.EventCompleted, Invoice: "inv_1", Seq: 1, Project: "shop",
		URL: shop.URL, Endpoint: endpoint, Body: []byte(`{"status":"completed"}`), At: time.Now(), Format: "standard",
	}
	if err := outbox.Commit(ctx, invoice.Batch{Messages: []invoice.Message{message}}); err != nil {
		log.Fatal(err)
	}
	dispatcher.Hint()
	fmt.Println(<-received)

	cancel()
	fmt.Println(<-ended)
	history, err := outbox.History(context.Background(), "inv_1", 0)
	if err != nil {
		log.Fatal(err)
	}
	for _, record := range history {
		fmt.Println(record.State, record.Attempts[0].Status)
	}
	// Output:
	// evt_1 {"status":"completed"} <nil>
	// <nil>
	// delivered 200
}
