package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var start = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

// standard returns a shop that gets webhooks in the library's own format.
func standard(t *testing.T) *life.Shop {
	sim, memory := chaintest.NewChain(chaintest.Config{Start: start}), store.NewMemory()
	in, err := stage.Chain(sim, time.Second, stage.Addresses{Wallet: "sim", Format: "sim%d"})
	require.NoError(t, err)
	notifier, err := webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	service, err := invoice.New(invoice.Config{
		Store: memory, Notifier: notifier, Poll: time.Second,
		Rates:  rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2000)}),
		Chains: []invoice.ChainConfig{in},
	})
	require.NoError(t, err)
	projects, err := invoice.NewProjects(memory, nil)
	require.NoError(t, err)
	project, key := stage.Project(t, projects, "shop", "")
	api, err := httpapi.NewFeed(httpapi.FeedConfig{Service: service, Projects: projects})
	require.NoError(t, err)
	return &life.Shop{
		T: t, Service: service, Chain: sim, Asset: sim.Asset("SIM"), Poll: time.Second, Window: time.Hour,
		Hooks: webhook.Config{Outbox: memory, Secrets: projects, Rules: notifier.Rules(), Poll: time.Second},
		Create: func(order string) string {
			inv, err := service.Create(t.Context(), invoice.Request{
				Project: project, OrderID: order, Name: "Tea & <more>", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(100)}, Asset: "SIM",
				CallbackURL: "https://shop.example/hook",
			})
			require.NoError(t, err)
			return inv.ID
		},
		Shown: func(string) (events []string) {
			r, rec := httptest.NewRequest("GET", "/events", nil), httptest.NewRecorder()
			r.Header.Set("Api-Key", key)
			api.ServeHTTP(rec, r)
			var page struct {
				Events []struct{ Event json.RawMessage }
			}
			require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &page))
			for _, e := range page.Events {
				events = append(events, string(e.Event))
			}
			return events
		},
	}
}

// The events in the standard format, which the feed returns byte for byte, change only with the version of the format.
func TestA25_EventsAreGolden(t *testing.T) {
	life.Play(t, start, standard, func(s *life.Shop) {
		require.Equal(s.T, 1, invoice.PayloadVersion, "a new version needs golden files of its own")
		id, _, hooks := s.Told(40, 60)
		events := s.Shown(id)
		require.Len(s.T, events, len(hooks))
		for i, h := range hooks {
			contract.Golden(s.T, fmt.Sprint("event-", i+1), []byte(h.Body))
			require.Equal(s.T, h.Body, events[i])
		}
	})
}
