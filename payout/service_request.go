package payout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// Request is a request to pay.
type Request struct {
	Project string // required
	// Key names the request, unique within the project: the same request again returns the same payout. Required, at most
	// 190 bytes.
	Key   string
	Kind  Kind          // KindPayout by default; refunds are made by [Service.Refund]
	Asset chain.AssetID // required
	To    string        // receiver; required
	// Beneficiary is who gets it, where a [Provider] pays; texts of at most 140 bytes. Chains do not need it.
	Beneficiary *Beneficiary
	Units       decimal.Decimal // amount in the asset's own unit, positive, with no more decimals than it has
	// FeeIncluded takes the greatest fee out of the amount, if both are in the same asset, so that a whole balance can be
	// paid out.
	FeeIncluded bool
	Name        string // at most 255 bytes, like Comment
	Comment     string
	CallbackURL string            // where events are sent; at most 2048 bytes
	Format      string            // of the messages
	Data        map[string]string // kept for the caller; at most 8 kB
	Requester   string            // the person who asks, for approvals
}

// Request reserves the amount and its greatest fee, and queues the payout, or lets it wait for approvals. The same
// request under the same key returns the stored payout; another request under the key is refused with a [KeyError]. It
// refuses bad input with an [InvalidError], too little money with an [InsufficientError], a limit with a [LimitError], and
// a receiver that is not listed with [ErrUnknownReceiver]. After a refusal nothing is reserved.
func (s *Service) Request(ctx context.Context, r Request) (p Payout, err error) {
	orDefault(&r.Kind, KindPayout)
	for range attempts {
		p, err = s.request(ctx, r)
		if !errors.Is(err, ErrConflict) {
			break
		}
	}
	if err != nil {
		return Payout{}, fmt.Errorf("payout: request: %w", err)
	}
	return p, nil
}

func (s *Service) request(ctx context.Context, r Request) (Payout, error) {
	if err := s.checkTexts(r); err != nil {
		return Payout{}, err
	}
	if err := checkUnits(r.Units); err != nil {
		return Payout{}, err
	}
	if stored, err := s.replay(ctx, r); err == nil || !errors.Is(err, ErrNotFound) {
		return stored, err
	}
	n, p, err := s.draft(r)
	if err != nil {
		return Payout{}, err
	}
	if err := s.receiver(ctx, n, &p, r.To); err != nil {
		return Payout{}, err
	}
	return s.insert(ctx, p, nil)
}

// draft checks what needs no node and no store, and returns the payout without its receiver.
func (s *Service) draft(r Request) (*network, Payout, error) {
	n := s.networks[r.Asset.Network()]
	if n == nil {
		return nil, Payout{}, fmt.Errorf("%w: %s", ErrNetwork, r.Asset)
	}
	a, has := n.assets[r.Asset]
	switch {
	case !has:
		return nil, Payout{}, refuse("Asset", string(r.Asset), "is not configured")
	case r.Kind != KindPayout && r.Kind != KindWithdrawal:
		return nil, Payout{}, refuse("Kind", string(r.Kind), "must be payout or withdrawal")
	}
	units, err := unitsOf(a.Asset, r.Units)
	if err != nil {
		return nil, Payout{}, err
	}
	now := s.now()
	p := Payout{
		ID: s.newID(now), Project: r.Project, Key: r.Key, Kind: r.Kind, Asset: a.Asset, Units: units, AskedUnits: r.asked(),
		Source: Account{r.Project, Available, a.ID}, Beneficiary: r.Beneficiary, Name: r.Name, Comment: r.Comment, CallbackURL: r.CallbackURL,
		Format: r.Format, Data: maps.Clone(r.Data), Requester: r.Requester, CreatedAt: now,
	}
	n.setFee(&p, a)
	if r.FeeIncluded && p.Payer == p.Source {
		if p.Units = new(big.Int).Sub(units, p.Fee); p.Units.Sign() <= 0 {
			return nil, Payout{}, refuse("Units", r.Units.String(), "does not exceed the greatest fee")
		}
	}
	return n, p, nil
}

// setFee sets the greatest fee of the payout, and who pays it.
func (n *network) setFee(p *Payout, a AssetConfig) {
	p.FeeAsset, p.Fee = n.Spender.FeeAsset(), new(big.Int).Set(a.MaxFee)
	if n.Provider != nil {
		p.FeeAsset = a.ID
	}
	p.Payer = Account{Kind: Float, Asset: p.FeeAsset}
	if a.ID == p.FeeAsset && !n.OperatorFees {
		p.Payer = p.Source
	}
}

// asked returns what the request says of the amount, by which it is recognised.
func (r Request) asked() string {
	if r.FeeIncluded {
		return r.Units.String() + ", fee included"
	}
	return r.Units.String()
}

// maxReceiver is the most bytes of a receiver as it is spelled in requests.
const maxReceiver = 190

// checkTexts refuses texts that are missing, too long or no text.
func (s *Service) checkTexts(r Request) error {
	for _, t := range []struct {
		field, value string
		most         int
		required     bool
	}{
		{"Project", r.Project, 190, true}, {"Key", r.Key, 190, true}, {"To", r.To, maxReceiver, false}, {"Name", r.Name, 255, false},
		{"Comment", r.Comment, 255, false}, {"CallbackURL", r.CallbackURL, 2048, false}, {"Format", r.Format, 64, false},
		{"Requester", r.Requester, 190, false},
	} {
		switch {
		case t.required && t.value == "":
			return refuse(t.field, "", "is required")
		case len(t.value) > t.most:
			return refuse(t.field, "", fmt.Sprintf("must have at most %d bytes", t.most))
		case !clean(t.value):
			return refuse(t.field, "", "must be UTF-8 without control characters")
		}
	}
	if err := s.checkCallback(r); err != nil {
		return err
	}
	if err := r.Beneficiary.check(); err != nil {
		return err
	}
	size := 0
	for k, v := range r.Data {
		size += len(k) + len(v)
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return refuse("Data", "", "must be UTF-8")
		}
	}
	if size > 8<<10 {
		return refuse("Data", "", "must have at most 8 kB")
	}
	return nil
}

// checkCallback refuses a URL and a format that messages cannot have. Errors do not repeat the URL, which may contain
// secrets.
func (s *Service) checkCallback(r Request) error {
	if r.Format != "" && (s.cfg.Notifier == nil || !slices.Contains(s.cfg.Notifier.Formats(), r.Format)) {
		return refuse("Format", r.Format, "is unknown")
	}
	if r.CallbackURL == "" {
		return nil
	}
	u, err := url.Parse(r.CallbackURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return refuse("CallbackURL", "", "must be an absolute http or https URL")
	}
	if s.cfg.CheckCallback == nil {
		return nil
	}
	if err := s.cfg.CheckCallback(r.CallbackURL); err != nil {
		return refuse("CallbackURL", "", err.Error())
	}
	return nil
}

// clean reports whether the text is UTF-8 without control characters.
func clean(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// checkUnits refuses an amount that is not positive, or with which it would be dear to calculate.
func checkUnits(amount decimal.Decimal) error {
	switch {
	case amount.Sign() <= 0:
		return refuse("Units", "", "must be positive")
	case amount.Exponent() > 78 || amount.Exponent() < -78 || amount.NumDigits() > 78:
		return refuse("Units", "", "has too many digits")
	}
	return nil
}

// unitsOf converts an amount that was checked to base units, exactly.
func unitsOf(a chain.Asset, amount decimal.Decimal) (*big.Int, error) {
	units, err := a.UnitsExact(amount)
	if err != nil {
		return nil, refuse("Units", amount.String(), fmt.Sprintf("has more than %d decimals", a.Decimals))
	}
	return units, nil
}

// replay returns the payout that is stored under the key, if it is the same request, or ErrNotFound. It compares what was
// asked, and nothing that the configuration made of it.
func (s *Service) replay(ctx context.Context, r Request) (Payout, error) {
	stored, err := s.cfg.Store.PayoutBy(ctx, Reference{Project: r.Project, Key: r.Key})
	if err != nil {
		return Payout{}, err
	}
	if stored.Kind != r.Kind || stored.Asset.ID != r.Asset || stored.AskedUnits != r.asked() || !stored.goesTo(r.To) || !stored.says(r) {
		return Payout{}, &KeyError{Key: r.Key, Payout: stored.ID}
	}
	return stored, nil
}

// goesTo reports whether the receiver is that of a request.
func (p Payout) goesTo(to string) bool { return p.Asked == to || string(p.To) == to }

// says reports whether the texts are those of a request. The requester may be another.
func (p Payout) says(r Request) bool {
	return p.CallbackURL == r.CallbackURL && p.Format == r.Format && p.Name == r.Name && p.Comment == r.Comment &&
		maps.Equal(p.Data, r.Data) && p.Beneficiary.or() == r.Beneficiary.or()
}

// receiver checks the receiver with the network and the policies.
func (s *Service) receiver(ctx context.Context, n *network, p *Payout, to string) error {
	switch {
	case to == "":
		return refuse("To", "", "is required")
	case len(to) > maxReceiver || !clean(to):
		return refuse("To", to, "is no address")
	}
	address, err := n.receiver(ctx, *p, to)
	if err != nil {
		var refused *RefusedError
		if errors.As(err, &refused) {
			field, value := "To", to
			if refused.Code == RefusedDust {
				field, value = "Units", p.Asset.Decimal(p.Units).String()
			}
			invalid := refuse(field, value, "is refused: "+refused.Error())
			invalid.cause = refused
			return invalid
		}
		return fmt.Errorf("check the receiver: %w", err)
	}
	p.To, p.Asked = address, to
	own, err := s.cfg.Invoices.InvoicesAt(ctx, []invoice.Place{{Address: address}})
	if err != nil {
		return fmt.Errorf("look for own invoices at the receiver: %w", err)
	}
	p.Own = len(own) > 0
	return s.listed(ctx, p)
}

// receiver returns the canonical receiver of the payout.
func (n *network) receiver(ctx context.Context, p Payout, to string) (chain.Address, error) {
	if n.Provider != nil {
		return n.Provider.Receiver(ctx, p.Asset, to, p.Beneficiary.or(), p.Units)
	}
	return n.Spender.Receiver(ctx, p.Asset, to, p.Units)
}

// listed checks the receiver against the list of those that are allowed.
func (s *Service) listed(ctx context.Context, p *Payout) error {
	rules := s.policies(p.Project)
	if !rules.Listed {
		return nil
	}
	known, err := s.receiverOf(ctx, p.Project, p.Asset.ID.Network(), p.To)
	if err != nil {
		return err
	}
	if known == nil {
		return fmt.Errorf("%w: %s", ErrUnknownReceiver, p.To)
	}
	if free := known.At.Add(rules.Cooling); free.After(p.CreatedAt) {
		p.NotBefore = free
	}
	return nil
}

// insert stores a new payout with its reservation. A batch may hold more that belongs to it.
func (s *Service) insert(ctx context.Context, p Payout, b *Batch) (Payout, error) {
	if b == nil {
		b = &Batch{}
	}
	rules := s.policies(p.Project)
	if above, set := rules.ApproveAbove[p.Asset.ID]; set && p.Units.Cmp(above) > 0 {
		p.Approvals = max(rules.Approvals, 1)
	}
	if most, set := rules.Daily[p.Asset.ID]; set {
		name := fmt.Sprintf("limit/%s/%s/%s", p.Project, p.Asset.ID, p.CreatedAt.Format(time.DateOnly))
		b.Counters = append(b.Counters, Counter{Name: name, Delta: p.Units, Max: most})
	}
	p.State = await(p, p.CreatedAt)
	b.Entries = append(b.Entries, reserveEntry(p))
	p, err := s.put(ctx, b, Payout{}, p, "")
	if err != nil {
		return Payout{}, err
	}
	if err := s.commit(ctx, *b); err != nil {
		return Payout{}, err // ErrConflict: perhaps the same key at the same time
	}
	s.hint()
	return p, nil
}

// hint makes the loops of Run look at once, unless what it is about is not committed yet.
func (s *Service) hint() {
	if !s.outer {
		s.Hint()
	}
}
