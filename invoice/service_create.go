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

	CallbackURL string // where events are sent; empty: nowhere; at most 2048 bytes
	Format      string // in which format; empty: the notifier's default

	Tolerance *decimal.Decimal // percent that may be missing, 0 to 100; nil: the configuration's
	// AllowFullTolerance permits a tolerance of 100 percent, with which any payment completes the
	// invoice.
	AllowFullTolerance bool
	ToleranceAmount    decimal.Decimal // amount of the asset that may be missing; only with an Asset

	Window time.Duration // time to pay; 0: the configuration's; at least a second
	Late   LatePolicy    // empty: the configuration's
	Other  OtherPolicy   // empty: the configuration's
	Single bool          // the first payment decides, and too little closes the invoice

	// Only lists the assets that may be chosen, Except those that may not, by code or CAIP-19 id. Names that are not
	// configured are ignored; at least one asset must be left.
	Only, Except []string
	// Discount is taken off the price, in percent, more than -100 and less than 100; a negative discount is a
	// surcharge.
	Discount decimal.Decimal
	// PayerShare is the part of the commission ([Config.Commission]) that the payer pays on top of the price, in
	// percent, 0 to 100.
	PayerShare decimal.Decimal
	RateSource string // one of Config.RateSources; empty: Config.Rates

	// Data is kept with the invoice for the caller: up to 32 keys, 16 KiB in all.
	Data map[string]string
	// MaxNew bounds the project's new invoices: if there are that many already, the invoice is refused with
	// [ErrTooManyNew]. Concurrent calls may exceed the bound by what they create at the same moment. 0: no bound.
	MaxNew int
}

// Limits of Request.Data.
const (
	maxDataTexts = 32
	maxDataBytes = 16 << 10
)

// Create creates an invoice, which is durable when Create returns. It makes no network request unless Config.Rates or a
// [Requester] does, and works while chains lag. It refuses with an [InvalidError], a [DuplicateOrderError],
// [ErrNoAddress], [ErrTooManyNew], an error that wraps rates.ErrNoRate, or, while the decimals of the asset are not
// confirmed, [ErrHeldBack], which is an [ErrBusy] as well.
func (s *Service) Create(ctx context.Context, r Request) (Invoice, error) {
	now := s.cfg.Now().UTC()
	inv, asset, err := s.draft(r, now)
	if err != nil {
		return Invoice{}, err
	}
	if err := s.checkCap(ctx, r, r.MaxNew, false); err != nil {
		return Invoice{}, err
	}
	if asset.ID == "" {
		return s.commitNew(ctx, inv, Batch{})
	}
	if err := s.prices.quote(ctx, &inv, asset, now); err != nil {
		// A repeated order is refused with its invoice even while there is no rate.
		return Invoice{}, cmp.Or(s.checkOrder(ctx, r), err)
	}
	if err := s.fixTolerance(&inv, asset, r.ToleranceAmount); err != nil {
		return Invoice{}, err
	}
	if s.chains[inv.Network()].Pool != nil {
		// Checked before a number is taken: the host may commit its transaction although Create failed, and the number would stay used.
		if err := s.checkOrder(ctx, r); err != nil {
			return Invoice{}, err
		}
	}
	return s.withPlace(ctx, inv, s.commitNew)
}

// CreateArchived creates a record of a past invoice: nothing can be paid to it, and nothing is decided about it. A zero
// createdAt means now; it must not be in the future. Window and AllowFullTolerance are ignored. It refuses as
// [Service.Create] does.
func (s *Service) CreateArchived(ctx context.Context, r Request, createdAt time.Time) (Invoice, error) {
	now := s.cfg.Now().UTC()
	if createdAt.IsZero() {
		createdAt = now
	}
	if createdAt.After(now) {
		return Invoice{}, refuse("createdAt", createdAt.Format(time.RFC3339Nano), "must not be in the future")
	}
	r.AllowFullTolerance, r.Window = true, 0
	inv, asset, err := s.draft(r, createdAt.UTC())
	if err != nil {
		return Invoice{}, err
	}
	if asset.ID != "" {
		if err := s.prices.quote(ctx, &inv, asset, now); err != nil {
			return Invoice{}, cmp.Or(s.checkOrder(ctx, r), err)
		}
		if err := s.fixTolerance(&inv, asset, r.ToleranceAmount); err != nil {
			return Invoice{}, err
		}
	}
	inv.Deadline = inv.CreatedAt
	inv.Actions = []Action{{N: 1, Kind: ActionArchive, At: inv.CreatedAt}}
	return s.commitNew(ctx, inv, Batch{})
}

// draft checks a request and returns an invoice for it, without a quote.
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
		if asset, known = s.prices.findAsset(r.Asset); !known || !terms.allow(asset.ID) {
			return Invoice{}, AssetConfig{}, refuse("Asset", r.Asset, "is not supported")
		}
	}
	orDefault(&r.Window, s.cfg.Window)
	r.Window += s.clockBehind(asset.ID.Network())
	return Invoice{
		ID: newID(s.cfg.Now()), Project: r.Project, OrderID: r.OrderID, Name: r.Name, CallbackURL: r.CallbackURL,
		Format: r.Format, Data: r.Data, Price: r.Price, Terms: terms, CreatedAt: createdAt, UpdatedAt: createdAt,
		Deadline: createdAt.Add(r.Window), Version: 1,
	}, asset, nil
}

// clockBehind returns the extra time that an invoice gets when our clock lags its network by more than MaxAhead and so
// must be wrong: once it is corrected, the deadline would have passed already.
func (s *Service) clockBehind(id chain.Network) time.Duration {
	n := s.chains[id]
	if n == nil {
		return 0
	}
	ahead := stampedAhead(n.Watcher.Lag(), s.cfg.Now())
	if ahead <= MaxAhead {
		return 0
	}
	s.log.Error("clock is behind the chain's block times: one of them is wrong", "network", n.id, "by", ahead)
	return ahead
}

func (s *Service) checkRequest(r Request) error {
	if r.Window < 0 || r.Window > 0 && r.Window < time.Second || r.Window > s.cfg.MaxWindow {
		return refuse("Window", r.Window.String(), fmt.Sprintf("must be at least 1s and at most %v", s.cfg.MaxWindow))
	}
	if err := s.prices.checkPrice(r.Price); err != nil {
		return err
	}
	return s.checkAddressee(r)
}

// checkAddressee checks the fields that say whose an invoice is and where its events are sent.
func (s *Service) checkAddressee(r Request) error {
	if r.Project == "" {
		return refuse("Project", "", "is required")
	}
	if err := cmp.Or(refuseText("Project", r.Project, 255), refuseText("OrderID", r.OrderID, 255), refuseText("Name", r.Name, 255)); err != nil {
		return err
	}
	if r.OrderID != strings.TrimSpace(r.OrderID) {
		return refuse("OrderID", r.OrderID, "must not begin or end with a space")
	}
	if err := checkData(r.Data); err != nil {
		return err
	}
	if err := s.checkFormat(r.Format); err != nil {
		return err
	}
	return s.CheckCallback(r.CallbackURL)
}

func checkData(data map[string]string) error {
	size := 0
	for k, v := range data {
		size += len(k) + len(v)
		if !utf8.ValidString(k) || !utf8.ValidString(v) || strings.ContainsRune(k+v, 0) {
			return refuse("Data", "", "must be text")
		}
	}
	if len(data) > maxDataTexts || size > maxDataBytes {
		return refuse("Data", "", fmt.Sprintf("must be at most %d texts of %d bytes in all", maxDataTexts, maxDataBytes))
	}
	return nil
}

// checkCap refuses if the project has most new invoices already, counting only standing ones or only others.
func (s *Service) checkCap(ctx context.Context, r Request, most int, standing bool) error {
	if most <= 0 {
		return nil
	}
	page, err := s.cfg.Store.Invoices(ctx, Query{
		Project: r.Project, Standing: standing, Status: StatusNew, Sort: SortCreated, Offset: most - 1, Limit: 1, Uncounted: true,
	})
	if err != nil {
		return fmt.Errorf("invoice: count new invoices: %w", err)
	}
	if len(page.Invoices) > 0 {
		return cmp.Or(s.checkOrder(ctx, r), fmt.Errorf("invoice: project %s: %w", r.Project, ErrTooManyNew))
	}
	return nil
}

func (s *Service) checkFormat(format string) error {
	if format == "" || slices.Contains(s.Formats(), format) {
		return nil
	}
	return refuse("Format", format, "is unknown")
}

// CheckCallback returns the [InvalidError] with which [Service.Create] would refuse the URL as a [Request]'s
// CallbackURL, or nil. The empty URL is valid.
func (s *Service) CheckCallback(raw string) error {
	if raw == "" {
		return nil
	}
	return checkURL("CallbackURL", raw, s.cfg.CheckCallback)
}

// checkURL refuses a URL that messages cannot or must not be sent to, which check may know more about; nil knows
// nothing.
func checkURL(field, raw string, check func(url string) error) error {
	if len(raw) > 2048 {
		return refuse(field, publicURL(raw), "must have at most 2048 bytes")
	}
	if bad, ok := errors.AsType[*InvalidError](refuseText(field, raw, len(raw))); ok {
		return refuse(field, publicURL(raw), bad.Reason)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return refuse(field, publicURL(raw), "must be an absolute http or https URL")
	}
	if check == nil {
		return nil
	}
	err = check(raw)
	if bad, ok := errors.AsType[*InvalidError](err); ok {
		return refuse(field, publicURL(raw), bad.Reason)
	} else if err != nil {
		return refuse(field, publicURL(raw), err.Error())
	}
	return nil
}

func (s *Service) draftTerms(r Request) (Terms, error) {
	t := Terms{
		TolerancePercent: s.cfg.Tolerance, Late: r.Late, Other: r.Other, Single: r.Single,
		DiscountPercent: r.Discount, PayerPercent: r.PayerShare, RateSource: r.RateSource,
	}
	if r.Tolerance != nil {
		t.TolerancePercent = *r.Tolerance
	}
	switch {
	case !percent(t.TolerancePercent, decimal.Zero, hundred):
		return t, refuse("Tolerance", valueOf(t.TolerancePercent), "must be 0 to 100")
	case !percent(r.Discount, hundred.Neg(), hundred) || r.Discount.Abs().Equal(hundred):
		return t, refuse("Discount", valueOf(r.Discount), "must be more than -100 and less than 100")
	case !percent(r.PayerShare, decimal.Zero, hundred):
		return t, refuse("PayerShare", valueOf(r.PayerShare), "must be 0 to 100")
	case r.RateSource != "" && s.cfg.RateSources[r.RateSource] == nil:
		return t, refuse("RateSource", r.RateSource, "is unknown")
	case t.TolerancePercent.Equal(hundred) && !r.AllowFullTolerance:
		return t, refuse("Tolerance", valueOf(t.TolerancePercent), "of 100 would complete the invoice with any payment and is not allowed here")
	}
	orDefault(&t.Late, s.cfg.Late)
	orDefault(&t.Other, s.cfg.Other)
	if !slices.Contains([]LatePolicy{LateHold, LateAccept, LateRerate}, t.Late) {
		return t, refuse("Late", string(t.Late), "is not a policy")
	}
	if !slices.Contains([]OtherPolicy{OtherAccept, OtherHold}, t.Other) {
		return t, refuse("Other", string(t.Other), "is not a policy")
	}
	return t, s.restrict(&t, r)
}

// restrict sets the assets that may be chosen.
func (s *Service) restrict(t *Terms, r Request) error {
	if len(r.Only) == 0 && len(r.Except) == 0 {
		return nil
	}
	named := func(names []string, a AssetConfig) bool {
		return slices.Contains(names, a.Code) || slices.Contains(names, string(a.ID))
	}
	for _, a := range s.prices.assets {
		if (len(r.Only) == 0 || named(r.Only, a)) && !named(r.Except, a) {
			t.Assets = append(t.Assets, a.ID)
		}
	}
	if len(t.Assets) == 0 {
		if len(r.Only) == 0 {
			return refuse("Except", strings.Join(r.Except, ","), "leave no asset to pay in")
		}
		return refuse("Only", strings.Join(r.Only, ","), "leave no asset to pay in")
	}
	return nil
}

// fixTolerance sets how many units may be missing.
func (s *Service) fixTolerance(inv *Invoice, a AssetConfig, tolerance decimal.Decimal) error {
	if tolerance.IsZero() {
		return nil
	}
	if err := CheckAmount("ToleranceAmount", tolerance, int32(a.Decimals)); err != nil {
		return err
	}
	units := a.UnitsDown(tolerance)
	if units.Cmp(inv.Quote.Due) >= 0 {
		return refuse("ToleranceAmount", valueOf(tolerance), "must be less than what is due")
	}
	inv.Terms.ToleranceUnits = units
	return nil
}

// checkOrder refuses a repeated order id. It is for the paths that return before a commit would.
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

func (s *Service) firstProgress(id chain.Network) Progress {
	return Progress{Network: id, Cursor: chain.CursorSince(s.cfg.Now().UTC()), Version: 1}
}
