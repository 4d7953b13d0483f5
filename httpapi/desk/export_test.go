package desk

import (
	"math/big"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Row is a row of the table of routes.
type Row struct {
	Method, Pattern string
	Least           Role
	Payouts, Outbox bool // what it needs; of banks, payouts
	All, Fresh      bool
}

// Rows returns the table of routes.
func Rows() []Row {
	var out []Row
	for _, r := range routes() {
		out = append(out, Row{r.method, r.pattern, r.least, r.needs == needsPayouts || r.needs == needsBanks, r.needs == needsOutbox, r.all, r.fresh})
	}
	return out
}

// Explanation is what explain returns, as texts.
type Explanation struct {
	Tone, Title string
	Why, Acts   []string
}

// Explain calls explain, with what the ledger has of the invoice: nil for nothing.
func Explain(inv invoice.Invoice, now time.Time, refundable, over *big.Int) Explanation {
	e := explain(inv, situation{now: now, refunds: refundable != nil, refundable: refundable, over: over})
	out := Explanation{Tone: string(e.Tone), Title: e.Title, Why: e.Why}
	for _, o := range e.Offers {
		out.Acts = append(out.Acts, o.Act)
	}
	return out
}

// Clip calls clip.
func Clip(s string, n int) string { return clip(s, n) }

// LookedAt returns what the home page says of the invoices that it looked at.
func LookedAt(asked int, bounded bool) string { return lookedAt(asked, bounded) }

// Bounds of an act on all that an endpoint was not told.
const (
	ResendSeen = resendSeen
	ResendTime = resendTime
)

// Signable is signable.
var Signable = signable
