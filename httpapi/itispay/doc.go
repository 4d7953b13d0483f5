// Package itispay speaks the Cryptocurrency Invoice API 1.1.0 of ItisPay, so that a client of that API works
// after a change of its base URL:
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
//	POST  /archived, /invoices/archived   record an invoice of the past       project key
//	POST  /webhooks/resend                send the latest callback again      project key
//	POST  /webhooks/simulate              send a callback that means nothing  project key, or none
//	GET   /admin/invoices                 list those of all projects          key of one of Config.Admins
//	GET   /admin/invoices/{invoice_id}    read one, with its histories        key of one of Config.Admins
//	GET   /public/invoices/{invoice_id}   what a payer may see                no key
//	GET   /currencies                     what can be paid in                 no key
//	GET   /rates                          what one unit of each costs         no key
//	POST  /projects                       create a project                    account key
//	GET   /invoices/settlements           not served                          project key
//	POST  /withdraw, /payouts             not served                          project key
//	GET   /openapi.json, /docs            all of this                         no key
//
// [NewV1] makes the API 1.0.0 of the same invoices, for clients that refuse members they do not know: mount it
// under a prefix of its own. It has the routes that create, list, read, set and record invoices, list
// currencies and rates, simulate callbacks and create projects. Its invoices have crypto_amount_in_units in every
// answer, and neither transactions nor currency_paid; blockchain_details has walletId, the name of the shop's
// wallet, and accountId, the project.
//
// Keys are in the header Api-Key. An answer that has no key costs no more than a read of the store, or of the
// rates: put a rates.Cache in front of slow sources.
//
// # Where the published documents leave something open
//
//   - expire_min may be 1 or more, up to the Service's longest window, and is 30 when absent. An integer may be written
//     as 30.0.
//   - The zeros that programs send for what they have not set are not given: an amount or an expire_min of 0, a
//     fiat_currency of "".
//   - Codes of currencies are taken in any case of letters, in creations and in filters.
//   - Exactly one of fiat_amount and crypto_amount must be given, for a record as well, and must be more than
//     0. Both may be JSON numbers or decimal numbers in strings. An amount with more decimals than
//     its currency is refused, not rounded; but one with the 16 or 17 digits of a double that is meant to be shorter,
//     such as 29.949999999999999, is what it is meant to be, 29.95 (see httpapi.Number.Meant).
//   - fiat_currency must be EUR, and is EUR when absent. For a record it may be any fiat code of the Service.
//   - allowed_error_percent of 100, with which any payment completes an invoice, is refused unless
//     Config.AllowFullTolerance. A tolerance of a fraction, which only the Go API can set, is shown
//     rounded down.
//   - order_id is required and unique in the project. A second invoice with it is refused with 409, and the
//     message names the first one.
//   - An invoice of another project does not exist: 404. 403 says that the key may not be used from the
//     client's address.
//   - page and page_size out of their range are refused, not clamped. Lists are sorted by created_at, the
//     newest first, unless the query says otherwise.
//   - crypto_amount_in_units is in the answers of PATCH and to administrators alone, as in the published samples.
//   - currency_paid is there when most of the money came in another currency than was asked for.
//   - GET /rates is in the Service's reference currency, EUR unless configured otherwise. Without a single rate
//     it is refused with 503.
//   - Members in units are exact integers of 64 bits, which is what published clients read. One that does not fit, with
//     18 decimals from 9.3 of a coin on, is left out, here as in callbacks: the amount beside it says the same.
//   - What another API of the same project has made, or the Go API in another format than "itispay", is none of this
//     API's: it is not found, listed, shown or changed, by nobody, administrators included. Order ids are unique in
//     the project all the same: one that such an invoice has is taken, 409, and the message does not name it.
//   - What is archived has blockchain_details {} and shows user_id, the project's owner, and project_id. A
//     record that was never to be paid has nothing else but the members of the published sample.
//   - blockchain_details.qrcode is there while the payer still has something to send, and asks for what
//     remains: it is absent once enough was seen or the invoice is closed, lest somebody pays twice.
//   - A transaction's status is pending, confirmed (as deep as the invoice's policy asks for), or withdrawn
//     (the chain no longer has it).
//   - The answer to create has the status 201 and is the whole invoice, like those to read and PATCH.
//   - The public view is the whole invoice while it is new, pending or paid_partial, and otherwise just
//     invoice_id and status. Every answer has the server's time in the header Date, as net/http sets it:
//     a page counts down to expires_at from that, never from the payer's own clock.
//
// # Administrators
//
// The keys of the projects in Config.Admins, whose own lists of addresses count here too, read the invoices of all
// projects. They change none. Items have what the published sample has, but for custody, int_trans_id,
// paybis_event_id, settlement_date and settlement_txid, which are absent: money goes to the shop's own wallet, so
// nobody keeps or settles it. rate_created is absent when no rate was needed, and user_id, the project's owner, when
// the project is no longer known. search looks through invoice_id, user_id, project_id, order_id and
// order_name, whatever the case of ASCII letters. status_history has a member for every change of status, with who made
// it and why if somebody did. callbacks, with every attempt, are there if Config.Store is.
//
// # Callbacks
//
// POST /webhooks/resend makes the latest callback of an invoice due again: the same bytes under the same id,
// whatever became of it, and whatever the invoice is by now. It changes no invoice. The answer says that it will be
// sent, not that it was; the dispatcher does that, and Config.Resent tells it at once. callback_id is the
// number of the callback within its invoice. An invoice that nobody was told of has none: 404. A callback that was
// tried a hundred times is not sent again: 429. Without Config.Store the route answers 501.
//
// POST /webhooks/simulate answers 501 unless Config.Simulation is set, which it must not be where real goods are
// sold: a receiver that looks at nothing but the member status takes a simulated callback for a real one. It goes to
// the callback_url of an existing invoice and nowhere else, through a client that connects to no private address,
// once and at once, and reports the true amounts. It is marked by the header Webhook-Simulated: true, the member
// "simulated": true and an id that begins with sim_; and no project's secret signs it, so whoever verifies signatures
// refuses it unless told the secret of Config.Simulation. Nothing is stored. An endpoint that does not answer
// 2xx makes it 422 webhook_failed. One invoice is simulated once in a second, and eight at a time: else 429. It
// takes the key of the invoice's project; that the published API takes none is Simulation.Keyless.
//
// # Errors
//
// The body is {"error": code, "message": text}. The codes are
//
//	400 bad_request              the body or the query string cannot be read
//	401 unauthorized             the key is missing or unknown
//	403 forbidden                the key may not be used from the client's address, or is no administrator's
//	404 not_found                no such invoice for this project, no callback of it, or no such path
//	405 method_not_allowed       see the header Allow
//	409 conflict                 the order_id or the project's name is taken, or a request with the same
//	                             Idempotency-Key is being answered
//	413 payload_too_large        more than 64 KiB
//	415 unsupported_media_type   the Content-Type is not application/json in UTF-8, or the body is compressed
//	422 validation_error         a value is out of range, or the status cannot be changed so
//	422 webhook_failed           the callback_url did not take a simulated callback
//	429 too_many_requests        see the header Retry-After, if there is one
//	500 internal_error           logged to Config.Logger with the X-Request-Id of the answer
//	501 not_implemented          not served here
//	503 rate_unavailable         no trustworthy exchange rate now; try again
//	503 unavailable              no address is free, Config.MaxNew invoices are new, too much happened at once or the
//	                             store is busy, or the request was given up; try again, see the header Retry-After
//
// # What it does not do
//
// Invoices are told in the format "itispay": New refuses a Service whose Notifier does not know it. No money goes
// out: the export of settlements, withdrawals and payouts answer 501, in the shape of every error, once the key is
// good and, for payouts, the headers X-Client-ID and X-Project-ID are there. Timeouts and CORS are the host's; see
// package httpapi.
package itispay
