package desk_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

var (
	given    = webhook.Next{State: webhook.StateDelivered}
	givenUp  = webhook.Next{State: webhook.StateDead}
	putOff   = webhook.Next{State: webhook.StateDue, Wait: time.Hour}
	saysGone = webhook.Next{State: webhook.StateDead, Gone: true}
)

func resendPath(project string, e invoice.Endpoint) string {
	return "/projects/" + project + "/endpoints/" + e.ID + "/resend"
}

func TestAllThatAnEndpointWasNotToldIsSentAgain_O7(t *testing.T) {
	w := newWorld(t, nil)
	bad, good := w.endpoint(w.shop, "https://shop.example/bad?secret=1"), w.endpoint(w.shop, "https://shop.example/good")
	theirs := w.endpoint(w.rival, "https://rival.example/hook")
	dead, refused, fine := w.create(w.shop, "A", "10", nil), w.create(w.shop, "B", "10", nil), w.create(w.shop, "C", "10", nil)
	foreign := w.create(w.rival, "D", "10", nil)
	rent := w.request(w.shop, "rent", "1", "carl")
	w.answer(func(m invoice.Message) (int, webhook.Next) {
		switch {
		case m.Receiver == theirs.ID, m.Receiver == bad.ID && (m.Subject() == dead.ID || m.Subject() == rent.ID):
			return 500, givenUp
		case m.Receiver == bad.ID && m.Subject() == refused.ID:
			return 503, putOff
		}
		return 200, given
	})

	w.as("olga", desk.RoleOperator, w.shop)
	page := w.page("/webhooks")
	require.Contains(t, page, ">troubled<")
	require.Contains(t, page, "2 given up, 1 refused so far")
	require.Contains(t, page, "of the 3 invoices that changed last and the 1 newest payout")
	require.Contains(t, page, "payout of 1 SIM", "payouts are looked at too")
	require.Contains(t, page, resendPath(w.shop, bad)[1:])
	page = w.page(resendPath(w.shop, bad))
	for _, text := range []string{"<dd>2</dd>", "<dd>1</dd>", "3 invoices and 1 payout", "https://shop.example/bad?…", "Reason"} {
		require.Contains(t, page, text)
	}
	require.NotContains(t, page, "secret=1")
	require.NotContains(t, page, "Older ones")
	require.Equal(t, http.StatusUnprocessableEntity, w.act(resendPath(w.shop, bad), "").Code, "a reason is asked for")
	page = w.result(w.act(resendPath(w.shop, bad), "their server is repaired"))
	require.Contains(t, page, "3 messages")
	require.Contains(t, page, "3 invoices and 1 payout")
	for name, c := range map[string]struct {
		id, receiver string
		want         webhook.State
	}{
		"given up":             {dead.ID, bad.ID, webhook.StateDue},
		"refused":              {refused.ID, bad.ID, webhook.StateDue},
		"of a payout":          {rent.ID, bad.ID, webhook.StateDue},
		"that came through":    {fine.ID, bad.ID, webhook.StateDelivered},
		"to another endpoint":  {dead.ID, good.ID, webhook.StateDelivered},
		"to the callback":      {dead.ID, "", webhook.StateDelivered},
		"of another's project": {foreign.ID, theirs.ID, webhook.StateDead},
	} {
		states := w.states(c.id, c.receiver)
		require.NotEmpty(t, states, name)
		require.Equal(t, c.want, states[len(states)-1], name)
	}
	log := w.audit()
	require.Equal(t, []string{"webhook.resend_all", w.shop, "their server is repaired"}, []string{log[1].Act, log[1].Project, log[1].Reason})
	require.Equal(t, map[string]string{"sent_again": "3", "looked_at": "3 invoices and 1 payout", "everything": "true"}, log[1].After)

	seen := map[string]bool{}
	w.answer(func(m invoice.Message) (int, webhook.Next) {
		seen[m.Subject()] = true
		return 200, given
	})
	require.Equal(t, map[string]bool{dead.ID: true, refused.ID: true, rent.ID: true}, seen)
	require.NotContains(t, w.page("/webhooks"), ">troubled<")
	require.Contains(t, w.page(resendPath(w.shop, bad)), "nothing was given up or refused")
	require.Equal(t, http.StatusUnprocessableEntity, w.act(resendPath(w.shop, bad), "again").Code)
	require.Equal(t, http.StatusNotFound, w.fetch(resendPath(w.rival, theirs)).Code)
	require.Equal(t, http.StatusNotFound, w.fetch("/projects/"+w.shop+"/endpoints/"+theirs.ID+"/resend").Code)
}

// A person of very many projects has a home page that looks at no more than others.
func TestThePayoutsOfSeveralProjectsAreLookedAtTogether(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 40 {
		w.request(w.shop, "s"+strconv.Itoa(i), "0.01", "carl")
		w.wait(time.Second)
		w.request(w.rival, "r"+strconv.Itoa(i), "0.01", "carl")
		w.wait(time.Second)
	}
	w.answer(func(m invoice.Message) (int, webhook.Next) {
		if m.Subject() == w.payout("r20").ID {
			return 500, givenUp
		}
		return 200, given
	})
	w.as("olga", desk.RoleOperator, w.shop, w.rival)
	page := w.page("/webhooks")
	require.Contains(t, page, "the 0 invoices that changed last and the 50 newest payouts")
	require.Contains(t, page, "Given up")
}

// What came through after a message that was given up says more than it: it is not sent again.
func TestAnEarlierMessageIsNotSentAgainAfterALaterOneCameThrough(t *testing.T) {
	w := newWorld(t, nil)
	e := w.endpoint(w.shop, "https://shop.example/hook")
	inv := w.create(w.shop, "A", "10", nil)
	w.answer(func(invoice.Message) (int, webhook.Next) { return 500, givenUp })
	w.pay(inv, 100)
	w.confirm()
	w.answer(func(invoice.Message) (int, webhook.Next) { return 200, given })
	require.Contains(t, w.states(inv.ID, e.ID), webhook.StateDead)
	require.Contains(t, w.page(resendPath(w.shop, e)), "nothing was given up or refused")
	require.NotContains(t, w.page("/webhooks"), ">troubled<")
}

func TestAnEndpointThatIsGoneSaysSoUntilAMessageIsSentAgain_O7(t *testing.T) {
	w := newWorld(t, nil)
	e := w.endpoint(w.shop, "https://shop.example/hook")
	w.create(w.shop, "A", "10", nil)
	w.answer(func(m invoice.Message) (int, webhook.Next) {
		if m.Receiver == e.ID {
			return 410, saysGone
		}
		return 200, given
	})
	later := w.create(w.shop, "B", "10", nil)
	require.Equal(t, []webhook.State{webhook.StateDead}, w.states(later.ID, e.ID))
	for _, path := range []string{"/webhooks", "/projects/" + w.shop} {
		page := w.page(path)
		require.Contains(t, page, "it said that it is gone (410)", path)
		require.Contains(t, page, "2 given up", path)
	}
	w.result(w.act(resendPath(w.shop, e), "it is back"))
	require.NotContains(t, w.page("/webhooks"), "410")
	w.answer(func(invoice.Message) (int, webhook.Next) { return 200, given })
	require.NotContains(t, w.page("/webhooks"), "410")
}

// outbox is that of a store. What it calls before it sends a message again may refuse that.
type outbox struct {
	webhook.Outbox
	again func(id string) error
}

func (o *outbox) Resend(ctx context.Context, id, receiver string) (invoice.Message, error) {
	if err := o.again(id); err != nil {
		return invoice.Message{}, err
	}
	return o.Outbox.Resend(ctx, id, receiver)
}

// outage returns a world, its outbox, and so many invoices of the shop, the oldest first, of which an endpoint was told nothing.
func outage(t *testing.T, n int) (*world, *outbox, invoice.Endpoint, []invoice.Invoice) {
	t.Helper()
	o := &outbox{again: func(string) error { return nil }}
	w := newWorld(t, func(c *desk.Config) { o.Outbox, c.Outbox = c.Outbox, o })
	e := w.endpoint(w.shop, "https://shop.example/hook")
	all := make([]invoice.Invoice, n)
	for i := range all {
		w.wait(time.Second)
		all[i] = w.create(w.shop, "n"+strconv.Itoa(i), "10", nil)
	}
	w.answer(func(invoice.Message) (int, webhook.Next) { return 500, givenUp })
	return w, o, e, all
}

// result requires that an act was done, and returns the page that says what came of it.
func (w *world) result(a answer) string {
	w.t.Helper()
	require.Equal(w.t, http.StatusOK, a.Code, "%s", a.Body)
	require.Contains(w.t, a.Body.String(), "<h1>Done</h1>")
	return a.Body.String()
}

// goingOn returns the path that the result of an act leads to.
func (w *world) goingOn(a answer) string {
	w.t.Helper()
	base, err := url.Parse("http://desk" + a.path)
	require.NoError(w.t, err)
	to, err := base.Parse(unescape(regexpMustFind(w.t, `<a class="button main" href="([^"]+)">Go on</a>`, a.Body.String())))
	require.NoError(w.t, err)
	return to.RequestURI()
}

func TestOnePressSendsAgainAllThatAnEndpointWasNotToldHoweverOldItIs_O7(t *testing.T) {
	const n = 2*desk.ResendSeen + 1
	w, o, e, all := outage(t, n)
	deposits, err := w.invoices.CreateStanding(t.Context(), invoice.Deposit{Project: w.shop, Asset: "SIM", OrderID: "D-1"})
	require.NoError(t, err)
	for i := range desk.ResendSeen + 1 {
		w.wait(time.Second)
		w.request(w.shop, "p"+strconv.Itoa(i), "0.001", "carl")
	}
	w.chain.Pay(deposits.Quote.Address, deposits.Quote.Asset, units("5000000000000000000"))
	w.confirm()
	w.answer(func(invoice.Message) (int, webhook.Next) { return 500, givenUp })
	about, last := all[7], all[n-desk.ResendSeen]
	cancel := func(inv invoice.Invoice) {
		_, err := w.invoices.SetStatus(t.Context(), invoice.Act{Invoice: inv.ID, Actor: "zoe"}, invoice.StatusCancelled)
		require.NoError(t, err)
	}
	cancel(about)
	times := map[string]int{}
	o.again = func(id string) error {
		if len(times) == 5 { // what ends the first part is changed while it is sent again
			cancel(last)
		}
		times[id]++
		return nil
	}

	page := w.page(resendPath(w.shop, e))
	require.Contains(t, page, "500 invoices, 1 deposit address and 500 payouts")
	require.Contains(t, page, "Older ones are sent again too")
	page = w.result(w.act(resendPath(w.shop, e), "their server is repaired"))
	require.Contains(t, page, "1502 messages")
	require.Contains(t, page, "1001 invoices, 1 deposit address and 501 payouts")
	require.Contains(t, page, "Everything was looked at.")
	require.Len(t, times, n-1+1+desk.ResendSeen+1)
	require.Zero(t, times[about.ID], "it is about to be sent")
	require.Equal(t, []webhook.State{webhook.StateDue}, w.states(all[0].ID, e.ID))
	require.Equal(t, []webhook.State{webhook.StateDue}, w.states(w.payout("p0").ID, e.ID))
	require.Equal(t, []int{1}, slices.Compact(slices.Sorted(maps.Values(times))), "nothing is sent again twice")
	log := w.audit()
	require.Equal(t, map[string]string{
		"sent_again": "1502", "looked_at": "1001 invoices, 1 deposit address and 501 payouts", "everything": "true",
	}, log[1].After)
	require.Len(t, log, 2)
}

func TestWhatTakesTooLongToBeSentAgainGoesOnFromWhereItEnded_O7(t *testing.T) {
	w, o, e, all := outage(t, 2*desk.ResendSeen+1)
	times := map[string]int{}
	o.again = func(id string) error {
		if times[id]++; len(times) == 1 {
			w.wait(desk.ResendTime)
		}
		return nil
	}
	a := w.act(resendPath(w.shop, e), "it is back")
	page := w.result(a)
	require.Contains(t, page, "500 messages")
	require.Contains(t, page, "500 invoices and 0 payouts")
	require.Contains(t, page, "Its time was over before everything was looked at.")
	require.Equal(t, "false", w.audit()[1].After["everything"])
	require.Equal(t, []webhook.State{webhook.StateDue}, w.states(all[desk.ResendSeen+1].ID, e.ID))
	require.Equal(t, []webhook.State{webhook.StateDead}, w.states(all[desk.ResendSeen].ID, e.ID))

	a = w.act(w.goingOn(a), "and the rest")
	page = w.result(a)
	require.Contains(t, page, "501 messages")
	require.Contains(t, page, "Everything was looked at.")
	require.True(t, strings.HasPrefix(w.goingOn(a), "/webhooks?done="))
	require.Len(t, times, len(all))
	require.Equal(t, []int{1}, slices.Compact(slices.Sorted(maps.Values(times))))
	require.Equal(t, http.StatusBadRequest, w.fetch(resendPath(w.shop, e)+"?payout="+strings.Repeat("x", 201)).Code)
}

// What broke off has sent messages again all the same.
func TestTheLogSaysHowManyWereSentAgainUntilItBrokeOff_O7(t *testing.T) {
	w, o, e, _ := outage(t, desk.ResendSeen+10)
	times := 0
	o.again = func(string) error {
		if times++; times > desk.ResendSeen+4 {
			return errDown
		}
		return nil
	}
	require.Equal(t, http.StatusConflict, w.act(resendPath(w.shop, e), "it is back").Code)
	log := w.audit()
	require.Equal(t, desk.PhaseFailed, log[1].Phase)
	require.Equal(t, map[string]string{"sent_again": "504", "looked_at": "510 invoices and 0 payouts", "everything": "false"}, log[1].After)
}

func TestWhatIsOlderIsSentAgainAlsoWhenTheLatestCameThrough_O7(t *testing.T) {
	w, _, e, all := outage(t, 1)
	for i := range desk.ResendSeen {
		w.wait(time.Second)
		w.create(w.shop, "later"+strconv.Itoa(i), "10", nil)
	}
	w.answer(func(invoice.Message) (int, webhook.Next) { return 200, given })
	page := w.page(resendPath(w.shop, e))
	require.Contains(t, page, "<dt>Given up</dt><dd>0</dd>")
	require.Contains(t, w.result(w.act(resendPath(w.shop, e), "it is back")), "1 message")
	require.Equal(t, []webhook.State{webhook.StateDue}, w.states(all[0].ID, e.ID))
}

// A stranger who knows a deposit address can pay it any number of times.
func TestAPageOfAnAddressThatIsPaidVeryOftenHasABound(t *testing.T) {
	w := newWorld(t, nil)
	w.endpoint(w.shop, "https://shop.example/hook")
	deposits, err := w.invoices.CreateStanding(t.Context(), invoice.Deposit{Project: w.shop, Asset: "SIM", OrderID: "D-1"})
	require.NoError(t, err)
	for range 600 {
		w.chain.Pay(deposits.Quote.Address, deposits.Quote.Asset, units("1000000000000000"))
	}
	w.confirm()
	w.answer(func(invoice.Message) (int, webhook.Next) { return 500, givenUp })
	deposits, err = w.invoices.Invoice(t.Context(), w.shop, deposits.ID)
	require.NoError(t, err)
	require.Greater(t, deposits.Seq, int64(1000))
	page := w.page("/invoices/" + deposits.ID)
	require.Contains(t, page, strconv.Itoa(int(deposits.Seq)-1000)+" earlier events are not listed.")
	require.Contains(t, page, "Those about earlier events are not listed.")
	require.Equal(t, 100, strings.Count(page, `<details class="message`))
	require.Less(t, len(page), 1<<20)
}
