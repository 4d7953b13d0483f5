package payout_test

import (
	"context"
	"errors"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

const (
	bank chain.Network = "sepa:main"
	euro chain.AssetID = "sepa:main/iso4217:EUR"
)

// fakeBank keeps one account in cents.
type fakeBank struct {
	mu       sync.Mutex // guards what follows
	has      map[string]payout.Instruction
	progress map[string]payout.Progress
	balance  int64
	calls    []string // of Submit
	lost     error    // what Submit returns although the bank has it
}

func (f *fakeBank) with(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fakeBank) Network() chain.Network { return bank }
func (f *fakeBank) Account() chain.Address { return "DE1" }

func (f *fakeBank) Receiver(_ context.Context, _ chain.Asset, to string, who payout.Beneficiary, units *big.Int) (chain.Address, error) {
	if !strings.HasPrefix(to, "DE") || units != nil && who.Name == "" {
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "no account, or nobody's"}
	}
	return chain.Address(strings.ReplaceAll(to, " ", "")), nil
}

func (f *fakeBank) Submit(_ context.Context, in payout.Instruction) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, in.ID)
	if _, has := f.has[in.ID]; !has {
		f.has[in.ID] = in
		f.progress[in.ID] = payout.Progress{Outcome: payout.OutcomePending}
	}
	return f.lost
}

func (f *fakeBank) Ask(_ context.Context, id string) (payout.Progress, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, has := f.progress[id]
	if !has {
		return payout.Progress{}, payout.ErrNotFound
	}
	return p, nil
}

func (f *fakeBank) Funding(_ context.Context, id string) (chain.AssetID, *big.Int, error) {
	switch id {
	case "loan":
		return euro, big.NewInt(100_000), nil
	case "negative":
		return euro, big.NewInt(-1), nil
	}
	return "", nil, payout.ErrNotFound
}

func (f *fakeBank) Balance(context.Context, chain.AssetID) (*big.Int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return big.NewInt(f.balance), nil
}

// withBank adds the bank to a shop, with 1000 euros for its project.
func withBank(t *testing.T, s *shop) *fakeBank {
	t.Helper()
	f := &fakeBank{has: map[string]payout.Instruction{}, progress: map[string]payout.Progress{}, balance: 100_000}
	s.open(func(c *payout.Config) {
		c.Networks = append(c.Networks, payout.NetworkConfig{Provider: f, Assets: []payout.AssetConfig{
			{Asset: chain.Asset{ID: euro, Code: "EUR", Decimals: 2}, MaxFee: big.NewInt(10)},
		}})
	})
	require.NoError(t, s.Fund(t.Context(), bank, "loan", "shop", "ben"))
	return f
}

func (s *shop) transfer(key, amount string) payout.Payout {
	s.t.Helper()
	r := s.request(key, amount)
	r.Asset, r.To, r.Beneficiary = euro, "DE 22", &payout.Beneficiary{Name: "Erika Muster"}
	p, err := s.Request(s.t.Context(), r)
	require.NoError(s.t, err)
	return p
}

// why returns the status of a payout with what there is for people.
func (s *shop) why(p payout.Payout) string { return s.status(p) + ": " + s.get(p).State.Detail }

func (s *shop) lookAtBank() {
	s.t.Helper()
	require.NoError(s.t, s.Look(s.t.Context(), bank))
}

// becomes sets what became of the only instruction of the payout.
func (f *fakeBank) becomes(p payout.Payout, progress payout.Progress) {
	f.with(func() {
		for id, in := range f.has {
			if in.Payout == p.ID {
				f.progress[id] = progress
			}
		}
	})
}

func TestAProviderPaysWhatItSaysIsPaid(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		f := withBank(t, s)
		s.book() // no chain has the provider's account
		p := s.transfer("salary", "500")
		require.Equal(t, chain.Address("DE22"), p.To)
		require.Equal(t, "available 49990, reserved 50010", s.balance("shop", euro))
		s.lookAtBank()
		require.Equal(t, "sent", s.status(p))
		require.Equal(t, "Erika Muster", slices.Collect(maps.Values(f.has))[0].Beneficiary.Name)
		f.becomes(p, payout.Progress{Outcome: payout.OutcomeConfirm, Why: "the account is of Erika Mustermann"})
		s.lookAtBank()
		require.Equal(t, "sent needs_confirmation: the account is of Erika Mustermann", s.why(p))
		f.becomes(p, payout.Progress{Outcome: payout.OutcomePending})
		s.lookAtBank()
		require.Equal(t, "sent", s.status(p))
		f.becomes(p, payout.Progress{Outcome: payout.OutcomePaid, Fee: big.NewInt(3)})
		s.lookAtBank()
		require.Equal(t, "paid", s.status(p))
		require.Equal(t, "available 49997", s.balance("shop", euro))
		f.with(func() { f.balance -= 50_003 })
		require.NoError(t, s.Audit(t.Context(), bank, func(d payout.Difference) { t.Error(d) }))
		s.sound()
	})
}

// In doubt the provider is asked. Nothing is submitted again that it has, and never anything else.
func TestAnInstructionInDoubtIsAskedFor(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		f := withBank(t, s)
		f.lost = errors.New("timeout")
		p := s.transfer("a", "10")
		s.lookAtBank()
		require.Equal(t, "signed", s.status(p))
		s.wait(2 * time.Minute)
		s.lookAtBank()
		require.Equal(t, "sent", s.status(p), "the bank says that it has it")
		require.Len(t, f.calls, 1)

		lost := s.transfer("b", "10")
		s.lookAtBank()
		f.with(func() { // it never came there
			delete(f.has, f.calls[1])
			delete(f.progress, f.calls[1])
		})
		s.lookAtBank()
		require.Len(t, f.calls, 2)
		s.wait(2 * time.Minute)
		s.lookAtBank()
		require.Len(t, f.calls, 3)
		require.Equal(t, f.calls[1], f.calls[2], "under the same ID")
		f.becomes(lost, payout.Progress{Outcome: payout.OutcomeFailed, Why: "AC04: account closed"})
		s.lookAtBank()
		require.Equal(t, "failed rejected: AC04: account closed", s.why(lost))
		s.sound()
		_, err := s.Cancel(t.Context(), "shop", p.ID, "ben", "")
		require.NoError(t, err)
		s.wait(2 * time.Minute)
		s.lookAtBank()
		require.Equal(t, "sent refused", s.status(p), "the bank has it")
		f.becomes(p, payout.Progress{Outcome: payout.OutcomePaid})
		s.lookAtBank()
		require.Equal(t, "paid", s.status(p))
		s.sound()
	})
}

// kindBank takes back what it has not begun with.
type kindBank struct{ *fakeBank }

func (f kindBank) Withdraw(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.progress[id].Outcome {
	case payout.OutcomePending:
		f.progress[id] = payout.Progress{Outcome: payout.OutcomeWithdrawn}
	case payout.OutcomeWithdrawn:
	case "":
		return payout.ErrNotFound
	default:
		return payout.ErrNoReplacement
	}
	return nil
}

// What a cancelled instruction became of is asked for. If the provider never got it, it gets it before it is taken back: it
// may be on its way.
func TestACancelledInstructionIsTakenBackOnceTheProviderHasIt(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		f := withBank(t, s)
		s.open(func(c *payout.Config) { c.Networks[1].Provider = kindBank{f} })
		p, lost := s.transfer("a", "10"), s.transfer("b", "10")
		s.lookAtBank()
		f.with(func() {
			delete(f.has, strings.ReplaceAll(lost.ID, "-", ""))
			delete(f.progress, strings.ReplaceAll(lost.ID, "-", ""))
		})
		for _, cancelled := range []payout.Payout{p, lost} {
			_, err := s.Cancel(t.Context(), "shop", cancelled.ID, "ben", "")
			require.NoError(t, err)
		}
		s.lookAtBank()
		s.lookAtBank()
		require.Equal(t, "cancelled operator", s.status(p))
		require.Equal(t, "sent refused", s.status(lost))
		for range 3 {
			s.wait(2 * time.Minute)
			s.lookAtBank()
		}
		require.Equal(t, "cancelled operator", s.status(lost))
		require.Equal(t, "available 100000", s.balance("shop", euro))
		s.sound()
	})
}

func TestWhatABankReturnsIsTheProjectsAgainAndIsNotPaidAgain(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		f := withBank(t, s)
		p := s.transfer("a", "500")
		s.lookAtBank()
		back := payout.Return{Network: bank, Instruction: f.calls[0], Units: big.NewInt(49_000), Reason: "AC04"}

		unknown := back
		unknown.Instruction = "x"
		_, err := s.Returned(t.Context(), unknown)
		require.ErrorIs(t, err, payout.ErrNotFound)
		other := back
		other.Network = network
		_, err = s.Returned(t.Context(), other)
		require.ErrorIs(t, err, payout.ErrNetwork)

		before := s.get(p)
		after, err := s.Returned(t.Context(), back)
		require.NoError(t, err)
		require.Equal(t, before.State, after.State, "it is not paid yet")
		require.Greater(t, after.Version, before.Version)

		f.becomes(p, payout.Progress{Outcome: payout.OutcomePaid})
		s.lookAtBank()
		more := back
		more.Units = big.NewInt(50_001)
		var invalid *payout.InvalidError
		_, err = s.Returned(t.Context(), more)
		require.ErrorAs(t, err, &invalid)
		for range 2 {
			_, err = s.Returned(t.Context(), back)
			require.NoError(t, err)
		}
		require.Equal(t, "returned returned: AC04", s.why(p))
		require.Equal(t, "available 99000", s.balance("shop", euro))
		s.lookAtBank()
		require.Len(t, f.calls, 1)
		_, err = s.MarkPaid(t.Context(), "shop", p.ID, "x", "ben", "")
		require.ErrorAs(t, err, new(*payout.StatusError))
		s.sound()
	})
}

// A bank that is asked late says both at once: that it has paid, and that the money came back.
func TestWhatCameBackBeforeAnybodyAskedIsBookedWithThePayment(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		f := withBank(t, s)
		p := s.transfer("a", "500")
		s.lookAtBank()
		f.becomes(p, payout.Progress{Outcome: payout.OutcomePaid, Fee: big.NewInt(3), Returned: big.NewInt(50_001), Why: "AC04"})
		require.ErrorContains(t, s.Look(t.Context(), bank), "came back", "more than was paid")
		f.becomes(p, payout.Progress{Outcome: payout.OutcomePaid, Fee: big.NewInt(3), Returned: big.NewInt(49_000), Why: "AC04"})
		s.lookAtBank()
		require.Equal(t, "returned returned: AC04", s.why(p))
		require.Equal(t, "available 98997", s.balance("shop", euro))
		_, err := s.Returned(t.Context(), payout.Return{Network: bank, Instruction: f.calls[0], Units: big.NewInt(49_000)})
		require.NoError(t, err)
		f.with(func() { f.balance -= 1003 })
		require.NoError(t, s.Audit(t.Context(), bank, func(d payout.Difference) { t.Error(d) }))
		s.sound()
	})
}

// A provider that tells another fee, or another end, of what has ended is not heard: its word counts once, and there is no
// reorganisation.
func TestWhatAProviderSaysOfWhatHasEndedChangesNothing(t *testing.T) {
	paid, failed := payout.OutcomePaid, payout.OutcomeFailed
	for name, c := range map[string]struct {
		first, then payout.Progress
		want        []string
	}{
		"another fee":                  {payout.Progress{Outcome: paid}, payout.Progress{Outcome: paid, Fee: big.NewInt(3)}, []string{"paid", "available 50000"}},
		"paid, and failed":             {payout.Progress{Outcome: paid, Fee: big.NewInt(3)}, payout.Progress{Outcome: failed}, []string{"paid", "available 49997"}},
		"failed, and paid":             {payout.Progress{Outcome: failed, Fee: big.NewInt(2)}, payout.Progress{Outcome: paid, Fee: big.NewInt(3)}, []string{"failed reverted", "available 99998"}},
		"failed for nothing, and paid": {payout.Progress{Outcome: failed}, payout.Progress{Outcome: paid}, []string{"failed reverted", "available 100000"}},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				f := withBank(t, s)
				p := s.transfer("salary", "500")
				s.lookAtBank()
				f.becomes(p, c.first)
				s.lookAtBank()
				f.becomes(p, c.then)
				for range 3 {
					s.lookAtBank()
					require.Equal(t, c.want, []string{s.status(p), s.balance("shop", euro)})
				}
				require.Equal(t, payout.StageBuried, s.transactionOf(p).Stage)
				require.Len(t, f.calls, 1)
				s.sound()
			})
		})
	}
}

// A faulty provider cannot bring money into the books that is not there.
func TestNegativeUnitsOfAProviderBookNothing(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		f := withBank(t, s)
		p := s.transfer("a", "500")
		s.lookAtBank()
		before := s.balance("shop", euro)
		for _, wrong := range []payout.Progress{
			{Outcome: payout.OutcomePaid, Fee: big.NewInt(-1)},
			{Outcome: payout.OutcomeFailed, Fee: big.NewInt(-1)},
			{Outcome: payout.OutcomePaid, Returned: big.NewInt(-1)},
		} {
			f.becomes(p, wrong)
			require.ErrorContains(t, s.Look(t.Context(), bank), "negative")
			require.Equal(t, before, s.balance("shop", euro))
		}
		require.ErrorContains(t, s.Fund(t.Context(), bank, "negative", "shop", "ben"), "brought -1 units")
		f.becomes(p, payout.Progress{Outcome: payout.OutcomePaid, Fee: big.NewInt(3)})
		s.lookAtBank()
		s.sound()
	})
}

func TestTheBeneficiaryIsPartOfTheRequest(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		withBank(t, s)
		p := s.transfer("a", "1")
		require.Equal(t, p.ID, s.transfer("a", "1").ID)
		r := s.request("a", "1")
		r.Asset, r.To, r.Beneficiary = euro, "DE22", &payout.Beneficiary{Name: "Max Muster"}
		_, err := s.Request(t.Context(), r)
		require.ErrorAs(t, err, new(*payout.KeyError))
		r.Key, r.Beneficiary = "b", nil
		_, err = s.Request(t.Context(), r)
		require.ErrorAs(t, err, new(*payout.RefusedError))
		r.Beneficiary = &payout.Beneficiary{Name: strings.Repeat("x", 141)}
		var invalid *payout.InvalidError
		_, err = s.Request(t.Context(), r)
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "Beneficiary.Name", invalid.Field)
		_, err = s.AllowReceiver(t.Context(), "shop", bank, "DE 22", "Erika", "ben")
		require.NoError(t, err)
	})
}
