package itispay

import (
	"net/http"
	"slices"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

// invoiceV1 is an invoice of version 1.0.0, in the order of its published samples.
type invoiceV1 struct {
	InvoiceID           string          `json:"invoice_id"`
	UserID              string          `json:"user_id,omitempty" doc:"The project's owner; of archived invoices"`
	ProjectID           string          `json:"project_id,omitempty" doc:"Of archived invoices"`
	OrderID             string          `json:"order_id"`
	FiatAmount          httpapi.Number  `json:"fiat_amount"`
	FiatCurrency        string          `json:"fiat_currency"`
	Currency            string          `json:"currency"`
	CryptoAmount        httpapi.Number  `json:"crypto_amount"`
	CryptoUnits         *int64          `json:"crypto_amount_in_units,omitempty" schema:"format=int64" doc:"Absent when it does not fit 64 bits"`
	PaidAmount          *httpapi.Number `json:"actual_crypto_amount_paid,omitempty"`
	PaidUnits           *int64          `json:"actual_crypto_amount_paid_in_units,omitempty" schema:"format=int64" doc:"Absent when it does not fit 64 bits"`
	AllowedErrorPercent *int64          `json:"allowed_error_percent,omitempty"`
	OrderName           *string         `json:"order_name,omitempty"`
	ExpireMin           *int64          `json:"expire_min,omitempty"`
	CallbackURL         *string         `json:"callback_url,omitempty"`
	Status              status          `json:"status"`
	CreatedAt           httpapi.Time    `json:"created_at"`
	UpdatedAt           httpapi.Time    `json:"updated_at"`
	ExpiresAt           httpapi.Time    `json:"expires_at"`
	Blockchain          blockchainV1    `json:"blockchain_details"`
}

type blockchainV1 struct {
	WalletID  string             `json:"walletId,omitempty" doc:"Name of the shop's wallet"`
	AccountID string             `json:"accountId,omitempty" doc:"The project"`
	Currency  string             `json:"currency,omitempty"`
	Address   string             `json:"blockchainAddress,omitempty"`
	Network   *blockchainNetwork `json:"blockchainNetwork,omitempty"`
	QRCode    string             `json:"qrcode,omitempty" doc:"PNG as a data URI, while there is something to pay"`
}

type invoiceListV1 struct {
	Items      []invoiceV1 `json:"items"`
	Pagination pagination  `json:"pagination"`
}

func (a *api) routesV1() []httpapi.Route {
	return slices.Concat([]httpapi.Route{{
		Method: "POST", Path: "/invoices", OperationID: "createInvoice", Tag: tagInvoices, Auth: a.project,
		Summary: "Create a new invoice", Status: http.StatusCreated,
		Body: createRequest{}, Maxima: a.maxima(), Answer: invoiceV1{}, Faults: []int{http.StatusConflict}, Handler: a.shownV1(a.create),
	}, {
		Method: "GET", Path: "/invoices", OperationID: "listInvoices", Tag: tagInvoices, Auth: a.project,
		Summary: "List invoices with filtering and pagination",
		Params:  listQuery{}, Answer: invoiceListV1{}, Handler: a.listV1,
	}, {
		Method: "POST", Path: "/archived", OperationID: "createArchivedInvoice", Tag: tagInvoices, Auth: a.project,
		Summary: "Record a past invoice", Status: http.StatusCreated,
		Body: archivedRequest{}, Answer: invoiceV1{}, Faults: []int{http.StatusConflict}, Handler: a.shownV1(a.createArchived),
	}, {
		Method: "GET", Path: "/invoices/{invoice_id}", OperationID: "getInvoice", Tag: tagInvoices, Auth: a.project,
		Summary: "Get invoice by ID", Params: invoicePath{}, Answer: invoiceV1{}, Handler: a.shownV1(a.get),
	}, {
		Method: "PATCH", Path: "/invoices/{invoice_id}", OperationID: "updateInvoiceStatus", Tag: tagInvoices, Auth: a.project,
		Summary: "Update invoice status", Params: invoicePath{}, Body: statusRequest{}, Answer: invoiceV1{},
		Handler: a.shownV1(a.setStatus),
	}}, a.commonRoutes())
}

func (a *api) shownV1(act func(*httpapi.Request) (invoice.Invoice, error)) func(*httpapi.Request) (any, error) {
	return func(r *httpapi.Request) (any, error) {
		inv, err := act(r)
		if err != nil {
			return nil, err
		}
		return a.objectV1(r, inv), nil
	}
}

func (a *api) listV1(r *httpapi.Request) (any, error) {
	page, pages, err := a.page(r)
	if err != nil {
		return nil, err
	}
	out := invoiceListV1{Items: make([]invoiceV1, len(page.Invoices)), Pagination: pages}
	for i, inv := range page.Invoices {
		out.Items[i] = a.objectV1(r, inv)
	}
	return out, nil
}

func (a *api) objectV1(r *httpapi.Request, inv invoice.Invoice) invoiceV1 {
	b := a.bare(r.Project, inv)
	out := invoiceV1{
		InvoiceID: b.InvoiceID, UserID: b.UserID, ProjectID: b.ProjectID, OrderID: b.OrderID,
		FiatAmount: b.FiatAmount, FiatCurrency: b.FiatCurrency, Currency: b.Currency,
		CryptoAmount: b.CryptoAmount, CryptoUnits: b.CryptoUnits, PaidAmount: b.PaidAmount, PaidUnits: b.PaidUnits,
		AllowedErrorPercent: b.AllowedErrorPercent, OrderName: b.OrderName, ExpireMin: b.ExpireMin, CallbackURL: b.CallbackURL,
		Status: b.Status, CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt, ExpiresAt: b.ExpiresAt,
	}
	if b.Blockchain.Address != "" {
		out.Blockchain = blockchainV1{
			WalletID: inv.Quote.Wallet, AccountID: inv.Project, Currency: b.Blockchain.Currency,
			Address: b.Blockchain.Address, Network: b.Blockchain.Network, QRCode: b.Blockchain.QRCode,
		}
	}
	return out
}
