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

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/lacks"
	"github.com/cointill/cointill/chain/internal/token"
)

// decimalsCall is the call data of decimals().
const decimalsCall = "0x313ce567"

// byConfig is why logs are not proven with [Config.UnprovenLogs].
const byConfig = "by Config.UnprovenLogs"

// maxPatient is about how many tokens a node is asked at once: some run each call of a contract for a while.
const maxPatient = 10

// trustedTips is how often Tip relies on what tokens said of their decimals before it asks again.
const trustedTips = 1000

// Config says what a [Node] reads, and from where.
type Config struct {
	Network chain.Network // "eip155:" and the chain id
	RPC     Caller        // see [Dial]

	// Assets are what is watched for, at least one: at most one native coin (namespace slip44), and
	// tokens (namespace erc20) whose contracts are spelled as ERC-55 says. A token's contract must log Transfer with
	// two indexed arguments, as ERC-20 says; one that is seen not to, in its latest logs at the first call of Tip or later
	// in a block, is named by [Node.Lacks], as payments of it are not seen.
	//
	// On networks whose coin is also a token, a payment is the coin's if it is the value of a transaction, and the
	// token's if it is a call of the contract. On Celo each is one of them, so that payers may use both ways only if both
	// are configured, as two assets. On networks where the contract logs every movement of the coin, such as zkSync,
	// configure one of them: with both, one payment would be two.
	Assets []chain.Asset

	// Traces has Block look at the calls within transactions, for native coin that a contract passes on: contract
	// wallets and exchanges pay so. The node must offer debug_traceBlockByHash, as [Node.Capabilities]
	// tells, and for blocks that it no longer has the state of it must be an archive node: a block that it cannot
	// trace is an error. A single transaction that cannot be traced, as its trace is larger than what is read, is
	// unexamined. Several nodes of one network need the same setting.
	Traces bool

	// UnprovenLogs is for networks whose headers have a filter of logs that proves nothing, such as Cronos and others on
	// Ethermint, where it has what the receipts have not. Then it is not looked at, and [Node.Lacks] names the proof: the
	// node is believed that its receipts have all logs, unless several nodes that agree are used, see [chain.Nodes].
	UnprovenLogs bool

	// Defaults returns what [Node.Defaults] suggests for an asset. If nil, the public networks have defaults of their
	// own, and others suggest no confirmations.
	Defaults func(chain.Asset) chain.Defaults

	// Hints cut the time between two questions for the tip short, such as [Heads] of the same network. They
	// are never believed to be true. Optional.
	Hints chain.Hinter

	Logger *slog.Logger // nil is silence
}

// Node reads a network through one JSON-RPC endpoint. It is a [chain.Node], a [chain.Hinter],
// a [chain.Examiner] and a [chain.Lacker].
//
// A transfer's TxID is the transaction's hash in lower case. Its Index is "value" for native coin, and for
// coin that a contract passes on "call#", a number, ":" and the recipient. The number is how many calls with
// value to that recipient, also failed ones, come before it in the transaction. For tokens the Index is the contract, "#",
// a number, ":" and the recipient. The number is how many Transfer logs of that contract, of any amount and form, come
// before it in the transaction. Other than the place of a log in its block, this stays the same when a reorganisation
// moves the transaction, and when other assets are configured. The recipient is part of it because a contract may act
// otherwise in another block.
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

	patient      atomic.Int64 // about how many tokens the node is asked at once
	bulk         bulk         // whether the node has eth_getBlockReceipts
	trust        atomic.Int64 // how many more calls of Tip rely on the tokens as they were
	atOnce       atomic.Int64 // how many calls the node takes in one batch
	fitting      atomic.Int64 // how many batches of that size went well
	slimRefusals atomic.Int64 // how often in a row the node refused to run a tracer of ours
	gap          atomic.Pointer[gap]
}

var (
	_ chain.Node     = (*Node)(nil)
	_ chain.Hinter   = (*Node)(nil)
	_ chain.Examiner = (*Node)(nil)
	_ chain.Lacker   = (*Node)(nil)
)

// New makes a Node. It calls nothing.
func New(c Config) (*Node, error) {
	id, err := chainID(c.Network)
	if err != nil {
		return nil, fmt.Errorf("evm: Config.Network: %w", err)
	}
	if c.RPC == nil {
		return nil, errors.New("evm: Config.RPC is missing")
	}
	if len(c.Assets) == 0 {
		return nil, errors.New("evm: Config.Assets is empty")
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
	if a.ID.Namespace() == native {
		return n.assets.AddCoin(a)
	}
	contract, err := hex.DecodeString(a.ID.Reference()[2:])
	if err != nil {
		return fmt.Errorf("asset %s: %w", a.ID, err)
	}
	return n.assets.AddToken(a, [20]byte(contract))
}

// Lacks implements [chain.Lacker].
func (n *Node) Lacks() []chain.Lack { return n.assets.Lacks.All() }

// Network implements [chain.Node].
func (n *Node) Network() chain.Network { return n.network }

// Tip implements [chain.Node]. Every call compares the chain id. The decimals of every token are compared
// on the first call, on every thousandth, and on the first after any call that failed, since another
// machine may answer after a failure. A token with other decimals than configured is ErrWrongNetwork, unless it had the
// right ones before: then, and whenever the contract or the node does not say, that token alone is held back, which
// [Node.Lacks] names, and asked about again with every call. Where half of the time that Tip has is too short to ask about
// all, the next call goes on where it ended.
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

// doubt notes that another machine may answer from now on.
func (n *Node) doubt() {
	n.trust.Store(0)
	n.assets.Restart()
}

// checkTokens makes sure that every token is what was configured, or is held back, as long as there is time: of those that
// are left for the next call, nothing new is known. The node answers other questions, so whatever is wrong is about these.
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

// askTokens asks about the first of the tokens that are left, as many as the node is known to answer in time, and answers
// what is wrong with each of them. It is none when the node takes too long for so many, or had not its time: only the first
// ones of a call have all that there is. A node that refuses is not asked about the others.
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

// askDecimals asks for the decimals of the tokens in so many places, and answers what is wrong with each of the first ones
// that were answered in time. It also answers why the node refuses to say more, unless that is for want of time.
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
		return fmt.Errorf("%w: its chain id is %d, not %d", chain.ErrWrongNetwork, id, n.id)
	}
	return nil
}

// checkDecimals compares the answer of decimals(), one word, with the configuration: ErrWrongNetwork if it is another
// number. A contract that is not there answers with no data, one that has no such method reverts.
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

// tagged answers the height behind a finality tag, or 0: nodes before their first finalized block
// answer an error, null or the genesis block.
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

// Block implements [chain.Node]. The transfers are proven against the block: every receipt and log names
// the block's hash, there is a receipt for every transaction, and the logs are exactly those that the
// filter in the block's header announces, if the network fills it in.
//
// A node without eth_getBlockReceipts is asked for the logs of the tokens and for the receipts of the
// transactions that matter. Then the filter can show that all logs of a token are missing, but not that
// some are.
//
// Receipts that are missing among those of the block, are there twice or are damaged are asked for singly; the filter
// proves all of them together. What the network did itself is unexamined if the node has no receipt of it. A node that
// calls the question for those of the block invalid, or refuses three blocks in a row, is not asked for them again for a
// thousand blocks, and one that says that it has no such method, never.
//
// What a node refuses, in whatever words, is asked for in smaller parts: the transactions of a block that is too large,
// the receipts or traces of a block one by one, a batch of calls in smaller batches, a trace without the data of calls.
// What it then still refuses is an error, unless it is about one transaction while the node answers for others: anybody
// can make a transaction whose trace or receipt is too large. Such a transaction is unexamined; what shows nevertheless
// is among the transfers.
//
// Type, input and sender of a transaction make no difference: value that a successful transaction moves has
// arrived, also one that another network has deposited. Withdrawals of validators are no transactions, and no transfers.
//
// With [Config.Traces], ErrNoTraces is the answer of a node that has none.
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

// wholeBlock asks for a block with its transactions. A filter that proves nothing is as none.
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

// transfers are what happened in a block, in chain order. A nil receipt belongs to a transaction that
// transfers none of the assets.
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

// movesCoin says whether a transaction that succeeds transfers native coin. What a new contract is given
// at its creation is no payment.
func (n *Node) movesCoin(tx *wireTx) bool {
	return n.assets.Coin != nil && tx.To != nil && *tx.Value != (amount{})
}

// appendTokens appends what the configured contracts logged in one transaction. An ERC-721 transfer has the
// same first topic but four topics, and a log of EIP-7708 has the address of no contract.
func (n *Node) appendTokens(all []chain.Transfer, r *wireReceipt) []chain.Transfer {
	var seen map[int]int // how many Transfer logs of each token came before
	for i := range r.Logs {
		l := &r.Logs[i]
		t, ours := n.tokenOf(l)
		if !ours {
			continue
		}
		if seen == nil {
			seen = make(map[int]int)
		}
		ordinal := seen[t]
		seen[t]++
		if !l.readable() || l.Data.word == (amount{}) {
			continue
		}
		from, to := l.Topics[1].address(), l.Topics[2].address()
		all = append(all, n.assets.Transfer(t, ordinal, r.TxHash.String(), from, to, l.Data.word.units()))
	}
	return all
}

// tokenOf answers which configured token has logged a Transfer, of whatever form.
func (n *Node) tokenOf(l *wireLog) (int, bool) {
	if len(l.Topics) == 0 || l.Topics[0] != token.TransferTopic {
		return 0, false
	}
	return n.assets.At(l.Address)
}

func hexQuantity(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }
