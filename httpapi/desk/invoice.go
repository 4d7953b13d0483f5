package desk

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// oneInvoice returns the invoice of the path, or ErrNotFound if the person does not see its project.
func (v *visit) oneInvoice() (invoice.Invoice, error) { return v.invoiceByID(v.r.PathValue("id")) }

// invoiceByID returns an invoice, or ErrNotFound if the person does not see its project.
func (v *visit) invoiceByID(id string) (invoice.Invoice, error) {
	inv, err := v.cfg.Invoices.Invoice(v.ctx(), "", id)
	if err == nil && !v.person.Sees(inv.Project) {
		err = invoice.ErrNotFound
	}
	return inv, err
}

// Who is paid often, at a deposit address, has many events, and many messages about them: these are read of the latest ones.
const (
	eventsSeen = 1000 // for the timeline, and for what receivers were not told
	eventsTold = 100  // whose messages are shown
)

// invoicePage is what the page about an invoice shows.
type invoicePage struct {
	Invoice       invoice.Invoice
	Heading       string
	ProjectName   string
	Explanation   explanation
	Acts          []button
	Facts, Money  []fact
	Metadata      []fact
	Payments      []paymentRow
	MorePayments  int
	Timeline      []happening
	MoreEvents    int    // that are not in the timeline
	Note, Label   string // where a note is added, and a label given; empty if the person may not
	Messages      []messageRow
	ShowsMessages bool
	MoreMessages  bool // about earlier events
	Refunds       []payoutRow
	Settlement    *payoutRow
}

// button is an act that the person may do now.
type button struct {
	offer
	Link string
}

// paymentRow is a payment of an invoice.
type paymentRow struct {
	invoice.Payment
	Amount, Credit, Class, Depth string
	Mature                       bool
	Network, Link                string
}

// invoice shows one invoice.
func (v *visit) invoice() error {
	inv, err := v.oneInvoice()
	if err != nil {
		return err
	}
	history, err := v.cfg.Invoices.History(v.ctx(), inv.Project, inv.ID, inv.Seq-eventsSeen)
	if err != nil {
		return err
	}
	depths, err := v.cfg.Invoices.Depths(v.ctx(), inv)
	if err != nil {
		return err
	}
	told := eventPayments(history)
	p := invoicePage{
		Invoice: inv, Heading: heading(inv), ProjectName: v.projectName(inv.Project),
		Payments: v.paymentRows(inv, depths, told), ShowsMessages: v.cfg.Outbox != nil, MoreEvents: int(inv.Seq - eventsSeen), MoreMessages: inv.Seq > eventsTold,
	}
	p.MorePayments = inv.PaymentCount() - len(inv.Payments)
	s := situation{now: v.cfg.Now(), refunds: v.cfg.Payouts != nil, shallowest: shallowest(p.Payments)}
	if err := v.readRefunds(inv, &s, &p); err != nil {
		return err
	}
	if p.Messages, err = v.messages(inv.ID, inv.Seq, "invoices"); err != nil {
		return err
	}
	p.Explanation = explain(inv, s)
	for _, o := range p.Explanation.Offers {
		if v.person.Role.May(o.Least) {
			p.Acts = append(p.Acts, button{o, v.link("invoices", inv.ID, o.Act)})
		}
	}
	p.Facts, p.Money, p.Metadata = v.invoiceFacts(inv)
	notes, err := v.notes(inv)
	if err != nil {
		return err
	}
	p.Timeline = v.timeline(inv, history, told, notes)
	if v.person.Role.May(RoleCashier) {
		p.Note = v.link("invoices", inv.ID, "note")
	}
	if v.person.Role.May(RoleOperator) {
		p.Label = v.link("invoices", inv.ID, "label")
	}
	return v.render(http.StatusOK, "invoice", p.Heading, p)
}

// readRefunds reads what can be refunded of the invoice, what was, and what settles it.
func (v *visit) readRefunds(inv invoice.Invoice, s *situation, p *invoicePage) error {
	if v.cfg.Payouts == nil {
		return nil
	}
	credit, err := v.cfg.Payouts.Credit(v.ctx(), inv.Project, inv.ID)
	if err != nil {
		return err
	}
	s.refundable = new(big.Int)
	for asset := range credit.Received {
		if left := credit.Refundable(asset); left.Sign() > 0 {
			s.refundable = left
		}
	}
	s.over = surplus(inv, credit)
	page, err := v.cfg.Payouts.Payouts(v.ctx(), payout.Query{Project: inv.Project, Search: inv.ID, Limit: 50})
	if err != nil {
		return err
	}
	p.Refunds = v.payoutRows(page.Payouts)
	if len(credit.Received) > 0 {
		by, err := v.cfg.Payouts.SettledBy(v.ctx(), inv.Project, inv.ID, inv.PaidAsset())
		if err == nil {
			row := v.payoutRow(by)
			p.Settlement = &row
		} else if faultOf(err).status != http.StatusNotFound {
			return err
		}
	}
	return nil
}

// surplus returns what came beyond what was due and was not given back, by the ledger; nil if the ledger has nothing of the
// invoice, or nothing is due.
func surplus(inv invoice.Invoice, credit payout.Credit) *big.Int {
	if inv.Quote == nil || inv.Terms.Standing || len(credit.Received) == 0 {
		return nil
	}
	return credit.Over(inv.Quote.Asset.ID, inv.Quote.Due)
}

// paymentRows returns the payments, the latest first.
func (v *visit) paymentRows(inv invoice.Invoice, depths []invoice.Depth, told map[chain.Key]invoice.PayloadPayment) []paymentRow {
	rows := make([]paymentRow, 0, len(inv.Payments))
	for i, p := range inv.Payments {
		row := paymentRow{
			Payment: p, Amount: v.amount(p.Asset, p.Units), Class: words(string(told[p.Key].Class)), Network: v.networkName(p.Key.Network),
			Link: v.cfg.Transaction(p.Key.Network, p.Key.TxID),
		}
		if inv.Quote != nil && p.Credit != nil && p.Asset != inv.Quote.Asset.ID {
			row.Credit = sum(inv, p.Credit)
		}
		if i < len(depths) {
			row.Mature = depths[i].Mature
			row.Depth = depthText(p, depths[i])
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b paymentRow) int { return b.FirstSeen.Compare(a.FirstSeen) })
	return rows
}

func depthText(p invoice.Payment, d invoice.Depth) string {
	switch {
	case p.Withdrawn:
		return "no longer on the chain"
	case p.Dust:
		return "too small to count"
	case d.Need == 0 && d.Mature:
		return "seen"
	case p.Block.Height == 0:
		return fmt.Sprintf("unconfirmed, 0 of %d", d.Need)
	}
	return fmt.Sprintf("%d of %d", d.Have, d.Need)
}

// shallowest returns how deep the payment is that needs most, or "" if none waits.
func shallowest(rows []paymentRow) string {
	for _, r := range rows {
		if !r.Mature && !r.Withdrawn && !r.Dust && r.Depth != "" {
			return r.Depth + " confirmations"
		}
	}
	return ""
}

// invoiceFacts returns what the invoice is, where and what is to be paid, and the shop's own data.
func (v *visit) invoiceFacts(inv invoice.Invoice) (facts, money, metadata []fact) {
	add := func(to *[]fact, name, value, link string, code bool) {
		if value != "" {
			*to = append(*to, fact{Name: name, Value: value, Link: link, Code: code})
		}
	}
	add(&facts, "Invoice", inv.ID, "", true)
	add(&facts, "Order", inv.OrderID, "", false)
	add(&facts, "Name", inv.Name, "", false)
	add(&facts, "Label", inv.Label(), "", false)
	add(&facts, "Project", v.projectName(inv.Project), "", false)
	for _, f := range []fact{timeFact("Created", inv.CreatedAt), timeFact("Deadline", inv.EffectiveDeadline()), timeFact("Completed", inv.State.CompletedAt)} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	add(&facts, "API", inv.Format, "", false)
	if page := v.cfg.PaymentPage(inv); page != "" {
		add(&facts, "Payment page", page, page, false)
	}
	add(&money, "Price", v.price(inv.Price), "", false)
	if q := inv.Quote; q != nil {
		add(&money, "Due", sum(inv, q.Due), "", false)
		add(&money, "Received", sum(inv, inv.State.Received), "", false)
		add(&money, "Counted", sum(inv, inv.State.Counted), "", false)
		add(&money, "Confirmed", sum(inv, inv.State.Confirmed), "", false)
		if left := inv.Remaining(); positive(left) && !inv.State.Closed {
			add(&money, "Still to be paid", sum(inv, left), "", false)
		}
		add(&money, "Network", v.networkName(q.Asset.ID.Network()), "", false)
		add(&money, "Address", string(q.Address), v.cfg.Address(q.Asset.ID.Network(), q.Address), true)
		if !q.Rate.Value.IsZero() {
			add(&money, "Rate", fmt.Sprintf("%s %s for 1 %s (%s, %s)", q.Rate.Value, q.Rate.Pair.Quote, q.Asset.Code, q.Rate.Source, clock(q.Rate.Time)), "", false)
		}
		if positive(q.Fee) {
			add(&money, "Commission within it", sum(inv, q.Fee), "", false)
		}
	}
	if !inv.Terms.TolerancePercent.IsZero() {
		add(&money, "Tolerance", inv.Terms.TolerancePercent.String()+" %", "", false)
	}
	for _, key := range v.cfg.Metadata {
		add(&metadata, key, inv.Data[key], "", false)
	}
	return facts, money, metadata
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(moment) + " UTC"
}

// messageRow is a webhook message with its attempts.
type messageRow struct {
	webhook.Record
	Body     string
	Receiver string
	Resend   string // URL; empty if the person may not, or a later message to the receiver exists
}

// messages returns the messages about the latest events of an invoice or a payout, the newest first. Its last event is seq.
func (v *visit) messages(id string, seq int64, section string) ([]messageRow, error) {
	if v.cfg.Outbox == nil {
		return nil, nil
	}
	records, err := v.cfg.Outbox.History(v.ctx(), id, seq-eventsTold)
	if err != nil {
		return nil, err
	}
	latest := map[string]bool{}
	var rows []messageRow
	for _, r := range slices.Backward(records) {
		row := messageRow{Record: r, Body: clip(string(r.Message.Body), 16<<10), Receiver: "the callback URL"}
		if r.Message.Receiver != "" {
			row.Receiver = "endpoint " + r.Message.Receiver
		}
		if !latest[r.Message.Receiver] && v.person.Role.May(RoleOperator) {
			row.Resend = v.link(section, id, "resend") + "?receiver=" + r.Message.Receiver
		}
		latest[r.Message.Receiver] = true
		rows = append(rows, row)
	}
	return rows, nil
}

// invoiceActs returns the acts on invoices.
func invoiceActs() []*act {
	at := func(name string) string { return "/invoices/{id}/" + name }
	acceptLate := func(v *visit, ctx context.Context, a invoice.Act) (invoice.Invoice, error) {
		return v.cfg.Invoices.AcceptLate(ctx, a)
	}
	return []*act{
		{route: actRoute("/invoices/new", RoleCashier), name: "invoice.create", plan: planInvoice},
		{route: actRoute(at("cancel"), RoleCashier), name: "invoice.cancel", plan: onInvoice("cancel", setStatus(invoice.StatusCancelled))},
		{route: actRoute(at("note"), RoleCashier), name: "invoice.note", plan: planNote},
		{route: actRoute(at("label"), RoleOperator), name: "invoice.label", plan: planLabel},
		{route: actRoute(at("accept-late"), RoleOperator), name: "invoice.accept_late", plan: onInvoice("accept-late", acceptLate)},
		{route: actRoute(at("complete"), RoleOperator), name: "invoice.complete", plan: onInvoice("complete", setStatus(invoice.StatusCompleted))},
		{route: actRoute(at("reopen"), RoleOperator), name: "invoice.reopen", plan: onInvoice("reopen", reopen)},
		{route: actRoute(at("requote"), RoleOperator), name: "invoice.requote", plan: onInvoice("requote", requote)},
		{route: actRoute(at("expire"), RoleOperator), name: "invoice.expire", plan: onInvoice("expire", setStatus(invoice.StatusExpired))},
		{route: actRoute(at("archive"), RoleOperator), name: "invoice.archive", plan: onInvoice("archive", setStatus(invoice.StatusArchived))},
		{route: route{pattern: at("refund"), least: RoleOperator, needs: needsPayouts, fresh: true}, name: "invoice.refund", plan: planRefund},
		{route: route{pattern: at("resend"), least: RoleOperator, needs: needsOutbox}, name: "webhook.resend", plan: planResend},
	}
}

// setStatus returns the act that gives an invoice a status.
func setStatus(to invoice.Status) invoiceDo {
	return func(v *visit, ctx context.Context, a invoice.Act) (invoice.Invoice, error) {
		return v.cfg.Invoices.SetStatus(ctx, a, to)
	}
}

func reopen(v *visit, ctx context.Context, a invoice.Act) (invoice.Invoice, error) {
	inv, err := v.cfg.Invoices.Invoice(ctx, a.Project, a.Invoice)
	if err != nil {
		return inv, err
	}
	if inv.State.Status == invoice.StatusExpired {
		return v.cfg.Invoices.Refresh(ctx, a, 0)
	}
	return v.cfg.Invoices.SetStatus(ctx, a, invoice.StatusNew)
}

func requote(v *visit, ctx context.Context, a invoice.Act) (invoice.Invoice, error) {
	return v.cfg.Invoices.Requote(ctx, a, 0)
}

// invoiceDo does an act on an invoice.
type invoiceDo func(*visit, context.Context, invoice.Act) (invoice.Invoice, error)

// onInvoice plans an act on the invoice of the path that explain offers.
func onInvoice(name string, do invoiceDo) func(*visit) (*deed, error) {
	return func(v *visit) (*deed, error) {
		inv, err := v.oneInvoice()
		if err != nil {
			return nil, err
		}
		return v.offeredAct(inv, name, do), nil
	}
}

// offeredAct returns an act on an invoice, which is refused unless explain offers it.
func (v *visit) offeredAct(inv invoice.Invoice, name string, do invoiceDo) *deed {
	d := v.invoiceDeed(inv)
	e := explain(inv, situation{now: v.cfg.Now()})
	i := slices.IndexFunc(e.Offers, func(o offer) bool { return o.Act == name })
	d.title, d.danger = words(name), name == "cancel" || name == "archive" || name == "expire"
	if i < 0 {
		d.refused = "This is not possible now: the invoice is " + words(string(inv.State.Status)) + "."
		return d
	}
	d.title, d.button, d.text = e.Offers[i].Label, e.Offers[i].Label, e.Offers[i].Text
	d.do = func(ctx context.Context, reason, _ string) (done, error) {
		after, err := do(v, ctx, invoice.Act{Project: inv.Project, Invoice: inv.ID, Actor: v.person.ID, Comment: reason})
		return done{after: statusOf(after)}, err
	}
	return d
}

// planInvoice plans a new invoice, as at a till.
func planInvoice(v *visit) (*deed, error) {
	projects, project, err := v.choice()
	if err != nil {
		return nil, err
	}
	assets := []option{{"", "the payer chooses", v.query("asset") == ""}}
	for _, a := range v.cfg.Invoices.Assets() {
		assets = append(assets, v.assetOption(a.Asset, v.query("asset")))
	}
	currency := cmp.Or(v.query("currency"), "EUR")
	d := &deed{
		title: "New invoice", button: "Create", subject: "invoices", label: "Invoices", project: project, unexplained: true,
		text: "It has the terms that the configuration gives to invoices. Its page has the link for the payer.",
		fields: []field{
			{Name: "project", Label: "Project", Kind: "select", Options: projectOptions(projects, project), Required: true},
			{Name: "amount", Label: "Price", Kind: "text", Value: v.query("amount"), Required: true, Help: "Such as 12.50."},
			{Name: "currency", Label: "Currency", Kind: "text", Value: currency, Required: true, Help: "A code such as EUR, or that of an asset."},
			{Name: "asset", Label: "To be paid in", Kind: "select", Options: assets},
			{Name: "order", Label: "Order", Kind: "text", Value: v.query("order"), Help: "The shop's own number, which no other invoice of the project has. It may be empty."},
			{Name: "name", Label: "Description", Kind: "text", Value: v.query("name"), Help: "The payer may see it."},
		},
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		amount, err := decimal.NewFromString(v.query("amount"))
		if err != nil || len(v.query("amount")) > 60 {
			return done{}, &fault{http.StatusUnprocessableEntity, "Refused", "The price must be a number."}
		}
		inv, err := v.cfg.Invoices.Create(ctx, invoice.Request{
			Project: project, OrderID: v.query("order"), Name: v.query("name"), Asset: v.query("asset"),
			Price: invoice.Price{Currency: strings.ToUpper(currency), Amount: amount},
		})
		return done{after: map[string]string{"invoice": inv.ID, "price": v.price(inv.Price)}, path: "invoices/" + inv.ID}, err
	}
	if project == "" && v.r.Method == http.MethodPost {
		d.refused = "Choose a project."
	}
	return d, nil
}

// invoiceDeed returns what all acts on an invoice repeat.
func (v *visit) invoiceDeed(inv invoice.Invoice) *deed {
	d := &deed{
		subject: "invoices/" + inv.ID, label: heading(inv), project: inv.Project, before: statusOf(inv),
		facts: []fact{
			{Name: "Invoice", Value: heading(inv)}, {Name: "Project", Value: v.projectName(inv.Project)},
			{Name: "Status", Value: words(string(inv.State.Status))}, {Name: "Price", Value: v.price(inv.Price)},
		},
	}
	if inv.Quote != nil {
		d.facts = append(d.facts, fact{Name: "Due", Value: due(inv)}, fact{Name: "Received", Value: sum(inv, inv.State.Received)},
			fact{Name: "Confirmed", Value: sum(inv, inv.State.Confirmed)})
	}
	return d
}

// planResend plans to send the latest message to a receiver again.
func planResend(v *visit) (*deed, error) {
	inv, err := v.oneInvoice()
	if err != nil {
		return nil, err
	}
	d := v.invoiceDeed(inv)
	return d, v.planResend(d, inv.ID, inv.Seq)
}

// planResend completes a deed that sends the latest message about a subject to the receiver of the URL again.
func (v *visit) planResend(d *deed, id string, seq int64) error {
	records, err := v.cfg.Outbox.History(v.ctx(), id, seq-eventsSeen)
	if err != nil {
		return err
	}
	return v.resendTo(d, id, v.query("receiver"), records)
}

// resendTo completes a deed that sends the latest of the messages about a subject to a receiver again.
func (v *visit) resendTo(d *deed, id, receiver string, records []webhook.Record) error {
	var last *webhook.Record
	for i := range records {
		if records[i].Message.Receiver == receiver {
			last = &records[i]
		}
	}
	if last == nil {
		return invoice.ErrNotFound
	}
	d.title, d.button = "Send the webhook again", "Send again"
	d.text = "The latest message to this receiver is sent again at once, with the same id and the same body. A URL that was given up takes messages again."
	d.facts = append(d.facts, fact{Name: "Message", Value: last.Message.ID, Code: true}, fact{Name: "Event", Value: string(last.Message.Event)},
		fact{Name: "URL", Value: shownURL(last.Message.URL), Code: true}, fact{Name: "State", Value: string(last.State)},
		fact{Name: "Attempts", Value: strconv.Itoa(len(last.Attempts))})
	d.hidden = []field{{Name: "receiver", Value: receiver}}
	d.before = map[string]string{"state": string(last.State)}
	d.unexplained = true
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		m, err := v.cfg.Outbox.Resend(ctx, id, receiver)
		return done{after: map[string]string{"message": m.ID}}, err
	}
	return nil
}

// refundChoices returns the amounts that can be given back of an invoice, the most fitting first.
func (v *visit) refundChoices(inv invoice.Invoice, credit payout.Credit) []option {
	var out []option
	over := surplus(inv, credit)
	for _, asset := range slices.Sorted(maps.Keys(credit.Received)) {
		left := credit.Refundable(asset)
		if left.Sign() <= 0 {
			continue
		}
		if positive(over) && inv.Quote.Asset.ID == asset && over.Cmp(left) < 0 {
			out = append(out, option{Value: "over " + string(asset), Text: "The surplus: " + v.amount(asset, over)})
		}
		out = append(out, option{Value: "all " + string(asset), Text: "Everything: " + v.amount(asset, left)})
	}
	return out
}
