package invoice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// Config configures a [Service]. Store and Chains are required; every other field has a default.
type Config struct {
	Store  Store
	Chains []ChainConfig
	// Floors records, outside the database, how far addresses were handed out, in case a backup is restored or a
	// standby takes over that lacks the last commits. If nil, nothing is recorded: then only what the chain shows, and
	// [Service.Restored], keep addresses from being given to a second invoice.
	Floors Floors
	// Rates is asked when a price must be converted to an asset with another code. If nil, such invoices are refused
	// with rates.ErrNoRate.
	Rates RateSource
	// RateSources holds further sources by name, for invoices that name one.
	RateSources map[string]RateSource
	// Commission returns how much of what a project is paid in an asset is commission, in percent, 0 to 100, at the
	// moment of the quote. It is called concurrently and must not block. If nil, there is no commission.
	Commission func(project string, asset chain.Asset) decimal.Decimal
	// Notifier turns events into messages. If nil, there are no messages; the feed of events is kept anyway.
	Notifier Notifier
	// Receivers provides the endpoints of projects, which are told the events of all of their invoices; [Projects] is
	// one. If nil, only the invoices' own callbacks are told. Within a transaction of the host
	// ([Service.WithTx]) it may read on another connection: a pool must have more than transactions hold at a time.
	Receivers Receivers
	// Own reports whether a transaction only moves the host's own coins, such as one that brings coins for a fee to an
	// address before it is swept: what it brings to an invoice's address is no payment. MovesOwn of payout.Service is one.
	// It may block on a database and is called concurrently; after an error the step is tried again. nil means that there
	// are no such transactions.
	Own func(ctx context.Context, network chain.Network, txID string) (bool, error)
	// CheckCallback refuses callback URLs by returning a reason that reads well after the field's name. Default the
	// Notifier's, if it is a [CallbackChecker]; otherwise any absolute http or https URL is valid.
	CheckCallback func(url string) error

	// Fiat holds the fiat codes and their decimals. If nil, it is EUR, USD, GBP, CHF and RUB with 2 decimals each.
	// Empty means no fiat: a shop that prices in coins needs no rates.
	Fiat      map[string]int32
	Reference string // fiat code that crypto prices are also shown in; default EUR, and none without Fiat

	Tolerance decimal.Decimal // percent that may be missing when a request sets none; default 0
	Window    time.Duration   // time to pay when a request sets none; default 30 minutes
	MaxWindow time.Duration   // the longest a request may ask for; default 30 days
	Late      LatePolicy      // default LateHold
	Other     OtherPolicy     // default OtherAccept

	// Dispatcher sends the messages. [Service.Run] runs it, and commits that put messages into the outbox hint it; for
	// transactions of the host see [Service.WithTx]. If nil, messages wait for a dispatcher that runs elsewhere.
	Dispatcher Dispatcher

	// Holder identifies this process among those that share the store; default a random name. With a fixed name, a
	// restarted process gets its duties back at once.
	Holder string
	// Lease is how long a duty stays with a process that has stopped responding. It must be longer than a slow commit,
	// and no longer than a network may go unwatched after a crash. Default 15 seconds.
	Lease time.Duration

	Poll   time.Duration    // how often deadlines of invoices without an asset are checked; default 1 second
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // if nil, nothing is logged
	Meter  Meter            // default [NoMeter]
}

// ChainConfig configures one network: its watcher, its source of addresses, and its assets.
type ChainConfig struct {
	Name      string        // display name, such as "Ethereum"; default the network's id
	Type      string        // "mainnet", "testnet" ...; default "mainnet"
	Watcher   ChainWatcher  // required
	Addresses AddressSource // required
	// PaymentURI returns what wallets scan to pay units of the invoice's quote. [AddressURI] adapts the functions of
	// the chain packages (EIP-681, BIP-21). If nil, it is the quote's Text, or else the bare address.
	PaymentURI func(inv Invoice, units *big.Int) (string, error)
	Assets     []AssetConfig // at least one, all on the watcher's network

	// Pool and Shared let addresses serve several invoices; if both are nil, every invoice has an address of its own
	// for ever. At most one of them may be set. Networks with the same wallet must have the same Pool.
	Pool   *Pool
	Shared *Shared
}

// AddressURI returns a [ChainConfig.PaymentURI] from a function that needs only the address, such as the PaymentURI of
// chain/evm.
func AddressURI(write func(asset chain.Asset, to chain.Address, units *big.Int) (string, error)) func(Invoice, *big.Int) (string, error) {
	return func(inv Invoice, units *big.Int) (string, error) {
		return write(inv.Quote.Asset, inv.Quote.Address, units)
	}
}

// AssetConfig is one asset that invoices may ask for.
type AssetConfig struct {
	chain.Asset
	// Symbol is the name by which rate sources know the asset; default its Code. Assets that are priced alike, such as
	// one token on several networks, have the same Symbol.
	Symbol string
	// Minimum is the least amount that an invoice may ask for; default the Floor, at least one base unit. An invoice
	// that asks for less is refused, because it could not be paid (dust) or is not worth its fee.
	Minimum decimal.Decimal
	// Floor is the least payment that decides anything: a smaller one is recorded and told, and changes no status, no
	// outcome and no choice, unless it is all that is due. Default what the network suggests ([chain.Defaulter]), or 0; or
	// Minimum, if that is set and lower.
	Floor decimal.Decimal
	// Confirm sets how deep money must be, by the amount due: the first tier that the amount fits in applies. Default
	// what the network suggests ([chain.Defaulter]), or 12 confirmations.
	Confirm []chain.Tier
	// Step is the granularity of the amounts that payers are asked for, in the asset's own unit. Amounts are rounded up
	// to a multiple of it, because wallets and exchanges do not accept every decimal of an asset. Default 0.00000001,
	// or one base unit if that is more. For amounts that would otherwise have more than 15 digits it is multiplied by
	// ten as often as needed, since clients that read numbers as doubles would not pay them exactly. At a [Shared]
	// address it is also the difference between amounts that tells invoices apart.
	Step decimal.Decimal
}

// Pool lets the addresses of closed invoices be used again, for wallets that cannot have an unlimited number of them. A
// late payment still finds its invoice while the address rests, and after that until another invoice gets the address;
// from then on it counts for the new one. Without a Pool no address is ever given to two invoices.
type Pool struct {
	// Size bounds how many addresses there are; 0 is no bound. When all are in use, invoices are refused with
	// [ErrNoAddress]. A process that dies between taking an address and storing its invoice loses the address: leave
	// room for a few.
	Size uint32
	// Quarantine is how long an address rests after its invoice has closed and was last paid. Default 24 hours.
	Quarantine time.Duration
	// PerProject bounds how many addresses of the network a project may hold, for invoices and deposits together;
	// beyond it the project's invoices are refused with [ErrNoAddress] until an address has rested. Default 0, no
	// bound; at most 10000. Set it where projects belong to different people.
	PerProject int
}

// Shared lets all invoices of a network be paid to one address, number 0 of its wallet, and tells them apart by the
// exact amount: the amount due is raised by a few steps until no open invoice asks for the same. A payment of any other
// amount fits no invoice. It is recorded on a standing invoice of Project, so that it is never lost; only the shop can
// find out what it was for.
type Shared struct {
	Project string // the project that owns the standing invoice; required
	// Slots is by how many steps an amount may be raised; default 1000, at most 10000. When all of them are taken,
	// invoices are refused with [ErrNoAddress]. The size of a step is [AssetConfig.Step].
	Slots int
	// Quarantine is how long an amount rests after its invoice has closed. Default 24 hours.
	Quarantine time.Duration
	// PerProject bounds how many amounts of the network a project may hold, as [Pool.PerProject] bounds addresses.
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
			return fmt.Errorf("RateSources[%q] has no name, or is nil", name)
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

// requester returns the source as a Requester, or nil if it derives addresses.
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

// A project's share of a network's places is kept as claims too. Each place that it holds there comes with a ticket: a
// claim on a place that nobody can pay to, of which there are only so many. So the bound holds however many invoices are
// created concurrently, in however many processes, and giving up the place gives up the ticket.

// maxShare is the largest PerProject.
const maxShare = 10000

// perProject returns how many places of the network a project may hold; 0 is no bound.
func (c ChainConfig) perProject() int {
	switch {
	case c.Pool != nil:
		return c.Pool.PerProject
	case c.Shared != nil:
		return c.Shared.PerProject
	}
	return 0
}
