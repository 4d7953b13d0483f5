// Package cryptosteroid implements the merchant invoices API of CryptoSteroid, so that a client of that API works after
// a change of its base URL:
//
//	format := cryptosteroid.NewFormat(cryptosteroid.View{
//		Methods:    []cryptosteroid.Method{{Name: "BTC", Asset: btc}, {Name: "USDT_TRC20", Asset: usdt}},
//		InvoiceURL: "https://pay.shop.example/{id}",
//	})
//	notifier, err := webhook.NewNotifier(format) // for the Service
//	...
//	api, err := cryptosteroid.New(cryptosteroid.Config{Service: service, Format: format, Projects: projects})
//	...
//	mux.Handle("/pay/", http.StripPrefix("/pay", api))
//
// The prefix is free. A merchant is a project, and its id in the paths is the project's id. The routes are
//
//	POST    /merchants/{merchant}/invoices                        create an invoice            key
//	GET     /merchants/{merchant}/invoices/{id}                   read an invoice              no key
//	PATCH   /merchants/{merchant}/invoices/{id}                   choose the payment method    no key
//	POST    /merchants/{merchant}/wallets/{wallet}/address        create a deposit address     key
//	DELETE  /merchants/{merchant}/wallets/{wallet}/address/{id}   archive a deposit address    key
//	GET     /openapi.json, /docs                                  documentation                no key
//
// Keys are in the header X-Api-Key; Config.Authenticate replaces them by the host's own authentication. Without a key,
// everyone who knows the id of an invoice, which cannot be guessed, can read it, and choose its payment method while nothing
// is paid. That changes neither the price nor the deadline. Invoices of other APIs are not found.
//
// # Invoices
//
//	status      invoice
//	NEW         waits for a payment
//	WAITING     was paid in part while there is still time, or waits for confirmations
//	PAID        is completed, by payments or manually
//	EXPIRED     was not paid in time, or not enough. payment.paid has what arrived, and late money that the Service
//	            accepts makes the invoice WAITING and then PAID
//	CANCELLED   was cancelled, through the Go API or another API of the project
//
// The time to pay is 30 minutes. A payment that was seen in time is in time, however late it is confirmed. An archived
// invoice keeps its status.
//
// The commission is the Service's (invoice.Config.Commission). If the buyer pays it, it is added: amount is net + fee, and
// net is the price. If the seller pays it, amount is the price, and net is amount - fee.
//
// # What the published documents leave open
//
//   - The response to POST has the status 201.
//   - fiatAmount is a decimal number in a string, or a JSON number, and is read exactly. Responses have it as it was
//     written, without an exponent: "100.10" stays "100.10". More decimals than the currency has are refused, but
//     "29.949999999999999", a double that stands for a shorter number, is 29.95 (see httpapi.Number.Meant).
//   - externalId need not be unique, because the documents do not require it.
//   - description may have several lines, and up to 1024 characters.
//   - secret is required with processingUrl, and may be absent or empty otherwise. It is stored only with a processingUrl.
//     It must be printable ASCII, because it becomes a header. No response and no log contains it.
//   - returnUrl and failReturnUrl must be http or https URLs, because a page links to them.
//   - A whoPayCommission or a paymentMethod of "" is the same as none.
//   - paymentMethod must be one of the [View]. An invoice can be paid in no other, not even through another API.
//   - Config.MaxNew bounds the NEW invoices of a merchant, and Config.MaxDeposits its open deposit addresses.
//   - processingUrl is only in what the merchant receives, the response to POST and the webhook, and only if it was given.
//     It is not in public responses.
//   - PATCH with the chosen method changes nothing, not even the amount. It is refused once a payment was seen, and after
//     the deadline.
//   - payment.paid is null until a payment is seen. hash lists the transactions, each once, in the order in which they
//     were seen. received is their value in the payment's coin, including late ones. fiat is the part of fiatAmount that
//     this pays, in proportion to amount and rounded down to cents, as a string. finished is true when the status is PAID.
//   - timeoutSeconds is always present, and 0 after the deadline. Times are in the format of JavaScript, in UTC with
//     milliseconds. updatedAt is null until the invoice changes.
//   - Ids are UUIDs of version 7, and of wallets of version 5, rather than 4.
//
// # Deposit addresses
//
// A merchant has a wallet for each method of the [View]. Its id is [WalletID] and never changes: an operator tells merchants
// theirs. An address accepts any number of deposits until it is archived; archiving is idempotent. The response has an id
// that the published one lacks, because archiving requires one. currency and network are USDT and TRC20 for USDT_TRC20, and
// both are BTC for BTC. createdAt is in milliseconds. minPaymentAmount is the Service's minimum of the asset. An archived
// address should no longer be paid; deposits that arrive nevertheless are recorded and reported as before.
//
// # Webhooks
//
// The header Token is the secret of the invoice, or the token of the address. An invoice has a single webhook, when it is
// PAID, and its body is the invoice. The webhooks of an address report each deposit twice, when it is seen (finished is
// false) and when it has enough confirmations (finished is true):
//
//	{"id", "merchantId", "addressId", "label", "identify", "currency", "network", "address", "hash", "amount",
//	 "finished", "createdAt"}
//
// The id is derived from the transaction and the place in it, and is the same in both: credit a deposit once, when it is
// finished. See [Format] for retries.
//
// # Errors
//
// The body of an error is {"statusCode": status, "message": text, "error": name of the status}.
//
//	400  the body or a value in it is not valid, or the payment method is not offered
//	401  the key is missing or unknown
//	403  the key may not be used from the client's address
//	404  no such merchant for this key, no such wallet, invoice, address or path
//	405  see the header Allow
//	409  the payment method can no longer be chosen
//	413  more than 64 KiB
//	415  the Content-Type is not application/json in UTF-8, or the body is compressed
//	429  too many invoices are NEW, too many deposit addresses are open, or too many requests
//	500  logged to Config.Logger with the X-Request-Id of the response
//	503  no exchange rate, no free address, too many concurrent changes, or the store is busy; try again, see the header
//	     Retry-After
//
// # Limits
//
// No route lists or cancels invoices, because none is published. The host serves the page at invoiceUrl.
package cryptosteroid
