package evm_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// FuzzBlock feeds a Node any pair of answers: it must answer an error, or a block that makes sense.
func FuzzBlock(f *testing.F) {
	var honest fakeBlock
	honest.tx(shop, 5).transfer(usdtContract, shop, 6)
	block, err := json.Marshal(honest.full())
	require.NoError(f, err)
	receipts, err := json.Marshal(honest.receipts())
	require.NoError(f, err)
	f.Add(block, receipts)
	f.Add([]byte(`{"number":"0x64","hash":"`+blockHash+`","transactions":[null]}`), []byte(`[null]`))
	f.Add([]byte(`null`), []byte(`null`))
	f.Fuzz(func(t *testing.T, block, receipts []byte) {
		n, err := evm.New(evm.Config{Network: network, RPC: rawBlock{block, receipts}, Assets: []chain.Asset{ether, usdt}})
		require.NoError(t, err)
		b, err := n.Block(t.Context(), 100)
		if err != nil {
			require.Empty(t, b)
			return
		}
		require.EqualValues(t, 100, b.Height)
		require.Len(t, b.Hash, 66)
		keys := make(map[chain.Key]bool)
		for _, x := range b.Transfers {
			require.Positive(t, x.Units.Sign())
			require.LessOrEqual(t, x.Units.BitLen(), 256)
			to, err := evm.ParseAddress(string(x.To))
			require.NoError(t, err)
			require.Equal(t, to, x.To)
			require.False(t, keys[x.Key()])
			keys[x.Key()] = true
		}
	})
}
