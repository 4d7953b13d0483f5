package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
)

// house is everything that runs, which a real shop would have in several places.
type house struct {
	dir      string
	db       *sql.DB
	net      devnet
	offer    offer
	listener net.Listener
	server   *http.Server

	invoices   *invoice.Service
	formats    formats
	outbox     webhook.Outbox
	dispatcher *webhook.Dispatcher
	shop       *shop
	gallery    *gallery
	page       *checkout.Checkout
	payer      *payer
	store      *sqlite.Store
	payouts    *payout.Service // nil if the chain has none
}

// open creates the house, or continues with the one in the directory.
func open(ctx context.Context, o options) (h *house, err error) {
	h = &house{dir: o.dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return h, err
	}
	if h.listener, err = listen(o.dir, o.addr); err != nil {
		return h, err
	}
	if h.net, err = openDevnet(ctx, o.chain, o.dir); err != nil {
		return h, err
	}
	if h.offer, err = h.net.offer(ctx); err != nil {
		return h, err
	}
	if h.db, err = sqlite.Open(filepath.Join(o.dir, "shop.db")); err != nil {
		return h, err
	}
	if err := sqlite.Migrate(ctx, h.db); err != nil {
		return h, err
	}
	store, err := sqlite.New(h.db)
	if err != nil {
		return h, err
	}
	h.store = store
	projects, err := invoice.NewProjects(store, nil)
	if err != nil {
		return h, err
	}
	if err := h.till(store, projects); err != nil {
		return h, err
	}
	h.payer = &payer{net: h.net, invoices: h.invoices}
	if h.shop, err = openShop(ctx, h, projects); err != nil {
		return h, err
	}
	if h.gallery, err = openGallery(ctx, h, projects); err != nil {
		return h, err
	}
	return h, h.handlers(projects, store)
}

// listen listens on the given address, or else on the previous one, because undelivered webhooks are addressed to it.
func listen(dir, addr string) (net.Listener, error) {
	file := filepath.Join(dir, "address")
	if before, err := os.ReadFile(file); err == nil && addr == "" {
		addr = strings.TrimSpace(string(before))
	}
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return listener, replaceFile(file, listener.Addr().String())
}

// replaceFile replaces a small file atomically.
func replaceFile(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// till sets up the library: the store, the chain, the rates, the addresses, and the dispatcher.
func (h *house) till(store *sqlite.Store, projects *invoice.Projects) error {
	h.formats = h.newFormats()
	notifier, err := h.formats.notifier()
	if err != nil {
		return err
	}
	h.outbox = store
	if h.dispatcher, err = webhook.New(webhook.Config{
		Outbox: store, Secrets: projects, Rules: notifier.Rules(), Keys: projects,
		Client: h.client(), Lease: 2 * time.Second,
		Schedule: []time.Duration{time.Second, time.Second, 5 * time.Second, time.Minute},
	}); err != nil {
		return err
	}
	h.invoices, err = invoice.New(invoice.Config{
		Store: store, Notifier: notifier, Dispatcher: h.dispatcher, Receivers: projects,
		CheckCallback: webhook.CheckPrivateURL,
		Rates:         rates.NewFixed(nil, h.offer.prices),
		Chains:        []invoice.ChainConfig{h.offer.chain},
	})
	if err != nil {
		return err
	}
	return h.openPayouts(store, notifier, projects)
}

// client returns the client for webhooks. The shop is this process: on loopback, and it responds at once or never.
func (h *house) client() *http.Client {
	return webhook.NewClient(webhook.ClientConfig{AllowLoopback: true, Timeout: time.Second})
}

// start runs everything until ctx ends, and returns a function that waits for the end. The first failure ends the rest.
func (h *house) start(ctx context.Context, end context.CancelCauseFunc) (ended func() error) {
	var workers, server sync.WaitGroup
	background := func(wg *sync.WaitGroup, f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				end(err)
			}
		})
	}
	background(&workers, h.invoices.Run)
	background(&workers, h.page.Run)
	background(&workers, h.mine)
	if h.payouts != nil {
		background(&workers, h.payouts.Run)
		background(&workers, h.float)
	}
	background(&server, func(context.Context) error { return h.server.Serve(h.listener) })
	return func() error {
		<-ctx.Done()
		workers.Wait()
		err := h.server.Close()
		server.Wait()
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			err = errors.Join(err, cause)
		}
		return err
	}
}

// delivered reports whether every message about an invoice has reached the shop.
func (h *house) delivered(ctx context.Context, invoiceID string) (bool, error) {
	records, err := h.outbox.History(ctx, invoiceID, 0)
	for _, r := range records {
		if r.State != webhook.StateDelivered {
			return false, err
		}
	}
	return len(records) > 0, err
}

// mine mines a block from time to time, as a chain does.
func (h *house) mine(ctx context.Context) error {
	tick := time.NewTicker(blockTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := h.net.mine(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("mine: %w", err)
			}
		}
	}
}

func (h *house) close() error {
	var errs []error
	if h.listener != nil && h.server == nil {
		errs = append(errs, h.listener.Close())
	}
	if h.db != nil {
		errs = append(errs, h.db.Close())
	}
	if h.net != nil {
		errs = append(errs, h.net.close())
	}
	return errors.Join(errs...)
}

func (h *house) url() string    { return "http://" + h.listener.Addr().String() }
func (h *house) apiURL() string { return h.url() + itispayPath }
