package cryptosteroid

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// View describes how invoices look in responses and in webhooks.
type View struct {
	// Methods lists what can be paid in.
	Methods []Method
	// InvoiceURL is the URL of the page where an invoice is paid, with the placeholders {id} and {merchant}:
	// "https://pay.shop.example/{id}".
	InvoiceURL string
}

// Method is an asset with its name in the API.
type Method struct {
	Name  string // such as "BTC" or "USDT_TRC20"
	Asset chain.Asset
}

// Methods returns the names of the methods that the API knows.
func Methods() []string {
	return []string{"BTC", "ETH", "TRX", "BCH", "LTC", "DOGE", "USDT_ERC20", "USDT_TRC20"}
}

// Currency returns the currency and the network of a method: USDT and TRC20 for USDT_TRC20, BTC and BTC for BTC.
func (m Method) Currency() (currency, network string) {
	currency, network, token := strings.Cut(m.Name, "_")
	if !token {
		return currency, currency
	}
	return currency, network
}

// method returns the method of an asset.
func (v View) method(id chain.AssetID) (Method, bool) {
	for _, m := range v.Methods {
		if m.Asset.ID == id {
			return m, true
		}
	}
	return Method{}, false
}

// extra is what the API stores with an invoice in addition to the core's fields.
type extra struct {
	Secret        string // sent in the header Token, and never shown
	ExternalID    string
	ReturnURL     string
	FailReturnURL string
	FiatAmount    string // the price as it was written, if that is not the usual form
	Description   string // in full, if it differs from the invoice's name
	Identify      string // of a deposit address
}

// String hides the secret from logs.
func (extra) String() string { return "***" }

// GoString hides the secret from logs.
func (x extra) GoString() string { return x.String() }

func (x *extra) texts() map[string]*string {
	return map[string]*string{
		dataSecret: &x.Secret, "cryptosteroid.externalId": &x.ExternalID,
		"cryptosteroid.returnUrl": &x.ReturnURL, "cryptosteroid.failReturnUrl": &x.FailReturnURL,
		"cryptosteroid.fiatAmount": &x.FiatAmount, "cryptosteroid.description": &x.Description,
		"cryptosteroid.identify": &x.Identify,
	}
}

const dataSecret = "cryptosteroid.secret"

// data returns the Data of the invoice.
func (x extra) data() map[string]string {
	out := map[string]string{}
	for key, text := range x.texts() {
		if *text != "" {
			out[key] = *text
		}
	}
	return out
}

func extraOf(inv invoice.Invoice) (x extra) {
	for key, text := range x.texts() {
		*text = inv.Data[key]
	}
	return x
}

// invoiceObject is an invoice on the wire, in the published order.
type invoiceObject struct {
	MerchantID       string         `json:"merchantId"`
	InvoiceID        string         `json:"invoiceId"`
	FiatAmount       string         `json:"fiatAmount"`
	FiatCurrency     string         `json:"fiatCurrency"`
	Description      string         `json:"description"`
	WhoPayCommission string         `json:"whoPayCommission" schema:"enum=buyer|seller"`
	Payment          *paymentObject `json:"payment" schema:"nullable" doc:"Null until a payment method is chosen"`
	ExternalID       *string        `json:"externalId" schema:"nullable"`
	InvoiceURL       string         `json:"invoiceUrl" doc:"The page where it is paid"`
	ReturnURL        *string        `json:"returnUrl" schema:"nullable"`
	FailReturnURL    *string        `json:"failReturnUrl" schema:"nullable"`
	ProcessingURL    *string        `json:"processingUrl,omitempty" doc:"Shown to the merchant alone"`
	TimeoutSeconds   int64          `json:"timeoutSeconds" doc:"Until it expires"`
	CreatedAt        string         `json:"createdAt" schema:"format=date-time"`
	ExpiresAt        string         `json:"expiresAt" schema:"format=date-time"`
	UpdatedAt        *string        `json:"updatedAt" schema:"nullable,format=date-time" doc:"Null until something changes"`
	Status           status         `json:"status"`
}

// paymentObject describes how an invoice is paid. Amounts are in the coin's own unit.
type paymentObject struct {
	Method  string      `json:"method"`
	Address string      `json:"address"`
	Amount  string      `json:"amount" doc:"What the buyer pays"`
	Net     string      `json:"net" doc:"Of the amount, what is the merchant's"`
	Fee     string      `json:"fee" doc:"Of the amount, what is commission"`
	Paid    *paidObject `json:"paid" schema:"nullable" doc:"Null until something was seen"`
}

// paidObject describes what was paid.
type paidObject struct {
	Hash     []string `json:"hash" doc:"Transactions, in the order they were seen"`
	Received string   `json:"received"`
	Fiat     string   `json:"fiat" doc:"What that pays of fiatAmount"`
	Finished bool     `json:"finished" doc:"Enough is confirmed"`
}

// transaction is a deposit to an address on the wire.
type transaction struct {
	ID         string `json:"id"` // the same in all webhooks of the deposit
	MerchantID string `json:"merchantId"`
	AddressID  string `json:"addressId"`
	Label      string `json:"label"`
	Identify   string `json:"identify"`
	Currency   string `json:"currency"`
	Network    string `json:"network"`
	Address    string `json:"address"`
	Hash       string `json:"hash"`
	Amount     string `json:"amount"`
	Finished   bool   `json:"finished"` // has enough confirmations
	CreatedAt  string `json:"createdAt"`
}

// status is a status on the wire.
type status string

// The statuses on the wire.
const (
	statusNew       status = "NEW"
	statusWaiting   status = "WAITING" // a payment was seen; more of it, or confirmations, are missing
	statusExpired   status = "EXPIRED"
	statusCancelled status = "CANCELLED"
	statusPaid      status = "PAID"
)

// Enum returns the statuses, for the OpenAPI document.
func (status) Enum() []string {
	return []string{
		string(statusNew), string(statusWaiting), string(statusExpired),
		string(statusCancelled), string(statusPaid),
	}
}

// statusOf returns the status of an invoice on the wire. An invoice that was not paid in full by the deadline is EXPIRED,
// and an archived invoice keeps its status.
func statusOf(inv invoice.Invoice) status {
	switch inv.State.Status {
	case invoice.StatusNew:
		return statusNew
	case invoice.StatusPending:
		return statusWaiting
	case invoice.StatusPaidPartial:
		if inv.State.Closed {
			return statusExpired
		}
		return statusWaiting
	case invoice.StatusCompleted:
		return statusPaid
	case invoice.StatusExpired:
		return statusExpired
	case invoice.StatusCancelled:
		return statusCancelled
	case invoice.StatusArchived:
	}
	switch {
	case !inv.State.CompletedAt.IsZero():
		return statusPaid
	case cancelled(inv.Actions):
		return statusCancelled
	}
	return statusExpired
}

// cancelled reports whether the last action on an invoice was to cancel it.
func cancelled(actions []invoice.Action) bool {
	out := false
	for _, a := range actions {
		switch a.Kind {
		case invoice.ActionCancel:
			out = true
		case invoice.ActionReopen:
			out = false
		case invoice.ActionComplete, invoice.ActionExpire, invoice.ActionAcceptLate, invoice.ActionArchive, invoice.ActionLabel:
		}
	}
	return out
}

// invoice returns an invoice as it is on the wire at the given time, for its merchant only; see public.
func (v View) invoice(inv invoice.Invoice, now time.Time) invoiceObject {
	extra, price := extraOf(inv), inv.Price
	if inv.Quote != nil {
		price = inv.Quote.Fiat
	}
	out := invoiceObject{
		MerchantID: inv.Project, InvoiceID: inv.ID, FiatAmount: price.Amount.String(), FiatCurrency: price.Currency,
		Description: inv.Name, WhoPayCommission: "seller", Payment: v.payment(inv), ExternalID: orNull(extra.ExternalID),
		InvoiceURL: strings.NewReplacer("{id}", inv.ID, "{merchant}", inv.Project).Replace(v.InvoiceURL),
		ReturnURL:  orNull(extra.ReturnURL), FailReturnURL: orNull(extra.FailReturnURL), ProcessingURL: orNull(inv.CallbackURL),
		TimeoutSeconds: max(0, int64(inv.EffectiveDeadline().Sub(now)/time.Second)),
		CreatedAt:      isoTime(inv.CreatedAt), ExpiresAt: isoTime(inv.EffectiveDeadline()), Status: statusOf(inv),
	}
	if inv.Terms.PayerPercent.Sign() > 0 {
		out.WhoPayCommission = "buyer"
	}
	if extra.FiatAmount != "" {
		out.FiatAmount = extra.FiatAmount
	}
	if extra.Description != "" {
		out.Description = extra.Description
	}
	if inv.Version > 1 {
		out.UpdatedAt = orNull(isoTime(inv.UpdatedAt))
	}
	return out
}

// public returns an invoice as anybody who knows its id may see it: without the URL of the merchant's webhooks.
func (v View) public(inv invoice.Invoice, now time.Time) invoiceObject {
	out := v.invoice(inv, now)
	out.ProcessingURL = nil
	return out
}

func (v View) payment(inv invoice.Invoice) *paymentObject {
	q := inv.Quote
	if q == nil || q.Address == "" {
		return nil
	}
	amount := func(units *big.Int) string { return q.Asset.Decimal(units).String() }
	out := &paymentObject{
		Method: q.Asset.Code, Address: string(q.Address), Amount: amount(q.Due), Net: amount(q.Net()), Fee: amount(q.Fee),
	}
	if m, known := v.method(q.Asset.ID); known {
		out.Method = m.Name
	}
	received := inv.State.Received
	if received == nil || received.Sign() == 0 {
		return out
	}
	out.Paid = &paidObject{
		Hash: hashes(inv), Received: amount(received), Fiat: paidOf(q.Fiat, received, q.Due),
		Finished: statusOf(inv) == statusPaid,
	}
	return out
}

// paidOf returns the part of a price that an amount pays, rounded down to cents. It is the whole price if the amount is what
// is due.
func paidOf(price invoice.Price, amount, due *big.Int) string {
	if due.Sign() <= 0 {
		return "0.00"
	}
	worth, _ := price.Amount.Mul(decimal.NewFromBigInt(amount, 0)).QuoRem(decimal.NewFromBigInt(due, 0), 2)
	return worth.StringFixed(2)
}

// hashes returns the transactions that paid, each once, in the order in which they were first seen. If an invoice has a long
// history, it returns only the latest.
func hashes(inv invoice.Invoice) []string {
	payments := slices.Clone(inv.Payments)
	slices.SortStableFunc(payments, func(a, b invoice.Payment) int { return a.FirstSeen.Compare(b.FirstSeen) })
	out := []string{}
	for _, p := range payments {
		if !p.Withdrawn && !p.Dust && p.Key.Network == inv.Network() && !slices.Contains(out, p.Key.TxID) {
			out = append(out, p.Key.TxID)
		}
	}
	return out
}

// isoTime formats a time as JavaScript does.
func isoTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
