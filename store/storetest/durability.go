package storetest

import (
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
)

// durabilityCases need a backend that can be reopened.
func (s *suite) durabilityCases() []testCase {
	return []testCase{
		{"what was committed is still there", "when Commit returns nil the batch survives the end of the process", s.survives},
		{"A47 positions go on where they ended", "positions of the feed grow, also after a restart", s.positionsGoOn},
		{"what was skipped stays so", "Skip is durable", s.skippedStays},
		{"indexes go on where they ended", "ReserveIndexes hands out durably and never twice", s.indexesGoOn},
		{"a number that was freed or taken stays so", "TakeIndex hands out durably, to one caller only, until it is freed again", s.freedStay},
		{"the outbox is still there", "a claim that was not recorded because the process died is handed out again", s.outboxSurvives},
		{"payouts are still there", "when CommitPayouts returns nil the batch survives the end of the process", s.booksSurvive},
		{"projects are still there", "projects are stored durably", s.projectsSurvive},
	}
}

func (s *suite) survives(t *testing.T, b store.Backend) {
	inv, payments := elaborate()
	insert(t, b, newInvoice(7))
	batch := created(inv)
	batch.Payments = payments
	commit(t, b, batch)
	pay(t, b, settledPayment(5, newInvoice(7), 100))
	commit(t, b, full(newInvoice(7), 8))
	before := dump(t, b)
	b = s.reopen(t, b)
	same(t, "everything", dump(t, b), before)
	refused(t, b, full(newInvoice(7), 9), invoice.ErrConflict)
	inv.Payments = payments
	sameList(t, "at the place", at(t, b, claimOf(inv).Place), []invoice.Invoice{inv})
}

func (s *suite) positionsGoOn(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{newEvent(inv, 1), newEvent(inv, 2)}})
	last := follow(t, b, 0)[1].Position
	b = s.reopen(t, b)
	commit(t, b, invoice.Batch{Events: []invoice.Event{newEvent(inv, 3)}})
	same(t, "what came later", eventIDs(follow(t, b, last)), []string{"evt_inv-00001_3"})
}

func (s *suite) skippedStays(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Skip: 1000})
	b = s.reopen(t, b)
	same(t, "after what was skipped", len(follow(t, b, 1000)), 0)
	pastEnd(t, b, 1001, 1000)
	commit(t, b, invoice.Batch{Events: []invoice.Event{newEvent(inv, 1)}})
	same(t, "what came later", len(follow(t, b, 1000)), 1)
}

func (s *suite) indexesGoOn(t *testing.T, b store.Backend) {
	must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", 10))
	b = s.reopen(t, b)
	same(t, "the next index", must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", 1)), 10)
}

func (s *suite) freedStay(t *testing.T, b store.Backend) {
	for n := range 3 {
		insert(t, b, newInvoice(n))
		commit(t, b, freeing(newInvoice(n)))
	}
	takes(t, b, "hot", 0)
	b = s.reopen(t, b)
	takes(t, b, "hot", 1, 2)
	noneFreed(t, b, "hot")
	b = s.reopen(t, b)
	noneFreed(t, b, "hot")
}

func (s *suite) outboxSurvives(t *testing.T, b store.Backend) {
	told(t, b, 1, 2)
	told(t, b, 2, 2)
	got := claimFor(t, b, 0)
	write(t, b, got[0], delivered)
	second := claim(t, b)
	sameMessages(t, "of whom no claim is running", second, "evt_inv-00002_1", "evt_inv-00001_2")
	write(t, b, second[1], again(0))
	b = s.reopen(t, b)
	if got := claim(t, b); len(got) != 1 || got[0].Message.Seq != 2 {
		t.Fatalf("got %+v, want the second message of the first invoice", got)
	}
	wantErr(t, b.Record(t.Context(), got[1].Claim, webhook.Attempt{At: start}, delivered), webhook.ErrStaleClaim)
}

func (s *suite) projectsSurvive(t *testing.T, b store.Backend) {
	p := newProject("1")
	insertProject(t, b, p)
	b = s.reopen(t, b)
	same(t, "the project", must[invoice.Project](t)(b.ProjectByKey(t.Context(), p.KeyHash)), p)
	p.ID, p.KeyHash = "another", "another"
	wantErr(t, b.InsertProject(t.Context(), p), invoice.ErrDuplicateProject)
}
