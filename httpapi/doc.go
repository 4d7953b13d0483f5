// Package httpapi assembles HTTP APIs from tables of routes. A dialect is one folder that contains a table and the
// functions in it. From the table this package makes the http.Handler, the authentication, the decoding and checking of
// requests, and the OpenAPI 3.1 document, so that they always agree:
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
// An [API] is an ordinary http.Handler. Its paths begin at its own root; http.StripPrefix mounts it under any prefix:
//
//	mux.Handle("/pay/", http.StripPrefix("/pay", api))
//
// It serves its document at openapi.json under the same prefix, and a page for people at docs.
//
// # Authentication
//
// Each dialect authenticates requests with the keys that its published document describes. A host that knows its users
// already, by a session, a client certificate or a gateway, sets the field Authenticate of the dialect's configuration
// instead; see [Authenticate].
//
// # Requests
//
// A body must be a JSON object in UTF-8 of at most 64 KiB. Its Content-Type must be application/json unless the route
// accepts any type, and it must not be compressed. Duplicate keys, halves of surrogate pairs, nesting deeper than 16
// levels and anything after the object are refused, so that a text is never read as another one than was sent. Undeclared
// members are ignored. A null counts as absent, as does the zero that programs send for a member that is not set where
// the member cannot have that value: 0 where it must be more, "" where it must be one of several texts. Names are
// case-sensitive. Amounts may be JSON numbers or decimal numbers in JSON strings. They are parsed as decimals, never as
// floats, and an exponent above 99 is refused before it is used in any calculation.
//
// # Responses
//
// Every response, including an error, whose body the dialect defines, is JSON, except the [Text] of a few routes, with the
// headers Cache-Control: no-store, X-Content-Type-Options: nosniff and X-Request-Id. Numbers have all their digits and no
// exponent. The response to HEAD is that to GET without the body. The header Date, which net/http adds, is the server's
// time. An internal error, which includes a panic of a handler, is logged with the request's id and not sent. A request
// whose client has gone away is not an error.
//
// # Repeated requests
//
// With Config.Replies, for which both SQL stores have an implementation, a shop that got no response sends its request
// again with the same Idempotency-Key, and gets the response to the first one; see [Replies]. A request with a key
// continues when its client hangs up, for at most a minute, so that its effects and its response are both complete. If no
// response is kept, the request runs again: after a status of 500 or more, which may follow a part of the work, the order
// id identifies the invoice. The same holds when the process dies; the key is then held for five minutes first.
//
// # Limits
//
// The package sets no timeouts: an http.Server in front of payers needs ReadHeaderTimeout, ReadTimeout, WriteTimeout and
// IdleTimeout, because otherwise a slow body holds a connection indefinitely. CORS headers and access logs are left to the
// host's middleware. X-Forwarded-For is ignored, because anybody can send it: a host behind a proxy sets the dialect's
// Config.ClientIP.
package httpapi
