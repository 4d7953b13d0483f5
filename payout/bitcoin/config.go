package bitcoin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// Config configures a [Spender].
type Config struct {
	RPC    *btc.Client // of the node; required
	Wallet *btc.Wallet // the account that pays, which determines coin and network; required

	Fees FeePolicy

	// Final is how many confirmations make a transaction final, and its change and other coins spendable. The default is
	// the number that the coin requires of large payments: 6 of Bitcoin, 12 of Litecoin, 40 of Dogecoin, 15 of Bitcoin
	// Cash, and 6 on test networks.
	Final uint64
	// Buried is how many confirmations end all watching. The default is 100; at least Final.
	Buried uint64
	// Batch is how many payouts one transaction pays at most, up to 500. The default is 100.
	Batch int
	// FirstSeen says that nodes of the network keep the first of two versions that they see, as most of Litecoin do: they have
	// mempoolreplacement=0. Then the only other version is one that cancels, and a transaction that is too cheap is bumped.
	FirstSeen bool

	Now    func() time.Time // the default is time.Now
	Logger *slog.Logger     // if nil, nothing is logged
}

// FeePolicy says what is paid for 1000 virtual bytes, in base units. The defaults are, as estimate that is lacking, floor,
// cap and increment:
//
//	Bitcoin           10,000       1,000       500,000     1,000
//	Litecoin          10,000       1,000     1,000,000     1,000
//	Dogecoin       1,000,000   1,000,000   100,000,000   100,000
//	Bitcoin Cash       1,000       1,000       100,000     1,000
type FeePolicy struct {
	Blocks    int   // a transaction should be in one of so many blocks; the default is 6
	Fallback  int64 // the rate if the node has no estimate
	Floor     int64 // the lowest rate; the node's own floor counts if it is higher
	Cap       int64 // when the rate would be higher, payouts wait
	Increment int64 // what a replacement pays more, for its own size, if the node does not say
}

const (
	defaultBlocks = 6
	defaultFinal  = 6
	defaultBuried = 100
	defaultBatch  = 100
	mostBatch     = 500
	mostBlocks    = 1008 // of which nodes estimate
)

// policies has the defaults by the code of the coin.
var policies = map[string]FeePolicy{
	"BTC":  {Fallback: 10_000, Floor: 1_000, Cap: 500_000, Increment: 1_000},
	"LTC":  {Fallback: 10_000, Floor: 1_000, Cap: 1_000_000, Increment: 1_000},
	"DOGE": {Fallback: 1_000_000, Floor: 1_000_000, Cap: 100_000_000, Increment: 100_000},
	"BCH":  {Fallback: 1_000, Floor: 1_000, Cap: 100_000, Increment: 1_000},
}

// Spender implements [payout.Spender] for the Bitcoin family. It holds no private key.
type Spender struct {
	node   *btc.Node
	params btc.Params
	wallet *btc.Wallet
	fees   FeePolicy
	final  uint64
	buried uint64
	batch  int
	first  bool // nodes keep the first version that they see
	now    func() time.Time
	log    *slog.Logger
	asset  chain.AssetID
	lane   btc.Key

	mu    sync.Mutex
	scans map[string]*scan // by anchor: how far blocks were searched for what spends it
}

var (
	_ payout.Spender = (*Spender)(nil)
	_ payout.Bumper  = (*Spender)(nil)
)

// New returns a Spender. It makes no call.
func New(c Config) (*Spender, error) {
	if c.RPC == nil {
		return nil, errors.New("payout/bitcoin: Config.RPC is required")
	}
	if c.Wallet == nil {
		return nil, errors.New("payout/bitcoin: Config.Wallet is required")
	}
	p := c.Wallet.Params()
	node, err := btc.New(btc.Config{Params: p, RPC: c.RPC, Logger: c.Logger})
	if err != nil {
		return nil, fmt.Errorf("payout/bitcoin: Config.Wallet: %w", err)
	}
	lane, err := c.Wallet.Key(btc.BranchChange, 0)
	if err != nil {
		return nil, fmt.Errorf("payout/bitcoin: Config.Wallet: %w", err)
	}
	s := &Spender{
		node: node, params: p, wallet: c.Wallet, fees: c.Fees.withDefaults(p), final: c.Final, buried: c.Buried, batch: c.Batch,
		first: c.FirstSeen || p.ForkID(),
		now:   c.Now, log: c.Logger, asset: p.Asset().ID, lane: lane, scans: make(map[string]*scan),
	}
	s.setDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Spender) setDefaults() {
	if s.final == 0 {
		s.final = defaultFinal
		if n := len(s.params.Confirm); n > 0 {
			s.final = s.params.Confirm[n-1].Need.Depth
		}
	}
	if s.buried == 0 {
		s.buried = max(defaultBuried, s.final)
	}
	if s.batch == 0 {
		s.batch = defaultBatch
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
}

// withDefaults returns the policy with the coin's defaults in place of zeros.
func (f FeePolicy) withDefaults(p btc.Params) FeePolicy {
	d := policies[p.Code]
	or := func(n *int64, other int64) {
		if *n == 0 {
			*n = other
		}
	}
	or(&f.Fallback, max(d.Fallback, f.Floor))
	or(&f.Floor, d.Floor)
	or(&f.Cap, max(d.Cap, f.Floor, f.Fallback))
	or(&f.Increment, d.Increment)
	if f.Blocks == 0 {
		f.Blocks = defaultBlocks
	}
	return f
}

func (s *Spender) check() error {
	f := s.fees
	switch {
	case f.Floor < 1 || f.Fallback < 1 || f.Increment < 1:
		return errors.New("payout/bitcoin: Config.Fees: Floor, Fallback and Increment must be positive")
	case f.Cap < f.Floor || f.Cap < f.Fallback || f.Cap > s.params.MaxMoney/1000:
		return fmt.Errorf("payout/bitcoin: Config.Fees.Cap: %d is below Floor or Fallback, or beyond all money", f.Cap)
	case f.Blocks < 1 || f.Blocks > mostBlocks:
		return fmt.Errorf("payout/bitcoin: Config.Fees.Blocks: %d is not between 1 and %d", f.Blocks, mostBlocks)
	case s.buried < s.final:
		return fmt.Errorf("payout/bitcoin: Config.Buried: %d is less than Final, %d", s.buried, s.final)
	case s.batch < 1 || s.batch > mostBatch:
		return fmt.Errorf("payout/bitcoin: Config.Batch: %d is not between 1 and %d", s.batch, mostBatch)
	}
	return nil
}

// Network implements [payout.Spender].
func (s *Spender) Network() chain.Network { return s.params.Network }

// FeeAsset implements [payout.Spender].
func (s *Spender) FeeAsset() chain.AssetID { return s.asset }

// Lane implements [payout.Spender]: address 0 of branch 1. Change goes to the addresses after it.
func (s *Spender) Lane() chain.Address { return s.lane.Address }

// Receiver implements [payout.Spender]. It makes no call. It refuses witness programs that nobody can own today: those of
// versions above 1, and of version 1 that are no taproot keys.
func (s *Spender) Receiver(_ context.Context, asset chain.Asset, to string, units *big.Int) (chain.Address, error) {
	_, address, err := s.receiver(asset.ID, to, units)
	return address, err
}
