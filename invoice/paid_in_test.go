package invoice_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// paidIn answers the ids of the project's invoices that were paid in the transaction.
func (w *world) paidIn(project, txID string) []string {
	w.t.Helper()
	found, err := w.svc.InvoicesPaidIn(w.t.Context(), project, txID)
	require.NoError(w.t, err)
	ids := []string{}
	for _, inv := range found {
		require.NotEmpty(w.t, inv.Payments)
		ids = append(ids, inv.ID)
	}
	return ids
}

func TestInvoicesAreFoundByTheTransactionThatPaidThem(t *testing.T) {
	inWorld(t, func(w *world) {
		first, second := w.create(), w.create()
		foreign := w.create(func(r *invoice.Request) { r.Project = "rival" })
		to := func(inv invoice.Invoice) chaintest.Output {
			return chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "1")}
		}
		one := w.pay(first, "SIM", "1")
		all := w.chain.Send(to(first), to(foreign), to(second), to(first))
		w.mine(1)
		require.Equal(t, []string{first.ID}, w.paidIn("shop", one))
		require.Equal(t, []string{second.ID, first.ID}, w.paidIn("shop", all), "each once, the newest first")
		require.Equal(t, []string{foreign.ID}, w.paidIn("rival", all))
		require.Equal(t, []string{foreign.ID, second.ID, first.ID}, w.paidIn("", all), "anybody's")
		require.Empty(t, w.paidIn("rival", one))
		require.Empty(t, w.paidIn("shop", "unknown"))
		require.Empty(t, w.paidIn("shop", ""))
		w.chain.Reorganise(1, 1, chaintest.Lost)
		w.mine(1)
		require.Empty(t, w.paidIn("", all), "the chain no longer has it")
	})
}

// unread is a store in which what a transaction paid cannot be read.
type unread struct {
	backend
	err error
}

func (u unread) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	found, err := u.backend.InvoicesPaid(ctx, q)
	return found, errors.Join(err, u.err)
}

func TestADamagedInvoiceOfATransactionIsPassedOver(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		tx := w.pay(inv, "SIM", "1")
		w.mine(1)
		w.svc = w.svc.Within(unread{w.store, &invoice.DamagedError{Invoices: []string{"another"}, Err: errors.New("bad document")}})
		require.Equal(t, []string{inv.ID}, w.paidIn("shop", tx))
		lost := errors.New("the store is gone")
		_, err := w.svc.Within(unread{w.store, lost}).InvoicesPaidIn(t.Context(), "shop", tx)
		require.ErrorIs(t, err, lost)
	})
}
