package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/gateway"
	"github.com/cointill/cointill/payout/providertest"
	"github.com/stretchr/testify/require"
)

const (
	token                 = "0123456789abcdef0123456789abcdef"
	network chain.Network = "custody:main"
	euro    chain.AssetID = "custody:main/iso4217:EUR"
)

// custodian is the other side of the protocol, with the faults of one.
type custodian struct {
	mu      sync.Mutex // guards what follows
	has     []payout.Instruction
	state   map[string]map[string]string // by id
	came    map[string]int64
	balance int64
	fault   string // what happens to the next PUT: "late", "500 after acceptance", "lost"
	puts    int
}

func newCustodian() *custodian {
	return &custodian{state: map[string]map[string]string{}, came: map[string]int64{}, balance: 1000}
}

func (c *custodian) with(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

func (c *custodian) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/payments/{id}", c.put)
	mux.HandleFunc("GET /v1/payments/{id}", func(w http.ResponseWriter, r *http.Request) { c.tell(w, http.StatusOK, r.PathValue("id")) })
	mux.HandleFunc("DELETE /v1/payments/{id}", func(w http.ResponseWriter, r *http.Request) {
		s, has := c.state[r.PathValue("id")]
		switch {
		case !has:
			w.WriteHeader(http.StatusNotFound)
		case s["outcome"] != "pending" && s["outcome"] != "withdrawn":
			w.WriteHeader(http.StatusConflict)
		default:
			s["outcome"] = "withdrawn"
		}
	})
	mux.HandleFunc("GET /v1/receivers", c.receiver)
	mux.HandleFunc("GET /v1/incoming/{id}", func(w http.ResponseWriter, r *http.Request) {
		units, has := c.came[r.PathValue("id")]
		if !has {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		say(w, http.StatusOK, map[string]string{"asset": string(euro), "units": fmt.Sprint(units)})
	})
	mux.HandleFunc("GET /v1/balance", func(w http.ResponseWriter, r *http.Request) {
		say(w, http.StatusOK, map[string]string{"asset": r.URL.Query().Get("asset"), "units": fmt.Sprint(c.balance)})
	})
	mux.ServeHTTP(w, r)
}

func say(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (c *custodian) tell(w http.ResponseWriter, status int, id string) {
	s, has := c.state[id]
	if !has {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	say(w, status, s)
}

func (c *custodian) put(w http.ResponseWriter, r *http.Request) {
	c.puts++
	fault := c.fault
	c.fault = ""
	if fault == "lost" {
		panic(http.ErrAbortHandler)
	}
	var in struct {
		payout.Instruction
		Units  string `json:"units"`
		MaxFee string `json:"max_fee"`
	}
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &in) != nil || in.ID != r.PathValue("id") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	in.Instruction.Units, _ = new(big.Int).SetString(in.Units, 10)
	for _, old := range c.has {
		if old.ID == in.ID && old.Units.Cmp(in.Instruction.Units) != 0 {
			w.WriteHeader(http.StatusConflict)
			return
		}
	}
	if _, has := c.state[in.ID]; !has {
		c.has = append(c.has, in.Instruction)
		c.state[in.ID] = map[string]string{"id": in.ID, "outcome": "pending"}
	}
	switch fault {
	case "500 after acceptance":
		w.WriteHeader(http.StatusInternalServerError)
	case "late":
		time.Sleep(200 * time.Millisecond)
	}
	c.tell(w, http.StatusAccepted, in.ID)
}

func (c *custodian) receiver(w http.ResponseWriter, r *http.Request) {
	if to := r.URL.Query().Get("to"); to != "acc 1" {
		say(w, http.StatusUnprocessableEntity, map[string]string{"code": "wrong_address", "reason": "no account"})
		return
	}
	say(w, http.StatusOK, map[string]string{"to": "ACC1"})
}

func (c *custodian) set(id string, more ...string) {
	c.with(func() {
		for i := 0; i < len(more); i += 2 {
			c.state[id][more[i]] = more[i+1]
		}
	})
}

func gatewayTo(t *testing.T, c http.Handler) (*gateway.Gateway, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	g, err := gateway.New(gateway.Config{Network: network, Account: "acc 9", URL: server.URL + "/v1", Token: token, Timeout: 5 * time.Second})
	require.NoError(t, err)
	return g, server
}

func TestAGatewayKeepsThePromises(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Subject {
		c := newCustodian()
		g, server := gatewayTo(t, c)
		return providertest.Subject{
			Provider: g, Asset: chain.Asset{ID: euro, Code: "EUR", Decimals: 2}, To: "acc 1", Canonical: "ACC1", Bad: "nobody",
			Who: payout.Beneficiary{Name: "Erika Muster", Country: "DE"},
			Has: func() (out []payout.Instruction) {
				c.with(func() { out = c.has })
				return out
			},
			Pay:  func(id string) { c.set(id, "outcome", "paid", "fee", "1") },
			Fail: func(id, why string) { c.set(id, "outcome", "failed", "why", why) },
			Receive: func(units *big.Int) string {
				c.with(func() {
					c.came["in1"] = units.Int64()
					c.balance += units.Int64()
				})
				return "in1"
			},
			Stop: server.Close,
		}
	})
}

// Whatever happens to a response, the custodian gets one payment.
func TestFaultsOfTheCustodianNeitherLoseNorDoubleAPayment(t *testing.T) {
	for _, fault := range []string{"late", "500 after acceptance", "lost"} {
		t.Run(fault, func(t *testing.T) {
			c := newCustodian()
			g, _ := gatewayTo(t, c)
			p := newShop(t, g)
			c.with(func() { c.fault = fault })
			out := p.pay("a", "10")
			for range 3 {
				p.look()
			}
			require.Len(t, c.has, 1)
			require.Equal(t, map[string]int{"late": 1, "500 after acceptance": 1, "lost": 2}[fault], c.puts)
			c.set(c.has[0].ID, "outcome", "paid", "fee", "3")
			p.look()
			require.Equal(t, payout.StatusPaid, p.get(out).State.Status)
			require.NoError(t, p.service.Recount(t.Context()))
		})
	}
}

func TestResponsesThatSaySomethingElseConcludeNothing(t *testing.T) {
	for _, body := range []string{
		``, `[]`, `{}`, `{"id":"other","outcome":"paid"}`, `{"id":"a1","outcome":"maybe"}`, `{"id":"a1","outcome":"paid","fee":-1}`,
		`{"id":"a1","outcome":"paid","fee":"-1"}`, `{"id":"a1","outcome":"paid","fee":"1e9"}`,
	} {
		g, _ := gatewayTo(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		_, err := g.Ask(t.Context(), "a1")
		require.Error(t, err, body)
		require.NotErrorIs(t, err, payout.ErrNotFound)
		_, err = g.Balance(t.Context(), euro)
		require.Error(t, err)
		_, _, err = g.Funding(t.Context(), "x")
		require.Error(t, err)
		require.Error(t, g.Submit(t.Context(), payout.Instruction{ID: "a1", Units: big.NewInt(1), MaxFee: new(big.Int)}))
		_, err = g.Receiver(t.Context(), chain.Asset{ID: euro}, "x", payout.Beneficiary{}, nil)
		require.Error(t, err)
	}
}

func TestNew_RefusesBadConfigurationWithoutRepeatingSecrets(t *testing.T) {
	good := gateway.Config{Network: network, Account: "a", URL: "https://custodian.example/v1", Token: token}
	for _, change := range []func(*gateway.Config){
		func(c *gateway.Config) { c.Network = "" },
		func(c *gateway.Config) { c.Account = "" },
		func(c *gateway.Config) { c.URL = "http://custodian.example/secret" },
		func(c *gateway.Config) { c.Token = "secret" },
	} {
		c := good
		change(&c)
		_, err := gateway.New(c)
		require.ErrorContains(t, err, "Config")
		require.NotContains(t, err.Error(), "secret")
	}
	g, err := gateway.New(good)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", g, g, g, *g), token)
}
