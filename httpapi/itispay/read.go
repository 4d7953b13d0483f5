package itispay

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

// status is an invoice.Status, whose texts are the same on the wire.
type status string

// Enum returns the statuses, for the OpenAPI document.
func (status) Enum() []string {
	var out []string
	for _, s := range invoice.Statuses() {
		out = append(out, string(s))
	}
	return out
}

// invoicePath holds the parameter of the routes of one invoice.
type invoicePath struct {
	InvoiceID string `json:"invoice_id" in:"path" schema:"required,format=uuid"`
}

// listQuery holds the parameters of GET /invoices.
type listQuery struct {
	Status        status       `json:"status" doc:"Filter by invoice status"`
	Currency      string       `json:"currency" schema:"maxLength=32" doc:"Filter by currency"`
	CreatedAfter  httpapi.Time `json:"created_after" doc:"Filter invoices created at or after this date"`
	CreatedBefore httpapi.Time `json:"created_before" doc:"Filter invoices created at or before this date"`
	Page          int          `json:"page" schema:"minimum=1,maximum=1000000000,default=1" doc:"Page number for pagination"`
	PageSize      int          `json:"page_size" schema:"minimum=1,maximum=100,default=20" doc:"Number of invoices per page"`
	SortBy        string       `json:"sort_by" schema:"enum=created_at|updated_at|fiat_amount|crypto_amount,default=created_at" doc:"Field to sort by"`
	SortOrder     string       `json:"sort_order" schema:"enum=asc|desc,default=desc" doc:"Sort order"`
}

// invoiceList is the response of GET /invoices.
type invoiceList struct {
	Items      []invoiceObject `json:"items"`
	Pagination pagination      `json:"pagination"`
}

type pagination struct {
	CurrentPage  int  `json:"current_page"`
	PageSize     int  `json:"page_size"`
	TotalPages   int  `json:"total_pages"`
	TotalRecords int  `json:"total_records"`
	HasNext      bool `json:"has_next"`
	HasPrevious  bool `json:"has_previous"`
}

// statusRequest is the body of PATCH /invoices/{invoice_id}.
type statusRequest struct {
	Status  status `json:"status" schema:"required"`
	Comment string `json:"comment" schema:"maxLength=1024" doc:"Optional comment explaining the status change"`
}

func (a *api) list(r *httpapi.Request) (any, error) {
	page, pages, err := a.page(r)
	if err != nil {
		return nil, err
	}
	out := invoiceList{Items: make([]invoiceObject, len(page.Invoices)), Pagination: pages}
	for i, inv := range page.Invoices {
		if out.Items[i], err = a.object(r, inv, false); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// page returns the page of the project's invoices that a request asks for.
func (a *api) page(r *httpapi.Request) (invoice.Page, pagination, error) {
	var in listQuery
	if err := r.Bind(&in); err != nil {
		return invoice.Page{}, pagination{}, err
	}
	code, err := a.assetCode(in.Currency)
	if err != nil {
		return invoice.Page{}, pagination{}, err
	}
	page, err := a.service.List(r.Context(), invoice.Query{
		Project: r.Project.ID, Format: FormatName, Status: invoice.Status(in.Status), AssetCode: code,
		CreatedAfter: in.CreatedAfter.Time, CreatedBefore: in.CreatedBefore.Time,
		Sort: invoice.Sort(in.SortBy), Ascending: in.SortOrder == "asc",
		Offset: (in.Page - 1) * in.PageSize, Limit: in.PageSize,
	})
	return page, paginate(in.Page, in.PageSize, page.Total), err
}

func paginate(page, size, total int) pagination {
	pages := (total + size - 1) / size
	return pagination{
		CurrentPage: page, PageSize: size, TotalPages: pages, TotalRecords: total,
		HasNext: page < pages, HasPrevious: page > 1,
	}
}

// assetCode returns the Service's code for the code of a filter.
func (a *api) assetCode(code string) (string, error) {
	if asset, known := a.asset(code); known {
		return asset.Code, nil
	}
	if !printable(code) {
		return "", &httpapi.FieldError{Field: "currency", Reason: "is not a code"}
	}
	return code, nil
}

// printable reports whether text can be an asset's code. Databases refuse some other texts.
func printable(text string) bool {
	for _, b := range []byte(text) {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return true
}

// find returns an invoice of the project, or of any project if it is empty.
func (a *api) find(ctx context.Context, project, id string) (invoice.Invoice, error) {
	return ours(a.service.Invoice(ctx, project, id))
}

// ours returns invoice.ErrNotFound for standing invoices and for invoices of another API of the project, whose callback
// URLs, order ids and outcomes do not concern clients of this one.
func ours(inv invoice.Invoice, err error) (invoice.Invoice, error) {
	if err == nil && (inv.Format != FormatName || inv.Terms.Standing) {
		return invoice.Invoice{}, fmt.Errorf("itispay: %s is not an invoice of this API: %w", inv.ID, invoice.ErrNotFound)
	}
	return inv, err
}

// shown returns a handler that responds with the invoice that act returns.
func (a *api) shown(act func(*httpapi.Request) (invoice.Invoice, error), withUnits bool) func(*httpapi.Request) (any, error) {
	return func(r *httpapi.Request) (any, error) {
		inv, err := act(r)
		if err != nil {
			return nil, err
		}
		return a.object(r, inv, withUnits)
	}
}

func (a *api) get(r *httpapi.Request) (invoice.Invoice, error) {
	var in invoicePath
	if err := r.Bind(&in); err != nil {
		return invoice.Invoice{}, err
	}
	return a.find(r.Context(), r.Project.ID, in.InvoiceID)
}

func (a *api) getPublic(r *httpapi.Request) (any, error) {
	inv, err := a.get(r) // there is no key, so the invoice may belong to any project
	if err != nil {
		return nil, err
	}
	switch inv.State.Status {
	case invoice.StatusNew, invoice.StatusPending, invoice.StatusPaidPartial:
		return a.object(r, inv, false)
	case invoice.StatusCompleted, invoice.StatusExpired, invoice.StatusCancelled, invoice.StatusArchived:
	}
	return closedInvoice{inv.ID, status(inv.State.Status)}, nil
}

func (a *api) setStatus(r *httpapi.Request) (invoice.Invoice, error) {
	inv, err := a.get(r)
	if err != nil {
		return inv, err
	}
	var in statusRequest
	if err := r.Decode(&in); err != nil {
		return inv, err
	}
	return a.service.SetStatus(r.Context(), invoice.Act{
		Project: r.Project.ID, Invoice: inv.ID, Actor: r.Project.ID, Comment: in.Comment,
	}, invoice.Status(in.Status))
}
