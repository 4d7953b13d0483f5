package listing

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// Row is what listings select and sort an invoice by.
type Row struct {
	ID, Project, Order, Name string // Name is [invoice.Invoice.Title]
	Status, Asset, Fiat      string
	Format                   string
	Standing                 bool
	Created, Updated         int64  // as of [Nanos]
	FiatKey, DueKey          string // as of [invoice.SortKey]
}

// RowOf returns the row of an invoice.
func RowOf(inv invoice.Invoice) Row {
	r := Row{
		ID: inv.ID, Project: inv.Project, Order: inv.OrderID, Name: inv.Title(),
		Status: string(inv.State.Status), Fiat: inv.Price.Currency, Standing: inv.Terms.Standing, Format: inv.Format,
		Created: Nanos(inv.CreatedAt), Updated: Nanos(inv.UpdatedAt),
		FiatKey: invoice.SortKey(inv.Price.Amount), DueKey: invoice.SortKey(decimal.Zero),
	}
	if q := inv.Quote; q != nil {
		r.Asset, r.Fiat = q.Asset.Code, q.Fiat.Currency
		r.FiatKey, r.DueKey = invoice.SortKey(q.Fiat.Amount), invoice.SortKey(q.Asset.Decimal(q.Due))
	}
	return r
}

// Nanos returns a time in nanoseconds, clipped to the years 1678 to 2262 that 64 bits hold.
func Nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Encode returns the row for [Source.Changed].
func (r Row) Encode() []byte {
	out := make([]byte, 0, 192)
	standing := byte(0)
	if r.Standing {
		standing = 1
	}
	out = append(out, standing)
	out = binary.LittleEndian.AppendUint64(out, uint64(r.Created))
	out = binary.LittleEndian.AppendUint64(out, uint64(r.Updated))
	for _, text := range []string{r.ID, r.Project, r.Order, r.Name, r.Status, r.Asset, r.Fiat, r.FiatKey, r.DueKey, r.Format} {
		out = appendText(out, text)
	}
	return out
}

// The texts of an encoded row, in the order of Encode.
const (
	rowID = iota
	rowProject
	rowOrder
	rowName
	rowStatus
	rowAsset
	rowFiat
	rowFiatKey
	rowDueKey
	rowFormat
	rowTexts
)

// encoded is a row that Encode has written, not copied.
type encoded struct {
	standing         bool
	created, updated int64
	texts            [rowTexts][]byte
}

func (e *encoded) read(data []byte) error {
	d := decoder{data: data}
	fixed := d.bytes(17)
	if d.bad {
		return errDamaged
	}
	e.standing = fixed[0] == 1
	e.created, e.updated = int64(binary.LittleEndian.Uint64(fixed[1:])), int64(binary.LittleEndian.Uint64(fixed[9:]))
	for i := range e.texts {
		e.texts[i] = d.bytes(d.uvarint())
	}
	if d.bad {
		return errDamaged
	}
	return nil
}

func decodeRow(data []byte) (Row, error) {
	var e encoded
	if err := e.read(data); err != nil {
		return Row{}, err
	}
	t := e.texts
	return Row{
		ID: string(t[rowID]), Project: string(t[rowProject]), Order: string(t[rowOrder]), Name: string(t[rowName]),
		Status: string(t[rowStatus]), Asset: string(t[rowAsset]), Fiat: string(t[rowFiat]), Standing: e.standing,
		Created: e.created, Updated: e.updated, FiatKey: string(t[rowFiatKey]), DueKey: string(t[rowDueKey]), Format: string(t[rowFormat]),
	}, nil
}

// keyOf returns the position of a row in an order: keys compare as the rows do, including ties by id.
func keyOf[T string | []byte](sort invoice.Sort, created, updated int64, fiat, due, id T) string {
	switch sort {
	case invoice.SortUpdated:
		return timeKey(updated) + string(id)
	case invoice.SortFiat:
		return string(fiat) + "\x00" + string(id)
	case invoice.SortDue:
		return string(due) + "\x00" + string(id)
	default:
		return timeKey(created) + string(id)
	}
}

func (r *Row) key(sort invoice.Sort) string {
	return keyOf(sort, r.Created, r.Updated, r.FiatKey, r.DueKey, r.ID)
}

func (e *encoded) key(sort invoice.Sort) string {
	return keyOf(sort, e.created, e.updated, e.texts[rowFiatKey], e.texts[rowDueKey], e.texts[rowID])
}

// timeKey returns a text that sorts like the time.
func timeKey(nanos int64) string {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], uint64(nanos)^1<<63)
	return string(key[:])
}

// idOf returns the id in a key.
func idOf(sort invoice.Sort, key string) string {
	if sort == invoice.SortFiat || sort == invoice.SortDue {
		_, id, _ := strings.Cut(key, "\x00")
		return id
	}
	return key[min(8, len(key)):]
}

// lower returns the text as searches see it.
func lower(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= 'A' && c <= 'Z' {
			out := []byte(text)
			for ; i < len(out); i++ {
				if c := out[i]; c >= 'A' && c <= 'Z' {
					out[i] = c + 'a' - 'A'
				}
			}
			return string(out)
		}
	}
	return text
}
