package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
)

type record = webhook.Record

var outboxCases = []testCase{
	{"a message is told as it was committed", "a delivery has the frozen message, byte for byte", claimRoundTrip},
	{"what is due longest comes first", "Claim hands out up to Limit due messages, those due longest first", claimOrder},
	{"what is due at once comes in the order of the commits", "messages due at the same instant are claimed in the order of their commits", claimTies},
	{"A24 messages of an invoice wait for each other", "a message is held back until the one before it, of its invoice to its URL, is delivered or dead", holdBack},
	{"other invoices and other URLs do not wait", "a message waits only for messages of its invoice to its URL", noHoldBack},
	{"A22 a retry has its own time", "a message is claimed again at its due time, and not before", retry},
	{"a lost claim is handed out again", "a claim that is not recorded by the end of its lease is handed out again", leaseExpiry},
	{"only the newest claim is recorded", "Record returns ErrStaleClaim, and stores nothing, if the message was claimed again or is done", staleClaim},
	{"a lease that ran out may still be recorded", "a claim counts until the message is claimed again", lateRecord},
	{"a dead message releases the next", "a message is held back until the one before it is delivered or dead", deadReleases},
	{"an endpoint that is gone gets no more", "Gone kills every undelivered message of the project to the URL, later ones too", gone},
	{"a resend lifts what Gone did", "a resend lifts the disablement of its URL", resendLifts},
	{"what was under way when its endpoint was gone is recorded", "a claim counts also when the URL is gone: the attempt is kept, and the message is delivered if it was, but not tried again", goneUnderWay},
	{"endpoints may be left out", "Claim leaves out the endpoints in Skip", skip},
	{"endpoints may be left out by what they begin with", "Claim leaves out the endpoints that begin with one of SkipPrefixes, byte for byte", skipPrefixes},
	{"what is left out hides nothing", "Claim hands out what is due, however much of what is left out was due before", skipPrefixesBehind},
	{"an endpoint may be bounded", "Claim hands out at most PerEndpoint messages of an endpoint", perEndpoint},
	{"every attempt is kept", "History returns the messages whose Seq is above after, by Seq, with their attempts in order", history},
	{"A29 a resend tells the latest message again", "Resend makes the latest message due at once, with a fresh schedule, and changes nothing else", resend},
	{"a resend waits its turn", "messages of one invoice to one URL are sent in order, also when resent", resendInOrder},
	{"a resend begins anew", "Resend makes an outstanding claim stale: what is under way was not asked for by it", resendStales},
	{"nothing to resend", "Resend returns ErrNotFound when the invoice has no message to the receiver", resendNothing},
	{"a resend is for one receiver", "Resend makes the latest message to the receiver due, whatever other receivers of the invoice have got since", resendReceiver},
	{"receivers do not wait for each other", "messages of one event to several receivers are due at once, also to one URL", receivers},
	{"an endpoint that is gone is gone alone", "Gone kills messages to its URL and no others of the project", goneAlone},
	{"many messages are in nobody's way", "Claim hands out what is due, however many others are due to endpoints that are left out or have enough", crowd},
	{"what was due for too long is given up", "GiveUp makes messages of the endpoint dead that have been due for longer, with an attempt, and releases the next", overdue},
	{"when to look again", "NextDue is when the next message that is not held back is due, claims included", nextDue},
}

const shopURL, shopEndpoint = "https://shop.example/callback", "https://shop.example:443"

// newMessage returns the message about event number seq of the invoice, which happened seq seconds and n nanoseconds
// after start, where n is the number of the invoice: no two are at the same time.
func newMessage(inv invoice.Invoice, seq int64, url string) invoice.Message {
	return invoice.Message{
		ID: fmt.Sprintf("evt_%s_%d", inv.ID, seq), Event: invoice.EventPending, Invoice: inv.ID, Seq: seq,
		Project: inv.Project, URL: url, Endpoint: shopEndpoint,
		Body:   []byte(fmt.Sprintf("{ \"n\": %d }\x00\xff", seq)),
		At:     start.Add(time.Duration(seq)*time.Second + inv.CreatedAt.Sub(start)/time.Second),
		Format: "terse", Secret: "s3cret \u00e9 of " + inv.ID,
	}
}

// told stores invoice n with a message to the shop for each of its first events.
func told(t *testing.T, b store.Backend, n int, messages int64) invoice.Invoice {
	t.Helper()
	inv := newInvoice(n)
	batch := invoice.Batch{Insert: []invoice.Invoice{inv}}
	for seq := range messages {
		batch.Messages = append(batch.Messages, newMessage(inv, seq+1, shopURL))
	}
	commit(t, b, batch)
	return inv
}

// claimFor claims everything that is due, for the given time.
func claimFor(t *testing.T, b store.Backend, lease time.Duration) []webhook.Delivery {
	t.Helper()
	return must[[]webhook.Delivery](t)(b.Claim(t.Context(), webhook.ClaimQuery{Lease: lease, Limit: 100}))
}

// claim claims everything that is due, for longer than a case takes.
func claim(t *testing.T, b store.Backend) []webhook.Delivery {
	t.Helper()
	return claimFor(t, b, time.Hour)
}

// claimOne claims when exactly one message, the one with the id, must be due. A message that is due at once may be so
// only at the next tick of a clock.
func claimOne(t *testing.T, b store.Backend, id string) webhook.Delivery {
	t.Helper()
	got := claim(t, b)
	for range 100 {
		if len(got) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
		got = claim(t, b)
	}
	sameMessages(t, "what is due", got, id)
	return got[0]
}

func sameMessages(t *testing.T, what string, got []webhook.Delivery, want ...string) {
	t.Helper()
	same(t, what, messageIDs(got), append([]string{}, want...))
}

func messageIDs(list []webhook.Delivery) []string {
	out := []string{}
	for _, d := range list {
		out = append(out, d.Message.ID)
	}
	return out
}

func write(t *testing.T, b store.Backend, d webhook.Delivery, next webhook.Next) {
	t.Helper()
	attempt := webhook.Attempt{At: start.Add(time.Hour), Duration: 20 * time.Millisecond, Status: 200}
	if err := b.Record(t.Context(), d.Claim, attempt, next); err != nil {
		t.Fatalf("Record: %v", err)
	}
}

var (
	delivered = webhook.Next{State: webhook.StateDelivered}
	dead      = webhook.Next{State: webhook.StateDead}
)

func again(wait time.Duration) webhook.Next {
	return webhook.Next{State: webhook.StateDue, Wait: wait}
}

func claimRoundTrip(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 1)
	got := claim(t, b)
	if len(got) != 1 || got[0].Tried != 0 || got[0].Claim.Message != got[0].Message.ID {
		t.Fatalf("got %+v", got)
	}
	same(t, "the message", got[0].Message, newMessage(inv, 1, shopURL))
}

func claimOrder(t *testing.T, b store.Backend) {
	for n := range 5 {
		inv := newInvoice(n)
		msg := newMessage(inv, 1, shopURL)
		msg.At = start.Add(-time.Duration(n%4) * time.Hour) // which matters to nobody
		commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Messages: []invoice.Message{msg}})
	}
	q := webhook.ClaimQuery{Lease: time.Hour, Limit: 3}
	got := must[[]webhook.Delivery](t)(b.Claim(t.Context(), q))
	sameMessages(t, "the first three", got, "evt_inv-00000_1", "evt_inv-00001_1", "evt_inv-00002_1")
	write(t, b, got[1], again(0))
	sameMessages(t, "the rest", claim(t, b), "evt_inv-00003_1", "evt_inv-00004_1", "evt_inv-00001_1")
	if got := claim(t, b); len(got) != 0 {
		t.Fatalf("got %d that are claimed already", len(got))
	}
}

func claimTies(t *testing.T, b store.Backend) {
	var want []string
	for n := 9; n >= 0; n-- { // against the order of the ids
		inv := newInvoice(n)
		msg := newMessage(inv, 1, shopURL)
		msg.At = start.Add(time.Duration(n) * time.Hour)
		commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Messages: []invoice.Message{msg}})
		want = append(want, msg.ID)
	}
	sameMessages(t, "the messages", claim(t, b), want...)
}

func holdBack(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 2)
	commit(t, b, invoice.Batch{Messages: []invoice.Message{newMessage(inv, 3, shopURL)}})
	first := claimOne(t, b, "evt_inv-00001_1")
	sameMessages(t, "while the first is under way", claim(t, b))
	write(t, b, first, again(0))
	write(t, b, claimOne(t, b, "evt_inv-00001_1"), delivered)
	second := claimOne(t, b, "evt_inv-00001_2")
	write(t, b, second, again(time.Hour))
	sameMessages(t, "while the second waits for its retry", claim(t, b))
	told(t, b, 2, 3)
	for seq := 1; seq <= 3; seq++ {
		write(t, b, claimOne(t, b, fmt.Sprintf("evt_inv-00002_%d", seq)), delivered)
	}
	sameMessages(t, "when all are told", claim(t, b))
}

func noHoldBack(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 1)
	told(t, b, 2, 1)
	other := newMessage(inv, 2, "https://shop.example/other")
	commit(t, b, invoice.Batch{Messages: []invoice.Message{other}})
	if got := claim(t, b); len(got) != 3 {
		t.Fatalf("got %d messages, want 3", len(got))
	}
}

func retry(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 1)
	d := claimOne(t, b, "evt_inv-00001_1")
	for tried := 1; tried <= 3; tried++ {
		write(t, b, d, again(0))
		if d = claimOne(t, b, "evt_inv-00001_1"); d.Tried != tried {
			t.Fatalf("tried %d times, want %d", d.Tried, tried)
		}
	}
	before := must[[]record](t)(b.History(t.Context(), inv.ID, 0))[0].Due // the end of the lease
	write(t, b, d, again(3*time.Hour))
	sameMessages(t, "before the retry is due", claim(t, b))
	if due := must[[]record](t)(b.History(t.Context(), inv.ID, 0))[0].Due; due.Sub(before) < time.Hour || due.Sub(before) > 3*time.Hour {
		t.Fatalf("due %v after the lease of an hour, want some two hours", due.Sub(before))
	}
}

func leaseExpiry(t *testing.T, b store.Backend) {
	told(t, b, 1, 2)
	got := claimFor(t, b, 0)
	sameMessages(t, "the first", got, "evt_inv-00001_1")
	second := claimOne(t, b, "evt_inv-00001_1")
	if second.Claim.Token == got[0].Claim.Token {
		t.Fatal("two claims have the same token")
	}
	if second.Tried != 0 {
		t.Fatalf("tried %d times, want 0: nothing was recorded", second.Tried)
	}
	sameMessages(t, "before the lease ends", claim(t, b))
}

func staleClaim(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 1)
	stale := func(d webhook.Delivery) {
		t.Helper()
		for _, next := range []webhook.Next{delivered, dead, again(0)} {
			wantErr(t, b.Record(t.Context(), d.Claim, webhook.Attempt{At: start, Status: 500}, next), webhook.ErrStaleClaim)
		}
	}
	first := claimFor(t, b, 0)[0]
	second := claimOne(t, b, "evt_inv-00001_1")
	stale(first)
	write(t, b, second, again(0))
	stale(second)
	write(t, b, claimOne(t, b, "evt_inv-00001_1"), delivered)
	stale(second)
	stale(webhook.Delivery{Claim: webhook.Claim{Message: "unheard of", Token: 1}})
	if got := must[[]record](t)(b.History(t.Context(), inv.ID, 0)); len(got[0].Attempts) != 2 || got[0].State != webhook.StateDelivered {
		t.Fatalf("got %+v, want two attempts and delivered", got[0])
	}
}

func lateRecord(t *testing.T, b store.Backend) {
	told(t, b, 1, 1)
	write(t, b, claimFor(t, b, 0)[0], delivered)
	sameMessages(t, "after the lease", claim(t, b))
}

func deadReleases(t *testing.T, b store.Backend) {
	told(t, b, 1, 2)
	write(t, b, claimOne(t, b, "evt_inv-00001_1"), dead)
	write(t, b, claimOne(t, b, "evt_inv-00001_2"), again(0))
	claimOne(t, b, "evt_inv-00001_2")
}

func gone(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 3)
	told(t, b, 2, 1)
	write(t, b, claimFor(t, b, 0)[0], delivered)
	foreign := newInvoice(3, func(inv *invoice.Invoice) { inv.Project = "other shop" })
	commit(t, b, invoice.Batch{
		Insert:   []invoice.Invoice{foreign},
		Messages: []invoice.Message{newMessage(foreign, 1, shopURL), newMessage(inv, 4, "https://shop.example/other")},
	})
	var others []webhook.Delivery
	for _, d := range claim(t, b) {
		if d.Message.ID == "evt_inv-00001_2" {
			write(t, b, d, webhook.Next{State: webhook.StateDead, Gone: true})
		} else if d.Message.ID != "evt_inv-00002_1" {
			others = append(others, d)
		}
	}
	told(t, b, 4, 1) // later
	sameMessages(t, "later", claim(t, b))
	for _, d := range others {
		write(t, b, d, again(0))
	}
	sameMessages(t, "everybody else", claim(t, b), messageIDs(others)...)
	states := []webhook.State{}
	for _, r := range must[[]record](t)(b.History(t.Context(), inv.ID, 0)) {
		states = append(states, r.State)
	}
	same(t, "states", states, []webhook.State{webhook.StateDelivered, webhook.StateDead, webhook.StateDead, webhook.StateDue})
	same(t, "the other invoice's", must[[]record](t)(b.History(t.Context(), "inv-00002", 0))[0].State, webhook.StateDead)
	same(t, "the later invoice's", must[[]record](t)(b.History(t.Context(), "inv-00004", 0))[0].State, webhook.StateDead)
}

func resendLifts(t *testing.T, b store.Backend) {
	told(t, b, 1, 2)
	told(t, b, 2, 1)
	write(t, b, claimFor(t, b, 0)[0], webhook.Next{State: webhook.StateDead, Gone: true})
	if _, err := b.Resend(t.Context(), "inv-00001", ""); err != nil {
		t.Fatal(err)
	}
	told(t, b, 3, 1)
	got := claim(t, b)
	if len(got) != 2 {
		t.Fatalf("got %d messages, want the resent and the new one", len(got))
	}
	for _, d := range got {
		if d.Message.ID != "evt_inv-00001_2" && d.Message.ID != "evt_inv-00003_1" {
			t.Fatalf("got message %s, want the resent and the new one", d.Message.ID)
		}
	}
}

func goneUnderWay(t *testing.T, b store.Backend) {
	for n := range 4 {
		told(t, b, n, 1)
	}
	got := claim(t, b)
	write(t, b, got[0], webhook.Next{State: webhook.StateDead, Gone: true})
	write(t, b, got[1], delivered)
	write(t, b, got[2], again(0))
	must[invoice.Message](t)(b.Resend(t.Context(), got[3].Message.Invoice, ""))
	wantErr(t, b.Record(t.Context(), got[3].Claim, webhook.Attempt{At: start}, delivered), webhook.ErrStaleClaim)
	sameMessages(t, "only what was resent", claim(t, b), got[3].Message.ID)
	for i, want := range []webhook.State{webhook.StateDead, webhook.StateDelivered, webhook.StateDead} {
		r := must[[]record](t)(b.History(t.Context(), got[i].Message.Invoice, 0))[0]
		if r.State != want || len(r.Attempts) != 1 {
			t.Fatalf("message %d: %s after %d attempts, want %s after one", i, r.State, len(r.Attempts), want)
		}
		wantErr(t, b.Record(t.Context(), got[i].Claim, webhook.Attempt{At: start}, delivered), webhook.ErrStaleClaim)
	}
}

// crowd puts more messages in front of those to be claimed than an implementation can look at in passing.
func crowd(t *testing.T, b store.Backend) {
	n := 0
	add := func(endpoint string, messages int) (batch invoice.Batch) {
		for range messages {
			n++
			inv := newInvoice(n)
			msg := newMessage(inv, 1, endpoint+"/callback")
			msg.Endpoint = endpoint
			batch.Insert, batch.Messages = append(batch.Insert, inv), append(batch.Messages, msg)
		}
		return batch
	}
	commit(t, b, add("dead", 1000))
	commit(t, b, add("busy", 1000))
	commit(t, b, add("last", 1))
	commit(t, b, add("another", 3))
	q := webhook.ClaimQuery{Lease: time.Hour, Limit: 10, Skip: []string{"dead"}, PerEndpoint: 2}
	for round, want := range [][]string{
		{"evt_inv-01001_1", "evt_inv-01002_1", "evt_inv-02001_1", "evt_inv-02002_1", "evt_inv-02003_1"},
		{"evt_inv-01003_1", "evt_inv-01004_1", "evt_inv-02004_1"},
		{"evt_inv-01005_1", "evt_inv-01006_1"},
	} {
		sameMessages(t, fmt.Sprintf("round %d", round), must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), want...)
	}
	q.Limit, q.PerEndpoint = 1, 0
	sameMessages(t, "one of whatever", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-01007_1")
	q.Skip = nil
	sameMessages(t, "the oldest", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-00001_1")
}

func overdue(t *testing.T, b store.Backend) {
	endpoints(t, b, "a", "b", "a", "a", "a")
	second := newMessage(newInvoice(0), 2, "a/callback")
	second.Endpoint = "a"
	commit(t, b, invoice.Batch{Messages: []invoice.Message{second}})
	claimed := must[[]webhook.Delivery](t)(b.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 1}))[0]
	q := webhook.GiveUpQuery{
		Endpoint: "a", Limit: 2, Overdue: time.Hour, Attempt: webhook.Attempt{At: start.Add(time.Hour), Error: "not sent"},
	}
	try := func(why string, want int) {
		t.Helper()
		time.Sleep(20 * time.Millisecond) // longer than the tick of a clock
		same(t, why, must[int](t)(b.GiveUp(t.Context(), q)), want)
	}
	try("nothing was due for an hour", 0)
	q.Overdue = 0
	try("as many as may be", 2)
	try("the others", 1)
	try("neither what is claimed, nor what waits for it, nor another endpoint's", 0)
	r := must[[]record](t)(b.History(t.Context(), "inv-00002", 0))[0]
	same(t, "the state", r.State, dead.State)
	sameList(t, "attempts", r.Attempts, []webhook.Attempt{q.Attempt})
	write(t, b, claimed, again(0))
	try("what was claimed", 1)
	wantErr(t, b.Record(t.Context(), claimed.Claim, q.Attempt, delivered), webhook.ErrStaleClaim)
	sameMessages(t, "the rest", claim(t, b), "evt_inv-00001_1", "evt_inv-00000_2")
}

func endpoints(t *testing.T, b store.Backend, names ...string) {
	t.Helper()
	for n, name := range names {
		inv := newInvoice(n)
		msg := newMessage(inv, 1, name+"/callback")
		msg.Endpoint = name
		commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Messages: []invoice.Message{msg}})
	}
}

func skip(t *testing.T, b store.Backend) {
	endpoints(t, b, "a", "b", "a", "c", "b")
	q := webhook.ClaimQuery{Lease: time.Hour, Limit: 10, Skip: []string{"a", "b", "z"}}
	sameMessages(t, "without a and b", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-00003_1")
	q.Skip = []string{"b"}
	sameMessages(t, "without b", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-00000_1", "evt_inv-00002_1")
	q.Skip = nil
	sameMessages(t, "the rest", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-00001_1", "evt_inv-00004_1")
}

func skipPrefixes(t *testing.T, b store.Backend) {
	endpoints(t, b, "p1/a", "p1/b", "p10/a", "P1/a", "p_/a", "p1/a", "pé/a", "p%/a")
	q := webhook.ClaimQuery{Lease: time.Hour, Limit: 10, Skip: []string{"P1/a"}, SkipPrefixes: []string{"p1/", "p_/", "%", "pé"}}
	sameMessages(t, "none of what is left out, but what only resembles it", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)),
		"evt_inv-00002_1", "evt_inv-00007_1")
	q.Limit, q.Skip, q.SkipPrefixes = 3, nil, []string{"p1/b", "pé/a/"}
	sameMessages(t, "two endpoints of a project", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)),
		"evt_inv-00000_1", "evt_inv-00003_1", "evt_inv-00004_1")
	q.Limit, q.SkipPrefixes = 10, nil
	sameMessages(t, "the rest", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-00001_1", "evt_inv-00005_1", "evt_inv-00006_1")
}

// skipPrefixesBehind has more messages of a project that has its share than a claim looks at.
func skipPrefixesBehind(t *testing.T, b store.Backend) {
	batch := invoice.Batch{}
	for n := range 2000 {
		inv := newInvoice(n)
		msg := newMessage(inv, 1, "p1/callback")
		msg.Endpoint = fmt.Sprintf("p1/%d", n%7)
		if n >= 1998 {
			msg.Endpoint = "p2/0"
		}
		batch.Insert, batch.Messages = append(batch.Insert, inv), append(batch.Messages, msg)
	}
	commit(t, b, batch)
	q := webhook.ClaimQuery{Lease: time.Hour, Limit: 10, SkipPrefixes: []string{"p1/"}}
	sameMessages(t, "another project's", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-01998_1", "evt_inv-01999_1")
}

func perEndpoint(t *testing.T, b store.Backend) {
	endpoints(t, b, "a", "a", "a", "a", "a", "b", "c", "b")
	q := webhook.ClaimQuery{Lease: time.Hour, Limit: 4, PerEndpoint: 2}
	sameMessages(t, "two of each", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)),
		"evt_inv-00000_1", "evt_inv-00001_1", "evt_inv-00005_1", "evt_inv-00006_1")
	q.Limit, q.Skip = 10, []string{"b"}
	sameMessages(t, "two more of a", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-00002_1", "evt_inv-00003_1")
	q.PerEndpoint, q.Skip = 0, nil
	sameMessages(t, "the rest", must[[]webhook.Delivery](t)(b.Claim(t.Context(), q)), "evt_inv-00004_1", "evt_inv-00007_1")
}

func history(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 2)
	attempts := []webhook.Attempt{
		{At: start.Add(time.Hour), Duration: 1500 * time.Microsecond, Error: "connection refused"},
		{At: start.Add(2 * time.Hour), Duration: time.Nanosecond, Status: 503, Excerpt: "später, 🙏"},
		{At: start.Add(3*time.Hour + 1), Status: 204},
	}
	nexts := []webhook.Next{again(0), again(0), delivered}
	for i, attempt := range attempts {
		d := claimOne(t, b, "evt_inv-00001_1")
		if err := b.Record(t.Context(), d.Claim, attempt, nexts[i]); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			r := must[[]record](t)(b.History(t.Context(), inv.ID, 0))[0]
			same(t, "the state", r.State, webhook.StateDue)
		}
	}
	got := must[[]record](t)(b.History(t.Context(), inv.ID, 0))
	if len(got) != 2 || got[0].State != webhook.StateDelivered || got[1].State != webhook.StateDue || len(got[1].Attempts) != 0 {
		t.Fatalf("got %+v", got)
	}
	for i := range got {
		same(t, "the message", got[i].Message, newMessage(inv, int64(i)+1, shopURL))
	}
	sameList(t, "attempts", got[0].Attempts, attempts)
	later := must[[]record](t)(b.History(t.Context(), inv.ID, 1))
	if len(later) != 1 || later[0].Message.Seq != 2 {
		t.Fatalf("got %+v after number 1", later)
	}
	same(t, "messages after the last one", len(must[[]record](t)(b.History(t.Context(), inv.ID, 2))), 0)
	if got := must[[]record](t)(b.History(t.Context(), "nobody", 0)); len(got) != 0 {
		t.Fatalf("got %d records of nobody", len(got))
	}
}

func resend(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 2)
	write(t, b, claimOne(t, b, "evt_inv-00001_1"), delivered)
	write(t, b, claimOne(t, b, "evt_inv-00001_2"), again(0))
	write(t, b, claimOne(t, b, "evt_inv-00001_2"), dead)
	events := follow(t, b, 0)
	got := must[invoice.Message](t)(b.Resend(t.Context(), inv.ID, ""))
	same(t, "the message", got, newMessage(inv, 2, shopURL))
	d := claimOne(t, b, "evt_inv-00001_2")
	same(t, "the message again", d.Message, newMessage(inv, 2, shopURL))
	same(t, "attempts of the fresh schedule", d.Tried, 0)
	write(t, b, d, delivered)
	same(t, "the invoice", get(t, b, inv.ID), inv)
	sameList(t, "the feed", follow(t, b, 0), events)
	records := must[[]record](t)(b.History(t.Context(), inv.ID, 0))
	same(t, "attempts of the first message", len(records[0].Attempts), 1)
	same(t, "attempts of the resent message", len(records[1].Attempts), 3)
	must[invoice.Message](t)(b.Resend(t.Context(), inv.ID, "")) // after delivery too
	write(t, b, claimOne(t, b, "evt_inv-00001_2"), again(time.Hour))
	must[invoice.Message](t)(b.Resend(t.Context(), inv.ID, "")) // before its retry too
	claimOne(t, b, "evt_inv-00001_2")
}

func resendInOrder(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 2)
	first := claimOne(t, b, "evt_inv-00001_1")
	must[invoice.Message](t)(b.Resend(t.Context(), inv.ID, ""))
	sameMessages(t, "while the first is under way", claim(t, b))
	write(t, b, first, delivered)
	write(t, b, claimOne(t, b, "evt_inv-00001_2"), delivered)
	must[invoice.Message](t)(b.Resend(t.Context(), inv.ID, ""))
	commit(t, b, invoice.Batch{Messages: []invoice.Message{newMessage(inv, 3, shopURL)}})
	write(t, b, claimOne(t, b, "evt_inv-00001_2"), delivered)
	claimOne(t, b, "evt_inv-00001_3")
}

func resendStales(t *testing.T, b store.Backend) {
	inv := told(t, b, 1, 1)
	d := claimOne(t, b, "evt_inv-00001_1")
	must[invoice.Message](t)(b.Resend(t.Context(), inv.ID, ""))
	wantErr(t, b.Record(t.Context(), d.Claim, webhook.Attempt{At: start}, delivered), webhook.ErrStaleClaim)
	second := claimOne(t, b, "evt_inv-00001_1")
	wantErr(t, b.Record(t.Context(), d.Claim, webhook.Attempt{At: start}, delivered), webhook.ErrStaleClaim)
	write(t, b, second, delivered)
}

func resendNothing(t *testing.T, b store.Backend) {
	insert(t, b, newInvoice(1))
	for _, id := range []string{newInvoice(1).ID, "nobody"} {
		_, err := b.Resend(t.Context(), id, "")
		wantErr(t, err, invoice.ErrNotFound)
	}
	inv := told(t, b, 2, 1)
	_, err := b.Resend(t.Context(), inv.ID, "ep_1")
	wantErr(t, err, invoice.ErrNotFound)
	alone := newInvoice(3)
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{alone}, Messages: []invoice.Message{messageTo(alone, 1, "ep_1", "https://a.example/")}})
	_, err = b.Resend(t.Context(), alone.ID, "")
	wantErr(t, err, invoice.ErrNotFound)
}

// messageTo returns the message about an event to an endpoint of the project.
func messageTo(inv invoice.Invoice, seq int64, receiver, url string) invoice.Message {
	m := newMessage(inv, seq, url)
	m.ID, m.Receiver, m.Endpoint = m.ID+"_"+receiver, receiver, m.Endpoint+"/"+receiver
	return m
}

// toldAll stores an invoice of whose first two events there are messages to the shop and to two endpoints.
func toldAll(t *testing.T, b store.Backend) invoice.Invoice {
	t.Helper()
	inv := newInvoice(1)
	batch := invoice.Batch{Insert: []invoice.Invoice{inv}}
	for seq := int64(1); seq <= 2; seq++ {
		batch.Messages = append(batch.Messages, newMessage(inv, seq, shopURL),
			messageTo(inv, seq, "ep_1", "https://a.example/"), messageTo(inv, seq, "ep_2", shopURL))
	}
	commit(t, b, batch)
	return inv
}

func resendReceiver(t *testing.T, b store.Backend) {
	inv := toldAll(t, b)
	for range 2 {
		for _, d := range claim(t, b) {
			write(t, b, d, delivered)
		}
	}
	commit(t, b, invoice.Batch{Messages: []invoice.Message{messageTo(inv, 3, "ep_2", shopURL)}})
	write(t, b, claimOne(t, b, "evt_inv-00001_3_ep_2"), delivered)
	for receiver, want := range map[string]invoice.Message{
		"":     newMessage(inv, 2, shopURL),
		"ep_1": messageTo(inv, 2, "ep_1", "https://a.example/"),
		"ep_2": messageTo(inv, 3, "ep_2", shopURL),
	} {
		got := must[invoice.Message](t)(b.Resend(t.Context(), inv.ID, receiver))
		same(t, "the message", got, want)
		d := claimOne(t, b, want.ID)
		same(t, "the message again", d.Message, want)
		write(t, b, d, delivered)
	}
}

func receivers(t *testing.T, b store.Backend) {
	toldAll(t, b)
	first := claim(t, b)
	sameMessages(t, "the first event", first, "evt_inv-00001_1", "evt_inv-00001_1_ep_1", "evt_inv-00001_1_ep_2")
	write(t, b, first[1], delivered)
	write(t, b, claimOne(t, b, "evt_inv-00001_2_ep_1"), delivered)
	write(t, b, first[0], delivered)
	sameMessages(t, "while the other message to the URL is under way", claim(t, b))
	write(t, b, first[2], delivered)
	sameMessages(t, "the second event", claim(t, b), "evt_inv-00001_2", "evt_inv-00001_2_ep_2")
}

func goneAlone(t *testing.T, b store.Backend) {
	inv := toldAll(t, b)
	first := claim(t, b)
	write(t, b, first[1], webhook.Next{State: webhook.StateDead, Gone: true})
	write(t, b, first[0], delivered)
	write(t, b, first[2], delivered)
	sameMessages(t, "the second event", claim(t, b), "evt_inv-00001_2", "evt_inv-00001_2_ep_2")
	commit(t, b, invoice.Batch{Messages: []invoice.Message{messageTo(inv, 3, "ep_1", "https://a.example/")}})
	sameMessages(t, "after a later event", claim(t, b))
	must[invoice.Message](t)(b.Resend(t.Context(), inv.ID, "ep_1"))
	claimOne(t, b, "evt_inv-00001_3_ep_1")
}

func nextDue(t *testing.T, b store.Backend) {
	none := func(why string) {
		t.Helper()
		if wait, some, err := b.NextDue(t.Context()); err != nil || some {
			t.Fatalf("got %v, %v, %v, want nothing: %s", wait, some, err, why)
		}
	}
	within := func(from, to time.Duration, what string) {
		t.Helper()
		if wait, some, err := b.NextDue(t.Context()); err != nil || !some || wait < from || wait > to {
			t.Fatalf("got %v, %v, %v, want %s: from %v to %v", wait, some, err, what, from, to)
		}
	}
	none("there is no message")
	told(t, b, 1, 2)
	within(0, 0, "the first message")
	d := claimOne(t, b, "evt_inv-00001_1")
	within(time.Minute, time.Hour, "the end of the lease")
	write(t, b, d, again(7*time.Hour))
	within(6*time.Hour, 7*time.Hour, "the retry")
	told(t, b, 2, 2)
	within(0, 0, "the first message of another invoice")
	write(t, b, claimOne(t, b, "evt_inv-00002_1"), delivered)
	within(0, 0, "the second, which is no longer held back")
	write(t, b, claimOne(t, b, "evt_inv-00002_2"), dead)
	within(6*time.Hour, 7*time.Hour, "the retry again")
	must[invoice.Message](t)(b.Resend(t.Context(), "inv-00001", ""))
	within(6*time.Hour, 7*time.Hour, "the retry, which the resent message waits for")
}
