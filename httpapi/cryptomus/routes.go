package cryptomus

import (
	"net/http"
	"slices"

	"github.com/cointill/cointill/httpapi"
)

// routes returns the table of version 1. As in the published documents, every route is a POST except the rates.
func (a *api) routes() []httpapi.Route {
	payment := a.signed("payment", "The project's payment key signs.", PaymentKey)
	payout := a.signed("payout", "The project's payout key signs.", PayoutKey)
	either := a.signed("any", "The project's payment key or its payout key signs.", PaymentKey, PayoutKey)
	out := slices.Concat(a.paymentRoutes(payment), a.helperRoutes(payment), a.walletRoutes(payment))
	money := slices.Concat(a.refundRoutes(payment, either), a.payoutRoutes(payout), a.transferRoutes(payout))
	if a.cfg.Payouts == nil {
		for _, route := range money {
			out = append(out, forbidden(route))
		}
	} else {
		out = append(out, money...)
	}
	for _, route := range []httpapi.Route{
		{Path: "/recurrence/create", OperationID: "createRecurrence", Summary: "Create a recurring payment"},
		{Path: "/recurrence/info", OperationID: "getRecurrence", Summary: "Recurring payment information"},
		{Path: "/recurrence/list", OperationID: "listRecurrences", Summary: "List of recurring payments"},
		{Path: "/recurrence/cancel", OperationID: "cancelRecurrence", Summary: "Cancel a recurring payment"},
	} {
		route.Tag, route.Auth = "Recurring payments", payment
		out = append(out, forbidden(route))
	}
	return out
}

// forbidden returns a route that is not served: it reads no body and is refused.
func forbidden(r httpapi.Route) httpapi.Route {
	return httpapi.Route{
		Method: "POST", Path: r.Path, OperationID: r.OperationID, Tag: r.Tag, Auth: r.Auth,
		Summary: r.Summary + " (forbidden: not served)", Status: http.StatusUnprocessableEntity,
		Answer: messageFault{}, Ignored: true,
		Handler: func(*httpapi.Request) (any, error) { return nil, errForbidden },
	}
}

// routesV2 returns the table of version 2.
func (a *api) routesV2() []httpapi.Route {
	return []httpapi.Route{{
		Method: "POST", Path: "/payment/resend", OperationID: "resendWebhook", Tag: "Webhooks",
		Auth:    a.signed("payment", "The project's payment key signs.", PaymentKey),
		Summary: "Send the latest webhook of an invoice again", Body: resendRequest{}, AnyType: true,
		Answer: emptyAnswer{}, Handler: a.resendV2,
	}}
}

func (a *api) paymentRoutes(auth *httpapi.Scheme) []httpapi.Route {
	const tag = "Payments"
	return []httpapi.Route{{
		Method: "POST", Path: "/payment", OperationID: "createPayment", Tag: tag, Auth: auth,
		Summary: "Create an invoice or return the one with the order_id", Body: createRequest{}, AnyType: true,
		Answer: paymentAnswer{}, Handler: a.create,
	}, {
		Method: "POST", Path: "/payment/info", OperationID: "getPayment", Tag: tag, Auth: auth,
		Summary: "Get an invoice", Body: idRequest{}, AnyType: true, Answer: paymentAnswer{}, Reads: true, Handler: a.info,
	}, {
		Method: "POST", Path: "/payment/list", OperationID: "listPayments", Tag: tag, Auth: auth,
		Summary: "List invoices, newest first", Params: listQuery{}, Body: listRequest{}, AnyType: true,
		Answer: listAnswer{}, Reads: true, Handler: a.list,
	}, {
		Method: "POST", Path: "/payment/mark-as-paid", OperationID: "markAsPaid", Tag: tag, Auth: auth,
		Summary: "Mark an invoice as paid", Body: idRequest{}, AnyType: true,
		Answer: markedAnswer{}, Handler: a.markAsPaid,
	}, {
		Method: "POST", Path: "/payment/resend", OperationID: "resendWebhook", Tag: "Webhooks", Auth: auth,
		Summary: "Send the latest webhook of an invoice again", Body: idRequest{}, AnyType: true,
		Answer: emptyAnswer{}, Handler: a.resend,
	}, {
		Method: "POST", Path: "/test-webhook/payment", OperationID: "testPaymentWebhook", Tag: "Webhooks", Auth: auth,
		Summary: "Test the webhook of an invoice", Body: testRequest{}, AnyType: true,
		Answer: emptyAnswer{}, Handler: a.testWebhook("payment"),
	}, {
		Method: "POST", Path: "/test-webhook/wallet", OperationID: "testWalletWebhook", Tag: "Webhooks", Auth: auth,
		Summary: "Test the webhook of a static wallet", Body: testRequest{}, AnyType: true,
		Answer: emptyAnswer{}, Handler: a.testWebhook("wallet"),
	}, {
		Method: "POST", Path: "/payment/qr", OperationID: "paymentQR", Tag: tag, Auth: auth,
		Summary: "Get the QR code of an invoice", Body: paymentQRRequest{}, AnyType: true,
		Answer: qrAnswer{}, Reads: true, Handler: a.paymentQR,
	}}
}

func (a *api) helperRoutes(auth *httpapi.Scheme) []httpapi.Route {
	const tag = "Catalogue"
	return []httpapi.Route{{
		Method: "POST", Path: "/payment/services", OperationID: "listServices", Tag: tag, Auth: auth,
		Summary: "List payment services", Answer: servicesAnswer{}, Ignored: true, Reads: true, Handler: a.services,
	}, {
		Method: "POST", Path: "/payment/discount/list", OperationID: "listDiscounts", Tag: tag, Auth: auth,
		Summary: "List discounts", Answer: discountsAnswer{}, Ignored: true, Reads: true, Handler: a.listDiscounts,
	}, {
		Method: "POST", Path: "/payment/discount/set", OperationID: "setDiscount", Tag: tag, Auth: auth,
		Summary: "Set the discount of a coin", Body: discountRequest{}, AnyType: true,
		Answer: discountAnswer{}, Handler: a.setDiscount,
	}, {
		Method: "POST", Path: "/balance", OperationID: "getBalance", Tag: tag, Auth: auth,
		Summary: "Get balances", Answer: balanceAnswer{}, Ignored: true, Reads: true, Handler: a.balance,
	}, {
		Method: "GET", Path: "/exchange-rate/{currency}/list", OperationID: "listRates", Tag: tag,
		Summary: "List the exchange rates of a coin", Params: ratePath{}, Answer: ratesAnswer{},
		Faults: []int{http.StatusUnprocessableEntity}, Handler: a.listRates,
	}}
}

func (a *api) walletRoutes(auth *httpapi.Scheme) []httpapi.Route {
	const tag = "Wallets"
	return []httpapi.Route{{
		Method: "POST", Path: "/wallet", OperationID: "createWallet", Tag: tag, Auth: auth,
		Summary: "Create a static wallet or return the one with the order_id", Body: walletRequest{}, AnyType: true,
		Answer: walletAnswer{}, Handler: a.createWallet,
	}, {
		Method: "POST", Path: "/wallet/block-address", OperationID: "blockWallet", Tag: tag, Auth: auth,
		Summary: "Block a static wallet", Body: blockRequest{}, AnyType: true, Answer: blockedAnswer{}, Handler: a.blockWallet,
	}, {
		Method: "POST", Path: "/wallet/qr", OperationID: "walletQR", Tag: tag, Auth: auth,
		Summary: "Get the QR code of a static wallet", Body: walletQRRequest{}, AnyType: true,
		Answer: qrAnswer{}, Reads: true, Handler: a.walletQR,
	}}
}

// refundRoutes returns what gives money back, and the test of the webhooks of payouts.
func (a *api) refundRoutes(payment, either *httpapi.Scheme) []httpapi.Route {
	return []httpapi.Route{{
		Method: "POST", Path: "/payment/refund", OperationID: "refundPayment", Tag: "Payments", Auth: either,
		Summary: "Refund all that an invoice brought", Body: refundRequest{}, AnyType: true, Answer: emptyAnswer{}, Handler: a.refund,
	}, {
		Method: "POST", Path: "/wallet/blocked-address-refund", OperationID: "refundBlockedAddress", Tag: "Wallets", Auth: payment,
		Summary: "Refund what a static wallet got after it was blocked", Body: blockedRefundRequest{}, AnyType: true,
		Answer: blockedRefundAnswer{}, Handler: a.refundBlocked,
	}, {
		Method: "POST", Path: "/test-webhook/payout", OperationID: "testPayoutWebhook", Tag: "Webhooks", Auth: either,
		Summary: "Test the webhook of a payout", Body: payoutTestRequest{}, AnyType: true,
		Answer: emptyAnswer{}, Handler: a.testPayout,
	}}
}

func (a *api) payoutRoutes(auth *httpapi.Scheme) []httpapi.Route {
	const tag = "Payouts"
	return []httpapi.Route{{
		Method: "POST", Path: "/payout", OperationID: "createPayout", Tag: tag, Auth: auth,
		Summary: "Pay out, or return the payout with the order_id", Body: payoutRequest{}, AnyType: true,
		Answer: payoutAnswer{}, Handler: a.createPayout,
	}, {
		Method: "POST", Path: "/payout/info", OperationID: "getPayout", Tag: tag, Auth: auth,
		Summary: "Get a payout", Body: idRequest{}, AnyType: true, Answer: payoutAnswer{}, Reads: true, Handler: a.payoutInfo,
	}, {
		Method: "POST", Path: "/payout/list", OperationID: "listPayouts", Tag: tag, Auth: auth,
		Summary: "List payouts, newest first", Params: listQuery{}, Body: listRequest{}, AnyType: true,
		Answer: payoutListAnswer{}, Reads: true, Handler: a.listPayouts,
	}, {
		Method: "POST", Path: "/payout/services", OperationID: "listPayoutServices", Tag: tag, Auth: auth,
		Summary: "List what can be paid out", Answer: servicesAnswer{}, Ignored: true, Reads: true, Handler: a.payoutServices,
	}, {
		Method: "POST", Path: "/payout/calculate", OperationID: "calculatePayout", Tag: tag, Auth: auth,
		Summary: "Get what a payout would cost", Body: calculateRequest{}, AnyType: true,
		Answer: calculateAnswer{}, Reads: true, Handler: a.calculatePayout,
	}}
}

func (a *api) transferRoutes(auth *httpapi.Scheme) []httpapi.Route {
	const tag = "Payouts"
	return []httpapi.Route{{
		Method: "POST", Path: "/transfer/to-personal", OperationID: "transferToPersonal", Tag: tag, Auth: auth,
		Summary: "Transfer to the personal wallet", Body: transferRequest{}, AnyType: true,
		Answer: transferAnswer{}, Handler: a.transfer(true),
	}, {
		Method: "POST", Path: "/transfer/to-business", OperationID: "transferToBusiness", Tag: tag, Auth: auth,
		Summary: "Transfer to the business wallet", Body: transferRequest{}, AnyType: true,
		Answer: transferAnswer{}, Handler: a.transfer(false),
	}}
}
