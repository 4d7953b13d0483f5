package payouttest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// errNode is a node that does not answer.
var errNode = errors.New("node does not answer")

// spender is a Spender on a simulated chain, through a node that may lag, fail and forget.
type spender struct {
	w       *world
	c       *simChain
	network chain.Network
	defect  Defect
	sweeps  bool // money of invoices comes to addresses of its own
	known   int  // numbers of the lane below it were looked at by a person

	firstSeen bool // it knows that the pool keeps the first of two transactions
}

// Network implements [payout.Spender].
func (s *spender) Network() chain.Network { return s.network }

// FeeAsset implements [payout.Spender].
func (s *spender) FeeAsset() chain.AssetID { return chain.AssetID(s.c.assets[0]) }

// Lane implements [payout.Spender].
func (s *spender) Lane() chain.Address { return "lane" }

// Receiver implements [payout.Spender].
func (s *spender) Receiver(_ context.Context, _ chain.Asset, to string, units *big.Int) (chain.Address, error) {
	s.w.pause("receiver")
	switch {
	case !strings.HasPrefix(to, "payee"):
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "not an address of this chain"}
	case units != nil && units.Cmp(big.NewInt(5)) < 0:
		return "", &payout.RefusedError{Code: payout.RefusedDust}
	}
	return chain.Address(to), nil
}

// feeOf returns the fee of a transaction with n receivers at the rate.
func feeOf(rate, n int) int64 { return int64(rate) * sizeOf(n) }

// sizeOf returns the size of a transaction with n receivers. One without any pays ourselves.
func sizeOf(n int) int64 { return int64(10 + 2*max(n, 1)) }

// Plan implements [payout.Spender].
func (s *spender) Plan(ctx context.Context, w payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	s.w.pause("plan")
	if s.w.fails("plan") {
		return payout.Plan{}, errNode
	}
	var waits error
	for i := range queued { // one that has to wait does not make those after it wait
		plan, err := s.planFrom(ctx, w, queued[i:])
		if !errors.Is(err, payout.ErrFeeTooHigh) && !errors.Is(err, payout.ErrNoCoins) {
			return plan, err
		}
		waits = cmp.Or(waits, err)
	}
	return payout.Plan{}, waits
}

// planFrom pays the first of the payouts, on a chain of coins with some of those after it.
func (s *spender) planFrom(ctx context.Context, w payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	if s.c.kind == coins {
		return s.planCoins(ctx, w, queued)
	}
	return s.planAccount(ctx, w, queued[0])
}

// planCoins pays as many payouts as the free coins and the reserved fees permit.
func (s *spender) planCoins(ctx context.Context, w payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	var free []payout.Holding
	have := new(big.Int)
	err := w.Holdings(ctx, queued[0].Asset.ID, func(h payout.Holding) bool {
		if h.Lock == "" && h.Units.Sign() > 0 {
			free = append(free, h)
			have.Add(have, h.Units)
		}
		return true
	})
	if err != nil {
		return payout.Plan{}, err
	}
	most := min(len(queued), 1+s.w.rand.IntN(3))
	for n := most; n > 0; n-- {
		need, reserved := big.NewInt(feeOf(s.c.rate, n)), new(big.Int)
		fee := new(big.Int).Set(need)
		for _, p := range queued[:n] {
			need.Add(need, p.Units)
			reserved.Add(reserved, p.Fee)
		}
		if fee.Cmp(reserved) > 0 {
			if n == 1 {
				return payout.Plan{}, payout.ErrFeeTooHigh
			}
			continue
		}
		if have.Cmp(need) >= 0 {
			return s.spend(ctx, w, free, queued[:n], need, fee)
		}
	}
	return payout.Plan{}, payout.ErrNoCoins
}

// spend makes the plan of a transaction that pays the payouts from the coins.
func (s *spender) spend(ctx context.Context, w payout.Wallet, free []payout.Holding, pay []payout.Payout, need, fee *big.Int) (payout.Plan, error) {
	t := tx{Pays: map[string]string{}, Payees: map[string]string{}, Makes: map[string]string{}, Asset: s.c.assets[0], Rate: s.c.rate, Fee: fee.String(), Used: fee.String()}
	v := payout.Version{Fee: fee, Rate: strconv.Itoa(s.c.rate), At: s.w.now()}
	sum := new(big.Int)
	s.w.rand.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	for _, h := range free {
		if sum.Cmp(need) >= 0 {
			break
		}
		sum.Add(sum, h.Units)
		t.Spends = append(t.Spends, h.Name)
		v.Moves = append(v.Moves, payout.Move{Holding: h, Units: new(big.Int).Neg(h.Units)})
	}
	plan := payout.Plan{Lane: "wallet", Anchor: t.Spends[0]}
	for _, p := range pay {
		t.Pays[p.ID], t.Payees[p.ID] = p.Units.String(), string(p.To)
		plan.Payouts = append(plan.Payouts, p.ID)
	}
	if change := new(big.Int).Sub(sum, need); change.Sign() > 0 {
		if err := s.change(ctx, w, &t, &v, change); err != nil {
			return payout.Plan{}, err
		}
	}
	v.Unsigned, v.Spends = t.encode(), t.Spends
	plan.Version = v
	return plan, nil
}

// change adds an output to ourselves.
func (s *spender) change(ctx context.Context, w payout.Wallet, t *tx, v *payout.Version, units *big.Int) error {
	n, err := w.Number(ctx, "change/"+string(s.network))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("change:%06d", n)
	t.Makes[name] = units.String()
	v.Moves = append(v.Moves, payout.Move{Holding: s.coin(name), Units: new(big.Int).Set(units), Makes: true})
	return nil
}

func (s *spender) coin(name string) payout.Holding {
	return payout.Holding{Network: s.network, Name: name, Asset: chain.AssetID(s.c.assets[0]), Address: "own", Branch: 1}
}

// balance is what an address that is no invoice's has.
func (s *spender) balance(address, asset string) payout.Holding {
	return payout.Holding{
		Network: s.network, Name: placeName(address, asset), Asset: chain.AssetID(asset), Address: chain.Address(address), Branch: 1,
	}
}

// planAccount pays one payout from the lane.
func (s *spender) planAccount(ctx context.Context, w payout.Wallet, p payout.Payout) (payout.Plan, error) {
	native := s.c.assets[0]
	used := feeOf(s.c.rate, 1)
	fee := big.NewInt(used * 2)
	if fee.Cmp(p.Fee) > 0 {
		return payout.Plan{}, payout.ErrFeeTooHigh
	}
	need := map[string]*big.Int{native: new(big.Int).Set(fee)}
	need[string(p.Asset.ID)] = new(big.Int).Add(orZero(need[string(p.Asset.ID)]), p.Units)
	if err := s.afford(ctx, w, need); err != nil {
		return payout.Plan{}, err
	}
	t := tx{
		From: lane,
		Pays: map[string]string{p.ID: p.Units.String()}, Payees: map[string]string{p.ID: string(p.To)}, Asset: string(p.Asset.ID),
		Fee: fee.String(), Used: strconv.FormatInt(used, 10), Rate: s.c.rate, Fails: s.w.chance(s.w.cfg.failing), Salt: s.w.rand.Int(),
	}
	lock := fmt.Sprintf("once:%d", s.w.next())
	if s.c.kind == accounts {
		n, err := s.number(ctx, w)
		if err != nil {
			return payout.Plan{}, err
		}
		lock = numberName(lane, n)
	} else {
		t.Expires = s.c.height() + 3
	}
	t.Spends = []string{lock}
	v := payout.Version{Fee: fee, Unsigned: t.encode(), Spends: t.Spends, At: s.w.now(), Rate: strconv.Itoa(s.c.rate)}
	v.Moves = s.accountMoves(t)
	if s.c.kind == expiring { // no signature is needed to know the id
		v.TxID = s.c.kind.idOf(sign(v.Unsigned, 0))
	}
	return payout.Plan{Lane: "lane", Anchor: lock, Version: v, Payouts: []string{p.ID}}, nil
}

// accountMoves returns what a transaction of the lane takes at most. The move with the fee is the first.
func (s *spender) accountMoves(t tx) []payout.Move {
	native := s.c.assets[0]
	costs := t.costs(native)
	out := []payout.Move{{Holding: s.holdingOf(t.From, native), Units: new(big.Int).Neg(costs[native]), Fee: true}}
	if t.Asset != native && costs[t.Asset] != nil {
		out = append(out, payout.Move{Holding: s.holdingOf(t.From, t.Asset), Units: new(big.Int).Neg(costs[t.Asset])})
	}
	if t.Brings != "" {
		out = append(out, payout.Move{Holding: s.holdingOf(t.To, t.Asset), Units: num(t.Brings)})
	}
	return out
}

// afford reports whether the lane has enough beside what its open transactions may take.
func (s *spender) afford(ctx context.Context, w payout.Wallet, need map[string]*big.Int) error {
	open, err := w.Open(ctx)
	if err != nil {
		return err
	}
	for asset, units := range need {
		free, err := payout.Free(ctx, w, open, placeName(lane, asset), "")
		if err != nil {
			return err
		}
		if free.Cmp(units) < 0 {
			return payout.ErrNoCoins
		}
	}
	return nil
}

// number returns the lowest number of the lane that no transaction has.
func (s *spender) number(ctx context.Context, w payout.Wallet) (int, error) {
	n := s.view().nonces[lane]
	if strange, err := s.strange(ctx, w, n); err != nil || strange {
		return 0, cmp.Or(err, error(&payout.RefusedError{Code: payout.RefusedStopped, Reason: "somebody else used the key"}))
	}
	if s.defect == DefectGap {
		n += s.w.rand.IntN(2)
	}
	return s.free(ctx, w, lane, n)
}

// free returns the lowest number of a sender from n on that no transaction has.
func (s *spender) free(ctx context.Context, w payout.Wallet, sender string, n int) (int, error) {
	for ; ; n++ {
		name := numberName(sender, n)
		locked, err := w.Locked(ctx, []string{name})
		if err != nil {
			return 0, err
		}
		if locked[name] == "" {
			return n, nil
		}
	}
}

// Replace implements [payout.Spender].
func (s *spender) Replace(ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	s.w.pause("replace")
	if s.w.fails("replace") {
		return payout.Version{}, errNode
	}
	if s.c.kind == expiring {
		return payout.Version{}, payout.ErrNoReplacement
	}
	var old tx
	if err := json.Unmarshal(t.Last().Unsigned, &old); err != nil {
		return payout.Version{}, err
	}
	next := old
	if t.Purpose == payout.PurposeBump {
		return s.rebump(ctx, w, t, old, greatest)
	}
	if t.Purpose != payout.PurposePay { // what it may cost is reserved, and no more
		return payout.Version{}, payout.ErrFeeTooHigh
	}
	if s.c.kind == coins && (s.view().coins[t.Anchor] == nil || s.firstSeen && !t.Cancel && s.anyPossible(t)) {
		return payout.Version{}, payout.ErrNoReplacement
	}
	known := t.Signed() || len(s.c.forms[string(t.Last().Unsigned)]) > 0
	if next.Rate = s.c.rate; s.possible(old) && known {
		next.Rate = max(old.Rate+1+old.Rate/8, s.c.rate)
	}
	next.Salt = s.w.rand.Int()
	n := len(old.Pays)
	if t.Cancel {
		next.Pays, next.Payees, next.Fails, n = map[string]string{}, map[string]string{}, false, 1
	}
	if t.Hurry != nil {
		next.Rate = 1
		if s.possible(old) && known {
			next.Rate = old.Rate + 1 + old.Rate/8
		}
	}
	used := feeOf(next.Rate, n)
	if burden := s.burden(t); used <= burden {
		used = burden + sizeOf(n)
		next.Rate = int(used / sizeOf(n))
	}
	if chosen := s.chosen(t); chosen > used {
		used, next.Rate = chosen, int(chosen/sizeOf(n))
	}
	fee := big.NewInt(used)
	if s.c.kind == accounts {
		fee = big.NewInt(used * 2)
	}
	if most := greatest.Int64() / 2; s.c.kind == accounts && t.Cancel && !t.Signed() && used > most && feeOf(s.c.rate, n) <= most {
		// What was never signed here may be nowhere. Where it is after all, the pool refuses this, and takes that.
		used, next.Rate, fee = most, int(most/sizeOf(n)), big.NewInt(2*most)
	}
	if fee.Cmp(greatest) > 0 {
		return payout.Version{}, payout.ErrFeeTooHigh
	}
	next.Fee, next.Used = fee.String(), strconv.FormatInt(used, 10)
	v := payout.Version{Fee: fee, Rate: strconv.Itoa(next.Rate), At: s.w.now(), Cancels: len(next.Pays) == 0}
	if s.c.kind == accounts {
		v.Moves = s.accountMoves(next)
	} else if err := s.rebalance(ctx, w, t, &next, &v, fee); err != nil {
		return payout.Version{}, err
	}
	if s.defect == DefectNoAnchor && s.c.kind == coins && !t.Cancel {
		s.otherCoins(ctx, w, &next, &v)
	}
	v.Unsigned = next.encode()
	if v.Spends == nil {
		v.Spends = next.Spends
	}
	return v, nil
}

// chosen returns what an operator chose that a transaction uses; 0 for nothing.
func (s *spender) chosen(t payout.Transaction) int64 {
	switch {
	case t.Hurry == nil:
		return 0
	case s.c.kind == accounts:
		return t.Hurry.Fee.Int64() / 2
	}
	return t.Hurry.Fee.Int64()
}

// possible reports whether the node's pool may have the transaction: the coins that it spends are there.
func (s *spender) possible(t tx) bool {
	gone := func(name string) bool { return s.view().coins[name] == nil }
	return s.c.kind != coins || !slices.ContainsFunc(t.Spends, gone)
}

// anyPossible reports whether the pool may have any version of the transaction.
func (s *spender) anyPossible(t payout.Transaction) bool {
	return slices.ContainsFunc(t.Versions, func(v payout.Version) bool {
		var own tx
		return json.Unmarshal(v.Unsigned, &own) != nil || s.possible(own)
	})
}

// otherCoins is the defect of a replacement that does not exclude what it replaces: it says that it spends the anchor, and
// spends other coins.
func (s *spender) otherCoins(ctx context.Context, w payout.Wallet, t *tx, v *payout.Version) {
	v.Spends = slices.Clone(t.Spends)
	need := new(big.Int)
	for _, name := range t.Spends {
		need.Add(need, orZero(s.c.tip().coins[name]))
	}
	_ = w.Holdings(ctx, chain.AssetID(s.c.assets[0]), func(h payout.Holding) bool {
		if h.Lock == "" && h.Units.Cmp(need) >= 0 {
			t.Spends = []string{h.Name}
			return false
		}
		return true
	})
}

// rebalance makes the new version of a transaction of coins add up: it spends the coins that are still there, and others
// where they do not suffice, and the change bears the higher fee.
func (s *spender) rebalance(ctx context.Context, w payout.Wallet, t payout.Transaction, next *tx, v *payout.Version, fee *big.Int) error {
	left := new(big.Int).Neg(fee)
	for _, units := range next.Pays {
		left.Sub(left, num(units))
	}
	next.Makes, next.Spends = map[string]string{}, nil
	spend := func(h payout.Holding, units *big.Int) {
		next.Spends = append(next.Spends, h.Name)
		v.Moves = append(v.Moves, payout.Move{Holding: h, Units: new(big.Int).Neg(units)})
		left.Add(left, units)
	}
	coins := s.view().coins
	for _, m := range t.Last().Moves {
		if m.Units.Sign() < 0 && (m.Holding.Name == t.Anchor || coins[m.Holding.Name] != nil) {
			spend(m.Holding, new(big.Int).Neg(m.Units))
		}
	}
	err := w.Holdings(ctx, chain.AssetID(s.c.assets[0]), func(h payout.Holding) bool {
		if left.Sign() < 0 && h.Lock == "" && coins[h.Name] != nil {
			spend(h, h.Units)
		}
		return true
	})
	switch {
	case err != nil:
		return err
	case left.Sign() < 0:
		return payout.ErrNoCoins
	case left.Sign() > 0:
		return s.change(ctx, w, next, v, left)
	}
	return nil
}

// Verify implements [payout.Spender].
func (s *spender) Verify(v payout.Version, raw []byte) ([]byte, string, error) {
	if _, unsigned, err := parse(raw); err != nil || string(unsigned) != string(v.Unsigned) {
		return nil, "", payout.ErrDiffers
	}
	return raw, s.c.kind.idOf(raw), nil
}

// Send implements [payout.Spender].
func (s *spender) Send(_ context.Context, v payout.Version) error {
	s.w.pause("send")
	s.w.checkStored(v)
	switch {
	case s.w.fails("send, lost"):
		return errNode
	case s.w.fails("send, taken all the same"):
		_ = s.c.submit(v.Raw)
		return errNode
	}
	err := s.c.submit(v.Raw)
	s.w.pause("sent")
	return err
}

// view returns the chain as the node sees it now, which may lag.
func (s *spender) view() state { return s.c.at(s.c.height() - s.w.lag(s)) }

// Look implements [payout.Spender].
func (s *spender) Look(_ context.Context, t payout.Transaction) (payout.Look, error) {
	s.w.pause("look")
	if s.w.fails("look") {
		return payout.Look{}, errNode
	}
	height := s.c.height() - s.w.lag(s)
	view := s.c.at(height)
	var out payout.Look
	for _, v := range t.Versions {
		out.Versions = append(out.Versions, s.sighting(view, height, v))
	}
	s.sameDeed(view, height, t, out.Versions)
	if by, spent := view.spender[t.Anchor]; spent && !slices.ContainsFunc(out.Versions, payout.Sighting.Mined) {
		out.Taken = true
		depth := height - view.taken[by] + 1
		out.TakenFinal = depth >= depthBuried
		s.w.deepest[t.ID] = max(s.w.deepest[t.ID], depth)
	}
	out.Dead = s.dead(height, t, out)
	s.lookedAt(t, view, height, &out)
	if s.defect == DefectTakenIsDead && out.TakenFinal {
		out.Dead, out.Taken, out.TakenFinal = true, false, false
	}
	return out, nil
}

// sighting returns what the view has of a version, whoever signed and sent it.
func (s *spender) sighting(view state, height int, v payout.Version) payout.Sighting {
	for _, id := range s.c.forms[string(v.Unsigned)] {
		if _, mined := view.taken[id]; mined {
			return s.inBlock(view, height, id)
		}
	}
	return payout.Sighting{Pooled: v.TxID != "" && slices.Contains(s.c.pool, v.TxID)}
}

// inBlock returns what the view has of a transaction that is in one of its blocks.
func (s *spender) inBlock(view state, height int, id string) payout.Sighting {
	at := view.taken[id]
	depth := height - at + 1
	s.w.deepest[id] = max(s.w.deepest[id], depth)
	return payout.Sighting{
		Height: uint64(at), Final: depth >= depthFinal, Buried: depth >= depthBuried, Failed: view.failed[id], Fee: view.fees[id], TxID: id,
	}
}

// dead reports whether every version has expired at a depth that no reorganisation reaches, and none is in a block.
func (s *spender) dead(height int, t payout.Transaction, l payout.Look) bool {
	if s.c.kind != expiring || slices.ContainsFunc(l.Versions, payout.Sighting.Mined) {
		return false
	}
	for _, v := range t.Versions {
		var own tx
		if json.Unmarshal(v.Unsigned, &own) != nil || height-own.Expires < depthBuried {
			return s.defect == DefectExpiryByHead && height > own.Expires
		}
	}
	return true
}

// Holding implements [payout.Spender].
func (s *spender) Holding(d payout.Deposit) payout.Holding {
	if s.c.kind == coins {
		h := s.coin(d.Key.TxID)
		h.Branch, h.Wallet, h.Index, h.Height = 0, d.Wallet, d.Index, d.Height
		return h
	}
	if s.sweeps {
		h := s.holdingOf(string(d.To), string(d.Asset))
		h.Wallet, h.Index = d.Wallet, d.Index
		return h
	}
	return s.balance(lane, string(d.Asset))
}

// Funding implements [payout.Spender].
func (s *spender) Funding(_ context.Context, id string) ([]payout.Move, error) {
	for height, b := range s.c.blocks[:max(0, s.c.height()-depthFinal+1)] {
		for _, d := range b.deposits {
			if d.name != id {
				continue
			}
			h := s.holdingOf(cmp.Or(d.at, lane), d.asset)
			if s.c.kind == coins {
				h = s.coin(d.name)
				h.Height = uint64(height + 1)
			}
			return []payout.Move{{Holding: h, Units: d.units}}, nil
		}
	}
	return nil, payout.ErrNotFound
}

// Received implements [payout.Spender].
func (s *spender) Received(_ context.Context, id string, to chain.Address, asset chain.AssetID) (*big.Int, error) {
	for _, b := range s.c.blocks[:max(0, s.c.height()-depthBuried+1)] {
		for _, d := range b.deposits {
			if d.name == id && d.to == to && d.asset == string(asset) {
				s.w.deepest[id] = depthBuried
				return d.units, nil
			}
		}
	}
	return nil, payout.ErrNotFound
}

// Audit implements [payout.Spender].
func (s *spender) Audit(_ context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	view := s.c.tip()
	var out []*big.Int
	for _, h := range holdings {
		if s.c.kind == coins {
			out = append(out, orZero(view.coins[h.Name]))
		} else {
			out = append(out, orZero(view.balances[h.Name]))
		}
	}
	return out, nil
}

// signer signs with the only key, late, twice, or not at all.
type signer struct{ w *world }

// Sign implements [payout.Signer].
func (s signer) Sign(_ context.Context, r payout.SignRequest) ([]byte, error) {
	s.w.pause("sign")
	switch {
	case s.w.fails("signer"):
		return nil, errNode
	case s.w.chance(s.w.cfg.later):
		return nil, payout.ErrLater
	case s.w.refuses(r):
		return nil, &payout.RefusedError{Code: payout.RefusedPolicy, Reason: "not today"}
	}
	raw := sign(r.Unsigned, 0)
	s.w.signed(r, raw)
	if s.w.chance(s.w.cfg.outside) { // the signer sends it by itself, as it signed it then or now
		own := sign(s.w.outbid(r), s.w.rand.IntN(2))
		s.w.signed(r, own)
		_ = s.w.chainOf(r.Network).submit(own)
	}
	s.w.pause("signed")
	return raw, nil
}
