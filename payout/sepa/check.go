package sepa

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Lengths in characters, of the schemas and of EPC132-08.
const (
	maxID         = 35
	maxName       = 70
	maxRemittance = 140
	maxStreet     = 70
	maxShort      = 16 // a building's number, a post code
	maxTown       = 35
	maxLines      = 2 // of a hybrid address
	lenPurpose    = 4
)

// maxCents is the greatest amount of a transfer, in cents: 999,999,999.99 euro (EPC132-08, AT-T002).
const maxCents = 99_999_999_999

// Check reports whether [Write] would take the transfer for a bank. It returns a [FieldError] whose Field begins with
// "Transfer.", or nil.
func (t Transfer) Check(p Profile) error {
	c := checker{profile: p, owner: "Transfer.", index: none}
	c.transfer(t)
	return c.fault()
}

// prepared is a batch as it is written: checked, with transliterated texts.
type prepared struct {
	Batch
	initiator string
	sum       decimal.Decimal
}

// prepare checks a batch and transliterates its texts.
func prepare(p Profile, b Batch) (prepared, error) {
	c := checker{profile: p, owner: "Profile.", index: none}
	out := prepared{Batch: b, initiator: c.optional("InitiatingParty", p.InitiatingParty, maxName)}
	c.choices()
	c.owner = "Batch."
	c.batch(&out.Batch)
	if out.initiator == "" {
		out.initiator = out.Debtor
	}
	out.Transfers = make([]Transfer, len(b.Transfers))
	seen := make(map[string]int, len(b.Transfers))
	for i, t := range b.Transfers {
		c.owner, c.index = "Batch.Transfers", i
		out.Transfers[i] = c.transfer(t)
		if first, twice := seen[t.EndToEndID]; twice {
			c.fail("EndToEndID", t.EndToEndID, fmt.Sprintf("is that of Batch.Transfers[%d] as well", first))
		}
		if c.err != nil {
			return prepared{}, c.err // before a sum of unchecked amounts
		}
		seen[t.EndToEndID] = i
		out.sum = out.sum.Add(t.Amount)
	}
	c.owner, c.index = "Batch.", none
	if !b.Sum.IsZero() && !b.Sum.Equal(out.sum) {
		c.fail("Sum", b.Sum.String(), "is not what the transfers add up to, "+out.sum.StringFixed(2))
	}
	return out, c.fault()
}

// checker keeps the first fault that it finds.
type checker struct {
	profile Profile
	owner   string // of the fields that are checked: "Batch.", or the name of a list
	index   int    // in the list, or none
	err     *FieldError
}

// none is the index of an owner that is not in a list.
const none = -1

func (c *checker) fail(field, value, reason string) {
	if c.err != nil {
		return
	}
	owner := c.owner
	if c.index != none {
		owner = fmt.Sprintf("%s[%d].", c.owner, c.index)
	}
	c.err = refuse(owner+field, value, reason)
}

// fault returns the first fault, or nil.
func (c *checker) fault() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

// choices checks the closed sets of the profile.
func (c *checker) choices() {
	if p := c.profile; p.Version != Version09 && p.Version != Version03 {
		c.fail("Version", fmt.Sprint(int(p.Version)), "is no version")
	}
	if agent := c.profile.CreditorAgent; agent < AgentOmitted || agent > AgentRequired {
		c.fail("CreditorAgent", fmt.Sprint(int(agent)), "is no choice")
	}
	if charset := c.profile.Charset; charset != Latin && charset != German {
		c.fail("Charset", fmt.Sprint(int(charset)), "is no set of characters")
	}
}

// batch checks everything but the transfers, and transliterates.
func (c *checker) batch(b *Batch) {
	c.id("MessageID", b.MessageID)
	c.date("CreatedAt", b.CreatedAt)
	b.Debtor = c.text("Debtor", b.Debtor, maxName)
	c.account("IBAN", b.IBAN)
	c.bank("BIC", b.BIC)
	b.Address = c.address("Address", b.Address)
	c.date("Date", b.Date)
	switch day := dayOf(b.Date); {
	case day.Before(dayOf(b.CreatedAt)):
		c.fail("Date", day.Format(time.DateOnly), "is before CreatedAt")
	case !b.Instant && holiday(day):
		c.fail("Date", day.Format(time.DateOnly), "is no business day; the next is "+NextBusinessDay(day).Format(time.DateOnly))
	}
	if len(b.Transfers) == 0 {
		c.fail("Transfers", "", "are missing")
	}
}

// transfer checks a transfer, and returns it with transliterated texts.
func (c *checker) transfer(t Transfer) Transfer {
	c.id("EndToEndID", t.EndToEndID)
	if t.EndToEndID == notProvided {
		c.fail("EndToEndID", t.EndToEndID, "means that there is none")
	}
	switch {
	case t.UETR == "":
	case c.profile.Version == Version03:
		c.fail("UETR", t.UETR, "has no place in "+Version03.String())
	case !isUETR(t.UETR):
		c.fail("UETR", t.UETR, "is not a UUID of version 4 in lower case")
	}
	c.amount("Amount", t.Amount)
	t.Creditor = c.text("Creditor", t.Creditor, maxName)
	c.account("IBAN", t.IBAN)
	c.bank("BIC", t.BIC)
	if t.BIC == "" && c.profile.CreditorAgent == AgentRequired {
		c.fail("BIC", "", "is missing, and the profile requires it")
	}
	t.Address = c.address("Address", t.Address)
	if t.Purpose != "" && (len(t.Purpose) != lenPurpose || !alphanumeric(t.Purpose)) {
		c.fail("Purpose", t.Purpose, "is not four capital letters or digits")
	}
	t.Remittance = c.optional("Remittance", t.Remittance, maxRemittance)
	if t.Reference != "" {
		if reason := referenceFault(string(t.Reference)); reason != "" {
			c.fail("Reference", string(t.Reference), reason)
		}
		if t.Remittance != "" {
			c.fail("Reference", string(t.Reference), "excludes Remittance")
		}
	}
	return t
}

// id checks an id by the rules of EPC132-08, 1.4.
func (c *checker) id(field, id string) {
	switch {
	case id == "":
		c.fail(field, id, "is missing")
	case len(id) > maxID:
		c.fail(field, id, "has more than 35 characters")
	case strings.ContainsFunc(id, func(r rune) bool { return !Latin.has(r) }):
		c.fail(field, id, "has characters other than letters, digits, space and /-?:().,'+")
	case strings.HasPrefix(id, "/") || strings.HasSuffix(id, "/") || strings.Contains(id, "//"):
		c.fail(field, id, "begins or ends with a slash or has two in a row")
	case strings.TrimSpace(id) != id:
		c.fail(field, id, "begins or ends with a space")
	}
}

// text checks and transliterates a required text.
func (c *checker) text(field, text string, most int) string {
	if text == "" {
		c.fail(field, "", "is missing")
		return ""
	}
	spelt, err := Transliterate(text, c.profile.Charset)
	if fault := (*FieldError)(nil); errors.As(err, &fault) {
		c.fail(field, text, fault.Reason)
	}
	if len([]rune(spelt)) > most {
		c.fail(field, spelt, fmt.Sprintf("has more than %d characters", most))
	}
	return spelt
}

func (c *checker) optional(field, text string, most int) string {
	if text == "" {
		return ""
	}
	return c.text(field, text, most)
}

func (c *checker) account(field string, iban IBAN) {
	if reason := ibanFault(string(iban)); reason != "" {
		c.fail(field, string(iban), reason)
	} else if !iban.SEPA() {
		c.fail(field, string(iban), "is of a country outside of SEPA")
	}
}

func (c *checker) bank(field string, bic BIC) {
	if bic == "" {
		return
	}
	if reason := bicFault(string(bic)); reason != "" {
		c.fail(field, string(bic), reason)
	} else if c.profile.Version == Version03 && !bic.narrow() {
		c.fail(field, string(bic), "is none that "+Version03.String()+" can have")
	}
}

// date refuses times whose year has not four digits.
func (c *checker) date(field string, t time.Time) {
	if t.IsZero() {
		c.fail(field, "", "is missing")
	} else if year := t.Year(); year < 2002 || year > 9998 {
		c.fail(field, "", "is before TARGET or after the year 9998")
	}
}

func (c *checker) amount(field string, amount decimal.Decimal) {
	// The exponent comes first: digits of 1e999999999 would fill the memory.
	const greatest = 12
	if exponent := amount.Exponent(); exponent > greatest || exponent < -99 {
		c.fail(field, "", "is not between 0.01 and 999999999.99")
		return
	}
	cents := amount.Shift(2)
	switch {
	case !cents.IsPositive() || cents.GreaterThan(decimal.NewFromInt(maxCents)):
		c.fail(field, amount.String(), "is not between 0.01 and 999999999.99")
	case !cents.IsInteger():
		c.fail(field, amount.String(), "has more than two decimals")
	}
}

// address checks and transliterates an address.
func (c *checker) address(field string, a *Address) *Address {
	if a == nil {
		return nil
	}
	out := Address{
		Street:   c.optional(field+".Street", a.Street, maxStreet),
		Building: c.optional(field+".Building", a.Building, maxShort),
		PostCode: c.optional(field+".PostCode", a.PostCode, maxShort),
		Town:     c.text(field+".Town", a.Town, maxTown),
		Country:  a.Country,
	}
	if len(a.Country) != 2 || !letters(a.Country) {
		c.fail(field+".Country", a.Country, "is not two capital letters")
	}
	if len(a.Lines) > maxLines {
		c.fail(field+".Lines", "", "are more than two")
		return &out
	}
	for i, line := range a.Lines {
		out.Lines = append(out.Lines, c.text(fmt.Sprintf("%s.Lines[%d]", field, i), line, maxStreet))
	}
	return &out
}

// isUETR reports whether the schema's pattern holds: [a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}.
func isUETR(id string) bool {
	const form = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx"
	if len(id) != len(form) {
		return false
	}
	for i := range len(id) {
		allowed := form[i : i+1]
		switch form[i] {
		case 'x':
			allowed = "0123456789abcdef"
		case 'v':
			allowed = "89ab"
		}
		if strings.IndexByte(allowed, id[i]) < 0 {
			return false
		}
	}
	return true
}
