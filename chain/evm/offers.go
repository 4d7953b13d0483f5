package evm

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
)

// Capabilities are the optional abilities of a node.
type Capabilities struct {
	// BlockReceipts is set if the node returns all receipts of a block in one call. Without it, Block needs many
	// calls.
	BlockReceipts bool
	// Traces is set if the node returns call traces, so that [Config.Traces] can be set. Without it, native coin that
	// a contract passes on within a transaction is not seen.
	Traces bool
	// Safe and Finalized are set if the node answers the tags of that name.
	Safe, Finalized bool
}

// Capabilities asks the node what it offers, for a check at the start or by hand. Whatever the node refuses counts as
// not offered, for whatever reason. It blocks on the network, may be called concurrently, and changes nothing.
func (n *Node) Capabilities(ctx context.Context) (Capabilities, error) {
	c, err := n.capabilities(ctx)
	if err != nil {
		return Capabilities{}, fmt.Errorf("evm: read what the node of %s offers: %w", n.network, err)
	}
	return c, nil
}

func (n *Node) capabilities(ctx context.Context) (Capabilities, error) {
	var latest, safe, finalized *wireHeader
	tags := []rpc.BatchElem{
		{Method: "eth_getBlockByNumber", Args: []any{"latest", false}, Result: &latest},
		{Method: "eth_getBlockByNumber", Args: []any{"safe", false}, Result: &safe},
		{Method: "eth_getBlockByNumber", Args: []any{"finalized", false}, Result: &finalized},
	}
	if err := n.batch(ctx, tags); err != nil {
		return Capabilities{}, err
	}
	if err := tags[0].Error; err != nil {
		return Capabilities{}, tidy(err)
	}
	if latest == nil {
		return Capabilities{}, fmt.Errorf("%w: no latest block", chain.ErrIncomplete)
	}
	c := Capabilities{
		Safe: tags[1].Error == nil && safe != nil, Finalized: tags[2].Error == nil && finalized != nil,
	}
	var receipts []*wireReceipt
	var traces []*wireTrace
	c.BlockReceipts = n.call(ctx, &receipts, "eth_getBlockReceipts", latest.Hash) == nil
	c.Traces = n.call(ctx, &traces, "debug_traceBlockByHash", latest.Hash, callTracer) == nil
	return c, ctx.Err()
}

// The gas that a transfer takes: of native coin by the protocol; of a token at most about this much, when the
// recipient has none of it yet.
const (
	gasOfCoin  = 21_000
	gasOfToken = 65_000
)

// Fee returns the present cost of sending one of the configured assets, in base units of the native coin: the node's
// gas price times the gas of a usual transfer. It is an estimate for people, such as how much coin an address needs
// before its tokens can be moved: the price changes with every block, some tokens need more gas, and rollups add a fee
// for data. It blocks on the network.
func (n *Node) Fee(ctx context.Context, asset chain.AssetID) (*big.Int, error) {
	gas := int64(gasOfToken)
	switch {
	case n.assets.Coin != nil && asset == *n.assets.Coin:
		gas = gasOfCoin
	case !n.assets.Has(asset):
		return nil, fmt.Errorf("evm: read fee: asset %.100q is not configured", asset)
	}
	var price *amount
	if err := n.call(ctx, &price, "eth_gasPrice"); err != nil {
		return nil, fmt.Errorf("evm: read fee on %s: %w", n.network, err)
	}
	if price == nil {
		return nil, fmt.Errorf("evm: read fee on %s: %w: no gas price", n.network, chain.ErrIncomplete)
	}
	return new(big.Int).Mul(price.units(), big.NewInt(gas)), nil
}
