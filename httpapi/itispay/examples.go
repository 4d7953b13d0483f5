package itispay

// examples returns the values of the examples in the document.
func (a *api) examples() map[string]any {
	out := map[string]any{
		"order_id":                    "1001",
		"fiat_amount":                 25,
		"fiat_currency":               "EUR",
		"CreateRequest.fiat_amount":   25,
		"ArchivedRequest.fiat_amount": 25,
		"crypto_amount":               0.0125,
		"blockchainAddress":           "the address to pay to",
		"invoice_id":                  "018f3f3e-0000-7000-8000-000000000001",
		"project_id":                  "018f3f3e-0000-7000-8000-00000000000a",
		"StatusRequest.status":        "cancelled",
		"name":                        "shop",
		"page_size":                   20,
		"to":                          "the address to pay to",
		"WithdrawRequest.amount":      "0.0125",
		"WithdrawAnswer.status":       "pending",
		"WithdrawAnswer.fee":          "0.0001",
		"WithdrawAnswer.amount":       "0.0125",
		"wallet_hash":                 "the address to pay to",
		"txn_id":                      "018f3f3e-0000-7000-8000-000000000002",
		"PayoutRequest.type":          "CRYPTO_PAYOUT",
		"PayoutRequest.fiat":          map[string]any{"amount": "25", "currency": "EUR"},
		"PayoutRequest.order_id":      "1001",
		"PayoutObject.id":             "018f3f3e-0000-7000-8000-000000000002",
		"PayoutObject.transaction_id": "018f3f3e-0000-7000-8000-000000000002",
		"PayoutObject.type":           "CRYPTO_PAYOUT",
		"PayoutObject.status":         "pending",
		"PayoutObject.amount":         "0.0125",
		"PayoutObject.fiat_amount":    "25.00",
		"PayoutObject.crypto_amount":  "0.0125",
		"PayoutObject.exchange_rate":  "2000",
		"crypto_address":              "the address to pay to",
		"error":                       "validation_error",
		"message":                     "fiat_amount must be positive",
	}
	if len(a.currencies) > 0 {
		c := a.currencies[0]
		out["currency"], out["currency_code"], out["network"], out["precision"] = c.Code, c.Code, c.Network, c.asset.Decimals
		out["PayoutRequest.crypto"] = map[string]any{"currency": c.Code, "address": "the address to pay to"}
		out["PayoutObject.crypto_currency"] = c.Code
	}
	return out
}
