package desk

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
)

// maxSeveral bounds how many invoices, and how many messages, one form concerns.
const maxSeveral = 100

// severalButton is an act on the invoices that are chosen in a list.
type severalButton struct{ Label, Action string }

// severalButtons returns those that the person may do.
func (v *visit) severalButtons() []severalButton {
	var out []severalButton
	for _, a := range severalActs() {
		if v.may(&a.route) == nil {
			name := a.pattern[strings.LastIndexByte(a.pattern, '/')+1:]
			out = append(out, severalButton{severalTitles[name], v.root + strings.TrimPrefix(a.pattern, "/")})
		}
	}
	return out
}

var severalTitles = map[string]string{
	"cancel": "Cancel", "expire": "Expire", "archive": "Archive", "label": "Label", "resend": "Send webhooks again",
}

// severalActs returns the acts on several invoices of a list. Each does to every one what the act on one does.
func severalActs() []*act {
	at := func(name string, least Role, plan func(*visit, invoice.Invoice) ([]*deed, error)) *act {
		a := &act{route: actRoute("/invoices/several/"+name, least), name: "invoice." + name}
		a.plan = func(v *visit) (*deed, error) { return v.planSeveral(severalTitles[name], plan) }
		return a
	}
	each := func(name string, to invoice.Status) func(*visit, invoice.Invoice) ([]*deed, error) {
		return func(v *visit, inv invoice.Invoice) ([]*deed, error) {
			return []*deed{v.offeredAct(inv, name, setStatus(to))}, nil
		}
	}
	resend := at("resend", RoleOperator, (*visit).planResends)
	resend.needs, resend.name = needsOutbox, "webhook.resend"
	label := at("label", RoleOperator, func(v *visit, inv invoice.Invoice) ([]*deed, error) { return []*deed{v.labelDeed(inv)}, nil })
	plan := label.plan
	label.plan = func(v *visit) (*deed, error) {
		d, err := plan(v)
		if err == nil && d.refused == "" {
			d.danger, d.unexplained, d.fields = false, true, []field{v.labelField(v.query("label"))}
		}
		return d, err
	}
	return []*act{
		at("cancel", RoleCashier, each("cancel", invoice.StatusCancelled)),
		at("expire", RoleOperator, each("expire", invoice.StatusExpired)),
		at("archive", RoleOperator, each("archive", invoice.StatusArchived)),
		label, resend,
	}
}

// planSeveral plans the same act on all invoices of the form. One that the person does not see refuses all of them.
func (v *visit) planSeveral(title string, plan func(*visit, invoice.Invoice) ([]*deed, error)) (*deed, error) {
	back := v.listParams()
	d := &deed{title: title, button: title, subject: "invoices", params: back, label: "Invoices", danger: true}
	var chosen []string
	for _, id := range v.r.Form["invoice"] {
		if len(chosen) <= maxSeveral && !slices.Contains(chosen, id) {
			chosen = append(chosen, id)
		}
	}
	switch {
	case len(chosen) == 0:
		d.refused = "No invoice is chosen. Go back to the list, and tick those that it is about."
		return d, nil
	case len(chosen) > maxSeveral:
		d.refused = fmt.Sprintf("These are more than %d invoices, which is the most that can be changed with one form.", maxSeveral)
		return d, nil
	}
	possible := 0
	for _, id := range chosen {
		inv, err := v.invoiceByID(id)
		if err != nil {
			return nil, err
		}
		parts, err := plan(v, inv)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			if p.refused == "" {
				possible++
			}
			d.facts = append(d.facts, fact{Name: p.label, Value: v.partText(inv, p), Link: v.link("invoices", inv.ID)})
		}
		d.parts = append(d.parts, parts...)
		d.hidden = append(d.hidden, field{Name: "invoice", Value: inv.ID})
	}
	if back != "" {
		d.hidden = append(d.hidden, field{Name: "list", Value: back})
	}
	v.sumUp(d, len(chosen), possible)
	return d, nil
}

// sumUp says what a deed on several invoices is, or why there is nothing to do.
func (v *visit) sumUp(d *deed, chosen, possible int) {
	d.title = fmt.Sprintf("%s: %s", d.title, counted(chosen, "invoice", "invoices"))
	switch {
	case possible == 0:
		d.refused = "This is possible for none of them now."
	case len(d.parts) > maxSeveral:
		d.refused = fmt.Sprintf("These are %d messages. At most %d can be sent again with one form.", len(d.parts), maxSeveral)
	case possible < len(d.parts):
		d.text = fmt.Sprintf("It is done to each of them on its own, as from its page. It is not possible for %d of them, which stay as they are.", len(d.parts)-possible)
	default:
		d.text = "It is done to each of them on its own, as from its page."
	}
}

// partText returns what is repeated of one invoice among several.
func (v *visit) partText(inv invoice.Invoice, p *deed) string {
	text := []string{words(string(inv.State.Status)), v.price(inv.Price)}
	if positive(inv.State.Received) && inv.Quote != nil {
		text = append(text, sum(inv, inv.State.Received)+" received")
	}
	if label := inv.Label(); label != "" {
		text = append(text, "label "+label)
	}
	for _, f := range p.facts {
		if f.Name == "URL" {
			text = append(text, "to "+f.Value)
		}
	}
	text = append(text, v.projectName(inv.Project))
	out := strings.Join(text, ", ")
	if p.refused != "" {
		out += ". " + p.refused
	}
	return out
}

// planResends plans to send the latest message about an invoice to each of its receivers again.
func (v *visit) planResends(inv invoice.Invoice) ([]*deed, error) {
	records, err := v.cfg.Outbox.History(v.ctx(), inv.ID, inv.Seq-eventsSeen)
	if err != nil {
		return nil, err
	}
	var out []*deed
	seen := map[string]bool{}
	for _, r := range records {
		if receiver := r.Message.Receiver; !seen[receiver] {
			seen[receiver] = true
			d := v.invoiceDeed(inv)
			if err := v.resendTo(d, inv.ID, receiver, records); err != nil {
				return nil, err
			}
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		d := v.invoiceDeed(inv)
		d.refused = "No message about it was to be sent."
		out = append(out, d)
	}
	return out, nil
}

// severally does each part of a deed on its own, in the order of the form, and leads to the page that says what became of
// each. What takes longer than one act may is left undone.
func (v *visit) severally(a *act, d *deed, reason, once string) error {
	ctx := context.WithoutCancel(v.ctx())
	var positions []string
	began := time.Now()
	for _, p := range d.parts {
		if time.Since(began) > actTime {
			break
		}
		at, err := v.carryOutPart(ctx, a, p, reason, v.key(once))
		if err != nil {
			v.cfg.Logger.ErrorContext(ctx, "desk: an act on several invoices broke off", "act", a.name, "subject", p.subject, "error", err)
			break
		}
		positions = append(positions, strconv.FormatInt(at, 10))
	}
	q := url.Values{"entry": positions}
	if left := len(d.parts) - len(positions); left > 0 {
		q.Set("left", strconv.Itoa(left))
	}
	if d.params != "" {
		q.Set("list", d.params)
	}
	path := d.subject + "/several?" + q.Encode()
	v.conclude(once, path)
	return v.leave(path)
}

// carryOutPart does one part, and returns the position of the entry that says what became of it.
func (v *visit) carryOutPart(ctx context.Context, a *act, p *deed, reason, key string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	if p.refused != "" {
		e := v.entryOf(a, p, PhaseRefused, reason)
		e.Outcome = p.refused
		return v.record(ctx, e)
	}
	_, end, _, err := v.carryOut(ctx, a, p, reason, key)
	return max(end, -end), err
}

// listParams returns the parameters of the list that a form comes from, or "".
func (v *visit) listParams() string {
	q, err := url.ParseQuery(v.query("list"))
	if err != nil || len(v.query("list")) > 2000 {
		return ""
	}
	return q.Encode()
}

// severalRow says what became of one invoice.
type severalRow struct {
	Name, Link, Text string
	Phase            Phase
	Tone             tone
}

// several shows what became of each invoice of a form, by the entries of the audit log that the form has made.
func (v *visit) several() error {
	body := struct {
		Title, Back, Reason, Left string
		Again                     bool
		Rows                      []severalRow
		Done                      int
	}{Title: "Several invoices", Back: v.root + "invoices", Again: v.query("again") != ""}
	if list := v.listParams(); list != "" {
		body.Back += "?" + list
	}
	if left := v.position("left"); left > 0 {
		body.Left = counted(int(min(left, maxSeveral)), "was", "were")
	}
	chosen := v.r.Form["entry"]
	for _, text := range chosen[:min(len(chosen), maxSeveral)] {
		position, err := strconv.ParseInt(text, 10, 64)
		if err != nil || position < 1 {
			return invoice.ErrNotFound
		}
		found, err := v.entries(v.ctx(), position-1, false, 1)
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0].Position != position || found[0].Actor != v.person.ID || !v.seesEntry(found[0].Entry) {
			return invoice.ErrNotFound
		}
		e := found[0]
		body.Title, body.Reason = capital(actText(e.Act)), e.Reason
		body.Rows = append(body.Rows, v.severalRow(e.Entry))
		if e.Phase == PhaseDid {
			body.Done++
		}
	}
	return v.render(http.StatusOK, "several", body.Title, body)
}

// severalRow returns what an entry says for people.
func (v *visit) severalRow(e Entry) severalRow {
	row := severalRow{Name: cmp.Or(e.Facts["Invoice"], short(e.Subject)), Link: v.subjectLink(e.Subject), Text: e.Outcome, Phase: "done", Tone: toneGood}
	switch e.Phase {
	case PhaseDid:
		row.Text = strings.TrimSpace(words(e.After["status"]) + e.After["label"] + " " + e.Facts["URL"])
	case PhaseRefused:
		row.Phase, row.Tone = "not done", toneWarn
	case PhaseFailed, PhaseIntends:
		row.Phase, row.Tone = "not known", toneBad
		row.Text = cmp.Or(row.Text, "No end of it is recorded: look at it.")
	}
	return row
}
