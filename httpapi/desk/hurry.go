package desk

import (
	"context"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

// hurriable reports whether it is of use to ask whether a transaction can be hurried.
func hurriable(t payout.Transaction) bool {
	return t.Stage == payout.StageSigned && t.Last().Signed() && t.Mined < 0
}

// planHurry plans to give a transaction another fee: first which one, then with what it costs.
func planHurry(v *visit) (*deed, error) {
	d, t, err := v.transactionDeed()
	if err != nil {
		return nil, err
	}
	d.title, d.button = "Hurry the transaction", "Continue"
	terms, err := v.cfg.Payouts.HurryTerms(v.ctx(), t.ID)
	if err != nil {
		text, known := v.feeRefusal(err)
		if !known {
			return nil, err
		}
		d.refused = text
		return d, nil
	}
	d.facts = append(d.facts, v.termsOfHurry(terms)...)
	d.before["fee"] = v.amount(terms.Asset, terms.Present)
	fee, problem := v.feeOf(terms.Asset, v.query("fee"))
	if v.query("confirm") == "" || problem != "" {
		v.askFee(d, terms, problem)
		return d, nil
	}
	v.confirmFee(d, terms, fee)
	return d, nil
}

// termsOfHurry returns what an operator may choose.
func (v *visit) termsOfHurry(h payout.HurryTerms) []fact {
	way := "its next version has another fee, and takes the place of those before it"
	if h.Bump {
		way = "another transaction spends its change and pays for both; the operator's float bears it"
	}
	return []fact{
		{Name: "How", Value: way}, {Name: "Present fee", Value: v.amount(h.Asset, h.Present)},
		{Name: "Least that helps", Value: v.amount(h.Asset, h.Least)}, {Name: "Network asks for", Value: v.amount(h.Asset, h.Proposed)},
		{Name: "Cap", Value: v.amount(h.Asset, h.Greatest)},
	}
}

func (v *visit) askFee(d *deed, h payout.HurryTerms, problem string) {
	d.more = true
	d.text = "The next page shows what it costs and asks you to confirm."
	if problem != "" && v.query("confirm") != "" {
		d.warnings = append(d.warnings, problem)
	}
	value := v.query("fee")
	if value == "" {
		value = v.plain(h.Asset, h.Proposed)
	}
	d.fields = []field{{Name: "fee", Label: "Greatest fee", Kind: "text", Value: value, Required: true, Help: fmt.Sprintf(
		"From %s to %s.", v.amount(h.Asset, h.Least), v.amount(h.Asset, h.Greatest))}}
	d.hidden = []field{{Name: "confirm", Value: "1"}}
}

func (v *visit) confirmFee(d *deed, h payout.HurryTerms, fee *big.Int) {
	d.danger, d.button = true, "Pay up to "+v.amount(h.Asset, fee)
	d.text = "The process that pays out makes, signs and sends it. It is made once, also if you send this again."
	d.facts = append(d.facts, fact{Name: "Chosen fee", Value: v.amount(h.Asset, fee)}, fact{Name: "Costs more", Value: v.amount(h.Asset, h.Costs(fee))})
	d.hidden = []field{{Name: "fee", Value: v.query("fee")}, {Name: "confirm", Value: "1"}}
	id := h.Transaction.ID
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		after, err := v.cfg.Payouts.Hurry(ctx, id, fee, v.person.ID)
		if err == nil {
			return done{after: map[string]string{"chosen": v.amount(h.Asset, fee), "versions": fmt.Sprint(len(after.Versions))}}, nil
		}
		if text, known := v.feeRefusal(err); known {
			return done{}, refused(text)
		}
		return done{}, err
	}
}

// feeOf reads a fee in the unit of the network's coin, or says what is wrong with it.
func (v *visit) feeOf(asset chain.AssetID, text string) (*big.Int, string) {
	a := v.byID[asset] // no decimals for one that is not configured
	n, err := decimal.NewFromString(text)
	if err != nil || len(text) > 60 || n.Sign() <= 0 || n.Exponent() > 30 {
		return nil, "The fee must be a number."
	}
	units, err := a.UnitsExact(n)
	if err != nil {
		return nil, fmt.Sprintf("The fee has more than %d decimals.", a.Decimals)
	}
	return units, ""
}

// plain returns units of an asset as a number that can be changed.
func (d *Desk) plain(asset chain.AssetID, units *big.Int) string {
	return d.byID[asset].Decimal(units).String()
}
