package evm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/scrub"
)

// maxHeadMessage limits one message of a WebSocket, in bytes. A header has about 2,000.
const maxHeadMessage = 256 << 10

// HeadsConfig configures [Heads]. Zero fields have the defaults stated with them.
type HeadsConfig struct {
	URL string // of a node's WebSocket, ws or wss; required. Never shown: providers put keys into it.

	MinBackoff time.Duration // pause after a failed connection; doubled after each further one: 1 s
	MaxBackoff time.Duration // longest pause: 1 min

	Logger *slog.Logger // if nil, nothing is logged
}

// Heads receives new blocks over a WebSocket (eth_subscribe, newHeads), for [Config.Hints]. Its content is never used,
// so the node behind it need not be trusted. All methods may be called concurrently.
type Heads struct {
	url        string
	host       string
	secrets    scrub.Secrets
	minBackoff time.Duration
	maxBackoff time.Duration
	log        *slog.Logger

	mu      sync.Mutex
	err     error         // why there is no subscription; nil while there is one
	unheard bool          // there was news since the last call of Wait
	changed chan struct{} // closed when err or unheard changes, and replaced
}

var _ chain.Hinter = (*Heads)(nil)

// errNotRunning is the error of Wait before Run has subscribed.
var errNotRunning = errors.New("not connected yet")

// NewHeads validates c. It does not connect.
func NewHeads(c HeadsConfig) (*Heads, error) {
	target, err := scrub.ParseURL(c.URL, "ws", "wss")
	if err != nil {
		return nil, fmt.Errorf("evm: HeadsConfig.URL: %w", err)
	}
	if c.MinBackoff < 0 || c.MaxBackoff < 0 {
		return nil, errors.New("evm: HeadsConfig.MinBackoff and MaxBackoff must not be negative")
	}
	h := &Heads{
		url: c.URL, host: target.Host, secrets: scrub.Of([]*url.URL{target}), log: c.Logger, err: errNotRunning, changed: make(chan struct{}),
		minBackoff: cmp.Or(c.MinBackoff, time.Second),
	}
	h.maxBackoff = max(h.minBackoff, cmp.Or(c.MaxBackoff, time.Minute))
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	return h, nil
}

// Run keeps a subscription until ctx ends: it reconnects, after an increasing pause, whenever the connection fails. It
// blocks until everything that it started has ended, and returns the error of ctx. Only one Run may be active.
func (h *Heads) Run(ctx context.Context) error {
	for failures := 0; ; {
		heard, err := h.listen(ctx)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		err = fmt.Errorf("evm: heads of %s: %w", h.host, err)
		h.set(func() { h.err = err })
		if ctx.Err() != nil {
			return err
		}
		if heard {
			failures = 0
		}
		if failures == 0 {
			h.log.WarnContext(ctx, "subscription to new blocks failed", "err", err)
		}
		rest := h.minBackoff << min(failures, 30)
		if rest <= 0 || rest > h.maxBackoff {
			rest = h.maxBackoff
		}
		failures++
		timer := time.NewTimer(rest - rand.N(rest/2+1)) // so that many processes do not return at the same moment
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// listen passes on the heads of one connection until it fails, and reports whether there was any.
func (h *Heads) listen(ctx context.Context) (heard bool, err error) {
	dial, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	client, err := rpc.DialOptions(dial, h.url, rpc.WithWebsocketMessageSizeLimit(maxHeadMessage))
	if err != nil {
		return false, h.secrets.Error(tidy(err))
	}
	defer client.Close() // ends the subscription too
	heads := make(chan json.RawMessage)
	sub, err := client.EthSubscribe(dial, heads, "newHeads")
	if err != nil {
		return false, h.secrets.Error(tidy(err))
	}
	// Blocks may have come while there was no subscription.
	h.set(func() { h.err, h.unheard = nil, true })
	for {
		select {
		case <-heads:
			heard = true
			h.set(func() { h.unheard = true })
		case err := <-sub.Err():
			if err == nil {
				err = errors.New("subscription ended")
			}
			return heard, h.secrets.Error(tidy(err))
		case <-ctx.Done():
			return heard, ctx.Err()
		}
	}
}

func (h *Heads) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	close(h.changed)
	h.changed = make(chan struct{})
}

// Wait implements [chain.Hinter]. It fails while there is no subscription.
func (h *Heads) Wait(ctx context.Context) error {
	for began := true; ; began = false {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h.mu.Lock()
		err, unheard, changed := h.err, h.unheard, h.changed
		h.unheard = false
		h.mu.Unlock()
		switch {
		case err != nil:
			return err
		case unheard || !began: // what woke several at once is news for each
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
