package kv_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/webhook"
)

// measured counts the bytes that are read and written.
type measured struct {
	kv.DB
	bytes, written int
}

func (db *measured) View(ctx context.Context, f func(kv.Tx) error) error {
	return db.DB.View(ctx, func(tx kv.Tx) error { return f(measuredTx{tx, db}) })
}

func (db *measured) Update(ctx context.Context, f func(kv.Tx) error) error {
	return db.DB.Update(ctx, func(tx kv.Tx) error { return f(measuredTx{tx, db}) })
}

type measuredTx struct {
	kv.Tx
	db *measured
}

func (tx measuredTx) Get(key []byte) ([]byte, error) {
	value, err := tx.Tx.Get(key)
	tx.db.bytes += len(value)
	return value, err
}

func (tx measuredTx) Put(key, value []byte) error {
	tx.db.bytes += len(value)
	tx.db.written += len(value)
	return tx.Tx.Put(key, value)
}

func (tx measuredTx) Scan(from, to []byte, visit func(key, value []byte) bool) error {
	return tx.Tx.Scan(from, to, func(key, value []byte) bool {
		tx.db.bytes += len(value)
		return visit(key, value)
	})
}

// A payer can bring about as many messages as they send payments, and each tells of all payments.
func TestAMessageCostsTheSameHoweverManyThereAreAboutItsInvoice(t *testing.T) {
	cost := func(n int) int {
		db := &measured{DB: &sorted{}}
		s := kv.New(db)
		inv := newInvoice("a")
		var all []invoice.Message
		for seq := range int64(n) {
			m := newMessage(inv, seq+1)
			m.Body = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
			all = append(all, m)
		}
		require.NoError(t, s.Commit(t.Context(), invoice.Batch{Insert: []invoice.Invoice{inv}, Messages: all}))
		db.bytes = 0
		got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 9})
		require.NoError(t, err)
		require.Len(t, got, 1, "the others are held back")
		require.NoError(t, s.Record(t.Context(), got[0].Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDelivered}))
		next := newMessage(inv, int64(n)+1)
		require.NoError(t, s.Commit(t.Context(), invoice.Batch{Messages: []invoice.Message{next}}))
		return db.bytes
	}
	few, many := cost(5), cost(300)
	require.Less(t, many, few*3/2+100_000, "few cost %d bytes, many %d", few, many)
}

// packed is a database as it was when messages were kept in the document of their invoice or payout.
func packed(t *testing.T) *sorted { return stored(t, "testdata/packed.json") }

// stored is a database that a file has.
func stored(t *testing.T, file string) *sorted {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var pairs []struct{ Key, Value []byte }
	require.NoError(t, json.Unmarshal(text, &pairs))
	db := &sorted{}
	for _, p := range pairs {
		db.pairs = append(db.pairs, pair{p.Key, p.Value})
	}
	return db
}

// told describes the messages about an invoice or a payout.
func told(t *testing.T, s *kv.Store, id string) (out []string) {
	records, err := s.History(t.Context(), id, 0)
	require.NoError(t, err)
	for _, r := range records {
		out = append(out, fmt.Sprint(r.Message.ID, " ", r.State, " ", len(r.Attempts)))
	}
	return out
}

func TestMessagesThatWerePackedAreReadAndSent(t *testing.T) {
	s := kv.New(packed(t))
	require.Equal(t, []string{"evt_a_1 delivered 1", "evt_a_2 due 0", "evt_a_3 due 0"}, told(t, s, "a"))
	require.Equal(t, []string{"evt_b_1 due 1", "evt_b_2 dead 1"}, told(t, s, "b"))
	require.Equal(t, []string{"p1 delivered 1", "p2 due 0"}, told(t, s, "pay"))
	secrets, err := s.MessageSecrets(t.Context(), "", 100)
	require.NoError(t, err)
	require.Len(t, secrets, 7)

	var order []string
	for {
		got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 10})
		require.NoError(t, err)
		if len(got) == 0 {
			break
		}
		for _, d := range got {
			order = append(order, d.Message.ID)
			require.NoError(t, s.Record(t.Context(), d.Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDelivered}))
		}
	}
	require.ElementsMatch(t, []string{"evt_a_2", "evt_a_3", "evt_b_1", "p2"}, order)
	require.Equal(t, []string{"evt_a_1 delivered 1", "evt_a_2 delivered 1", "evt_a_3 delivered 1"}, told(t, s, "a"))
	require.Equal(t, []string{"p1 delivered 1", "p2 delivered 1"}, told(t, s, "pay"))
	secrets, err = s.MessageSecrets(t.Context(), "", 100)
	require.NoError(t, err)
	require.Len(t, secrets, 7)
}

func TestMessagesThatWerePackedAreJoinedByNewOnes(t *testing.T) {
	s := kv.New(packed(t))
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{Messages: []invoice.Message{newMessage(newInvoice("a"), 4)}}))
	require.NoError(t, s.CommitPayouts(t.Context(), payout.Batch{Messages: []invoice.Message{
		{ID: "p3", Payout: "pay", Seq: 3, Project: "shop", URL: "https://shop.example/p", Endpoint: "shop p", Body: []byte("{}")},
	}}))
	require.Equal(t, []string{"evt_a_1 delivered 1", "evt_a_2 due 0", "evt_a_3 due 0", "evt_a_4 due 0"}, told(t, s, "a"))
	require.Equal(t, []string{"p1 delivered 1", "p2 due 0", "p3 due 0"}, told(t, s, "pay"))
	inv, err := s.Invoice(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "order a", inv.OrderID)
	m, err := s.Resend(t.Context(), "pay", "")
	require.NoError(t, err)
	require.Equal(t, "p3", m.ID)
	got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 10})
	require.NoError(t, err)
	require.Len(t, got, 3, "one about each, the others are held back")
}

func TestAURLThatIsGoneIsSoForPackedMessagesToo(t *testing.T) {
	s := kv.New(packed(t))
	got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 10})
	require.NoError(t, err)
	for _, d := range got {
		if d.Message.Invoice == "a" {
			require.NoError(t, s.Record(t.Context(), d.Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDead, Gone: true}))
		}
	}
	require.Equal(t, []string{"evt_a_1 delivered 1", "evt_a_2 dead 1", "evt_a_3 dead 0"}, told(t, s, "a"))
}
