// Package cryptomus speaks the payment API of Cryptomus, so that its PHP SDK, and shops' plugins, work after a
// change of the base URL:
//
//	format := cryptomus.NewFormat( // what is paid in, under the names that clients know
//		cryptomus.Currency{Code: "BTC", Network: "btc", Asset: btc},
//		cryptomus.Currency{Code: "USDT", Network: "tron", Asset: usdtOnTRON},
//	)
//	notifier, err := webhook.NewNotifier(format) // for invoice.Config
//	...
//	cfg := cryptomus.Config{Service: service, Format: format, Projects: projects, Store: backend, PageURL: page}
//	api, err := cryptomus.New(cfg)
//	...
//	v2, err := cryptomus.NewV2(cfg)
//	...
//	mux.Handle("/v1/", http.StripPrefix("/v1", api))
//	mux.Handle("/v2/", http.StripPrefix("/v2", v2))
//	dispatcher, err := webhook.New(webhook.Config{Outbox: backend, Secrets: projects, Keys: projects, Rules: notifier.Rules()})
//
// A merchant is a project: its id is the project's, and its keys are made by
//
//	projects.MakeKey(ctx, project.ID, cryptomus.PaymentKey, 0) // and PayoutKey
//
// The routes, below any prefix, are
//
//	POST /payment                                  create, or answer the invoice with the order_id   payment key
//	POST /payment/info, /payment/list              read                                              payment key
//	POST /payment/services                         what can be paid in                               payment key
//	POST /payment/qr, /wallet/qr                   QR codes                                          payment key
//	POST /payment/resend                           send the latest webhook again                     payment key
//	POST /payment/mark-as-paid                     take an invoice as paid                           payment key
//	POST /payment/discount/list, .../set           discounts of coins                                payment key
//	POST /wallet, /wallet/block-address            static wallets                                    payment key
//	POST /test-webhook/payment, .../wallet         try a receiver out, if Config.TestClient          payment key
//	POST /balance                                  nothing is held                                   payment key
//	GET  /exchange-rate/{currency}/list            rates in every fiat currency, and in coins        no key
//	GET  /openapi.json                             all of this, for programs                         no key
//
// [NewV2] has what version 2 adds to them:
//
//	POST /payment/resend                           the same, also by the txid of a payment           payment key
//	GET  /openapi.json                             all of this, for programs                         no key
//
// Refunds, payouts, transfers and recurring payments have their routes and answer "You are forbidden": nothing here
// moves money out.
//
// # Signatures
//
// The header merchant has the project's id, and sign the MD5, in lower-case hexadecimal, of the base64 of the body
// followed by the key. It is over the bytes that are sent, whatever their spaces and escapes. A body that is empty,
// {} or [] may be signed as an empty one. Who is not let in is answered 401 {"message":"Invalid Sign."}, whatever
// is wrong, after the same work. The scheme is the vendor's and has no time in it: whoever records a request can
// send it again, so it needs TLS in front.
//
// # Invoices
//
//   - An order_id that exists is answered with its invoice, whatever else the request says, if it is in form. Order
//     ids are shared with static wallets; one that the other kind has, or that another API of the same project has
//     given away, is validation.unique. What another API has made is not found, listed or shown here.
//   - is_refresh opens an expired invoice again for lifetime seconds, at the quote it had, and at another address if
//     it has given up its own. An invoice that is not expired stays as it is.
//   - A coin has one network when Currencies has one. Discounts count when coin and network are known at creation;
//     that of the request comes before the one that was set, which is kept with the project. 100 percent leaves
//     nothing to pay, and is refused as too small an amount.
//   - While the network is open, payer_currency is the coin if it is given, network what the request said, and
//     payer_amount, merchant_amount and address are null.
//   - A body that is empty, null or [] has no members. "" is the same as absent, as is a lifetime of 0; texts
//     are trimmed, codes and networks are taken in any case, networks by the names of their coins and token standards too (TRX
//     and TRC20 are tron), numbers in strings and truths as 1, "1" and "true". A number for a text, such as an
//     order_id, is the text of it. Unknown members are ignored.
//   - An amount with more decimals than its currency is refused as validation.regex, not rounded; but one with
//     the 16 or 17 digits of a double that is meant to be shorter, such as 29.949999999999999, is what it is meant to be,
//     29.95 (see httpapi.Number.Meant). More than
//     Config.Maximum of a coin, and more than 10^18 of a fiat currency, is "Maximum amount ...".
//   - course_source is one of the Service's RateSources, else validation.in.
//   - url_return, url_success, additional_data, to_currency, network and from_referral_code are in the invoice's
//     Data. A referral code has no effect.
//
// # Amounts
//
// Amounts are decimal numbers in strings, with two decimals for fiat money and coins that stand for it, and eight
// for others; more when there are more, up to eight. payer_amount and commission are rounded up to the eighth,
// payment_amount, merchant_amount and the discount down (the latter towards zero): with 18 decimals a payer
// who pays what is shown pays a little more than is due, and has paid exactly all the same. payer_amount is amount -
// discount, as in the vendor's samples and against its text, plus the payer's part of the commission.
// payment_amount_usd is at the rate of the quote, and null unless that was made in USD, as it is when the price is
// in USD, or when it is in the coin that is paid and the Service's Reference is USD. In the answer to create,
// payment_amount is null until something was paid, and comments, payment_amount_usd and commission are absent.
//
// # Statuses
//
// They follow from the core's:
//
//	new                          check; process while money in another asset waits for a rate
//	pending                      confirm_check
//	paid_partial, open           wrong_amount_waiting
//	paid_partial, closed         confirm_check until all of it is confirmed, then wrong_amount, final
//	completed                    paid, paid_over with more than is due, fail if the chain took it back; final
//	expired, cancelled           cancel, final
//	archived                     as it was before
//
// Amounts of a final invoice are those that are confirmed: a shop may credit them. Of a cancelled one
// payment_amount is what came all the same, and merchant_amount nothing; nor has one that was marked as paid without money.
// While nothing was paid of an open one, merchant_amount is what it asks for, less the commission. Answers and webhooks say
// the same.
//
// # Resending
//
// The latest webhook of an invoice is sent again, as it was, ten times after it was taken, and until it was tried twenty
// times. Version 2 also finds the invoice by a txid, exactly as
// webhooks and answers tell it: the merchant's invoice that was paid in the transaction, by a payment that the chain
// still has; the newest one that can be told if it paid several. uuid and order_id come before a txid. Deposits to
// static wallets are not found, here as by uuid.
//
// # Lists
//
// A page has 15 invoices, the newest first. Its cursors point at invoices, so that new ones move nothing; what is no
// cursor is the first page, since the vendor's SDK asks for it with "1", and a cursor at what is not the merchant's leads
// to nothing. date_from and date_to are in UTC+3 like all times on the wire, unless they have an
// offset; they may be written with a T and a fraction, and may be days, of which date_to takes all.
//
// # Static wallets
//
// A wallet is a standing invoice. Each deposit that is deep enough is a webhook with a uuid of its own, which
// /payment/info does not know. wallet_uuid is the same for all wallets of a coin, as in /balance. To block a wallet
// is to cancel it: what arrives later is on record and in the feed of events, and not told. is_force_refund is
// forbidden, as sending money back to where it seems to come from would be.
//
// # Errors
//
//	400, 404, 405, 413, 415, 429   {"state":1,"message":...}   no request of this API; see package httpapi
//	401   {"message":"Invalid Sign."}
//	403   {"state":1,"message":"You are forbidden"}       the key may not be used from the client's address
//	422   {"state":1,"errors":{"amount":["validation.required"]}}
//	422   {"state":1,"message":...}                       in the words of the published documents
//	500   {"message":"Server error, #1","code":500,"error":null}   logged to Config.Logger with the X-Request-Id of the answer
//	503   {"state":1,"message":...}                       the request was given up
//
// "Error convert to_currency" is that there is no trustworthy rate now, and "Gateway error" the same without a
// to_currency, or that no address is free, that Config.MaxNew invoices wait for a payment, that too much happened at
// once, or that the store is busy. But for Config.MaxNew, these have a Retry-After. "Payment not found" is every invoice that is not the
// merchant's. The published documents have no words for a QR code of what cannot be paid: "Payment is closed",
// "Wallet is blocked", and "Payment has no address until a currency and a network are chosen" are ours.
//
// # What it does not do
//
// It holds no money, so that every balance is 0. Rates cost a question to the sources: put a rates.Cache in front of
// slow ones. Timeouts, CORS and the payment page are the host's; see package httpapi.
package cryptomus
