package cryptosteroid

import (
	"time"

	"github.com/cointill/cointill/invoice"
)

// For the tests of what webhooks and responses say.
type (
	Extra  = extra
	Status = status
)

// StatusOf returns the status of an invoice.
var StatusOf = statusOf

// Data returns what the invoice keeps.
func (x extra) Data() map[string]string { return x.data() }

// Invoice returns an invoice as its merchant sees it.
func (v View) Invoice(inv invoice.Invoice, now time.Time) invoiceObject { return v.invoice(inv, now) }

// Public returns an invoice as everybody sees it.
func (v View) Public(inv invoice.Invoice, now time.Time) invoiceObject { return v.public(inv, now) }
