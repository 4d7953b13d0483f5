package evmtest

import (
	"context"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm"
)

func TestGeth(t *testing.T) { chaintest.Run(t, NewGeth) }

func TestAnvil(t *testing.T) { chaintest.Run(t, NewAnvil) }

func TestGeth_WithoutBlockReceipts(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) chaintest.World { return poor{NewGeth(t).(*world)} })
}

func TestAnvil_WithoutBlockReceipts(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) chaintest.World { return poor{NewAnvil(t).(*world)} })
}

// poor is a world whose node has no eth_getBlockReceipts.
type poor struct{ *world }

func (w poor) Node(t *testing.T) chain.Node {
	n, err := evm.New(evm.Config{Network: w.network, RPC: poorCaller{dial(t, w.url)}, Assets: w.assets})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type poorCaller struct{ *evm.Client }

func (c poorCaller) CallContext(ctx context.Context, result any, method string, args ...any) error {
	if method == "eth_getBlockReceipts" {
		method = "eth_noSuchMethod" // the real node's own error
	}
	return c.Client.CallContext(ctx, result, method, args...)
}
