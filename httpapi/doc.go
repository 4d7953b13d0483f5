// Package httpapi assembles HTTP APIs from tables of routes. A dialect, which is one folder,
// is a table and the functions in it; this package makes of the table the http.Handler, the
// authentication, the reading and checking of requests, and the OpenAPI 3.1 document, so that none of
// them can say something else than the others:
//
//	api, err := httpapi.New(httpapi.Config{
//		Title: "Greetings", Version: "1.0.0",
//		Routes: []httpapi.Route{{
//			Method: "GET", Path: "/greetings/{name}", OperationID: "greet", Summary: "Greet somebody", Tag: "Greetings",
//			Params: greetParams{}, Answer: greeting{}, Handler: greet,
//		}},
//		Fault: fault, FaultBody: faultBody{},
//	})
//
// An [API] is an ordinary http.Handler. Its paths begin at its own root, so it is mounted under any
// prefix by cutting the prefix off:
//
//	mux.Handle("/pay/", http.StripPrefix("/pay", api))
//
// It serves its document at openapi.json under the same prefix, and a page for people at docs.
//
// # Requests
//
// A body must be a JSON object in UTF-8 of at most 64 KiB, announced as application/json unless the route takes any
// type, and not compressed. Keys that occur twice, halves of surrogate pairs, nesting deeper than 16 levels and anything
// after the object are refused, so that no text is another one than was sent; members that the route does not declare
// are ignored, and null is the same as absent, as is the zero that a member may not be and programs send for what they have
// not set: 0 for what must be more, "" for what must be one of some texts. Names are matched exactly. Amounts
// may be JSON numbers or decimal numbers in JSON strings; they are read digit by digit, never through a
// float, and an exponent above 99 is refused before anything is calculated with it.
//
// # Answers
//
// Every answer is JSON with the headers Cache-Control: no-store, X-Content-Type-Options: nosniff and
// X-Request-Id, also an error, for which the dialect gives the body. Numbers have all their digits and no
// exponent. HEAD answers as GET does, without the body. The header Date, which net/http adds, is the
// server's time. What goes wrong inside is logged with the request's id and not sent; a panic of a handler
// is such an error. A request whose client went away is none.
//
// # Repeated requests
//
// With Config.Replies, which both SQL stores keep, a shop whose request was not answered sends it again, with the same
// Idempotency-Key, and has the first one's answer; see [Replies]. A request with a key goes on when its client hangs
// up, for at most a minute, so that what it did and what it answers are never known by halves. What ended without an
// answer that is kept runs again: after a status of 500 or more, which may come when half is done, it is the order id
// that finds the invoice. So it is when the process dies: then the key is taken for five minutes first.
//
// # What it does not do
//
// It sets no timeouts: an http.Server in front of payers needs ReadHeaderTimeout, ReadTimeout,
// WriteTimeout and IdleTimeout, since a slow body otherwise holds a connection for as long as it likes.
// It adds no CORS headers and writes no access log: the host's middleware does, for this handler as for its
// others. It does not look at X-Forwarded-For either, which anybody can send: a
// host behind a proxy says by Config.ClientIP of the dialect who the client is.
package httpapi
