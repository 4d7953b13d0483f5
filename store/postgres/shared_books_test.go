package postgres_test

import (
	"context"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

func (p processes) CommitPayouts(ctx context.Context, b payout.Batch) error {
	return p.any().CommitPayouts(ctx, b)
}

func (p processes) Payout(ctx context.Context, id string) (payout.Payout, error) {
	return p.any().Payout(ctx, id)
}

func (p processes) PayoutBy(ctx context.Context, r payout.Reference) (payout.Payout, error) {
	return p.any().PayoutBy(ctx, r)
}

func (p processes) Payouts(ctx context.Context, q payout.Query) (payout.Page, error) {
	return p.any().Payouts(ctx, q)
}

func (p processes) Transaction(ctx context.Context, id string) (payout.Transaction, error) {
	return p.any().Transaction(ctx, id)
}

func (p processes) OpenTransactions(ctx context.Context, network chain.Network) ([]payout.Transaction, error) {
	return p.any().OpenTransactions(ctx, network)
}

func (p processes) Entry(ctx context.Context, id string) (payout.Entry, error) {
	return p.any().Entry(ctx, id)
}

func (p processes) Entries(ctx context.Context, after int64, limit int) ([]payout.Entry, error) {
	return p.any().Entries(ctx, after, limit)
}

func (p processes) Balances(ctx context.Context, project string) ([]payout.Balance, error) {
	return p.any().Balances(ctx, project)
}

func (p processes) Lines(ctx context.Context, a payout.Account, after int64, limit int) ([]payout.Line, error) {
	return p.any().Lines(ctx, a, after, limit)
}

func (p processes) Totals(ctx context.Context) ([]payout.Total, error) {
	return p.any().Totals(ctx)
}

func (p processes) Holdings(ctx context.Context, network chain.Network, after string, limit int) ([]payout.Holding, error) {
	return p.any().Holdings(ctx, network, after, limit)
}

func (p processes) Holding(ctx context.Context, network chain.Network, name string) (payout.Holding, error) {
	return p.any().Holding(ctx, network, name)
}

func (p processes) Locks(ctx context.Context, network chain.Network, names []string) (map[string]string, error) {
	return p.any().Locks(ctx, network, names)
}

func (p processes) Receipts(ctx context.Context, invoiceID string) ([]payout.Receipt, error) {
	return p.any().Receipts(ctx, invoiceID)
}

func (p processes) Credit(ctx context.Context, invoiceID string) (payout.Credit, error) {
	return p.any().Credit(ctx, invoiceID)
}

func (p processes) CreditsWaiting(ctx context.Context, network chain.Network, height uint64, limit int) ([]string, error) {
	return p.any().CreditsWaiting(ctx, network, height, limit)
}

func (p processes) Document(ctx context.Context, name string) ([]byte, error) {
	return p.any().Document(ctx, name)
}

func (p processes) Documents(ctx context.Context, prefix, after string, limit int) ([]payout.Document, error) {
	return p.any().Documents(ctx, prefix, after, limit)
}
