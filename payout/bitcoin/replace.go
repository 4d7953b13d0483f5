package bitcoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/wire"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// Replace implements [payout.Spender]. The next version spends the coins of the last one that are still there, and others
// where they do not suffice; the change pays for the rest. Its fee exceeds those of all versions before it that a signer may have
// signed by what nodes demand (BIP-125), as far as they can still be in a pool: it also pays for what payees have made of their
// unconfirmed outputs, which it replaces with them. A cancellation that cannot have so much exceeds those that are signed here or
// that the node has: the others may be in no pool, and else their coins would be locked for ever. Where one of them is in a pool
// after all, nodes refuse the cancellation, and a block takes that one.
//
// Bitcoin Cash has no replacement, and neither has a network with Config.FirstSeen. There a version can only cancel, which
// helps if no node has the transaction, or take the place of versions of which somebody else has spent a coin, so that no
// node can have them.
//
// The next version of a bump pays what is missing for both, once that is more than it pays. It spends no other coins.
func (s *Spender) Replace(
	ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int,
) (payout.Version, error) {
	if t.Purpose == payout.PurposeBump {
		d, err := s.rebump(ctx, t, s.reserved(greatest))
		if err != nil {
			return payout.Version{}, err
		}
		v, _, err := s.finish(ctx, w, d)
		return v, err
	}
	if err := s.replaceable(ctx, t); err != nil {
		return payout.Version{}, err
	}
	old, err := s.last(ctx, t)
	if err != nil {
		return payout.Version{}, err
	}
	d, err := s.outbid(ctx, w, t, old, s.reserved(greatest))
	if err != nil {
		return payout.Version{}, err
	}
	v, _, err := s.finish(ctx, w, d)
	return v, err
}

// outbid completes the draft of the next version, so that it takes the place of those before it, with a fee of at most greatest.
// What no signer has seen is in no way.
func (s *Spender) outbid(ctx context.Context, w payout.Wallet, t payout.Transaction, old draft, greatest int64) (draft, error) {
	shown := make([]bool, len(t.Versions))
	for i, v := range t.Versions {
		shown[i] = v.Shown()
	}
	c, err := s.costOf(ctx, t, shown)
	if err != nil {
		return draft{}, err
	}
	d, short := s.succeed(ctx, w, t, old, c, greatest)
	if !t.Cancel || !errors.Is(short, payout.ErrFeeTooHigh) && !errors.Is(short, payout.ErrNoCoins) {
		return d, short
	}
	known, err := s.known(ctx, t)
	if err != nil {
		return draft{}, err
	}
	if slices.Equal(known, shown) {
		return draft{}, short
	}
	if c, err = s.costOf(ctx, t, known); err != nil {
		return draft{}, err
	}
	return s.succeed(ctx, w, t, old, c, greatest)
}

// known reports which versions are signed here, or in the node's pool.
func (s *Spender) known(ctx context.Context, t payout.Transaction) ([]bool, error) {
	look := payout.Look{Versions: make([]payout.Sighting, len(t.Versions))}
	if err := s.pooled(ctx, t, look); err != nil {
		return nil, err
	}
	known := make([]bool, len(t.Versions))
	for i, v := range t.Versions {
		known[i] = v.Signed() || look.Versions[i].Pooled
	}
	return known, nil
}

// replaceable returns ErrNoReplacement where nodes take no other version than the one that they may have.
func (s *Spender) replaceable(ctx context.Context, t payout.Transaction) error {
	if !s.first || t.Cancel {
		return nil
	}
	alive, err := s.alive(ctx, t.Versions)
	if err != nil || !slices.Contains(alive, true) {
		return err
	}
	return fmt.Errorf("payout/bitcoin: %w: nodes of %s keep what they have", payout.ErrNoReplacement, s.params.Name)
}

// last returns the draft of the transaction's last version, with those of its inputs that the chain still has, and what
// it pays: nothing if the transaction is to be cancelled.
func (s *Spender) last(ctx context.Context, t payout.Transaction) (draft, error) {
	d, _, err := s.drafted(t)
	if err != nil {
		return draft{}, err
	}
	return d, s.keepUnspent(ctx, t, &d)
}

// drafted returns the draft of the transaction's last version, and the index of its change.
func (s *Spender) drafted(t payout.Transaction) (d draft, change int, err error) {
	v := t.Last()
	p, err := parsePacket(v.Unsigned)
	if err != nil {
		return draft{}, 0, fmt.Errorf("payout/bitcoin: version of transaction %s: %w", t.ID, err)
	}
	n, err := readNote(v.Note)
	if err != nil {
		return draft{}, 0, err
	}
	d = draft{cancels: t.Cancel || v.Cancels}
	for i, out := range p.UnsignedTx.TxOut {
		switch {
		case i == n.Change:
			index, ok := changeIndex(p.Outputs[i])
			if !ok {
				return draft{}, 0, fmt.Errorf("payout/bitcoin: version of transaction %s: change without a path", t.ID)
			}
			d.number = &index
		case !d.cancels:
			d.pays = append(d.pays, pay{script: out.PkScript, value: out.Value})
		}
	}
	if d.inputs, err = s.inputsOf(p); err != nil {
		return draft{}, 0, fmt.Errorf("payout/bitcoin: version of transaction %s: %w", t.ID, err)
	}
	return d, n.Change, nil
}

// changeIndex returns the index of the address that change goes to.
func changeIndex(out psbt.POutput) (uint32, bool) {
	_, index, ok := keyPath(psbt.PInput{Bip32Derivation: out.Bip32Derivation, TaprootBip32Derivation: out.TaprootBip32Derivation})
	return index, ok
}

// inputsOf returns the inputs of a version.
func (s *Spender) inputsOf(p *psbt.Packet) ([]input, error) {
	var inputs []input
	for i, in := range p.UnsignedTx.TxIn {
		branch, index, ok := keyPath(p.Inputs[i])
		out, err := prevOut(p, i)
		if err != nil || !ok {
			return nil, fmt.Errorf("input %d is incomplete", i)
		}
		key, err := s.wallet.Key(branch, index)
		if err != nil || !bytes.Equal(key.Script, out.PkScript) {
			return nil, fmt.Errorf("input %d is not the wallet's", i)
		}
		at := btc.Outpoint{TxID: in.PreviousOutPoint.Hash.String(), Vout: in.PreviousOutPoint.Index}
		prev := p.Inputs[i].NonWitnessUtxo
		if prev == nil { // taproot: only the one output is needed
			prev = &wire.MsgTx{TxOut: make([]*wire.TxOut, at.Vout+1)}
			prev.TxOut[at.Vout] = out
		}
		inputs = append(inputs, input{coin: coin{at.String(), out.Value, branch, index}, at: at, key: key, prev: prev})
	}
	return inputs, nil
}

// keepUnspent leaves out inputs that are spent in a block: another version is mined, or somebody else has the key.
func (s *Spender) keepUnspent(ctx context.Context, t payout.Transaction, d *draft) error {
	tip, err := s.node.Tip(ctx)
	if err != nil {
		return err
	}
	points := make([]btc.Outpoint, len(d.inputs))
	for i, in := range d.inputs {
		points[i] = in.at
	}
	outputs, err := s.node.Unspent(ctx, points, false)
	if err != nil {
		return err
	}
	kept := d.inputs[:0]
	anchored := false
	for i, in := range d.inputs {
		if outputs[i] != nil {
			kept = append(kept, in)
			anchored = anchored || in.name == t.Anchor
		}
	}
	if d.inputs, d.height = kept, tip.Height; !anchored {
		return fmt.Errorf("payout/bitcoin: %w: the chain does not have the coin %s, or it is spent", payout.ErrNoReplacement, t.Anchor)
	}
	return nil
}

// costOf returns what the next version must pay that takes the place of some of those before it.
func (s *Spender) costOf(ctx context.Context, t payout.Transaction, some []bool) (cost, error) {
	c, err := s.price(ctx, t.Hurry)
	if err != nil || s.params.ForkID() {
		return c, err
	}
	alive, err := s.alive(ctx, t.Versions)
	if err != nil {
		return cost{}, err
	}
	for i, v := range t.Versions {
		if !alive[i] || !some[i] {
			continue
		}
		fee, size := s.reserved(v.Fee), s.sizeOf(v)
		burden := int64(0) // with what payees have spent of it already
		if v.TxID != "" {
			if burden, err = s.node.Burden(ctx, v.TxID); err != nil {
				return cost{}, err
			}
		}
		c.before = max(c.before, fee, burden)
		c.best = max(c.best, s.rateOf(fee, size))
	}
	return c, nil
}

// alive reports which of the versions the newest block leaves possible. One that spends a coin which is spent there, or gone,
// is in no pool: its successor need not pay more.
func (s *Spender) alive(ctx context.Context, versions []payout.Version) ([]bool, error) {
	var points []btc.Outpoint
	var of []int
	for i, v := range versions {
		for _, name := range v.Spends {
			at, err := btc.ParseOutpoint(name)
			if err != nil {
				return nil, fmt.Errorf("payout/bitcoin: version %d spends %.80q: %w", i, name, err)
			}
			points, of = append(points, at), append(of, i)
		}
	}
	outputs, err := s.node.Unspent(ctx, points, false)
	if err != nil {
		return nil, err
	}
	out := make([]bool, len(versions))
	for i := range out {
		out[i] = true
	}
	for k, o := range outputs {
		out[of[k]] = out[of[k]] && o != nil
	}
	return out, nil
}

// rateOf returns the rate of a fee, rounded down, and at most all money for a megabyte.
func (s *Spender) rateOf(fee, size int64) int64 {
	n := new(big.Int).Mul(big.NewInt(fee), big.NewInt(1000))
	if n.Quo(n, big.NewInt(size)); n.Cmp(big.NewInt(s.params.MaxMoney/1000)) > 0 {
		return s.params.MaxMoney / 1000
	}
	return n.Int64()
}

// sizeOf returns the virtual size of a version: the true one once it is signed, or else the least that it may have, so that
// its rate is not taken for lower than it is.
func (s *Spender) sizeOf(v payout.Version) int64 {
	tx := new(wire.MsgTx)
	if tx.Deserialize(bytes.NewReader(v.Raw)) == nil {
		base, all := tx.SerializeSizeStripped(), tx.SerializeSize()
		return vsize(int64(base*(byteWeight-1) + all))
	}
	if p, err := parsePacket(v.Unsigned); err == nil {
		return max(1, int64(p.UnsignedTx.SerializeSize()))
	}
	return 1
}

// succeed completes the draft of the next version, with a fee of at most greatest.
func (s *Spender) succeed(
	ctx context.Context, w payout.Wallet, t payout.Transaction, d draft, c cost, greatest int64,
) (draft, error) {
	d.rate = c.rate
	kept := make([]coin, len(d.inputs))
	for i, in := range d.inputs {
		kept[i] = in.coin
	}
	var ok bool
	if d.change, d.fee, ok = s.sumOf(d.pays, kept).settle(c); ok && d.fee <= greatest {
		return d, s.follow(&d, c, s.sumOf(d.pays, kept).weigh(d.change > 0))
	}
	if least := c.fee(s.sumOf(d.pays, kept).weigh(false)); least > greatest {
		return draft{}, fmt.Errorf("payout/bitcoin: %w: %d of at most %d", payout.ErrFeeTooHigh, least, greatest)
	}
	not := make(map[string]bool)
	for _, v := range t.Versions {
		for _, name := range v.Spends {
			not[name] = true
		}
	}
	coins, err := s.coins(ctx, w, not)
	if err != nil {
		return draft{}, err
	}
	more, err := s.add(ctx, coins, d, kept, c)
	if err != nil {
		return draft{}, err
	}
	d.inputs = append(d.inputs, more...)
	for _, in := range more {
		kept = append(kept, in.coin)
	}
	d.change, d.fee, ok = s.sumOf(d.pays, kept).settle(c)
	switch {
	case !ok:
		return draft{}, fmt.Errorf("payout/bitcoin: %w", payout.ErrNoCoins)
	case d.fee > greatest:
		return draft{}, fmt.Errorf("payout/bitcoin: %w: %d of at most %d", payout.ErrFeeTooHigh, d.fee, greatest)
	}
	return d, s.follow(&d, c, s.sumOf(d.pays, kept).weigh(d.change > 0))
}

// add returns further coins, so that there is change.
func (s *Spender) add(ctx context.Context, coins []coin, d draft, kept []coin, c cost) ([]input, error) {
	for range rounds {
		b := s.billOf(d.pays, kept, c)
		b.must = true
		b.least = c.fee(b.fixed + b.change + int64(len(kept)+1)*b.input)
		var chosen []coin
		for range rounds { // until what the chosen inputs cost by their size is in the least fee
			picked, ok := choose(coins, b)
			if !ok {
				return nil, fmt.Errorf("payout/bitcoin: %w", payout.ErrNoCoins)
			}
			chosen = pick(coins, picked)
			total := s.sumOf(d.pays, slices.Concat(kept, chosen))
			if _, _, ok := total.settle(c); ok {
				break
			}
			b.least = c.fee(total.weigh(true) + b.input)
		}
		inputs, _, err := s.confirm(ctx, chosen)
		if err != nil {
			return nil, err
		}
		if len(inputs) == len(chosen) {
			return inputs, nil
		}
		coins = without(coins, chosen, inputs)
	}
	return nil, fmt.Errorf("payout/bitcoin: %w: the node does not have the coins of the books", payout.ErrNoCoins)
}
