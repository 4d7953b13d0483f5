package stage

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// Spender is a [payout.Spender] that pays from one address of a chain that takes everything. It is its own
// [payout.Signer] too, for who does not sign elsewhere. It may be used concurrently once its fields are set.
type Spender struct {
	Coin  chain.AssetID // fees are paid in it
	Start time.Time     // of all plans
	Down  error         // of the node, when it is asked for a receiver
	One   bool          // deposits are in the lane at once, and nothing has to be swept
	// Has says what is at places, for Audit; nil: what the books have.
	Has func(context.Context, []payout.Holding) ([]*big.Int, error)

	mu      sync.Mutex // guards what follows
	nonce   int
	sent    []string
	mined   map[string]bool
	funding []payout.Move
}

const spenderFee = 1_000_000_000 // base units of the coin

func laneOf(asset chain.AssetID) payout.Holding {
	return payout.Holding{Network: asset.Network(), Name: "lane/" + asset.Reference(), Asset: asset, Address: "lane", Wallet: "w", Branch: 1}
}

// Mine puts all that was sent into a block that is buried.
func (s *Spender) Mine() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mined = map[string]bool{}
	for _, id := range s.sent {
		s.mined[id] = true
	}
}

// Fund makes a transaction that brings the lane base units of an asset, for payout.Service.Fund, and returns its id.
func (s *Spender) Fund(asset chain.AssetID, units *big.Int) (txID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.funding = append(s.funding, payout.Move{Holding: laneOf(asset), Units: units})
	return fmt.Sprint("fund", len(s.funding)-1)
}

// Network implements [payout.Spender].
func (s *Spender) Network() chain.Network { return s.Coin.Network() }

// FeeAsset implements [payout.Spender].
func (s *Spender) FeeAsset() chain.AssetID { return s.Coin }

// Lane implements [payout.Spender].
func (s *Spender) Lane() chain.Address { return "lane" }

// Receiver implements [payout.Spender].
func (s *Spender) Receiver(_ context.Context, _ chain.Asset, to string, units *big.Int) (chain.Address, error) {
	switch {
	case s.Down != nil:
		return "", s.Down
	case !strings.HasPrefix(strings.ToLower(to), "sim1"):
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "not an address of Simulated"}
	case units != nil && units.Cmp(big.NewInt(5)) < 0:
		return "", &payout.RefusedError{Code: payout.RefusedDust, Reason: "less than the network relays"}
	}
	return chain.Address(strings.ToLower(to)), nil
}

// Plan implements [payout.Spender].
func (s *Spender) Plan(_ context.Context, _ payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonce++
	p, anchor := queued[0], fmt.Sprintf("nonce:%d", s.nonce)
	leaves := map[chain.AssetID]*big.Int{s.Coin: big.NewInt(-spenderFee)}
	leaves[p.Asset.ID] = new(big.Int).Sub(leaves[s.Coin], p.Units)
	if p.Asset.ID != s.Coin {
		leaves[p.Asset.ID] = new(big.Int).Neg(p.Units)
	}
	v := payout.Version{
		Fee: big.NewInt(spenderFee), Rate: "7 sat/vB", Spends: []string{anchor}, At: s.Start,
		Unsigned: fmt.Appendf(nil, "psbt\xff%s pays %s to %s", anchor, p.Units, p.To),
	}
	for _, asset := range slices.Sorted(maps.Keys(leaves)) {
		v.Moves = append(v.Moves, payout.Move{Holding: laneOf(asset), Units: leaves[asset], Fee: asset == s.Coin})
	}
	return payout.Plan{Lane: "lane", Anchor: anchor, Version: v, Payouts: []string{p.ID}}, nil
}

// Replace implements [payout.Spender].
func (s *Spender) Replace(_ context.Context, _ payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	v := t.Last()
	if !t.Cancel {
		return s.dearer(v, t, greatest)
	}
	v.Unsigned, v.Cancels, v.Raw, v.TxID, v.Offered = fmt.Appendf(nil, "psbt\xff%s pays us", t.Anchor), true, nil, "", false
	v.Moves = []payout.Move{{Holding: laneOf(s.Coin), Units: big.NewInt(-spenderFee), Fee: true}}
	return v, nil
}

// dearer returns the version with the fee that an operator chose, or with half as much again.
func (s *Spender) dearer(v payout.Version, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	fee := new(big.Int).Add(v.Fee, new(big.Int).Rsh(v.Fee, 1))
	if t.Hurry != nil {
		fee, v.At = t.Hurry.Fee, t.Hurry.At
		if least := new(big.Int).Add(v.Fee, big.NewInt(1)); fee.Cmp(least) < 0 {
			fee = least
		}
	}
	if fee.Cmp(greatest) > 0 {
		return payout.Version{}, payout.ErrFeeTooHigh
	}
	v.Moves = slices.Clone(v.Moves)
	for i, m := range v.Moves {
		if m.Fee {
			v.Moves[i].Units = new(big.Int).Sub(new(big.Int).Add(m.Units, v.Fee), fee)
		}
	}
	v.Fee, v.Unsigned = fee, fmt.Appendf(nil, "%s for %s", v.Unsigned, fee)
	v.Raw, v.TxID, v.Offered = nil, "", false
	return v, nil
}

// Sweep implements [payout.Sweeper]. Nothing is swept without an order. What is less than ten fees is too dear.
func (s *Spender) Sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	anchor := "sweep:" + string(h.Address)
	locked, err := w.Locked(ctx, []string{anchor})
	fee := big.NewInt(spenderFee)
	switch {
	case err != nil:
		return payout.Plan{}, "", err
	case !o.Now || len(locked) > 0 || h.Units.Cmp(fee) <= 0:
		return payout.Plan{}, "", payout.ErrNoCoins
	case !o.Dear && h.Units.Cmp(new(big.Int).Mul(fee, big.NewInt(10))) < 0:
		return payout.Plan{}, "", payout.ErrTooDear
	}
	v := payout.Version{Fee: fee, Rate: "7 sat/vB", Spends: []string{anchor}, At: s.Start, Unsigned: fmt.Appendf(nil, "psbt\xff%s", anchor)}
	v.Moves = []payout.Move{
		{Holding: h, Units: new(big.Int).Neg(h.Units), Fee: true}, {Holding: laneOf(h.Asset), Units: new(big.Int).Sub(h.Units, fee)},
	}
	return payout.Plan{Lane: string(h.Address), Anchor: anchor, Version: v}, payout.PurposeSweep, nil
}

// Verify implements [payout.Spender].
func (s *Spender) Verify(v payout.Version, signed []byte) ([]byte, string, error) {
	if !bytes.Equal(signed, Signed(v.Unsigned)) {
		return nil, "", payout.ErrDiffers
	}
	id := "0x" + strings.TrimPrefix(v.Spends[0], "nonce:")
	if v.Cancels {
		id += "c"
	}
	if _, fee, dearer := strings.Cut(string(v.Unsigned), " for "); dearer {
		id += "f" + fee
	}
	return signed, id, nil
}

// Sign implements [payout.Signer].
func (s *Spender) Sign(_ context.Context, r payout.SignRequest) ([]byte, error) {
	return Signed(r.Unsigned), nil
}

// Signed returns what the device that signs makes of a file.
func Signed(unsigned []byte) []byte { return append([]byte("signed "), unsigned...) }

// Send implements [payout.Spender].
func (s *Spender) Send(_ context.Context, v payout.Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, v.TxID)
	return nil
}

// Look implements [payout.Spender].
func (s *Spender) Look(_ context.Context, t payout.Transaction) (payout.Look, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l payout.Look
	for _, v := range t.Versions {
		see := payout.Sighting{Pooled: v.TxID != "" && slices.Contains(s.sent, v.TxID)}
		if v.TxID != "" && s.mined[v.TxID] {
			see = payout.Sighting{Height: 7, Final: true, Buried: true, Fee: v.Fee}
		}
		l.Versions = append(l.Versions, see)
	}
	return l, nil
}

// Holding implements [payout.Spender].
func (s *Spender) Holding(d payout.Deposit) payout.Holding {
	if s.One {
		return laneOf(d.Asset)
	}
	return payout.Holding{
		Network: d.Asset.Network(), Name: string(d.To) + "/" + d.Asset.Reference(), Asset: d.Asset, Address: d.To, Wallet: d.Wallet, Index: d.Index,
	}
}

// Funding implements [payout.Spender].
func (s *Spender) Funding(_ context.Context, txID string) ([]payout.Move, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := strconv.Atoi(strings.TrimPrefix(txID, "fund"))
	if err != nil || i < 0 || i >= len(s.funding) {
		return nil, payout.ErrNotFound
	}
	return []payout.Move{s.funding[i]}, nil
}

// Received implements [payout.Spender]. It knows one transaction, by-hand, which brought 1 SIM to whom somebody asks for.
func (s *Spender) Received(_ context.Context, txID string, _ chain.Address, _ chain.AssetID) (*big.Int, error) {
	if txID == "by-hand" {
		return big.NewInt(1e18), nil
	}
	return nil, payout.ErrNotFound
}

// Audit implements [payout.Spender].
func (s *Spender) Audit(ctx context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	if s.Has != nil {
		return s.Has(ctx, holdings)
	}
	out := make([]*big.Int, len(holdings))
	for i, h := range holdings {
		out[i] = h.Units
	}
	return out, nil
}
