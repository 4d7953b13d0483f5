package evm

import (
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout"
)

// MostInFlight is the greatest Config.InFlight: nodes keep that many unconfirmed transactions of one address whatever
// else they get, and forget those beyond without a word.
const MostInFlight = 16

// Defaults of Config.
const (
	defaultMaxGas    = 300_000
	defaultBuried    = 256
	defaultMaxAge    = 15 * time.Minute
	defaultSweepFees = 10
)

// native is the namespace of native coin in CAIP-19.
const native = "slip44"

// The addresses of branch 1 that pay.
const (
	laneBranch = 1
	laneIndex  = 0 // pays payouts, and gets what is swept
	topUpIndex = 1 // pays top-ups
)

// Config configures a [Spender].
type Config struct {
	Network chain.Network // "eip155:" and the chain id
	RPC     evm.Caller    // see [evm.Dial]
	// Wallet is the account whose branch 0 has the deposit addresses, and whose branch 1 pays.
	Wallet *evm.Wallet
	// Assets are what may be paid out and swept: exactly one native coin, which pays all fees, and tokens. A token must
	// move exactly what is asked for and log it, as ERC-20 requires: one that takes a fee of its own, or whose balances
	// change by themselves, does not belong here.
	Assets   []Asset
	Finality Finality

	Fees Fees
	// InFlight is how many transactions of one address may be unconfirmed at once, at most [MostInFlight], which is also
	// the default.
	InFlight int
	// SweepFees is how many times its greatest fee native coin must be worth to be swept; 0 means 10.
	SweepFees int64
	// MaxAge is the greatest age of a node's newest block: a node that has an older one is behind. 0 means 15 minutes; a
	// negative one is for chains that make blocks only when they are told to.
	MaxAge time.Duration
	// Acknowledged has, for an address that is stopped because somebody else used its key, the number of transactions
	// that the chain counts of it, foreign ones included. Whoever looked at them enters it, and the address goes on.
	Acknowledged map[chain.Address]uint64

	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil disables logging
}

// Asset is an asset that can be paid out.
type Asset struct {
	chain.Asset
	// MinSweep is the least, in base units, that is worth the fees of its sweep; nil if it is never swept.
	MinSweep *big.Int
}

// Finality says which blocks are final. At least one of Tag and Depth must be set; a block is final if it is by both.
type Finality struct {
	Tag   string // "finalized" or "safe": the node's own word
	Depth uint64 // from 1: the newest block has depth 1
	// Buried is the depth at which nothing more is expected of a final block; 0 means 256.
	Buried uint64
}

// Fees limits what is paid for gas. Prices are in base units of the native coin for one unit of gas.
type Fees struct {
	MinTip, MaxTip *big.Int // the node's suggestion is kept between them; nil means no limit
	MaxPrice       *big.Int // transactions wait while the network wants more; nil means no limit
	MaxGas         uint64   // of one payout or sweep; 0 means 300,000, and 16,777,216 is the greatest
	// Extra is the most that a transaction costs beside its gas, such as its data on layer 1 where the chain is built
	// upon one; nil means nothing.
	Extra *big.Int
}

// Spender implements [payout.Spender] and [payout.Sweeper]. All its methods may be called concurrently, as the ports
// demand.
type Spender struct {
	c      Config
	id     *big.Int // of the chain
	coin   chain.Asset
	assets map[chain.AssetID]Asset
	pay    lane
	topUp  lane
	log    *slog.Logger

	mu   sync.Mutex // guards seen
	seen uint64     // height of the highest block that any node showed
}

var (
	_ payout.Spender = (*Spender)(nil)
	_ payout.Sweeper = (*Spender)(nil)
)

// lane is an address that spends.
type lane struct {
	address       chain.Address
	branch, index uint32
}

// New returns a Spender. It makes no call.
func New(c Config) (*Spender, error) {
	id, err := chainID(c.Network)
	switch {
	case err != nil:
		return nil, fmt.Errorf("payout/evm: Config.Network: %w", err)
	case c.RPC == nil:
		return nil, errors.New("payout/evm: Config.RPC is required")
	case c.Wallet == nil:
		return nil, errors.New("payout/evm: Config.Wallet is required")
	case c.InFlight < 0 || c.InFlight > MostInFlight:
		return nil, fmt.Errorf("payout/evm: Config.InFlight %d is not 0 to %d", c.InFlight, MostInFlight)
	case c.SweepFees < 0:
		return nil, fmt.Errorf("payout/evm: Config.SweepFees %d is negative", c.SweepFees)
	}
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("payout/evm: %w", err)
	}
	s := &Spender{c: c, id: new(big.Int).SetUint64(id), assets: map[chain.AssetID]Asset{}, log: c.Logger}
	for _, a := range c.Assets {
		if err := s.add(a); err != nil {
			return nil, fmt.Errorf("payout/evm: Config.Assets: %w", err)
		}
	}
	if s.coin.ID == "" {
		return nil, errors.New("payout/evm: Config.Assets needs the native coin, which pays the fees")
	}
	if s.pay, err = s.laneOf(laneIndex); err != nil {
		return nil, err
	}
	s.topUp, err = s.laneOf(topUpIndex)
	return s, err
}

// complete checks what has limits and sets defaults.
func (c *Config) complete() error {
	switch f := c.Finality; {
	case f.Tag == "" && f.Depth == 0:
		return errors.New("Config.Finality needs a Tag or a Depth")
	case f.Tag != "" && f.Tag != "finalized" && f.Tag != "safe":
		return fmt.Errorf("Config.Finality.Tag %.32q is neither finalized nor safe", f.Tag)
	}
	for name, n := range map[string]*big.Int{
		"MinTip": c.Fees.MinTip, "MaxTip": c.Fees.MaxTip, "MaxPrice": c.Fees.MaxPrice, "Extra": c.Fees.Extra,
	} {
		if n != nil && n.Sign() < 0 {
			return fmt.Errorf("Config.Fees.%s %s is negative", name, n)
		}
	}
	if c.Fees.MaxGas > params.MaxTxGas {
		return fmt.Errorf("Config.Fees.MaxGas %d exceeds %d, the limit of one transaction", c.Fees.MaxGas, params.MaxTxGas)
	}
	c.Fees.MaxGas = orDefault(c.Fees.MaxGas, defaultMaxGas)
	c.Finality.Buried = max(orDefault(c.Finality.Buried, defaultBuried), c.Finality.Depth)
	c.InFlight = orDefault(c.InFlight, MostInFlight)
	c.SweepFees = orDefault(c.SweepFees, defaultSweepFees)
	c.MaxAge = orDefault(c.MaxAge, defaultMaxAge)
	if c.Fees.Extra == nil {
		c.Fees.Extra = new(big.Int)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func orDefault[T comparable](value, preset T) T {
	var zero T
	if value == zero {
		return preset
	}
	return value
}

func (s *Spender) add(a Asset) error {
	if err := a.Validate(); err != nil {
		return err
	}
	switch {
	case a.ID.Network() != s.c.Network:
		return fmt.Errorf("asset %s is not of %s", a.ID, s.c.Network)
	case a.MinSweep != nil && a.MinSweep.Sign() <= 0:
		return fmt.Errorf("asset %s: MinSweep %s must be positive", a.ID, a.MinSweep)
	case a.ID.Namespace() == native && s.coin.ID != "":
		return fmt.Errorf("asset %s: there is a native coin already, %s", a.ID, s.coin.ID)
	case a.ID.Namespace() == native && a.Decimals != evm.Native(s.c.Network, a.Code).Decimals:
		return fmt.Errorf("asset %s: a native coin has 18 decimals", a.ID)
	case a.ID.Namespace() == native:
		s.coin = a.Asset
	default:
		token, err := evm.ERC20(s.c.Network, a.ID.Reference(), a.Code, a.Decimals)
		if err != nil {
			return err
		}
		if token.ID != a.ID {
			return fmt.Errorf("asset %s: write it as %s", a.ID, token.ID)
		}
	}
	s.assets[a.ID] = a
	return nil
}

func (s *Spender) laneOf(index uint32) (lane, error) {
	address, err := s.c.Wallet.Change(index)
	if err != nil {
		return lane{}, fmt.Errorf("payout/evm: Config.Wallet: %w", err)
	}
	return lane{address, laneBranch, index}, nil
}

// Network implements [payout.Spender].
func (s *Spender) Network() chain.Network { return s.c.Network }

// FeeAsset implements [payout.Spender].
func (s *Spender) FeeAsset() chain.AssetID { return s.coin.ID }

// Lane implements [payout.Spender]. It is the address 1/0 of the account.
func (s *Spender) Lane() chain.Address { return s.pay.address }

// TopUpLane returns the address 1/1 of the account, which pays for top-ups and needs native coin of its own.
func (s *Spender) TopUpLane() chain.Address { return s.topUp.address }

// Holding implements [payout.Spender]. It is the balance of the address: its name is the address, "/" and the id of the
// asset.
func (s *Spender) Holding(d payout.Deposit) payout.Holding {
	return payout.Holding{
		Network: s.c.Network, Name: holdingName(d.To, d.Asset), Asset: d.Asset, Address: d.To, Wallet: d.Wallet,
		Branch: 0, Index: d.Index, Units: d.Units,
	}
}

func holdingName(address chain.Address, asset chain.AssetID) string {
	return string(address) + "/" + string(asset)
}

// holdingOf returns what identifies the holding of an address of the wallet.
func (s *Spender) holdingOf(l lane, asset chain.AssetID) payout.Holding {
	return payout.Holding{
		Network: s.c.Network, Name: holdingName(l.address, asset), Asset: asset, Address: l.address,
		Wallet: s.c.Wallet.Name(), Branch: l.branch, Index: l.index,
	}
}

// isLane reports whether the address is one that pays.
func (s *Spender) isLane(a chain.Address) bool { return a == s.pay.address || a == s.topUp.address }

// parse reads the unsigned bytes of a version that this Spender made.
func (s *Spender) parse(v payout.Version) (Unsigned, error) {
	u, err := parseUnsigned(v.Unsigned)
	switch {
	case err != nil:
		return Unsigned{}, err
	case u.Network != s.c.Network:
		return Unsigned{}, fmt.Errorf("the transaction is for %s", u.Network)
	}
	return u, nil
}

// parseAll reads all versions of a transaction, which must spend one nonce of one address: its anchor.
func (s *Spender) parseAll(t payout.Transaction) ([]Unsigned, error) {
	if len(t.Versions) == 0 {
		return nil, errors.New("it has no versions")
	}
	all := make([]Unsigned, len(t.Versions))
	for i, v := range t.Versions {
		var err error
		if all[i], err = s.parse(v); err != nil {
			return nil, fmt.Errorf("version %d: %w", i, err)
		}
		if name := nonceName(all[i].From, all[i].Nonce); name != t.Anchor {
			return nil, fmt.Errorf("version %d spends %s, and the anchor is %s", i, name, t.Anchor)
		}
	}
	return all, nil
}

// assetOf returns the id of the asset that a transaction moves.
func (s *Spender) assetOf(u Unsigned) chain.AssetID {
	if u.Token == "" {
		return s.coin.ID
	}
	return s.assetAt(common.HexToAddress(string(u.Token)))
}

// assetAt returns the id of the token of a contract.
func (s *Spender) assetAt(contract common.Address) chain.AssetID {
	return chain.AssetID(string(s.c.Network) + "/erc20:" + contract.Hex())
}

// laneOfTx returns who sends a transaction.
func laneOfTx(u Unsigned) lane { return lane{u.From, u.Branch, u.Index} }

// anchored reports whether the transaction spends a nonce of the address, and which.
func anchored(t payout.Transaction, a chain.Address) (nonce string, ok bool) {
	return strings.CutPrefix(t.Anchor, "nonce:"+string(a)+":")
}

func refusal(code payout.Refusal, format string, args ...any) *payout.RefusedError {
	return &payout.RefusedError{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// contains reports whether a text has one of the parts, whatever the case of letters; the parts are in lower case.
func contains(text string, parts []string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
