package desk_test

import (
	"context"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

func (w *world) balanceOf(a payout.Account) string {
	w.t.Helper()
	all, err := w.payouts.Balance(context.Background(), a.Project)
	require.NoError(w.t, err)
	for _, b := range all {
		if b.Account == a {
			return b.Units.String()
		}
	}
	return "0"
}

func TestWhatCameToTheWalletIsBookedOnce(t *testing.T) {
	w := newWorld(t, nil)
	sim := w.chain.Asset("SIM").ID
	available := payout.Account{Project: w.rival, Kind: payout.Available, Asset: sim}
	txID := w.spender.Fund(sim, units("2500000000000000000"))
	path := func(more ...string) string {
		q := url.Values{"network": {string(sim.Network())}, "txid": {txID}, "project": {w.rival}, "confirm": {"1"}}
		for i := 0; i < len(more); i += 2 {
			q.Set(more[i], more[i+1])
		}
		return "/money/fund?" + q.Encode()
	}
	w.as("ben", desk.RoleApprover)
	require.Contains(t, w.page("/money"), `data-act="fund"`)
	page := w.page("/money/fund")
	require.Contains(t, page, "the operator, for network fees")
	require.Contains(t, page, "Continue")
	page = w.page(path())
	for _, text := range []string{"2.5 SIM", txID, "rival", "Simulated", "Reason"} {
		require.Contains(t, page, text)
	}
	w.acted(w.act(path(), "their deposit"))
	require.Equal(t, "5500000000000000000", w.balanceOf(available))
	log := w.audit()
	require.Equal(t, []string{"ledger.fund", w.rival, "2.5 SIM"}, []string{log[1].Act, log[1].Project, log[1].Facts["Brings"]})
	page = w.page(path("project", ""))
	require.Contains(t, page, "2.5 SIM, rival, available balance")
	require.Contains(t, page, "All that it brought was booked before.")
	require.Equal(t, http.StatusUnprocessableEntity, w.act(path("project", ""), "again").Code)
	require.Equal(t, "5500000000000000000", w.balanceOf(available))

	for text, more := range map[string][]string{
		"No final transaction of this id": {"txid", "unknown"}, "Name the transaction": {"txid", ""}, "pays nothing out": {"network", "sim:2"},
	} {
		require.Contains(t, w.page(path(more...)), text)
	}
	require.Equal(t, http.StatusNotFound, w.fetch(path("project", "nobody")).Code)

	learned, err := w.bank.ReadEntries(context.Background(), w.payouts, strings.NewReader(string(camt(line("CRDT", "70", "E9", "x")))))
	require.NoError(t, err)
	own := path("network", "sepa:main", "txid", learned.Incoming[0].ID, "project", "")
	require.Contains(t, w.page(own), "70 EUR")
	w.acted(w.act(own, "the owner's own"))
	require.Equal(t, "7000", w.balanceOf(payout.Account{Kind: payout.Float, Asset: w.bank.Asset().ID}))
}

func (w *world) moving(more ...string) string {
	q := url.Values{"asset": {string(w.chain.Asset("SIM").ID)}, "from": {w.shop}, "to": {"float"}, "amount": {"0.25"}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/money/adjust?" + q.Encode()
}

func TestTheLedgerIsCorrected(t *testing.T) {
	w := newWorld(t, nil)
	sim := w.chain.Asset("SIM").ID
	float := payout.Account{Kind: payout.Float, Asset: sim}
	w.as("ben", desk.RoleApprover)
	require.NotContains(t, w.page("/money"), `data-act="adjust"`)
	require.Equal(t, http.StatusForbidden, w.fetch("/money/adjust").Code)
	w.as("ann", desk.RoleAdministrator)
	page := w.page("/money/adjust")
	for _, text := range []string{"Operator, float", "Operator, commission", "shop, available", "Continue"} {
		require.Contains(t, page, text)
	}
	require.NotContains(t, page, "reserved", "what belongs to payouts under way is not offered")
	path := w.moving("confirm", "1")
	page = w.page(path)
	for _, text := range []string{"0.25 SIM", "shop, available balance", "9.75 SIM, now 10 SIM", "Operator, float balance", "1.25 SIM, now 1 SIM"} {
		require.Contains(t, page, text)
	}
	w.acted(w.act(path, "a fee of ours that they owe"))
	require.Equal(t, "1250000000000000000", w.balanceOf(float))
	log := w.audit()
	require.Equal(t, []string{"ledger.adjust", "10 SIM", "a fee of ours that they owe"}, []string{log[1].Act, log[1].Before["From"], log[1].Reason})
	lines, err := w.payouts.Statement(context.Background(), float, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []any{payout.EntryAdjust, "a fee of ours that they owe"}, []any{lines[len(lines)-1].Kind, lines[len(lines)-1].Note})
	require.NoError(t, w.payouts.Recount(context.Background()))

	for text, more := range map[string][]string{
		"Choose two accounts": {"to", w.shop}, "Choose two accounts.": {"from", "reserved"}, "Choose two accounts. ": {"from", ""}, "Choose an asset": {"asset", "x"},
		"must be a positive number": {"amount", "-1"}, "must be a positive number.": {"amount", "much"}, "must be a positive number. ": {"amount", "1e999999999"}, "more than the 18 decimals": {"amount", "0.0000000000000000001"},
	} {
		require.Contains(t, w.page(w.moving(append(more, "confirm", "1")...)), strings.TrimSpace(text))
	}
	a := w.act(w.moving("amount", "100", "confirm", "1"), "too much")
	require.Equal(t, http.StatusConflict, a.Code)
	require.Contains(t, a.Body.String(), "has less than is needed")
}

// A charge of the bank, or what left an address by another wallet, is booked with the place that it left.
func TestWhatLeftByOtherMeansIsBooked(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	eur := w.bank.Asset().ID
	w.euros("100")
	charge := func(more ...string) string {
		return w.moving(append([]string{"asset", string(eur), "from", w.shop, "to", "external", "amount", "9.99", "place", "DE89370400440532013000", "confirm", "1"}, more...)...)
	}
	page := w.page(charge())
	for _, text := range []string{"90.01 EUR, now 100 EUR", "outside", "shop, available balance", "There by the books after"} {
		require.Contains(t, page, text)
	}
	w.acted(w.act(charge(), "card fee of November"))
	require.Equal(t, "9001", w.balanceOf(payout.Account{Project: w.shop, Kind: payout.Available, Asset: eur}))
	require.NoError(t, w.payouts.Recount(ctx))
	w.acted(w.act(charge("from", "external", "to", "float", "amount", "1"), "interest"))
	require.Equal(t, "100", w.balanceOf(payout.Account{Kind: payout.Float, Asset: eur}))
	require.NoError(t, w.payouts.Recount(ctx))
	solvency, err := w.payouts.Solvency(ctx)
	require.NoError(t, err)
	for _, s := range solvency {
		require.Equal(t, s.Owed, s.Held)
	}
	for text, more := range map[string][]string{
		"nothing of the asset at this place": {"place", "elsewhere"}, "nothing of the asset at this place.": {"place", ""}, "have only 91.01 EUR at this place": {"amount", "91.02"},
		"Choose two accounts": {"from", "external"}, "A place is only named": {"to", "float"},
	} {
		require.Contains(t, w.page(charge(more...)), text)
	}
	for i := range 2 {
		w.pay(w.create(w.shop, "n"+strconv.Itoa(i), "10", nil), 100)
	}
	w.confirm()
	holdings, err := w.store.Holdings(ctx, "sim:1", "", 10)
	require.NoError(t, err)
	require.Greater(t, len(holdings), 2)
	h := holdings[len(holdings)-1]
	require.Contains(t, w.page(w.moving("confirm", "1", "to", "external", "amount", "0.001", "place", h.Name)), h.Name)

	without := newWorld(t, func(c *desk.Config) { c.Holdings = nil })
	require.NotContains(t, without.page("/money/adjust"), "Outside")
	require.Contains(t, without.page(without.moving("confirm", "1", "to", "external", "place", "lane")), "Choose two accounts")
}

// The answer may be lost although the correction was stored. Asking again moves nothing twice.
func TestACorrectionWithAnUnknownOutcomeIsMadeOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.lose = true
	a := w.act(w.moving("confirm", "1"), "a fee")
	require.Equal(t, http.StatusConflict, a.Code)
	form := url.Values{"reason": {"a fee"}}
	for _, m := range hiddenInput.FindAllStringSubmatch(a.Body.String(), -1) {
		form.Set(m[1], unescape(m[2]))
	}
	w.acted(w.post(a.path, form))
	require.Equal(t, "1250000000000000000", w.balanceOf(payout.Account{Kind: payout.Float, Asset: w.chain.Asset("SIM").ID}))
}

func TestDaysAreClosed(t *testing.T) {
	w := newWorld(t, nil)
	require.Contains(t, w.page("/money/close"), `value="2026-11-19"`)
	page := w.page("/money/close?date=2026-11-18&confirm=1")
	require.Contains(t, page, "2026-11-18")
	require.Contains(t, page, "2026-11-19")
	w.acted(w.act("/money/close?date=2026-11-18&confirm=1", "the month is done"))
	require.Equal(t, map[string]string{"closed": "2026-11-18"}, w.audit()[1].After)
	for text, date := range map[string]string{"is not over": "2026-11-20", "A later day is closed already.": "2026-11-17"} {
		a := w.act("/money/close?confirm=1&date="+date, "again")
		require.Equal(t, http.StatusConflict, a.Code)
		require.Contains(t, a.Body.String(), text)
	}
	require.Contains(t, w.page("/money/close?date=x&confirm=1"), "must have the form 2026-01-31")
}

func TestTheBooksAreAddedUp(t *testing.T) {
	w := newWorld(t, nil)
	w.as("ben", desk.RoleApprover)
	a := w.act("/money/recount", "of the year")
	require.Equal(t, http.StatusOK, a.Code)
	require.Contains(t, a.Body.String(), "The books add up.")
	w.mu.Lock()
	w.extra = 1
	w.mu.Unlock()
	a = w.act("/money/recount", "of the year")
	require.Equal(t, http.StatusOK, a.Code)
	require.Contains(t, a.Body.String(), "kept is 14.000000000000000001 SIM")
	log := w.audit()
	require.Equal(t, "2", log[len(log)-1].After["wrong_sums"], "of both assets that have holdings")
}

func TestTheBooksAreComparedWithANetwork(t *testing.T) {
	w := newWorld(t, nil)
	w.as("ben", desk.RoleApprover)
	path := "/money/audit?network=sim:1"
	require.Contains(t, w.page("/money"), "money/audit?network=sim%3A1")
	require.Contains(t, w.page(path), "at most 45 s")
	a := w.act(path, "of the year")
	require.Contains(t, a.Body.String(), "All of it was compared.")
	w.spender.Has = func(_ context.Context, all []payout.Holding) ([]*big.Int, error) {
		return make([]*big.Int, len(all)), nil
	}
	a = w.act(path, "of the year")
	require.Equal(t, http.StatusOK, a.Code)
	require.Contains(t, a.Body.String(), "0 SIM; the books have 14 SIM")
	log := w.audit()
	require.Equal(t, map[string]string{"differences": "2", "finished": "true"}, log[len(log)-1].After)
	w.spender.Has = func(context.Context, []payout.Holding) ([]*big.Int, error) {
		return nil, errors.New("secret of the node")
	}
	a = w.act(path, "of the year")
	require.Equal(t, http.StatusConflict, a.Code)
	require.NotContains(t, a.Body.String(), "secret")
	require.Equal(t, http.StatusNotFound, w.fetch("/money/audit?network=sim:2").Code)
}

func TestAComparisonWithVeryManyDifferencesStops(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 150 {
		inv := w.create(w.shop, "n"+strconv.Itoa(i), "10", nil)
		w.pay(inv, 100)
	}
	w.confirm()
	asked := 0
	w.spender.Has = func(_ context.Context, all []payout.Holding) ([]*big.Int, error) {
		asked++
		return make([]*big.Int, len(all)), nil
	}
	a := w.act("/money/audit?network=sim:1", "of the year")
	require.Contains(t, a.Body.String(), "It was stopped after 100 differences")
	require.Equal(t, 100, strings.Count(a.Body.String(), "; the books have"))
	require.Equal(t, 1, asked)
	log := w.audit()
	require.Equal(t, "false", log[len(log)-1].After["finished"])
}

func TestAComparisonThatTakesLongStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.spender.Has = func(ctx context.Context, _ []payout.Holding) ([]*big.Int, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		a := w.act("/money/audit?network=sim:1", "of the year")
		require.Equal(t, http.StatusOK, a.Code)
		require.Contains(t, a.Body.String(), "It was stopped after 45 s, before all of it was compared.")
		require.Equal(t, 45*time.Second, time.Since(began))
	})
}
