package payouttest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// cooling is how long a receiver must have been allowed in a world that demands a list.
const cooling = 30 * time.Second

// list is what a world knows of the receivers that its shop may pay.
type list struct {
	demanded bool
	now      map[string]payout.Receiver // those that are allowed, by the name of their document
	ever     map[string][]time.Time     // when, by network and address
}

func receiverKey(network chain.Network, address chain.Address) string {
	return string(network) + " " + string(address)
}

// listActs returns what people do with the list.
func (w *world) listActs(svc *payout.Service, s *spender) []act {
	if !w.list.demanded {
		return nil
	}
	network := s.network
	if w.custodian != nil && w.rand.IntN(3) == 0 {
		network = custody
	}
	return []act{
		{10, func() {
			to := fmt.Sprintf("payee %d", w.rand.IntN(4))
			_, err := svc.AllowReceiver(context.Background(), project, network, to, "", "ben")
			w.result("allow %s on %s", err, to, network)
		}},
		{2, func() {
			to := chain.Address(fmt.Sprintf("payee %d", w.rand.IntN(4)))
			w.result("forbid %s on %s", svc.ForbidReceiver(context.Background(), project, network, to), to, network)
		}},
		{3, func() { w.checkList(svc, network) }},
	}
}

// checkList is the part of the rule listed that is about the list.
func (w *world) checkList(svc *payout.Service, network chain.Network) {
	var got, want []string
	size := 1 + w.rand.IntN(3)
	for after := ""; ; {
		page, next, err := svc.Receivers(context.Background(), project, network, after, size)
		w.must(err)
		for _, r := range page {
			got = append(got, receiverKey(r.Network, r.Address))
		}
		if after = next; next == "" {
			break
		}
	}
	for _, r := range w.list.now {
		if r.Network == network {
			want = append(want, receiverKey(r.Network, r.Address))
		}
	}
	slices.Sort(want)
	w.note("%d receivers are allowed on %s", len(got), network)
	if !slices.Equal(got, want) {
		w.broken("listed: the list is %q, and must be %q", got, want)
	}
}

// noteReceivers learns of the receivers that a batch allows and forbids.
func (w *world) noteReceivers(b payout.Batch) {
	for _, d := range b.Documents {
		if !strings.HasPrefix(d.Name, "receiver/") {
			continue
		}
		if d.Value == nil {
			delete(w.list.now, d.Name)
			continue
		}
		var r payout.Receiver
		w.must(json.Unmarshal(d.Value, &r))
		w.list.now[d.Name] = r
		key := receiverKey(r.Network, r.Address)
		w.list.ever[key] = append(w.list.ever[key], r.At)
	}
}

// checkListed is the part of the rule listed that is about payouts, and about transactions that are new.
func (w *world) checkListed(b payout.Batch) {
	if !w.list.demanded {
		return
	}
	for _, p := range b.Payouts {
		if p.To == "" {
			continue
		}
		key := receiverKey(p.Asset.ID.Network(), p.To)
		if !slices.ContainsFunc(w.list.ever[key], func(at time.Time) bool {
			free := at.Add(cooling)
			return p.NotBefore.Equal(free) || p.NotBefore.IsZero() && !free.After(p.CreatedAt)
		}) {
			w.broken("listed: payout %s goes to %s, not before %s, and that was allowed at %v", p.ID, key, p.NotBefore, w.list.ever[key])
		}
	}
	for _, t := range b.Transactions {
		if t.Version > 1 {
			continue
		}
		for _, id := range t.Payouts {
			p, err := w.inner.Payout(context.Background(), id)
			w.must(err)
			if p.NotBefore.After(w.clock) {
				w.broken("listed: transaction %s pays %s at %s, before %s", t.ID, id, w.clock, p.NotBefore)
			}
		}
	}
}
