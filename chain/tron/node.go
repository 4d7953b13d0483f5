package tron

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/lacks"
	"github.com/cointill/cointill/chain/internal/token"
)

// trustedTips is how many calls of Tip rely on block 0 and the tokens before they are read again: five minutes of
// blocks.
const trustedTips = 100

// heldTips is how many calls of Tip do while a token is held back: half a minute of blocks.
const heldTips = 10

// Config configures a [Node].
type Config struct {
	Network chain.Network // "tron:" and the chain id, such as [Mainnet]

	// URL is the HTTP API of a full node, without /wallet: "https://api.trongrid.io", "http://127.0.0.1:8090".
	URL string

	// Assets are the assets to watch, at least one: at most one native coin (namespace slip44), and tokens (namespace
	// trc20) with contracts in base58.
	Assets []chain.Asset

	SolidityURL string // base of /walletsolidity; URL if empty, but java-tron has it at port 8091
	APIKey      string // sent with every call as TRON-PRO-API-KEY, unless empty
	Genesis     string // id of block 0; may be empty for the public networks

	// IgnoreInternal leaves out the TRX that contracts pass on. Set it for nodes that have to agree with each other if
	// not all of them keep internal transactions: the others do not see these transfers.
	IgnoreInternal bool

	Client *http.Client // copied, without redirects; if nil, calls have a limit of 30 seconds
	Logger *slog.Logger // if nil, nothing is logged
}

// Node reads a network through the HTTP API of one full node. It implements [chain.Node], [chain.Examiner],
// [chain.Lacker] and [chain.Defaulter].
//
// A transfer's TxID is the transaction's id in lower case without 0x. Its Index is
//   - "value" for the TRX of a transfer transaction;
//   - for tokens the contract, "#", a number, ":" and the recipient. The number counts the Transfer logs of
//     that contract, of any amount and form, that come before it in the transaction;
//   - for TRX that a contract passed on "internal#", a number, ":" and the recipient. The number counts such
//     transfers that come before it in the transaction. Entries that are not transfers do not count, since nodes
//     differ in which of them they keep.
//
// These do not change when a reorganisation moves the transaction, or when other assets are configured. They include
// the recipient because a contract may act differently in another block.
type Node struct {
	network chain.Network
	genesis string
	api     *client
	log     *slog.Logger

	assets *token.Set
	inside bool // internal transactions count

	noGetBlock atomic.Bool  // the node has no getblock
	trust      atomic.Int64 // how many more calls of Tip rely on block 0 and the tokens as they were
}

var (
	_ chain.Node     = (*Node)(nil)
	_ chain.Examiner = (*Node)(nil)
	_ chain.Lacker   = (*Node)(nil)
)

// New returns a Node. It makes no call.
func New(c Config) (*Node, error) {
	if err := checkNetwork(c.Network); err != nil {
		return nil, fmt.Errorf("tron: Config.Network: %w", err)
	}
	first, err := genesisOf(c)
	if err != nil {
		return nil, fmt.Errorf("tron: Config.Genesis: %w", err)
	}
	if len(c.Assets) == 0 {
		return nil, errors.New("tron: Config.Assets: at least one asset is required")
	}
	api, err := newClient(c)
	if err != nil {
		return nil, err
	}
	n := &Node{network: c.Network, genesis: first, api: api, log: c.Logger, inside: !c.IgnoreInternal}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.assets = token.NewSet(c.Network, n.log)
	for _, a := range c.Assets {
		if err := n.watch(a); err != nil {
			return nil, fmt.Errorf("tron: Config.Assets: %w", err)
		}
	}
	return n, nil
}

// genesisOf returns the id of block 0, which ends with the chain id.
func genesisOf(c Config) (string, error) {
	known := genesis(c.Network)
	switch {
	case c.Genesis == "" && known == "":
		return "", fmt.Errorf("required, as %s is not a public network", c.Network)
	case c.Genesis == "":
		return known, nil
	case known != "" && c.Genesis != known:
		return "", fmt.Errorf("block 0 of %s is %s", c.Network, known)
	}
	var id hash
	if err := id.UnmarshalJSON([]byte(strconv.Quote(c.Genesis))); err != nil || id.String() != c.Genesis {
		return "", errors.New("must be 64 hexadecimal digits in lower case")
	}
	if "0x"+hex.EncodeToString(id[28:]) != c.Network.Reference() {
		return "", fmt.Errorf("does not end with the chain id of %s", c.Network)
	}
	return c.Genesis, nil
}

func (n *Node) watch(a chain.Asset) error {
	if err := checkAsset(a); err != nil {
		return err
	}
	return n.assets.Add(a, func(reference string) ([20]byte, error) { return parse(reference) })
}

// Lacks implements [chain.Lacker].
func (n *Node) Lacks() []chain.Lack { return n.assets.Lacks.All() }

// Network implements [chain.Node].
func (n *Node) Network() chain.Network { return n.network }

// Tip implements [chain.Node]. The id of block 0 and the decimals of every token are compared on the first call, on
// every hundredth, and on the first after any call that failed, since another machine may answer after a failure. A
// token with other decimals than configured is ErrWrongNetwork, unless it had the right ones before. In that case, and
// whenever the contract or the node does not return them, that token alone is held back, [Node.Lacks] lists it, and
// every tenth call asks again. If half of the time of Tip is too short for all tokens, the next call continues with
// the rest. For tokens the node must therefore call contracts: java-tron does with vm.supportConstant = true in its
// configuration. TRX does not need that.
//
// Finalized is the last solidified block: two thirds of the block producers have built on it. TRON has nothing between
// that and the last block, so Safe is the same.
func (n *Node) Tip(ctx context.Context) (chain.Tip, error) {
	tip, err := n.tip(ctx)
	if err != nil {
		n.doubt()
		return chain.Tip{}, fmt.Errorf("tron: read tip of %s: %w", n.network, err)
	}
	return tip, nil
}

func (n *Node) tip(ctx context.Context) (chain.Tip, error) {
	checked, trust := n.trust.Add(-1) < 0, int64(0)
	if checked {
		var err error
		if trust, err = n.checkIdentity(ctx); err != nil {
			return chain.Tip{}, err
		}
	}
	solid, err := n.headerAt(ctx, solidity, latest) // first, so that it is not beyond the tip
	if err != nil {
		return chain.Tip{}, err
	}
	last, err := n.headerAt(ctx, wallet, latest)
	if err != nil {
		return chain.Tip{}, err
	}
	if checked {
		n.trust.Store(trust - 1)
	}
	final := min(solid.Height, last.Height)
	return chain.Tip{Header: last, Safe: final, Finalized: final}, nil
}

// doubt records that another machine may answer from now on.
func (n *Node) doubt() {
	n.trust.Store(0)
	n.assets.Restart()
}

// checkIdentity verifies that the node serves the network, and verifies every token, or holds it back. It returns how
// many calls of Tip may rely on that, including this one.
func (n *Node) checkIdentity(ctx context.Context) (trust int64, err error) {
	first, err := n.headerAt(ctx, wallet, 0)
	if err != nil {
		return 0, err
	}
	if first.Hash != n.genesis {
		return 0, fmt.Errorf("%w: block 0 is %s instead of %s", chain.ErrWrongNetwork, first.Hash, n.genesis)
	}
	switch left, err := n.checkTokens(ctx); {
	case err != nil:
		return 0, err
	case left > 0:
		return 1, nil
	case n.assets.Holding():
		return heldTips, nil
	}
	return trustedTips, nil
}

// checkTokens asks about the tokens as long as there is time, and returns how many are left for the next call. Nothing
// new is known about these. The node answers other questions, so a failure concerns the tokens.
func (n *Node) checkTokens(ctx context.Context) (left int, err error) {
	asking, cancel := lacks.Within(ctx)
	defer cancel()
	due := n.assets.Due()
	for k, place := range due {
		err := n.checkDecimals(asking, n.assets.Tokens[place])
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err != nil && asking.Err() != nil && k > 0 {
			left = len(due) - k // it had less than its time
			break
		}
		if _, err := n.assets.Settle(ctx, place, err); err != nil {
			return 0, err
		}
	}
	n.assets.Leave(ctx, due, left)
	return left, nil
}

// constantAnswer is the response of triggerconstantcontract.
type constantAnswer struct {
	Result struct {
		Code    string `json:"code"`
		Message string `json:"message"` // in hexadecimal digits
	} `json:"result"`
	Energy int64    `json:"energy_used"`
	Words  []octets `json:"constant_result"`
	Tx     struct {
		Results []struct {
			Code string `json:"ret"`
		} `json:"ret"`
	} `json:"transaction"`
}

// check returns an error if the node did not call the contract, and reports whether the contract reverted.
func (a *constantAnswer) check(n *Node) (reverted bool, err error) {
	if code := a.Result.Code; code != "" && code != success {
		return false, fmt.Errorf("node reports: %s", n.api.secrets.Text(a.reason()))
	}
	for _, r := range a.Tx.Results {
		reverted = reverted || r.Code == "FAILED"
	}
	return reverted, nil
}

// reason returns the node's own words.
func (a *constantAnswer) reason() string {
	words := a.Result.Message
	if text, err := hex.DecodeString(words); err == nil && utf8.Valid(text) {
		words = string(text)
	}
	return strings.TrimSpace(a.Result.Code + " " + words)
}

// checkDecimals compares the result of decimals(), one word, with the configuration: ErrWrongNetwork if it is another
// number.
func (n *Node) checkDecimals(ctx context.Context, t chain.Asset) error {
	ctx, cancel := lacks.Each(ctx)
	defer cancel()
	contract, err := parse(t.ID.Reference())
	if err != nil {
		return err
	}
	at := hex.EncodeToString(append([]byte{prefix}, contract[:]...))
	var answer constantAnswer
	question := map[string]string{"owner_address": at, "contract_address": at, "function_selector": "decimals()"}
	if err := n.api.call(ctx, wallet, "triggerconstantcontract", question, &answer); err != nil {
		return fmt.Errorf("decimals of token %s: %w", t.ID, err)
	}
	reverted, err := answer.check(n)
	switch {
	case err != nil:
		return fmt.Errorf("decimals of token %s: %w", t.ID, err)
	case len(answer.Words) == 0:
		return fmt.Errorf("decimals of token %s: %w: no result", t.ID, chain.ErrIncomplete)
	case reverted:
		return fmt.Errorf("decimals of token %s: contract reports: %s", t.ID, n.api.secrets.Text(answer.reason()))
	}
	return token.CheckDecimals(t, answer.Words[0])
}

// Header implements [chain.Node]. The id is proven to be the hash of the header.
func (n *Node) Header(ctx context.Context, height uint64) (chain.Header, error) {
	var header chain.Header
	at, err := number(height)
	if err == nil {
		header, err = n.headerAt(ctx, wallet, at)
	}
	if err != nil {
		return chain.Header{}, fmt.Errorf("tron: read header %d of %s: %w", height, n.network, err)
	}
	return header, nil
}

// latest stands for the last block instead of a height.
const latest int64 = -1

// number returns a height in the form of the API. No block is higher.
func number(height uint64) (int64, error) {
	if at := int64(height); at >= 0 {
		return at, nil
	}
	return 0, chain.ErrNotFound
}

// headerAt reads a block without its transactions.
func (n *Node) headerAt(ctx context.Context, v view, at int64) (chain.Header, error) {
	answer, err := n.bareBlock(ctx, v, at)
	if err != nil {
		n.doubt()
		return chain.Header{}, err
	}
	if answer.nothing() {
		if at > 0 {
			return chain.Header{}, chain.ErrNotFound
		}
		return chain.Header{}, fmt.Errorf("%w: no block where one must exist", chain.ErrIncomplete)
	}
	header, err := answer.header()
	if err == nil && at != latest && header.Height != uint64(at) {
		err = fmt.Errorf("%w: block %d requested, but block %d received", chain.ErrIncomplete, at, header.Height)
	}
	return header, err
}

// bareBlock requests a block without its transactions. A node with some methods turned off, or an old one, only
// returns it with them.
func (n *Node) bareBlock(ctx context.Context, v view, at int64) (*wireBlock, error) {
	var answer wireBlock
	if !n.noGetBlock.Load() {
		question := map[string]any{"detail": false}
		if at != latest {
			question["id_or_num"] = strconv.FormatInt(at, 10)
		}
		err := n.api.call(ctx, v, "getblock", question, &answer)
		var status statusError
		if !errors.As(err, &status) || status != http.StatusNotFound {
			return &answer, err
		}
		n.noGetBlock.Store(true)
		n.log.WarnContext(ctx, "node has no getblock: reading whole blocks", "network", n.network)
	}
	if at == latest {
		return &answer, n.api.call(ctx, v, "getnowblock", struct{}{}, &answer)
	}
	return &answer, n.api.call(ctx, v, "getblockbynum", map[string]int64{"num": at}, &answer)
}
