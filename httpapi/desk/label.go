package desk

import (
	"context"

	"github.com/cointill/cointill/invoice"
)

// labelHelp says what a label is.
const labelHelp = "Such as “gift” or “table 7”: the search finds it, here and through the APIs of the project. The payer does not see it. Leave it empty to remove it."

// labelField asks for a label.
func (v *visit) labelField(value string) field {
	return field{Name: "label", Label: "Label", Kind: "text", Value: value, Help: labelHelp}
}

// planLabel plans to give an invoice a label.
func planLabel(v *visit) (*deed, error) {
	inv, err := v.oneInvoice()
	if err != nil {
		return nil, err
	}
	d := v.labelDeed(inv)
	value := inv.Label()
	if _ = v.query("label"); v.r.Form.Has("label") {
		value = v.query("label")
	}
	d.fields = []field{v.labelField(value)}
	return d, nil
}

// labelDeed gives an invoice the label of the form.
func (v *visit) labelDeed(inv invoice.Invoice) *deed {
	d := v.invoiceDeed(inv)
	d.title, d.button, d.unexplained = "Label the invoice", "Keep the label", true
	d.text = "A label is for people: it changes nothing else, and no webhook tells it."
	d.before = map[string]string{"label": inv.Label()}
	d.do = func(ctx context.Context, reason, _ string) (done, error) {
		after, err := v.cfg.Invoices.SetLabel(ctx, invoice.Act{Project: inv.Project, Invoice: inv.ID, Actor: v.person.ID, Comment: reason}, v.query("label"))
		return done{after: map[string]string{"label": after.Label()}}, err
	}
	return d
}
