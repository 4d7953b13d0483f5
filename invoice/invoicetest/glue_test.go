package invoicetest_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/invoice/invoicetest"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
)

// outbox is one process's access to the outbox. It can fail like everything else, and after a restore it is another one.
type outbox struct {
	p     *invoicetest.Process
	place *sync.Map // of each claimed message among those of its claim: it is the same in the same world
}

func (o outbox) now() webhook.Outbox { return o.p.Store().(webhook.Outbox) }

func (o outbox) Claim(ctx context.Context, q webhook.ClaimQuery) (list []webhook.Delivery, err error) {
	err = o.p.Call(ctx, "Claim", "", func() (err error) {
		list, err = o.now().Claim(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, delivery := range list {
		o.place.Store(delivery.Claim, i)
	}
	return list, nil
}

// Record removes the random part from the time of the next attempt, so that a world repeats itself.
func (o outbox) Record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	if next.State == webhook.StateDue {
		next.Wait = 20 * time.Second
	}
	place, _ := o.place.Load(claim)
	return o.p.Call(ctx, "Record", fmt.Sprint(attempt.At, place), func() error { return o.now().Record(ctx, claim, attempt, next) })
}

func (o outbox) NextDue(ctx context.Context) (wait time.Duration, some bool, err error) {
	err = o.p.Call(ctx, "NextDue", "", func() (err error) {
		wait, some, err = o.now().NextDue(ctx)
		return err
	})
	return wait, some, err
}

func (o outbox) GiveUp(ctx context.Context, q webhook.GiveUpQuery) (n int, err error) {
	err = o.p.Call(ctx, "GiveUp", q.Endpoint, func() (err error) {
		n, err = o.now().GiveUp(ctx, q)
		return err
	})
	return n, err
}

func (o outbox) History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error) {
	return o.now().History(ctx, invoiceID, after)
}

func (o outbox) Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error) {
	return o.now().Resend(ctx, invoiceID, receiver)
}

type secret struct{}

func (secret) Secrets(context.Context, string) ([]string, error) {
	return []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, nil
}

func (secret) EndpointSecrets(context.Context, string, string) ([]string, error) {
	return []string{"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}, nil
}

// dispatch runs a dispatcher, as every process of a shop does.
func dispatch(ctx context.Context, p *invoicetest.Process) error {
	attempts := 500
	if p.Unheard() {
		attempts = 5
	}
	schedule := make([]time.Duration, attempts)
	for i := range schedule {
		schedule[i] = 20 * time.Second
	}
	d, err := webhook.New(webhook.Config{
		Outbox: outbox{p, &sync.Map{}}, Secrets: secret{},
		Client: &http.Client{Transport: p, Timeout: 10 * time.Second}, Schedule: schedule, Poll: 15 * time.Second,
		Workers: 16, PerEndpoint: 8, Late: 16,
		Now: p.Now, Breaker: webhook.BreakerConfig{Failures: 4, Open: 20 * time.Second, MaxOpen: time.Minute},
	})
	if err != nil {
		return err
	}
	p.OnMessages(d.Hint)
	return d.Run(ctx)
}

func config() invoicetest.Config {
	return invoicetest.Config{
		Open: func(*testing.T) invoice.Store { return store.NewMemory() },
		Tell: dispatch,
	}
}
