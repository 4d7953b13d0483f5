package cryptosteroid

// examples are for the document.
func examples() map[string]any {
	return map[string]any{
		"merchant":     "018f3f3e-0000-7000-8000-00000000000a",
		"merchantId":   "018f3f3e-0000-7000-8000-00000000000a",
		"wallet":       "676771a9-c75b-5328-91f1-657280f7036d",
		"id":           "018f3f3e-0000-7000-8000-000000000001",
		"invoiceId":    "018f3f3e-0000-7000-8000-000000000001",
		"fiatAmount":   "25.00",
		"fiatCurrency": "EUR",
		"description":  "Order 1001",
		"externalId":   "1001",
		"invoiceUrl":   "https://shop.example/pay/018f3f3e-0000-7000-8000-000000000001",
		"label":        "Order 1001",
		"statusCode":   400,
		"message":      "fiatAmount must be positive",
		"error":        "Bad Request",
	}
}
