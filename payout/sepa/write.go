package sepa

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// notProvided stands where an id has to be and there is none (EPC132-08).
const notProvided = "NOTPROVIDED"

// Write writes the file that orders the transfers of a batch, as the bank of the profile wants it. Everything is checked before
// the first byte; what is wrong is a [FieldError], and nothing has been written then. Other errors are those of the writer. The
// same profile and batch give the same bytes.
func Write(w io.Writer, p Profile, b Batch) error {
	batch, err := prepare(p, b)
	if err != nil {
		return err
	}
	const buffer = 64 << 10
	d := document{out: bufio.NewWriterSize(w, buffer)}
	d.file(p, batch)
	if err := d.out.Flush(); err != nil { // it keeps the first error
		return fmt.Errorf("writing %s: %w", p.Version, err)
	}
	return nil
}

// document writes elements, a line each.
type document struct {
	out   *bufio.Writer
	depth int
}

// within writes an element with what content writes.
func (d *document) within(name string, content func()) {
	d.line("<", name, ">")
	d.depth++
	content()
	d.depth--
	d.line("</", name, ">")
}

// escaper escapes the only character of the sets that a text of XML cannot have.
var escaper = strings.NewReplacer("&", "&amp;")

// leaf writes an element with a text, and nothing for an empty one.
func (d *document) leaf(name, text string) {
	if text != "" {
		d.line("<", name, ">", escaper.Replace(text), "</", name, ">")
	}
}

func (d *document) line(parts ...string) {
	for range d.depth {
		d.raw("  ")
	}
	for _, part := range parts {
		d.raw(part)
	}
	d.raw("\n")
}

func (d *document) raw(text string) {
	_, _ = d.out.WriteString(text) // Flush returns the error
}

// file writes the whole document. The order of the elements is the schema's.
func (d *document) file(p Profile, b prepared) {
	d.line(`<?xml version="1.0" encoding="UTF-8"?>`)
	d.line(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:`, p.Version.String(), `">`)
	d.depth++
	d.within("CstmrCdtTrfInitn", func() {
		d.within("GrpHdr", func() {
			d.leaf("MsgId", b.MessageID)
			d.leaf("CreDtTm", b.CreatedAt.UTC().Format("2006-01-02T15:04:05Z"))
			d.total(b)
			d.within("InitgPty", func() { d.leaf("Nm", b.initiator) })
		})
		d.within("PmtInf", func() { d.payment(p, b) })
	})
	d.depth--
	d.line("</Document>")
}

func (d *document) total(b prepared) {
	d.leaf("NbOfTxs", strconv.Itoa(len(b.Transfers)))
	d.leaf("CtrlSum", b.sum.StringFixed(2))
}

func (d *document) payment(p Profile, b prepared) {
	d.leaf("PmtInfId", b.MessageID)
	d.leaf("PmtMtd", "TRF")
	if p.BatchBooking != nil {
		d.leaf("BtchBookg", strconv.FormatBool(*p.BatchBooking))
	}
	d.total(b)
	d.within("PmtTpInf", func() {
		d.within("SvcLvl", func() { d.leaf("Cd", "SEPA") })
		if b.Instant {
			d.within("LclInstrm", func() { d.leaf("Cd", "INST") })
		}
	})
	date := dayOf(b.Date).Format(time.DateOnly)
	if p.Version == Version03 {
		d.leaf("ReqdExctnDt", date)
	} else {
		d.within("ReqdExctnDt", func() { d.leaf("Dt", date) })
	}
	d.party("Dbtr", b.Debtor, b.Address)
	d.account("DbtrAcct", b.IBAN)
	d.agent(p, "DbtrAgt", b.BIC)
	d.leaf("ChrgBr", "SLEV") // each side pays its own bank: the only choice within the schemes
	for _, t := range b.Transfers {
		d.within("CdtTrfTxInf", func() { d.transfer(p, t) })
	}
}

func (d *document) transfer(p Profile, t Transfer) {
	d.within("PmtId", func() {
		d.leaf("EndToEndId", t.EndToEndID)
		d.leaf("UETR", t.UETR)
	})
	d.within("Amt", func() { d.line(`<InstdAmt Ccy="EUR">`, t.Amount.StringFixed(2), "</InstdAmt>") })
	if t.BIC != "" || p.CreditorAgent == AgentNotProvided {
		d.agent(p, "CdtrAgt", t.BIC)
	}
	d.party("Cdtr", t.Creditor, t.Address)
	d.account("CdtrAcct", t.IBAN)
	if t.Purpose != "" {
		d.within("Purp", func() { d.leaf("Cd", t.Purpose) })
	}
	switch {
	case t.Reference != "":
		d.within("RmtInf", func() { d.within("Strd", func() { d.reference(t.Reference) }) })
	case t.Remittance != "":
		d.within("RmtInf", func() { d.leaf("Ustrd", t.Remittance) })
	}
}

// reference writes a creditor reference. Its type SCOR is required beside it (EPC132-08).
func (d *document) reference(reference Reference) {
	d.within("CdtrRefInf", func() {
		d.within("Tp", func() { d.within("CdOrPrtry", func() { d.leaf("Cd", "SCOR") }) })
		d.leaf("Ref", reference.String())
	})
}

func (d *document) party(element, name string, address *Address) {
	d.within(element, func() {
		d.leaf("Nm", name)
		if address == nil {
			return
		}
		d.within("PstlAdr", func() {
			d.leaf("StrtNm", address.Street)
			d.leaf("BldgNb", address.Building)
			d.leaf("PstCd", address.PostCode)
			d.leaf("TwnNm", address.Town)
			d.leaf("Ctry", address.Country)
			for _, line := range address.Lines {
				d.leaf("AdrLine", line)
			}
		})
	})
}

func (d *document) account(element string, iban IBAN) {
	d.within(element, func() { d.within("Id", func() { d.leaf("IBAN", iban.String()) }) })
}

// agent writes a bank by its BIC, or that it is not named.
func (d *document) agent(p Profile, element string, bic BIC) {
	d.within(element, func() {
		d.within("FinInstnId", func() {
			switch {
			case bic == "":
				d.within("Othr", func() { d.leaf("Id", notProvided) })
			case p.Version == Version03:
				d.leaf("BIC", bic.String())
			default:
				d.leaf("BICFI", bic.String())
			}
		})
	})
}
