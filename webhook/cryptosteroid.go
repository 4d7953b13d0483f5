package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// CryptoSteroidName is the name of the format of [CryptoSteroid], and the Format of the invoices of that API.
const CryptoSteroidName = "cryptosteroid"

// CryptoSteroidView says how invoices look in the merchant invoices API of CryptoSteroid: in its answers, which
// httpapi/cryptosteroid gives, and in its webhooks. Both must have the same one.
type CryptoSteroidView struct {
	// Methods are what can be paid in.
	Methods []CryptoSteroidMethod
	// InvoiceURL is the page where an invoice is paid, with {id} and {merchant} in the place of what they name:
	// "https://pay.shop.example/{id}".
	InvoiceURL string
}

// CryptoSteroidMethod is an asset as clients of the API see it.
type CryptoSteroidMethod struct {
	Name  string // on the wire: "BTC", "USDT_TRC20"
	Asset chain.Asset
}

// CryptoSteroidMethods lists the methods that the API knows.
func CryptoSteroidMethods() []string {
	return []string{"BTC", "ETH", "TRX", "BCH", "LTC", "DOGE", "USDT_ERC20", "USDT_TRC20"}
}

// Currency and network of a method: those of USDT_TRC20 are USDT and TRC20, and both of those of BTC are BTC.
func (m CryptoSteroidMethod) Currency() (currency, network string) {
	currency, network, token := strings.Cut(m.Name, "_")
	if !token {
		return currency, currency
	}
	return currency, network
}

// method answers how the asset is called on the wire.
func (v CryptoSteroidView) method(id chain.AssetID) (CryptoSteroidMethod, bool) {
	for _, m := range v.Methods {
		if m.Asset.ID == id {
			return m, true
		}
	}
	return CryptoSteroidMethod{}, false
}

// CryptoSteroidExtra is what the API keeps with an invoice beside what every invoice has.
type CryptoSteroidExtra struct {
	Secret        string // sent in the header Token, and shown nowhere
	ExternalID    string
	ReturnURL     string
	FailReturnURL string
	FiatAmount    string // the price as it was written, if it was written otherwise than numbers are here
	Description   string // the whole of it, if the invoice's name is not
	Identify      string // of a deposit address
}

// String hides the secret from logs.
func (CryptoSteroidExtra) String() string { return "***" }

// GoString hides the secret from logs.
func (x CryptoSteroidExtra) GoString() string { return x.String() }

func (x *CryptoSteroidExtra) texts() map[string]*string {
	return map[string]*string{
		cryptoSteroidSecret: &x.Secret, "cryptosteroid.externalId": &x.ExternalID,
		"cryptosteroid.returnUrl": &x.ReturnURL, "cryptosteroid.failReturnUrl": &x.FailReturnURL,
		"cryptosteroid.fiatAmount": &x.FiatAmount, "cryptosteroid.description": &x.Description,
		"cryptosteroid.identify": &x.Identify,
	}
}

const cryptoSteroidSecret = "cryptosteroid.secret"

// Data is it as the invoice keeps it.
func (x CryptoSteroidExtra) Data() map[string]string {
	out := map[string]string{}
	for key, text := range x.texts() {
		if *text != "" {
			out[key] = *text
		}
	}
	return out
}

func cryptoSteroidExtra(inv invoice.Invoice) (x CryptoSteroidExtra) {
	for key, text := range x.texts() {
		*text = inv.Data[key]
	}
	return x
}

// CryptoSteroidInvoice is an invoice on the wire, in the published order.
type CryptoSteroidInvoice struct {
	MerchantID       string                `json:"merchantId"`
	InvoiceID        string                `json:"invoiceId"`
	FiatAmount       string                `json:"fiatAmount"`
	FiatCurrency     string                `json:"fiatCurrency"`
	Description      string                `json:"description"`
	WhoPayCommission string                `json:"whoPayCommission" schema:"enum=buyer|seller"`
	Payment          *CryptoSteroidPayment `json:"payment" schema:"nullable" doc:"Null until a payment method is chosen"`
	ExternalID       *string               `json:"externalId" schema:"nullable"`
	InvoiceURL       string                `json:"invoiceUrl" doc:"The page where it is paid"`
	ReturnURL        *string               `json:"returnUrl" schema:"nullable"`
	FailReturnURL    *string               `json:"failReturnUrl" schema:"nullable"`
	ProcessingURL    *string               `json:"processingUrl,omitempty" doc:"Shown to the merchant alone"`
	TimeoutSeconds   int64                 `json:"timeoutSeconds" doc:"Until it expires"`
	CreatedAt        string                `json:"createdAt" schema:"format=date-time"`
	ExpiresAt        string                `json:"expiresAt" schema:"format=date-time"`
	UpdatedAt        *string               `json:"updatedAt" schema:"nullable,format=date-time" doc:"Null until something changes"`
	Status           CryptoSteroidStatus   `json:"status"`
}

// CryptoSteroidPayment is how an invoice is paid. Amounts are in the coin's own unit.
type CryptoSteroidPayment struct {
	Method  string             `json:"method"`
	Address string             `json:"address"`
	Amount  string             `json:"amount" doc:"What the buyer pays"`
	Net     string             `json:"net" doc:"Of the amount, what is the merchant's"`
	Fee     string             `json:"fee" doc:"Of the amount, what is commission"`
	Paid    *CryptoSteroidPaid `json:"paid" schema:"nullable" doc:"Null until something was seen"`
}

// CryptoSteroidPaid is what was paid.
type CryptoSteroidPaid struct {
	Hash     []string `json:"hash" doc:"Transactions, in the order they were seen"`
	Received string   `json:"received"`
	Fiat     string   `json:"fiat" doc:"What that pays of fiatAmount"`
	Finished bool     `json:"finished" doc:"Enough is confirmed"`
}

// CryptoSteroidTransaction is a deposit to an address on the wire.
type CryptoSteroidTransaction struct {
	ID         string `json:"id"` // the same whenever the deposit is told
	MerchantID string `json:"merchantId"`
	AddressID  string `json:"addressId"`
	Label      string `json:"label"`
	Identify   string `json:"identify"`
	Currency   string `json:"currency"`
	Network    string `json:"network"`
	Address    string `json:"address"`
	Hash       string `json:"hash"`
	Amount     string `json:"amount"`
	Finished   bool   `json:"finished"` // deep enough
	CreatedAt  string `json:"createdAt"`
}

// CryptoSteroidStatus is a status on the wire.
type CryptoSteroidStatus string

// The statuses on the wire.
const (
	CryptoSteroidNew       CryptoSteroidStatus = "NEW"
	CryptoSteroidWaiting   CryptoSteroidStatus = "WAITING" // something was seen; more of it, or confirmations, are missing
	CryptoSteroidExpired   CryptoSteroidStatus = "EXPIRED"
	CryptoSteroidCancelled CryptoSteroidStatus = "CANCELLED"
	CryptoSteroidPaidUp    CryptoSteroidStatus = "PAID"
)

// Enum lists the statuses for documents.
func (CryptoSteroidStatus) Enum() []string {
	return []string{
		string(CryptoSteroidNew), string(CryptoSteroidWaiting), string(CryptoSteroidExpired),
		string(CryptoSteroidCancelled), string(CryptoSteroidPaidUp),
	}
}

// CryptoSteroidStatusOf answers the status of an invoice on the wire, where too little by the deadline is
// nothing, and an archived invoice is what it was before.
func CryptoSteroidStatusOf(inv invoice.Invoice) CryptoSteroidStatus {
	switch inv.State.Status {
	case invoice.StatusNew:
		return CryptoSteroidNew
	case invoice.StatusPending:
		return CryptoSteroidWaiting
	case invoice.StatusPaidPartial:
		if inv.State.Closed {
			return CryptoSteroidExpired
		}
		return CryptoSteroidWaiting
	case invoice.StatusCompleted:
		return CryptoSteroidPaidUp
	case invoice.StatusExpired:
		return CryptoSteroidExpired
	case invoice.StatusCancelled:
		return CryptoSteroidCancelled
	case invoice.StatusArchived:
	}
	switch {
	case !inv.State.CompletedAt.IsZero():
		return CryptoSteroidPaidUp
	case cancelled(inv.Actions):
		return CryptoSteroidCancelled
	}
	return CryptoSteroidExpired
}

// cancelled says whether the last word on it was to cancel.
func cancelled(actions []invoice.Action) bool {
	out := false
	for _, a := range actions {
		switch a.Kind {
		case invoice.ActionCancel:
			out = true
		case invoice.ActionReopen:
			out = false
		case invoice.ActionComplete, invoice.ActionExpire, invoice.ActionAcceptLate, invoice.ActionArchive:
		}
	}
	return out
}

// Invoice is an invoice as the wire has it at a moment. Only its merchant may see it so: [CryptoSteroidView.Public]
// is for everybody.
func (v CryptoSteroidView) Invoice(inv invoice.Invoice, now time.Time) CryptoSteroidInvoice {
	extra, price := cryptoSteroidExtra(inv), inv.Price
	if inv.Quote != nil {
		price = inv.Quote.Fiat
	}
	out := CryptoSteroidInvoice{
		MerchantID: inv.Project, InvoiceID: inv.ID, FiatAmount: price.Amount.String(), FiatCurrency: price.Currency,
		Description: inv.Name, WhoPayCommission: "seller", Payment: v.payment(inv), ExternalID: orNull(extra.ExternalID),
		InvoiceURL: strings.NewReplacer("{id}", inv.ID, "{merchant}", inv.Project).Replace(v.InvoiceURL),
		ReturnURL:  orNull(extra.ReturnURL), FailReturnURL: orNull(extra.FailReturnURL), ProcessingURL: orNull(inv.CallbackURL),
		TimeoutSeconds: max(0, int64(inv.EffectiveDeadline().Sub(now)/time.Second)),
		CreatedAt:      isoTime(inv.CreatedAt), ExpiresAt: isoTime(inv.EffectiveDeadline()), Status: CryptoSteroidStatusOf(inv),
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

// Public is an invoice as everybody who knows its id may see it: without the URL where the merchant is told.
func (v CryptoSteroidView) Public(inv invoice.Invoice, now time.Time) CryptoSteroidInvoice {
	out := v.Invoice(inv, now)
	out.ProcessingURL = nil
	return out
}

func (v CryptoSteroidView) payment(inv invoice.Invoice) *CryptoSteroidPayment {
	q := inv.Quote
	if q == nil || q.Address == "" {
		return nil
	}
	amount := func(units *big.Int) string { return q.Asset.Decimal(units).String() }
	out := &CryptoSteroidPayment{
		Method: q.Asset.Code, Address: string(q.Address), Amount: amount(q.Due), Net: amount(q.Net()), Fee: amount(q.Fee),
	}
	if m, known := v.method(q.Asset.ID); known {
		out.Method = m.Name
	}
	received := inv.State.Received
	if received == nil || received.Sign() == 0 {
		return out
	}
	out.Paid = &CryptoSteroidPaid{
		Hash: hashes(inv), Received: amount(received), Fiat: paidOf(q.Fiat, received, q.Due),
		Finished: CryptoSteroidStatusOf(inv) == CryptoSteroidPaidUp,
	}
	return out
}

// paidOf is what an amount pays of a price, rounded down to cents: all of it when the amount is what is due.
func paidOf(price invoice.Price, amount, due *big.Int) string {
	if due.Sign() <= 0 {
		return "0.00"
	}
	worth, _ := price.Amount.Mul(decimal.NewFromBigInt(amount, 0)).QuoRem(decimal.NewFromBigInt(due, 0), 2)
	return worth.StringFixed(2)
}

// hashes lists the transactions that paid, each once, in the order they were first seen: the latest of them, when an
// invoice has a long history.
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

// isoTime writes a time as JavaScript does.
func isoTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// CryptoSteroid is the webhooks of the merchant invoices API of CryptoSteroid, "cryptosteroid": an invoice is told
// once, when it is paid, as its merchant sees it. A deposit to an address is told when it is seen and when it is
// deep enough; deposits in assets that are no method are not told. The header Token has the secret that the
// invoice was created with. Anything but the status 200 is tried again, up to ten times in all, over a day.
func CryptoSteroid(view CryptoSteroidView) Format { return cryptoSteroid{view} }

type cryptoSteroid struct{ view CryptoSteroidView }

var _ Ruled = cryptoSteroid{}

func (cryptoSteroid) Name() string { return CryptoSteroidName }

func (f cryptoSteroid) Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	switch {
	case inv.Terms.Standing && (ev.Type == invoice.EventPaymentReceived || ev.Type == invoice.EventDeposit):
		deposit, known := f.transaction(ev, inv)
		return compact(deposit, known)
	case !inv.Terms.Standing && ev.Type == invoice.EventCompleted:
		return compact(f.view.Invoice(inv, ev.At), true)
	}
	return nil, false
}

// transaction is the deposit that an event is about.
func (f cryptoSteroid) transaction(ev invoice.Event, inv invoice.Invoice) (CryptoSteroidTransaction, bool) {
	var body struct {
		Data struct {
			Payment *invoice.PayloadPayment `json:"payment"`
		} `json:"data"`
	}
	if err := json.Unmarshal(ev.Body, &body); err != nil || body.Data.Payment == nil {
		return CryptoSteroidTransaction{}, false
	}
	p := *body.Data.Payment
	m, known := f.view.method(p.Asset)
	units, whole := new(big.Int).SetString(p.Units, 10)
	if !known || !whole || inv.Quote == nil {
		return CryptoSteroidTransaction{}, false
	}
	out := CryptoSteroidTransaction{
		ID: p.TxID, MerchantID: inv.Project, AddressID: inv.ID, Label: inv.Name, Identify: cryptoSteroidExtra(inv).Identify,
		Address: string(inv.Quote.Address), Hash: p.TxID, Amount: m.Asset.Decimal(units).String(),
		Finished: ev.Type == invoice.EventDeposit, CreatedAt: isoTime(p.FirstSeen),
	}
	if p.Index != "" {
		out.ID += ":" + p.Index
	}
	out.Currency, out.Network = m.Currency()
	return out, true
}

// compact writes JSON as browsers do.
func compact(value any, tell bool) ([]byte, bool) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if !tell || enc.Encode(value) != nil {
		return nil, false
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), true
}

// Secret answers what goes into the header Token.
func (cryptoSteroid) Secret(inv invoice.Invoice) string { return inv.Data[cryptoSteroidSecret] }

// Rules implements [Ruled].
func (cryptoSteroid) Rules() Rules {
	return Rules{
		Taken: func(status int) bool { return status == http.StatusOK },
		Schedule: []time.Duration{
			15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
			time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		},
		Sign: func(m invoice.Message, _ string) ([]byte, http.Header, error) {
			if m.Secret == "" {
				return nil, nil, errNoToken
			}
			return m.Body, http.Header{"Token": {m.Secret}}, nil
		},
	}
}

// errNoToken: a message that anybody could have sent is worth nothing to who gets it.
var errNoToken = errors.New("the invoice has no secret for the header Token")
