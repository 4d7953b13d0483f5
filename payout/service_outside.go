package payout

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MarkPaid ends a payout that was paid by other means: from another wallet, by a person. The final transaction must have
// brought at least its amount to its receiver, and what it brought there counts for as many payouts as it suffices for.
// What was reserved for the payout is then the operator's [Float], since other money of his has paid it. It is for
// payouts of which no transaction of ours can be mined: those that are requested or queued and in no transaction, and those
// that failed. Marking it again with the same transaction changes nothing.
//
// It returns ErrNotFound for a payout, or for a transaction that brought nothing to the receiver, an [InvalidError] for one
// of our own, a [StatusError] in any other status, a [LimitError] when the transaction brought too little, an
// [InsufficientError] when a failed payout's money has been spent otherwise, and ErrNothingLeft when other refunds have taken
// the place of a failed one.
func (s *Service) MarkPaid(ctx context.Context, project, id, txID, actor, comment string) (Payout, error) {
	txID = strings.ToLower(strings.TrimSpace(txID))
	err := checkNote(actor, comment)
	if err == nil && actor == "" {
		err = refuse("actor", "", "is required")
	}
	var p Payout
	for range attempts {
		if err != nil {
			break
		}
		if p, err = s.markPaid(ctx, project, id, txID, Action{Kind: ActionPaid, Actor: actor, Comment: comment}); !errors.Is(err, ErrConflict) {
			break
		}
		err = nil
	}
	if err != nil {
		return Payout{}, fmt.Errorf("payout: mark as paid: %w", err)
	}
	return p, nil
}

func (s *Service) markPaid(ctx context.Context, project, id, txID string, a Action) (Payout, error) {
	before, err := s.Payout(ctx, project, id)
	if err != nil || before.did(ActionPaid) && before.State.TxID == txID {
		return before, err
	}
	if err := s.payable(ctx, before); err != nil {
		return Payout{}, err
	}
	network := before.Asset.ID.Network()
	n := s.networks[network]
	if n == nil {
		return Payout{}, fmt.Errorf("%w: %s", ErrNetwork, network)
	}
	if own, err := s.cfg.Store.Document(ctx, ownName(network, txID)); err != nil || own != nil {
		return Payout{}, errors.Join(err, refuse("TxID", txID, "is a transaction of our own"))
	}
	brought, err := n.Spender.Received(ctx, txID, before.To, before.Asset.ID)
	if err != nil {
		return Payout{}, err
	}
	a.At = s.now()
	after, entry := paidOutside(before, a, txID)
	b := Batch{Entries: []Entry{entry}, Counters: []Counter{{outsideName(before, txID), before.Units, brought}}}
	if before.State.Status == StatusFailed && before.Kind == KindRefund {
		credit, err := s.cfg.Store.Credit(ctx, before.Invoice)
		if err == nil && credit.Refundable(before.Asset.ID).Cmp(before.Units) < 0 {
			err = ErrNothingLeft
		}
		if err != nil {
			return Payout{}, err
		}
		addRefund(&b, credit, after, 1)
	}
	if after, err = s.put(ctx, &b, before, after, ""); err != nil {
		return Payout{}, err
	}
	return after, s.commit(ctx, b)
}

// payable returns an error if a transaction of ours may still pay the payout, or if it has another end.
func (s *Service) payable(ctx context.Context, p Payout) error {
	switch status := p.State.Status; {
	case status == StatusFailed && p.State.Transaction != "":
		t, err := s.cfg.Store.Transaction(ctx, p.State.Transaction)
		if err == nil && !t.over() {
			err = &StatusError{p.ID, status, "its transaction is not buried yet"}
		}
		return err
	case status == StatusFailed:
		return nil
	case status != StatusRequested && status != StatusQueued || p.State.Transaction != "":
		return &StatusError{p.ID, status, "a transaction of ours pays it, or it has ended"}
	case p.To == "":
		return &StatusError{p.ID, status, "it has no receiver"}
	}
	return nil
}

// outsideName is the counter of what a transaction of others has paid to a receiver.
func outsideName(p Payout, txID string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{txID, string(p.Asset.ID), string(p.To)}, "\n")))
	return fmt.Sprintf("outside/%x", sum)
}

// paidOutside returns the payout as other money has paid it, and the entry of that. It is pure.
func paidOutside(p Payout, a Action, txID string) (Payout, Entry) {
	var l ledger
	e := Entry{ID: endID(p), Kind: EntryPost, Subject: p.ID, At: a.At, Note: txID, Actor: a.Actor}
	float := Account{Kind: Float, Asset: p.Asset.ID}
	if p.State.Status == StatusFailed { // its reservation was given back
		e.ID = "payout:" + p.ID + ":outside"
		l.move(p.Source, float, p.Units)
	} else {
		l.move(reservedOf(p.Source), float, p.Units)
		l.move(reservedOf(p.Payer), p.Payer, orZero(p.Fee))
	}
	p = p.with(a)
	p.State.Status, p.State.Reason, p.State.Detail, p.State.TxID = StatusPaid, ReasonOperator, "", txID
	p.State.Height, p.State.Paid, p.State.EndAt, p.State.RetryAt = 0, nil, a.At, time.Time{}
	return p, l.entry(e)
}
