package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/ethereum/go-ethereum/common"
	"github.com/shopspring/decimal"
)

const (
	project   = "shop"
	depth     = 2                      // blocks that make money final here
	blockTime = 300 * time.Millisecond // between two blocks
	pollTime  = 50 * time.Millisecond
)

// world is what all processes know. The parent writes it to a file.
type world struct {
	Chain  string      `json:"chain"` // eth or btc
	Seed   uint64      `json:"seed"`
	Node   string      `json:"node"`            // URL of the node
	Public string      `json:"public"`          // extended public key of the account
	Coin   chain.Asset `json:"coin"`            // pays fees
	Token  chain.Asset `json:"token,omitzero"`  // on Ethereum
	Signer string      `json:"signer"`          // URL of the signer, on Ethereum
	Secret string      `json:"secret,omitzero"` // bearer token for it
}

// order is an invoice of a round, and what its payer sends.
type order struct {
	id    string
	asset chain.Asset
	price decimal.Decimal
	sent  decimal.Decimal
}

// payment is a payout or refund of a round, by which it is counted on the chain.
type payment struct {
	key   string
	asset chain.Asset
	to    chain.Address
	units decimal.Decimal
	of    string // the over-paid order that is refunded; empty for payouts
}

// orders returns the invoices of a round. The last one is paid too much.
func (w world) orders(round int) []order {
	id := func(what string) string { return fmt.Sprintf("%s-%d", what, round) }
	n := decimal.RequireFromString
	if w.Chain == "btc" {
		return []order{
			{id("coffee"), w.Coin, n("0.01"), n("0.01")}, {id("bread"), w.Coin, n("0.02"), n("0.02")},
			{id("milk"), w.Coin, n("0.005"), n("0.006")},
		}
	}
	return []order{
		{id("coffee"), w.Coin, n("0.5"), n("0.5")}, {id("bread"), w.Token, n("400"), n("400")},
		{id("milk"), w.Coin, n("0.3"), n("0.36")},
	}
}

// payments returns what is paid in a round: the refund first, and last the one whose transaction is stuck for a while.
func (w world) payments(round int) []payment {
	n := decimal.RequireFromString
	units := []decimal.Decimal{n("0.06"), n("0.2"), n("250"), n("0.15")}
	if w.Chain == "btc" {
		units = []decimal.Decimal{n("0.001"), n("0.004"), n("0.006"), n("0.008")}
	}
	var out []payment
	for i, u := range units {
		p := payment{key: fmt.Sprintf("payout-%d-%d", round, i), asset: w.Coin, to: w.payee(round, i), units: u}
		if i == 0 {
			p.key, p.of = fmt.Sprintf("refund-%d", round), w.orders(round)[2].id
		}
		if i == 2 && w.Chain == "eth" {
			p.asset = w.Token
		}
		out = append(out, p)
	}
	return out
}

// slow reports whether a payout is the one of its round whose transaction is stuck for a while, and deadly whether the
// process dies before it sends its transaction.
func slow(key string) bool   { return key != "" && key[len(key)-2:] == "-3" && key[0] == 'p' }
func deadly(key string) bool { return key == "payout-1-1" }

// payee returns an address of somebody else, that nothing else pays.
func (w world) payee(round, i int) chain.Address {
	sum := sha256.Sum256(fmt.Appendf(nil, "payee %d of round %d and seed %d", i, round, w.Seed))
	if w.Chain == "btc" {
		a, _ := params.AddressOf(append([]byte{0, 20}, sum[:20]...)) // such scripts have addresses
		return a
	}
	return chain.Address(common.Address(sum[:20]).Hex())
}

// The files in the directory.
func worldFile(dir string) string { return filepath.Join(dir, "world.json") }
func placesFile(dir string, round int) string {
	return filepath.Join(dir, fmt.Sprintf("places-%d.json", round))
}
func fundsFile(dir string) string { return filepath.Join(dir, "funds.json") }
func seedFile(dir string) string  { return filepath.Join(dir, "payouts.seed") }
func passFile(dir string) string  { return filepath.Join(dir, "passphrase") }

// readyFile says that the signer is ready.
func readyFile(dir string) string { return filepath.Join(dir, "ready") }

// places is where the parent is to pay: the orders' addresses, and in the first round the wallet's own for its float.
type places struct {
	Orders map[string]chain.Address `json:"orders"`
	Float  []chain.Address          `json:"float,omitempty"`
}

func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return replaceFile(path, text)
}

// replaceFile replaces a file in one step, so that no other process reads half of it.
func replaceFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// readJSON reads a file; there is false while there is none.
func readJSON(path string, v any) (there bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	return err == nil, err
}

func readWorld(dir string) (w world, err error) {
	there, err := readJSON(worldFile(dir), &w)
	if err == nil && !there {
		err = errors.New("the directory has no world")
	}
	return w, err
}

// unitsOf returns an amount in base units.
func unitsOf(a chain.Asset, amount decimal.Decimal) *big.Int {
	units, err := a.UnitsExact(amount)
	if err != nil {
		panic(err) // the amounts are constants
	}
	return units
}

// story prints lines of the timeline.
type story struct {
	out io.Writer
	who string
}

func (s story) say(what, format string, args ...any) {
	fmt.Fprintf(s.out, "%s  %-7s %-11s %s\n", time.Now().Format("15:04:05.000"), s.who, what, fmt.Sprintf(format, args...))
}

// pause waits, and reports whether it did so until the end; otherwise ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// short returns the beginning of an address or id.
func short[T ~string](s T) T { return s[:min(len(s), 12)] + "..." }
