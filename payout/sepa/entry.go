package sepa

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Direction is which way money goes, seen from the account.
type Direction string

// The directions.
const (
	Credit Direction = "CRDT" // it comes in
	Debit  Direction = "DBIT" // it goes out
)

// EntryStatus is the state of an entry: a code of the ISO external code set ExternalEntryStatus1Code, or the bank's own.
type EntryStatus string

// The states. Money has moved when an entry is booked, and only then.
const (
	EntryBooked      EntryStatus = "BOOK"
	EntryPending     EntryStatus = "PDNG"
	EntryInformation EntryStatus = "INFO"
)

// Booked reports whether the money has moved.
func (s EntryStatus) Booked() bool { return s == EntryBooked }

// Entry is one line of an account.
type Entry struct {
	Message   string // the kind of the document: "camt.052", "camt.053" or "camt.054"
	Statement string // the id of the statement, report or notification
	Account   string // its IBAN, or the bank's own number of it
	// Ref is the entry's own reference (NtryRef), often no more than its number in the statement. ServicerRef is the bank's
	// (AcctSvcrRef), which the same entry has in every document.
	Ref         string
	ServicerRef string
	Amount      decimal.Decimal // not negative
	Currency    string
	Direction   Direction // of this entry, also of one that reverses another
	Reversal    bool      // it takes back an earlier entry, whose direction was the other
	Status      EntryStatus
	// Booking and Value are dates: midnight in UTC, or zero.
	Booking time.Time
	Value   time.Time
	Code    Code
	Info    string
	// Batches has what the bank says of orders that it booked as one, and Transactions what it says of each; either may be empty.
	Batches      []BatchBooking
	Transactions []Transaction
}

// BatchBooking says which order an entry is the sum of.
type BatchBooking struct {
	MessageID string
	PaymentID string // of the payment information: [Write] gives it the id of the message
	Count     string // of the transfers, as the bank wrote it; empty if it does not say
	Amount    decimal.Decimal
	Currency  string // empty if the bank does not say the amount
}

// Transaction is one of those that an entry consists of.
type Transaction struct {
	MessageID     string
	PaymentID     string
	InstructionID string
	EndToEndID    string
	UETR          string
	ServicerRef   string
	TransactionID string // of the first bank
	// Amount is this transaction's. For the only one of an entry it is the entry's if the bank does not say; otherwise Currency is
	// empty then.
	Amount    decimal.Decimal
	Currency  string
	Direction Direction // the entry's if the bank does not say
	Code      Code
	// ReturnReason is why the money came back, a code of the ISO external code set for return reasons such as AC04, or the
	// bank's own; empty if it did not come back.
	ReturnReason string
	ReturnInfo   []string // for people
	// Debtor and Creditor are the parties as the bank names them. In a return they are often those of the first transfer.
	Debtor   Party
	Creditor Party
	// Remittance has the lines of the text, and Reference the creditor reference.
	Remittance []string
	Reference  string
	Info       string
}

// Code says what kind of transaction it is: the ISO bank transaction code, such as PMNT, ICDT and ESCT for a credit transfer
// that was sent, and the bank's own.
type Code struct {
	Domain, Family, SubFamily string
	Own                       string
}

// Party is a person and an account.
type Party struct {
	Name    string
	Account string // its IBAN, or the bank's own number of it
}

// Returned reports whether money that was sent came back.
func (t Transaction) Returned() bool { return t.ReturnReason != "" }

// OtherSide returns the party of a transaction that is not the account's owner: the one with another account, or else the one
// at the other end of the direction.
func (e Entry) OtherSide(t Transaction) Party {
	switch {
	case t.Debtor.Account == e.Account:
		return t.Creditor
	case t.Creditor.Account == e.Account:
		return t.Debtor
	case t.Direction == Credit:
		return t.Debtor
	}
	return t.Creditor
}

// Key names the entry, in 64 hexadecimal digits, so that it is taken into account once however many documents have it: the
// camt.052 of the day, a camt.054 and the camt.053, or a file that is read twice. It is made of the account, the amount, the
// direction, the state (an entry that is pending and later booked has two keys) and the bank's reference; without that, of the
// entry's reference and the booking date; without both, of everything that is known. Some banks do not tell entries apart in any of
// this. But no statement has an entry twice: where a key occurs twice within one, these are two entries.
func (e Entry) Key() string {
	parts := []string{e.Account, e.Amount.String(), e.Currency, string(e.Direction), string(e.Status)}
	booking := e.Booking.Format(time.DateOnly)
	switch {
	case given(e.ServicerRef):
		parts = append(parts, "servicer", e.ServicerRef)
	case given(e.Ref):
		parts = append(parts, "entry", e.Ref, booking)
	default:
		parts = append(parts, "contents", booking, e.Value.Format(time.DateOnly), e.Info,
			e.Code.Domain, e.Code.Family, e.Code.SubFamily, e.Code.Own)
		for _, b := range e.Batches {
			parts = append(parts, b.MessageID, b.PaymentID, b.Count)
		}
		for _, t := range e.Transactions {
			parts = append(parts, t.EndToEndID, t.InstructionID, t.UETR, t.ServicerRef, t.TransactionID, t.Amount.String(), t.ReturnReason,
				t.Debtor.Account, t.Creditor.Account, t.Reference, strings.Join(t.Remittance, "\n"))
		}
	}
	sum := sha256.New()
	for _, part := range parts {
		sum.Write([]byte(part))
		sum.Write([]byte{0}) // no text of XML has it
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// given reports whether a reference is one, and not what stands for none (EPC132-08, and SWIFT's MT940).
func given(reference string) bool {
	switch strings.ToUpper(reference) {
	case "", notProvided, "NONREF", "NOTAVAILABLE":
		return false
	}
	return true
}

// Statement is what a document says of an account as a whole, and what its entries add up to.
type Statement struct {
	Message  string // the kind of the document: "camt.052", "camt.053" or "camt.054"
	ID       string
	Number   string // the electronic sequence number, as the bank wrote it
	Account  string
	Currency string // of the balances, or else of the entries; empty if there are several
	// Opening and Closing are the booked balances before and after, negative for a debt; nil if the document does not have them.
	Opening *decimal.Decimal
	Closing *decimal.Decimal
	// Entries counts all entries. Credits and Debits are the sums of the booked ones.
	Entries int
	Credits decimal.Decimal
	Debits  decimal.Decimal
}

// Difference returns the closing balance less what it should be by the opening balance and the booked entries. It reports
// false if one of the balances is missing or there are several currencies. Anything but zero means that an entry is missing or
// was read wrongly.
func (s Statement) Difference() (decimal.Decimal, bool) {
	if s.Opening == nil || s.Closing == nil || s.Currency == "" {
		return decimal.Decimal{}, false
	}
	return s.Closing.Sub(s.Opening.Add(s.Credits).Sub(s.Debits)), true
}
