package evm

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/lacks"
	"github.com/cointill/cointill/chain/internal/token"
)

// decimalsCall is the call data of decimals().
const decimalsCall = "0x313ce567"

// byConfig is why logs are not proven with [Config.UnprovenLogs].
const byConfig = "by Config.UnprovenLogs"

// maxPatient is about how many tokens a node is asked about at once: some take a while for each call of a contract.
const maxPatient = 10

// trustedTips is how many calls of Tip rely on the decimals of tokens before they are read again.
const trustedTips = 1000

// Config configures a [Node].
type Config struct {
	Network chain.Network // "eip155:" and the chain id
	RPC     Caller        // see [Dial]

	// Assets are the assets to watch, at least one: at most one native coin (namespace slip44), and tokens (namespace
	// erc20) with contracts in the spelling of ERC-55. A token's contract must log Transfer with two indexed
	// arguments, as ERC-20 requires. If it does not, payments are not seen; [Node.Lacks] lists a token that shows
	// another form in its latest logs at the first call of Tip, or later in a block.
	//
	// On networks whose coin is also a token, a payment is the coin's if it is the value of a transaction, and the
	// token's if it is a call of the contract. On Celo each payment is one of them, so both must be configured, as two
	// assets, if payers may use both ways. On networks where the contract logs every movement of the coin, such as
	// zkSync, configure one of them: with both, one payment would be two.
	Assets []chain.Asset

	// Traces makes Block examine the calls within transactions, for native coin that a contract passes on: contract
	// wallets and exchanges pay so. The node must offer debug_traceBlockByHash: see [Node.Capabilities]. For blocks
	// whose state it no longer keeps, it must be an archive node: a block that it cannot trace is an error. A single
	// transaction that cannot be traced, because its trace is too large, is unexamined. Several nodes of one network
	// need the same setting.
	Traces bool

	// UnprovenLogs is for networks whose headers have a filter of logs that proves nothing, such as Cronos and others
	// on Ethermint, where it has bits that the receipts have not. The filter is then ignored, and [Node.Lacks] lists
	// the proof: the node is trusted to return all logs, unless several nodes have to agree, see [chain.Nodes].
	UnprovenLogs bool

	// Defaults returns what [Node.Defaults] suggests for an asset. If nil, the public networks have defaults of their
	// own, and others suggest no confirmations.
	Defaults func(chain.Asset) chain.Defaults

	// Hints shorten the pause between two reads of the tip, such as [Heads] of the same network. Their content is
	// never used. Optional.
	Hints chain.Hinter

	Logger *slog.Logger // if nil, nothing is logged
}

// Node reads a network through one JSON-RPC endpoint. It implements [chain.Node], [chain.Hinter], [chain.Examiner],
// [chain.Lacker] and [chain.Defaulter].
//
// A transfer's TxID is the transaction's hash in lower case. Its Index is "value" for native coin, and for coin that a
// contract passes on "call#", a number, ":" and the recipient. The number counts the calls with value to that
// recipient, including failed ones, that come before it in the transaction. For tokens the Index is the contract, "#",
// a number, ":" and the recipient. The number counts the Transfer logs of that contract, of any amount and form, that
// come before it in the transaction. Unlike the position of a log in its block, this does not change when a
// reorganisation moves the transaction, or when other assets are configured. It includes the recipient because a
// contract may act differently in another block.
type Node struct {
	network chain.Network
	id      uint64
	rpc     Caller
	log     *slog.Logger

	assets *token.Set

	defaults func(chain.Asset) chain.Defaults
	traces   bool
	unproven bool // filters in headers prove nothing
	hints    chain.Hinter

	patient      atomic.Int64 // about how many tokens the node is asked about at once
	bulk         bulk         // whether the node has eth_getBlockReceipts
	trust        atomic.Int64 // how many more calls of Tip rely on the tokens as they were
	atOnce       atomic.Int64 // how many calls the node accepts in one batch
	fitting      atomic.Int64 // how many batches of that size succeeded
	slimRefusals atomic.Int64 // how often in a row the node refused to run a tracer of ours
	gap          atomic.Pointer[gap]
}

var (
	_ chain.Node     = (*Node)(nil)
	_ chain.Hinter   = (*Node)(nil)
	_ chain.Examiner = (*Node)(nil)
	_ chain.Lacker   = (*Node)(nil)
)

// New returns a Node. It makes no call.
func New(c Config) (*Node, error) {
	id, err := chainID(c.Network)
	if err != nil {
		return nil, fmt.Errorf("evm: Config.Network: %w", err)
	}
	if c.RPC == nil {
		return nil, errors.New("evm: Config.RPC is required")
	}
	if len(c.Assets) == 0 {
		return nil, errors.New("evm: Config.Assets: at least one asset is required")
	}
	n := &Node{
		network: c.Network, id: id, rpc: c.RPC, log: c.Logger, defaults: c.Defaults,
		traces: c.Traces, hints: c.Hints, unproven: c.UnprovenLogs,
	}
	n.atOnce.Store(maxBatch)
	n.patient.Store(maxPatient)
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.assets = token.NewSet(c.Network, n.log)
	if n.unproven {
		n.assets.Lacks.Note("", chain.ProofOfLogs, byConfig, 0)
	}
	for _, a := range c.Assets {
		if err := n.watch(a); err != nil {
			return nil, fmt.Errorf("evm: Config.Assets: %w", err)
		}
	}
	return n, nil
}

func (n *Node) watch(a chain.Asset) error {
	if err := checkAsset(a); err != nil {
		return err
	}
	return n.assets.Add(a, func(reference string) ([20]byte, error) { return common.HexToAddress(reference), nil })
}

// Lacks implements [chain.Lacker].
func (n *Node) Lacks() []chain.Lack { return n.assets.Lacks.All() }

// Network implements [chain.Node].
func (n *Node) Network() chain.Network { return n.network }

// Tip implements [chain.Node]. Every call compares the chain id. The decimals of every token are compared on the first
// call, on every thousandth, and on the first after any call that failed, since another machine may answer after a
// failure. A token with other decimals than configured is ErrWrongNetwork, unless it had the right ones before. In
// that case, and whenever the contract or the node does not return them, that token alone is held back, [Node.Lacks]
// lists it, and every call asks again. If half of the time of Tip is too short for all tokens, the next call continues
// with the rest.
//
// Safe and Finalized are 0 while the node answers their tags with an error, nothing, or block 0.
func (n *Node) Tip(ctx context.Context) (chain.Tip, error) {
	tip, err := n.tip(ctx)
	if err != nil {
		n.doubt()
		return chain.Tip{}, fmt.Errorf("evm: read tip of %s: %w", n.network, err)
	}
	return tip, nil
}

func (n *Node) tip(ctx context.Context) (chain.Tip, error) {
	var id quantity
	var latest, safe, finalized *wireHeader
	batch := []rpc.BatchElem{
		{Method: "eth_chainId", Result: &id},
		{Method: "eth_getBlockByNumber", Args: []any{"latest", false}, Result: &latest},
		{Method: "eth_getBlockByNumber", Args: []any{"safe", false}, Result: &safe},
		{Method: "eth_getBlockByNumber", Args: []any{"finalized", false}, Result: &finalized},
	}
	if err := n.batch(ctx, batch); err != nil {
		return chain.Tip{}, err
	}
	if err := n.checkIdentity(id, batch[0].Error); err != nil {
		return chain.Tip{}, err
	}
	if err := batch[1].Error; err != nil {
		return chain.Tip{}, tidy(err)
	}
	if latest == nil {
		return chain.Tip{}, fmt.Errorf("%w: no latest block", chain.ErrIncomplete)
	}
	header, err := latest.header(uint64(latest.Number))
	if err != nil {
		return chain.Tip{}, err
	}
	if n.trust.Add(-1) < 0 {
		if err := n.checkTokens(ctx, header.Height); err != nil {
			return chain.Tip{}, err
		}
	}
	return chain.Tip{Header: header, Safe: tagged(batch[2].Error, safe), Finalized: tagged(batch[3].Error, finalized)}, nil
}

// doubt records that another machine may answer from now on.
func (n *Node) doubt() {
	n.trust.Store(0)
	n.assets.Restart()
}

// checkTokens verifies every token, or holds it back, as long as there is time: about those left for the next call,
// nothing new is known. The node answers other questions, so a failure concerns the tokens.
func (n *Node) checkTokens(ctx context.Context, latest uint64) error {
	asking, cancel := lacks.Within(ctx)
	defer cancel()
	var fresh []int
	due := n.assets.Due()
	rest := due
	for len(rest) > 0 {
		wrong := n.askTokens(asking, rest, len(rest) == len(due))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for k, said := range wrong {
			first, err := n.assets.Settle(ctx, rest[k], said)
			if err != nil {
				return err
			}
			if first {
				fresh = append(fresh, rest[k])
			}
		}
		rest = rest[len(wrong):]
		if asking.Err() != nil {
			break
		}
	}
	n.checkForms(asking, fresh, latest)
	n.assets.Leave(ctx, due, len(rest)) // last, as a failure in between makes all of them due
	if len(rest) == 0 && !n.assets.Holding() {
		n.trust.Store(trustedTips - 1)
	}
	return nil
}

// askTokens asks about the first of the remaining tokens, as many as the node is known to answer in time, and returns
// what is wrong with each of them. The result is empty if the node takes too long for so many, or had less than its
// time: only the first ones of a call have all the time there is. A node that refuses is not asked about the others.
func (n *Node) askTokens(ctx context.Context, rest []int, first bool) []error {
	some := rest[:min(len(rest), int(n.patient.Load()))]
	wrong, refused := n.askDecimals(ctx, some)
	switch hadTime := first || ctx.Err() == nil; {
	case refused != nil:
		for _, i := range rest[len(wrong):] {
			wrong = append(wrong, checkDecimals(n.assets.Tokens[i], "", refused))
		}
	case len(wrong) > 0 || !hadTime:
	case len(some) == 1:
		return []error{checkDecimals(n.assets.Tokens[some[0]], "", context.DeadlineExceeded)}
	default:
		n.patient.Store(int64(len(some) / 2))
	}
	return wrong
}

// askDecimals requests the decimals of the tokens at some places, and returns what is wrong with each of the first
// ones that were answered in time. It also returns why the node refuses the rest, unless that is for lack of time.
func (n *Node) askDecimals(ctx context.Context, places []int) (wrong []error, refused error) {
	ctx, cancel := lacks.Each(ctx)
	defer cancel()
	answers := make([]string, len(places))
	batch := make([]rpc.BatchElem, len(places))
	for k, i := range places {
		call := map[string]string{"to": n.assets.Tokens[i].ID.Reference(), "data": decimalsCall}
		batch[k] = rpc.BatchElem{Method: "eth_call", Args: []any{call, "latest"}, Result: &answers[k]}
	}
	refused = n.batch(ctx, batch)
	for k, i := range places {
		if refused != nil && answers[k] == "" && batch[k].Error == nil {
			break
		}
		wrong = append(wrong, checkDecimals(n.assets.Tokens[i], answers[k], tidy(batch[k].Error)))
	}
	if ctx.Err() != nil {
		refused = nil
	}
	return wrong, refused
}

func (n *Node) checkIdentity(id quantity, err error) error {
	if err != nil {
		return fmt.Errorf("chain id: %w", tidy(err))
	}
	if uint64(id) != n.id {
		return fmt.Errorf("%w: chain id is %d instead of %d", chain.ErrWrongNetwork, id, n.id)
	}
	return nil
}

// checkDecimals compares the result of decimals(), one word, with the configuration: ErrWrongNetwork if it is another
// number. A missing contract returns no data, and one without the method reverts.
func checkDecimals(t chain.Asset, answer string, err error) error {
	if err != nil {
		return fmt.Errorf("decimals of token %s: %w", t.ID, err)
	}
	word, err := hex.DecodeString(strings.TrimPrefix(answer, "0x"))
	if err != nil {
		return fmt.Errorf("%w: decimals of token %s: %w", chain.ErrIncomplete, t.ID, errHex)
	}
	return token.CheckDecimals(t, word)
}

// tagged returns the height behind a finality tag, or 0: nodes before their first finalized block return an error,
// null or the genesis block.
func tagged(err error, h *wireHeader) uint64 {
	if err != nil || h == nil {
		return 0
	}
	return uint64(h.Number)
}

// Header implements [chain.Node].
func (n *Node) Header(ctx context.Context, height uint64) (chain.Header, error) {
	answer, err := blockAt[wireHeader](ctx, n, height, false)
	if err != nil {
		return chain.Header{}, fmt.Errorf("evm: read header %d of %s: %w", height, n.network, err)
	}
	header, err := answer.header(height)
	if err != nil {
		return chain.Header{}, fmt.Errorf("evm: read header of %s: %w", n.network, err)
	}
	return header, nil
}

// Block implements [chain.Node]. The transfers are proven to belong to the block: every receipt and log names the
// block's hash, there is a receipt for every transaction, and the logs are exactly those that the filter in the
// block's header announces, if the network fills it in.
//
// From a node without eth_getBlockReceipts it requests the logs of the tokens and the receipts of the transactions
// that matter. The filter can then show that all logs of a token are missing, but not that some are.
//
// Receipts of the block that are missing, duplicate or damaged are requested singly; the filter proves all of them
// together. A transaction of the network itself is unexamined if the node has no receipt of it. A node that calls the
// request for the receipts of a block invalid, or refuses three blocks in a row, is not asked for them again for a
// thousand blocks, and one that reports that it has no such method, never.
//
// What a node refuses, in whatever words, is requested in smaller parts: the transactions of a block that is too
// large, the receipts or traces of a block one by one, a batch of calls in smaller batches, a trace without the data
// of calls. What it then still refuses is an error, unless it concerns one transaction while the node answers for
// others: anybody can make a transaction whose trace or receipt is too large. Such a transaction is unexamined; the
// transfers that could be seen are included.
//
// Type, input and sender of a transaction make no difference: value that a successful transaction moves has arrived,
// including one that another network has deposited. Withdrawals of validators are not transactions, and not transfers.
//
// With [Config.Traces], a node that has no traces is [ErrNoTraces].
//
// Transactions from before the Byzantium fork, whose receipts do not say whether they succeeded, transfer nothing.
func (n *Node) Block(ctx context.Context, height uint64) (chain.Block, error) {
	block, err := n.block(ctx, height)
	if err != nil {
		return chain.Block{}, fmt.Errorf("evm: read block %d of %s: %w", height, n.network, err)
	}
	return block, nil
}

func (n *Node) block(ctx context.Context, height uint64) (chain.Block, error) {
	answer, err := n.wholeBlock(ctx, height)
	if err != nil {
		return chain.Block{}, err
	}
	header, err := answer.header(height)
	if err != nil {
		return chain.Block{}, err
	}
	if err := checkTxs(answer); err != nil {
		return chain.Block{}, err
	}
	if err := n.readInner(ctx, answer); err != nil {
		return chain.Block{}, err
	}
	receipts, err := n.receipts(ctx, answer)
	if err != nil {
		return chain.Block{}, err
	}
	if answer.Bloom == (bloom{}) && slices.ContainsFunc(receipts, func(r *wireReceipt) bool { return r != nil && len(r.Logs) > 0 }) {
		reason := "headers have no filter of the logs"
		if n.unproven {
			reason = byConfig
		}
		n.assets.Lacks.Note("", chain.ProofOfLogs, reason, 1)
	}
	n.checkInner(ctx, answer, receipts)
	n.noteForms(ctx, receipts)
	return chain.Block{Header: header, Transfers: n.transfers(answer, receipts), Unexamined: answer.unexamined()}, nil
}

// wholeBlock requests a block with its transactions. It removes a filter that proves nothing.
func (n *Node) wholeBlock(ctx context.Context, height uint64) (*wireBlock, error) {
	b, err := blockAt[wireBlock](ctx, n, height, true)
	if tooLarge(err) && ctx.Err() == nil {
		b, err = n.blockApart(ctx, height)
	}
	if err == nil && n.unproven {
		b.Bloom = bloom{}
	}
	return b, err
}

// transfers returns the transfers of a block, in chain order. A nil receipt belongs to a transaction that transfers
// none of the assets.
func (n *Node) transfers(b *wireBlock, receipts []*wireReceipt) []chain.Transfer {
	var all []chain.Transfer
	for i, r := range receipts {
		if r == nil || !r.succeeded() {
			continue
		}
		tx := &b.Txs[i]
		if n.movesCoin(tx) {
			all = append(all, chain.Transfer{
				TxID: tx.Hash.String(), Index: "value", Asset: *n.assets.Coin,
				From: tx.From.address(), To: tx.To.address(), Units: tx.Value.units(),
			})
		}
		if b.inner != nil {
			all = append(all, b.inner[i].transfers...)
		}
		all = n.appendTokens(all, r)
	}
	return all
}

// Wait implements [chain.Hinter] with [Config.Hints]. Without them there is never a hint.
func (n *Node) Wait(ctx context.Context) error {
	if n.hints == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := n.hints.Wait(ctx); err != nil {
		return fmt.Errorf("evm: wait for news of %s: %w", n.network, err)
	}
	return nil
}

// movesCoin reports whether a transaction that succeeds transfers native coin. What a new contract is given at its
// creation is not a payment.
func (n *Node) movesCoin(tx *wireTx) bool {
	return n.assets.Coin != nil && tx.To != nil && *tx.Value != (amount{})
}

// appendTokens appends the transfers that the configured contracts logged in one transaction. An ERC-721 transfer has
// the same first topic but four topics, and a log of EIP-7708 has the address of no contract.
func (n *Node) appendTokens(all []chain.Transfer, r *wireReceipt) []chain.Transfer {
	var ordinals token.Ordinals
	for i := range r.Logs {
		l := &r.Logs[i]
		t, ours := n.tokenOf(l)
		if !ours {
			continue
		}
		ordinal := ordinals.Next(t)
		if !l.readable() || l.Data.word == (amount{}) {
			continue
		}
		from, to := l.Topics[1].address(), l.Topics[2].address()
		all = append(all, n.assets.Transfer(t, ordinal, r.TxHash.String(), from, to, l.Data.word.units()))
	}
	return all
}

// tokenOf returns the configured token that logged a Transfer, of whatever form.
func (n *Node) tokenOf(l *wireLog) (int, bool) {
	if len(l.Topics) == 0 || l.Topics[0] != token.TransferTopic {
		return 0, false
	}
	return n.assets.At(l.Address)
}

func hexQuantity(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }
