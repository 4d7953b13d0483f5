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

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// walletKey is the public half of an account whose words are in every textbook ("abandon ... about").
// Nothing of worth may ever be sent to its addresses.
const walletKey = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt"

// accountKey opens POST /projects. A real one is random and nowhere in a source file.
const accountKey = "00000000000000000000000000000000000000000000000000000000000000aa"

const (
	apiPath   = "/api/v1"
	hookPath  = "/shop/hook"
	payPath   = "/dev/pay"
	blockTime = 400 * time.Millisecond
)

// house is everything that runs: what a real shop would have in several places.
type house struct {
	dir      string
	db       *sql.DB
	node     *devchain.Chain
	listener net.Listener
	server   *http.Server

	invoices   *invoice.Service
	outbox     webhook.Outbox
	dispatcher *webhook.Dispatcher
	shop       *shop
	payer      *payer
}

// open puts the house together, or finds it in the directory as it was left.
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
	if h.node, err = devchain.Start(devchain.Config{DataDir: filepath.Join(o.dir, "chain")}); err != nil {
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
	projects, err := invoice.NewProjects(store, nil)
	if err != nil {
		return h, err
	}
	h.outbox = store
	if h.dispatcher, err = webhook.New(webhook.Config{
		Outbox: store, Secrets: projects,
		// The shop is this process: it is on loopback, and answers at once or not at all.
		Client: webhook.NewClient(webhook.ClientConfig{AllowLoopback: true, Timeout: time.Second}), Lease: 2 * time.Second,
		Schedule: []time.Duration{time.Second, time.Second, 5 * time.Second, time.Minute},
	}); err != nil {
		return h, err
	}
	if h.invoices, err = h.service(ctx, store); err != nil {
		return h, err
	}
	if h.payer, err = newPayer(ctx, h.node); err != nil {
		return h, err
	}
	if h.shop, err = openShop(ctx, h, projects); err != nil {
		return h, err
	}
	return h, h.handlers(projects)
}

// listen takes the address that is wanted, else the one that was used before, because webhooks that
// are still on their way were addressed to it.
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

// replaceFile writes a small file whole or not at all.
func replaceFile(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// service is the library itself: the store, the chain, the prices, the addresses.
func (h *house) service(ctx context.Context, store invoice.Store) (*invoice.Service, error) {
	coin, token := h.node.Native(), h.node.Token()
	client, err := evm.Dial(ctx, h.node.URL(), nil)
	if err != nil {
		return nil, err
	}
	node, err := evm.New(evm.Config{Network: devchain.Network, RPC: client, Assets: []chain.Asset{coin, token}})
	if err != nil {
		return nil, err
	}
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: node, Poll: 50 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	wallet, err := evm.NewWallet(walletKey)
	if err != nil {
		return nil, err
	}
	notifier, err := webhook.NewNotifier(webhook.Standard(), webhook.ItisPay())
	if err != nil {
		return nil, err
	}
	depth := func(n uint64) []invoice.Tier { return []invoice.Tier{{Need: invoice.Confirmations{Depth: n}}} }
	return invoice.New(invoice.Config{
		Store: store, Notifier: notifier, OnMessages: h.dispatcher.Hint,
		CheckCallback: func(url string) error { return webhook.CheckURL(url, true) },
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{
			{Base: coin.Code, Quote: "EUR"}:  decimal.NewFromInt(2500),
			{Base: token.Code, Quote: "EUR"}: decimal.RequireFromString("0.998"),
		}),
		Chains: []invoice.ChainConfig{{
			Name: "Ethereum", Type: "devnet", Watcher: watcher, Addresses: wallet, PaymentURI: evm.PaymentURI,
			Assets: []invoice.AssetConfig{{Asset: coin, Confirm: depth(4)}, {Asset: token, Confirm: depth(3)}},
		}},
	})
}

// handlers mounts the API, the shop's own page for webhooks, and the payer on one mux.
func (h *house) handlers(projects *invoice.Projects) error {
	api, err := itispay.New(itispay.Config{
		Service: h.invoices, Projects: projects,
		Accounts: []httpapi.Account{{ID: "quickstart", KeyHash: invoice.HashKey(accountKey)}},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(apiPath+"/", http.StripPrefix(apiPath, api))
	mux.HandleFunc("POST "+hookPath, h.shop.hook)
	mux.HandleFunc("POST "+payPath, h.payer.serve(h.shop))
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return nil
}

// start lets everything run until ctx ends, and answers a function that waits for that. What fails
// ends the rest.
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
	background(&workers, h.dispatcher.Run)
	background(&workers, h.mine)
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

// delivered says whether every message about an invoice has reached the shop.
func (h *house) delivered(ctx context.Context, invoiceID string) (bool, error) {
	records, err := h.outbox.History(ctx, invoiceID)
	for _, r := range records {
		if r.State != webhook.StateDelivered {
			return false, err
		}
	}
	return len(records) > 0, err
}

// mine makes a block now and then, as a chain does.
func (h *house) mine(ctx context.Context) error {
	tick := time.NewTicker(blockTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := h.node.Mine(1); err != nil {
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
	if h.payer != nil {
		h.payer.client.Close()
	}
	if h.db != nil {
		errs = append(errs, h.db.Close())
	}
	if h.node != nil {
		errs = append(errs, h.node.Close())
	}
	return errors.Join(errs...)
}

func (h *house) url() string    { return "http://" + h.listener.Addr().String() }
func (h *house) apiURL() string { return h.url() + apiPath }
