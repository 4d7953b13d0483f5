package desk_test

import (
	"net/http"
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
	require.NotContains(t, page, "Look at older ones")
	require.Equal(t, http.StatusUnprocessableEntity, w.act(resendPath(w.shop, bad), "").Code, "a reason is asked for")
	w.acted(w.act(resendPath(w.shop, bad), "their server is repaired"))
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
	require.Equal(t, map[string]string{"sent_again": "3", "looked_at": "3 invoices and 1 payout"}, log[1].After)

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
	w.acted(w.act(resendPath(w.shop, e), "it is back"))
	require.NotContains(t, w.page("/webhooks"), "410")
	w.answer(func(invoice.Message) (int, webhook.Next) { return 200, given })
	require.NotContains(t, w.page("/webhooks"), "410")
}

// One act looks at a bounded number. The person goes on with older ones, to the end.
func TestOlderMessagesAreSentAgainInFurtherParts_O7(t *testing.T) {
	w := newWorld(t, nil)
	e := w.endpoint(w.shop, "https://shop.example/hook")
	oldest := w.create(w.shop, "first", "10", nil)
	w.answer(func(invoice.Message) (int, webhook.Next) { return 500, givenUp })
	for i := range desk.ResendSeen {
		w.wait(time.Second)
		w.create(w.shop, "n"+strconv.Itoa(i), "10", nil)
	}
	newest := w.order("n" + strconv.Itoa(desk.ResendSeen-1))
	w.answer(func(m invoice.Message) (int, webhook.Next) {
		if m.Subject() == newest.ID {
			return 500, givenUp
		}
		return 200, given
	})
	page := w.page(resendPath(w.shop, e))
	require.Contains(t, page, strconv.Itoa(desk.ResendSeen)+" invoices")
	older := unescape(regexpMustFind(t, `<a href="([^"]+)">Look at older ones</a>`, page))
	a := w.act(resendPath(w.shop, e), "it is back")
	require.Equal(t, []webhook.State{webhook.StateDue}, w.states(newest.ID, e.ID))
	require.Equal(t, []webhook.State{webhook.StateDead}, w.states(oldest.ID, e.ID))
	page = w.acted(a)
	require.Contains(t, page, "Done: resend all (webhook)", "it leads to the next part")
	require.Contains(t, page, "1 invoice and 0 payouts")
	require.NotContains(t, page, "Look at older ones")
	w.acted(w.act(resendPath(w.shop, e)+older, "and the rest"))
	require.Equal(t, []webhook.State{webhook.StateDue}, w.states(oldest.ID, e.ID))
	require.Equal(t, http.StatusBadRequest, w.fetch(resendPath(w.shop, e)+"?payout="+strings.Repeat("x", 201)).Code)
}
