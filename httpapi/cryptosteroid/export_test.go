package cryptosteroid

import (
	"time"

	"github.com/cointill/cointill/invoice"
)

// Exported for tests of webhooks and responses.
type (
	Extra  = extra
	Status = status
)

// StatusOf returns the status of an invoice.
var StatusOf = statusOf

// Data returns the Data of the invoice.
func (x extra) Data() map[string]string { return x.data() }

// Invoice returns an invoice as its merchant sees it.
func (v View) Invoice(inv invoice.Invoice, now time.Time) invoiceObject { return v.invoice(inv, now) }

// Public returns an invoice as anybody may see it.
func (v View) Public(inv invoice.Invoice, now time.Time) invoiceObject { return v.public(inv, now) }
