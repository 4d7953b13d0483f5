package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

const (
	pingEvery  = 15 * time.Second // proxies close what is silent
	streamLife = 30 * time.Minute // then the browser opens another one
	writeTime  = 10 * time.Second // within which a browser must take an event
	perInvoice = 50               // streams of one invoice
	feedPage   = 500              // events read at a time
	headsEvery = 2                // rounds between two looks at the heads
)

// hub tells open pages what changes. It reads the feed of events once for all of them, and an invoice once for each of its
// events. A new block costs one query for each network that a page waits for, however many pages do.
type hub struct {
	cfg Config

	mu      sync.Mutex
	running bool
	open    int
	watched map[string]*watched // by invoice
	ended   chan struct{}       // closed when Run ends
}

// watched is an invoice that pages show.
type watched struct {
	inv     invoice.Invoice // only what pulses need
	heads   map[chain.Network]chain.Head
	streams map[*stream]bool
}

// stream is one open page. news holds the last pulse that it has not seen.
type stream struct{ news chan pulse }

func newHub(cfg Config) *hub {
	return &hub{cfg: cfg, watched: map[string]*watched{}}
}

// errFull is returned when more pages are open than may be.
var errFull = errors.New("too many open pages")

// Run tells open pages what changes, until ctx ends; then it ends their streams and returns nil. A store that fails is asked
// again. Each process that serves pages needs a Run of its own.
func (c *Checkout) Run(ctx context.Context) error {
	return c.hub.run(ctx)
}

func (h *hub) run(ctx context.Context) error {
	h.mu.Lock()
	h.running, h.ended = true, make(chan struct{})
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.running = false
		close(h.ended)
		h.mu.Unlock()
	}()
	position := int64(-1)
	tick := time.NewTicker(h.cfg.Poll)
	defer tick.Stop()
	for round := 0; ; round++ {
		next, err := h.follow(ctx, position)
		if err != nil && ctx.Err() == nil {
			h.cfg.Logger.Warn("checkout: read the feed", "error", err)
		}
		position = next
		if round%headsEvery == 0 {
			h.blocks(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// follow tells what has happened after the position, and returns the next one. -1 is the end of the feed.
func (h *hub) follow(ctx context.Context, position int64) (int64, error) {
	if position < 0 {
		_, err := h.cfg.Invoices.Events(ctx, math.MaxInt64, 1)
		var beyond *invoice.PositionError
		if !errors.As(err, &beyond) {
			return position, fmt.Errorf("find the end of the feed: %w", err)
		}
		return beyond.Last, nil
	}
	changed := map[string]bool{}
	for {
		events, err := h.cfg.Invoices.Events(ctx, position, feedPage)
		var beyond *invoice.PositionError
		switch {
		case errors.As(err, &beyond): // the store has lost its end
			return beyond.Last, h.refresh(ctx, h.all())
		case err != nil:
			return position, err
		}
		for _, ev := range events {
			position = ev.Position
			if ev.Invoice != "" {
				changed[ev.Invoice] = true
			}
		}
		if len(events) < feedPage {
			return position, h.refresh(ctx, h.among(changed))
		}
	}
}

// all returns the ids of the invoices that pages show.
func (h *hub) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.watched))
}

// among returns those of the ids that pages show.
func (h *hub) among(ids map[string]bool) (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range ids {
		if h.watched[id] != nil {
			out = append(out, id)
		}
	}
	return out
}

// refresh reads invoices again and tells their pages.
func (h *hub) refresh(ctx context.Context, ids []string) error {
	var failed error
	for _, id := range ids {
		inv, err := h.cfg.Invoices.Invoice(ctx, "", id)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		h.mu.Lock()
		if wd := h.watched[id]; wd != nil && inv.Version >= wd.inv.Version {
			wd.inv = small(inv)
			wd.tell()
		}
		h.mu.Unlock()
	}
	return failed
}

// small returns what pulses need of an invoice, so that an open page costs little memory.
func small(inv invoice.Invoice) invoice.Invoice {
	out := invoice.Invoice{ID: inv.ID, Version: inv.Version, State: invoice.State{Status: inv.State.Status}, Terms: invoice.Terms{Confirm: inv.Terms.Confirm}}
	if inv.Quote != nil {
		out.Quote = &invoice.Quote{Asset: inv.Quote.Asset}
	}
	if inv.State.Status == invoice.StatusPending {
		for _, p := range inv.Payments {
			out.Payments = append(out.Payments, invoice.Payment{Key: p.Key, Block: p.Block, Withdrawn: p.Withdrawn, Dust: p.Dust, Settled: p.Settled})
		}
	}
	return out
}

// blocks looks at the heads of the networks that pages wait for, and tells the pages. A block may have a payment that was in
// none, and another chain may have taken the place of the one that was followed, without an event: then the invoices that
// this concerns are read again.
func (h *hub) blocks(ctx context.Context) {
	for network := range h.waiting() {
		head, err := h.cfg.Invoices.Head(ctx, network)
		if err == nil {
			err = h.refresh(ctx, h.advance(network, head))
		}
		if err != nil && ctx.Err() == nil {
			h.cfg.Logger.Warn("checkout: look at a network", "network", network, "error", err)
		}
	}
}

// advance tells the pages of a network its new head. It returns the ids of the invoices that have to be read again.
func (h *hub) advance(network chain.Network, head chain.Head) (stale []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, wd := range h.watched {
		old := wd.heads[network]
		if wd.inv.Network() != network || old == head {
			continue
		}
		wd.heads[network] = head
		forked := head.Height <= old.Height && head.Hash != old.Hash
		if wd.inv.State.Status == invoice.StatusPending && (forked || wd.unmined()) {
			stale = append(stale, id)
		}
		wd.tell()
	}
	return stale
}

// unmined reports whether a payment is in no block.
func (wd *watched) unmined() bool {
	return slices.ContainsFunc(wd.inv.Payments, func(p invoice.Payment) bool { return p.Block.Hash == "" })
}

// waiting returns the networks on which pages wait for confirmations.
func (h *hub) waiting() map[chain.Network]bool {
	out := map[chain.Network]bool{}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, wd := range h.watched {
		if wd.inv.State.Status == invoice.StatusPending {
			out[wd.inv.Network()] = true
		}
	}
	return out
}

// tell gives the pages of the invoice the pulse, in place of one that they have not taken yet.
func (wd *watched) tell() {
	p := pulseOf(wd.inv, wd.heads)
	for s := range wd.streams {
		select {
		case <-s.news:
		default:
		}
		s.news <- p
	}
}

// enter opens a stream of an invoice, before the invoice is read: what happens in between is told. The caller leaves.
func (h *hub) enter(id string) (*stream, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wd := h.watched[id]
	if !h.running || h.open >= h.cfg.Streams || wd != nil && len(wd.streams) >= perInvoice {
		return nil, nil, errFull
	}
	if wd == nil {
		wd = &watched{heads: map[chain.Network]chain.Head{}, streams: map[*stream]bool{}}
		h.watched[id] = wd
	}
	s := &stream{news: make(chan pulse, 1)}
	wd.streams[s] = true
	h.open++
	return s, h.ended, nil
}

// learn takes in what was read of an invoice that pages show, unless more is known already.
func (h *hub) learn(inv invoice.Invoice, heads map[chain.Network]chain.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wd := h.watched[inv.ID]
	if wd == nil || inv.Version <= wd.inv.Version {
		return
	}
	wd.inv = small(inv)
	for network, head := range heads {
		if head.Height > wd.heads[network].Height {
			wd.heads[network] = head
		}
	}
}

func (h *hub) leave(id string, s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wd := h.watched[id]
	delete(wd.streams, s)
	if h.open--; len(wd.streams) == 0 {
		delete(h.watched, id)
	}
}

// news is a pulse as pages get it.
type news struct {
	Version string `json:"version"`
	Invoice int64  `json:"invoice"`        // the page is to be read again when it differs
	Have    uint64 `json:"have,omitempty"` // confirmations ...
	Need    uint64 `json:"need,omitempty"` // ... of
	Text    string `json:"text,omitempty"` // the same in the page's language
}

func (t *tongue) news(p pulse) news {
	out := news{Version: p.id(), Invoice: p.version, Have: p.have, Need: p.need}
	if shown := t.progress(p); shown != nil {
		out.Text = shown.Text
	}
	return out
}

// pulse reads the pulse of the request's invoice. It has answered the request if ok is false.
func (c *Checkout) pulse(w http.ResponseWriter, r *http.Request, id string) (inv invoice.Invoice, heads map[chain.Network]chain.Head, ok bool) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	inv, err := c.cfg.Invoices.Invoice(ctx, "", id)
	if err == nil {
		heads, err = c.heads(ctx, inv)
	}
	switch {
	case errors.Is(err, invoice.ErrNotFound):
		http.Error(w, "There is no such invoice.", http.StatusNotFound)
	case err != nil:
		c.cfg.Logger.Error("checkout: read an invoice", "invoice", id, "error", err)
		h.Set("Retry-After", "5")
		http.Error(w, "Try again in a moment.", http.StatusServiceUnavailable)
	}
	return inv, heads, err == nil
}

// serveState answers what a stream would say now, for browsers and proxies on which streams do not live.
func (c *Checkout) serveState(w http.ResponseWriter, r *http.Request, id string) {
	inv, heads, ok := c.pulse(w, r, id)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.tongue(r).news(pulseOf(inv, heads))) // a client that has gone away needs no answer
}

// serveLive sends the changes of an invoice as server-sent events. The id of an event is what the page shows then: with
// Last-Event-ID, a browser that was away learns at once whether it has missed anything.
func (c *Checkout) serveLive(w http.ResponseWriter, r *http.Request, id string) {
	s, ended, err := c.hub.enter(id)
	if err != nil {
		w.Header().Set("Retry-After", "15")
		http.Error(w, "Ask for the state instead.", http.StatusServiceUnavailable)
		return
	}
	defer c.hub.leave(id, s)
	inv, heads, ok := c.pulse(w, r, id)
	if !ok {
		return
	}
	c.hub.learn(inv, heads)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // for nginx
	out := writer{w, http.NewResponseController(w), c.tongue(r)}
	seen := r.Header.Get("Last-Event-ID")
	if seen == "" {
		seen = r.FormValue("seen")
	}
	first := pulseOf(inv, heads)
	if err := out.comment("retry: 3000"); err != nil {
		return
	}
	if first.id() != seen {
		if err := out.event(first); err != nil {
			return
		}
	}
	c.stream(r.Context(), out, s, first, ended)
}

// stream sends what the hub tells, until the page is gone.
func (c *Checkout) stream(ctx context.Context, out writer, s *stream, last pulse, ended <-chan struct{}) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	life := time.NewTimer(streamLife)
	defer life.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-ended:
			return
		case <-life.C:
			return
		case <-ping.C:
			err = out.comment(": ping")
		case p := <-s.news:
			if p != last && p.version >= last.version { // what was read before is not told after
				last = p
				err = out.event(p)
			}
		}
		if err != nil {
			return
		}
	}
}

// writer writes events.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	tongue  *tongue
}

func (w writer) event(p pulse) error {
	body, err := json.Marshal(w.tongue.news(p))
	if err != nil {
		return err
	}
	return w.comment(fmt.Sprintf("id: %s\ndata: %s", p.id(), body))
}

// comment writes lines and what ends them.
func (w writer) comment(lines string) error {
	if err := w.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s\n\n", lines); err != nil {
		return err
	}
	return w.control.Flush()
}
