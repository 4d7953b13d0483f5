package webhook

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// CryptomusName is the name of the format of [Cryptomus], and the Format of the invoices of that API.
const CryptomusName = "cryptomus"

// CryptomusCurrency is an asset under the names that clients of the Cryptomus API know.
type CryptomusCurrency struct {
	Code    string // "USDT": several assets may have it, on different networks
	Network string // "tron", in lower case
	Asset   chain.Asset
}

var cryptomusNetworks = map[chain.Network]string{
	"eip155:1": "eth", "eip155:10": "optimism", "eip155:56": "bsc", "eip155:137": "polygon", "eip155:8453": "base",
	"eip155:42161": "arbitrum", "eip155:43114": "avalanche", "tron:0x2b6653dc": "tron",
	"bip122:000000000019d6689c085ae165831e93": "btc", "bip122:12a765e31ffd4059bada1e25190f6e98": "ltc",
	"bip122:1a91e3dace36e2be3bf030a65679fe82": "doge", "bip122:000000000000000000651ef99cb9fcbe": "bch",
}

// NewCryptomusCurrency names an asset as the API does: the code is that of the asset up to an underscore, since
// codes here are unique (USDT_TRC20 is USDT), and the network one of eth, optimism, bsc, polygon, base, arbitrum,
// avalanche, tron, btc, ltc, doge and bch. A network that is none of them keeps its CAIP-2 id.
func NewCryptomusCurrency(asset chain.Asset) CryptomusCurrency {
	code, _, _ := strings.Cut(asset.Code, "_")
	network, known := cryptomusNetworks[asset.ID.Network()]
	if !known {
		network = strings.ToLower(string(asset.ID.Network()))
	}
	return CryptomusCurrency{code, network, asset}
}

// CryptomusState is how an invoice stands in the words of the Cryptomus API. It follows from the invoice and from
// nothing else.
type CryptomusState struct {
	Status string
	Final  bool // nothing that comes in time can change it any more
	// What the payer paid, in base units of the quoted asset, of that the commission, rounded up, and the rest,
	// which is the shop's. While the invoice is not final it is what was seen, and then what is confirmed: a shop
	// that credits it never credits what may still vanish. Of a cancelled invoice it is what came all the same,
	// and nothing of it is credited. Never nil.
	Paid, Commission, Credited *big.Int
	// From and TxID are of the payment that was seen last, for display; both empty when there is none.
	From, TxID string
}

// The statuses of the Cryptomus API that an invoice can have. Of the others, refund_process, refund_fail and
// refund_paid need refunds, and system_fail and locked do not happen here.
const (
	CryptomusCheck              = "check"
	CryptomusProcess            = "process"
	CryptomusConfirmCheck       = "confirm_check"
	CryptomusWrongAmountWaiting = "wrong_amount_waiting"
	CryptomusWrongAmount        = "wrong_amount"
	CryptomusPaid               = "paid"
	CryptomusPaidOver           = "paid_over"
	CryptomusFail               = "fail"
	CryptomusCancel             = "cancel"
)

// CryptomusOf answers how an invoice stands. It is pure.
func CryptomusOf(inv invoice.Invoice) CryptomusState {
	s := CryptomusState{Status: cryptomusStatus(inv), Paid: new(big.Int), Commission: new(big.Int), Credited: new(big.Int)}
	switch s.Status {
	case CryptomusPaid, CryptomusPaidOver, CryptomusWrongAmount, CryptomusFail, CryptomusCancel:
		s.Final = true
	}
	paid := inv.State.Received
	if s.Final && s.Status != CryptomusCancel {
		paid = inv.State.Confirmed
	}
	if paid != nil {
		s.Paid.Set(paid)
	}
	if s.Status != CryptomusCancel {
		if inv.Quote != nil && inv.Quote.Due.Sign() > 0 {
			s.Commission = inv.Quote.CommissionUp(s.Paid)
		}
		s.Credited.Sub(s.Paid, s.Commission)
	}
	if i := latestPayment(inv.Payments); i >= 0 {
		s.From, s.TxID = string(inv.Payments[i].From), inv.Payments[i].Key.TxID
	}
	return s
}

// cryptomusStatus is the table from the core's statuses and remarks to those of the API.
func cryptomusStatus(inv invoice.Invoice) string {
	s := inv.State
	switch s.Status {
	case invoice.StatusNew:
		if slices.ContainsFunc(inv.Payments, func(p invoice.Payment) bool { return waitsForValue(inv, p) }) {
			return CryptomusProcess
		}
		return CryptomusCheck
	case invoice.StatusPending:
		return CryptomusConfirmCheck
	case invoice.StatusPaidPartial:
		switch {
		case s.PartialConfirmed():
			return CryptomusWrongAmount
		case s.Closed: // what was seen may still vanish
			return CryptomusConfirmCheck
		}
		return CryptomusWrongAmountWaiting
	case invoice.StatusCompleted:
		return cryptomusPaid(inv)
	case invoice.StatusExpired, invoice.StatusCancelled:
		return CryptomusCancel
	case invoice.StatusArchived:
		switch {
		case !s.CompletedAt.IsZero():
			return cryptomusPaid(inv)
		case s.Counted != nil && s.Counted.Sign() > 0:
			return CryptomusWrongAmount
		}
		return CryptomusCancel
	}
	return CryptomusProcess
}

// waitsForValue says whether money was seen in another asset that no rate could be found for yet.
func waitsForValue(inv invoice.Invoice, p invoice.Payment) bool {
	return inv.Quote != nil && !p.Withdrawn && !p.Dust && p.Credit == nil && p.Asset.Network() == inv.Network()
}

// cryptomusPaid tells too much from enough in amounts of eight decimals, as the API shows them: who pays what was
// shown, which is rounded up, has paid exactly.
func cryptomusPaid(inv invoice.Invoice) string {
	switch q := inv.Quote; {
	case inv.State.Outcome.Has(invoice.OutcomeReverted):
		return CryptomusFail
	case q != nil && inv.State.Outcome.Has(invoice.OutcomeOver) &&
		q.Asset.Decimal(inv.State.Received).RoundDown(8).GreaterThan(q.Asset.Decimal(q.Due).RoundUp(8)):
		return CryptomusPaidOver
	}
	return CryptomusPaid
}

// latestPayment is the payment that was seen last, is still there and decides something, or -1.
func latestPayment(payments []invoice.Payment) int {
	at := -1
	for i, p := range payments {
		if !p.Withdrawn && !p.Dust && (at < 0 || !p.FirstSeen.Before(payments[at].FirstSeen)) {
			at = i
		}
	}
	return at
}

// CryptomusUSD is what an amount of the quoted asset is worth in US dollars at the rate of the quote, rounded down
// to cents; false when the quote was not made in dollars.
func CryptomusUSD(inv invoice.Invoice, units *big.Int) (decimal.Decimal, bool) {
	q := inv.Quote
	if q == nil || q.Rate.Pair.Quote != "USD" {
		return decimal.Zero, false
	}
	return q.Asset.Decimal(units).Mul(q.Rate.Value).RoundDown(2), true
}

// Cryptomus is the webhook of the Cryptomus API, "cryptomus", with the signature in the body; it needs the
// project's key "payment" ([Rules]). Told are the changes to confirm_check, paid, paid_over, wrong_amount, cancel
// and fail, and what the chain then does to the money of a paid invoice; and of static wallets each deposit that
// is deep enough, with a UUID of its own, and a deposit that vanishes after it was seen, as fail. Not told are
// deposits in another asset than the wallet is for, since receivers tend to look at the amount alone, and
// those that came after the wallet was blocked, and less than the floor of the asset: they are on record.
//
// Amounts have eight decimals: what a payer owes and the commission are rounded up, what was paid and is credited
// down. payment_amount_usd is null unless the quote was made in dollars. An asset that is not among the
// currencies is named as [NewCryptomusCurrency] does.
func Cryptomus(currencies ...CryptomusCurrency) Format { return cryptomus{slices.Clone(currencies)} }

type cryptomus struct{ currencies []CryptomusCurrency }

var _ Ruled = cryptomus{}

func (cryptomus) Name() string { return CryptomusName }

// Rules implements [Ruled].
func (cryptomus) Rules() Rules {
	return Rules{
		Key:   "payment",
		Taken: func(status int) bool { return status >= 200 && status <= 299 },
		Sign: func(m invoice.Message, key string) ([]byte, http.Header, error) {
			body, err := SignCryptomus(m.Body, key)
			return body, nil, err
		},
	}
}

// CryptomusSignature is the signature of a body: the MD5 of its base64 followed by the key.
func CryptomusSignature(body []byte, key string) string {
	sum := md5.Sum([]byte(base64.StdEncoding.EncodeToString(body) + key))
	return hex.EncodeToString(sum[:])
}

// SignCryptomus puts the signature of a JSON object into it, as its last member.
func SignCryptomus(body []byte, key string) ([]byte, error) {
	if len(body) < 3 || body[0] != '{' || body[len(body)-1] != '}' {
		return nil, errors.New("webhook: sign for cryptomus: not an object with members")
	}
	if key == "" {
		return nil, errors.New("webhook: sign for cryptomus: the project has no such key")
	}
	out := slices.Clone(body[:len(body)-1])
	return fmt.Appendf(out, `,"sign":"%s"}`, CryptomusSignature(body, key)), nil
}

func (f cryptomus) Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	if inv.Terms.Standing {
		return f.deposit(ev, inv)
	}
	state := CryptomusOf(inv)
	if !cryptomusTells(ev, inv, state.Status) {
		return nil, false
	}
	var p phpObject
	p.text("type", "payment")
	p.text("uuid", inv.ID)
	p.text("order_id", inv.OrderID)
	p.text("amount", inv.Price.Amount.RoundUp(8).StringFixed(8))
	f.amounts(&p, inv, state)
	p.flag("is_final", state.Final)
	p.text("status", state.Status)
	p.orNull("from", state.From)
	p.null("wallet_address_uuid")
	currency := f.code(inv.Price.Currency)
	if q := inv.Quote; q != nil {
		named := f.named(q.Asset)
		p.text("network", named.Network)
		p.text("currency", currency)
		p.text("payer_currency", named.Code)
		p.text("payer_amount", q.Asset.Decimal(q.Due).RoundUp(8).StringFixed(8))
		p.text("payer_amount_exchange_rate", exchangeRate(inv).String())
	} else {
		p.null("network")
		p.text("currency", currency)
		p.null("payer_currency")
		p.null("payer_amount")
		p.null("payer_amount_exchange_rate")
	}
	p.null("transfer_id")
	p.orNull("additional_data", inv.Data["additional_data"])
	if state.TxID != "" {
		p.text("txid", state.TxID)
	}
	return p.end(), true
}

func (f cryptomus) amounts(p *phpObject, inv invoice.Invoice, state CryptomusState) {
	var asset chain.Asset
	if inv.Quote != nil {
		asset = inv.Quote.Asset
	}
	p.text("payment_amount", asset.Decimal(state.Paid).RoundDown(8).StringFixed(8))
	if usd, known := CryptomusUSD(inv, state.Paid); known {
		p.text("payment_amount_usd", usd.StringFixed(2))
	} else {
		p.null("payment_amount_usd")
	}
	p.text("merchant_amount", asset.Decimal(state.Credited).RoundDown(8).StringFixed(8))
	p.text("commission", asset.Decimal(state.Commission).RoundUp(8).StringFixed(8))
}

// exchangeRate is what one unit of the payer's currency costs in the invoice's.
func exchangeRate(inv invoice.Invoice) decimal.Decimal {
	if q := inv.Quote; inv.Price.Currency != q.Asset.Code {
		return q.Rate.Value
	}
	return decimal.NewFromInt(1) // the price is in the asset itself
}

// cryptomusTells says which events are told: those that change the status in the words of the API, to one that
// its documentation lists.
func cryptomusTells(ev invoice.Event, inv invoice.Invoice, status string) bool {
	settled := ev.To == invoice.StatusCompleted && inv.State.Status == invoice.StatusCompleted
	switch ev.Type {
	case invoice.EventPending, invoice.EventPaidPartial, invoice.EventCompleted, invoice.EventExpired, invoice.EventCancelled,
		invoice.EventClosed, invoice.EventConfirmed, invoice.EventReverted, invoice.EventRestored:
		return status != CryptomusCheck && status != CryptomusProcess && status != CryptomusWrongAmountWaiting
	case invoice.EventPaymentReceived:
		return settled && status == CryptomusPaidOver
	case invoice.EventPaymentLost, invoice.EventRevalued: // of what was too much; EventReverted tells of the rest
		return settled && status != CryptomusFail
	case invoice.EventCreated, invoice.EventAssetChosen, invoice.EventReopened, invoice.EventArchived, invoice.EventDeposit:
	}
	return false
}

// deposit tells of money on a static wallet.
func (f cryptomus) deposit(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	status := CryptomusPaid
	switch ev.Type {
	case invoice.EventDeposit:
	case invoice.EventPaymentLost:
		status = CryptomusFail
	default:
		return nil, false
	}
	p, found := eventPayment(ev, inv)
	if !found || p.Dust || p.Asset != inv.Quote.Asset.ID || afterBlock(inv, p) {
		return nil, false
	}
	asset, named := inv.Quote.Asset, f.named(inv.Quote.Asset)
	amount := asset.Decimal(p.Units).RoundDown(8).StringFixed(8)
	var out phpObject
	out.text("type", "wallet")
	out.text("uuid", depositID(p))
	out.text("order_id", inv.OrderID)
	out.text("amount", amount)
	out.text("payment_amount", amount)
	out.null("payment_amount_usd")
	out.text("merchant_amount", amount)
	out.text("commission", decimal.Zero.StringFixed(8))
	out.flag("is_final", true)
	out.text("status", status)
	out.orNull("from", string(p.From))
	out.text("wallet_address_uuid", inv.ID)
	out.text("network", named.Network)
	out.text("currency", named.Code)
	out.text("payer_currency", named.Code)
	out.text("payer_amount", amount)
	out.text("payer_amount_exchange_rate", "1")
	out.null("transfer_id")
	out.orNull("additional_data", inv.Data["additional_data"])
	out.text("txid", p.Key.TxID)
	return out.end(), true
}

// eventPayment is the payment that an event is about.
func eventPayment(ev invoice.Event, inv invoice.Invoice) (invoice.Payment, bool) {
	var body invoice.Payload
	if err := json.Unmarshal(ev.Body, &body); err != nil || body.Data.Payment == nil {
		return invoice.Payment{}, false
	}
	told := body.Data.Payment
	for _, p := range inv.Payments {
		if p.Key.TxID == told.TxID && p.Key.Index == told.Index && p.Asset == told.Asset {
			return p, true
		}
	}
	return invoice.Payment{}, false
}

// afterBlock says whether a deposit was first seen after the shop wanted no more.
func afterBlock(inv invoice.Invoice, p invoice.Payment) bool {
	if inv.State.Status != invoice.StatusCancelled && inv.State.Status != invoice.StatusArchived {
		return false
	}
	for _, a := range slices.Backward(inv.Actions) {
		if a.Kind == invoice.ActionCancel {
			return p.FirstSeen.After(a.At)
		}
	}
	return true
}

// depositID is the UUID (version 8 of RFC 9562) of a deposit: the same whenever it is told, and no other's.
func depositID(p invoice.Payment) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"deposit", p.Invoice, string(p.Key.Network), p.Key.TxID, p.Key.Index}, "\n")))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (f cryptomus) named(asset chain.Asset) CryptomusCurrency {
	for _, c := range f.currencies {
		if c.Asset.ID == asset.ID {
			return c
		}
	}
	return NewCryptomusCurrency(asset)
}

// code is how the currency of a price is called: a fiat code is called what it is.
func (f cryptomus) code(currency string) string {
	for _, c := range f.currencies {
		if c.Asset.Code == currency {
			return c.Code
		}
	}
	code, _, _ := strings.Cut(currency, "_")
	return code
}

// phpObject writes a JSON object as PHP's json_encode does with JSON_UNESCAPED_UNICODE: receivers decode it, encode
// it again and compare signatures, so that every byte counts. Strings alone are escaped: a number would have to
// survive PHP's floats.
type phpObject struct{ buf []byte }

func (p *phpObject) name(name string) {
	sep := byte(',')
	if p.buf == nil {
		sep = '{'
	}
	p.buf = append(appendPHP(append(p.buf, sep), name), ':')
}

func (p *phpObject) text(name, value string) {
	p.name(name)
	p.buf = appendPHP(p.buf, value)
}

func (p *phpObject) null(name string) {
	p.name(name)
	p.buf = append(p.buf, "null"...)
}

func (p *phpObject) orNull(name, value string) {
	if value == "" {
		p.null(name)
		return
	}
	p.text(name, value)
}

func (p *phpObject) flag(name string, value bool) {
	p.name(name)
	p.buf = strconv.AppendBool(p.buf, value)
}

func (p *phpObject) end() []byte { return append(p.buf, '}') }

// appendPHP writes a string: '/' is escaped, and so are U+2028 and U+2029, which some JavaScript takes for the end of a line;
// everything else beyond ASCII is not. What is no UTF-8 becomes U+FFFD, as PHP would refuse it.
func appendPHP(buf []byte, s string) []byte {
	buf = append(buf, '"')
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch r {
		case '"', '\\', '/':
			buf = append(buf, '\\', byte(r))
		case '\b':
			buf = append(buf, `\b`...)
		case '\f':
			buf = append(buf, `\f`...)
		case '\n':
			buf = append(buf, `\n`...)
		case '\r':
			buf = append(buf, `\r`...)
		case '\t':
			buf = append(buf, `\t`...)
		case '\u2028', '\u2029':
			buf = fmt.Appendf(buf, `\u%04x`, r)
		default:
			if r < ' ' {
				buf = fmt.Appendf(buf, `\u%04x`, r)
			} else {
				buf = append(buf, string(r)...)
			}
		}
	}
	return append(buf, '"')
}

// CryptomusTest is a webhook that reports nothing, for trying a receiver out. It is marked by the member is_test,
// which no other webhook has, and all its amounts are 1.
type CryptomusTest struct {
	Type          string // "payment" or "wallet"
	UUID, OrderID string
	Status        string // any of the API's
	Currency      CryptomusCurrency
}

// Body is what is posted, once it is signed by [SignCryptomus].
func (t CryptomusTest) Body() []byte {
	final := !slices.Contains([]string{CryptomusCheck, CryptomusProcess, CryptomusConfirmCheck, CryptomusWrongAmountWaiting, "refund_process"}, t.Status)
	const one = "1.00000000"
	var p phpObject
	p.text("type", t.Type)
	p.text("uuid", t.UUID)
	p.text("order_id", t.OrderID)
	p.text("amount", one)
	p.text("payment_amount", one)
	p.null("payment_amount_usd")
	p.text("merchant_amount", one)
	p.text("commission", "0.00000000")
	p.flag("is_final", final)
	p.text("status", t.Status)
	p.null("from")
	if t.Type == "wallet" {
		p.text("wallet_address_uuid", t.UUID)
	} else {
		p.null("wallet_address_uuid")
	}
	p.text("network", t.Currency.Network)
	p.text("currency", t.Currency.Code)
	p.text("payer_currency", t.Currency.Code)
	p.text("payer_amount", one)
	p.text("payer_amount_exchange_rate", "1")
	p.null("transfer_id")
	p.null("additional_data")
	p.flag("is_test", true)
	return p.end()
}
