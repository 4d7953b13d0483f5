package sepa_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout/sepa"
)

func TestTARGETIsClosedOnItsHolidays(t *testing.T) {
	for _, c := range []struct{ date, next, why string }{
		{"2024-03-28", "2024-03-28", "a Thursday"},
		{"2024-03-29", "2024-04-02", "Good Friday to Easter Monday"},
		{"2025-04-18", "2025-04-22", "Good Friday to Easter Monday"},
		{"2026-04-03", "2026-04-07", "Good Friday to Easter Monday"},
		{"2027-03-26", "2027-03-30", "Good Friday to Easter Monday"},
		{"2028-04-14", "2028-04-18", "Good Friday to Easter Monday"},
		{"2038-04-23", "2038-04-27", "the latest Easter there can be"},
		{"2008-03-21", "2008-03-25", "nearly the earliest"},
		{"2026-04-02", "2026-04-02", "Maundy Thursday is a business day"},
		{"2026-05-14", "2026-05-14", "Ascension is a business day"},
		{"2026-05-25", "2026-05-25", "Whit Monday is a business day"},
		{"2026-10-03", "2026-10-05", "a Saturday"},
		{"2025-10-03", "2025-10-03", "the day of German unity is a business day"},
		{"2026-05-01", "2026-05-04", "1 May, a Friday"},
		{"2026-12-24", "2026-12-24", "Christmas Eve is a business day"},
		{"2026-12-25", "2026-12-28", "Christmas, a Friday"},
		{"2023-12-25", "2023-12-27", "Christmas, a Monday"},
		{"2026-12-31", "2026-12-31", "New Year's Eve is a business day"},
		{"2027-01-01", "2027-01-04", "New Year, a Friday"},
		{"2025-01-01", "2025-01-02", "New Year, a Wednesday"},
	} {
		date, err := time.Parse(time.DateOnly, c.date)
		require.NoError(t, err)
		require.Equal(t, c.next, sepa.NextBusinessDay(date).Format(time.DateOnly), c.why)
	}
}

func TestTheDayIsThatOfTheArgumentsOwnLocation(t *testing.T) {
	east := time.FixedZone("east", 9*3600)
	got := sepa.NextBusinessDay(time.Date(2026, 12, 1, 1, 30, 0, 0, east)) // still 30 November in UTC
	require.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), got)
}

func TestANextBusinessDayIsItsOwnNext(t *testing.T) {
	day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	closed := map[int]int{}
	for ; day.Year() < 2040; day = day.AddDate(0, 0, 1) {
		next := sepa.NextBusinessDay(day)
		require.Equal(t, next, sepa.NextBusinessDay(next))
		require.Less(t, next.Sub(day), 6*24*time.Hour)
		if !next.Equal(day) && day.Weekday() != time.Saturday && day.Weekday() != time.Sunday {
			closed[day.Year()]++
		}
	}
	for year, n := range closed {
		require.GreaterOrEqual(t, n, 3, year) // the two of Easter are never on a weekend
		require.LessOrEqual(t, n, 6, year)
	}
}
