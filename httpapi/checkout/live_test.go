package checkout_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/invoice"
)

type chainNetwork = chain.Network

// message is one event of a stream.
type message struct {
	id   string
	news struct {
		Version    string
		Invoice    int64
		Have, Need uint64
		Text       string
	}
}

// listen opens a stream and returns its events. The channel is closed when the stream ends.
func (s *shop) listen(id, seen string) (<-chan message, context.CancelFunc) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	s.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"/pay/"+id+"/live", nil)
	require.NoError(s, err)
	if seen != "" {
		r.Header.Set("Last-Event-ID", seen)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(s, err)
	require.Equal(s, 200, response.StatusCode)
	require.Equal(s, "text/event-stream", response.Header.Get("Content-Type"))
	require.Equal(s, "no", response.Header.Get("X-Accel-Buffering"))
	out := make(chan message, 100)
	go func() {
		defer close(out)
		defer response.Body.Close()
		var m message
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if id, found := strings.CutPrefix(lines.Text(), "id: "); found {
				m = message{id: id}
			}
			if data, found := strings.CutPrefix(lines.Text(), "data: "); found && json.Unmarshal([]byte(data), &m.news) == nil {
				out <- m
			}
		}
	}()
	return out, cancel
}

func (s *shop) next(events <-chan message, fits func(message) bool) message {
	s.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case m, open := <-events:
			require.True(s, open, "the stream has ended")
			if fits(m) {
				return m
			}
		case <-timeout:
			require.Fail(s, "nothing is told")
		}
	}
}

func TestAnOpenPageIsToldEachChange(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(func(r *invoice.Request) { r.Asset = "SIM" })
	events, _ := s.listen(inv.ID, "")
	first := s.next(events, func(message) bool { return true })
	require.Equal(t, inv.Version, first.news.Invoice)
	s.pay(inv.ID)
	s.next(events, func(m message) bool {
		return m.news.Have == 0 && m.news.Need == 2 && m.news.Text == "0 of 2 confirmations"
	})
	s.mine("1")
	s.next(events, func(m message) bool { return m.news.Have == 1 })
	s.mine("1")
	s.next(events, func(m message) bool { return m.news.Invoice == s.invoice(inv.ID).Version && m.news.Need == 0 })
	require.Equal(t, invoice.StatusCompleted, s.invoice(inv.ID).State.Status)
}

// C1: a page that comes back learns whether it has missed anything, and nothing else.
func TestAPageThatComesBackLearnsWhatItMissed(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(func(r *invoice.Request) { r.Asset = "SIM" })
	events, leave := s.listen(inv.ID, "")
	seen := s.next(events, func(message) bool { return true }).id
	leave()
	again, leave := s.listen(inv.ID, seen)
	select {
	case m := <-again:
		require.Fail(t, "nothing has changed", "%+v", m)
	case <-time.After(100 * time.Millisecond):
	}
	leave()
	s.pay(inv.ID)
	after, _ := s.listen(inv.ID, seen)
	require.NotEqual(t, seen, s.next(after, func(message) bool { return true }).id)
}

func TestStreamsEndWithRunAndGoOnWithTheNext(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(func(r *invoice.Request) { r.Asset = "SIM" })
	events, _ := s.listen(inv.ID, "")
	seen := s.next(events, func(message) bool { return true }).id
	s.stop()
	for range events { //nolint:revive // until it is closed
	}
	s.pay(inv.ID)
	s.start()
	require.Eventually(t, func() bool { // Run begins beside the first request
		r, err := http.Get(s.url + "/pay/" + inv.ID + "/live?seen=" + seen)
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == 200
	}, 20*time.Second, 5*time.Millisecond)
	events, _ = s.listen(inv.ID, seen)
	require.NotEqual(t, seen, s.next(events, func(message) bool { return true }).id)
}

// C2: where streams are not to be had, the state is.
func TestMorePagesThanMayBeOpenAskForTheState(t *testing.T) {
	s := openShop(t, func(c *checkout.Config) { c.Streams = 2 })
	inv := s.create(func(r *invoice.Request) { r.Asset = "SIM" })
	events, leave := s.listen(inv.ID, "")
	s.listen(inv.ID, "")
	_, h := s.get("/pay/"+inv.ID+"/live", 503)
	require.NotEmpty(t, h.Get("Retry-After"))
	body, h := s.get("/pay/"+inv.ID+"/state?lang=en", 200)
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.JSONEq(t, fmt.Sprintf(`{"version": "%d-0-0", "invoice": %d}`, inv.Version, inv.Version), body)
	leave()
	for range events { //nolint:revive // until it is closed
	}
	require.Eventually(t, func() bool {
		r, err := http.Get(s.url + "/pay/" + inv.ID + "/live")
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == 200
	}, 20*time.Second, 5*time.Millisecond)
}

// A block is read once for all pages that wait for it; only an invoice whose payment was in no block yet is read again.
func TestABlockCostsNoReadOfAnInvoiceWhosePaymentIsInOne(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(func(r *invoice.Request) { r.Asset = "SIM" })
	s.pay(inv.ID)
	s.mine("1")
	var pages []<-chan message
	for range 20 {
		events, _ := s.listen(inv.ID, "")
		s.next(events, func(m message) bool { return m.news.Have == 1 })
		pages = append(pages, events)
	}
	time.Sleep(200 * time.Millisecond) // what the hub still has to read, it reads now
	before := s.counted.reads.Load()
	s.chain.Reorganise(1, 0, chaintest.Remined)
	s.mine("1")
	for _, events := range pages {
		s.next(events, func(m message) bool { return m.news.Invoice == s.invoice(inv.ID).Version && m.news.Need == 0 })
	}
	require.LessOrEqual(t, s.counted.reads.Load()-before, int64(6), "reads do not grow with the pages")
}

// What happens between the reading of an invoice and the first event is not lost.
func TestAChangeWhileAStreamBeginsIsTold(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(func(r *invoice.Request) { r.Asset = "SIM" })
	s.counted.after(func() {
		s.pay(inv.ID)
		time.Sleep(200 * time.Millisecond) // the feed is read meanwhile
	})
	events, _ := s.listen(inv.ID, "")
	s.next(events, func(m message) bool { return m.news.Invoice == s.invoice(inv.ID).Version && m.news.Need == 2 })
}
