package desk

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/internal/page"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

//go:embed assets
var assetFiles embed.FS

// Desk is the operator's desk, an [http.Handler]. Its paths begin at its own root, and its pages name each other by relative
// URLs, so a host mounts it under any prefix with [http.StripPrefix]. It is safe for concurrent use and starts nothing.
type Desk struct {
	cfg     Config
	assets  *page.Assets
	pages   pages
	guard   *http.CrossOriginProtection
	mux     *http.ServeMux
	byID    map[chain.AssetID]chain.Asset // of invoices and of payouts
	takings *takings
}

// New returns a desk, or an error that names the field of the configuration that is wrong.
func New(cfg Config) (*Desk, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Desk{cfg: cfg, guard: http.NewCrossOriginProtection(), mux: http.NewServeMux(), takings: newTakings()}
	for _, origin := range cfg.TrustedOrigins {
		if err := d.guard.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("desk: TrustedOrigins: %w", err)
		}
	}
	if d.assets, err = embedded(cfg.Style); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	d.readAssets()
	if d.pages, err = d.parse(); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	for _, r := range routes() {
		d.mux.Handle(r.method+" "+r.pattern, r)
	}
	return d, nil
}

// embedded returns the styles and scripts, with the host's own style.
func embedded(style []byte) (*page.Assets, error) {
	files, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	return page.NewAssets(files, page.File{Name: "host.css", Body: style})
}

// readAssets sets the assets of invoices and of payouts by their ids.
func (d *Desk) readAssets() {
	d.byID = map[chain.AssetID]chain.Asset{}
	if d.cfg.Payouts != nil {
		for _, a := range d.cfg.Payouts.Assets() {
			d.byID[a.ID] = a.Asset
		}
	}
	for _, a := range d.cfg.Invoices.Assets() { // they decide where both have an asset
		d.byID[a.ID] = a.Asset
	}
}

// part is a part of the desk that a configuration may leave out.
type part uint8

const (
	always part = iota
	needsPayouts
	needsOutbox
	needsBanks
)

// route is one row of the table of what the desk answers.
type route struct {
	method, pattern string
	least           Role // who may
	needs           part
	all             bool // only for persons who see all projects
	fresh           bool // only shortly after the person proved who they are
	serve           func(*visit) error
}

// routes returns the table. Acts have two rows: one shows the page that asks, the other one acts.
func routes() []*route {
	table := []*route{
		{"GET", "/{$}", RoleViewer, always, false, false, (*visit).home},
		{"GET", "/search", RoleViewer, always, false, false, (*visit).search},
		{"GET", "/invoices", RoleViewer, always, false, false, (*visit).invoices},
		{"GET", "/invoices/export", RoleViewer, always, false, false, (*visit).exportInvoices},
		{"POST", "/filters", RoleViewer, always, false, false, (*visit).saveFilter},
		{"POST", "/filters/remove", RoleViewer, always, false, false, (*visit).removeFilter},
		{"GET", "/invoices/several", RoleCashier, always, false, false, (*visit).several},
		{"GET", "/invoices/{id}", RoleViewer, always, false, false, (*visit).invoice},
		{"GET", "/reports", RoleViewer, always, false, false, (*visit).report},
		{"GET", "/reports/export", RoleViewer, always, false, false, (*visit).exportReport},
		{"GET", "/money", RoleViewer, needsPayouts, false, false, (*visit).money},
		{"GET", "/money/statement", RoleViewer, needsPayouts, false, false, (*visit).statement},
		{"GET", "/money/settlements", RoleViewer, needsPayouts, false, false, (*visit).settlements},
		{"GET", "/money/holdings", RoleOperator, needsPayouts, true, false, (*visit).holdings},
		{"GET", "/money/receivers", RoleOperator, needsPayouts, false, false, (*visit).receivers},
		{"GET", "/money/bank", RoleOperator, needsBanks, true, false, (*visit).bank},
		{"GET", "/payouts", RoleViewer, needsPayouts, false, false, (*visit).payouts},
		{"GET", "/payouts/export", RoleViewer, needsPayouts, false, false, (*visit).exportPayouts},
		{"GET", "/payouts/{id}", RoleViewer, needsPayouts, false, false, (*visit).payout},
		{"GET", "/transactions/{id}", RoleOperator, needsPayouts, false, false, (*visit).transaction},
		{"GET", "/webhooks", RoleOperator, always, false, false, (*visit).webhooks},
		{"GET", "/projects", RoleAdministrator, always, false, false, (*visit).projects},
		{"GET", "/projects/{id}", RoleAdministrator, always, false, false, (*visit).project},
		{"GET", "/audit", RoleOperator, always, false, false, (*visit).audit},
		{"GET", "/audit/export", RoleOperator, always, false, false, (*visit).exportAudit},
	}
	for _, a := range acts() {
		ask, do := a.route, a.route
		ask.method, ask.serve = "GET", func(v *visit) error { return v.ask(a) }
		do.method, do.serve = "POST", func(v *visit) error { return v.act(a) }
		table = append(table, &ask, &do)
	}
	return table
}

// ServeHTTP does nothing: [Desk.ServeHTTP] uses the mux only to match patterns and to set their path values.
func (*route) ServeHTTP(http.ResponseWriter, *http.Request) {}

// ServeHTTP implements [http.Handler].
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, is := strings.CutPrefix(r.URL.Path, "/assets/"); is && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		d.assets.Serve(w, r, name)
		return
	}
	page.Policy{}.Set(w.Header())
	body := r.Body
	r.Body = http.MaxBytesReader(w, body, maxForm)
	v := &visit{Desk: d, w: w, r: r, body: body, root: page.Up(r.URL.Path), memo: map[string]invoice.Project{}, read: map[string]payout.Payout{}}
	if err := v.enter(); err != nil {
		v.fail(err)
	}
}

// enter serves what the person who visits may see, or returns why not.
func (v *visit) enter() error {
	if err := v.guard.Check(v.r); err != nil {
		return &fault{http.StatusForbidden, "This form was sent from another site", "Open the page here and send it again."}
	}
	person, err := v.cfg.Authenticate(v.r)
	if err != nil {
		return v.signedOut(err)
	}
	if err := person.check(); err != nil {
		return fmt.Errorf("the person that Authenticate returned: %w", err)
	}
	v.person = person
	route, err := v.match()
	if err != nil {
		return err
	}
	v.route = route
	if err := v.may(route); err != nil {
		return err
	}
	return route.serve(v)
}

// match returns the row of the table for the request, and sets its path values.
func (v *visit) match() (*route, error) {
	if v.r.URL.Path == "" || path.Clean(v.r.URL.Path) != v.r.URL.Path && v.r.URL.Path != "/" {
		return nil, invoice.ErrNotFound // the mux would redirect it, and knows no prefix
	}
	h, pattern := v.mux.Handler(v.r)
	found, is := h.(*route)
	switch {
	case is:
		v.mux.ServeHTTP(nil, v.r)
		return found, nil
	case pattern == "" && v.known():
		return nil, &fault{http.StatusMethodNotAllowed, "This page cannot be used so", "Go back and try it from the page that led here."}
	}
	return nil, invoice.ErrNotFound
}

// known reports whether the path has a row for another method.
func (v *visit) known() bool {
	other := v.r.Clone(v.r.Context())
	for _, other.Method = range []string{http.MethodGet, http.MethodPost} {
		h, _ := v.mux.Handler(other)
		if _, is := h.(*route); is {
			return true
		}
	}
	return false
}

// may returns why the person may not use the route, or nil.
func (v *visit) may(r *route) error {
	switch {
	case r.needs == needsPayouts && v.cfg.Payouts == nil, r.needs == needsOutbox && v.cfg.Outbox == nil,
		r.needs == needsBanks && len(v.cfg.Banks) == 0:
		return invoice.ErrNotFound
	case !v.person.Role.May(r.least):
		return &fault{http.StatusForbidden, "This needs another role", fmt.Sprintf("You are %s; it needs %s.", article(v.person.Role), article(r.least))}
	case r.all && len(v.person.Projects) > 0:
		return &fault{http.StatusForbidden, "This concerns all projects", "You see only some of them."}
	case r.fresh && v.cfg.Now().Sub(v.person.Proved) > v.cfg.Fresh:
		return errProve
	}
	return nil
}

func article(r Role) string {
	if strings.ContainsRune("aeio", rune(r[0])) {
		return "an " + string(r)
	}
	return "a " + string(r)
}
