// Package life tests the life of invoices that are paid on a simulated chain, in the same way through each API.
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

// Shop is a shop that accepts one asset through one API, in a bubble of testing/synctest. Payments need two confirmations.
type Shop struct {
	*testing.T
	Service *invoice.Service
	Hooks   webhook.Config // its Client is the Endpoint's
	Chain   *chaintest.Chain
	Asset   chain.Asset
	Poll    time.Duration // interval of everything that polls

	Create    func(order string) (id string)       // creates an invoice
	Status    func(id string) string               // returns the status of an invoice, in the API's words
	Shown     func(id string) []string             // returns all responses about an invoice
	Window    time.Duration                        // time to pay
	Tolerance int64                                // percentage that may be missing
	Words     struct{ Seen, Partial, Paid string } // statuses after enough was seen, after too little, and when paid
	Over      struct{ Unpaid, Partial string }     // statuses after the deadline

	endpoint Endpoint
}

// Play runs a service and a dispatcher until play returns.
func Play(t *testing.T, start time.Time, open func(t *testing.T) *Shop, play func(s *Shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start)) // until the chain begins
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
		s.Mine(1)
		s.Pass(s.Poll / 4) // between two polls
		play(s)
	})
}

// Pass waits, and then for everything that has begun by then.
func (s *Shop) Pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// After waits, and returns all webhooks that the shop has received.
func (s *Shop) After(d time.Duration) []Hook {
	s.Pass(d)
	return s.endpoint.Hooks()
}

// Mine adds blocks and waits until they are seen.
func (s *Shop) Mine(n int) {
	for range n {
		s.Chain.MineAt(time.Now())
	}
	s.Pass(5 * s.Poll)
}

// Received returns the webhooks that the shop received so far.
func (s *Shop) Received() []Hook { return s.endpoint.Hooks() }

// Read returns an invoice as it is stored.
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
	s.Pass(5 * s.Poll)
	return txid
}

func (s *Shop) is(id, want, when string) {
	s.Helper()
	if got := s.Status(id); got != want {
		s.Errorf("%s it is %s, not %s", when, got, want)
	}
}

// PaidInTime tests A18: an invoice whose payment is seen in time is paid, however late it is confirmed, and another is not.
func (s *Shop) PaidInTime() {
	inTime, late := s.Create("in-time"), s.Create("late")
	s.Pass(s.Window - time.Minute)
	s.pay(inTime, s.Read(inTime).Quote.Due)
	s.Pass(time.Hour)
	s.Mine(1)
	s.is(inTime, s.Words.Seen, "with one confirmation after the deadline")
	s.is(late, s.Over.Unpaid, "after the deadline")
	s.pay(late, s.Read(late).Quote.Due)
	s.Mine(2)
	s.is(inTime, s.Words.Paid, "deep enough")
	s.is(late, s.Over.Unpaid, "paid after the deadline")
}

// TooLittle tests incident 34: an invoice is not paid while one unit of the amount that the tolerance requires is missing.
func (s *Shop) TooLittle() {
	short, tiny := s.Create("short"), s.Create("tiny")
	due := s.Read(short).Quote.Due
	least := new(big.Int).Mul(due, big.NewInt(100-s.Tolerance)) // the least amount, in hundredths
	least.Add(least, big.NewInt(99)).Div(least, big.NewInt(100))
	s.pay(short, new(big.Int).Sub(least, big.NewInt(1)))
	s.pay(tiny, new(big.Int).Div(due, big.NewInt(60)))
	s.Mine(2)
	s.is(short, s.Words.Partial, "one unit short")
	s.is(tiny, s.Words.Partial, "with a sixtieth")
	s.pay(short, big.NewInt(1))
	s.Mine(2)
	s.is(short, s.Words.Paid, "with the last unit")
	s.Pass(s.Window)
	s.Mine(1)
	s.is(tiny, s.Over.Partial, "with a sixtieth, in the end")
}

// PayerIsNoTarget tests incident 48: addresses are shown whole, and the apparent sender of a payment is shown nowhere except
// in only.
func (s *Shop) PayerIsNoTarget(only string) {
	const payer = "sim1payer"
	id := s.Create("poisoned")
	s.pay(id, s.Read(id).Quote.Due)
	s.Mine(2)
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

// Told creates an invoice, pays it in parts of the given percentages, and passes its deadline. It returns the invoice's id,
// the transactions and the webhooks that the shop received.
func (s *Shop) Told(percent ...int64) (id string, txids []string, hooks []Hook) {
	id = s.Create("told")
	for _, p := range percent {
		units := new(big.Int).Mul(s.Read(id).Quote.Due, big.NewInt(p))
		txids = append(txids, s.pay(id, units.Div(units, big.NewInt(100))))
		s.Mine(2)
	}
	s.Pass(s.Window)
	s.Mine(1)
	return id, txids, s.endpoint.Hooks()
}

// Feed holds the rates of three sources, "" for one that is down, and whether an invoice can be priced by them.
type Feed struct {
	Name   string
	Says   [3]string
	Priced bool
}

// Feeds returns failures of rate sources that have occurred, and their expected results, for a rate of 2000.
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

// Into returns a function that configures a service with the median of the three sources.
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

// constant is a source with the same rate for every pair.
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
