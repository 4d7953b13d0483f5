package invoice

import (
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/stretchr/testify/require"
)

// An invoice that is set aside has a payment, and a later block proves that it was there before the stamp of its own block.
// The proof waits with the invoice, as long as the block is there.
func TestWhatABlockProvesOfAPaymentWaitsWithItsInvoice(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2030, 1, 1, 12, minute, 0, 0, time.UTC) }
	paid := []Payment{{Key: chain.Key{TxID: "a"}, Block: BlockRef{Height: 39, Hash: "39", Time: at(9)}}}
	v := newView("sim:1")
	v.first, v.earliest = 40, at(5)
	a := v.part("i", nil, "refused", at(20)).with(paid, v)
	require.Equal(t, at(5), a.Earliest)
	list := setAside(nil, a)
	require.Len(t, list, 1, "nothing else is known of it")

	v.first, v.earliest = 41, at(7)
	list = setAside(list, v.part("i", nil, "refused", at(21)).with(paid, v))
	require.Len(t, list, 1)
	require.Equal(t, []any{uint64(40), at(5)}, []any{list[0].First, list[0].Earliest}, "it proves less")
	v.first, v.earliest = 42, at(3)
	list = setAside(list, v.part("i", nil, "refused", at(22)).with(paid, v))
	require.Equal(t, []any{uint64(42), at(3)}, []any{list[0].First, list[0].Earliest})

	require.Equal(t, list, stillThere(list, 42))
	require.Empty(t, stillThere(list, 41), "the block that proves it is gone")
	v.first, v.earliest = 60, at(1)
	require.Zero(t, v.part("i", nil, "refused", at(23)).with(paid, v).Earliest, "it is too far away")
}
