package desk_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

func (w *world) asking(more ...string) string {
	q := url.Values{
		"project": {w.shop}, "kind": {"payout"}, "asset": {string(w.chain.Asset("SIM").ID)}, "amount": {"1.5"}, "to": {"SIM1Landlord"}, "name": {"Rent"}, "confirm": {"1"},
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/payouts/new?" + q.Encode()
}

func TestAPayoutIsAskedForAfterAPageThatRepeatsIt_O10(t *testing.T) {
	w := newWorld(t, nil)
	w.as("olga", desk.RoleOperator)
	page := w.page(w.asking())
	for _, text := range []string{"1.5 SIM", "sim1landlord", "SIM1Landlord", "0.001 SIM", "the project, from its available balance", "Pay 1.5 SIM", "Reason"} {
		require.Contains(t, page, text)
	}
	form := w.form(w.asking())
	form.Set("reason", "rent of May")
	first := w.post("/payouts/new", form)
	require.Contains(t, w.acted(first), "sim1landlord")
	require.Contains(t, w.acted(w.post("/payouts/new", form)), "Nothing was done again")
	page2, err := w.payouts.Payouts(context.Background(), payout.Query{Project: w.shop})
	require.NoError(t, err)
	require.Len(t, page2.Payouts, 1)
	p := page2.Payouts[0]
	require.Equal(t, []string{"olga", "rent of May", "Rent", "1500000000000000000"}, []string{p.Requester, p.Comment, p.Name, p.Units.String()})
	require.Equal(t, map[string]string{
		"Amount": "1.5 SIM", "Network": "Simulated", "Receiver": "sim1landlord", "Receiver as you wrote it": "SIM1Landlord", "Greatest fee": "0.001 SIM",
		"Fee paid by": "the project, from its available balance", "Project": "shop", "Kind": "payout", "Description": "Rent",
	}, w.audit()[0].Facts)

	for text, more := range map[string][]string{
		"must be a number":          {"amount", "much"},
		"Units|positive":            {"amount", "0"},
		"Name the receiver":         {"to", ""},
		"not an address":            {"to", "bc1q"},
		"no such kind":              {"kind", "refund"},
		"Asset|not configured|pays": {"asset", "sim:1/nothing:1"},
	} {
		require.Regexp(t, text, w.page(w.asking(more...)))
	}
	a := w.act(w.asking("amount", "50"), "too much")
	require.Equal(t, http.StatusConflict, a.Code)
	require.Contains(t, a.Body.String(), "has less than is needed")
}

func TestAnotherPersonApproves_O10(t *testing.T) {
	w := newWorld(t, nil)
	p := w.request(w.shop, "wages", "6", "ann")
	path := "/payouts/" + p.ID
	require.NotContains(t, w.page(path), `data-act="approve"`, "who requested it is not offered to approve it")
	require.Contains(t, w.page(path+"/approve"), "Another person has to approve it")
	require.Equal(t, http.StatusUnprocessableEntity, w.act(path+"/approve", "I am sure").Code)
	w.as("olga", desk.RoleOperator)
	require.NotContains(t, w.page(path), `data-act="approve"`, "an operator may not pay out")
	w.as("ben", desk.RoleApprover)
	require.Contains(t, w.page("/"), "Needs the approval of another person")
	page := w.page(path + "/approve")
	for _, text := range []string{"6 SIM", "sim1receiver", "0.001 SIM", "ann"} {
		require.Contains(t, page, text)
	}
	w.acted(w.act(path+"/approve", "as agreed"))
	now := w.payout("wages")
	require.Equal(t, payout.StatusQueued, now.State.Status)
	require.Equal(t, []string{"ben", "as agreed"}, []string{now.Actions[0].Actor, now.Actions[0].Comment})
	require.Contains(t, w.page(path), "by ben: “as agreed”")
}

func TestAPayoutIsCancelledMarkedAsPaidAndAskedForAgain_O10(t *testing.T) {
	w := newWorld(t, nil)
	p := w.request(w.shop, "wages", "1", "carl")
	w.acted(w.act("/payouts/"+p.ID+"/cancel", "wrong receiver"))
	require.Equal(t, payout.StatusCancelled, w.payout("wages").State.Status)
	require.Equal(t, http.StatusUnprocessableEntity, w.act("/payouts/"+p.ID+"/cancel", "again").Code, "what has ended says so")

	page := w.page("/payouts/" + p.ID)
	require.Contains(t, page, `data-act="again"`)
	page = w.page("/payouts/" + p.ID + "/again")
	require.Contains(t, page, "this pays it twice")
	require.Contains(t, page, `value="sim1receiver"`)
	w.acted(w.act("/payouts/"+p.ID+"/again?confirm=1", "the receiver was right"))
	listed, err := w.payouts.Payouts(context.Background(), payout.Query{Project: w.shop})
	require.NoError(t, err)
	require.Len(t, listed.Payouts, 2)

	other := w.request(w.shop, "by-hand-1", "1", "carl")
	a := w.act("/payouts/"+other.ID+"/paid", "from the safe", "txid", "unknown")
	require.Equal(t, http.StatusConflict, a.Code)
	require.Equal(t, http.StatusConflict, w.act("/payouts/"+other.ID+"/paid", "from the safe", "txid", "").Code)
	w.acted(w.act("/payouts/"+other.ID+"/paid", "from the safe", "txid", "by-hand"))
	now := w.payout("by-hand-1")
	require.Equal(t, payout.StatusPaid, now.State.Status)
	require.Equal(t, "by-hand", w.payout("by-hand-1").State.TxID)
}

func TestAPayoutThatCannotBePaidIsSeenWithItsReasonAndCancelled_O11(t *testing.T) {
	w := newWorld(t, nil)
	w.request(w.shop, "rent", "1", "carl")
	w.look()
	p := w.payout("rent")
	require.Equal(t, payout.ReasonSignature, p.State.Reason)
	for _, path := range []string{"/", "/payouts", "/payouts/" + p.ID} {
		require.Regexp(t, "(?i)needs a signature", w.page(path), path)
	}
	w.acted(w.act("/payouts/"+p.ID+"/cancel", "it waits for ever"))
	w.look()
	require.Equal(t, payout.StatusCancelled, w.payout("rent").State.Status, "no signer has seen it")
}

func TestTheQueueOfTheDeviceThatSigns_O16(t *testing.T) {
	for _, form := range []string{"file", "base64", "hex"} {
		t.Run(form, func(t *testing.T) {
			w := newWorld(t, nil)
			w.request(w.shop, "rent", "1", "carl")
			w.look()
			p := w.payout("rent")
			path := "/transactions/" + p.State.Transaction
			w.as("ben", desk.RoleApprover)
			require.Contains(t, w.page("/payouts/"+p.ID), "Download what is to be signed")
			require.Contains(t, w.page(path+"/export"), "sim1receiver")
			a := w.act(path+"/export", "to sign it", "form", form)
			require.Equal(t, http.StatusOK, a.Code, a.Body)
			require.Contains(t, a.Header().Get("Content-Disposition"), ".psbt")
			unsigned := a.Body.Bytes()
			var err error
			switch form {
			case "base64":
				unsigned, err = base64.StdEncoding.DecodeString(a.Body.String())
			case "hex":
				unsigned, err = hex.DecodeString(a.Body.String())
			}
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, w.act(path+"/export", "to sign it again", "form", form).Code, "it can be downloaded again")

			fill := w.signing(path)
			wrong := w.upload(path+"/import", fill, "file", []byte("something else"))
			require.Equal(t, http.StatusConflict, wrong.Code)
			require.Contains(t, wrong.Body.String(), "not the transaction that was to be signed")
			fill.Set("once", w.form(path+"/import").Get("once"))
			switch form {
			case "file":
				w.acted(w.upload(path+"/import", fill, "file", stage.Signed(unsigned)))
			case "base64":
				fill.Set("text", base64.StdEncoding.EncodeToString(stage.Signed(unsigned)))
				w.acted(w.post(path+"/import", fill))
			case "hex":
				fill.Set("text", "0x"+hex.EncodeToString(stage.Signed(unsigned)))
				w.acted(w.upload(path+"/import", fill, "other", nil))
			}
			w.look()
			w.spender.Mine()
			w.look()
			require.Equal(t, payout.StatusPaid, w.payout("rent").State.Status)
			require.Contains(t, w.page(path), "in block 7")
		})
	}
}

// A version with another fee is made while the one before it may still come into a block.
func TestNobodyIsAskedToSignAgainWhatABlockHas(t *testing.T) {
	tx := payout.Transaction{Stage: payout.StageSigned, Mined: -1, Versions: []payout.Version{{Raw: []byte("signed"), TxID: "0x1"}, {}}}
	require.True(t, desk.Signable(tx))
	tx.Mined = 0
	require.False(t, desk.Signable(tx))
}

func TestASignedTransactionNeedsAFileOrAText(t *testing.T) {
	w := newWorld(t, nil)
	w.request(w.shop, "rent", "1", "carl")
	w.look()
	path := "/transactions/" + w.payout("rent").State.Transaction
	require.Equal(t, http.StatusConflict, w.act(path+"/import", "signed").Code)
	require.Equal(t, http.StatusConflict, w.act(path+"/import", "signed", "version", "7", "text", "00").Code)
	require.Equal(t, http.StatusConflict, w.act(path+"/import", "signed", "version", "0", "text", "00").Code)
	big := w.form(path + "/import")
	big.Set("text", strings.Repeat("0", 3<<20))
	require.Equal(t, http.StatusBadRequest, w.post(path+"/import", big).Code)
}

func TestVersionsOfATransactionShowTheirFeesAndRates_O12(t *testing.T) {
	w := newWorld(t, nil)
	w.request(w.shop, "rent", "1", "carl")
	w.look()
	p := w.payout("rent")
	for _, path := range []string{"/transactions/" + p.State.Transaction, "/payouts/" + p.ID} {
		page := w.page(path)
		require.Contains(t, page, "7 sat/vB", path)
		require.Contains(t, page, "0.000000001 SIM", path)
	}
	w.acted(w.act("/transactions/"+p.State.Transaction+"/cancel", "the fee is too low"))
	require.Equal(t, "transaction.cancel", w.audit()[1].Act)
}

func TestDepositAddressesWithMoneyAreListed_O13(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	network := url.QueryEscape(string(w.chain.Asset("SIM").ID.Network()))
	page := w.page("/money/holdings?network=" + network)
	require.Contains(t, page, "0.075 SIM", "what the invoice that was paid too much brought")
	require.Contains(t, page, "worth it")
	require.Contains(t, page, "0.001 SIM", "the least that is brought to the wallet")
	require.Contains(t, page, w.payout("rent").State.Transaction, "and what is under way")
	require.Equal(t, http.StatusNotFound, w.fetch("/money/holdings?network=sim:2").Code)
}

func TestAKeyThatWasMadeAnewIsNamedBeforeMoneyLeaves_O17(t *testing.T) {
	w := newWorld(t, nil)
	p := w.request(w.shop, "wages", "6", "carl")
	require.NotContains(t, w.page("/payouts/"+p.ID+"/approve"), "was made anew")
	a := w.act("/projects/"+w.shop+"/rotate-key", "routine", "overlap", "1h0m0s")
	require.Equal(t, http.StatusOK, a.Code)
	w.wait(3 * time.Hour)
	for _, path := range []string{"/payouts/" + p.ID + "/approve", w.asking()} {
		require.Contains(t, w.page(path), "A key of this project was made anew 3 h ago.", path)
	}
	require.NotContains(t, w.page(w.asking("project", w.rival)), "was made anew")
	w.wait(22 * time.Hour)
	require.NotContains(t, w.page("/payouts/"+p.ID+"/approve"), "was made anew")
}

func TestMoneyOutOfANetworkIsStoppedAndResumed(t *testing.T) {
	w := newWorld(t, nil)
	network := w.chain.Asset("SIM").ID.Network()
	q := "?network=" + url.QueryEscape(string(network))
	w.as("ben", desk.RoleApprover)
	w.acted(w.act("/money/stop"+q, "a key may be lost"))
	stopped, err := w.payouts.Stopped(context.Background(), network)
	require.NoError(t, err)
	require.Equal(t, []string{"a key may be lost", "ben"}, []string{stopped.Reason, stopped.Actor})
	require.Contains(t, w.page("/"), "Money out is stopped")
	require.Contains(t, w.page("/money"), "a key may be lost")
	require.Equal(t, http.StatusUnprocessableEntity, w.act("/money/stop"+q, "again").Code)
	w.acted(w.act("/money/resume"+q, "it was found"))
	stopped, err = w.payouts.Stopped(context.Background(), network)
	require.NoError(t, err)
	require.Nil(t, stopped)
	require.Equal(t, http.StatusUnprocessableEntity, w.act("/money/resume"+q, "again").Code)
}

func TestBalancesStatementsAndSettlements_O4(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	page := w.page("/money")
	for _, text := range []string{"1000 TOK", "3.093 SIM", "0.046 SIM", "7.002 SIM", "rival", "Operator"} {
		require.Contains(t, page, text)
	}
	require.NotContains(t, page, `<span class="pill bad">`, "what is held is what is owed")
	account := url.Values{"project": {w.shop}, "kind": {"available"}, "asset": {string(w.chain.Asset("SIM").ID)}}.Encode()
	statement := w.page("/money/statement?" + account)
	require.Contains(t, statement, "3.093 SIM")
	require.Contains(t, statement, "-1.001 SIM")
	require.Contains(t, statement, "0.075 SIM")
	require.Contains(t, w.page("/money/settlements?"+account), "not settled yet")
	w.as("zoe", desk.RoleViewer, w.shop)
	mine := w.page("/money")
	require.NotContains(t, mine, "rival")
	require.NotContains(t, mine, "Operator")
	require.NotContains(t, mine, "Solvency")
	require.Equal(t, http.StatusNotFound, w.fetch("/money/statement?"+strings.ReplaceAll(account, w.shop, "")).Code, "the operator's own is not a project's")
	require.Equal(t, http.StatusNotFound, w.fetch("/money/statement?"+strings.ReplaceAll(account, "slip44", "other")).Code)
}

func TestReportsByPeriodProjectAndAsset_O4(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	rows := w.table("/reports/export")
	var lines []string
	for _, row := range rows[1:] {
		lines = append(lines, strings.Join(append(row[3:6], row[7:]...), "; "))
	}
	require.Equal(t, []string{
		"rival; invoice, expired; SIM; 1; 0.006 SIM; 0 SIM; ",
		"shop; invoice, cancelled; SIM; 1; 0.0075 SIM; 0 SIM; ",
		"shop; invoice, completed; SIM; 2; 0.07 SIM; 0.095 SIM; ",
		"shop; invoice, expired; SIM; 2; 0.0425 SIM; 0 SIM; ",
		"shop; invoice, new; SIM; 1; 0.0075 SIM; 0 SIM; ",
		"shop; invoice, paid partial; SIM; 1; 0.04 SIM; 0.016 SIM; ",
		"shop; payout, queued; SIM; 1; 1 SIM; 0 SIM; ",
		"shop; payout, requested; SIM; 1; 6 SIM; 0 SIM; ",
	}, lines)
	page := w.page("/reports")
	require.Contains(t, page, `value="2026-11-01"`)
	require.Contains(t, page, "0.095 SIM")
	require.Contains(t, w.page("/reports?from=2026-10-01&to=2026-10-31"), "Nothing was made in this time.")
	require.Len(t, w.table("/reports/export?project="+w.rival), 2)
	require.Equal(t, http.StatusBadRequest, w.fetch("/reports?from=x").Code)
	w.as("zoe", desk.RoleViewer, w.rival)
	require.Len(t, w.table("/reports/export"), 2)
}

// The answer to a request may be lost although it was stored. Asking again pays once.
func TestWhatFailedWithAnUnknownOutcomeIsNotPaidTwice(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	refund := "/invoices/" + w.order("A-1002").ID + "/refund?" + url.Values{"what": {"over " + string(w.chain.Asset("SIM").ID)}, "to": {"sim1payer"}}.Encode()
	for _, path := range []string{w.asking(), refund} {
		before := len(w.table("/payouts/export"))
		w.lose = true
		a := w.act(path, "rent of May")
		require.Equal(t, http.StatusConflict, a.Code)
		require.Contains(t, a.Body.String(), "what became of it is not known")
		require.NotContains(t, a.Body.String(), errDown.Error())
		form := url.Values{"reason": {"rent of May"}}
		for _, m := range hiddenInput.FindAllStringSubmatch(a.Body.String(), -1) {
			form.Set(m[1], unescape(m[2]))
		}
		w.acted(w.post(a.path, form))
		require.Len(t, w.table("/payouts/export"), before+1)
		log := w.audit()
		require.Equal(t, []desk.Phase{desk.PhaseIntends, desk.PhaseFailed, desk.PhaseIntends, desk.PhaseDid},
			[]desk.Phase{log[len(log)-4].Phase, log[len(log)-3].Phase, log[len(log)-2].Phase, log[len(log)-1].Phase})
	}
}

func TestTheWebhookOfAPayoutIsSentAgain_O7(t *testing.T) {
	w := newWorld(t, nil)
	p := w.request(w.shop, "rent", "1", "carl")
	page := w.page("/payouts/" + p.ID)
	require.Contains(t, page, "payout.queued")
	require.Contains(t, page, "Send again")
	w.acted(w.act("/payouts/"+p.ID+"/resend?receiver=", ""))
	require.Equal(t, "webhook.resend", w.audit()[1].Act)
	require.Equal(t, http.StatusNotFound, w.fetch("/payouts/"+p.ID+"/resend?receiver=ep_1").Code)
}
