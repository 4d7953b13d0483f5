package itispay

import (
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

// invoiceObject is an invoice on the wire, in the order of the published samples. A record that was never to be paid has
// none of the members that may be omitted.
type invoiceObject struct {
	InvoiceID           string             `json:"invoice_id"`
	UserID              string             `json:"user_id,omitempty" doc:"The project's owner; of archived invoices"`
	ProjectID           string             `json:"project_id,omitempty" doc:"Of archived invoices"`
	OrderID             string             `json:"order_id"`
	FiatAmount          httpapi.Number     `json:"fiat_amount"`
	FiatCurrency        string             `json:"fiat_currency"`
	Currency            string             `json:"currency"`
	CurrencyPaid        string             `json:"currency_paid,omitempty" doc:"Currency of most of the money received, if it is another one"`
	CryptoAmount        httpapi.Number     `json:"crypto_amount"`
	CryptoUnits         *int64             `json:"crypto_amount_in_units,omitempty" schema:"format=int64" doc:"Absent when it does not fit 64 bits"`
	PaidAmount          *httpapi.Number    `json:"actual_crypto_amount_paid,omitempty"`
	PaidUnits           *int64             `json:"actual_crypto_amount_paid_in_units,omitempty" schema:"format=int64" doc:"Absent when it does not fit 64 bits"`
	AllowedErrorPercent *int64             `json:"allowed_error_percent,omitempty"`
	OrderName           *string            `json:"order_name,omitempty"`
	ExpireMin           *int64             `json:"expire_min,omitempty"`
	CallbackURL         *string            `json:"callback_url,omitempty"`
	Status              status             `json:"status"`
	CreatedAt           httpapi.Time       `json:"created_at"`
	UpdatedAt           httpapi.Time       `json:"updated_at"`
	ExpiresAt           httpapi.Time       `json:"expires_at"`
	Blockchain          blockchainDetails  `json:"blockchain_details"`
	Transactions        *[]transactionView `json:"transactions,omitempty" doc:"Only the latest if there are very many; a transaction below the asset's floor does not count"`
}

// closedInvoice is the public view of a closed invoice.
type closedInvoice struct {
	InvoiceID string `json:"invoice_id"`
	Status    status `json:"status"`
}

type blockchainDetails struct {
	Currency string             `json:"currency,omitempty"`
	Address  string             `json:"blockchainAddress,omitempty"`
	Network  *blockchainNetwork `json:"blockchainNetwork,omitempty"`
	QRCode   string             `json:"qrcode,omitempty" doc:"PNG as a data URI, while there is something to pay"`
}

type blockchainNetwork struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type transactionView struct {
	TxID          string            `json:"txid"`
	Currency      string            `json:"currency"`
	Amount        *httpapi.Number   `json:"amount,omitempty" doc:"Absent for an asset that is no longer configured"`
	AmountInUnits *int64            `json:"amount_in_units,omitempty" schema:"format=int64" doc:"Absent when it does not fit 64 bits"`
	Confirmations uint64            `json:"confirmations"`
	Status        transactionStatus `json:"status"`
	CreatedAt     httpapi.Time      `json:"created_at" doc:"When it was first seen"`
}

// transactionStatus is the status of a transaction.
type transactionStatus string

const (
	transactionPending   transactionStatus = "pending"
	transactionConfirmed transactionStatus = "confirmed"
	transactionWithdrawn transactionStatus = "withdrawn"
)

// Enum returns the statuses, for the OpenAPI document.
func (transactionStatus) Enum() []string {
	return []string{string(transactionPending), string(transactionConfirmed), string(transactionWithdrawn)}
}

// object returns an invoice as it is on the wire. withUnits adds the member that only the response of PATCH has.
func (a *api) object(r *httpapi.Request, inv invoice.Invoice, withUnits bool) (invoiceObject, error) {
	out := a.bare(r.Project, inv)
	if isRecord(inv) {
		return out, nil
	}
	if !withUnits {
		out.CryptoUnits = nil
	}
	transactions, err := a.transactions(r, inv)
	out.Transactions = &transactions
	return out, err
}

// isRecord reports whether an invoice is a record that was never to be paid.
func isRecord(inv invoice.Invoice) bool {
	return inv.State.Status == invoice.StatusArchived && (inv.Quote == nil || inv.Quote.Address == "")
}

// bare returns an invoice of the project as it is on the wire, without its transactions.
func (a *api) bare(project invoice.Project, inv invoice.Invoice) invoiceObject {
	out := invoiceObject{
		InvoiceID: inv.ID, OrderID: inv.OrderID, Status: status(inv.State.Status),
		CreatedAt: httpapi.Time{Time: inv.CreatedAt}, UpdatedAt: httpapi.Time{Time: inv.UpdatedAt},
		ExpiresAt: httpapi.Time{Time: inv.EffectiveDeadline()},
	}
	a.amounts(&out, inv)
	if inv.State.Status == invoice.StatusArchived {
		out.UserID, out.ProjectID = project.Owner, project.ID
	} else {
		out.Blockchain = a.blockchain(inv)
	}
	if isRecord(inv) {
		return out
	}
	if inv.Quote != nil {
		out.CryptoUnits = units(inv.Quote.Due)
	}
	percent := inv.Terms.TolerancePercent.IntPart() // rounds down, so that it promises no more than the tolerance
	minutes := int64(inv.Deadline.Sub(inv.CreatedAt) / time.Minute)
	out.AllowedErrorPercent, out.ExpireMin = &percent, &minutes
	out.OrderName, out.CallbackURL = &inv.Name, &inv.CallbackURL
	return out
}

// amounts sets the amounts that are due and received.
func (a *api) amounts(out *invoiceObject, inv invoice.Invoice) {
	out.PaidAmount, out.PaidUnits = &httpapi.Number{}, new(int64)
	q := inv.Quote
	if q == nil { // the Go API created it, and the payer has not yet chosen an asset
		if _, fiat := a.service.FiatDecimals(inv.Price.Currency); fiat {
			out.FiatCurrency, out.FiatAmount.Decimal = inv.Price.Currency, inv.Price.Amount
		} else {
			out.Currency, out.CryptoAmount.Decimal = inv.Price.Currency, inv.Price.Amount
		}
		return
	}
	out.FiatAmount.Decimal, out.FiatCurrency = q.Fiat.Amount, q.Fiat.Currency
	out.Currency, out.CryptoAmount.Decimal = a.cfg.Format.code(q.Asset), q.Asset.Decimal(q.Due)
	if q.Address == "" && inv.State.Status == invoice.StatusArchived {
		out.PaidAmount, out.PaidUnits = nil, nil
		return
	}
	if inv.State.Received != nil {
		out.PaidAmount.Decimal, out.PaidUnits = q.Asset.Decimal(inv.State.Received), units(inv.State.Received)
	}
	if paid := inv.PaidAsset(); paid != q.Asset.ID {
		out.CurrencyPaid = a.codeByID(paid)
	}
}

// units returns an amount in base units for clients with 64-bit integers. It returns nil, which is omitted, if the amount
// does not fit, because such clients could not decode the whole object.
func units(n *big.Int) *int64 {
	if !n.IsInt64() {
		return nil
	}
	return new(n.Int64())
}

// codeByID returns the code on the wire of an asset, or its id if it is no longer configured.
func (a *api) codeByID(id chain.AssetID) string {
	if asset, known := a.assetByID(id); known {
		return a.cfg.Format.code(asset)
	}
	return string(id)
}

func (a *api) blockchain(inv invoice.Invoice) blockchainDetails {
	if inv.Quote == nil {
		return blockchainDetails{}
	}
	network, _ := a.service.Chain(inv.Network())
	out := blockchainDetails{
		Currency: a.cfg.Format.code(inv.Quote.Asset), Address: string(inv.Quote.Address),
		Network: &blockchainNetwork{network.Name, network.Type},
	}
	if inv.State.Closed || inv.Remaining().Sign() == 0 {
		return out
	}
	uri, err := a.service.PaymentURI(inv)
	if err == nil {
		out.QRCode, err = qrCode(uri)
	}
	if err != nil { // the response has the address nevertheless, and may be that of a creation
		a.log.Error("no QR code", "invoice", inv.ID, "error", err)
	}
	return out
}

func (a *api) transactions(r *httpapi.Request, inv invoice.Invoice) ([]transactionView, error) {
	depths, err := a.service.Depths(r.Context(), inv)
	if err != nil {
		return nil, err
	}
	out := make([]transactionView, len(inv.Payments))
	for i, p := range inv.Payments {
		out[i] = transactionView{
			TxID: p.Key.TxID, Currency: a.codeByID(p.Asset), AmountInUnits: units(p.Units), Confirmations: depths[i].Have,
			Status: transactionPending, CreatedAt: httpapi.Time{Time: p.FirstSeen},
		}
		switch {
		case p.Withdrawn:
			out[i].Status = transactionWithdrawn
		case depths[i].Mature:
			out[i].Status = transactionConfirmed
		}
		if asset, known := a.assetByID(p.Asset); known {
			out[i].Amount = &httpapi.Number{Decimal: asset.Decimal(p.Units)}
		}
	}
	return out, nil
}
