package storetest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
)

var (
	shopFree     = payout.Account{Project: "shop", Kind: payout.Available, Asset: eth.ID}
	shopReserved = payout.Account{Project: "shop", Kind: payout.Reserved, Asset: eth.ID}
	ourFloat     = payout.Account{Kind: payout.Float, Asset: eth.ID}
	outside      = payout.Account{Kind: payout.External, Asset: eth.ID}
)

func units(n int64) *big.Int { return big.NewInt(n) }

// newPayout returns payout number n of project "shop" as a request stores it.
func newPayout(n int, change ...func(*payout.Payout)) payout.Payout {
	at := start.Add(time.Duration(n) * time.Second)
	p := payout.Payout{
		ID: fmt.Sprintf("pay-%05d", n), Project: "shop", Key: fmt.Sprintf("key-%05d", n), Kind: payout.KindWithdrawal,
		Asset: eth, To: chain.Address(fmt.Sprintf("0x%040d", n)), Units: units(30), Source: shopFree,
		Fee: units(2), FeeAsset: eth.ID, Payer: shopFree,
		CreatedAt: at, UpdatedAt: at, State: payout.State{Status: payout.StatusRequested}, Seq: 1, Version: 1,
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

// advance returns the next version of a payout.
func advance(p payout.Payout, status payout.Status) payout.Payout {
	p.Version++
	p.State.Status = status
	return p
}

// transfer returns an entry that moves units between two accounts.
func transfer(id string, from, to payout.Account, n int64) payout.Entry {
	return payout.Entry{ID: id, Kind: payout.EntryAdjust, Subject: "subject of " + id, At: start, Note: "note of " + id, Postings: []payout.Posting{
		{Account: from, Units: units(-n)}, {Account: to, Units: units(n)},
	}}
}

func coin(name string) payout.Holding {
	return payout.Holding{Network: mainnet, Name: name, Asset: eth.ID, Address: "0xours", Wallet: "hot", Branch: 1, Index: 7, Height: 100}
}

func moved(name string, n int64) payout.Move {
	return payout.Move{Holding: coin(name), Units: units(n)}
}

// credited returns a batch that brings units from outside, as a coin, to an account.
func credited(name string, to payout.Account, n int64) payout.Batch {
	return payout.Batch{Entries: []payout.Entry{transfer("credit "+name, outside, to, n)}, Moves: []payout.Move{moved(name, n)}}
}

// newTransaction returns a planned transaction that spends the coins.
func newTransaction(n int, coins ...string) payout.Transaction {
	at := start.Add(time.Duration(n) * time.Second)
	return payout.Transaction{
		ID: fmt.Sprintf("tx-%05d", n), Network: mainnet, Purpose: payout.PurposePay, Lane: "hot", Anchor: coins[0],
		Versions: []payout.Version{{Unsigned: []byte{0, 0xff, byte(n)}, Fee: units(2), Spends: coins, Moves: []payout.Move{moved(coins[0], -5)}, At: at}},
		Stage:    payout.StagePlanned, Mined: -1, CreatedAt: at, UpdatedAt: at, Version: 1,
	}
}

func locksOf(t payout.Transaction) (out []payout.Lock) {
	for _, name := range t.Versions[0].Spends {
		out = append(out, payout.Lock{Network: t.Network, Name: name, Transaction: t.ID})
	}
	return out
}

func payoutEvent(p payout.Payout, seq int64) invoice.Event {
	return invoice.Event{
		ID: fmt.Sprintf("evt_%s_%d", p.ID, seq), Payout: p.ID, Project: p.Project, Seq: seq, Type: "payout.requested",
		At: start.Add(time.Duration(seq)), Comment: "asked for", Actor: "ann", Body: json.RawMessage(`{"amount":0.10,  "n": 1}`),
	}
}

func payoutMessage(p payout.Payout, seq int64) invoice.Message {
	return invoice.Message{
		ID: fmt.Sprintf("evt_%s_%d", p.ID, seq), Event: "payout.requested", Payout: p.ID, Seq: seq, Project: p.Project,
		URL: shopURL, Endpoint: shopEndpoint, Body: []byte("{\"n\": 1}\x00\xff"), At: start.Add(time.Duration(seq)), Format: "terse", Secret: "s3cret",
	}
}

// requested returns the batch of a request: the payout, its reservation and its event.
func requested(p payout.Payout) payout.Batch {
	e := transfer("reserve "+p.ID, shopFree, shopReserved, 32)
	e.Kind, e.Subject = payout.EntryReserve, p.ID
	return payout.Batch{Payouts: []payout.Payout{p}, Entries: []payout.Entry{e}, Events: []invoice.Event{payoutEvent(p, 1)}}
}

func book(t *testing.T, b payout.Store, batches ...payout.Batch) {
	t.Helper()
	for _, batch := range batches {
		if err := b.CommitPayouts(t.Context(), batch); err != nil {
			t.Fatalf("CommitPayouts: %v", err)
		}
	}
}

// unbooked commits a batch that must be refused with the target.
func unbooked(t *testing.T, b payout.Store, batch payout.Batch, target error) {
	t.Helper()
	wantErr(t, b.CommitPayouts(t.Context(), batch), target)
}

func balance(t *testing.T, b payout.Store, a payout.Account) string {
	t.Helper()
	for _, got := range must[[]payout.Balance](t)(b.Balances(t.Context(), a.Project)) {
		if got.Account == a {
			return got.Units.String()
		}
	}
	return "none"
}

// solvent checks the sums of ETH.
func solvent(t *testing.T, b payout.Store, want int64) {
	t.Helper()
	for _, total := range must[[]payout.Total](t)(b.Totals(t.Context())) {
		if total.Owed.Cmp(total.Held) != 0 {
			t.Fatalf("of %s %s are owed and %s held", total.Asset, total.Owed, total.Held)
		}
		if total.Asset == eth.ID && total.Held.Cmp(units(want)) != 0 {
			t.Fatalf("%s of %s are held, want %d", total.Held, total.Asset, want)
		}
	}
}

// booksOf returns everything that the fixtures of payouts can change.
func booksOf(t *testing.T, b store.Backend) string {
	t.Helper()
	ctx := t.Context()
	out := text(t, must[payout.Page](t)(b.Payouts(ctx, payout.Query{Limit: 1000})))
	for _, network := range []chain.Network{mainnet, polygon} {
		out += text(t, must[[]payout.Transaction](t)(b.OpenTransactions(ctx, network)))
		out += text(t, must[[]payout.Holding](t)(b.Holdings(ctx, network, "", 1000)))
		out += text(t, must[map[string]string](t)(b.Locks(ctx, network, []string{"a", "b", "c", "nonce"})))
		out += text(t, must[[]string](t)(b.CreditsWaiting(ctx, network, 1<<40, 100)))
	}
	out += text(t, must[[]payout.Entry](t)(b.Entries(ctx, 0, 1000)))
	for _, a := range []payout.Account{shopFree, shopReserved, ourFloat, outside} {
		out += balance(t, b, a) + text(t, must[[]payout.Line](t)(b.Lines(ctx, a, 0, 1000)))
	}
	out += text(t, must[[]payout.Total](t)(b.Totals(ctx))) + text(t, must[[]payout.Receipt](t)(b.Receipts(ctx, "inv-00001")))
	out += text(t, must[payout.Credit](t)(b.Credit(ctx, "inv-00001"))) + text(t, must[[]payout.Document](t)(b.Documents(ctx, "", "", 100)))
	for _, ev := range follow(t, b, 0) {
		ev.Position = 0
		out += text(t, ev)
	}
	for n := range 12 {
		for _, record := range must[[]record](t)(b.History(ctx, newPayout(n).ID, 0)) {
			out += text(t, record.Message) + string(record.State)
		}
	}
	return out
}

// wholeBooks returns a batch with every part, after 100 were credited as coin "a" and 50 as coin "b".
func wholeBooks() payout.Batch {
	p, tx := newPayout(7, func(p *payout.Payout) { p.ClaimHash = "claim 7" }), newTransaction(7, "a", "nonce")
	batch := requested(p)
	batch.Transactions = []payout.Transaction{tx}
	batch.Locks = locksOf(tx)
	batch.Unlocks = []payout.Lock{{Network: mainnet, Name: "free", Transaction: tx.ID}}
	batch.Entries = append(batch.Entries, transfer("fund c", outside, ourFloat, 5))
	batch.Moves = []payout.Move{moved("b", -50), moved("c", 55)}
	batch.Receipts = []payout.Receipt{newReceipt(1)}
	batch.Credits = []payout.Credit{newCredit(90)}
	batch.Counters = []payout.Counter{{Name: "day", Delta: units(30), Max: units(100)}}
	batch.Documents = []payout.Document{{Name: "switch", Value: []byte("on")}}
	batch.Closing = &payout.Closing{Day: start.AddDate(0, 0, -3).Truncate(24 * time.Hour), At: start, Actor: "ann"}
	batch.Messages = []invoice.Message{payoutMessage(p, 1)}
	return batch
}

func newReceipt(version int64) payout.Receipt {
	return payout.Receipt{
		Key: chain.Key{Network: mainnet, TxID: "0xpaid", Index: "0"}, Invoice: "inv-00001", Project: "shop", Asset: eth.ID, Units: units(100),
		Holding: coin("a"), Booked: true, N: 1, Version: version,
	}
}

func newCredit(wait uint64) payout.Credit {
	return payout.Credit{
		Invoice: "inv-00001", Project: "shop", Received: map[chain.AssetID]*big.Int{eth.ID: units(100)}, Commission: units(1), Asset: eth.ID,
		N: 1, Network: mainnet, Wait: wait, Version: 1,
	}
}

// funds credits what wholeBooks needs.
func funds(t *testing.T, b payout.Store) {
	t.Helper()
	book(t, b, credited("a", shopFree, 100), credited("b", ourFloat, 50))
}
