// Package desk is the operator's desk: what needs a person now, invoices with the reasons for where they are, webhooks,
// balances, payouts, projects and the log of who did what, as pages that a shop mounts on its own mux.
package desk
