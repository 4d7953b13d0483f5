package bank

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa"
)

// ErrNothing is returned when no order waits for a file.
var ErrNothing = errors.New("no order waits for a file")

// ExportOptions say what is exported. The zero value is an ordinary file for the next business day.
type ExportOptions struct {
	// Date is when the bank is asked to execute it; zero means today for instant transfers, else the next business day.
	Date    time.Time
	Instant bool
	// Most is the greatest number of orders; 0 means 10,000.
	Most int
}

// File is what was exported.
type File struct {
	// ID is the id of the message and of its payment information.
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Date    time.Time `json:"date"`
	Instant bool      `json:"instant,omitempty"`
	Orders  int       `json:"orders"`
	Cents   *big.Int  `json:"cents"` // sum of the amounts
	Hash    string    `json:"hash"`  // SHA-256 of the bytes, in hexadecimal
}

// Export writes the orders that wait into a file, at most once each: from then on the same ID always has the same bytes
// ([Account.Bytes]), and its orders wait for the bank. Orders that cannot be written fail. It returns ErrNothing if none waits.
func (a *Account) Export(ctx context.Context, o ExportOptions) (File, error) {
	for range attempts {
		f, err := a.export(ctx, o)
		if !errors.Is(err, payout.ErrConflict) {
			if err != nil {
				err = fmt.Errorf("bank: export: %w", err)
			}
			return f, err
		}
	}
	return File{}, fmt.Errorf("bank: export: %w", payout.ErrConflict)
}

// attempts bounds how often something is tried again that another process was quicker with.
const attempts = 10

func (a *Account) export(ctx context.Context, o ExportOptions) (File, error) {
	if o.Most <= 0 {
		o.Most = 10_000
	}
	queue, err := a.cfg.Store.Documents(ctx, a.name(kindQueue)+"/", "", o.Most)
	if err != nil {
		return File{}, err
	}
	var change payout.Batch
	f := File{At: a.cfg.Now().UTC().Truncate(time.Second), Date: o.Date, Instant: o.Instant, Cents: new(big.Int)}
	if f.Date.IsZero() {
		if f.Date = f.At; !o.Instant {
			f.Date = sepa.NextBusinessDay(f.At)
		}
	}
	good, err := a.writable(ctx, &change, queue)
	if err != nil {
		return File{}, err
	}
	if len(good) > 0 {
		if err := a.write(&change, &f, good); err != nil {
			return File{}, err
		}
	}
	if len(change.Documents) == 0 {
		return File{}, ErrNothing
	}
	if err := a.cfg.Store.CommitPayouts(ctx, change); err != nil {
		return File{}, err
	}
	if len(good) == 0 {
		return File{}, ErrNothing
	}
	return f, nil
}

// Waiting is what waits for a file.
type Waiting struct {
	Orders int
	Cents  *big.Int // sum of the amounts
	// Broken orders cannot be written: an export makes them fail.
	Broken int
	More   bool // there is more than was looked at
}

// Waiting returns what an export of at most that many orders would write now; it changes nothing. It reads all of them.
func (a *Account) Waiting(ctx context.Context, most int) (Waiting, error) {
	most = max(most, 0)
	queue, err := a.cfg.Store.Documents(ctx, a.name(kindQueue)+"/", "", most+1)
	if err != nil {
		return Waiting{}, fmt.Errorf("bank: what waits: %w", err)
	}
	w := Waiting{Cents: new(big.Int), More: len(queue) > most}
	queue = queue[:min(len(queue), most)]
	read := &lookahead{account: a, used: readAtOnce}
	for i, q := range queue {
		o, err := read.order(ctx, queued(q.Name), len(queue)-i-1)
		if err != nil {
			return Waiting{}, fmt.Errorf("bank: what waits: read order %s: %w", q.Name, err)
		}
		switch waits, broken := a.fit(o); {
		case broken != nil:
			w.Broken++
		case waits:
			w.Orders++
			w.Cents.Add(w.Cents, o.Instruction.Units)
		}
	}
	return w, nil
}

// readAtOnce bounds how many orders are read at once.
const readAtOnce = 500

// lookahead reads orders that wait, in the order of their IDs. They are mostly the newest ones, with few others between them, so
// each that is read brings some of those after it: about twice as many as were of use the last time, since others may be many.
type lookahead struct {
	account *Account
	after   []payout.Document // what came with the last one
	used    int               // of them
}

// order returns the next order, which the given number of others of the queue follow.
func (r *lookahead) order(ctx context.Context, id string, follow int) (order, error) {
	name := r.account.name(kindOrder, id)
	i, found := slices.BinarySearchFunc(r.after, name, func(d payout.Document, name string) int { return strings.Compare(d.Name, name) })
	if r.after = r.after[i:]; found {
		r.used++
		var o order
		return o, json.Unmarshal(r.after[0].Value, &o)
	}
	o, _, err := r.account.order(ctx, id)
	if err != nil {
		return o, err
	}
	r.after, err = r.account.cfg.Store.Documents(ctx, r.account.name(kindOrder)+"/", name, min(2*r.used+1, readAtOnce, follow))
	r.used = 0
	return o, err
}

// queued returns the ID of the order that a document of the queue is about.
func queued(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// fit reports whether a queued order is to be written, and why it cannot be.
func (a *Account) fit(o order) (waits bool, broken error) {
	if o.progress().Outcome != payout.OutcomePending {
		return false, nil // a database that was restored has read what an older one has exported
	}
	err := a.transfer(o.Instruction).Check(a.cfg.Profile)
	return err == nil, err
}

// writable takes orders out of the queue, and returns those that can be written; the batch makes the others fail.
func (a *Account) writable(ctx context.Context, change *payout.Batch, queue []payout.Document) ([]kept, error) {
	var good []kept
	for _, q := range queue {
		change.Documents = append(change.Documents, payout.Document{Name: q.Name, Was: q.Value})
		order, doc, err := a.order(ctx, queued(q.Name))
		if err != nil {
			return nil, fmt.Errorf("read order %s: %w", q.Name, err)
		}
		waits, broken := a.fit(order)
		if broken != nil {
			order.Broken, order.Why = true, broken.Error()
			a.log.ErrorContext(ctx, "an order cannot be written", "order", order.Instruction.ID, "error", broken)
			if err := replace(change, doc, order); err != nil {
				return nil, err
			}
		}
		if waits {
			good = append(good, kept{order, doc})
		}
	}
	return good, nil
}

// kept is an order with the document that it is kept in.
type kept struct {
	order
	doc payout.Document
}

// replace adds to a batch that an order is another.
func replace(change *payout.Batch, doc payout.Document, o order) error {
	var err error
	if doc.Value, err = json.Marshal(o); err == nil {
		change.Documents = append(change.Documents, doc)
	}
	return err
}

// write adds the file of the orders to a batch.
func (a *Account) write(change *payout.Batch, f *File, orders []kept) error {
	batch := sepa.Batch{
		CreatedAt: f.At, Debtor: a.cfg.Owner, IBAN: a.cfg.IBAN, BIC: a.cfg.BIC, Address: a.cfg.Address, Date: f.Date, Instant: f.Instant,
	}
	ids := make([]string, len(orders))
	for i, o := range orders {
		ids[i] = o.Instruction.ID
		f.Cents.Add(f.Cents, o.Instruction.Units)
		batch.Transfers = append(batch.Transfers, a.transfer(o.Instruction))
	}
	// An instruction is in one file, and its ID is unique for ever: so are the sums of different lists of them.
	sum := sha256.Sum256([]byte(strings.Join(ids, "\n")))
	f.ID, f.Orders = f.At.Format(fileTime)+"-"+hex.EncodeToString(sum[:8]), len(ids)
	batch.MessageID, batch.Sum = f.ID, euro(f.Cents)
	var text bytes.Buffer
	if err := sepa.Write(&text, a.cfg.Profile, batch); err != nil {
		return err
	}
	hash := sha256.Sum256(text.Bytes())
	f.Hash = hex.EncodeToString(hash[:])
	for i := range orders {
		orders[i].File = f.ID
		if err := replace(change, orders[i].doc, orders[i].order); err != nil {
			return err
		}
	}
	meta, err := json.Marshal(f)
	if err != nil {
		return err
	}
	change.Documents = append(change.Documents, payout.Document{Name: a.name(kindFile, f.ID), Value: meta})
	change.Documents = append(change.Documents, pack(a.name(kindBytes, f.ID), text.Bytes())...)
	change.Documents = append(change.Documents, pack(a.name(kindIDs, f.ID), []byte(strings.Join(ids, "\n")))...)
	return nil
}

// piece is the most bytes of a document that holds a part of a blob.
const piece = 60 << 10

// pack returns the documents that keep a blob under a name, compressed.
func pack(name string, blob []byte) (docs []payout.Document) {
	var small bytes.Buffer
	w, _ := flate.NewWriter(&small, flate.DefaultCompression) // the level is valid
	_, _ = w.Write(blob)                                      // into memory
	_ = w.Close()
	for i, part := range slices.Collect(slices.Chunk(small.Bytes(), piece)) {
		docs = append(docs, payout.Document{Name: fmt.Sprintf("%s/%06d", name, i), Value: part})
	}
	return docs
}

// unpack returns the blob that is kept under a name, or ErrNotFound.
func (a *Account) unpack(ctx context.Context, name string) ([]byte, error) {
	docs, err := a.cfg.Store.Documents(ctx, name+"/", "", maxPieces)
	if err == nil && len(docs) == 0 {
		err = payout.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	var small bytes.Buffer
	for _, part := range docs {
		small.Write(part.Value)
	}
	blob, err := io.ReadAll(flate.NewReader(&small))
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", name, err)
	}
	return blob, nil
}

// maxPieces bounds a blob. A file of 10,000 orders has about ten pieces.
const maxPieces = 10_000

// Bytes returns the bytes of a file as they were when it was exported, or ErrNotFound.
func (a *Account) Bytes(ctx context.Context, id string) ([]byte, error) {
	text, err := a.unpack(ctx, a.name(kindBytes, id))
	var f File
	if err == nil {
		err = a.load(ctx, a.name(kindFile, id), &f)
	}
	if hash := sha256.Sum256(text); err == nil && hex.EncodeToString(hash[:]) != f.Hash {
		err = errors.New("its bytes are damaged")
	}
	if err != nil {
		return nil, fmt.Errorf("bank: file %.40q: %w", id, err)
	}
	return text, nil
}

// File returns what is known of a file, or ErrNotFound.
func (a *Account) File(ctx context.Context, id string) (File, error) {
	var f File
	if err := a.load(ctx, a.name(kindFile, id), &f); err != nil {
		return File{}, fmt.Errorf("bank: file %.40q: %w", id, err)
	}
	return f, nil
}

// Latest returns up to limit files, the newest first: those before the one with the ID, or the newest if it is empty. It reads
// the months between them, back to the first file.
func (a *Account) Latest(ctx context.Context, before string, limit int) ([]File, error) {
	first, err := a.Files(ctx, 1)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	at := a.cfg.Now().UTC().AddDate(0, 0, 1) // the clock of another process may be ahead
	if before != "" {
		made, err := time.Parse(fileTime, before[:min(len(before), len(fileTime))])
		if err != nil {
			return nil, fmt.Errorf("bank: file %.40q: %w", before, payout.ErrNotFound)
		}
		if made.Before(at) {
			at = made
		}
	}
	var out []File
	for month := at.AddDate(0, 0, 1-at.Day()); month.Format(fileMonth) >= first[0].At.UTC().Format(fileMonth); month = month.AddDate(0, -1, 0) {
		some, err := a.files(ctx, month.Format(fileMonth), monthFiles)
		if err != nil {
			return nil, err
		}
		for _, f := range slices.Backward(some) {
			if before != "" && f.ID >= before {
				continue
			}
			if out = append(out, f); len(out) == limit {
				return out, nil
			}
		}
	}
	return out, nil
}

const (
	fileTime   = "20060102150405" // the beginning of a file's ID
	fileMonth  = "200601"
	monthFiles = 50_000 // more than one a minute
)

// Files returns up to limit files, the oldest first.
func (a *Account) Files(ctx context.Context, limit int) ([]File, error) {
	return a.files(ctx, "", limit)
}

// files returns up to limit files whose IDs have the prefix, the oldest first.
func (a *Account) files(ctx context.Context, prefix string, limit int) ([]File, error) {
	docs, err := a.cfg.Store.Documents(ctx, a.name(kindFile)+"/"+prefix, "", limit)
	if err != nil {
		return nil, fmt.Errorf("bank: files: %w", err)
	}
	var out []File
	for _, doc := range docs {
		var f File
		if err := json.Unmarshal(doc.Value, &f); err != nil {
			return nil, fmt.Errorf("bank: %s is damaged: %w", doc.Name, err)
		}
		out = append(out, f)
	}
	return out, nil
}
