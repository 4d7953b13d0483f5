package bank

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa"
	"github.com/shopspring/decimal"
)

// Returner books what banks return; *payout.Service is one.
type Returner interface {
	Returned(ctx context.Context, r payout.Return) (payout.Payout, error)
}

// Learned is what a document said that an [Account] did not know, or that a person has to look at.
type Learned struct {
	Orders int // whose state is another now
	// Incoming is money that came in and is no order of ours, also if another document has said so before:
	// [payout.Service.Fund] books it by its ID, once.
	Incoming []Incoming
	// Puzzles is what does not fit the orders, for people: a debit that is no order, another amount, a rejected order that was
	// paid. Nothing follows from it.
	Puzzles []string
}

// maxPuzzles bounds what is told of one document.
const maxPuzzles = 1000

func (l *Learned) puzzle(format string, args ...any) {
	if len(l.Puzzles) < maxPuzzles {
		l.Puzzles = append(l.Puzzles, fmt.Sprintf(format, args...))
	}
}

// Incoming is money that came in.
type Incoming struct {
	ID    string
	Cents *big.Int
	At    time.Time
	From  string // the payer's name and account
	Text  string // the remittance information
}

// ReadStatus reads a pain.002, and notes what it says of the orders of its file. Reading it again changes nothing. Only a
// settled order is paid by it; a rejected one is not, ever. After a verification of the payee without a match the order
// waits until a person has confirmed it at the bank, and a later status says what became of it. It returns ErrNotFound for
// the status of a file that is none of the bank's.
func (a *Account) ReadStatus(ctx context.Context, r io.Reader) (Learned, error) {
	report, err := sepa.ReadStatus(r, a.cfg.Limits)
	if err != nil {
		return Learned{}, err
	}
	var l Learned
	ids, err := a.ordersOf(ctx, report.MessageID)
	if err == nil {
		err = a.each(ctx, &l, ids, func(o *order) {
			if s, said := report.Of(report.MessageID, o.Instruction.ID); said {
				l.status(o, s.Verdict)
			}
		})
	}
	if err != nil {
		return l, fmt.Errorf("bank: status of file %.40q: %w", report.MessageID, err)
	}
	return l, nil
}

// status notes a verdict of the bank.
func (l *Learned) status(o *order, v sepa.Verdict) {
	settled := o.Booked != "" || o.Status.Settled()
	switch {
	case settled && v.Status.Rejected(), o.Status.Rejected() && v.Status.Settled():
		l.puzzle("order %s: the bank says %s after %s", o.Instruction.ID, v.Status, o.Status)
		return
	case settled || o.Status.Rejected():
		return // nothing can become of it any more
	}
	if v.Status != "" {
		o.Status = v.Status
	}
	o.Confirm = confirm(v)
	if o.Status.Rejected() {
		o.Why = because(v)
	}
}

// confirm returns what a person has to confirm at the bank, if anything.
func confirm(v sepa.Verdict) string {
	if !v.Status.Pending() {
		return ""
	}
	switch v.Verification {
	case sepa.VerificationClose:
		return strings.TrimSpace("the account's name is similar: " + v.Payee)
	case sepa.VerificationNoMatch:
		return "the account has another name"
	case sepa.VerificationNotPossible:
		return "the account's name could not be verified"
	case sepa.VerificationMatch:
	}
	return ""
}

// because returns the reasons of a verdict.
func because(v sepa.Verdict) string {
	var all []string
	for _, r := range v.Reasons {
		all = append(all, strings.TrimSpace(r.Code+" "+r.Info))
	}
	return short(strings.Join(all, "; "))
}

// short bounds a text for people.
func short(text string) string {
	const most = 250
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}

// ordersOf returns the IDs of a file's orders, or ErrNotFound.
func (a *Account) ordersOf(ctx context.Context, file string) ([]string, error) {
	text, err := a.unpack(ctx, a.name(kindIDs, file))
	if err != nil {
		return nil, err
	}
	return strings.Split(string(text), "\n"), nil
}

// together is how many orders are changed in one commit.
const together = 500

// each changes orders, those that there are, and stores those that are others then.
func (a *Account) each(ctx context.Context, l *Learned, ids []string, change func(*order)) error {
	for some := range slices.Chunk(ids, together) {
		if err := a.some(ctx, l, some, change); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) some(ctx context.Context, l *Learned, ids []string, change func(*order)) error {
	for range attempts {
		before := len(l.Puzzles)
		var batch payout.Batch
		for _, id := range ids {
			o, doc, err := a.order(ctx, id)
			if errors.Is(err, payout.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			change(&o)
			if err := replace(&batch, doc, o); err != nil {
				return err
			}
			if last := len(batch.Documents) - 1; string(batch.Documents[last].Value) == string(doc.Was) {
				batch.Documents = batch.Documents[:last]
			}
		}
		if len(batch.Documents) == 0 {
			return nil
		}
		err := a.cfg.Store.CommitPayouts(ctx, batch)
		if err == nil {
			l.Orders += len(batch.Documents)
			return nil
		}
		if !errors.Is(err, payout.ErrConflict) {
			return err
		}
		l.Puzzles = l.Puzzles[:before]
	}
	return payout.ErrConflict
}

// ErrOtherAccount is returned for a document with an entry of another account.
var ErrOtherAccount = errors.New("entry of another account")

// CheckEntries reads a document as [Account.ReadEntries] does, and changes nothing: it returns the error of a document that is
// faulty, or of another account. What ReadEntries has read before such an error stays.
func (a *Account) CheckEntries(ctx context.Context, r io.Reader) error {
	_, err := sepa.ReadEntries(r, a.cfg.Limits, func(e sepa.Entry) error {
		if !a.ours(e) {
			return fmt.Errorf("%w, %.40q", ErrOtherAccount, e.Account)
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("bank: entries of %s: %w", a.cfg.IBAN, err)
	}
	return nil
}

// ours reports whether an entry is one of the account.
func (a *Account) ours(e sepa.Entry) bool {
	id, err := sepa.ParseIBAN(e.Account)
	return err == nil && id == a.cfg.IBAN
}

// ReadEntries reads a camt.052, camt.053 or camt.054, and notes what its booked entries say: which orders were debited, which
// came back, what came in. Reading it again, or another document with the same entries, changes nothing. What came back is
// told to svc, which may be nil only if no payouts are made; after an error of svc the document has to be read again.
func (a *Account) ReadEntries(ctx context.Context, svc Returner, r io.Reader) (Learned, error) {
	reading := reading{Account: a, ctx: ctx, svc: svc, seen: map[string]int{}}
	statements, err := sepa.ReadEntries(r, a.cfg.Limits, reading.entry)
	if err == nil {
		err = reading.flush()
	}
	if err == nil {
		err = reading.balances(statements)
	}
	if err != nil {
		return reading.learned, fmt.Errorf("bank: entries of %s: %w", a.cfg.IBAN, err)
	}
	return reading.learned, nil
}

// reading is one call of ReadEntries.
type reading struct {
	*Account
	ctx      context.Context
	svc      Returner
	learned  Learned
	seen     map[string]int // how often a key was met in the statement
	of       string         // the statement
	newest   time.Time      // booking date
	debits   map[string]debit
	incoming []payout.Document
	comeback map[string]back
}

// debit is what an entry says of an order that left the account.
type debit struct {
	key   string
	cents *big.Int // nil: the sum of a file fits
}

// back is what an entry says of an order that came back.
type back struct {
	key, why string
	cents    *big.Int
}

// pending is how many facts are gathered before they are stored.
const pending = 1000

func (r *reading) entry(e sepa.Entry) error {
	if !r.ours(e) {
		return fmt.Errorf("%w, %.40q", ErrOtherAccount, e.Account)
	}
	if !e.Status.Booked() {
		return nil
	}
	if e.Statement != r.of {
		r.of = e.Statement
		clear(r.seen)
	}
	key := e.Key()
	r.seen[key]++
	if n := r.seen[key]; n > 1 { // two of them in one statement are two
		key = fmt.Sprintf("%s.%d", key, n)
	}
	if e.Booking.After(r.newest) {
		r.newest = e.Booking
	}
	if e.Currency != "EUR" {
		r.learned.puzzle("entry %s: %s %s", key, e.Amount, e.Currency)
		return nil
	}
	if err := r.about(e, key); err != nil {
		return err
	}
	if len(r.debits)+len(r.comeback)+len(r.incoming) >= pending {
		return r.flush()
	}
	return nil
}

// about tells what an entry is about.
func (r *reading) about(e sepa.Entry, key string) error {
	single := len(e.Transactions) == 1
	for i, t := range e.Transactions {
		cents, exact := centsOf(t.Amount)
		if single && t.Amount.IsZero() {
			cents, exact = centsOf(e.Amount)
		}
		id := t.EndToEndID
		_, _, err := r.order(r.ctx, id)
		switch {
		case err != nil && !errors.Is(err, payout.ErrNotFound):
			return err
		case err != nil || !exact:
			if e.Direction == sepa.Credit && exact && cents.Sign() > 0 {
				if err := r.came(e, t, fmt.Sprintf("%s-%d", key, i), cents); err != nil {
					return err
				}
			} else {
				r.learned.puzzle("entry %s of %s: %s %s is no order: %.40q", key, e.Booking.Format(time.DateOnly), e.Direction, t.Amount, id)
			}
		case e.Direction == sepa.Debit && !e.Reversal:
			if r.debits == nil {
				r.debits = map[string]debit{}
			}
			r.debits[id] = debit{key, cents}
		case e.Direction == sepa.Credit:
			if r.comeback == nil {
				r.comeback = map[string]back{}
			}
			r.comeback[id] = back{key, short(strings.TrimSpace(t.ReturnReason + " " + strings.Join(t.ReturnInfo, " "))), cents}
		default:
			r.learned.puzzle("entry %s reverses order %s by a debit", key, id)
		}
	}
	if len(e.Transactions) > 0 {
		return nil
	}
	return r.sum(e, key)
}

// sum notes an entry without transactions: the sum of a file, or something of somebody else.
func (r *reading) sum(e sepa.Entry, key string) error {
	cents, exact := centsOf(e.Amount)
	if e.Direction == sepa.Credit && !e.Reversal && exact && cents.Sign() > 0 {
		return r.came(e, sepa.Transaction{Remittance: []string{e.Info}}, key+"-0", cents)
	}
	if e.Direction == sepa.Debit && !e.Reversal && exact && len(e.Batches) == 1 {
		ids, fits, err := r.fileOf(e.Batches[0], cents)
		if err != nil {
			return err
		}
		if fits {
			if r.debits == nil {
				r.debits = map[string]debit{}
			}
			for _, id := range ids {
				r.debits[id] = debit{key: key}
			}
			return nil
		}
	}
	r.learned.puzzle("entry %s of %s: %s %s is no order", key, e.Booking.Format(time.DateOnly), e.Direction, e.Amount)
	return nil
}

// fileOf returns the orders of a file that the bank booked as one: all that it has not rejected, if they add up.
func (r *reading) fileOf(batch sepa.BatchBooking, cents *big.Int) (ids []string, fits bool, err error) {
	file := batch.PaymentID
	if file == "" {
		file = batch.MessageID
	}
	all, err := r.ordersOf(r.ctx, file)
	if errors.Is(err, payout.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	sum := new(big.Int)
	for _, id := range all {
		o, _, err := r.order(r.ctx, id)
		if err != nil {
			return nil, false, err
		}
		if !o.Status.Rejected() {
			ids = append(ids, id)
			sum.Add(sum, o.Instruction.Units)
		}
	}
	return ids, sum.Cmp(cents) == 0, nil
}

// centsOf returns an amount in cents, and whether it has no more decimals.
func centsOf(amount decimal.Decimal) (*big.Int, bool) {
	cents := amount.Shift(2)
	return cents.BigInt(), cents.IsInteger()
}

// came notes money that came in.
func (r *reading) came(e sepa.Entry, t sepa.Transaction, id string, cents *big.Int) error {
	from := e.OtherSide(t)
	in := incoming{Cents: cents, At: e.Booking, From: short(strings.TrimSpace(from.Name + " " + from.Account)), Text: short(strings.Join(t.Remittance, " "))}
	value, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r.incoming = append(r.incoming, payout.Document{Name: r.name(kindEntry, id), Value: value})
	r.learned.Incoming = append(r.learned.Incoming, Incoming{ID: id, Cents: in.Cents, At: in.At, From: in.From, Text: in.Text})
	return nil
}

// flush stores what was gathered, and tells what came back.
func (r *reading) flush() error {
	for _, doc := range r.incoming {
		err := r.cfg.Store.CommitPayouts(r.ctx, payout.Batch{Documents: []payout.Document{doc}})
		if err != nil && !errors.Is(err, payout.ErrConflict) { // else it was read before
			return err
		}
	}
	debits, comeback := r.debits, r.comeback
	r.incoming, r.debits, r.comeback = nil, nil, nil
	ids := slices.Collect(maps.Keys(debits))
	for id := range comeback {
		if _, both := debits[id]; !both {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	err := r.each(r.ctx, &r.learned, ids, func(o *order) {
		if d, has := debits[o.Instruction.ID]; has {
			r.learned.debit(o, d)
		}
		if c, has := comeback[o.Instruction.ID]; has {
			r.learned.back(o, c)
		}
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(comeback)) {
		if err := r.tell(id); err != nil {
			return err
		}
	}
	return nil
}

// debit notes that an order left the account.
func (l *Learned) debit(o *order, d debit) {
	switch {
	case d.cents != nil && d.cents.Cmp(o.Instruction.Units) != 0:
		l.puzzle("order %s of %s was debited with %s", o.Instruction.ID, euro(o.Instruction.Units), euro(d.cents))
	case o.Booked == "" && o.Status.Rejected():
		l.puzzle("order %s was rejected and is debited", o.Instruction.ID)
	case o.Booked == "":
		o.Booked, o.Confirm = d.key, ""
	}
}

// back notes that an order came back.
func (l *Learned) back(o *order, c back) {
	switch {
	case o.Return != "" && o.Return != c.key:
		l.puzzle("order %s came back twice", o.Instruction.ID)
	case c.cents.Sign() <= 0 || c.cents.Cmp(o.Instruction.Units) > 0:
		l.puzzle("order %s of %s came back with %s", o.Instruction.ID, euro(o.Instruction.Units), euro(c.cents))
	case o.Return == "":
		o.Return, o.Returned, o.Why = c.key, c.cents, c.why
	}
}

// tell books what came back of an order. It is told at each reading: only then it is certain that it is booked.
func (r *reading) tell(id string) error {
	o, _, err := r.order(r.ctx, id)
	if err != nil || o.Return == "" || r.svc == nil {
		return err
	}
	_, err = r.svc.Returned(r.ctx, payout.Return{Network: r.cfg.Network, Instruction: id, Units: o.Returned, Reason: o.Why})
	if errors.Is(err, payout.ErrNotFound) {
		r.learned.puzzle("order %s came back and is no payout", id)
		return nil
	}
	return err
}

// balances notes the closing balance of the newest statement.
func (r *reading) balances(statements []sepa.Statement) error {
	for _, s := range statements {
		if d, known := s.Difference(); known && !d.IsZero() {
			r.learned.puzzle("statement %s: its entries do not add up by %s", s.ID, d)
		}
		if s.Closing == nil || s.Message != "camt.053" {
			continue
		}
		cents, exact := centsOf(*s.Closing)
		if !exact {
			continue
		}
		if err := r.noteBalance(r.ctx, balance{Cents: cents, At: r.newest, Statement: s.ID}); err != nil {
			return err
		}
	}
	return nil
}

// noteBalance replaces an older balance.
func (a *Account) noteBalance(ctx context.Context, now balance) error {
	name := a.name(kindBalance)
	for range attempts {
		was, err := a.cfg.Store.Document(ctx, name)
		if err != nil {
			return err
		}
		var old balance
		if was != nil {
			if err := json.Unmarshal(was, &old); err != nil {
				return err
			}
			if old.At.After(now.At) {
				return nil
			}
		}
		value, err := json.Marshal(now)
		if err != nil || string(value) == string(was) {
			return err
		}
		err = a.cfg.Store.CommitPayouts(ctx, payout.Batch{Documents: []payout.Document{{Name: name, Was: was, Value: value}}})
		if !errors.Is(err, payout.ErrConflict) {
			return err
		}
	}
	return payout.ErrConflict
}
