package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// Reseal seals with the newest key everything that is in plain text or sealed with another key, and returns how many
// projects, invoices, payouts and messages it has changed. If it returns nil after all processes have got the newest key, the
// other keys are needed only for replies of the last day. Reseal may run beside everything else, and again after it was
// interrupted. What cannot be sealed, for example because of [ErrNoKey], is part of the error and does not stop the
// rest.
//
// Reseal reads every invoice, payout and message once, page by page. It reseals messages if the backend implements
// [MessageSecrets], as all stores of this module do; for another backend it returns an error after it has resealed the
// rest. A changed invoice or payout gets a new version, but no event.
func (s *Sealed) Reseal(ctx context.Context) (changed int, err error) {
	r := &resealing{ctx: ctx, Sealed: s}
	r.projects()
	for _, standing := range []bool{false, true} {
		r.invoices(standing)
	}
	r.payouts()
	r.messages()
	r.fail(ctx.Err(), "everything")
	return r.changed, r.result()
}

// resealing is one run of [Sealed.Reseal].
type resealing struct {
	*Sealed
	ctx     context.Context
	changed int
	failed  []error
}

// fail records an error, and reports whether there was one.
func (r *resealing) fail(err error, what string, args ...any) bool {
	if err != nil {
		r.failed = append(r.failed, fmt.Errorf("store: reseal "+what+": %w", append(args, err)...))
	}
	return err != nil
}

// result returns all errors as one.
func (r *resealing) result() error { return errors.Join(r.failed...) }

func (r *resealing) projects() {
	for after := ""; r.ctx.Err() == nil; {
		list, err := r.backend.Projects(r.ctx, after, invoice.MaxPage)
		if r.fail(err, "projects") || len(list) == 0 {
			return
		}
		for _, p := range list {
			did, err := r.project(p.ID)
			r.fail(err, "project %s", p.ID)
			if did {
				r.changed++
			}
			after = p.ID
		}
	}
}

// resealTries bounds how often a project or an invoice is read again because it has changed meanwhile.
const resealTries = 20

func (r *resealing) project(id string) (did bool, err error) {
	for try := 0; ; try++ {
		p, err := r.backend.Project(r.ctx, id)
		if errors.Is(err, invoice.ErrNotFound) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		stale := false
		if _, err := eachSecret(p, func(_, value string) (string, error) {
			stale = stale || r.box.stale(value)
			return value, nil
		}); err != nil || !stale {
			return false, err
		}
		if p, err = eachSecret(p, r.box.open); err != nil {
			return false, err
		}
		p.Version++
		sealed := sealedProjects{r.backend, r.box}
		if err = sealed.UpdateProject(r.ctx, p); !errors.Is(err, invoice.ErrConflict) || try == resealTries {
			return err == nil, err
		}
	}
}

// resealPage is how many invoices or messages are changed at once: enough to make the wait for the disk cheap, few
// enough not to delay others.
const resealPage = 100

func (r *resealing) invoices(standing bool) {
	q := invoice.Query{Standing: standing, Ascending: true, Limit: resealPage, Uncounted: true}
	for r.ctx.Err() == nil {
		page, err := r.backend.Invoices(r.ctx, q)
		r.fail(err, "invoices")
		if len(page.Invoices) == 0 {
			return
		}
		r.page(page.Invoices)
		q.After = page.Invoices[len(page.Invoices)-1].ID
	}
}

// page reseals invoices in one batch, or one by one if one of them has just changed.
func (r *resealing) page(list []invoice.Invoice) {
	var fresh []invoice.Invoice
	for _, inv := range list {
		next, stale, err := r.next(inv)
		if !r.fail(err, "invoice %s", inv.ID) && stale {
			fresh = append(fresh, next)
		}
	}
	if len(fresh) == 0 {
		return
	}
	err := r.backend.Commit(r.ctx, invoice.Batch{Update: fresh})
	if err == nil {
		r.changed += len(fresh)
		return
	}
	if !errors.Is(err, invoice.ErrConflict) {
		r.fail(err, "invoices")
		return
	}
	for _, inv := range fresh {
		did, err := r.invoice(inv.ID)
		r.fail(err, "invoice %s", inv.ID)
		if did {
			r.changed++
		}
	}
}

// next returns the next version of a stored invoice, sealed with the newest key, and reports whether it needs one.
func (r *resealing) next(inv invoice.Invoice) (_ invoice.Invoice, stale bool, err error) {
	text, _ := sealedIn(inv.Data)
	if len(inv.Data) == 0 || !r.box.stale(text) {
		return inv, false, nil
	}
	if inv, err = openData(r.box, inv); err == nil {
		inv, err = sealData(r.box, inv)
	}
	inv.Version++
	return inv, true, err
}

func (r *resealing) invoice(id string) (did bool, err error) {
	for try := 0; ; try++ {
		inv, err := r.backend.Invoice(r.ctx, id)
		if err != nil {
			return false, err
		}
		next, stale, err := r.next(inv)
		if err != nil || !stale {
			return false, err
		}
		err = r.backend.Commit(r.ctx, invoice.Batch{Update: []invoice.Invoice{next}})
		if !errors.Is(err, invoice.ErrConflict) || try == resealTries {
			return err == nil, err
		}
	}
}

func (r *resealing) payouts() {
	q := payout.Query{Oldest: true, Limit: resealPage}
	for r.ctx.Err() == nil {
		page, err := r.backend.Payouts(r.ctx, q)
		if r.fail(err, "payouts") {
			return
		}
		for _, p := range page.Payouts {
			did, err := r.payout(p)
			r.fail(err, "payout %s", p.ID)
			if did {
				r.changed++
			}
		}
		if q.Before = page.Next; page.Next == "" {
			return
		}
	}
}

func (r *resealing) payout(p payout.Payout) (did bool, err error) {
	for try := 0; ; try++ {
		text, _ := sealedIn(p.Data)
		if len(p.Data) == 0 || !r.box.stale(text) {
			return false, nil
		}
		if p, err = openPayout(r.box, p); err != nil {
			return false, err
		}
		if p, err = sealPayout(r.box, p); err != nil {
			return false, err
		}
		p.Version++
		err = r.backend.CommitPayouts(r.ctx, payout.Batch{Payouts: []payout.Payout{p}})
		if !errors.Is(err, payout.ErrConflict) || try == resealTries {
			return err == nil, err
		}
		if p, err = r.backend.Payout(r.ctx, p.ID); err != nil {
			return false, err
		}
	}
}

func (r *resealing) messages() {
	outbox, able := r.backend.(MessageSecrets)
	if !able {
		r.fail(fmt.Errorf("%T does not implement store.MessageSecrets", r.backend), "messages")
		return
	}
	for after := ""; r.ctx.Err() == nil; {
		list, err := outbox.MessageSecrets(r.ctx, after, resealPage)
		r.fail(err, "messages")
		if len(list) == 0 {
			return
		}
		var changes []SecretChange
		for _, m := range list {
			after = m.ID
			if m.Secret == "" || !r.box.stale(m.Secret) {
				continue
			}
			opened, err := sealedOutbox{r.backend, r.box}.opened(m)
			if err == nil {
				opened, err = sealMessage(r.box, opened)
			}
			if !r.fail(err, "message %s", m.ID) {
				changes = append(changes, SecretChange{m.ID, m.Secret, opened.Secret})
			}
		}
		if len(changes) > 0 && !r.fail(outbox.ReplaceSecrets(r.ctx, changes), "messages") {
			r.changed += len(changes)
		}
	}
}
