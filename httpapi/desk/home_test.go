package desk_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func TestTheHomePageNamesWhatNeedsAPerson(t *testing.T) {
	w := newWorld(t, nil)
	require.Contains(t, w.page("/"), "Nothing needs you now.")
	furnish(w)
	kill(w, w.order("A-1004").ID)
	page := w.page("/")
	for _, c := range []struct{ order, title string }{
		{"A-1003", "Paid too little"}, {"A-1002", "Paid too much"}, {"A-1005", "Expired, and money came late"}, {"B-1", "Expired, and money came late"},
	} {
		require.Regexp(t, `href="\./invoices/`+w.order(c.order).ID+`"><strong>`+c.title, page)
	}
	for _, calm := range []string{"A-1001", "A-1006", "A-1007"} {
		require.NotContains(t, page, calm)
	}
	require.Contains(t, page, "Needs the approval of another person")
	require.Contains(t, page, "Needs a signature")
	require.Contains(t, page, "Given up")

	for _, order := range []string{"A-1003", "A-1002", "A-1005"} {
		w.acted(w.act("/invoices/"+w.order(order).ID+"/archive", "nothing is to be done"))
	}
	page = w.page("/")
	require.NotContains(t, page, "A-1003")
	require.NotContains(t, page, "A-1005")
	w.as("zoe", desk.RoleViewer, w.rival)
	page = w.page("/")
	require.Contains(t, page, "B-1")
	require.NotContains(t, page, "Needs a signature")
}

func TestWhatTheChainTookBackComesFirst(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	inv := w.create(w.shop, "A-2000", "40", nil)
	w.pay(inv, 100)
	w.confirm()
	require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
	w.chain.Reorganise(6, 2, chaintest.Lost)
	w.see()
	page := w.page("/")
	require.Regexp(t, `(?s)Completed, and then taken back by the chain.*Paid too little`, page)
	page = w.page("/invoices/" + inv.ID)
	require.Contains(t, page, `class="banner bad"`)
	require.Contains(t, page, "<del>0.02 SIM</del>", "a payment that vanished is struck through")
	require.Contains(t, page, "no longer on the chain")
	require.Contains(t, page, "The chain took the money back")
}

func TestANodeThatLagsIsNamed_O14(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	page := w.page("/")
	require.Contains(t, page, "seeing payments")
	require.Contains(t, page, "Simulated")
	require.Contains(t, page, fmt.Sprintf(`<td data-label="Block" class="number">%d</td>`, w.chain.Head().Height))
	w.wait(30 * 24 * time.Hour)
	require.Contains(t, w.page("/"), "lagging")
}

func TestMoneyInIsAddedUpByDayAndAsset_O4(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	page := w.page("/")
	require.Contains(t, page, "0.095 SIM", "0.02 and 0.075")
	require.Contains(t, page, "2 invoices")
	require.Equal(t, 30, strings.Count(page, "<rect "))
	require.Equal(t, 1, strings.Count(page, `<rect class="rod" `))
	require.Contains(t, page, `<th scope="row">2026-11-20</th><td class="number">0.095</td>`)
	require.Contains(t, page, `<th scope="row">2026-11-19</th><td class="number">0</td>`)

	w.as("zoe", desk.RoleViewer, w.rival)
	require.Contains(t, w.page("/"), "Nothing was completed in this time.")
	w.as("ann", desk.RoleViewer)
	w.acceptLate(w.order("A-1005"))
	require.Contains(t, w.page("/"), "0.095 SIM", "it is added up once a minute")
	w.wait(2 * time.Minute)
	require.Contains(t, w.page("/"), "0.125 SIM")
	w.wait(40 * 24 * time.Hour)
	require.Contains(t, w.page("/"), "Nothing was completed in this time.")
}

func TestMuchMoneyIsAddedUpAfterThePageWasSent_O4(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	paid := w.get(w.order("A-1001"))
	require.Equal(t, invoice.StatusCompleted, paid.State.Status)
	var many invoice.Batch
	for n := range 1200 {
		inv := paid
		inv.ID, inv.OrderID, inv.Version = fmt.Sprintf("%s-%04d", paid.ID, n), fmt.Sprint("many ", n), 1
		many.Insert = append(many.Insert, inv)
	}
	require.NoError(t, w.store.Commit(t.Context(), many))
	require.Contains(t, w.page("/"), "It is being added up.")
	page := w.page("/")
	require.Contains(t, page, "1202 invoices")
	require.NotContains(t, page, "It is being added up.")

	more := paid
	more.ID, more.OrderID, more.Version = "more", "more", 1
	require.NoError(t, w.store.Commit(t.Context(), invoice.Batch{Insert: []invoice.Invoice{more}}))
	w.wait(2 * time.Minute)
	require.Contains(t, w.page("/"), "1202 invoices", "those of before, while the others are added up")
	require.Contains(t, w.page("/"), "1203 invoices")
}

func TestEachNodeIsShownWhereTheHostTells_O14(t *testing.T) {
	w := newWorld(t, func(c *desk.Config) {
		c.Nodes = func(network chain.Network) []chain.NodeHealth {
			return []chain.NodeHealth{
				{Name: "cellar", Height: 7, InUse: true}, {Name: "cloud", Err: errors.New("https://key@node.example refused"), Failures: 3},
				{Name: "old", Lagging: true}, {Name: "other", Refused: true}, {Name: "spare of " + string(network)},
			}
		}
	})
	page := w.page("/")
	for _, text := range []string{"cellar", "in use", "failing: 3 calls in a row", "behind the others", "serves another network", "spare of sim:1"} {
		require.Contains(t, page, text)
	}
	require.NotContains(t, page, "node.example", "what a node says may have a key in it")
}

func TestWhatIsSetAsideNeedsAPerson(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	inv := w.order("A-1001")
	ctx := context.Background()
	network := w.chain.Asset("SIM").ID.Network()
	p, err := w.store.Network(ctx, network)
	require.NoError(t, err)
	p.Version++
	p.Aside = []invoice.Aside{
		{Since: start, Cause: "contradicts what is stored", Invoice: inv.ID},
		{Since: start, Unexamined: &chain.Unexamined{TxID: "0xlarge", Reason: "its trace is too large"}},
		{Since: start, Cause: "stored in portions", Portions: true},
	}
	require.NoError(t, w.store.Commit(ctx, invoice.Batch{Progress: []invoice.Progress{p}}))
	page := w.page("/")
	require.Regexp(t, `href="\./invoices/`+inv.ID+`"><strong>Set aside on Simulated</strong> <span>contradicts what is stored`, page)
	require.Contains(t, page, "transaction 0xlarge: its trace is too large")
	require.Contains(t, page, `href="https://explorer.example/tx/0xlarge"`)
	require.NotContains(t, page, "stored in portions")
	w.as("zoe", desk.RoleViewer, w.rival)
	require.NotContains(t, w.page("/"), "Set aside")
}

func TestADifferenceOfTheBooksNeedsAPerson(t *testing.T) {
	w := newWorld(t, nil)
	require.NotContains(t, w.page("/"), "What is held is not what is owed")
	w.extra = 5_000_000
	page := w.page("/")
	require.Contains(t, page, "What is held is not what is owed")
	require.Contains(t, page, "5 TOK on Simulated")
	require.Contains(t, w.page("/money"), `<span class="pill bad">5 TOK</span>`)
}

// unheard is what the books have, of whose transactions nothing was said yet: a signer is about to sign them by itself.
type unheard struct{ *store.Memory }

func (u unheard) OpenTransactions(ctx context.Context, network chain.Network) ([]payout.Transaction, error) {
	all, err := u.Memory.OpenTransactions(ctx, network)
	for i := range all {
		all[i].Detail = ""
	}
	return all, err
}

func TestASweepThatWaitsForASignatureNeedsAPerson_O16(t *testing.T) {
	var bare, quick desk.Config
	w := newWorld(t, func(c *desk.Config) { bare, quick = *c, *c })
	bare.Holdings, quick.Holdings = nil, unheard{w.store}
	for n := range 8 {
		w.pay(w.create(w.shop, fmt.Sprint("A-", n), fmt.Sprint(20*(n+1)), nil), 100)
	}
	w.confirm()
	w.request(w.shop, "rent", "1", "carl")
	_, err := w.payouts.SweepNow(t.Context(), w.chain.Asset("SIM").ID, false, "ben")
	require.NoError(t, err)
	w.look()
	w.as("olga", desk.RoleOperator)
	page := w.page("/")
	waits := regexp.MustCompile(`href="\./(transactions/[^"]+)"><strong>Needs a signature</strong> <span>Sweep of 0\.0[0-9]+ SIM, Simulated</span>`)
	require.Len(t, waits.FindAllString(page, -1), 6)
	require.Contains(t, page, "and 2 more")
	require.Regexp(t, `href="\./payouts/[^"]+"><strong>Needs a signature</strong>`, page, "a payout says it itself")
	path := "/" + waits.FindStringSubmatch(page)[1]

	w.as("ben", desk.RoleApprover)
	unsigned := w.act(path+"/export", "to sign it", "form", "file").Body.Bytes()
	w.acted(w.upload(path+"/import", w.signing(path), "file", stage.Signed(unsigned)))
	w.look()
	require.NotContains(t, w.page("/"), path[1:], "it is signed")
	require.Contains(t, w.page("/"), "and 1 more")

	w.as("zoe", desk.RoleViewer)
	require.Empty(t, waits.FindString(w.page("/")), "who cannot open it does not see it")
	w.as("olga", desk.RoleOperator, w.shop)
	require.Empty(t, waits.FindString(w.page("/")), "it moves money of all projects")
	w.as("olga", desk.RoleOperator)
	for name, cfg := range map[string]desk.Config{"without what the books have": bare, "before its signer was asked": quick} {
		w.desk, err = desk.New(cfg)
		require.NoError(t, err)
		require.Empty(t, waits.FindString(w.page("/")), name)
	}
}

// signing returns the form that brings the first version of a transaction.
func (w *world) signing(path string) url.Values {
	w.t.Helper()
	form := w.form(path + "/import")
	form.Set("reason", "signed by the director")
	form.Set("version", "0")
	return form
}

// acceptLate lets the late money of an invoice count.
func (w *world) acceptLate(inv invoice.Invoice) {
	w.t.Helper()
	_, err := w.invoices.AcceptLate(context.Background(), invoice.Act{Invoice: inv.ID, Actor: "ann", Comment: "ok"})
	require.NoError(w.t, err)
	w.confirm()
}

// A status that comes later must not take back that over-payments were looked at in part only.
func TestTheHomePageSaysTheNarrowestBoundOfWhatItLookedAt(t *testing.T) {
	require.Empty(t, desk.LookedAt(60, false))
	require.Contains(t, desk.LookedAt(60, true), "300 invoices of each status")
	for _, bounded := range []bool{true, false} {
		require.Contains(t, desk.LookedAt(61, bounded), "60 that were paid too much last")
	}
}
