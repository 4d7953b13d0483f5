package checkout

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cointill/cointill/payout"
)

// claimView is what the page of a refund shows.
type claimView struct {
	view
	Token   string
	Wrong   string // why the address was refused
	Entered string // the address that was refused
	State   string // what becomes of the refund, once it has an address
}

// serveClaim shows the page of a refund.
func (c *Checkout) serveClaim(w http.ResponseWriter, r *http.Request, token string) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	p, err := c.cfg.Refunds.Claimed(ctx, token)
	c.showClaim(w, r, claimView{Token: token}, p, err)
}

// claim gives a refund its address.
func (c *Checkout) claim(w http.ResponseWriter, r *http.Request, token string) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	to := strings.TrimSpace(r.PostForm.Get("to"))
	_, err := c.cfg.Refunds.Claim(ctx, token, to)
	if err == nil || errors.Is(err, payout.ErrClaimed) { // the page says what became of it
		w.Header().Set("Location", token+query(r))
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	v := claimView{Token: token}
	var invalid *payout.InvalidError
	var refused *payout.RefusedError
	if errors.As(err, &invalid) || errors.As(err, &refused) {
		v.Wrong, v.Entered = "claim.wrong", to
	}
	p, readErr := c.cfg.Refunds.Claimed(ctx, token)
	if readErr == nil && v.Wrong == "" {
		c.cfg.Logger.Error("checkout: claim a refund", "payout", p.ID, "error", err)
		c.fail(w, r, http.StatusServiceUnavailable, "claim.failed")
		return
	}
	c.showClaim(w, r, v, p, readErr)
}

// showClaim shows the refund as it is.
func (c *Checkout) showClaim(w http.ResponseWriter, r *http.Request, v claimView, p payout.Payout, err error) {
	switch {
	case errors.Is(err, payout.ErrNotFound), errors.Is(err, payout.ErrClaimed):
		c.fail(w, r, http.StatusNotFound, "error.found")
		return
	case err != nil:
		c.cfg.Logger.Error("checkout: read a refund", "error", err)
		c.fail(w, r, http.StatusServiceUnavailable, "error.busy")
		return
	}
	t := c.tongue(r)
	v.view = view{tongue: t, Languages: c.words.tongues, Shop: c.cfg.Shop(p.Project), ID: p.ID}
	v.Contact, v.Shop.Terms = contactURL(v.Shop.Contact), safeURL(v.Shop.Terms)
	v.Network, v.view.Code = c.nameOf(p.Asset.ID.Network()), p.Asset.Code
	v.Amount = v.units(p.Asset, p.Units)
	v.Address, v.Groups = string(p.To), groups(string(p.To))
	v.Date = clock(p.CreatedAt)
	v.State = claimState(p)
	status := http.StatusOK
	if v.Wrong != "" {
		v.Wrong, status = t.T(v.Wrong, v.view.Code), http.StatusUnprocessableEntity
	}
	c.dress(w, r, &v.view)
	c.render(w, "claim.html", status, v)
}

// claimState returns the word for what becomes of a refund; empty while it has no address.
func claimState(p payout.Payout) string {
	switch {
	case p.State.Status == payout.StatusPaid:
		return "claim.paid"
	case p.State.Status == payout.StatusFailed, p.State.Status == payout.StatusCancelled, p.State.Status == payout.StatusReturned:
		return "claim.failed"
	case p.To != "":
		return "claim.done"
	}
	return ""
}
