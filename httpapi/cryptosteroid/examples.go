package cryptosteroid

// examples returns the values of the examples in the document.
func (a *api) examples() map[string]any {
	const merchant, invoice = "018f3f3e-0000-7000-8000-00000000000a", "018f3f3e-0000-7000-8000-000000000001"
	method := a.view.Methods[0].Name
	return map[string]any{
		"merchant":                    merchant,
		"merchantId":                  merchant,
		"wallet":                      WalletID(merchant, method),
		"id":                          invoice,
		"invoiceId":                   invoice,
		"fiatAmount":                  "25.00",
		"fiatCurrency":                "EUR",
		"description":                 "Order 1001",
		"externalId":                  "1001",
		"CreateRequest.paymentMethod": method,
		"UpdateRequest.paymentMethod": method,
		"method":                      method,
		"address":                     "the address to pay to",
		"amount":                      "0.0125",
		"net":                         "0.0125",
		"fee":                         "0",
		"paid":                        nil,
		"CryptoSteroidInvoice.status": "WAITING",
		"currency":                    method,
		"minPaymentAmount":            0.001,
		"invoiceUrl":                  "https://shop.example/pay/" + invoice,
		"qr":                          "data:image/png;base64,...",
		"label":                       "Order 1001",
		"statusCode":                  400,
		"message":                     "fiatAmount must be positive",
		"error":                       "Bad Request",
	}
}
