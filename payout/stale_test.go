package payout

import (
	"context"
	"log/slog"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// recorder is a store that records what is committed.
type recorder struct {
	Store
	batches []Batch
}

func (r *recorder) CommitPayouts(_ context.Context, b Batch) error {
	r.batches = append(r.batches, b)
	return nil
}

// TestADecisionOnAStaleTransactionIsRefused: a process that was interrupted has an old transaction and new payouts. What
// it decides carries the transaction, with a version that the store refuses, also if only a payout changes.
func TestADecisionOnAStaleTransactionIsRefused(t *testing.T) {
	store := &recorder{}
	s := &Service{cfg: Config{Store: store, Now: nil, Meter: invoice.NoMeter()}, log: slog.New(slog.DiscardHandler)}
	s.cfg.Now = noon.Local
	r := &round{Service: s, n: &network{id: "eip155:1"}}
	tx := minedAt(oneTransaction(StageSigned, signedVersion("a", 10)), 0)
	paid := paidFee(onePayout("p", StatusPaid), 8)
	f := facts{tx: tx, payouts: []Payout{paid}, look: seen(inBlock(8, nil)), now: noon}
	d := decide(f)
	require.Equal(t, StatusSent, d.payouts[0].State.Status, "what the stale facts say")
	require.NoError(t, r.keep(t.Context(), f, &d))
	require.Len(t, store.batches, 1)
	require.Len(t, store.batches[0].Transactions, 1)
	require.Equal(t, tx.Version+1, store.batches[0].Transactions[0].Version)
}
