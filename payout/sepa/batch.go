package sepa

import (
	"time"

	"github.com/shopspring/decimal"
)

// Version is a version of the message that orders credit transfers.
type Version int

// The versions.
const (
	Version09 Version = iota // pain.001.001.09, which the rule books ask for since 2023
	Version03                // pain.001.001.03, of 2009
)

// String returns the name of the message: "pain.001.001.09".
func (v Version) String() string {
	if v == Version03 {
		return "pain.001.001.03"
	}
	return "pain.001.001.09"
}

// CreditorAgent says what a bank wants to read of a creditor's bank whose BIC is not known. A BIC that is known is always
// written.
type CreditorAgent int

// What is written without a BIC.
const (
	AgentOmitted     CreditorAgent = iota // nothing: the rule of the schemes ("IBAN only")
	AgentNotProvided                      // the id NOTPROVIDED
	AgentRequired                         // a transfer without a BIC is refused
)

// Profile is what a debtor's bank wants otherwise than others. The zero value suits most banks.
type Profile struct {
	Version       Version // default Version09
	CreditorAgent CreditorAgent
	// BatchBooking asks for one debit entry for the whole file (true) or one a transfer (false). It needs an agreement with
	// the bank; nil leaves it to the agreement.
	BatchBooking *bool
	Charset      Charset // default Latin
	// InitiatingParty is the name of who hands in files, at most 70 characters; empty for the debtor's own.
	InitiatingParty string
}

// Batch is one file of credit transfers in euro: from one account, on one date, all ordinary or all instant. Names and other
// texts are transliterated; ids are not.
type Batch struct {
	// MessageID is the id of the message and of its one payment information. Banks refuse an id that they have seen before, so
	// it has to be unique for the debtor for ever. Ids have at most 35 characters of [Latin] and neither begin nor end with a
	// slash or a space, nor contain two slashes in a row.
	MessageID string
	CreatedAt time.Time
	// Debtor is the name of the account's owner, at most 70 characters.
	Debtor  string
	IBAN    IBAN
	BIC     BIC      // optional
	Address *Address // of the debtor; optional, banks have it
	// Date is when the bank is asked to execute the transfers: a business day ([NextBusinessDay]) unless they are instant,
	// and not before CreatedAt. Year, month and day in its own location count.
	Date    time.Time
	Instant bool // SEPA Instant Credit Transfer
	// Sum is what the caller's own books say that the transfers add up to; zero leaves that check out.
	Sum       decimal.Decimal
	Transfers []Transfer // at least one
}

// Transfer is one credit transfer.
type Transfer struct {
	// EndToEndID is unique within the batch. It comes back in statuses and entries, and the creditor sees it.
	EndToEndID string
	UETR       string          // a UUID (version 4) in lower case; optional, and only in Version09
	Amount     decimal.Decimal // in euro: 0.01 to 999999999.99, with at most two decimals
	// Creditor is the legal name of who is paid, at most 70 characters. Banks compare it with the account.
	Creditor string
	IBAN     IBAN
	BIC      BIC      // optional
	Address  *Address // optional
	// Purpose is a code of four characters from the ISO external code set for purposes, such as SALA; optional.
	Purpose string
	// Remittance is a text of at most 140 characters for the creditor. Reference is a creditor reference in its place. Both are
	// optional, and exclude each other.
	Remittance string
	Reference  Reference
}

// Address is a postal address, structured or hybrid. Town and country are required and everything else is optional:
// addresses of lines alone are refused by banks from November 2026 at the latest (rule books of 2025).
type Address struct {
	Street   string   // at most 70 characters
	Building string   // its number, at most 16 characters
	PostCode string   // at most 16 characters
	Town     string   // at most 35 characters
	Country  string   // ISO 3166: two capital letters
	Lines    []string // what does not fit elsewhere: at most two of 70 characters
}
