package payout

import (
	"fmt"
	"time"
)

// await folds the state of a payout that no transaction pays yet from the actions of people. It is pure.
func await(p Payout, now time.Time) State {
	s := p.State
	s.Reason, s.Detail = "", ""
	switch {
	case p.did(ActionCancel):
		s.Status, s.Reason, s.EndAt = StatusCancelled, ReasonOperator, now
	case p.did(ActionExpire) && p.To == "":
		s.Status, s.Reason, s.EndAt = StatusCancelled, ReasonExpired, now
	case p.To == "":
		s.Status, s.Reason = StatusRequested, ReasonReceiver
	case p.approvals() < p.Approvals:
		s.Status, s.Reason = StatusRequested, ReasonApproval
	default:
		s.Status = StatusQueued
		if now.Before(p.NotBefore) {
			s.Reason = ReasonCooling
		}
	}
	return s
}

// ready reports whether a transaction may be planned for the payout now.
func (p Payout) ready(now time.Time) bool {
	return p.State.Status == StatusQueued && p.State.Transaction == "" &&
		!now.Before(p.NotBefore) && !now.Before(p.State.RetryAt)
}

// reserveEntry returns the entry that sets aside what the payout may cost.
func reserveEntry(p Payout) Entry {
	var l ledger
	for _, a := range p.accounts() {
		l.move(a, reservedOf(a), p.total()[a])
	}
	return l.entry(Entry{ID: reserveID(p), Kind: EntryReserve, Subject: p.ID, At: p.CreatedAt, Note: p.Name})
}

// reserveID returns the ID of the entry that reserves the payout's money.
func reserveID(p Payout) string { return "payout:" + p.ID + ":reserve" }

// endID returns the ID of the entry that ends the reservation: whether it is posted or voided, it happens once, unless
// the chain takes it back.
func endID(p Payout) string { return fmt.Sprintf("payout:%s:end:%d", p.ID, p.State.Undone) }

// voidEntry returns the entry that gives the reservation back.
func voidEntry(p Payout, now time.Time) Entry {
	var l ledger
	for _, a := range p.accounts() {
		l.move(reservedOf(a), a, p.total()[a])
	}
	return l.entry(Entry{ID: endID(p), Kind: EntryVoid, Subject: p.ID, At: now})
}

// accounts returns the accounts that the payout draws from, each once, the source first.
func (p Payout) accounts() []Account {
	if p.Payer == p.Source || orZero(p.Fee).Sign() == 0 {
		return []Account{p.Source}
	}
	return []Account{p.Source, p.Payer}
}
