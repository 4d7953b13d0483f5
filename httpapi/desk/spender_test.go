package desk_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// spender pays from one address of a chain that takes everything. What it plans is signed elsewhere.
type spender struct {
	coin    chain.AssetID
	mu      sync.Mutex // guards what follows
	nonce   int
	sent    []string
	mined   map[string]bool
	funding map[string]payout.Move
}

const feeOfSpender = 1_000_000_000 // base units of SIM

func laneOf(asset chain.AssetID) payout.Holding {
	return payout.Holding{Network: asset.Network(), Name: "lane/" + asset.Reference(), Asset: asset, Address: "lane", Wallet: "w", Branch: 1}
}

func (s *spender) mine() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.sent {
		s.mined[id] = true
	}
}

func (s *spender) Network() chain.Network  { return s.coin.Network() }
func (s *spender) FeeAsset() chain.AssetID { return s.coin }
func (s *spender) Lane() chain.Address     { return "lane" }

func (s *spender) Receiver(_ context.Context, _ chain.Asset, to string, units *big.Int) (chain.Address, error) {
	switch {
	case !strings.HasPrefix(strings.ToLower(to), "sim1"):
		return "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "not an address of Simulated"}
	case units != nil && units.Cmp(big.NewInt(5)) < 0:
		return "", &payout.RefusedError{Code: payout.RefusedDust, Reason: "less than the network relays"}
	}
	return chain.Address(strings.ToLower(to)), nil
}

func (s *spender) Plan(_ context.Context, _ payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonce++
	p, anchor := queued[0], fmt.Sprintf("nonce:%d", s.nonce)
	leaves := map[chain.AssetID]*big.Int{s.coin: big.NewInt(-feeOfSpender)}
	leaves[p.Asset.ID] = new(big.Int).Sub(leaves[s.coin], p.Units)
	if p.Asset.ID != s.coin {
		leaves[p.Asset.ID] = new(big.Int).Neg(p.Units)
	}
	v := payout.Version{
		Fee: big.NewInt(feeOfSpender), Rate: "7 sat/vB", Spends: []string{anchor}, At: start,
		Unsigned: fmt.Appendf(nil, "psbt\xff%s pays %s to %s", anchor, p.Units, p.To),
	}
	for _, asset := range slices.Sorted(maps.Keys(leaves)) {
		v.Moves = append(v.Moves, payout.Move{Holding: laneOf(asset), Units: leaves[asset], Fee: asset == s.coin})
	}
	return payout.Plan{Lane: "lane", Anchor: anchor, Version: v, Payouts: []string{p.ID}}, nil
}

func (s *spender) Replace(_ context.Context, _ payout.Wallet, t payout.Transaction, _ *big.Int) (payout.Version, error) {
	v := t.Last()
	v.Unsigned, v.Cancels, v.Raw, v.TxID, v.Offered = fmt.Appendf(nil, "psbt\xff%s pays us", t.Anchor), true, nil, "", false
	v.Moves = []payout.Move{{Holding: laneOf(s.coin), Units: big.NewInt(-feeOfSpender), Fee: true}}
	return v, nil
}

func (s *spender) Verify(v payout.Version, signed []byte) ([]byte, string, error) {
	if !bytes.Equal(signed, sign(v.Unsigned)) {
		return nil, "", payout.ErrDiffers
	}
	return signed, "0x" + strings.TrimPrefix(v.Spends[0], "nonce:") + fmt.Sprint(v.Cancels), nil
}

// sign returns what the device that signs makes of a file.
func sign(unsigned []byte) []byte { return append([]byte("signed "), unsigned...) }

func (s *spender) Send(_ context.Context, v payout.Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, v.TxID)
	return nil
}

func (s *spender) Look(_ context.Context, t payout.Transaction) (payout.Look, error) {
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

func (s *spender) Holding(d payout.Deposit) payout.Holding {
	return payout.Holding{
		Network: d.Asset.Network(), Name: string(d.To) + "/" + d.Asset.Reference(), Asset: d.Asset, Address: d.To, Wallet: d.Wallet, Index: d.Index,
	}
}

func (s *spender) Funding(_ context.Context, txID string) ([]payout.Move, error) {
	return []payout.Move{s.funding[txID]}, nil
}

// Received knows one transaction, which brought 1 SIM to whom somebody asks for.
func (s *spender) Received(_ context.Context, txID string, _ chain.Address, _ chain.AssetID) (*big.Int, error) {
	if txID == "by-hand" {
		return big.NewInt(1e18), nil
	}
	return nil, payout.ErrNotFound
}

func (s *spender) Audit(_ context.Context, holdings []payout.Holding) ([]*big.Int, error) {
	out := make([]*big.Int, len(holdings))
	for i, h := range holdings {
		out[i] = h.Units
	}
	return out, nil
}

// start is when the tests begin.
var start = time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)
