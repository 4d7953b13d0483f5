package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log"
	"net/http"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// paidOnly is a format that reports only completed invoices, signed with a key of the project in a header of its own.
type paidOnly struct{}

func (paidOnly) Name() string { return "paid-only" }

func (paidOnly) Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	return fmt.Appendf(nil, `{"order":%q,"paid":true}`, inv.OrderID), ev.Type == invoice.EventCompleted
}

func (paidOnly) Rules() webhook.Rules {
	return webhook.Rules{
		Key:   "paid-only",
		Taken: func(status int) bool { return status == http.StatusOK },
		Sign: func(m invoice.Message, key string) ([]byte, http.Header, error) {
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write(m.Body)
			return m.Body, http.Header{"X-Signature": {hex.EncodeToString(mac.Sum(nil))}}, nil
		},
	}
}

// A custom format decides which events are reported, and how messages are signed.
func ExampleRuled() {
	notifier, err := webhook.NewNotifier(webhook.Standard(), paidOnly{}) // for invoice.Config
	if err != nil {
		log.Fatal(err)
	}
	rules := notifier.Rules() // for webhook.Config

	inv := invoice.Invoice{ID: "inv_1", Project: "shop", OrderID: "A-17", CallbackURL: "https://shop.example/hook", Format: "paid-only"}
	for _, event := range []invoice.EventType{invoice.EventPending, invoice.EventCompleted} {
		for _, m := range notifier.Messages(invoice.Event{ID: "evt_1", Type: event, Invoice: inv.ID, Project: inv.Project}, inv, nil) {
			body, header, err := rules[m.Format].Sign(m, "key")
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(string(event), string(body), header.Get("X-Signature")[:8])
		}
	}
	// Output: invoice.completed {"order":"A-17","paid":true} 89526776
}
