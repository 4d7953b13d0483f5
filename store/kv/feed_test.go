package kv_test

import (
	"bytes"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/damagetest"
	"github.com/cointill/cointill/store/kv"
	"github.com/stretchr/testify/require"
)

func TestADamagedEventStopsNothingButItself(t *testing.T) {
	db := &sorted{}
	s := kv.New(db)
	b := invoice.Batch{
		Insert: []invoice.Invoice{newInvoice("a")}, Events: damagetest.Events(invoice.Event{ID: "e", Invoice: "a", At: at, Body: []byte("{}")}),
	}
	require.NoError(t, s.Commit(t.Context(), b))
	var records []*pair
	for i, p := range db.pairs {
		if bytes.HasPrefix(p.value, []byte(`{"ID":"e"`)) {
			records = append(records, &db.pairs[i])
		}
	}
	require.Len(t, records, len(b.Events))
	records[2].value = records[2].value[:len(records[2].value)-1]
	records[3].value = records[6].value // of another position
	records[4].value = []byte("?")
	records[7].value = bytes.ReplaceAll(records[7].value, []byte("2031"), []byte("MMXX"))
	damagetest.Feed(t, s, "a")
}

// A payment that cannot be read makes its invoice one that cannot; a settled one only where it is asked for.
func TestADamagedPaymentIsOfADamagedInvoice(t *testing.T) {
	db := &sorted{}
	s := kv.New(db)
	insert(t, s, "a", "b")
	open, settled := payment("a", "open"), payment("b", "settled")
	settled.Settled = true
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{Payments: []invoice.Payment{open, settled, payment("b", "whole")}}))
	for i, p := range db.pairs {
		if bytes.HasPrefix(p.value, []byte(`{"key":{"Network":"sim:1","TxID":"open"`)) || bytes.HasPrefix(p.value, []byte(`{"key":{"Network":"sim:1","TxID":"settled"`)) {
			db.pairs[i].value = p.value[:len(p.value)-1]
		}
	}
	named := func(err error, ids ...string) {
		t.Helper()
		var damaged *invoice.DamagedError
		require.ErrorAs(t, err, &damaged)
		require.Equal(t, ids, damaged.Invoices)
	}
	_, err := s.Invoice(t.Context(), "a")
	named(err, "a")
	inv, err := s.Invoice(t.Context(), "b")
	require.NoError(t, err)
	require.Len(t, inv.Payments, 1)
	page, err := s.Invoices(t.Context(), invoice.Query{Limit: 9})
	named(err, "a")
	require.Len(t, page.Invoices, 1)
	found, err := s.InvoicesPaid(t.Context(), invoice.PaymentQuery{Network: "sim:1", TxID: "settled"})
	named(err, "b")
	require.Empty(t, found)
	_, err = s.Payments(t.Context(), "b", settled.Key, 9)
	require.NoError(t, err, "a page without it")
	_, err = s.Payments(t.Context(), "b", open.Key, 9)
	named(err, "b")
}
