package checkout_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/httpapi/checkout/checkouttest"
	"github.com/cointill/cointill/internal/browser"
	"github.com/cointill/cointill/invoice"
)

// samples serves the samples under a prefix, as a shop would mount the page.
func samples(t testing.TB, change func(*checkout.Config)) *httptest.Server {
	t.Helper()
	cfg := checkout.Config{
		Invoices: checkouttest.New(time.Now()),
		Shop: func(string) checkout.Shop {
			return checkout.Shop{Name: "Corner Books", Contact: "help@shop.example", Terms: "https://shop.example/terms"}
		},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := checkout.New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	mux := http.NewServeMux()
	mux.Handle("/pay/", http.StripPrefix("/pay", c))
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		cancel() // first, so that streams end
		<-ended
		server.Close()
	})
	return server
}

// C4, C13: every state works without scripts, and axe finds nothing to complain of.
func TestEveryStateInChromium(t *testing.T) {
	server := samples(t, nil)
	browser.Play(t, "testdata/states.mjs", map[string]any{"url": server.URL, "names": checkouttest.New(time.Now()).Names()})
}

func TestTheStoryOfAPaymentInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("another program: not with -short")
	}
	s := openShop(t, nil)
	s.cfg.Shop = func(string) checkout.Shop {
		return checkout.Shop{Name: "Corner Books", Contact: "help@shop.example", Frame: s.url}
	}
	s.stop()
	s.start()
	args := map[string]string{"url": s.url, "story": s.create(nil).ID, "plain": s.create(nil).ID}
	for _, name := range []string{"sleep", "restart", "slow", "broken", "frame"} {
		args[name] = s.create(func(r *invoice.Request) { r.Asset = "SIM" }).ID
	}
	browser.Play(t, "testdata/story.mjs", args)
}

// C3, C8: beside the wallets, what is shown when the script does not come, and when the clock is.
func TestAWalletOfTheBrowserInChromium(t *testing.T) {
	browser.Play(t, "testdata/wallet.mjs", map[string]string{"url": samples(t, nil).URL})
}

func TestTextsOfStrangersStayTextsInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("another program: not with -short")
	}
	s := openShop(t, func(c *checkout.Config) {
		c.Shop = func(string) checkout.Shop { return checkout.Shop{Name: payload, Contact: "help@shop.example"} }
	})
	inv := s.create(func(r *invoice.Request) { r.Name, r.OrderID, r.Asset = payload, payload, "SIM" })
	browser.Play(t, "testdata/planted.mjs", map[string]string{"url": s.url, "id": inv.ID})
}

// Performance is rated by times, so that [BenchmarkLighthouse] reports it and no test demands it.
func TestLighthouseFindsNothingToMend(t *testing.T) {
	server := samples(t, nil)
	for _, state := range []string{"choose", "pay-bitcoin"} {
		said := browser.Lighthouse(t, server.URL+"/pay/sample-"+state)
		require.Empty(t, said.Faults, state)
		require.Equal(t, 100, said.Scores["accessibility"], state)
		require.Equal(t, 100, said.Scores["best-practices"], state)
	}
}
