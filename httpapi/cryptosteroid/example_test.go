package cryptosteroid_test

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
	"github.com/cointill/cointill/httpapi/cryptosteroid"
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

// The API is mounted under a prefix of the host's mux. A merchant, which is a project, creates an invoice with its key.
func Example() {
	eth := chain.Asset{ID: "sim:1/slip44:60", Code: "ETH", Decimals: 18}
	sim := chaintest.NewChain(chaintest.Config{Assets: []chain.Asset{eth}}) // a real program has an evm.Node, for example
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		log.Fatal(err)
	}
	format := cryptosteroid.NewFormat(cryptosteroid.View{
		Methods: []cryptosteroid.Method{{Name: "ETH", Asset: eth}}, InvoiceURL: "https://shop.example/pay/{id}",
	})
	notifier, err := webhook.NewNotifier(format)
	if err != nil {
		log.Fatal(err)
	}
	backend := store.NewMemory() // a real program has an sqlite.Store, for example
	service, err := invoice.New(invoice.Config{
		Store: backend, Notifier: notifier,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2000)}),
		Chains: []invoice.ChainConfig{{
			Watcher: watcher, Addresses: demoWallet{sim}, Assets: []invoice.AssetConfig{{Asset: eth}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	projects, err := invoice.NewProjects(backend, nil)
	if err != nil {
		log.Fatal(err)
	}
	api, err := cryptosteroid.New(cryptosteroid.Config{Service: service, Format: format, Projects: projects, MaxNew: 1000})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/pay/", http.StripPrefix("/pay", api))
	server := httptest.NewServer(mux)
	defer server.Close()

	merchant, key, err := projects.Create(context.Background(), invoice.NewProject{Owner: "me", Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	body := `{"fiatCurrency":"EUR","fiatAmount":"25.00","description":"Order 7","paymentMethod":"ETH"}`
	r, err := http.NewRequest(http.MethodPost, server.URL+"/pay/merchants/"+merchant.ID+"/invoices", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header = http.Header{"X-Api-Key": {key}, "Content-Type": {"application/json"}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	var created struct {
		Status      string `json:"status"`
		Description string `json:"description"`
		FiatAmount  string `json:"fiatAmount"`
	}
	if err := json.NewDecoder(response.Body).Decode(&created); err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode, created.Status, created.Description, created.FiatAmount)
	// Output: 201 NEW Order 7 25.00
}
