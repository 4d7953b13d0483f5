package payout_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

// custodian keeps the shop's bitcoins, and pays everything at once. A shop with keys of its own configures a Spender of
// payout/bitcoin, payout/evm or payout/tron instead, and calls the same methods.
type custodian map[string]payout.Instruction

func (custodian) Network() chain.Network { return bitcoin.ID.Network() }
func (custodian) Account() chain.Address { return "account 1" }

func (custodian) Receiver(_ context.Context, _ chain.Asset, to string, _ payout.Beneficiary, _ *big.Int) (chain.Address, error) {
	if !strings.HasPrefix(to, "bc1q") {
		return "", &payout.RefusedError{Code: payout.RefusedAddress}
	}
	return chain.Address(to), nil
}

func (c custodian) Submit(_ context.Context, in payout.Instruction) error {
	c[in.ID] = in
	return nil
}

func (c custodian) Ask(_ context.Context, id string) (payout.Progress, error) {
	if _, has := c[id]; !has {
		return payout.Progress{}, payout.ErrNotFound
	}
	return payout.Progress{Outcome: payout.OutcomePaid, Fee: big.NewInt(100)}, nil
}

func (custodian) Funding(context.Context, string) (chain.AssetID, *big.Int, error) {
	return "", nil, payout.ErrNotFound
}

func (custodian) Balance(context.Context, chain.AssetID) (*big.Int, error) { return new(big.Int), nil }

var bitcoin = chain.Asset{ID: "bip122:000000000019d6689c085ae165831e93/slip44:0", Code: "BTC", Decimals: 8}

// sold stores an order that was paid, as the core does when it sees the money.
func sold(books *store.Memory, order, btc string) string {
	units, now := must(bitcoin.UnitsExact(decimal.RequireFromString(btc))), time.Now()
	inv := invoice.Invoice{
		ID: "invoice of " + order, Project: "shop", OrderID: order, CreatedAt: now, UpdatedAt: now, Deadline: now.Add(time.Hour),
		Quote: &invoice.Quote{Asset: bitcoin, Due: units, Address: chain.Address("bc1q" + order), At: now},
		State: invoice.State{Status: invoice.StatusCompleted}, Seq: 1, Version: 1,
	}
	paid := invoice.Payment{
		Key: chain.Key{Network: bitcoin.ID.Network(), TxID: order, Index: "0"}, Invoice: inv.ID, Asset: bitcoin.ID, To: inv.Quote.Address,
		Units: units, Credit: units, FirstSeen: now, Block: invoice.BlockRef{Height: 1, Hash: "block 1", Time: now},
	}
	told := invoice.Event{ID: "event of " + order, Invoice: inv.ID, Project: "shop", Seq: 1, Type: "invoice.completed", At: now, Body: []byte("{}")}
	err := books.Commit(context.Background(), invoice.Batch{
		Insert: []invoice.Invoice{inv}, Payments: []invoice.Payment{paid}, Events: []invoice.Event{told},
		Claims: []invoice.Claim{{Network: bitcoin.ID.Network(), Place: invoice.Place{Address: inv.Quote.Address}, Invoice: inv.ID}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return inv.ID
}

// A shop's month: it refunds an order, pays a supplier, pays its affiliates from a list, and settles what is left.
func Example_shop() {
	ctx := context.Background()
	books := store.NewMemory() // in production a store on SQLite or PostgreSQL
	seen := invoice.Progress{Network: bitcoin.ID.Network(), Version: 1, At: time.Now(), Cursor: chain.Cursor("1"), Head: chain.Head{Height: 100, Hash: "block 100"}}
	if err := books.Commit(ctx, invoice.Batch{Progress: []invoice.Progress{seen}}); err != nil {
		log.Fatal(err)
	}
	payouts := must(payout.New(payout.Config{
		Store: books, Invoices: books,
		Networks: []payout.NetworkConfig{{Provider: custodian{}, Assets: []payout.AssetConfig{{Asset: bitcoin, MaxFee: big.NewInt(1000)}}}},
	}))
	run := func() { // in production: go payouts.Run(ctx)
		if err := errors.Join(payouts.Book(ctx), payouts.Look(ctx, bitcoin.ID.Network()), payouts.Look(ctx, bitcoin.ID.Network())); err != nil {
			log.Fatal(err)
		}
	}
	returned := sold(books, "order1", "0.02")
	sold(books, "order2", "1.5")
	run()

	// Refund an order. The customer names the address; without one, Refund returns the token of a claim link.
	refund, _, err := payouts.Refund(ctx, payout.RefundRequest{Project: "shop", Key: "return of order1", Invoice: returned, To: "bc1qcustomer", Units: decimal.RequireFromString("0.01")})
	if err != nil {
		log.Fatal(err)
	}

	// Pay a supplier. The key makes it safe to ask again, after a crash or twice by hand.
	supplier := must(payouts.Request(ctx, payout.Request{
		Project: "shop", Key: "bill 2030-17", Asset: bitcoin.ID, To: "bc1qsupplier", Units: decimal.RequireFromString("0.25"), Comment: "bill 2030-17",
	}))

	// Pay 200 affiliates from a list. A row that is refused is reported, and the others are paid.
	list := csv.NewReader(affiliates(200))
	asked, refused := 0, 0
	for {
		row, err := list.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		amount, err := decimal.NewFromString(row[2])
		if err == nil {
			_, err = payouts.Request(ctx, payout.Request{Project: "shop", Key: "affiliate " + row[0] + " 2030-01", Asset: bitcoin.ID, To: row[1], Units: amount})
		}
		if asked++; err != nil {
			refused++
			fmt.Println("affiliate", row[0]+":", err)
		}
	}
	for range 4 { // a round plans 64
		run()
	}
	paid := must(payouts.Payouts(ctx, payout.Query{Project: "shop", Status: payout.StatusPaid, Limit: 1000}))
	fmt.Println(asked, "affiliates,", refused, "refused,", len(paid.Payouts), "payouts paid, refund and bill among them:",
		must(payouts.Payout(ctx, "shop", refund.ID)).State.Status, must(payouts.Payout(ctx, "shop", supplier.ID)).State.Status)

	// Settle the month: the whole balance goes to the shop's own address.
	balance := must(payouts.Balance(ctx, "shop"))[0]
	must(payouts.Request(ctx, payout.Request{
		Project: "shop", Key: "settlement 2030-01", Kind: payout.KindWithdrawal, Asset: bitcoin.ID, To: "bc1qvault",
		Units: bitcoin.Decimal(balance.Units), FeeIncluded: true,
	}))
	run()
	for _, s := range must(payouts.Settlements(ctx, "shop", bitcoin.ID, func(by *payout.Payout, l payout.Line) error {
		fmt.Println(by.Key, "settles", l.Subject, bitcoin.Decimal(l.Units))
		return nil
	})) {
		if s.Payout == nil { // since the last withdrawal
			fmt.Println("open:", bitcoin.Decimal(s.Other), "of its fee came back")
			continue
		}
		fmt.Println(s.Payout.Key, "is", s.Payout.State.Status, "of", bitcoin.Decimal(s.Income), "that came in")
	}
	fmt.Println("the books add up:", payouts.Recount(ctx) == nil)
	// Output:
	// affiliate 13: payout: request: To "paypal:me" is refused: wrong_address
	// 200 affiliates, 1 refused, 201 payouts paid, refund and bill among them: paid paid
	// settlement 2030-01 settles invoice of order1 0.02
	// settlement 2030-01 settles invoice of order2 1.5
	// settlement 2030-01 is paid of 1.52 that came in
	// open: 0.000009 of its fee came back
	// the books add up: true
}

// affiliates returns a list of n with number, address and amount; one of them has no address.
func affiliates(n int) io.Reader {
	var b strings.Builder
	for i := range n {
		to := fmt.Sprintf("bc1qaffiliate%d", i)
		if i == 13 {
			to = "paypal:me"
		}
		fmt.Fprintf(&b, "%d,%s,0.0005\n", i, to)
	}
	return strings.NewReader(b.String())
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
