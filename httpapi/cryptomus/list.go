package cryptomus

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

// perPage is how many invoices a page of the history has.
const perPage = 15

type listQuery struct {
	Cursor string `json:"cursor" schema:"maxLength=512" doc:"nextCursor or previousCursor of an earlier answer"`
}

// listRequest is the body of POST /payment/list.
type listRequest struct {
	DateFrom string `json:"date_from" schema:"format=date_time" doc:"2006-01-02 15:04:05 in UTC+3, or as in RFC 3339, or a day; from then on"`
	DateTo   string `json:"date_to" schema:"format=date_time" doc:"As date_from; up to the end of that second, or of that day"`
	Cursor   string `json:"cursor" schema:"maxLength=512" doc:"As in the query, which wins. What is no cursor is the first page"`
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
	Count          int     `json:"count" doc:"Of this page"`
	HasPages       bool    `json:"hasPages"`
	NextCursor     *string `json:"nextCursor" schema:"nullable"`
	PreviousCursor *string `json:"previousCursor" schema:"nullable"`
	PerPage        int     `json:"perPage"`
}

// cursor points at an invoice, so that it stays right whatever happens: the page begins after it, or ends before it.
type cursor struct {
	ID   string `json:"id"`
	Next bool   `json:"_pointsToNextItems"`
}

func (c cursor) encode() *string {
	raw, _ := json.Marshal(c) // a struct of a time and texts always can
	return new(base64.RawURLEncoding.EncodeToString(raw))
}

// parseCursor answers nil for what is no cursor: the first page, which clients ask for with "1", too.
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

func (a *api) list(r *httpapi.Request) (any, error) {
	var params listQuery
	if err := r.Bind(&params); err != nil {
		if refused, ok := errors.AsType[*httpapi.FieldError](err); ok {
			if !utf8.ValidString(r.URL.Query().Get(refused.Field)) {
				return nil, broken(refused.Field, "string")
			}
			return nil, broken(refused.Field, "max.string")
		}
		return nil, err
	}
	in, err := listForm.read(r)
	if err != nil {
		return nil, err
	}
	q := invoice.Query{Project: r.Project.ID, Format: FormatName, Uncounted: true}
	if in.DateFrom != "" {
		from, _ := parseTime(in.DateFrom) // the form has parsed it
		q.CreatedAfter = from.first
	}
	if in.DateTo != "" {
		to, _ := parseTime(in.DateTo)
		q.CreatedBefore = to.last
	}
	at := parseCursor(cmp.Or(params.Cursor, in.Cursor))
	found, err := a.page(r.Context(), q, at)
	if err != nil {
		return nil, err
	}
	more := len(found) > perPage
	found = found[:min(len(found), perPage)]
	if at != nil && !at.Next {
		slices.Reverse(found)
	}
	out := listedPages{Items: make([]paymentObject, len(found)), Paginate: pagesOf(found, at, more)}
	for i, inv := range found {
		out.Items[i] = a.payment(inv, true)
	}
	return listAnswer{Result: out}, nil
}

// page answers up to one invoice more than a page has, from the cursor on in its direction. Nothing comes after
// another project's invoice, or another API's: when that was made is nobody's business.
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

// pagesOf says where a page is among the others.
func pagesOf(found []invoice.Invoice, at *cursor, more bool) paginate {
	out := paginate{Count: len(found), PerPage: perPage}
	before, after := at != nil, more
	if at != nil && !at.Next {
		before, after = more, true
	}
	out.HasPages = before || after
	if len(found) == 0 {
		return out
	}
	first, last := found[0], found[len(found)-1]
	if before {
		out.PreviousCursor = cursor{first.ID, false}.encode()
	}
	if after {
		out.NextCursor = cursor{last.ID, true}.encode()
	}
	return out
}
