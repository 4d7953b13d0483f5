package books

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// Item is a key with its value.
type Item struct {
	Key   string
	Value []byte
}

// Reader reads keys. Two calls may see different states, of which the second is not older.
type Reader interface {
	// Get returns the values of those keys that exist.
	Get(keys []string) (map[string][]byte, error)
	// Scan returns the first limit keys, with their values, from one up to but not including the other; with reverse the
	// last ones, the last first.
	Scan(from, to string, limit int, reverse bool) ([]Item, error)
}

// View runs f with a reader, and adds to its error what was read. It may run f more than once; the last run counts.
type View func(ctx context.Context, what string, f func(Reader) error) error

// Reads implements the methods of [payout.Store] that read.
type Reads struct{ view, still View }

// NewReads returns the methods over what view reads. With still, all calls of one reader see the same state; it is nil if
// there is no such view.
func NewReads(view, still View) Reads { return Reads{view, still} }

func view[T any](ctx context.Context, s Reads, what string, f func(Reader) (T, error)) (T, error) {
	return through(ctx, s.view, what, f)
}

func through[T any](ctx context.Context, view View, what string, f func(Reader) (T, error)) (out T, err error) {
	err = view(ctx, what, func(r Reader) (err error) {
		out, err = f(r)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return out, nil
}

// decode decodes the value of a key.
func decode[T any](k string, value []byte) (out T, err error) {
	if err := json.Unmarshal(value, &out); err != nil {
		return out, fmt.Errorf("the record under %q is damaged: %w", k, err)
	}
	return out, nil
}

// one returns the record under the key, or ErrNotFound.
func one[T any](r Reader, k string) (T, error) { return oneAs(r, k, decode[T]) }

func oneAs[T any](r Reader, k string, decode func(string, []byte) (T, error)) (out T, err error) {
	found, err := r.Get([]string{k})
	if err != nil {
		return out, err
	}
	value, has := found[k]
	if !has {
		return out, payout.ErrNotFound
	}
	return decode(k, value)
}

// chunk is how many keys are read at once where there is no limit.
const chunk = 500

// each calls visit for the keys in order, up to limit.
func each(r Reader, from, to string, limit int, visit func(Item) error) error {
	return pages(r, from, to, limit, func(page []Item) error {
		for _, item := range page {
			if err := visit(item); err != nil {
				return err
			}
		}
		return nil
	})
}

// pages calls visit for the keys in order, up to limit, several at once.
func pages(r Reader, from, to string, limit int, visit func([]Item) error) error {
	for limit > 0 {
		n := min(limit, chunk)
		page, err := r.Scan(from, to, n, false)
		if err != nil {
			return err
		}
		if err := visit(page); err != nil {
			return err
		}
		if len(page) < n {
			return nil
		}
		limit -= n
		from = page[len(page)-1].Key + "\x00"
	}
	return nil
}

// list returns the records under the keys, in order.
func list[T any](r Reader, from, to string, limit int) ([]T, error) {
	return listAs(r, from, to, limit, decode[T])
}

func listAs[T any](r Reader, from, to string, limit int, decode func(string, []byte) (T, error)) (out []T, err error) {
	err = pages(r, from, to, limit, func(page []Item) error {
		out = slices.Grow(out, len(page))
		for _, item := range page {
			record, err := decode(item.Key, item.Value)
			if err != nil {
				return err
			}
			out = append(out, record)
		}
		return nil
	})
	return out, err
}

// values returns what is stored under the keys, up to limit.
func values(r Reader, from, to string, limit int) (out []string, err error) {
	err = each(r, from, to, limit, func(item Item) error {
		out = append(out, string(item.Value))
		return nil
	})
	return out, err
}

// all returns the records of the ids that exist, in the order of the ids.
func all[T any](r Reader, ids []string, keyOf func(id string) string) ([]T, error) {
	return allAs(r, ids, keyOf, decode[T])
}

func allAs[I, T any](r Reader, ids []I, keyOf func(id I) string, decode func(string, []byte) (T, error)) (out []T, err error) {
	for part := range slices.Chunk(ids, chunk) {
		keys := make([]string, len(part))
		for i, id := range part {
			keys[i] = keyOf(id)
		}
		found, err := r.Get(keys)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if value, has := found[k]; has {
				record, err := decode(k, value)
				if err != nil {
					return nil, err
				}
				out = append(out, record)
			}
		}
	}
	return out, nil
}

// Payout implements [payout.Store].
func (s Reads) Payout(ctx context.Context, id string) (payout.Payout, error) {
	return view(ctx, s, "payout "+id, func(r Reader) (payout.Payout, error) { return one[payout.Payout](r, payoutKey(id)) })
}

// PayoutBy implements [payout.Store].
func (s Reads) PayoutBy(ctx context.Context, ref payout.Reference) (payout.Payout, error) {
	k := claimKey(ref.ClaimHash)
	if ref.ClaimHash == "" {
		k = referenceKey(ref.Project, ref.Key)
	}
	return view(ctx, s, "payout by its reference", func(r Reader) (payout.Payout, error) {
		found, err := r.Get([]string{k})
		if err != nil {
			return payout.Payout{}, err
		}
		id, has := found[k]
		if !has {
			return payout.Payout{}, payout.ErrNotFound
		}
		return one[payout.Payout](r, payoutKey(string(id)))
	})
}

// Transaction implements [payout.Store].
func (s Reads) Transaction(ctx context.Context, id string) (payout.Transaction, error) {
	return view(ctx, s, "transaction "+id, func(r Reader) (payout.Transaction, error) {
		return one[payout.Transaction](r, transactionKey(id))
	})
}

// OpenTransactions implements [payout.Store].
func (s Reads) OpenTransactions(ctx context.Context, network chain.Network) ([]payout.Transaction, error) {
	return view(ctx, s, "open transactions", func(r Reader) ([]payout.Transaction, error) {
		of := newKey(kindOpen, string(network))
		ids, err := values(r, of.String(), of.after(), math.MaxInt)
		if err != nil {
			return nil, err
		}
		out, err := all[payout.Transaction](r, ids, transactionKey)
		return slices.DeleteFunc(out, func(t payout.Transaction) bool { return !t.Stage.Open() }), err
	})
}

// Entry implements [payout.Store].
func (s Reads) Entry(ctx context.Context, id string) (payout.Entry, error) {
	return view(ctx, s, "entry "+id, func(r Reader) (payout.Entry, error) {
		at, err := oneAs(r, entryKey(id), decodePosition)
		if err != nil {
			return payout.Entry{}, err
		}
		return oneAs(r, positionKey(at), decodeEntry)
	})
}

// Entries implements [payout.Store].
func (s Reads) Entries(ctx context.Context, after int64, limit int) ([]payout.Entry, error) {
	return view(ctx, s, "entries", func(r Reader) ([]payout.Entry, error) {
		return listAs(r, positionKey(max(after, 0)+1), newKey(kindPosition).after(), limit, decodeEntry)
	})
}

// Balances implements [payout.Store].
func (s Reads) Balances(ctx context.Context, project string) ([]payout.Balance, error) {
	return view(ctx, s, "balances", func(r Reader) ([]payout.Balance, error) {
		of := newKey(kindBalance, project)
		var out []payout.Balance
		err := each(r, of.String(), of.after(), math.MaxInt, func(item Item) error {
			b, err := decodeBalance(item.Value)
			out = append(out, b)
			return err
		})
		slices.SortFunc(out, func(a, b payout.Balance) int {
			return cmp.Or(cmp.Compare(a.Account.Kind, b.Account.Kind), cmp.Compare(a.Account.Asset, b.Account.Asset))
		})
		return out, err
	})
}

// Lines implements [payout.Store].
func (s Reads) Lines(ctx context.Context, a payout.Account, after int64, limit int) ([]payout.Line, error) {
	return view(ctx, s, "lines of "+a.String(), func(r Reader) ([]payout.Line, error) {
		of := lineOf(a)
		var out []payout.Line
		var positions []int64
		err := each(r, lineOf(a).number(uint64(max(after, 0))+1).String(), of.after(), limit, func(item Item) error {
			l, err := decodeLine(item.Value)
			at := int64(binary.BigEndian.Uint64([]byte(item.Key[len(of):])))
			positions = append(positions, at)
			out = append(out, payout.Line{Position: at, Entry: l.entry, Units: l.units, Balance: l.balance})
			return err
		})
		if err != nil {
			return nil, err
		}
		entries, err := allAs(r, positions, positionKey, decodeEntry)
		if err != nil {
			return nil, err
		}
		if len(entries) != len(out) {
			return nil, fmt.Errorf("%d of %d entries are missing", len(out)-len(entries), len(out))
		}
		for i, e := range entries {
			out[i].Kind, out[i].Subject, out[i].At, out[i].Note = e.Kind, e.Subject, e.At, e.Note
		}
		return out, nil
	})
}

// Totals implements [payout.Store].
func (s Reads) Totals(ctx context.Context) ([]payout.Total, error) {
	return view(ctx, s, "totals", func(r Reader) ([]payout.Total, error) {
		of := newKey(kindTotal)
		out, err := list[payout.Total](r, of.String(), of.after(), math.MaxInt)
		slices.SortFunc(out, func(a, b payout.Total) int { return cmp.Compare(a.Asset, b.Asset) })
		return out, err
	})
}

// Holdings implements [payout.Store].
func (s Reads) Holdings(ctx context.Context, network chain.Network, after string, limit int) ([]payout.Holding, error) {
	return s.held(ctx, "holdings", func(r Reader) (out []payout.Holding, err error) {
		of := newKey(kindHolding, string(network))
		from := of.String()
		if after != "" {
			from = holdingKey(network, after) + "\x00"
		}
		for limit > len(out) {
			n := min(limit-len(out), chunk)
			page, err := listAs(r, from, of.after(), n, decodeHolding)
			if err != nil || len(page) == 0 {
				return out, err
			}
			last := page[len(page)-1].Name
			still, err := s.locked(r, network, page)
			if err != nil {
				return nil, err
			}
			out = append(out, still...)
			if len(page) < n {
				break
			}
			from = holdingKey(network, last) + "\x00"
		}
		return out, nil
	})
}

// Holding implements [payout.Store].
func (s Reads) Holding(ctx context.Context, network chain.Network, name string) (payout.Holding, error) {
	found, err := s.held(ctx, "holding "+name, func(r Reader) ([]payout.Holding, error) {
		h, err := oneAs(r, holdingKey(network, name), decodeHolding)
		if err != nil {
			return nil, err
		}
		still, err := s.locked(r, network, []payout.Holding{h})
		if err == nil && len(still) == 0 {
			err = payout.ErrNotFound
		}
		return still, err
	})
	if err != nil {
		return payout.Holding{}, err
	}
	return found[0], nil
}

// held reads holdings and their locks, from one state if possible.
func (s Reads) held(ctx context.Context, what string, f func(Reader) ([]payout.Holding, error)) ([]payout.Holding, error) {
	if s.still != nil {
		return through(ctx, s.still, what, f)
	}
	return view(ctx, s, what, f)
}

// locked returns those of the holdings, which are in order, that still exist, with their locks. Where nothing else holds
// the state, it reads the holdings once more after the locks: a coin that was spent in between is gone then, instead of
// appearing without its lock.
func (s Reads) locked(r Reader, network chain.Network, page []payout.Holding) ([]payout.Holding, error) {
	locks := map[string]string{} // by key
	first, last := lockKey(network, page[0].Name), lockKey(network, page[len(page)-1].Name)
	err := each(r, first, last+"\x00", math.MaxInt, func(item Item) error {
		locks[item.Key] = string(item.Value)
		return nil
	})
	if err == nil && s.still == nil {
		page, err = allAs(r, page, func(h payout.Holding) string { return holdingKey(network, h.Name) }, decodeHolding)
	}
	if len(locks) == 0 || err != nil {
		return page, err
	}
	for i := range page {
		page[i].Lock = locks[lockKey(network, page[i].Name)]
	}
	return page, nil
}

func locksOf(r Reader, network chain.Network, names []string) (map[string]string, error) {
	out := map[string]string{}
	for part := range slices.Chunk(names, chunk) {
		keys := make([]string, len(part))
		for i, name := range part {
			keys[i] = lockKey(network, name)
		}
		found, err := r.Get(keys)
		if err != nil {
			return nil, err
		}
		for i, k := range keys {
			if owner, has := found[k]; has {
				out[part[i]] = string(owner)
			}
		}
	}
	return out, nil
}

// Locks implements [payout.Store].
func (s Reads) Locks(ctx context.Context, network chain.Network, names []string) (map[string]string, error) {
	return view(ctx, s, "locks", func(r Reader) (map[string]string, error) { return locksOf(r, network, names) })
}

// Receipts implements [payout.Store].
func (s Reads) Receipts(ctx context.Context, invoiceID string) ([]payout.Receipt, error) {
	return view(ctx, s, "receipts", func(r Reader) ([]payout.Receipt, error) {
		of := newKey(kindReceipt, invoiceID)
		out, err := list[payout.Receipt](r, of.String(), of.after(), math.MaxInt)
		slices.SortFunc(out, func(a, b payout.Receipt) int {
			return cmp.Or(cmp.Compare(a.Key.Network, b.Key.Network), cmp.Compare(a.Key.TxID, b.Key.TxID), cmp.Compare(a.Key.Index, b.Key.Index))
		})
		return out, err
	})
}

// Credit implements [payout.Store].
func (s Reads) Credit(ctx context.Context, invoiceID string) (payout.Credit, error) {
	return view(ctx, s, "credit", func(r Reader) (payout.Credit, error) {
		k := creditKey(invoiceID)
		found, err := r.Get([]string{k})
		if err != nil || found[k] == nil {
			return payout.Credit{}, err
		}
		return decode[payout.Credit](k, found[k])
	})
}

// CreditsWaiting implements [payout.Store].
func (s Reads) CreditsWaiting(ctx context.Context, network chain.Network, height uint64, limit int) ([]string, error) {
	return view(ctx, s, "waiting credits", func(r Reader) ([]string, error) {
		of := newKey(kindWaiting, string(network))
		return values(r, of.String(), newKey(kindWaiting, string(network)).number(height).after(), limit)
	})
}

// Document implements [payout.Store].
func (s Reads) Document(ctx context.Context, name string) ([]byte, error) {
	return view(ctx, s, "document "+name, func(r Reader) ([]byte, error) {
		k := documentKey(name)
		found, err := r.Get([]string{k})
		if err != nil {
			return nil, err
		}
		return document(found[k]), nil
	})
}

// Documents implements [payout.Store].
func (s Reads) Documents(ctx context.Context, prefix, after string, limit int) ([]payout.Document, error) {
	return view(ctx, s, "documents", func(r Reader) ([]payout.Document, error) {
		of := newKey(kindDocument).beginning(prefix)
		from, to := max(of.String(), documentKey(after)+"\x00"), of.after()
		if from >= to {
			return nil, nil // all of them come before the name
		}
		return listAs(r, from, to, limit, func(k string, value []byte) (payout.Document, error) {
			return payout.Document{Name: nameIn(k), Value: document(value)}, nil
		})
	})
}
