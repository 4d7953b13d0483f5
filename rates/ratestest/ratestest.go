// Package ratestest tests that a provider of rates keeps the contract of
// [rates.Source]. One call in a test of the provider is enough:
//
//	func TestConformance(t *testing.T) {
//		ratestest.Run(t, func(t *testing.T) rates.Source {
//			return myprovider.New(fakeServer(t).URL)
//		}, ratestest.Setup{
//			Known:   rates.Pair{Base: "BTC", Quote: "EUR"},
//			Value:   decimal.RequireFromString("58000.5"),
//			Unknown: rates.Pair{Base: "NOCOIN", Quote: "EUR"},
//			Stalled: func(t *testing.T) rates.Source {
//				return myprovider.New(silentServer(t).URL)
//			},
//		})
//	}
//
// The suite does not test how the real service responds to the provider's requests:
// the fake server should respond as the real one was seen to.
package ratestest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/rates"
)

// Setup describes what the source under test knows.
type Setup struct {
	// Known is a pair that the source has. It is required.
	Known rates.Pair
	// Value is the value of Known, or zero if that varies. Setting it finds a
	// source that has the two sides of the pair the wrong way round.
	Value decimal.Decimal
	// Unknown is a well-formed pair that the source does not have. It is
	// required.
	Unknown rates.Pair
	// Stalled returns a source whose service accepts the request and does not
	// respond. It is nil for a source that never waits.
	Stalled func(t *testing.T) rates.Source
	// Now is the clock of the source. The default is time.Now.
	Now func() time.Time
}

// Time limits of the suite. Only a failure uses up the patience.
const (
	patience = 10 * time.Second
	stall    = 50 * time.Millisecond
)

// rule is one clause of the contract and its check.
type rule struct {
	name  string
	text  string
	check func(ctx context.Context, s rates.Source, setup Setup) error
}

func rules() []rule {
	return []rule{
		{"known pair", "the rate of a known pair has its Pair, Value, Time and Source", checkKnown},
		{"unknown pair", "the error of a pair that the source does not have wraps rates.ErrNoRate", checkUnknown},
		{"malformed pair", "the error of a malformed pair wraps rates.ErrNoRate", checkMalformed},
		{"ended context", "a call with an ended context returns at once, and later calls are not affected", checkEnded},
		{"concurrent use", "concurrent calls do not disturb each other", checkConcurrent},
	}
}

// Run checks every clause of the contract, each on a fresh source of newSource.
func Run(t *testing.T, newSource func(t *testing.T) rates.Source, setup Setup) {
	t.Helper()
	if setup.Now == nil {
		setup.Now = time.Now
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if err := r.check(t.Context(), newSource(t), setup); err != nil {
				t.Errorf("%v\nrule: %s", err, r.text)
			}
		})
	}
	if setup.Stalled == nil {
		return
	}
	t.Run("stalled upstream", func(t *testing.T) {
		if err := checkStalled(t.Context(), setup.Stalled(t), setup); err != nil {
			t.Errorf("%v\nrule: a call ends soon after its context", err)
		}
	})
}

func checkKnown(ctx context.Context, s rates.Source, setup Setup) error {
	r, err := s.Rate(ctx, setup.Known)
	if err != nil {
		return fmt.Errorf("Rate(%s): %w", setup.Known, err)
	}
	if r.Pair != setup.Known {
		return fmt.Errorf("Rate(%s) returns the rate of %s", setup.Known, r.Pair)
	}
	if err := r.Validate(); err != nil {
		return fmt.Errorf("Rate(%s) is not valid: %w", setup.Known, err)
	}
	if r.Source == "" {
		return fmt.Errorf("Rate(%s) has no Source", setup.Known)
	}
	if now := setup.Now(); r.Time.After(now.Add(time.Minute)) {
		return fmt.Errorf("Rate(%s) has the time %s, but now is %s", setup.Known, r.Time, now)
	}
	if !setup.Value.IsZero() && !r.Value.Equal(setup.Value) {
		return fmt.Errorf("Rate(%s) = %s, want %s", setup.Known, r.Value, setup.Value)
	}
	return nil
}

func checkUnknown(ctx context.Context, s rates.Source, setup Setup) error {
	return wantNoRate(ctx, s, setup.Unknown)
}

func checkMalformed(ctx context.Context, s rates.Source, setup Setup) error {
	base, quote := setup.Known.Base, setup.Known.Quote
	for _, p := range []rates.Pair{
		{},
		{Base: base},
		{Quote: quote},
		{Base: strings.ToLower(base), Quote: quote},
		{Base: base, Quote: strings.ToLower(quote)},
		{Base: base, Quote: quote + "/"},
		{Base: "../" + base, Quote: quote},
		{Base: base, Quote: quote + "&x=y"},
		{Base: base, Quote: strings.Repeat("A", 1000)},
	} {
		if err := wantNoRate(ctx, s, p); err != nil {
			return err
		}
	}
	return nil
}

func wantNoRate(ctx context.Context, s rates.Source, p rates.Pair) error {
	r, err := s.Rate(ctx, p)
	if err == nil {
		return fmt.Errorf("Rate(%s) = %s, want an error", p, r.Value)
	}
	if !errors.Is(err, rates.ErrNoRate) {
		return fmt.Errorf("Rate(%s) fails with %w, which is not rates.ErrNoRate", p, err)
	}
	return nil
}

func checkEnded(ctx context.Context, s rates.Source, setup Setup) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := returns(ended, s, setup.Known); err != nil {
		return err
	}
	if err := checkKnown(ctx, s, setup); err != nil {
		return fmt.Errorf("after a call with an ended context: %w", err)
	}
	return nil
}

func checkStalled(ctx context.Context, s rates.Source, setup Setup) error {
	ending, cancel := context.WithTimeout(ctx, stall)
	defer cancel()
	return returns(ending, s, setup.Known)
}

// returns checks that a call ends with its context, either with that context's error
// or, from a source that never waits, with a rate.
func returns(ctx context.Context, s rates.Source, p rates.Pair) error {
	done := make(chan error, 1)
	go func() {
		_, err := s.Rate(ctx, p)
		done <- err
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, ctx.Err()) {
			return fmt.Errorf("Rate(%s) fails with %q, which does not wrap %q", p, err.Error(), ctx.Err().Error())
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("Rate(%s) has not returned %s after its context ended", p, patience)
	}
}

func checkConcurrent(ctx context.Context, s rates.Source, setup Setup) error {
	const callers = 8
	errs := make([]error, 2*callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { errs[2*i] = checkKnown(ctx, s, setup) })
		wg.Go(func() { errs[2*i+1] = checkUnknown(ctx, s, setup) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
