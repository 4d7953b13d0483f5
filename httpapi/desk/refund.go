package desk

import (
	"context"
	"errors"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

// planRefund plans to give back what an invoice brought: first what and to whom, then with what fee.
func planRefund(v *visit) (*deed, error) {
	inv, err := v.oneInvoice()
	if err != nil {
		return nil, err
	}
	credit, err := v.cfg.Payouts.Credit(v.ctx(), inv.Project, inv.ID)
	if err != nil {
		return nil, err
	}
	d := v.invoiceDeed(inv)
	d.title, d.danger = "Give money back", true
	if known, err := v.storedRefund(d, inv.Project); known || err != nil {
		return d, err
	}
	choices := v.refundChoices(inv, credit)
	if len(choices) == 0 {
		d.refused = "Nothing is left to be refunded. Money can be given back once the ledger has booked it, which is when it is deep enough in the chain."
		return d, nil
	}
	r, problem := refundRequest(v, inv)
	if problem != "" || v.query("what") == "" || v.query("edit") != "" {
		v.askRefund(d, choices, problem)
		return d, nil
	}
	p, err := v.cfg.Payouts.QuoteRefund(v.ctx(), r)
	if err != nil {
		text, known := refusal(err)
		if !known {
			return nil, err
		}
		v.askRefund(d, choices, text)
		return d, nil
	}
	v.confirmRefund(d, r, p)
	return d, nil
}

// storedRefund reports whether the form asks again for a refund that was stored although its answer was lost, and then lets
// the deed lead to it. Without that, what is left to be refunded would be without it.
func (v *visit) storedRefund(d *deed, project string) (bool, error) {
	key := v.query("key")
	if !onceForm.MatchString(key) {
		return false, nil
	}
	p, err := v.cfg.Payouts.PayoutByKey(v.ctx(), project, "desk-"+key)
	if errors.Is(err, payout.ErrNotFound) {
		return false, nil
	}
	d.button = "Show the refund"
	d.do = func(context.Context, string, string) (done, error) {
		return done{after: payoutFacts(p), path: "payouts/" + p.ID}, nil
	}
	return true, err
}

// refundRequest reads what is to be given back, and what is wrong with it.
func refundRequest(v *visit, inv invoice.Invoice) (payout.RefundRequest, string) {
	r := payout.RefundRequest{Project: inv.Project, Invoice: inv.ID, To: v.query("to"), Requester: v.person.ID}
	how, asset, _ := strings.Cut(v.query("what"), " ")
	r.Asset, r.Over = chain.AssetID(asset), how == "over"
	if text := v.query("amount"); text != "" {
		n, err := decimal.NewFromString(text)
		if err != nil || len(text) > 60 || !n.IsPositive() {
			return r, "The amount must be a positive number."
		}
		r.Units, r.Over = n, false
	}
	if len(r.To) > 255 || !clean(r.To) {
		return r, "The receiver is no address."
	}
	return r, ""
}

func (v *visit) askRefund(d *deed, choices []option, problem string) {
	for i := range choices {
		choices[i].Chosen = choices[i].Value == v.query("what")
	}
	d.more, d.button = true, "Continue"
	d.text = "What was held is given back whole. Everything else comes from the project's available balance. The next page shows the fee and asks you to confirm."
	if problem != "" {
		d.warnings = append(d.warnings, problem)
	}
	d.fields = []field{
		{Name: "what", Label: "What to give back", Kind: "select", Options: choices, Required: true},
		{Name: "amount", Label: "Another amount", Kind: "text", Value: v.query("amount"), Help: "In the asset's own unit. Leave it empty for the choice above."},
		{Name: "to", Label: "Receiver", Kind: "text", Value: v.query("to"),
			Help: "The address that the payer named. Leave it empty to get a claim, with which the payer names it. " +
				"The sender's address is never used: it may belong to an exchange."},
	}
}

func (v *visit) confirmRefund(d *deed, r payout.RefundRequest, p payout.Payout) {
	d.button = "Give back " + v.amount(p.Asset.ID, p.Units)
	to := string(p.To)
	if to == "" {
		to = "whom the payer names with a claim"
	}
	d.text = "The refund is reserved now, and paid like any other payout."
	d.facts = append(d.facts,
		fact{Name: "Amount", Value: v.amount(p.Asset.ID, p.Units)}, fact{Name: "Network", Value: v.networkName(p.Asset.ID.Network())},
		fact{Name: "Receiver", Value: to, Code: true}, fact{Name: "From", Value: accountName(p.Source)},
		fact{Name: "Greatest fee", Value: v.amount(p.FeeAsset, p.Fee)}, fact{Name: "Fee paid by", Value: v.payerName(p)})
	for _, name := range []string{"what", "amount", "to"} {
		d.hidden = append(d.hidden, field{Name: name, Value: v.query(name)})
	}
	d.warnings = append(d.warnings, v.keyWarning(d.project)...)
	d.do = func(ctx context.Context, reason, key string) (done, error) {
		r.Key, r.Comment = "desk-"+key, clip(reason, 255)
		p, token, err := v.cfg.Payouts.Refund(ctx, r)
		if err != nil {
			return done{}, err
		}
		out := done{after: payoutFacts(p), path: "payouts/" + p.ID}
		if token != "" {
			out.text = "Give this to the payer, and to nobody else: who has it names the receiver. It is shown only now."
			out.shown = []fact{{Name: "Claim", Value: token, Code: true}}
			if v.cfg.ClaimPage != nil {
				out.shown = append(out.shown, fact{Name: "Page to claim it", Value: v.cfg.ClaimPage(token), Code: true})
			}
		}
		return out, nil
	}
}
