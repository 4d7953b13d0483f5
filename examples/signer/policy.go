package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// policy pays receivers on a list, and of each asset only so much a day. What it decided is in the journal before anything
// is signed: the same bytes are counted once, and what was refused stays refused, also after a restart.
type policy struct {
	receivers map[chain.Network][]chain.Address
	daily     map[chain.AssetID]*big.Int
	now       func() time.Time

	mu      sync.Mutex // guards all below
	journal *os.File
	broken  error // the journal's; nothing is signed any more
	decided map[string]decision
	day     string
	spent   map[chain.AssetID]*big.Int // on that day
}

// decision is a line of the journal.
type decision struct {
	Digest  string                     `json:"digest"` // of the unsigned bytes
	Day     string                     `json:"day"`
	Refused string                     `json:"refused,omitempty"` // why; empty if it may be signed
	Spends  map[chain.AssetID]*big.Int `json:"spends,omitempty"`
}

func openPolicy(c config, now func() time.Time) (*policy, error) {
	f, err := os.OpenFile(c.Journal, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	p := &policy{
		receivers: c.Receivers, daily: c.Daily, now: now, journal: f, decided: map[string]decision{}, spent: map[chain.AssetID]*big.Int{},
	}
	if err := p.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), f.Close())
	}
	return p, nil
}

// read reads the journal. A last line without an end was never acted upon, and is cut off.
func (p *policy) read() error {
	text, err := io.ReadAll(p.journal)
	if err != nil {
		return err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	p.day = p.today()
	for line := range bytes.Lines(whole) {
		var d decision
		if err := json.Unmarshal(line, &d); err != nil {
			return fmt.Errorf("a line is damaged: %w", err)
		}
		p.note(d)
	}
	if err := p.journal.Truncate(int64(len(whole))); err != nil {
		return err
	}
	_, err = p.journal.Seek(0, io.SeekEnd)
	return err
}

func (p *policy) close() error { return p.journal.Close() }

func (p *policy) today() string { return p.now().UTC().Format(time.DateOnly) }

// note takes a decision into account.
func (p *policy) note(d decision) {
	p.decided[d.Digest] = d
	if d.Refused != "" || d.Day != p.day {
		return
	}
	for asset, units := range d.Spends {
		p.spent[asset] = sum(p.spent[asset], units)
	}
}

// allow is a signer.Policy.
func (p *policy) allow(_ context.Context, r payout.SignRequest, parsed payout.Parsed) error {
	digest := sha256.Sum256(r.Unsigned)
	id := hex.EncodeToString(digest[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return p.broken
	}
	if d, known := p.decided[id]; known {
		return d.err()
	}
	if today := p.today(); today != p.day {
		p.day, p.spent = today, map[chain.AssetID]*big.Int{}
	}
	d := decision{Digest: id, Day: p.day, Spends: spends(parsed)}
	d.Refused = p.objection(parsed, d.Spends)
	if d.Refused == "" && p.over(d.Spends) {
		return payout.ErrLater // tomorrow
	}
	if err := p.append(d); err != nil {
		p.broken = fmt.Errorf("journal: %w", err)
		return p.broken
	}
	p.note(d)
	return d.err()
}

func (d decision) err() error {
	if d.Refused == "" {
		return nil
	}
	return &payout.RefusedError{Code: payout.RefusedPolicy, Reason: d.Refused}
}

// spends returns what leaves, fees included. What goes to our own addresses stays.
func spends(parsed payout.Parsed) map[chain.AssetID]*big.Int {
	out := map[chain.AssetID]*big.Int{parsed.FeeAsset: sum(parsed.Fee)}
	for _, o := range parsed.Outputs {
		if !o.Own {
			out[o.Asset] = sum(out[o.Asset], o.Units)
		}
	}
	return out
}

// objection returns why a transaction is never signed, or an empty string.
func (p *policy) objection(parsed payout.Parsed, spends map[chain.AssetID]*big.Int) string {
	for _, o := range parsed.Outputs {
		if !o.Own && !slices.Contains(p.receivers[parsed.Network], o.To) {
			return fmt.Sprintf("%s is not on the list of receivers", o.To)
		}
	}
	for asset, units := range spends {
		if limit := p.daily[asset]; limit == nil || units.Cmp(limit) > 0 {
			return fmt.Sprintf("%s of %s is more than a day's limit", units, asset)
		}
	}
	return ""
}

// over reports whether a transaction would exceed today's limits.
func (p *policy) over(spends map[chain.AssetID]*big.Int) bool {
	for asset, units := range spends {
		if sum(p.spent[asset], units).Cmp(p.daily[asset]) > 0 {
			return true
		}
	}
	return false
}

// append writes a decision, and returns when it is durable.
func (p *policy) append(d decision) error {
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if _, err := p.journal.Write(append(line, '\n')); err != nil {
		return err
	}
	return p.journal.Sync()
}

// sum returns a new number; nil is 0.
func sum(all ...*big.Int) *big.Int {
	out := new(big.Int)
	for _, n := range all {
		if n != nil {
			out.Add(out, n)
		}
	}
	return out
}
