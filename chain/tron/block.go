package tron

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/token"
)

// Block implements [chain.Node].
//
// It proves that the block's id is the hash of its header; that each transaction's id is the hash of the bytes that
// the transfer is read from; and that the transactions, and which of them succeeded, are exactly those whose root is
// in the header. If a transaction has parts that the API does not show, there is no proof by the root: the node's own
// list of results must then name the same transactions, and [Node.Lacks] counts the blocks.
//
// Logs and internal transactions are not proven, as no block commits to them. They are trusted if there is a result
// for each transaction, of this block by number and time, that agrees with the block on which succeeded. A log that a
// node left out is not noticed; nor is it proven that the block producers signed the header.
//
// Results of a proven block that are missing or contradict it are requested singly. A transaction whose result is then
// too large, cannot be read, or is missing, is unexamined if the node returns those of others.
func (n *Node) Block(ctx context.Context, height uint64) (chain.Block, error) {
	block, err := n.block(ctx, height)
	if err != nil {
		return chain.Block{}, fmt.Errorf("tron: read block %d of %s: %w", height, n.network, err)
	}
	return block, nil
}

func (n *Node) block(ctx context.Context, height uint64) (chain.Block, error) {
	answer, header, err := n.wholeBlock(ctx, height)
	if err != nil {
		return chain.Block{}, err
	}
	infos, err := n.infos(ctx, answer)
	if err != nil {
		return chain.Block{}, err
	}
	n.noteForms(ctx, answer, infos)
	return chain.Block{Header: header, Transfers: n.transfers(answer, infos), Unexamined: answer.unexamined()}, nil
}

// wholeBlock reads a block with its transactions, each of which matches its id.
func (n *Node) wholeBlock(ctx context.Context, height uint64) (*wireBlock, chain.Header, error) {
	at, err := number(height)
	if err != nil {
		return nil, chain.Header{}, err
	}
	var answer wireBlock
	if err := n.api.call(ctx, wallet, "getblockbynum", map[string]int64{"num": at}, &answer); err != nil {
		n.doubt()
		return nil, chain.Header{}, err
	}
	if answer.nothing() {
		return nil, chain.Header{}, chain.ErrNotFound
	}
	header, err := answer.header()
	if err != nil {
		return nil, chain.Header{}, err
	}
	if header.Height != height {
		return nil, chain.Header{}, fmt.Errorf("%w: block %d received", chain.ErrIncomplete, header.Height)
	}
	return &answer, header, checkTxs(&answer)
}

// checkTxs verifies that each transaction matches its id and occurs once, and reads their contracts.
func checkTxs(b *wireBlock) error {
	seen := make(map[hash]bool, len(b.Txs))
	for i := range b.Txs {
		x := &b.Txs[i]
		if sha256.Sum256(x.Raw) != x.ID {
			return fmt.Errorf("%w: transaction %s does not hash to its id", chain.ErrIncomplete, x.ID)
		}
		if seen[x.ID] {
			return fmt.Errorf("%w: transaction %s is listed twice", chain.ErrIncomplete, x.ID)
		}
		seen[x.ID] = true
		x.contract = readContract(x.Raw)
	}
	return nil
}

// infos returns the results of a block's transactions in their order, or nil if none is needed: the transactions are
// proven, and none of them ran code.
func (n *Node) infos(ctx context.Context, b *wireBlock) ([]*wireInfo, error) {
	made := root(b.Txs)
	proven := bytes.Equal(made[:], b.Header.Raw.Root) || len(b.Txs) == 0 && len(b.Header.Raw.Root) == 0
	needed := !proven
	const unproven = "transactions do not match the root in the header, as the node does not show all parts; they are compared with their results"
	if needed && n.assets.Lacks.Note("", chain.ProofOfTransactions, unproven, 1) {
		n.log.WarnContext(ctx, unproven, "network", n.network, "block", b.ID.String())
	}
	for i := range b.Txs {
		needed = needed || b.Txs[i].contract.mayRun()
	}
	if !needed {
		return nil, nil
	}
	var answer []wireInfo
	if err := n.api.call(ctx, wallet, "gettransactioninfobyblocknum", map[string]int64{"num": b.Header.Raw.Number}, &answer); err != nil {
		n.doubt()
		var form *formError
		if ctx.Err() != nil || !errors.Is(err, ErrResponseTooLarge) && !errors.As(err, &form) {
			return nil, err
		}
		return n.infosApart(ctx, b, proven, make([]*wireInfo, len(b.Txs)), err)
	}
	infos, err := matchInfos(b, answer)
	if err != nil && proven && len(b.Txs) > 0 {
		return n.infosApart(ctx, b, proven, infos, err)
	}
	return infos, err
}

// matchInfos returns the good results in the order of the block's transactions. The error is the reason if some are
// missing.
func matchInfos(b *wireBlock, answer []wireInfo) ([]*wireInfo, error) {
	var failure error
	// A block whose transactions were all left out has the root of none only in its header.
	if len(answer) != len(b.Txs) || len(answer) == 0 {
		failure = fmt.Errorf("%w: %d results of %d transactions", chain.ErrIncomplete, len(answer), len(b.Txs))
	}
	byID, twice := make(map[hash]*wireInfo, len(answer)), make(map[hash]bool)
	for i := range answer {
		if id := answer[i].ID; id != nil {
			twice[*id] = byID[*id] != nil
			byID[*id] = &answer[i]
		}
	}
	infos := make([]*wireInfo, len(b.Txs))
	for i := range b.Txs {
		r := byID[b.Txs[i].ID]
		err := checkInfo(b, &b.Txs[i], r)
		if err == nil && twice[b.Txs[i].ID] {
			err = fmt.Errorf("%w: two results of transaction %s", chain.ErrIncomplete, b.Txs[i].ID)
		}
		if err == nil {
			infos[i] = r
		}
		failure = cmp.Or(failure, err)
	}
	return infos, failure
}

// checkInfo verifies that a result belongs to the transaction in this block, and agrees with the block on whether the
// transaction succeeded.
func checkInfo(b *wireBlock, x *wireTx, r *wireInfo) error {
	if r == nil {
		return fmt.Errorf("%w: no result of transaction %s", chain.ErrIncomplete, x.ID)
	}
	if h := b.Header.Raw; r.Block != h.Number || r.Timestamp != h.Timestamp {
		return fmt.Errorf("%w: result of transaction %s is of another block %d", chain.ErrIncomplete, x.ID, r.Block)
	}
	failed := !fine(r.Result)
	if x.contract.runs() {
		failed = failed || r.Receipt.Result != success
		if failed == x.succeeded() {
			return fmt.Errorf("%w: block and result differ on whether transaction %s succeeded", chain.ErrIncomplete, x.ID)
		}
	} else if failed && x.succeeded() {
		return fmt.Errorf("%w: block and result differ on whether transaction %s succeeded", chain.ErrIncomplete, x.ID)
	}
	return nil
}

// transfers returns the transfers of the transactions that succeeded, in block order.
func (n *Node) transfers(b *wireBlock, infos []*wireInfo) []chain.Transfer {
	var all []chain.Transfer
	for i := range b.Txs {
		x := &b.Txs[i]
		if !x.succeeded() {
			continue
		}
		if n.assets.Coin != nil && x.contract.sun > 0 {
			all = append(all, chain.Transfer{
				TxID: x.ID.String(), Index: "value", Asset: *n.assets.Coin,
				From: spell(x.contract.from), To: spell(x.contract.to), Units: big.NewInt(x.contract.sun),
			})
		}
		if infos == nil || infos[i] == nil || !x.contract.mayRun() || infos[i].Receipt.Result != success {
			continue
		}
		all = n.appendTokens(all, infos[i])
		if n.inside && n.assets.Coin != nil {
			all = n.appendInternal(all, infos[i])
		}
	}
	return all
}

// appendTokens appends the transfers that the configured contracts logged in one transaction. A log of a TRC-721 token
// has the same first topic, but four topics.
func (n *Node) appendTokens(all []chain.Transfer, r *wireInfo) []chain.Transfer {
	var ordinals token.Ordinals
	for i := range r.Logs {
		l := &r.Logs[i]
		t, ours := n.tokenOf(l)
		if !ours {
			continue
		}
		ordinal := ordinals.Next(t)
		from, to, units, ok := l.transfer()
		if !ok || units.Sign() == 0 {
			continue
		}
		all = append(all, n.assets.Transfer(t, ordinal, r.ID.String(), spell(from), spell(to), units))
	}
	return all
}

// transfer reads a Transfer log in the form of TRC-20: sender and recipient indexed, the amount as data.
func (l *wireLog) transfer() (from, to account, units *big.Int, ok bool) {
	if len(l.Topics) != 3 || len(l.Data) != len(hash{}) {
		return account{}, account{}, nil, false
	}
	from, fromOK := wordAccount(l.Topics[1])
	to, toOK := wordAccount(l.Topics[2])
	return from, to, new(big.Int).SetBytes(l.Data), fromOK && toOK
}

// noteForms records the tokens of which a block has Transfer logs that cannot be read.
func (n *Node) noteForms(ctx context.Context, b *wireBlock, infos []*wireInfo) {
	noted := map[int]bool{}
	for i, r := range infos {
		if r == nil || !b.Txs[i].succeeded() {
			continue
		}
		for k := range r.Logs {
			t, ours := n.tokenOf(&r.Logs[k])
			if _, _, _, ok := r.Logs[k].transfer(); ok || !ours || noted[t] {
				continue
			}
			noted[t] = true
			n.assets.NoteForm(ctx, t, 1)
		}
	}
}

// tokenOf returns the configured token that logged a Transfer, of whatever form.
func (n *Node) tokenOf(l *wireLog) (int, bool) {
	if len(l.Topics) == 0 || !bytes.Equal(l.Topics[0], token.TransferTopic[:]) || len(l.Address) != len(account{}) {
		return 0, false
	}
	return n.assets.At(account(l.Address))
}

// wordAccount reads an address as the ABI encodes it.
func wordAccount(word []byte) (account, bool) {
	const pad = len(hash{}) - len(account{})
	if len(word) != len(hash{}) || !bytes.Equal(word[:pad], make([]byte, pad)) {
		return account{}, false
	}
	return account(word[pad:]), true
}

// The notes of internal transactions that move TRX to an existing account. The others are creations of contracts, and
// stakes, delegations and votes, whose value stays with its owner: a delegation of energy to an address otherwise
// looks like a payment to it.
const (
	noteCall    = "call"
	noteDestroy = "suicide"
)

// appendInternal appends the TRX that contracts passed on in one transaction. Rejected entries were undone; java-tron
// rejects everything inside a call that failed. A call of a contract's own code, and a delegate call, has the caller
// as the receiver and moves nothing.
func (n *Node) appendInternal(all []chain.Transfer, r *wireInfo) []chain.Transfer {
	ordinal := 0
	for i := range r.Internal {
		m := &r.Internal[i]
		to, ok := accountOf(m.To)
		note := string(m.Note)
		if !ok || m.Rejected || bytes.Equal(m.From, m.To) || (note != noteCall && note != noteDestroy) {
			continue
		}
		from, _ := accountOf(m.From)
		for _, v := range m.Values {
			if v.Token != "" || v.Sun <= 0 {
				continue
			}
			receiver := spell(to)
			all = append(all, chain.Transfer{
				TxID: r.ID.String(), Index: "internal#" + strconv.Itoa(ordinal) + ":" + string(receiver), Asset: *n.assets.Coin,
				From: spell(from), To: receiver, Units: big.NewInt(v.Sun),
			})
			ordinal++
		}
	}
	return all
}
