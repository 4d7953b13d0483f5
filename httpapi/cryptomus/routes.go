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
	for _, r := range []struct {
		auth               *httpapi.Scheme
		path, id, tag, sum string
	}{
		{either, "/payment/refund", "refundPayment", "Payments", "Refund a payment"},
		{payment, "/wallet/blocked-address-refund", "refundBlockedAddress", "Wallets", "Refund what a blocked wallet got"},
		{either, "/test-webhook/payout", "testPayoutWebhook", "Webhooks", "Test the webhook of payouts"},
		{payout, "/payout", "createPayout", "Payouts", "Pay out"},
		{payout, "/payout/info", "getPayout", "Payouts", "Payout information"},
		{payout, "/payout/list", "listPayouts", "Payouts", "Payout history"},
		{payout, "/payout/services", "listPayoutServices", "Payouts", "List of payout services"},
		{payout, "/payout/calculate", "calculatePayout", "Payouts", "What a payout costs"},
		{payout, "/transfer/to-personal", "transferToPersonal", "Payouts", "Transfer to the personal wallet"},
		{payout, "/transfer/to-business", "transferToBusiness", "Payouts", "Transfer to the business wallet"},
		{payment, "/recurrence/create", "createRecurrence", "Recurring payments", "Create a recurring payment"},
		{payment, "/recurrence/info", "getRecurrence", "Recurring payments", "Recurring payment information"},
		{payment, "/recurrence/list", "listRecurrences", "Recurring payments", "List of recurring payments"},
		{payment, "/recurrence/cancel", "cancelRecurrence", "Recurring payments", "Cancel a recurring payment"},
	} {
		out = append(out, httpapi.Route{
			Method: "POST", Path: r.path, OperationID: r.id, Tag: r.tag, Auth: r.auth,
			Summary: r.sum + " (forbidden: not served yet)", Status: http.StatusUnprocessableEntity,
			Answer: messageFault{}, Ignored: true,
			Handler: func(*httpapi.Request) (any, error) { return nil, errForbidden },
		})
	}
	return out
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
		Summary: "Get balances, which are always 0 because payments go to the project's own addresses",
		Answer:  balanceAnswer{}, Ignored: true, Reads: true, Handler: a.balance,
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
