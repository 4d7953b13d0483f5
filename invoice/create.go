package invoice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// Request describes an invoice to create. Project and Price are required.
type Request struct {
	Project string
	OrderID string // unique within the project; may be empty; at most 255 characters
	Name    string // at most 255 characters
	Price   Price  // in a fiat currency of the configuration, or in an asset's code
	Asset   string // code or CAIP-19 id of what to pay in; empty: chosen later

	CallbackURL string // where events are told; empty: nowhere; at most 2048 characters
	Format      string // how; empty: the notifier's default

	Tolerance *decimal.Decimal // percent that may be missing, 0 to 100; nil: the configuration's
	// AllowFullTolerance takes a tolerance of 100 percent, with which any payment completes the
	// invoice.
	AllowFullTolerance bool
	ToleranceAmount    decimal.Decimal // amount of the asset that may be missing; only with an Asset

	Window time.Duration // time to pay; 0: the configuration's; at least a second
	Late   LatePolicy    // empty: the configuration's
	Other  OtherPolicy   // empty: the configuration's
}

// Create makes an invoice, durable when it returns. It asks no network unless Config.Rates does, and
// works while chains lag. It refuses with an [InvalidError], a [DuplicateOrderError], or an error that
// wraps rates.ErrNoRate.
func (s *Service) Create(ctx context.Context, r Request) (Invoice, error) {
	now := s.cfg.Now().UTC()
	inv, asset, err := s.draft(r, now)
	if err != nil {
		return Invoice{}, err
	}
	if asset.ID == "" {
		return s.commitNew(ctx, inv, Batch{})
	}
	if inv.Quote, err = s.quote(ctx, r.Price, asset, now); err != nil {
		// Who repeats an order learns of its invoice also while there is no rate.
		return Invoice{}, cmp.Or(s.checkOrder(ctx, r), err)
	}
	if err := s.fixTerms(&inv, asset, r.ToleranceAmount); err != nil {
		return Invoice{}, err
	}
	return s.withAddress(ctx, inv, s.commitNew)
}

// CreateArchived makes a record of an invoice of the past: nothing is paid to it or decided about it.
// CreatedAt must not be in the future. Window and AllowFullTolerance mean nothing here.
func (s *Service) CreateArchived(ctx context.Context, r Request, createdAt time.Time) (Invoice, error) {
	now := s.cfg.Now().UTC()
	if createdAt.IsZero() {
		createdAt = now
	}
	if createdAt.After(now) {
		return Invoice{}, &InvalidError{"created_at", "must not be in the future"}
	}
	r.AllowFullTolerance, r.Window = true, 0
	inv, asset, err := s.draft(r, createdAt.UTC())
	if err != nil {
		return Invoice{}, err
	}
	if asset.ID != "" {
		if inv.Quote, err = s.quote(ctx, r.Price, asset, now); err != nil {
			return Invoice{}, cmp.Or(s.checkOrder(ctx, r), err)
		}
		if err := s.fixTerms(&inv, asset, r.ToleranceAmount); err != nil {
			return Invoice{}, err
		}
	}
	inv.Deadline = inv.CreatedAt
	inv.Actions = []Action{{N: 1, Kind: ActionArchive, At: inv.CreatedAt}}
	return s.commitNew(ctx, inv, Batch{})
}

// draft checks a request and makes an invoice of it that has no quote yet.
func (s *Service) draft(r Request, createdAt time.Time) (Invoice, AssetConfig, error) {
	if err := s.checkRequest(r); err != nil {
		return Invoice{}, AssetConfig{}, err
	}
	terms, err := s.draftTerms(r)
	if err != nil {
		return Invoice{}, AssetConfig{}, err
	}
	var asset AssetConfig
	if r.Asset != "" {
		var known bool
		if asset, known = s.findAsset(r.Asset); !known {
			return Invoice{}, AssetConfig{}, &InvalidError{"currency", "is not supported"}
		}
	}
	orDefault(&r.Window, s.cfg.Window)
	return Invoice{
		ID: newID(s.cfg.Now()), Project: r.Project, OrderID: r.OrderID, Name: r.Name, CallbackURL: r.CallbackURL,
		Format: r.Format, Price: r.Price, Terms: terms, CreatedAt: createdAt, UpdatedAt: createdAt,
		Deadline: createdAt.Add(r.Window), Version: 1,
	}, asset, nil
}

func (s *Service) checkRequest(r Request) error {
	switch {
	case r.Project == "":
		return &InvalidError{"project", "is required"}
	case !cleanText(r.Project) || utf8.RuneCountInString(r.Project) > 255:
		return &InvalidError{"project", "must be text of at most 255 characters"}
	case !cleanText(r.OrderID) || utf8.RuneCountInString(r.OrderID) > 255:
		return &InvalidError{"order_id", "must be text of at most 255 characters"}
	case r.OrderID != strings.TrimSpace(r.OrderID):
		return &InvalidError{"order_id", "must not begin or end with a space"}
	case !cleanText(r.Name) || utf8.RuneCountInString(r.Name) > 255:
		return &InvalidError{"order_name", "must be text of at most 255 characters"}
	case r.Window < 0 || r.Window > 0 && r.Window < time.Second || r.Window > s.cfg.MaxWindow:
		return &InvalidError{"expire_min", fmt.Sprintf("must be positive and at most %d", int64(s.cfg.MaxWindow/time.Minute))}
	}
	if err := s.checkPrice(r.Price); err != nil {
		return err
	}
	if err := s.checkFormat(r.Format); err != nil {
		return err
	}
	return s.checkCallback(r.CallbackURL)
}

func (s *Service) checkFormat(format string) error {
	if format == "" || s.cfg.Notifier != nil && slices.Contains(s.cfg.Notifier.Formats(), format) {
		return nil
	}
	return &InvalidError{"format", "is unknown"}
}

func (s *Service) checkCallback(raw string) error {
	const field = "callback_url"
	if raw == "" {
		return nil
	}
	if len(raw) > 2048 || !cleanText(raw) {
		return &InvalidError{field, "must be text of at most 2048 characters"}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return &InvalidError{field, "must be an absolute http or https URL"}
	}
	if s.cfg.CheckCallback != nil {
		if err := s.cfg.CheckCallback(raw); err != nil {
			return &InvalidError{field, err.Error()}
		}
	}
	return nil
}

func (s *Service) draftTerms(r Request) (Terms, error) {
	t := Terms{TolerancePercent: s.cfg.Tolerance, Late: r.Late, Other: r.Other}
	if r.Tolerance != nil {
		t.TolerancePercent = *r.Tolerance
	}
	switch {
	case t.TolerancePercent.Exponent() > 2 || t.TolerancePercent.Exponent() < -9, // before comparing, which writes out all digits
		t.TolerancePercent.IsNegative() || t.TolerancePercent.GreaterThan(hundred):
		return t, &InvalidError{"allowed_error_percent", "must be 0 to 100"}
	case t.TolerancePercent.Equal(hundred) && !r.AllowFullTolerance:
		return t, &InvalidError{"allowed_error_percent", "of 100 would complete the invoice with any payment and is not allowed here"}
	}
	orDefault(&t.Late, s.cfg.Late)
	orDefault(&t.Other, s.cfg.Other)
	if !slices.Contains([]LatePolicy{LateHold, LateAccept, LateRerate}, t.Late) {
		return t, &InvalidError{"late", "is not a policy"}
	}
	if !slices.Contains([]OtherPolicy{OtherAccept, OtherHold}, t.Other) {
		return t, &InvalidError{"other", "is not a policy"}
	}
	return t, nil
}

// fixTerms completes the terms with what depends on the quote.
func (s *Service) fixTerms(inv *Invoice, a AssetConfig, tolerance decimal.Decimal) error {
	inv.Terms = a.terms(inv.Terms, inv.Quote.Due)
	if tolerance.IsZero() {
		return nil
	}
	if err := CheckAmount("tolerance", tolerance, int32(a.Decimals)); err != nil {
		return err
	}
	units := a.UnitsDown(tolerance)
	if units.Cmp(inv.Quote.Due) >= 0 {
		return &InvalidError{"tolerance", "must be less than what is due"}
	}
	inv.Terms.ToleranceUnits = units
	return nil
}

// checkOrder looks for the order id where no commit will.
func (s *Service) checkOrder(ctx context.Context, r Request) error {
	if r.OrderID == "" {
		return nil
	}
	first, err := s.cfg.Store.InvoiceByOrder(ctx, r.Project, r.OrderID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("invoice: look for order: %w", err)
	}
	return &DuplicateOrderError{OrderID: r.OrderID, Invoice: first.ID}
}

// withAddress gives the quote an address that was never used, and commits. A number whose address is
// taken, as after an old backup of the counter, is passed over.
func (s *Service) withAddress(ctx context.Context, inv Invoice, commit func(context.Context, Invoice, Batch) (Invoice, error)) (Invoice, error) {
	n := s.chains[inv.Network()]
	for try := 0; ; try++ {
		index, err := n.indexes.next(ctx)
		if err != nil {
			return Invoice{}, fmt.Errorf("invoice: address: %w", err)
		}
		address, err := n.Addresses.Address(ctx, index)
		if err != nil {
			return Invoice{}, fmt.Errorf("invoice: address %d of %s: %w", index, n.Addresses.Name(), err)
		}
		quote := *inv.Quote
		quote.Address, quote.Wallet, quote.Index = address, n.Addresses.Name(), index
		inv.Quote = &quote
		done, err := s.commitWatched(ctx, n, inv, commit)
		switch {
		case err == nil:
			return done, nil
		case errors.Is(err, ErrDuplicateOrder), errors.Is(err, errStale):
			n.indexes.giveBack(index)
			return Invoice{}, err
		case !errors.Is(err, ErrConflict) || try == 20:
			return Invoice{}, err
		}
	}
}

// commitWatched commits an invoice with an address, and in the same batch that its network must be watched
// from now on, if the store does not know that yet.
func (s *Service) commitWatched(ctx context.Context, n *network, inv Invoice, commit func(context.Context, Invoice, Batch) (Invoice, error)) (Invoice, error) {
	for {
		batch, err := s.startWatching(ctx, n)
		if err != nil {
			return Invoice{}, err
		}
		done, err := commit(ctx, inv, batch)
		if errors.Is(err, ErrConflict) && len(batch.Progress) > 0 {
			if p, readErr := s.cfg.Store.Network(ctx, n.id); readErr == nil && p.Version > 0 {
				continue // somebody else began to watch: the address may be as free as it was
			}
		}
		if err == nil {
			n.setWatched()
		}
		return done, err
	}
}

// startWatching answers a batch that makes the store remember from when on the network must be
// watched, if it does not know yet: before the first address on it is shown to anybody.
func (s *Service) startWatching(ctx context.Context, n *network) (Batch, error) {
	n.mu.Lock()
	watched := n.watched
	n.mu.Unlock()
	if watched {
		return Batch{}, nil
	}
	p, err := s.cfg.Store.Network(ctx, n.id)
	if err != nil {
		return Batch{}, fmt.Errorf("invoice: read progress of %s: %w", n.id, err)
	}
	if p.Version > 0 {
		return Batch{}, nil
	}
	return Batch{Progress: []Progress{s.firstProgress(n.id)}}, nil
}

func (s *Service) firstProgress(id chain.Network) Progress {
	return Progress{Network: id, Cursor: chain.CursorSince(s.cfg.Now().UTC()), Version: 1}
}

func (n *network) setWatched() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watched = true
}

// commitNew stores a new invoice with its first event.
func (s *Service) commitNew(ctx context.Context, inv Invoice, b Batch) (Invoice, error) {
	inv.State = decide(inv.facts(), clock{now: inv.CreatedAt})
	inv, events, err := issue(Invoice{}, inv, []draft{{typ: EventCreated}}, inv.CreatedAt)
	if err != nil {
		return Invoice{}, err
	}
	b.Insert = append(b.Insert, inv)
	if err := s.commit(ctx, b, inv, events); err != nil {
		return Invoice{}, fmt.Errorf("invoice: create: %w", err)
	}
	return inv, nil
}

// commit stores a batch about one invoice with its events and their messages.
func (s *Service) commit(ctx context.Context, b Batch, inv Invoice, events []Event) error {
	s.tell(&b, inv, events)
	return s.store(ctx, b)
}

// tell puts events, and the messages that tell them, into a batch.
func (s *Service) tell(b *Batch, inv Invoice, events []Event) {
	b.Events = append(b.Events, events...)
	if s.cfg.Notifier == nil {
		return
	}
	for _, ev := range events {
		b.Messages = append(b.Messages, s.cfg.Notifier.Messages(ev, inv)...)
	}
}

// store commits a batch and lets the dispatcher know.
func (s *Service) store(ctx context.Context, b Batch) error {
	if err := s.cfg.Store.Commit(ctx, b); err != nil {
		return err
	}
	if len(b.Messages) > 0 && s.cfg.OnMessages != nil {
		s.cfg.OnMessages()
	}
	return nil
}
