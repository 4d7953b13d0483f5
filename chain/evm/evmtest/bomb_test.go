package evmtest

import (
	"errors"
	"io"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm"
)

// bomber passes what it gets to the receiver, and then calls an unused address as often as its input says, with 32 kB
// of memory each: each call costs about 130 gas, and the trace has the memory of all of them.
func bomber(to common.Address) string {
	return zeros + "34" + pushAdr + hexOf(to) + "5af150" + // pay
		"5f35" + "5b" + // n = input, loop:
		"5f5f" + "62008000" + "5f" + "5f" + pushAdr + "00000000000000000000000000000000000000aa" + "5af150" + // call
		"60019003" + "80" + "601f57" + "00" // n--, and again unless 0
}

// narrow cuts every answer at two megabytes, as a proxy does, or as this package does at sizes that take a test long.
type narrow struct{}

var errNarrow = errors.New("the answer is cut off")

func (narrow) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		resp.Body = &cut{resp.Body, 2 << 20}
	}
	return resp, err
}

type cut struct {
	io.ReadCloser
	left int
}

func (c *cut) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	if c.left -= n; c.left <= 0 {
		return 0, errNarrow
	}
	return n, err
}

func TestTransactionWithATraceThatIsTooLargeStopsNothing(t *testing.T) {
	w := newFull(t)
	inner := w.receiver(t)
	bomb := w.sender.deploy(t, bomber(inner))
	w.Mine(t, 1)
	shop := w.Address(t)
	w.Pay(t, w.assets[1], shop, big.NewInt(5_000_000)) // tokens
	forward := w.sender.deploy(t, passing(inner, "00"))
	txid := w.sender.send(t, &bomb, 7, common.LeftPadBytes(big.NewInt(60).Bytes(), 32))
	w.sender.send(t, &forward, 8, nil)
	w.Mine(t, 4)
	receipt, err := w.sender.client.TransactionReceipt(t.Context(), common.HexToHash(txid))
	require.NoError(t, err)
	require.Equal(t, uint64(1), receipt.Status)

	client, err := evm.Dial(t.Context(), w.url, &http.Client{Transport: narrow{}})
	require.NoError(t, err)
	defer client.Close()
	n, err := evm.New(evm.Config{Network: w.network, RPC: client, Assets: w.assets, Traces: true})
	require.NoError(t, err)
	f, err := chain.NewFollower(chain.FollowConfig{Node: n, Poll: time.Millisecond, Margin: -1})
	require.NoError(t, err)
	var l chaintest.Ledger
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	for cursor := chain.CursorSince(time.Unix(0, 0)); ; {
		s, err := f.Next(t.Context(), cursor)
		require.NoError(t, err)
		require.NoError(t, l.Apply(s))
		if cursor = s.Cursor; s.Head.Height == tip.Height {
			break
		}
	}
	require.Equal(t, "5000000", l.Balance(shop, w.assets[1]).String(), "the tokens are there")
	require.Equal(t, "8", l.Balance(chain.Address(inner.Hex()), w.assets[0]).String(), "and what others pass on")
	require.Equal(t, "7", l.Balance(chain.Address(bomb.Hex()), w.assets[0]).String(), "and what the transaction itself pays")
	var named []chain.Unexamined
	for _, b := range l.Blocks() {
		named = append(named, b.Unexamined...)
	}
	require.Len(t, named, 1)
	require.Equal(t, txid, named[0].TxID)
	require.Contains(t, named[0].Reason, errNarrow.Error())

	_, err = n.Examine(t.Context(), named[0])
	require.ErrorIs(t, err, errNarrow)
	found, err := w.traced(t).Examine(t.Context(), named[0])
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, "value", found[0].Index)
	require.Equal(t, "call#0:"+inner.Hex(), found[1].Index)
	require.Equal(t, "7", found[1].Units.String())
}
