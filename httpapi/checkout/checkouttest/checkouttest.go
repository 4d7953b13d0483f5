// Package checkouttest has an invoice in every state that a payment page shows, to look at a style, a language or a template
// without a chain: see examples/checkout.
package checkouttest

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

const (
	bitcoin  chain.Network = "bip122:000000000019d6689c085ae165831e93"
	ethereum chain.Network = "eip155:1"
	tron     chain.Network = "tron:0x2b6653dc"
	height                 = 900_000 // of the last block of every network
)

var (
	btc  = chain.Asset{ID: "bip122:000000000019d6689c085ae165831e93/slip44:0", Code: "BTC", Decimals: 8}
	eth  = chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}
	usdc = chain.Asset{ID: "eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", Code: "USDC", Decimals: 6}
	usdt = chain.Asset{ID: "tron:0x2b6653dc/trc20:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", Code: "USDT", Decimals: 6}
)

// addresses are of the networks' published examples, and nobody's here.
var addresses = map[chain.Network]chain.Address{
	bitcoin:  "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
	ethereum: "0x9858EfFD232B4033E47d90003D41EC34EcaEda94",
	tron:     "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH",
}

// Invoices serves the samples, as an invoice.Service serves invoices. It refuses all acts.
type Invoices struct {
	now    time.Time
	names  []string
	byName map[string]invoice.Invoice
	chains map[chain.Network]invoice.ChainConfig
}

// New returns the samples as they are at a time. The id of each is its name behind "sample-".
func New(now time.Time) *Invoices {
	s := &Invoices{now: now.UTC(), byName: map[string]invoice.Invoice{}, chains: map[chain.Network]invoice.ChainConfig{}}
	deep := func(n uint64) []chain.Tier { return []chain.Tier{{Need: chain.Confirmations{Depth: n}}} }
	for network, c := range map[chain.Network]invoice.ChainConfig{
		bitcoin:  {Name: "Bitcoin", Assets: []invoice.AssetConfig{{Asset: btc, Confirm: deep(2)}}},
		ethereum: {Name: "Ethereum", Assets: []invoice.AssetConfig{{Asset: eth, Confirm: deep(12)}, {Asset: usdc, Confirm: deep(12)}}},
		tron:     {Name: "TRON", Assets: []invoice.AssetConfig{{Asset: usdt, Confirm: deep(20)}}},
	} {
		c.Type = "mainnet"
		s.chains[network] = c
	}
	s.fill()
	return s
}

// Names returns the names of the samples in the order of an invoice's life.
func (s *Invoices) Names() []string { return s.names }

// ID returns the id of the sample with the name.
func ID(name string) string { return "sample-" + name }

// add adds a sample of 49.90 EUR, payable in the asset unless that is the zero value.
func (s *Invoices) add(name string, asset chain.Asset, due string, change func(*invoice.Invoice)) {
	inv := invoice.Invoice{
		ID: ID(name), Project: "shop", OrderID: "A-2041", Name: "Two tickets, row 7",
		Price:     invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("49.90")},
		CreatedAt: s.now.Add(-5 * time.Minute), UpdatedAt: s.now, Deadline: s.now.Add(25 * time.Minute),
		State: invoice.State{Status: invoice.StatusNew}, Seq: 1, Version: 1,
	}
	if asset.ID != "" {
		units, err := asset.UnitsExact(decimal.RequireFromString(due))
		if err != nil {
			panic(err) // a sample of this file
		}
		inv.Quote = &invoice.Quote{Asset: asset, Due: units, At: inv.CreatedAt, Address: addresses[asset.ID.Network()]}
		inv.Terms.Confirm = chain.Confirmations{Depth: map[chain.Network]uint64{bitcoin: 2, ethereum: 12, tron: 20}[asset.ID.Network()]}
	}
	if change != nil {
		change(&inv)
	}
	s.names = append(s.names, name)
	s.byName[name] = inv
}

// pay adds a payment of a part of what is due, in percent. depth is its number of confirmations; 0 is in no block.
func pay(inv *invoice.Invoice, percent, depth int64, seen time.Time) *invoice.Payment {
	q := inv.Quote
	units := new(big.Int).Mul(q.Due, big.NewInt(percent))
	units.Quo(units, big.NewInt(100))
	n := len(inv.Payments)
	p := invoice.Payment{
		Key:     chain.Key{Network: inv.Network(), TxID: strings.Repeat(fmt.Sprintf("%dc9e41", n+1), 11)[:64], Index: "0"},
		Invoice: inv.ID, Asset: q.Asset.ID, To: q.Address, Units: units, FirstSeen: seen,
	}
	if depth > 0 {
		p.Block = invoice.BlockRef{Height: uint64(height - depth + 1), Hash: "block", Time: seen}
	}
	inv.Payments = append(inv.Payments, p)
	inv.State.Received = new(big.Int).Add(orZero(inv.State.Received), units)
	inv.State.Counted = inv.State.Received
	return &inv.Payments[n]
}

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}

// fill makes the samples.
func (s *Invoices) fill() {
	before, after := s.now.Add(-4*time.Minute), s.now.Add(-time.Minute)
	status := func(inv *invoice.Invoice, to invoice.Status, closed bool, o invoice.Outcome) {
		inv.State.Status, inv.State.Closed, inv.State.Outcome = to, closed, o
		if to == invoice.StatusCompleted {
			inv.State.CompletedAt, inv.State.Confirmed = s.now, inv.State.Counted
		}
	}
	over := func(inv *invoice.Invoice) {
		inv.CreatedAt, inv.Deadline = s.now.Add(-time.Hour), s.now.Add(-30*time.Minute)
	}
	s.add("choose", chain.Asset{}, "", nil)
	s.add("pay-bitcoin", btc, "0.00053218", nil)
	s.add("pay-ether", eth, "0.01578", nil)
	s.add("pay-token", usdc, "54.31", nil)
	s.add("pay-tron", usdt, "54.29", nil)
	s.add("pay-soon", btc, "0.00053218", func(inv *invoice.Invoice) {
		inv.CreatedAt, inv.Deadline = s.now.Add(-28*time.Minute), s.now.Add(2*time.Minute)
		inv.Quote.At = inv.CreatedAt
	})
	s.add("part", usdt, "54.29", func(inv *invoice.Invoice) {
		pay(inv, 80, 3, before)
		status(inv, invoice.StatusPaidPartial, false, invoice.OutcomeUnder)
	})
	s.add("seen", btc, "0.00053218", func(inv *invoice.Invoice) {
		pay(inv, 100, 0, before)
		status(inv, invoice.StatusPending, false, invoice.OutcomeExact)
	})
	s.add("confirming", eth, "0.01578", func(inv *invoice.Invoice) {
		pay(inv, 100, 5, before)
		status(inv, invoice.StatusPending, false, invoice.OutcomeExact)
	})
	s.add("paid", btc, "0.00053218", func(inv *invoice.Invoice) {
		pay(inv, 100, 3, before)
		status(inv, invoice.StatusCompleted, true, invoice.OutcomeExact)
	})
	s.add("over", usdc, "54.31", func(inv *invoice.Invoice) {
		pay(inv, 100, 20, before)
		pay(inv, 50, 15, after)
		status(inv, invoice.StatusCompleted, true, invoice.OutcomeOver)
	})
	s.add("other", eth, "0.01578", func(inv *invoice.Invoice) {
		p := pay(inv, 100, 20, before)
		p.Asset, p.Units = usdc.ID, big.NewInt(54_310_000)
		status(inv, invoice.StatusCompleted, true, invoice.OutcomeExact|invoice.OutcomeOtherAsset)
	})
	s.add("under", usdt, "54.29", func(inv *invoice.Invoice) {
		over(inv)
		pay(inv, 60, 25, inv.CreatedAt.Add(time.Minute))
		status(inv, invoice.StatusPaidPartial, true, invoice.OutcomeUnder)
	})
	s.add("expired", btc, "0.00053218", func(inv *invoice.Invoice) {
		over(inv)
		status(inv, invoice.StatusExpired, true, 0)
	})
	s.add("late", btc, "0.00053218", func(inv *invoice.Invoice) {
		over(inv)
		pay(inv, 100, 2, after)
		status(inv, invoice.StatusExpired, true, invoice.OutcomeLate|invoice.OutcomeExact)
	})
	s.add("withdrawn", btc, "0.00053218", func(inv *invoice.Invoice) {
		pay(inv, 100, 0, before).Withdrawn = true
		inv.State.Received, inv.State.Counted = nil, nil
	})
	s.add("reverted", btc, "0.00053218", func(inv *invoice.Invoice) {
		pay(inv, 100, 0, before).Withdrawn = true
		inv.State.Received, inv.State.Counted = nil, nil
		status(inv, invoice.StatusCompleted, true, invoice.OutcomeReverted)
	})
	s.add("cancelled", btc, "0.00053218", func(inv *invoice.Invoice) { status(inv, invoice.StatusCancelled, true, 0) })
	s.add("record", btc, "0.00053218", func(inv *invoice.Invoice) { status(inv, invoice.StatusArchived, true, 0) })
	s.add("standing", usdt, "0", func(inv *invoice.Invoice) {
		inv.Terms.Standing, inv.Deadline, inv.OrderID, inv.Name, inv.Price = true, time.Time{}, "", "Deposits of customer 17", invoice.Price{}
		pay(inv, 0, 25, before).Units = big.NewInt(20_000_000)
		inv.State.Received = nil
	})
}

// Invoice returns a sample by its id.
func (s *Invoices) Invoice(_ context.Context, _, id string) (invoice.Invoice, error) {
	inv, there := s.byName[strings.TrimPrefix(id, "sample-")]
	if !there {
		return invoice.Invoice{}, invoice.ErrNotFound
	}
	return inv, nil
}

// Choices returns all assets while nothing was paid.
func (s *Invoices) Choices(invoice.Invoice) (out []invoice.AssetConfig) {
	for _, network := range []chain.Network{bitcoin, ethereum, tron} {
		out = append(out, s.chains[network].Assets...)
	}
	return out
}

// Choose refuses.
func (s *Invoices) Choose(_ context.Context, _, _, asset string) (invoice.Invoice, error) {
	return invoice.Invoice{}, &invoice.InvalidError{Field: "asset", Value: asset, Reason: "cannot be chosen for a sample"}
}

// Requote refuses.
func (s *Invoices) Requote(_ context.Context, a invoice.Act, _ time.Duration) (invoice.Invoice, error) {
	return invoice.Invoice{}, &invoice.InvalidError{Field: "invoice", Value: a.Invoice, Reason: "is a sample"}
}

// Chain returns one of three networks.
func (s *Invoices) Chain(id chain.Network) (invoice.ChainConfig, bool) {
	c, there := s.chains[id]
	return c, there
}

// PaymentURI returns the URI in the form of the network.
func (s *Invoices) PaymentURI(inv invoice.Invoice) (string, error) {
	q := inv.Quote
	if q == nil || inv.Terms.Standing {
		if q == nil {
			return "", nil
		}
		return string(q.Address), nil
	}
	rest := inv.Remaining()
	switch q.Asset.ID {
	case btc.ID:
		return fmt.Sprintf("bitcoin:%s?amount=%s", q.Address, q.Asset.Decimal(rest)), nil
	case eth.ID:
		return fmt.Sprintf("ethereum:%s@1?value=%s", q.Address, rest), nil
	case usdc.ID:
		return fmt.Sprintf("ethereum:%s@1/transfer?address=%s&uint256=%s", usdc.ID.Reference(), q.Address, rest), nil
	}
	return string(q.Address), nil
}

// Head returns the same block of every network.
func (s *Invoices) Head(context.Context, chain.Network) (chain.Head, error) {
	return chain.Head{Height: height, Hash: "head", Time: s.now}, nil
}

// Events returns none.
func (s *Invoices) Events(_ context.Context, after int64, _ int) ([]invoice.Event, error) {
	if after == math.MaxInt64 {
		return nil, &invoice.PositionError{Position: after}
	}
	return nil, nil
}
