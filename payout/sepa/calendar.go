package sepa

import "time"

// NextBusinessDay returns the first business day of TARGET that is not before the date: the date itself, if it is one. Of
// the argument, year, month and day in its own location count; the result is midnight in UTC. Ordinary credit transfers are
// executed on these days only, instant ones on every day.
//
// TARGET is closed on Saturdays, Sundays, New Year's Day, Good Friday, Easter Monday, 1 May, 25 and 26 December (the European
// Central Bank's long-term calendar, in force since 2002).
func NextBusinessDay(date time.Time) time.Time {
	day := dayOf(date)
	for holiday(day) {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

// dayOf returns midnight in UTC of the day that a time has in its own location.
func dayOf(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func holiday(day time.Time) bool {
	if weekday := day.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		return true
	}
	switch _, month, date := day.Date(); {
	case month == time.January && date == 1, month == time.May && date == 1, month == time.December && (date == 25 || date == 26):
		return true
	}
	sunday := easter(day.Year())
	return day.Equal(sunday.AddDate(0, 0, -2)) || day.Equal(sunday.AddDate(0, 0, 1))
}

// easter returns Easter Sunday of the Gregorian calendar, by the computus that Meeus gives in "Astronomical Algorithms",
// chapter 8, with its names.
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}
