// Package cryptosteroid speaks the merchant invoices API of CryptoSteroid, so that a client of that API works after
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
// The prefix is free. A merchant is a project, and its id in the paths is the project's. The routes are
//
//	POST    /merchants/{merchant}/invoices                        create                     key
//	GET     /merchants/{merchant}/invoices/{id}                   read                       no key
//	PATCH   /merchants/{merchant}/invoices/{id}                   choose the payment method  no key
//	POST    /merchants/{merchant}/wallets/{wallet}/address        make a deposit address     key
//	DELETE  /merchants/{merchant}/wallets/{wallet}/address/{id}   archive it                 key
//	GET     /openapi.json                                         all of this, for programs  no key
//
// Keys are in the header X-Api-Key. What needs none can be read and done by whoever knows the id of an invoice,
// which cannot be guessed: read it, and choose the method while nothing was paid. That changes neither the
// price nor the deadline, and no invoice that was made by another API is found.
//
// # Invoices
//
//	status      of an invoice that
//	NEW         waits for a payment
//	WAITING     was paid something: confirmations are missing, or a part of it, for which there is still time
//	PAID        is completed, by payments or by hand
//	EXPIRED     was not paid in time, or too little. What came is in payment.paid, and late money that the Service
//	            accepts makes the invoice WAITING and PAID after all
//	CANCELLED   was cancelled, by the Go API or another one in this project
//
// There are 30 minutes to pay; in time is what was seen in time, however late it is confirmed. An archived invoice
// has the status it had before.
//
// The commission is that of the Service (invoice.Config.Commission). A buyer pays it on top: amount is net + fee, and
// net is the price. When the seller pays it amount is the price, and net is less by fee.
//
// # Where the published documents leave something open
//
//   - The answer to POST has the status 201.
//   - fiatAmount is a decimal number in a string, or a JSON number, and is read digit by digit. It is answered as it was
//     written, without an exponent: "100.10" stays so. More decimals than the currency has are refused,
//     but "29.949999999999999", a double that is meant to be shorter, is 29.95 (see httpapi.Number.Meant).
//   - externalId need not be unique: nothing says so. Two invoices may have the same.
//   - description may have lines, and up to 1024 characters.
//   - secret is required with processingUrl and may be absent or empty otherwise; it is kept only with a processingUrl. It
//     must be printable ASCII, as it goes into a header. No answer and no log has it.
//   - returnUrl and failReturnUrl must be http or https, as a page links to them.
//   - A whoPayCommission or a paymentMethod of "" is the same as none.
//   - paymentMethod must be one of the [View]; an invoice is paid in no other, whoever shows it.
//   - How many invoices may be NEW is Config.MaxNew.
//   - processingUrl is in what the merchant gets, the answer to POST and the webhook, and there only if it was given;
//     not in what is public.
//   - PATCH for the method that is chosen changes nothing, also not the amount. It is refused once something was
//     seen, and after the deadline.
//   - payment.paid is null until something was seen. hash has the transactions, each once, in the order they were
//     seen; received is their worth in the payment's coin, late ones included; fiat what that pays of fiatAmount, in
//     proportion to amount and rounded down to cents, as a string; finished is true when the status is PAID.
//   - timeoutSeconds is always there, and 0 when the time is over. Times are as JavaScript writes them, in UTC with
//     milliseconds. updatedAt is null until something changes.
//   - Ids are UUIDs, but of version 7 (of wallets: 5) and not 4.
//
// # Deposit addresses
//
// A merchant has a wallet for each method of the [View]. Its id is [WalletID], the same for ever: an operator tells
// merchants theirs. An address takes any number of deposits until it is archived, which can be repeated. The answer has
// an id that the published one lacks, since archiving needs one. currency and network of USDT_TRC20 are USDT and
// TRC20, and of BTC both are BTC. createdAt is in milliseconds, minPaymentAmount is the Service's minimum of the asset.
// An archived address is no longer meant to be paid: what arrives all the same is recorded, and told as before.
//
// # Webhooks
//
// The header Token has the secret, or the token of an address. The body of an invoice's only webhook is the invoice, when
// it is PAID. Those of an address are deposits, at their detection (finished is false) and once they are deep enough
// (finished is true):
//
//	{"id", "merchantId", "addressId", "label", "identify", "currency", "network", "address", "hash", "amount",
//	 "finished", "createdAt"}
//
// The id is the transaction and the place in it, the same in both and for ever: credit it once, when it is finished. See
// [Format] for repeats.
//
// # Errors
//
// The body is {"statusCode": status, "message": text, "error": name of the status}.
//
//	400  the body, or a value in it, is not as declared, or a method that is not offered
//	401  the key is missing or unknown
//	403  the key may not be used from the client's address
//	404  no such merchant for this key, no such wallet, invoice, address or path
//	405  see the header Allow
//	409  the payment method can no longer be chosen
//	413  more than 64 KiB
//	415  the Content-Type is not application/json in UTF-8, or the body is compressed
//	429  too many invoices are NEW, or too many requests
//	500  logged to Config.Logger with the X-Request-Id of the answer
//	503  no exchange rate, no free address, too much happened at once, or the store is busy; try again, see the header
//	     Retry-After
//
// # What it does not do
//
// No route lists or cancels: none is published. The page that invoiceUrl names is the host's.
package cryptosteroid
