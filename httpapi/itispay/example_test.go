package itispay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// demoWallet is a wallet on a simulated chain. Real ones derive addresses from a public key, as evm.NewWallet does.
type demoWallet struct{ chain *chaintest.Chain }

func (demoWallet) Name() string { return "demo" }

func (w demoWallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// The API is mounted under a prefix of the host's mux. A client creates an invoice with the key of its project.
func Example() {
	sim := chaintest.NewChain(chaintest.Config{}) // a real program has an evm.Node, for example
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		log.Fatal(err)
	}
	format := itispay.NewFormat(itispay.Currency{Code: "SIM"})
	notifier, err := webhook.NewNotifier(format)
	if err != nil {
		log.Fatal(err)
	}
	backend := store.NewMemory() // a real program has an sqlite.Store, for example
	service, err := invoice.New(invoice.Config{
		Store: backend, Notifier: notifier,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2000)}),
		Chains: []invoice.ChainConfig{{
			Name: "Simulated", Watcher: watcher, Addresses: demoWallet{sim}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	projects, err := invoice.NewProjects(backend, nil)
	if err != nil {
		log.Fatal(err)
	}
	api, err := itispay.New(itispay.Config{Service: service, Format: format, Projects: projects, Store: backend})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/pay/api/v1/", http.StripPrefix("/pay/api/v1", api))
	server := httptest.NewServer(mux)
	defer server.Close()

	_, key, err := projects.Create(context.Background(), invoice.NewProject{Owner: "me", Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	body := `{"order_id":"7","fiat_amount":25,"fiat_currency":"EUR","currency":"SIM"}`
	r, err := http.NewRequest(http.MethodPost, server.URL+"/pay/api/v1/invoices", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header = http.Header{"Api-Key": {key}, "Content-Type": {"application/json"}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	var created struct {
		OrderID      string      `json:"order_id"`
		Status       string      `json:"status"`
		CryptoAmount json.Number `json:"crypto_amount"`
		Currency     string      `json:"currency"`
	}
	if err := json.NewDecoder(response.Body).Decode(&created); err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode, created.Status, "order", created.OrderID, "due:", created.CryptoAmount, created.Currency)
	// Output: 201 new order 7 due: 0.0125 SIM
}
