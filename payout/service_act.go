package payout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/chain"
)

// attempts is how often something is decided again on fresh facts, after somebody else changed them.
const attempts = 20

// Approve records that a person, whose name is required, approves the payout of the project. It returns ErrSamePerson for its requester and for a
// second approval by the same person, and a [StatusError] for a payout that waits for none.
func (s *Service) Approve(ctx context.Context, project, id, actor, comment string) (Payout, error) {
	return s.act(ctx, "approve", project, id, Action{Kind: ActionApprove, Actor: actor, Comment: comment}, func(p Payout) error {
		if p.State.Status != StatusRequested || p.Approvals == 0 {
			return &StatusError{p.ID, p.State.Status, "no approval is awaited"}
		}
		if p.with(Action{Kind: ActionApprove, Actor: actor}).approvals() == p.approvals() {
			return ErrSamePerson
		}
		return nil
	})
}

// Cancel asks that the payout is not paid. Before a transaction was shown to a signer, the payout is cancelled at once and
// its reservation given back. After that only a transaction that excludes the former ones can end it: Cancel then returns
// the payout as it is, and it is cancelled once that is final, or paid if a block takes a former version first. While the
// payout's greatest fee does not suffice for that transaction, the former version is still sent again when nodes forget
// it: later transactions of the same sender wait for one of them. A payout that was signed together with others is refused with a [StatusError]: see [Service.CancelTransaction].
func (s *Service) Cancel(ctx context.Context, project, id, actor, comment string) (Payout, error) {
	return s.act(ctx, "cancel", project, id, Action{Kind: ActionCancel, Actor: actor, Comment: comment}, func(p Payout) error {
		if p.State.Status.Ended() {
			return &StatusError{p.ID, p.State.Status, "it has ended"}
		}
		if p.State.Transaction == "" {
			return nil
		}
		t, err := s.cfg.Store.Transaction(ctx, p.State.Transaction)
		if err != nil {
			return err
		}
		if len(t.Payouts) > 1 && t.Stage != StagePlanned {
			return &StatusError{p.ID, p.State.Status, "its transaction, which pays others too, may be signed"}
		}
		return nil
	})
}

// act records a person's action on a payout, if check permits it, and decides again.
func (s *Service) act(ctx context.Context, what, project, id string, a Action, check func(Payout) error) (Payout, error) {
	err := checkNote(a.Actor, a.Comment)
	if a.Kind == ActionApprove && a.Actor == "" {
		err = refuse("actor", "", "is required")
	}
	if err != nil {
		return Payout{}, fmt.Errorf("payout: %s: %w", what, err)
	}
	for range attempts {
		p, err := s.actOnce(ctx, project, id, a, check)
		if err == nil {
			s.hint()
			return p, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Payout{}, fmt.Errorf("payout: %s: %w", what, err)
		}
	}
	return Payout{}, fmt.Errorf("payout: %s: %w", what, ErrConflict)
}

// checkNote refuses what a person wrote, and the person's name, if they are too long or no texts.
func checkNote(actor, text string) error {
	switch {
	case len(actor) > 190 || !clean(actor):
		return refuse("actor", "", "must be a text of at most 190 bytes")
	case len(text) > 255 || !clean(text):
		return refuse("comment", "", "must be a text of at most 255 bytes")
	}
	return nil
}

func (s *Service) actOnce(ctx context.Context, project, id string, a Action, check func(Payout) error) (Payout, error) {
	before, err := s.Payout(ctx, project, id)
	if err != nil {
		return Payout{}, err
	}
	if err := check(before); err != nil {
		return Payout{}, err
	}
	a.At = s.now()
	after := before.with(a)
	var b Batch
	if after.State.Transaction == "" {
		after.State = await(after, a.At)
		if err := s.end(ctx, &b, after); err != nil {
			return Payout{}, err
		}
	}
	if after, err = s.put(ctx, &b, before, after, ""); err != nil {
		return Payout{}, err
	}
	return after, s.commit(ctx, b)
}

// end adds to a batch what the end of a payout that no transaction pays implies: its reservation goes back.
func (s *Service) end(ctx context.Context, b *Batch, p Payout) error {
	if !p.State.Status.Ended() {
		return nil
	}
	b.Entries = append(b.Entries, voidEntry(p, s.now()))
	return s.unrefund(ctx, b, p, 1)
}

// Stopped is a network's stop switch.
type Stopped struct {
	Reason string    `json:"reason"`
	Actor  string    `json:"actor,omitempty"` // empty if the service did it itself
	At     time.Time `json:"at"`
}

// Stop turns a network's stop switch on: nothing is planned or signed there any more, and nothing is sent that was not
// sent before. What was sent is still observed, and sent again.
func (s *Service) Stop(ctx context.Context, network chain.Network, reason, actor string) error {
	if err := checkNote(actor, reason); err != nil {
		return fmt.Errorf("payout: stop %s: %w", network, err)
	}
	err := s.change(ctx, stopName(network), func([]byte) ([]byte, error) {
		return json.Marshal(Stopped{Reason: reason, Actor: actor, At: s.now()})
	})
	if err != nil {
		return fmt.Errorf("payout: stop %s: %w", network, err)
	}
	return nil
}

// Resume turns a network's stop switch off.
func (s *Service) Resume(ctx context.Context, network chain.Network) error {
	if err := s.change(ctx, stopName(network), func([]byte) ([]byte, error) { return nil, nil }); err != nil {
		return fmt.Errorf("payout: resume %s: %w", network, err)
	}
	s.hint()
	return nil
}

// Stopped returns the network's stop switch, or nil if it is off.
func (s *Service) Stopped(ctx context.Context, network chain.Network) (*Stopped, error) {
	var out Stopped
	has, err := s.load(ctx, stopName(network), &out)
	if err != nil {
		return nil, fmt.Errorf("payout: read the stop switch of %s: %w", network, err)
	}
	if !has {
		return nil, nil
	}
	return &out, nil
}

func stopName(network chain.Network) string { return "stop/" + string(network) }

// load reads a document, and reports whether it exists.
func (s *Service) load(ctx context.Context, name string, into any) (bool, error) {
	value, err := s.cfg.Store.Document(ctx, name)
	if err != nil || value == nil {
		return false, err
	}
	return true, json.Unmarshal(value, into)
}

// change replaces a document by what f makes of it, on its newest value.
func (s *Service) change(ctx context.Context, name string, f func(was []byte) ([]byte, error)) error {
	for range attempts {
		was, err := s.cfg.Store.Document(ctx, name)
		if err != nil {
			return err
		}
		value, err := f(was)
		if err != nil {
			return err
		}
		if value == nil && was == nil {
			return nil
		}
		err = s.commit(ctx, Batch{Documents: []Document{{Name: name, Was: was, Value: value}}})
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}
