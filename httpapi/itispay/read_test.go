package itispay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/httpapi/internal/spy"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const unknownID = "018d0b6e-7a00-7000-8000-000000000000"

func TestGetAnswersWhatCreateAnswered(t *testing.T) {
	w := newWorld(t, options{})
	created := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`)
	id := created.text(t, "invoice_id")
	got := w.do(t, "GET", "/invoices/"+id, w.key, "")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, created.body, got.body)
}

// strictStore refuses ids that are not UUIDs, as databases with a type for UUIDs do.
type strictStore struct{ *spy.Store }

func (s strictStore) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	if id != unknownID {
		return invoice.Invoice{}, errors.New("invalid input syntax for type uuid")
	}
	return s.Store.Invoice(ctx, id)
}

func TestAnUnknownInvoiceIsNotFound(t *testing.T) {
	w := newWorld(t, options{service: func(c *invoice.Config) { c.Store = strictStore{c.Store.(*spy.Store)} }})
	for _, id := range []string{unknownID, "1", "archive", "%00", "%ff", "a%2Fb", "..%2f..", strings.Repeat("a", 5000), unknownID + "%20"} {
		w.do(t, "GET", "/invoices/"+id, w.key, "").refused(t, 404, "not_found")
		w.do(t, "GET", "/public/invoices/"+id, "", "").refused(t, 404, "not_found")
		w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"cancelled"}`).refused(t, 404, "not_found")
	}
}

func TestList(t *testing.T) {
	now := start
	w := newWorld(t, options{now: func() time.Time { return now }})
	for i, amount := range []string{"3", "1", "2", "5", "4"} {
		now = start.Add(time.Duration(i) * time.Minute)
		w.create(t, fmt.Sprintf(`{"order_id":"%d","fiat_amount":%s,"currency":"TOK"}`, i, amount))
	}
	now = start.Add(time.Hour)
	cancelled := w.create(t, `{"order_id":"5","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	require.Equal(t, 200, w.do(t, "PATCH", "/invoices/"+cancelled, w.key, `{"status":"cancelled"}`).status)
	w.do(t, "POST", "/invoices", w.other, `{"order_id":"theirs","fiat_amount":100,"currency":"SIM"}`)

	for _, c := range []struct{ query, orders, pagination string }{
		{"", "5 4 3 2 1 0", "1 20 1 6 false false"},
		{query("page_size", "4"), "5 4 3 2", "1 4 2 6 true false"},
		{query("page_size", "4", "page", "2"), "1 0", "2 4 2 6 false true"},
		{query("page_size", "4", "page", "3"), "", "3 4 2 6 false true"},
		{query("page_size", "100", "page", "1000000000"), "", "1000000000 100 1 6 false true"},
		{query("sort_order", "asc"), "0 1 2 3 4 5", "1 20 1 6 false false"},
		{query("sort_by", "fiat_amount"), "5 3 4 0 2 1", "1 20 1 6 false false"},
		{query("sort_by", "crypto_amount", "sort_order", "asc"), "5 1 2 0 4 3", "1 20 1 6 false false"},
		{query("sort_by", "updated_at", "page_size", "1"), "5", "1 1 6 6 true false"},
		{query("status", "cancelled"), "5", "1 20 1 1 false false"},
		{query("status", "new", "currency", "TOK"), "4 3 2 1 0", "1 20 1 5 false false"},
		{query("currency", "BTC"), "", "1 20 0 0 false false"},
		{query("created_after", "2024-01-15T10:32:00Z", "created_before", "2024-01-15T10:33:00Z"), "3 2", "1 20 1 2 false false"},
		{query("created_after", "2024-01-15T11:33:00+01:00", "currency", "TOK"), "4 3", "1 20 1 2 false false"},
		{"?status=&currency=&page=&unknown=1", "5 4 3 2 1 0", "1 20 1 6 false false"},
	} {
		got := w.do(t, "GET", "/invoices"+c.query, w.key, "")
		require.Equal(t, 200, got.status, "%s: %s", c.query, got.body)
		require.Equal(t, []string{"items", "pagination"}, names(t, got.body))
		var orders []string
		for _, item := range got.object(t)["items"].([]any) {
			orders = append(orders, item.(map[string]any)["order_id"].(string))
		}
		require.Equal(t, c.orders, strings.Join(orders, " "), c.query)
		p := got.object(t)["pagination"].(map[string]any)
		require.Equal(t, c.pagination, fmt.Sprint(p["current_page"], " ", p["page_size"], " ", p["total_pages"], " ",
			p["total_records"], " ", p["has_next"], " ", p["has_previous"]), c.query)
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	w := newWorld(t, options{})
	for _, q := range []string{
		"status=paid", "status=NEW", "status=null", "page=0", "page=-1", "page=x", "page=1.5", "page=1000000001",
		"page=9223372036854775807", "page=99999999999999999999", "page=null", "page=%221%22", "page_size=0", "page_size=101",
		"page_size=-1", "sort_by=name", "sort_by=created_at%3Bdrop", "sort_order=up", "created_after=yesterday",
		"created_after=2024-01-15", "created_before=2024-13-01T00:00:00Z", "created_after=null", "currency=%00", "currency=%ff",
		"currency=" + strings.Repeat("A", 33),
	} {
		w.do(t, "GET", "/invoices?"+q, w.key, "").refused(t, 422, "validation_error")
	}
	w.do(t, "GET", "/invoices?a=%zz", w.key, "").refused(t, 400, "bad_request")
	w.do(t, "GET", "/invoices?a=1;b=2", w.key, "").refused(t, 400, "bad_request")
}

func TestSetStatus(t *testing.T) {
	w := newWorld(t, options{})
	id := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	got := w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"cancelled","comment":"changed their mind"}`)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Equal(t, "cancelled", got.text(t, "status"))
	require.Equal(t, "50000000000000000", got.text(t, "crypto_amount_in_units"))
	at := len("invoice_id order_id fiat_amount fiat_currency currency crypto_amount") // the published sample has it after these
	require.Equal(t, "crypto_amount_in_units", strings.Fields(strings.Join(names(t, got.body), " ")[at:])[0])

	for comment, says := range map[string]string{
		`two\nlines`: "comment must not have control characters, such as tabs and ends of lines", `a\tb`: "comment must not have control characters",
		strings.Repeat("x", 1025): "comment must have at most 1024 characters",
	} {
		refused := w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"new","comment":"`+comment+`"}`).refused(t, 422, "validation_error")
		require.Contains(t, refused, says)
	}
	events, err := w.service.History(t.Context(), w.project, id, 0)
	require.NoError(t, err)
	last := events[len(events)-1]
	require.Equal(t, invoice.EventCancelled, last.Type)
	require.Equal(t, w.project, last.Actor)
	require.Equal(t, "changed their mind", last.Comment)

	again := w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"cancelled"}`)
	require.Equal(t, got.body, again.body, "asking for the present status changes nothing")
	for _, body := range []string{
		`{"status":"pending"}`, `{"status":"paid_partial"}`, `{"status":"completed"}`, `{"status":"expired"}`, // not from cancelled
		`{"status":"paid"}`, `{"status":""}`, `{"status":null}`, `{"status":1}`, `{}`,
		`{"status":"new","comment":"` + strings.Repeat("a", 1025) + `"}`, `{"status":"new","comment":"\u0007"}`,
	} {
		w.do(t, "PATCH", "/invoices/"+id, w.key, body).refused(t, 422, "validation_error")
	}
	w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":`).refused(t, 400, "bad_request")
	require.Equal(t, "cancelled", w.do(t, "GET", "/invoices/"+id, w.key, "").text(t, "status"))
}

func TestAnArchivedInvoiceKeepsWhatItWas(t *testing.T) {
	w := newWorld(t, options{})
	id := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	for _, status := range []string{"cancelled", "archived"} {
		require.Equal(t, 200, w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"`+status+`"}`).status)
	}
	got := w.do(t, "GET", "/invoices/"+id, w.key, "")
	want := append([]string{"invoice_id", "user_id", "project_id"}, liveMembers[1:]...)
	require.Equal(t, want, names(t, got.body))
	require.Empty(t, got.object(t)["blockchain_details"])
	require.Equal(t, "owner", got.text(t, "user_id"))
	require.Equal(t, w.project, got.text(t, "project_id"))
}

func TestIncident41_ThePublicViewIsWholeOnlyWhileTheInvoiceIsLive(t *testing.T) {
	w := newWorld(t, options{})
	created := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM","callback_url":"https://example.com/hook"}`)
	id := created.text(t, "invoice_id")
	require.Equal(t, created.body, w.do(t, "GET", "/public/invoices/"+id, "", "").body)
	for _, status := range []string{"expired", "cancelled", "archived"} {
		id := w.create(t, `{"order_id":"`+status+`","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
		if status == "archived" {
			w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"cancelled"}`)
		}
		require.Equal(t, 200, w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"`+status+`"}`).status)
		got := w.do(t, "GET", "/public/invoices/"+id, "", "")
		require.Equal(t, fmt.Sprintf(`{"invoice_id":"%s","status":"%s"}`+"\n", id, status), string(got.body))
	}
}

func TestPaymentsShowAsTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{now: time.Now})
		stage.Run(t, w.service)
		id := w.create(t, `{"order_id":"1","crypto_amount":3,"currency":"SIM"}`).text(t, "invoice_id")
		sim, to := w.chain.Asset("SIM"), chain.Address("sim1address00000000")
		read := func() answer {
			time.Sleep(5 * time.Second) // of the bubble's time: some polls of the follower
			synctest.Wait()
			return w.do(t, "GET", "/invoices/"+id, w.key, "")
		}

		first := w.chain.Pay(to, sim, units("1000000000000000001"))
		got := read()
		require.Equal(t, "paid_partial", got.text(t, "status"))
		require.Equal(t, "1.000000000000000001", got.text(t, "actual_crypto_amount_paid"))
		require.Equal(t, "1000000000000000001", got.text(t, "actual_crypto_amount_paid_in_units"))
		require.Equal(t, got.body, w.do(t, "GET", "/public/invoices/"+id, "", "").body)
		require.Equal(t, []string{first + " SIM 1.000000000000000001 1000000000000000001 0 pending"}, transactions(t, got))
		require.Contains(t, got.object(t)["blockchain_details"], "qrcode", "there is more to pay")

		w.chain.Mine(2)
		second := w.chain.Pay(to, sim, units("2000000000000000000"))
		got = read()
		require.Equal(t, "pending", got.text(t, "status"))
		require.NotContains(t, got.object(t)["blockchain_details"], "qrcode", "nothing is left to pay")
		require.ElementsMatch(t, []string{
			first + " SIM 1.000000000000000001 1000000000000000001 2 confirmed", second + " SIM 2 2000000000000000000 0 pending",
		}, transactions(t, got))

		w.chain.Evict(second)
		got = read()
		require.Equal(t, "paid_partial", got.text(t, "status"))
		require.Contains(t, transactions(t, got), second+" SIM 2 2000000000000000000 0 withdrawn")

		w.chain.Pay(to, sim, units("9223372036854775808000000"))
		w.chain.Mine(2)
		got = read()
		require.Equal(t, "completed", got.text(t, "status"))
		require.Equal(t, "9223373.036854775808000001", got.text(t, "actual_crypto_amount_paid"))
		require.NotContains(t, got.object(t), "actual_crypto_amount_paid_in_units", "more than 2^63")
		require.NotContains(t, string(got.body), "currency_paid")
		require.Equal(t, []string{"invoice_id", "status"}, names(t, w.do(t, "GET", "/public/invoices/"+id, "", "").body))
		w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"new"}`).refused(t, 422, "validation_error")
	})
}

// published is the part of an invoice that the vendor's Go client decodes: a single integer that does not fit makes it
// refuse a whole list, and a callback until it is dead.
type published struct {
	CryptoUnits  *int64 `json:"crypto_amount_in_units"`
	PaidUnits    int64  `json:"actual_crypto_amount_paid_in_units"`
	Transactions []struct {
		Units int64 `json:"amount_in_units"`
	} `json:"transactions"`
}

func TestUnitsThatDoNotFit64BitsAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{now: time.Now})
		stage.Run(t, w.service)
		v1, err := itispay.NewV1(w.config(nil))
		require.NoError(t, err)
		for i, c := range []struct {
			amount, units string
			fits          bool
		}{
			{"9.223372036854775807", "9223372036854775807", true},
			{"9.223372036854775808", "9223372036854775808", false},
			{"20", "20000000000000000000", false},
		} {
			id := w.create(t, `{"order_id":"`+c.amount+`","crypto_amount":`+c.amount+`,"currency":"SIM"}`).text(t, "invoice_id")
			w.chain.Pay(chain.Address(fmt.Sprintf("sim1address%08d", i)), w.chain.Asset("SIM"), units(c.units))
			time.Sleep(5 * time.Second)
			synctest.Wait()
			for name, got := range map[string]answer{
				"get":    w.do(t, "GET", "/invoices/"+id, w.key, ""),
				"public": w.do(t, "GET", "/public/invoices/"+id, "", ""),
				"admin":  w.do(t, "GET", "/admin/invoices/"+id, w.admin, ""),
				"1.0.0":  w.send(t, v1, w.request("GET", "/invoices/"+id, w.key, "")),
			} {
				require.NoError(t, json.Unmarshal(got.body, &published{}), name)
				require.Equal(t, c.amount, got.text(t, "actual_crypto_amount_paid"), name)
				if c.fits {
					require.Equal(t, c.units, got.text(t, "actual_crypto_amount_paid_in_units"), name)
				} else {
					require.NotContains(t, string(got.body), "in_units", name)
				}
			}
		}
		for name, got := range map[string]answer{
			"list":       w.do(t, "GET", "/invoices", w.key, ""),
			"admin list": w.do(t, "GET", "/admin/invoices", w.admin, ""),
			"1.0.0 list": w.send(t, v1, w.request("GET", "/invoices", w.key, "")),
		} {
			var list struct{ Items []published }
			require.NoError(t, json.Unmarshal(got.body, &list), name)
			require.Len(t, list.Items, 3)
		}
	})
}

func TestWhatMayBeReplacedIsNotConfirmedByZeroConfirmations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{now: time.Now, service: func(c *invoice.Config) {
			c.Chains[0].Assets[0].Confirm = []chain.Tier{{}}
		}})
		stage.Run(t, w.service)
		id := w.create(t, `{"order_id":"1","crypto_amount":3,"currency":"SIM"}`).text(t, "invoice_id")
		sim := w.chain.Asset("SIM")
		first := w.chain.SendReplaceable(chaintest.Output{To: "sim1address00000000", Asset: sim, Units: units("1000000000000000000")})
		second := w.chain.Pay("sim1address00000000", sim, units("1000000000000000000"))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.ElementsMatch(t, []string{
			first + " SIM 1 1000000000000000000 0 pending", second + " SIM 1 1000000000000000000 0 confirmed",
		}, transactions(t, w.do(t, "GET", "/invoices/"+id, w.key, "")))
	})
}

func TestPaidInAnotherCurrencySaysWhich(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{now: time.Now})
		stage.Run(t, w.service)
		id := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
		w.chain.Pay("sim1address00000000", w.chain.Asset("TOK"), units("200000000"))
		w.chain.Mine(3)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		got := w.do(t, "GET", "/invoices/"+id, w.key, "")
		require.Equal(t, "completed", got.text(t, "status"))
		require.Equal(t, "TOK", got.text(t, "currency_paid"))
		require.Equal(t, "0.05", got.text(t, "actual_crypto_amount_paid"))
		require.Contains(t, strings.Join(names(t, got.body), " "), "currency currency_paid crypto_amount ")
		require.Contains(t, transactions(t, got)[0], " TOK 200 200000000 3 confirmed")
	})
}

func TestExpiresAtFollowsAReopening(t *testing.T) {
	now := start
	w := newWorld(t, options{now: func() time.Time { return now }})
	id := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	now = start.Add(10*time.Minute + 500*time.Millisecond)
	w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"cancelled"}`)
	got := w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"new"}`)
	require.Equal(t, "2024-01-15T11:10:00Z", got.text(t, "expires_at"))
	require.Equal(t, "2024-01-15T10:40:00Z", got.text(t, "updated_at"))
	require.Equal(t, "30", got.text(t, "expire_min"))
}

func TestAnInvoiceWithoutAnAssetIsShownToo(t *testing.T) {
	w := newWorld(t, options{})
	for i, price := range []invoice.Price{{Currency: "EUR", Amount: prices()[pair("SIM", "EUR")]}, {Currency: "SIM", Amount: prices()[pair("TOK", "EUR")]}} {
		inv, err := w.service.Create(t.Context(), invoice.Request{Project: w.project, OrderID: fmt.Sprint(i), Format: itispay.FormatName, Price: price})
		require.NoError(t, err)
		got := w.do(t, "GET", "/invoices/"+inv.ID, w.key, "")
		require.Equal(t, 200, got.status)
		require.Equal(t, []string{"EUR  2000 0", " SIM 0 0.5"}[i], got.text(t, "fiat_currency")+" "+got.text(t, "currency")+" "+
			got.text(t, "fiat_amount")+" "+got.text(t, "crypto_amount"))
		require.Equal(t, 200, w.do(t, "PATCH", "/invoices/"+inv.ID, w.key, `{"status":"cancelled"}`).status)
	}
}

func transactions(t *testing.T, a answer) []string {
	var out []string
	for _, item := range a.object(t)["transactions"].([]any) {
		x := item.(map[string]any)
		out = append(out, fmt.Sprint(x["txid"], " ", x["currency"], " ", x["amount"], " ", x["amount_in_units"], " ", x["confirmations"], " ", x["status"]))
	}
	return out
}

func TestDustIsATransactionThatPaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{now: time.Now, service: func(c *invoice.Config) { c.Chains[0].Assets[0].Floor = decimal.NewFromInt(1) }})
		stage.Run(t, w.service)
		id := w.create(t, `{"order_id":"1","crypto_amount":3,"currency":"SIM"}`).text(t, "invoice_id")
		dust := w.chain.Pay("sim1address00000000", w.chain.Asset("SIM"), units("999999999999999999"))
		w.chain.Mine(2)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		got := w.do(t, "GET", "/invoices/"+id, w.key, "")
		require.Equal(t, "new", got.text(t, "status"))
		require.Equal(t, "0", got.text(t, "actual_crypto_amount_paid"))
		require.Equal(t, "0", got.text(t, "actual_crypto_amount_paid_in_units"))
		require.Equal(t, []string{dust + " SIM 0.999999999999999999 999999999999999999 2 confirmed"}, transactions(t, got))
	})
}
