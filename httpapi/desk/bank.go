package desk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/sepa/bank"
)

const (
	bankFiles    = 50       // files of a page
	bankOrders   = 2000     // orders of a file, and those that are added up before it is made
	bankReadings = 5        // documents whose results are shown
	bankMost     = 32 << 20 // bytes of a document
	bankTime     = 5 * time.Minute
)

// bankPage is what the page about an account at a bank shows.
type bankPage struct {
	Banks    []option
	Name     string
	Facts    []fact
	Acts     []button
	Files    []bankFile
	Next     string
	First    string // of a later page
	Readings []bankReading
}

// bankFile is a file that was made.
type bankFile struct {
	bank.File
	Amount, Link string // Link is empty if the person may not download it
}

// oneBank returns the account that the URL names, or the first one.
func (v *visit) oneBank() (*bank.Account, error) {
	wanted := v.query("bank")
	for _, a := range v.cfg.Banks {
		if wanted == "" || string(a.Network()) == wanted {
			return a, nil
		}
	}
	return nil, invoice.ErrNotFound
}

// bankPath returns the path of a page about an account.
func bankPath(page string, a *bank.Account, more ...string) string {
	q := url.Values{"bank": {string(a.Network())}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return page + "?" + q.Encode()
}

// bank shows the files that were made for a bank, what waits for one, and what the bank's documents said lately.
func (v *visit) bank() error {
	a, err := v.oneBank()
	if err != nil {
		return err
	}
	body := bankPage{Name: v.networkName(a.Network())}
	if len(v.cfg.Banks) > 1 {
		for _, b := range v.cfg.Banks {
			body.Banks = append(body.Banks, option{string(b.Network()), v.networkName(b.Network()) + ", " + string(b.Account()), b == a})
		}
	}
	w, err := a.Waiting(v.ctx(), bankOrders)
	if err != nil {
		return err
	}
	if body.Facts, err = v.bankFacts(a, w); err != nil {
		return err
	}
	if v.person.Role.May(RoleApprover) {
		body.Acts = []button{
			{offer{"export", "Make a file", "Of what waits, to be brought to the bank.", RoleApprover}, v.root + bankPath("money/bank/export", a)},
			{offer{"read", "Bring a document of the bank", "A status report or a statement: it says what became of the orders, and what came in.", RoleApprover}, v.root + bankPath("money/bank/read", a)},
		}
	}
	before := v.query("before")
	files, err := a.Latest(v.ctx(), before, bankFiles+1)
	if err != nil {
		return err
	}
	if len(files) > bankFiles {
		files = files[:bankFiles]
		body.Next = bankPath("", a, "before", files[bankFiles-1].ID)
	}
	if before != "" {
		body.First = bankPath("", a)
	}
	for _, f := range files {
		row := bankFile{File: f, Amount: v.amount(a.Asset().ID, f.Cents)}
		if v.person.Role.May(RoleApprover) {
			row.Link = v.root + bankPath("money/bank/download", a, "file", f.ID)
		}
		body.Files = append(body.Files, row)
	}
	if body.Readings, err = v.bankReadings(a); err != nil {
		return err
	}
	return v.render(http.StatusOK, "bank", "Bank", body)
}

// bankFacts returns what is known of an account, with what waits for a file.
func (v *visit) bankFacts(a *bank.Account, w bank.Waiting) ([]fact, error) {
	out := []fact{{Name: "Account", Value: string(a.Account()), Code: true}}
	balance, err := a.Balance(v.ctx(), a.Asset().ID)
	switch {
	case err == nil:
		out = append(out, fact{Name: "Balance by its newest statement", Value: v.amount(a.Asset().ID, balance)})
	case !errors.Is(err, payout.ErrNotFound):
		return nil, err
	}
	return append(out, v.waitingFacts(a, w)...), nil
}

func (v *visit) waitingFacts(a *bank.Account, w bank.Waiting) []fact {
	out := []fact{{Name: "Wait for a file", Value: counted(w.Orders, "order", "orders")}, {Name: "Sum", Value: v.amount(a.Asset().ID, w.Cents)}}
	if w.Broken > 0 {
		out = append(out, fact{Name: "Cannot be written, and fail", Value: counted(w.Broken, "order", "orders")})
	}
	if w.More {
		out = append(out, fact{Name: "More", Value: "further orders wait for the next file"})
	}
	return out
}

// bankActs returns the acts on files and documents of banks.
func bankActs() []*act {
	on := func(pattern string) route {
		return route{pattern: pattern, least: RoleApprover, needs: needsBanks, all: true, fresh: true}
	}
	return []*act{
		{route: on("/money/bank/export"), name: "bank.make_file", plan: planBankFile},
		{route: on("/money/bank/download"), name: "bank.download", plan: planBankDownload, repeat: true},
		{route: on("/money/bank/read"), name: "bank.read_document", plan: planBankRead, most: bankMost, time: bankTime},
	}
}

// bankDeed returns what all acts on an account repeat.
func (v *visit) bankDeed(title, button, text string) (*deed, *bank.Account, error) {
	a, err := v.oneBank()
	if err != nil {
		return nil, nil, err
	}
	return &deed{
		title: title, button: button, text: text, subject: "money/bank", label: "Bank", hidden: []field{{Name: "bank", Value: string(a.Network())}},
		facts: []fact{{Name: "Account", Value: string(a.Account()), Code: true}},
	}, a, nil
}

// planBankFile plans to write what waits into a file.
func planBankFile(v *visit) (*deed, error) {
	d, a, err := v.bankDeed(
		"Make a file for the bank", "Make the file",
		"The orders are in this file for ever, and are not taken back any more. It pays nothing until somebody brings it to the bank: once.",
	)
	if err != nil {
		return nil, err
	}
	w, err := a.Waiting(v.ctx(), bankOrders)
	if err != nil {
		return nil, err
	}
	d.danger = true
	d.facts = append(d.facts, v.waitingFacts(a, w)...)
	d.fields = []field{
		{Name: "date", Label: "To be executed on", Kind: "date", Value: v.query("date"), Help: "Empty: the next business day, or today if it is instant."},
		{Name: "instant", Label: "As instant transfers", Kind: "checkbox", Value: v.query("instant")},
	}
	if w.Orders+w.Broken == 0 {
		d.refused = refusalOf(bank.ErrNothing)
	}
	now := fmt.Sprint(w.Orders, " ", w.Broken, " ", w.Cents)
	seen := v.query("seen")
	d.hidden = append(d.hidden, field{Name: "seen", Value: now})
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		o := bank.ExportOptions{Instant: v.query("instant") != "", Most: bankOrders}
		if seen != now {
			return done{}, refused("Other orders wait by now. Look at the sum again.")
		}
		if checkDays(v.query("date")) != nil {
			return done{}, refused("The day must have the form 2026-01-31.")
		}
		o.Date, _ = moments(v.query("date"), "")
		f, err := a.Export(ctx, o)
		if err != nil {
			return done{}, err
		}
		after := map[string]string{
			"file": f.ID, "orders": strconv.Itoa(f.Orders), "sum": v.amount(a.Asset().ID, f.Cents), "sha256": f.Hash, "date": f.Date.Format(day),
			"instant": strconv.FormatBool(f.Instant),
		}
		return done{after: after, path: bankPath("money/bank", a)}, nil
	}
	return d, nil
}

// planBankDownload plans to hand out a file. What it pays leaves with it, so it is an act.
func planBankDownload(v *visit) (*deed, error) {
	d, a, err := v.bankDeed(
		"Download a file for the bank", "Download",
		"Who brings it to the bank pays it. Its bytes are always the same; a bank refuses a file that it has had before.",
	)
	if err != nil {
		return nil, err
	}
	id := v.query("file")
	if id == "" || len(id) > 100 {
		return nil, invoice.ErrNotFound
	}
	f, err := a.File(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	d.facts = append(d.facts, fact{Name: "File", Value: f.ID, Code: true}, fact{Name: "Orders", Value: strconv.Itoa(f.Orders)},
		fact{Name: "Sum", Value: v.amount(a.Asset().ID, f.Cents)}, fact{Name: "To be executed on", Value: f.Date.Format(day)},
		fact{Name: "SHA-256", Value: f.Hash, Code: true})
	d.hidden = append(d.hidden, field{Name: "file", Value: f.ID})
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		text, err := a.Bytes(ctx, f.ID)
		return done{file: &file{f.ID + ".xml", "application/xml", text}}, err
	}
	return d, nil
}

// bankDocument is a document of a bank that was brought.
type bankDocument struct {
	body   multipart.File
	name   string // as its sender calls it
	size   int64
	hash   string // SHA-256, in hexadecimal
	status bool   // a status report; else a statement
}

// The kinds of documents that a bank gives are in the namespaces that they begin with.
const (
	statusSpace    = "pain.002."
	statementSpace = "camt.05" // and 2, 3 or 4
	spaceWithin    = 8 << 10   // bytes
)

// openDocument returns the document of the form, read once for its hash, or a fault.
func (v *visit) openDocument() (*bankDocument, error) {
	f, header, err := v.r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) || err == nil && header.Size == 0 {
		return nil, refused("Choose a file.")
	}
	if err != nil {
		return nil, err
	}
	out := &bankDocument{body: f, name: clip(header.Filename, 100), size: header.Size}
	if !clean(header.Filename) {
		out.name = "a name that is no text"
	}
	head := make([]byte, min(header.Size, spaceWithin))
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, err
	}
	out.status = bytes.Contains(head, []byte(statusSpace))
	if !out.status && !bytes.Contains(head, []byte(statementSpace)) {
		return nil, refused("This is neither a status report (pain.002) nor a statement (camt.052, camt.053, camt.054). Unpack an archive first.")
	}
	hash := sha256.New()
	if err := out.rewind(); err != nil {
		return nil, err
	}
	if _, err := io.Copy(hash, f); err != nil {
		return nil, err
	}
	out.hash = hex.EncodeToString(hash.Sum(nil))
	return out, nil
}

func (d *bankDocument) rewind() error {
	_, err := d.body.Seek(0, io.SeekStart)
	return err
}

func (d *bankDocument) kind() string {
	if d.status {
		return "status report"
	}
	return "statement"
}

// planBankRead plans to read a document of the bank.
func planBankRead(v *visit) (*deed, error) {
	d, a, err := v.bankDeed(
		"Bring a document of the bank", "Read it",
		"What it says of our orders is noted: they are paid, rejected, or came back. Reading it again changes nothing, and a document that is faulty, or of another account, neither.",
	)
	if err != nil {
		return nil, err
	}
	d.fields = []field{{Name: "file", Label: "File", Kind: "file", Help: "A status report (pain.002) or a statement (camt.052, camt.053, camt.054), of at most 32 MB."}}
	if v.r.Method != http.MethodPost {
		return d, nil
	}
	doc, err := v.openDocument()
	if f := new(fault); errors.As(err, &f) {
		d.wrong = f.text
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	d.facts = append(d.facts, fact{Name: "File", Value: doc.name}, fact{Name: "Kind", Value: doc.kind()}, fact{Name: "Bytes", Value: strconv.FormatInt(doc.size, 10)},
		fact{Name: "SHA-256", Value: doc.hash, Code: true})
	d.do = func(ctx context.Context, _, _ string) (done, error) {
		learned, err := v.readDocument(ctx, a, doc)
		if err != nil {
			return done{}, err
		}
		after := map[string]string{
			"orders_changed": strconv.Itoa(learned.Orders), "came_in": strconv.Itoa(len(learned.Incoming)), "puzzles": strconv.Itoa(len(learned.Puzzles)),
		}
		r := newBankReading(doc, learned)
		r.At, r.Actor = v.cfg.Now().UTC(), cmp.Or(v.person.Name, v.person.ID)
		return done{after: after, path: bankPath("money/bank", a)}, v.keepReading(ctx, a, r)
	}
	return d, nil
}

// readDocument lets the account read a document, once it is known to be sound.
func (v *visit) readDocument(ctx context.Context, a *bank.Account, doc *bankDocument) (bank.Learned, error) {
	if err := doc.rewind(); err != nil {
		return bank.Learned{}, err
	}
	if doc.status {
		learned, err := a.ReadStatus(ctx, doc.body)
		if errors.Is(err, payout.ErrNotFound) {
			err = refused("It is about a file that was not made for this account.")
		}
		return learned, err
	}
	err := a.CheckEntries(ctx, doc.body)
	if err == nil {
		err = doc.rewind()
	}
	if err != nil {
		return bank.Learned{}, err
	}
	return a.ReadEntries(ctx, v.cfg.Payouts, doc.body)
}

// bankReading is what a document said, as it is kept.
type bankReading struct {
	At       time.Time       `json:"at"`
	Actor    string          `json:"actor"`
	File     string          `json:"file"`
	Kind     string          `json:"kind"`
	Hash     string          `json:"sha256"`
	Orders   int             `json:"orders"`
	Incoming []bank.Incoming `json:"incoming,omitempty"`
	Puzzles  []string        `json:"puzzles,omitempty"`
	// How much there was beyond what is kept.
	MoreIncoming int `json:"more_incoming,omitempty"`
	MorePuzzles  int `json:"more_puzzles,omitempty"`

	Came []incomingRow `json:"-"`
}

// incomingRow is money that came in, for people.
type incomingRow struct {
	bank.Incoming
	Amount, Link string // Link is empty if the person may not book it
}

// readingMost bounds a record in bytes: less than every store takes.
const readingMost = 256 << 10

// newBankReading returns the reading with as much of what was learned as a record takes.
func newBankReading(doc *bankDocument, l bank.Learned) bankReading {
	r := bankReading{File: doc.name, Kind: doc.kind(), Hash: doc.hash, Orders: l.Orders, Incoming: l.Incoming, Puzzles: l.Puzzles}
	for {
		body, err := json.Marshal(r)
		if err != nil || len(body) <= readingMost {
			return r
		}
		r.Incoming, r.Puzzles = r.Incoming[:len(r.Incoming)/2], r.Puzzles[:len(r.Puzzles)/2]
		r.MoreIncoming, r.MorePuzzles = len(l.Incoming)-len(r.Incoming), len(l.Puzzles)-len(r.Puzzles)
	}
}

// readingsOf returns the name of the log of [Records] that has what the documents of an account said.
func readingsOf(a *bank.Account) string { return "desk.bank/" + string(a.Network()) }

func (v *visit) keepReading(ctx context.Context, a *bank.Account, r bankReading) error {
	body, err := json.Marshal(r)
	if err == nil {
		_, err = v.cfg.Records.AppendRecord(ctx, readingsOf(a), body)
	}
	if err != nil {
		return fmt.Errorf("keep what a document of %s said: %w", a.Network(), err)
	}
	return nil
}

// bankReadings returns what the latest documents said, the newest first.
func (v *visit) bankReadings(a *bank.Account) ([]bankReading, error) {
	_, bodies, err := v.cfg.Records.ReadRecords(v.ctx(), readingsOf(a), 0, true, bankReadings)
	if err != nil {
		return nil, fmt.Errorf("read what documents of %s said: %w", a.Network(), err)
	}
	out := make([]bankReading, len(bodies))
	for i, body := range bodies {
		if err := json.Unmarshal(body, &out[i]); err != nil {
			out[i] = bankReading{File: "a record that cannot be read"}
		}
		for _, in := range out[i].Incoming {
			row := incomingRow{Incoming: in, Amount: v.amount(a.Asset().ID, in.Cents)}
			if v.person.Role.May(RoleApprover) {
				row.Link = v.root + "money/fund?" + url.Values{"network": {string(a.Network())}, "txid": {in.ID}}.Encode()
			}
			out[i].Came = append(out[i].Came, row)
		}
	}
	return out, nil
}

// checkBanks returns an error unless each account is one that the payouts pay from.
func (c Config) checkBanks() error {
	for i, a := range c.Banks {
		switch {
		case a == nil || c.Payouts == nil:
			return fmt.Errorf("desk: Banks[%d] needs an account, and Payouts", i)
		case !slices.ContainsFunc(c.Payouts.Assets(), func(p payout.AssetConfig) bool { return p.ID == a.Asset().ID }):
			return fmt.Errorf("desk: Banks[%d] is none of the networks of Payouts", i)
		}
	}
	return nil
}
