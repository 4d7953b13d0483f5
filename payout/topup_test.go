package payout

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// ownStore knows transactions of ours by their ids on the chain.
type ownStore struct {
	Store
	purposes map[string]Purpose
	asked    int
}

func (s *ownStore) Document(_ context.Context, name string) ([]byte, error) {
	s.asked++
	for id := range s.purposes {
		if name == ownName("eip155:1", id) {
			return []byte(id), nil
		}
	}
	return nil, nil
}

func (s *ownStore) Transaction(_ context.Context, id string) (Transaction, error) {
	return Transaction{ID: id, Purpose: s.purposes[id]}, nil
}

// A payout to an address of our own invoices is income of the one who is paid; what moves our own coins is not.
func TestBooks_OnlyOurOwnMovesAreNoIncome(t *testing.T) {
	store := &ownStore{purposes: map[string]Purpose{"top-up": PurposeTopUp, "sweep": PurposeSweep, "payout": PurposePay}}
	s := &Service{cfg: Config{Store: store}, networks: map[chain.Network]*network{"eip155:1": {}}}
	key := func(id string) chain.Key { return chain.Key{Network: "eip155:1", TxID: id} }
	f := creditFacts{receipts: map[chain.Key]Receipt{key("known"): {}}}
	for _, id := range []string{"top-up", "sweep", "payout", "payer's", "known"} {
		f.payments = append(f.payments, invoice.Payment{Key: key(id)})
	}
	f.payments = append(f.payments, invoice.Payment{Key: chain.Key{Network: "eip155:2", TxID: "top-up"}})
	require.NoError(t, s.findOurs(t.Context(), &f))
	for id, ours := range map[string]bool{"top-up": true, "sweep": true, "payout": false, "payer's": false, "known": false} {
		require.Equal(t, ours, f.ours[key(id)], id)
	}
	require.Equal(t, 4, store.asked, "what is booked, and networks without books, are not looked at")
}
