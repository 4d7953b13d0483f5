package kv_test

import (
	"context"
	"math/big"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/kv"
	"github.com/stretchr/testify/require"
)

const coin = chain.AssetID("sim:1/slip44:1")

// funded is a batch with every part: a payout, its transaction, and the coins that pay it.
func funded() payout.Batch {
	held := payout.Holding{Network: "sim:1", Name: "coin", Asset: coin}
	own, outside := payout.Account{Kind: payout.Float, Asset: coin}, payout.Account{Kind: payout.External, Asset: coin}
	return payout.Batch{
		Payouts: []payout.Payout{{ID: "pay", Project: "shop", Key: "key", ClaimHash: "claim", CreatedAt: at, Version: 1}},
		Transactions: []payout.Transaction{{
			ID: "tx", Network: "sim:1", Anchor: "coin", Versions: []payout.Version{{Spends: []string{"coin"}}},
			Stage: payout.StagePlanned, CreatedAt: at, Version: 1,
		}},
		Entries: []payout.Entry{{ID: "entry", Kind: payout.EntryFund, At: at, Postings: []payout.Posting{
			{Account: own, Units: big.NewInt(7)}, {Account: outside, Units: big.NewInt(-7)},
		}}},
		Moves:     []payout.Move{{Holding: held, Units: big.NewInt(7)}},
		Locks:     []payout.Lock{{Network: "sim:1", Name: "coin", Transaction: "tx"}},
		Receipts:  []payout.Receipt{{Key: chain.Key{Network: "sim:1", TxID: "a", Index: "0"}, Invoice: "a", Version: 1}},
		Credits:   []payout.Credit{{Invoice: "a", Network: "sim:1", Wait: 5, Version: 1}},
		Counters:  []payout.Counter{{Name: "sum", Delta: big.NewInt(1)}},
		Documents: []payout.Document{{Name: "doc", Value: []byte("text")}},
		Events:    []invoice.Event{{ID: "evt_pay_1", Payout: "pay", Seq: 1, Type: "payout.requested", At: at}},
		Messages:  []invoice.Message{{ID: "evt_pay_1", Payout: "pay", Seq: 1, Event: "payout.requested", URL: "https://shop.example/", At: at}},
	}
}

func commitFunded(t *testing.T, s *kv.Store) {
	t.Helper()
	require.NoError(t, s.CommitPayouts(t.Context(), funded()))
}

// callsOfBooks are the methods that concern payouts.
func callsOfBooks() map[string]func(context.Context, *kv.Store) error {
	next := funded()
	next.Payouts[0].Version, next.Transactions[0].Version, next.Receipts[0].Version, next.Credits[0].Version = 2, 2, 2, 2
	next.Payouts[0].State.Status = payout.StatusQueued
	next.Entries[0].ID, next.Documents[0].Was = "another", []byte("text")
	next.Unlocks, next.Events[0].Seq, next.Messages[0].ID = next.Locks, 2, "evt_pay_2"
	return map[string]func(context.Context, *kv.Store) error{
		"CommitPayouts": func(ctx context.Context, s *kv.Store) error { return s.CommitPayouts(ctx, next) },
		"Payout":        func(ctx context.Context, s *kv.Store) error { _, err := s.Payout(ctx, "pay"); return err },
		"PayoutBy": func(ctx context.Context, s *kv.Store) error {
			_, err := s.PayoutBy(ctx, payout.Reference{Project: "shop", Key: "key"})
			return err
		},
		"Payouts": func(ctx context.Context, s *kv.Store) error {
			_, err := s.Payouts(ctx, payout.Query{Project: "shop"})
			return err
		},
		"Transaction":      func(ctx context.Context, s *kv.Store) error { _, err := s.Transaction(ctx, "tx"); return err },
		"OpenTransactions": func(ctx context.Context, s *kv.Store) error { _, err := s.OpenTransactions(ctx, "sim:1"); return err },
		"Entry":            func(ctx context.Context, s *kv.Store) error { _, err := s.Entry(ctx, "entry"); return err },
		"Entries":          func(ctx context.Context, s *kv.Store) error { _, err := s.Entries(ctx, 0, 9); return err },
		"Balances":         func(ctx context.Context, s *kv.Store) error { _, err := s.Balances(ctx, ""); return err },
		"Lines": func(ctx context.Context, s *kv.Store) error {
			_, err := s.Lines(ctx, payout.Account{Kind: payout.Float, Asset: coin}, 0, 9)
			return err
		},
		"Totals":   func(ctx context.Context, s *kv.Store) error { _, err := s.Totals(ctx); return err },
		"Holdings": func(ctx context.Context, s *kv.Store) error { _, err := s.Holdings(ctx, "sim:1", "", 9); return err },
		"Holding":  func(ctx context.Context, s *kv.Store) error { _, err := s.Holding(ctx, "sim:1", "coin"); return err },
		"Locks": func(ctx context.Context, s *kv.Store) error {
			_, err := s.Locks(ctx, "sim:1", []string{"coin"})
			return err
		},
		"Receipts": func(ctx context.Context, s *kv.Store) error { _, err := s.Receipts(ctx, "a"); return err },
		"Credit":   func(ctx context.Context, s *kv.Store) error { _, err := s.Credit(ctx, "a"); return err },
		"CreditsWaiting": func(ctx context.Context, s *kv.Store) error {
			_, err := s.CreditsWaiting(ctx, "sim:1", 9, 9)
			return err
		},
		"Document":  func(ctx context.Context, s *kv.Store) error { _, err := s.Document(ctx, "doc"); return err },
		"Documents": func(ctx context.Context, s *kv.Store) error { _, err := s.Documents(ctx, "d", "", 9); return err },
	}
}
