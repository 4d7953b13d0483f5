package gateway_test

import (
	"fmt"
	"log"
	"math/big"
	"net/http"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/gateway"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
)

// Euros at a custodian, beside the coins of the shop's own keys.
func Example() {
	custodian, err := gateway.New(gateway.Config{
		Network: "custody:main", Account: "account 4711", URL: "https://custodian.example/v1", Token: "0123456789abcdef0123456789abcdef",
	})
	if err != nil {
		log.Fatal(err)
	}
	euro := chain.Asset{ID: "custody:main/iso4217:EUR", Code: "EUR", Decimals: 2}
	books := store.NewMemory() // in production a store on SQLite or PostgreSQL
	payouts, err := payout.New(payout.Config{
		Store: books, Invoices: books,
		Networks: []payout.NetworkConfig{{
			Provider: custodian, Assets: []payout.AssetConfig{{Asset: euro, MaxFee: big.NewInt(50)}}, // 0.50 EUR a payout at most
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	secrets := []string{"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="} // those that the custodian signs with
	callback, err := gateway.NewCallback(gateway.CallbackConfig{
		Gateway: custodian, Service: payouts,
		Verify: func(r *http.Request) ([]byte, error) {
			_, body, err := webhook.VerifyRequest(r, secrets, time.Now())
			return body, err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/custodian", callback)
	fmt.Println("go payouts.Run(ctx), serve the mux, and request payouts in", euro.Code)
	// Output: go payouts.Run(ctx), serve the mux, and request payouts in EUR
}
