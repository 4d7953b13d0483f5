package payout

import (
	"cmp"
	"context"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
)

// Transfer is a move of money between two projects, such as from a shop to the person who owns it. It moves no coins.
type Transfer struct {
	ID       string // the caller's own name of it, unique for ever, at most 190 bytes; required
	From, To string // projects, which must differ; required
	Asset    chain.AssetID
	Units    *big.Int // base units, positive
	Actor    string   // at most 190 bytes
}

// Transfer moves money from the available balance of a project to that of another. The same transfer again changes nothing;
// another one under its ID is refused with an [EntryError]. It refuses bad input with an [InvalidError], and too little
// money with an [InsufficientError].
func (s *Service) Transfer(ctx context.Context, t Transfer) error {
	if err := s.checkTransfer(t); err != nil {
		return fmt.Errorf("payout: transfer: %w", err)
	}
	var l ledger
	l.move(Account{t.From, Available, t.Asset}, Account{t.To, Available, t.Asset}, t.Units)
	e := l.entry(Entry{ID: "transfer:" + t.ID, Kind: EntryTransfer, Subject: t.ID, At: s.now(), Actor: t.Actor})
	if err := s.commit(ctx, Batch{Entries: []Entry{e}}); err != nil {
		return fmt.Errorf("payout: transfer: %w", err)
	}
	return nil
}

func (s *Service) checkTransfer(t Transfer) error {
	for _, f := range []struct{ field, value string }{{"ID", t.ID}, {"From", t.From}, {"To", t.To}} {
		if f.value == "" || len(f.value) > 190 || !clean(f.value) {
			return refuse(f.field, "", "must be a text of 1 to 190 bytes")
		}
	}
	n := s.networks[t.Asset.Network()]
	if n == nil {
		return fmt.Errorf("%w: %s", ErrNetwork, t.Asset)
	}
	_, has := n.assets[t.Asset]
	switch {
	case t.From == t.To:
		return refuse("To", t.To, "must be another project than From")
	case !has:
		return refuse("Asset", string(t.Asset), "is not configured")
	case orZero(t.Units).Sign() <= 0:
		return refuse("Units", cmp.Or(t.Units, new(big.Int)).String(), "must be positive")
	}
	return checkNote(t.Actor, "")
}
