package invoice

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// Service creates invoices, follows the chains and decides what each payment means. Its methods, Run included, may be
// called concurrently, and several processes may work on one store.
type Service struct {
	cfg      Config
	log      *slog.Logger
	chains   map[chain.Network]*network
	prices   *quoting
	outer    *Service      // the service that WithTx was called on; nil for others
	late     chan struct{} // messages of a transaction of the host will be committed; shared with outer
	troubled *troubled
}

// New checks the configuration and returns a service. It starts nothing: see [Service.Run].
func New(cfg Config) (*Service, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("invoice: New: %w", err)
	}
	s := &Service{
		cfg: cfg, log: cfg.Logger, chains: map[chain.Network]*network{}, troubled: &troubled{},
		late: make(chan struct{}, 1), prices: &quoting{cfg: cfg, log: cfg.Logger},
	}
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
	suggested := n.suggested(a.Asset)
	if a.Floor.IsZero() {
		if a.Floor = suggested.Floor; a.Minimum.IsPositive() {
			a.Floor = decimal.Min(a.Floor, a.Minimum)
		}
	}
	if a.Minimum.IsZero() {
		a.Minimum = a.Floor
	}
	if _, fiat := s.cfg.Fiat[a.Code]; fiat {
		return fmt.Errorf("code %s is a fiat code", a.Code)
	}
	for _, other := range s.prices.assets {
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
		a.Confirm = suggested.Confirm
	}
	for _, tier := range a.Confirm {
		switch tier.Need.Tag {
		case chain.FinalityDepth, chain.FinalitySafe, chain.FinalityFinalized:
		default:
			return fmt.Errorf("finality tag %q is unknown", tier.Need.Tag)
		}
	}
	s.prices.assets = append(s.prices.assets, *a)
	return nil
}

// Assets returns the assets that invoices may ask for, in the order of the configuration.
func (s *Service) Assets() []AssetConfig { return slices.Clone(s.prices.assets) }

// Chain returns the configuration of a network, and false if the network is not configured.
func (s *Service) Chain(id chain.Network) (ChainConfig, bool) {
	n := s.chains[id]
	if n == nil {
		return ChainConfig{}, false
	}
	return n.ChainConfig, true
}

// Choices returns the assets that the invoice may be paid in, in the order of the configuration.
func (s *Service) Choices(inv Invoice) []AssetConfig {
	var out []AssetConfig
	for _, a := range s.prices.assets {
		if inv.Terms.allow(a.ID) {
			out = append(out, a)
		}
	}
	return out
}

// MaxWindow returns the longest time to pay that an invoice may have.
func (s *Service) MaxWindow() time.Duration { return s.cfg.MaxWindow }

// Formats returns the formats that events can be sent in, the default first; none without a Notifier.
func (s *Service) Formats() []string {
	if s.cfg.Notifier == nil {
		return nil
	}
	return s.cfg.Notifier.Formats()
}
