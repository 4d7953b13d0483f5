package invoice

import (
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// Config says what a [Service] works with. Store and Chains are required; every other field has a
// default.
type Config struct {
	Store  Store
	Chains []ChainConfig
	// Floors remembers outside of the database how far addresses were handed out, for the day on which a backup is
	// restored or a standby takes over that lacks the last commits. Nil remembers nothing: then only what the chain
	// shows, and [Service.Restored], keep addresses from being given to a second invoice after such a day.
	Floors Floors
	// Rates is asked when a price must become an amount of an asset of another code. Nil refuses such
	// invoices with rates.ErrNoRate.
	Rates RateSource
	// RateSources are further sources by name, for invoices that name one.
	RateSources map[string]RateSource
	// Commission says how much of what a project is paid in an asset is commission, in percent, 0 to 100, at the
	// moment of the quote. It is called concurrently, and must not block. Nil is none.
	Commission func(project string, asset chain.Asset) decimal.Decimal
	// Notifier says which messages tell an event. Nil tells nobody; the feed of events is kept anyway.
	Notifier Notifier
	// CheckCallback refuses callback URLs, with a reason that follows the field's name. Nil takes any
	// absolute http or https URL.
	CheckCallback func(url string) error

	// Fiat are fiat codes and their decimals; nil is EUR, USD, GBP, CHF and RUB with 2. An empty map is none: a shop that
	// prices in coins needs no rates.
	Fiat      map[string]int32
	Reference string // fiat code that crypto prices are also shown in; default EUR, and none without Fiat

	Tolerance decimal.Decimal // percent that may be missing when a request does not say; default 0
	Window    time.Duration   // time to pay when a request does not say; default 30 minutes
	MaxWindow time.Duration   // the longest a request may ask for; default 30 days
	Late      LatePolicy      // default LateHold
	Other     OtherPolicy     // default OtherAccept

	// OnMessages is called after a commit that put messages into the outbox, so that a dispatcher
	// need not wait for its next poll. It must return at once. A service of [Service.WithStore] does not call it, since the
	// host commits: see [Service.Committed].
	OnMessages func()

	// Holder names this process among those that share the store; default a random name. A process that has
	// a name of its own gets its duties back at once when it is started again.
	Holder string
	// Lease is how long a duty stays with a process that is no longer heard of: longer than a slow commit,
	// and no longer than a network may go unwatched after a crash. Default 15 seconds.
	Lease time.Duration

	Poll   time.Duration    // how often deadlines of invoices without an asset are looked at; default 1 second
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default silence
	Meter  Meter            // default [NoMeter]
}

// ChainConfig is one network: who watches it, where addresses come from, and which assets count.
type ChainConfig struct {
	Name      string        // for people: "Ethereum"
	Type      string        // "mainnet", "testnet" ...; default "mainnet"
	Watcher   ChainWatcher  // required
	Addresses AddressSource // required
	// PaymentURI writes what wallets scan (EIP-681, BIP-21). Nil uses the bare address.
	PaymentURI func(asset chain.Asset, to chain.Address, units *big.Int) (string, error)
	Assets     []AssetConfig // at least one, all of the watcher's network

	// Pool and Shared let addresses serve several invoices; nil: every invoice has one of its own for ever. At
	// most one of them may be set. Networks with the same wallet have the same Pool.
	Pool   *Pool
	Shared *Shared
}

// AssetConfig is one asset that invoices may ask for.
type AssetConfig struct {
	chain.Asset
	// Symbol is what sources of rates know the asset by; default its Code. Assets that are priced alike, such as
	// one token on several networks, have the same.
	Symbol string
	// Minimum is the least amount that an invoice may ask for; default the Floor, at least one base unit. What a payer
	// owes is refused below it, because it could not be paid (dust) or not worth its fee.
	Minimum decimal.Decimal
	// Floor is the least payment that decides anything: a smaller one is recorded and told, and changes no status, no
	// outcome and no choice, unless it is all that is due. Default [DefaultFloor], but no more than Minimum, if that is
	// set.
	Floor decimal.Decimal
	// Confirm says how deep money must be, by the amount due: the first tier that the amount fits in
	// counts. Default [DefaultConfirm].
	Confirm []Tier
	// Step is what the amounts that payers are asked for are multiples of, in the asset's own unit: they are rounded
	// up to it, because wallets and exchanges do not take every decimal that an asset has. Default 0.00000001, or one
	// base unit if that is more. It is ten times as much, or a hundred times and so on, for amounts that would have
	// more than 15 digits otherwise, which clients that read numbers as doubles would not pay exactly. At a [Shared]
	// address it is also what amounts are told apart by.
	Step decimal.Decimal
}

// Tier is one line of a confirmation policy.
type Tier struct {
	UpTo decimal.Decimal // in the asset's own unit; zero fits every amount
	Need Confirmations
}

// Service creates invoices, follows the chains and decides what each payment means. Its methods may be
// called concurrently, Run among them, and by several processes on one store.
type Service struct {
	cfg      Config
	log      *slog.Logger
	chains   map[chain.Network]*network
	assets   []AssetConfig // in the order of the configuration
	outer    *Service      // that this one is of a transaction of; nil for most
	troubled *troubled
}

// New checks the configuration and makes a service of it. It starts nothing: see [Service.Run].
func New(cfg Config) (*Service, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("invoice: New: %w", err)
	}
	s := &Service{cfg: cfg, log: cfg.Logger, chains: map[chain.Network]*network{}, troubled: &troubled{}}
	wallets := map[string]*indexes{}
	for i, c := range cfg.Chains {
		n, err := s.network(c, wallets)
		if err != nil {
			return nil, fmt.Errorf("invoice: New: Chains[%d]: %w", i, err)
		}
		if s.chains[n.id] != nil {
			return nil, fmt.Errorf("invoice: New: Chains[%d]: %s is configured twice", i, n.id)
		}
		s.chains[n.id] = n
	}
	return s, nil
}

func (cfg *Config) complete() error {
	switch {
	case cfg.Store == nil:
		return errors.New("Store is required")
	case len(cfg.Chains) == 0:
		return errors.New("Chains needs at least one network")
	case cfg.Tolerance.IsNegative() || cfg.Tolerance.GreaterThanOrEqual(hundred):
		return errors.New("Tolerance must be at least 0 and below 100")
	case cfg.Window < 0 || cfg.MaxWindow < 0 || cfg.Poll < 0 || cfg.Lease < 0:
		return errors.New("Window, MaxWindow, Lease and Poll must not be negative")
	}
	if cfg.Fiat == nil {
		cfg.Fiat = map[string]int32{"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "RUB": 2}
	}
	if cfg.Holder == "" {
		cfg.Holder = randomHex(8)
	}
	if len(cfg.Fiat) > 0 {
		orDefault(&cfg.Reference, "EUR")
	}
	orDefault(&cfg.Window, 30*time.Minute)
	orDefault(&cfg.MaxWindow, 30*24*time.Hour)
	orDefault(&cfg.Late, LateHold)
	orDefault(&cfg.Other, OtherAccept)
	orDefault(&cfg.Poll, time.Second)
	orDefault(&cfg.Lease, 15*time.Second)
	if _, known := cfg.Fiat[cfg.Reference]; !known && cfg.Reference != "" {
		return fmt.Errorf("Reference %q is not in Fiat", cfg.Reference)
	}
	if !slices.Contains([]LatePolicy{LateHold, LateAccept, LateRerate}, cfg.Late) {
		return fmt.Errorf("Late %q is not a policy", cfg.Late)
	}
	if !slices.Contains([]OtherPolicy{OtherAccept, OtherHold}, cfg.Other) {
		return fmt.Errorf("Other %q is not a policy", cfg.Other)
	}
	for name, source := range cfg.RateSources {
		if name == "" || source == nil {
			return errors.New("RateSources has one without a name, or a name without one")
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Meter == nil {
		cfg.Meter = NoMeter()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (s *Service) network(c ChainConfig, wallets map[string]*indexes) (*network, error) {
	switch {
	case c.Watcher == nil:
		return nil, errors.New("Watcher is required")
	case c.Addresses == nil:
		return nil, errors.New("Addresses is required")
	case len(c.Assets) == 0:
		return nil, errors.New("Assets needs at least one asset")
	}
	if err := c.completePlaces(); err != nil {
		return nil, err
	}
	_, several := s.cfg.Store.(Leaser)
	n := &network{ChainConfig: c, id: c.Watcher.Network(), ours: !several}
	n.duty = s.duty("follow " + string(n.id))
	orDefault(&n.Name, string(n.id))
	orDefault(&n.Type, "mainnet")
	n.Assets = slices.Clone(c.Assets)
	for i := range n.Assets {
		if err := s.asset(n, &n.Assets[i]); err != nil {
			return nil, fmt.Errorf("Assets[%d]: %w", i, err)
		}
	}
	wallet := c.Addresses.Name()
	if wallet == "" {
		return nil, errors.New("Addresses has no name")
	}
	if wallets[wallet] == nil {
		wallets[wallet] = &indexes{
			store: s.cfg.Store, wallet: wallet, now: s.cfg.Now, pool: n.Pool, floors: s.cfg.Floors, lost: s.lost,
		}
	}
	if n.indexes = wallets[wallet]; !samePool(n.indexes.pool, n.Pool) {
		return nil, fmt.Errorf("another network with the wallet %s has another Pool", wallet)
	}
	return n, nil
}

func samePool(a, b *Pool) bool { return a == b || a != nil && b != nil && *a == *b }

func (s *Service) asset(n *network, a *AssetConfig) error {
	if err := a.Asset.Validate(); err != nil {
		return err
	}
	if a.ID.Network() != n.id {
		return fmt.Errorf("%s is not on %s", a.ID, n.id)
	}
	if a.Minimum.IsNegative() || a.Floor.IsNegative() {
		return errors.New("Minimum and Floor must not be negative")
	}
	if a.Floor.IsZero() {
		if a.Floor = DefaultFloor(a.Asset); a.Minimum.IsPositive() {
			a.Floor = decimal.Min(a.Floor, a.Minimum)
		}
	}
	if a.Minimum.IsZero() {
		a.Minimum = a.Floor
	}
	if _, fiat := s.cfg.Fiat[a.Code]; fiat {
		return fmt.Errorf("code %s is a fiat code", a.Code)
	}
	for _, other := range s.assets {
		if other.ID == a.ID || other.Code == a.Code {
			return fmt.Errorf("%s (%s) is configured twice: ids and codes must differ", a.ID, a.Code)
		}
	}
	if a.Symbol == "" {
		a.Symbol = a.Code
	}
	if a.Step.IsNegative() || !a.Step.Equal(a.Step.Truncate(int32(a.Decimals))) {
		return fmt.Errorf("Step must not be negative or have more than %d decimals", a.Decimals)
	}
	if a.Step.IsZero() {
		a.Step = decimal.New(1, -int32(min(a.Decimals, 8)))
	}
	if len(a.Confirm) == 0 {
		a.Confirm = DefaultConfirm(a.Asset)
	}
	for _, tier := range a.Confirm {
		switch tier.Need.Tag {
		case FinalityDepth, FinalitySafe, FinalityFinalized:
		default:
			return fmt.Errorf("finality tag %q is unknown", tier.Need.Tag)
		}
	}
	s.assets = append(s.assets, *a)
	return nil
}

// WithStore answers a service that does the same on another store: a transaction of the host's on the
// same database, as the WithTx of the SQL stores makes it, so that the host's rows and the invoice
// exist together or not at all. It is for one transaction, is not to Run, and what it answers holds
// only when the transaction was committed. Call [Service.Committed] then.
func (s *Service) WithStore(store Store) *Service {
	out := &Service{cfg: s.cfg, log: s.log, chains: map[chain.Network]*network{}, assets: s.assets, outer: s, troubled: s.troubled}
	out.cfg.Store = store
	wallets := map[string]*indexes{}
	for id, n := range s.chains {
		wallet := n.indexes.wallet
		if wallets[wallet] == nil {
			// Numbers of a transaction that is rolled back may be handed out again, so none is kept here.
			wallets[wallet] = &indexes{
				store: store, wallet: wallet, now: s.cfg.Now, single: true, pool: n.Pool, floors: s.cfg.Floors, lost: out.lost, parent: n.indexes,
			}
		}
		out.chains[id] = &network{ChainConfig: n.ChainConfig, id: id, indexes: wallets[wallet]}
	}
	return out
}

// Committed says that a transaction was committed in which a service of [Service.WithStore] did something: a dispatcher
// that Config.OnMessages wakes need not wait for its next poll then. It returns at once, and may be called on either of
// the two services, also when there is nothing to tell.
func (s *Service) Committed() {
	if s.cfg.OnMessages != nil {
		s.cfg.OnMessages()
	}
}

// confirm answers the policy's line for an amount in the asset's own unit; the last line when none
// fits.
func (a AssetConfig) confirm(amount decimal.Decimal) Confirmations {
	for _, tier := range a.Confirm {
		if tier.UpTo.IsZero() || amount.LessThanOrEqual(tier.UpTo) {
			return tier.Need
		}
	}
	return a.Confirm[len(a.Confirm)-1].Need
}

// Assets answers the assets that invoices may ask for, in the order of the configuration.
func (s *Service) Assets() []AssetConfig { return slices.Clone(s.assets) }

// Chain answers the configuration of a network.
func (s *Service) Chain(id chain.Network) (ChainConfig, bool) {
	n := s.chains[id]
	if n == nil {
		return ChainConfig{}, false
	}
	return n.ChainConfig, true
}

// findAsset answers the configured asset with the code or CAIP-19 id.
func (s *Service) findAsset(name string) (AssetConfig, bool) {
	for _, a := range s.assets {
		if a.Code == name || string(a.ID) == name {
			return a, true
		}
	}
	return AssetConfig{}, false
}
