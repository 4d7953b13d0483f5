// Package cryptomus implements the payment API of Cryptomus, so that its PHP SDK, and shops' plugins, work after a change of
// the base URL:
//
//	format := cryptomus.NewFormat( // what can be paid in, under the names that clients know
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
// The prefix is free. The routes below it are
//
//	POST /payment                                  create, or return the invoice with the order_id   payment key
//	POST /payment/info, /payment/list              read                                              payment key
//	POST /payment/services                         what can be paid in                               payment key
//	POST /payment/qr, /wallet/qr                   QR codes                                          payment key
//	POST /payment/resend                           send the latest webhook again                     payment key
//	POST /payment/mark-as-paid                     mark an invoice as paid                           payment key
//	POST /payment/discount/list, .../set           discounts of coins                                payment key
//	POST /wallet, /wallet/block-address            static wallets                                    payment key
//	POST /test-webhook/payment, .../wallet         test a receiver, if Config.TestClient is set      payment key
//	POST /balance                                  always 0                                          payment key
//	GET  /exchange-rate/{currency}/list            rates in every fiat currency, and in coins        no key
//	GET  /openapi.json, /docs                      documentation                                     no key
//
// [NewV2] serves what version 2 adds to them:
//
//	POST /payment/resend                           the same, also by the txid of a payment           payment key
//	GET  /openapi.json, /docs                      documentation                                     no key
//
// The routes for refunds, payouts, transfers and recurring payments exist and respond "You are forbidden", because this
// library sends no money.
//
// # Signatures
//
// The header merchant contains the project's id. The header sign contains the MD5, in lower-case hexadecimal, of the base64
// of the body followed by the key. It is computed over the bytes that are sent, with whatever spaces and escapes they have.
// A body that is empty, {} or [] may be signed as an empty one. A request that is not authenticated gets 401
// {"message":"Invalid Sign."}, whatever the reason, after the same amount of work. The scheme is the vendor's and includes
// no time, so anybody who records a request can send it again: it needs TLS in front. Config.Authenticate replaces both
// headers by the host's own authentication.
//
// # Invoices
//
//   - A request with an order_id that exists returns its invoice, whatever else it contains, if it is well-formed. Order ids
//     are shared with static wallets; one that belongs to the other kind, or to another API of the same project, is refused
//     as validation.unique. Invoices of other APIs are not found, listed or shown.
//   - is_refresh reopens an expired invoice for lifetime seconds, at its old quote, and at another address if it has given
//     up its own. It does not change an invoice that has not expired.
//   - A coin has one network if Currencies has one for it. Discounts apply if coin and network are known at creation. The
//     request's discount takes precedence over the one that was set, which is kept with the project. A discount of 100
//     percent would leave nothing to pay, and is refused as too small an amount.
//   - While the network is open, payer_currency is the coin if it is given, network is as in the request, and payer_amount,
//     merchant_amount and address are null.
//   - A body that is empty, null or [] has no members. "" counts as absent, as does a lifetime of 0. Texts are trimmed. Codes
//     and networks are case-insensitive, and networks are also known by the names of their coins and token standards (TRX
//     and TRC20 are tron). Numbers may be in strings, and booleans may be 1, "1" and "true". A number where a text is
//     expected, such as an order_id, is converted to text. Unknown members are ignored.
//   - An amount with more decimals than its currency is refused as validation.regex, not rounded; but one with the 16 or 17
//     digits of a double that stands for a shorter number is read as that number: 29.949999999999999 is 29.95 (see
//     httpapi.Number.Meant). More than Config.Maximum of a coin, or than 10^18 of a fiat currency, is refused with
//     "Maximum amount ...".
//   - course_source must be one of the Service's RateSources, or is refused as validation.in.
//   - url_return, url_success, additional_data, to_currency, network and from_referral_code are stored in the invoice's
//     Data. A referral code has no effect.
//   - Config.MaxNew bounds the invoices of a project that wait for a payment, and Config.MaxDeposits its open static wallets.
//
// # Amounts
//
// Amounts are decimal numbers in strings, with two decimals for fiat money and coins that stand for it, and eight for
// others, or with more if needed, up to eight. payer_amount and commission are rounded up to the eighth decimal,
// payment_amount and merchant_amount down, and the discount towards zero. For an asset with 18 decimals, a payer who pays
// the amount shown pays slightly more than is due; this counts as exact. payer_amount is amount - discount, as in the
// vendor's samples and contrary to its text, plus the payer's part of the commission. payment_amount_usd is computed at the
// rate of the quote. It is null unless the quote was made in USD, which is the case if the price is in USD, or if the price
// is in the coin that is paid and the Service's Reference is USD. In the response to create, payment_amount is null until
// something is paid, and comments, payment_amount_usd and commission are absent.
//
// # Statuses
//
// The statuses are derived from those of the core:
//
//	new                          check; process while money in another asset waits for a rate
//	pending                      confirm_check
//	paid_partial, open           wrong_amount_waiting
//	paid_partial, closed         confirm_check until all of it is confirmed, then wrong_amount, final
//	completed                    paid, paid_over with more than is due, fail if the chain took it back; final
//	expired, cancelled           cancel, final
//	archived                     as it was before
//
// The amounts of a final invoice are confirmed, so that a shop may credit them. For a cancelled invoice payment_amount is
// what arrived nevertheless, and merchant_amount is 0; the latter is also 0 for one that was marked as paid without money.
// While nothing is paid of an open invoice, merchant_amount is what it asks for, less the commission. Responses and webhooks
// agree.
//
// # Resending
//
// The latest webhook of an invoice is sent again unchanged, up to ten times after it was accepted, and until it has been
// tried twenty times. Version 2 also finds the invoice by a txid, spelled exactly as in webhooks and responses: the
// merchant's invoice that was paid in the transaction, by a payment that is still in the chain. If it paid several, the
// newest that has something to send is used. uuid and order_id take precedence over txid. Deposits to static wallets are not
// found, neither here nor by uuid.
//
// # Lists
//
// A page has 15 invoices, newest first. Cursors refer to invoices, so that new invoices do not shift pages. An invalid
// cursor means the first page, because the vendor's SDK asks for it with "1", and a cursor that refers to an invoice of
// another merchant gives an empty page. date_from and date_to are in UTC+3, like all times on the wire, unless they have an
// offset. They may be written with a T and a fraction, and may be days; date_to includes the whole day.
//
// # Static wallets
//
// A wallet is a standing invoice. Each deposit with enough confirmations is reported by a webhook with a uuid of its own,
// which /payment/info does not know. wallet_uuid is the same for all wallets of a coin, as in /balance. Blocking a wallet
// cancels it: later deposits are recorded, and appear in the feed of events, but are not reported by webhooks.
// is_force_refund is forbidden, because the apparent sender of a payment is not a safe address for a refund.
//
// # Errors
//
//	400, 404, 405, 413, 415, 429   {"state":1,"message":...}   not a request of this API; see package httpapi
//	401   {"message":"Invalid Sign."}
//	403   {"state":1,"message":"You are forbidden"}       the key may not be used from the client's address
//	422   {"state":1,"errors":{"amount":["validation.required"]}}
//	422   {"state":1,"message":...}                       in the words of the published documents
//	500   {"message":"Server error, #1","code":500,"error":null}   logged to Config.Logger with the X-Request-Id of the response
//	503   {"state":1,"message":...}                       the request was canceled
//
// "Error convert to_currency" means that there is no trustworthy rate now. "Gateway error" means the same without a
// to_currency, or that no address is free, that Config.MaxNew or Config.MaxDeposits is reached, that there were too many
// concurrent changes, or that the store is busy. Except for MaxNew and MaxDeposits, these responses have a Retry-After.
// "Payment not found" is the response for every invoice that is not the merchant's. The published documents have no words
// for a QR code of what cannot be paid: "Payment is closed", "Wallet is blocked", and "Payment has no address until a
// currency and a network are chosen" are this package's.
//
// # Limits
//
// The API holds no money, so every balance is 0. Rates are read from the sources for each request: put a rates.Cache in
// front of slow ones. Timeouts, CORS and the payment page are the host's responsibility; see package httpapi.
package cryptomus
