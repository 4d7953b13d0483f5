package cryptomus_test

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
	"github.com/cointill/cointill/httpapi/cryptomus"
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

// Both versions of the API are mounted under prefixes of the host's mux. A merchant, which is a project, signs the bytes
// that it sends with its payment key.
func Example() {
	eth := chain.Asset{ID: "sim:1/slip44:60", Code: "ETH", Decimals: 18}
	sim := chaintest.NewChain(chaintest.Config{Assets: []chain.Asset{eth}}) // a real program has an evm.Node, for example
	watcher, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	if err != nil {
		log.Fatal(err)
	}
	format := cryptomus.NewFormat(cryptomus.Currency{Code: "ETH", Network: "eth", Asset: eth})
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
	cfg := cryptomus.Config{
		Service: service, Format: format, Projects: projects, Store: backend,
		PageURL: func(inv invoice.Invoice) string { return "https://shop.example/pay/" + inv.ID },
	}
	v1, err := cryptomus.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	v2, err := cryptomus.NewV2(cfg)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", http.StripPrefix("/v1", v1))
	mux.Handle("/v2/", http.StripPrefix("/v2", v2))
	server := httptest.NewServer(mux)
	defer server.Close()

	ctx := context.Background()
	merchant, _, err := projects.Create(ctx, invoice.NewProject{Owner: "me", Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	key, err := projects.MakeKey(ctx, merchant.ID, cryptomus.PaymentKey, 0)
	if err != nil {
		log.Fatal(err)
	}
	body := `{"amount":"25","currency":"EUR","order_id":"8","to_currency":"ETH"}`
	r, err := http.NewRequest(http.MethodPost, server.URL+"/v1/payment", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("merchant", merchant.ID)
	r.Header.Set("sign", cryptomus.Signature([]byte(body), key))
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	var created struct {
		State  int `json:"state"`
		Result struct {
			OrderID       string `json:"order_id"`
			PayerAmount   string `json:"payer_amount"`
			PayerCurrency string `json:"payer_currency"`
			Status        string `json:"payment_status"`
		} `json:"result"`
	}
	if err := json.NewDecoder(response.Body).Decode(&created); err != nil {
		log.Fatal(err)
	}
	inv := created.Result
	fmt.Println(response.StatusCode, inv.Status, "order", inv.OrderID, "due:", inv.PayerAmount, inv.PayerCurrency)
	// Output: 200 check order 8 due: 0.01250000 ETH
}
