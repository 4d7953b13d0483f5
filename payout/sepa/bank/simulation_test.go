package bank_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa/bank"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// TestWhateverABankDoesTheBooksAreItsOwn plays banks that accept, reject some, ask, return days later, and whose documents
// come late, in any order and more than once.
func TestWhateverABankDoesTheBooksAreItsOwn(t *testing.T) {
	worlds := 80
	if testing.Short() {
		worlds = 10
	}
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playBank(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

// fate is what the bank does with an order.
type fate int

const (
	rejected fate = iota
	debited
	returned
	fates
)

type game struct {
	*shop
	rand    *rand.Rand
	payouts []payout.Payout
	fate    map[string]fate // by the ID of the order
	docs    []string        // that the bank has given
	balance decimal.Decimal // of the account, as the bank has it
}

func playBank(t *testing.T, r *rand.Rand) {
	g := &game{shop: newShop(t), rand: r, fate: map[string]fate{}, balance: decimal.NewFromInt(1000)}
	for range 12 {
		g.clock = g.clock.Add(12 * time.Hour)
		for range r.IntN(4) {
			g.payouts = append(g.payouts, g.pay(fmt.Sprint(len(g.payouts)), decimal.New(1+r.Int64N(4000), -2).String()))
		}
		g.look()
		if r.IntN(2) == 0 {
			g.bring()
		}
		g.read(r.IntN(len(g.docs) + 1))
	}
	g.bring()
	for range 3 { // everything, more than once
		r.Shuffle(len(g.docs), func(i, j int) { g.docs[i], g.docs[j] = g.docs[j], g.docs[i] })
		g.read(len(g.docs))
	}
	g.end()
}

// bring exports a file, and lets the bank write all that it will ever say of it.
func (g *game) bring() {
	f, err := g.account.Export(g.t.Context(), bank.ExportOptions{Most: 1 + g.rand.IntN(5)})
	if errors.Is(err, bank.ErrNothing) {
		return
	}
	require.NoError(g.t, err)
	text, err := g.account.Bytes(g.t.Context(), f.ID)
	require.NoError(g.t, err)
	g.office.take(text)
	var some, out, back []string
	for _, id := range g.office.files[f.ID] {
		amount := decimal.RequireFromString(g.office.orders[id].amount)
		f := fate(g.rand.IntN(int(fates)))
		g.fate[id] = f
		switch f {
		case rejected:
			some = append(some, id+":RJCT:AC04:closed")
			continue
		case returned:
			back = append(back, g.office.back(id, amount.String(), "AC01"))
		case debited, fates:
			g.balance = g.balance.Sub(amount)
			if g.rand.IntN(3) == 0 {
				some = append(some, id+":"+[]string{"ACSC", "ACSP", "RVNM"}[g.rand.IntN(3)])
			}
		}
		out = append(out, g.office.debit(id))
	}
	g.docs = append(g.docs, g.office.status(f.ID, []string{"", "ACTC", "PART"}[g.rand.IntN(3)], some...))
	for _, entries := range [][]string{out, back} {
		if len(entries) > 0 {
			g.docs = append(g.docs, strings.ReplaceAll(g.office.statement("0", "0", entries...), "<Bal>", "<Ignored>"))
			g.docs[len(g.docs)-1] = strings.ReplaceAll(g.docs[len(g.docs)-1], "</Bal>", "</Ignored>")
		}
	}
}

// read reads n of the documents, again those that were read, with looks between them.
func (g *game) read(n int) {
	for _, i := range g.rand.Perm(len(g.docs))[:n] {
		if strings.Contains(g.docs[i], "pain.002") {
			g.status(g.docs[i])
		} else {
			g.entries(g.docs[i])
		}
		if g.rand.IntN(2) == 0 {
			g.look()
		}
	}
}

func (g *game) end() {
	g.look()
	left := decimal.Zero
	for _, p := range g.payouts {
		status := strings.Fields(g.is(p))[0]
		f, brought := g.fate[id(p)]
		switch {
		case !brought:
			require.Contains(g.t, []string{"sent", "queued"}, status)
			left = left.Add(p.Asset.Decimal(p.Units))
		case f == rejected:
			require.Equal(g.t, "failed", status)
		case f == debited:
			require.Equal(g.t, "paid", status)
		default:
			require.Equal(g.t, "returned", status)
		}
	}
	g.sound(g.balance.Sub(left).Shift(2).IntPart())
}
