package itispay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// adminQuery holds the parameters of GET /admin/invoices.
type adminQuery struct {
	Status       string `json:"status" schema:"maxLength=32" doc:"Filter by invoice status"`
	Currency     string `json:"currency" schema:"maxLength=32" doc:"Filter by crypto currency"`
	FiatCurrency string `json:"fiat_currency" schema:"maxLength=16" doc:"Filter by fiat currency"`
	Search       string `json:"search" schema:"maxLength=255" doc:"Text in invoice_id, user_id, project_id, order_id or order_name; ignores the case of ASCII letters"`
	Page         int    `json:"page" schema:"minimum=1,maximum=1000000000,default=1" doc:"Page number"`
	PageSize     int    `json:"page_size" schema:"minimum=1,maximum=100,default=20" doc:"Items per page"`
	SortBy       string `json:"sort_by" schema:"enum=created_at|updated_at|fiat_amount|crypto_amount,default=created_at" doc:"Field to sort by"`
	SortOrder    string `json:"sort_order" schema:"enum=asc|desc,default=desc" doc:"Sort order"`
}

// adminList is the response of GET /admin/invoices.
type adminList struct {
	Items      []adminInvoice `json:"items"`
	Pagination pagination     `json:"pagination"`
}

// adminInvoice is an invoice as administrators see it, in the order of the published sample.
type adminInvoice struct {
	InvoiceID           string             `json:"invoice_id"`
	UserID              string             `json:"user_id,omitempty" doc:"The project's owner"`
	ProjectID           string             `json:"project_id"`
	OrderID             string             `json:"order_id"`
	FiatAmount          httpapi.Number     `json:"fiat_amount"`
	FiatCurrency        string             `json:"fiat_currency"`
	Currency            string             `json:"currency"`
	CurrencyPaid        string             `json:"currency_paid,omitempty" doc:"Currency of most of the money received, if it is another one"`
	RateCreated         *httpapi.Number    `json:"rate_created,omitempty" doc:"Fiat per unit of the currency when the invoice was quoted; absent if no rate was needed"`
	CryptoAmount        httpapi.Number     `json:"crypto_amount"`
	CryptoUnits         *int64             `json:"crypto_amount_in_units,omitempty" schema:"format=int64" doc:"Absent when it does not fit 64 bits"`
	PaidAmount          *httpapi.Number    `json:"actual_crypto_amount_paid,omitempty"`
	PaidUnits           *int64             `json:"actual_crypto_amount_paid_in_units,omitempty" schema:"format=int64" doc:"Absent when it does not fit 64 bits"`
	AllowedErrorPercent *int64             `json:"allowed_error_percent,omitempty"`
	OrderName           string             `json:"order_name"`
	ExpireMin           *int64             `json:"expire_min,omitempty"`
	CallbackURL         string             `json:"callback_url"`
	Status              status             `json:"status"`
	Custody             string             `json:"custody,omitempty" doc:"paygateway if the project's balance is paid out by this API"`
	SettlementDate      *httpapi.Time      `json:"settlement_date,omitempty" doc:"When the withdrawal that settled the invoice was requested, once it is paid"`
	SettlementTxID      string             `json:"settlement_txid,omitempty" doc:"Transaction of that withdrawal"`
	CreatedAt           httpapi.Time       `json:"created_at"`
	UpdatedAt           httpapi.Time       `json:"updated_at"`
	ExpiresAt           httpapi.Time       `json:"expires_at"`
	Blockchain          blockchainDetails  `json:"blockchain_details"`
	Transactions        *[]transactionView `json:"transactions,omitempty" doc:"Only the latest if there are very many; a transaction below the asset's floor does not count"`
	StatusHistory       *[]statusChange    `json:"status_history,omitempty" doc:"Only for a single invoice; oldest first"`
	Callbacks           *[]callbackView    `json:"callbacks,omitempty" doc:"Only for a single invoice; oldest first"`
}

type statusChange struct {
	OldStatus status       `json:"old_status,omitempty" doc:"Absent for the first"`
	NewStatus status       `json:"new_status"`
	Actor     string       `json:"actor,omitempty" doc:"Who made the change, if anyone"`
	Comment   string       `json:"comment,omitempty"`
	CreatedAt httpapi.Time `json:"created_at"`
}

type callbackView struct {
	CallbackID int64           `json:"callback_id" doc:"Number of the callback within the invoice"`
	URL        string          `json:"url"`
	Status     callbackStatus  `json:"status"`
	Payload    json.RawMessage `json:"payload,omitempty" doc:"Body of the callback; absent if it is not JSON"`
	Attempts   []attemptView   `json:"attempts" doc:"Oldest first"`
	CreatedAt  httpapi.Time    `json:"created_at"`
}

type attemptView struct {
	HTTPStatus int          `json:"http_status,omitempty" doc:"Absent if there was no response"`
	Response   string       `json:"response,omitempty" doc:"Start of the response body"`
	Error      string       `json:"error,omitempty" doc:"Why the attempt failed; absent if it succeeded"`
	CreatedAt  httpapi.Time `json:"created_at"`
}

// callbackStatus is the state of a callback.
type callbackStatus string

// Enum returns the statuses, for the OpenAPI document.
func (callbackStatus) Enum() []string {
	return []string{string(webhook.StateDue), string(webhook.StateDelivered), string(webhook.StateDead)}
}

// adminKey returns a scheme that accepts the keys of Config.Admins.
func (a *api) adminKey() *httpapi.Scheme {
	admin := *a.project
	admin.Check = func(r *httpapi.Request) error {
		if err := a.project.Check(r); err != nil {
			return err
		}
		if !slices.Contains(a.cfg.Admins, r.Project.ID) {
			return &httpapi.Error{Status: http.StatusForbidden, Message: "Only administrators may do this."}
		}
		return nil
	}
	return &admin
}

func (a *api) adminList(r *httpapi.Request) (any, error) {
	var in adminQuery
	if err := r.Bind(&in); err != nil {
		return nil, err
	}
	code, err := a.assetCode(in.Currency)
	if err != nil {
		return nil, err
	}
	if !clean(in.Search) {
		return nil, &httpapi.FieldError{Field: "search", Reason: "must be text"}
	}
	var owned []string
	if in.Search != "" {
		if owned, err = a.cfg.Projects.ByOwner(r.Context(), in.Search); err != nil {
			return nil, err
		}
	}
	page, err := a.service.List(r.Context(), invoice.Query{
		Format: FormatName, Status: invoice.Status(in.Status), AssetCode: code, Fiat: strings.ToUpper(in.FiatCurrency), Search: in.Search, SearchProjects: owned,
		Sort: invoice.Sort(in.SortBy), Ascending: in.SortOrder == "asc",
		Offset: (in.Page - 1) * in.PageSize, Limit: in.PageSize,
	})
	if err != nil {
		return nil, err
	}
	out := adminList{Items: make([]adminInvoice, len(page.Invoices)), Pagination: paginate(in.Page, in.PageSize, page.Total)}
	owners := map[string]invoice.Project{}
	for i, inv := range page.Invoices {
		if out.Items[i], err = a.adminView(r, inv, owners); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *api) adminGet(r *httpapi.Request) (any, error) {
	var in invoicePath
	if err := r.Bind(&in); err != nil {
		return nil, err
	}
	inv, err := a.find(r.Context(), "", in.InvoiceID)
	if err != nil {
		return nil, err
	}
	out, err := a.adminView(r, inv, map[string]invoice.Project{})
	if err != nil {
		return nil, err
	}
	if out.StatusHistory, err = a.statusHistory(r.Context(), inv); err != nil {
		return nil, err
	}
	out.Callbacks, err = a.callbacks(r.Context(), inv)
	return out, err
}

// adminView returns the view of an invoice in lists. It reads each project once and keeps it in projects.
func (a *api) adminView(r *httpapi.Request, inv invoice.Invoice, projects map[string]invoice.Project) (adminInvoice, error) {
	project, known := projects[inv.Project]
	if !known {
		var err error
		project, err = a.cfg.Projects.Project(r.Context(), inv.Project)
		if err != nil && !errors.Is(err, invoice.ErrNotFound) { // the Go API can create invoices for any project name
			return adminInvoice{}, fmt.Errorf("itispay: read project: %w", err)
		}
		projects[inv.Project] = project
	}
	b := a.bare(project, inv)
	out := adminInvoice{
		InvoiceID: b.InvoiceID, UserID: project.Owner, ProjectID: inv.Project, OrderID: b.OrderID,
		FiatAmount: b.FiatAmount, FiatCurrency: b.FiatCurrency, Currency: b.Currency, CurrencyPaid: b.CurrencyPaid,
		CryptoAmount: b.CryptoAmount, CryptoUnits: b.CryptoUnits, PaidAmount: b.PaidAmount, PaidUnits: b.PaidUnits,
		AllowedErrorPercent: b.AllowedErrorPercent, OrderName: inv.Name, ExpireMin: b.ExpireMin, CallbackURL: inv.CallbackURL,
		Status: b.Status, CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt, ExpiresAt: b.ExpiresAt, Blockchain: b.Blockchain,
	}
	if inv.Quote != nil && !inv.Quote.Rate.Value.IsZero() {
		out.RateCreated = &httpapi.Number{Decimal: inv.Quote.Rate.Value}
	}
	if a.cfg.Payouts != nil {
		out.Custody = custody
	}
	if isRecord(inv) {
		return out, nil
	}
	var err error
	if out.SettlementDate, out.SettlementTxID, err = a.settlement(r.Context(), inv); err != nil {
		return adminInvoice{}, err
	}
	transactions, err := a.transactions(r, inv)
	out.Transactions = &transactions
	return out, err
}

// custody is the name of the custody of projects whose balances are paid out.
const custody = "paygateway"

// historySeen is how many of an invoice's latest events, and of the messages about them, are read for an answer: a payer can
// cause any number.
const historySeen = 1000

func (a *api) statusHistory(ctx context.Context, inv invoice.Invoice) (*[]statusChange, error) {
	events, err := a.service.History(ctx, "", inv.ID, inv.Seq-historySeen)
	if err != nil {
		return nil, err
	}
	out := []statusChange{}
	for _, ev := range events {
		if ev.Type == invoice.EventCreated || ev.From != ev.To {
			out = append(out, statusChange{status(ev.From), status(ev.To), ev.Actor, ev.Comment, httpapi.Time{Time: ev.At}})
		}
	}
	return &out, nil
}

func (a *api) callbacks(ctx context.Context, inv invoice.Invoice) (*[]callbackView, error) {
	if a.cfg.Store == nil {
		return nil, nil
	}
	records, err := a.cfg.Store.History(ctx, inv.ID, inv.Seq-historySeen)
	if err != nil {
		return nil, fmt.Errorf("itispay: read history: %w", err)
	}
	records = webhook.Callbacks(records)
	out := make([]callbackView, len(records))
	for i, rec := range records {
		out[i] = callbackView{
			CallbackID: rec.Message.Seq, URL: rec.Message.URL, Status: callbackStatus(rec.State),
			Attempts: make([]attemptView, len(rec.Attempts)), CreatedAt: httpapi.Time{Time: rec.Message.At},
		}
		if json.Valid(rec.Message.Body) {
			out[i].Payload = rec.Message.Body
		}
		for j, try := range rec.Attempts {
			out[i].Attempts[j] = attemptView{try.Status, try.Excerpt, try.Error, httpapi.Time{Time: try.At}}
		}
	}
	return &out, nil
}

// clean reports whether text has no control characters, some of which databases refuse.
func clean(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }
