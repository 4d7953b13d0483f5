// Package itispay implements the Cryptocurrency Invoice API 1.1.0 of ItisPay, so that a client of that API works after a
// change of its base URL:
//
//	format := itispay.NewFormat()
//	notifier, err := webhook.NewNotifier(format) // for the Service
//	...
//	api, err := itispay.New(itispay.Config{Service: service, Format: format, Projects: projects, Store: store})
//	...
//	mux.Handle("/api/v1/", http.StripPrefix("/api/v1", api))
//
// The prefix is free. The routes below it are
//
//	POST  /invoices                       create                              project key
//	GET   /invoices                       list                                project key
//	GET   /invoices/{invoice_id}          read                                project key
//	PATCH /invoices/{invoice_id}          set the status                      project key
//	POST  /archived, /invoices/archived   record a past invoice               project key
//	POST  /webhooks/resend                send the latest callback again      project key
//	POST  /webhooks/simulate              send a callback for testing         project key, or none
//	GET   /admin/invoices                 list the invoices of all projects   key of one of Config.Admins
//	GET   /admin/invoices/{invoice_id}    read an invoice with its histories  key of one of Config.Admins
//	GET   /public/invoices/{invoice_id}   read the public view                no key
//	GET   /currencies                     list the currencies                 no key
//	GET   /rates                          list the exchange rates             no key
//	POST  /projects                       create a project                    account key
//	GET   /invoices/settlements           export what was settled, as CSV     project key
//	POST  /withdraw                       pay out to the shop's own wallet    project key
//	POST  /payouts                        pay out to somebody else            project key
//	GET   /openapi.json, /docs            documentation                       no key
//
// [NewV1] returns version 1.0.0 of the API for the same invoices, for clients that refuse unknown members. Mount it under
// a prefix of its own. It has the routes that create, list, read, update and record invoices, list currencies and rates,
// simulate callbacks and create projects. Its invoices have crypto_amount_in_units in every response, and neither
// transactions nor currency_paid. Its blockchain_details has walletId, the name of the shop's wallet, and accountId, the
// project.
//
// Keys are in the header Api-Key; Config.Authenticate replaces those of projects by the host's own authentication. A request
// without a key costs at most one read of the store or of the rates: put a
// rates.Cache in front of slow sources.
//
// # What the published documents leave open
//
//   - expire_min may be 1 or more, up to the Service's longest window, and is 30 when absent. An integer may be written
//     as 30.0.
//   - Zero values, which programs send for fields that are not set, count as absent: an amount or an expire_min of 0, a
//     fiat_currency of "".
//   - Currency codes are case-insensitive, in creations and in filters.
//   - Exactly one of fiat_amount and crypto_amount must be given, also for a record, and must be more than 0. Both may be
//     JSON numbers or decimal numbers in strings. An amount with more decimals than its currency is refused, not
//     rounded; but one with the 16 or 17 digits of a double that stands for a shorter number is read as that number:
//     29.949999999999999 is 29.95 (see httpapi.Number.Meant).
//   - fiat_currency must be EUR, and is EUR when absent. For a record it may be any fiat code of the Service.
//   - An allowed_error_percent of 100, with which any payment completes an invoice, is refused unless
//     Config.AllowFullTolerance is set. A fractional tolerance, which only the Go API can set, is shown rounded down.
//   - order_id is required and unique in the project. A second invoice with the same one is refused with 409, and the
//     message names the first one.
//   - An invoice of another project is not found: 404. 403 means that the key may not be used from the client's address.
//   - A page or page_size out of range is refused, not clamped. Lists are sorted by created_at, newest first, unless the
//     query asks for another order.
//   - crypto_amount_in_units is only in the responses of PATCH and of the routes of administrators, as in the published
//     samples.
//   - currency_paid is present if most of the money came in another currency than the requested one.
//   - GET /rates is in the Service's reference currency, EUR unless configured otherwise. Without a single rate it is
//     refused with 503.
//   - Members in units are exact 64-bit integers, which is what published clients read. One that does not fit, with 18
//     decimals from 9.3 coins on, is absent, also in callbacks: the amount beside it has the same value.
//   - Invoices that another API of the same project created, or the Go API in another format than "itispay", are not
//     found, listed, shown or changed, not even by administrators. Order ids are unique in the project nevertheless: the
//     order id of such an invoice is refused with 409, and the message does not name the invoice.
//   - An archived invoice has blockchain_details {} and shows user_id, the project's owner, and project_id. A record that
//     was never to be paid has only the members of the published sample.
//   - blockchain_details.qrcode is present while the payer has something to send, and asks for the remaining amount. It is
//     absent once enough was seen or the invoice is closed, so that nobody pays twice.
//   - A transaction's status is pending, confirmed (as deep as the invoice's policy requires), or withdrawn (no longer in
//     the chain).
//   - The response to create has the status 201 and is the whole invoice, like those to read and PATCH.
//   - The public view is the whole invoice while it is new, pending or paid_partial, and otherwise only invoice_id and
//     status. Every response has the server's time in the header Date, which net/http sets, so that a page can count
//     down to expires_at without the payer's clock.
//
// # Administrators
//
// The keys of the projects in Config.Admins, subject to the address lists of these projects, read the invoices of all
// projects. They cannot change any. Items have the members of the published sample, except int_trans_id and paybis_event_id,
// because no other provider takes part. custody, settlement_date and settlement_txid are absent without Config.Payouts, when
// money goes to the shop's own wallet and nobody settles it; otherwise custody is paygateway, and the other two are those of
// the withdrawal that settled most of what the invoice brought, once it is paid. rate_created is absent if no rate was needed, and user_id, the project's owner, if the
// project is no longer known. search matches text in invoice_id, user_id, project_id, order_id and order_name, and
// ignores the case of ASCII letters. status_history has one member for each change of status, with the actor and the
// comment if there are any. callbacks, with every attempt, is present if Config.Store is set.
//
// # Callbacks
//
// POST /webhooks/resend makes the latest callback of an invoice due again, with the same bytes and the same id, whatever
// the states of the callback and the invoice. It changes no invoice. The response means that the callback will be sent,
// not that it was: the dispatcher sends it, and Config.Resent can notify it at once. callback_id is the number of the
// callback within its invoice. An invoice without callbacks is refused with 404, and a callback that was tried a hundred
// times with 429. Without Config.Store the route responds with 501.
//
// POST /webhooks/simulate responds with 501 unless Config.Simulation is set, which it must not be where real goods are
// sold: a receiver that reads only the member status takes a simulated callback for a real one. It is sent once, at once,
// to the callback_url of an existing invoice and nowhere else, through a client that connects to no private address, and
// reports the true amounts. It is marked by the header Webhook-Simulated: true, the member "simulated": true, and an id
// that begins with sim_. No project's secret signs it, so a receiver that verifies signatures refuses it unless it has the
// secret of Config.Simulation. Nothing is stored. If the endpoint does not respond with 2xx, the response is 422
// webhook_failed. An invoice can be simulated once a second, and eight simulations can run at a time; beyond that the
// response is 429. The route requires the key of the invoice's project; Simulation.Keyless removes that, as in the
// published API.
//
// # Money out
//
// The three routes of money out need Config.Payouts, which also makes every project one of "Paygateway custody". Without it
// they respond with 501, if the key is valid and, for payouts, the headers X-Client-ID and X-Project-ID are present. What
// the published document leaves open:
//
//   - The status of withdrawals and payouts is pending (also while an approval is missing), processing (signed, perhaps
//     sent), completed (final on the chain, or booked by the bank), failed (also when a bank sent it back) or cancelled.
//   - A withdrawal's fee is the most that the network may take from the balance in addition to the amount. It is 0 for a
//     token, whose fee the operator pays. wallet_hash is the wallet's address, and txn_id the id of the withdrawal. amount
//     may be a JSON number.
//   - A withdrawal with an Idempotency-Key is known by it for ever, also without Config.Replies: the same request again
//     gets its present state, another one 409. Without the header each request is a new withdrawal.
//   - A payout is known by its order_id, or else its transaction_id, or else its Idempotency-Key, for ever. The same request
//     again gets the present state of the payout, with 201, and another one 409. Without all three each request is a new
//     payout.
//   - fiat has amount and currency; crypto has currency, address (or crypto_address), network and amount; beneficiary has
//     type, name (or first_name and last_name, or company_name), iban, bic, country, city (or town) and address. Names may
//     be in camelCase, and amounts numbers or strings. Members that the API does not know are kept and returned, in objects
//     fiat and crypto that only such requests get.
//   - A payout in cryptocurrency without crypto.amount is converted at the Service's rate, rounded down to the asset's last
//     decimal; the response has the rate and a quote_id. With crypto.amount that is paid, and fiat is only recorded.
//     crypto.network chooses among currencies, by the name of the network or its CAIP-2 id.
//   - What is reserved is the amount in its own asset and the greatest network fee, not the value in fiat.
//   - A payout in fiat goes to the account beneficiary.iban, in the asset that Config.Fiat returns; without Config.Fiat it is
//     refused with 422. reference is for the beneficiary, and hash the number of the transfer.
//   - X-Client-ID and X-Project-ID are required and kept, and restrict nothing: the key decides.
//   - callback_url gets the body of the response as it is then for each later change of the status, as webhooks of invoices
//     are sent and signed.
//
// The export of settlements has a line for each invoice of this API and each withdrawal that has settled something of it:
// what the ledger credited since the withdrawal before in that asset, without commission, once the withdrawal is paid.
// Lines are grouped by asset, in the order of its code, and in the order of the ledger within it. crypto_amount is in
// currency, rounded towards 0; if the invoice was paid in another currency it is the value at which the payments were
// accepted. Date of settlement is when the withdrawal was requested. Hash of settlement is one transaction, because a
// withdrawal has only one. Invoices that were never completed are left out. What the chain takes back after it was settled
// is a line with a negative amount, settled by the next withdrawal, and the former line stays. A text that a spreadsheet
// would take for a formula begins with an apostrophe. Lines end with CRLF (RFC 4180). An export that fails halfway ends
// with a broken connection.
//
// # Errors
//
// The body of an error is {"error": code, "message": text}. The codes are
//
//	400 bad_request              the body or the query string cannot be read
//	401 unauthorized             the key is missing or unknown
//	403 forbidden                the key may not be used from the client's address, or does not belong to an administrator
//	404 not_found                the project has no such invoice, the invoice has no callback, or there is no such path
//	405 method_not_allowed       see the header Allow
//	409 conflict                 the order_id or the project's name is taken, a payout was another request, or a request
//	                             with the same Idempotency-Key is running
//	413 payload_too_large        more than 64 KiB
//	415 unsupported_media_type   the Content-Type is not application/json in UTF-8, or the body is compressed
//	422 validation_error         a value is out of range, or the change of status is not allowed
//	422 webhook_failed           the callback_url did not accept a simulated callback
//	422 insufficient_balance     the project has too little for the amount and the greatest network fee
//	422 limit_exceeded           more than the project may pay out in a day
//	429 too_many_requests        see the header Retry-After, if present
//	500 internal_error           logged to Config.Logger with the X-Request-Id of the response
//	501 not_implemented          not served here
//	503 rate_unavailable         no trustworthy exchange rate now; try again
//	503 unavailable              no address is free, the operator has no coins for a network fee, Config.MaxNew invoices
//	                             are new, too many concurrent changes, the store is busy, or the request was canceled;
//	                             try again, see the header Retry-After
//
// # Limits
//
// Webhooks use the format "itispay": New refuses a Service or Payouts whose Notifier does not know it. What
// is kept of a payout's request may be 8 kB. Timeouts and CORS are the host's responsibility; see package httpapi.
package itispay
