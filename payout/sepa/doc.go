// Package sepa writes and reads the documents of banks: SEPA credit transfers and instant credit transfers as a file
// (pain.001), what the bank says of them (pain.002), and the account's entries (camt.052, camt.053, camt.054). It keeps
// nothing, asks no clock and reaches nothing but the reader or writer that it is given. All functions may be called
// concurrently.
//
//	err := sepa.Write(file, sepa.Profile{}, sepa.Batch{MessageID: "B-17", ...})
//	...
//	report, err := sepa.ReadStatus(file, sepa.Limits{})
//	status, ok := report.Of("B-17", payout.ID)
//	...
//	statements, err := sepa.ReadEntries(file, sepa.Limits{}, func(entry sepa.Entry) error { ... })
//
// # Writing
//
// A [Batch] has one debtor's account, one date and one level (ordinary or instant), so a file has one payment information
// (PmtInf), whose id is that of the message. Everything is checked before the first byte is written, and what is wrong is a
// [FieldError] that names the Go field. Texts are transliterated ([Transliterate]); ids are not, because the bank reports them
// back, and have to be right. The same batch gives the same bytes. The schemas accept wrong check digits, wrong sums, three
// decimals and characters that no bank takes; this package does not.
//
// # What is paid
//
// A file that the bank took, a status "accepted" and a status "in process" mean that nothing has been paid yet. Only a status
// whose [Status.Settled] is true does, or a booked debit among the entries. A transfer may come back days later, as a credit
// entry with a return reason.
//
// # Reading
//
// Elements are found by their local names and versions of the namespace are ignored, so that one reader serves pain.002.001.03
// to .11 and camt.05x.001.02 to .08, and whatever else a bank adds is passed over. Documents come from outside and are
// bounded by [Limits]: DTDs, entities and processing instructions are refused, and an entry is given away as soon as it is
// read. A document is UTF-8 or ISO-8859-1. What is wrong with it is a [DocumentError] or a [LimitError]; entries before that
// place have been given away.
//
// # Sources
//
//   - ISO 20022 message definitions pain.001.001.03 and .09, pain.002.001.03 to .11, camt.052/053/054.001.02 to .08, and the
//     external code sets for statuses, reasons and balances
//   - EPC132-08 and EPC121-16, the implementation guidelines for customers of credit transfers and instant ones: which
//     elements, lengths and characters; EPC217-08 for transliteration; EPC409-09 for the countries
//   - ISO 13616 and SWIFT's registry for IBANs, ISO 9362 for BICs, ISO 11649 for creditor references
//   - the long-term calendar of TARGET, of the European Central Bank
//
// # What it does not do
//
// Direct debits (pain.008), other currencies than euro, cancellations (camt.055), and the transport of files (EBICS, FinTS,
// SFTP). It does not know which banks exist, and the subsets that single banks make of the standard only as far as [Profile]
// goes.
package sepa
