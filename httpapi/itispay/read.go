package itispay

import (
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

// status is one of the statuses, which are the same on the wire.
type status string

// Enum lists the statuses for the document.
func (status) Enum() []string {
	var out []string
	for _, s := range invoice.Statuses() {
		out = append(out, string(s))
	}
	return out
}

// invoicePath is the parameter of the routes about one invoice.
type invoicePath struct {
	InvoiceID string `json:"invoice_id" in:"path" schema:"required,format=uuid"`
}

// listQuery is the parameters of GET /invoices.
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

// invoiceList is the answer of GET /invoices.
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
	var in listQuery
	if err := r.Bind(&in); err != nil {
		return nil, err
	}
	code := in.Currency
	if asset, known := a.asset(code); known {
		code = asset.Code
	} else if code != "" && !printable(code) {
		return nil, &invoice.InvalidError{Field: "currency", Reason: "is not a code"}
	}
	page, err := a.service.List(r.Context(), invoice.Query{
		Project: r.Project.ID, Status: invoice.Status(in.Status), AssetCode: code,
		CreatedAfter: in.CreatedAfter.Time, CreatedBefore: in.CreatedBefore.Time,
		Sort: invoice.Sort(in.SortBy), Ascending: in.SortOrder == "asc",
		Offset: (in.Page - 1) * in.PageSize, Limit: in.PageSize,
	})
	if err != nil {
		return nil, err
	}
	out := invoiceList{Items: make([]invoiceObject, len(page.Invoices))}
	for i, inv := range page.Invoices {
		if out.Items[i], err = a.object(r, inv, false); err != nil {
			return nil, err
		}
	}
	pages := (page.Total + in.PageSize - 1) / in.PageSize
	out.Pagination = pagination{
		CurrentPage: in.Page, PageSize: in.PageSize, TotalPages: pages, TotalRecords: page.Total,
		HasNext: in.Page < pages, HasPrevious: in.Page > 1,
	}
	return out, nil
}

// printable says whether text can be a code of an asset: databases refuse some of what cannot.
func printable(text string) bool {
	for _, b := range []byte(text) {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return true
}

func (a *api) get(r *httpapi.Request) (any, error) {
	var in invoicePath
	if err := r.Bind(&in); err != nil {
		return nil, err
	}
	inv, err := a.service.Invoice(r.Context(), r.Project.ID, in.InvoiceID)
	if err != nil {
		return nil, err
	}
	return a.object(r, inv, false)
}

func (a *api) getPublic(r *httpapi.Request) (any, error) {
	var in invoicePath
	if err := r.Bind(&in); err != nil {
		return nil, err
	}
	inv, err := a.service.Invoice(r.Context(), "", in.InvoiceID)
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

func (a *api) setStatus(r *httpapi.Request) (any, error) {
	var path invoicePath
	if err := r.Bind(&path); err != nil {
		return nil, err
	}
	var in statusRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	inv, err := a.service.SetStatus(r.Context(), invoice.Act{
		Project: r.Project.ID, Invoice: path.InvoiceID, Actor: r.Project.ID, Comment: in.Comment,
	}, invoice.Status(in.Status))
	if err != nil {
		return nil, err
	}
	return a.object(r, inv, true)
}
