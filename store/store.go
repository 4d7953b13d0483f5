package store

import (
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
)

// Backend combines all ports that a database implements. The suite in store/storetest proves an implementation.
type Backend interface {
	invoice.Store
	invoice.ProjectStore
	webhook.Outbox
	payout.Store
}
