package desk

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
)

// projects lists the projects that the person sees.
func (v *visit) projects() error {
	all, err := v.choices()
	next := ""
	if len(v.person.Projects) == 0 {
		if all, err = v.cfg.Projects.List(v.ctx(), v.query("after"), listPage+1); len(all) > listPage {
			all = all[:listPage]
			next = "?after=" + all[listPage-1].ID
		}
	}
	if err != nil {
		return err
	}
	type row struct {
		invoice.Project
		Link  string
		Count int
	}
	rows := make([]row, len(all))
	for i, p := range all {
		rows[i] = row{p, v.link("projects", p.ID), len(p.Endpoints)}
	}
	return v.render(http.StatusOK, "projects", "Projects", struct {
		Rows []row
		Next string
		May  bool
	}{rows, next, len(v.person.Projects) == 0})
}

// discount is a discount on an asset, in percent.
type discount struct {
	Code    string
	Percent int
}

// project shows one project. Neither keys nor secrets nor their hashes are on the page.
func (v *visit) project() error {
	p, err := v.oneProject(v.r.PathValue("id"))
	if err != nil {
		return err
	}
	facts := []fact{
		{Name: "Project", Value: p.ID, Code: true}, {Name: "Owner", Value: p.Owner}, {Name: "Description", Value: p.Description},
		timeFact("Created", p.CreatedAt), {Name: "API key", Value: keyState(p, v.cfg.Now())}, {Name: "Key taken from", Value: addresses(p.AllowedIPs)},
		{Name: "Webhook secrets", Value: secretState(p.Secrets, v.cfg.Now())},
	}
	facts = slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
	var names []fact
	for _, name := range slices.Sorted(maps.Keys(p.Keys)) {
		until := "does not end"
		if end := p.Keys[name].Until; !end.IsZero() {
			until = "until " + clock(end)
		}
		names = append(names, fact{Name: name, Value: until})
	}
	var discounts []discount
	for _, code := range slices.Sorted(maps.Keys(p.Discounts)) {
		discounts = append(discounts, discount{code, p.Discounts[code]})
	}
	lately, err := v.readMessages(p.ID)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "project", p.Name, struct {
		Project   invoice.Project
		Link      string
		Facts     []fact
		Keys      []fact
		Discounts []discount
		Endpoints []endpointRow
	}{p, v.link("projects", p.ID), facts, names, discounts, v.endpointRows(p, lately)})
}

func keyState(p invoice.Project, now time.Time) string {
	switch {
	case len(p.KeyHash) != len(invoice.HashKey("")): // what stands in the place of a hash is none
		return "revoked"
	case p.FormerKeyHash != "" && now.Before(p.FormerKeyUntil):
		return "valid; the one before is valid until " + clock(p.FormerKeyUntil)
	}
	return "valid"
}

func secretState(all []invoice.Secret, now time.Time) string {
	n := 0
	for _, s := range all {
		if s.Until.IsZero() || now.Before(s.Until) {
			n++
		}
	}
	return strconv.Itoa(n) + " active"
}

func addresses(all []netip.Prefix) string {
	if len(all) == 0 {
		return "any address"
	}
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = strings.TrimSuffix(strings.TrimSuffix(p.String(), "/32"), "/128")
	}
	return strings.Join(texts, ", ")
}

// projectActs returns the acts on projects.
func projectActs() []*act {
	on := func(pattern string) route { return route{pattern: pattern, least: RoleAdministrator, fresh: true} }
	create := on("/projects/new")
	create.all = true
	return []*act{
		{route: create, name: "project.create", plan: planProject},
		{route: on("/projects/{id}/rotate-key"), name: "project.rotate_key", plan: planRotateKey},
		{route: on("/projects/{id}/revoke-keys"), name: "project.revoke_keys", plan: planRevokeKeys},
		{route: on("/projects/{id}/make-key"), name: "project.make_key", plan: planMakeKey},
		{route: on("/projects/{id}/revoke-key"), name: "project.revoke_key", plan: planRevokeKey},
		{route: on("/projects/{id}/rotate-secret"), name: "project.rotate_secret", plan: planRotateSecret},
		{route: on("/projects/{id}/addresses"), name: "project.addresses", plan: planAddresses},
		{route: on("/projects/{id}/discount"), name: "project.discount", plan: planDiscount},
	}
}

func planProject(v *visit) (*deed, error) {
	in := invoice.NewProject{Owner: v.query("owner"), Name: v.query("name"), Description: v.query("description"), AllowedIPs: v.query("addresses")}
	d := &deed{
		title: "New project", button: "Create", subject: "projects", label: "Projects", unexplained: true,
		text: "A project has its own invoices, key, webhooks and balances. Its key is shown once.",
		fields: []field{
			{Name: "name", Label: "Name", Kind: "text", Value: in.Name, Required: true},
			{Name: "owner", Label: "Owner", Kind: "text", Value: in.Owner, Required: true, Help: "The account that it belongs to."},
			{Name: "description", Label: "Description", Kind: "text", Value: in.Description},
			{Name: "addresses", Label: "Key taken from", Kind: "text", Value: in.AllowedIPs, Help: "Addresses and CIDR blocks, separated by commas. Empty: any."},
		},
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		p, key, err := v.cfg.Projects.Create(ctx, in)
		return done{
			after: map[string]string{"project": p.ID, "name": p.Name, "owner": p.Owner, "addresses": addresses(p.AllowedIPs)}, path: "projects/" + p.ID,
			text: "This is the key of the project. It is shown only now.", shown: []fact{{Name: "API key", Value: key, Code: true}},
		}, err
	}
	return d, nil
}

// projectDeed returns what all acts on the project of the path repeat.
func (v *visit) projectDeed(title, button, text string) (*deed, invoice.Project, error) {
	p, err := v.oneProject(v.r.PathValue("id"))
	if err != nil {
		return nil, p, err
	}
	return &deed{
		title: title, button: button, text: text, subject: "projects/" + p.ID, label: p.Name, project: p.ID,
		facts:  []fact{{Name: "Project", Value: p.Name}, {Name: "Owner", Value: p.Owner}},
		before: map[string]string{"version": strconv.FormatInt(p.Version, 10)},
	}, p, nil
}

// overlaps are how long what is replaced stays valid.
var overlaps = []struct {
	text string
	d    time.Duration
}{{"an hour", time.Hour}, {"a day", 24 * time.Hour}, {"a week", 7 * 24 * time.Hour}, {"not at all: it ends now", 0}}

func (v *visit) overlapField(what string) (field, time.Duration) {
	f := field{Name: "overlap", Label: what, Kind: "select", Required: true}
	chosen := overlaps[0].d
	for _, o := range overlaps {
		is := v.query("overlap") == o.d.String()
		if is {
			chosen = o.d
		}
		f.Options = append(f.Options, option{o.d.String(), o.text, is})
	}
	return f, chosen
}

func planRotateKey(v *visit) (*deed, error) {
	d, p, err := v.projectDeed(
		"New API key", "Make a new key",
		"The project gets a new key, which is shown once. The one before stays valid for as long as you say.",
	)
	if err != nil {
		return nil, err
	}
	f, overlap := v.overlapField("The key before stays valid for")
	d.fields, d.danger = []field{f}, true
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		v.renewed(ctx, p.ID) // before, so that a crash in between leaves the warning
		key, err := v.cfg.Projects.RotateKey(ctx, p.ID, overlap)
		return anew("key", "API key", key, map[string]string{"overlap": overlap.String()}), err
	}
	return d, nil
}

// anew returns what came of making a key or a secret anew, which is shown once under the name.
func anew(what, name, secret string, after map[string]string) done {
	return done{after: after, text: "This is the new " + what + ". It is shown only now.", shown: []fact{{Name: name, Value: secret, Code: true}}}
}

// renewed remembers that a key of the project was made anew.
func (v *visit) renewed(ctx context.Context, project string) {
	body := []byte(v.cfg.Now().UTC().Format(time.RFC3339))
	version, _, err := v.cfg.Records.Document(ctx, keyKind, project)
	if err == nil {
		_, err = v.cfg.Records.PutDocument(ctx, keyKind, project, version, body)
	}
	if err != nil {
		v.cfg.Logger.WarnContext(ctx, "desk: that a key was made anew is not remembered", "error", err)
	}
}

func planRevokeKeys(v *visit) (*deed, error) {
	d, p, err := v.projectDeed(
		"Revoke the API keys", "Revoke",
		"No key of the project is valid any more until a new one is made. Its API answers nobody from now on. Invoices that are open go on.",
	)
	if err != nil {
		return nil, err
	}
	d.danger = true
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		return done{after: map[string]string{"key": "revoked"}}, v.cfg.Projects.RevokeKeys(ctx, p.ID)
	}
	return d, nil
}

func planMakeKey(v *visit) (*deed, error) {
	d, p, err := v.projectDeed(
		"New signing key", "Make a new key",
		"Some APIs sign with a key of their own. The project gets a new one under the name, which is shown once. What the one before has signed is accepted for as long as you say.",
	)
	if err != nil {
		return nil, err
	}
	name := v.query("name")
	f, overlap := v.overlapField("The key before is accepted for")
	d.fields, d.danger = []field{{Name: "name", Label: "Name", Kind: "text", Value: name, Required: true, Help: "As the documents of the API call it."}, f}, true
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		if name == "" || len(name) > 100 || !clean(name) {
			return done{}, &fault{http.StatusUnprocessableEntity, "Refused", "Name the key."}
		}
		v.renewed(ctx, p.ID)
		key, err := v.cfg.Projects.MakeKey(ctx, p.ID, name, overlap)
		return anew("key", name, key, map[string]string{"name": name, "overlap": overlap.String()}), err
	}
	return d, nil
}

func planRevokeKey(v *visit) (*deed, error) {
	d, p, err := v.projectDeed(
		"Revoke a signing key", "Revoke",
		"Nothing signed with the key is accepted any more, and nothing that needs it can be signed, until another one is made.",
	)
	if err != nil {
		return nil, err
	}
	name := v.query("name")
	if _, there := p.Keys[name]; !there {
		return nil, invoice.ErrNotFound
	}
	d.danger, d.hidden = true, []field{{Name: "name", Value: name}}
	d.facts = append(d.facts, fact{Name: "Key", Value: name})
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		return done{after: map[string]string{"name": name}}, v.cfg.Projects.RevokeKey(ctx, p.ID, name)
	}
	return d, nil
}

func planRotateSecret(v *visit) (*deed, error) {
	d, p, err := v.projectDeed(
		"New webhook secret", "Make a new secret",
		"Messages to the callbacks of the project's invoices are signed with the new secret, and with the ones before for as long as you say.",
	)
	if err != nil {
		return nil, err
	}
	f, overlap := v.overlapField("The secrets before sign too for")
	d.fields = []field{f}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		secret, err := v.cfg.Projects.RotateSecret(ctx, p.ID, overlap)
		return anew("secret", "Webhook secret", secret, map[string]string{"overlap": overlap.String()}), err
	}
	return d, nil
}

func planAddresses(v *visit) (*deed, error) {
	d, p, err := v.projectDeed("Addresses that may use the key", "Change", "The project's API key is taken from these addresses alone.")
	if err != nil {
		return nil, err
	}
	value := addresses(p.AllowedIPs)
	if len(p.AllowedIPs) == 0 {
		value = ""
	}
	d.before["addresses"] = addresses(p.AllowedIPs)
	if v.r.Method == http.MethodPost {
		value = v.query("addresses")
	}
	d.fields = []field{{Name: "addresses", Label: "Addresses and CIDR blocks", Kind: "text", Value: value, Help: "Separated by commas. Empty: any address."}}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		return done{after: map[string]string{"addresses": value}}, v.cfg.Projects.SetAllowedIPs(ctx, p.ID, value)
	}
	return d, nil
}

func planDiscount(v *visit) (*deed, error) {
	d, p, err := v.projectDeed(
		"Discount on an asset", "Set",
		"Some APIs take this off the price of an invoice that is made in the asset. 0 removes it; a negative one is a surcharge.",
	)
	if err != nil {
		return nil, err
	}
	code := v.query("code")
	d.before["percent"] = strconv.Itoa(p.Discounts[code])
	percent := v.query("percent")
	if percent == "" {
		percent = strconv.Itoa(p.Discounts[code])
	}
	d.fields = []field{
		{Name: "code", Label: "Asset", Kind: "select", Options: v.assetCodes(code), Required: true},
		{Name: "percent", Label: "Percent", Kind: "number", Value: percent, Required: true},
	}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		n, err := strconv.Atoi(percent)
		if err != nil {
			return done{}, &fault{http.StatusUnprocessableEntity, "Refused", "The percentage must be a whole number."}
		}
		return done{after: map[string]string{"asset": code, "percent": percent}}, v.cfg.Projects.SetDiscount(ctx, p.ID, code, n)
	}
	return d, nil
}
