package desk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// payoutStatuses are the statuses of payouts in their order.
var payoutStatuses = []payout.Status{
	payout.StatusRequested, payout.StatusQueued, payout.StatusSigned, payout.StatusSent, payout.StatusPaid, payout.StatusFailed,
	payout.StatusCancelled, payout.StatusReturned,
}

var payoutKinds = []payout.Kind{payout.KindWithdrawal, payout.KindPayout, payout.KindRefund}

// payoutRow is a payout in a list.
type payoutRow struct {
	payout.Payout
	ProjectName, Amount, Network, Link, Why string
	Tone                                    tone
}

func (v *visit) payoutRows(all []payout.Payout) []payoutRow {
	rows := make([]payoutRow, len(all))
	for i, p := range all {
		rows[i] = v.payoutRow(p)
	}
	return rows
}

func (v *visit) payoutRow(p payout.Payout) payoutRow {
	return payoutRow{
		Payout: p, ProjectName: v.projectName(p.Project), Amount: v.amount(p.Asset.ID, p.Units), Network: v.networkName(p.Asset.ID.Network()),
		Link: v.link("payouts", p.ID), Why: reasonTexts[p.State.Reason], Tone: payoutTone(p),
	}
}

// payoutReasons are the reasons for which payouts wait or ended, in the order in which a payout meets them.
var payoutReasons = []payout.Reason{
	payout.ReasonApproval, payout.ReasonReceiver, payout.ReasonCooling, payout.ReasonCoins, payout.ReasonFee, payout.ReasonSignature,
	payout.ReasonConfirm, payout.ReasonConfirming, payout.ReasonUndone, payout.ReasonRefused, payout.ReasonRejected, payout.ReasonReverted,
	payout.ReasonForeign, payout.ReasonOperator, payout.ReasonExpired, payout.ReasonReturned,
}

// reasonTexts say why a payout waits, or why it ended as it did.
var reasonTexts = map[payout.Reason]string{
	payout.ReasonApproval: "needs the approval of another person", payout.ReasonReceiver: "the payee has not named an address yet",
	payout.ReasonCooling: "the receiver is new, and its cooling-off time has not passed", payout.ReasonCoins: "the wallet's free coins do not suffice",
	payout.ReasonFee: "the network asks for more than the greatest fee", payout.ReasonSignature: "needs a signature",
	payout.ReasonConfirming: "in a block, not final yet", payout.ReasonRefused: "the network refuses it",
	payout.ReasonReverted: "mined, and it moved nothing", payout.ReasonForeign: "somebody else spent what it needed",
	payout.ReasonUndone: "a reorganisation took back what was final; it is sent again", payout.ReasonOperator: "an operator ended it",
	payout.ReasonExpired: "nobody claimed it in time", payout.ReasonConfirm: "needs a confirmation at the provider",
	payout.ReasonRejected: "the provider did not pay it", payout.ReasonReturned: "the money came back",
}

func payoutTone(p payout.Payout) tone {
	switch p.State.Reason {
	case payout.ReasonApproval, payout.ReasonSignature, payout.ReasonConfirm, payout.ReasonCoins, payout.ReasonFee:
		return toneWarn
	case payout.ReasonRefused, payout.ReasonForeign, payout.ReasonUndone:
		return toneBad
	default:
	}
	switch p.State.Status {
	case payout.StatusPaid:
		return toneGood
	case payout.StatusFailed, payout.StatusReturned:
		return toneBad
	case payout.StatusCancelled:
		return toneIdle
	default:
		return toneWait
	}
}

// payoutFilter is what a list of payouts is restricted to.
type payoutFilter struct {
	Search, Project, Status, Reason, Kind, Asset, From, To string
}

func (v *visit) readPayoutFilter() (payoutFilter, error) {
	project, err := v.wanted()
	f := payoutFilter{
		v.query("q"), project, v.query("status"), v.query("reason"), v.query("kind"), v.query("asset"), v.query("from"), v.query("to"),
	}
	switch {
	case err != nil:
		return f, err
	case len(f.Search) > 255 || !clean(f.Search) || len(f.Asset) > 255 || !clean(f.Asset):
		return f, badFilter("a text of it is too long, or no text")
	case f.Status != "" && !slices.Contains(payoutStatuses, payout.Status(f.Status)):
		return f, badFilter("there is no such status")
	case f.Reason != "" && !slices.Contains(payoutReasons, payout.Reason(f.Reason)):
		return f, badFilter("there is no such reason")
	case f.Kind != "" && !slices.Contains(payoutKinds, payout.Kind(f.Kind)):
		return f, badFilter("there is no such kind")
	}
	if err := checkDays(f.From, f.To); err != nil {
		return f, err
	}
	if f.Project == "" && len(v.person.Projects) > 0 { // the store pages through one project, or through all
		f.Project = v.person.Projects[0]
	}
	return f, nil
}

func (f payoutFilter) values() url.Values {
	return parameters(map[string]string{
		"q": f.Search, "project": f.Project, "status": f.Status, "reason": f.Reason, "kind": f.Kind, "asset": f.Asset, "from": f.From, "to": f.To,
	})
}

// More reports whether a rarely used part of the filter is set.
func (f payoutFilter) More() bool { return f.Kind != "" || f.From != "" || f.To != "" }

func (f payoutFilter) query(before string, limit int) payout.Query {
	q := payout.Query{
		Project: f.Project, Status: payout.Status(f.Status), Kind: payout.Kind(f.Kind), Asset: chain.AssetID(f.Asset), Search: f.Search,
		Before: before, Limit: limit,
	}
	q.CreatedAfter, q.CreatedBefore = moments(f.From, f.To)
	return q
}

// drops reports whether the filter leaves out a payout that its query finds: a store does not know reasons.
func (f payoutFilter) drops(p payout.Payout) bool {
	return f.Reason != "" && p.State.Reason != payout.Reason(f.Reason)
}

// Bounds of the search for payouts with a reason: how many are read at a time, for one page.
const (
	payoutReads = 20
	reasonRead  = 200
)

// selectPayouts returns a page of what the filter shows. With a reason it may be short without being the last one, if few of
// very many have it, and longer than others.
func (v *visit) selectPayouts(f payoutFilter, before string) (payout.Page, error) {
	if f.Reason == "" {
		return v.readPayouts(f.query(before, listPage))
	}
	var out payout.Page
	for range payoutReads {
		page, err := v.readPayouts(f.query(before, reasonRead))
		if err != nil {
			return out, err
		}
		out.Payouts = append(out.Payouts, slices.DeleteFunc(page.Payouts, f.drops)...)
		out.Next, before = page.Next, page.Next
		if len(out.Payouts) >= listPage || before == "" {
			break
		}
	}
	return out, nil
}

// readPayouts returns a page that is not short without being the last one, for as long as that takes few reads.
func (v *visit) readPayouts(q payout.Query) (payout.Page, error) {
	var out payout.Page
	limit := q.Limit
	for range payoutReads {
		q.Limit = limit - len(out.Payouts)
		page, err := v.cfg.Payouts.Payouts(v.ctx(), q)
		if bad := new(payout.InvalidError); errors.As(err, &bad) {
			return out, badFilter("the page does not exist")
		}
		if err != nil {
			return out, err
		}
		out.Payouts, out.Next = append(out.Payouts, page.Payouts...), page.Next
		if len(out.Payouts) >= limit || out.Next == "" {
			break
		}
		q.Before = out.Next
	}
	return out, nil
}

// payouts lists payouts.
func (v *visit) payouts() error {
	f, err := v.readPayoutFilter()
	if err != nil {
		return err
	}
	page, err := v.selectPayouts(f, v.query("before"))
	if err != nil {
		return err
	}
	next := ""
	if page.Next != "" {
		q := f.values()
		q.Set("before", page.Next)
		next = "?" + q.Encode()
	}
	choices, err := v.payoutChoices(f)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "payouts", "Payouts", struct {
		Filter      payoutFilter
		Rows        []payoutRow
		First, Next string
		Later       bool
		Choices     payoutChoices
		Everything  bool
		May         bool
		Hidden      []field
	}{
		f, v.payoutRows(page.Payouts), "?" + f.values().Encode(), next, v.query("before") != "", choices, len(v.person.Projects) == 0,
		v.person.Role.May(RoleOperator), hiddenFields(f.values()),
	})
}

type payoutChoices struct {
	Projects, Statuses, Reasons, Kinds, Assets []option
}

func (v *visit) payoutChoices(f payoutFilter) (payoutChoices, error) {
	var c payoutChoices
	projects, err := v.choices()
	if err != nil {
		return c, err
	}
	c.Projects = projectOptions(projects, f.Project)
	for _, s := range payoutStatuses {
		c.Statuses = append(c.Statuses, option{string(s), string(s), string(s) == f.Status})
	}
	for _, r := range payoutReasons {
		c.Reasons = append(c.Reasons, option{string(r), reasonTexts[r], string(r) == f.Reason})
	}
	for _, k := range payoutKinds {
		c.Kinds = append(c.Kinds, option{string(k), string(k), string(k) == f.Kind})
	}
	c.Assets = v.payoutAssets(f.Asset)
	return c, nil
}

// payoutAssets returns the assets that can be paid out.
func (v *visit) payoutAssets(chosen string) []option {
	var out []option
	for _, a := range v.cfg.Payouts.Assets() {
		out = append(out, v.assetOption(a.Asset, chosen))
	}
	return out
}

// exportPayouts streams exactly what the list with the same filter shows.
func (v *visit) exportPayouts() error {
	f, err := v.readPayoutFilter()
	if err != nil {
		return err
	}
	before, begun := "", false
	return export(v, "payouts", v.payoutColumns(), func() ([]payout.Payout, bool, error) {
		if begun && before == "" {
			return nil, true, nil
		}
		page, err := v.cfg.Payouts.Payouts(v.ctx(), f.query(before, 500))
		before, begun = page.Next, true
		return slices.DeleteFunc(page.Payouts, f.drops), false, err
	})
}

// onePayout returns the payout of the path, or ErrNotFound if the person does not see its project.
func (v *visit) onePayout() (payout.Payout, error) { return v.payoutByID(v.r.PathValue("id")) }

// payoutByID reads each payout once in a request.
func (v *visit) payoutByID(id string) (payout.Payout, error) {
	if p, read := v.read[id]; read {
		return p, nil
	}
	if id == "" || len(id) > 100 {
		return payout.Payout{}, invoice.ErrNotFound
	}
	page, err := v.cfg.Payouts.Payouts(v.ctx(), payout.Query{Search: id, Limit: 100})
	if err != nil {
		return payout.Payout{}, err
	}
	for _, p := range page.Payouts {
		if p.ID == id && v.person.Sees(p.Project) {
			v.read[id] = p
			return p, nil
		}
	}
	return payout.Payout{}, invoice.ErrNotFound
}

// accountName returns an account for people.
func accountName(a payout.Account) string {
	return words(string(a.Kind)) + " balance"
}

// payerName returns who pays the fee of a payout.
func (v *visit) payerName(p payout.Payout) string {
	if p.Payer.Project == "" {
		return "the operator"
	}
	return "the project, from its " + accountName(p.Payer)
}

// payoutFacts returns what the log says of a payout.
func payoutFacts(p payout.Payout) map[string]string {
	out := map[string]string{"payout": p.ID, "status": string(p.State.Status), "amount": p.Asset.Decimal(p.Units).String() + " " + p.Asset.Code, "to": string(p.To)}
	if p.State.Reason != "" {
		out["reason"] = string(p.State.Reason)
	}
	return out
}

// payoutText returns a sentence on where a payout is.
func payoutText(p payout.Payout) string {
	return map[payout.Status]string{
		payout.StatusRequested: "Its amount and greatest fee are reserved. It waits.",
		payout.StatusQueued:    "It is approved, and a transaction is made for it or waits for its signature.",
		payout.StatusSigned:    "Its transaction is signed and stored. From here only the chain ends it.",
		payout.StatusSent:      "A node has its transaction, or a block has it.",
		payout.StatusPaid:      "Its transaction is final.",
		payout.StatusFailed:    "It was not paid and never will be. What was reserved went back.",
		payout.StatusCancelled: "It was withdrawn before it was paid. What was reserved went back.",
		payout.StatusReturned:  "It was paid, and the money came back. It is not paid again by itself.",
	}[p.State.Status]
}
