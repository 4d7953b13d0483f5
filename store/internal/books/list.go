package books

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/cointill/cointill/payout"
)

const (
	defaultPage = 100
	maxPage     = 1000
	// mostRead is how many payouts beyond its limit a page reads to find those that its index does not tell apart.
	mostRead = 1000
)

// Payouts implements [payout.Store]. A query that combines conditions goes along the index that restricts it most, and
// reads no more than a bounded number of payouts: a page may have fewer than its limit, also none, and still a Next.
func (s Reads) Payouts(ctx context.Context, q payout.Query) (payout.Page, error) {
	return view(ctx, s, "payouts", func(r Reader) (payout.Page, error) {
		w, err := walkOf(q)
		if err != nil {
			return payout.Page{}, err
		}
		return w.page(r, q)
	})
}

// walk is a way along an index.
type walk struct {
	index    key
	from, to string
	reverse  bool // from the oldest to the newest
	limit    int
}

// walkOf returns the way that finds what the query selects.
func walkOf(q payout.Query) (walk, error) {
	w := walk{reverse: q.Oldest, limit: min(q.Limit, maxPage)}
	if q.Limit <= 0 {
		w.limit = defaultPage
	}
	switch {
	case q.Search != "":
		w.index = newKey(kindListed, listedTerm, folded(q.Search))
	case q.Project != "" && q.Status != "":
		w.index = newKey(kindListed, listedStatusOf, q.Project, string(q.Status))
	case q.Project != "":
		w.index = newKey(kindListed, listedProject, q.Project)
	case q.Status != "":
		w.index = newKey(kindListed, listedStatus, string(q.Status))
	default:
		w.index = newKey(kindListed, listedAll)
	}
	at := func(suffix key) key { return append(slices.Clone(w.index), suffix...) }
	w.from, w.to = w.index.String(), w.index.after()
	if !q.CreatedBefore.IsZero() {
		w.from = at(key{}.inverted(key{}.moment(q.CreatedBefore))).String()
	}
	if !q.CreatedAfter.IsZero() {
		w.to = at(key{}.inverted(key{}.moment(q.CreatedAfter))).after()
	}
	if q.Before == "" {
		return w, nil
	}
	place, err := base64.RawURLEncoding.DecodeString(q.Before)
	if err != nil || len(place) == 0 || len(place) > 500 {
		return w, &payout.InvalidError{Field: "Before", Reason: "is not the Next of a page"}
	}
	if last := at(place).String(); w.reverse {
		w.to = min(w.to, last)
	} else {
		w.from = max(w.from, last+"\x00")
	}
	return w, nil
}

// page reads along the index until the page is full, the index ends or enough was read.
func (w walk) page(r Reader, q payout.Query) (payout.Page, error) {
	var page payout.Page
	least := 1
	for left := w.limit + mostRead; w.from < w.to; {
		n := min(max(w.limit-len(page.Payouts)+1, least), left, chunk) // one more tells whether there is a next page
		least = 64                                                     // some were not selected, and more may not be
		items, err := r.Scan(w.from, w.to, n, w.reverse)
		if err != nil {
			return page, err
		}
		ids := make([]string, len(items))
		for i, item := range items {
			ids[i] = string(item.Value)
		}
		found, err := all[payout.Payout](r, ids, payoutKey)
		if err != nil {
			return page, err
		}
		byID := make(map[string]payout.Payout, len(found))
		for _, p := range found {
			byID[p.ID] = p
		}
		for _, item := range items {
			p, has := byID[string(item.Value)]
			if !has || !q.Selects(p) {
				page.Next = w.cursor(item)
				continue
			}
			if len(page.Payouts) == w.limit {
				return page, nil
			}
			page.Payouts = append(page.Payouts, p)
			page.Next = w.cursor(item)
		}
		if len(items) < n {
			break
		}
		if left -= n; left <= 0 {
			return page, nil
		}
		if last := items[len(items)-1].Key; w.reverse {
			w.to = last
		} else {
			w.from = last + "\x00"
		}
	}
	page.Next = ""
	return page, nil
}

// cursor returns the Next of a page that ends with the item: its place in every index.
func (w walk) cursor(item Item) string {
	return base64.RawURLEncoding.EncodeToString([]byte(item.Key[len(w.index):]))
}
