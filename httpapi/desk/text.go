package desk

import (
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// clean reports whether a text is valid and has no control characters but those of lines.
func clean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' })
}

// clip returns the beginning of a text, of at most n bytes. It cuts between characters; what is no text, it cuts
// anywhere.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const dots = "…"
	n -= len(dots)
	for range utf8.UTFMax - 1 { // more continuation bytes are no text
		if utf8.RuneStart(s[n]) {
			break
		}
		n--
	}
	return s[:n] + dots
}

// orZero returns n, or 0 for nil.
func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}

// amount returns units of an asset for people, with its code; nil is 0.
func (d *Desk) amount(asset chain.AssetID, units *big.Int) string {
	a, known := d.byID[asset]
	if !known {
		return orZero(units).String() + " base units of " + string(asset)
	}
	return a.Decimal(units).String() + " " + a.Code
}

// quoted returns units of the asset of a quote for people, without its code; nil is 0.
func quoted(q invoice.Quote, units *big.Int) string { return q.Asset.Decimal(units).String() }

// price returns a price for people.
func (d *Desk) price(p invoice.Price) string {
	if p.Currency == "" {
		return ""
	}
	if decimals, fiat := d.cfg.Invoices.FiatDecimals(p.Currency); fiat {
		return p.Amount.StringFixed(max(decimals, -p.Amount.Exponent())) + " " + p.Currency
	}
	return p.Amount.String() + " " + p.Currency
}

// day and moment are the forms in which times are shown.
const (
	day    = "2006-01-02"
	moment = "2006-01-02 15:04:05"
)

// ago returns how long ago something was, roughly.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + roughly(-d)
	case d < 5*time.Second:
		return "just now"
	}
	return roughly(d) + " ago"
}

func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// counted returns a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// capital returns a text of ASCII that is not empty with a capital letter at its beginning.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// words returns an identifier such as paid_partial as words.
func words(id string) string { return strings.ReplaceAll(id, "_", " ") }

// parseUnits parses base units.
func parseUnits(s string) (*big.Int, bool) {
	if len(s) > 100 {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

// shownURL returns a URL without what may be secret in it: its user and its query.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "a URL that cannot be read"
	}
	u.User, u.Fragment = nil, ""
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}
