package invoice

import (
	"cmp"
	"slices"

	"github.com/cointill/cointill/chain"
)

// decision is the result for an invoice whose facts or clock have changed.
type decision struct {
	inv      Invoice
	events   []Event
	payments []Payment // those that changed
	releases []Release
}

// brokenError reports that an invoice cannot be decided about, whatever the store holds.
type brokenError struct{ error }

// decided folds the facts of after, in which the changes are merged, and returns the invoice to store, with the events
// that lead to it from before. It is pure.
func decided(before, after Invoice, changes []change, extra []draft, by Action, c clock) (decision, error) {
	if by.Kind == ActionLabel { // what the clock decides at the same moment was not done by who labelled it
		by = Action{}
	}
	if by.Kind != "" { // the action may change what settled payments mean
		var reopened []change
		after, reopened = after.resettled()
		changes = append(changes, reopened...)
	}
	if ripe := capped(c, mature(after, c)); len(ripe) > 0 {
		changes, after = append(changes, ripe...), merge(after, ripe)
	}
	after.State = decide(after.facts(), c)
	after.UpdatedAt, after.Version = c.now, before.Version+1
	settled := after.settle(c)
	inv, events, err := issue(before, after, append(extra, drafts(before, after, changes, by)...), c.now)
	if err != nil {
		return decision{}, &brokenError{err}
	}
	return decision{inv: inv, events: events, releases: releases(before, inv), payments: inv.changed(changes, settled)}, nil
}

// changed returns the payments of the invoice that must be written.
func (inv Invoice) changed(changes []change, settled []Payment) []Payment {
	keys := make(map[chain.Key]bool, len(changes)+len(settled))
	for _, c := range changes {
		keys[c.payment.Key] = true
	}
	for _, p := range settled {
		keys[p.Key] = true
	}
	var out []Payment
	for _, p := range inv.Payments {
		if keys[p.Key] {
			out = append(out, p)
		}
	}
	return out
}

// releases returns the places that an invoice gives up with this decision; each number that becomes free is marked for
// reuse once.
func releases(before, after Invoice) []Release {
	if !before.State.ReleasedAt.IsZero() || after.State.ReleasedAt.IsZero() {
		return nil
	}
	type number struct {
		wallet string
		index  uint32
	}
	freed := map[number]bool{}
	for _, q := range after.quotes() {
		if q.Quarantine == atOnce { // its source makes each place for one request
			freed[number{q.Wallet, q.Index}] = true
		}
	}
	var out []Release
	for _, c := range after.held() {
		own := number{c.Wallet, c.Index}
		out = append(out, Release{Claim: c, Reuse: c.Slot == "" && !freed[own]})
		freed[own] = true
	}
	return out
}

// maxActions bounds the history of one invoice.
const maxActions = 1000

// Act identifies who does something to an invoice, and why. Actor and Comment go into the history.
type Act struct {
	Project string // the invoice's project; empty: any project
	Invoice string
	Actor   string // at most 255 characters
	Comment string // at most 1024 characters
}

func (a Act) check() error {
	return cmp.Or(refuseText("Actor", a.Actor, 255), refuseText("Comment", a.Comment, 1024))
}

// transition returns the action that brings an invoice to a status.
func transition(is State, standing bool, to Status) (ActionKind, error) {
	type move struct {
		kind ActionKind
		from []Status
	}
	if standing && to != StatusCancelled && to != StatusArchived && to != StatusNew {
		return "", &TransitionError{is.Status, to, "is not for deposits"}
	}
	moves := map[Status]move{
		StatusCancelled: {ActionCancel, []Status{StatusNew, StatusPaidPartial}},
		StatusCompleted: {ActionComplete, []Status{StatusNew, StatusPending, StatusPaidPartial, StatusExpired}},
		StatusExpired:   {ActionExpire, []Status{StatusNew}},
		StatusNew:       {ActionReopen, []Status{StatusCancelled, StatusExpired}},
		StatusArchived:  {ActionArchive, []Status{StatusCompleted, StatusExpired, StatusCancelled, StatusPaidPartial}},
	}
	m, settable := moves[to]
	switch {
	case !settable:
		return "", &TransitionError{is.Status, to, "follows from payments and cannot be set"}
	case !slices.Contains(m.from, is.Status), to == StatusArchived && !is.Closed:
		return "", &TransitionError{is.Status, to, "cannot be changed"}
	case to == StatusNew && !is.ReleasedAt.IsZero():
		return "", &TransitionError{is.Status, to, "cannot be changed, since the address was given up; refresh the invoice"}
	}
	return m.kind, nil
}

// planned fills in the next action of an invoice, and reports whether one is needed.
type planned func(inv Invoice, next *Action) (bool, error)

// withAction returns the invoice with one more action; if none is needed, it returns the invoice unchanged and an
// action without a kind.
func withAction(before Invoice, a Act, c clock, plan planned) (Invoice, Action, error) {
	if err := a.check(); err != nil {
		return before, Action{}, err
	}
	next := Action{N: 1, At: c.now, Actor: a.Actor, Comment: a.Comment}
	for _, done := range before.Actions {
		next.N = max(next.N, done.N+1)
	}
	needed, err := plan(before, &next)
	if err != nil || !needed {
		return before, Action{}, err
	}
	if next.N > maxActions {
		return before, Action{}, refuse("Invoice", a.Invoice, "was changed too often")
	}
	after := before
	after.Actions = append(slices.Clone(before.Actions), next)
	after.Earlier = slices.Clone(before.Earlier)
	return after, next, nil
}
