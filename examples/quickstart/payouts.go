package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
)

// openPayouts sets up money out, on a chain where the key is in this process. A shop's key is in an encrypted file, in
// another process or on paper: see the package payout/signer.
func (h *house) openPayouts(store *sqlite.Store, notifier *webhook.Notifier, projects *invoice.Projects) (err error) {
	if h.offer.pays == nil {
		return nil
	}
	h.payouts, err = payout.New(payout.Config{
		Store: store, Invoices: store, Networks: []payout.NetworkConfig{*h.offer.pays}, Poll: 4 * pollTime,
		Notifier: notifier, Receivers: projects, CheckCallback: webhook.CheckPrivateURL, Hint: h.dispatcher.Hint,
	})
	return err
}

// float brings coins of the operator to the address that pays, unless it has some: they pay what is still at the addresses
// of invoices, and the fees.
func (h *house) float(ctx context.Context) error {
	s := h.offer.pays.Spender
	for _, a := range h.offer.pays.Assets {
		_, err := h.store.Holding(ctx, s.Network(), s.Holding(payout.Deposit{Asset: a.ID, To: s.Lane()}).Name)
		if err == nil || !errors.Is(err, payout.ErrNotFound) {
			return err
		}
		txID, err := h.net.pay(ctx, a.Asset, s.Lane(), a.UnitsDown(floatOf))
		if err != nil {
			return fmt.Errorf("fund the lane: %w", err)
		}
		if err := h.book(ctx, s.Network(), txID); err != nil {
			return fmt.Errorf("book the float: %w", err)
		}
	}
	return nil
}

// book books a transaction to the operator's float once it is final.
func (h *house) book(ctx context.Context, network chain.Network, txID string) error {
	for {
		err := h.payouts.Fund(ctx, network, txID, "", "quickstart")
		if !errors.Is(err, payout.ErrNotFound) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(blockTime):
		}
	}
}
