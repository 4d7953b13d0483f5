package sepa

// Status is what a bank says of a message, of its payment information or of one transfer: a code of the ISO external code
// sets ExternalPaymentGroupStatus1Code and ExternalPaymentTransactionStatus1Code. Codes that are not listed here, and the empty
// one, are pending.
type Status string

// The statuses.
const (
	StatusReceived         Status = "RCVD" // the bank has the message
	StatusPending          Status = "PDNG" // further checks are to come
	StatusSyntax           Status = "ACTC" // the syntax is right
	StatusPartlyAuthorised Status = "PATC" // some of those who have to authorise it have done so
	StatusProfile          Status = "ACCP" // the customer's profile allows it
	StatusFunds            Status = "ACFC" // the account has the money
	StatusChanged          Status = "ACWC" // accepted with a change, such as of the date
	StatusInProcess        Status = "ACSP" // accepted, and being settled
	StatusNotPosted        Status = "ACWP" // the creditor's bank has accepted it and not credited it
	StatusCleared          Status = "ACPD" // the clearing has taken it
	StatusCheque           Status = "ACIS" // a cheque is issued
	StatusBlocked          Status = "BLCK" // the money is neither credited nor given back
	StatusPartial          Status = "PART" // some transfers are accepted and some are not
	StatusDebtorSettled    Status = "ACSC" // settled: the debtor's account is debited
	StatusCreditorSettled  Status = "ACCC" // settled: the creditor's account is credited
	StatusRejected         Status = "RJCT" // it is not executed
	StatusCancelled        Status = "CANC" // it was cancelled before it was executed
)

// outcome is what a status means for the money.
type outcome int

const (
	pending  outcome = iota // it may or may not be paid yet
	settled                 // paid
	rejected                // never paid by this order
)

// outcomes is the table of meanings. The definitions are those of the ISO external code sets; that only ACSC and ACCC say that
// money has moved follows from them ("settlement ... has been completed"), while every other acceptance is of a check.
var outcomes = map[Status]outcome{
	StatusReceived: pending, StatusPending: pending, StatusSyntax: pending, StatusPartlyAuthorised: pending, StatusProfile: pending,
	StatusFunds: pending, StatusChanged: pending, StatusInProcess: pending, StatusNotPosted: pending, StatusCleared: pending,
	StatusCheque: pending, StatusBlocked: pending, StatusPartial: pending,
	StatusDebtorSettled: settled, StatusCreditorSettled: settled,
	StatusRejected: rejected, StatusCancelled: rejected,
}

// Pending reports that the status decides nothing: what it is about may still be paid or rejected.
func (s Status) Pending() bool { return outcomes[s] == pending }

// Settled reports that what the status is about is paid. It may be returned later.
func (s Status) Settled() bool { return outcomes[s] == settled }

// Rejected reports that what the status is about will not be paid: another order may be made in its place.
func (s Status) Rejected() bool { return outcomes[s] == rejected }

// Verification is the result of the verification of payee (Regulation (EU) 2024/886, the EPC's VOP scheme): the payee's bank
// has compared the name with the account. It is empty if nothing was said of it. It is not a status: after a result other than
// a match the bank waits for a confirmation.
type Verification string

// The results.
const (
	VerificationMatch       Verification = "RCVC" // the name is the account's
	VerificationClose       Verification = "RVMC" // it is similar; the bank tells the right one
	VerificationNoMatch     Verification = "RVNM" // it is another
	VerificationNotPossible Verification = "RVNA" // nothing can be said
)

// verificationOf returns the result that a code of a status or of a reason stands for, or nothing.
func verificationOf(code string) Verification {
	switch v := Verification(code); v {
	case VerificationMatch, VerificationClose, VerificationNoMatch, VerificationNotPossible:
		return v
	}
	return ""
}
