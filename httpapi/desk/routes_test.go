package desk_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/stretchr/testify/require"
)

// site is a furnished world with paths for every route, of the shop and of its rival.
type site struct {
	*world
	own, foreign map[string]string // by pattern
}

func newSite(t testing.TB, change func(*desk.Config)) *site {
	t.Helper()
	s := &site{world: newWorld(t, change)}
	furnish(s.world)
	s.request(s.rival, "lease", "1", "carl")
	s.look()
	s.own = s.paths(s.shop, "A-1003", "rent")
	s.foreign = s.paths(s.rival, "B-1", "lease")
	return s
}

// paths returns a path for each pattern that concerns the project.
func (s *site) paths(project, order, key string) map[string]string {
	ctx := context.Background()
	e, err := s.projects.AddEndpoint(ctx, project, invoice.NewEndpoint{URL: "https://shop.example/hook?" + url.QueryEscape(order)})
	require.NoError(s.t, err)
	_, err = s.projects.MakeKey(ctx, project, "api", 0)
	require.NoError(s.t, err)
	sim := s.chain.Asset("SIM")
	network := string(sim.ID.Network())
	p := s.payout(key)
	account := url.Values{"project": {project}, "kind": {"available"}, "asset": {string(sim.ID)}}.Encode()
	ids := map[string]string{"invoices": s.order(order).ID, "payouts": p.ID, "transactions": p.State.Transaction, "projects": project}
	require.NotContains(s.t, slices.Collect(mapsValues(ids)), "")
	query := map[string]string{
		"/search": "q=A-1", "/invoices": "project=" + project, "/invoices/export": "project=" + project, "/reports": "project=" + project, "/reports/export": "project=" + project, "/money": "project=" + project,
		"/money/statement": account, "/money/settlements": account, "/money/holdings": "network=" + network, "/payouts": "project=" + project,
		"/payouts/export": "project=" + project, "/webhooks": "project=" + project, "/money/stop": "network=" + network, "/money/sweep": "asset=" + url.QueryEscape(string(sim.ID)), "/money/resume": "network=" + network, "/money/audit": "network=" + network,
		"/projects/{id}/revoke-key": "name=api", "/money/bank/download": "file=" + s.file(), "/payouts/new": "project=" + project, "/invoices/new": "project=" + project,
	}
	_, err = s.payouts.AllowReceiver(ctx, project, sim.ID.Network(), "sim1supplier", "of "+key, "carl")
	require.NoError(s.t, err)
	list := url.Values{"project": {project}, "network": {network}}.Encode()
	query["/money/receivers"], query["/money/receivers/allow"], query["/money/receivers/forbid"] = list, list, list+"&address=sim1supplier"
	for _, act := range []string{"cancel", "expire", "archive", "label", "resend"} {
		query["/invoices/several/"+act] = "invoice=" + ids["invoices"]
	}
	out := map[string]string{}
	for _, row := range desk.Rows() {
		path := strings.ReplaceAll(row.Pattern, "{$}", "")
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		path = strings.ReplaceAll(strings.ReplaceAll(path, "{id}", ids[first]), "{endpoint}", e.ID)
		if q := query[row.Pattern]; q != "" {
			path += "?" + q
		}
		out[row.Pattern] = path
	}
	return out
}

// file makes a file for the bank, once, and returns its id.
func (s *site) file() string {
	ctx := context.Background()
	if files, err := s.bank.Latest(ctx, "", 1); err == nil && len(files) > 0 {
		return files[0].ID
	}
	s.euros("1000")
	s.salary("salary", "250.50")
	f, err := s.bank.Export(ctx, bank.ExportOptions{})
	require.NoError(s.t, err)
	return f.ID
}

func (s *site) send(row desk.Row, path string) answer {
	if row.Method == http.MethodPost {
		bare, query, _ := strings.Cut(path, "?")
		form, err := url.ParseQuery(query)
		require.NoError(s.t, err)
		form.Set("reason", "because")
		return s.post(bare, form)
	}
	return s.fetch(path)
}

// rows returns everything that is stored.
func (s *site) rows() string {
	s.t.Helper()
	text, err := spy.On(s.store).Rows()
	require.NoError(s.t, err)
	for _, id := range []string{s.shop, s.rival} {
		p, err := s.projects.Project(context.Background(), id)
		require.NoError(s.t, err)
		text += string(marshal(s.t, p))
	}
	for _, kind := range desk.Kinds() {
		names, bodies, err := s.records.Documents(context.Background(), kind, "", 1000)
		require.NoError(s.t, err)
		text += string(marshal(s.t, names)) + string(marshal(s.t, bodies))
	}
	return text + string(marshal(s.t, s.audit()))
}

var ladder = []desk.Role{desk.RoleViewer, desk.RoleCashier, desk.RoleOperator, desk.RoleApprover, desk.RoleAdministrator}

func TestEveryRouteDemandsItsRole_O15(t *testing.T) {
	s := newSite(t, nil)
	before := s.rows()
	for _, row := range desk.Rows() {
		for _, role := range ladder {
			s.as("zoe", role)
			may := role.May(row.Least)
			if may && row.Method == http.MethodPost {
				continue // acts have their own tests
			}
			a := s.send(row, s.own[row.Pattern])
			if may {
				require.Equal(t, http.StatusOK, a.Code, "%s %s by %s: %s %s", row.Method, row.Pattern, role, a.Body, s.log)
				continue
			}
			require.Equal(t, http.StatusForbidden, a.Code, "%s %s by %s", row.Method, row.Pattern, role)
			require.Contains(t, a.Body.String(), "it needs a")
		}
	}
	require.Equal(t, before, s.rows(), "neither refusals nor pages change anything")
}

func TestAnUnknownRoleMayDoNothing(t *testing.T) {
	s := newSite(t, nil)
	for _, p := range []desk.Person{{ID: "x", Role: "boss"}, {ID: "x"}, {Role: desk.RoleAdministrator}, {ID: strings.Repeat("x", 191), Role: desk.RoleAdministrator}} {
		s.be(p)
		require.Equal(t, http.StatusInternalServerError, s.fetch("/").Code)
	}
}

// One project never sees another's data: neither a page, nor a list, nor an act.
func TestAPersonOfOneProjectFindsNothingOfAnother_O15(t *testing.T) {
	s := newSite(t, nil)
	before := s.rows()
	for _, row := range desk.Rows() {
		s.as("zoe", desk.RoleAdministrator, s.shop)
		own, foreign := s.own[row.Pattern], s.foreign[row.Pattern]
		switch {
		case row.All:
			require.Equal(t, http.StatusForbidden, s.send(row, own).Code, row.Pattern)
		case own == foreign:
			if row.Method == http.MethodGet {
				body := s.send(row, own).Body.String()
				require.NotContains(t, body, "B-1", row.Pattern)
				require.NotContains(t, body, "rival", row.Pattern)
				require.NotContains(t, body, s.rival, row.Pattern)
			}
		default:
			require.Equal(t, http.StatusNotFound, s.send(row, foreign).Code, "%s %s", row.Method, foreign)
			if row.Method == http.MethodGet {
				require.Equal(t, http.StatusOK, s.send(row, own).Code, own)
			}
		}
	}
	require.Equal(t, before, s.rows())
}

func TestListsOfAPersonOfSomeProjectsHaveThoseAlone(t *testing.T) {
	s := newSite(t, nil)
	third, _, err := s.projects.Create(context.Background(), invoice.NewProject{Owner: "other", Name: "third"})
	require.NoError(t, err)
	for range 60 {
		s.create(third.ID, "", "3", nil)
	}
	s.as("zoe", desk.RoleViewer, s.rival, third.ID)
	page := s.page("/invoices")
	require.Contains(t, page, "61 invoices")
	seen := map[string]bool{}
	for next := "/invoices"; next != ""; {
		page := s.page(next)
		for _, id := range invoiceLinks.FindAllStringSubmatch(page, -1) {
			require.False(t, seen[id[1]], "each invoice is on one page")
			seen[id[1]] = true
		}
		next = nextOf(page, "/invoices")
	}
	require.Len(t, seen, 61)
	for id := range seen {
		inv, err := s.invoices.Invoice(context.Background(), "", id)
		require.NoError(t, err)
		require.NotEqual(t, s.shop, inv.Project)
	}
	require.Contains(t, s.page("/search?q=A-1001"), "Nothing.")
	tx := s.order("A-1003").Payments[0].Key.TxID
	require.Contains(t, s.page("/search?q="+tx), "Nothing.")
	require.Contains(t, s.page("/search?q=rent"), "Nothing.")
}

func TestAPageActsOnNothing(t *testing.T) {
	s := newSite(t, nil)
	before := s.rows()
	for _, row := range desk.Rows() {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if row.Method != http.MethodGet {
				continue
			}
			path := s.own[row.Pattern]
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			path += sep + "reason=because&once=1795170600000-00112233445566778899aabbccddeeff&confirm=1&kind=payout&amount=1&to=sim1x&asset=" + url.QueryEscape(string(s.chain.Asset("SIM").ID))
			a := s.do(httptest.NewRequest(method, path, nil))
			require.Less(t, a.Code, 500, path)
			require.Equal(t, before, s.rows(), "%s %s", method, path)
		}
	}
}

func TestAFormFromAnotherSiteIsRefused(t *testing.T) {
	s := newSite(t, nil)
	before := s.rows()
	for _, row := range desk.Rows() {
		if row.Method != http.MethodPost {
			continue
		}
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			r := httptest.NewRequest(http.MethodPost, s.own[row.Pattern], strings.NewReader("reason=because"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(name, value)
			require.Equal(t, http.StatusForbidden, s.do(r).Code, row.Pattern)
		}
	}
	require.Equal(t, before, s.rows())
	r := httptest.NewRequest(http.MethodPost, "/projects/new", strings.NewReader(""))
	r.Header.Set("Origin", "http://example.com") // the host of the request, over plain HTTP
	require.NotEqual(t, http.StatusForbidden, s.do(r).Code)
	trusting := newWorld(t, func(c *desk.Config) { c.TrustedOrigins = []string{"https://office.example"} })
	r = httptest.NewRequest(http.MethodPost, "/projects/new", strings.NewReader(""))
	r.Header.Set("Origin", "https://office.example")
	require.NotEqual(t, http.StatusForbidden, trusting.do(r).Code)
}

func TestMoneyAndKeysDemandAFreshProof(t *testing.T) {
	s := newSite(t, nil)
	before := s.rows()
	fresh := 0
	for _, row := range desk.Rows() {
		stale := desk.Person{ID: "zoe", Role: desk.RoleAdministrator, Proved: s.clock.Now().Add(-16 * time.Minute)}
		for _, p := range []desk.Person{stale, {ID: "zoe", Role: desk.RoleAdministrator}} {
			s.be(p)
			if !row.Fresh {
				continue
			}
			fresh++
			a := s.send(row, s.own[row.Pattern])
			require.Equal(t, http.StatusForbidden, a.Code, row.Pattern)
			require.Contains(t, a.Body.String(), "Prove who you are again")
			require.Contains(t, a.Body.String(), `href="/sign-in?next=`)
		}
	}
	require.Equal(t, before, s.rows())
	require.Greater(t, fresh, 60)
	for _, row := range desk.Rows() {
		moves := strings.HasPrefix(row.Pattern, "/payouts/{id}/") || strings.HasPrefix(row.Pattern, "/transactions/{id}/") || strings.HasPrefix(row.Pattern, "/projects/{id}/") || strings.HasPrefix(row.Pattern, "/money/receivers/") ||
			slices.Contains([]string{"/payouts/new", "/projects/new", "/invoices/{id}/refund", "/money/stop", "/money/resume", "/money/sweep", "/money/bank/export", "/money/bank/download", "/money/bank/read",
				"/money/fund", "/money/adjust", "/money/close", "/money/recount", "/money/audit"}, row.Pattern)
		require.Equal(t, moves && !strings.HasSuffix(row.Pattern, "/resend"), row.Fresh, row.Pattern)
	}
}

func TestWithoutPayoutsAndOutboxTheirPagesAreNotThere(t *testing.T) {
	w := newWorld(t, func(c *desk.Config) { c.Payouts, c.Outbox, c.Holdings, c.Banks = nil, nil, nil, nil })
	w.payouts = nil
	inv := w.create(w.shop, "A", "10", nil)
	for _, row := range desk.Rows() {
		path := strings.NewReplacer("{id}", inv.ID, "{endpoint}", "e", "{$}", "").Replace(row.Pattern)
		if row.Payouts || row.Outbox {
			require.Equal(t, http.StatusNotFound, w.send(row, path).Code, row.Pattern)
		}
	}
	for _, path := range []string{"/", "/invoices", "/invoices/" + inv.ID, "/webhooks"} {
		require.NotContains(t, w.page(path), "payouts")
	}
}

func (w *world) send(row desk.Row, path string) answer {
	if row.Method == http.MethodPost {
		return w.post(path, url.Values{"reason": {"because"}})
	}
	return w.fetch(path)
}

func TestWhoIsNotSignedInIsLedToTheSignIn(t *testing.T) {
	s := newSite(t, nil)
	s.absent = desk.ErrSignedOut
	a := s.fetch("/invoices?q=x")
	require.Equal(t, []any{http.StatusSeeOther, "/sign-in?next=%2Finvoices%3Fq%3Dx"}, []any{a.Code, a.Header().Get("Location")})
	require.Equal(t, http.StatusUnauthorized, s.post("/invoices/x/cancel", nil).Code, "a form is not led anywhere")
	s.absent = errDown
	a = s.fetch("/invoices")
	require.Equal(t, http.StatusForbidden, a.Code)
	require.NotContains(t, a.Body.String(), errDown.Error())
	require.Contains(t, s.log.String(), errDown.Error())

	without := newWorld(t, func(c *desk.Config) { c.SignIn = "" })
	without.absent = desk.ErrSignedOut
	require.Equal(t, http.StatusUnauthorized, without.fetch("/").Code)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	s := newSite(t, nil)
	for _, path := range []string{"/nothing", "/invoices/x", "/payouts/x", "/transactions/x", "/projects/x", "/invoices/", "//invoices", "/invoices/../money", "/assets/nothing.css", "/invoices/x/cancel"} {
		a := s.fetch(path)
		require.Equal(t, http.StatusNotFound, a.Code, path)
		require.Empty(t, a.Header().Get("Location"), path)
	}
	require.Equal(t, http.StatusMethodNotAllowed, s.post("/invoices", nil).Code)
	require.Equal(t, http.StatusMethodNotAllowed, s.do(httptest.NewRequest(http.MethodDelete, "/invoices", nil)).Code)
}

func TestAFailureIsLoggedAndNotShown(t *testing.T) {
	w := newWorld(t, func(c *desk.Config) { c.Records = refusing{} })
	a := w.fetch("/audit")
	require.Equal(t, http.StatusInternalServerError, a.Code)
	require.NotContains(t, a.Body.String(), errDown.Error())
	require.Contains(t, w.log.String(), errDown.Error())
}

// refusing is a store of records that is down.
type refusing struct{ desk.Records }

func (refusing) ReadRecords(context.Context, string, int64, bool, int) ([]int64, [][]byte, error) {
	return nil, nil, errDown
}

func TestTheConfigurationIsChecked(t *testing.T) {
	w := newWorld(t, nil)
	good := desk.Config{Invoices: w.invoices, Projects: w.projects, Records: w.records, Authenticate: w.authenticate}
	_, err := desk.New(good)
	require.NoError(t, err)
	for field, change := range map[string]func(*desk.Config){
		"Invoices":       func(c *desk.Config) { c.Invoices = nil },
		"Projects":       func(c *desk.Config) { c.Projects = nil },
		"Records":        func(c *desk.Config) { c.Records = nil },
		"Authenticate":   func(c *desk.Config) { c.Authenticate = nil },
		"Fresh":          func(c *desk.Config) { c.Fresh = -1 },
		"Within":         func(c *desk.Config) { c.Within = -1 },
		"Banks[0]":       func(c *desk.Config) { c.Banks = []*bank.Account{w.bank} },
		"TrustedOrigins": func(c *desk.Config) { c.TrustedOrigins = []string{"x"} },
	} {
		cfg := good
		change(&cfg)
		_, err := desk.New(cfg)
		require.ErrorContains(t, err, "desk: "+field)
	}
}

func TestTheDeskWorksUnderAnyPrefixAndKeepsItsStyles_O18(t *testing.T) {
	s := newSite(t, func(c *desk.Config) { c.Style = []byte(":root { --accent: #123456 }") })
	for _, prefix := range []string{"", "/office", "/a/b/c"} {
		mux := http.NewServeMux()
		mux.Handle(prefix+"/", http.StripPrefix(prefix, s.desk))
		fetch := func(path string) *httptest.ResponseRecorder {
			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
			return rec
		}
		queue, seen := []string{prefix + "/"}, map[string]bool{prefix + "/": true}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			rec := fetch(at)
			require.Contains(t, []int{200, 303}, rec.Code, at)
			for _, link := range append(localLinks(t, rec.Body.String()), rec.Header().Get("Location")) {
				base, err := url.Parse("http://shop.example" + at)
				require.NoError(t, err)
				to, err := base.Parse(link)
				require.NoError(t, err)
				if to.Host != base.Host || len(seen) > 400 {
					continue
				}
				require.True(t, strings.HasPrefix(to.Path, prefix+"/"), "%s leads from %s out of the desk to %s", link, at, to)
				if !seen[to.RequestURI()] {
					seen[to.RequestURI()] = true
					queue = append(queue, to.RequestURI())
				}
			}
		}
		require.Greater(t, len(seen), 50, "all pages are linked")
		css := ""
		for path := range seen {
			if strings.Contains(path, "/assets/host-") {
				css = path
			}
		}
		rec := fetch(css)
		require.Contains(t, rec.Body.String(), "#123456")
		require.Contains(t, rec.Header().Get("Cache-Control"), "immutable")
		stale := fetch(prefix + "/assets/desk-000000000000.js")
		require.Equal(t, []any{200, "no-cache"}, []any{stale.Code, stale.Header().Get("Cache-Control")}, "a page of the version before gets the script of this one, and does not keep it")
	}
}

func TestEveryPageHasTheHeadersOfAPage(t *testing.T) {
	s := newSite(t, nil)
	for _, path := range []string{"/", "/invoices", "/nothing", "/invoices/export"} {
		h := s.fetch(path).Header()
		require.Contains(t, h.Get("Content-Security-Policy"), "script-src 'self'; style-src 'self'", path)
		require.Contains(t, h.Get("Content-Security-Policy"), "require-trusted-types-for 'script'", path)
		require.Equal(t, []string{"no-store", "DENY", "same-origin", "nosniff"},
			[]string{h.Get("Cache-Control"), h.Get("X-Frame-Options"), h.Get("Referrer-Policy"), h.Get("X-Content-Type-Options")}, path)
		require.Empty(t, h.Get("Set-Cookie"), "the desk has no cookies of its own")
	}
}
