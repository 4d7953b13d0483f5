package checkout_test

import (
	"context"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/payout"
)

// refunds has one refund to claim, with the answers of a payout.Service.
type refunds struct {
	refund payout.Payout
	broken error
}

const token = "claim-token-0001"

func (r *refunds) Claimed(_ context.Context, given string) (payout.Payout, error) {
	if given != token {
		return payout.Payout{}, payout.ErrClaimed
	}
	return r.refund, r.broken
}

func (r *refunds) Claim(_ context.Context, given, to string) (payout.Payout, error) {
	switch {
	case given != token || r.refund.To != "":
		return payout.Payout{}, payout.ErrClaimed
	case to != "sim1mine":
		return payout.Payout{}, &payout.RefusedError{Code: payout.RefusedAddress, Reason: "is no address"}
	}
	r.refund.To, r.refund.State.Status = chain.Address(to), payout.StatusQueued
	return r.refund, nil
}

func openRefund(t *testing.T) (*shop, *refunds) {
	r := &refunds{}
	s := openShop(t, func(c *checkout.Config) { c.Refunds = r })
	r.refund = payout.Payout{ID: "payout-0001", Project: "shop", Asset: s.chain.Asset("TOK"), State: payout.State{Status: payout.StatusRequested}}
	r.refund.Units, _ = new(big.Int).SetString("2500000", 10)
	return s, r
}

func TestAPayerClaimsARefundOnce(t *testing.T) {
	s, r := openRefund(t)
	body, h := s.get("/pay/claim/"+token, 200)
	require.Contains(t, body, "TOK will be sent")
	require.Equal(t, "no-store", h.Get("Cache-Control"))

	answer, body := s.post("/pay/claim/"+token, url.Values{"to": {`0xwrong"><script>`}}, "same-origin")
	require.Equal(t, http.StatusUnprocessableEntity, answer.StatusCode)
	require.Contains(t, body, "This is not an address of TOK")
	require.NotContains(t, body, "<script>")
	require.Empty(t, r.refund.To)

	answer, _ = s.post("/pay/claim/"+token, url.Values{"to": {" sim1mine "}, "lang": {"de"}}, "same-origin")
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	require.Equal(t, token+"?lang=de", answer.Header.Get("Location"))
	require.EqualValues(t, "sim1mine", r.refund.To)

	answer, _ = s.post("/pay/claim/"+token, url.Values{"to": {"sim1mine"}}, "same-origin")
	require.Equal(t, http.StatusSeeOther, answer.StatusCode, "who sends the form twice sees what became of it")
	for status, text := range map[payout.Status]string{
		payout.StatusQueued: "on its way", payout.StatusPaid: "has been paid", payout.StatusFailed: "could not be sent",
	} {
		r.refund.State.Status = status
		body, _ = s.get("/pay/claim/"+token, 200)
		require.Contains(t, body, text)
		require.NotContains(t, body, "<form")
	}
}

func TestAClaimFromAnotherSiteOrWithAnotherTokenIsRefused(t *testing.T) {
	s, r := openRefund(t)
	answer, _ := s.post("/pay/claim/"+token, url.Values{"to": {"sim1mine"}}, "cross-site")
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
	require.Empty(t, r.refund.To)
	s.get("/pay/claim/another-token-1", 404)
	r.broken = errors.New("the database is away: password=secret")
	body, _ := s.get("/pay/claim/"+token, 503)
	require.NotContains(t, body, "secret")
}
