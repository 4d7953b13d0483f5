// Package signertest has the suite that proves a payout.Signer:
//
//	signertest.Run(t, func(t *testing.T) signertest.Subject { ... })
package signertest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/cointill/cointill/payout"
)

// Subject is a signer and what it is asked. Each case gets a new one.
type Subject struct {
	Signer payout.Signer
	// Request is one that the signer signs, and Other another.
	Request, Other payout.SignRequest
	// Verify returns nil if signed is the validly signed form of unsigned: Spender.Verify decides that in production.
	Verify func(unsigned, signed []byte) error
	// Refused is a request that it refuses, and Later one that it signs later; both may be nil.
	Refused, Later *payout.SignRequest
}

// Run proves that the signers of the subjects keep the contract of payout.Signer.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	for _, c := range []struct {
		name, rule string
		run        func(t *testing.T, s Subject)
	}{
		{"Signs", "a signed transaction is the valid form of what was to be signed", signs},
		{"IsIdempotent", "the same request may come any number of times", again},
		{"SignsConcurrently", "a signer is called concurrently", together},
		{"LeavesTheRequest", "the caller owns the request", leaves},
		{"DoesNotSignWhatItCannotRead", "a signer reads what it signs", unreadable},
		{"DoesNotSignForAnotherNetwork", "a signature is for one network", elsewhere},
		{"EndsWithItsContext", "a call that was given up is no refusal", givenUp},
		{"StaysWithItsRefusal", "what was refused is never signed", refuses},
		{"SignsLater", "what is signed later is no failure", later},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Log("rule: " + c.rule)
			c.run(t, subject(t))
		})
	}
}

func signed(t *testing.T, s Subject, r payout.SignRequest) []byte {
	t.Helper()
	out, err := s.Signer.Sign(t.Context(), r)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	if err := s.Verify(r.Unsigned, out); err != nil {
		t.Fatalf("the signed transaction is not valid: %v", err)
	}
	return out
}

func signs(t *testing.T, s Subject) {
	first, other := signed(t, s, s.Request), signed(t, s, s.Other)
	if bytes.Equal(first, other) {
		t.Fatal("two transactions have the same signed form")
	}
	if s.Verify(s.Request.Unsigned, other) == nil {
		t.Fatal("Subject.Verify takes the signed form of another transaction")
	}
}

func again(t *testing.T, s Subject) {
	for range 3 {
		signed(t, s, s.Request)
	}
	r := s.Request
	r.Transaction, r.N = "another", 7
	signed(t, s, r)
}

func together(t *testing.T, s Subject) {
	var all sync.WaitGroup
	for i := range 16 {
		r := s.Request
		if i%2 == 1 {
			r = s.Other
		}
		all.Go(func() {
			if out, err := s.Signer.Sign(t.Context(), r); err != nil {
				t.Errorf("Sign: %v", err)
			} else if err := s.Verify(r.Unsigned, out); err != nil {
				t.Errorf("the signed transaction is not valid: %v", err)
			}
		})
	}
	all.Wait()
}

func leaves(t *testing.T, s Subject) {
	before := slices.Clone(s.Request.Unsigned)
	signed(t, s, s.Request)
	if !bytes.Equal(before, s.Request.Unsigned) {
		t.Fatal("Sign has changed the unsigned bytes")
	}
}

func unreadable(t *testing.T, s Subject) {
	whole := s.Request.Unsigned
	for _, bytes := range [][]byte{{0}, []byte("{}"), whole[:len(whole)-1], whole[1:], append(slices.Clone(whole), whole...)} {
		r := s.Request
		r.Unsigned = bytes
		if out, err := s.Signer.Sign(t.Context(), r); err == nil || out != nil {
			t.Fatalf("%d bytes that are no transaction: got %d signed bytes and error %v", len(bytes), len(out), err)
		}
	}
	signed(t, s, s.Request)
}

func elsewhere(t *testing.T, s Subject) {
	r := s.Request
	r.Network = "test:elsewhere"
	if out, err := s.Signer.Sign(t.Context(), r); err == nil || out != nil {
		t.Fatalf("got %d signed bytes and error %v", len(out), err)
	}
}

func givenUp(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Signer.Sign(ctx, s.Request)
	var refused *payout.RefusedError
	if errors.As(err, &refused) {
		t.Fatalf("a call that was given up is a refusal: %v", err)
	}
	signed(t, s, s.Request)
}

func refuses(t *testing.T, s Subject) {
	if s.Refused == nil {
		t.Skip("the subject refuses nothing")
	}
	for range 3 {
		out, err := s.Signer.Sign(t.Context(), *s.Refused)
		var refused *payout.RefusedError
		if !errors.As(err, &refused) || out != nil {
			t.Fatalf("got %d signed bytes and error %v instead of a RefusedError", len(out), err)
		}
		if refused.Code == "" {
			t.Fatal("the refusal has no Code")
		}
	}
	signed(t, s, s.Request)
}

func later(t *testing.T, s Subject) {
	if s.Later == nil {
		t.Skip("the subject signs at once")
	}
	if out, err := s.Signer.Sign(t.Context(), *s.Later); !errors.Is(err, payout.ErrLater) || out != nil {
		t.Fatalf("got %d signed bytes and error %v instead of ErrLater", len(out), err)
	}
}
