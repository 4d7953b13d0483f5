package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// sealedStore seals the Data of invoices, and the Secret of messages that are committed. The other methods are those of
// the store behind it, which read nothing that is sealed.
type sealedStore struct {
	invoice.Store
	box box
}

// Commit implements [invoice.Store].
func (s sealedStore) Commit(ctx context.Context, b invoice.Batch) error {
	for _, list := range []*[]invoice.Invoice{&b.Insert, &b.Update} {
		*list = slices.Clone(*list)
		for i, inv := range *list {
			sealed, err := sealData(s.box, inv)
			if err != nil {
				return fmt.Errorf("store: commit: %w", err)
			}
			(*list)[i] = sealed
		}
	}
	b.Messages = slices.Clone(b.Messages)
	for i, m := range b.Messages {
		sealed, err := sealMessage(s.box, m)
		if err != nil {
			return fmt.Errorf("store: commit: %w", err)
		}
		b.Messages[i] = sealed
	}
	return s.Store.Commit(ctx, b)
}

// sealedData is the name of the only entry of Data that is sealed.
const sealedData = "sealed"

func ownerOfData(id string) string { return id + "\x00data" }

// sealData returns the invoice with its Data sealed as a whole, so that the names are hidden as well. An invoice
// without Data is returned as it is.
func sealData(b box, inv invoice.Invoice) (invoice.Invoice, error) {
	data, err := sealTexts(b, ownerOfData(inv.ID), inv.Data)
	if err != nil {
		return inv, fmt.Errorf("data of invoice %s: %w", inv.ID, err)
	}
	inv.Data = data
	return inv, nil
}

// openData returns the invoice with its Data in plain text.
func openData(b box, inv invoice.Invoice) (invoice.Invoice, error) {
	data, err := openTexts(b, ownerOfData(inv.ID), inv.Data)
	if err != nil {
		return invoice.Invoice{}, fmt.Errorf("data of invoice %s: %w", inv.ID, err)
	}
	inv.Data = data
	return inv, nil
}

// sealTexts seals texts as one.
func sealTexts(b box, owner string, texts map[string]string) (map[string]string, error) {
	if len(texts) == 0 {
		return texts, nil
	}
	doc, err := json.Marshal(texts)
	if err != nil {
		return nil, err
	}
	sealed, err := b.seal(owner, string(doc))
	if err != nil {
		return nil, err
	}
	return map[string]string{sealedData: sealed}, nil
}

// openTexts returns texts in plain text.
func openTexts(b box, owner string, texts map[string]string) (opened map[string]string, err error) {
	sealed, is := sealedIn(texts)
	if !is {
		return texts, nil
	}
	doc, err := b.open(owner, sealed)
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal([]byte(doc), &opened)
	return opened, err
}

// sealedIn returns the sealed text, and reports whether there is one. Otherwise the texts are in plain text, or there are
// none.
func sealedIn(texts map[string]string) (string, bool) {
	text, has := texts[sealedData]
	return text, has && len(texts) == 1 && isSealed(text)
}

// one opens an invoice.
func (s sealedStore) one(inv invoice.Invoice, err error) (invoice.Invoice, error) {
	if err != nil {
		return inv, err
	}
	opened, err := openData(s.box, inv)
	if err != nil {
		return invoice.Invoice{}, &invoice.DamagedError{Invoices: []string{inv.ID}, Err: fmt.Errorf("store: %w", err)}
	}
	return opened, nil
}

// many opens invoices. Those that cannot be opened are damaged, like those that the store could not read.
func (s sealedStore) many(list []invoice.Invoice, err error) ([]invoice.Invoice, error) {
	var damaged *invoice.DamagedError
	if err != nil && !errors.As(err, &damaged) {
		return list, err
	}
	var failed *invoice.DamagedError
	out := list[:0]
	for _, inv := range list {
		opened, bad := openData(s.box, inv)
		switch {
		case bad == nil:
			out = append(out, opened)
		case failed == nil:
			failed = &invoice.DamagedError{Invoices: []string{inv.ID}, Err: fmt.Errorf("store: %w", bad)}
		default:
			failed.Invoices = append(failed.Invoices, inv.ID)
		}
	}
	switch {
	case failed == nil:
		return out, err
	case damaged == nil:
		return out, failed
	}
	return out, &invoice.DamagedError{Invoices: slices.Concat(damaged.Invoices, failed.Invoices), Err: damaged.Err}
}

// Invoice implements [invoice.Reader].
func (s sealedStore) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return s.one(s.Store.Invoice(ctx, id))
}

// InvoiceByOrder implements [invoice.Reader].
func (s sealedStore) InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error) {
	return s.one(s.Store.InvoiceByOrder(ctx, project, orderID))
}

// Invoices implements [invoice.Reader].
func (s sealedStore) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	page, err := s.Store.Invoices(ctx, q)
	page.Invoices, err = s.many(page.Invoices, err)
	return page, err
}

// InvoicesAt implements [invoice.Reader].
func (s sealedStore) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	return s.many(s.Store.InvoicesAt(ctx, places))
}

// InvoicesPaid implements [invoice.Reader].
func (s sealedStore) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	return s.many(s.Store.InvoicesPaid(ctx, q))
}

// PaidInvoices implements [invoice.PaidLister].
func (s sealedStore) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	lister, lists := s.Store.(invoice.PaidLister)
	if !lists {
		return nil, unsupported("PaidInvoices")
	}
	return s.many(lister.PaidInvoices(ctx, after, limit))
}

// HeldSlots implements [invoice.SlotLister].
func (s sealedStore) HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error) {
	lister, lists := s.Store.(invoice.SlotLister)
	if !lists {
		return nil, unsupported("HeldSlots")
	}
	return lister.HeldSlots(ctx, network, address, first, last, limit)
}

// WithTx implements [invoice.Transactor]: what is sealed outside of a transaction is sealed within it.
func (s sealedStore) WithTx(tx any) (invoice.Store, error) {
	transactor, able := s.Store.(invoice.Transactor)
	if !able {
		return nil, unsupported("WithTx")
	}
	within, err := transactor.WithTx(tx)
	if err != nil {
		return nil, err
	}
	books, able := within.(payout.Store)
	if !able {
		return sealedStore{within, s.box}, nil
	}
	return sealedHosted{sealedStore{within, s.box}, sealedPayouts{books, s.box}}, nil
}

// sealedHosted is the sealed store within a transaction of the host.
type sealedHosted struct {
	sealedStore
	payouts
}

// unsupported returns the error of an optional method that the sealed store lacks.
func unsupported(method string) error {
	return fmt.Errorf("store: the sealed store has no %s: %w", method, errors.ErrUnsupported)
}

// InvoicesWaking implements [invoice.Reader].
func (s sealedStore) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	return s.many(s.Store.InvoicesWaking(ctx, network, head, limit))
}
