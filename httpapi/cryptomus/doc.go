// Package cryptomus implements the payment and payout API of Cryptomus, so that its PHP SDK, and shops' plugins, work after a change of
// the base URL:
//
//	format := cryptomus.NewFormat( // what can be paid in, under the names that clients know
//		cryptomus.Currency{Code: "BTC", Network: "btc", Asset: btc},
//		cryptomus.Currency{Code: "USDT", Network: "tron", Asset: usdtOnTRON},
//	)
//	notifier, err := webhook.NewNotifier(format) // for invoice.Config
//	...
//	cfg := cryptomus.Config{Service: service, Format: format, Projects: projects, Store: backend, PageURL: page, Payouts: payouts}
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
//	POST /payment/refund                           give back all that an invoice brought             either key
//	POST /wallet, /wallet/block-address            static wallets                                    payment key
//	POST /wallet/blocked-address-refund            give back what a blocked wallet got               payment key
//	POST /test-webhook/payment, .../wallet         test a receiver, if Config.TestClient is set      payment key
//	POST /test-webhook/payout                      the same for payouts                              either key
//	POST /balance                                  what can be paid out                              payment key
//	POST /payout                                   pay out, or return the payout with the order_id   payout key
//	POST /payout/info, /payout/list                read                                              payout key
//	POST /payout/services, /payout/calculate       what can be paid out, and what it costs           payout key
//	POST /transfer/to-personal, .../to-business    between the merchant and its owner                payout key
//	GET  /exchange-rate/{currency}/list            rates in every fiat currency, and in coins        no key
//	GET  /openapi.json, /docs                      documentation                                     no key
//
// [NewV2] serves what version 2 adds to them:
//
//	POST /payment/resend                           the same, also by the txid of a payment           payment key
//	GET  /openapi.json, /docs                      documentation                                     no key
//
// The routes for recurring payments exist and respond "You are forbidden". So do those for payouts, refunds and transfers if
// Config.Payouts is nil, and the test of a payout's webhook.
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
// agree, except about refunds.
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
// cancels it: later deposits are recorded, and appear in the feed of events and in the balance, but are not reported by
// webhooks. is_force_refund is forbidden, because the apparent sender of a payment is not a safe address for a refund.
//
// # Payouts
//
// A payout is paid from the balance of its coin on its network, which payments fill once they are booked (see package
// payout). Its order_id is the key of the payout, unique among all payouts of the project. One that exists returns its
// payout, whatever else the request contains, if it is well-formed; one of a payout of another API is refused as
// validation.unique, and such payouts are not found or listed.
//
//   - is_subtract is true if the fee is taken from the balance, so that the receiver gets the amount, and false if it is taken
//     out of the amount. The fee is the greatest network fee of the configuration: what the network does not take comes back.
//     It is 0 where the operator pays, as for tokens.
//   - amount is shown as it was sent, in the currency of the request. payer_currency is the coin that is paid out, and
//     payer_amount what the receiver gets of it. Both are rounded down to eight decimals on the wire, and exact inside.
//   - An amount in another currency than the coin's is converted at the current rate of the Service, or of course_source,
//     which must be one of Config.RateSources, and rounded down. Without a rate it is refused as "Error convert to_currency".
//   - The balance is never exchanged: from_currency is refused as "Not enough balance for convert USDT to LTC" unless it is
//     the coin to pay out.
//   - priority has no effect, because the fee follows the network. A memo is refused as validation.prohibited, because no
//     network here has memos: without it the money would be lost.
//   - A bad address is refused as validation.regex. "You are forbidden" is also the response to what a policy refuses: a
//     limit, or a receiver that is not on the list.
//   - Fields of balances sum up what a coin has on all networks, while a payout needs it on its own.
//
// Statuses, of which responses and webhooks show the same:
//
//	requested                          check, not final: it waits for an approval
//	queued, signed, sent               process, not final
//	paid                               paid, final
//	cancelled                          cancel, final; the money is back on the balance
//	failed, returned                   fail, final; the money is back on the balance
//	failed, as somebody used the key   fail, not final: the operator has to find out who was paid
//
// # Refunds
//
// A refund gives back the whole amount that was paid in the quoted asset and booked, to the given address. With
// is_subtract the fee is the merchant's; otherwise it is taken out of the refund, except out of money that never was the
// merchant's, such as an incomplete payment. The operator's commission is not given back: it is the merchant's cost. The
// same request again refunds nothing more, unless the first refund failed; another address or is_subtract is refused as
// "The refund amount should not be more than the amount paid", which is also the response while a payment is not deep
// enough to be booked. Responses about the invoice then have refund_process, refund_paid or refund_fail as the status.
// Webhooks do not report refunds, nor does the list of payouts have them.
//
// What a static wallet got after it was blocked can be refunded once. The fee is taken out of it.
//
// # Balances and transfers
//
// The merchant's balance is what its project can pay out: neither what is reserved for payouts nor what is held because it
// does not count as paid. balance_usd is null if there is no rate. The user's balance is that of the project which
// Config.Personal returns. A transfer moves money on one network, that of most of the coin unless network names another. It
// has no order_id: use an Idempotency-Key to repeat one safely.
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
// "Payment not found" is the response for every invoice that is not the merchant's, and "Payout not found" for every payout. The published documents have no words
// for a QR code of what cannot be paid: "Payment is closed", "Wallet is blocked", and "Payment has no address until a
// currency and a network are chosen" are this package's.
//
// # Limits
//
// Rates are read from the sources for each request: put a rates.Cache in
// front of slow ones. Timeouts, CORS and the payment page are the host's responsibility; see package httpapi.
package cryptomus
