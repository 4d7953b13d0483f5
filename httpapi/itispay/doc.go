// Package itispay speaks the Cryptocurrency Invoice API 1.1.0 of ItisPay, so that a client of that API works
// after a change of its base URL:
//
//	api, err := itispay.New(itispay.Config{Service: service, Projects: projects})
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
//	GET   /public/invoices/{invoice_id}   what a payer may see                no key
//	GET   /currencies                     what can be paid in                 no key
//	GET   /rates                          what one unit of each costs         no key
//	POST  /projects                       create a project                    account key
//	GET   /openapi.json                   all of this, for programs           no key
//
// Keys are in the header Api-Key. An answer that has no key costs no more than a read of the store, or of the
// rates: put a rates.Cache in front of slow sources.
//
// # Where the published documents leave something open
//
//   - expire_min may be 1 or more, and is 30 when absent.
//   - Exactly one of fiat_amount and crypto_amount must be given, for a record as well, and must be more than
//     0. Both may be JSON numbers or decimal numbers in strings. An amount with more decimals than
//     its currency is refused, not rounded.
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
//   - crypto_amount_in_units is in the answer of PATCH alone, as in the published samples.
//   - currency_paid is there when most of the money came in another currency than was asked for.
//   - GET /rates is in the Service's reference currency, EUR unless configured otherwise. Without a single rate
//     it is refused with 503.
//   - Members in units are exact integers. They can be larger than 2^63, with 18 decimals from 9.3 of a coin on.
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
// # Errors
//
// The body is {"error": code, "message": text}. The codes are
//
//	400 bad_request              the body or the query string cannot be read
//	401 unauthorized             the key is missing or unknown
//	403 forbidden                the key may not be used from the client's address
//	404 not_found                no such invoice for this project, or no such path
//	405 method_not_allowed       see the header Allow
//	409 conflict                 the order_id or the project's name is taken
//	413 payload_too_large        more than 64 KiB
//	415 unsupported_media_type   the Content-Type is not application/json
//	422 validation_error         a value is out of range, or the status cannot be changed so
//	500 internal_error           logged with the X-Request-Id of the answer
//	503 rate_unavailable         no trustworthy exchange rate now; try again
//	503 unavailable              the request was given up, or too much happened at once; try again
//
// # What it does not do
//
// Invoices are told in the format "itispay": the Service's Notifier must know it, and without one no
// invoice can be created here. The routes for administrators, settlements, simulated and
// repeated webhooks, withdrawals and payouts are not part of this table. Timeouts, rate limits and CORS
// are the host's; see package httpapi.
package itispay
