package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/cointill/cointill/payout"
)

// sealedPayouts seals the Data of payouts, and the Secret of messages that are committed. The other methods are those of
// the store behind it, which read nothing that is sealed.
type sealedPayouts struct {
	payout.Store
	box box
}

// CommitPayouts implements [payout.Store].
func (s sealedPayouts) CommitPayouts(ctx context.Context, b payout.Batch) error {
	b.Payouts = slices.Clone(b.Payouts)
	for i, p := range b.Payouts {
		sealed, err := sealPayout(s.box, p)
		if err != nil {
			return fmt.Errorf("store: commit payouts: %w", err)
		}
		b.Payouts[i] = sealed
	}
	b.Messages = slices.Clone(b.Messages)
	for i, m := range b.Messages {
		sealed, err := sealMessage(s.box, m)
		if err != nil {
			return fmt.Errorf("store: commit payouts: %w", err)
		}
		b.Messages[i] = sealed
	}
	return s.Store.CommitPayouts(ctx, b)
}

func ownerOfPayout(id string) string { return id + "\x00payout data" }

// sealPayout returns the payout with its Data sealed as a whole.
func sealPayout(b box, p payout.Payout) (payout.Payout, error) {
	data, err := sealTexts(b, ownerOfPayout(p.ID), p.Data)
	if err != nil {
		return p, fmt.Errorf("data of payout %s: %w", p.ID, err)
	}
	p.Data = data
	return p, nil
}

// openPayout returns the payout with its Data in plain text.
func openPayout(b box, p payout.Payout) (payout.Payout, error) {
	data, err := openTexts(b, ownerOfPayout(p.ID), p.Data)
	if err != nil {
		return payout.Payout{}, fmt.Errorf("data of payout %s: %w", p.ID, err)
	}
	p.Data = data
	return p, nil
}

func (s sealedPayouts) one(p payout.Payout, err error) (payout.Payout, error) {
	if err == nil {
		p, err = openPayout(s.box, p)
		err = wrapped(err)
	}
	return p, err
}

func wrapped(err error) error {
	if err != nil {
		err = fmt.Errorf("store: %w", err)
	}
	return err
}

// Payout implements [payout.Store].
func (s sealedPayouts) Payout(ctx context.Context, id string) (payout.Payout, error) {
	return s.one(s.Store.Payout(ctx, id))
}

// PayoutBy implements [payout.Store].
func (s sealedPayouts) PayoutBy(ctx context.Context, r payout.Reference) (payout.Payout, error) {
	return s.one(s.Store.PayoutBy(ctx, r))
}

// Payouts implements [payout.Store].
func (s sealedPayouts) Payouts(ctx context.Context, q payout.Query) (payout.Page, error) {
	page, err := s.Store.Payouts(ctx, q)
	for i := range page.Payouts {
		if err == nil {
			page.Payouts[i], err = s.one(page.Payouts[i], nil)
		}
	}
	if err != nil {
		return payout.Page{}, err
	}
	return page, nil
}
