package desk

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cointill/cointill/httpapi/internal/sheet"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// column is a field of an export.
type column[T any] struct {
	name, label string
	usual       bool // exported unless fields are chosen
	text        func(T) string
}

// invoiceColumns returns the fields that invoices can be exported with.
func (v *visit) invoiceColumns() []column[invoice.Invoice] {
	type inv = invoice.Invoice
	quote := func(get func(inv, invoice.Quote) string) func(inv) string {
		return func(i inv) string {
			if i.Quote == nil {
				return ""
			}
			return get(i, *i.Quote)
		}
	}
	out := []column[inv]{
		{"id", "Invoice", true, func(i inv) string { return i.ID }},
		{"order_id", "Order", true, func(i inv) string { return i.OrderID }},
		{"name", "Name", true, func(i inv) string { return i.Name }},
		{"label", "Label", false, inv.Label},
		{"project", "Project", true, func(i inv) string { return i.Project }},
		{"project_name", "Project's name", false, func(i inv) string { return v.projectName(i.Project) }},
		{"status", "Status", true, func(i inv) string { return string(i.State.Status) }},
		{"outcome", "Outcome", true, func(i inv) string { return i.State.Outcome.String() }},
		{"closed", "Closed", false, func(i inv) string { return strconv.FormatBool(i.State.Closed) }},
		{"created_at", "Created", true, func(i inv) string { return stamp(i.CreatedAt) }},
		{"updated_at", "Changed", false, func(i inv) string { return stamp(i.UpdatedAt) }},
		{"deadline", "Deadline", false, func(i inv) string { return stamp(i.EffectiveDeadline()) }},
		{"completed_at", "Completed", true, func(i inv) string { return stamp(i.State.CompletedAt) }},
		{"currency", "Currency", true, func(i inv) string { return i.Price.Currency }},
		{"amount", "Price", true, func(i inv) string { return i.Price.Amount.String() }},
		{"asset", "Asset", true, quote(func(_ inv, q invoice.Quote) string { return q.Asset.Code })},
		{"network", "Network", true, quote(func(_ inv, q invoice.Quote) string { return string(q.Asset.ID.Network()) })},
		{"due", "Due", true, quote(func(i inv, q invoice.Quote) string { return quoted(q, q.Due) })},
		{"received", "Received", true, quote(func(i inv, q invoice.Quote) string { return quoted(q, i.State.Received) })},
		{"confirmed", "Confirmed", true, quote(func(i inv, q invoice.Quote) string { return quoted(q, i.State.Confirmed) })},
		{"rate", "Rate", false, quote(func(_ inv, q invoice.Quote) string {
			if q.Rate.Value.IsZero() {
				return ""
			}
			return q.Rate.Value.String()
		})},
		{"fiat_amount", "Price in fiat", false, quote(func(_ inv, q invoice.Quote) string { return q.Fiat.Amount.String() })},
		{"fiat_currency", "Fiat currency", false, quote(func(_ inv, q invoice.Quote) string { return q.Fiat.Currency })},
		{"address", "Address", false, quote(func(_ inv, q invoice.Quote) string { return string(q.Address) })},
		{"payments", "Number of payments", false, func(i inv) string { return strconv.Itoa(i.PaymentCount()) }},
		{"transactions", "Transactions", false, transactionsOf},
		{"payment_page", "Payment page", false, v.cfg.PaymentPage},
	}
	for _, key := range v.cfg.Metadata {
		out = append(out, column[inv]{"data." + key, key, true, func(i inv) string { return i.Data[key] }})
	}
	return out
}

// transactionsOf returns the transactions of the payments that the chain has, of the latest ones if there are very many.
func transactionsOf(inv invoice.Invoice) string {
	var ids []string
	for _, p := range inv.Payments {
		if !p.Withdrawn && !slices.Contains(ids, p.Key.TxID) {
			ids = append(ids, p.Key.TxID)
		}
	}
	return strings.Join(ids, " ")
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (v *visit) fieldOptions() []option {
	var out []option
	for _, c := range v.invoiceColumns() {
		out = append(out, option{c.name, c.label, c.usual})
	}
	return out
}

// chosen returns the columns that the URL names, in the order of all, or the usual ones.
func chosen[T any](v *visit, all []column[T]) ([]column[T], error) {
	wanted := v.r.Form["field"]
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(c column[T]) bool { return c.name == name }) {
			return nil, &fault{http.StatusBadRequest, "The export cannot be made", "There is no field of one of the names."}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(c column[T]) bool {
		if len(wanted) == 0 {
			return !c.usual
		}
		return !slices.Contains(wanted, c.name)
	}), nil
}

// exportInvoices streams exactly what the list with the same filter shows, page by page.
func (v *visit) exportInvoices() error {
	f, err := v.readFilter()
	if err != nil {
		return err
	}
	after := ""
	return export(v, "invoices", v.invoiceColumns(), func() ([]invoice.Invoice, bool, error) {
		q := f.query(after, invoice.MaxPage/2)
		q.Uncounted = true
		page, err := v.list(q)
		if n := len(page.Invoices); n > 0 {
			after = page.Invoices[n-1].ID
		}
		return page.Invoices, len(page.Invoices) == 0, err
	})
}

// export streams the pages that next returns until it reports the end, in the format that the URL names. The pages before
// the end may be empty.
func export[T any](v *visit, name string, all []column[T], next func() ([]T, bool, error)) error {
	_ = v.query("format") // parses the form
	columns, err := chosen(v, all)
	if err != nil {
		return err
	}
	page, end, err := next() // what fails at once is a page that says so
	if err != nil {
		return err
	}
	if v.r.Method == http.MethodHead {
		end = true // nobody reads the rows
	}
	var write func(io.Writer, []T) error
	var out *stream
	switch v.query("format") {
	case "", "csv":
		out = v.stream(name+".csv", "text/csv; charset=utf-8")
		if err := csvHead(out, columns); err != nil {
			return out.broken(err)
		}
		write = func(w io.Writer, page []T) error { return csvRows(w, columns, page) }
	case "jsonl":
		out = v.stream(name+".jsonl", "application/x-ndjson")
		write = func(w io.Writer, page []T) error { return jsonRows(w, columns, page) }
	default:
		return &fault{http.StatusBadRequest, "The export cannot be made", "Its format must be csv or jsonl."}
	}
	for !end {
		if err := write(out, page); err != nil {
			return out.broken(err)
		}
		if err := out.flush(); err != nil {
			return out.broken(err)
		}
		if page, end, err = next(); err != nil {
			return out.broken(err)
		}
	}
	return nil
}

// csvHead writes the names of the columns.
func csvHead[T any](w io.Writer, columns []column[T]) error {
	return writeCSV(w, columns, 1, func(c column[T], _ int) string { return c.name })
}

// csvRows writes a row for each item.
func csvRows[T any](w io.Writer, columns []column[T], page []T) error {
	return writeCSV(w, columns, len(page), func(c column[T], i int) string { return c.text(page[i]) })
}

// writeCSV writes rows of a table, whose cells are texts that no spreadsheet takes for formulas.
func writeCSV[T any](w io.Writer, columns []column[T], rows int, cell func(c column[T], row int) string) error {
	cw := csv.NewWriter(w)
	cw.UseCRLF = true
	cells := make([]string, len(columns))
	for row := range rows {
		for i, c := range columns {
			cells[i] = sheet.Harmless(cell(c, row))
		}
		if err := cw.Write(cells); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// jsonRows writes one object a line, whose members are in the order of the columns. All are texts, so that no amount passes
// through a number of somebody else's.
func jsonRows[T any](w io.Writer, columns []column[T], page []T) error {
	for _, item := range page {
		line := []byte{'{'}
		for i, c := range columns {
			if i > 0 {
				line = append(line, ',')
			}
			for _, text := range []string{c.name, c.text(item)} {
				b, err := json.Marshal(text)
				if err != nil {
					return err
				}
				line = append(append(line, b...), ':')
			}
			line = line[:len(line)-1]
		}
		if _, err := w.Write(append(line, '}', '\n')); err != nil {
			return err
		}
	}
	return nil
}

// stream is an answer of any length. Each part that is flushed has its own time, so that a long export is not cut off and a
// client that does not read does not stay for ever.
type stream struct {
	v       *visit
	control *http.ResponseController
	file    string
}

// patience is how long a client may take for one part of a stream.
const patience = time.Minute

// stream begins an answer that is downloaded as a file.
func (v *visit) stream(file, kind string) *stream {
	v.download(file, kind)
	return &stream{v, http.NewResponseController(v.w), file}
}

// download sets the headers of an answer that is downloaded as a file.
func (v *visit) download(file, kind string) {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+file+`"`)
}

func (s *stream) Write(b []byte) (int, error) { return s.v.w.Write(b) }

func (s *stream) flush() error {
	if err := s.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return s.v.ctx().Err()
}

// broken ends a stream that has begun, in a way that a client does not take for its end.
func (s *stream) broken(err error) error {
	if s.v.ctx().Err() == nil {
		s.v.cfg.Logger.ErrorContext(s.v.ctx(), "desk: an export broke off", "file", s.file, "error", err)
	}
	panic(http.ErrAbortHandler) //nolint:forbidigo // how net/http is told to drop the connection
}

// payoutColumns returns the fields that payouts can be exported with.
func (v *visit) payoutColumns() []column[payout.Payout] {
	type p = payout.Payout
	return []column[p]{
		{"id", "Payout", true, func(x p) string { return x.ID }},
		{"key", "Key", true, func(x p) string { return x.Key }},
		{"project", "Project", true, func(x p) string { return x.Project }},
		{"kind", "Kind", true, func(x p) string { return string(x.Kind) }},
		{"invoice", "Invoice", true, func(x p) string { return x.Invoice }},
		{"status", "Status", true, func(x p) string { return string(x.State.Status) }},
		{"waits_for", "Reason", true, func(x p) string { return string(x.State.Reason) }},
		{"asset", "Asset", true, func(x p) string { return x.Asset.Code }},
		{"network", "Network", true, func(x p) string { return string(x.Asset.ID.Network()) }},
		{"amount", "Amount", true, func(x p) string { return x.Asset.Decimal(x.Units).String() }},
		{"fee", "Fee, in base units", true, func(x p) string { return x.Charged().String() }},
		{"fee_asset", "Asset of the fee", true, func(x p) string { return string(x.FeeAsset) }},
		{"to", "Receiver", true, func(x p) string { return string(x.To) }},
		{"transaction", "Transaction", true, func(x p) string { return x.State.TxID }},
		{"requester", "Requester", true, func(x p) string { return x.Requester }},
		{"created_at", "Created", true, func(x p) string { return stamp(x.CreatedAt) }},
		{"ended_at", "Ended", true, func(x p) string { return stamp(x.State.EndAt) }},
	}
}
