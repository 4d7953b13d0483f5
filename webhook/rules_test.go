package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// keysFunc is a [webhook.Keys].
type keysFunc func(project, name string) (string, error)

func (f keysFunc) Key(_ context.Context, project, name string) (string, error) {
	return f(project, name)
}

var _ webhook.Keys = (*invoice.Projects)(nil)

// stamped is a format whose messages are signed in their body and in a header.
type stamped struct{ named }

func (stamped) Secret(inv invoice.Invoice) string { return "secret of " + inv.ID }

func (stamped) Rules() webhook.Rules {
	return webhook.Rules{
		Key: "payment", Taken: func(status int) bool { return status == http.StatusOK }, Schedule: []time.Duration{time.Minute, 2 * time.Minute},
		Sign: func(m invoice.Message, key string) ([]byte, http.Header, error) {
			return append(m.Body, "+"+key...), http.Header{"Token": {m.Secret}}, nil
		},
	}
}

func (w *world) ruled(key keysFunc) {
	n, err := webhook.NewNotifier(webhook.Standard(), stamped{"stamped"})
	require.NoError(w.t, err)
	w.cfg.Rules, w.cfg.Keys = n.Rules(), key
	require.Len(w.t, w.cfg.Rules, 1, "a format without rules has none")
	m := message("inv", 1, "shop.example")
	m.Format, m.Secret = "stamped", "s3cret of inv"
	w.commit(m)
}

func TestAFormatSignsInItsOwnWayBesideTheStandardSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ruled(func(project, name string) (string, error) { return project + "/" + name, nil })
		plain := message("other", 1, "shop.example")
		w.commit(plain)
		w.runFor(time.Second)
		for _, g := range w.net.seen() {
			_, err := webhook.Verify([]string{specSecret}, g.Header, []byte(g.Body), g.At)
			require.NoError(t, err, "the standard signature is of what was posted")
			if strings.Contains(g.id(), "other") {
				require.Equal(t, string(plain.Body), g.Body)
				require.Empty(t, g.Header.Get("Token"))
				continue
			}
			require.Equal(t, `{"id":"evt_inv_1"}+p1/payment`, g.Body)
			require.Equal(t, "s3cret of inv", g.Header.Get("Token"))
		}
		require.Len(t, w.net.seen(), 2)
	})
}

func TestAFormatMayTakeNothingButStatus200AndHaveItsOwnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.answer = always(status(201))
		w.ruled(func(string, string) (string, error) { return "k", nil })
		w.runFor(time.Hour)
		rec := w.history("inv")[0]
		require.Equal(t, webhook.StateDead, rec.State)
		require.Len(t, rec.Attempts, 3)
		require.Equal(t, "answered 201", rec.Attempts[0].Error)
		require.NotContains(t, rec.Message.String()+rec.Message.GoString(), "s3cret")
	})
}

func TestAFormatMaySignMessagesOfPayoutsWithAKeyOfTheirOwn(t *testing.T) {
	for name, want := range map[string]string{"payout": "p1/payout", "": "p1/payment"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			rules := stamped{}.Rules()
			rules.PayoutKey = name
			w.cfg.Rules = map[string]webhook.Rules{"stamped": rules}
			_, err := webhook.New(w.cfg)
			require.Error(t, err, "it needs Keys")
			w.cfg.Keys = keysFunc(func(project, name string) (string, error) { return project + "/" + name, nil })
			inv, pay := message("inv", 1, "shop.example"), message("pay", 1, "shop.example")
			inv.Format, pay.Format = "stamped", "stamped"
			pay.Invoice, pay.Payout = "", "pay"
			w.commit(inv)
			w.commit(pay)
			w.runFor(time.Second)
			bodies := map[string]bool{}
			for _, g := range w.net.seen() {
				bodies[g.Body] = true
			}
			require.Equal(t, map[string]bool{`{"id":"evt_inv_1"}+p1/payment`: true, `{"id":"evt_pay_1"}+` + want: true}, bodies)
		})
	}
}

func TestWithoutTheKeyNothingIsSentAndTheMessageWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ruled(func(string, string) (string, error) { return "", errors.New("password=s3cret refused") })
		w.runFor(time.Second)
		require.Empty(t, w.net.seen())
		rec := w.history("inv")[0]
		require.Equal(t, webhook.StateDue, rec.State)
		require.NotContains(t, rec.Attempts[0].Error, "s3cret")
	})
}

func TestRulesThatNeedAKeyNeedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Rules = map[string]webhook.Rules{"x": {Key: "payment"}}
		_, err := webhook.New(w.cfg)
		require.Error(t, err)
		w.cfg.Rules = map[string]webhook.Rules{"x": {PayoutKey: "payout"}}
		_, err = webhook.New(w.cfg)
		require.Error(t, err)
		w.cfg.Rules = map[string]webhook.Rules{"x": {Schedule: []time.Duration{-1}}}
		_, err = webhook.New(w.cfg)
		require.Error(t, err)
	})
}

func TestTheSecretOfAnInvoiceGoesWithItsMessage(t *testing.T) {
	n, err := webhook.NewNotifier(stamped{"stamped"})
	require.NoError(t, err)
	inv := ether(t, "1", "1")
	got := n.Messages(completed(inv), inv, nil)
	require.Equal(t, "stamped", got[0].Format)
	require.Equal(t, "secret of "+inv.ID, got[0].Secret)
}

// tally is a meter that counts by the first label.
type tally struct {
	invoice.Meter
	mu     sync.Mutex
	counts map[string]int64
}

func (m *tally) Count(_ context.Context, name string, n int64, labels ...invoice.Label) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[name+" "+labels[0].Value] += n
}

func TestAttemptsAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m := newWorld(t), &tally{Meter: invoice.NoMeter(), counts: map[string]int64{}}
		w.cfg.Meter = m
		w.net.answer = func(n int, _ got) reply { return status([]int{500, 200}[min(n, 1)]) }
		w.commit(message("inv", 1, "shop.example"))
		w.runFor(time.Minute)
		require.Equal(t, map[string]int64{"cointill.webhook.attempts due": 1, "cointill.webhook.attempts delivered": 1}, m.counts)
	})
}
