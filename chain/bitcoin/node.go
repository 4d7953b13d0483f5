package bitcoin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/cointill/cointill/chain"
)

// Config configures a [Node].
type Config struct {
	Params Params  // coin and network, such as [Bitcoin]; required
	RPC    *Client // see [Dial]; required. The node must support batches of calls, as Core, btcd and their relatives do

	// OptInRBF makes an unconfirmed transfer Replaceable only if its transaction signals it as BIP-125 specifies, or
	// if one of its unconfirmed ancestors does. That suits chains whose nodes keep the transaction that they saw
	// first, such as Bitcoin Cash, Litecoin and Dogecoin. By default every unconfirmed transfer is Replaceable, since
	// nodes of Bitcoin replace transactions whether they signal it or not (the default since Bitcoin Core 28). An
	// invoice that waits for no confirmation does not count a Replaceable transfer before it is in a block.
	OptInRBF bool

	Logger *slog.Logger // if nil, nothing is logged
}

// Node reads one chain of the family from a node with the JSON-RPC of Bitcoin Core. It implements [chain.Node],
// [chain.Pooler] and [chain.Defaulter].
//
// A transfer's TxID is the transaction's id as Core writes it, and its Index is "vout:" and the number of the output:
// together the outpoint, which no reorganisation changes. From is empty, as nobody signs for an output.
//
// Outputs of a coinbase are not transfers: a miner cannot spend them for 100 blocks or more, and they are lost when
// the block leaves the chain. Outputs of Litecoin's HogEx, which pays out of the extension block, are transfers; they
// cannot be spent for six blocks, and are never seen unconfirmed. Outputs to scripts without an address of this chain
// are not transfers, among them those that carry CashTokens, bare multisig and OP_RETURN.
//
// The transfers of a block of 3,000 payments take about 1.5 MB, multiplied by [chain.FollowConfig].Batch during a long
// catch-up: a Batch of 16 keeps Bitcoin under 50 MB.
type Node struct {
	params  Params
	rpc     *Client
	log     *slog.Logger
	asset   chain.AssetID
	genesis hash
	fork    hash
	index   []string // Index of the first outputs
	pool    pool
}

var (
	_ chain.Node   = (*Node)(nil)
	_ chain.Pooler = (*Node)(nil)
)

// New returns a Node. It makes no call.
func New(c Config) (*Node, error) {
	if c.RPC == nil {
		return nil, errors.New("bitcoin: Config.RPC is required")
	}
	n := &Node{params: c.Params, rpc: c.RPC, log: c.Logger, asset: c.Params.Asset().ID}
	if err := c.Params.Asset().Validate(); err != nil {
		return nil, fmt.Errorf("bitcoin: Config.Params: %w", err)
	}
	if err := n.genesis.parse(c.Params.Genesis); err != nil {
		return nil, fmt.Errorf("bitcoin: Config.Params.Genesis: %w", err)
	}
	if c.Params.Fork.Height > 0 {
		if err := n.fork.parse(c.Params.Fork.Hash); err != nil {
			return nil, fmt.Errorf("bitcoin: Config.Params.Fork: %w", err)
		}
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	for i := range 16 {
		n.index = append(n.index, "vout:"+strconv.Itoa(i))
	}
	n.pool = newPool(c.OptInRBF)
	return n, nil
}

// Network implements [chain.Node].
func (n *Node) Network() chain.Network { return n.params.Network }

// chainInfo is the part of getblockchaininfo that is used. It has no fractions.
type chainInfo struct {
	Chain   string `json:"chain"`
	Blocks  uint64 `json:"blocks"`
	Headers uint64 `json:"headers"`
	Best    hash   `json:"bestblockhash"`
	Initial bool   `json:"initialblockdownload"`
}

// slack is how many blocks a node may be behind the headers that it knows: between a header and its block, every node
// is behind by one.
const slack = 1

// Tip implements [chain.Node]. Every call compares block 0, and the block that distinguishes coins with the same block
// 0. A node that is still loading, in its first download, or more than a block behind the headers that it knows, is
// [chain.ErrBehind]. Only on a private chain (regtest) a node with all blocks may be in its first download: it reports
// that whenever nothing was mined for a day.
//
// Safe and Finalized are 0: these chains have no finality but work.
func (n *Node) Tip(ctx context.Context) (chain.Tip, error) {
	tip, err := n.tip(ctx)
	if err != nil {
		return chain.Tip{}, fmt.Errorf("bitcoin: read tip of %s: %w", n.params.Name, translate(err))
	}
	return tip, nil
}

func (n *Node) tip(ctx context.Context) (chain.Tip, error) {
	var info chainInfo
	var genesis, fork hash
	queries := []query{
		{method: "getblockchaininfo", result: &info},
		{method: "getblockhash", params: []any{0}, result: &genesis},
	}
	if n.params.Fork.Height > 0 {
		queries = append(queries, query{method: "getblockhash", params: []any{n.params.Fork.Height}, result: &fork})
	}
	if err := n.rpc.batch(ctx, queries); err != nil {
		return chain.Tip{}, err
	}
	for _, q := range queries[:2] {
		if q.err != nil {
			return chain.Tip{}, fmt.Errorf("%s: %w", q.method, q.err)
		}
	}
	if genesis != n.genesis {
		return chain.Tip{}, fmt.Errorf("%w: block 0 is %s", chain.ErrWrongNetwork, genesis)
	}
	if err := info.check(); err != nil {
		return chain.Tip{}, err
	}
	if n.params.Fork.Height > 0 {
		if err := n.checkFork(info, fork, queries[2].err); err != nil {
			return chain.Tip{}, err
		}
	}
	h, err := n.header(ctx, info.Best)
	if err != nil {
		return chain.Tip{}, err
	}
	return chain.Tip{Header: h.at(info.Blocks)}, nil
}

// check returns an error for a node that does not have its whole chain yet.
func (i chainInfo) check() error {
	switch private := i.Chain == "regtest"; {
	case i.Initial && !private:
		return fmt.Errorf("%w: in its initial block download, at block %d of %d", chain.ErrBehind, i.Blocks, i.Headers)
	case i.Blocks+slack < i.Headers:
		return fmt.Errorf("%w: at block %d of %d", chain.ErrBehind, i.Blocks, i.Headers)
	}
	return nil
}

func (n *Node) checkFork(info chainInfo, fork hash, err error) error {
	at := n.params.Fork.Height
	switch {
	case info.Blocks < at:
		return fmt.Errorf("%w: at block %d, and only block %d tells which chain it is on", chain.ErrBehind, info.Blocks, at)
	case err != nil:
		return fmt.Errorf("getblockhash: %w", err)
	case fork != n.fork:
		return fmt.Errorf("%w: block %d is %s", chain.ErrWrongNetwork, at, fork)
	}
	return nil
}

// The codes of Bitcoin Core's protocol.h that are used here.
const (
	codeMisc     = -1  // a block that was pruned; in btcd, a height beyond the tip
	codeNotFound = -5  // an unknown block or transaction
	codeRange    = -8  // a height beyond the tip
	codeDownload = -10 // in its first download
	codeWarmUp   = -28
)

func hasCode(err error, codes ...int) bool {
	var coded *Error
	return errors.As(err, &coded) && slices.Contains(codes, coded.Code)
}

// translate wraps a node's refusal in the error of package chain that it means, if any.
func translate(err error) error {
	if hasCode(err, codeWarmUp, codeDownload) {
		return fmt.Errorf("%w: %w", chain.ErrBehind, err)
	}
	return err
}

// at returns the header as a chain.Header.
func (h header) at(height uint64) chain.Header {
	answer := chain.Header{Height: height, Hash: h.hash.String(), Time: time.Unix(int64(h.time), 0).UTC()}
	if height > 0 {
		answer.Parent = h.parent.String()
	}
	return answer
}

// hashAt returns the hash of the block at a height.
func (n *Node) hashAt(ctx context.Context, height uint64) (hash, error) {
	var h hash
	err := n.rpc.Call(ctx, &h, "getblockhash", height)
	if hasCode(err, codeRange, codeMisc) {
		err = fmt.Errorf("%w: %w", chain.ErrNotFound, err)
	}
	return h, err
}

// header reads the header of a block and compares it with the hash.
func (n *Node) header(ctx context.Context, of hash) (header, error) {
	var h header
	err := n.rpc.raw(ctx, headerSize+maxPow, func(b []byte) (err error) {
		// Chains with merged mining append the proof of it.
		if len(b) > headerSize && !n.params.AuxPoW {
			return fmt.Errorf("%w: a header of %d bytes", chain.ErrIncomplete, len(b))
		}
		if h, err = parseHeader(b); err == nil && h.hash != of {
			err = fmt.Errorf("its hash is %s", h.hash)
		}
		if err != nil {
			return fmt.Errorf("%w: header of block %s: %w", chain.ErrIncomplete, of, err)
		}
		return nil
	}, "getblockheader", of.String(), false)
	if hasCode(err, codeNotFound) {
		err = fmt.Errorf("%w: %w", chain.ErrNotFound, err)
	}
	return h, err
}

// Header implements [chain.Node]. It compares the header with its hash; for the height, the node is trusted.
func (n *Node) Header(ctx context.Context, height uint64) (chain.Header, error) {
	h, err := n.hashAt(ctx, height)
	var found header
	if err == nil {
		found, err = n.header(ctx, h)
	}
	if err != nil {
		return chain.Header{}, fmt.Errorf("bitcoin: read header %d of %s: %w", height, n.params.Name, translate(err))
	}
	return found.at(height), nil
}

// Block implements [chain.Node]. It decodes the serialized block and compares the header with the node's hash for the
// height, the transactions with the header, and the height with the coinbase if the chain requires it there (BIP-34).
// A block that was pruned is [chain.ErrNotFound].
func (n *Node) Block(ctx context.Context, height uint64) (chain.Block, error) {
	var b chain.Block
	err := n.rawBlock(ctx, height, func(raw []byte, h hash) (err error) {
		b, err = n.decode(raw, h, height)
		return err
	})
	if err != nil {
		return chain.Block{}, err
	}
	return b, nil
}

// rawBlock calls use with the serialized block at a height, and the hash that the node has for it. The bytes must not
// be kept.
func (n *Node) rawBlock(ctx context.Context, height uint64, use func(raw []byte, of hash) error) error {
	h, err := n.hashAt(ctx, height)
	if err == nil {
		// Some versions of Dogecoin Core accept only a flag, as Core did before 0.15, and all accept one.
		var verbosity any = 0
		if n.params.AuxPoW {
			verbosity = false
		}
		err = n.rpc.raw(ctx, n.params.maxBlock(), func(raw []byte) error { return use(raw, h) }, "getblock", h.String(), verbosity)
		if hasCode(err, codeNotFound, codeMisc) {
			err = fmt.Errorf("%w: %w", chain.ErrNotFound, err)
		}
	}
	if err != nil {
		return fmt.Errorf("bitcoin: read block %d of %s: %w", height, n.params.Name, translate(err))
	}
	return nil
}
