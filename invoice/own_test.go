package invoice_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// TestATransactionOfTheHostsOwnIsNoPayment: an address gets coins for the fee of a sweep, from the shop itself.
func TestATransactionOfTheHostsOwnIsNoPayment(t *testing.T) {
	var topUp string
	var down error
	own := func(c *invoice.Config) {
		c.Own = func(_ context.Context, network chain.Network, txID string) (bool, error) {
			return txID == topUp && network == c.Chains[0].Watcher.Network(), down
		}
	}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		seq := w.get(inv).Seq
		down = errors.New("the books do not answer")
		topUp = w.pay(inv, "SIM", "1")
		w.mine(1)
		require.Equal(t, seq, w.get(inv).Seq, "nothing is concluded while it is unknown")
		down = nil
		w.mine(4)
		require.Equal(t, seq, w.get(inv).Seq, "nobody is told of it")
		require.Equal(t, exact, w.get(inv).State.Outcome)
		w.pay(inv, "SIM", "1")
		w.mine(3)
		require.Equal(t, invoice.OutcomeOver, w.get(inv).State.Outcome, "what a payer sends still counts")
	}, own)
}
