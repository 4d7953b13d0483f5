package cryptomus

// examples returns the values of the examples in the document.
func (a *api) examples() map[string]any {
	out := map[string]any{
		"amount":                        "15.00",
		"order_id":                      "1001",
		"IdRequest.order_id":            "1001",
		"BlockRequest.order_id":         "1001",
		"RefundRequest.order_id":        "1001",
		"BlockedRefundRequest.order_id": "1001",
		"currency":                      "USD",
		"uuid":                          "018f3f3e-0000-7000-8000-000000000001",
		"url":                           "https://shop.example/pay/018f3f3e-0000-7000-8000-000000000001",
		"message":                       "Payment not found",
		"SignFault.message":             "Invalid Sign.",
		"state":                         0,
		"MessageFault.state":            1,
		"ValidationFault.state":         1,
		"payment_status":                "check",
		"discount":                      "0.00",
		"perPage":                       15,
		"image":                         "data:image/png;base64,...",
		"code":                          500,
		"address":                       "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
		"created_at":                    "2026-03-02T15:00:00+03:00",
		"updated_at":                    "2026-03-02T15:00:00+03:00",
	}
	if len(a.currencies) > 0 {
		c := a.currencies[0]
		out["network"] = c.Network
		for _, request := range []string{"Discount", "Wallet", "Payout", "Calculate", "Transfer"} {
			out[request+"Request.currency"] = c.Code
		}
		out["PayoutRequest.network"], out["CalculateRequest.network"] = c.Network, c.Network
	}
	return out
}
