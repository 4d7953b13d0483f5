package cryptosteroid

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"rsc.io/qr"
)

// walletPath holds the parameters of POST /merchants/{merchant}/wallets/{wallet}/address.
type walletPath struct {
	Merchant string `json:"merchant" in:"path" schema:"required,format=uuid"`
	Wallet   string `json:"wallet" in:"path" schema:"required,format=uuid" doc:"The merchant's wallet for one payment method"`
}

// addressPath holds the parameters of DELETE /merchants/{merchant}/wallets/{wallet}/address/{id}.
type addressPath struct {
	Merchant string `json:"merchant" in:"path" schema:"required,format=uuid"`
	Wallet   string `json:"wallet" in:"path" schema:"required,format=uuid"`
	ID       string `json:"id" in:"path" schema:"required,format=uuid"`
}

// addressRequest is the body of POST /merchants/{merchant}/wallets/{wallet}/address.
type addressRequest struct {
	Label    string `json:"label" schema:"required,minLength=1,maxLength=255"`
	Callback string `json:"callback" schema:"format=uri,maxLength=2048" doc:"URL of the webhooks that report each deposit when it is seen and when it has enough confirmations"`
	Token    string `json:"token" schema:"maxLength=255" doc:"Sent in the header Token of the webhooks; required with callback"`
	Identify string `json:"identify" schema:"maxLength=255" doc:"The merchant's own id of the payer, sent with each deposit"`
}

// depositAddress is an address for deposits on the wire.
type depositAddress struct {
	ID               string         `json:"id" doc:"Id for archiving the address"`
	Currency         string         `json:"currency"`
	Network          string         `json:"network"`
	Address          string         `json:"address"`
	QR               string         `json:"qr" doc:"PNG of a QR code of the address, as a data URI"`
	CreatedAt        int64          `json:"createdAt" doc:"Milliseconds since 1970"`
	Status           addressStatus  `json:"status"`
	MinPaymentAmount httpapi.Number `json:"minPaymentAmount"`
}

// archivedAddress is the response to archiving an address.
type archivedAddress struct {
	Archived bool          `json:"archived"`
	Status   addressStatus `json:"status"`
}

// addressStatus is the status of an address.
type addressStatus string

const (
	statusListen  addressStatus = "listen"  // deposits are expected
	statusArchive addressStatus = "archive" // deposits are no longer expected
)

// Enum returns the statuses, for the OpenAPI document.
func (addressStatus) Enum() []string { return []string{string(statusListen), string(statusArchive)} }

// errTooManyAddresses refuses an address because the merchant has Config.MaxDeposits open ones.
var errTooManyAddresses = errors.New("cryptosteroid: too many addresses are open")

func (a *api) createAddress(r *httpapi.Request) (any, error) {
	var path walletPath
	if err := r.Bind(&path); err != nil {
		return nil, err
	}
	m, err := a.wallet(r, path.Merchant, path.Wallet)
	if err != nil {
		return nil, err
	}
	var in addressRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if err := firstError(
		checkText("label", in.Label), checkText("identify", in.Identify), checkSecret("token", in.Token, "callback", in.Callback),
	); err != nil {
		return nil, err
	}
	extra := extra{Identify: in.Identify}
	if in.Callback != "" {
		extra.Secret = in.Token
	}
	inv, err := a.service.CreateStanding(r.Context(), invoice.Deposit{
		Project: path.Merchant, Name: in.Label, Asset: string(m.Asset.ID), CallbackURL: in.Callback,
		Format: FormatName, Data: extra.data(), MaxOpen: a.cfg.MaxDeposits,
	})
	if errors.Is(err, invoice.ErrTooManyNew) {
		return nil, fmt.Errorf("%w: %w", errTooManyAddresses, err)
	}
	if err != nil {
		return nil, translatedAddress(err)
	}
	return a.deposit(m, inv)
}

func (a *api) deposit(m Method, inv invoice.Invoice) (depositAddress, error) {
	least := a.assets[m.Name].Minimum
	if least.IsZero() {
		least = decimal.New(1, -int32(m.Asset.Decimals))
	}
	out := depositAddress{
		ID: inv.ID, Address: string(inv.Quote.Address), CreatedAt: inv.CreatedAt.UnixMilli(),
		Status: statusListen, MinPaymentAmount: httpapi.Number{Decimal: least},
	}
	out.Currency, out.Network = m.Currency()
	code, err := qr.Encode(out.Address, qr.M)
	if err != nil {
		return out, fmt.Errorf("cryptosteroid: QR code: %w", err)
	}
	code.Scale = 4 // pixels per module, which pages enlarge without loss
	out.QR = "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG())
	return out, nil
}

func (a *api) archiveAddress(r *httpapi.Request) (any, error) {
	var path addressPath
	if err := r.Bind(&path); err != nil {
		return nil, err
	}
	m, err := a.wallet(r, path.Merchant, path.Wallet)
	if err != nil {
		return nil, err
	}
	inv, err := a.service.Invoice(r.Context(), path.Merchant, path.ID)
	if err != nil {
		return nil, err
	}
	if inv.Format != FormatName || !inv.Terms.Standing || inv.Quote.Asset.ID != m.Asset.ID {
		return nil, fmt.Errorf("cryptosteroid: no address of the wallet: %w", invoice.ErrNotFound)
	}
	if inv.State.Status == invoice.StatusNew {
		act := invoice.Act{Project: path.Merchant, Invoice: path.ID, Actor: path.Merchant}
		if _, err := a.service.SetStatus(r.Context(), act, invoice.StatusCancelled); err != nil {
			return nil, translatedAddress(err)
		}
	}
	return archivedAddress{true, statusArchive}, nil
}
