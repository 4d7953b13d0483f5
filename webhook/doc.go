// Package webhook notifies shops of what happened to their invoices. It sends the messages that were committed together with
// the events: signed, in order, at least once, and without one endpoint delaying the others.
//
//	notifier, err := webhook.NewNotifier(webhook.Standard()) // and formats of APIs; for invoice.Config
//	...
//	dispatcher, err := webhook.New(webhook.Config{Outbox: backend, Secrets: projects})
//	...
//	go dispatcher.Run(ctx)
//	dispatcher.Hint() // after a commit: look now, not at the next poll
//
// # Requests
//
// A request is a POST of the body that was stored with the event. In every format it is signed as Standard Webhooks
// (standardwebhooks.com) specifies: webhook-id is the message's id and the same for every attempt, webhook-timestamp is the
// time of the attempt, and webhook-signature has one entry for each active secret, so that secrets can be rotated without
// missing a message. Receivers written in Go verify a request with [VerifyRequest]. A message may arrive
// more than once, with the same id. Messages of one invoice to one URL arrive in the order of their events.
//
// # Receivers
//
// An event is told to the callback URL of its invoice, if it has one, and to the endpoints of its project
// ([invoice.Endpoint]) whose filter selects it. All of these messages are committed with the event, and are delivered
// alike but independently:
//
//	                 the invoice's callback         an endpoint of the project
//	told             events of the invoice          events of all invoices that its filter selects
//	webhook-id       the event's id                 the event's id, "_", and the endpoint's id
//	signed by        the secrets of the project     the secrets of the endpoint
//	format           that of the invoice            its own, by default [Standard]
//	resent by        Resend with no receiver        Resend with the endpoint's id
//
// The endpoints of a project are managed with [invoice.Projects], and told when [invoice.Config].Receivers provides them.
// Events of payouts are told in the same way, by payout.Config, to the payout's own callback and to the endpoints, in the
// format [Standard] unless a format is a [PayoutFormat].
// Messages to an endpoint that was removed are dead at their next attempt. A receiver that is both the callback of an
// invoice and an endpoint gets two messages for an event, with the same Seq in their bodies.
//
// # Responses
//
//	response                                  message
//	2xx                                       delivered
//	408, 425, 429, 5xx                        tried again on schedule
//	429, 503 with Retry-After                 tried again not before that time, within Config.MaxRetryAfter
//	no connection, no name, bad certificate   tried again on schedule
//	no complete response within the timeout   tried again on schedule, even after a status of 2xx
//	410                                       dead, like all other messages of the project to this URL
//	any other status, redirects               dead; redirects are not followed
//	address refused by the client             dead
//	none, since the endpoint was removed      dead
//	failure of the last attempt on schedule   dead
//	none for as long as the schedule takes    dead, whether tried or not; see Config.Schedule
//
// A format may have rules of its own in place of these ([Rules]): what the document of its API says wins.
//
// A dead message is kept with its history, and no longer holds back the next message of its invoice. [Outbox].Resend
// makes the latest message of an invoice to one receiver due again.
//
// # Isolation of endpoints
//
// For deliveries, an [Endpoint] is the set of a project's callback URLs with the same scheme, host and port whose paths
// fall into the same of 64 groups. Each endpoint of the project is one by itself. The number of deliveries in flight to it is limited. A delivery that takes longer than Config.Patience no
// longer occupies a worker, and nothing else is sent to its endpoint until it ends. An endpoint that was unreachable or
// too slow gets a single delivery at a time, and after several consecutive failures none for a while; its messages wait
// without losing attempts. All such endpoints together have at most half of the workers. Each process keeps this state
// in its own memory.
//
// Clients choose the callback URLs, so the client of [NewClient] checks each address that it connects to after the name
// is resolved. [CheckURL] refuses bad URLs earlier, by their text.
//
// # Limits
//
// The package decides nothing about invoices, sends no message without an event, and stores nothing itself, which is the
// task of the [Outbox]. It guarantees neither exactly one delivery, which is impossible, nor an order between invoices.
package webhook
