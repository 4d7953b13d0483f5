// Package webhook tells shops what happened to their invoices: it sends the messages that were
// committed together with the events, signed, in order, at least once, and to nobody else's cost.
//
//	notifier, err := webhook.NewNotifier(webhook.Standard()) // and formats of APIs; for invoice.Config
//	...
//	dispatcher, err := webhook.New(webhook.Config{Outbox: backend, Secrets: projects})
//	...
//	go dispatcher.Run(ctx)
//	dispatcher.Hint() // after a commit: look now, not at the next poll
//
// # What receivers get
//
// A POST with the body that was frozen with the event, signed as Standard Webhooks
// (standardwebhooks.com) describes, in every format: webhook-id is the event's id and the same for
// every attempt, webhook-timestamp is the time of the attempt, and webhook-signature has one entry
// for each active secret of the project, so that secrets can be rotated without missing a message.
// Receivers written in Go verify with [VerifyRequest]. A message may arrive more than once, with
// the same id; messages of one invoice to one URL arrive in the order of their events.
//
// # What an answer means
//
//	answer                                    the message ...
//	2xx                                       is delivered
//	408, 425, 429, 5xx                        is tried again on schedule
//	429, 503 with Retry-After                 ... but not before that time, within Config.MaxRetryAfter
//	no connection, no name, bad certificate   is tried again on schedule
//	no complete answer within the timeout     is tried again on schedule, also after a status of 2xx
//	410                                       is dead, and so is all else of the project to this URL
//	any other status; redirects               is dead; redirects are not followed
//	address refused by the client             is dead
//	failure of the last attempt on schedule   is dead
//	none for as long as the schedule takes    is dead, tried or not: see Config.Schedule
//
// A format may have rules of its own in place of these ([Rules]): what the document of its API says wins.
//
// A dead message is kept with its history, and lets the next of its invoice go on. Resend of the
// [Outbox] makes it due again.
//
// # What keeps endpoints apart
//
// An endpoint is a project's URLs at one scheme, host and port whose paths fall into the same of 64 groups ([Endpoint]). It
// has a bounded number of deliveries in flight. A delivery that takes longer than a second goes on beside the others, which have its place, and
// nothing else is sent to its endpoint until it is over. Once one could not be reached or was too slow it
// gets a single one at a time, after several failures in a row none for a while (its messages wait
// without losing attempts), and all such endpoints together never have more than half of the workers. This
// is kept in memory by each process for itself.
//
// The addresses of callbacks are chosen by others, so the client of [NewClient] checks every
// address that it connects to after the name was resolved. [CheckURL] refuses bad URLs earlier, by
// their text.
//
// # What it does not do
//
// It decides nothing about invoices, writes no message that an event did not come with, and stores
// nothing itself: the [Outbox] does. It does not promise exactly one delivery, which nobody can,
// nor any order between invoices.
package webhook
