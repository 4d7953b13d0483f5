package bitcoin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

const (
	mostInputs = 500 // so that a transaction is never above what nodes relay, 100,000 virtual bytes

	// Coins of a block reward, and those that leave Litecoin's extension block, cannot be spent at once.
	maturity     = 100
	mwebMaturity = 6

	// rounds is how often coins are chosen again because the node does not have some of those that were chosen.
	rounds = 10
)

// pay is an output to a payee.
type pay struct {
	payout string // id
	script []byte
	value  int64
	fee    int64 // the greatest that the payout reserves
}

// Plan implements [payout.Spender]. When there is nothing to pay but payouts in Plan.Refused, the plan has no version.
//
// Payouts that the free coins cannot pay are left for later, the first ones are paid first. When the fee exceeds what all
// reserve together, those that reserve the least for their own output are left out.
func (s *Spender) Plan(ctx context.Context, w payout.Wallet, payouts []payout.Payout) (payout.Plan, error) {
	plan := payout.Plan{Lane: string(s.lane.Address)}
	pays, refused := s.payable(payouts)
	if plan.Refused = refused; len(pays) == 0 {
		return plan, nil
	}
	c, err := s.price(ctx, nil)
	if err != nil {
		return payout.Plan{}, err
	}
	coins, err := s.coins(ctx, w, nil)
	if err != nil {
		return payout.Plan{}, err
	}
	d, err := s.fund(ctx, coins, c, func(coins []coin, c cost) ([]coin, []pay, error) {
		return s.fit(coins, pays, c)
	})
	if err != nil {
		return payout.Plan{}, err
	}
	plan.Version, plan.Payouts, err = s.finish(ctx, w, d)
	if err != nil {
		return payout.Plan{}, err
	}
	plan.Anchor = plan.Version.Spends[0]
	return plan, nil
}

// payable returns the outputs of the payouts that can be paid, at most one batch, and why others never can.
func (s *Spender) payable(payouts []payout.Payout) ([]pay, map[string]string) {
	var pays []pay
	var refused map[string]string
	for _, p := range payouts {
		script, _, err := s.receiver(p.Asset.ID, string(p.To), p.Units)
		if err != nil {
			if refused == nil {
				refused = make(map[string]string)
			}
			refused[p.ID] = err.Error()
			continue
		}
		if len(pays) == s.batch {
			break
		}
		pays = append(pays, pay{p.ID, script, p.Units.Int64(), s.reserved(p.Fee)})
	}
	return pays, refused
}

// reserved returns a greatest fee, at most all money.
func (s *Spender) reserved(fee *big.Int) int64 {
	switch {
	case fee == nil || fee.Sign() < 0:
		return 0
	case !fee.IsInt64() || fee.Int64() > s.params.MaxMoney:
		return s.params.MaxMoney
	default:
		return fee.Int64()
	}
}

// coins returns the wallet's free coins in the order of [order], without those in not.
func (s *Spender) coins(ctx context.Context, w payout.Wallet, not map[string]bool) ([]coin, error) {
	coins := make([]coin, 0, 256)
	name := s.wallet.Name()
	err := w.Holdings(ctx, s.asset, func(h payout.Holding) bool {
		ours := h.Network == s.params.Network && h.Asset == s.asset && h.Wallet == name && h.Branch <= btc.BranchChange
		if !ours || h.Lock != "" || not[h.Name] || h.Units == nil || h.Units.Sign() <= 0 || !h.Units.IsInt64() {
			return true
		}
		if len(coins) == cap(coins) {
			coins = slices.Grow(coins, len(coins)) // there may be many
		}
		coins = append(coins, coin{h.Name, h.Units.Int64(), h.Branch, h.Index})
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("payout/bitcoin: read holdings: %w", err)
	}
	return order(coins), nil
}

// sumOf returns the sum of a transaction with the outputs and so many coins.
func (s *Spender) sumOf(pays []pay, coins []coin) sum {
	t := sum{
		kind: s.wallet.Kind(), inputs: len(coins), outputs: len(pays),
		change: outputWeight(s.lane.Script), dust: s.params.Dust(s.lane.Script).Int64(),
	}
	for _, c := range coins {
		t.paid += c.value
	}
	for _, p := range pays {
		t.units += p.value
		t.weight += outputWeight(p.script)
	}
	return t
}

// billOf returns what coins must pay for beside the fixed ones. It counts lengths as of many coins.
func (s *Spender) billOf(pays []pay, fixed []coin, c cost) bill {
	t := s.sumOf(pays, fixed)
	t.inputs = mostInputs
	weight := t.weigh(false) - int64(mostInputs-len(fixed))*inputWeight(t.kind) +
		fixedWeight(t.kind, mostInputs, len(pays)+1) - fixedWeight(t.kind, mostInputs, len(pays))
	return bill{
		outputs: t.units, fixed: weight, input: inputWeight(t.kind), change: t.change, dust: t.dust, rate: c.rate,
		most: mostInputs - len(fixed), paid: t.paid,
	}
}

// fit returns coins that pay for as many of the outputs as coins and reserved fees allow, and these outputs. It is pure.
func (s *Spender) fit(coins []coin, pays []pay, c cost) ([]coin, []pay, error) {
	pays = s.affordable(coins, pays, c)
	outgoing := false
	for len(pays) > 0 {
		most := int64(0)
		for _, p := range pays {
			most = min(most+p.fee, s.params.MaxMoney)
		}
		for _, must := range []bool{false, true} {
			b := s.billOf(pays, nil, c)
			b.must = must
			chosen, ok := choose(coins, b)
			if !ok {
				continue
			}
			outgoing = true
			picked := pick(coins, chosen)
			if _, fee, ok := s.sumOf(pays, picked).settle(c); ok && fee <= most {
				return picked, pays, nil
			}
		}
		pays = s.leaveOut(pays, c)
	}
	if outgoing {
		return nil, nil, fmt.Errorf("payout/bitcoin: %w, at %s", payout.ErrFeeTooHigh, rateText(c.rate))
	}
	return nil, nil, fmt.Errorf("payout/bitcoin: %w", payout.ErrNoCoins)
}

// affordable returns the outputs, the first ones first, that all coins together can pay for.
func (s *Spender) affordable(coins []coin, pays []pay, c cost) []pay {
	b := s.billOf(nil, nil, c)
	var left int64
	for _, coin := range coins[:min(len(coins), mostInputs)] {
		left += max(0, b.effective(coin))
	}
	left -= feeFor(c.rate, b.fixed)
	var kept []pay
	for _, p := range pays {
		if need := p.value + feeFor(c.rate, outputWeight(p.script)); need <= left {
			left -= need
			kept = append(kept, p)
		}
	}
	return kept
}

// leaveOut returns the outputs without some of those whose reserve exceeds the fee for their own size the least.
func (s *Spender) leaveOut(pays []pay, c cost) []pay {
	surplus := func(p pay) int64 { return p.fee - feeFor(c.rate, outputWeight(p.script)) }
	worst := make([]int, len(pays))
	for i := range worst {
		worst[i] = len(pays) - 1 - i // of equal ones the last goes first
	}
	slices.SortStableFunc(worst, func(i, j int) int { return int(min(1, max(-1, surplus(pays[i])-surplus(pays[j])))) })
	const share = 8
	out := make(map[int]bool)
	for _, i := range worst[:max(1, len(pays)/share)] {
		out[i] = true
	}
	kept := make([]pay, 0, len(pays))
	for i, p := range pays {
		if !out[i] {
			kept = append(kept, p)
		}
	}
	return kept
}

func pick(coins []coin, chosen []int) []coin {
	picked := make([]coin, len(chosen))
	for i, n := range chosen {
		picked[i] = coins[n]
	}
	return picked
}

// input is a coin that the node has shown.
type input struct {
	coin
	at   btc.Outpoint
	key  btc.Key
	prev *wire.MsgTx // the transaction that made it, without witness
}

// draft is a transaction whose inputs are known.
type draft struct {
	inputs  []input
	pays    []pay
	change  int64   // 0 for none
	number  *uint32 // the index of the address for change; nil for a new one
	fee     int64
	rate    int64
	height  uint64 // of the chain when it was planned
	cancels bool
	below   below // of a bump
}

// fund lets pick choose among coins until the node confirms all that were chosen.
func (s *Spender) fund(
	ctx context.Context, coins []coin, c cost, pick func([]coin, cost) ([]coin, []pay, error),
) (draft, error) {
	for range rounds {
		chosen, pays, err := pick(coins, c)
		if err != nil {
			return draft{}, err
		}
		inputs, height, err := s.confirm(ctx, chosen)
		if err != nil {
			return draft{}, err
		}
		if len(inputs) < len(chosen) {
			coins = without(coins, chosen, inputs)
			continue
		}
		d := draft{inputs: inputs, pays: pays, rate: c.rate, height: height}
		var ok bool
		if d.change, d.fee, ok = s.sumOf(pays, chosen).settle(c); !ok {
			return draft{}, errors.New("payout/bitcoin: the chosen coins do not suffice")
		}
		return d, nil
	}
	return draft{}, fmt.Errorf("payout/bitcoin: %w: the node does not have the coins of the books", payout.ErrNoCoins)
}

// without returns the coins but for those chosen ones that are not among the inputs.
func without(coins, chosen []coin, inputs []input) []coin {
	bad := make(map[string]bool, len(chosen))
	for _, c := range chosen {
		bad[c.name] = true
	}
	for _, in := range inputs {
		delete(bad, in.name)
	}
	return slices.DeleteFunc(slices.Clone(coins), func(c coin) bool { return bad[c.name] })
}

// confirm returns those of the coins that the node has, unspent, deep enough, and as the books have them, with the
// transactions that made them, and the height of the chain.
func (s *Spender) confirm(ctx context.Context, coins []coin) ([]input, uint64, error) {
	points := make([]btc.Outpoint, 0, len(coins))
	named := make([]coin, 0, len(coins))
	for _, c := range coins {
		at, err := btc.ParseOutpoint(c.name)
		if err != nil {
			s.log.ErrorContext(ctx, "a holding is no coin", "network", s.params.Network, "name", c.name)
			continue
		}
		points, named = append(points, at), append(named, c)
	}
	tip, err := s.node.Tip(ctx)
	if err != nil {
		return nil, 0, err
	}
	outputs, err := s.node.Unspent(ctx, points, true)
	if err != nil {
		return nil, 0, err
	}
	var inputs []input
	heights := make(map[string]uint64)
	for i, c := range named {
		key, reason := s.usable(c, outputs[i], tip)
		if reason != "" {
			s.log.WarnContext(ctx, "a coin is left out", "network", s.params.Network, "coin", c.name, "reason", reason)
			continue
		}
		inputs = append(inputs, input{coin: c, at: points[i], key: key})
		heights[points[i].TxID] = tip.Height + 1 - outputs[i].Confirmations
	}
	if err := s.trace(ctx, inputs, heights); err != nil {
		return nil, 0, err
	}
	return inputs, tip.Height, nil
}

// usable returns the key of a coin, or why it cannot be spent now.
func (s *Spender) usable(c coin, out *btc.Output, tip chain.Tip) (btc.Key, string) {
	need := s.final
	if s.params.MWEB {
		need = max(need, mwebMaturity)
	}
	if out != nil && out.Coinbase {
		need = max(need, maturity)
	}
	key, err := s.wallet.Key(c.branch, c.index)
	switch {
	case out == nil:
		return key, "the node does not have it, or it is spent"
	case out.Confirmations < need || out.Confirmations > tip.Height+1:
		return key, "not final"
	case out.Units != c.value:
		return key, "another amount than in the books"
	case err != nil || !bytes.Equal(out.Script, key.Script):
		return key, "not an output to the key in the books"
	}
	return key, ""
}

// trace reads the transactions that made the inputs.
func (s *Spender) trace(ctx context.Context, inputs []input, heights map[string]uint64) error {
	made, err := s.node.TransactionsAt(ctx, heights)
	if err != nil {
		return err
	}
	for i := range inputs {
		in := &inputs[i]
		tx := new(wire.MsgTx)
		if err := tx.DeserializeNoWitness(bytes.NewReader(made[in.at.TxID].Base())); err != nil {
			return fmt.Errorf("payout/bitcoin: read transaction %s: %w", in.at.TxID, err)
		}
		n := int(in.at.Vout)
		if n >= len(tx.TxOut) || tx.TxOut[n].Value != in.value || !bytes.Equal(tx.TxOut[n].PkScript, in.key.Script) {
			return fmt.Errorf("payout/bitcoin: %w: transaction %s has another output %d", chain.ErrIncomplete, in.at.TxID, n)
		}
		in.prev = tx
	}
	return nil
}

// finish makes the version of a draft, and returns the payouts in the order of their outputs. Only here a number for change
// is taken.
func (s *Spender) finish(ctx context.Context, w payout.Wallet, d draft) (payout.Version, []string, error) {
	var back *outputOfOurs
	if d.change > 0 {
		var err error
		if back, err = s.changeOf(ctx, w, d); err != nil {
			return payout.Version{}, nil, err
		}
	}
	tx, pays, changeAt := d.assemble(back)
	unsigned, err := s.packet(tx, d, back, changeAt)
	if err != nil {
		return payout.Version{}, nil, err
	}
	v := payout.Version{
		Unsigned: unsigned, Fee: big.NewInt(d.fee), Rate: rateText(d.rate), Cancels: d.cancels, At: s.now().UTC(),
		TxID: s.expectedID(tx, d.inputs),
		Note: note{Height: d.height, Change: changeAt, Below: d.below}.encode(),
	}
	for _, in := range d.inputs {
		v.Spends = append(v.Spends, in.name)
		v.Moves = append(v.Moves, s.move(in.name, in.key, in.branch, in.index, -in.value))
	}
	if back != nil {
		name := v.TxID + ":" + strconv.Itoa(changeAt)
		v.Moves = append(v.Moves, s.move(name, back.key, btc.BranchChange, back.index, d.change))
	}
	ids := make([]string, len(pays))
	for i, p := range pays {
		ids[i] = p.payout
	}
	return v, ids, nil
}

// outputOfOurs is an output for change.
type outputOfOurs struct {
	key   btc.Key
	index uint32
}

// changeOf returns where change goes. Numbers begin after the lane's.
func (s *Spender) changeOf(ctx context.Context, w payout.Wallet, d draft) (*outputOfOurs, error) {
	index := d.number
	if index == nil {
		n, err := w.Number(ctx, s.wallet.Name()+"/1")
		if err != nil {
			return nil, fmt.Errorf("payout/bitcoin: take a number for change: %w", err)
		}
		n++
		index = &n
	}
	key, err := s.wallet.Key(btc.BranchChange, *index)
	if err != nil {
		return nil, err
	}
	return &outputOfOurs{key, *index}, nil
}

func (s *Spender) move(name string, key btc.Key, branch, index uint32, units int64) payout.Move {
	return payout.Move{Units: big.NewInt(units), Makes: units > 0, Holding: payout.Holding{
		Network: s.params.Network, Name: name, Asset: s.asset, Address: key.Address, Wallet: s.wallet.Name(), Branch: branch, Index: index,
	}}
}

// sequence signals that the transaction may be replaced (BIP-125).
const sequence = wire.MaxTxInSequenceNum - 2

// assemble makes the transaction, sorts the draft's inputs and its outputs as BIP-69 specifies, and returns the payees in
// the order of their outputs, and the place of the change, -1 for none.
func (d *draft) assemble(back *outputOfOurs) (tx *wire.MsgTx, pays []pay, changeAt int) {
	slices.SortFunc(d.inputs, func(a, b input) int {
		if a.at.TxID != b.at.TxID {
			return bytes.Compare([]byte(a.at.TxID), []byte(b.at.TxID))
		}
		return int(int64(a.at.Vout) - int64(b.at.Vout))
	})
	outs := slices.Clone(d.pays)
	if back != nil {
		outs = append(outs, pay{script: back.key.Script, value: d.change, fee: -1})
	}
	slices.SortStableFunc(outs, func(a, b pay) int {
		if a.value != b.value {
			return int(min(1, max(-1, a.value-b.value)))
		}
		return bytes.Compare(a.script, b.script)
	})
	tx, changeAt = wire.NewMsgTx(2), -1
	for _, in := range d.inputs {
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: in.outpoint(), Sequence: sequence})
	}
	for i, o := range outs {
		tx.AddTxOut(wire.NewTxOut(o.value, o.script))
		if o.fee < 0 {
			changeAt = i
		} else {
			pays = append(pays, o)
		}
	}
	return tx, pays, changeAt
}

// outpoint returns the input's coin in the form of the wire.
func (in input) outpoint() wire.OutPoint {
	h, _ := chainhash.NewHashFromStr(in.at.TxID) // it was parsed
	return wire.OutPoint{Hash: *h, Index: in.at.Vout}
}
