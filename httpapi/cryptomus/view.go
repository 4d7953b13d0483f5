package cryptomus

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// paymentObject is an invoice on the wire, in the order of the published samples. Members that may be omitted are absent in
// the response to create.
type paymentObject struct {
	UUID             string   `json:"uuid"`
	OrderID          string   `json:"order_id"`
	Amount           string   `json:"amount"`
	PaymentAmount    *string  `json:"payment_amount" schema:"nullable" doc:"Amount paid, rounded down; the confirmed amount once the invoice is final"`
	PayerAmount      *string  `json:"payer_amount" schema:"nullable" doc:"Amount due, rounded up"`
	DiscountPercent  *int64   `json:"discount_percent" schema:"nullable"`
	Discount         string   `json:"discount" doc:"In the payer's currency, rounded towards zero"`
	PayerCurrency    *string  `json:"payer_currency" schema:"nullable"`
	Currency         string   `json:"currency"`
	Comments         **string `json:"comments,omitempty" schema:"nullable" doc:"Always null"`
	MerchantAmount   *string  `json:"merchant_amount" schema:"nullable" doc:"Amount paid, or due while nothing is paid, less the commission, rounded down"`
	Network          *string  `json:"network" schema:"nullable"`
	Address          *string  `json:"address" schema:"nullable"`
	From             *string  `json:"from" schema:"nullable" doc:"Apparent sender, for display only; never refund to it"`
	TxID             *string  `json:"txid" schema:"nullable"`
	PaymentStatus    status   `json:"payment_status"`
	URL              string   `json:"url"`
	ExpiredAt        int64    `json:"expired_at" doc:"Seconds since 1970"`
	Status           status   `json:"status" doc:"The same as payment_status"`
	IsFinal          bool     `json:"is_final"`
	AdditionalData   *string  `json:"additional_data" schema:"nullable"`
	CreatedAt        string   `json:"created_at" doc:"In UTC+3"`
	UpdatedAt        string   `json:"updated_at" doc:"In UTC+3"`
	PaymentAmountUSD **string `json:"payment_amount_usd,omitempty" schema:"nullable" doc:"At the rate of the quote; null unless it was made in USD"`
	Commission       **string `json:"commission,omitempty" schema:"nullable" doc:"Rounded up"`
}

// paymentAnswer is a response with one invoice.
type paymentAnswer struct {
	State  int           `json:"state" doc:"0"`
	Result paymentObject `json:"result"`
}

// emptyAnswer is the response of a successful action without a result.
type emptyAnswer struct {
	State  int      `json:"state" doc:"0"`
	Result []string `json:"result" doc:"Always empty"`
}

type markedAnswer struct {
	State  int    `json:"state" doc:"0"`
	Result marked `json:"result"`
}

type marked struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// status is one of the statuses of the API.
type status string

// Enum returns the statuses, for the OpenAPI document.
func (status) Enum() []string {
	var out []string
	for _, s := range []status{
		statusCheck, statusProcess, statusConfirmCheck, statusWrongAmountWaiting,
		statusWrongAmount, statusPaid, statusPaidOver, statusFail, statusCancel, statusRefundProcess, statusRefundPaid, statusRefundFail,
	} {
		out = append(out, string(s))
	}
	return out
}

// moscow is the time zone of the API.
var moscow = time.FixedZone("", 3*60*60)

// clockText formats a time as in the published samples.
func clockText(t time.Time) string { return t.In(moscow).Format(time.RFC3339) }

// timeLayouts are the layouts of times in requests for lists: that of the published documents, those of programs, with any
// fraction, and days. A time without an offset is in UTC+3.
func timeLayouts() []string {
	return []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.RFC3339, "2006-01-02"}
}

// period is the time that a text denotes, from its first moment to its last: a second, a moment if it has a fraction, or a
// day.
type period struct{ first, last time.Time }

func parseTime(text string) (period, error) {
	for _, layout := range timeLayouts() {
		at, err := time.ParseInLocation(layout, text, moscow)
		switch {
		case err != nil:
		case layout == "2006-01-02":
			return period{at, at.AddDate(0, 0, 1).Add(-1)}, nil
		case at.Nanosecond() != 0:
			return period{at, at}, nil
		default:
			return period{at, at.Add(time.Second - 1)}, nil
		}
	}
	return period{}, errors.New("no time")
}

func (a *api) paymentAnswer(ctx context.Context, inv invoice.Invoice, known bool) (any, error) {
	out, err := a.shown(ctx, inv, known)
	if err != nil {
		return nil, err
	}
	return paymentAnswer{Result: out}, nil
}

// shown returns an invoice as payment does, with the status of its refunds if it has any.
func (a *api) shown(ctx context.Context, inv invoice.Invoice, known bool) (paymentObject, error) {
	out := a.payment(inv, known)
	refunded, err := a.refundStatus(ctx, inv, summarize(inv))
	if err != nil || refunded == "" {
		return out, err
	}
	out.PaymentStatus, out.Status, out.IsFinal = refunded, refunded, refunded != statusRefundProcess
	return out, nil
}

// payment returns an invoice as it is on the wire. known reports whether the client has seen it before.
func (a *api) payment(inv invoice.Invoice, known bool) paymentObject {
	state := summarize(inv)
	out := paymentObject{
		UUID: inv.ID, OrderID: inv.OrderID, Amount: a.price(inv.Price), Discount: decimal.Zero.StringFixed(8),
		Currency: a.cfg.Format.code(inv.Price.Currency), From: orNull(state.From), TxID: orNull(state.TxID),
		PaymentStatus: state.Status, Status: state.Status, IsFinal: state.Final,
		URL: a.cfg.PageURL(inv), ExpiredAt: inv.EffectiveDeadline().Unix(), AdditionalData: orNull(inv.Data[dataAdditional]),
		CreatedAt: clockText(inv.CreatedAt), UpdatedAt: clockText(inv.UpdatedAt),
	}
	a.open(&out, inv)
	a.amounts(&out, inv, state, known)
	if known {
		out.Comments = new(*string)
	}
	return out
}

// open sets the members that are known before the payer has chosen.
func (a *api) open(out *paymentObject, inv invoice.Invoice) {
	out.PayerCurrency, out.Network = orNull(inv.Data[dataTarget]), orNull(inv.Data[dataNetwork])
	if _, fiat := a.service.FiatDecimals(inv.Price.Currency); !fiat && out.PayerCurrency == nil {
		out.PayerCurrency = orNull(out.Currency)
	}
}

// amounts sets the amounts quoted and paid.
func (a *api) amounts(out *paymentObject, inv invoice.Invoice, state summary, known bool) {
	q := inv.Quote
	if known {
		usd := decimal.Zero.StringFixed(2)
		zero := decimal.Zero.StringFixed(8)
		cents, commission := &usd, &zero
		out.PaymentAmount, out.PaymentAmountUSD, out.Commission = new(decimal.Zero.StringFixed(2)), &cents, &commission
	}
	if q == nil {
		return
	}
	named := a.cfg.Format.named(q.Asset)
	out.PayerCurrency, out.Network, out.Address = &named.Code, &named.Network, orNull(string(q.Address))
	out.PayerAmount = new(amountText(q.Asset.Decimal(q.Due).RoundUp(8), digits(named.Code)))
	out.Discount = discountText(inv, named.Code)
	if percent := inv.Terms.DiscountPercent.IntPart(); percent != 0 {
		out.DiscountPercent = &percent
	}
	merchant := state.Credited // as in webhooks
	if !state.Final && state.Paid.Sign() == 0 {
		merchant = q.Net() // there is still time
	}
	out.MerchantAmount = new(q.Asset.Decimal(merchant).RoundDown(8).StringFixed(8))
	if known || state.Paid.Sign() > 0 {
		out.PaymentAmount = new(amountText(q.Asset.Decimal(state.Paid).RoundDown(8), digits(named.Code)))
	}
	if known {
		*out.Commission = new(q.Asset.Decimal(state.Commission).RoundUp(8).StringFixed(8))
		*out.PaymentAmountUSD = a.dollars(inv, state.Paid)
	}
}

func (a *api) dollars(inv invoice.Invoice, units *big.Int) *string {
	usd, known := dollarsOf(inv, units)
	if !known {
		return nil
	}
	return new(usd.StringFixed(2))
}

// price formats the amount of an invoice.
func (a *api) price(p invoice.Price) string {
	if decimals, fiat := a.service.FiatDecimals(p.Currency); fiat {
		return p.Amount.StringFixed(max(2, decimals))
	}
	return amountText(p.Amount.RoundUp(8), digits(a.cfg.Format.code(p.Currency)))
}

// discountText returns the discount in the payer's currency, rounded towards zero.
func discountText(inv invoice.Invoice, code string) string {
	q, percent := inv.Quote, inv.Terms.DiscountPercent
	if percent.IsZero() {
		return decimal.Zero.StringFixed(8)
	}
	off := inv.Price.Amount.Mul(percent)
	rate := decimal.NewFromInt(1)
	if inv.Price.Currency != q.Asset.Code && q.Rate.Value.Sign() > 0 {
		rate = q.Rate.Value
	}
	text, _ := off.QuoRem(rate.Mul(decimal.NewFromInt(100)), 8)
	return amountText(text, digits(code))
}

// stables holds the coins that stand for fiat money. Their amounts have two decimals on the wire unless they need more.
var stables = []string{"USDT", "USDC", "DAI", "BUSD", "TUSD", "USDD", "USDE", "FDUSD", "PYUSD", "EURC", "EURT"}

func digits(code string) int {
	if slices.Contains(stables, code) {
		return 2
	}
	return 8
}

// amountText formats an amount of at most eight decimals with all of its digits, and at least the given number of decimals.
func amountText(d decimal.Decimal, least int) string {
	text := d.StringFixed(8)
	end := len(text) - 8 + least
	return text[:end] + strings.TrimRight(text[end:], "0")
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
