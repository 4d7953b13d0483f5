package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

const (
	mainnet = chain.Network("eip155:1")
	polygon = chain.Network("eip155:137")
)

var (
	eth   = chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}
	pol   = chain.Asset{ID: "eip155:137/slip44:966", Code: "POL", Decimals: 18}
	start = time.Date(2031, 2, 3, 4, 5, 6, 123456789, time.UTC)
)

// newInvoice returns invoice number n of project "shop", quoted in ETH, as creation stores it.
func newInvoice(n int, change ...func(*invoice.Invoice)) invoice.Invoice {
	at := start.Add(time.Duration(n) * time.Second)
	inv := invoice.Invoice{
		ID:          fmt.Sprintf("inv-%05d", n),
		Project:     "shop",
		OrderID:     fmt.Sprintf("order-%05d", n),
		Name:        "Chair, blue",
		CallbackURL: "https://shop.example/callback",
		Price:       invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("19.90")},
		Quote:       newQuote(n, eth),
		Terms: invoice.Terms{
			TolerancePercent: decimal.RequireFromString("0.5"),
			Minimum:          big.NewInt(1000),
			Step:             big.NewInt(10),
			Confirm:          chain.Confirmations{Depth: 12},
			Late:             invoice.LateHold,
			Other:            invoice.OtherAccept,
		},
		CreatedAt: at, UpdatedAt: at, Deadline: at.Add(time.Hour),
		State:   invoice.State{Status: invoice.StatusNew, Wake: invoice.Wake{Time: at.Add(time.Hour)}},
		Seq:     1,
		Version: 1,
	}
	for _, f := range change {
		f(&inv)
	}
	return inv
}

func newQuote(n int, asset chain.Asset) *invoice.Quote {
	return &invoice.Quote{
		Asset: asset,
		Due:   big.NewInt(int64(n) + 6_000_000_000_000_000),
		Rate: rates.Rate{
			Pair: rates.Pair{Base: asset.Code, Quote: "EUR"}, Value: decimal.RequireFromString("3316.67"),
			Time: start, Source: "median",
		},
		Fiat:    invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("19.90")},
		At:      start,
		Address: address(n),
		Wallet:  "hot",
		Index:   uint32(n),
	}
}

func address(n int) chain.Address { return chain.Address(fmt.Sprintf("0x%040d", n)) }

// revise returns the next version of the invoice.
func revise(inv invoice.Invoice, change ...func(*invoice.Invoice)) invoice.Invoice {
	inv.Version++
	inv.UpdatedAt = inv.UpdatedAt.Add(time.Minute)
	for _, f := range change {
		f(&inv)
	}
	return inv
}

func unquoted(inv *invoice.Invoice) { inv.Quote = nil }

func withOrder(id string) func(*invoice.Invoice) {
	return func(inv *invoice.Invoice) { inv.OrderID = id }
}

func withWake(w invoice.Wake) func(*invoice.Invoice) {
	return func(inv *invoice.Invoice) { inv.State.Wake = w }
}

// newPayment returns payment number n to the invoice, in the block at the height, or in none for invoice.Unconfirmed.
func newPayment(n int, inv invoice.Invoice, height uint64) invoice.Payment {
	p := invoice.Payment{
		Key:       chain.Key{Network: mainnet, TxID: fmt.Sprintf("0x%064d", n), Index: "7"},
		Invoice:   inv.ID,
		Asset:     eth.ID,
		From:      "0xFrom",
		To:        "0xTo",
		Units:     big.NewInt(int64(n) + 1_000_000),
		FirstSeen: start.Add(time.Duration(n) * time.Millisecond),
		Credit:    big.NewInt(int64(n) + 1_000_000),
	}
	if height != invoice.Unconfirmed {
		p.Block = invoice.BlockRef{Height: height, Hash: fmt.Sprintf("0xb%d", height), Time: start}
	}
	return p
}

func newEvent(inv invoice.Invoice, seq int64) invoice.Event {
	return invoice.Event{
		ID: fmt.Sprintf("evt_%s_%d", inv.ID, seq), Invoice: inv.ID, Project: inv.Project, Seq: seq,
		Type: invoice.EventPending, From: invoice.StatusNew, To: invoice.StatusPending,
		At: start.Add(time.Duration(seq)), Comment: "by hand", Actor: "ann",
		Body: json.RawMessage(fmt.Sprintf(`{"id": "evt_%s_%d",  "amount":0.10}`, inv.ID, seq)),
	}
}

func commit(t *testing.T, b store.Backend, batch invoice.Batch) {
	t.Helper()
	if err := b.Commit(t.Context(), batch); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func insert(t *testing.T, b store.Backend, invs ...invoice.Invoice) {
	t.Helper()
	commit(t, b, created(invs...))
}

// created returns a batch of new invoices, with the places of their quotes.
func created(invs ...invoice.Invoice) invoice.Batch {
	batch := invoice.Batch{Insert: invs}
	for _, inv := range invs {
		if inv.Quote != nil {
			batch.Claims = append(batch.Claims, claimOf(inv))
		}
	}
	return batch
}

// claimOf returns the claim of the place of the invoice's quote.
func claimOf(inv invoice.Invoice) invoice.Claim {
	q := inv.Quote
	return invoice.Claim{
		Network: inv.Network(), Place: invoice.Place{Address: q.Address, Slot: q.Slot}, Invoice: inv.ID, Wallet: q.Wallet, Index: q.Index,
	}
}

// refused commits a batch that must be refused with the target.
func refused(t *testing.T, b store.Backend, batch invoice.Batch, target error) {
	t.Helper()
	wantErr(t, b.Commit(t.Context(), batch), target)
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func get(t *testing.T, b store.Backend, id string) invoice.Invoice {
	t.Helper()
	return must[invoice.Invoice](t)(b.Invoice(t.Context(), id))
}

// text formats a value so that equal values have equal texts: amounts as numbers, and times to the nanosecond with
// their zone. Bytes are compared as they are.
func text(t *testing.T, v any) string {
	t.Helper()
	switch v := v.(type) {
	case invoice.Invoice:
		return text(t, struct {
			Invoice  any
			Payments []invoice.Payment
		}{&v, append([]invoice.Payment{}, v.Payments...)})
	case invoice.Event:
		body := string(v.Body)
		v.Body = nil
		return text(t, &v) + body
	case invoice.Message:
		body := string(v.Body)
		v.Body = nil
		return text(t, &v) + body
	}
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatalf("write %T: %v", v, err)
	}
	return string(out)
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := text(t, got), text(t, want); g != w {
		t.Fatalf("%s:\ngot  %s\nwant %s", what, g, w)
	}
}

func sameList[T any](t *testing.T, what string, got, want []T) {
	t.Helper()
	var g, w []string
	for _, v := range got {
		g = append(g, text(t, v))
	}
	for _, v := range want {
		w = append(w, text(t, v))
	}
	if !slices.Equal(g, w) {
		t.Fatalf("%s: got %d\n%s\nwant %d\n%s", what, len(g), strings.Join(g, "\n"), len(w), strings.Join(w, "\n"))
	}
}

func ids(invs []invoice.Invoice) []string {
	out := []string{}
	for _, inv := range invs {
		out = append(out, inv.ID)
	}
	return out
}

// sameIDs compares the ids of the invoices in any order, with duplicates.
func sameIDs(t *testing.T, what string, got []invoice.Invoice, want ...string) {
	t.Helper()
	g := ids(got)
	slices.Sort(g)
	slices.Sort(want)
	if !slices.Equal(g, want) {
		t.Fatalf("%s: got %v, want %v", what, g, want)
	}
}
