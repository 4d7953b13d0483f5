package gateway_test

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/gateway"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// shop pays through a custodian.
type shop struct {
	t       *testing.T
	service *payout.Service
	clock   time.Time
}

func newShop(t *testing.T, g *gateway.Gateway) *shop {
	t.Helper()
	s := &shop{t: t, clock: time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)}
	books := store.NewMemory()
	var err error
	s.service, err = payout.New(payout.Config{
		Store: books, Invoices: books, Now: func() time.Time { return s.clock },
		Networks: []payout.NetworkConfig{{Provider: g, Assets: []payout.AssetConfig{
			{Asset: chain.Asset{ID: euro, Code: "EUR", Decimals: 2}, MaxFee: big.NewInt(5)},
		}}},
	})
	require.NoError(t, err)
	require.NoError(t, books.CommitPayouts(t.Context(), payout.Batch{
		Entries: []payout.Entry{{ID: "in", Kind: payout.EntryFund, At: s.clock, Postings: []payout.Posting{
			{Account: payout.Account{Kind: payout.External, Asset: euro}, Units: big.NewInt(-100_000)},
			{Account: payout.Account{Project: "shop", Kind: payout.Available, Asset: euro}, Units: big.NewInt(100_000)},
		}}},
		Moves: []payout.Move{{Holding: payout.Holding{Network: network, Name: "acc 9/EUR", Asset: euro, Address: "acc 9"}, Units: big.NewInt(100_000)}},
	}))
	return s
}

func (s *shop) pay(key, amount string) payout.Payout {
	s.t.Helper()
	p, err := s.service.Request(s.t.Context(), payout.Request{
		Project: "shop", Key: key, Asset: euro, To: "acc 1", Units: decimal.RequireFromString(amount), Beneficiary: &payout.Beneficiary{Name: "Erika"},
	})
	require.NoError(s.t, err)
	return p
}

func (s *shop) look() {
	s.t.Helper()
	require.NoError(s.t, s.service.Look(s.t.Context(), network))
	s.clock = s.clock.Add(2 * time.Minute)
}

func (s *shop) get(p payout.Payout) payout.Payout {
	s.t.Helper()
	p, err := s.service.Payout(s.t.Context(), "shop", p.ID)
	require.NoError(s.t, err)
	return p
}

// A callback is only a hint: what it says is asked for. What came back after it was paid is booked by it, once.
func TestACallbackOfAReturnIsBookedOnce(t *testing.T) {
	c := newCustodian()
	g, server := gatewayTo(t, c)
	s := newShop(t, g)
	h, err := gateway.NewCallback(gateway.CallbackConfig{Gateway: g, Service: s.service, Verify: func(r *http.Request) ([]byte, error) {
		if r.Header.Get("Signature") != "good" {
			return nil, errors.New("not signed")
		}
		return io.ReadAll(io.LimitReader(r.Body, 1000))
	}})
	require.NoError(t, err)
	post := func(signature, body string) int {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewBufferString(body))
		r.Header.Set("Signature", signature)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}

	p := s.pay("a", "500")
	s.look()
	id := c.has[0].ID
	told := `{"id":"` + id + `"}`
	require.Equal(t, http.StatusNoContent, post("good", `{"id":"`+id+`","outcome":"paid"}`))
	s.look()
	require.Equal(t, payout.StatusSent, s.get(p).State.Status, "the custodian does not say so")
	c.set(id, "outcome", "paid", "fee", "5")
	s.look()
	require.Equal(t, payout.StatusPaid, s.get(p).State.Status)

	c.set(id, "outcome", "returned", "units", "49000", "why", "AC04")
	require.Equal(t, http.StatusUnauthorized, post("bad", told))
	require.Equal(t, http.StatusBadRequest, post("good", `{}`))
	require.Equal(t, http.StatusNoContent, post("good", `{"id":"unknown"}`))
	for range 3 {
		require.Equal(t, http.StatusNoContent, post("good", told))
	}
	require.Equal(t, payout.StatusReturned, s.get(p).State.Status)
	require.Equal(t, "AC04", s.get(p).State.Detail)
	balances, err := s.service.Balance(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, int64(100_000-50_005+49_000), balances[0].Units.Int64())
	require.NoError(t, s.service.Recount(t.Context()))

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	server.Close()
	require.Equal(t, http.StatusServiceUnavailable, post("good", told), "the custodian repeats it")
}

// What came back before it was known as paid is both at once.
func TestAReturnThatOvertakesThePayment(t *testing.T) {
	c := newCustodian()
	g, _ := gatewayTo(t, c)
	s := newShop(t, g)
	p := s.pay("a", "500")
	s.look()
	c.set(c.has[0].ID, "outcome", "returned", "units", "49000", "why", "AC01", "fee", "2")
	_, err := s.service.Returned(t.Context(), payout.Return{Network: network, Instruction: c.has[0].ID, Units: big.NewInt(49_000)})
	require.NoError(t, err)
	s.look()
	require.Equal(t, payout.StatusReturned, s.get(p).State.Status)
	require.Equal(t, "AC01", s.get(p).State.Detail)
	balances, err := s.service.Balance(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, int64(100_000-50_002+49_000), balances[0].Units.Int64())
	require.NoError(t, s.service.Recount(t.Context()))
}

func TestNewCallback_NeedsAllItsParts(t *testing.T) {
	_, err := gateway.NewCallback(gateway.CallbackConfig{})
	require.ErrorContains(t, err, "CallbackConfig")
}
