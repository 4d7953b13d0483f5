package desk

import (
	"context"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// balanceRow is what a project, or the operator, has of an asset.
type balanceRow struct {
	Project, Asset, Network, Settlements string
	Cells                                []balanceCell // in the order of the kinds of the table
}

// balanceCell is one account.
type balanceCell struct {
	Kind, Amount, Link string
	Zero               bool
}

// The kinds of accounts of projects, and those of the operator's own.
var (
	projectKinds  = []payout.AccountKind{payout.Available, payout.Held, payout.Reserved}
	operatorKinds = []payout.AccountKind{payout.Float, payout.Commission, payout.Reserved}
)

// solventRow is what the books say of one asset.
type solventRow struct {
	Asset, Network, Owed, Held, InFlight, Difference string
}

// switchRow is a network's stop switch.
type switchRow struct {
	Name    string
	Stopped *payout.Stopped
	Link    string // of the act; empty if the person may not
	Sweeps  string // link to what is at its addresses
	Audit   string // link to the act that compares the books with it; empty if the person may not
}

// maxBalances bounds how many projects the page of balances has.
const maxBalances = 50

// money shows what belongs to whom, whether it is there, and which networks are stopped.
func (v *visit) money() error {
	projects, wanted, err := v.choice()
	if err != nil {
		return err
	}
	body := struct {
		Balances []balanceRow
		Own      []balanceRow
		Solvency []solventRow
		Switches []switchRow
		Projects []option
		More     bool
		May      bool
		Banks    bool
		Books    []button
	}{Projects: projectOptions(projects, wanted), May: v.person.Role.May(RoleOperator)}
	body.Banks = body.May && len(v.cfg.Banks) > 0 && len(v.person.Projects) == 0
	if wanted != "" {
		p, err := v.oneProject(wanted)
		if err != nil {
			return err
		}
		projects = []invoice.Project{p}
	}
	body.More = len(projects) > maxBalances
	for _, p := range projects[:min(len(projects), maxBalances)] {
		rows, err := v.balances(p.ID, p.Name, projectKinds)
		if err != nil {
			return err
		}
		body.Balances = append(body.Balances, rows...)
	}
	if len(v.person.Projects) == 0 && wanted == "" {
		if body.Own, err = v.balances("", "Operator", operatorKinds); err != nil {
			return err
		}
		if body.Solvency, err = v.solvency(); err != nil {
			return err
		}
		if body.Switches, err = v.switches(); err != nil {
			return err
		}
		body.Books = v.bookOffers()
	}
	return v.render(http.StatusOK, "money", "Money", body)
}

// balances returns a row for each asset that was ever booked for the project, in the order of the assets.
func (v *visit) balances(project, name string, kinds []payout.AccountKind) ([]balanceRow, error) {
	all, err := v.cfg.Payouts.Balance(v.ctx(), project)
	byAsset := map[chain.AssetID]map[payout.AccountKind]*big.Int{}
	for _, b := range all {
		if b.Account.Kind == payout.External {
			continue
		}
		if byAsset[b.Account.Asset] == nil {
			byAsset[b.Account.Asset] = map[payout.AccountKind]*big.Int{}
		}
		byAsset[b.Account.Asset][b.Account.Kind] = b.Units
	}
	var out []balanceRow
	for _, asset := range slices.Sorted(maps.Keys(byAsset)) {
		row := balanceRow{Project: name, Asset: v.assetName(asset), Network: v.networkName(asset.Network())}
		for _, kind := range kinds {
			q := accountValues(payout.Account{Project: project, Kind: kind, Asset: asset})
			n := orZero(byAsset[asset][kind])
			row.Cells = append(row.Cells, balanceCell{capital(string(kind)), v.amount(asset, n), v.root + "money/statement?" + q.Encode(), n.Sign() == 0})
		}
		if project != "" {
			row.Settlements = v.root + "money/settlements?" + accountValues(payout.Account{Project: project, Kind: payout.Available, Asset: asset}).Encode()
		}
		out = append(out, row)
	}
	return out, err
}

func (v *visit) solvency() ([]solventRow, error) {
	all, err := v.cfg.Payouts.Solvency(v.ctx())
	var out []solventRow
	for _, s := range all {
		row := solventRow{
			Asset: v.assetName(s.Asset), Network: v.networkName(s.Asset.Network()), Owed: v.amount(s.Asset, s.Owed), Held: v.amount(s.Asset, s.Held),
			InFlight: v.amount(s.Asset, s.InFlight),
		}
		if s.Owed.Cmp(s.Held) != 0 {
			row.Difference = v.amount(s.Asset, new(big.Int).Sub(s.Held, s.Owed))
		}
		out = append(out, row)
	}
	return out, err
}

// assetName returns the code of an asset, or its id if it is not configured.
func (d *Desk) assetName(id chain.AssetID) string {
	if a, known := d.byID[id]; known {
		return a.Code
	}
	return string(id)
}

// payingNetworks returns the networks that pay out, in the order of the configuration.
func (v *visit) payingNetworks() []chain.Network {
	var out []chain.Network
	for _, a := range v.cfg.Payouts.Assets() {
		if n := a.ID.Network(); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func (v *visit) switches() ([]switchRow, error) {
	var out []switchRow
	for _, n := range v.payingNetworks() {
		stopped, err := v.cfg.Payouts.Stopped(v.ctx(), n)
		if err != nil {
			return nil, err
		}
		row := switchRow{Name: v.networkName(n), Stopped: stopped, Audit: v.auditLink(n)}
		if v.person.Role.May(RoleApprover) {
			what := "stop"
			if stopped != nil {
				what = "resume"
			}
			row.Link = v.root + "money/" + what + "?" + url.Values{"network": {string(n)}}.Encode()
		}
		if v.cfg.Holdings != nil && v.person.Role.May(RoleOperator) {
			row.Sweeps = v.root + "money/holdings?" + url.Values{"network": {string(n)}}.Encode()
		}
		out = append(out, row)
	}
	return out, nil
}

// account returns the account that the URL names, if the person may see it.
func (v *visit) account() (payout.Account, error) {
	a := payout.Account{Project: v.query("project"), Kind: payout.AccountKind(v.query("kind")), Asset: chain.AssetID(v.query("asset"))}
	switch {
	case a.Project != "":
		if _, err := v.oneProject(a.Project); err != nil {
			return a, err
		}
	case len(v.person.Projects) > 0: // the operator's own
		return a, invoice.ErrNotFound
	}
	if _, known := v.byID[a.Asset]; !known || a.Kind == "" || len(a.Kind) > 20 {
		return a, invoice.ErrNotFound
	}
	return a, nil
}

// accountValues returns the parameters of the URL that name an account.
func accountValues(a payout.Account) url.Values {
	return url.Values{"project": {a.Project}, "kind": {string(a.Kind)}, "asset": {string(a.Asset)}}
}

// lineRow is a line of a statement.
type lineRow struct {
	payout.Line
	Amount, After, Link string
}

func (v *visit) lineRow(a payout.Account, l payout.Line) lineRow {
	row := lineRow{Line: l, Amount: v.amount(a.Asset, l.Units), After: v.amount(a.Asset, l.Balance)}
	switch l.Kind {
	case payout.EntryCredit, payout.EntryRevert:
		row.Link = v.link("invoices", l.Subject)
	case payout.EntryReserve, payout.EntryPost, payout.EntryVoid, payout.EntryReturn:
		row.Link = v.link("payouts", l.Subject)
	default:
	}
	if l.Subject == "" {
		row.Link = ""
	}
	return row
}

// statement shows the lines of an account, oldest first.
func (v *visit) statement() error {
	a, err := v.account()
	if err != nil {
		return err
	}
	lines, err := v.cfg.Payouts.Statement(v.ctx(), a, v.position("after"), listPage)
	if err != nil {
		return err
	}
	rows := make([]lineRow, len(lines))
	for i, l := range lines {
		rows[i] = v.lineRow(a, l)
	}
	q := accountValues(a)
	first, next := "?"+q.Encode(), ""
	if len(lines) == listPage {
		q.Set("after", strconv.FormatInt(lines[listPage-1].Position, 10))
		next = "?" + q.Encode()
	}
	name := v.projectName(a.Project) + ", " + accountName(a)
	return v.render(http.StatusOK, "statement", "Statement", struct {
		Name, Asset, Network, First, Next string
		Rows                              []lineRow
		Later                             bool
	}{name, v.assetName(a.Asset), v.networkName(a.Asset.Network()), first, next, rows, v.position("after") > 0})
}

// settlementRow is a settlement for people.
type settlementRow struct {
	Opening, Income, Corrections, Other, Closing string
	By                                           *payoutRow
}

// settlements shows which withdrawal settled what of a project in an asset.
func (v *visit) settlements() error {
	a, err := v.account()
	if err != nil {
		return err
	}
	if a.Project == "" {
		return invoice.ErrNotFound
	}
	all, err := v.cfg.Payouts.Settlements(v.ctx(), a.Project, a.Asset, nil)
	if err != nil {
		return err
	}
	rows := make([]settlementRow, 0, len(all))
	for _, s := range slices.Backward(all) {
		row := settlementRow{
			Opening: v.amount(a.Asset, s.Opening), Income: v.amount(a.Asset, s.Income), Corrections: v.amount(a.Asset, s.Corrections),
			Other: v.amount(a.Asset, s.Other), Closing: v.amount(a.Asset, s.Closing),
		}
		if s.Payout != nil {
			by := v.payoutRow(*s.Payout)
			row.By = &by
		}
		rows = append(rows, row)
	}
	return v.render(http.StatusOK, "settlements", "Settlements", struct {
		Name, Asset, Network string
		Rows                 []settlementRow
	}{v.projectName(a.Project), v.assetName(a.Asset), v.networkName(a.Asset.Network()), rows})
}

// holdingRow is money at an address of an invoice.
type holdingRow struct {
	payout.Holding
	Amount, Least, AddressLink, LockLink string
	Worth                                bool // it is worth a sweep
}

// holdings shows what is at deposit addresses of a network, and the transactions that move it.
func (v *visit) holdings() error {
	network := chain.Network(v.query("network"))
	if v.cfg.Holdings == nil || !slices.Contains(v.payingNetworks(), network) {
		return invoice.ErrNotFound
	}
	all, err := v.cfg.Holdings.Holdings(v.ctx(), network, v.query("after"), listPage+1)
	if err != nil {
		return err
	}
	next := ""
	if len(all) > listPage {
		all = all[:listPage]
		next = "?" + url.Values{"network": {string(network)}, "after": {all[listPage-1].Name}}.Encode()
	}
	least := map[chain.AssetID]*big.Int{}
	for _, a := range v.cfg.Payouts.Assets() {
		least[a.ID] = a.MinSweep
	}
	var rows []holdingRow
	for _, h := range all {
		if h.Branch != 0 {
			continue // the wallet's own
		}
		row := holdingRow{Holding: h, Amount: v.amount(h.Asset, h.Units), AddressLink: v.cfg.Address(network, h.Address)}
		if h.Lock != "" {
			row.LockLink = v.link("transactions", h.Lock)
		}
		if m := least[h.Asset]; m != nil {
			row.Least, row.Worth = v.amount(h.Asset, m), h.Units.Cmp(m) >= 0
		}
		rows = append(rows, row)
	}
	open, err := v.cfg.Holdings.OpenTransactions(v.ctx(), network)
	if err != nil {
		return err
	}
	var views []*transactionView
	for _, t := range open[:min(len(open), listPage)] {
		views = append(views, v.viewTransaction(t))
	}
	return v.render(http.StatusOK, "holdings", "Addresses with money", struct {
		Network, Next string
		Rows          []holdingRow
		Sweeps        []fact
		Open          []*transactionView
	}{v.networkName(network), next, rows, v.sweepLinks(network), views})
}

// moneyActs returns the acts on networks.
func moneyActs() []*act {
	on := func(pattern string) route {
		return route{pattern: pattern, least: RoleApprover, needs: needsPayouts, all: true, fresh: true}
	}
	return []*act{
		{route: on("/money/stop"), name: "network.stop", plan: func(v *visit) (*deed, error) { return v.planSwitch(true) }},
		{route: on("/money/sweep"), name: "network.sweep", plan: planSweep},
		{route: on("/money/resume"), name: "network.resume", plan: func(v *visit) (*deed, error) { return v.planSwitch(false) }},
	}
}

// sweepLinks returns links to the acts that sweep the assets of a network now.
func (v *visit) sweepLinks(network chain.Network) []fact {
	var out []fact
	for _, a := range v.cfg.Payouts.Assets() {
		if a.ID.Network() == network && v.person.Role.May(RoleApprover) {
			out = append(out, fact{Name: a.Code, Link: v.root + "money/sweep?" + url.Values{"asset": {string(a.ID)}}.Encode()})
		}
	}
	return out
}

// planSweep plans to bring what is at deposit addresses of an asset to the wallet, whatever the least is that is swept.
func planSweep(v *visit) (*deed, error) {
	asset := chain.AssetID(v.query("asset"))
	if !slices.Contains(v.payingNetworks(), asset.Network()) {
		return nil, invoice.ErrNotFound
	}
	d := &deed{
		title: "Sweep " + v.assetName(asset) + " now", button: "Sweep", subject: "money", label: "Money", danger: true,
		hidden: []field{{Name: "asset", Value: string(asset)}},
	}
	t, err := v.cfg.Payouts.SweepTerms(v.ctx(), asset)
	if text, known := refusal(err); known {
		d.refused = text
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	d.text = "The process that pays out brings it to the wallet, whatever the least is that is swept by itself. The operator's float pays the fees."
	d.facts = v.termsOfSweep(t)
	dear := v.query("dear") != ""
	if t.TooDear > 0 {
		d.fields = []field{{Name: "dear", Label: "Also what costs more than is configured", Kind: "checkbox", Value: v.query("dear")}}
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		after, err := v.cfg.Payouts.SweepNow(ctx, asset, dear, v.person.ID)
		return done{after: map[string]string{"addresses": strconv.Itoa(len(after.Holdings)), "dear": strconv.FormatBool(dear)}}, err
	}
	return d, nil
}

// termsOfSweep returns what is to be confirmed of a sweep.
func (v *visit) termsOfSweep(t payout.SweepTerms) []fact {
	out := []fact{
		{Name: "Network", Value: v.networkName(t.Asset.Network())}, {Name: "At their addresses", Value: v.amount(t.Asset, t.Units)},
		{Name: "Addresses", Value: strconv.Itoa(len(t.Holdings))}, {Name: "Greatest fee of what can begin now", Value: v.amount(t.FeeAsset, t.Fee)},
	}
	if t.TopUps > 0 {
		out = append(out, fact{Name: "Get coins for the fee first", Value: counted(t.TopUps, "address, whose sweep costs more later", "addresses, whose sweeps cost more later")})
	}
	if t.Waiting > 0 {
		out = append(out, fact{Name: "Have to wait", Value: counted(t.Waiting, "address", "addresses")})
	}
	if t.TooDear > 0 {
		out = append(out, fact{Name: "Cost more than is configured", Value: counted(t.TooDear, "address", "addresses") + ", for up to " + v.amount(t.FeeAsset, t.DearFee)})
	}
	return out
}

// planSwitch plans to stop or to resume money out on a network.
func (v *visit) planSwitch(stop bool) (*deed, error) {
	network := chain.Network(v.query("network"))
	if !slices.Contains(v.payingNetworks(), network) {
		return nil, invoice.ErrNotFound
	}
	is, err := v.cfg.Payouts.Stopped(v.ctx(), network)
	if err != nil {
		return nil, err
	}
	name := v.networkName(network)
	d := &deed{subject: "money", label: "Money", facts: []fact{{Name: "Network", Value: name}}, hidden: []field{{Name: "network", Value: string(network)}}}
	d.before = map[string]string{"stopped": strconv.FormatBool(is != nil)}
	if is != nil {
		d.facts = append(d.facts, timeFact("Stopped", is.At), fact{Name: "By", Value: is.Actor}, fact{Name: "Because", Value: is.Reason})
	}
	if stop {
		d.title, d.button, d.danger = "Stop money out on "+name, "Stop", true
		d.text = "Nothing is planned or signed there any more, and nothing is sent that was not sent before. What was sent is still observed, and sent again."
		if is != nil {
			d.refused = "It is stopped already."
		}
		d.do = func(ctx context.Context, reason, _ string) (done, error) {
			return done{after: map[string]string{"stopped": "true"}}, v.cfg.Payouts.Stop(ctx, network, clip(reason, 255), v.person.ID)
		}
		return d, nil
	}
	d.title, d.button = "Resume money out on "+name, "Resume"
	d.text = "Payouts are planned, signed and sent there again."
	if is == nil {
		d.refused = "It is not stopped."
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		return done{after: map[string]string{"stopped": "false"}}, v.cfg.Payouts.Resume(ctx, network)
	}
	return d, nil
}
