package store

import (
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// Backend is every port that a database serves. The suite in store/storetest proves an
// implementation in one call.
type Backend interface {
	invoice.Store
	invoice.ProjectStore
	webhook.Outbox
}
