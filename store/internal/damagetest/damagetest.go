// Package damagetest proves that a store reads past what is damaged. The test of each store damages the rows.
package damagetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/cointill/cointill/invoice"
)

// Events returns the events that [Feed] expects in the feed, at the positions from 1 on, made of the first.
func Events(first invoice.Event) []invoice.Event {
	all := make([]invoice.Event, 8)
	for i := range all {
		all[i] = first
		all[i].Seq = int64(i + 1)
	}
	return all
}

// Damaged returns the positions of the events that must be damaged for [Feed].
func Damaged() []int64 { return []int64{3, 4, 5, 8} }

// Feed proves that a damaged event stops nothing but itself. All events belong to one invoice.
func Feed(t *testing.T, s invoice.Reader, id string) {
	t.Helper()
	for _, c := range []struct {
		after          int64
		limit          int
		found, damaged []int64
	}{
		{0, 2, []int64{1, 2}, nil},
		{2, 1, []int64{6}, []int64{3, 4, 5}},
		{1, 3, []int64{2, 6, 7}, []int64{3, 4, 5}},
		{0, 100, []int64{1, 2, 6, 7}, []int64{3, 4, 5, 8}},
		{7, 100, nil, []int64{8}},
		{8, 100, nil, nil},
	} {
		events, err := s.Events(t.Context(), c.after, c.limit)
		check(t, events, err, c.found, c.damaged)
	}
	events, err := s.InvoiceEvents(t.Context(), id, 0)
	check(t, events, err, []int64{1, 2, 6, 7}, Damaged())
}

// check compares the positions of the events, and those that the error names.
func check(t *testing.T, events []invoice.Event, err error, found, damaged []int64) {
	t.Helper()
	var got []int64
	for _, ev := range events {
		got = append(got, ev.Position)
	}
	if !slices.Equal(got, found) {
		t.Errorf("got the events at %v, want %v", got, found)
	}
	if damaged == nil {
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	var named *invoice.DamagedEventsError
	if !errors.As(err, &named) {
		t.Fatalf("got %v, want the damaged events", err)
	}
	slices.Sort(named.Positions)
	if !slices.Equal(named.Positions, damaged) || named.Err == nil {
		t.Errorf("the error names %v (%v), want %v", named.Positions, named.Err, damaged)
	}
}
