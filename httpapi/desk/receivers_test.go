package desk_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// guarded returns a world whose projects pay only receivers that have been allowed for a day.
func guarded(t *testing.T) *world {
	var service *payout.Service
	w := newWorld(t, func(c *desk.Config) {
		asset := c.Payouts.Assets()[0]
		memory, is := c.Outbox.(*store.Memory)
		require.True(t, is)
		var err error
		service, err = payout.New(payout.Config{
			Store: memory, Invoices: memory, Now: c.Now, Policies: payout.Policies{Listed: true, Cooling: 24 * time.Hour},
			Networks: []payout.NetworkConfig{{Spender: &stage.Spender{Coin: asset.ID, Start: start}, Assets: []payout.AssetConfig{asset}}},
		})
		require.NoError(t, err)
		c.Payouts, c.Banks = service, nil
	})
	w.payouts = service
	return w
}

func (w *world) allowed(project string) []payout.Receiver {
	w.t.Helper()
	all, _, err := w.payouts.Receivers(context.Background(), project, w.chain.Asset("SIM").ID.Network(), "", 1000)
	require.NoError(w.t, err)
	return all
}

func TestAReceiverIsAllowedAfterItsTermsWereShown(t *testing.T) {
	w := guarded(t)
	network := string(w.chain.Asset("SIM").ID.Network())
	list := "/money/receivers?" + url.Values{"project": {w.shop}, "network": {network}}.Encode()
	require.Contains(t, w.page(list), "This project may pay nobody else. A receiver is paid once it has been allowed for 24 h.")
	require.Contains(t, w.page(list), "No receiver is allowed here.")

	ask := url.Values{"project": {w.shop}, "network": {network}, "address": {"SIM1Supplier"}, "name": {"The <supplier>"}}
	require.NotContains(t, w.page("/money/receivers/allow?"+ask.Encode()), "Allow it", "nothing is asked for before it was sent")
	ask.Set("confirm", "1")
	confirm := "/money/receivers/allow?" + ask.Encode()
	page := w.page(confirm)
	for _, text := range []string{"sim1supplier", "SIM1Supplier", "The &lt;supplier&gt;", "24 h", "Payouts may go there from", "2026-11-21 10:30:00 UTC", "Simulated", "shop"} {
		require.Contains(t, page, text)
	}
	page = w.acted(w.act(confirm, "a new supplier"))
	require.Contains(t, page, "Done: allow (receiver). Reason: “a new supplier”.")
	require.Contains(t, page, `from <time class="clock" datetime="2026-11-21T10:30:00Z">2026-11-21 10:30:00 UTC</time>`)
	require.Equal(t, []payout.Receiver{{Network: chain.Network(network), Address: "sim1supplier", Name: "The <supplier>", At: start, Actor: "ann"}}, w.allowed(w.shop))
	require.Empty(t, w.allowed(w.rival))
	log := w.audit()
	require.Len(t, log, 2)
	require.Equal(t, []string{"receiver.allow", "money/receivers", w.shop, "sim1supplier", "24 h", "2026-11-21 10:30:00 UTC"},
		[]string{log[1].Act, log[1].Subject, log[1].Project, log[1].Facts["Receiver"], log[1].Facts["Cooling-off time"], log[1].After["from"]})

	require.Contains(t, w.page(confirm), "It is allowed already, since 2026-11-20 10:30:00 UTC.")
	w.wait(25 * time.Hour)
	require.Contains(t, w.page(list), `<span class="pill good">now</span>`)
}

func TestWhatCannotBeAReceiverIsSaidBeforeItIsAsked(t *testing.T) {
	w := guarded(t)
	network := string(w.chain.Asset("SIM").ID.Network())
	for _, c := range [][3]string{
		{"bc1x", "", "not an address of Simulated"}, {"", "", "is no address"}, {strings.Repeat("sim1", 60), "", "is no address"},
		{"sim1x", strings.Repeat("n", 256), "The name must be a text"}, {"sim1x", "\x01", "The name must be a text"},
	} {
		q := url.Values{"project": {w.shop}, "network": {network}, "confirm": {"1"}, "address": {c[0]}, "name": {c[1]}}
		page := w.page("/money/receivers/allow?" + q.Encode())
		require.Contains(t, page, c[2])
		require.NotContains(t, page, "Allow it")
		q.Set("reason", "because")
		require.NotEqual(t, http.StatusSeeOther, w.post("/money/receivers/allow", q).Code)
	}
	for _, path := range []string{"/money/receivers?network=eip155:99", "/money/receivers/allow?network=eip155:99", "/money/receivers?project=nobody", "/money/receivers/forbid?address=sim1nobody"} {
		require.Equal(t, http.StatusNotFound, w.fetch(path).Code, path)
	}
	require.Equal(t, http.StatusConflict, w.fetch("/money/receivers?after="+strings.Repeat("x", 300)).Code)
	require.Empty(t, w.allowed(w.shop))
	require.Empty(t, w.audit())
}

func TestAForbiddenReceiverIsPaidNoMore(t *testing.T) {
	w := guarded(t)
	sim := w.chain.Asset("SIM")
	request := func(key string) error {
		_, err := w.payouts.Request(context.Background(), payout.Request{Project: w.shop, Key: key, Asset: sim.ID, To: "sim1supplier", Units: decimal.NewFromInt(1)})
		return err
	}
	_, err := w.payouts.AllowReceiver(context.Background(), w.shop, sim.ID.Network(), "sim1supplier", "", "carl")
	require.NoError(t, err)
	require.NoError(t, request("before"))
	path := "/money/receivers/forbid?" + url.Values{"project": {w.shop}, "network": {string(sim.ID.Network())}, "address": {"sim1supplier"}}.Encode()
	w.as("zoe", desk.RoleOperator)
	require.NotContains(t, w.page("/money/receivers?project="+w.shop), "Forbid")
	require.Equal(t, http.StatusForbidden, w.fetch(path).Code)
	w.as("ann", desk.RoleApprover)
	require.Contains(t, w.page("/money/receivers?project="+w.shop), "Forbid")
	require.Contains(t, w.page(path), "Those that were requested before are not concerned")
	page := w.acted(w.act(path, "the supplier moved"))
	require.Contains(t, page, "Done: forbid (receiver).")
	require.Empty(t, w.allowed(w.shop))
	require.ErrorIs(t, request("after"), payout.ErrUnknownReceiver)
	require.Equal(t, http.StatusNotFound, w.fetch(path).Code)
}

func TestReceiversAreListedInPages(t *testing.T) {
	w := newWorld(t, nil)
	network := w.chain.Asset("SIM").ID.Network()
	for i := range 120 {
		_, err := w.payouts.AllowReceiver(context.Background(), w.shop, network, fmt.Sprintf("sim1r%03d", i), "", "carl")
		require.NoError(t, err)
	}
	require.Contains(t, w.page("/money/receivers"), "its payouts may go to any receiver")
	seen := map[string]int{}
	pages := 0
	for next := "/money/receivers?project=" + w.shop; next != ""; pages++ {
		page := w.page(next)
		for i := range 120 {
			if address := fmt.Sprintf("sim1r%03d", i); strings.Contains(page, "<code>"+address+"</code>") {
				seen[address]++
			}
		}
		next = nextOf(page, "/money/receivers")
	}
	require.Equal(t, 3, pages)
	require.Len(t, seen, 120)
	for address, n := range seen {
		require.Equal(t, 1, n, address)
	}
}
