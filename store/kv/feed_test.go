package kv_test

import (
	"bytes"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/kv"
	"github.com/stretchr/testify/require"
)

// positions are those of the events that could be read.
func positions(events []invoice.Event) []int64 {
	var out []int64
	for _, ev := range events {
		out = append(out, ev.Position)
	}
	return out
}

func TestADamagedEventStopsNothingButItself(t *testing.T) {
	db := &sorted{}
	s := kv.New(db)
	b := invoice.Batch{Insert: []invoice.Invoice{newInvoice("a")}}
	for seq := int64(1); seq <= 8; seq++ {
		b.Events = append(b.Events, invoice.Event{ID: "e", Invoice: "a", Seq: seq, At: at})
	}
	require.NoError(t, s.Commit(t.Context(), b))
	var records []*pair
	for i, p := range db.pairs {
		if bytes.HasPrefix(p.value, []byte(`{"ID":"e"`)) {
			records = append(records, &db.pairs[i])
		}
	}
	require.Len(t, records, 8)
	records[2].value = records[2].value[:10]
	records[3].value = records[6].value // of another position
	records[4].value = []byte("?")
	records[7].value = bytes.ReplaceAll(records[7].value, []byte("2031"), []byte("MMXX"))
	page := func(after int64, limit int, found, damaged []int64) {
		t.Helper()
		events, err := s.Events(t.Context(), after, limit)
		require.Equal(t, found, positions(events))
		if damaged == nil {
			require.NoError(t, err)
			return
		}
		var named *invoice.DamagedEventsError
		require.ErrorAs(t, err, &named)
		require.Equal(t, damaged, named.Positions)
	}
	page(0, 2, []int64{1, 2}, nil)
	page(2, 1, []int64{6}, []int64{3, 4, 5})
	page(0, 100, []int64{1, 2, 6, 7}, []int64{3, 4, 5, 8})
	page(7, 100, nil, []int64{8})
	page(8, 100, nil, nil)
	events, err := s.InvoiceEvents(t.Context(), "a")
	var named *invoice.DamagedEventsError
	require.ErrorAs(t, err, &named)
	require.Equal(t, []int64{3, 4, 5, 8}, named.Positions)
	require.Equal(t, []int64{1, 2, 6, 7}, positions(events))
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
	found, err := s.InvoicesPaidIn(t.Context(), "sim:1", "settled")
	named(err, "b")
	require.Empty(t, found)
	_, err = s.Payments(t.Context(), "b", settled.Key, 9)
	require.NoError(t, err, "a page without it")
	_, err = s.Payments(t.Context(), "b", open.Key, 9)
	named(err, "b")
}
