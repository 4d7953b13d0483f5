package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/httpapitest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

var at = time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)

const token = "the token of an invoice"

// told returns a batch with an invoice that has a secret, a message with the same secret, and a payment.
func told(n int) invoice.Batch {
	inv := invoice.Invoice{
		ID: fmt.Sprint("inv-", n), Project: "shop", OrderID: fmt.Sprint("order-", n), Version: 1, CreatedAt: at,
		Data:  map[string]string{"secret": token, "other": "x"},
		State: invoice.State{Status: invoice.StatusNew, Wake: invoice.Wake{Time: at}},
	}
	return invoice.Batch{
		Insert: []invoice.Invoice{inv},
		Messages: []invoice.Message{{
			ID: "evt-" + inv.ID, Invoice: inv.ID, Seq: 1, Project: "shop", URL: "https://shop.example/" + inv.ID,
			Endpoint: "https://shop.example:443", Secret: token,
		}},
		Payments: []invoice.Payment{{Key: chain.Key{Network: "sim:1", TxID: "tx", Index: fmt.Sprint(n)}, Invoice: inv.ID, Asset: "sim:1/slip44:1"}},
	}
}

// locked returns a database with three invoices, of which the second was sealed with a lost key, and the backend of a
// process that has only the other key.
func locked(t *testing.T) (m *store.Memory, b store.Backend) {
	m = store.NewMemory()
	for n, key := range []string{newKey, oldKey, newKey} {
		require.NoError(t, seal(t, m, key).Commit(t.Context(), told(n)))
	}
	return m, seal(t, m, newKey)
}

func TestAnInvoiceThatCannotBeOpenedIsDamagedAndTheOthersComeBesideIt(t *testing.T) {
	_, b := locked(t)
	ctx := t.Context()
	named := func(err error) {
		t.Helper()
		var damaged *invoice.DamagedError
		require.ErrorAs(t, err, &damaged)
		require.Equal(t, []string{"inv-1"}, damaged.Invoices)
		require.ErrorIs(t, err, store.ErrNoKey)
		require.ErrorContains(t, err, `"2025"`)
	}
	_, err := b.Invoice(ctx, "inv-1")
	named(err)
	_, err = b.InvoiceByOrder(ctx, "shop", "order-1")
	named(err)
	keys := []chain.Key{{Network: "sim:1", TxID: "tx", Index: "0"}, {Network: "sim:1", TxID: "tx", Index: "1"}, {Network: "sim:1", TxID: "tx", Index: "2"}}
	for what, read := range map[string]func() ([]invoice.Invoice, error){
		"InvoicesPaid": func() ([]invoice.Invoice, error) { return b.InvoicesPaid(ctx, invoice.PaymentQuery{Keys: keys}) },
		"PaidInvoices": func() ([]invoice.Invoice, error) { return b.(invoice.PaidLister).PaidInvoices(ctx, "", 9) },
		"InvoicesWaking": func() ([]invoice.Invoice, error) {
			return b.InvoicesWaking(ctx, "", chain.Head{Time: at.Add(time.Hour)}, 9)
		},
		"Invoices": func() ([]invoice.Invoice, error) {
			page, err := b.Invoices(ctx, invoice.Query{Project: "shop", Limit: 9})
			require.Equal(t, 3, page.Total)
			return page.Invoices, err
		},
	} {
		list, err := read()
		named(err)
		require.Len(t, list, 2, what)
		for _, inv := range list {
			require.Equal(t, token, inv.Data["secret"], what)
		}
	}
}

// half is a store that cannot read an invoice either.
type half struct{ *store.Memory }

func (half) PaidInvoices(context.Context, string, int) ([]invoice.Invoice, error) {
	return []invoice.Invoice{
		{ID: "b", Data: map[string]string{"sealed": "sealed:1:2025:"}}, {ID: "c"},
	}, &invoice.DamagedError{Invoices: []string{"a"}, Err: errors.New("rotten")}
}

func TestWhatTheStoreCannotReadIsNamedWithWhatCannotBeOpened(t *testing.T) {
	list, err := seal(t, half{store.NewMemory()}, newKey).(invoice.PaidLister).PaidInvoices(t.Context(), "", 9)
	var damaged *invoice.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Equal(t, []string{"a", "b"}, damaged.Invoices)
	require.ErrorContains(t, err, "rotten")
	require.Len(t, list, 1)
}

func TestAMessageThatCannotBeOpenedIsNotSentAndComesAgain(t *testing.T) {
	m, b := locked(t)
	claimed, err := b.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 9})
	require.NoError(t, err)
	require.Len(t, claimed, 2)
	for _, d := range claimed {
		require.NotEqual(t, "inv-1", d.Message.Invoice)
		require.Equal(t, token, d.Message.Secret)
		require.NoError(t, b.Record(t.Context(), d.Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDelivered}))
	}
	wait, some, err := b.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.InDelta(t, 10*time.Minute, wait, float64(time.Minute))
	_, err = b.History(t.Context(), "inv-1", 0)
	require.ErrorIs(t, err, store.ErrNoKey)
	_, err = b.Resend(t.Context(), "inv-1", "")
	require.ErrorIs(t, err, store.ErrNoKey)

	whole := seal(t, m, newKey, oldKey)
	claimed, err = whole.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 9})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	require.Equal(t, token, claimed[0].Message.Secret)
	history, err := whole.History(t.Context(), "inv-1", 0)
	require.NoError(t, err)
	require.Contains(t, history[0].Attempts[0].Error, `sealed with key "2025"`)
	require.NotContains(t, history[0].Attempts[0].Error, token)
}

func TestWhatIsSealedForAnInvoiceFitsNoOther(t *testing.T) {
	m := store.NewMemory()
	b := seal(t, m, newKey)
	require.NoError(t, b.Commit(t.Context(), told(0)))
	require.NoError(t, b.Commit(t.Context(), told(1)))
	from, err := m.Invoice(t.Context(), "inv-0")
	require.NoError(t, err)
	to, err := m.Invoice(t.Context(), "inv-1")
	require.NoError(t, err)
	to.Data, to.Version = from.Data, 2
	require.NoError(t, m.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{to}}))
	_, err = b.Invoice(t.Context(), "inv-1")
	require.ErrorContains(t, err, "damaged, or sealed with another key")

	history, err := m.History(t.Context(), "inv-0", 0)
	require.NoError(t, err)
	theirs, err := m.History(t.Context(), "inv-1", 0)
	require.NoError(t, err)
	require.NoError(t, m.ReplaceSecrets(t.Context(), []store.SecretChange{
		{Message: "evt-inv-1", From: theirs[0].Message.Secret, To: history[0].Message.Secret},
	}))
	_, err = b.History(t.Context(), "inv-1", 0)
	require.ErrorContains(t, err, "damaged, or sealed with another key")
}

func TestResealSealsPlainTextAndSkipsWhatCannotBeOpened(t *testing.T) {
	m, _ := locked(t)
	require.NoError(t, m.Commit(t.Context(), told(3)))
	third := "third:" + fmt.Sprintf("%064d", 3)
	changed, err := sealed(t, m, third, newKey).Reseal(t.Context())
	require.Equal(t, 3+3, changed, "invoices and messages")
	require.ErrorIs(t, err, store.ErrNoKey)
	require.ErrorContains(t, err, "inv-1")
	changed, err = sealed(t, m, third, oldKey).Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, changed)
	b := seal(t, m, third)
	for n := range 4 {
		want := told(n).Insert[0]
		got, err := b.Invoice(t.Context(), want.ID)
		require.NoError(t, err)
		require.True(t, maps.Equal(want.Data, got.Data))
		raw, err := m.Invoice(t.Context(), want.ID)
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprint(raw.Data), token)
		require.NotContains(t, fmt.Sprint(raw.Data), "other")
	}
}

// restless is a store in which an invoice changes whenever Reseal has read it.
type restless struct {
	*store.Memory
	t    *testing.T
	left int
}

func (r *restless) Commit(ctx context.Context, b invoice.Batch) error {
	if r.left > 0 {
		r.left--
		inv, err := r.Invoice(ctx, "inv-0")
		require.NoError(r.t, err)
		inv.Version++
		inv.Name = fmt.Sprint("changed ", r.left)
		require.NoError(r.t, r.Memory.Commit(ctx, invoice.Batch{Update: []invoice.Invoice{inv}}))
	}
	return r.Memory.Commit(ctx, b)
}

func TestResealTakesNothingBackOfWhatOthersChange(t *testing.T) {
	m := store.NewMemory()
	for n := range 2 {
		require.NoError(t, seal(t, m, oldKey).Commit(t.Context(), told(n)))
	}
	changed, err := sealed(t, &restless{m, t, 3}, newKey, oldKey).Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, changed)
	inv, err := seal(t, m, newKey).Invoice(t.Context(), "inv-0")
	require.NoError(t, err)
	require.Equal(t, "changed 0", inv.Name)
	require.Equal(t, token, inv.Data["secret"])
	require.EqualValues(t, 5, inv.Version)
}

// plain is a backend that is no store.MessageSecrets.
type plain struct{ store.Backend }

func TestResealReturnsWhatItHasNotDone(t *testing.T) {
	m := store.NewMemory()
	require.NoError(t, m.Commit(t.Context(), told(0)))
	changed, err := sealed(t, plain{m}, newKey).Reseal(t.Context())
	require.ErrorContains(t, err, "MessageSecrets")
	require.Equal(t, 1, changed)

	ended, end := context.WithCancel(t.Context())
	end()
	_, err = sealed(t, m, newKey).Reseal(ended)
	require.ErrorIs(t, err, context.Canceled)
}

// raw keeps what is stored of replies.
type raw struct {
	httpapi.Replies
	stored [][]byte
}

func (r *raw) Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error {
	r.stored = append(r.stored, reply)
	return r.Replies.Finish(ctx, scope, key, running, reply, until)
}

func TestSealedRepliesKeepTheContract(t *testing.T) {
	s := sealed(t, store.NewMemory(), newKey)
	httpapitest.Replies(t, func(_ *testing.T, perScope int) httpapi.Replies { return s.Replies(httpapi.NewReplies(perScope)) })
}

func TestAReplyIsSealedAndNeedsItsKey(t *testing.T) {
	r := &raw{Replies: httpapi.NewReplies(0)}
	begin := func(scope string, entries ...string) ([]byte, error) {
		return sealed(t, store.NewMemory(), entries...).Replies(r).Begin(t.Context(), scope, "key", []byte("run"), at, at.Add(time.Hour))
	}
	_, err := begin("scope", oldKey)
	require.NoError(t, err)
	old := sealed(t, store.NewMemory(), oldKey).Replies(r)
	require.NoError(t, old.Finish(t.Context(), "scope", "key", []byte("run"), []byte(token), at.Add(time.Hour)))
	require.Len(t, r.stored, 1)
	require.NotContains(t, string(r.stored[0]), token)
	held, err := begin("scope", newKey, oldKey)
	require.NoError(t, err)
	require.Equal(t, token, string(held))
	held, err = begin("scope", newKey)
	require.ErrorIs(t, err, store.ErrNoKey)
	require.Nil(t, held)

	_, err = r.Begin(t.Context(), "another", "key", []byte("run"), at, at.Add(time.Hour))
	require.NoError(t, err)
	require.NoError(t, r.Replies.Finish(t.Context(), "another", "key", []byte("run"), r.stored[0], at.Add(time.Hour)))
	_, err = begin("another", oldKey)
	require.ErrorContains(t, err, "damaged", "a reply is its key's")
}
