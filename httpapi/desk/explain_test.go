package desk_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// invoiceOf returns an invoice of 100 units in a state.
func invoiceOf(status invoice.Status, change func(*invoice.Invoice)) invoice.Invoice {
	inv := invoice.Invoice{
		ID: "1", CreatedAt: start, Deadline: start.Add(30 * time.Minute), Terms: invoice.Terms{Late: invoice.LateHold, Other: invoice.OtherAccept},
		Quote: &invoice.Quote{Asset: chain.Asset{ID: "sim:1/slip44:1", Code: "SIM"}, Due: big.NewInt(100)},
		State: invoice.State{Status: status},
	}
	if change != nil {
		change(&inv)
	}
	return inv
}

// holds sets what arrived, what counts of it, and what is confirmed.
func holds(received, counted, confirmed int64, o invoice.Outcome) func(*invoice.Invoice) {
	return func(inv *invoice.Invoice) {
		inv.State.Received, inv.State.Counted, inv.State.Confirmed = big.NewInt(received), big.NewInt(counted), big.NewInt(confirmed)
		inv.State.Outcome = o
	}
}

func closed(change func(*invoice.Invoice)) func(*invoice.Invoice) {
	return func(inv *invoice.Invoice) {
		if change != nil {
			change(inv)
		}
		inv.State.Closed = true
	}
}

func done(kind invoice.ActionKind, change func(*invoice.Invoice)) func(*invoice.Invoice) {
	return func(inv *invoice.Invoice) {
		if change != nil {
			change(inv)
		}
		inv.Actions = append(inv.Actions, invoice.Action{N: 1, Kind: kind, At: start, Actor: "ann"})
	}
}

func TestAnInvoiceIsExplainedWithTheActsThatFit_O1(t *testing.T) {
	early, late := start.Add(time.Minute), start.Add(time.Hour)
	nothing, some, none := (*big.Int)(nil), big.NewInt(50), big.NewInt(0)
	for name, c := range map[string]struct {
		inv              invoice.Invoice
		now              time.Time
		refundable, over *big.Int
		tone, title      string
		why              string // a part of it
		acts             string
	}{
		"new":                    {invoiceOf(invoice.StatusNew, nil), early, nothing, nothing, "idle", "Waiting for payment", "100 SIM is due, and nothing that counts was seen. It expires in 29 min.", "complete cancel expire"},
		"new and over its time":  {invoiceOf(invoice.StatusNew, nil), late, nothing, nothing, "idle", "Waiting for payment", "the network lags", "complete cancel expire"},
		"no asset chosen":        {invoiceOf(invoice.StatusNew, func(i *invoice.Invoice) { i.Quote = nil }), early, nothing, nothing, "idle", "Waiting for a choice of asset", "no address yet", "complete cancel expire"},
		"deposits":               {invoiceOf(invoice.StatusNew, func(i *invoice.Invoice) { i.Terms.Standing = true }), late, nothing, nothing, "idle", "Open for deposits", "no deadline", "cancel"},
		"pending":                {invoiceOf(invoice.StatusPending, holds(100, 100, 0, invoice.OutcomeExact)), early, nothing, nothing, "wait", "Paid, waiting for confirmations", "0 SIM confirmed of 100 SIM due", "complete"},
		"partial and open":       {invoiceOf(invoice.StatusPaidPartial, holds(40, 40, 40, invoice.OutcomeUnder)), early, some, nothing, "warn", "Part of it is paid", "60 SIM is missing", "complete refund cancel"},
		"partial and closed":     {invoiceOf(invoice.StatusPaidPartial, closed(holds(40, 40, 40, invoice.OutcomeUnder))), late, some, nothing, "warn", "Paid too little", "40 SIM of 100 SIM arrived before it closed", "complete refund cancel archive"},
		"partial, unconfirmed":   {invoiceOf(invoice.StatusPaidPartial, closed(holds(40, 40, 0, invoice.OutcomeUnder))), late, nothing, nothing, "warn", "Paid too little", "Not all of it is deep enough", "complete cancel archive"},
		"partial, the rest late": {invoiceOf(invoice.StatusPaidPartial, closed(holds(100, 40, 40, invoice.OutcomeUnder|invoice.OutcomeLate))), late, some, nothing, "warn", "Paid too little", "60 SIM came after the deadline and does not count", "accept-late complete refund cancel archive"},
		"exact":                  {invoiceOf(invoice.StatusCompleted, closed(holds(100, 100, 100, invoice.OutcomeExact))), late, some, none, "good", "Paid", "100 SIM is confirmed", "refund archive"},
		"exact without a ledger": {invoiceOf(invoice.StatusCompleted, closed(holds(100, 100, 100, invoice.OutcomeExact))), late, nothing, nothing, "good", "Paid", "100 SIM is confirmed", "archive"},
		"over":                   {invoiceOf(invoice.StatusCompleted, closed(holds(150, 150, 150, invoice.OutcomeOver))), late, big.NewInt(150), some, "warn", "Paid too much", "50 SIM more than was due has not been given back", "refund archive"},
		"over and given back":    {invoiceOf(invoice.StatusCompleted, closed(holds(150, 150, 150, invoice.OutcomeOver))), late, big.NewInt(100), none, "good", "Paid too much", "The surplus of 50 SIM was given back", "refund archive"},
		"over without a ledger":  {invoiceOf(invoice.StatusCompleted, closed(holds(150, 150, 150, invoice.OutcomeOver))), late, nothing, nothing, "warn", "Paid too much", "50 SIM more than was due arrived", "archive"},
		"by hand":                {invoiceOf(invoice.StatusCompleted, closed(done(invoice.ActionComplete, holds(40, 40, 40, invoice.OutcomeUnder)))), late, nothing, nothing, "good", "Taken as paid by an operator", "40 SIM of 100 SIM", "archive"},
		"reverted":               {invoiceOf(invoice.StatusCompleted, closed(holds(0, 0, 0, invoice.OutcomeReverted))), late, nothing, nothing, "bad", "Completed, and then taken back by the chain", "may have lost them", "archive"},
		"late accepted":          {invoiceOf(invoice.StatusCompleted, closed(done(invoice.ActionAcceptLate, holds(100, 100, 100, invoice.OutcomeExact|invoice.OutcomeLate)))), late, nothing, nothing, "good", "Paid", "after the deadline, and counts", "archive"},
		"expired":                {invoiceOf(invoice.StatusExpired, closed(holds(0, 0, 0, 0))), late, none, none, "idle", "Expired", "Nothing arrived in time.", "complete reopen requote archive"},
		"expired, and late":      {invoiceOf(invoice.StatusExpired, closed(holds(100, 0, 0, invoice.OutcomeLate))), late, some, nothing, "warn", "Expired, and money came late", "100 SIM came after the deadline and does not count", "accept-late complete refund reopen archive"},
		"cancelled":              {invoiceOf(invoice.StatusCancelled, closed(done(invoice.ActionCancel, nil))), late, nothing, nothing, "idle", "Cancelled", "no longer wants", "reopen archive"},
		"cancelled, and paid":    {invoiceOf(invoice.StatusCancelled, closed(done(invoice.ActionCancel, holds(100, 0, 0, 0)))), late, some, nothing, "warn", "Cancelled, and money came", "100 SIM arrived in all", "refund reopen archive"},
		"cancelled and released": {invoiceOf(invoice.StatusCancelled, closed(func(i *invoice.Invoice) { i.State.ReleasedAt = start })), late, nothing, nothing, "idle", "Cancelled", "", "archive"},
		"archived":               {invoiceOf(invoice.StatusArchived, closed(holds(100, 0, 0, invoice.OutcomeLate))), late, some, nothing, "idle", "Archived", "It is a record", "refund"},
		"other asset, counted":   {invoiceOf(invoice.StatusCompleted, closed(holds(100, 100, 100, invoice.OutcomeExact|invoice.OutcomeOtherAsset))), late, nothing, nothing, "good", "Paid", "counts for what it was worth", "archive"},
		"other asset that waits": {invoiceOf(invoice.StatusExpired, closed(func(i *invoice.Invoice) {
			holds(100, 0, 0, invoice.OutcomeOtherAsset)(i)
			i.Terms.Other = invoice.OtherHold
		})), late, nothing, nothing, "warn", "Expired, and money came late", "does not count for this invoice", "complete reopen archive"},
		"late money on a new one": {invoiceOf(invoice.StatusNew, holds(100, 0, 0, invoice.OutcomeLate)), late, nothing, nothing, "warn", "Waiting for payment", "some of it late", "accept-late complete cancel expire"},
	} {
		t.Run(name, func(t *testing.T) {
			got := desk.Explain(c.inv, c.now, c.refundable, c.over)
			require.Equal(t, []string{c.tone, c.title, c.acts}, []string{got.Tone, got.Title, strings.Join(got.Acts, " ")}, got.Why)
			require.Contains(t, strings.Join(got.Why, " "), c.why)
			require.NotEmpty(t, got.Why)
		})
	}
}

// What explain offers is what the service does, for every status that the service can reach.
func TestWhatIsOfferedIsNotRefused_O1(t *testing.T) {
	for _, name := range []string{"accept-late", "complete", "reopen", "requote", "cancel", "expire", "archive"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			furnish(w)
			tried := 0
			for _, inv := range w.all() {
				page := w.page("/invoices/" + inv.ID)
				if !strings.Contains(page, `data-act="`+name+`"`) {
					require.NotEqual(t, 303, w.act("/invoices/"+inv.ID+"/"+name, "try").Code, "what is not offered is refused")
					continue
				}
				tried++
				w.acted(w.act("/invoices/"+inv.ID+"/"+name, "it fits"))
			}
			require.NotZero(t, tried)
		})
	}
}
