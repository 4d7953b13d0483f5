// Package workload has what tests and benchmarks of SQL stores commit, of the size and the spread that shops have, and runs it
// from several callers.
package workload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// Run spreads b.N calls over the callers, and reports their rate in a unit.
func Run(b *testing.B, callers int, unit string, call func(n int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for {
				n := int(next.Add(1))
				if n > b.N {
					return
				}
				if err := call(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
}

// Creation is the batch of a new invoice.
func Creation(n int) invoice.Batch {
	asset := chain.Asset{ID: "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", Code: "USDT", Decimals: 6}
	now := time.Date(2031, 2, 3, 4, 5, 6, 123456789, time.UTC).Add(time.Duration(n) * time.Millisecond)
	amount := decimal.New(1990+int64(n*7919%100000), -2)
	inv := invoice.Invoice{
		// as a UUID of version 7: a time in front, random digits behind
		ID:      fmt.Sprintf("%08x-%04x-7abc-8def-%012x", n>>8, n&0xff<<8, uint64(n)*0x9e3779b97f4a7c15>>16),
		Project: "0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11", OrderID: fmt.Sprintf("order-%d", n), Name: "Order of a chair",
		CallbackURL: "https://shop.example/callbacks/cointill", Format: "standard",
		Price: invoice.Price{Currency: "EUR", Amount: amount},
		Quote: &invoice.Quote{
			Asset: asset, Due: big.NewInt(21_500_000 + int64(n*7919%1000000)),
			Rate: rates.Rate{
				Pair: rates.Pair{Base: "USDT", Quote: "EUR"}, Value: decimal.RequireFromString("0.8731"), Time: now,
				Source: "median(kraken,coinbase,bitstamp)",
			},
			Fiat: invoice.Price{Currency: "EUR", Amount: amount},
			At:   now, Address: Address(n), Wallet: "hot", Index: uint32(n),
		},
		Terms: invoice.Terms{
			TolerancePercent: decimal.New(5, -1), Confirm: chain.Confirmations{Depth: 12},
			Late: invoice.LateHold, Other: invoice.OtherAccept,
		},
		CreatedAt: now, UpdatedAt: now, Deadline: now.Add(time.Hour),
		State: invoice.State{Status: invoice.StatusNew, Wake: invoice.Wake{Time: now.Add(time.Hour)}},
		Seq:   1, Version: 1,
	}
	claim := invoice.Claim{
		Network: asset.ID.Network(), Place: invoice.Place{Address: inv.Quote.Address}, Invoice: inv.ID, Wallet: "hot", Index: uint32(n),
	}
	return invoice.Batch{Insert: []invoice.Invoice{inv}, Claims: []invoice.Claim{claim}, Events: []invoice.Event{Event(inv, 1)}}
}

// Event is an event of the invoice, with a body of the usual size.
func Event(inv invoice.Invoice, seq int64) invoice.Event {
	return invoice.Event{
		ID: fmt.Sprintf("evt_%s_%d", inv.ID, seq), Invoice: inv.ID, Project: inv.Project, Seq: seq, Type: invoice.EventCreated,
		To: invoice.StatusNew, At: inv.CreatedAt, Body: EventBody(),
	}
}

// EventBody returns the body of an event.
func EventBody() json.RawMessage {
	return json.RawMessage(`{"data":"` + string(bytes.Repeat([]byte("x"), 688)) + `"}`)
}

// Address spreads addresses as hashes are spread.
func Address(n int) chain.Address {
	x := uint64(n) * 0x9e3779b97f4a7c15
	return chain.Address(fmt.Sprintf("0x%016x%016x%08x", x, x^0xabcdef, uint32(n)))
}

// Row is what a table has after Creation(0) was stored, by the names of the columns.
type Row struct {
	Names  []string
	Values []any
}

// For returns what the row would be for another invoice.
func (r Row) For(n int) []any {
	was, is := Creation(0).Insert[0], Creation(n).Insert[0]
	names := strings.NewReplacer(was.ID, is.ID, was.OrderID, is.OrderID, string(was.Quote.Address), string(is.Quote.Address))
	out := slices.Clone(r.Values)
	for i, v := range out {
		switch v := v.(type) {
		case string:
			out[i] = names.Replace(v)
		case int64:
			switch r.Names[i] {
			case "n", "position", "created", "wake_time":
				out[i] = v + int64(n)
			case "place": // spread as a hash is
				out[i] = int64(int32(uint32(n) * 2654435761))
			}
		}
	}
	return out
}
