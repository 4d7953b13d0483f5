package desk

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// receiverRow is an allowed receiver in a list.
type receiverRow struct {
	payout.Receiver
	AddressLink, Forbid string    // URLs; empty if there is none, or the person may not
	From                time.Time // when payouts may go there
	Waits               bool      // that is not yet
}

// receiversPage is the list of the receivers of a project on a network.
type receiversPage struct {
	Projects, Networks          []option
	ProjectName, Network, Allow string
	Listed                      bool // the project may pay no others
	Cooling                     string
	Rows                        []receiverRow
	First, Next                 string
}

// receiversOf returns the project and the network that the URL selects, by default the first ones that the person may
// choose, and the choices.
func (v *visit) receiversOf() (project string, network chain.Network, projects []invoice.Project, err error) {
	if projects, project, err = v.choice(); err != nil {
		return "", "", nil, err
	}
	if project == "" && len(projects) > 0 {
		project = projects[0].ID
	}
	networks := v.payingNetworks()
	network = chain.Network(v.query("network"))
	if network == "" && len(networks) > 0 {
		network = networks[0]
	}
	if project == "" || !slices.Contains(networks, network) {
		return "", "", nil, invoice.ErrNotFound
	}
	return project, network, projects, nil
}

// receiverValues returns the parameters of the URL that select a list of receivers.
func receiverValues(project string, network chain.Network) url.Values {
	return url.Values{"project": {project}, "network": {string(network)}}
}

// receivers lists the receivers that a project may pay on a network.
func (v *visit) receivers() error {
	project, network, projects, err := v.receiversOf()
	if err != nil {
		return err
	}
	page, next, err := v.cfg.Payouts.Receivers(v.ctx(), project, network, v.query("after"), listPage)
	if err != nil {
		return err
	}
	q := receiverValues(project, network)
	listed, cooling := v.cfg.Payouts.ReceiverPolicy(project)
	body := receiversPage{
		Projects: projectOptions(projects, project), Networks: v.networkOptions(string(network)), ProjectName: v.projectName(project), Network: v.networkName(network),
		Listed: listed, Cooling: coolingText(cooling),
	}
	may := v.person.Role.May(RoleApprover)
	if may {
		body.Allow = v.root + "money/receivers/allow?" + q.Encode()
	}
	for _, r := range page {
		row := receiverRow{Receiver: r, AddressLink: v.cfg.Address(network, r.Address), From: r.At.Add(cooling)}
		row.Waits = row.From.After(v.cfg.Now())
		if may {
			row.Forbid = v.root + "money/receivers/forbid?" + q.Encode() + "&" + url.Values{"address": {string(r.Address)}}.Encode()
		}
		body.Rows = append(body.Rows, row)
	}
	if v.query("after") != "" {
		body.First = "?" + q.Encode()
	}
	if next != "" {
		q.Set("after", next)
		body.Next = "?" + q.Encode()
	}
	return v.render(http.StatusOK, "receivers", "Allowed receivers", body)
}

// coolingText returns a cooling-off time for people; empty if there is none.
func coolingText(cooling time.Duration) string {
	if cooling <= 0 {
		return ""
	}
	return roughly(cooling)
}

// receiverActs returns the acts on the lists of receivers.
func receiverActs() []*act {
	on := func(pattern string) route {
		return route{pattern: pattern, least: RoleApprover, needs: needsPayouts, fresh: true}
	}
	return []*act{
		{route: on("/money/receivers/allow"), name: "receiver.allow", plan: planAllow},
		{route: on("/money/receivers/forbid"), name: "receiver.forbid", plan: planForbid},
	}
}

// receiverDeed returns what both acts on a list of receivers repeat.
func (v *visit) receiverDeed(project string, network chain.Network) *deed {
	q := receiverValues(project, network)
	d := &deed{
		subject: "money/receivers", params: q.Encode(), label: "Allowed receivers", project: project, danger: true,
		facts:  []fact{{Name: "Project", Value: v.projectName(project)}, {Name: "Network", Value: v.networkName(network)}},
		hidden: hiddenFields(q),
	}
	if listed, _ := v.cfg.Payouts.ReceiverPolicy(project); !listed {
		d.warnings = append(d.warnings, "The policies of this project demand no list: its payouts may go to any receiver, whatever this list says.")
	}
	return d
}

// planAllow plans to allow a receiver: first which one, then from when on.
func planAllow(v *visit) (*deed, error) {
	project, network, projects, err := v.receiversOf()
	if err != nil {
		return nil, err
	}
	d := v.receiverDeed(project, network)
	d.title = "Allow a receiver"
	address, problem := chain.Address(""), ""
	if v.query("confirm") != "" {
		if address, problem, err = v.newReceiver(network); err != nil {
			return nil, err
		}
	}
	if v.query("confirm") == "" || problem != "" {
		v.askReceiver(d, projects, project, network, problem)
		return d, nil
	}
	return d, v.confirmReceiver(d, project, network, address)
}

// newReceiver returns the receiver of the form in its canonical spelling, or what is wrong with what the form says.
func (v *visit) newReceiver(network chain.Network) (chain.Address, string, error) {
	if name := v.query("name"); len(name) > 255 || !clean(name) {
		return "", "The name must be a text of at most 255 bytes.", nil
	}
	address, err := v.cfg.Payouts.CheckReceiver(v.ctx(), network, v.query("address"))
	if text, known := refusal(err); known {
		return "", text, nil
	}
	return address, "", err
}

func (v *visit) askReceiver(d *deed, projects []invoice.Project, project string, network chain.Network, problem string) {
	d.more, d.button, d.facts = true, "Continue", nil
	d.text = "The next page says from when on payouts may go there, and asks you to confirm."
	if problem != "" {
		d.warnings = append([]string{problem}, d.warnings...)
	}
	d.fields = []field{
		{Name: "project", Label: "Project", Kind: "select", Options: projectOptions(projects, project), Required: true},
		{Name: "network", Label: "Network", Kind: "select", Options: v.networkOptions(string(network)), Required: true},
		{Name: "address", Label: "Receiver", Kind: "text", Value: v.query("address"), Required: true, Help: "An address, or an IBAN for a bank."},
		{Name: "name", Label: "Whose it is", Kind: "text", Value: v.query("name"), Help: "For people, such as the name of a supplier."},
	}
	d.hidden = []field{{Name: "confirm", Value: "1"}}
}

// confirmReceiver completes the deed that allows a receiver.
func (v *visit) confirmReceiver(d *deed, project string, network chain.Network, address chain.Address) error {
	_, cooling := v.cfg.Payouts.ReceiverPolicy(project)
	d.button = "Allow it"
	d.text = "The project may pay this receiver from now on."
	d.facts = append(d.facts, fact{Name: "Receiver", Value: string(address), Code: true, Link: v.cfg.Address(network, address)})
	if asked := v.query("address"); asked != string(address) {
		d.facts = append(d.facts, fact{Name: "Receiver as you wrote it", Value: asked, Code: true})
	}
	d.facts = append(d.facts, fact{Name: "Whose it is", Value: cmp.Or(v.query("name"), "not said")}, fact{Name: "Cooling-off time", Value: cmp.Or(coolingText(cooling), "none")})
	if cooling > 0 {
		d.text = "Payouts to this receiver can be requested from now on. None is paid before the cooling-off time is over."
		d.facts = append(d.facts, timeFact("Payouts may go there from", v.cfg.Now().Add(cooling)))
	}
	d.warnings = append(d.warnings, v.keyWarning(project)...)
	for _, name := range []string{"address", "name", "confirm"} {
		d.hidden = append(d.hidden, field{Name: name, Value: v.query(name)})
	}
	known, err := v.cfg.Payouts.Receiver(v.ctx(), project, network, address)
	switch {
	case err == nil:
		d.refused = "It is allowed already, since " + clock(known.At) + "."
	case !errors.Is(err, payout.ErrNotFound):
		return err
	}
	d.before = map[string]string{"allowed": "false"}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		r, err := v.cfg.Payouts.AllowReceiver(ctx, project, network, string(address), v.query("name"), v.person.ID)
		return done{after: map[string]string{"allowed": "true", "from": clock(r.At.Add(cooling))}}, err
	}
	return nil
}

// planForbid plans to take a receiver off the list.
func planForbid(v *visit) (*deed, error) {
	project, network, _, err := v.receiversOf()
	if err != nil {
		return nil, err
	}
	r, err := v.cfg.Payouts.Receiver(v.ctx(), project, network, chain.Address(v.query("address")))
	if err != nil {
		return nil, err
	}
	d := v.receiverDeed(project, network)
	d.title, d.button = "Forbid a receiver", "Forbid it"
	d.text = "No new payout to this receiver is accepted. Those that were requested before are not concerned: cancel them one by one."
	d.facts = append(d.facts, fact{Name: "Receiver", Value: string(r.Address), Code: true, Link: v.cfg.Address(network, r.Address)},
		fact{Name: "Whose it is", Value: cmp.Or(r.Name, "not said")}, timeFact("Allowed", r.At), fact{Name: "Allowed by", Value: cmp.Or(r.Actor, "not said")})
	d.hidden = append(d.hidden, field{Name: "address", Value: string(r.Address)})
	d.before = map[string]string{"allowed": "true", "since": clock(r.At)}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		return done{after: map[string]string{"allowed": "false"}}, v.cfg.Payouts.ForbidReceiver(ctx, project, network, r.Address)
	}
	return d, nil
}
