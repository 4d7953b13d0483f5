package signer

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// Family knows how the transactions of one network are read and signed. It holds no private key. Its methods do not block
// and may be called concurrently.
type Family interface {
	// Network returns the network.
	Network() chain.Network
	// Parse returns what the transaction does, all of it: it returns an error for anything that it does not know
	// completely. What it returns depends on the bytes alone.
	Parse(unsigned []byte) (payout.Parsed, error)
	// Sign signs the transaction. It asks for the private keys that it needs, 32 bytes each, by their paths below the key
	// of the account: branch and number. The keys are overwritten as soon as Sign returns. It returns an error, and no
	// signature, if a key is not that of what is spent. The same bytes get the same signature.
	Sign(unsigned []byte, key func(path ...uint32) (priv []byte, err error)) (signed []byte, err error)
}

// Policy decides whether a transaction may be signed, from what it does. It returns nil, payout.ErrLater if it may be
// signed later, a payout.RefusedError if it will never be signed, or any other error, which leaves it open.
//
// It may be called any number of times for the same bytes, also at once, and must count them once; r.Unsigned identifies
// them, the other fields of r are only what the caller says. After a refusal, it must refuse the same bytes for ever, also
// after a restart: those who asked may have paid by another transaction since.
type Policy func(ctx context.Context, r payout.SignRequest, p payout.Parsed) error

// GuardConfig configures a [Guard]. All fields are required.
type GuardConfig struct {
	Signer   payout.Signer
	Families []Family // of the networks that are signed for
	Policy   Policy
}

// Guard is a payout.Signer with a policy before another one. It refuses what its families cannot read. It is safe for
// concurrent use if the signer and the policy are.
type Guard struct {
	signer   payout.Signer
	families map[chain.Network]Family
	policy   Policy
}

var _ payout.Signer = (*Guard)(nil)

// NewGuard returns a Guard.
func NewGuard(c GuardConfig) (*Guard, error) {
	switch {
	case c.Signer == nil:
		return nil, fmt.Errorf("signer: GuardConfig.Signer is required")
	case c.Policy == nil:
		return nil, fmt.Errorf("signer: GuardConfig.Policy is required")
	case len(c.Families) == 0:
		return nil, fmt.Errorf("signer: GuardConfig.Families is empty")
	}
	g := &Guard{signer: c.Signer, families: map[chain.Network]Family{}, policy: c.Policy}
	for i, f := range c.Families {
		if f == nil {
			return nil, fmt.Errorf("signer: GuardConfig.Families[%d] is nil", i)
		}
		if g.families[f.Network()] != nil {
			return nil, fmt.Errorf("signer: GuardConfig.Families has %s twice", f.Network())
		}
		g.families[f.Network()] = f
	}
	return g, nil
}

// Sign implements payout.Signer. A network without a family is an error that leaves the transaction open.
func (g *Guard) Sign(ctx context.Context, r payout.SignRequest) ([]byte, error) {
	f := g.families[r.Network]
	if f == nil {
		return nil, &networkError{r.Network}
	}
	p, err := parse(f, r.Unsigned)
	if err != nil {
		return nil, err
	}
	if err := g.policy(ctx, r, p); err != nil {
		return nil, err
	}
	return g.signer.Sign(ctx, r)
}

// parse reads a transaction. It returns a RefusedError if the family cannot read it.
func parse(f Family, unsigned []byte) (payout.Parsed, error) {
	p, err := f.Parse(unsigned)
	if err == nil && p.Network != f.Network() {
		err = fmt.Errorf("it is of %s", p.Network)
	}
	if err != nil {
		return payout.Parsed{}, &payout.RefusedError{Code: payout.RefusedInvalid, Reason: "the transaction cannot be read: " + err.Error()}
	}
	return p, nil
}

// networkError is returned for a network that nothing is signed for.
type networkError struct{ network chain.Network }

func (e *networkError) Error() string {
	return fmt.Sprintf("signer: nothing is signed for network %.64q", e.network)
}
