package sepa

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// StatusReport is a pain.002: what the bank says of one message. What it says of a whole holds for the parts of which it says
// nothing, so every status of the report is that of the level above it where the document has none.
type StatusReport struct {
	ID        string    // of the report
	CreatedAt time.Time // zero if the document does not say; UTC where it names no zone
	MessageID string    // of the message that the report is about
	Message   string    // its kind, such as "pain.001.001.09"
	Group     Verdict   // of the whole message
	Payments  []PaymentStatus
}

// PaymentStatus is what the bank says of a payment information, of which [Write] makes one a message.
type PaymentStatus struct {
	ID string
	Verdict
	// Transactions are those that the document names. With [StatusPartial], and often otherwise, these are the exceptions alone.
	Transactions []TransactionStatus
}

// TransactionStatus is what the bank says of one transfer.
type TransactionStatus struct {
	EndToEndID    string
	InstructionID string
	UETR          string
	ServicerRef   string // the bank's own reference
	Verdict
}

// Verdict is what the bank says on one level, or what it says above it.
type Verdict struct {
	Status       Status
	Reasons      []Reason
	Verification Verification
	// Payee is the account's name as the payee's bank has it, if the result of the verification is [VerificationClose] and the
	// document tells it as additional information of that result.
	Payee string
}

// Reason is why the bank says so.
type Reason struct {
	Code string // of the ISO external code set for status reasons, such as AC01, or the bank's own
	Info string // for people; its lines with spaces between
}

// Of returns what the report says of a transfer of a batch, whether the document names it or only says something of the whole.
// It reports false if the report is about another message. A transfer of which nothing is said is pending.
func (r StatusReport) Of(messageID, endToEndID string) (TransactionStatus, bool) {
	if messageID == "" || r.MessageID != messageID {
		return TransactionStatus{}, false
	}
	whole := TransactionStatus{EndToEndID: endToEndID, Verdict: r.Group}
	for _, payment := range r.Payments {
		if payment.ID != messageID && payment.ID != notProvided { // another writer's second payment information
			continue
		}
		var named *TransactionStatus
		for i, t := range payment.Transactions {
			// Of several mentions the last counts, but nothing pending takes a decision back.
			if t.EndToEndID == endToEndID && (named == nil || named.Status.Pending() || !t.Status.Pending()) {
				named = &payment.Transactions[i]
			}
		}
		if named != nil {
			return *named, true
		}
		whole.Verdict = payment.Verdict
	}
	return whole, true
}

// ReadStatus reads a pain.002.001.03 to .11. It returns a [DocumentError], a [LimitError] or the error of the reader. A report
// that says of the same transfer both that it is settled and that it is rejected is refused: a person has to ask the bank.
func ReadStatus(r io.Reader, limits Limits) (StatusReport, error) {
	s, err := newScanner(r, limits)
	if err != nil {
		return StatusReport{}, err
	}
	reader := reportReader{scanner: s}
	if err := s.walk(reader.open, reader.close); err != nil {
		return StatusReport{}, err
	}
	return reader.finish()
}

// reportReader builds a report from the elements of a document.
type reportReader struct {
	*scanner
	report StatusReport
	count  int   // of transactions
	kept   int64 // bytes, roughly
}

// payment and transaction return what is being read; close calls them within these elements only.
func (r *reportReader) payment() *PaymentStatus { return &r.report.Payments[len(r.report.Payments)-1] }

func (r *reportReader) transaction() *TransactionStatus {
	return &r.payment().Transactions[len(r.payment().Transactions)-1]
}

// What structs and the slices that hold them take, roughly, in bytes.
const (
	sizeText        = 16
	sizeReason      = 64
	sizePayment     = 256
	sizeTransaction = 512
)

func (r *reportReader) keep(size int) error {
	if r.kept += int64(size); r.kept > r.limits.Memory {
		return r.source.exceeds("Memory", r.limits.Memory)
	}
	return nil
}

func (r *reportReader) open() error {
	switch depth := r.depth(); {
	case depth == 1 && string(r.path) != "/Document", depth == 2 && string(r.path) != "/Document/CstmrPmtStsRpt":
		return r.fault("is not a pain.002", nil)
	case depth <= 2:
		return nil
	}
	switch string(r.below(2)) {
	case "OrgnlPmtInfAndSts":
		r.report.Payments = append(r.report.Payments, PaymentStatus{})
		return r.keep(sizePayment)
	case "OrgnlPmtInfAndSts/TxInfAndSts":
		if r.count++; r.count > r.limits.Entries {
			return r.source.exceeds("Entries", int64(r.limits.Entries))
		}
		r.payment().Transactions = append(r.payment().Transactions, TransactionStatus{})
		return r.keep(sizeTransaction)
	case "OrgnlGrpInfAndSts/StsRsnInf":
		return r.reason(&r.report.Group)
	case "OrgnlPmtInfAndSts/StsRsnInf":
		return r.reason(&r.payment().Verdict)
	case "OrgnlPmtInfAndSts/TxInfAndSts/StsRsnInf":
		return r.reason(&r.transaction().Verdict)
	}
	return nil
}

func (r *reportReader) reason(v *Verdict) error {
	v.Reasons = append(v.Reasons, Reason{})
	return r.keep(sizeReason)
}

// reportFields says where the texts of elements go, by their paths within CstmrPmtStsRpt.
var reportFields = map[string]func(*reportReader, string) error{
	"GrpHdr/MsgId":                   func(r *reportReader, v string) error { r.report.ID = v; return nil },
	"GrpHdr/CreDtTm":                 func(r *reportReader, v string) (err error) { r.report.CreatedAt, err = timeOf(v); return err },
	"OrgnlGrpInfAndSts/OrgnlMsgId":   func(r *reportReader, v string) error { r.report.MessageID = v; return nil },
	"OrgnlGrpInfAndSts/OrgnlMsgNmId": func(r *reportReader, v string) error { r.report.Message = v; return nil },
	"OrgnlPmtInfAndSts/OrgnlPmtInfId": func(r *reportReader, v string) error {
		r.payment().ID = v
		return nil
	},
	"OrgnlPmtInfAndSts/TxInfAndSts/OrgnlInstrId":    func(r *reportReader, v string) error { r.transaction().InstructionID = v; return nil },
	"OrgnlPmtInfAndSts/TxInfAndSts/OrgnlEndToEndId": func(r *reportReader, v string) error { r.transaction().EndToEndID = v; return nil },
	"OrgnlPmtInfAndSts/TxInfAndSts/OrgnlUETR":       func(r *reportReader, v string) error { r.transaction().UETR = v; return nil },
	"OrgnlPmtInfAndSts/TxInfAndSts/AcctSvcrRef":     func(r *reportReader, v string) error { r.transaction().ServicerRef = v; return nil },
}

// verdictOf returns what an element within a verdict belongs to, and its name there; nil for other elements.
func (r *reportReader) verdictOf(path string) (*Verdict, string) {
	if field, ok := strings.CutPrefix(path, "OrgnlPmtInfAndSts/TxInfAndSts/"); ok {
		return &r.transaction().Verdict, field
	}
	if field, ok := strings.CutPrefix(path, "OrgnlPmtInfAndSts/"); ok {
		return &r.payment().Verdict, field
	}
	if field, ok := strings.CutPrefix(path, "OrgnlGrpInfAndSts/"); ok {
		return &r.report.Group, field
	}
	return nil, ""
}

func (r *reportReader) close() error {
	if r.depth() <= 2 {
		return nil
	}
	value := r.value()
	if value == "" {
		return nil
	}
	path := string(r.below(2))
	if put, ok := reportFields[path]; ok {
		if err := put(r, value); err != nil {
			return r.fault(err.Error(), err)
		}
		return r.keep(len(value) + sizeText)
	}
	verdict, field := r.verdictOf(path)
	if verdict == nil {
		return nil
	}
	switch field {
	case "GrpSts", "PmtInfSts", "TxSts":
		if verification := verificationOf(value); verification != "" {
			verdict.Verification = verification
		} else {
			verdict.Status = Status(value)
		}
	case "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry":
		verdict.Reasons[len(verdict.Reasons)-1].Code = value
	case "StsRsnInf/AddtlInf":
		reason := &verdict.Reasons[len(verdict.Reasons)-1]
		reason.Info = strings.TrimPrefix(reason.Info+" "+value, " ")
	default:
		return nil
	}
	return r.keep(len(value) + sizeText)
}

// finish hands statuses down and returns the report.
func (r *reportReader) finish() (StatusReport, error) {
	report := r.report
	if report.MessageID == "" {
		return StatusReport{}, r.fault("does not say which message it is about", nil)
	}
	report.Group.verify()
	for i := range report.Payments {
		payment := &report.Payments[i]
		payment.verify()
		payment.inherit(report.Group)
		decided := map[string]outcome{}
		for k := range payment.Transactions {
			t := &payment.Transactions[k]
			t.verify()
			t.inherit(payment.Verdict)
			if t.Status.Pending() || t.EndToEndID == "" || t.EndToEndID == notProvided {
				continue
			}
			if before, twice := decided[t.EndToEndID]; twice && before != outcomes[t.Status] {
				return StatusReport{}, r.fault(fmt.Sprintf("says that %q is settled and that it is rejected", t.EndToEndID), nil)
			}
			decided[t.EndToEndID] = outcomes[t.Status]
		}
	}
	return report, nil
}

// verify takes the result of a verification from the reasons, where some banks have it, and the payee's name.
func (v *Verdict) verify() {
	for _, reason := range v.Reasons {
		if result := verificationOf(reason.Code); result != "" && v.Verification == "" {
			v.Verification = result
		}
	}
	if v.Verification != VerificationClose {
		return
	}
	for _, reason := range v.Reasons {
		own := reason.Code == "" || verificationOf(reason.Code) == VerificationClose
		if own && v.Payee == "" {
			v.Payee = reason.Info
		}
	}
}

// inherit fills in what is not said from the level above.
func (v *Verdict) inherit(above Verdict) {
	if v.Status == "" {
		v.Status = above.Status
		if len(v.Reasons) == 0 {
			v.Reasons = above.Reasons
		}
	}
	if v.Verification == "" {
		v.Verification, v.Payee = above.Verification, above.Payee
	}
}

// timeOf reads an ISODateTime. Many banks name no zone.
func timeOf(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} { // both read fractions of seconds
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", text)
}

// dateOf reads an ISODate, or the date of an ISODateTime; a zone does not matter.
func dateOf(text string) (time.Time, error) {
	if len(text) >= len(time.DateOnly) {
		if t, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)]); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date", text)
}
