package payout

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Config configures a [Service]. Zero fields have the defaults stated with them.
type Config struct {
	Store    Store    // required
	Invoices Invoices // where the payments come from that the ledger credits; usually the same database; required
	Networks []NetworkConfig
	Policies Policies
	// ProjectPolicies replaces Policies for single projects, by their ids.
	ProjectPolicies map[string]Policies
	Notifier        Notifier // nil: no messages
	// Receivers provides the endpoints of projects, which are told the events of all of their payouts; usually an
	// [invoice.Projects]. While it fails nothing of a payout is stored, so that no message is lost. Nil: only callbacks are
	// told.
	Receivers invoice.Receivers
	// CheckCallback returns an error if a callback URL is refused, whose text reads well after the field's name. By default
	// it is the Notifier's, if it is an [invoice.CallbackChecker]; otherwise any absolute http or https URL is valid.
	CheckCallback func(url string) error
	Hint          func() // called after commits with messages, as invoice.Dispatcher's Hint; nil: nothing is called

	Poll   time.Duration // pause between two looks at a network; 5 s
	Lease  time.Duration // how long a process that is gone keeps its duties; 30 s
	Holder string        // name of this process, unique among those on the store; random by default
	Now    func() time.Time
	// Random fills b with random bytes, for ids and the tokens of claims. The default is crypto/rand; anything else is for
	// simulations.
	Random func(b []byte)
	Logger *slog.Logger // nil disables logging
	Meter  invoice.Meter
}

// NetworkConfig configures money out on one network.
type NetworkConfig struct {
	Spender Spender // required, unless there is a Provider
	// Provider pays instead of a Spender and a Signer, which are nil then: the network is an account that somebody else keeps.
	Provider Provider
	// Signer signs by itself, or some time later. Nil keeps this process watch-only: what is to be signed is exported and
	// imported ([Service.Export], [Service.Import]).
	Signer Signer
	Assets []AssetConfig // what can be paid out, and what is booked; required
	// Confirm is how deep a payment must be to be booked; the zero value means one block.
	Confirm chain.Confirmations
	// OperatorFees makes the operator's float pay all network fees. By default a payout pays its own fee if it is in the
	// network's own coin.
	OperatorFees bool
	Resend       time.Duration // pause before the same bytes are sent again; 1 minute
	Bump         time.Duration // age at which a transaction that no block has gets a higher fee; 30 minutes
	// MaxBump is the most that the operator's float pays for transactions that spend the change of one that is too cheap and
	// cannot be replaced, in base units of the network's coin, for each such one. Nil means as much as its payouts reserve
	// for fees themselves, 0 that there are none. See [Bumper].
	MaxBump   *big.Int
	Retry     time.Duration // pause after a transaction proved dead, doubled each time; 1 minute
	MaxTries  int           // number of dead transactions after which a payout fails; 5
	BatchWait time.Duration // how long a payout waits for others to share its transaction; 0
}

// AssetConfig is an asset that can be paid out.
type AssetConfig struct {
	chain.Asset
	// MaxFee is the greatest network fee of one payout, in base units of the network's coin; required. Of a [Provider] it is
	// what it takes beside the amount, in base units of the asset, and may be 0.
	MaxFee *big.Int
	// MinSweep is the least that is worth being brought from a deposit address to the wallet, in base units; nil disables
	// sweeps of the asset.
	MinSweep *big.Int
}

// Policies restrict what may be paid. The zero value restricts nothing.
type Policies struct {
	// ApproveAbove is the amount, in base units by asset, above which a payout needs Approvals of other persons.
	ApproveAbove map[chain.AssetID]*big.Int
	Approvals    int // 0 means 1
	// Daily is the most that a project may request in one day of UTC, in base units by asset. Cancelled payouts count.
	Daily map[chain.AssetID]*big.Int
	// Listed permits only receivers that were allowed before ([Service.AllowReceiver]), Cooling after that.
	Listed  bool
	Cooling time.Duration
}

// Service pays out. Its methods, Run included, may be called concurrently, and several processes may work on one store.
type Service struct {
	cfg      Config
	log      *slog.Logger
	networks map[chain.Network]*network
	order    []*network
	outer    bool            // made by WithTx
	claims   *atomic.Value   // the cursor of the last page of open claims that was looked at
	wakes    []chan struct{} // of each network in order, and of the books
}

// network is a configured network.
type network struct {
	NetworkConfig
	id     chain.Network
	assets map[chain.AssetID]AssetConfig
	turn   atomic.Int64 // how many payouts of the queue were tried in vain
	swept  atomic.Value // the name of the holding that the last round of sweeps ended at
}

// New checks the configuration and returns a service. It starts nothing: see [Service.Run].
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Invoices == nil {
		return nil, errors.New("payout: New: Store and Invoices are required")
	}
	orDefault(&cfg.Poll, 5*time.Second)
	orDefault(&cfg.Lease, 30*time.Second)
	orDefault(&cfg.Holder, rand.Text())
	if cfg.Random == nil {
		cfg.Random = func(b []byte) { _, _ = rand.Read(b) } // which never fails
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Meter == nil {
		cfg.Meter = invoice.NoMeter()
	}
	if checker, able := cfg.Notifier.(invoice.CallbackChecker); able && cfg.CheckCallback == nil {
		cfg.CheckCallback = checker.CheckCallback
	}
	s := &Service{cfg: cfg, log: cfg.Logger, networks: map[chain.Network]*network{}, claims: new(atomic.Value)}
	for i, c := range cfg.Networks {
		n, err := newNetwork(c)
		if err != nil {
			return nil, fmt.Errorf("payout: New: Networks[%d]: %w", i, err)
		}
		if s.networks[n.id] != nil {
			return nil, fmt.Errorf("payout: New: Networks[%d]: %s is configured twice", i, n.id)
		}
		s.networks[n.id] = n
		s.order = append(s.order, n)
	}
	for range len(s.order) + 1 {
		s.wakes = append(s.wakes, make(chan struct{}, 1))
	}
	return s, nil
}

func newNetwork(c NetworkConfig) (*network, error) {
	switch {
	case c.Provider != nil && (c.Spender != nil || c.Signer != nil):
		return nil, errors.New("a Provider needs neither Spender nor Signer")
	case c.Provider != nil:
		c.Spender, c.Signer = provided{c.Provider}, instructor{}
	}
	if c.Spender == nil || len(c.Assets) == 0 {
		return nil, errors.New("Spender and Assets are required")
	}
	n := &network{NetworkConfig: c, id: c.Spender.Network(), assets: map[chain.AssetID]AssetConfig{}}
	orDefault(&n.Resend, time.Minute)
	orDefault(&n.Bump, 30*time.Minute)
	orDefault(&n.Retry, time.Minute)
	orDefault(&n.MaxTries, 5)
	if n.MaxBump != nil && n.MaxBump.Sign() < 0 {
		return nil, errors.New("MaxBump must not be negative")
	}
	if n.Confirm == (chain.Confirmations{}) {
		n.Confirm.Depth = 1
	}
	for i, a := range c.Assets {
		if err := a.Validate(); err != nil {
			return nil, fmt.Errorf("Assets[%d]: %w", i, err)
		}
		switch {
		case a.ID.Network() != n.id:
			return nil, fmt.Errorf("Assets[%d]: %s is not on %s", i, a.ID, n.id)
		case a.MaxFee == nil || a.MaxFee.Sign() < 0 || a.MaxFee.Sign() == 0 && c.Provider == nil:
			return nil, fmt.Errorf("Assets[%d]: MaxFee must be positive", i)
		}
		n.assets[a.ID] = a
	}
	return n, nil
}

func orDefault[T comparable](v *T, otherwise T) { *v = cmp.Or(*v, otherwise) }

// RequestTx requests a payout within a transaction of the host, in the database of Config.Store: the host's rows and the
// payout exist together or not at all. tx is what the store's WithTx takes, an *sql.Tx or a pgx.Tx. Call [Service.Hint]
// after the commit if the payout should not wait for the next poll.
func (s *Service) RequestTx(ctx context.Context, tx any, r Request) (Payout, error) {
	within, err := s.WithTx(tx)
	if err != nil {
		return Payout{}, err
	}
	return within.Request(ctx, r)
}

// WithTx returns a copy of s that works within a transaction of the host, to cancel a payout together with its order, for
// example. It is valid for that transaction only, is for one goroutine and must not Run. It returns an error that wraps
// [errors.ErrUnsupported] when Config.Store has no such transactions.
func (s *Service) WithTx(tx any) (*Service, error) {
	transactor, able := s.cfg.Store.(invoice.Transactor)
	if !able {
		return nil, fmt.Errorf("payout: Config.Store, a %T, does not work in transactions of the host: %w", s.cfg.Store, errors.ErrUnsupported)
	}
	within, err := transactor.WithTx(tx)
	if err != nil {
		return nil, fmt.Errorf("payout: work in a transaction: %w", err)
	}
	store, able := within.(Store)
	if !able {
		return nil, fmt.Errorf("payout: the transactions of Config.Store, a %T, have no payouts: %w", s.cfg.Store, errors.ErrUnsupported)
	}
	out := *s
	out.cfg.Store, out.outer = store, true
	return &out, nil
}

// Hint makes Run look at everything at once. It never blocks. Call it after a transaction of the host was committed.
func (s *Service) Hint() {
	for _, wake := range s.wakes {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	if s.cfg.Hint != nil {
		s.cfg.Hint()
	}
}

// now returns the time in the form that stores keep.
func (s *Service) now() time.Time { return s.cfg.Now().UTC() }

// policies returns what restricts the project.
func (s *Service) policies(project string) Policies {
	if p, own := s.cfg.ProjectPolicies[project]; own {
		return p
	}
	return s.cfg.Policies
}

// commit stores a batch and its events' messages.
func (s *Service) commit(ctx context.Context, b Batch) error {
	if err := s.cfg.Store.CommitPayouts(ctx, b); err != nil {
		return err
	}
	for _, ev := range b.Events {
		s.cfg.Meter.Count(ctx, MeterEvents, 1, invoice.Label{Key: "type", Value: string(ev.Type)})
	}
	if len(b.Messages) > 0 && s.cfg.Hint != nil && !s.outer {
		s.cfg.Hint()
	}
	return nil
}

// MeterEvents is the counter of the events of payouts, with the label type.
const MeterEvents = "cointill.payout.events"

// put adds a payout's change to a batch, with its events and messages, or returns an error and adds nothing.
func (s *Service) put(ctx context.Context, b *Batch, before, after Payout, alarm Reason) (Payout, error) {
	after, events, err := issue(before, after, alarm, s.now())
	if err != nil {
		return Payout{}, err
	}
	messages, err := s.messages(ctx, after, events)
	if err != nil {
		return Payout{}, err
	}
	b.Payouts = append(b.Payouts, after)
	b.Events = append(b.Events, events...)
	b.Messages = append(b.Messages, messages...)
	return after, nil
}

// receiversWait bounds how long a batch waits for the endpoints of one project.
const receiversWait = 10 * time.Second

// messages returns what is to be told of the events. A message that could not be made would be lost, so nothing of the
// payout may be stored after an error.
func (s *Service) messages(ctx context.Context, p Payout, events []invoice.Event) ([]invoice.Message, error) {
	if s.cfg.Notifier == nil || len(events) == 0 {
		return nil, nil
	}
	var endpoints []invoice.Endpoint
	if s.cfg.Receivers != nil {
		ctx, cancel := context.WithTimeout(ctx, receiversWait)
		defer cancel()
		var err error
		if endpoints, err = s.cfg.Receivers.Receivers(ctx, p.Project); err != nil {
			return nil, fmt.Errorf("endpoints of project %s: %w", p.Project, err)
		}
	}
	var out []invoice.Message
	for _, ev := range events {
		deaf := func(e invoice.Endpoint) bool { return !e.Takes(ev.Type) }
		to := slices.DeleteFunc(slices.Clone(endpoints), deaf)
		out = append(out, s.cfg.Notifier.PayoutMessages(ev, p.CallbackURL, p.Format, p.Data, to)...)
	}
	return out, nil
}

// random returns n random bytes.
func (s *Service) random(n int) []byte {
	b := make([]byte, n)
	s.cfg.Random(b)
	return b
}

// newID returns a UUID of version 7 (RFC 9562), so that new rows are neighbours and ids cannot be guessed.
func (s *Service) newID(now time.Time) string {
	b := s.random(16)
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
