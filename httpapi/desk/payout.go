package desk

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

// payoutPage is what the page about a payout shows.
type payoutPage struct {
	Payout      payout.Payout
	Row         payoutRow
	Text        string
	Acts        []button
	Facts       []fact
	Actions     []payout.Action
	Transaction *transactionView
	Messages    []messageRow
	Shows       bool // messages
}

// payout shows one payout.
func (v *visit) payout() error {
	p, err := v.onePayout()
	if err != nil {
		return err
	}
	body := payoutPage{
		Payout: p, Row: v.payoutRow(p), Text: payoutText(p), Facts: v.factsOfPayout(p), Actions: p.Actions, Shows: v.cfg.Outbox != nil,
	}
	for _, o := range v.payoutOffers(p) {
		if v.person.Role.May(o.Least) {
			body.Acts = append(body.Acts, button{o, v.link("payouts", p.ID, o.Act)})
		}
	}
	if p.State.Transaction != "" {
		t, err := v.cfg.Payouts.Transaction(v.ctx(), p.State.Transaction)
		if err != nil {
			return err
		}
		body.Transaction = v.viewTransaction(t)
	}
	if body.Messages, err = v.messages(p.ID, p.Seq, "payouts"); err != nil {
		return err
	}
	return v.render(http.StatusOK, "payout", "Payout "+short(p.ID), body)
}

// payoutOffers returns the acts on a payout that are possible now.
func (v *visit) payoutOffers(p payout.Payout) []offer {
	var out []offer
	if p.State.Status == payout.StatusRequested && p.State.Reason == payout.ReasonApproval && p.Requester != v.person.ID {
		out = append(out, offer{"approve", "Approve", "It is paid once enough persons other than its requester have approved it.", RoleApprover})
	}
	if !p.State.Status.Ended() {
		text := "It is withdrawn at once, and what was reserved goes back."
		if p.State.Transaction != "" {
			text = "A transaction of it exists: only another one that excludes it can end it, or it is paid after all."
		}
		out = append(out, offer{"cancel", "Cancel", text, RoleApprover})
	}
	waits := p.State.Transaction == "" && (p.State.Status == payout.StatusRequested || p.State.Status == payout.StatusQueued)
	if (waits || p.State.Status == payout.StatusFailed) && p.To != "" {
		out = append(out, offer{"paid", "Mark as paid",
			"It was paid by other means: from another wallet, by a person. Name the transaction; the chain must have it.", RoleApprover})
	}
	if p.State.Status.Ended() && p.State.Status != payout.StatusPaid && p.Kind != payout.KindRefund {
		out = append(out, offer{"again", "Ask again", "Request a new payout with the same receiver and amount, once you have looked at why this one ended.", RoleOperator})
	}
	return out
}

// factsOfPayout returns what a payout is, for its page.
func (v *visit) factsOfPayout(p payout.Payout) []fact {
	out := []fact{
		{Name: "Amount", Value: v.amount(p.Asset.ID, p.Units)}, {Name: "Network", Value: v.networkName(p.Asset.ID.Network())},
		{Name: "Receiver", Value: string(p.To), Code: true, Link: v.cfg.Address(p.Asset.ID.Network(), p.To)},
		{Name: "Kind", Value: string(p.Kind)}, {Name: "Project", Value: v.projectName(p.Project)}, {Name: "From", Value: accountName(p.Source)},
		{Name: "Greatest fee", Value: v.amount(p.FeeAsset, p.Fee)}, {Name: "Fee paid by", Value: v.payerName(p)},
		{Name: "Payout", Value: p.ID, Code: true}, {Name: "Key", Value: p.Key, Code: true}, timeFact("Requested", p.CreatedAt),
		{Name: "Requested by", Value: p.Requester}, {Name: "Name", Value: p.Name}, {Name: "Comment", Value: p.Comment},
		timeFact("Not before", p.NotBefore), timeFact("Ended", p.State.EndAt), {Name: "Detail", Value: p.State.Detail},
		{Name: "On the chain", Value: p.State.TxID, Code: true, Link: v.cfg.Transaction(p.Asset.ID.Network(), p.State.TxID)},
	}
	if p.To == "" {
		out[2].Value = "to be named by the payee until " + clock(p.ClaimUntil)
	}
	if b := p.Beneficiary; b != nil {
		out = append(out, fact{Name: "Beneficiary", Value: b.Name}, fact{Name: "Reference", Value: b.Reference})
	}
	if p.Own {
		out = append(out, fact{Name: "Note", Value: "the receiver is an address of one of our own invoices"})
	}
	if p.Invoice != "" {
		out = append(out, fact{Name: "Invoice", Value: p.Invoice, Link: v.link("invoices", p.Invoice), Code: true})
	}
	if p.State.Paid != nil {
		out = append(out, fact{Name: "Fee that the network took", Value: v.amount(p.FeeAsset, p.State.Paid)})
	}
	return slices.DeleteFunc(out, func(f fact) bool { return f.Value == "" })
}

// transactionView is a transaction with its versions.
type transactionView struct {
	payout.Transaction
	NetworkName, Link, ChainLink string
	Versions                     []versionView
	Payouts                      []fact
	CanSign, CanCancel, CanHurry bool
	Chosen                       string // the fee that an operator chose and that waits
}

type versionView struct {
	payout.Version
	N                  int
	FeeText, ChainLink string
	Mined              bool
	State              string
}

func (v *visit) viewTransaction(t payout.Transaction) *transactionView {
	out := &transactionView{Transaction: t, NetworkName: v.networkName(t.Network), Link: v.link("transactions", t.ID)}
	for n, version := range t.Versions {
		row := versionView{Version: version, N: n, FeeText: v.feeText(version), Mined: t.Mined == n, ChainLink: v.cfg.Transaction(t.Network, version.TxID)}
		switch {
		case row.Mined:
			row.State = "in block " + strconv.FormatUint(t.Height, 10)
		case version.Signed():
			row.State = "signed"
		case version.Offered:
			row.State = "shown to a signer"
		default:
			row.State = "planned"
		}
		out.Versions = append(out.Versions, row)
	}
	for _, id := range t.Payouts {
		out.Payouts = append(out.Payouts, fact{Name: "Payout", Value: id, Link: v.link("payouts", id), Code: true})
	}
	may := v.person.Role.May(RoleApprover) && v.cfg.Payouts != nil
	out.CanSign = may && signable(t)
	out.CanHurry = may && hurriable(t)
	if t.Hurry != nil {
		out.Chosen = v.feeLike(t.Last(), t.Hurry.Fee)
	}
	out.CanCancel = may && t.Stage.Open() && !t.Cancel && t.Purpose == payout.PurposePay
	return out
}

// signable reports whether the last version of a transaction waits for its signature. It does not while a block has another one.
func signable(t payout.Transaction) bool {
	return t.Stage.Open() && t.Mined < 0 && len(t.Versions) > 0 && !t.Last().Signed()
}

// feeText returns the fee of a version in the coin of its network, if that is known.
func (v *visit) feeText(version payout.Version) string { return v.feeLike(version, version.Fee) }

// feeLike returns a fee in the coin that the version pays its own in.
func (v *visit) feeLike(version payout.Version, fee *big.Int) string {
	for _, m := range version.Moves {
		if m.Fee {
			return v.amount(m.Holding.Asset, fee)
		}
	}
	if len(version.Moves) > 0 { // fees of coins are no part of a move: all of them are in the network's own coin
		return v.amount(version.Moves[0].Holding.Asset, fee)
	}
	return fee.String() + " base units"
}

// oneTransaction returns the transaction of the path, if the person sees all of its payouts.
func (v *visit) oneTransaction() (payout.Transaction, error) {
	t, err := v.cfg.Payouts.Transaction(v.ctx(), v.r.PathValue("id"))
	if err != nil || len(v.person.Projects) == 0 {
		return t, err
	}
	for _, id := range t.Payouts {
		if _, err := v.payoutByID(id); err != nil {
			return payout.Transaction{}, err
		}
	}
	if len(t.Payouts) == 0 { // it moves coins of all projects
		return payout.Transaction{}, invoice.ErrNotFound
	}
	return t, nil
}

// transaction shows one transaction with its versions.
func (v *visit) transaction() error {
	t, err := v.oneTransaction()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "transaction", "Transaction "+short(t.ID), v.viewTransaction(t))
}

// payoutActs returns the acts on payouts and their transactions.
func payoutActs() []*act {
	on := func(pattern string, least Role) route {
		return route{pattern: pattern, least: least, needs: needsPayouts, fresh: true}
	}
	calm := on("/payouts/{id}/resend", RoleOperator)
	calm.needs, calm.fresh = needsOutbox, false
	return []*act{
		{route: on("/payouts/new", RoleOperator), name: "payout.request", plan: planPayout},
		{route: on("/payouts/{id}/again", RoleOperator), name: "payout.request", plan: planAgain},
		{route: on("/payouts/{id}/approve", RoleApprover), name: "payout.approve", plan: onPayout("Approve", "Approve", approve)},
		{route: on("/payouts/{id}/cancel", RoleApprover), name: "payout.cancel", plan: onPayout("Cancel the payout", "Cancel it", cancel)},
		{route: on("/payouts/{id}/paid", RoleApprover), name: "payout.mark_paid", plan: planPaid},
		{route: calm, name: "webhook.resend", plan: planPayoutResend},
		{route: on("/transactions/{id}/cancel", RoleApprover), name: "transaction.cancel", plan: planTransactionCancel},
		{route: on("/transactions/{id}/hurry", RoleApprover), name: "transaction.hurry", plan: planHurry},
		{route: on("/transactions/{id}/export", RoleApprover), name: "transaction.export", plan: planExport, repeat: true},
		{route: on("/transactions/{id}/import", RoleApprover), name: "transaction.import", plan: planImport},
	}
}

// payoutDeed returns what all acts on a payout repeat.
func (v *visit) payoutDeed(p payout.Payout) *deed {
	return &deed{
		subject: "payouts/" + p.ID, label: short(p.ID), project: p.Project, before: payoutFacts(p),
		facts:    append(v.termsOf(p), fact{Name: "Requested by", Value: p.Requester}, fact{Name: "Status", Value: string(p.State.Status)}),
		warnings: v.keyWarning(p.Project),
	}
}

// termsOf returns what is to be confirmed of a payout.
func (v *visit) termsOf(p payout.Payout) []fact {
	return []fact{
		{Name: "Amount", Value: v.amount(p.Asset.ID, p.Units)}, {Name: "Network", Value: v.networkName(p.Asset.ID.Network())},
		{Name: "Receiver", Value: string(p.To), Code: true}, {Name: "Greatest fee", Value: v.amount(p.FeeAsset, p.Fee)},
		{Name: "Fee paid by", Value: v.payerName(p)}, {Name: "Project", Value: v.projectName(p.Project)}, {Name: "Kind", Value: string(p.Kind)},
	}
}

type payoutDo func(v *visit, ctx context.Context, p payout.Payout, reason string) (payout.Payout, error)

func approve(v *visit, ctx context.Context, p payout.Payout, reason string) (payout.Payout, error) {
	return v.cfg.Payouts.Approve(ctx, p.Project, p.ID, v.person.ID, reason)
}

func cancel(v *visit, ctx context.Context, p payout.Payout, reason string) (payout.Payout, error) {
	return v.cfg.Payouts.Cancel(ctx, p.Project, p.ID, v.person.ID, reason)
}

// offeredDeed returns what all acts that a payout offers repeat, for the payout of the path.
func (v *visit) offeredDeed(title, label string) (*deed, payout.Payout, error) {
	p, err := v.onePayout()
	if err != nil {
		return nil, p, err
	}
	d := v.payoutDeed(p)
	d.title, d.button, d.danger = title, label, true
	d.refuseUnlessOffered(v.payoutOffers(p), v.r.URL.Path, p)
	return d, p, nil
}

// onPayout plans an act on the payout of the path.
func onPayout(title, label string, do payoutDo) func(*visit) (*deed, error) {
	return func(v *visit) (*deed, error) {
		d, p, err := v.offeredDeed(title, label)
		if err != nil {
			return nil, err
		}
		d.do = func(ctx context.Context, reason, _ string) (done, error) {
			after, err := do(v, ctx, p, clip(reason, 255))
			return done{after: payoutFacts(after)}, err
		}
		return d, nil
	}
}

// refuseUnlessOffered sets the text of the deed from the offer of the path's act, or why there is none.
func (d *deed) refuseUnlessOffered(offers []offer, path string, p payout.Payout) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	for _, o := range offers {
		if o.Act == name {
			d.text = o.Text
			return
		}
	}
	d.refused = "This is not possible now: the payout is " + string(p.State.Status) + "."
	if name == "approve" && p.State.Reason == payout.ReasonApproval {
		d.refused = refusalOf(payout.ErrSamePerson)
	}
}

func refusalOf(err error) string {
	text, _ := refusal(err)
	return text
}

// planPaid plans to mark a payout as paid by other means.
func planPaid(v *visit) (*deed, error) {
	d, p, err := v.offeredDeed("Mark as paid", "Mark as paid")
	if err != nil {
		return nil, err
	}
	txID := v.query("txid")
	d.fields = []field{{Name: "txid", Label: "Transaction that paid it", Kind: "text", Value: txID, Required: true,
		Help: "Its id on the chain. It must be final and have brought at least the amount to the receiver."}}
	d.do = func(ctx context.Context, reason, _ string) (done, error) {
		if txID == "" || len(txID) > 200 || !clean(txID) {
			return done{}, &fault{http.StatusUnprocessableEntity, "Refused", "Name the transaction."}
		}
		after, err := v.cfg.Payouts.MarkPaid(ctx, p.Project, p.ID, txID, v.person.ID, clip(reason, 255))
		return done{after: payoutFacts(after)}, err
	}
	return d, nil
}

func planPayoutResend(v *visit) (*deed, error) {
	if v.cfg.Payouts == nil {
		return nil, invoice.ErrNotFound
	}
	p, err := v.onePayout()
	if err != nil {
		return nil, err
	}
	d := v.payoutDeed(p)
	return d, v.planResend(d, p.ID, p.Seq)
}

// planAgain plans a payout like one that ended: it asks with the same values.
func planAgain(v *visit) (*deed, error) {
	p, err := v.onePayout()
	if err != nil {
		return nil, err
	}
	_ = v.query("confirm") // parses the form
	q := v.r.Form
	for name, value := range map[string]string{
		"project": p.Project, "kind": string(p.Kind), "asset": string(p.Asset.ID), "to": string(p.To), "amount": p.Asset.Decimal(p.Units).String(), "name": p.Name,
	} {
		if !q.Has(name) {
			q.Set(name, value)
		}
	}
	d, err := planPayout(v)
	if err == nil && v.query("confirm") == "" {
		d.warnings = append(d.warnings, "Look first at why the payout before ended: if it was paid by other means, this pays it twice.")
	}
	return d, err
}

// planPayout plans a payout: first what and to whom, then with what fee.
func planPayout(v *visit) (*deed, error) {
	projects, err := v.choices()
	if err != nil {
		return nil, err
	}
	d := &deed{title: "Request a payout", subject: "payouts", label: "Payouts", danger: true}
	if v.query("project") == "" && len(projects) > 0 {
		v.r.Form.Set("project", projects[0].ID)
	}
	project, err := v.wanted()
	if err != nil {
		return nil, err
	}
	d.project = project
	if v.query("confirm") == "" {
		v.askPayout(d, projects, "")
		return d, nil
	}
	r, problem := v.payoutRequest(project)
	var p payout.Payout
	if problem == "" {
		if p, err = v.cfg.Payouts.Quote(v.ctx(), r); err != nil {
			text, known := refusal(err)
			if !known {
				return nil, err
			}
			problem = text
		}
	}
	if problem != "" {
		v.askPayout(d, projects, problem)
		return d, nil
	}
	v.confirmPayout(d, r, p)
	return d, nil
}

func (v *visit) askPayout(d *deed, projects []invoice.Project, problem string) {
	d.more, d.button = true, "Continue"
	d.text = "The next page shows the fee and asks you to confirm."
	if problem != "" {
		d.warnings = append(d.warnings, problem)
	}
	kinds := []option{
		{string(payout.KindPayout), "To somebody else", v.query("kind") != string(payout.KindWithdrawal)},
		{string(payout.KindWithdrawal), "The project's own money, to its own address", v.query("kind") == string(payout.KindWithdrawal)},
	}
	d.fields = []field{
		{Name: "project", Label: "Project", Kind: "select", Options: projectOptions(projects, v.query("project")), Required: true},
		{Name: "kind", Label: "For", Kind: "select", Options: kinds, Required: true},
		{Name: "asset", Label: "Asset", Kind: "select", Options: v.payoutAssets(v.query("asset")), Required: true},
		{Name: "amount", Label: "Amount", Kind: "text", Value: v.query("amount"), Required: true, Help: "In the asset's own unit, such as 12.5."},
		{Name: "included", Label: "Take the fee out of the amount", Kind: "checkbox", Value: v.query("included")},
		{Name: "to", Label: "Receiver", Kind: "text", Value: v.query("to"), Required: true, Help: "An address, or an IBAN for a bank."},
		{Name: "beneficiary", Label: "Name of the receiver", Kind: "text", Value: v.query("beneficiary"), Help: "For banks and custodians."},
		{Name: "name", Label: "Description", Kind: "text", Value: v.query("name")},
	}
	d.hidden = []field{{Name: "confirm", Value: "1"}}
}

// payoutRequest reads the payout that is asked for, and what is wrong with it.
func (v *visit) payoutRequest(project string) (payout.Request, string) {
	r := payout.Request{
		Project: project, Kind: payout.Kind(v.query("kind")), Asset: chain.AssetID(v.query("asset")), To: v.query("to"),
		FeeIncluded: v.query("included") != "", Name: v.query("name"), Requester: v.person.ID,
	}
	n, err := decimal.NewFromString(v.query("amount"))
	switch {
	case project == "":
		return r, "Choose a project."
	case err != nil || len(v.query("amount")) > 60:
		return r, "The amount must be a number."
	case r.To == "":
		return r, "Name the receiver."
	case r.Kind != payout.KindPayout && r.Kind != payout.KindWithdrawal:
		return r, "There is no such kind."
	}
	r.Units = n
	if name := v.query("beneficiary"); name != "" {
		r.Beneficiary = &payout.Beneficiary{Name: name}
	}
	return r, ""
}

func (v *visit) confirmPayout(d *deed, r payout.Request, p payout.Payout) {
	d.button = "Pay " + v.amount(p.Asset.ID, p.Units)
	d.text = "The amount and the greatest fee are reserved at once. It is paid as soon as policies, approvals and signers let it."
	d.facts = append(v.termsOf(p), fact{Name: "Description", Value: p.Name})
	if string(p.To) != r.To {
		d.facts = append(d.facts, fact{Name: "Receiver as you wrote it", Value: r.To, Code: true})
	}
	if p.Own {
		d.warnings = append(d.warnings, "The receiver is an address of one of our own invoices.")
	}
	d.warnings = append(d.warnings, v.keyWarning(d.project)...)
	for _, name := range []string{"project", "kind", "asset", "amount", "included", "to", "beneficiary", "name", "confirm"} {
		d.hidden = append(d.hidden, field{Name: name, Value: v.query(name)})
	}
	d.do = func(ctx context.Context, reason, key string) (done, error) {
		r.Key, r.Comment = "desk-"+key, clip(reason, 255)
		p, err := v.cfg.Payouts.Request(ctx, r)
		return done{after: payoutFacts(p), path: "payouts/" + p.ID}, err
	}
}

// transactionDeed returns what all acts on a transaction repeat.
func (v *visit) transactionDeed() (*deed, payout.Transaction, error) {
	t, err := v.oneTransaction()
	if err != nil {
		return nil, t, err
	}
	d := &deed{
		subject: "transactions/" + t.ID, label: short(t.ID), before: map[string]string{"stage": string(t.Stage), "versions": strconv.Itoa(len(t.Versions))},
		facts: []fact{
			{Name: "Transaction", Value: t.ID, Code: true}, {Name: "Network", Value: v.networkName(t.Network)}, {Name: "For", Value: words(string(t.Purpose))},
			{Name: "Stage", Value: string(t.Stage)},
		},
	}
	if len(t.Versions) > 0 {
		d.facts = append(d.facts, fact{Name: "Greatest fee", Value: v.feeText(t.Last())})
	}
	const many = 20
	for i, id := range t.Payouts {
		if i == many {
			d.facts = append(d.facts, fact{Name: "And", Value: fmt.Sprintf("%d more payouts", len(t.Payouts)-many)})
			break
		}
		p, err := v.payoutByID(id)
		if err != nil {
			return nil, t, err
		}
		if len(t.Payouts) == 1 {
			d.project = p.Project
		}
		d.facts = append(d.facts, fact{Name: "Pays " + v.amount(p.Asset.ID, p.Units) + " to", Value: string(p.To), Code: true})
	}
	return d, t, nil
}

func planTransactionCancel(v *visit) (*deed, error) {
	d, t, err := v.transactionDeed()
	if err != nil {
		return nil, err
	}
	d.title, d.button, d.danger = "Cancel the transaction", "Cancel it", true
	d.text = "Its next version pays us instead. Payouts that were not cancelled themselves are paid by another transaction once that is buried."
	if !t.Stage.Open() || t.Cancel {
		d.refused = "This is not possible now: the transaction is " + string(t.Stage) + ", or is being cancelled."
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		after, err := v.cfg.Payouts.CancelTransaction(ctx, t.ID, v.person.ID)
		return done{after: map[string]string{"stage": string(after.Stage)}}, err
	}
	return d, nil
}

// planExport plans to hand out what is to be signed. From then on it may be signed, so it is an act.
func planExport(v *visit) (*deed, error) {
	d, t, err := v.transactionDeed()
	if err != nil {
		return nil, err
	}
	d.title, d.button = "Download what is to be signed", "Download"
	d.text = "From now on the transaction may be signed, and even sent, without this desk: only the chain can end it. Check the receivers and amounts on the device that signs."
	form := v.query("form")
	d.fields = []field{{Name: "form", Label: "As", Kind: "select", Required: true, Options: []option{
		{"file", "the bytes (a PSBT on Bitcoin's relatives)", form == "file"}, {"base64", "text in base64", form == "base64"}, {"hex", "text in hexadecimal digits", form == "hex"},
	}}}
	if !signable(t) {
		d.refused = "Nothing of this transaction is to be signed now."
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		r, err := v.cfg.Payouts.Export(ctx, t.ID)
		if err != nil {
			return done{}, err
		}
		f := &file{fmt.Sprintf("%s-%d.psbt", t.ID, r.N), "application/octet-stream", r.Unsigned}
		if !strings.HasPrefix(string(r.Unsigned), "psbt\xff") {
			f.name = fmt.Sprintf("%s-%d.unsigned", t.ID, r.N)
		}
		switch form {
		case "base64":
			f.name, f.kind, f.body = f.name+".txt", "text/plain; charset=utf-8", []byte(base64.StdEncoding.EncodeToString(r.Unsigned))
		case "hex":
			f.name, f.kind, f.body = f.name+".txt", "text/plain; charset=utf-8", []byte(hex.EncodeToString(r.Unsigned))
		}
		return done{after: map[string]string{"version": strconv.Itoa(r.N)}, file: f}, nil
	}
	return d, nil
}

// planImport plans to bring a signed transaction.
func planImport(v *visit) (*deed, error) {
	d, t, err := v.transactionDeed()
	if err != nil {
		return nil, err
	}
	d.title, d.button = "Bring the signed transaction", "Import"
	d.text = "It is checked against its plan, stored, and then sent."
	last := max(0, len(t.Versions)-1)
	d.fields = []field{
		{Name: "file", Label: "File", Kind: "file", Help: "The signed PSBT or transaction."},
		{Name: "text", Label: "Or its text", Kind: "textarea", Value: v.query("text"), Help: "In hexadecimal digits or base64."},
		{Name: "version", Label: "Version", Kind: "number", Value: strconv.Itoa(last), Required: true},
	}
	if !t.Stage.Open() || len(t.Versions) == 0 {
		d.refused = "Nothing of this transaction is to be signed now."
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		signed, err := v.signedBytes()
		if err != nil {
			return done{}, err
		}
		n, err := strconv.Atoi(v.query("version"))
		if err != nil || n < 0 || n >= len(t.Versions) {
			return done{}, &fault{http.StatusUnprocessableEntity, "Refused", "There is no such version."}
		}
		after, err := v.cfg.Payouts.Import(ctx, t.ID, n, signed)
		return done{after: map[string]string{"stage": string(after.Stage), "version": strconv.Itoa(n)}}, err
	}
	return d, nil
}

// signedBytes returns what the form brought: a file, or a text in one of the usual encodings.
func (v *visit) signedBytes() ([]byte, error) {
	f, _, err := v.r.FormFile("file")
	if err == nil {
		defer func() { _ = f.Close() }() // it was read
		body, err := io.ReadAll(io.LimitReader(f, maxForm))
		if err != nil {
			return nil, err
		}
		if len(body) > 0 {
			return decoded(body), nil
		}
	} else if !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart) {
		return nil, err
	}
	if text := v.query("text"); text != "" {
		return decoded([]byte(text)), nil
	}
	return nil, &fault{http.StatusUnprocessableEntity, "Refused", "Choose a file, or paste its text."}
}

// decoded returns the bytes that a text stands for, or the bytes themselves if they are no text in an encoding.
func decoded(body []byte) []byte {
	text := strings.Join(strings.Fields(string(body)), "")
	if raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x")); err == nil {
		return raw
	}
	if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
		return raw
	}
	return body
}

// keyKind is the kind of the documents that remember when keys of projects were made anew.
const keyKind = "desk.keys"

// keyWarning returns a warning if a key of the project was made anew lately: who got hold of an account often begins with that.
func (v *visit) keyWarning(project string) []string {
	_, body, err := v.cfg.Records.Document(v.ctx(), keyKind, project)
	if err != nil || body == nil {
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(body))
	if err != nil || v.cfg.Now().Sub(at) > 24*time.Hour {
		return nil
	}
	return []string{"A key of this project was made anew " + ago(v.cfg.Now(), at) + ". Be sure that its owner did it before money leaves."}
}
