package books

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// Balances and lines are texts with a NUL between their fields, because every entry reads and writes some of them under
// the lock of the books. Holdings and entries are fields with their lengths in front, because there are millions of them
// to be read at once. Everything else is JSON.

// encodeBalance returns the value of a balance: units, project, kind, asset.
func encodeBalance(b payout.Balance) []byte {
	out := append(b.Units.Append(nil, 10), 0)
	out = append(append(out, b.Account.Project...), 0)
	out = append(append(out, b.Account.Kind...), 0)
	return append(out, b.Account.Asset...)
}

func decodeBalance(value []byte) (b payout.Balance, err error) {
	fields := bytes.SplitN(value, []byte{0}, 4)
	if len(fields) != 4 {
		return b, fmt.Errorf("the balance %q is damaged", value)
	}
	b.Account = payout.Account{
		Project: string(fields[1]), Kind: payout.AccountKind(fields[2]), Asset: chain.AssetID(fields[3]),
	}
	b.Units, err = decodeUnits(fields[0])
	return b, err
}

// line is one posting as it is stored.
type line struct {
	entry          string // its ID
	units, balance *big.Int
}

// encode returns the value of a line: units, balance, id of the entry.
func (l line) encode() []byte {
	out := append(l.units.Append(nil, 10), 0)
	out = append(l.balance.Append(out, 10), 0)
	return append(out, l.entry...)
}

func decodeLine(value []byte) (l line, err error) {
	fields := bytes.SplitN(value, []byte{0}, 3)
	if len(fields) != 3 {
		return l, fmt.Errorf("the line %q is damaged", value)
	}
	l.entry = string(fields[2])
	if l.units, err = decodeUnits(fields[0]); err != nil {
		return l, err
	}
	l.balance, err = decodeUnits(fields[1])
	return l, err
}

func decodeUnits(text []byte) (*big.Int, error) {
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return big.NewInt(n), nil
	}
	n, ok := new(big.Int).SetString(string(text), 10)
	if !ok {
		return nil, fmt.Errorf("the number %q is damaged", text)
	}
	return n, nil
}

// encodeHolding returns the value of a holding, without its lock.
func encodeHolding(h payout.Holding) []byte {
	f := make(fields, 0, 256)
	f = f.text(string(h.Network)).text(h.Name).text(string(h.Asset)).text(string(h.Address)).text(h.Wallet)
	return f.number(uint64(h.Branch)).number(uint64(h.Index)).number(h.Height).units(h.Units)
}

func decodeHolding(k string, value []byte) (payout.Holding, error) {
	r := fieldReader{rest: value}
	h := payout.Holding{
		Network: chain.Network(r.text()), Name: r.text(), Asset: chain.AssetID(r.text()), Address: chain.Address(r.text()), Wallet: r.text(),
		Branch: uint32(r.number()), Index: uint32(r.number()), Height: r.number(), Units: r.units(),
	}
	return h, r.end(k)
}

// encodeEntry returns the value of an entry, and the hash of what [payout.Entry.Same] compares. It refuses a time that
// JSON cannot hold.
func encodeEntry(e payout.Entry) (value, same []byte, err error) {
	f := make(fields, 0, 512).text(e.ID).text(string(e.Kind)).text(e.Subject).flag(e.Overdraw).number(uint64(len(e.Postings)))
	for _, p := range e.Postings {
		f = f.text(p.Account.Project).text(string(p.Account.Kind)).text(string(p.Account.Asset)).units(p.Units)
	}
	hash := sha256.Sum256(f)
	at := e.At.UTC()
	if y := at.Year(); y < 0 || y > 9999 {
		return nil, nil, fmt.Errorf("entry %s: At is in the year %d", e.ID, y)
	}
	f = f.number(uint64(at.Unix())).number(uint64(at.Nanosecond())).text(e.Note).text(e.Actor)
	return f, hash[:], nil
}

// decodeEntry decodes the value of an entry, whose position is in its key.
func decodeEntry(k string, value []byte) (payout.Entry, error) {
	r := fieldReader{rest: value}
	e := payout.Entry{ID: r.text(), Kind: payout.EntryKind(r.text()), Subject: r.text(), Overdraw: r.number() == 1, Position: positionIn(k)}
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.err = errDamaged
	}
	for range n {
		if r.err != nil {
			break
		}
		a := payout.Account{Project: r.text(), Kind: payout.AccountKind(r.text()), Asset: chain.AssetID(r.text())}
		e.Postings = append(e.Postings, payout.Posting{Account: a, Units: r.units()})
	}
	e.At = time.Unix(int64(r.number()), int64(r.number())).UTC()
	e.Note, e.Actor = r.text(), r.text()
	return e, r.end(k)
}

// decodePosition decodes what leads from the id of an entry to its position.
func decodePosition(k string, value []byte) (int64, error) {
	if len(value) != 8+sha256.Size {
		return 0, fmt.Errorf("the record under %q is damaged", k)
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}

// fields are texts with their lengths in front, and numbers.
type fields []byte

func (f fields) text(s string) fields    { return append(f.number(uint64(len(s))), s...) }
func (f fields) number(n uint64) fields  { return binary.AppendUvarint(f, n) }
func (f fields) units(n *big.Int) fields { return f.text(n.String()) }
func (f fields) flag(set bool) fields {
	if set {
		return f.number(1)
	}
	return f.number(0)
}

var errDamaged = errors.New("its fields do not end where it ends")

// fieldReader reads fields. After the first mistake it returns nothing.
type fieldReader struct {
	rest []byte
	err  error
}

func (r *fieldReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || r.err != nil {
		r.err = errDamaged
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *fieldReader) bytes() []byte {
	n := r.number()
	if n > uint64(len(r.rest)) || r.err != nil {
		r.err = errDamaged
		return nil
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *fieldReader) text() string { return string(r.bytes()) }

func (r *fieldReader) units() *big.Int {
	text := r.bytes()
	if r.err != nil {
		return nil
	}
	n, err := decodeUnits(text)
	r.err = err
	return n
}

// end returns what was wrong with the value of the key.
func (r *fieldReader) end(k string) error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = errDamaged
	}
	if r.err != nil {
		return fmt.Errorf("the record under %q is damaged: %w", k, r.err)
	}
	return nil
}
