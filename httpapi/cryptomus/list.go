package cryptomus

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

// perPage is the number of items on a page of a history.
const perPage = 15

type listQuery struct {
	Cursor string `json:"cursor" schema:"maxLength=512" doc:"nextCursor or previousCursor of an earlier response"`
}

// listRequest is the body of POST /payment/list and /payout/list.
type listRequest struct {
	DateFrom string `json:"date_from" schema:"format=date_time" doc:"Earliest time, as 2006-01-02 15:04:05 in UTC+3, in RFC 3339, or a day"`
	DateTo   string `json:"date_to" schema:"format=date_time" doc:"Latest time, in the forms of date_from; includes that second or day"`
	Cursor   string `json:"cursor" schema:"maxLength=512" doc:"As in the query, which takes precedence. An invalid cursor means the first page"`
}

var listForm = formOf[listRequest]()

type listAnswer struct {
	State  int         `json:"state" doc:"0"`
	Result listedPages `json:"result"`
}

type listedPages struct {
	Items    []paymentObject `json:"items"`
	Paginate paginate        `json:"paginate"`
}

type paginate struct {
	Count          int     `json:"count" doc:"Number of items on this page"`
	HasPages       bool    `json:"hasPages"`
	NextCursor     *string `json:"nextCursor" schema:"nullable"`
	PreviousCursor *string `json:"previousCursor" schema:"nullable"`
	PerPage        int     `json:"perPage"`
}

// cursor is the position of an invoice or a payout, so that it stays valid when others are created. A page begins after it or ends
// before it.
type cursor struct {
	ID   string `json:"id"`
	Next bool   `json:"_pointsToNextItems"`
}

func (c cursor) encode() *string {
	raw, _ := json.Marshal(c) // never fails for a time and texts
	return new(base64.RawURLEncoding.EncodeToString(raw))
}

// parseCursor returns nil for an invalid cursor, which means the first page. Clients also ask for that with "1".
func parseCursor(text string) *cursor {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	var c cursor
	if json.Unmarshal(raw, &c) != nil || !uuid.MatchString(c.ID) {
		return nil
	}
	return &c
}

// listing is what a request for a list asks for.
type listing struct {
	after, before time.Time // bounds of the time of creation, included; zero if there is none
	at            *cursor   // nil for the first page
}

// readList reads a request for a list, of either kind.
func readList(r *httpapi.Request) (listing, error) {
	var out listing
	var params listQuery
	if err := r.Bind(&params); err != nil {
		if refused, ok := errors.AsType[*httpapi.FieldError](err); ok {
			if !utf8.ValidString(r.URL.Query().Get(refused.Field)) {
				return out, broken(refused.Field, "string")
			}
			return out, broken(refused.Field, "max.string")
		}
		return out, err
	}
	in, err := listForm.read(r)
	if err != nil {
		return out, err
	}
	if in.DateFrom != "" {
		from, _ := parseTime(in.DateFrom) // the form has parsed it
		out.after = from.first
	}
	if in.DateTo != "" {
		to, _ := parseTime(in.DateTo)
		out.before = to.last
	}
	out.at = parseCursor(cmp.Or(params.Cursor, in.Cursor))
	return out, nil
}

func (a *api) list(r *httpapi.Request) (any, error) {
	asked, err := readList(r)
	if err != nil {
		return nil, err
	}
	q := invoice.Query{
		Project: r.Project.ID, Format: FormatName, Uncounted: true, CreatedAfter: asked.after, CreatedBefore: asked.before,
	}
	found, err := a.page(r.Context(), q, asked.at)
	if err != nil {
		return nil, err
	}
	found, pages := pageOf(found, asked.at, func(inv invoice.Invoice) string { return inv.ID })
	out := listedPages{Items: make([]paymentObject, len(found)), Paginate: pages}
	for i, inv := range found {
		if out.Items[i], err = a.shown(r.Context(), inv, true); err != nil {
			return nil, err
		}
	}
	return listAnswer{Result: out}, nil
}

// page returns up to one invoice more than a page has, from the cursor on in its direction. It returns none for the invoice
// of another project or API, whose time of creation must stay unknown.
func (a *api) page(ctx context.Context, q invoice.Query, at *cursor) ([]invoice.Invoice, error) {
	q.Sort, q.Limit = invoice.SortCreated, perPage+1
	if at != nil {
		q.After, q.Ascending = at.ID, !at.Next
		if _, err := ours(a.service.Invoice(ctx, q.Project, at.ID)); errors.Is(err, invoice.ErrNotFound) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	page, err := a.service.List(ctx, q)
	return page.Invoices, err
}

// pageOf returns the items of a page, newest first, from up to one more that was found in the direction of the cursor, and
// the position of the page among the others.
func pageOf[T any](found []T, at *cursor, id func(T) string) ([]T, paginate) {
	more := len(found) > perPage
	found = found[:min(len(found), perPage)]
	if at != nil && !at.Next {
		slices.Reverse(found)
	}
	out := paginate{Count: len(found), PerPage: perPage}
	before, after := at != nil, more
	if at != nil && !at.Next {
		before, after = more, true
	}
	out.HasPages = before || after
	if len(found) == 0 {
		return found, out
	}
	if before {
		out.PreviousCursor = cursor{id(found[0]), false}.encode()
	}
	if after {
		out.NextCursor = cursor{id(found[len(found)-1]), true}.encode()
	}
	return found, out
}
