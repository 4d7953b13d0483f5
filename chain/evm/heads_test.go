package evm_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// announcer is the server side of eth_subscribe.
type announcer struct {
	mu       sync.Mutex
	notifier []func(any)
	joined   chan struct{}
}

func (a *announcer) NewHeads(ctx context.Context) (*rpc.Subscription, error) {
	n, ok := rpc.NotifierFromContext(ctx)
	if !ok {
		return nil, rpc.ErrNotificationsUnsupported
	}
	s := n.CreateSubscription()
	a.mu.Lock()
	a.notifier = append(a.notifier, func(head any) { _ = n.Notify(s.ID, head) })
	a.mu.Unlock()
	a.joined <- struct{}{}
	return s, nil
}

func (a *announcer) announce(head any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, notify := range a.notifier {
		notify(head)
	}
}

// headServer serves heads over a WebSocket, on one connection after another.
type headServer struct {
	*announcer
	url string

	mu   sync.Mutex
	rpcs []*rpc.Server
}

func serveHeads(t *testing.T) *headServer {
	t.Helper()
	s := &headServer{announcer: &announcer{joined: make(chan struct{}, 100)}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := rpc.NewServer()
		if err := one.RegisterName("eth", s.announcer); err != nil {
			panic(err)
		}
		s.mu.Lock()
		s.rpcs = append(s.rpcs, one)
		s.mu.Unlock()
		one.WebsocketHandler([]string{"*"}).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(s.hangUp)
	s.url = "ws" + strings.TrimPrefix(server.URL, "http")
	return s
}

func (s *headServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.rpcs {
		one.Stop()
	}
	s.rpcs = nil
}

// run runs heads until the test ends, and makes sure that they end then.
func run(t *testing.T, h *evm.Heads) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	t.Cleanup(stop)
	return stop
}

// soon waits until a wait for hints ends well.
func soon(t *testing.T, h chain.Hinter) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return h.Wait(ctx) == nil
	}, 20*time.Second, time.Millisecond)
}

func TestHeads_HintAtBlocksAndComeBackAfterALostConnection(t *testing.T) {
	s := serveHeads(t)
	h, err := evm.NewHeads(evm.HeadsConfig{URL: s.url, MinBackoff: time.Millisecond})
	require.NoError(t, err)
	require.Error(t, h.Wait(t.Context()), "not running")
	run(t, h)
	<-s.joined
	soon(t, h) // blocks may have come before
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, h.Wait(short), context.DeadlineExceeded, "no news")

	var woken atomic.Int64
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Go(func() {
			if h.Wait(t.Context()) == nil {
				woken.Add(1)
			}
		})
	}
	stop := make(chan struct{})
	go func() { // a head may come before the others wait
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				s.announce(types.Header{})
			}
		}
	}()
	waiting.Wait()
	close(stop)
	require.EqualValues(t, 3, woken.Load())

	s.hangUp()
	<-s.joined
	soon(t, h)
}

func TestHeads_HugeMessagesAreCutOff(t *testing.T) {
	s := serveHeads(t)
	h, err := evm.NewHeads(evm.HeadsConfig{URL: s.url, MinBackoff: time.Hour})
	require.NoError(t, err)
	run(t, h)
	<-s.joined
	soon(t, h)
	s.announce(strings.Repeat("a", 1<<20))
	require.Eventually(t, func() bool {
		short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := h.Wait(short)
		return err != nil && short.Err() == nil
	}, 20*time.Second, time.Millisecond, "the connection is given up")
}

func TestHeads_ServerThatRefusesIsTriedAgainLessAndLess(t *testing.T) {
	var tries atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer server.Close()
	var logged strings.Builder
	h, err := evm.NewHeads(evm.HeadsConfig{
		URL: "ws://user:secret@" + strings.TrimPrefix(server.URL, "http://") + "/secret?key=secret", MinBackoff: time.Millisecond,
		MaxBackoff: time.Hour, Logger: logTo(&logged),
	})
	require.NoError(t, err)
	stop := run(t, h)
	require.Eventually(t, func() bool { return tries.Load() >= 4 }, 20*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		err := h.Wait(t.Context())
		return err != nil && strings.Contains(err.Error(), "403")
	}, 20*time.Second, time.Millisecond)
	require.NotContains(t, h.Wait(t.Context()).Error(), "secret")
	stop()
	require.NotContains(t, logged.String(), "secret")
	require.Equal(t, 1, strings.Count(logged.String(), "subscription to new blocks failed"), "logged once")
}

func TestNewHeads_NamesWhatIsWrongAndKeepsSecrets(t *testing.T) {
	for _, url := range []string{"", "http://secret", "ws://", "ws://%zz/secret", "secret"} {
		_, err := evm.NewHeads(evm.HeadsConfig{URL: url})
		require.ErrorContains(t, err, "HeadsConfig.URL")
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := evm.NewHeads(evm.HeadsConfig{URL: "ws://127.0.0.1", MinBackoff: -1})
	require.ErrorContains(t, err, "negative")
}

func TestNode_WithoutHintsNeverHints(t *testing.T) {
	n := newFake().node(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, n.Wait(ctx), context.DeadlineExceeded)
}
