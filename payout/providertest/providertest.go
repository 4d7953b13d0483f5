// Package providertest has the suite that proves a payout.Provider:
//
//	providertest.Run(t, func(t *testing.T) providertest.Subject { ... })
package providertest

import (
	"context"
	"errors"
	"math/big"
	"sync"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// Subject is a provider, with an account that has money, and what is done on its other side. Each case gets a new one.
type Subject struct {
	Provider payout.Provider
	Asset    chain.Asset
	// To is a receiver that the provider accepts with Who, and Canonical how it spells it. Bad is one that it refuses.
	To, Bad   string
	Canonical chain.Address
	Who       payout.Beneficiary
	// Has returns the instructions that the provider's side has accepted, in order.
	Has func() []payout.Instruction
	// Pay and Fail end an instruction on the provider's side; Fail gives the reason.
	Pay  func(id string)
	Fail func(id, why string)
	// Receive brings units to the account, and returns the id of the payment.
	Receive func(units *big.Int) string
	// Stop makes the provider unreachable; nil if it cannot be.
	Stop func()
}

// Run proves that the providers of the subjects keep the contract of payout.Provider.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	for _, c := range []struct {
		name, rule string
		run        func(t *testing.T, s Subject)
	}{
		{"SpellsReceivers", "a receiver is stored as the provider spells it", spells},
		{"RefusesReceivers", "what cannot be paid is refused before anything is reserved", refuses},
		{"SubmitsOnceByID", "the same instruction is paid once", once},
		{"SubmitsConcurrently", "the same instruction is paid once, whoever submits it at the same time", together},
		{"KeepsTheFirst", "an id belongs to one instruction for ever", keeps},
		{"KnowsNoStranger", "what was not submitted is not found", stranger},
		{"PaysWhatIsBooked", "accepted is not paid", pays},
		{"FailsWithAReason", "what is not paid says why", fails},
		{"WithdrawsWhatIsNotBegun", "what was taken back is never paid", withdraws},
		{"FindsIncomingPayments", "what came in is booked by its id", funds},
		{"KnowsItsBalance", "the books can be compared", balance},
		{"EndsWithItsContext", "a call that was given up concludes nothing", givenUp},
		{"ConcludesNothingAlone", "a provider that is silent has not lost anything", silent},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Log("rule: " + c.rule)
			c.run(t, subject(t))
		})
	}
}

func (s Subject) instruction(id string, units int64) payout.Instruction {
	return payout.Instruction{
		ID: id, Payout: "payout of " + id, Asset: s.Asset, To: s.Canonical, Units: big.NewInt(units), MaxFee: new(big.Int), Beneficiary: s.Who,
	}
}

func (s Subject) submit(t *testing.T, in payout.Instruction) {
	t.Helper()
	if err := s.Provider.Submit(t.Context(), in); err != nil {
		t.Fatalf("Submit: %v", err)
	}
}

func (s Subject) outcome(t *testing.T, id string, want payout.Outcome) payout.Progress {
	t.Helper()
	p, err := s.Provider.Ask(t.Context(), id)
	if err != nil || p.Outcome != want {
		t.Fatalf("Ask(%s): %+v, %v; want %s", id, p, err, want)
	}
	return p
}

func spells(t *testing.T, s Subject) {
	for _, units := range []*big.Int{nil, big.NewInt(100)} {
		to, err := s.Provider.Receiver(t.Context(), s.Asset, s.To, s.Who, units)
		if err != nil || to != s.Canonical {
			t.Fatalf("Receiver: %q, %v; want %q", to, err, s.Canonical)
		}
	}
}

func refuses(t *testing.T, s Subject) {
	var refused *payout.RefusedError
	if _, err := s.Provider.Receiver(t.Context(), s.Asset, s.Bad, s.Who, big.NewInt(100)); !errors.As(err, &refused) {
		t.Fatalf("Receiver: %v; want a RefusedError", err)
	}
}

func once(t *testing.T, s Subject) {
	in := s.instruction("a1", 100)
	for range 3 {
		s.submit(t, in)
	}
	s.outcome(t, "a1", payout.OutcomePending)
	if has := s.Has(); len(has) != 1 || has[0].Units.Cmp(in.Units) != 0 || has[0].To != in.To || has[0].Beneficiary != in.Beneficiary {
		t.Fatalf("the provider has %+v", has)
	}
}

func together(t *testing.T, s Subject) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _ = s.Provider.Submit(t.Context(), s.instruction("a1", 100)) }) // some may be told to ask
	}
	wg.Wait()
	s.submit(t, s.instruction("a1", 100))
	if has := s.Has(); len(has) != 1 {
		t.Fatalf("the provider has %d instructions", len(has))
	}
}

func keeps(t *testing.T, s Subject) {
	s.submit(t, s.instruction("a1", 100))
	_ = s.Provider.Submit(t.Context(), s.instruction("a1", 200)) // it may refuse
	if has := s.Has(); len(has) != 1 || has[0].Units.Int64() != 100 {
		t.Fatalf("the provider has %+v", has)
	}
	s.submit(t, s.instruction("a2", 200))
	s.outcome(t, "a2", payout.OutcomePending)
}

func stranger(t *testing.T, s Subject) {
	if _, err := s.Provider.Ask(t.Context(), "a9"); !errors.Is(err, payout.ErrNotFound) {
		t.Fatalf("Ask: %v; want ErrNotFound", err)
	}
	if _, _, err := s.Provider.Funding(t.Context(), "nothing"); !errors.Is(err, payout.ErrNotFound) {
		t.Fatalf("Funding: %v; want ErrNotFound", err)
	}
}

func pays(t *testing.T, s Subject) {
	s.submit(t, s.instruction("a1", 100))
	s.outcome(t, "a1", payout.OutcomePending)
	s.Pay("a1")
	s.outcome(t, "a1", payout.OutcomePaid)
	s.submit(t, s.instruction("a1", 100))
	s.outcome(t, "a1", payout.OutcomePaid)
}

func fails(t *testing.T, s Subject) {
	s.submit(t, s.instruction("a1", 100))
	s.Fail("a1", "AC04")
	if p := s.outcome(t, "a1", payout.OutcomeFailed); p.Why == "" {
		t.Fatal("it does not say why")
	}
	s.submit(t, s.instruction("a1", 100))
	s.outcome(t, "a1", payout.OutcomeFailed)
}

func withdraws(t *testing.T, s Subject) {
	w, able := s.Provider.(payout.Withdrawer)
	if !able {
		return
	}
	if err := w.Withdraw(t.Context(), "a9"); !errors.Is(err, payout.ErrNotFound) {
		t.Fatalf("Withdraw: %v; want ErrNotFound", err)
	}
	s.submit(t, s.instruction("a1", 100))
	for range 2 {
		if err := w.Withdraw(t.Context(), "a1"); err != nil {
			t.Fatalf("Withdraw: %v", err)
		}
	}
	s.submit(t, s.instruction("a1", 100))
	s.outcome(t, "a1", payout.OutcomeWithdrawn)
	s.submit(t, s.instruction("a2", 100))
	s.Pay("a2")
	if err := w.Withdraw(t.Context(), "a2"); !errors.Is(err, payout.ErrNoReplacement) {
		t.Fatalf("Withdraw: %v; want ErrNoReplacement", err)
	}
	s.outcome(t, "a2", payout.OutcomePaid)
}

func funds(t *testing.T, s Subject) {
	id := s.Receive(big.NewInt(777))
	asset, units, err := s.Provider.Funding(t.Context(), id)
	if err != nil || asset != s.Asset.ID || units.Int64() != 777 {
		t.Fatalf("Funding: %s, %s, %v", asset, units, err)
	}
}

func balance(t *testing.T, s Subject) {
	before, err := s.Provider.Balance(t.Context(), s.Asset.ID)
	if err != nil {
		t.Fatalf("Balance: %v", err)
	}
	s.Receive(big.NewInt(777))
	after, err := s.Provider.Balance(t.Context(), s.Asset.ID)
	if err != nil || new(big.Int).Sub(after, before).Int64() != 777 {
		t.Fatalf("Balance: %s after %s, %v", after, before, err)
	}
}

func givenUp(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Provider.Ask(ctx, "a1"); err == nil || errors.Is(err, payout.ErrNotFound) {
		t.Fatalf("Ask: %v", err)
	}
}

func silent(t *testing.T, s Subject) {
	if s.Stop == nil {
		return
	}
	s.submit(t, s.instruction("a1", 100))
	s.Stop()
	if _, err := s.Provider.Ask(t.Context(), "a1"); err == nil || errors.Is(err, payout.ErrNotFound) {
		t.Fatalf("Ask: %v; want an error that concludes nothing", err)
	}
}
