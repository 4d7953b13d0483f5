package checkout_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/httpapi/checkout/checkouttest"
	"github.com/cointill/cointill/invoice"
)

// get returns the body of a page of the shop, which must have the status.
func (s *shop) get(path string, status int) (string, http.Header) {
	s.Helper()
	return fetch(s.T, s.url+path, status)
}

func fetch(t *testing.T, url string, status int) (string, http.Header) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, status, response.StatusCode, string(body))
	return string(body), response.Header
}

// post posts a form as a browser does from a page of the site.
func (s *shop) post(path string, form url.Values, site string) (*http.Response, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), "POST", s.url+path, strings.NewReader(form.Encode()))
	require.NoError(s, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	require.NoError(s, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	return response, string(body)
}

func TestEachSampleShowsItsState(t *testing.T) {
	server := samples(t, func(c *checkout.Config) { c.Renew = true })
	kinds := map[string]checkout.Kind{
		"pay-bitcoin": checkout.KindPay, "pay-ether": checkout.KindPay, "pay-token": checkout.KindPay, "pay-tron": checkout.KindPay, "pay-soon": checkout.KindPay,
		"seen": checkout.KindConfirming, "over": checkout.KindPaid, "other": checkout.KindPaid, "withdrawn": checkout.KindPay,
	}
	for _, name := range checkouttest.New(time.Now()).Names() {
		want, special := kinds[name]
		if !special {
			want = checkout.Kind(name)
		}
		body, _ := fetch(t, server.URL+"/pay/"+checkouttest.ID(name), 200)
		require.Contains(t, body, `data-kind="`+string(want)+`"`, name)
		require.NotContains(t, body, "%!", name)
		asks := strings.Contains(body, `class="address"`)
		require.Equal(t, want == checkout.KindPay || want == checkout.KindPart || want == checkout.KindStanding, asks, "%s asks for money: %t", name, asks)
	}
}

// C6, C7: who paid too little, too late or too much reads how much, and whom to ask.
func TestAPayerWhoIsInTroubleReadsTheAmountsAndWhomToAsk(t *testing.T) {
	server := samples(t, nil)
	for name, want := range map[string][]string{
		"under": {"54.29\u00a0USDT", "32.574\u00a0USDT"}, "late": {"0.00053218\u00a0BTC", "arrived after the time"},
		"over": {"81.465\u00a0USDC", "27.155\u00a0USDC more than was due"}, "other": {"54.31\u00a0USDC arrived in another currency"},
		"withdrawn": {"no longer on the network"},
	} {
		body, _ := fetch(t, server.URL+"/pay/"+checkouttest.ID(name), 200)
		for _, text := range append(want, "help@shop.example") {
			require.Contains(t, body, text, name)
		}
	}
	for _, name := range []string{"under", "late", "over"} {
		body, _ := fetch(t, server.URL+"/pay/"+checkouttest.ID(name), 200)
		require.Contains(t, body, "mention this number", name)
		require.Contains(t, body, "A-2041", name)
		require.NotContains(t, body, `class="pay"`, "%s asks for more money", name)
	}
}

func TestAPageRunsNothingButItsOwnAndIsKeptNowhere(t *testing.T) {
	server := samples(t, nil)
	body, h := fetch(t, server.URL+"/pay/"+checkouttest.ID("pay-token"), 200)
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Empty(t, h.Values("Set-Cookie"))
	for _, bad := range []string{"<style", " style=", "onclick", "javascript:"} {
		require.NotContains(t, body, bad)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		outside := strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "https://shop.example/terms")
		require.False(t, outside, "loads or links %s", m[1])
	}
}

func TestTheFirstViewIsSmall(t *testing.T) {
	server := samples(t, nil)
	total := 0
	load := func(path string) string {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("Accept-Encoding", "gzip") // set by hand, so that the body stays as it is sent
		response, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, 200, response.StatusCode, path)
		total += len(body)
		return string(body)
	}
	body := load("/pay/" + checkouttest.ID("pay-token"))
	for _, m := range regexp.MustCompile(`\./(assets/[^"]*)`).FindAllStringSubmatch(body, -1) {
		load("/pay/" + m[1])
	}
	require.Less(t, total, 60<<10)
	t.Logf("the first view has %d bytes", total)
}

// C11: a choice is a form that leads back to the page, so that reloading it chooses nothing again.
func TestAPayerChoosesWithAForm(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(nil)
	body, _ := s.get("/pay/"+inv.ID, 200)
	require.Contains(t, body, `data-kind="choose"`)
	require.Contains(t, body, string(s.assetID("TOK")))

	r, _ := s.post("/pay/"+inv.ID+"/method", url.Values{"asset": {string(s.assetID("TOK"))}, "lang": {"de"}}, "same-origin")
	require.Equal(t, http.StatusSeeOther, r.StatusCode)
	require.Equal(t, "../"+inv.ID+"?lang=de", r.Header.Get("Location"))
	require.Equal(t, "TOK", s.invoice(inv.ID).Quote.Asset.Code)
	body, _ = s.get("/pay/"+inv.ID, 200)
	require.Contains(t, body, `data-kind="pay"`)
	require.Contains(t, body, "20\u00a0TOK")
	require.Contains(t, body, string(s.invoice(inv.ID).Quote.Address[:6]))

	r, body = s.post("/pay/"+inv.ID+"/method", url.Values{"asset": {"nothing"}}, "same-origin")
	require.Equal(t, http.StatusUnprocessableEntity, r.StatusCode)
	require.Contains(t, body, "not available any more")
	require.Contains(t, body, `action="../`+inv.ID+`/method"`, "the links of the answer to a form lead to the page")
}

func TestAnActFromAnotherSiteIsRefused(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(nil)
	r, _ := s.post("/pay/"+inv.ID+"/method", url.Values{"asset": {string(s.assetID("SIM"))}}, "cross-site")
	require.Equal(t, http.StatusForbidden, r.StatusCode)
	require.Nil(t, s.invoice(inv.ID).Quote)
}

// Over plain HTTP a browser names the origin of a form and nothing else.
func TestAFormOverPlainHTTPIsTakenFromItsOwnOrigin(t *testing.T) {
	s := openShop(t, nil)
	for origin, want := range map[string]int{s.url: http.StatusSeeOther, "http://evil.example": http.StatusForbidden, "null": http.StatusForbidden} {
		inv := s.create(nil)
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/pay/"+inv.ID+"/method", strings.NewReader(url.Values{"asset": {"SIM"}}.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		response, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, origin)
	}
	_, h := s.get("/pay/"+s.create(nil).ID, 200)
	require.Equal(t, "same-origin", h.Get("Referrer-Policy"), "without a referrer the origin of a form would be null")
}

// C16: without a rate the payer reads why, and may choose something else.
func TestAPayerReadsThatNoPriceIsAvailableAndMayChooseSomethingElse(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(nil)
	s.counted.rates.Store(true)
	r, body := s.post("/pay/"+inv.ID+"/method", url.Values{"asset": {string(s.assetID("SIM"))}}, "same-origin")
	require.Equal(t, http.StatusServiceUnavailable, r.StatusCode)
	require.Contains(t, body, "No price for this currency")
	require.Contains(t, body, string(s.assetID("TOK")))
}

// C5, C12: what must arrive is net of fees, and which type of address a wallet has to know.
func TestAPayerReadsWhatExchangesAndOldWalletsNeed(t *testing.T) {
	server := samples(t, nil)
	for _, name := range []string{"pay-bitcoin", "part"} {
		body, _ := fetch(t, server.URL+"/pay/"+checkouttest.ID(name), 200)
		require.Contains(t, body, "Exchanges deduct their fee", name)
		require.Equal(t, name == "pay-bitcoin", strings.Contains(body, "SegWit (bech32)"), name)
	}
}

// C15: nothing is called paid before it is.
func TestOnlyWhatIsCompleteIsCalledPaid(t *testing.T) {
	server := samples(t, nil)
	title := regexp.MustCompile(`<h1 id="title">([^<]*)</h1>`)
	for _, name := range checkouttest.New(time.Now()).Names() {
		body, _ := fetch(t, server.URL+"/pay/"+checkouttest.ID(name), 200)
		complete := name == "paid" || name == "over" || name == "other"
		require.Equal(t, complete, title.FindStringSubmatch(body)[1] == "Paid", name)
		require.Equal(t, complete, strings.Contains(body, "The payment is complete"), name)
	}
}

// C9: the clock of a payment begins with its quote, not with the invoice.
func TestTheTimeToPayIsCountedFromTheQuote(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(nil)
	time.Sleep(1100 * time.Millisecond)
	_, err := s.service.Choose(t.Context(), "", inv.ID, "SIM")
	require.NoError(t, err)
	body, _ := s.get("/pay/"+inv.ID, 200)
	window := regexp.MustCompile(`data-window="(\d+)"`).FindStringSubmatch(body)
	seconds, err := strconv.Atoi(window[1])
	require.NoError(t, err)
	require.Less(t, seconds, 30*60-1)
}

func TestAnExpiredInvoiceGetsANewPriceIfTheShopAllows(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		s := openShop(t, func(c *checkout.Config) { c.Renew = allowed })
		inv := s.create(func(r *invoice.Request) { r.Asset = "SIM" })
		_, err := s.service.SetStatus(t.Context(), invoice.Act{Invoice: inv.ID}, invoice.StatusExpired)
		require.NoError(t, err)
		body, _ := s.get("/pay/"+inv.ID, 200)
		require.Equal(t, allowed, strings.Contains(body, "/renew"))
		r, _ := s.post("/pay/"+inv.ID+"/renew", nil, "same-origin")
		if !allowed {
			require.Equal(t, http.StatusNotFound, r.StatusCode)
			require.Equal(t, invoice.StatusExpired, s.invoice(inv.ID).State.Status)
			continue
		}
		require.Equal(t, http.StatusSeeOther, r.StatusCode)
		require.Equal(t, invoice.StatusNew, s.invoice(inv.ID).State.Status)
	}
}

func TestAnUnknownInvoiceIsNotFoundAndBadIDsAreNotLookedUp(t *testing.T) {
	s := openShop(t, nil)
	before := s.counted.reads.Load()
	for _, path := range []string{"/pay/x", "/pay/" + strings.Repeat("a", 500), "/pay/%00aaaaaaaaaaa", "/pay/a%2f..%2fbbbbbbb", "/pay/claim/abcdefgh"} {
		body, _ := s.get(path, 404)
		require.Contains(t, body, "There is no such payment")
	}
	require.Equal(t, before, s.counted.reads.Load())
	for _, path := range []string{"/pay/0190aaaa-0000-7000-8000-000000000000", "/pay/0190aaaa-0000-7000-8000-000000000000/receipt", "/pay/0190aaaa-0000-7000-8000-000000000000/nothing"} {
		s.get(path, 404)
	}
	s.get("/pay/0190aaaa-0000-7000-8000-000000000000/state", 404)
	s.get("/pay/0190aaaa-0000-7000-8000-000000000000/live", 404)
}

func TestAFormHasABound(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(nil)
	r, _ := s.post("/pay/"+inv.ID+"/method", url.Values{"asset": {strings.Repeat("a", 100_000)}}, "same-origin")
	require.Equal(t, http.StatusBadRequest, r.StatusCode)
}

// payload is what a merchant or a payer may plant in a text.
const payload = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`

func TestTextsOfStrangersStayTexts(t *testing.T) {
	s := openShop(t, func(c *checkout.Config) {
		c.Shop = func(string) checkout.Shop {
			return checkout.Shop{Name: payload, Contact: payload + "@x", Terms: "javascript:alert(1)", Logo: "javascript:alert(1)"}
		}
		c.Links = func(invoice.Invoice) checkout.Links {
			return checkout.Links{Back: "javascript:alert(1)", Done: `https://x"><script>`, Refund: "data:text/html,x"}
		}
	})
	inv := s.create(func(r *invoice.Request) {
		r.Name, r.OrderID, r.Asset = payload, payload, "SIM"
	})
	for _, path := range []string{"/pay/" + inv.ID, "/pay/" + inv.ID + "/receipt", "/pay/" + inv.ID + "?lang=" + url.QueryEscape(payload), "/pay/" + inv.ID + "?frame=" + url.QueryEscape(payload)} {
		body, _ := s.get(path, 200)
		for _, bad := range []string{"<script>", "<img src=x", "javascript:"} {
			require.NotContains(t, body, bad, path)
		}
	}
}

func TestLinksGoBackToTheShop(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(func(r *invoice.Request) { r.Asset = "SIM" })
	body, _ := s.get("/pay/"+inv.ID, 200)
	require.Contains(t, body, `href="`+s.url+`/thanks"`)
	require.NotContains(t, body, "Your refund")
	s.pay(inv.ID)
	s.mine("3")
	body, _ = s.get("/pay/"+inv.ID, 200)
	require.Contains(t, body, `data-kind="paid"`)
	require.Contains(t, body, `href="`+s.url+`/thanks?paid"`)
	receipt, _ := s.get("/pay/"+inv.ID+"/receipt", 200)
	require.Contains(t, receipt, s.invoice(inv.ID).Payments[0].Key.TxID)
	require.Contains(t, receipt, "10\u00a0SIM")
}

func TestOnlyTheShopsOriginMayFrameThePageAndIsTold(t *testing.T) {
	s := openShop(t, func(c *checkout.Config) {
		c.Shop = func(string) checkout.Shop { return checkout.Shop{Frame: "https://shop.example/path"} }
	})
	inv := s.create(nil)
	body, h := s.get("/pay/"+inv.ID+"?frame=1", 200)
	require.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors https://shop.example;")
	require.Contains(t, body, `data-frame="https://shop.example"`)
	body, _ = s.get("/pay/"+inv.ID, 200)
	require.Contains(t, body, `data-frame=""`)
}

func TestTemplatesAndStyleAreTheHosts(t *testing.T) {
	server := samples(t, func(c *checkout.Config) {
		c.Style = []byte(":root { --accent: rebeccapurple; }")
		c.Templates = mapFS(map[string]string{"receipt.html": `<p>{{.T "receipt.title"}} of {{.Order}}</p>`})
	})
	body, _ := fetch(t, server.URL+"/pay/"+checkouttest.ID("paid")+"/receipt", 200)
	require.Equal(t, "<p>Receipt of A-2041</p>", body)
	body, _ = fetch(t, server.URL+"/pay/"+checkouttest.ID("paid"), 200)
	name := regexp.MustCompile(`assets/shop-[0-9a-f]+\.css`).FindString(body)
	style, _ := fetch(t, server.URL+"/pay/"+name, 200)
	require.Contains(t, style, "rebeccapurple")
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	invoices := checkouttest.New(time.Now())
	for want, cfg := range map[string]checkout.Config{
		"Invoices":  {},
		"Explorer":  {Invoices: invoices, Networks: map[chainNetwork]checkout.Network{"eip155:1": {Explorer: "https://x.example/"}}},
		"negative":  {Invoices: invoices, Streams: -1},
		"Templates": {Invoices: invoices, Templates: mapFS(map[string]string{"page.html": "{{"})},
	} {
		_, err := checkout.New(cfg)
		require.ErrorContains(t, err, want)
	}
}

func TestPricesAreShownInTheLanguage(t *testing.T) {
	s := openShop(t, nil)
	inv := s.create(func(r *invoice.Request) { r.Price.Amount = decimal.RequireFromString("1234.5") })
	body, _ := s.get("/pay/"+inv.ID+"?lang=de", 200)
	require.Contains(t, body, "1.234,50\u00a0EUR")
	require.True(t, bytes.Contains([]byte(body), []byte(`<html lang="de" dir="ltr">`)))
}

func TestARefundThatTheShopHasMadeIsLinked(t *testing.T) {
	server := samples(t, func(c *checkout.Config) {
		c.Links = func(invoice.Invoice) checkout.Links {
			return checkout.Links{Refund: "https://shop.example/pay/claim/abc"}
		}
	})
	body, _ := fetch(t, server.URL+"/pay/"+checkouttest.ID("over"), 200)
	require.Contains(t, body, `href="https://shop.example/pay/claim/abc"`)
}
