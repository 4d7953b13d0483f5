package tron

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/payout"
)

// The bounds of Config.Expiry.
const (
	minExpiry = time.Minute
	maxExpiry = 23 * time.Hour // the protocol has 24, counted from the head of the node that takes it
)

// Config configures a [Spender]. Node, Wallet and Assets are required.
type Config struct {
	// Node is a full node that calls contracts (vm.supportConstant of java-tron) and has all blocks.
	Node *tron.Node
	// Wallet is that of the invoices: its addresses of branch 0 are swept, and 1/0 is the lane that pays.
	Wallet *tron.Wallet
	// Assets are TRX and the tokens that can be paid. The Node watches them too.
	Assets []chain.Asset

	// Expiry is how long a transaction can be taken into a block, counted from when it is planned: 5 minutes if 0, enough
	// for a signer in a process. It is the time that a payout waits in doubt if no block takes it. A person who signs
	// needs hours, at most 23.
	Expiry time.Duration
	// SweepFee is the greatest sum in sun that bringing in a token may cost, its top-up included: 20 TRX if nil. TRX is
	// brought in if the fee is at most a tenth of it.
	SweepFee *big.Int

	Now func() time.Time // time.Now if nil
}

// Spender implements [payout.Spender] and [payout.Sweeper]. It is safe for concurrent use. It remembers nothing that
// counts: only how far it has read when it looks for transactions that have expired.
type Spender struct {
	node     *tron.Node
	wallet   *tron.Wallet
	network  chain.Network
	coin     chain.AssetID
	assets   map[chain.AssetID]chain.Asset
	lane     place
	expiry   time.Duration
	sweepFee *big.Int
	now      func() time.Time

	mu       sync.Mutex              // guards searched
	searched map[string]chain.Header // by txid: the last block that is known not to have it
}

var (
	_ payout.Spender = (*Spender)(nil)
	_ payout.Sweeper = (*Spender)(nil)
)

// place is an address of ours and the path of its key.
type place struct {
	address chain.Address
	account account
	path    [2]uint32
}

// New returns a Spender. It makes no call.
func New(c Config) (*Spender, error) {
	switch {
	case c.Node == nil:
		return nil, errors.New("tron: Config.Node is required")
	case c.Wallet == nil:
		return nil, errors.New("tron: Config.Wallet is required")
	case len(c.Assets) == 0:
		return nil, errors.New("tron: Config.Assets is empty")
	case c.Expiry != 0 && (c.Expiry < minExpiry || c.Expiry > maxExpiry):
		return nil, fmt.Errorf("tron: Config.Expiry is %s, and must be from %s to %s", c.Expiry, minExpiry, maxExpiry)
	case c.SweepFee != nil && c.SweepFee.Sign() < 0:
		return nil, errors.New("tron: Config.SweepFee is negative")
	}
	s := &Spender{
		node: c.Node, wallet: c.Wallet, network: c.Node.Network(), assets: map[chain.AssetID]chain.Asset{},
		expiry: c.Expiry, sweepFee: c.SweepFee, now: c.Now, searched: map[string]chain.Header{},
	}
	s.coin = tron.Native(s.network, "TRX").ID
	if s.expiry == 0 {
		s.expiry = 5 * time.Minute
	}
	if s.sweepFee == nil {
		s.sweepFee = big.NewInt(20_000_000)
	}
	if s.now == nil {
		s.now = time.Now
	}
	for i, a := range c.Assets {
		if err := s.add(a); err != nil {
			return nil, fmt.Errorf("tron: Config.Assets[%d]: %w", i, err)
		}
	}
	var err error
	if s.lane, err = s.place(1, 0); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Spender) add(a chain.Asset) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if _, twice := s.assets[a.ID]; twice || a.ID.Network() != s.network {
		return fmt.Errorf("%s is there twice, or not on %s", a.ID, s.network)
	}
	if a.ID != s.coin {
		contract, err := tron.ParseAddress(a.ID.Reference())
		if err != nil || a.ID.Namespace() != "trc20" || string(contract) != a.ID.Reference() {
			return fmt.Errorf("%s is neither TRX nor a TRC-20 token in its canonical spelling", a.ID)
		}
	}
	s.assets[a.ID] = a
	return nil
}

// place returns our address at a path.
func (s *Spender) place(branch, index uint32) (place, error) {
	address, err := atPath(s.wallet, []uint32{branch, index})
	if err != nil {
		return place{}, err
	}
	a, err := accountOf(address)
	return place{address, a, [2]uint32{branch, index}}, err
}

// holding returns the name and the rest of the identity of what a place has of an asset.
func (s *Spender) holding(p place, asset chain.AssetID) payout.Holding {
	return payout.Holding{
		Network: s.network, Name: nameOf(p.address, asset), Asset: asset, Address: p.address,
		Wallet: s.wallet.Name(), Branch: p.path[0], Index: p.path[1],
	}
}

func nameOf(address chain.Address, asset chain.AssetID) string {
	return string(address) + "/" + string(asset)
}

// Network implements [payout.Spender].
func (s *Spender) Network() chain.Network { return s.network }

// FeeAsset implements [payout.Spender]: it is TRX.
func (s *Spender) FeeAsset() chain.AssetID { return s.coin }

// Lane implements [payout.Spender]: it is key 1/0 of the account.
func (s *Spender) Lane() chain.Address { return s.lane.address }

// Holding implements [payout.Spender]: what an address has of the asset.
func (s *Spender) Holding(d payout.Deposit) payout.Holding {
	return payout.Holding{
		Network: s.network, Name: nameOf(d.To, d.Asset), Asset: d.Asset, Address: d.To, Wallet: d.Wallet, Index: d.Index,
	}
}

// Receiver implements [payout.Spender]. Contracts cannot receive TRX, but tokens.
func (s *Spender) Receiver(ctx context.Context, asset chain.Asset, to string, units *big.Int) (chain.Address, error) {
	if err := s.checkAmount(asset.ID, units); err != nil {
		return "", err
	}
	address, err := tron.ParseAddress(to)
	if err != nil {
		return "", refused(payout.RefusedAddress, "not an address of TRON")
	}
	if err := s.checkReceiver(ctx, asset.ID, address); err != nil {
		return "", err
	}
	return address, nil
}

func refused(code payout.Refusal, reason string) *payout.RefusedError {
	return &payout.RefusedError{Code: code, Reason: reason}
}

// checkAmount returns a RefusedError for an asset or an amount that cannot be paid; nil units are not checked.
func (s *Spender) checkAmount(asset chain.AssetID, units *big.Int) error {
	if _, known := s.assets[asset]; !known {
		return refused(payout.RefusedAsset, fmt.Sprintf("%.128s is not paid out on %s", asset, s.network))
	}
	switch {
	case units == nil:
	case units.Sign() <= 0:
		return refused(payout.RefusedDust, "an amount must be positive")
	case asset == s.coin && units.BitLen() > 62, units.BitLen() > 256:
		return refused(payout.RefusedInvalid, "an amount that does not exist")
	}
	return nil
}

// checkReceiver returns a RefusedError for a receiver that must not get the asset.
func (s *Spender) checkReceiver(ctx context.Context, asset chain.AssetID, to chain.Address) error {
	switch {
	case to == account{}.address():
		return refused(payout.RefusedAddress, "nobody has the key of the zero address")
	case to == s.lane.address:
		return refused(payout.RefusedAddress, "the address that pays is our own")
	}
	for id := range s.assets {
		if id != s.coin && string(to) == id.Reference() {
			return refused(payout.RefusedContract, "the contract of a token keeps what it gets")
		}
	}
	if asset != s.coin {
		return nil
	}
	code, err := s.node.HasCode(ctx, to)
	if err != nil {
		return err
	}
	if code {
		return refused(payout.RefusedContract, "a contract does not take TRX")
	}
	return nil
}
