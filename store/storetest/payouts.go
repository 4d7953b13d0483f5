package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/callers"
	"github.com/cointill/cointill/webhook"
)

var payoutCases = []testCase{
	{"a batch is stored as a whole", "CommitPayouts stores all of the batch", bookedWhole},
	{"a refused batch leaves no trace", "CommitPayouts stores all of the batch, or nothing", refusedBooks},
	{"a batch that is committed again", "committing the same batch again returns ErrConflict, and changes nothing", bookedAgain},
	{"a key has one payout", "an idempotency key belongs to one payout of its project, and a claim to one payout", keyRule},
	{"a lock has one transaction", "a lock is free, or its transaction's; who does not have it cannot free it", lockRule},
	{"an entry is booked once", "an entry that is stored already is skipped if it says the same, and refused if not", entryRule},
	{"no account goes below zero", "a guarded account does not go below zero, unless an entry says that it may", balanceRule},
	{"no holding goes below zero", "a holding does not go below zero, unless an entry says that it may; at 0 it is forgotten", holdingRule},
	{"what we hold is what we owe", "moves add up, in each asset, to what entries take from External", sumRule},
	{"an unsafe transaction is refused", "an entry or a transaction that fails its Check is refused", checkRule},
	{"a closed day stays closed", "no entry of a closed day is booked, and no earlier day closed", closingRule},
	{"a counter has a maximum", "a sum does not exceed its maximum, and a negative delta is never refused", counterRule},
	{"a document is replaced by who knows it", "a document is replaced if its former value is as expected", documentRule},
	{"documents are listed in pages", "documents with a prefix are in the order of their names, also beyond a page of the store, and from any name on", documentPages},
	{"a stale version comes first", "when several refusals apply, a stale version comes first", versionFirst},
	{"everything of payouts comes back as it was", "amounts, times, texts and bytes come back unchanged", payoutRoundTrip},
	{"what is not there of payouts", "a read of one thing that is not there is ErrNotFound", payoutsNotFound},
	{"a statement has the balance after each line", "Lines have the postings of an account in order, with its balance after each", statement},
	{"credits wait for a height", "CreditsWaiting returns those that wait for a height up to the given one, the lowest first", creditsWait},
	{"open transactions", "OpenTransactions returns those of the network whose stage is open, oldest first", openOnes},
	{"holdings in pages with their locks", "Holdings returns holdings after a name, with the transaction that locks them", holdingPages},
	{"payouts in pages", "Payouts returns pages in both directions, each payout once", payoutPages},
	{"payouts by every condition", "Payouts returns what the query selects, in order", payoutQueries},
	{"a payout that has moved on is found where it is", "a listing finds a payout by what it is now", payoutMoves},
	{"events of payouts are in the feed", "events of payouts and invoices share one feed, and come back with their subject", payoutFeed},
	{"messages of payouts are told in order", "messages of a payout wait for each other, and can be told again", payoutOutbox},
	{"messages of payouts are given up", "GiveUp gives up what is overdue of payouts as well", payoutGivenUp},
	{"the first debits of an account at once", "of the debits that come at once exactly those that fit are booked", firstDebits},
	{"a lock is raced for", "of those who take a lock at once one gets it", lockRace},
	{"one request many times at once", "an idempotency key belongs to one payout", keyRace},
	{"commits of payouts beside invoices", "payouts and invoices do not disturb each other, and positions grow", besideInvoices},
}

func bookedWhole(t *testing.T, b store.Backend) {
	funds(t, b)
	batch := wholeBooks()
	book(t, b, batch)
	ctx := t.Context()
	same(t, "the payout", must[payout.Payout](t)(b.Payout(ctx, batch.Payouts[0].ID)), batch.Payouts[0])
	same(t, "by its key", must[payout.Payout](t)(b.PayoutBy(ctx, payout.Reference{Project: "shop", Key: "key-00007"})), batch.Payouts[0])
	same(t, "by its claim", must[payout.Payout](t)(b.PayoutBy(ctx, payout.Reference{ClaimHash: "claim 7"})), batch.Payouts[0])
	same(t, "the transaction", must[payout.Transaction](t)(b.Transaction(ctx, "tx-00007")), batch.Transactions[0])
	same(t, "the locks", must[map[string]string](t)(b.Locks(ctx, mainnet, []string{"a", "b", "nonce"})), map[string]string{"a": "tx-00007", "nonce": "tx-00007"})
	sameList(t, "the receipts", must[[]payout.Receipt](t)(b.Receipts(ctx, "inv-00001")), batch.Receipts)
	same(t, "the credit", must[payout.Credit](t)(b.Credit(ctx, "inv-00001")), batch.Credits[0])
	same(t, "the document", string(must[[]byte](t)(b.Document(ctx, "switch"))), "on")
	same(t, "what is free", balance(t, b, shopFree), "68")
	same(t, "what is reserved", balance(t, b, shopReserved), "32")
	same(t, "the float", balance(t, b, ourFloat), "55")
	same(t, "what came from outside", balance(t, b, outside), "-155")
	solvent(t, b, 155)
	same(t, "the event", eventIDs(follow(t, b, 0)), []string{"evt_pay-00007_1"})
	same(t, "the messages", len(must[[]record](t)(b.History(ctx, "pay-00007", 0))), 1)
	var limit *payout.LimitError
	if err := b.CommitPayouts(ctx, payout.Batch{Counters: []payout.Counter{{Name: "day", Delta: units(71), Max: units(100)}}}); !errors.As(err, &limit) || limit.Sum.Cmp(units(30)) != 0 {
		t.Fatalf("got %v, want the limit after 30", err)
	}
}

// refusedBooks spoils every part of a batch.
func refusedBooks(t *testing.T, b store.Backend) {
	funds(t, b)
	other := newPayout(8)
	book(t, b, payout.Batch{
		Payouts: []payout.Payout{other}, Locks: []payout.Lock{{Network: mainnet, Name: "c", Transaction: "another"}},
		Events: []invoice.Event{payoutEvent(other, 1)}, Messages: []invoice.Message{payoutMessage(other, 1)},
	})
	before := booksOf(t, b)
	for part, spoil := range map[string]func(*payout.Batch){
		"payout":      func(x *payout.Batch) { x.Payouts = append(x.Payouts, newPayout(8)) },
		"key":         func(x *payout.Batch) { x.Payouts[0].Key = other.Key },
		"transaction": func(x *payout.Batch) { x.Transactions[0].Version = 2 },
		"anchor":      func(x *payout.Batch) { x.Transactions[0].Anchor = "elsewhere" },
		"entry":       func(x *payout.Batch) { x.Entries = append(x.Entries, transfer("credit a", ourFloat, shopFree, 1)) },
		"balance":     func(x *payout.Batch) { x.Entries = append(x.Entries, transfer("too much", shopFree, ourFloat, 1000)) },
		"sum":         func(x *payout.Batch) { x.Moves = append(x.Moves, moved("d", 1)) },
		"holding":     func(x *payout.Batch) { x.Moves = append(x.Moves, moved("d", 1), moved("e", -1)) },
		"lock": func(x *payout.Batch) {
			x.Locks = append(x.Locks, payout.Lock{Network: mainnet, Name: "c", Transaction: "tx-00007"})
		},
		"unlock": func(x *payout.Batch) {
			x.Unlocks = append(x.Unlocks, payout.Lock{Network: mainnet, Name: "c", Transaction: "tx-00007"})
		},
		"receipt":  func(x *payout.Batch) { x.Receipts[0].Version = 2 },
		"credit":   func(x *payout.Batch) { x.Credits[0].Version = 2 },
		"counter":  func(x *payout.Batch) { x.Counters[0].Delta = units(101) },
		"document": func(x *payout.Batch) { x.Documents[0].Was = []byte("off") },
		"event":    func(x *payout.Batch) { x.Events = append(x.Events, payoutEvent(other, 1)) },
		"message":  func(x *payout.Batch) { x.Messages = append(x.Messages, payoutMessage(other, 1)) },
	} {
		batch := wholeBooks()
		spoil(&batch)
		if err := b.CommitPayouts(t.Context(), batch); err == nil {
			t.Fatalf("a batch with a bad %s was stored", part)
		}
		same(t, "everything, after a batch with a bad "+part, booksOf(t, b), before)
	}
	book(t, b, wholeBooks())
}

func bookedAgain(t *testing.T, b store.Backend) {
	funds(t, b)
	book(t, b, wholeBooks())
	before := booksOf(t, b)
	unbooked(t, b, wholeBooks(), payout.ErrConflict)
	unbooked(t, b, credited("a", shopFree, 100), payout.ErrConflict) // its entry is skipped, and its move would not add up
	book(t, b, payout.Batch{Entries: requested(newPayout(7)).Entries})
	same(t, "everything", booksOf(t, b), before)
}

func keyRule(t *testing.T, b store.Backend) {
	first := newPayout(1, func(p *payout.Payout) { p.Key, p.ClaimHash = "order 1", "claim" })
	book(t, b, payout.Batch{Payouts: []payout.Payout{first}})
	twin := newPayout(2, func(p *payout.Payout) { p.Key = "order 1" })
	unbooked(t, b, payout.Batch{Payouts: []payout.Payout{twin}}, payout.ErrConflict)
	unbooked(t, b, payout.Batch{Payouts: []payout.Payout{newPayout(2, func(p *payout.Payout) { p.ClaimHash = "claim" })}}, payout.ErrConflict)
	twin.Project = "another shop"
	book(t, b, payout.Batch{Payouts: []payout.Payout{twin}})
	_, err := b.Payout(t.Context(), "pay-00003")
	wantErr(t, err, payout.ErrNotFound)
	used := advance(first, payout.StatusQueued)
	used.ClaimHash = ""
	book(t, b, payout.Batch{Payouts: []payout.Payout{used}})
	_, err = b.PayoutBy(t.Context(), payout.Reference{ClaimHash: "claim"})
	wantErr(t, err, payout.ErrNotFound)
	same(t, "by its key", must[payout.Payout](t)(b.PayoutBy(t.Context(), payout.Reference{Project: "shop", Key: "order 1"})), used)
}

func lockRule(t *testing.T, b store.Backend) {
	lock := func(name, tx string) []payout.Lock {
		return []payout.Lock{{Network: mainnet, Name: name, Transaction: tx}}
	}
	book(t, b, payout.Batch{Locks: lock("a", "one")}, payout.Batch{Locks: lock("a", "one")})
	unbooked(t, b, payout.Batch{Locks: lock("a", "two")}, payout.ErrConflict)
	unbooked(t, b, payout.Batch{Unlocks: lock("a", "two")}, payout.ErrConflict)
	book(t, b, payout.Batch{Locks: []payout.Lock{{Network: polygon, Name: "a", Transaction: "two"}}})
	book(t, b, payout.Batch{Unlocks: lock("free", "two")})
	same(t, "the lock", must[map[string]string](t)(b.Locks(t.Context(), mainnet, []string{"a", "free"})), map[string]string{"a": "one"})
	book(t, b, payout.Batch{Unlocks: lock("a", "one"), Locks: lock("a", "three")})
	same(t, "the lock that was handed over", must[map[string]string](t)(b.Locks(t.Context(), mainnet, []string{"a"})), map[string]string{"a": "three"})

	book(t, b, payout.Batch{Locks: lock("change", "bump")}, credited("change", shopFree, 7)) // a coin that is spent before it exists
	same(t, "the lock of a holding that came later", must[payout.Holding](t)(b.Holding(t.Context(), mainnet, "change")).Lock, "bump")
}

func entryRule(t *testing.T, b store.Backend) {
	book(t, b, credited("a", shopFree, 100))
	e := transfer("twice", shopFree, ourFloat, 10)
	book(t, b, payout.Batch{Entries: []payout.Entry{e}})
	later := e
	later.At, later.Note = e.At.Add(time.Hour), "again"
	book(t, b, payout.Batch{Entries: []payout.Entry{later, transfer("third", shopFree, ourFloat, 1)}})
	same(t, "the balance", balance(t, b, shopFree), "89")
	other := transfer("twice", shopFree, ourFloat, 11)
	var taken *payout.EntryError
	if err := b.CommitPayouts(t.Context(), payout.Batch{Entries: []payout.Entry{other}}); !errors.As(err, &taken) || taken.ID != "twice" {
		t.Fatalf("got error %v, want an EntryError of the entry", err)
	}
	book(t, b, payout.Batch{Entries: []payout.Entry{transfer("both", shopFree, ourFloat, 1), transfer("both", shopFree, ourFloat, 1)}})
	same(t, "the balance at the end", balance(t, b, shopFree), "88")
	var ids []string
	for i, e := range must[[]payout.Entry](t)(b.Entries(t.Context(), 0, 10)) {
		ids = append(ids, e.ID)
		same(t, "the position", e.Position, int64(i+1))
	}
	same(t, "the entries", ids, []string{"credit a", "twice", "third", "both"})
	same(t, "a page of entries", must[[]payout.Entry](t)(b.Entries(t.Context(), 1, 1))[0].ID, "twice")
	same(t, "the first note", must[payout.Entry](t)(b.Entry(t.Context(), "twice")).Note, "note of twice")
}

func insufficient(t *testing.T, b payout.Store, batch payout.Batch, balance, needed int64) {
	t.Helper()
	var short *payout.InsufficientError
	err := b.CommitPayouts(t.Context(), batch)
	if !errors.As(err, &short) || short.Balance.Cmp(units(balance)) != 0 || short.Needed.Cmp(units(needed)) != 0 {
		t.Fatalf("got error %v, want an InsufficientError with %d and %d", err, balance, needed)
	}
}

func balanceRule(t *testing.T, b store.Backend) {
	one := func(e payout.Entry) payout.Batch { return payout.Batch{Entries: []payout.Entry{e}} }
	insufficient(t, b, one(transfer("first", shopFree, shopReserved, 1)), 0, 1)
	book(t, b, credited("a", shopFree, 100), one(transfer("all", shopFree, shopReserved, 100)))
	insufficient(t, b, one(transfer("more", shopFree, shopReserved, 1)), 0, 1)
	insufficient(t, b, payout.Batch{Entries: []payout.Entry{
		transfer("half", shopReserved, ourFloat, 60), transfer("the other half", shopReserved, ourFloat, 60),
	}}, 100, 120)
	back := transfer("reverted", shopFree, outside, 40)
	back.Overdraw = true
	book(t, b, payout.Batch{Entries: []payout.Entry{back}, Moves: []payout.Move{moved("a", -40)}})
	same(t, "the overdrawn balance", balance(t, b, shopFree), "-40")
	book(t, b, credited("b", shopFree, 30)) // still below zero, and closer to it
	insufficient(t, b, one(transfer("deeper", shopFree, ourFloat, 1)), -10, 1)
	solvent(t, b, 90)
}

func holdingRule(t *testing.T, b store.Backend) {
	book(t, b, credited("a", shopFree, 100))
	insufficient(t, b, payout.Batch{Moves: []payout.Move{moved("a", -101), moved("b", 101)}}, 100, 101)
	insufficient(t, b, payout.Batch{Moves: []payout.Move{moved("unknown", -1), moved("b", 1)}}, 0, 1)
	same(t, "the holding", must[[]payout.Holding](t)(b.Holdings(t.Context(), mainnet, "", 9))[0].Units, units(100))
	wrong := moved("a", 1)
	wrong.Holding.Asset = "eip155:1/erc20:0x1"
	unbalanced(t, b, payout.Batch{Moves: []payout.Move{wrong, {Holding: payout.Holding{Network: mainnet, Name: "z", Asset: wrong.Holding.Asset}, Units: units(-1)}}})
	book(t, b, payout.Batch{Moves: []payout.Move{moved("a", -100), moved("b", 60), moved("b", 40)}})
	left := must[[]payout.Holding](t)(b.Holdings(t.Context(), mainnet, "", 9))
	if len(left) != 1 || left[0].Name != "b" || left[0].Units.Cmp(units(100)) != 0 {
		t.Fatalf("got %+v, want all at b", left)
	}
	back := transfer("reverted", shopFree, outside, 120)
	back.Overdraw = true
	book(t, b, payout.Batch{Entries: []payout.Entry{back}, Moves: []payout.Move{moved("b", -120)}})
	same(t, "the overdrawn holding", must[[]payout.Holding](t)(b.Holdings(t.Context(), mainnet, "", 9))[0].Units, units(-20))
}

func unbalanced(t *testing.T, b payout.Store, batch payout.Batch) {
	t.Helper()
	var sums *payout.UnbalancedError
	if err := b.CommitPayouts(t.Context(), batch); !errors.As(err, &sums) {
		t.Fatalf("got error %v, want an UnbalancedError", err)
	}
}

func sumRule(t *testing.T, b store.Backend) {
	good := credited("a", shopFree, 100)
	unbalanced(t, b, payout.Batch{Entries: good.Entries})
	unbalanced(t, b, payout.Batch{Moves: good.Moves})
	unbalanced(t, b, payout.Batch{Entries: good.Entries, Moves: []payout.Move{moved("a", 99)}})
	other := good.Moves[0]
	other.Holding.Asset = pol.ID
	unbalanced(t, b, payout.Batch{Entries: good.Entries, Moves: []payout.Move{other}})
	book(t, b, payout.Batch{Entries: good.Entries, Moves: []payout.Move{moved("a", 130), moved("b", -30), moved("b", 0), moved("b", 30), moved("a", -30)}})
	solvent(t, b, 100)
}

func checkRule(t *testing.T, b store.Backend) {
	e := transfer("lame", shopFree, ourFloat, 1)
	e.Postings[0].Units = units(-2)
	unbalanced(t, b, payout.Batch{Entries: []payout.Entry{e}})
	unbalanced(t, b, payout.Batch{Entries: []payout.Entry{{ID: "empty", Kind: payout.EntryAdjust, At: start}}})
	tx := newTransaction(1, "a")
	tx.Versions = append(tx.Versions, tx.Versions[0])
	tx.Versions[0].Raw = []byte{1}
	tx.Versions[1].Spends = []string{"b"}
	unbalanced(t, b, payout.Batch{Transactions: []payout.Transaction{tx}})
	unbalanced(t, b, payout.Batch{Documents: []payout.Document{{Name: "big", Value: make([]byte, 64<<10+1)}}})
	book(t, b, payout.Batch{Documents: []payout.Document{{Name: "big", Value: make([]byte, 64<<10)}}})
	_, err := b.Transaction(t.Context(), tx.ID)
	wantErr(t, err, payout.ErrNotFound)
}

func closingRule(t *testing.T, b store.Backend) {
	day := start.Truncate(24 * time.Hour)
	closed := func(day time.Time) payout.Batch {
		return payout.Batch{Closing: &payout.Closing{Day: day, At: start, Actor: "ann"}}
	}
	at := func(id string, when time.Time) payout.Batch {
		batch := credited(id, shopFree, 1)
		batch.Entries[0].At = when
		return batch
	}
	old := transfer("old", shopFree, ourFloat, 1)
	book(t, b, at("before", day), payout.Batch{Entries: []payout.Entry{old}}, closed(day))
	unbooked(t, b, at("within", day.AddDate(0, 0, 1).Add(-1)), payout.ErrDayClosed)
	unbooked(t, b, at("long before", day.AddDate(-1, 0, 0)), payout.ErrDayClosed)
	unbooked(t, b, closed(day.AddDate(0, 0, -1)), payout.ErrConflict)
	book(t, b, at("after", day.AddDate(0, 0, 1)), closed(day))
	book(t, b, payout.Batch{Entries: []payout.Entry{old}}) // it is there already
	book(t, b, closed(day.AddDate(0, 0, 1)))
	unbooked(t, b, at("too late", day.AddDate(0, 0, 1)), payout.ErrDayClosed)
	same(t, "the entries", len(must[[]payout.Entry](t)(b.Entries(t.Context(), 0, 9))), 3)
}

func counterRule(t *testing.T, b store.Backend) {
	add := func(n int64, limit *big.Int) payout.Batch {
		return payout.Batch{Counters: []payout.Counter{{Name: "day", Delta: units(n), Max: limit}}}
	}
	book(t, b, add(60, units(100)), add(40, units(100)))
	var limit *payout.LimitError
	if err := b.CommitPayouts(t.Context(), add(1, units(100))); !errors.As(err, &limit) {
		t.Fatalf("got error %v, want a LimitError", err)
	}
	same(t, "the error", *limit, payout.LimitError{Counter: "day", Sum: units(100), Delta: units(1), Max: units(100)})
	book(t, b, add(50, nil), add(-10, units(100)), add(-40, units(100)))
	if err := b.CommitPayouts(t.Context(), add(1, units(100))); !errors.As(err, &limit) || limit.Sum.Cmp(units(100)) != 0 {
		t.Fatalf("got error %v, want a LimitError after 100", err)
	}
	book(t, b, add(0, units(100)), add(1, units(101)))
}

func documentRule(t *testing.T, b store.Backend) {
	replace := func(was, value []byte) payout.Batch {
		return payout.Batch{Documents: []payout.Document{{Name: "doc/1", Was: was, Value: value}}}
	}
	ctx := t.Context()
	one, two := []byte("one\x00\xff"), []byte("two")
	if got := must[[]byte](t)(b.Document(ctx, "doc/1")); got != nil {
		t.Fatalf("got %q, want nil", got)
	}
	unbooked(t, b, replace(one, two), payout.ErrConflict)
	book(t, b, replace(nil, one))
	unbooked(t, b, replace(nil, two), payout.ErrConflict)
	unbooked(t, b, replace(two, one), payout.ErrConflict)
	book(t, b, replace(one, []byte{}))
	if got := must[[]byte](t)(b.Document(ctx, "doc/1")); got == nil || len(got) != 0 {
		t.Fatalf("got %v, want an empty document", got)
	}
	book(t, b, replace([]byte{}, two), payout.Batch{Documents: []payout.Document{
		{Name: "doc/2", Value: one}, {Name: "doc/1\x00", Value: two}, {Name: "dod", Value: one}, {Name: "do", Value: one},
	}})
	same(t, "those with the prefix", must[[]payout.Document](t)(b.Documents(ctx, "doc/", "", 9)),
		[]payout.Document{{Name: "doc/1", Value: two}, {Name: "doc/1\x00", Value: two}, {Name: "doc/2", Value: one}})
	book(t, b, replace(two, nil))
	unbooked(t, b, replace(two, one), payout.ErrConflict)
	book(t, b, replace(nil, one))
	same(t, "the document", string(must[[]byte](t)(b.Document(ctx, "doc/1"))), string(one))
}

func documentPages(t *testing.T, b store.Backend) {
	all := listedDocuments(t, b)
	read := func(prefix, after string, limit int) (names []string) {
		t.Helper()
		for _, d := range must[[]payout.Document](t)(b.Documents(t.Context(), prefix, after, limit)) {
			if string(d.Value) != d.Name || d.Was != nil {
				t.Fatalf("document %q is %q, of %q", d.Name, d.Value, d.Was)
			}
			names = append(names, d.Name)
		}
		return names
	}
	same(t, "all", read("list/", "", len(all)*2), all)
	for _, size := range []int{7, 500, 501} {
		var got []string
		for after := ""; len(got) <= len(all); after = got[len(got)-1] {
			page := read("list/", after, size)
			if got = append(got, page...); len(page) < size {
				break
			}
		}
		same(t, fmt.Sprintf("pages of %d", size), got, all)
	}
	afters := []string{"", "a", "list", "list/", "list/0000x", "list/zz", "list0", "m", "\xff\xff\xff", strings.Repeat("y", 1000), "list/" + strings.Repeat("a", 1000)}
	for i := 0; i < len(all); i += 97 {
		afters = append(afters, all[i])
	}
	for _, after := range append(afters, all[len(all)-20:]...) {
		want, found := slices.BinarySearch(all, after)
		if found {
			want++
		}
		same(t, fmt.Sprintf("after %.20q", after), append([]string{}, read("list/", after, 3)...), append([]string{}, all[want:min(want+3, len(all))]...))
	}
	for _, limit := range []int{0, -1, math.MinInt} {
		same(t, fmt.Sprintf("with a limit of %d", limit), len(read("list/", "", limit)), 0)
	}
	same(t, "of any prefix", read("", "", 2), []string{"\x00", "list"})
	same(t, "of the last prefix", read("\xff", "", 9), []string{"\xff\xff"})
	same(t, "of no document", len(read("none", "", 9)), 0)
}

// listedDocuments stores documents, and returns the names of those that begin with "list/", in order.
func listedDocuments(t *testing.T, b store.Backend) []string {
	t.Helper()
	names := []string{
		"list/\x00", "list/\x00\x00", "list/\x00\xff", "list/\xff", "list/\xff\xff", "list/a", "list/a\x00", "list/a\x01", "list/aa", "list/" + strings.Repeat("z", 195),
	}
	for i := range 1100 { // more than a store reads at once
		names = append(names, fmt.Sprintf("list/%04d", i))
	}
	slices.Sort(names)
	for part := range slices.Chunk(append(slices.Clone(names), "list", "lisu", "list0", "\x00", "\xff\xff", "list."), 200) {
		var batch payout.Batch
		for _, name := range part {
			batch.Documents = append(batch.Documents, payout.Document{Name: name, Value: []byte(name)})
		}
		book(t, b, batch)
	}
	return names
}

func versionFirst(t *testing.T, b store.Backend) {
	funds(t, b)
	book(t, b, wholeBooks())
	for what, spoil := range map[string]func(*payout.Batch){
		"a taken entry": func(x *payout.Batch) { x.Entries = append(x.Entries, transfer("credit a", ourFloat, shopFree, 1)) },
		"a debit":       func(x *payout.Batch) { x.Entries = append(x.Entries, transfer("more", shopFree, ourFloat, 1000)) },
		"a limit":       func(x *payout.Batch) { x.Counters[0].Delta = units(1000) },
		"a sum":         func(x *payout.Batch) { x.Moves = append(x.Moves, moved("z", 1)) },
		"a closed day":  func(x *payout.Batch) { x.Entries[0].At = start.AddDate(-1, 0, 0); x.Entries[0].ID = "new" },
	} {
		batch := wholeBooks()
		spoil(&batch)
		if err := b.CommitPayouts(t.Context(), batch); !errors.Is(err, payout.ErrConflict) {
			t.Fatalf("with %s: got error %v, want %v", what, err, payout.ErrConflict)
		}
	}
}

func payoutRoundTrip(t *testing.T, b store.Backend) {
	huge := new(big.Int).Lsh(big.NewInt(1), 256)
	at := time.Date(2024, 2, 29, 23, 59, 59, 999999999, time.UTC)
	p := newPayout(1, func(p *payout.Payout) {
		p.Key, p.Name, p.Comment = strings.Repeat("Æble/🍎 \"x\" \\ ", 20), "café und cafe\u0301 <&>", "100 %_'"
		p.Units, p.Fee, p.CreatedAt, p.NotBefore = huge, units(0), at, at
		p.Data = map[string]string{"a": "1", "\u2028": ""}
		p.Actions = []payout.Action{{Kind: payout.ActionApprove, At: at, Actor: "bob"}}
		p.State.Paid, p.State.Height, p.State.TxID = huge, 1<<63, "0xABC"
	})
	tx := newTransaction(1, "a", strings.Repeat("long", 60))
	tx.Versions[0].Note, tx.Versions[0].Raw, tx.Fee = []byte{0, 1, 255}, []byte{0xff}, huge
	e := payout.Entry{ID: strings.Repeat("id", 100), Kind: payout.EntryFund, At: at, Actor: "ann", Postings: []payout.Posting{
		{Account: outside, Units: new(big.Int).Neg(huge)}, {Account: shopFree, Units: huge},
	}}
	move := payout.Move{Holding: coin("a"), Units: huge}
	book(t, b, payout.Batch{
		Payouts: []payout.Payout{p}, Transactions: []payout.Transaction{tx}, Entries: []payout.Entry{e}, Moves: []payout.Move{move}, Locks: locksOf(tx),
		Events: []invoice.Event{payoutEvent(p, 1)},
	})
	ctx := t.Context()
	same(t, "the payout", must[payout.Payout](t)(b.Payout(ctx, p.ID)), p)
	same(t, "by its long key", must[payout.Payout](t)(b.PayoutBy(ctx, payout.Reference{Project: "shop", Key: p.Key})), p)
	same(t, "the transaction", must[payout.Transaction](t)(b.Transaction(ctx, tx.ID)), tx)
	e.Position = 1
	same(t, "the entry", must[payout.Entry](t)(b.Entry(ctx, e.ID)), e)
	held := coin("a")
	held.Units, held.Lock = huge, tx.ID
	sameList(t, "the holdings", must[[]payout.Holding](t)(b.Holdings(ctx, mainnet, "", 9)), []payout.Holding{held})
	ev := payoutEvent(p, 1)
	ev.Position = follow(t, b, 0)[0].Position
	sameList(t, "the feed", follow(t, b, 0), []invoice.Event{ev})
	p.Data["a"] = "changed by the caller"
	same(t, "what was passed belongs to the caller", must[payout.Payout](t)(b.Payout(ctx, p.ID)).Data["a"], "1")
}

func payoutsNotFound(t *testing.T, b store.Backend) {
	ctx := t.Context()
	book(t, b, payout.Batch{Payouts: []payout.Payout{newPayout(1)}})
	_, err := b.Payout(ctx, "nobody")
	wantErr(t, err, payout.ErrNotFound)
	for _, ref := range []payout.Reference{{Project: "shop", Key: "nothing"}, {Project: "other", Key: "key-00001"}, {ClaimHash: "none"}, {}} {
		_, err = b.PayoutBy(ctx, ref)
		wantErr(t, err, payout.ErrNotFound)
	}
	_, err = b.Transaction(ctx, "nobody")
	wantErr(t, err, payout.ErrNotFound)
	_, err = b.Entry(ctx, "nobody")
	wantErr(t, err, payout.ErrNotFound)
	same(t, "a credit", must[payout.Credit](t)(b.Credit(ctx, "nobody")), payout.Credit{})
	same(t, "receipts", len(must[[]payout.Receipt](t)(b.Receipts(ctx, "nobody"))), 0)
	same(t, "balances", len(must[[]payout.Balance](t)(b.Balances(ctx, "nobody"))), 0)
	same(t, "lines", len(must[[]payout.Line](t)(b.Lines(ctx, shopFree, 0, 9))), 0)
}

func statement(t *testing.T, b store.Backend) {
	book(t, b, credited("a", shopFree, 100))
	want := []string{"credit a 100 100"}
	left := int64(100)
	for n := int64(1); n <= 7; n++ {
		e := transfer(fmt.Sprint("entry ", n), shopFree, shopReserved, n)
		left -= n
		book(t, b, payout.Batch{Entries: []payout.Entry{e}})
		want = append(want, fmt.Sprintf("entry %d %d %d", n, -n, left))
	}
	var got []string
	for after := int64(0); ; {
		page := must[[]payout.Line](t)(b.Lines(t.Context(), shopFree, after, 3))
		for _, l := range page {
			got = append(got, fmt.Sprintf("%s %s %s", l.Entry, l.Units, l.Balance))
			after = l.Position
			e := must[payout.Entry](t)(b.Entry(t.Context(), l.Entry))
			same(t, "a line", l, payout.Line{Position: e.Position, Entry: e.ID, Kind: e.Kind, Subject: e.Subject, At: e.At, Note: e.Note, Units: l.Units, Balance: l.Balance})
		}
		if len(page) < 3 {
			break
		}
	}
	same(t, "the statement", got, want)
	same(t, "the accounts of the shop", must[[]payout.Balance](t)(b.Balances(t.Context(), "shop")), []payout.Balance{
		{Account: shopFree, Units: units(72)}, {Account: shopReserved, Units: units(28)},
	})
}

func creditsWait(t *testing.T, b store.Backend) {
	var batch payout.Batch
	for n, wait := range []uint64{300, 9, 0, 1 << 40, 100, 9} {
		c := newCredit(wait)
		c.Invoice = fmt.Sprint("inv-", n)
		batch.Credits = append(batch.Credits, c)
	}
	batch.Credits[5].Network = polygon
	book(t, b, batch)
	waiting := func(height uint64, limit int) []string {
		return must[[]string](t)(b.CreditsWaiting(t.Context(), mainnet, height, limit))
	}
	same(t, "before all", len(waiting(8, 9)), 0)
	same(t, "up to 100", waiting(100, 9), []string{"inv-1", "inv-4"})
	same(t, "the first two", waiting(1<<41, 2), []string{"inv-1", "inv-4"})
	next := batch.Credits[1]
	next.Version, next.Wait = 2, 0
	book(t, b, payout.Batch{Credits: []payout.Credit{next}})
	same(t, "after it was looked at", waiting(1<<41, 9), []string{"inv-4", "inv-0", "inv-3"})
}

func openOnes(t *testing.T, b store.Backend) {
	elsewhere := newTransaction(4, "x")
	elsewhere.Network = polygon
	book(t, b, payout.Batch{Transactions: []payout.Transaction{newTransaction(3, "c"), newTransaction(1, "a"), newTransaction(2, "b"), elsewhere}})
	open := func() (ids []string) {
		for _, tx := range must[[]payout.Transaction](t)(b.OpenTransactions(t.Context(), mainnet)) {
			ids = append(ids, tx.ID)
		}
		return ids
	}
	same(t, "open", open(), []string{"tx-00001", "tx-00002", "tx-00003"})
	for i, stage := range []payout.Stage{payout.StageOffered, payout.StageSigned, payout.StageFinal, payout.StageBuried} {
		next := newTransaction(2, "b")
		next.Stage, next.Version = stage, int64(i+2)
		book(t, b, payout.Batch{Transactions: []payout.Transaction{next}})
		same(t, "whether it is open when it is "+string(stage), slices.Contains(open(), next.ID), stage.Open())
	}
	same(t, "still open", open(), []string{"tx-00001", "tx-00003"})
}

func holdingPages(t *testing.T, b store.Backend) {
	account, longest := "n"+strings.Repeat("0", 90), strings.Repeat("z", 200)
	names := []string{"a", "a:0", "a:1", "a\x00", "aa", "b", "c", account, longest}
	slices.Sort(names)
	for _, name := range []string{"b", "aa", longest, "a:1", "c", "a", account, "a:0", "a\x00"} {
		book(t, b, credited(name, shopFree, 10))
	}
	// Also what is no holding can be locked.
	taken := []string{"a:1", "nonce", "a:0:1", "c", account, longest, strings.Repeat("z", 300)}
	tx := newTransaction(1, taken...)
	book(t, b, payout.Batch{Transactions: []payout.Transaction{tx}, Locks: locksOf(tx)})
	var got []string
	for after := ""; ; {
		page := must[[]payout.Holding](t)(b.Holdings(t.Context(), mainnet, after, 2))
		for _, h := range page {
			got, after = append(got, h.Name), h.Name
			want := coin(h.Name)
			if want.Units = units(10); slices.Contains(taken, h.Name) {
				want.Lock = tx.ID
			}
			same(t, "the holding", h, want)
			same(t, "the holding by its name", must[payout.Holding](t)(b.Holding(t.Context(), mainnet, h.Name)), want)
		}
		if len(page) < 2 {
			break
		}
	}
	same(t, "the holdings", got, names)
	same(t, "elsewhere", len(must[[]payout.Holding](t)(b.Holdings(t.Context(), polygon, "", 9))), 0)
	_, err := b.Holding(t.Context(), polygon, "a")
	wantErr(t, err, payout.ErrNotFound)
}

// listPayouts returns the ids on all pages.
func listPayouts(t *testing.T, b payout.Store, q payout.Query) []string {
	t.Helper()
	out := []string{}
	for range 100 {
		page := must[payout.Page](t)(b.Payouts(t.Context(), q))
		if q.Limit > 0 && len(page.Payouts) > q.Limit {
			t.Fatalf("got %d payouts, want at most %d", len(page.Payouts), q.Limit)
		}
		for _, p := range page.Payouts {
			out = append(out, p.ID)
		}
		if q.Before = page.Next; q.Before == "" {
			return out
		}
	}
	t.Fatal("the pages do not end")
	return nil
}

// manyPayouts stores payouts that differ in everything that queries look at; some were created at the same time.
func manyPayouts(t *testing.T, b payout.Store) []payout.Payout {
	t.Helper()
	var all []payout.Payout
	for n := range 25 {
		p := newPayout(n, func(p *payout.Payout) {
			p.Project = []string{"shop", "shop", "other"}[n%3]
			p.State.Status = []payout.Status{payout.StatusRequested, payout.StatusQueued, payout.StatusPaid, payout.StatusFailed}[n%4]
			p.Kind = []payout.Kind{payout.KindWithdrawal, payout.KindPayout}[n%2]
			p.CreatedAt = start.Add(time.Duration(n/2) * time.Second)
			p.To = chain.Address(fmt.Sprintf("0xAbC%d", n%5))
			if n%5 == 0 {
				p.Asset, p.Invoice, p.State.TxID = pol, fmt.Sprint("inv-", n), fmt.Sprint("0xFEED", n)
			}
		})
		all = append(all, p)
		book(t, b, payout.Batch{Payouts: []payout.Payout{p}})
	}
	return all
}

// listedPayouts returns what a query must find.
func listedPayouts(all []payout.Payout, q payout.Query) []string {
	out := []string{}
	found := slices.Clone(all)
	slices.SortFunc(found, func(x, y payout.Payout) int {
		if c := y.CreatedAt.Compare(x.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(y.ID, x.ID)
	})
	if q.Oldest {
		slices.Reverse(found)
	}
	for _, p := range found {
		if q.Selects(p) {
			out = append(out, p.ID)
		}
	}
	return out
}

func payoutPages(t *testing.T, b store.Backend) {
	all := manyPayouts(t, b)
	for _, oldest := range []bool{false, true} {
		for _, limit := range []int{0, 1, 2, 7, 25, 26, 1000} {
			q := payout.Query{Limit: limit, Oldest: oldest}
			same(t, fmt.Sprintf("%+v", q), listPayouts(t, b, q), listedPayouts(all, q))
		}
	}
	page := must[payout.Page](t)(b.Payouts(t.Context(), payout.Query{Limit: 25}))
	same(t, "the end", page.Next, "")
	same(t, "a payout of the page", page.Payouts[0], all[24])
	page = must[payout.Page](t)(b.Payouts(t.Context(), payout.Query{Limit: 3}))
	book(t, b, payout.Batch{Payouts: []payout.Payout{newPayout(30), newPayout(31)}})
	rest := listPayouts(t, b, payout.Query{Limit: 3, Before: page.Next})
	same(t, "what follows a page is not moved by newer ones", rest, listedPayouts(all, payout.Query{})[3:])
	var invalid *payout.InvalidError
	if _, err := b.Payouts(t.Context(), payout.Query{Before: "not a cursor!"}); !errors.As(err, &invalid) || invalid.Field != "Before" {
		t.Fatalf("got error %v, want an InvalidError of Before", err)
	}
}

func payoutQueries(t *testing.T, b store.Backend) {
	all := manyPayouts(t, b)
	for _, q := range []payout.Query{
		{Project: "shop"}, {Project: "other"}, {Project: "nobody"}, {Status: payout.StatusPaid}, {Project: "shop", Status: payout.StatusQueued},
		{Kind: payout.KindPayout}, {Asset: pol.ID}, {Network: polygon}, {Network: mainnet, Project: "other", Status: payout.StatusFailed, Kind: payout.KindPayout},
		{Search: "0xabc3"}, {Search: "0xABC3", Project: "shop"}, {Search: "PAY-00007"}, {Search: "key-00011"}, {Search: "inv-5"}, {Search: "0xfeed10"}, {Search: "inv"},
		{CreatedAfter: start.Add(3 * time.Second)}, {CreatedBefore: start.Add(3 * time.Second)}, {CreatedAfter: start.Add(3*time.Second + 1)},
		{CreatedAfter: start.Add(2 * time.Second), CreatedBefore: start.Add(7 * time.Second), Project: "shop"},
	} {
		for _, limit := range []int{0, 1, 4} {
			for _, oldest := range []bool{false, true} {
				q.Limit, q.Oldest = limit, oldest
				same(t, fmt.Sprintf("%+v", q), listPayouts(t, b, q), listedPayouts(all, q))
			}
		}
	}
}

func payoutMoves(t *testing.T, b store.Backend) {
	p := newPayout(1)
	book(t, b, payout.Batch{Payouts: []payout.Payout{p, newPayout(2)}})
	next := advance(p, payout.StatusSent)
	next.State.TxID, next.To = "0xfirst", "0xother"
	last := advance(next, payout.StatusPaid)
	last.State.TxID = "0xsecond"
	book(t, b, payout.Batch{Payouts: []payout.Payout{next}}, payout.Batch{Payouts: []payout.Payout{last}})
	for _, c := range []struct {
		q    payout.Query
		want []string
	}{
		{payout.Query{Status: payout.StatusRequested}, []string{"pay-00002"}}, {payout.Query{Status: payout.StatusSent}, []string{}},
		{payout.Query{Project: "shop", Status: payout.StatusPaid}, []string{p.ID}}, {payout.Query{Project: "shop"}, []string{"pay-00002", p.ID}},
		{payout.Query{Search: string(p.To)}, []string{}}, {payout.Query{Search: "0xOTHER"}, []string{p.ID}},
		{payout.Query{Search: "0xfirst"}, []string{}}, {payout.Query{Search: "0xsecond"}, []string{p.ID}},
	} {
		same(t, fmt.Sprintf("%+v", c.q), listPayouts(t, b, c.q), c.want)
	}
}

func payoutFeed(t *testing.T, b store.Backend) {
	inv, p := newInvoice(1), newPayout(1)
	insert(t, b, inv)
	var want []string
	for seq := int64(1); seq <= 4; seq++ {
		commit(t, b, invoice.Batch{Events: []invoice.Event{newEvent(inv, seq)}})
		book(t, b, payout.Batch{Events: []invoice.Event{payoutEvent(p, seq)}})
		want = append(want, newEvent(inv, seq).ID, payoutEvent(p, seq).ID)
	}
	feed := follow(t, b, 0)
	same(t, "the feed", eventIDs(feed), want)
	for _, ev := range feed {
		if (ev.Invoice == inv.ID) == (ev.Payout == p.ID) || ev.Invoice != "" && ev.Payout != "" {
			t.Fatalf("got an event of the invoice %q and the payout %q", ev.Invoice, ev.Payout)
		}
	}
	own := must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), p.ID, 0))
	wanted := payoutEvent(p, 1)
	wanted.Position = own[0].Position
	same(t, "the first event of the payout", own[0], wanted)
	same(t, "the events of the payout", len(own), 4)
	unbooked(t, b, payout.Batch{Events: []invoice.Event{payoutEvent(p, 4)}}, payout.ErrConflict)
	same(t, "the feed after a taken event", len(follow(t, b, 0)), 8)
}

func payoutOutbox(t *testing.T, b store.Backend) {
	p := newPayout(1)
	one, two := payoutMessage(p, 1), payoutMessage(p, 2)
	book(t, b, payout.Batch{Payouts: []payout.Payout{p}, Messages: []invoice.Message{two, one}})
	first := claimOne(t, b, one.ID)
	same(t, "the message", first.Message, one)
	write(t, b, first, delivered)
	second := claimOne(t, b, two.ID)
	book(t, b, payout.Batch{Messages: []invoice.Message{payoutMessage(p, 3)}})
	same(t, "what waits", len(claim(t, b)), 0)
	write(t, b, second, delivered)
	write(t, b, claimOne(t, b, payoutMessage(p, 3).ID), delivered)
	same(t, "the history", len(must[[]record](t)(b.History(t.Context(), p.ID, 0))), 3)
	same(t, "the end of the history", must[[]record](t)(b.History(t.Context(), p.ID, 2))[0].Message, payoutMessage(p, 3))
	same(t, "what is told again", must[invoice.Message](t)(b.Resend(t.Context(), p.ID, "")), payoutMessage(p, 3))
	write(t, b, claimOne(t, b, payoutMessage(p, 3).ID), delivered)
	unbooked(t, b, payout.Batch{Messages: []invoice.Message{payoutMessage(p, 3)}}, payout.ErrConflict)
	_, err := b.Invoice(t.Context(), p.ID)
	wantErr(t, err, invoice.ErrNotFound)
}

func payoutGivenUp(t *testing.T, b store.Backend) {
	p := newPayout(1)
	book(t, b, payout.Batch{Payouts: []payout.Payout{p}, Messages: []invoice.Message{payoutMessage(p, 1)}})
	time.Sleep(20 * time.Millisecond)
	same(t, "messages given up", must[int](t)(b.GiveUp(t.Context(), webhook.GiveUpQuery{Endpoint: shopEndpoint, Attempt: webhook.Attempt{At: start}, Limit: 9})), 1)
	got := must[[]record](t)(b.History(t.Context(), p.ID, 0))
	if len(got) != 1 || got[0].State != "dead" || len(got[0].Attempts) != 1 {
		t.Fatalf("got %+v, want a dead message with an attempt", got)
	}
}

func firstDebits(t *testing.T, b store.Backend) {
	const debits, fit = 16, 5
	book(t, b, credited("a", shopFree, 32*fit+31))
	errs := callers.Together(debits, func(i int) error { return b.CommitPayouts(t.Context(), requested(newPayout(i))) })
	won := 0
	for i, err := range errs {
		var short *payout.InsufficientError
		if err == nil {
			won++
		} else if !errors.As(err, &short) {
			t.Fatalf("got error %v, want an InsufficientError", err)
		}
		_, missing := b.Payout(t.Context(), newPayout(i).ID)
		same(t, "whether the payout exists", missing == nil, err == nil)
	}
	same(t, "the debits that were booked", won, fit)
	same(t, "what is free", balance(t, b, shopFree), "31")
	same(t, "what is reserved", balance(t, b, shopReserved), fmt.Sprint(32*fit))
	same(t, "the events", len(follow(t, b, 0)), fit)
	seen := map[int64]bool{}
	for _, e := range must[[]payout.Entry](t)(b.Entries(t.Context(), 0, 100)) {
		seen[e.Position] = true
	}
	same(t, "positions of entries", len(seen), fit+1)
	solvent(t, b, 32*fit+31)
}

func lockRace(t *testing.T, b store.Backend) {
	for round := range 3 {
		name := fmt.Sprint("coin ", round)
		errs := callers.Together(16, func(i int) error {
			tx := newTransaction(16*round+i, name)
			return b.CommitPayouts(t.Context(), payout.Batch{Transactions: []payout.Transaction{tx}, Locks: locksOf(tx)})
		})
		won := winner(t, errs, payout.ErrConflict)
		same(t, "the lock", must[map[string]string](t)(b.Locks(t.Context(), mainnet, []string{name}))[name], newTransaction(16*round+won, name).ID)
	}
	same(t, "the transactions", len(must[[]payout.Transaction](t)(b.OpenTransactions(t.Context(), mainnet))), 3)
}

func keyRace(t *testing.T, b store.Backend) {
	book(t, b, credited("a", shopFree, 1000))
	errs := callers.Together(16, func(i int) error {
		return b.CommitPayouts(t.Context(), requested(newPayout(i, func(p *payout.Payout) { p.Key = "the order" })))
	})
	won := newPayout(winner(t, errs, payout.ErrConflict))
	same(t, "the payout", must[payout.Payout](t)(b.PayoutBy(t.Context(), payout.Reference{Project: "shop", Key: "the order"})).ID, won.ID)
	same(t, "what is reserved", balance(t, b, shopReserved), "32")
	same(t, "all payouts", listPayouts(t, b, payout.Query{}), []string{won.ID})
}

func besideInvoices(t *testing.T, b store.Backend) {
	book(t, b, credited("a", shopFree, 10_000))
	const each = 40
	errs := callers.Together(8, func(i int) error {
		for n := range each / 4 {
			id := i*each + n
			if i%2 == 0 {
				inv := newInvoice(id)
				batch := created(inv)
				batch.Events = []invoice.Event{newEvent(inv, 1)}
				if err := b.Commit(t.Context(), batch); err != nil {
					return err
				}
				continue
			}
			batch := requested(newPayout(id))
			batch.Messages = []invoice.Message{payoutMessage(batch.Payouts[0], 1)}
			if n%3 == 2 { // which is refused
				batch.Entries = append(batch.Entries, transfer("credit a", ourFloat, shopFree, 1))
			}
			var taken *payout.EntryError
			if err := b.CommitPayouts(t.Context(), batch); err != nil && (n%3 != 2 || !errors.As(err, &taken)) {
				return err
			} else if err == nil && n%3 == 2 {
				return errors.New("a bad batch was stored")
			}
		}
		return nil
	})
	same(t, "the commits", errors.Join(errs...), nil)
	same(t, "the events", len(follow(t, b, 0)), 4*10+4*7)
	same(t, "the payouts", len(listPayouts(t, b, payout.Query{})), 4*7)
	same(t, "what is reserved", balance(t, b, shopReserved), fmt.Sprint(32*4*7))
	solvent(t, b, 10_000)
}

// txPayouts are the rules of payouts in a transaction of the host's.
func txPayouts(t *testing.T, h Host) {
	funds(t, h.Backend)
	before := booksOf(t, h.Backend)
	h.do(t, "a", false, func(tx HostTx) {
		within := payoutsOf(t, tx)
		book(t, within, wholeBooks())
		same(t, "the payout within", must[payout.Payout](t)(within.Payout(t.Context(), "pay-00007")), wholeBooks().Payouts[0])
		same(t, "everything, from outside", booksOf(t, h.Backend), before)
	})
	same(t, "everything, after it was rolled back", booksOf(t, h.Backend), before)
	h.do(t, "b", true, func(tx HostTx) {
		within := payoutsOf(t, tx)
		var short *payout.InsufficientError
		if err := within.CommitPayouts(t.Context(), payout.Batch{Entries: []payout.Entry{transfer("too much", shopFree, ourFloat, 101)}}); !errors.As(err, &short) {
			t.Fatalf("got error %v, want an InsufficientError", err)
		}
		spoilt := wholeBooks()
		spoilt.Events = append(spoilt.Events, spoilt.Events[0])
		unbooked(t, within, spoilt, payout.ErrConflict)
		book(t, within, wholeBooks())
		unbooked(t, within, wholeBooks(), payout.ErrConflict)
		book(t, within, payout.Batch{Entries: []payout.Entry{transfer("one more", shopFree, ourFloat, 68)}})
		insufficient(t, within, payout.Batch{Entries: []payout.Entry{transfer("too much", shopFree, ourFloat, 1)}}, 0, 1)
		same(t, "lines within", len(must[[]payout.Line](t)(within.Lines(t.Context(), shopFree, 0, 9))), 3)
	})
	h.rows(t, "b")
	unbooked(t, h.Backend, wholeBooks(), payout.ErrConflict)
	same(t, "what is free", balance(t, h.Backend, shopFree), "0")
	same(t, "the events", len(follow(t, h.Backend, 0)), 1)
	solvent(t, h.Backend, 155)
}

// payoutsOf returns the store within the transaction, for payouts.
func payoutsOf(t *testing.T, tx HostTx) payout.Store {
	t.Helper()
	within, able := tx.Store.(payout.Store)
	if !able {
		t.Fatalf("the store within a transaction, a %T, keeps no payouts", tx.Store)
	}
	return within
}

// payoutFenced is the rule of fences for payouts.
func payoutFenced(t *testing.T, b store.Backend, l invoice.Leaser) {
	mine := take(t, l, duty, "a")
	batch := payout.Batch{Fence: mine, Payouts: []payout.Payout{newPayout(1)}}
	book(t, b, batch)
	release(t, l, mine)
	theirs := take(t, l, duty, "b")
	before := booksOf(t, b)
	batch.Payouts = []payout.Payout{newPayout(2)}
	unbooked(t, b, batch, invoice.ErrFenced)
	same(t, "everything", booksOf(t, b), before)
	batch.Fence = theirs
	book(t, b, batch)
}

func (s *suite) booksSurvive(t *testing.T, b store.Backend) {
	funds(t, b)
	book(t, b, wholeBooks())
	before := booksOf(t, b)
	b = s.reopen(t, b)
	same(t, "everything", booksOf(t, b), before)
	unbooked(t, b, wholeBooks(), payout.ErrConflict)
	if got := must[[]byte](t)(b.Document(t.Context(), "switch")); !bytes.Equal(got, []byte("on")) {
		t.Fatalf("got the document %q", got)
	}
	book(t, b, credited("d", shopFree, 1))
	same(t, "positions go on", must[payout.Entry](t)(b.Entry(t.Context(), "credit d")).Position, 5)
}
