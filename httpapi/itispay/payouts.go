package itispay

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

// Payouts is the part of a [payout.Service] that the API uses. Its Notifier must have the same [Format].
type Payouts interface {
	Formats() []string
	Request(ctx context.Context, r payout.Request) (payout.Payout, error)
	PayoutByKey(ctx context.Context, project, key string) (payout.Payout, error)
	Balance(ctx context.Context, project string) ([]payout.Balance, error)
	Settlements(ctx context.Context, project string, asset chain.AssetID, line func(by *payout.Payout, l payout.Line) error) ([]payout.Settlement, error)
	SettledBy(ctx context.Context, project, invoiceID string, asset chain.AssetID) (payout.Payout, error)
}

var _ Payouts = (*payout.Service)(nil)

// payoutHeaders holds the parameters of POST /payouts.
type payoutHeaders struct {
	ClientID  string `json:"X-Client-ID" in:"header" schema:"required,maxLength=255"`
	ProjectID string `json:"X-Project-ID" in:"header" schema:"required,maxLength=255"`
}

// payoutRequest is the body of POST /payouts.
type payoutRequest struct {
	Type          string          `json:"type" schema:"required,minLength=1,maxLength=32" doc:"FIAT_PAYOUT or CRYPTO_PAYOUT, in upper or lower case"`
	Fiat          json.RawMessage `json:"fiat" schema:"required" doc:"amount, currency"`
	Crypto        json.RawMessage `json:"crypto" doc:"currency, address, network, amount; required for CRYPTO_PAYOUT. Without amount the value in fiat is converted"`
	Beneficiary   json.RawMessage `json:"beneficiary" doc:"type (individual or business), name, or first_name and last_name, or company_name, iban, bic, country, city, address; required for FIAT_PAYOUT"`
	CallbackURL   string          `json:"callback_url" schema:"format=uri,maxLength=2048" doc:"Where changes of the status are sent"`
	UserID        string          `json:"user_id" schema:"maxLength=255"`
	OrderID       string          `json:"order_id" schema:"maxLength=255" doc:"The same request with the same order_id is one payout"`
	TransactionID string          `json:"transaction_id" schema:"maxLength=255" doc:"The same for requests without order_id"`
	Merchant      string          `json:"merchant" schema:"maxLength=255"`
	Reference     string          `json:"reference" schema:"maxLength=255" doc:"Shown to the receiver of a bank transfer"`
}

// payoutObject is a payout on the wire, in responses and callbacks, in the order of the published sample.
type payoutObject struct {
	ID             string          `json:"id"`
	TransactionID  string          `json:"transaction_id" doc:"That of the request, or id"`
	Type           payoutType      `json:"type"`
	Status         payoutStatus    `json:"status"`
	Amount         string          `json:"amount" doc:"What the receiver gets"`
	Currency       string          `json:"currency"`
	FiatAmount     string          `json:"fiat_amount,omitempty"`
	FiatCurrency   string          `json:"fiat_currency,omitempty"`
	CryptoAmount   string          `json:"crypto_amount,omitempty"`
	CryptoCurrency string          `json:"crypto_currency,omitempty"`
	CryptoAddress  string          `json:"crypto_address,omitempty"`
	Hash           string          `json:"hash,omitempty" doc:"Of the transaction, or the number of the bank transfer, once it is known"`
	QuoteID        string          `json:"quote_id,omitempty" doc:"Of the conversion, if there was one"`
	ExchangeRate   string          `json:"exchange_rate,omitempty" doc:"Fiat per unit of the currency, if there was a conversion"`
	Beneficiary    json.RawMessage `json:"beneficiary,omitempty" doc:"As it was sent"`
	CallbackURL    string          `json:"callback_url,omitempty"`
	Reference      string          `json:"reference,omitempty"`
	UserID         string          `json:"user_id,omitempty"`
	OrderID        string          `json:"order_id,omitempty"`
	Merchant       string          `json:"merchant,omitempty"`
	Fiat           json.RawMessage `json:"fiat,omitempty" doc:"As it was sent, if it has members that this API does not know"`
	Crypto         json.RawMessage `json:"crypto,omitempty" doc:"As it was sent, if it has members that this API does not know"`
	CreatedAt      httpapi.Time    `json:"created_at"`
	UpdatedAt      httpapi.Time    `json:"updated_at"`
}

// payoutType is what a payout is paid in.
type payoutType string

const (
	fiatPayout   payoutType = "FIAT_PAYOUT"
	cryptoPayout payoutType = "CRYPTO_PAYOUT"
)

// Enum returns the types, for the OpenAPI document.
func (payoutType) Enum() []string { return []string{string(fiatPayout), string(cryptoPayout)} }

// payoutStatus is the status of a payout on the wire.
type payoutStatus string

const (
	payoutPending    payoutStatus = "pending"
	payoutProcessing payoutStatus = "processing"
	payoutCompleted  payoutStatus = "completed"
	payoutFailed     payoutStatus = "failed"
	payoutCancelled  payoutStatus = "cancelled"
)

// Enum returns the statuses, for the OpenAPI document.
func (payoutStatus) Enum() []string {
	return []string{string(payoutPending), string(payoutProcessing), string(payoutCompleted), string(payoutFailed), string(payoutCancelled)}
}

// payoutStatusOf returns the status on the wire. No published document has them.
func payoutStatusOf(s payout.Status) payoutStatus {
	switch s {
	case payout.StatusRequested, payout.StatusQueued:
		return payoutPending
	case payout.StatusSigned, payout.StatusSent:
		return payoutProcessing
	case payout.StatusPaid:
		return payoutCompleted
	case payout.StatusFailed, payout.StatusReturned: // the money is back
		return payoutFailed
	case payout.StatusCancelled:
		return payoutCancelled
	}
	return payoutPending
}

// details is what the API keeps with a payout, because its responses and callbacks show it.
type details struct {
	Print         string          `json:"print"` // of the request
	Type          payoutType      `json:"type"`
	TransactionID string          `json:"transaction_id,omitempty"`
	FiatAmount    string          `json:"fiat_amount,omitempty"`
	FiatCurrency  string          `json:"fiat_currency,omitempty"`
	QuoteID       string          `json:"quote_id,omitempty"`
	Rate          string          `json:"rate,omitempty"`
	Beneficiary   json.RawMessage `json:"beneficiary,omitempty"`
	CallbackURL   string          `json:"callback_url,omitempty"`
	Reference     string          `json:"reference,omitempty"`
	UserID        string          `json:"user_id,omitempty"`
	OrderID       string          `json:"order_id,omitempty"`
	Merchant      string          `json:"merchant,omitempty"`
	Fiat          json.RawMessage `json:"fiat,omitempty"`
	Crypto        json.RawMessage `json:"crypto,omitempty"`
	ClientID      string          `json:"client_id,omitempty"`  // header X-Client-ID
	ProjectID     string          `json:"project_id,omitempty"` // header X-Project-ID
}

// dataKey is the key of the details in payout.Request.Data.
const dataKey = "itispay"

// data returns the details as a payout keeps them.
func (d details) data() map[string]string {
	text, _ := encoded(d)
	return map[string]string{dataKey: string(text)}
}

// detailsOf returns the details that a payout keeps; none for one that another API has made.
func detailsOf(data map[string]string) details {
	var d details
	_ = json.Unmarshal([]byte(data[dataKey]), &d) // fails only for what this API has not written
	return d
}

// createPayout makes a payout, or returns the one that the same request made before.
func (a *api) createPayout(r *httpapi.Request) (any, error) {
	var headers payoutHeaders
	if err := r.Bind(&headers); err != nil {
		return nil, err
	}
	var in payoutRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	o, err := readOrder(in)
	if err != nil {
		return nil, err
	}
	o.ClientID, o.ProjectID = headers.ClientID, headers.ProjectID
	key, named := payoutKey(r, in)
	if named {
		stored, err := a.repeated(r.Context(), r.Project.ID, key, o.Print)
		if err == nil || !errors.Is(err, payout.ErrNotFound) {
			return a.shownPayout(stored, err)
		}
	}
	request, names, err := a.payoutOf(r.Context(), o)
	if err != nil {
		return nil, err
	}
	request.Project, request.Key, request.Kind = r.Project.ID, key, payout.KindPayout
	p, err := a.cfg.Payouts.Request(r.Context(), request)
	if _, taken := errors.AsType[*payout.KeyError](err); taken { // the same request at the same time, at another rate
		p, err = a.repeated(r.Context(), r.Project.ID, key, o.Print)
	}
	return a.shownPayout(p, refusedPayout(err, names))
}

func (a *api) shownPayout(p payout.Payout, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return a.cfg.Format.payout(sent{
		p.ID, p.State.Status, p.Asset, p.Asset.Decimal(p.Units), p.To, p.State.TxID, p.CreatedAt, p.UpdatedAt,
	}, detailsOf(p.Data)), nil
}

// repeated returns the payout that the same request has made. It returns payout.ErrNotFound if none has the key, and a
// refusal if the one that has it was another request.
func (a *api) repeated(ctx context.Context, project, key, print string) (payout.Payout, error) {
	p, err := a.cfg.Payouts.PayoutByKey(ctx, project, key)
	switch {
	case err != nil:
		return payout.Payout{}, err
	case detailsOf(p.Data).Print != print:
		return payout.Payout{}, takenKey(p.ID)
	}
	return p, nil
}

func takenKey(id string) error {
	return &refusal{status: http.StatusConflict, body: faultBody{"conflict", "Payout " + id + " was another request with the same order_id, transaction_id or Idempotency-Key."}}
}

// payoutKey returns the key of a payout, and whether the request names it, so that it can be repeated.
func payoutKey(r *httpapi.Request, in payoutRequest) (key string, named bool) {
	switch {
	case in.OrderID != "":
		return keyOf("payout/order", in.OrderID), true
	case in.TransactionID != "":
		return keyOf("payout/transaction", in.TransactionID), true
	}
	return headerKey(r, "payout")
}

// headerKey returns the key of a request that only the header Idempotency-Key names, or one that nothing else has.
func headerKey(r *httpapi.Request, what string) (key string, named bool) {
	if sent := strings.Trim(r.Header.Get("Idempotency-Key"), `"`); sent != "" {
		return keyOf(what+"/key", sent), true
	}
	return keyOf(what, rand.Text()), false
}

// keyOf returns a key of payouts of this API. A name that a key cannot have is replaced by its hash.
func keyOf(what, name string) string {
	const most = 128 // bytes, of the 190 that a key may have
	if len(name) > most || !printable(name) {
		sum := sha256.Sum256([]byte(name))
		name = "sha256:" + hex.EncodeToString(sum[:])
	}
	return "itispay/" + what + "/" + name
}

// sent is what a payout and an event about it have in common.
type sent struct {
	id                   string
	status               payout.Status
	asset                chain.Asset
	amount               decimal.Decimal
	to                   chain.Address
	hash                 string
	createdAt, updatedAt time.Time
}

// typeOf returns the type of a payout that another API has made. Currencies of states have the namespace of ISO 4217.
func typeOf(asset chain.Asset) payoutType {
	if asset.ID.Namespace() == "iso4217" {
		return fiatPayout
	}
	return cryptoPayout
}

// payout returns a payout as it is on the wire.
func (f *Format) payout(p sent, d details) payoutObject {
	out := payoutObject{
		ID: p.id, TransactionID: cmp.Or(d.TransactionID, p.id), Type: cmp.Or(d.Type, typeOf(p.asset)), Status: payoutStatusOf(p.status),
		Amount: p.amount.String(), Currency: f.code(p.asset), FiatAmount: d.FiatAmount, FiatCurrency: d.FiatCurrency,
		Hash: p.hash, QuoteID: d.QuoteID, ExchangeRate: d.Rate, Beneficiary: d.Beneficiary, CallbackURL: d.CallbackURL,
		Reference: d.Reference, UserID: d.UserID, OrderID: d.OrderID, Merchant: d.Merchant, Fiat: d.Fiat, Crypto: d.Crypto,
		CreatedAt: httpapi.Time{Time: p.createdAt}, UpdatedAt: httpapi.Time{Time: p.updatedAt},
	}
	if out.Type == fiatPayout {
		out.Amount, out.Currency = p.amount.StringFixed(int32(p.asset.Decimals)), cmp.Or(d.FiatCurrency, out.Currency)
		out.FiatAmount, out.FiatCurrency = out.Amount, out.Currency
	} else {
		out.CryptoAmount, out.CryptoCurrency, out.CryptoAddress = out.Amount, out.Currency, string(p.to)
	}
	return out
}
