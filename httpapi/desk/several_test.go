package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// severally returns the path of the page that asks about several invoices, and the values of its form.
func severally(act string, chosen ...invoice.Invoice) (string, url.Values) {
	q := url.Values{"list": {"q=A-10"}}
	for _, inv := range chosen {
		q.Add("invoice", inv.ID)
	}
	return "/invoices/several/" + act + "?" + q.Encode(), q
}

// several asks about several invoices, and sends the form with a reason.
func (w *world) several(act, reason string, chosen ...invoice.Invoice) answer {
	w.t.Helper()
	path, form := severally(act, chosen...)
	form.Set("once", w.form(path).Get("once"))
	form.Set("reason", reason)
	return w.post("/invoices/several/"+act, form)
}

func TestSeveralInvoicesOfAListAreChangedWithOneForm(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	w.as("olga", desk.RoleOperator)
	list := w.page("/invoices?q=A-10")
	first, refused, second := w.order("A-1001"), w.order("A-1006"), w.order("A-1005")
	for _, text := range []string{`name="invoice" value="` + first.ID, `aria-label="Choose A-1001"`, `formaction="./invoices/several/archive"`, `name="list" value="q=A-10"`} {
		require.Contains(t, list, text)
	}
	ask, _ := severally("archive", first, refused, second)
	page := w.page(ask)
	for _, text := range []string{"Archive: 3 invoices", "A-1001", "A-1005", "A-1006", "40.00 EUR", "not possible for 1 of them", "This is not possible now: the invoice is new."} {
		require.Contains(t, page, text, "the page repeats them")
	}
	require.Empty(t, w.audit())

	page = w.acted(w.several("archive", "end of the year", first, refused, second))
	for _, text := range []string{"2 of 3 done", "A-1001", "A-1005", "A-1006", "not done", "This is not possible now: the invoice is new.", "“end of the year”", `href="../invoices?q=A-10"`} {
		require.Contains(t, page, text)
	}
	require.Equal(t, []invoice.Status{invoice.StatusArchived, invoice.StatusNew, invoice.StatusArchived}, []invoice.Status{w.get(first).State.Status, w.get(refused).State.Status, w.get(second).State.Status})
	last := w.get(first).Actions[len(w.get(first).Actions)-1]
	require.Equal(t, []string{"olga", "end of the year"}, []string{last.Actor, last.Comment})

	phases := map[string][]desk.Phase{}
	for _, e := range w.audit() {
		require.Equal(t, []string{"olga", "invoice.archive", "end of the year", w.shop}, []string{e.Actor, e.Act, e.Reason, e.Project})
		phases[e.Subject] = append(phases[e.Subject], e.Phase)
	}
	require.Equal(t, map[string][]desk.Phase{
		"invoices/" + first.ID: {desk.PhaseIntends, desk.PhaseDid}, "invoices/" + second.ID: {desk.PhaseIntends, desk.PhaseDid}, "invoices/" + refused.ID: {desk.PhaseRefused},
	}, phases, "each is in the log on its own, as if it was done from its page")
}

func TestOnlyWhoMayDoItToOneDoesItToSeveral(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	for _, c := range []struct {
		role desk.Role
		may  []string
	}{{desk.RoleViewer, nil}, {desk.RoleCashier, []string{"cancel"}}, {desk.RoleOperator, []string{"cancel", "expire", "archive", "label", "resend"}}} {
		w.as("zoe", c.role)
		page := w.page("/invoices")
		require.Equal(t, len(c.may), strings.Count(page, "formaction="), c.role)
		require.Equal(t, len(c.may) > 0, strings.Contains(page, `type="checkbox" name="invoice"`), c.role)
		for _, act := range []string{"cancel", "expire", "archive", "label", "resend"} {
			path, form := severally(act, inv)
			form.Set("reason", "because")
			if may := strings.Contains(strings.Join(c.may, " "), act); may {
				require.Equal(t, http.StatusOK, w.fetch(path).Code, "%s by %s", act, c.role)
			} else {
				require.Equal(t, http.StatusForbidden, w.fetch(path).Code, "%s by %s", act, c.role)
				require.Equal(t, http.StatusForbidden, w.post("/invoices/several/"+act, form).Code, "%s by %s", act, c.role)
			}
		}
	}
	require.Empty(t, w.audit())
}

func TestAnInvoiceOfAnotherProjectRefusesTheWholeForm(t *testing.T) {
	w := newWorld(t, nil)
	own, foreign := w.create(w.shop, "A", "10", nil), w.create(w.rival, "B-1", "10", nil)
	w.as("zoe", desk.RoleAdministrator, w.shop)
	path, form := severally("cancel", own, foreign)
	require.Equal(t, http.StatusNotFound, w.fetch(path).Code)
	mine, _ := severally("cancel", own)
	form.Set("once", w.form(mine).Get("once"))
	form.Set("reason", "because")
	a := w.post("/invoices/several/cancel", form)
	require.Equal(t, http.StatusNotFound, a.Code)
	require.NotContains(t, a.Body.String(), "B-1")
	for _, inv := range []invoice.Invoice{own, foreign} {
		require.Equal(t, invoice.StatusNew, w.get(inv).State.Status)
	}
	require.Empty(t, w.audit())

	result := w.several("cancel", "sold out", own)
	location := "/invoices/" + result.Header().Get("Location")[len("../../invoices/"):]
	require.Contains(t, w.page(location), "1 of 1 done")
	w.as("ben", desk.RoleAdministrator)
	require.Equal(t, http.StatusNotFound, w.fetch(location).Code, "what came of a form is for who has sent it")
	w.as("zoe", desk.RoleAdministrator, w.rival)
	require.Equal(t, http.StatusNotFound, w.fetch(location).Code)
	for _, bad := range []string{"0", "-1", "x", "99"} {
		require.Equal(t, http.StatusNotFound, w.fetch("/invoices/several?entry="+bad).Code, bad)
	}
}

func TestTheSameFormAboutSeveralActsOnce(t *testing.T) {
	w := newWorld(t, nil)
	a, b := w.create(w.shop, "A", "10", nil), w.create(w.shop, "B", "10", nil)
	path, form := severally("cancel", a, b, a)
	form.Set("once", w.form(path).Get("once"))
	require.Contains(t, w.page(path), "Cancel: 2 invoices", "one that is chosen twice is one")
	require.Equal(t, http.StatusUnprocessableEntity, w.post("/invoices/several/cancel", form).Code, "a reason is needed")
	form.Set("reason", "sold out")
	w.acted(w.post("/invoices/several/cancel", form))
	_, err := w.invoices.SetStatus(context.Background(), invoice.Act{Invoice: a.ID, Actor: "ben"}, invoice.StatusNew)
	require.NoError(t, err)
	page := w.acted(w.post("/invoices/several/cancel", form))
	require.Contains(t, page, "This form was sent before, and did this then.")
	require.Contains(t, page, "2 of 2 done")
	require.Equal(t, invoice.StatusNew, w.get(a).State.Status)
	require.Len(t, w.audit(), 4)
}

func TestAFormAboutSeveralHasBounds(t *testing.T) {
	w := newWorld(t, nil)
	var many []invoice.Invoice
	for i := range 101 {
		many = append(many, w.create(w.shop, fmt.Sprint("A-", i), "1", nil))
	}
	path, _ := severally("cancel", many...)
	page := w.page(path)
	require.Contains(t, page, "These are more than 100 invoices")
	require.NotContains(t, page, `name="reason"`)
	require.Contains(t, w.page("/invoices/several/cancel"), "No invoice is chosen.")
	require.Equal(t, http.StatusUnprocessableEntity, w.several("cancel", "sold out", many...).Code)
	require.Empty(t, w.audit())
	require.Contains(t, w.acted(w.several("cancel", "sold out", many[:100]...)), "100 of 100 done")
	require.Len(t, w.audit(), 200)
	again, _ := severally("cancel", many[:3]...)
	require.Contains(t, w.page(again), "This is possible for none of them now.")
	require.Equal(t, http.StatusUnprocessableEntity, w.several("cancel", "sold out", many[:3]...).Code)
	require.NotContains(t, w.page("/invoices/several/cancel?list="+url.QueryEscape(`"><script>`)), "<script>")
}

func TestTheWebhooksOfSeveralInvoicesAreSentAgain(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.projects.AddEndpoint(context.Background(), w.shop, invoice.NewEndpoint{URL: "https://shop.example/all"})
	require.NoError(t, err)
	a, b := w.create(w.shop, "A", "10", nil), w.create(w.shop, "B", "10", nil)
	silent := w.create(w.rival, "C", "10", func(r *invoice.Request) { r.CallbackURL = "" })
	for _, inv := range []invoice.Invoice{a, b} {
		kill(w, inv.ID)
		w.wait(2 * time.Minute)
	}
	path, _ := severally("resend", a, b, silent)
	require.Contains(t, w.page(path), "No message about it was to be sent.")
	page := w.acted(w.several("resend", "their server was down", a, b, silent))
	require.Contains(t, page, "4 of 5 done", "each message to each receiver")
	for _, text := range []string{"https://shop.example/hook", "https://shop.example/all"} {
		require.Equal(t, 2, strings.Count(page, text))
	}
	for _, inv := range []invoice.Invoice{a, b} {
		records, err := w.store.History(context.Background(), inv.ID, 0)
		require.NoError(t, err)
		for _, r := range records {
			require.Equal(t, "due", string(r.State))
		}
	}
}

// A store that fails in the middle leaves the rest undone, and the page says so.
func TestSeveralActsThatBreakOffSayWhatIsLeft(t *testing.T) {
	w := newWorld(t, nil)
	var chosen []invoice.Invoice
	for i := range 3 {
		chosen = append(chosen, w.create(w.shop, fmt.Sprint("A-", i), "1", nil))
	}
	w.records.refuse = func(body []byte) error {
		var e desk.Entry
		require.NoError(t, json.Unmarshal(body, &e))
		if e.Phase == desk.PhaseDid || e.Subject == "invoices/"+chosen[2].ID {
			return errDown
		}
		return nil
	}
	page := w.acted(w.several("cancel", "sold out", chosen...))
	require.Contains(t, page, "1 was not reached")
	require.Equal(t, 2, strings.Count(page, "No end of it is recorded"))
	require.Equal(t, invoice.StatusNew, w.get(chosen[2]).State.Status, "nothing is done that cannot be recorded")
	require.Equal(t, invoice.StatusCancelled, w.get(chosen[0]).State.Status)
	require.Contains(t, w.log.String(), "broke off")
}
