package workload

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/internal/books"
)

// Rows are the keys and values that a batch of payouts adds.
type Rows struct{ Keys, Values [][]byte }

// PayoutRows returns the new rows of b.N requests, from 1.
func PayoutRows(b *testing.B) []Rows {
	b.Helper()
	stored := map[string][]byte{}
	apply := func(batch payout.Batch) (fresh Rows) {
		prepared, err := books.Prepare(batch)
		check(b, err)
		writes, err := prepared.Apply(func(k string) []byte { return stored[k] })
		check(b, err)
		for _, k := range slices.Sorted(maps.Keys(writes)) {
			if stored[k] == nil {
				fresh.Keys, fresh.Values = append(fresh.Keys, []byte(k)), append(fresh.Values, writes[k])
			}
			if slices.Contains(prepared.Keys, k) {
				stored[k] = writes[k]
			}
		}
		return fresh
	}
	apply(Deposit())
	apply(PayoutRequest(0)) // with the accounts' first balances
	out := make([]Rows, b.N+1)
	for n := 1; n <= b.N; n++ {
		batch := PayoutRequest(n)
		rows, ev := apply(batch), batch.Events[0]
		rows.Keys = append(rows.Keys, fmt.Appendf(nil, "x%015d %s %s", n, ev.ID, ev.Type))
		rows.Values = append(rows.Values, ev.Body)
		out[n] = rows
	}
	return out
}

// PayoutAsset is the asset of all payouts.
const PayoutAsset = chain.AssetID("eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7")

// PayoutAccount returns an account of the ledger in that asset.
func PayoutAccount(kind payout.AccountKind) payout.Account {
	a := payout.Account{Kind: kind, Asset: PayoutAsset}
	if kind != payout.External && kind != payout.Commission {
		a.Project = "0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11"
	}
	return a
}

// Deposit is what all payouts come from.
func Deposit() payout.Batch {
	sum := new(big.Int).Lsh(big.NewInt(1), 80)
	return payout.Batch{
		Entries: []payout.Entry{{ID: "deposit", Kind: payout.EntryFund, At: time.Unix(0, 0), Postings: []payout.Posting{
			{Account: PayoutAccount(payout.External), Units: new(big.Int).Neg(sum)}, {Account: PayoutAccount(payout.Available), Units: sum},
		}}},
		Moves: []payout.Move{{Holding: payout.Holding{Network: "eip155:1", Name: "wallet", Asset: PayoutAsset}, Units: sum}},
	}
}

// PayoutRequest is the batch of a new payout.
func PayoutRequest(n int) payout.Batch {
	now := time.Date(2031, 2, 3, 4, 5, 6, 123456789, time.UTC).Add(time.Duration(n) * time.Millisecond)
	from := PayoutAccount(payout.Available)
	p := payout.Payout{
		ID:      fmt.Sprintf("%08x-%04x-7abc-8def-%012x", n>>8, n&0xff<<8, uint64(n)*0x9e3779b97f4a7c15>>16),
		Project: from.Project, Key: fmt.Sprintf("withdrawal-%d", n), Kind: payout.KindPayout,
		Asset: chain.Asset{ID: PayoutAsset, Code: "USDT", Decimals: 6}, To: Address(n), Units: big.NewInt(21_500_000),
		Source: from, Fee: big.NewInt(500_000), FeeAsset: PayoutAsset, Payer: from, Name: "Partner in April",
		CallbackURL: "https://shop.example/callbacks/cointill", Format: "standard", Requester: "ann",
		CreatedAt: now, UpdatedAt: now, State: payout.State{Status: payout.StatusQueued}, Seq: 1, Version: 1,
	}
	e := payout.Entry{ID: "reserve:" + p.ID, Kind: payout.EntryReserve, Subject: p.ID, At: now, Postings: []payout.Posting{
		{Account: from, Units: big.NewInt(-22_000_000)}, {Account: PayoutAccount(payout.Reserved), Units: big.NewInt(21_900_000)},
		{Account: PayoutAccount(payout.Commission), Units: big.NewInt(100_000)},
	}}
	ev := invoice.Event{
		ID: "evt_" + p.ID + "_1", Payout: p.ID, Project: p.Project, Seq: 1, Type: "payout.requested", At: now, Body: EventBody(),
	}
	return payout.Batch{Payouts: []payout.Payout{p}, Entries: []payout.Entry{e}, Events: []invoice.Event{ev}}
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
