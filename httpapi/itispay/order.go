package itispay

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// order is a request for a payout, read but not yet priced.
type order struct {
	details
	value  decimal.Decimal // in FiatCurrency
	crypto cryptoPart
	iban   string
	who    payout.Beneficiary
}

// cryptoPart is the object crypto of a request.
type cryptoPart struct {
	currency, network, address string
	amount                     *httpapi.Number // nil: what the value in fiat buys
}

// readOrder reads the objects of a request. No published document describes their members, so that those in the two
// spellings that are known are accepted, and all others are kept.
func readOrder(in payoutRequest) (*order, error) {
	o := &order{details: details{
		Type: payoutType(strings.ToUpper(in.Type)), TransactionID: in.TransactionID, CallbackURL: in.CallbackURL,
		Reference: in.Reference, UserID: in.UserID, OrderID: in.OrderID, Merchant: in.Merchant,
	}}
	if o.Type != cryptoPayout && o.Type != fiatPayout {
		return nil, &httpapi.FieldError{Field: "type", Reason: "must be CRYPTO_PAYOUT or FIAT_PAYOUT"}
	}
	in.Type = string(o.Type)
	said, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("itispay: print a request: %w", err)
	}
	sum := sha256.Sum256(said)
	o.Print = hex.EncodeToString(sum[:])
	if err := o.readFiat(in.Fiat); err != nil {
		return nil, err
	}
	if err := o.readCrypto(in.Crypto); err != nil {
		return nil, err
	}
	return o, o.readBeneficiary(in.Beneficiary)
}

func (o *order) readFiat(raw json.RawMessage) error {
	p, err := readPart("fiat", raw)
	if err != nil {
		return err
	}
	amount, err := p.amount()
	if err != nil {
		return err
	}
	currency, err := p.text("currency")
	switch {
	case err != nil:
		return err
	case amount == nil:
		return p.refuse("amount", "is required")
	case currency == "" || len(currency) > 16 || !printable(currency):
		return p.refuse("currency", "is required, as a code")
	}
	o.value, o.FiatCurrency, o.Fiat = amount.Decimal, strings.ToUpper(currency), p.unknown(raw)
	return nil
}

func (o *order) readCrypto(raw json.RawMessage) (err error) {
	p, err := readPart("crypto", raw)
	if err != nil {
		return err
	}
	c := &o.crypto
	err = p.texts([]member{
		{&c.currency, []string{"currency"}}, {&c.network, []string{"network"}}, {&c.address, []string{"address", "crypto_address", "cryptoAddress"}},
	})
	if err != nil {
		return err
	}
	if c.amount, err = p.amount(); err != nil {
		return err
	}
	o.Crypto = p.unknown(raw)
	switch {
	case o.Type != cryptoPayout:
		return nil
	case c.currency == "":
		return p.refuse("currency", "is required")
	case c.address == "":
		return p.refuse("address", "is required")
	}
	return nil
}

func (o *order) readBeneficiary(raw json.RawMessage) error {
	p, err := readPart("beneficiary", raw)
	if err != nil {
		return err
	}
	var kind, company, first, last string
	err = p.texts([]member{
		{&kind, []string{"type"}}, {&o.who.Name, []string{"name"}}, {&company, []string{"company_name", "companyName"}},
		{&first, []string{"first_name", "firstName"}}, {&last, []string{"last_name", "lastName"}}, {&o.iban, []string{"iban"}},
		{&o.who.BIC, []string{"bic"}}, {&o.who.Country, []string{"country"}}, {&o.who.Town, []string{"city", "town"}}, {&o.who.Address, []string{"address"}},
	})
	if err != nil {
		return err
	}
	o.Beneficiary = raw
	o.who.Name = cmp.Or(o.who.Name, company, strings.TrimSpace(first+" "+last))
	o.who.Business = strings.EqualFold(kind, "business") || company != ""
	o.who.Reference = o.Reference
	if o.Type != fiatPayout {
		return nil
	}
	switch {
	case o.iban == "":
		return p.refuse("iban", "is required")
	case o.who.Name == "":
		return p.refuse("name", "is required")
	}
	return nil
}

// part is an object within a request.
type part struct {
	name    string
	members map[string]json.RawMessage
	known   []string // names that the API has asked for
}

// readPart reads an object. One that is absent has no members.
func readPart(name string, raw json.RawMessage) (*part, error) {
	p := &part{name: name}
	if len(raw) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(raw, &p.members); err != nil {
		return nil, &httpapi.FieldError{Field: name, Reason: "must be an object"}
	}
	return p, nil
}

func (p *part) refuse(member, reason string) error {
	return &httpapi.FieldError{Field: p.name + "." + member, Reason: reason}
}

// text returns a text that has one of the names; "" if none is there.
func (p *part) text(names ...string) (out string, err error) {
	p.known = append(p.known, names...)
	for _, name := range names {
		raw := p.members[name]
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		var text string
		switch {
		case json.Unmarshal(raw, &text) != nil:
			return "", p.refuse(name, "must be a string")
		case !clean(text):
			return "", p.refuse(name, "must be text without control characters")
		case out != "" && text != "" && text != out:
			return "", p.refuse(name, "differs from "+names[0])
		case text != "":
			out = text
		}
	}
	return out, nil
}

// member is a text of an object, and the names that it may have.
type member struct {
	into  *string
	names []string
}

// texts reads several texts.
func (p *part) texts(members []member) (err error) {
	for _, m := range members {
		if *m.into, err = p.text(m.names...); err != nil {
			return err
		}
	}
	return nil
}

// amount returns the member amount, or nil if it is not there.
func (p *part) amount() (*httpapi.Number, error) {
	p.known = append(p.known, "amount")
	raw := p.members["amount"]
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return nil, nil
	}
	var n httpapi.Number
	if n.UnmarshalJSON(raw) != nil || !n.IsPositive() {
		return nil, p.refuse("amount", "must be a decimal number of more than 0")
	}
	return &n, nil
}

// unknown returns the object if it has a member that the API does not know, and so would be lost otherwise.
func (p *part) unknown(raw json.RawMessage) json.RawMessage {
	for name := range p.members {
		if !slices.Contains(p.known, name) {
			return raw
		}
	}
	return nil
}

// payoutOf returns the request for the payout, and the names on the wire of the fields that may be refused.
func (a *api) payoutOf(ctx context.Context, o *order) (r payout.Request, names map[string]string, err error) {
	names = map[string]string{
		"CallbackURL": "callback_url", "Name": "merchant", "Comment": "reference", "Data": "what is to be kept",
		"Beneficiary.Name": "beneficiary.name", "Beneficiary.BIC": "beneficiary.bic", "Beneficiary.Country": "beneficiary.country",
		"Beneficiary.Town": "beneficiary.city", "Beneficiary.Address": "beneficiary.address", "Beneficiary.Reference": "reference",
	}
	r = payout.Request{CallbackURL: o.CallbackURL, Format: FormatName, Name: o.Merchant, Comment: o.Reference}
	decimals, known := a.service.FiatDecimals(o.FiatCurrency)
	if o.FiatAmount = o.value.String(); known {
		o.value = httpapi.Number{Decimal: o.value}.Meant(decimals).Decimal
		o.FiatAmount = o.value.StringFixed(max(decimals, -o.value.Exponent()))
	}
	if o.Type == fiatPayout {
		err = a.toBank(o, &r, names)
	} else {
		err = a.toWallet(ctx, o, &r, names)
	}
	r.Data = o.data()
	return r, names, err
}

// toBank completes the request for a payout to a bank account.
func (a *api) toBank(o *order, r *payout.Request, names map[string]string) error {
	names["Asset"], names["To"], names["Units"] = "fiat.currency", "beneficiary.iban", "fiat.amount"
	if a.cfg.Fiat == nil {
		return &httpapi.FieldError{Field: "type", Reason: "FIAT_PAYOUT is not served here"}
	}
	asset, known := a.cfg.Fiat(o.FiatCurrency)
	if !known {
		return &httpapi.FieldError{Field: "fiat.currency", Reason: "is not supported"}
	}
	r.Asset, r.To, r.Units, r.Beneficiary = asset, o.iban, o.value, &o.who
	return nil
}

// toWallet completes the request for a payout in cryptocurrency.
func (a *api) toWallet(ctx context.Context, o *order, r *payout.Request, names map[string]string) error {
	names["Asset"], names["To"], names["Units"] = "crypto.currency", "crypto.address", "crypto.amount"
	asset, err := a.payoutAsset(o.crypto)
	if err != nil {
		return err
	}
	r.Asset, r.To = asset.ID, o.crypto.address
	if o.Beneficiary != nil {
		r.Beneficiary = &o.who
	}
	if o.crypto.amount != nil {
		r.Units = o.crypto.amount.Meant(int32(asset.Decimals)).Decimal
		return nil
	}
	names["Units"] = "fiat.amount"
	r.Units, err = a.convert(ctx, o, asset)
	return err
}

// payoutAsset returns the asset of a payout. The currency is a code of the API or, if the network is given too, that of the
// asset.
func (a *api) payoutAsset(c cryptoPart) (invoice.AssetConfig, error) {
	var found []currency
	for _, one := range a.currencies {
		network, _ := a.service.Chain(one.asset.ID.Network())
		named := strings.EqualFold(one.Code, c.currency) || c.network != "" && strings.EqualFold(one.asset.Code, c.currency)
		on := c.network == "" || slices.ContainsFunc([]string{one.Network, network.Name, string(one.asset.ID.Network())}, func(name string) bool {
			return strings.EqualFold(name, c.network)
		})
		if one.Code == c.currency && on {
			return one.asset, nil
		}
		if named && on {
			found = append(found, one)
		}
	}
	switch len(found) {
	case 0:
		return invoice.AssetConfig{}, &httpapi.FieldError{Field: "crypto.currency", Reason: "is not supported" + onNetwork(c.network)}
	case 1:
		return found[0].asset, nil
	}
	return invoice.AssetConfig{}, &httpapi.FieldError{Field: "crypto.currency", Reason: "could be one of several" + onNetwork(c.network)}
}

func onNetwork(name string) string {
	if name == "" {
		return ""
	}
	return " on this network"
}

// convert returns how much of an asset the value of an order buys, rounded down, and notes the rate.
func (a *api) convert(ctx context.Context, o *order, asset invoice.AssetConfig) (decimal.Decimal, error) {
	decimals, known := a.service.FiatDecimals(o.FiatCurrency)
	switch {
	case !known:
		return decimal.Decimal{}, &httpapi.FieldError{Field: "fiat.currency", Reason: "is not supported"}
	case !o.value.Equal(o.value.Truncate(decimals)):
		return decimal.Decimal{}, &httpapi.FieldError{Field: "fiat.amount", Reason: fmt.Sprintf("must have at most %d decimals", decimals)}
	}
	for _, rate := range a.service.FiatRates(ctx, string(asset.ID)) {
		if rate.Pair.Quote != o.FiatCurrency {
			continue
		}
		amount, _ := o.value.QuoRem(rate.Value, int32(asset.Decimals))
		if amount.IsZero() {
			return decimal.Decimal{}, &httpapi.FieldError{Field: "fiat.amount", Reason: "is too small"}
		}
		o.Rate, o.QuoteID = rate.Value.String(), newQuoteID()
		return amount, nil
	}
	return decimal.Decimal{}, fmt.Errorf("itispay: convert %s: %w", o.FiatCurrency, rates.ErrNoRate)
}

// newQuoteID returns a random UUID (version 4 of RFC 9562).
func newQuoteID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
