package desk_test

import (
	"context"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

const attack = `"><img src=x onerror=alert(1)><script>alert(2)</script>' onclick='alert(3)`

// intact requires that a page has only the markup of its template: parsed as a browser does, it has no element or attribute
// that could run or load anything.
func intact(t testing.TB, path, page string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	ids := map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		require.NotContains(t, []string{"iframe", "object", "embed", "base", "style"}, n.Data, path)
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc", "%s: <%s %s>", path, n.Data, a.Key)
			if slices.Contains([]string{"href", "src", "action"}, a.Key) {
				require.NotRegexp(t, `(?i)^\s*(javascript|data|vbscript):`, a.Val, path)
			}
			if a.Key == "id" {
				require.False(t, ids[a.Val], "%s: the id %s is there twice", path, a.Val)
				ids[a.Val] = true
			}
			if n.Data == "img" && a.Key == "src" || n.Data == "script" && a.Key == "src" {
				require.Contains(t, a.Val, "assets/desk", path)
			}
		}
		if n.Data == "script" {
			require.Nil(t, n.FirstChild, "%s: a script in the page", path)
		}
	}
}

func TestWhatStrangersWriteIsTextOnEveryPage(t *testing.T) {
	s := &site{world: newWorld(t, func(c *desk.Config) { c.Name = attack })}
	furnish(s.world)
	ctx := context.Background()
	s.as(attack, desk.RoleAdministrator)
	inv := s.create(s.shop, attack, "10", func(r *invoice.Request) { r.Name, r.Data = attack, map[string]string{"table": attack} })
	s.pay(inv, 150)
	s.confirm()
	s.acted(s.act("/invoices/"+s.create(s.shop, "", "10", nil).ID+"/cancel", attack))
	s.acted(s.act("/invoices/"+inv.ID+"/archive", attack))
	claimed, err := s.store.Claim(ctx, claimQuery)
	require.NoError(t, err)
	for _, d := range claimed {
		require.NoError(t, s.store.Record(ctx, d.Claim, webhook.Attempt{At: s.clock.Now(), Status: 500, Excerpt: attack, Error: attack}, webhook.Next{State: webhook.StateDead}))
	}
	_, err = s.payouts.Request(ctx, payout.Request{
		Project: s.shop, Key: attack, Asset: s.chain.Asset("SIM").ID, To: "sim1" + attack, Units: decimal.NewFromInt(1), Name: attack, Comment: attack, Requester: attack,
	})
	require.NoError(t, err)
	s.look()
	require.NoError(t, s.payouts.Stop(ctx, "sim:1", attack, attack))
	_, _, err = s.projects.Create(ctx, invoice.NewProject{Owner: attack, Name: attack, Description: attack})
	require.NoError(t, err)
	_, err = s.projects.MakeKey(ctx, s.shop, attack, 0)
	require.NoError(t, err)
	s.acted(s.post("/filters", map[string][]string{"name": {attack[:50]}, "q": {attack}}))
	require.NoError(t, s.payouts.Adjust(ctx, payout.Adjustment{
		ID: attack, From: payout.Account{Project: s.shop, Kind: payout.Available, Asset: "sim:1/slip44:1"}, To: payout.Account{Kind: payout.Float, Asset: s.chain.Asset("SIM").ID},
		Units: big.NewInt(1), Reason: attack, Actor: attack,
	}))

	s.euros("1000")
	said := strings.ReplaceAll(string(camt(line("CRDT", "1", "E1", "x"), line("DBIT", "1", "E2", "ORDER"))), "A. Customer", html.EscapeString(attack))
	said = strings.ReplaceAll(strings.ReplaceAll(said, "topping up", html.EscapeString(attack)), "ORDER", html.EscapeString(attack))
	page := s.acted(s.bring(attack, []byte(said)))
	require.Contains(t, page, "&lt;script&gt;")
	intact(t, "bank", page)

	s.own = s.paths(s.shop, attack, attack)
	for _, path := range append(slices.Collect(mapsValues(s.own)), "/search?q="+"%22%3E%3Cimg", "/invoices?q=%22%3E%3Cimg+src%3Dx%3E", "/nothing", "/audit") {
		if strings.Contains(path, "/export") {
			continue
		}
		a := s.fetch(path)
		require.Contains(t, []int{http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusSeeOther}, a.Code, path)
		intact(t, path, a.Body.String())
	}
	require.Contains(t, s.page("/invoices/"+inv.ID), "&lt;script&gt;", "it is shown, as text")
	refused := s.post("/invoices/"+inv.ID+"/complete", map[string][]string{"reason": {attack}})
	intact(t, "a refused form", refused.Body.String())
}

// A link of the host's goes nowhere but to a page.
func TestALinkThatWouldRunIsNotFollowed(t *testing.T) {
	w := newWorld(t, func(c *desk.Config) {
		c.PaymentPage = func(invoice.Invoice) string { return "javascript:alert(1)" }
		c.Transaction = func(chain.Network, string) string { return "javascript:alert(2)" }
	})
	inv := w.create(w.shop, "A", "10", nil)
	w.pay(inv, 100)
	w.confirm()
	intact(t, "invoice", w.page("/invoices/"+inv.ID))
}

func TestNoPageShowsWhatIsSecret(t *testing.T) {
	s := newSite(t, nil)
	ctx := context.Background()
	p, err := s.projects.Project(ctx, s.shop)
	require.NoError(t, err)
	secrets := []string{s.key, p.KeyHash, "not to be shown", p.Endpoints[0].Secrets[0].Value, p.Secrets[0].Value, p.Keys["api"].Value}
	for _, role := range ladder {
		s.as("zoe", role)
		for _, row := range desk.Rows() {
			if row.Method != http.MethodGet {
				continue
			}
			body := s.fetch(s.own[row.Pattern]).Body.String()
			for _, secret := range secrets {
				require.NotContains(t, body, secret, "%s by %s", row.Pattern, role)
			}
			require.NotRegexp(t, `[xyz]pub[0-9A-Za-z]{20}`, body, row.Pattern)
		}
	}
}
