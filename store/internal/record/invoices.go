package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cointill/cointill/invoice"
)

// ScanInvoices reads rows with the id and the document of an invoice and the document of one of its payments, or null.
// An invoice comes once for each of its payments, not necessarily in consecutive rows. With an [invoice.DamagedError]
// it returns the invoices that can be read. B is the type in which the driver returns bytes.
func ScanInvoices[B ~[]byte](found Rows) ([]invoice.Invoice, error) {
	var ids []string
	invoices := map[string]*invoice.Invoice{} // nil for what is damaged
	var damaged invoice.DamagedError
	var id string
	var doc, payment B
	for found.Next() {
		if err := found.Scan(&id, &doc, &payment); err != nil {
			return nil, err
		}
		inv, known := invoices[id]
		if known && inv == nil {
			continue
		}
		var err error
		if !known {
			inv = new(invoice.Invoice)
			ids = append(ids, id)
			err = json.Unmarshal(doc, inv)
		}
		if err == nil && payment != nil {
			err = addPayment(inv, payment)
		}
		if err != nil { // an invoice is not usable without all of its payments
			inv = nil
			damaged.Invoices = append(damaged.Invoices, id)
			damaged.Err = cmp.Or(damaged.Err, err)
		}
		invoices[id] = inv
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	var out []invoice.Invoice
	for _, id := range ids {
		if inv := invoices[id]; inv != nil {
			slices.SortFunc(inv.Payments, byKey)
			out = append(out, *inv)
		}
	}
	if len(damaged.Invoices) > 0 {
		return out, &damaged
	}
	return out, nil
}

func addPayment(inv *invoice.Invoice, doc []byte) error {
	var p invoice.Payment
	if err := json.Unmarshal(doc, &p); err != nil {
		return fmt.Errorf("payment: %w", err)
	}
	inv.Payments = append(inv.Payments, p)
	return nil
}

func byKey(a, b invoice.Payment) int {
	return cmp.Or(
		cmp.Compare(a.Key.Network, b.Key.Network),
		cmp.Compare(a.Key.TxID, b.Key.TxID),
		cmp.Compare(a.Key.Index, b.Key.Index))
}

// ScanPayments reads rows with the document of a payment of an invoice. It returns none of them if one is damaged.
func ScanPayments[B ~[]byte](found Rows, id string) ([]invoice.Payment, error) {
	var inv invoice.Invoice
	var doc B
	for found.Next() {
		if err := found.Scan(&doc); err != nil {
			return nil, err
		}
		if err := addPayment(&inv, doc); err != nil {
			return nil, &invoice.DamagedError{Invoices: []string{id}, Err: err}
		}
	}
	return inv.Payments, found.Err()
}
