package books

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// maxDocument is the size of the largest document.
const maxDocument = 64 << 10

// Batch is a batch of payouts, with everything that can be said of it before the database is read: a store prepares it
// concurrently with others, and applies it while it holds the lock.
type Batch struct {
	payout.Batch
	Keys    []string // whose values Apply asks for, each once
	docs    [][]byte // of the payouts
	listed  [][]string
	refused error // what check found
}

// Prepare returns the batch as it can be applied.
func Prepare(b payout.Batch) (Batch, error) {
	out := Batch{Batch: b, Keys: keysOf(b), refused: check(b)}
	for _, p := range b.Payouts {
		doc, err := json.Marshal(p)
		if err != nil {
			return out, unbalanced("payout %s: %w", p.ID, err)
		}
		out.docs = append(out.docs, doc)
		out.listed = append(out.listed, listedKeys(p))
	}
	return out, nil
}

func keysOf(b payout.Batch) []string {
	var out []string
	add := func(k string) { out = append(out, k) }
	for _, p := range b.Payouts {
		add(payoutKey(p.ID))
		for _, k := range leadingTo(p) {
			add(k)
		}
	}
	for _, t := range b.Transactions {
		add(transactionKey(t.ID))
	}
	for _, e := range b.Entries {
		add(entryKey(e.ID))
		for _, p := range e.Postings {
			add(balanceKey(p.Account))
			add(totalKey(p.Account.Asset))
		}
	}
	for _, m := range b.Moves {
		add(holdingKey(m.Holding.Network, m.Holding.Name))
		add(totalKey(m.Holding.Asset))
	}
	for _, l := range slices.Concat(b.Unlocks, b.Locks) {
		add(lockKey(l.Network, l.Name))
	}
	for _, r := range b.Receipts {
		add(receiptKey(r))
	}
	for _, c := range b.Credits {
		add(creditKey(c.Invoice))
	}
	for _, c := range b.Counters {
		add(counterKey(c.Name))
	}
	for _, d := range b.Documents {
		add(documentKey(d.Name))
	}
	if len(b.Entries) > 0 || b.Closing != nil {
		add(lastKey())
		add(closingKey())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Apply returns what the batch changes: the new values of keys, nil for one that is deleted. Or it returns a refusal, as
// [payout.Batch] defines them; [Refused] tells it from other errors. Get returns the present value of any of the Keys, nil
// if there is none. Apply changes no value that it got.
func (b Batch) Apply(get func(key string) []byte) (map[string][]byte, error) {
	c := &change{get: get, writes: make(map[string][]byte, 32)}
	for _, step := range []func(Batch) error{
		c.payouts, c.versions, c.references, c.lock, c.documents, c.close,
		func(b Batch) error { return b.refused }, c.book, c.count,
	} {
		if err := step(b); err != nil {
			return nil, err
		}
	}
	return c.writes, nil
}

// change is a batch that is being applied.
type change struct {
	get    func(key string) []byte
	writes map[string][]byte
}

func (c *change) read(k string) []byte {
	if v, written := c.writes[k]; written {
		return v
	}
	return c.get(k)
}

// load reads a record, and reports whether it exists.
func (c *change) load(k string, into any) (bool, error) {
	data := c.read(k)
	if data == nil {
		return false, nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return false, fmt.Errorf("the record under %q is damaged: %w", k, err)
	}
	return true, nil
}

func (c *change) store(k string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return unbalanced("%w", err)
	}
	c.writes[k] = data
	return nil
}

// lead replaces keys that lead to an id.
func (c *change) lead(id string, before, after []string) {
	for _, k := range before {
		if !slices.Contains(after, k) {
			c.writes[k] = nil
		}
	}
	for _, k := range after {
		if !slices.Contains(before, k) {
			c.writes[k] = []byte(id)
		}
	}
}

func conflict(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), payout.ErrConflict)
}

func unbalanced(format string, args ...any) error {
	return &payout.UnbalancedError{Err: fmt.Errorf(format, args...)}
}

// follows checks that a version is the next one of what is stored under the key, which it reads into old.
func (c *change) follows(k, what, id string, version int64, old any, stored func() int64) error {
	if _, err := c.load(k, old); err != nil {
		return err
	}
	if version != stored()+1 {
		return conflict("version %d of %s %s does not follow version %d", version, what, id, stored())
	}
	return nil
}

// payouts stores the payouts, and what leads to them but must be free.
func (c *change) payouts(b Batch) error {
	for i, p := range b.Payouts {
		var old payout.Payout
		if err := c.follows(payoutKey(p.ID), "payout", p.ID, p.Version, &old, func() int64 { return old.Version }); err != nil {
			return err
		}
		c.lead(p.ID, listedKeys(old), b.listed[i])
		for _, k := range leadingTo(old) {
			if !slices.Contains(leadingTo(p), k) {
				c.writes[k] = nil
			}
		}
		c.writes[payoutKey(p.ID)] = b.docs[i]
	}
	return nil
}

// versions stores everything else that has a version.
func (c *change) versions(b Batch) error {
	for _, t := range b.Transactions {
		var old payout.Transaction
		if err := c.follows(transactionKey(t.ID), "transaction", t.ID, t.Version, &old, func() int64 { return old.Version }); err != nil {
			return err
		}
		c.lead(t.ID, openKeys(old), openKeys(t))
		if err := c.store(transactionKey(t.ID), t); err != nil {
			return err
		}
	}
	return c.versionsOfInvoices(b)
}

func (c *change) versionsOfInvoices(b Batch) error {
	for _, r := range b.Receipts {
		var old payout.Receipt
		if err := c.follows(receiptKey(r), "the receipt of invoice", r.Invoice, r.Version, &old, func() int64 { return old.Version }); err != nil {
			return err
		}
		if err := c.store(receiptKey(r), r); err != nil {
			return err
		}
	}
	for _, credit := range b.Credits {
		var old payout.Credit
		if err := c.follows(creditKey(credit.Invoice), "the credit of invoice", credit.Invoice, credit.Version, &old, func() int64 { return old.Version }); err != nil {
			return err
		}
		c.lead(credit.Invoice, waitingKeys(old), waitingKeys(credit))
		if err := c.store(creditKey(credit.Invoice), credit); err != nil {
			return err
		}
	}
	return nil
}

// leadingTo returns the keys of which each leads to one payout.
func leadingTo(p payout.Payout) []string {
	var out []string
	if p.Key != "" {
		out = append(out, referenceKey(p.Project, p.Key))
	}
	if p.ClaimHash != "" {
		out = append(out, claimKey(p.ClaimHash))
	}
	return out
}

// references refuses keys and claims that belong to another payout.
func (c *change) references(b Batch) error {
	for _, p := range b.Payouts {
		for _, k := range leadingTo(p) {
			owner := string(c.read(k))
			if owner != "" && owner != p.ID {
				return conflict("the key %q or the claim of payout %s belongs to payout %s", p.Key, p.ID, owner)
			}
			if owner == "" {
				c.writes[k] = []byte(p.ID)
			}
		}
	}
	return nil
}

// lock gives up locks and takes others.
func (c *change) lock(b Batch) error {
	for _, l := range b.Unlocks {
		k := lockKey(l.Network, l.Name)
		owner := string(c.read(k))
		if owner != "" && owner != l.Transaction {
			return conflict("lock %s, which transaction %s frees, belongs to transaction %s", l.Name, l.Transaction, owner)
		}
		if owner != "" {
			c.writes[k] = nil
		}
	}
	for _, l := range b.Locks {
		k := lockKey(l.Network, l.Name)
		owner := string(c.read(k))
		if owner != "" && owner != l.Transaction {
			return conflict("lock %s, which transaction %s needs, belongs to transaction %s", l.Name, l.Transaction, owner)
		}
		c.writes[k] = []byte(l.Transaction)
	}
	return nil
}

// documentMark begins the value of every document, so that none is empty.
const documentMark = '='

func (c *change) documents(b Batch) error {
	for _, d := range b.Documents {
		k := documentKey(d.Name)
		now := document(c.read(k))
		if (now == nil) != (d.Was == nil) || !bytes.Equal(now, d.Was) {
			return conflict("document %q is not as expected", d.Name)
		}
		c.writes[k] = nil
		if d.Value != nil {
			c.writes[k] = append([]byte{documentMark}, d.Value...)
		}
	}
	return nil
}

// document returns the document that is stored as the value, nil for none.
func document(value []byte) []byte {
	if value == nil {
		return nil
	}
	return append([]byte{}, value[1:]...)
}

// close refuses a closing that comes before another. Its day is closed at the end of the batch.
func (c *change) close(b Batch) error {
	if b.Closing == nil {
		return nil
	}
	var now payout.Closing
	if _, err := c.load(closingKey(), &now); err != nil {
		return err
	}
	if now.Day.After(b.Closing.Day) {
		return conflict("%s is closed already", now.Day.UTC().Format("2006-01-02"))
	}
	return nil
}

// count adds to the counters.
func (c *change) count(b Batch) error {
	for _, n := range b.Counters {
		sum, err := c.number(counterKey(n.Name))
		if err != nil {
			return err
		}
		delta := orZero(n.Delta)
		next := new(big.Int).Add(sum, delta)
		if n.Max != nil && delta.Sign() >= 0 && next.Cmp(n.Max) > 0 {
			return &payout.LimitError{Counter: n.Name, Sum: sum, Delta: new(big.Int).Set(delta), Max: new(big.Int).Set(n.Max)}
		}
		c.writes[counterKey(n.Name)] = []byte(next.String())
	}
	return nil
}

// number reads a number, 0 if there is none.
func (c *change) number(k string) (*big.Int, error) {
	value := c.read(k)
	if value == nil {
		return new(big.Int), nil
	}
	n, ok := new(big.Int).SetString(string(value), 10)
	if !ok {
		return nil, fmt.Errorf("the number under %q is damaged", k)
	}
	return n, nil
}

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}

// check refuses a batch that contradicts itself, whatever is stored.
func check(b payout.Batch) error {
	for _, p := range b.Payouts {
		if p.ID == "" || p.Project == "" {
			return unbalanced("payout %q needs an ID and a Project", p.ID)
		}
	}
	for _, t := range b.Transactions {
		if err := t.Check(); err != nil {
			return unbalanced("%w", err)
		}
	}
	for _, e := range b.Entries {
		if err := e.Check(); err != nil {
			return unbalanced("%w", err)
		}
	}
	for _, l := range slices.Concat(b.Locks, b.Unlocks) {
		if l.Network == "" || l.Name == "" || l.Transaction == "" {
			return unbalanced("lock %q needs Network, Name and Transaction", l.Name)
		}
	}
	for _, d := range b.Documents {
		if err := checkName("document", d.Name); err != nil {
			return unbalanced("%w", err)
		}
		if len(d.Value) > maxDocument {
			return unbalanced("document %s has %d bytes and may have %d", d.Name, len(d.Value), maxDocument)
		}
	}
	for _, m := range b.Moves {
		if err := checkMove(m); err != nil {
			return unbalanced("%w", err)
		}
	}
	return addsUp(b.Moves, b.Entries)
}

func checkMove(m payout.Move) error {
	if m.Holding.Network == "" || m.Holding.Asset == "" || m.Units == nil {
		return fmt.Errorf("a move at %q needs Network, Asset and Units", m.Holding.Name)
	}
	return checkName("holding", m.Holding.Name)
}

// addsUp refuses moves that are not what the entries take from External.
func addsUp(moves []payout.Move, entries []payout.Entry) error {
	sums := map[chain.AssetID]*big.Int{}
	add := func(asset chain.AssetID, units *big.Int) {
		if sums[asset] == nil {
			sums[asset] = new(big.Int)
		}
		sums[asset].Add(sums[asset], units)
	}
	for _, m := range moves {
		add(m.Holding.Asset, m.Units)
	}
	for _, e := range entries {
		for _, p := range e.Postings {
			if !p.Account.Guarded() {
				add(p.Account.Asset, p.Units)
			}
		}
	}
	for asset, sum := range sums {
		if sum.Sign() != 0 {
			return unbalanced("moves and what entries take from External differ by %s of %s", sum, asset)
		}
	}
	return nil
}

// book appends the entries that are not there yet, and does what they mean.
func (c *change) book(b Batch) error {
	var fresh []payout.Entry
	for _, e := range b.Entries {
		position, err := c.add(e)
		if err != nil {
			return err
		}
		if e.Position = position; position > 0 {
			fresh = append(fresh, e)
		}
	}
	if len(fresh) < len(b.Entries) {
		if err := addsUp(b.Moves, fresh); err != nil {
			return conflict("some of the entries are stored already: %v", err)
		}
	}
	overdraw := slices.ContainsFunc(fresh, func(e payout.Entry) bool { return e.Overdraw })
	totals := totals{}
	if err := c.post(fresh, totals, overdraw); err != nil {
		return err
	}
	if err := c.move(b.Moves, totals, overdraw); err != nil {
		return err
	}
	if err := c.total(totals); err != nil {
		return err
	}
	if b.Closing != nil {
		closing := *b.Closing
		closing.Day, closing.At = closing.Day.UTC(), closing.At.UTC()
		return c.store(closingKey(), closing)
	}
	return nil
}

// add stores an entry, and returns its position, or 0 if it was stored before.
func (c *change) add(e payout.Entry) (int64, error) {
	value, same, err := encodeEntry(e)
	if err != nil {
		return 0, unbalanced("%w", err)
	}
	if old := c.read(entryKey(e.ID)); old != nil {
		if len(old) != 8+sha256.Size {
			return 0, fmt.Errorf("the record under %q is damaged", entryKey(e.ID))
		}
		if !bytes.Equal(old[8:], same) {
			return 0, &payout.EntryError{ID: e.ID}
		}
		return 0, nil
	}
	var closed payout.Closing
	if has, err := c.load(closingKey(), &closed); err != nil {
		return 0, err
	} else if has && e.At.Before(closed.End()) {
		return 0, fmt.Errorf("entry %s of %s: %w", e.ID, e.At.UTC().Format("2006-01-02"), payout.ErrDayClosed)
	}
	last, err := c.number(lastKey())
	if err != nil {
		return 0, err
	}
	position := last.Int64() + 1
	c.writes[lastKey()] = strconv.AppendInt(nil, position, 10)
	c.writes[positionKey(position)] = value
	c.writes[entryKey(e.ID)] = append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+sha256.Size), uint64(position)), same...)
	return position, nil
}

// sum is a number before and after the batch.
type sum struct{ before, after *big.Int }

// short reports whether the number falls below zero, or further below.
func (s sum) short() bool { return s.after.Sign() < 0 && s.after.Cmp(s.before) < 0 }

func (s sum) insufficient(a payout.Account) error {
	return &payout.InsufficientError{Account: a, Balance: s.before, Needed: new(big.Int).Sub(s.before, s.after)}
}

func (c *change) balance(a payout.Account) (*big.Int, error) {
	value := c.read(balanceKey(a))
	if value == nil {
		return new(big.Int), nil
	}
	b, err := decodeBalance(value)
	return b.Units, err
}

// post changes the balances of accounts, and adds lines to their statements.
func (c *change) post(entries []payout.Entry, t totals, overdraw bool) error {
	sums := map[payout.Account]sum{}
	var order []payout.Account
	for _, e := range entries {
		for _, p := range e.Postings {
			s, known := sums[p.Account]
			if !known {
				var err error
				if s.before, err = c.balance(p.Account); err != nil {
					return err
				}
				s.after = s.before
				order = append(order, p.Account)
			}
			s.after = new(big.Int).Add(s.after, p.Units)
			sums[p.Account] = s
			if p.Account.Guarded() {
				t.of(p.Account.Asset).owed.Add(t.of(p.Account.Asset).owed, p.Units)
			}
			c.writes[lineOf(p.Account).number(uint64(e.Position)).String()] = line{e.ID, p.Units, s.after}.encode()
		}
	}
	for _, a := range order {
		s := sums[a]
		if a.Guarded() && !overdraw && s.short() {
			return s.insufficient(a)
		}
		c.writes[balanceKey(a)] = encodeBalance(payout.Balance{Account: a, Units: s.after})
	}
	return nil
}

// move changes the holdings.
func (c *change) move(moves []payout.Move, t totals, overdraw bool) error {
	type place struct {
		network chain.Network
		name    string
	}
	sums, found := map[place]sum{}, map[place]payout.Holding{}
	var order []place
	for _, m := range moves {
		at := place{m.Holding.Network, m.Holding.Name}
		s, known := sums[at]
		if !known {
			h, err := c.holding(m.Holding)
			if err != nil {
				return err
			}
			s.before = orZero(h.Units)
			s.after = s.before
			found[at] = h
			order = append(order, at)
		}
		if found[at].Asset != m.Holding.Asset {
			return unbalanced("holding %s is of %s, not of %s", at.name, found[at].Asset, m.Holding.Asset)
		}
		s.after = new(big.Int).Add(s.after, m.Units)
		sums[at] = s
		t.of(m.Holding.Asset).held.Add(t.of(m.Holding.Asset).held, m.Units)
	}
	for _, at := range order {
		s, h := sums[at], found[at]
		if !overdraw && s.short() {
			return s.insufficient(payout.Account{Kind: payout.AccountKind("holding " + at.name), Asset: h.Asset})
		}
		k := holdingKey(at.network, at.name)
		if s.after.Sign() == 0 {
			c.writes[k] = nil
			continue
		}
		h.Units = s.after
		c.writes[k] = encodeHolding(h)
	}
	return nil
}

// holding returns the holding with the name of h, or h without units if there is none.
func (c *change) holding(h payout.Holding) (payout.Holding, error) {
	k := holdingKey(h.Network, h.Name)
	if value := c.read(k); value != nil {
		return decodeHolding(k, value)
	}
	h.Units = nil
	return h, nil
}

// totals are the changes of the sums of each asset.
type totals map[chain.AssetID]*struct{ owed, held *big.Int }

func (t totals) of(asset chain.AssetID) *struct{ owed, held *big.Int } {
	if t[asset] == nil {
		t[asset] = &struct{ owed, held *big.Int }{new(big.Int), new(big.Int)}
	}
	return t[asset]
}

func (c *change) total(t totals) error {
	for asset, delta := range t {
		if delta.owed.Sign() == 0 && delta.held.Sign() == 0 && c.read(totalKey(asset)) != nil {
			continue
		}
		var now payout.Total
		if _, err := c.load(totalKey(asset), &now); err != nil {
			return err
		}
		now.Asset = asset
		now.Owed = new(big.Int).Add(orZero(now.Owed), delta.owed)
		now.Held = new(big.Int).Add(orZero(now.Held), delta.held)
		if err := c.store(totalKey(asset), now); err != nil {
			return err
		}
	}
	return nil
}

// Refused reports whether the error is a refusal that [payout.Batch] defines: the database is fine, and nothing was
// written.
func Refused(err error) bool {
	var entry *payout.EntryError
	var insufficient *payout.InsufficientError
	var limit *payout.LimitError
	var sums *payout.UnbalancedError
	return errors.Is(err, payout.ErrConflict) || errors.Is(err, payout.ErrDayClosed) || errors.As(err, &entry) ||
		errors.As(err, &insufficient) || errors.As(err, &limit) || errors.As(err, &sums)
}
