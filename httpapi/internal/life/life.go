// Package life plays what happens to invoices that are paid on a simulated chain, the same through each of the APIs.
package life

import (
	"context"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// Shop is a shop that takes one asset through one API, in a bubble of testing/synctest. Two confirmations are deep enough.
type Shop struct {
	*testing.T
	Service *invoice.Service
	Hooks   webhook.Config // its Client is the Endpoint's
	Chain   *chaintest.Chain
	Asset   chain.Asset
	Poll    time.Duration // of everything that polls

	Create    func(order string) (id string)       // makes an invoice
	Status    func(id string) string               // of an invoice, in the API's words
	Shown     func(id string) []string             // all answers about an invoice
	Window    time.Duration                        // to pay
	Tolerance int64                                // percent that may be missing
	Words     struct{ Seen, Partial, Paid string } // what an invoice is when enough was seen, or too little, and when it is paid
	Over      struct{ Unpaid, Partial string }     // and when its time is over

	endpoint Endpoint
}

// Play runs a service and a dispatcher until the play is over.
func Play(t *testing.T, start time.Time, open func(t *testing.T) *Shop, play func(s *Shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start)) // to the moment that the chain begins at
		s := open(t)
		s.Hooks.Client = &http.Client{Transport: &s.endpoint, Timeout: 10 * time.Second}
		dispatcher, err := webhook.New(s.Hooks)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Service.Run(ctx) }()
		go func() { done <- dispatcher.Run(ctx) }()
		defer func() {
			cancel()
			if err := errors.Join(<-done, <-done); err != nil {
				t.Error(err)
			}
		}()
		s.mine(1)
		s.pass(s.Poll / 4) // between two polls
		play(s)
	})
}

func (s *Shop) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// mine adds blocks and lets them be seen.
func (s *Shop) mine(n int) {
	for range n {
		s.Chain.MineAt(time.Now())
	}
	s.pass(5 * s.Poll)
}

// Read answers an invoice as it is kept.
func (s *Shop) Read(id string) invoice.Invoice {
	s.Helper()
	inv, err := s.Service.Invoice(context.Background(), "", id)
	if err != nil {
		s.Fatal(err)
	}
	return inv
}

func (s *Shop) pay(id string, units *big.Int) (txid string) {
	s.Helper()
	txid = s.Chain.Pay(s.Read(id).Quote.Address, s.Asset, units)
	s.pass(5 * s.Poll)
	return txid
}

func (s *Shop) is(id, want, when string) {
	s.Helper()
	if got := s.Status(id); got != want {
		s.Errorf("%s it is %s, not %s", when, got, want)
	}
}

// PaidInTime is A18: what was seen in time is paid, however late it is confirmed, and what was not is not.
func (s *Shop) PaidInTime() {
	inTime, late := s.Create("in-time"), s.Create("late")
	s.pass(s.Window - time.Minute)
	s.pay(inTime, s.Read(inTime).Quote.Due)
	s.pass(time.Hour)
	s.mine(1)
	s.is(inTime, s.Words.Seen, "with one confirmation after the deadline")
	s.is(late, s.Over.Unpaid, "after the deadline")
	s.pay(late, s.Read(late).Quote.Due)
	s.mine(2)
	s.is(inTime, s.Words.Paid, "deep enough")
	s.is(late, s.Over.Unpaid, "paid after the deadline")
}

// TooLittle is incident 34: an invoice is not paid while one unit is missing of what the tolerance demands.
func (s *Shop) TooLittle() {
	short, tiny := s.Create("short"), s.Create("tiny")
	due := s.Read(short).Quote.Due
	least := new(big.Int).Mul(due, big.NewInt(100-s.Tolerance)) // hundredths of what is least
	least.Add(least, big.NewInt(99)).Div(least, big.NewInt(100))
	s.pay(short, new(big.Int).Sub(least, big.NewInt(1)))
	s.pay(tiny, new(big.Int).Div(due, big.NewInt(60)))
	s.mine(2)
	s.is(short, s.Words.Partial, "one unit short")
	s.is(tiny, s.Words.Partial, "with a sixtieth")
	s.pay(short, big.NewInt(1))
	s.mine(2)
	s.is(short, s.Words.Paid, "with the last unit")
	s.pass(s.Window)
	s.mine(1)
	s.is(tiny, s.Over.Partial, "with a sixtieth, in the end")
}

// PayerIsNoTarget is incident 48: addresses are shown whole, and where money seems to come from is shown only as that,
// in the one place where it may be.
func (s *Shop) PayerIsNoTarget(only string) {
	const payer = "sim1payer"
	id := s.Create("poisoned")
	s.pay(id, s.Read(id).Quote.Due)
	s.mine(2)
	s.is(id, s.Words.Paid, "when it is paid")
	hooks := s.endpoint.Hooks()
	if len(hooks) == 0 {
		s.Error("nothing is told")
	}
	texts, whole := s.Shown(id), false
	for _, h := range hooks {
		texts = append(texts, h.Body)
	}
	for _, text := range texts {
		whole = whole || strings.Contains(text, `"`+string(s.Read(id).Quote.Address)+`"`)
		if only != "" {
			text = strings.ReplaceAll(text, only, "")
		}
		if strings.Contains(text, payer) {
			s.Errorf("the payer's address is in %s", text)
		}
	}
	if !whole {
		s.Error("the address is shown nowhere")
	}
}

// Told has an invoice paid in parts of so many percent, and its time go by. It answers the id, the transactions and what
// the shop was told.
func (s *Shop) Told(percent ...int64) (id string, txids []string, hooks []Hook) {
	id = s.Create("told")
	for _, p := range percent {
		units := new(big.Int).Mul(s.Read(id).Quote.Due, big.NewInt(p))
		txids = append(txids, s.pay(id, units.Div(units, big.NewInt(100))))
		s.mine(2)
	}
	s.pass(s.Window)
	s.mine(1)
	return id, txids, s.endpoint.Hooks()
}

// Feed is what three sources of rates say, "" when one is down, and whether an invoice can be priced by that.
type Feed struct {
	Name   string
	Says   [3]string
	Priced bool
}

// Feeds are what has happened to sources of rates, and what must come of it, for a price of 2000.
func Feeds() []Feed {
	return []Feed{
		{"A31: one source is down", [3]string{"2000", "", "2000"}, true},
		{"A31: all sources are down", [3]string{}, false},
		{"A31: one is not enough", [3]string{"", "2000", ""}, false},
		{"A32: one source talks nonsense", [3]string{"2000", "-7", "2000"}, true},
		{"Incident 36: one feed is a thousand times too high", [3]string{"2000", "2000000", "2000"}, true},
		{"Incident 36: and another one is down", [3]string{"2000", "2000000", ""}, false},
		{"Incident 37: nothing for a coin", [3]string{"0", "0", "0"}, false},
		{"Incident 37: two say nothing", [3]string{"0", "2000", "0"}, false},
	}
}

// Into has a service ask the three and believe what they agree on.
func (f Feed) Into(t testing.TB) func(*invoice.Config) {
	return func(c *invoice.Config) {
		var sources []rates.Named
		for i, says := range f.Says {
			sources = append(sources, rates.Named{Name: string(rune('a' + i)), Source: constant{says, c.Now}})
		}
		source, err := rates.NewMedian(rates.MedianConfig{Sources: sources, Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		c.Rates = source
	}
}

// constant says the same for every pair.
type constant struct {
	says string
	now  func() time.Time
}

func (c constant) Rate(_ context.Context, p rates.Pair) (rates.Rate, error) {
	if c.says == "" {
		return rates.Rate{}, &rates.HTTPError{Source: "down", Status: 403}
	}
	value, err := decimal.NewFromString(c.says)
	return rates.Rate{Pair: p, Value: value, Time: c.now(), Source: "constant"}, err
}
