package desk

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/cointill/cointill/invoice"
)

// endpointRow is an endpoint of a project.
type endpointRow struct {
	ID, URL, Events, Format, State, Secrets string
	Change, Remove, Rotate, Resend          string // URLs of acts; empty if the person may not
	Disabled, Troubled                      bool
}

// endpointRows returns the endpoints of a project, without their secrets, and how they do as far as that was looked at.
func (v *visit) endpointRows(p invoice.Project, lately messagesLately) []endpointRow {
	var out []endpointRow
	for _, e := range p.Endpoints {
		row := endpointRow{
			ID: e.ID, URL: shownURL(e.URL), Events: strings.Join(e.Events, ", "), Format: e.Format, State: "told every event that it selects",
			Secrets: secretState(e.Secrets, v.cfg.Now()), Disabled: e.Disabled,
		}
		if row.Events == "" {
			row.Events = "every event"
		}
		if row.Format == "" {
			row.Format = "the library's own"
		}
		if text := lately.endpoints[receiverKey{p.ID, e.ID}].text(); text != "" {
			row.State, row.Troubled = text, true
		}
		if e.Disabled {
			row.State = "disabled: it is told nothing"
		}
		at := v.link("projects", p.ID, "endpoints", e.ID)
		if v.cfg.Outbox != nil && v.person.Role.May(RoleOperator) {
			row.Resend = at + "/resend"
		}
		if v.person.Role.May(RoleAdministrator) {
			row.Change, row.Remove, row.Rotate = at+"/change", at+"/remove", at+"/rotate"
		}
		out = append(out, row)
	}
	return out
}

// webhooks shows the endpoints of projects, and the messages that need a person among the latest.
func (v *visit) webhooks() error {
	projects, wanted, err := v.choice()
	if err != nil {
		return err
	}
	type group struct {
		Name, Add string
		Endpoints []endpointRow
	}
	body := struct {
		Projects []option
		Groups   []group
		Troubled []need
		Looked   string
		Shows    bool
	}{Projects: projectOptions(projects, wanted), Shows: v.cfg.Outbox != nil}
	lately, err := v.readMessages(wanted)
	if err != nil {
		return err
	}
	body.Troubled, body.Looked = lately.troubled, lately.looked
	for _, p := range projects {
		if wanted != "" && p.ID != wanted {
			continue
		}
		g := group{Name: p.Name, Endpoints: v.endpointRows(p, lately)}
		if v.person.Role.May(RoleAdministrator) {
			g.Add = v.link("projects", p.ID, "endpoints", "new")
		}
		body.Groups = append(body.Groups, g)
	}
	return v.render(http.StatusOK, "webhooks", "Webhooks", body)
}

// webhookActs returns the acts on endpoints.
func webhookActs() []*act {
	on := func(pattern string) route { return route{pattern: pattern, least: RoleAdministrator, fresh: true} }
	again := route{pattern: "/projects/{id}/endpoints/{endpoint}/resend", least: RoleOperator, needs: needsOutbox}
	return []*act{
		{route: again, name: "webhook.resend_all", plan: planResendAll},
		{route: on("/projects/{id}/endpoints/new"), name: "endpoint.add", plan: planAddEndpoint},
		{route: on("/projects/{id}/endpoints/{endpoint}/change"), name: "endpoint.change", plan: planChangeEndpoint},
		{route: on("/projects/{id}/endpoints/{endpoint}/remove"), name: "endpoint.remove", plan: planRemoveEndpoint},
		{route: on("/projects/{id}/endpoints/{endpoint}/rotate"), name: "endpoint.rotate_secret", plan: planRotateEndpoint},
	}
}

// newEndpoint reads an endpoint from the form.
func (v *visit) newEndpoint() invoice.NewEndpoint {
	return invoice.NewEndpoint{
		URL: v.query("url"), Format: v.query("format"), Disabled: v.query("disabled") != "",
		Events: strings.FieldsFunc(v.query("events"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' }),
	}
}

func (v *visit) endpointFields(in invoice.NewEndpoint) []field {
	formats := []option{{"", "the library's own", in.Format == ""}}
	for _, f := range v.cfg.Invoices.Formats() {
		formats = append(formats, option{f, f, f == in.Format})
	}
	off := ""
	if in.Disabled {
		off = "1"
	}
	return []field{
		{Name: "url", Label: "URL", Kind: "text", Value: in.URL, Required: true},
		{Name: "events", Label: "Events", Kind: "text", Value: strings.Join(in.Events, ", "),
			Help: "Types such as invoice.completed or invoice.*, separated by commas. Empty: every event."},
		{Name: "format", Label: "Format", Kind: "select", Options: formats},
		{Name: "disabled", Label: "Disabled: it is told nothing of what happens meanwhile", Kind: "checkbox", Value: off},
	}
}

// checked returns the projects' service that checks endpoints as the invoices' service does.
func (v *visit) checked() *invoice.Projects { return v.cfg.Projects.WithChecks(v.cfg.Invoices) }

func planAddEndpoint(v *visit) (*deed, error) {
	d, p, err := v.projectDeed(
		"New endpoint", "Add",
		"It is told the events of the project from now on. Its secret is shown once.",
	)
	if err != nil {
		return nil, err
	}
	in := v.newEndpoint()
	d.fields, d.unexplained = v.endpointFields(in), true
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		e, err := v.checked().AddEndpoint(ctx, p.ID, in)
		if err != nil {
			return done{}, err
		}
		return done{
			after: map[string]string{"endpoint": e.ID, "url": shownURL(e.URL)}, text: "This is the secret that signs what the endpoint is sent. It is shown only now.",
			shown: []fact{{Name: "Webhook secret", Value: e.Secrets[0].Value, Code: true}},
		}, nil
	}
	return d, nil
}

// endpointDeed returns what all acts on the endpoint of the path repeat.
func (v *visit) endpointDeed(title, button, text string) (*deed, invoice.Project, invoice.Endpoint, error) {
	d, p, err := v.projectDeed(title, button, text)
	if err != nil {
		return nil, p, invoice.Endpoint{}, err
	}
	id := v.r.PathValue("endpoint")
	i := slices.IndexFunc(p.Endpoints, func(e invoice.Endpoint) bool { return e.ID == id })
	if i < 0 {
		return nil, p, invoice.Endpoint{}, invoice.ErrNoEndpoint
	}
	e := p.Endpoints[i]
	d.facts = append(d.facts, fact{Name: "Endpoint", Value: e.ID, Code: true}, fact{Name: "URL", Value: shownURL(e.URL), Code: true})
	d.before["url"], d.before["events"] = shownURL(e.URL), strings.Join(e.Events, ", ")
	return d, p, e, nil
}

func planChangeEndpoint(v *visit) (*deed, error) {
	d, p, e, err := v.endpointDeed(
		"Change the endpoint", "Change",
		"It keeps its id and its secrets. Messages of events before the change still go to the URL that they were made for.",
	)
	if err != nil {
		return nil, err
	}
	in := invoice.NewEndpoint{URL: e.URL, Events: e.Events, Format: e.Format, Disabled: e.Disabled}
	if v.r.Method == http.MethodPost {
		in = v.newEndpoint()
	}
	d.fields, d.unexplained = v.endpointFields(in), true
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		return done{after: map[string]string{"url": shownURL(in.URL), "events": strings.Join(in.Events, ", ")}}, v.checked().ReplaceEndpoint(ctx, p.ID, e.ID, in)
	}
	return d, nil
}

func planRemoveEndpoint(v *visit) (*deed, error) {
	d, p, e, err := v.endpointDeed(
		"Remove the endpoint", "Remove",
		"It is told nothing more. Messages to it that were not sent yet are given up.",
	)
	if err != nil {
		return nil, err
	}
	d.danger = true
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		return done{after: map[string]string{"removed": e.ID}}, v.cfg.Projects.RemoveEndpoint(ctx, p.ID, e.ID)
	}
	return d, nil
}

func planRotateEndpoint(v *visit) (*deed, error) {
	d, p, e, err := v.endpointDeed(
		"New secret of the endpoint", "Make a new secret",
		"What the endpoint is sent is signed with the new secret, and with the ones before for as long as you say.",
	)
	if err != nil {
		return nil, err
	}
	f, overlap := v.overlapField("The secrets before sign too for")
	d.fields = []field{f}
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		secret, err := v.cfg.Projects.RotateEndpointSecret(ctx, p.ID, e.ID, overlap)
		return anew("secret", "Webhook secret", secret, map[string]string{"overlap": overlap.String()}), err
	}
	return d, nil
}
