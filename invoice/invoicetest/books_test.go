package invoicetest_test

import (
	"context"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

func (d distant) CommitPayouts(ctx context.Context, b payout.Batch) error {
	_, err := remotely(ctx, d.o, func(ctx context.Context) (struct{}, error) { return struct{}{}, d.s.CommitPayouts(ctx, b) })
	return err
}

func (d distant) Payout(ctx context.Context, id string) (payout.Payout, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (payout.Payout, error) { return d.s.Payout(ctx, id) })
}

func (d distant) PayoutBy(ctx context.Context, r payout.Reference) (payout.Payout, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (payout.Payout, error) { return d.s.PayoutBy(ctx, r) })
}

func (d distant) Payouts(ctx context.Context, q payout.Query) (payout.Page, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (payout.Page, error) { return d.s.Payouts(ctx, q) })
}

func (d distant) Transaction(ctx context.Context, id string) (payout.Transaction, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (payout.Transaction, error) { return d.s.Transaction(ctx, id) })
}

func (d distant) OpenTransactions(ctx context.Context, network chain.Network) ([]payout.Transaction, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]payout.Transaction, error) { return d.s.OpenTransactions(ctx, network) })
}

func (d distant) Entry(ctx context.Context, id string) (payout.Entry, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (payout.Entry, error) { return d.s.Entry(ctx, id) })
}

func (d distant) Entries(ctx context.Context, after int64, limit int) ([]payout.Entry, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]payout.Entry, error) { return d.s.Entries(ctx, after, limit) })
}

func (d distant) Balances(ctx context.Context, project string) ([]payout.Balance, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]payout.Balance, error) { return d.s.Balances(ctx, project) })
}

func (d distant) Lines(ctx context.Context, a payout.Account, after int64, limit int) ([]payout.Line, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]payout.Line, error) { return d.s.Lines(ctx, a, after, limit) })
}

func (d distant) Totals(ctx context.Context) ([]payout.Total, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]payout.Total, error) { return d.s.Totals(ctx) })
}

func (d distant) Holdings(ctx context.Context, network chain.Network, after string, limit int) ([]payout.Holding, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]payout.Holding, error) { return d.s.Holdings(ctx, network, after, limit) })
}

func (d distant) Locks(ctx context.Context, network chain.Network, names []string) (map[string]string, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (map[string]string, error) { return d.s.Locks(ctx, network, names) })
}

func (d distant) Receipts(ctx context.Context, invoiceID string) ([]payout.Receipt, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]payout.Receipt, error) { return d.s.Receipts(ctx, invoiceID) })
}

func (d distant) Credit(ctx context.Context, invoiceID string) (payout.Credit, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (payout.Credit, error) { return d.s.Credit(ctx, invoiceID) })
}

func (d distant) CreditsWaiting(ctx context.Context, network chain.Network, height uint64, limit int) ([]string, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]string, error) { return d.s.CreditsWaiting(ctx, network, height, limit) })
}

func (d distant) Document(ctx context.Context, name string) ([]byte, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]byte, error) { return d.s.Document(ctx, name) })
}

func (d distant) Documents(ctx context.Context, prefix, after string, limit int) ([]payout.Document, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]payout.Document, error) { return d.s.Documents(ctx, prefix, after, limit) })
}

func (d distant) Holding(ctx context.Context, network chain.Network, name string) (payout.Holding, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (payout.Holding, error) { return d.s.Holding(ctx, network, name) })
}
