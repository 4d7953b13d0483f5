package bitcoin

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/btcsuite/btcd/wire"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// mostBelow is how many unconfirmed transactions a bump may depend on. Nodes take 25 with the bump itself.
const mostBelow = 10

// Bump implements [payout.Bumper]. It is of use where nodes keep the first version that they see (Config.FirstSeen), and
// where a payee has spent his output, so that a replacement would have to pay for what he made of it. It spends the change
// of the version that the node has, and no other coin. Of a node that does not say what depends on a transaction, as btcd,
// it is assumed that something does.
//
// It returns ErrNoReplacement on Bitcoin Cash: since 2021 its miners look at what each transaction pays alone.
func (s *Spender) Bump(ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Plan, error) {
	d, err := s.bump(ctx, t, s.reserved(greatest))
	if err != nil {
		return payout.Plan{}, err
	}
	v, _, err := s.finish(ctx, w, d)
	if err != nil {
		return payout.Plan{}, err
	}
	return payout.Plan{Lane: string(s.lane.Address), Anchor: v.Spends[0], Version: v}, nil
}

// useless returns the error of a bump that is not possible, or would change nothing.
func useless(why string) error {
	return fmt.Errorf("payout/bitcoin: %w, and a bump is of no use: %s", payout.ErrNoReplacement, why)
}

// bump returns the draft of a transaction that spends the change of one of t's versions, for a fee of at most greatest.
func (s *Spender) bump(ctx context.Context, t payout.Transaction, greatest int64) (draft, error) {
	if s.params.ForkID() {
		return draft{}, useless("miners of " + s.params.Name + " look at each transaction alone")
	}
	i, err := s.inPool(ctx, t)
	if err != nil {
		return draft{}, err
	}
	if i < 0 {
		return draft{}, useless("the node does not have the transaction unconfirmed")
	}
	if err := s.stuck(ctx, t, i); err != nil {
		return draft{}, err
	}
	d := draft{cancels: true}
	if d.below, err = s.belowBump(ctx, t, i); err != nil {
		return draft{}, err
	}
	c, err := s.price(ctx, t.Hurry)
	if err != nil {
		return draft{}, err
	}
	if t.Hurry == nil && c.enough(d.below) {
		return draft{}, useless("it pays " + rateText(c.rate) + " already")
	}
	c.best = s.rateOf(d.below.Fee, d.below.Size)
	in, err := s.changeIn(t.Versions[i])
	if err != nil {
		return draft{}, err
	}
	if d.height, err = s.confirmChange(ctx, in); err != nil {
		return draft{}, err
	}
	d.inputs = []input{in}
	return s.carry(d, c, greatest)
}

// inPool returns the index of the version that the node has unconfirmed, or -1.
func (s *Spender) inPool(ctx context.Context, t payout.Transaction) (int, error) {
	look := payout.Look{Versions: make([]payout.Sighting, len(t.Versions))}
	err := s.pooled(ctx, t, look)
	return slices.IndexFunc(look.Versions, func(v payout.Sighting) bool { return v.Pooled }), err
}

// stuck returns an error for a transaction that can be replaced by one that pays for itself alone. That the node has kept an
// older version than the newest, which it was sent, is the sign that it cannot.
func (s *Spender) stuck(ctx context.Context, t payout.Transaction, i int) error {
	if s.first {
		return nil
	}
	if t.Purpose == payout.PurposeBump {
		return useless("its own fee can be raised")
	}
	v := t.Versions[i]
	burden, err := s.node.Burden(ctx, v.TxID)
	newer := slices.ContainsFunc(t.Versions[i+1:], payout.Version.Signed)
	if err == nil && !newer && burden > 0 && burden <= s.reserved(v.Fee) {
		return useless("nothing depends on the transaction, so that a replacement pays for itself alone")
	}
	return err
}

// belowBump returns what a bump of the version depends on: itself, and if it is a bump, what that depends on still.
func (s *Spender) belowBump(ctx context.Context, t payout.Transaction, i int) (below, error) {
	v := t.Versions[i]
	b := below{Fee: s.reserved(v.Fee), Size: s.sizeOf(v), N: 1}
	if t.Purpose != payout.PurposeBump {
		return b, nil
	}
	under, err := s.below(ctx, t, v)
	if err != nil {
		return below{}, err
	}
	b.Fee, b.Size, b.N = b.Fee+under.Fee, b.Size+under.Size, b.N+under.N
	if b.N > mostBelow {
		return below{}, useless("too many transactions depend on each other")
	}
	return b, nil
}

// below returns what a version of a bump depends on: what it did when it was planned, unless a block has its parent since.
// It returns ErrNoReplacement if the coin is nowhere.
func (s *Spender) below(ctx context.Context, t payout.Transaction, v payout.Version) (below, error) {
	anchor, err := btc.ParseOutpoint(t.Anchor)
	if err != nil {
		return below{}, fmt.Errorf("payout/bitcoin: anchor of transaction %s: %w", t.ID, err)
	}
	pooled, err := s.node.Pooled(ctx, []string{anchor.TxID})
	if err != nil {
		return below{}, err
	}
	if pooled[0] {
		n, err := readNote(v.Note)
		return n.Below, err
	}
	mined, err := s.node.Unspent(ctx, []btc.Outpoint{anchor}, false)
	if err != nil {
		return below{}, err
	}
	if mined[0] == nil {
		return below{}, fmt.Errorf("payout/bitcoin: %w: neither pool nor chain has the coin %s", payout.ErrNoReplacement, t.Anchor)
	}
	return below{}, nil
}

// changeIn returns the change of a signed version as an input.
func (s *Spender) changeIn(v payout.Version) (input, error) {
	n, err := readNote(v.Note)
	if err != nil {
		return input{}, err
	}
	if n.Change < 0 {
		return input{}, useless("nothing of it comes back to us")
	}
	p, err := parsePacket(v.Unsigned)
	if err != nil {
		return input{}, fmt.Errorf("payout/bitcoin: read version %s: %w", v.TxID, err)
	}
	tx := new(wire.MsgTx)
	if err := tx.Deserialize(bytes.NewReader(v.Raw)); err != nil {
		return input{}, fmt.Errorf("payout/bitcoin: read transaction %s: %w", v.TxID, err)
	}
	for _, in := range tx.TxIn {
		in.Witness = nil // as in what nodes return for other coins: the id does not cover it
	}
	if n.Change >= len(tx.TxOut) || n.Change >= len(p.Outputs) {
		return input{}, fmt.Errorf("payout/bitcoin: version %s has no output %d", v.TxID, n.Change)
	}
	index, ok := changeIndex(p.Outputs[n.Change])
	key, err := s.wallet.Key(btc.BranchChange, index)
	out := tx.TxOut[n.Change]
	if err != nil || !ok || !bytes.Equal(key.Script, out.PkScript) {
		return input{}, fmt.Errorf("payout/bitcoin: version %s: the change is not the wallet's", v.TxID)
	}
	at := btc.Outpoint{TxID: v.TxID, Vout: uint32(n.Change)}
	return input{coin: coin{at.String(), out.Value, btc.BranchChange, index}, at: at, key: key, prev: tx}, nil
}

// confirmChange checks that the node has the coin, unconfirmed and unspent, and returns the height of its chain.
func (s *Spender) confirmChange(ctx context.Context, in input) (height uint64, err error) {
	tip, err := s.node.Tip(ctx)
	if err != nil {
		return 0, err
	}
	outputs, err := s.node.Unspent(ctx, []btc.Outpoint{in.at}, true)
	if err != nil {
		return 0, err
	}
	if out := outputs[0]; out == nil || out.Confirmations > 0 || out.Units != in.value || !bytes.Equal(out.Script, in.key.Script) {
		return 0, useless("the node does not have its change unconfirmed and unspent")
	}
	return tip.Height, nil
}

// carry completes the draft of a bump, with a fee of at most greatest.
func (s *Spender) carry(d draft, c cost, greatest int64) (draft, error) {
	total := s.sumOf(nil, []coin{d.inputs[0].coin})
	weight := total.weigh(true)
	d.rate, d.fee = c.rate, c.missing(d.below, weight)
	if c.before > 0 {
		d.fee = max(d.fee, c.before+feeFor(c.increment, weight), feeFor(c.best+1, weight))
	}
	if c.chosen > 0 { // it pays more for its size than what it is to help, or it helps nothing
		d.fee = max(d.fee, c.chosen, feeFor(max(c.rate, c.best+1), weight))
	}
	switch d.change = total.paid - d.fee; {
	case d.fee > greatest:
		return draft{}, fmt.Errorf("payout/bitcoin: a bump: %w: %d of at most %d", payout.ErrFeeTooHigh, d.fee, greatest)
	case d.change < total.dust:
		return draft{}, fmt.Errorf("payout/bitcoin: a bump: %w: the change of %d cannot pay %d", payout.ErrNoCoins, total.paid, d.fee)
	}
	return d, s.follow(&d, c, weight)
}

// rebump returns the draft of the next version of a bump, with a fee of at most greatest. Any version before it may be in a
// pool.
func (s *Spender) rebump(ctx context.Context, t payout.Transaction, greatest int64) (draft, error) {
	if s.first {
		return draft{}, fmt.Errorf("payout/bitcoin: %w: nodes of %s keep what they have", payout.ErrNoReplacement, s.params.Name)
	}
	d, change, err := s.drafted(t)
	if err != nil {
		return draft{}, err
	}
	if len(d.inputs) != 1 || change != 0 || !d.cancels {
		return draft{}, fmt.Errorf("payout/bitcoin: version of transaction %s is no bump", t.ID)
	}
	if d.below, err = s.below(ctx, t, t.Last()); err != nil {
		return draft{}, err
	}
	c, err := s.price(ctx, t.Hurry)
	if err != nil {
		return draft{}, err
	}
	for _, v := range t.Versions {
		fee := s.reserved(v.Fee)
		c.before, c.best = max(c.before, fee), max(c.best, s.rateOf(fee, s.sizeOf(v)))
	}
	if weight := s.sumOf(nil, []coin{d.inputs[0].coin}).weigh(true); t.Hurry == nil && c.missing(d.below, weight) <= c.before {
		return draft{}, fmt.Errorf("payout/bitcoin: %w: it pays %s already", payout.ErrNoReplacement, rateText(c.rate))
	}
	tip, err := s.node.Tip(ctx)
	if err != nil {
		return draft{}, err
	}
	d.height = tip.Height
	return s.carry(d, c, greatest)
}
