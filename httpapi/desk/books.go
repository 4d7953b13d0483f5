package desk

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

const (
	booksTime        = 45 * time.Second // that adding up the books, or asking a node about them, may take
	differencesShown = 100
)

// bookActs returns the acts on the ledger.
func bookActs() []*act {
	on := func(pattern string, least Role) route {
		return route{pattern: pattern, least: least, needs: needsPayouts, all: true, fresh: true}
	}
	return []*act{
		{route: on("/money/fund", RoleApprover), name: "ledger.fund", plan: planFund},
		{route: on("/money/adjust", RoleAdministrator), name: "ledger.adjust", plan: planAdjust},
		{route: on("/money/close", RoleAdministrator), name: "ledger.close_days", plan: planClose},
		{route: on("/money/recount", RoleApprover), name: "ledger.recount", plan: planRecount},
		{route: on("/money/audit", RoleApprover), name: "network.audit", plan: planAudit},
	}
}

// bookOffers returns the acts on the ledger that the person may do.
func (v *visit) bookOffers() []button {
	var out []button
	for _, o := range []offer{
		{"fund", "Book what came in", "What a transaction brought to the wallet itself, such as coins for fees.", RoleApprover},
		{"recount", "Add up the books", "All entries and all holdings, from the beginning.", RoleApprover},
		{"adjust", "Correct the ledger", "Move money between accounts, or book what left or came by other means, such as a charge of the bank.", RoleAdministrator},
		{"close", "Close days", "No entry can be dated in them any more.", RoleAdministrator},
	} {
		if v.person.Role.May(o.Least) {
			out = append(out, button{o, v.root + "money/" + o.Act})
		}
	}
	return out
}

// bookDeed returns what all acts on the ledger have.
func bookDeed(title, button, text string) *deed {
	return &deed{title: title, button: button, text: text, subject: "money", label: "Money"}
}

// confirming turns a deed into the page that asks to confirm what the fields say.
func (v *visit) confirming(d *deed, names ...string) {
	for _, name := range names {
		d.hidden = append(d.hidden, field{Name: name, Value: v.query(name)})
	}
	d.hidden = append(d.hidden, field{Name: "confirm", Value: "1"})
}

// asking turns a deed into the page that asks for the fields, and says what is wrong with those that were given.
func (d *deed) asking(problem string, fields ...field) *deed {
	d.more, d.button, d.fields = true, "Continue", fields
	d.hidden = append(d.hidden, field{Name: "confirm", Value: "1"})
	if problem != "" {
		d.warnings = append(d.warnings, problem)
	}
	return d
}

// planFund plans to book what a transaction brought to the wallet itself.
func planFund(v *visit) (*deed, error) {
	d := bookDeed(
		"Book what came in", "Book it",
		"It becomes the project's available balance, or the operator's float, which pays network fees. What invoices received is booked by itself.",
	)
	projects, project, err := v.choice()
	if err != nil {
		return nil, err
	}
	network, txID := chain.Network(v.query("network")), v.query("txid")
	problem := ""
	var parts []payout.FundPart
	if v.query("confirm") != "" {
		if problem = "Name the transaction."; txID != "" && len(txID) <= 200 && clean(txID) {
			parts, err = v.cfg.Payouts.FundTerms(v.ctx(), network, txID)
			if problem, err = v.fundProblem(err); err != nil {
				return nil, err
			}
		}
	}
	if v.query("confirm") == "" || problem != "" {
		return d.asking(
			problem, field{Name: "network", Label: "Network", Kind: "select", Options: v.networkOptions(string(network)), Required: true},
			field{Name: "txid", Label: "Transaction", Kind: "text", Value: txID, Required: true, Help: "Its id on the chain, or the id that a statement of the bank was given. It must be final."},
			field{Name: "project", Label: "For", Kind: "select", Options: append([]option{{"", "the operator, for network fees", project == ""}}, projectOptions(projects, project)...)},
		), nil
	}
	v.confirming(d, "network", "txid", "project")
	d.project = project
	d.facts = []fact{{Name: "Network", Value: v.networkName(network)}, {Name: "Transaction", Value: txID, Code: true, Link: v.cfg.Transaction(network, txID)},
		{Name: "For", Value: v.projectName(project)}}
	booked := 0
	for _, p := range parts {
		f := fact{Name: "Brings", Value: v.amount(p.Asset, p.Units)}
		if p.Booked != nil {
			booked++
			f = fact{Name: "Booked before", Value: f.Value + ", " + v.projectName(p.Booked.Project) + ", " + accountName(*p.Booked)}
		}
		d.facts = append(d.facts, f)
	}
	if booked == len(parts) {
		d.refused = "All that it brought was booked before."
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		return done{after: map[string]string{"parts": strconv.Itoa(len(parts) - booked)}}, v.cfg.Payouts.Fund(ctx, network, txID, project, v.person.ID)
	}
	return d, nil
}

// fundProblem returns why a transaction cannot be booked, or an error that is a failure.
func (v *visit) fundProblem(err error) (string, error) {
	if errors.Is(err, payout.ErrNotFound) {
		return "No final transaction of this id brought anything to the wallet itself.", nil
	}
	if text, known := refusal(err); known {
		return text, nil
	}
	return "", err
}

// networkOptions returns the networks that pay out as choices.
func (v *visit) networkOptions(chosen string) []option {
	var out []option
	for _, n := range v.payingNetworks() {
		out = append(out, option{string(n), v.networkName(n), string(n) == chosen})
	}
	return out
}

// The accounts that a person may correct, beside the available balances of projects. What is held or reserved belongs to
// invoices and payouts under way.
var ownKinds = []payout.AccountKind{payout.Float, payout.Commission}

// accountOptions returns the accounts that a person may correct: those of the operator by their kinds, those of projects by
// the projects' ids. What left or came by other means is outside; only what is at one of our places can.
func (v *visit) accountOptions(projects []invoice.Project, chosen string) []option {
	var out []option
	if v.cfg.Holdings != nil {
		out = append(out, option{string(payout.External), "Outside: it left or came by other means", chosen == string(payout.External)})
	}
	for _, k := range ownKinds {
		out = append(out, option{string(k), "Operator, " + string(k), string(k) == chosen})
	}
	for _, p := range projects {
		out = append(out, option{p.ID, p.Name + ", available", p.ID == chosen})
	}
	return out
}

// correctable returns the account that a choice of accountOptions stands for.
func (v *visit) correctable(chosen string, asset chain.AssetID) (payout.Account, bool) {
	kind := payout.AccountKind(chosen)
	if slices.Contains(ownKinds, kind) || kind == payout.External && v.cfg.Holdings != nil {
		return payout.Account{Kind: kind, Asset: asset}, true
	}
	p, err := v.oneProject(chosen)
	return payout.Account{Project: p.ID, Kind: payout.Available, Asset: asset}, chosen != "" && err == nil
}

// placesRead bounds the search for a place by its address.
const placesRead = 20_000

// place returns what the books have of the asset at a place, by its name or address, or why there is no single one.
func (v *visit) place(asset chain.AssetID, text string) (payout.Holding, string, error) {
	var found []payout.Holding
	for after, read := "", 0; text != "" && read < placesRead; {
		page, err := v.cfg.Holdings.Holdings(v.ctx(), asset.Network(), after, 1000)
		if err != nil || len(page) == 0 {
			if err != nil {
				return payout.Holding{}, "", err
			}
			break
		}
		for _, h := range page {
			if h.Asset == asset && (h.Name == text || string(h.Address) == text) {
				found = append(found, h)
			}
		}
		after, read = page[len(page)-1].Name, read+len(page)
	}
	switch {
	case len(found) == 0:
		return payout.Holding{}, "The books have nothing of the asset at this place.", nil
	case len(found) > 1:
		return payout.Holding{}, "There are several places with this address. Name one of them, such as " + found[0].Name + ".", nil
	}
	return found[0], "", nil
}

// moves sets what a correction changes at one of our places, if one of its accounts is outside, or returns what is wrong.
func (v *visit) moves(a *payout.Adjustment) (problem string, err error) {
	text := v.query("place")
	out, in := a.To.Kind == payout.External, a.From.Kind == payout.External
	if !out && !in {
		if text != "" {
			problem = "A place is only named if one account is outside."
		}
		return problem, nil
	}
	h, problem, err := v.place(a.From.Asset, text)
	if problem != "" || err != nil {
		return problem, err
	}
	units := a.Units
	if out {
		units = new(big.Int).Neg(a.Units)
	}
	if new(big.Int).Add(h.Units, units).Sign() < 0 {
		return "The books have only " + v.amount(h.Asset, h.Units) + " at this place.", nil
	}
	a.Moves = []payout.Move{{Holding: h, Units: units}}
	return "", nil
}

// planAdjust plans a correction of the ledger.
func planAdjust(v *visit) (*deed, error) {
	d := bookDeed(
		"Correct the ledger", "Move the money",
		"An entry moves money from one account to another. Nothing moves on a network, and only another correction takes it back.",
	)
	d.danger = true
	projects, err := v.choices()
	if err != nil {
		return nil, err
	}
	a, problem := v.adjustment()
	if problem == "" {
		if problem, err = v.moves(&a); err != nil {
			return nil, err
		}
	}
	if v.query("confirm") == "" || problem != "" {
		if v.query("confirm") == "" {
			problem = ""
		}
		return d.asking(
			problem, field{Name: "asset", Label: "Asset", Kind: "select", Options: v.payoutAssets(v.query("asset")), Required: true},
			field{Name: "from", Label: "From", Kind: "select", Options: v.accountOptions(projects, v.query("from")), Required: true},
			field{Name: "to", Label: "To", Kind: "select", Options: v.accountOptions(projects, v.query("to")), Required: true},
			field{Name: "amount", Label: "Amount", Kind: "text", Value: v.query("amount"), Required: true, Help: "In the asset's own unit, such as 12.5."},
			field{Name: "place", Label: "Where it was, or is", Kind: "text", Value: v.query("place"),
				Help: "If one account is outside: our address, or our account at the bank, or the name of the place, as the comparison of the books shows it."},
		), nil
	}
	v.confirming(d, "asset", "from", "to", "amount", "place")
	if a.From.Project == a.To.Project {
		d.project = a.From.Project
	}
	d.facts = []fact{{Name: "Amount", Value: v.amount(a.From.Asset, a.Units)}, {Name: "Network", Value: v.networkName(a.From.Asset.Network())}}
	if err := v.balanceFacts(d, a); err != nil {
		return nil, err
	}
	d.do = func(ctx context.Context, reason, key string) (done, error) {
		a.ID, a.Reason, a.Actor = "desk-"+key, clip(reason, 255), v.person.ID
		return done{after: map[string]string{"adjustment": a.ID}}, v.cfg.Payouts.Adjust(ctx, a)
	}
	return d, nil
}

// adjustment reads the correction that is asked for, and what is wrong with it.
func (v *visit) adjustment() (payout.Adjustment, string) {
	asset, known := v.byID[chain.AssetID(v.query("asset"))]
	from, there := v.correctable(v.query("from"), asset.ID)
	to, thereToo := v.correctable(v.query("to"), asset.ID)
	n, err := decimal.NewFromString(v.query("amount"))
	a := payout.Adjustment{From: from, To: to}
	switch {
	case !known:
		return a, "Choose an asset."
	case !there || !thereToo || from == to:
		return a, "Choose two accounts."
	case err != nil || len(v.query("amount")) > 60 || n.Sign() <= 0 || max(n.Exponent(), -n.Exponent()) > 60: // 1e999999999 fills the memory
		return a, "The amount must be a positive number."
	}
	if a.Units, err = asset.UnitsExact(n); err != nil {
		return a, fmt.Sprintf("The amount has more than the %d decimals of the asset.", asset.Decimals)
	}
	return a, ""
}

// balanceFacts adds what both accounts of a correction have, before and after it.
func (v *visit) balanceFacts(d *deed, a payout.Adjustment) error {
	d.before = map[string]string{}
	for _, m := range a.Moves {
		now, then := v.amount(m.Holding.Asset, m.Holding.Units), v.amount(m.Holding.Asset, new(big.Int).Add(m.Holding.Units, m.Units))
		d.facts = append(d.facts, fact{Name: "Place", Value: m.Holding.Name, Code: true}, fact{Name: "There by the books after", Value: then + ", now " + now})
		d.before["place"] = now
	}
	for _, side := range []struct {
		name    string
		account payout.Account
		change  *big.Int
	}{{"From", a.From, new(big.Int).Neg(a.Units)}, {"To", a.To, a.Units}} {
		if side.account.Kind == payout.External {
			d.facts = append(d.facts, fact{Name: side.name, Value: "outside"})
			continue
		}
		all, err := v.cfg.Payouts.Balance(v.ctx(), side.account.Project)
		if err != nil {
			return err
		}
		has := new(big.Int)
		for _, b := range all {
			if b.Account == side.account {
				has = b.Units
			}
		}
		now, then := v.amount(side.account.Asset, has), v.amount(side.account.Asset, new(big.Int).Add(has, side.change))
		d.facts = append(d.facts, fact{Name: side.name, Value: v.projectName(side.account.Project) + ", " + accountName(side.account)},
			fact{Name: side.name + ", balance after", Value: then + ", now " + now})
		d.before[side.name] = now
	}
	return nil
}

// planClose plans to close accounting days.
func planClose(v *visit) (*deed, error) {
	d := bookDeed(
		"Close accounting days", "Close them",
		"No entry can be dated in these days any more, for ever: what they add up to stays as it is.",
	)
	d.danger = true
	last, err := time.Parse(day, v.query("date"))
	problem := ""
	if v.query("confirm") != "" && err != nil {
		problem = "The day must have the form 2026-01-31."
	}
	if v.query("confirm") == "" || problem != "" {
		yesterday := v.cfg.Now().UTC().AddDate(0, 0, -1).Format(day)
		return d.asking(problem, field{Name: "date", Label: "The last day to close", Kind: "date", Value: yesterday, Required: true, Help: "In UTC. All days before it are closed as well."}), nil
	}
	v.confirming(d, "date")
	d.facts = []fact{{Name: "The last day that is closed", Value: last.Format(day)}, {Name: "The first day that stays open", Value: last.AddDate(0, 0, 1).Format(day)}}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		c, err := v.cfg.Payouts.CloseDay(ctx, last, v.person.ID)
		if errors.Is(err, payout.ErrConflict) {
			err = refused("A later day is closed already.")
		}
		return done{after: map[string]string{"closed": c.Day.Format(day)}}, err
	}
	return d, nil
}

// planRecount plans to add up the books. It changes nothing, and takes long where there is much.
func planRecount(v *visit) (*deed, error) {
	d := bookDeed("Add up the books", "Add up", "All entries and all holdings are added up, for at most "+roughly(booksTime)+", and compared with the sums that are kept.")
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		ctx, cancel := context.WithTimeout(ctx, booksTime)
		defer cancel()
		err := v.cfg.Payouts.Recount(ctx)
		var wrong *payout.MiscountError
		switch {
		case err == nil:
			return done{text: "The books add up.", shown: []fact{{Name: "Wrong sums", Value: "none"}}, after: map[string]string{"wrong_sums": "0"}}, nil
		case errors.As(err, &wrong):
			out := done{text: "These sums are not what the books add up to. Stop money out, and look for the cause.", after: map[string]string{"wrong_sums": strconv.Itoa(len(wrong.Sums))}}
			for _, m := range wrong.Sums {
				out.shown = append(out.shown, fact{Name: v.assetName(m.Asset) + ", " + m.Of, Value: v.amount(m.Asset, m.Sum) + "; kept is " + v.amount(m.Asset, m.Kept)})
			}
			return out, nil
		case ctx.Err() != nil:
			return done{}, refused("It was not finished in " + roughly(booksTime) + ": the books are too large for a page. A program has the time that it takes.")
		}
		return done{}, err
	}
	return d, nil
}

// planAudit plans to compare the books with what a network says. It changes nothing, and asks the node much.
func planAudit(v *visit) (*deed, error) {
	network := chain.Network(v.query("network"))
	if !slices.Contains(v.payingNetworks(), network) {
		return nil, invoice.ErrNotFound
	}
	d := bookDeed(
		"Compare the books with "+v.networkName(network), "Compare",
		"The node is asked about everything that the books have there, for at most "+roughly(booksTime)+" and "+strconv.Itoa(differencesShown)+" differences. "+
			"Transactions under way are differences until they are final.",
	)
	d.facts = []fact{{Name: "Network", Value: v.networkName(network)}}
	d.hidden = []field{{Name: "network", Value: string(network)}}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		ctx, cancel := context.WithTimeout(ctx, booksTime)
		defer cancel()
		var found []payout.Difference
		err := v.cfg.Payouts.Audit(ctx, network, func(d payout.Difference) {
			if found = append(found, d); len(found) == differencesShown {
				cancel()
			}
		})
		many, late := len(found) >= differencesShown, errors.Is(ctx.Err(), context.DeadlineExceeded)
		if err != nil && !many && !late {
			return done{}, err
		}
		return v.audited(found, many, late), nil
	}
	return d, nil
}

// audited returns what is shown of a comparison: late reports that its time was over before its end.
func (v *visit) audited(found []payout.Difference, many, late bool) done {
	out := done{
		text:  "All of it was compared.",
		shown: []fact{{Name: "Differences", Value: strconv.Itoa(len(found))}},
		after: map[string]string{"differences": strconv.Itoa(len(found)), "finished": strconv.FormatBool(!many && !late)},
	}
	switch {
	case many:
		found = found[:differencesShown]
		out.text = "It was stopped after " + strconv.Itoa(differencesShown) + " differences: there may be more."
	case late:
		out.text = "It was stopped after " + roughly(booksTime) + ", before all of it was compared. A program has the time that it takes."
	}
	for _, d := range found {
		value := v.amount(d.Holding.Asset, d.Chain) + "; the books have " + v.amount(d.Holding.Asset, d.Books)
		if d.Holding.Name != string(d.Holding.Address) {
			value += "; place " + d.Holding.Name
		}
		out.shown = append(out.shown, fact{Name: short(string(d.Holding.Address)), Value: value, Link: v.cfg.Address(d.Holding.Network, d.Holding.Address)})
	}
	return out
}

// auditLink returns the URL of the act that compares the books with a network; empty if the person may not.
func (v *visit) auditLink(network chain.Network) string {
	if !v.person.Role.May(RoleApprover) {
		return ""
	}
	return v.root + "money/audit?" + url.Values{"network": {string(network)}}.Encode()
}
