package sepa

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/shopspring/decimal"
)

// ReadEntries reads a camt.052, camt.053 or camt.054 (001.02 to .08), gives each entry away as soon as it is read, and returns the
// statements that the entries were of. An error of each ends the reading and is returned, wrapped. Otherwise it returns a
// [DocumentError], a [LimitError] or the error of the reader: entries before that place have been given away, and are
// recognised by their [Entry.Key] when the document is read again.
func ReadEntries(r io.Reader, limits Limits, each func(Entry) error) ([]Statement, error) {
	s, err := newScanner(r, limits)
	if err != nil {
		return nil, err
	}
	reader := entryReader{scanner: s, each: each}
	if err := s.walk(reader.open, reader.close); err != nil {
		return nil, err
	}
	return reader.finish()
}

func (r *entryReader) finish() ([]Statement, error) {
	if len(r.statements) == 0 {
		return nil, r.fault("has no statement of a camt.052, camt.053 or camt.054", nil)
	}
	return r.statements, nil
}

// messages holds the kinds of documents by the element within Document, with the element that holds the entries of one account.
var messages = map[string]struct{ name, statement string }{
	"BkToCstmrAcctRpt":      {"camt.052", "Rpt"},
	"BkToCstmrStmt":         {"camt.053", "Stmt"},
	"BkToCstmrDbtCdtNtfctn": {"camt.054", "Ntfctn"},
}

// The depths of elements.
const (
	depthMessage   = 2
	depthStatement = 3
)

// entryReader builds entries from the elements of a document.
type entryReader struct {
	*scanner
	each       func(Entry) error
	message    string // "camt.053"
	element    string // that holds the entries of one account: "Stmt"
	statements []Statement
	statement  *Statement // what is being read, or nil
	balance    balance
	entry      *Entry // what is being read, or nil
	rank       int    // of the transaction's amount among those that the document gives
	count      int    // of entries in the document
	listed     int64  // bytes of the list of statements, roughly
	kept       int64  // bytes of the entry, roughly
}

// balance is a balance while it is read.
type balance struct {
	code      string
	amount    decimal.Decimal
	currency  string
	direction Direction
}

// What structs and the slices that hold them take, roughly, in bytes.
const (
	sizeStatement = 512
	sizeBatch     = 256
)

func (r *entryReader) keep(size int) error {
	if r.entry != nil {
		r.kept += int64(size)
	} else {
		r.listed += int64(size)
	}
	if r.kept+r.listed > r.limits.Memory {
		return r.source.exceeds("Memory", r.limits.Memory)
	}
	return nil
}

func (r *entryReader) open() error {
	switch r.depth() {
	case 1:
		if string(r.path) != "/Document" {
			return r.fault("is not a camt.052, camt.053 or camt.054", nil)
		}
	case depthMessage:
		message, known := messages[string(r.below(1))]
		if !known || r.message != "" {
			return r.fault("is not a camt.052, camt.053 or camt.054", nil)
		}
		r.message, r.element = message.name, message.statement
	case depthStatement:
		if string(r.below(depthMessage)) == r.element {
			r.statements = append(r.statements, Statement{Message: r.message})
			r.statement = &r.statements[len(r.statements)-1]
			return r.keep(sizeStatement)
		}
	default:
		if r.statement != nil {
			return r.openWithin()
		}
	}
	return nil
}

// openWithin makes room for what an element of a statement holds.
func (r *entryReader) openWithin() error {
	switch string(r.below(depthStatement)) {
	case "Bal":
		r.balance = balance{}
	case "Ntry":
		if r.count++; r.count > r.limits.Entries {
			return r.source.exceeds("Entries", int64(r.limits.Entries))
		}
		r.entry, r.kept = &Entry{Message: r.message, Statement: r.statement.ID, Account: r.statement.Account}, 0
	case "Ntry/NtryDtls/Btch":
		r.entry.Batches = append(r.entry.Batches, BatchBooking{})
		return r.keep(sizeBatch)
	case "Ntry/NtryDtls/TxDtls":
		r.entry.Transactions = append(r.entry.Transactions, Transaction{})
		r.rank = 0
		return r.keep(sizeTransaction)
	}
	return nil
}

func (r *entryReader) close() error {
	switch depth := r.depth(); {
	case r.statement == nil || depth < depthStatement:
		return nil
	case depth == depthStatement:
		return r.closeStatement()
	}
	path := r.below(depthStatement)
	switch string(path) {
	case "Ntry":
		return r.closeEntry()
	case "Bal":
		return r.closeBalance()
	}
	value := r.value()
	if value == "" {
		return nil
	}
	used, err := r.put(path, value)
	switch {
	case err != nil:
		return r.fault(err.Error(), err)
	case used:
		return r.keep(len(value) + sizeText)
	}
	return nil
}

// put stores the text of an element, and reports whether it was one that counts.
func (r *entryReader) put(path []byte, value string) (bool, error) {
	const entry, transaction, batch = "Ntry/", "Ntry/NtryDtls/TxDtls/", "Ntry/NtryDtls/Btch/"
	switch {
	case r.entry == nil:
		return r.putStatement(path, value)
	case bytes.HasPrefix(path, []byte(transaction)):
		return r.putTransaction(path[len(transaction):], value)
	case bytes.HasPrefix(path, []byte(batch)):
		return r.putBatch(path[len(batch):], value)
	}
	return r.putEntry(path[len(entry):], value)
}

// statementTexts says where the texts of elements within Stmt, Rpt or Ntfctn go.
var statementTexts = map[string]func(*entryReader) *string{
	"Id":                  func(r *entryReader) *string { return &r.statement.ID },
	"ElctrncSeqNb":        func(r *entryReader) *string { return &r.statement.Number },
	"Acct/Id/IBAN":        func(r *entryReader) *string { return &r.statement.Account },
	"Acct/Id/Othr/Id":     func(r *entryReader) *string { return &r.statement.Account },
	"Bal/Tp/CdOrPrtry/Cd": func(r *entryReader) *string { return &r.balance.code },
	"Bal/CdtDbtInd":       func(r *entryReader) *string { return (*string)(&r.balance.direction) },
}

func (r *entryReader) putStatement(path []byte, value string) (used bool, err error) {
	if to, ok := statementTexts[string(path)]; ok {
		*to(r) = value
		return true, nil
	}
	if string(path) == "Bal/Amt" {
		r.balance.amount, r.balance.currency, err = r.money(value)
		return true, err
	}
	return false, nil
}

// entryTexts says where the texts of elements within Ntry go. The state is a choice since version 04 and plain before.
var entryTexts = map[string]func(*Entry) *string{
	"NtryRef":                    func(e *Entry) *string { return &e.Ref },
	"AcctSvcrRef":                func(e *Entry) *string { return &e.ServicerRef },
	"CdtDbtInd":                  func(e *Entry) *string { return (*string)(&e.Direction) },
	"Sts":                        func(e *Entry) *string { return (*string)(&e.Status) },
	"Sts/Cd":                     func(e *Entry) *string { return (*string)(&e.Status) },
	"Sts/Prtry":                  func(e *Entry) *string { return (*string)(&e.Status) },
	"BkTxCd/Domn/Cd":             func(e *Entry) *string { return &e.Code.Domain },
	"BkTxCd/Domn/Fmly/Cd":        func(e *Entry) *string { return &e.Code.Family },
	"BkTxCd/Domn/Fmly/SubFmlyCd": func(e *Entry) *string { return &e.Code.SubFamily },
	"BkTxCd/Prtry/Cd":            func(e *Entry) *string { return &e.Code.Own },
	"AddtlNtryInf":               func(e *Entry) *string { return &e.Info },
}

func (r *entryReader) putEntry(path []byte, value string) (used bool, err error) {
	if to, ok := entryTexts[string(path)]; ok {
		*to(r.entry) = value
		return true, nil
	}
	switch string(path) {
	case "Amt":
		r.entry.Amount, r.entry.Currency, err = r.money(value)
	case "RvslInd":
		r.entry.Reversal = value == "true" || value == "1"
	case "BookgDt/Dt", "BookgDt/DtTm":
		r.entry.Booking, err = dateOf(value)
	case "ValDt/Dt", "ValDt/DtTm":
		r.entry.Value, err = dateOf(value)
	default:
		return false, nil
	}
	return true, err
}

// batchTexts says where the texts of elements within Btch go.
var batchTexts = map[string]func(*BatchBooking) *string{
	"MsgId":    func(b *BatchBooking) *string { return &b.MessageID },
	"PmtInfId": func(b *BatchBooking) *string { return &b.PaymentID },
	"NbOfTxs":  func(b *BatchBooking) *string { return &b.Count },
}

func (r *entryReader) putBatch(path []byte, value string) (used bool, err error) {
	batch := &r.entry.Batches[len(r.entry.Batches)-1]
	if to, ok := batchTexts[string(path)]; ok {
		*to(batch) = value
		return true, nil
	}
	if string(path) == "TtlAmt" {
		batch.Amount, batch.Currency, err = r.money(value)
		return true, err
	}
	return false, nil
}

// transactionTexts says where the texts of elements within TxDtls go. A party is a choice since version 08.
var transactionTexts = map[string]func(*Transaction) *string{
	"Refs/MsgId":                    func(t *Transaction) *string { return &t.MessageID },
	"Refs/PmtInfId":                 func(t *Transaction) *string { return &t.PaymentID },
	"Refs/InstrId":                  func(t *Transaction) *string { return &t.InstructionID },
	"Refs/EndToEndId":               func(t *Transaction) *string { return &t.EndToEndID },
	"Refs/UETR":                     func(t *Transaction) *string { return &t.UETR },
	"Refs/AcctSvcrRef":              func(t *Transaction) *string { return &t.ServicerRef },
	"Refs/TxId":                     func(t *Transaction) *string { return &t.TransactionID },
	"CdtDbtInd":                     func(t *Transaction) *string { return (*string)(&t.Direction) },
	"BkTxCd/Domn/Cd":                func(t *Transaction) *string { return &t.Code.Domain },
	"BkTxCd/Domn/Fmly/Cd":           func(t *Transaction) *string { return &t.Code.Family },
	"BkTxCd/Domn/Fmly/SubFmlyCd":    func(t *Transaction) *string { return &t.Code.SubFamily },
	"BkTxCd/Prtry/Cd":               func(t *Transaction) *string { return &t.Code.Own },
	"RtrInf/Rsn/Cd":                 func(t *Transaction) *string { return &t.ReturnReason },
	"RtrInf/Rsn/Prtry":              func(t *Transaction) *string { return &t.ReturnReason },
	"RltdPties/Dbtr/Nm":             func(t *Transaction) *string { return &t.Debtor.Name },
	"RltdPties/Dbtr/Pty/Nm":         func(t *Transaction) *string { return &t.Debtor.Name },
	"RltdPties/DbtrAcct/Id/IBAN":    func(t *Transaction) *string { return &t.Debtor.Account },
	"RltdPties/DbtrAcct/Id/Othr/Id": func(t *Transaction) *string { return &t.Debtor.Account },
	"RltdPties/Cdtr/Nm":             func(t *Transaction) *string { return &t.Creditor.Name },
	"RltdPties/Cdtr/Pty/Nm":         func(t *Transaction) *string { return &t.Creditor.Name },
	"RltdPties/CdtrAcct/Id/IBAN":    func(t *Transaction) *string { return &t.Creditor.Account },
	"RltdPties/CdtrAcct/Id/Othr/Id": func(t *Transaction) *string { return &t.Creditor.Account },
	"RmtInf/Strd/CdtrRefInf/Ref":    func(t *Transaction) *string { return &t.Reference },
	"AddtlTxInf":                    func(t *Transaction) *string { return &t.Info },
}

// transactionAmounts ranks the amounts of a transaction: its own, which it has since version 04, before the one that was settled,
// before the one that was ordered.
var transactionAmounts = map[string]int{"Amt": 3, "AmtDtls/TxAmt/Amt": 2, "AmtDtls/InstdAmt/Amt": 1}

func (r *entryReader) putTransaction(path []byte, value string) (used bool, err error) {
	t := &r.entry.Transactions[len(r.entry.Transactions)-1]
	if to, ok := transactionTexts[string(path)]; ok {
		*to(t) = value
		return true, nil
	}
	if rank := transactionAmounts[string(path)]; rank > r.rank {
		t.Amount, t.Currency, err = r.money(value)
		r.rank = rank
		return true, err
	}
	switch string(path) {
	case "RmtInf/Ustrd":
		t.Remittance = append(t.Remittance, value)
		return true, nil
	case "RtrInf/AddtlInf":
		t.ReturnInfo = append(t.ReturnInfo, value)
		return true, nil
	}
	return false, nil
}

// closeEntry completes an entry, adds it up and gives it away.
func (r *entryReader) closeEntry() error {
	e := r.entry
	switch {
	case e.Account == "":
		return r.fault("is before the account's number", nil)
	case e.Currency == "":
		return r.fault("has no amount", nil)
	case !known(e.Direction):
		return r.fault(fmt.Sprintf("has the direction %q", e.Direction), nil)
	case e.Status == "":
		return r.fault("has no state", nil)
	}
	for i := range e.Transactions {
		t := &e.Transactions[i]
		if t.Direction == "" {
			t.Direction = e.Direction
		}
		if !known(t.Direction) {
			return r.fault(fmt.Sprintf("has a transaction of the direction %q", t.Direction), nil)
		}
		if t.Currency == "" && len(e.Transactions) == 1 {
			t.Amount, t.Currency = e.Amount, e.Currency
		}
	}
	r.statement.add(*e)
	r.entry, r.kept = nil, 0
	if err := r.each(*e); err != nil {
		return fmt.Errorf("entry %d of statement %q: %w", r.statement.Entries, e.Statement, err)
	}
	return nil
}

func known(d Direction) bool { return d == Credit || d == Debit }

// severalCurrencies stands for the currency of a statement until it is complete.
const severalCurrencies = "*"

// currency notes one more currency of a statement.
func (s *Statement) currency(code string) {
	if s.Currency == "" {
		s.Currency = code
	} else if s.Currency != code {
		s.Currency = severalCurrencies
	}
}

func (s *Statement) add(e Entry) {
	s.Entries++
	s.currency(e.Currency)
	switch {
	case !e.Status.Booked():
	case e.Direction == Credit:
		s.Credits = s.Credits.Add(e.Amount)
	default:
		s.Debits = s.Debits.Add(e.Amount)
	}
}

// closeBalance keeps a balance that is the first or the last of its statement: OPBD or PRCD, and CLBD (ISO external code set
// ExternalBalanceType1Code). German banks write PRCD.
func (r *entryReader) closeBalance() error {
	b := r.balance
	opening, closing := b.code == "OPBD" || b.code == "PRCD" && r.statement.Opening == nil, b.code == "CLBD"
	if !opening && !closing {
		return nil
	}
	if b.currency == "" || !known(b.direction) {
		return r.fault("has no amount or no direction", nil)
	}
	if b.direction == Debit {
		b.amount = b.amount.Neg()
	}
	r.statement.currency(b.currency)
	if opening {
		r.statement.Opening = &b.amount
	} else {
		r.statement.Closing = &b.amount
	}
	return nil
}

func (r *entryReader) closeStatement() error {
	if r.statement.Account == "" {
		return r.fault("has no account", nil)
	}
	if r.statement.Currency == severalCurrencies {
		r.statement.Currency = ""
	}
	r.statement = nil
	return nil
}

// money reads the text of an amount of the schemas: at most 18 digits with a point and no sign, and a currency as attribute.
func (r *entryReader) money(text string) (decimal.Decimal, string, error) {
	const most = 18
	whole, fraction, _ := strings.Cut(text, ".")
	if n := len(whole) + len(fraction); n == 0 || n > most || !digits(whole) || !digits(fraction) {
		return decimal.Decimal{}, "", fmt.Errorf("%.64q is not an amount", text)
	}
	if len(r.currency) != 3 || !letters(r.currency) {
		return decimal.Decimal{}, "", fmt.Errorf("%.64q is not a currency", r.currency)
	}
	amount, err := decimal.NewFromString(text)
	return amount, r.currency, err
}
