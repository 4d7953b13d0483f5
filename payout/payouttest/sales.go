package payouttest

import (
	"context"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// sell makes an invoice that a block pays: exactly, too much, too late or in part.
func (w *world) sell(s *spender) {
	n := w.next()
	asset := s.c.assets[w.rand.IntN(len(s.c.assets))]
	due := int64(300 + w.rand.IntN(3000))
	paid := due
	switch w.rand.IntN(4) {
	case 0:
		paid += int64(w.rand.IntN(500))
	case 1:
		paid -= int64(w.rand.IntN(int(due / 2)))
	}
	address := chain.Address(fmt.Sprintf("deposit %d", n))
	inv := invoice.Invoice{
		ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", n), Project: project, OrderID: fmt.Sprintf("sale %d", n),
		Quote: &invoice.Quote{
			Asset: chain.Asset{ID: chain.AssetID(asset), Code: "C", Decimals: 0}, Due: big.NewInt(due), Address: address, Wallet: "wallet",
			Index: uint32(n), Fee: big.NewInt(due / 100), At: w.clock,
		},
		CreatedAt: w.clock, UpdatedAt: w.clock, Deadline: w.clock.AddDate(1, 0, 0), State: invoice.State{Status: invoice.StatusNew},
		Seq: 1, Version: 1,
	}
	it := &sale{inv: inv, deposit: deposit{name: fmt.Sprintf("sale:%d", n), asset: asset, units: big.NewInt(paid)}}
	if s.sweeps {
		it.deposit.at = string(address)
	}
	w.must(w.inner.Commit(context.Background(), invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{w.event(inv, invoice.EventCreated)}}))
	w.invoices = append(w.invoices, it)
	w.note("%s of %d in %s is paid with %d", inv.OrderID, due, asset[len(asset)-6:], paid)
	w.mineWith(s, it.deposit)
}

func (w *world) event(inv invoice.Invoice, typ invoice.EventType) invoice.Event {
	return invoice.Event{
		ID: fmt.Sprintf("evt_%s_%d", inv.ID, inv.Seq), Invoice: inv.ID, Project: project, Seq: inv.Seq, Type: typ, At: w.clock,
		Body: []byte(`{}`),
	}
}

// follow tells the shop's store what the chain has: which payments are in which block, and which invoices that completes.
func (w *world) follow(s *spender) {
	ctx := context.Background()
	height := s.c.height()
	p, err := w.inner.Network(ctx, s.network)
	w.must(err)
	p.Network, p.Version, p.At = s.network, p.Version+1, w.clock
	p.Head = chain.Head{Height: uint64(height), Hash: fmt.Sprint(height, w.next()), Time: w.clock}
	p.Cursor = chain.Cursor("x")
	w.must(w.inner.Commit(ctx, invoice.Batch{Progress: []invoice.Progress{p}}))
	at := map[string]int{}
	for i, b := range s.c.blocks {
		for _, d := range b.deposits {
			at[d.name] = i + 1
		}
	}
	for _, it := range w.invoices {
		if it.inv.Quote.Asset.ID.Network() == s.network {
			w.see(it, at[it.deposit.name], height)
		}
	}
}

// see stores where the invoice's payment is now, and what that means.
func (w *world) see(it *sale, at, height int) {
	var before invoice.Payment
	if it.payment != nil {
		before = *it.payment
	}
	now := invoice.Payment{
		Key:     chain.Key{Network: it.inv.Network(), TxID: it.deposit.name, Index: "0"},
		Invoice: it.inv.ID, Asset: it.inv.Quote.Asset.ID, To: it.inv.Quote.Address, Units: it.deposit.units, Credit: it.deposit.units,
		FirstSeen: it.inv.CreatedAt, Withdrawn: at == 0,
	}
	if at > 0 {
		now.Block = invoice.BlockRef{Height: uint64(at), Hash: fmt.Sprint("block ", at), Time: w.clock}
	}
	if it.payment == nil && at == 0 {
		return
	}
	status := it.inv.State.Status
	if enough := it.deposit.units.Cmp(it.inv.Quote.Due) >= 0; at > 0 && height-at+1 >= 2 && enough {
		status = invoice.StatusCompleted
	}
	if it.payment != nil && before.Withdrawn == now.Withdrawn && before.Block.Height == now.Block.Height && status == it.inv.State.Status {
		return
	}
	it.inv.Version++
	it.inv.Seq++
	it.inv.State.Status = status
	it.payment = &now
	w.must(w.inner.Commit(context.Background(), invoice.Batch{
		Update: []invoice.Invoice{it.inv}, Payments: []invoice.Payment{now}, Events: []invoice.Event{w.event(it.inv, "invoice.seen")},
	}))
}

func (w *world) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("the world's own step failed: %v", err))
	}
}
