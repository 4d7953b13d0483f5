package payout

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Transaction returns the transaction, or ErrNotFound.
func (s *Service) Transaction(ctx context.Context, id string) (Transaction, error) {
	t, err := s.cfg.Store.Transaction(ctx, id)
	if err != nil {
		return Transaction{}, fmt.Errorf("payout: transaction %s: %w", id, err)
	}
	return t, nil
}

// Export returns what is to be signed of a transaction, for a signer elsewhere. From then on the transaction may be
// signed, and even sent, without this process: only the chain can end it.
func (s *Service) Export(ctx context.Context, id string) (SignRequest, error) {
	for range attempts {
		t, err := s.cfg.Store.Transaction(ctx, id)
		if err != nil {
			return SignRequest{}, fmt.Errorf("payout: export transaction %s: %w", id, err)
		}
		if !t.Stage.Open() || t.Last().Signed() {
			return SignRequest{}, fmt.Errorf("payout: export transaction %s, which is %s: nothing is to be signed: %w", id, t.Stage, ErrNotFound)
		}
		t, err = s.offer(ctx, t, invoice.Lease{})
		if err == nil {
			return t.request(len(t.Versions) - 1), nil
		}
		if !errors.Is(err, ErrConflict) {
			return SignRequest{}, fmt.Errorf("payout: export transaction %s: %w", id, err)
		}
	}
	return SignRequest{}, fmt.Errorf("payout: export transaction %s: %w", id, ErrConflict)
}

// Import stores the signed form of a version that was exported, after it was checked against its plan. It refuses with
// ErrDiffers. It is idempotent. The transaction is sent at the next look.
func (s *Service) Import(ctx context.Context, id string, version int, signed []byte) (Transaction, error) {
	for range attempts {
		t, err := s.cfg.Store.Transaction(ctx, id)
		if err == nil && (version < 0 || version >= len(t.Versions) || !t.Versions[version].Offered) {
			err = ErrNotFound
		}
		if err != nil {
			return Transaction{}, fmt.Errorf("payout: import version %d of transaction %s: %w", version, id, err)
		}
		t, err = s.accept(ctx, t, version, signed, invoice.Lease{})
		if err == nil {
			s.hint()
			return t, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Transaction{}, fmt.Errorf("payout: import version %d of transaction %s: %w", version, id, err)
		}
	}
	return Transaction{}, fmt.Errorf("payout: import transaction %s: %w", id, ErrConflict)
}

// CancelTransaction asks that none of the transaction's payouts is paid by it: the next version pays us. Those that were
// not cancelled themselves are paid by another transaction once that version is buried.
func (s *Service) CancelTransaction(ctx context.Context, id, actor string) (Transaction, error) {
	for range attempts {
		t, err := s.cfg.Store.Transaction(ctx, id)
		if err != nil {
			return Transaction{}, fmt.Errorf("payout: cancel transaction %s: %w", id, err)
		}
		if !t.Stage.Open() || t.Stage == StageFinal {
			return Transaction{}, fmt.Errorf("payout: cancel transaction %s, which is %s: %w", id, t.Stage, ErrNoReplacement)
		}
		s.log.Info("a transaction is cancelled", "transaction", id, "actor", actor)
		t.Cancel = true
		t.Version++
		err = s.commit(ctx, Batch{Transactions: []Transaction{t}})
		if err == nil {
			s.hint()
			return t, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Transaction{}, fmt.Errorf("payout: cancel transaction %s: %w", id, err)
		}
	}
	return Transaction{}, fmt.Errorf("payout: cancel transaction %s: %w", id, ErrConflict)
}

// offer stores that a signer may have signed the last version.
func (s *Service) offer(ctx context.Context, t Transaction, fence invoice.Lease) (Transaction, error) {
	last := len(t.Versions) - 1
	if t.Versions[last].Offered {
		return t, nil
	}
	t.Versions = slices.Clone(t.Versions)
	t.Versions[last].Offered = true
	if t.Stage == StagePlanned {
		t.Stage = StageOffered
	}
	t.Version++
	t.UpdatedAt = s.now()
	if err := s.commit(ctx, Batch{Transactions: []Transaction{t}, Fence: fence}); err != nil {
		return t, fmt.Errorf("store that a transaction may be signed: %w", err)
	}
	return t, nil
}

// accept stores the signed form of a version, with the payouts that are signed by it.
func (s *Service) accept(ctx context.Context, t Transaction, i int, signed []byte, fence invoice.Lease) (Transaction, error) {
	n := s.networks[t.Network]
	if n == nil {
		return t, fmt.Errorf("%w: %s", ErrNetwork, t.Network)
	}
	raw, txID, err := n.Spender.Verify(t.Versions[i], signed)
	if err != nil {
		return t, err
	}
	if v := t.Versions[i]; v.Signed() { // another valid signature of the same: the first one stays
		return t, nil
	}
	t.Versions = slices.Clone(t.Versions)
	t.Versions[i].Raw, t.Versions[i].TxID = raw, txID
	if t.Stage == StageOffered {
		t.Stage = StageSigned
	}
	t.Version++
	t.UpdatedAt = s.now()
	b := Batch{Transactions: []Transaction{t}, Fence: fence}
	if err := s.named(ctx, &b, t, txID); err != nil {
		return t, err
	}
	for _, id := range t.Payouts {
		p, err := s.cfg.Store.Payout(ctx, id)
		if err != nil {
			return t, fmt.Errorf("read payout %s: %w", id, err)
		}
		if after := p; p.State.Status == StatusQueued && p.State.Transaction == t.ID {
			after.State.Status, after.State.Reason, after.State.Detail, after.State.TxID = StatusSigned, "", "", txID
			if _, err := s.put(ctx, &b, p, after, ""); err != nil {
				return t, err
			}
		}
	}
	if err := s.commit(ctx, b); err != nil {
		return t, fmt.Errorf("store a signed transaction: %w", err)
	}
	return t, nil
}

// named adds to a batch that a transaction of ours is on the chain under the id, unless that is known already: a block may have had
// it before its signature came here.
func (s *Service) named(ctx context.Context, b *Batch, t Transaction, txID string) error {
	name := ownName(t.Network, txID)
	known, err := s.cfg.Store.Document(ctx, name)
	if err != nil {
		return fmt.Errorf("look for %s among our own transactions: %w", txID, err)
	}
	if known == nil {
		b.Documents = append(b.Documents, Document{Name: name, Value: []byte(t.ID)})
	}
	return nil
}

// ownName is the document that names a transaction of ours by its id on the chain.
func ownName(network chain.Network, txID string) string {
	return fmt.Sprintf("own/%s/%s", network, txID)
}

// request returns what a signer gets for a version.
func (t Transaction) request(i int) SignRequest {
	return SignRequest{Network: t.Network, Transaction: t.ID, N: i, Lane: t.Lane, Unsigned: t.Versions[i].Unsigned}
}
