package desk_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func TestAnActIsWrittenBeforeItIsDoneAndAfter_O6(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	w.as("olga", desk.RoleOperator)
	page := w.acted(w.act("/invoices/"+inv.ID+"/complete", "paid at the till"))
	require.Contains(t, page, "Done: complete (invoice). Reason: “paid at the till”.")

	now := w.get(inv)
	require.Equal(t, invoice.StatusCompleted, now.State.Status, "in one step")
	log := w.audit()
	require.Len(t, log, 2)
	require.Equal(t, []desk.Phase{desk.PhaseIntends, desk.PhaseDid}, []desk.Phase{log[0].Phase, log[1].Phase})
	for _, e := range log {
		require.Equal(t, []string{"olga", "Olga", "operator", "invoice.complete", "invoices/" + inv.ID, w.shop, "paid at the till", "new"},
			[]string{e.Actor, e.Name, string(e.Role), e.Act, e.Subject, e.Project, e.Reason, e.Before["status"]})
		require.Equal(t, "10.00 EUR", e.Facts["Price"])
	}
	require.Empty(t, log[0].After)
	require.Equal(t, "completed", log[1].After["status"])
	require.Equal(t, int64(1), log[1].Of)

	history, err := w.invoices.History(context.Background(), w.shop, inv.ID, 0)
	require.NoError(t, err)
	last := history[len(history)-1]
	require.Equal(t, []string{"olga", "paid at the till"}, []string{last.Actor, last.Comment})
	records, err := w.store.History(context.Background(), inv.ID, 0)
	require.NoError(t, err)
	var body invoice.Payload
	require.NoError(t, json.Unmarshal(records[len(records)-1].Message.Body, &body))
	require.Equal(t, []string{"olga", "paid at the till"}, []string{body.Data.Actor, body.Data.Comment}, "the webhook says that a person did it")
	require.Contains(t, w.page("/invoices/"+inv.ID), "by olga: “paid at the till”")
}

func TestAnActDemandsAReason(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	for _, reason := range []string{"", "   ", strings.Repeat("x", 1001), "\x00"} {
		a := w.act("/invoices/"+inv.ID+"/cancel", reason)
		require.Equal(t, http.StatusUnprocessableEntity, a.Code)
		require.Contains(t, a.Body.String(), `role="alert"`)
	}
	require.Equal(t, invoice.StatusNew, w.get(inv).State.Status)
	require.Empty(t, w.audit())
}

func TestTheSameFormTwiceActsOnce(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	form := w.form("/invoices/" + inv.ID + "/cancel")
	form.Set("reason", "sold out")
	w.acted(w.post("/invoices/"+inv.ID+"/cancel", form))
	_, err := w.invoices.SetStatus(context.Background(), invoice.Act{Invoice: inv.ID, Actor: "ben"}, invoice.StatusNew)
	require.NoError(t, err)
	page := w.acted(w.post("/invoices/"+inv.ID+"/cancel", form))
	require.Contains(t, page, "This form was sent before, and did it then")
	require.Equal(t, invoice.StatusNew, w.get(inv).State.Status, "the form of before did nothing to what came after it")
	require.Len(t, w.audit(), 2)

	for name, once := range map[string]string{"none": "", "no form": "x", "of another time": "0000000000000-00112233445566778899aabbccddeeff"} {
		form.Set("once", once)
		require.NotEqual(t, http.StatusSeeOther, w.post("/invoices/"+inv.ID+"/cancel", form).Code, name)
	}
	stale := w.form("/invoices/" + inv.ID + "/cancel")
	stale.Set("reason", "sold out")
	w.wait(25 * time.Hour)
	late := w.post("/invoices/"+inv.ID+"/cancel", stale)
	require.Equal(t, http.StatusConflict, late.Code)
	require.Contains(t, late.Body.String(), "This form is older than a day.")
	require.Len(t, w.audit(), 2)
}

func TestTheSameFormAtOnceActsOnce(t *testing.T) {
	w := newWorld(t, nil)
	form := w.form("/projects/" + w.shop + "/rotate-key")
	form.Set("reason", "routine")
	form.Set("overlap", "0s")
	var wg sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		wg.Go(func() { codes[i] = w.post("/projects/"+w.shop+"/rotate-key", form).Code })
	}
	wg.Wait()
	slices.Sort(codes)
	require.Equal(t, []int{200, 303, 303, 303, 303, 303, 303, 303}, codes, "one has made the key and shows it, the others wait for it and lead to the project")
	require.Len(t, w.audit(), 2)
}

func TestOldFormsAreForgotten(t *testing.T) {
	w := newWorld(t, nil)
	count := func() int {
		names, _, err := w.records.Documents(context.Background(), "desk.form", "", 1000)
		require.NoError(t, err)
		return len(names)
	}
	for range 8 {
		inv := w.create(w.shop, "", "10", nil)
		w.acted(w.act("/invoices/"+inv.ID+"/cancel", "sold out"))
	}
	require.Equal(t, 8, count())
	w.wait(49 * time.Hour)
	for range 2 {
		inv := w.create(w.shop, "", "10", nil)
		w.acted(w.act("/invoices/"+inv.ID+"/cancel", "sold out"))
	}
	require.Equal(t, 2, count())
}

func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	w.records.refuse = func([]byte) error { return errDown }
	a := w.act("/invoices/"+inv.ID+"/cancel", "sold out")
	require.Equal(t, http.StatusInternalServerError, a.Code)
	require.Equal(t, invoice.StatusNew, w.get(inv).State.Status)
}

// A crash, or a store that fails, between the two entries leaves a trace that the page shows.
func TestAnActWithoutAnEndIsShown(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	w.records.refuse = func(body []byte) error {
		var e desk.Entry
		require.NoError(t, json.Unmarshal(body, &e))
		if e.Phase != desk.PhaseIntends {
			return errDown
		}
		return nil
	}
	form := w.form("/invoices/" + inv.ID + "/cancel")
	form.Set("reason", "sold out")
	for range 2 {
		w.acted(w.post("/invoices/"+inv.ID+"/cancel", form))
	}
	require.Equal(t, invoice.StatusCancelled, w.get(inv).State.Status)
	require.Contains(t, w.log.String(), "the end of an act is not in the audit log")
	require.Contains(t, w.page("/audit"), "no end is recorded")
	w.records.refuse = nil
	other := w.create(w.shop, "B", "10", nil)
	w.acted(w.act("/invoices/"+other.ID+"/cancel", "sold out"))
	require.Equal(t, 1, strings.Count(w.page("/audit"), "no end is recorded"))
}

func TestARefusalIsRecordedAndShown(t *testing.T) {
	w := newWorld(t, nil)
	form := w.form("/projects/new")
	form.Set("name", "shop")
	form.Set("owner", "owner")
	a := w.post("/projects/new", form)
	require.Equal(t, http.StatusConflict, a.Code)
	require.Contains(t, a.Body.String(), "The owner has a project of this name.")
	log := w.audit()
	require.Equal(t, []any{desk.PhaseRefused, "The owner has a project of this name."}, []any{log[1].Phase, log[1].Outcome})
	require.Contains(t, w.page("/audit"), "The owner has a project of this name.")
}

func TestTheAuditLogIsExportedAsItIs(t *testing.T) {
	w := newWorld(t, nil)
	for range 30 {
		inv := w.create(w.shop, "", "10", nil)
		w.acted(w.act("/invoices/"+inv.ID+"/cancel", "sold out"))
	}
	theirs := w.create(w.rival, "", "10", nil)
	w.acted(w.act("/invoices/"+theirs.ID+"/cancel", "sold out"))
	lines := strings.Split(strings.TrimSpace(w.page("/audit/export")), "\n")
	require.Len(t, lines, 62)
	for i, line := range lines {
		var e struct {
			Position int64 `json:"position"`
			desk.Entry
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		require.Equal(t, int64(i+1), e.Position)
	}
	seen := 0
	for next := "/audit"; next != ""; {
		page := w.page(next)
		seen += strings.Count(page, `<td data-label="No."`)
		next = ""
		if m := nextLink.FindStringSubmatch(page); m != nil {
			next = "/audit" + unescape(m[1])
		}
	}
	require.Equal(t, 62, seen)
	w.as("zoe", desk.RoleOperator, w.rival)
	require.Len(t, strings.Split(strings.TrimSpace(w.page("/audit/export")), "\n"), 2)
	require.Equal(t, 2, strings.Count(w.page("/audit"), `<td data-label="No."`))
}

func TestANoticeIsForWhoActedAndForAWhile(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	a := w.act("/invoices/"+inv.ID+"/cancel", "sold out")
	_, query, _ := strings.Cut(a.Header().Get("Location"), "?")
	path := "/invoices/" + inv.ID + "?" + query
	require.Contains(t, w.page(path), "Done: cancel")
	w.as("zoe", desk.RoleAdministrator)
	require.NotContains(t, w.page(path), "Done: cancel")
	w.as("ann", desk.RoleAdministrator)
	w.wait(2 * time.Hour)
	require.NotContains(t, w.page(path), "Done: cancel")
	require.NotContains(t, w.page("/invoices/"+inv.ID+"?done=1"), "Done:")
	require.NotContains(t, w.page("/invoices/"+inv.ID+"?done=999"), "Done:")
}

func TestInvoicesAreChangedFromTheirPage_O1(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	for _, c := range []struct {
		order, act string
		to         invoice.Status
	}{
		{"A-1005", "accept-late", invoice.StatusCompleted}, {"A-1003", "complete", invoice.StatusCompleted}, {"A-1004", "reopen", invoice.StatusNew},
		{"A-1004", "expire", invoice.StatusExpired}, {"A-1007", "reopen", invoice.StatusNew}, {"A-1007", "cancel", invoice.StatusCancelled},
		{"A-1001", "archive", invoice.StatusArchived}, {"B-1", "archive", invoice.StatusArchived},
	} {
		inv := w.order(c.order)
		w.acted(w.act("/invoices/"+inv.ID+"/"+c.act, "reason of "+c.act))
		now := w.get(inv)
		require.Equal(t, c.to, now.State.Status, "%s of %s", c.act, c.order)
		require.Equal(t, "reason of "+c.act, now.Actions[len(now.Actions)-1].Comment)
	}
	a := w.act("/invoices/"+w.order("A-1001").ID+"/complete", "again")
	require.Equal(t, http.StatusUnprocessableEntity, a.Code)
	require.Contains(t, a.Body.String(), "This is not possible now: the invoice is archived.")
}

func TestANoteIsPartOfWhatHappenedAndChangesNothing_O6(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	inv := w.order("A-1005")
	path := "/invoices/" + inv.ID
	w.as("bob", desk.RoleViewer)
	require.NotContains(t, w.page(path), "Add a note")
	w.as("ann", desk.RoleCashier)
	require.Contains(t, w.page(path), "Add a note")
	w.acted(w.act(path+"/note", "The customer called <b>twice</b>"))
	w.acted(w.act(path+"/note", "and sent a letter"))
	page := w.page(path)
	require.Contains(t, page, "The customer called &lt;b&gt;twice&lt;/b&gt;")
	require.Less(t, strings.Index(page, "and sent a letter"), strings.Index(page, "The customer called"), "the newest first")
	require.Equal(t, inv.Version, w.get(inv).Version)
	require.NotContains(t, w.page("/invoices/"+w.order("A-1003").ID), "The customer called")
}

func TestMoneyIsGivenBackFromTheInvoice_O9(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	over := w.order("A-1002")
	page := w.page("/invoices/" + over.ID + "/refund")
	surplus := strings.Index(page, "The surplus: 0.025 SIM")
	require.NotEqual(t, -1, surplus)
	require.Less(t, surplus, strings.Index(page, "Everything: 0.075 SIM"), "the surplus alone is the default")

	sim := string(w.chain.Asset("SIM").ID)
	confirm := "/invoices/" + over.ID + "/refund?" + url.Values{"what": {"over " + sim}, "to": {"SIM1Payer"}}.Encode()
	page = w.page(confirm)
	for _, text := range []string{"0.025 SIM", "sim1payer", "0.001 SIM", "the project, from its available balance", "Simulated"} {
		require.Contains(t, page, text, "it repeats amount, receiver and fee")
	}
	page = w.acted(w.act(confirm, "paid too much"))
	require.Contains(t, page, "sim1payer")
	refunds := w.refundsOf(over)
	require.Len(t, refunds, 1)
	require.Equal(t, []string{"25000000000000000", "sim1payer", "ann", "paid too much"},
		[]string{refunds[0].Units.String(), string(refunds[0].To), refunds[0].Requester, refunds[0].Comment})
	require.Contains(t, w.page("/invoices/"+over.ID), "The surplus of 0.025 SIM was given back.")

	under := w.order("A-1003")
	page = w.page("/invoices/" + under.ID + "/refund")
	require.NotContains(t, page, "The surplus")
	require.Contains(t, page, "Everything: 0.016 SIM")
	unpaid := w.order("A-1004")
	require.Contains(t, w.page("/invoices/"+unpaid.ID+"/refund"), "Nothing is left to be refunded.", "without a payment there is no default that would fail")
	for name, q := range map[string]url.Values{
		"must be a positive number":           {"what": {"all " + sim}, "amount": {"-1"}, "to": {"sim1x"}},
		"exceeds what is left":                {"what": {"all " + sim}, "amount": {"5"}, "to": {"sim1x"}},
		"is not an address|not an address of": {"what": {"all " + sim}, "to": {"bc1x"}},
	} {
		require.Regexp(t, name, w.page("/invoices/"+under.ID+"/refund?"+q.Encode()))
	}
}

func TestARefundWithoutAReceiverIsAClaimThatIsShownOnce_O9(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	under := w.order("A-1003")
	confirm := "/invoices/" + under.ID + "/refund?" + url.Values{"what": {"all " + string(w.chain.Asset("SIM").ID)}}.Encode()
	a := w.act(confirm, "the payer asked for it")
	require.Equal(t, http.StatusOK, a.Code)
	link := regexpMustFind(t, `https://pay\.example/claim/([A-Za-z0-9_-]+)`, a.Body.String())
	_, err := w.payouts.Claim(context.Background(), link, "sim1payer")
	require.NoError(t, err)
	require.NotContains(t, string(marshal(t, w.audit())), link, "the log has no secrets")
	require.NotContains(t, w.page("/audit"), link)
}

func TestTheLatestWebhookIsSentAgain_O7(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	kill(w, inv.ID)
	page := w.page("/invoices/" + inv.ID)
	for _, text := range []string{"given up", "500", "no luck today", "https://shop.example/hook", "evt_" + inv.ID} {
		require.Contains(t, page, text, "request id, URL, status and answer of each attempt")
	}
	require.Contains(t, w.page("/"), "Given up")
	require.Contains(t, w.page("/webhooks"), "Given up")
	w.as("zoe", desk.RoleCashier)
	require.NotContains(t, w.page("/invoices/"+inv.ID), "Send again")
	w.as("olga", desk.RoleOperator)
	w.acted(w.act("/invoices/"+inv.ID+"/resend?receiver=", ""))
	records, err := w.store.History(context.Background(), inv.ID, 0)
	require.NoError(t, err)
	require.Equal(t, "due", string(records[0].State))
	require.Equal(t, "webhook.resend", w.audit()[1].Act)
	claimed, err := w.store.Claim(context.Background(), claimQuery)
	require.NoError(t, err)
	require.Len(t, claimed, 1, "an endpoint that failed gets events again")
	require.Equal(t, http.StatusNotFound, w.fetch("/invoices/"+inv.ID+"/resend?receiver=ep_0").Code)
}

func TestTheFrozenBodyOfAWebhookIsShownAsItIsSent_O8(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	records, err := w.store.History(context.Background(), inv.ID, 0)
	require.NoError(t, err)
	require.Contains(t, unescape(w.page("/invoices/"+inv.ID)), string(records[0].Message.Body))
}

func TestACashierMakesAndCancelsInvoicesAndNothingElse_O15(t *testing.T) {
	w := newWorld(t, nil)
	w.as("carl", desk.RoleCashier)
	page := w.acted(w.act("/invoices/new", "", "project", w.shop, "amount", "12.50", "currency", "eur", "asset", string(w.chain.Asset("SIM").ID), "order", "T-1", "name", "Tea"))
	for _, text := range []string{"12.50 EUR", "0.00625 SIM", "Tea", "https://pay.example/"} {
		require.Contains(t, page, text)
	}
	inv := w.order("T-1")
	require.Contains(t, page, `data-act="cancel"`)
	for _, act := range []string{"complete", "expire", "archive", "reopen", "accept-late", "refund", "resend"} {
		require.NotContains(t, page, `data-act="`+act+`"`)
		require.Equal(t, http.StatusForbidden, w.fetch("/invoices/"+inv.ID+"/"+act).Code)
	}
	for _, path := range []string{"/payouts/new", "/audit", "/projects", "/webhooks"} {
		require.Equal(t, http.StatusForbidden, w.fetch(path).Code)
	}
	w.acted(w.act("/invoices/"+inv.ID+"/cancel", "the tea is cold"))

	for text, more := range map[string][]string{
		"must be a number": {"amount", "much"}, "must be positive": {"amount", "-1"}, "with this order": {"order", "T-1"}, "is not supported|Currency": {"currency", "XYZ"},
	} {
		a := w.act("/invoices/new", "", append([]string{"project", w.shop, "amount", "1", "currency", "EUR", "asset", "SIM", "order", "T-2"}, more...)...)
		require.Equal(t, http.StatusConflict, a.Code, text)
		require.Regexp(t, text, a.Body.String())
	}
	require.Equal(t, http.StatusUnprocessableEntity, w.act("/invoices/new", "", "project", "", "amount", "1").Code)
	w.as("carl", desk.RoleCashier, w.rival)
	require.Equal(t, http.StatusNotFound, w.post("/invoices/new", url.Values{"project": {w.shop}, "amount": {"1"}}).Code)
}

func TestAFormOfSomebodyElseLeadsNowhere(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	form := w.form("/invoices/" + inv.ID + "/cancel")
	form.Set("reason", "sold out")
	w.acted(w.post("/invoices/"+inv.ID+"/cancel", form))
	w.as("zoe", desk.RoleAdministrator)
	form.Set("name", "api")
	a := w.post("/projects/"+w.shop+"/make-key", form)
	require.Equal(t, http.StatusConflict, a.Code)
	require.Contains(t, a.Body.String(), "This form was sent before")
	require.Len(t, w.audit(), 2)
}

func TestConfirmationsAreShownAsTheyCome_O1(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.create(w.shop, "A", "10", nil)
	w.pay(inv, 100)
	w.runUntil(func(context.Context) bool { return w.get(inv).State.Status == invoice.StatusPending })
	page := w.page("/invoices/" + inv.ID)
	require.Contains(t, page, "Paid, waiting for confirmations")
	require.Contains(t, page, "The payment that needs most has unconfirmed, 0 of 2 confirmations.")
	w.chain.Mine(1)
	w.see()
	page = w.page("/invoices/" + inv.ID)
	require.Contains(t, page, `<span class="pill wait">1 of 2</span>`)
	w.chain.Mine(1)
	w.see()
	require.Contains(t, w.page("/invoices/"+inv.ID), `<span class="pill good">2 of 2</span>`)
}

func TestTheLogOfASignInIsShownWithoutLinks(t *testing.T) {
	w := newWorld(t, func(c *desk.Config) { c.Members, c.SignOut = "/staff/members", "/staff/sign-out" })
	_, err := desk.Entry{At: start, Phase: desk.PhaseRefused, Actor: "bob", Act: "session.begin", Subject: "bob", Outcome: "a wrong code"}.Append(context.Background(), w.records)
	require.NoError(t, err)
	page := w.page("/audit")
	require.Contains(t, page, `<td data-label="Subject">bob</td>`)
	require.Contains(t, page, "a wrong code")
	require.Contains(t, page, `href="/staff/members"`)
	require.Contains(t, page, `href="/staff/sign-out"`)
	w.as("zoe", desk.RoleAdministrator, w.shop)
	page = w.page("/audit")
	require.NotContains(t, page, "a wrong code", "what concerns all is for those who see all")
	require.NotContains(t, page, "/staff/members")
}
