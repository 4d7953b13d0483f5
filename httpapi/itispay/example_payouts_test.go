package itispay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	banking "github.com/cointill/cointill/payout/sepa/bank"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// simWallet is a wallet on a simulated chain. Real ones derive addresses from a public key, as evm.NewWallet does.
type simWallet struct{ chain *chaintest.Chain }

func (simWallet) Name() string { return "demo" }

func (w simWallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.chain.Address(fmt.Sprint(index)), nil
}

// Money out through the API: payouts in euro go to the bank in files. Networks of coins are configured beside the account.
func Example_payouts() {
	ctx := context.Background()
	sim := chaintest.NewChain(chaintest.Config{}) // a real program has an evm.Node, for example
	backend := store.NewMemory()                  // and an sqlite.Store
	format := itispay.NewFormat(itispay.Currency{Code: "SIM"})
	notifier := ok(webhook.NewNotifier(format))
	projects := ok(invoice.NewProjects(backend, nil))
	service := ok(invoice.New(invoice.Config{
		Store: backend, Notifier: notifier, Receivers: projects,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2000)}),
		Chains: []invoice.ChainConfig{{
			Name: "Simulated", Watcher: ok(chain.NewFollower(chain.FollowConfig{Node: sim})), Addresses: simWallet{sim},
			Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		}},
	}))
	account := ok(banking.New(banking.Config{Store: backend, Network: "sepa:main", Owner: "Shop GmbH", IBAN: "DE89370400440532013000"}))
	payouts := ok(payout.New(payout.Config{ // go payouts.Run(ctx), beside service.Run
		Store: backend, Invoices: backend, Notifier: notifier, Receivers: projects,
		Networks: []payout.NetworkConfig{{Provider: account, Assets: []payout.AssetConfig{{Asset: account.Asset(), MaxFee: new(big.Int)}}}},
	}))
	api := ok(itispay.New(itispay.Config{
		Service: service, Format: format, Projects: projects, Store: backend, Payouts: payouts,
		Fiat: func(currency string) (chain.AssetID, bool) { return account.Asset().ID, currency == "EUR" },
	}))
	server := httptest.NewServer(api)
	defer server.Close()

	_, key, err := projects.Create(ctx, invoice.NewProject{Owner: "me", Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	r := ok(http.NewRequest(http.MethodPost, server.URL+"/payouts", strings.NewReader(`{"type":"FIAT_PAYOUT","order_id":"salary-7",
		"fiat":{"amount":"2500.00","currency":"EUR"},
		"beneficiary":{"type":"individual","first_name":"Erika","last_name":"Muster","iban":"AT61 1904 3002 3457 3201"}}`)))
	r.Header = http.Header{"Api-Key": {key}, "X-Client-ID": {"me"}, "X-Project-ID": {"shop"}, "Content-Type": {"application/json"}}
	response := ok(http.DefaultClient.Do(r))
	defer response.Body.Close()
	var refused struct{ Error, Message string }
	if err := json.NewDecoder(response.Body).Decode(&refused); err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode, refused.Error) // nobody has put money into the account yet
	// Output: 422 insufficient_balance
}

// ok returns v, and ends the program after an error.
func ok[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
