package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// walletKey is the extended public key of an account with well-known words ("abandon ... about").
const walletKey = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt"

type workerOptions struct {
	name, node, listen, floors string
	location
}

// work runs one of the processes: the API, the watcher and the dispatcher on the shared database. It ends with the process
// that started it, which holds the other end of its standard input.
func work(ctx context.Context, o workerOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // returns when the parent has ended
		cancel()
	}()
	store, closeStore, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer closeStore()
	projects, err := invoice.NewProjects(store, nil)
	if err != nil {
		return err
	}
	dispatcher, err := webhook.New(webhook.Config{
		Outbox: store, Secrets: projects,
		Client: webhook.NewClient(webhook.ClientConfig{AllowLoopback: true, Timeout: 2 * time.Second}), Lease: 4 * time.Second,
		Poll: 200 * time.Millisecond, Schedule: []time.Duration{time.Second, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second},
		PerEndpoint: 16,
	})
	if err != nil {
		return err
	}
	format := itispay.NewFormat()
	till, err := newTill(ctx, o, store, format, dispatcher)
	if err != nil {
		return err
	}
	api, err := itispay.New(itispay.Config{Service: till, Format: format, Projects: projects})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return err
	}
	ready, err := httpapi.Ready(httpapi.ReadyConfig{Service: till})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("GET /ready", ready)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _ = till.Run(ctx) })
	wg.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		cancel()
		return err
	}
	return nil
}

// newTill returns the service of one process. Its name is always the same, so that it gets its duties back at once after a
// restart.
func newTill(ctx context.Context, o workerOptions, store store.Backend, format webhook.Format, dispatcher *webhook.Dispatcher) (*invoice.Service, error) {
	client, err := evm.Dial(ctx, o.node, nil)
	if err != nil {
		return nil, err
	}
	eth := evm.Native(devchain.Network, "ETH")
	node, err := evm.New(evm.Config{Network: devchain.Network, RPC: client, Assets: []chain.Asset{eth}})
	if err != nil {
		return nil, err
	}
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: node, Poll: 100 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	wallet, err := evm.NewWallet(walletKey)
	if err != nil {
		return nil, err
	}
	notifier, err := webhook.NewNotifier(format)
	if err != nil {
		return nil, err
	}
	return invoice.New(invoice.Config{
		Store: store, Floors: remoteFloors(o.floors), Notifier: notifier, Dispatcher: dispatcher, CheckCallback: webhook.CheckPrivateURL, Holder: fmt.Sprint("worker ", o.name), Lease: 2 * time.Second,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2500)}),
		Chains: []invoice.ChainConfig{{
			Name: "Ethereum", Type: "devnet", Watcher: watcher, Addresses: wallet, PaymentURI: invoice.AddressURI(evm.PaymentURI),
			Assets: []invoice.AssetConfig{{Asset: eth, Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: 3}}}}},
		}},
	})
}
