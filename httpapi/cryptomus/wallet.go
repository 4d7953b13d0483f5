package cryptomus

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"rsc.io/qr"
)

// walletRequest is the body of POST /wallet.
type walletRequest struct {
	Currency         string `json:"currency" schema:"required,maxLength=32"`
	Network          string `json:"network" schema:"required,maxLength=64"`
	OrderID          string `json:"order_id" schema:"required,minLength=1,maxLength=100,format=alpha_dash" doc:"Unique among the merchant's invoices and static wallets; if a wallet has it, that is returned"`
	URLCallback      string `json:"url_callback" schema:"minLength=6,maxLength=255,format=uri"`
	FromReferralCode string `json:"from_referral_code" schema:"maxLength=255" doc:"Stored with the wallet, without effect"`
}

// blockRequest is the body of POST /wallet/block-address.
type blockRequest struct {
	UUID    string `json:"uuid" schema:"format=uuid" doc:"Either this or order_id"`
	OrderID string `json:"order_id" schema:"minLength=1,maxLength=100" doc:"Takes precedence over uuid"`
	Refund  *bool  `json:"is_force_refund" doc:"true is refused, because the sender of a payment is no safe receiver"`
}

type walletQRRequest struct {
	UUID string `json:"wallet_address_uuid" schema:"required,format=uuid"`
}

type paymentQRRequest struct {
	UUID string `json:"merchant_payment_uuid" schema:"required,format=uuid"`
}

var (
	walletForm    = formOf[walletRequest]()
	blockForm     = formOf[blockRequest]()
	walletQRForm  = formOf[walletQRRequest]()
	paymentQRForm = formOf[paymentQRRequest]()
)

type walletAnswer struct {
	State  int          `json:"state" doc:"0"`
	Result walletObject `json:"result"`
}

type walletObject struct {
	WalletUUID string `json:"wallet_uuid" doc:"The merchant's wallet for the coin; see the balance"`
	UUID       string `json:"uuid" doc:"Id of the address"`
	Address    string `json:"address"`
	Network    string `json:"network"`
	Currency   string `json:"currency"`
	URL        string `json:"url"`
}

type blockedAnswer struct {
	State  int           `json:"state" doc:"0"`
	Result blockedObject `json:"result"`
}

type blockedObject struct {
	UUID   string       `json:"uuid"`
	Status walletStatus `json:"status"`
}

// walletStatus is the status of a static wallet.
type walletStatus string

// Enum returns the statuses, for the OpenAPI document.
func (walletStatus) Enum() []string { return []string{"blocked", "active", "in_active"} }

type qrAnswer struct {
	State  int     `json:"state" doc:"0"`
	Result qrImage `json:"result"`
}

type qrImage struct {
	Image string `json:"image" doc:"PNG as a data URI"`
}

func (a *api) createWallet(r *httpapi.Request) (any, error) {
	in, err := walletForm.read(r)
	if err != nil {
		return nil, err
	}
	inv, err := a.newWallet(r, in)
	if err != nil {
		first, lookErr := a.cfg.Store.InvoiceByOrder(r.Context(), r.Project.ID, in.OrderID)
		switch {
		case lookErr != nil:
			return nil, err
		case !first.Terms.Standing || first.Format != FormatName:
			return nil, broken("order_id", "unique") // an invoice's, or another API's
		}
		inv = first
	}
	named := a.cfg.Format.named(inv.Quote.Asset)
	return walletAnswer{Result: walletObject{
		WalletUUID: walletID(r.Project.ID, named.Code), UUID: inv.ID, Address: string(inv.Quote.Address),
		Network: named.Network, Currency: named.Code, URL: a.cfg.PageURL(inv),
	}}, nil
}

func (a *api) newWallet(r *httpapi.Request, in walletRequest) (invoice.Invoice, error) {
	coins := a.find(strings.ToUpper(in.Currency), a.network(in.Network))
	if len(coins) == 0 {
		return invoice.Invoice{}, errNoService
	}
	data := map[string]string{}
	if in.FromReferralCode != "" {
		data[dataReferral] = in.FromReferralCode
	}
	inv, err := a.service.CreateStanding(r.Context(), invoice.Deposit{
		Project: r.Project.ID, OrderID: in.OrderID, Asset: string(coins[0].Asset.ID), CallbackURL: in.URLCallback,
		Format: FormatName, Data: data, MaxOpen: a.cfg.MaxDeposits,
	})
	bad, ok := isInvalid(err)
	switch {
	case !ok:
		return inv, a.passing(r.Context(), err)
	case bad.Field == "CallbackURL":
		return inv, broken(fields[bad.Field][0], fields[bad.Field][1])
	case bad.Field == "Asset": // addresses of the network are shared, so none can be a wallet
		return inv, errNoService
	}
	return inv, fmt.Errorf("cryptomus: create wallet: %w", bad) // the configuration's fault
}

func isInvalid(err error) (*invoice.InvalidError, bool) {
	return errors.AsType[*invoice.InvalidError](err)
}

func (a *api) blockWallet(r *httpapi.Request) (any, error) {
	in, err := blockForm.read(r)
	if err != nil {
		return nil, err
	}
	inv, err := a.lookUp(r, in.UUID, in.OrderID)
	switch {
	case errors.Is(err, invoice.ErrNotFound), err == nil && !inv.Terms.Standing:
		return nil, errNoWallet
	case err != nil:
		return nil, err
	case in.Refund != nil && *in.Refund:
		return nil, errForbidden
	}
	act := invoice.Act{Project: r.Project.ID, Invoice: inv.ID, Actor: r.Project.ID, Comment: "block-address"}
	if inv, err = a.service.SetStatus(r.Context(), act, invoice.StatusCancelled); err != nil {
		if _, moved := errors.AsType[*invoice.TransitionError](err); moved { // it is archived
			return blockedAnswer{Result: blockedObject{act.Invoice, "in_active"}}, nil
		}
		return nil, a.passing(r.Context(), err)
	}
	return blockedAnswer{Result: blockedObject{inv.ID, "blocked"}}, nil
}

func (a *api) paymentQR(r *httpapi.Request) (any, error) {
	in, err := paymentQRForm.read(r)
	if err != nil {
		return nil, err
	}
	inv, err := a.byID(r, in.UUID, "", errNoPayment)
	switch {
	case err != nil:
		return nil, err
	case inv.State.Closed: // so that nobody pays twice
		return nil, errClosed
	case inv.Quote == nil:
		return nil, errNotChosen
	}
	return a.qr(inv)
}

func (a *api) walletQR(r *httpapi.Request) (any, error) {
	in, err := walletQRForm.read(r)
	if err != nil {
		return nil, err
	}
	inv, err := ours(a.service.Invoice(r.Context(), r.Project.ID, in.UUID))
	switch {
	case errors.Is(err, invoice.ErrNotFound), err == nil && !inv.Terms.Standing:
		return nil, errNoWallet
	case err != nil:
		return nil, err
	case inv.State.Closed:
		return nil, errBlocked
	}
	return a.qr(inv)
}

// qrScale is the number of pixels per module, half of the encoder's default. Pages enlarge codes without loss.
const qrScale = 4

// qr returns the QR code that a payer's wallet scans.
func (a *api) qr(inv invoice.Invoice) (any, error) {
	uri, err := a.service.PaymentURI(inv)
	if err != nil {
		return nil, fmt.Errorf("cryptomus: QR code: %w", err)
	}
	if uri == "" {
		return nil, errNoQR
	}
	code, err := qr.Encode(uri, qr.M)
	if err != nil {
		return nil, fmt.Errorf("cryptomus: QR code: %w", err)
	}
	code.Scale = qrScale
	return qrAnswer{Result: qrImage{"data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG())}}, nil
}
