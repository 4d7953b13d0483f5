package payout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Payout returns a payout of the project, or ErrNotFound.
func (s *Service) Payout(ctx context.Context, project, id string) (Payout, error) {
	p, err := s.cfg.Store.Payout(ctx, id)
	if err == nil && p.Project != project {
		p, err = Payout{}, ErrNotFound
	}
	if err != nil {
		return Payout{}, fmt.Errorf("payout: payout %s: %w", id, err)
	}
	return p, nil
}

// Payouts returns one page of a listing.
func (s *Service) Payouts(ctx context.Context, q Query) (Page, error) {
	page, err := s.cfg.Store.Payouts(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("payout: list payouts: %w", err)
	}
	return page, nil
}

// Balance returns the balances of the project's accounts; the operator's own and External for an empty project.
func (s *Service) Balance(ctx context.Context, project string) ([]Balance, error) {
	out, err := s.cfg.Store.Balances(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("payout: balances of project %q: %w", project, err)
	}
	return out, nil
}

// Statement returns up to limit lines of an account after the position, in order, each with the balance after it.
func (s *Service) Statement(ctx context.Context, a Account, after int64, limit int) ([]Line, error) {
	out, err := s.cfg.Store.Lines(ctx, a, after, limit)
	if err != nil {
		return nil, fmt.Errorf("payout: statement of %s: %w", a, err)
	}
	return out, nil
}

// CloseDay closes the accounting days up to the given one, which must be over: no entry can be dated in them any more.
func (s *Service) CloseDay(ctx context.Context, day time.Time, actor string) (Closing, error) {
	day = day.UTC().Truncate(24 * time.Hour)
	c := Closing{Day: day, At: s.now(), Actor: actor}
	if c.End().After(c.At) {
		return Closing{}, fmt.Errorf("payout: close day: %w", refuse("Day", day.Format(time.DateOnly), "is not over"))
	}
	if err := s.commit(ctx, Batch{Closing: &c}); err != nil {
		return Closing{}, fmt.Errorf("payout: close day %s: %w", day.Format(time.DateOnly), err)
	}
	return c, nil
}

// Solvent is what the books say of one asset, in base units. Owed and Held are equal after every commit, unless the
// store was changed by other means.
type Solvent struct {
	Asset    chain.AssetID `json:"asset"`
	Owed     *big.Int      `json:"owed"`      // to projects, payers and the operator
	Held     *big.Int      `json:"held"`      // at our addresses, by the books
	InFlight *big.Int      `json:"in_flight"` // of Held, what transactions under way will take, fees included
}

// Solvency returns what is owed and what is held, from sums that are kept with every commit: the cost does not grow with
// the number of accounts or coins.
func (s *Service) Solvency(ctx context.Context) ([]Solvent, error) {
	totals, err := s.cfg.Store.Totals(ctx)
	if err != nil {
		return nil, fmt.Errorf("payout: solvency: %w", err)
	}
	flying := map[chain.AssetID]*big.Int{}
	for _, n := range s.order {
		open, err := s.cfg.Store.OpenTransactions(ctx, n.id)
		if err != nil {
			return nil, fmt.Errorf("payout: solvency: %w", err)
		}
		for _, t := range open {
			if t.Stage == StageFinal {
				continue
			}
			for _, m := range t.Last().Moves {
				addTo(flying, m.Holding.Asset, new(big.Int).Neg(m.Units))
			}
		}
	}
	var out []Solvent
	for _, t := range totals {
		out = append(out, Solvent{t.Asset, t.Owed, t.Held, orZero(flying[t.Asset])})
	}
	return out, nil
}

// Difference is a holding of which the chain has another amount than the books.
type Difference struct {
	Holding Holding  `json:"holding"`
	Books   *big.Int `json:"books"`
	Chain   *big.Int `json:"chain"`
}

// Audit compares every holding of a network with the chain, and calls visit with each difference. Transactions that are
// under way, or not final yet, are differences until they are. It asks the node about every holding.
func (s *Service) Audit(ctx context.Context, network chain.Network, visit func(Difference)) error {
	n := s.networks[network]
	if n == nil {
		return fmt.Errorf("payout: audit: %w: %s", ErrNetwork, network)
	}
	after := ""
	for {
		page, err := s.cfg.Store.Holdings(ctx, network, after, 100)
		if err != nil {
			return fmt.Errorf("payout: audit: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		units, err := n.Spender.Audit(ctx, page)
		if err != nil {
			return fmt.Errorf("payout: audit: %w", err)
		}
		for i, h := range page {
			if orZero(units[i]).Cmp(h.Units) != 0 {
				visit(Difference{h, h.Units, orZero(units[i])})
			}
		}
		after = page[len(page)-1].Name
	}
}

// Recount adds up the whole ledger and all holdings from the beginning, and returns a [MiscountError] that names each difference
// from the sums that are kept. Its time grows with the ledger.
func (s *Service) Recount(ctx context.Context) error {
	owed, held, err := s.recount(ctx)
	if err != nil {
		return fmt.Errorf("payout: recount: %w", err)
	}
	totals, err := s.cfg.Store.Totals(ctx)
	if err != nil {
		return fmt.Errorf("payout: recount: %w", err)
	}
	var wrong []Miscount
	for _, t := range totals {
		if sum := orZero(owed[t.Asset]); sum.Cmp(t.Owed) != 0 {
			wrong = append(wrong, Miscount{Asset: t.Asset, Of: "entries", Sum: sum, Kept: t.Owed})
		}
		if sum := orZero(held[t.Asset]); sum.Cmp(t.Held) != 0 {
			wrong = append(wrong, Miscount{Asset: t.Asset, Of: "holdings", Sum: sum, Kept: t.Held})
		}
	}
	if wrong != nil {
		return fmt.Errorf("payout: recount: %w", &MiscountError{wrong})
	}
	return nil
}

func (s *Service) recount(ctx context.Context) (owed, held map[chain.AssetID]*big.Int, err error) {
	owed, held = map[chain.AssetID]*big.Int{}, map[chain.AssetID]*big.Int{}
	for after := int64(0); ; {
		page, err := s.cfg.Store.Entries(ctx, after, 1000)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range page {
			after = e.Position
			for _, p := range e.Postings {
				if p.Account.Kind != External {
					addTo(owed, p.Account.Asset, p.Units)
				}
			}
		}
		if len(page) < 1000 {
			break
		}
	}
	for _, n := range s.order {
		for after := ""; ; {
			page, err := s.cfg.Store.Holdings(ctx, n.id, after, holdingPage)
			if err != nil {
				return nil, nil, err
			}
			for _, h := range page {
				after = h.Name
				addTo(held, h.Asset, h.Units)
			}
			if len(page) < holdingPage {
				break
			}
		}
	}
	return owed, held, nil
}

// FundPart is a part of what a transaction brought to the wallet's own addresses.
type FundPart struct {
	Asset  chain.AssetID
	Units  *big.Int // base units
	Booked *Account // where it was booked; nil if it was not
}

// FundTerms returns what [Service.Fund] would book, and what of it is booked already; it stores nothing. It asks the network
// about the transaction. Its errors are those of Fund.
func (s *Service) FundTerms(ctx context.Context, network chain.Network, txID string) ([]FundPart, error) {
	parts, err := s.funding(ctx, network, spelled(txID))
	if err != nil {
		return nil, err
	}
	out := make([]FundPart, len(parts))
	for i, p := range parts {
		out[i] = FundPart{Asset: p.move.Holding.Asset, Units: p.move.Units, Booked: p.booked}
	}
	return out, nil
}

// funded is one move of a transaction that brought something.
type funded struct {
	id     string // of the entry
	move   Move
	booked *Account
}

// spelled returns the one spelling of a transaction's id: nodes read both cases.
func spelled(txID string) string { return strings.ToLower(strings.TrimSpace(txID)) }

// funding returns what a transaction brought to the wallet's own addresses.
func (s *Service) funding(ctx context.Context, network chain.Network, txID string) ([]funded, error) {
	n := s.networks[network]
	if n == nil {
		return nil, fmt.Errorf("payout: fund: %w: %s", ErrNetwork, network)
	}
	own, err := s.cfg.Store.Document(ctx, ownName(network, txID))
	if err == nil && own != nil {
		err = refuse("TxID", txID, "is a transaction of our own")
	}
	var moves []Move
	if err == nil {
		moves, err = n.Spender.Funding(ctx, txID)
	}
	var out []funded
	for i, m := range moves {
		f := funded{id: fmt.Sprintf("fund:%s:%s:%d", network, txID, i), move: m}
		var e Entry
		if e, err = s.cfg.Store.Entry(ctx, f.id); err == nil {
			f.booked = e.funded()
		}
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		if err != nil {
			break
		}
		out = append(out, f)
	}
	if err != nil {
		return nil, fmt.Errorf("payout: fund from transaction %s: %w", txID, err)
	}
	return out, nil
}

// funded returns the account that an entry of [EntryFund] gave to.
func (e Entry) funded() *Account {
	for _, p := range e.Postings {
		if p.Account.Kind != External {
			return &p.Account
		}
	}
	return &Account{Kind: External}
}

// Fund books what a transaction brought to the wallet's own addresses, such as coins for network fees that the operator
// sent to [Spender].Lane: to the operator's float, or to a project's available balance if one is named. The transaction
// must be final. Funding it again changes nothing. It returns ErrNotFound for a transaction that brought nothing, and an
// [InvalidError] for one of our own.
func (s *Service) Fund(ctx context.Context, network chain.Network, txID, project, actor string) error {
	txID = spelled(txID)
	parts, err := s.funding(ctx, network, txID)
	if err != nil {
		return err
	}
	b := Batch{}
	for _, p := range parts {
		if p.booked != nil {
			continue
		}
		to := Account{project, Available, p.move.Holding.Asset}
		if project == "" {
			to.Kind = Float
		}
		var l ledger
		l.move(Account{Kind: External, Asset: to.Asset}, to, p.move.Units)
		b.Entries = append(b.Entries, l.entry(Entry{ID: p.id, Kind: EntryFund, Subject: txID, At: s.now(), Actor: actor}))
		b.Moves = append(b.Moves, p.move)
		b.Documents = append(b.Documents, Document{Name: p.id, Value: []byte("1")}) // two at once are one
	}
	if len(b.Entries) == 0 {
		return nil
	}
	if err := s.commit(ctx, b); err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("payout: fund from transaction %s: %w", txID, err)
	}
	return nil
}

// Adjustment is an operator's correction of the ledger, such as for money that left our addresses by other means.
type Adjustment struct {
	ID       string // the operator's own name of it, unique for ever; required
	From, To Account
	Units    *big.Int // base units, positive
	Moves    []Move   // what it changes at our addresses, if one of the accounts is External
	Reason   string   // required
	Actor    string   // required
}

// Adjust makes the correction. The rules of [Batch] hold for it.
func (s *Service) Adjust(ctx context.Context, a Adjustment) error {
	if err := checkNote(a.Actor, a.Reason); err != nil || len(a.ID) > 190 || !clean(a.ID) {
		return fmt.Errorf("payout: adjust: %w", cmp.Or(err, error(refuse("ID", "", "must be a text of at most 190 bytes"))))
	}
	if a.ID == "" || a.Reason == "" || a.Actor == "" || orZero(a.Units).Sign() <= 0 {
		return fmt.Errorf("payout: adjust: %w", refuse("Adjustment", a.ID, "needs ID, Units, Reason and Actor"))
	}
	var l ledger
	l.move(a.From, a.To, a.Units)
	e := l.entry(Entry{ID: "adjust:" + a.ID, Kind: EntryAdjust, Subject: a.ID, At: s.now(), Note: a.Reason, Actor: a.Actor})
	name := "adjust/" + a.ID
	err := s.commit(ctx, Batch{Entries: []Entry{e}, Moves: a.Moves, Documents: []Document{{Name: name, Value: []byte("1")}}})
	if errors.Is(err, ErrConflict) {
		if stored, found := s.cfg.Store.Entry(ctx, e.ID); found == nil && stored.Same(e) {
			return nil
		}
		err = &EntryError{e.ID}
	}
	if err != nil {
		return fmt.Errorf("payout: adjust: %w", err)
	}
	return nil
}

var _ Invoices = invoice.Store(nil)
