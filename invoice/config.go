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
	// CheckCallback refuses callback URLs, with a reason that follows the field's name. Default that of a Notifier that is a
	// [CallbackChecker]; otherwise any absolute http or https URL is taken.
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

	// Dispatcher sends the messages. [Service.Run] runs it, and commits that put messages into the outbox give it a hint; see
	// [Service.Committed] for transactions of the host. If nil, the messages wait for a dispatcher that runs elsewhere.
	Dispatcher Dispatcher

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
	// PaymentURI returns what wallets scan to pay so many units of the invoice's quote: see [AddressURI] for what the
	// packages of the networks have (EIP-681, BIP-21). Nil uses the quote's Text, or else the bare address.
	PaymentURI func(inv Invoice, units *big.Int) (string, error)
	Assets     []AssetConfig // at least one, all of the watcher's network

	// Pool and Shared let addresses serve several invoices; nil: every invoice has one of its own for ever. At
	// most one of them may be set. Networks with the same wallet have the same Pool.
	Pool   *Pool
	Shared *Shared
}

// AddressURI returns a [ChainConfig.PaymentURI] that needs no more than the address, from one such as the PaymentURI of
// chain/evm.
func AddressURI(write func(asset chain.Asset, to chain.Address, units *big.Int) (string, error)) func(Invoice, *big.Int) (string, error) {
	return func(inv Invoice, units *big.Int) (string, error) {
		return write(inv.Quote.Asset, inv.Quote.Address, units)
	}
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
	// outcome and no choice, unless it is all that is due. Default what the network suggests ([chain.Defaulter]), or 0, but no more than Minimum, if that is
	// set.
	Floor decimal.Decimal
	// Confirm says how deep money must be, by the amount due: the first tier that the amount fits in
	// counts. Default what the network suggests ([chain.Defaulter]), or 12 confirmations.
	Confirm []Tier
	// Step is what the amounts that payers are asked for are multiples of, in the asset's own unit: they are rounded
	// up to it, because wallets and exchanges do not take every decimal that an asset has. Default 0.00000001, or one
	// base unit if that is more. It is ten times as much, or a hundred times and so on, for amounts that would have
	// more than 15 digits otherwise, which clients that read numbers as doubles would not pay exactly. At a [Shared]
	// address it is also what amounts are told apart by.
	Step decimal.Decimal
}

// Pool lets the addresses of closed invoices be used again, for wallets that cannot have ever more of them.
// What comes late still finds its invoice while the address rests, and after that until somebody else gets it;
// then it is the next one's. Without a Pool no address is ever given to two invoices.
type Pool struct {
	// Size bounds how many addresses there are; 0 is no bound. When all are in use invoices are refused with
	// [ErrNoAddress]. A process that dies between taking an address and storing its invoice loses the address:
	// leave room for a few.
	Size uint32
	// Quarantine is how long an address rests after its invoice has closed and was last paid. Default 24 hours.
	Quarantine time.Duration
	// PerProject is how many addresses of the network a project may hold at most, of invoices and of deposits; then its own are
	// refused with [ErrNoAddress] until one has rested. Default 0, no bound; at most 10000. Set it where projects belong to
	// different people.
	PerProject int
}

// Shared lets all invoices of a network be paid to one address, number 0 of its wallet, and tells them apart
// by the exact amount: what is due is raised by a few steps until no open invoice asks for the same. A payment
// of any other amount fits no invoice. It is recorded on a standing invoice of Project, so that it is never
// lost, and nobody but the shop can say what it was for.
type Shared struct {
	Project string // whose the remainder is; required
	// Slots is by how many steps an amount may be raised; default 1000, at most 10000. When all of them are
	// taken, invoices are refused with [ErrNoAddress]. A step is [AssetConfig.Step].
	Slots int
	// Quarantine is how long an amount rests after its invoice has closed. Default 24 hours.
	Quarantine time.Duration
	// PerProject is how many amounts of the network a project may hold at most, as [Pool.PerProject] is of addresses.
	PerProject int
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
	if checker, able := cfg.Notifier.(CallbackChecker); able && cfg.CheckCallback == nil {
		cfg.CheckCallback = checker.CheckCallback
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

const (
	defaultQuarantine = 24 * time.Hour
	maxSlots          = 10000
)

// requester returns the source's power to make addresses for requests; nil when it derives them.
func (c ChainConfig) requester() Requester {
	r, _ := c.Addresses.(Requester)
	return r
}

func (c *ChainConfig) completePlaces() error {
	switch {
	case c.Pool != nil && c.Shared != nil:
		return errors.New("Pool and Shared exclude each other")
	case c.requester() != nil && (c.Pool != nil || c.Shared != nil):
		return errors.New("Addresses makes an address for each request: neither Pool nor Shared can use one again")
	case c.Pool != nil:
		pool := *c.Pool
		c.Pool = &pool
		if pool.Quarantine < 0 || pool.PerProject < 0 || pool.PerProject > maxShare {
			return fmt.Errorf("Pool.Quarantine and Pool.PerProject must not be negative, and PerProject at most %d", maxShare)
		}
		orDefault(&c.Pool.Quarantine, defaultQuarantine)
	case c.Shared != nil:
		shared := *c.Shared
		c.Shared = &shared
		if shared.Project == "" || shared.Quarantine < 0 || shared.Slots < 0 || shared.Slots > maxSlots {
			return fmt.Errorf("Shared needs a Project, up to %d Slots, and no negative Quarantine", maxSlots)
		}
		if shared.PerProject < 0 || shared.PerProject > maxShare {
			return fmt.Errorf("Shared.PerProject must be 0 to %d", maxShare)
		}
		orDefault(&c.Shared.Quarantine, defaultQuarantine)
		orDefault(&c.Shared.Slots, 1000)
	}
	return nil
}

func samePool(a, b *Pool) bool { return a == b || a != nil && b != nil && *a == *b }

// A project's share of a network's places is kept as claims too: each place that it holds there comes with a ticket, which
// is a place that nobody can pay to, and there are only so many. So the bound holds whoever creates invoices at the same
// moment, in however many processes, and what gives up the place gives up the ticket.

// maxShare bounds PerProject.
const maxShare = 10000

// perProject is how many places of the network a project may hold; 0 is no bound.
func (c ChainConfig) perProject() int {
	switch {
	case c.Pool != nil:
		return c.Pool.PerProject
	case c.Shared != nil:
		return c.Shared.PerProject
	}
	return 0
}
