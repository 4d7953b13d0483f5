// Package gateway pays through a custodian who keeps the shop's money: a [payout.Provider] that speaks a small protocol over
// HTTP, for custodians that offer it, or for a program of the shop that translates it to what a custodian offers.
//
// # Protocol
//
// All paths follow the gateway's URL. Requests carry a bearer token, or come with a client certificate. Bodies are JSON.
// Amounts are strings of base units.
//
//	PUT  /payments/{id}    submits a payout.Instruction. The same again changes nothing.
//	GET  /payments/{id}    what became of it
//	DELETE /payments/{id}  takes it back, if nothing was done with it: status 200, or 409 if it is too late
//	GET  /receivers?asset=...&to=...&units=...&name=...&bic=...&country=...   checks a receiver
//	GET  /incoming/{id}    what an incoming payment brought
//	GET  /balance?asset=...
//
// A payment's state is
//
//	{"id": "...", "outcome": "pending", "why": "", "fee": "0", "reference": ""}
//
// with the outcomes pending, confirm (a person has to confirm it with the custodian), paid, failed, withdrawn (by DELETE) and
// returned (it was paid, and "units" came back later). PUT returns it with status 200 or 202. Status 404 of GET means that the custodian has
// never had the payment and that nothing under this id is on its way. Status 409 of PUT means that the id belongs to another
// payment. Any other status, and no response, leave open whether the custodian has it: then it is asked, and never submitted
// under another id.
//
// A receiver is {"to": "..."} in its canonical spelling, or status 422 with {"code": "wrong_address", "reason": "..."}, where
// the code is a payout.Refusal. An incoming payment and a balance are {"asset": "...", "units": "..."}.
//
// # Callbacks
//
// The custodian may post {"id": "..."} of a payment that changed, signed, to [NewCallback]. It is a hint: what became of the
// payment is always asked for, so that a callback that is forged, late, repeated or lost changes nothing but the time. Only
// for a payment that was returned after it was paid the callback is needed, since what is paid is not asked for any more; the
// custodian repeats it until it gets status 204.
package gateway
