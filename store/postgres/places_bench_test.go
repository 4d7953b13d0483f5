package postgres

import (
	"fmt"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// BenchmarkInvoicesAt looks up the 5,000 addresses of a block: of none of them, of 200, and of all, there are invoices.
func BenchmarkInvoicesAt(b *testing.B) {
	s, err := New(b.Context(), pgtest.Connect(b, server.Shared(b, "filled", prepareFilled)))
	require.NoError(b, err)
	for _, ours := range []int{0, 200, 5000} {
		b.Run(fmt.Sprintf("ours=%d", ours), func(b *testing.B) {
			places := make([]invoice.Place, 5000)
			for i := range places {
				places[i] = invoice.Place{Address: chain.Address(fmt.Sprintf("stranger-%d", i))}
				if i < ours {
					places[i] = invoice.Place{Address: chain.Address(fmt.Sprintf("address-%d", i*19%50000*2+1))}
				}
			}
			for b.Loop() {
				_, err := s.InvoicesAt(b.Context(), places)
				if ours == 0 { // the documents of the others are none
					require.NoError(b, err)
				}
			}
		})
	}
}
