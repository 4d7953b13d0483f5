// Package desk is the operator's desk: what needs a person now, invoices with the reasons for where they are, webhooks,
// balances, payouts, projects and the log of who did what, as pages that a shop mounts on its own mux.
//
//	office, err := desk.New(desk.Config{Invoices: service, Projects: projects, Records: backend, Authenticate: session, SignIn: "/login"})
//	...
//	mux.Handle("/office/", http.StripPrefix("/office", office))
//
// # Who may do what
//
// The host says who makes a request ([Config.Authenticate]), with a [Role] and the projects that the person sees. What the
// person does not see is not found. A table in desk.go has the least role for every page and act:
//
//	viewer          reads invoices, payments, messages, balances and payouts
//	cashier         also makes and cancels invoices
//	operator        also accepts, completes, reopens, labels and archives invoices, sends webhooks again, requests payouts and refunds, and
//	                reads the audit log
//	approver        also approves and cancels payouts, marks them as paid, allows receivers, signs by files, makes and reads files of banks, books what
//	                came to the wallet, compares the books with networks, and stops networks
//	administrator   also makes projects, keys and endpoints, corrects the ledger and closes its days
//
// No page shows a key or a secret but the one that has just made it, and none shows an extended public key.
//
// # How something is done
//
// An act has a page that repeats what it is about, such as amount, asset, receiver and fee, and asks for a reason. Its form is a
// POST, is taken from the desk's own pages alone ([http.CrossOriginProtection]), and acts once however often it is sent. Acts
// that move money out, or make keys, demand that the person proved lately who they are ([Config.Fresh]). Each act is written
// to the log [AuditLog] before it is done and after it was done or refused, so that an interruption leaves a trace: see [Entry].
// When the first of these records cannot be written, nothing is done.
//
// # What it is made of
//
// Pages are rendered here, work without scripts, down to a width of 320 pixels, in light and dark, and by keyboard. Their
// policy permits no script, style or image but those that are embedded; there are no cookies. Lists page by the last row,
// filters are their URLs, and an export is the same listing, streamed. The home page looks at the invoices and messages
// that changed last, and says how many.
//
// The desk starts nothing, keeps nothing but what [Records] has, and decides nothing about invoices and payouts: it calls the
// services, whose refusals it shows.
package desk
