package kv_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/webhook"
)

// Two bodies of the same length, with what an event may have and what it may not.
var (
	frozen = []byte("{ \"b\":1.50,\n\t\"a\": \"" + strings.Repeat("frozen ", 1000) + "<\\u00e9🍎\" }")
	terse  = []byte("\x00\xff\n" + strings.Repeat("terse! ", 1000) + strings.Repeat(" ", 30))
)

// large counts the documents that are large enough for a body.
func large(db *sorted) (n int) {
	for _, p := range db.pairs {
		if len(p.value) >= len(frozen) {
			n++
		}
	}
	return n
}

// bodyTo returns the body that tell sends to a receiver.
func bodyTo(n int) []byte {
	if n%3 == 0 {
		return bytes.Clone(terse)
	}
	return bytes.Clone(frozen)
}

// tell commits an event of a subject, with messages to twelve receivers, one of three in a format of its own.
func tell(t *testing.T, s *kv.Store, m invoice.Message) {
	ev := invoice.Event{ID: fmt.Sprint("evt_", m.Subject(), "_", m.Seq), Invoice: m.Invoice, Payout: m.Payout, Project: "shop", Seq: m.Seq, At: at, Body: frozen}
	var all []invoice.Message
	for n := range 12 {
		m.Receiver, m.Body = fmt.Sprintf("%02d", n), bodyTo(n)
		m.ID, m.URL, m.Endpoint, m.Project = ev.ID+"_"+m.Receiver, "https://shop.example/"+m.Receiver, "shop "+m.Receiver, "shop"
		all = append(all, m)
	}
	if m.Payout != "" {
		require.NoError(t, s.CommitPayouts(t.Context(), payout.Batch{Events: []invoice.Event{ev}, Messages: all}))
		return
	}
	b := invoice.Batch{Events: []invoice.Event{ev}, Messages: all}
	if m.Seq == 1 {
		b.Insert = []invoice.Invoice{newInvoice(m.Invoice)}
	}
	require.NoError(t, s.Commit(t.Context(), b))
}

// wantBody requires the body of a message that tell has committed.
func wantBody(t *testing.T, m invoice.Message) {
	t.Helper()
	n, err := strconv.Atoi(m.Receiver)
	require.NoError(t, err)
	require.Equal(t, string(bodyTo(n)), string(m.Body), "to %s", m.Receiver)
}

func TestABodyIsKeptOnceForAllReceivers(t *testing.T) {
	require.Len(t, terse, len(frozen))
	for name, about := range map[string]invoice.Message{"invoice": {Invoice: "a", Seq: 1}, "payout": {Payout: "a", Seq: 1}} {
		t.Run(name, func(t *testing.T) {
			db := &sorted{}
			s := kv.New(db)
			tell(t, s, about)
			require.Equal(t, 2, large(db), "the event, which has the body of eight messages, and that of the others")
			got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 20})
			require.NoError(t, err)
			require.Len(t, got, 12)
			for _, d := range got {
				wantBody(t, d.Message)
				require.NoError(t, s.Record(t.Context(), d.Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDelivered}))
			}
			again, err := s.Resend(t.Context(), "a", "05")
			require.NoError(t, err)
			wantBody(t, again)
			records, err := s.History(t.Context(), "a", 0)
			require.NoError(t, err)
			require.Len(t, records, 12)
			for _, r := range records {
				wantBody(t, r.Message)
			}
			require.Equal(t, 2, large(db))
		})
	}
}

// What two events say alike is kept with each: one that is damaged is damaged alone.
func TestEachEventHasABodyOfItsOwn(t *testing.T) {
	db := &sorted{}
	s := kv.New(db)
	for seq := range int64(3) {
		tell(t, s, invoice.Message{Invoice: "a", Seq: seq + 1})
	}
	require.Equal(t, 6, large(db))
}

func TestADeliveryRewritesNoBody(t *testing.T) {
	db := &measured{DB: &sorted{}}
	s := kv.New(db)
	tell(t, s, invoice.Message{Invoice: "a", Seq: 1})
	db.written = 0
	got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 1})
	require.NoError(t, err)
	require.NoError(t, s.Record(t.Context(), got[0].Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDue, Wait: time.Hour}))
	require.Less(t, db.written, len(frozen))
	require.Positive(t, db.written)
}

func TestAMessageWhoseBodyIsDamagedWaitsWhileOthersAreSent(t *testing.T) {
	for name, text := range map[string]string{"of an event": "frozen ", "of its own": "terse! "} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &sorted{}
				s := kv.New(db)
				tell(t, s, invoice.Message{Invoice: "a", Seq: 1})
				insert(t, s, "b")
				var at int
				for i, p := range db.pairs {
					if bytes.Contains(p.value, []byte(text)) {
						at = i
					}
				}
				whole := db.pairs[at].value
				db.pairs[at].value = whole[:len(whole)-1]
				claim := func() (n int) {
					got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 20})
					require.NoError(t, err)
					for _, d := range got {
						require.NotContains(t, string(d.Message.Body), text, "it is not sent")
						require.NoError(t, s.Record(t.Context(), d.Claim, webhook.Attempt{}, webhook.Next{State: webhook.StateDelivered}))
					}
					return len(got)
				}
				sent := claim()
				require.Zero(t, claim())
				_, err := s.History(t.Context(), "a", 0)
				var damaged *invoice.DamagedError
				require.ErrorAs(t, err, &damaged)
				require.Equal(t, []string{"a"}, damaged.Invoices)
				for i, p := range db.pairs {
					if bytes.Equal(p.value, whole[:len(whole)-1]) {
						db.pairs[i].value = whole // repaired, as from a backup
					}
				}
				time.Sleep(2 * time.Hour)
				got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 20})
				require.NoError(t, err)
				require.Equal(t, 13, sent+len(got))
				for _, d := range got {
					wantBody(t, d.Message)
				}
			})
		})
	}
}

// The data are of a store that kept each body with its message, however long, and those of events in base64.
func TestMessagesThatHaveTheirBodiesAreReadAndSent(t *testing.T) {
	s := kv.New(stored(t, "testdata/inline.json"))
	want := func(m invoice.Message) {
		t.Helper()
		body := fmt.Sprintf("{ \"event\": %d }", m.Seq)
		switch {
		case m.Payout != "":
			body = `{"payout": 1}`
		case m.Receiver == "":
			body = fmt.Sprint("event ", m.Seq, " in another format\xff", strings.Repeat(".", 300))
		}
		require.Equal(t, body, string(m.Body), m.ID)
	}
	history := func(states ...string) {
		t.Helper()
		records, err := s.History(t.Context(), "a", 0)
		require.NoError(t, err)
		require.Len(t, records, len(states))
		for i, r := range records {
			want(r.Message)
			require.Equal(t, states[i], fmt.Sprint(r.Message.ID, " ", r.State, " ", len(r.Attempts)))
		}
	}
	history("evt_a_1_ due 0", "evt_a_1_one delivered 1", "evt_a_1_two due 1",
		"evt_a_2_ due 0", "evt_a_2_one due 0", "evt_a_2_two due 0", "evt_a_3_ due 0", "evt_a_3_one due 0", "evt_a_3_two due 0")
	events, err := s.InvoiceEvents(t.Context(), "a", 0)
	require.NoError(t, err)
	require.Len(t, events, 3)
	for i, ev := range events {
		require.Equal(t, fmt.Sprintf("{ \"event\": %d }", i+1), string(ev.Body))
	}
	m, err := s.Resend(t.Context(), "a", "")
	require.NoError(t, err)
	require.Equal(t, "evt_a_3_", m.ID)
	want(m)
	sent := 0
	for {
		got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 10})
		require.NoError(t, err)
		if len(got) == 0 {
			break
		}
		for _, d := range got {
			sent++
			want(d.Message)
			require.NoError(t, s.Record(t.Context(), d.Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDelivered}))
		}
	}
	require.Equal(t, 9, sent)
	history("evt_a_1_ delivered 1", "evt_a_1_one delivered 1", "evt_a_1_two delivered 2",
		"evt_a_2_ delivered 1", "evt_a_2_one delivered 1", "evt_a_2_two delivered 1",
		"evt_a_3_ delivered 1", "evt_a_3_one delivered 1", "evt_a_3_two delivered 1")
}
