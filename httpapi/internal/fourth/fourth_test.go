package fourth_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/fourth"
	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const hookURL = "https://shop.example/hook"

var start = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

// world is a shop that takes SIM on a simulated chain, and a rival.
type world struct {
	chain             *chaintest.Chain
	store             *spy.Store
	service           *invoice.Service
	projects          *invoice.Projects
	notifier          *webhook.Notifier
	format            *fourth.Format
	now               func() time.Time
	shop              string
	key, other, proof string
}

func newWorld(t testing.TB, now func() time.Time) *world {
	t.Helper()
	w := &world{chain: chaintest.NewChain(chaintest.Config{Start: now()}), store: spy.On(store.NewMemory()), format: fourth.NewFormat(), now: now}
	var err error
	w.notifier, err = webhook.NewNotifier(webhook.Standard(), w.format)
	require.NoError(t, err)
	w.service = w.newService(t, w.notifier)
	w.projects, err = invoice.NewProjects(w.store, now)
	require.NoError(t, err)
	w.shop, w.key = stage.Project(t, w.projects, "shop", "192.0.2.0/24")
	_, w.other = stage.Project(t, w.projects, "rival", "192.0.2.0/24")
	w.proof, err = w.projects.MakeKey(t.Context(), w.shop, fourth.ProofKey, 0)
	require.NoError(t, err)
	return w
}

func (w *world) newService(t testing.TB, notifier invoice.Notifier) *invoice.Service {
	t.Helper()
	sim, err := stage.Chain(w.chain, time.Second, stage.Addresses{Wallet: "test", Format: "sim1address%08d"})
	require.NoError(t, err)
	sim.Assets = sim.Assets[:1]
	service, err := invoice.New(invoice.Config{
		Store: w.store, Notifier: notifier, Now: w.now, Chains: []invoice.ChainConfig{sim},
		Rates: rates.NewFixed(w.now, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2000)}),
	})
	require.NoError(t, err)
	return service
}

func (w *world) newAPI(t testing.TB, limit httpapi.Limit, replies httpapi.Replies) *httpapi.API {
	t.Helper()
	api, err := fourth.New(fourth.Config{Service: w.service, Format: w.format, Projects: w.projects, Limit: limit, Replies: replies, Now: w.now})
	require.NoError(t, err)
	return api
}

func request(method, path, key, body string) *http.Request {
	return contract.NewRequest(method, path, "Bill-Key", key, body)
}

// do makes a request as the shop and returns the response, checked against the document.
func (w *world) do(t testing.TB, method, path, body string) (status int, text string, members map[string]string) {
	t.Helper()
	api := w.newAPI(t, httpapi.Limit{}, nil)
	rec := contract.Exchange(t, api, request(method, path, w.key, body))
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &members))
	return rec.Code, rec.Body.String(), members
}

func (w *world) create(t testing.TB, reference string) string {
	t.Helper()
	status, text, made := w.do(t, "POST", "/bills", `{"reference":"`+reference+`","asset":"SIM","amount":"1","slack":5,"notify":"`+hookURL+`"}`)
	require.Equal(t, 201, status, text)
	return made["id"]
}

func subject(t testing.TB) contract.Subject {
	w := newWorld(t, func() time.Time { return start })
	id, settled := w.create(t, "open"), w.create(t, "settled")
	_, err := w.service.SetStatus(t.Context(), invoice.Act{Project: w.shop, Invoice: settled}, invoice.StatusCompleted)
	require.NoError(t, err)
	sibling, err := w.service.Create(t.Context(), invoice.Request{
		Project: w.shop, OrderID: "another", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(70)}, Asset: "SIM", Format: "standard",
	})
	require.NoError(t, err)
	const taken = `{"reference":"open","asset":"SIM","amount":"1"}`
	keys := map[contract.Caller]string{contract.Rival: w.other, contract.Stranger: strings.Repeat("0", 64)}
	return contract.Subject{
		API: func(limit httpapi.Limit, replies httpapi.Replies) *httpapi.API { return w.newAPI(t, limit, replies) },
		Request: func(route httpapi.Route, e contract.Exercise) *http.Request {
			named := id
			switch {
			case e.Lost:
				named = contract.UnknownID
			case e.As == contract.Sibling:
				named = sibling.ID
			}
			return request(route.Method, strings.ReplaceAll(e.Target, "{id}", named), cmp.Or(keys[e.As], w.key), strings.ReplaceAll(e.Body, "NEW", string(e.As)+"new"))
		},
		Strip: func(r *http.Request) { r.Header.Del("Bill-Key") },
		Store: w.store, Secrets: []string{id, settled, w.key, w.proof}, Siblings: []string{sibling.ID},
		Exercises: map[string]contract.Exercise{
			"createBill": {Body: `{"reference":"NEW","asset":"SIM","amount":"1","slack":5,"notify":"` + hookURL + `"}`, Refuse: []contract.Refusal{
				{Status: 400, Body: `{"reference":"a","asset":"XMR","amount":"1"}`, Says: "asset"},
				{Status: 409, Body: taken, Says: "the reference is taken"},
			}},
			"getBill":    {},
			"cancelBill": {Refuse: []contract.Refusal{{Status: 409, Target: "/bills/" + settled, Says: "no longer open"}}},
		},
	}
}

func TestTheDocumentIsTheContract(t *testing.T) { contract.Examine(t, subject) }

func TestA51_NobodySeesWhatIsAnothers(t *testing.T) { contract.Walk(t, subject) }

func FuzzRequests(f *testing.F) { contract.Fuzz(f, subject) }

// live is a shop in a bubble of time.
func live(t *testing.T) *life.Shop {
	w := newWorld(t, time.Now)
	s := &life.Shop{
		T: t, Service: w.service, Chain: w.chain, Asset: w.chain.Asset("SIM"), Poll: time.Second, Window: 30 * time.Minute, Tolerance: 5,
		Create: func(order string) string { return w.create(t, order) },
		Status: func(id string) string {
			_, _, members := w.do(t, "GET", "/bills/"+id, "")
			return members["state"]
		},
		Shown: func(id string) []string {
			_, text, _ := w.do(t, "GET", "/bills/"+id, "")
			return []string{text}
		},
		Hooks: webhook.Config{Outbox: w.store, Secrets: w.projects, Keys: w.projects, Rules: w.notifier.Rules(), Poll: time.Second},
	}
	s.Words.Seen, s.Words.Partial, s.Words.Paid = "coming", "short", "settled"
	s.Over.Unpaid, s.Over.Partial = "lapsed", "short"
	return s
}

func TestA18_PaidInTimeIsJudgedOnFirstSight(t *testing.T) {
	life.Play(t, start, live, (*life.Shop).PaidInTime)
}

func TestIncident34_OneUnitLessThanTheSlackDemandsIsNotPaid(t *testing.T) {
	life.Play(t, start, live, (*life.Shop).TooLittle)
}

func TestIncident48_ThePayersAddressIsShownNowhere(t *testing.T) {
	life.Play(t, start, live, func(s *life.Shop) { s.PayerIsNoTarget("") })
}

func TestWebhooksHaveTheProofOfTheBillByteByByte(t *testing.T) {
	life.Play(t, start, live, func(s *life.Shop) {
		id, _, hooks := s.Told(40, 61)
		key, err := s.Hooks.Keys.Key(s.Context(), s.Read(id).Project, fourth.ProofKey)
		require.NoError(s.T, err)
		var told []string
		for _, h := range hooks {
			require.Equal(s.T, []string{fourth.Proof([]byte(h.Body), key)}, h.Header["Bill-Proof"])
			require.Equal(s.T, hookURL, h.URL)
			if len(told) == 0 || told[len(told)-1] != h.Body { // 200 is not enough: each is sent three times
				told = append(told, h.Body)
			}
		}
		bill := func(state, paid string) string {
			return `{"id":"` + id + `","reference":"told","state":"` + state + `","asset":"SIM","due":"1","paid":"` + paid +
				`","address":"` + string(s.Read(id).Quote.Address) + `"}`
		}
		require.Len(s.T, hooks, 9)
		require.Equal(s.T, []string{bill("short", "0.4"), bill("coming", "1.01"), bill("settled", "1.01")}, told)
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	w := newWorld(t, func() time.Time { return start })
	standard, err := webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	for want, change := range map[string]func(*fourth.Config){
		"Service is required":  func(c *fourth.Config) { c.Service = nil },
		"Format is required":   func(c *fourth.Config) { c.Format = nil },
		"Projects is required": func(c *fourth.Config) { c.Projects = nil },
		"has no format fourth": func(c *fourth.Config) { c.Service = w.newService(t, standard) },
	} {
		cfg := fourth.Config{Service: w.service, Format: w.format, Projects: w.projects}
		change(&cfg)
		_, err := fourth.New(cfg)
		require.ErrorContains(t, err, want)
	}
}

func TestNothingIsSignedWithoutAKey(t *testing.T) {
	rules := fourth.NewFormat().Rules()
	_, _, err := rules.Sign(invoice.Message{Body: []byte(`{}`)}, "")
	require.ErrorContains(t, err, "no key proof")
	body, header, err := rules.Sign(invoice.Message{Body: []byte(`{}`)}, "k")
	require.NoError(t, err)
	require.True(t, bytes.Equal([]byte(`{}`), body))
	require.Equal(t, "add853b103fbcc936a194f9eb15e29c4", header.Get("Bill-Proof")[:32])
}
