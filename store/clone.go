package store

import (
	"bytes"
	"maps"
	"math/big"
	"slices"

	"github.com/cointill/cointill/invoice"
)

// The functions in this file also copy what is behind pointers and slices. Decimals are immutable and shared.

func cloneInt(n *big.Int) *big.Int {
	if n == nil {
		return nil
	}
	return new(big.Int).Set(n)
}

func cloneInvoice(inv invoice.Invoice) invoice.Invoice {
	if inv.Quote != nil {
		q := cloneQuote(*inv.Quote)
		inv.Quote = &q
	}
	inv.Earlier = slices.Clone(inv.Earlier)
	for i, q := range inv.Earlier {
		inv.Earlier[i] = cloneQuote(q)
	}
	inv.Terms.Assets = slices.Clone(inv.Terms.Assets)
	inv.Data = maps.Clone(inv.Data)
	inv.Terms.ToleranceUnits = cloneInt(inv.Terms.ToleranceUnits)
	inv.Terms.Minimum, inv.Terms.Step = cloneInt(inv.Terms.Minimum), cloneInt(inv.Terms.Step)
	inv.Actions = slices.Clone(inv.Actions)
	inv.State.Received = cloneInt(inv.State.Received)
	inv.State.Counted = cloneInt(inv.State.Counted)
	inv.State.Confirmed = cloneInt(inv.State.Confirmed)
	inv.Settled = cloneSettled(inv.Settled)
	return inv
}

func cloneSettled(s *invoice.Settled) *invoice.Settled {
	if s == nil {
		return nil
	}
	out := *s
	out.Received, out.Counted = cloneInt(s.Received), cloneInt(s.Counted)
	out.Paid = slices.Clone(s.Paid)
	out.Assets = maps.Clone(s.Assets)
	for asset, sum := range out.Assets {
		out.Assets[asset] = invoice.SettledSum{Units: cloneInt(sum.Units), Mature: cloneInt(sum.Mature), Credit: cloneInt(sum.Credit)}
	}
	return &out
}

func cloneQuote(q invoice.Quote) invoice.Quote {
	q.Due = cloneInt(q.Due)
	q.Fee = cloneInt(q.Fee)
	return q
}

func clonePayment(p invoice.Payment) invoice.Payment {
	p.Units = cloneInt(p.Units)
	p.Credit = cloneInt(p.Credit)
	p.Rerated = cloneInt(p.Rerated)
	return p
}

func cloneEvent(ev invoice.Event) invoice.Event {
	ev.Body = bytes.Clone(ev.Body)
	return ev
}

func cloneMessage(msg invoice.Message) invoice.Message {
	msg.Body = bytes.Clone(msg.Body)
	return msg
}

func cloneProgress(p invoice.Progress) invoice.Progress {
	p.Cursor = bytes.Clone(p.Cursor)
	p.Aside = slices.Clone(p.Aside)
	for i, a := range p.Aside {
		if a.Unexamined != nil {
			u := *a.Unexamined
			p.Aside[i].Unexamined = &u
		}
		p.Aside[i].Seen = slices.Clone(a.Seen)
		for k, seen := range a.Seen {
			p.Aside[i].Seen[k].Transfer.Units = cloneInt(seen.Transfer.Units)
		}
	}
	return p
}

func cloneProject(p invoice.Project) invoice.Project {
	p.AllowedIPs = slices.Clone(p.AllowedIPs)
	p.Secrets = slices.Clone(p.Secrets)
	p.Keys = maps.Clone(p.Keys)
	p.FormerKeys = maps.Clone(p.FormerKeys)
	p.Discounts = maps.Clone(p.Discounts)
	p.Endpoints = slices.Clone(p.Endpoints)
	for i, e := range p.Endpoints {
		p.Endpoints[i].Secrets, p.Endpoints[i].Events = slices.Clone(e.Secrets), slices.Clone(e.Events)
	}
	return p
}
