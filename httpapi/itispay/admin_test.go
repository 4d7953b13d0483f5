package itispay_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestOnlyAdministratorsReadWhatIsOthers(t *testing.T) {
	w := newWorld(t, options{})
	id := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	for _, path := range []string{"/admin/invoices", "/admin/invoices/" + id, "/admin/invoices/" + unknownID} {
		w.do(t, "GET", path, w.key, "").refused(t, 403, "forbidden")
		w.do(t, "GET", path, w.other, "").refused(t, 403, "forbidden")
		w.do(t, "GET", path, accountKey, "").refused(t, 401, "unauthorized")
	}
	w.do(t, "GET", "/admin/invoices/"+unknownID, w.admin, "").refused(t, 404, "not_found")
	w.do(t, "GET", "/invoices/"+id, w.admin, "").refused(t, 404, "not_found") // the other routes do not distinguish administrators
	w.api = w.newAPI(t, func(c *itispay.Config) { c.Admins = nil })
	w.do(t, "GET", "/admin/invoices", w.admin, "").refused(t, 403, "forbidden")
}

func TestAdminList(t *testing.T) {
	now := start
	w := newWorld(t, options{now: func() time.Time { return now }})
	for i, amount := range []string{"3", "1", "2"} {
		now = start.Add(time.Duration(i) * time.Minute)
		w.create(t, fmt.Sprintf(`{"order_id":"tok-%d","fiat_amount":%s,"currency":"TOK","order_name":"Tea %d%%"}`, i, amount, i))
	}
	now = start.Add(time.Hour)
	theirs := w.do(t, "POST", "/invoices", w.other, `{"order_id":"theirs","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	w.do(t, "PATCH", "/invoices/"+theirs, w.other, `{"status":"cancelled"}`)
	now = start.Add(2 * time.Hour)
	w.do(t, "POST", "/archived", w.key, `{"order_id":"old","fiat_amount":9,"fiat_currency":"USD","currency":"SIM","created_at":"2023-01-01"}`)
	_, err := w.service.Create(t.Context(), invoice.Request{Project: "nobody", OrderID: "open", Format: itispay.FormatName, Price: invoice.Price{Currency: "GBP", Amount: decimal.NewFromInt(7)}})
	require.NoError(t, err)

	for _, c := range []struct{ query, orders, pagination string }{
		{"", "open theirs tok-2 tok-1 tok-0 old", "1 20 1 6 false false"},
		{query("page_size", "2", "page", "2"), "tok-2 tok-1", "2 2 3 6 true true"},
		{query("sort_by", "fiat_amount", "sort_order", "asc"), "tok-1 tok-2 tok-0 open old theirs", "1 20 1 6 false false"},
		{query("status", "cancelled"), "theirs", "1 20 1 1 false false"},
		{query("currency", "TOK"), "tok-2 tok-1 tok-0", "1 20 1 3 false false"},
		{query("fiat_currency", "USD"), "old", "1 20 1 1 false false"},
		{query("fiat_currency", "GBP"), "open", "1 20 1 1 false false"},
		{query("fiat_currency", "EUR", "page_size", "2"), "theirs tok-2", "1 2 2 4 true false"},
		{query("fiat_currency", "EUR", "page_size", "2", "page", "2"), "tok-1 tok-0", "2 2 2 4 false true"},
		{query("fiat_currency", "EUR", "page_size", "2", "page", "3"), "", "3 2 2 4 false true"},
		{query("fiat_currency", "EUR", "status", "cancelled"), "theirs", "1 20 1 1 false false"},
		{query("fiat_currency", "XXX"), "", "1 20 0 0 false false"},
		{query("search", "TOK-1"), "tok-1", "1 20 1 1 false false"},
		{query("search", "tea 2%"), "tok-2", "1 20 1 1 false false"},
		{query("search", "%"), "tok-2 tok-1 tok-0", "1 20 1 3 false false"},
		{query("search", w.project), "tok-2 tok-1 tok-0 old", "1 20 1 4 false false"},
		{query("search", strings.ToUpper(theirs[9:])), "theirs", "1 20 1 1 false false"},
		{query("search", "'; drop table invoices"), "", "1 20 0 0 false false"},
		{query("search", "tok", "fiat_currency", "EUR", "sort_order", "asc"), "tok-0 tok-1 tok-2", "1 20 1 3 false false"},
	} {
		got := w.do(t, "GET", "/admin/invoices"+c.query, w.admin, "")
		require.Equal(t, 200, got.status, "%s: %s", c.query, got.body)
		var orders []string
		for _, item := range got.object(t)["items"].([]any) {
			require.NotContains(t, item, "status_history")
			require.NotContains(t, item, "callbacks")
			orders = append(orders, item.(map[string]any)["order_id"].(string))
		}
		require.Equal(t, c.orders, strings.Join(orders, " "), c.query)
		p := got.object(t)["pagination"].(map[string]any)
		require.Equal(t, c.pagination, fmt.Sprint(p["current_page"], " ", p["page_size"], " ", p["total_pages"], " ",
			p["total_records"], " ", p["has_next"], " ", p["has_previous"]), c.query)
	}
	for _, q := range []string{
		"status=paid", "page=0", "page_size=101", "sort_by=name", "sort_order=up", "currency=%00", "search=%00", "search=a%0a",
		"search=" + strings.Repeat("a", 256), "fiat_currency=" + strings.Repeat("a", 17),
	} {
		w.do(t, "GET", "/admin/invoices?"+q, w.admin, "").refused(t, 422, "validation_error")
	}
}

func TestAdministratorsSearchByOwner(t *testing.T) {
	w := newWorld(t, options{})
	w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`)
	_, key, err := w.projects.Create(t.Context(), invoice.NewProject{Owner: "Ann_1@Shop.example", Name: "shop"})
	require.NoError(t, err)
	for _, order := range []string{"2", "3"} {
		got := w.do(t, "POST", "/invoices", key, fmt.Sprintf(`{"order_id":%q,"fiat_amount":100,"currency":"TOK"}`, order))
		require.Equal(t, 201, got.status, got.body)
	}
	for search, orders := range map[string]string{
		"ANN_1@shop": "2 3", "@": "2 3", "n_1": "2 3", "OWNE": "1", "n%1": "", "nnn": "",
	} {
		var found []string
		got := w.do(t, "GET", "/admin/invoices"+query("search", search), w.admin, "")
		for _, item := range got.object(t)["items"].([]any) {
			require.Contains(t, strings.ToLower(item.(map[string]any)["user_id"].(string)), strings.ToLower(search))
			found = append(found, item.(map[string]any)["order_id"].(string))
		}
		slices.Sort(found)
		require.Equal(t, orders, strings.Join(found, " "), search)
	}
	both := query("search", "ann_1", "currency", "SIM")
	require.Equal(t, "[]", w.do(t, "GET", "/admin/invoices"+both, w.admin, "").text(t, "items"), "the other filters restrict as ever")
	for _, key := range []string{key, w.key} {
		w.store.Calls()
		w.do(t, "GET", "/admin/invoices"+query("search", "ann"), key, "").refused(t, 403, "forbidden")
		require.NotContains(t, w.store.Calls(), "ProjectsByOwner")
	}
}

func TestAdminDetailHasTheHistories(t *testing.T) {
	now := start
	w := newWorld(t, options{service: told, now: func() time.Time { return now }})
	id := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM","callback_url":"https://example.com/hook"}`).text(t, "invoice_id")
	now = start.Add(time.Minute)
	w.do(t, "PATCH", "/invoices/"+id, w.key, `{"status":"cancelled","comment":"changed their mind"}`)
	claimed, err := w.store.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 9})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	require.NoError(t, w.store.Record(t.Context(), claimed[0].Claim, webhook.Attempt{At: now, Status: 500, Excerpt: "oh", Error: "answered 500"}, webhook.Next{State: webhook.StateDue}))
	claimed, err = w.store.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 9})
	require.NoError(t, err)
	require.NoError(t, w.store.Record(t.Context(), claimed[0].Claim, webhook.Attempt{At: now.Add(5 * time.Second), Status: 200, Excerpt: `{"status":"ok"}`}, webhook.Next{State: webhook.StateDelivered}))

	got := w.do(t, "GET", "/admin/invoices/"+id, w.admin, "")
	body := got.object(t)
	require.Equal(t, "owner", body["user_id"])
	require.Equal(t, json.Number("2000"), body["rate_created"])
	history, err := json.Marshal(body["status_history"])
	require.NoError(t, err)
	require.JSONEq(t, `[{"new_status":"new","created_at":"2024-01-15T10:30:00Z"},{"old_status":"new","new_status":"cancelled",
		"actor":"`+w.project+`","comment":"changed their mind","created_at":"2024-01-15T10:31:00Z"}]`, string(history))
	callbacks, err := json.Marshal(body["callbacks"])
	require.NoError(t, err)
	require.JSONEq(t, `[{"callback_id":2,"url":"https://example.com/hook","status":"delivered","created_at":"2024-01-15T10:31:00Z",
		"payload":`+string(claimed[0].Message.Body)+`,"attempts":[
			{"http_status":500,"response":"oh","error":"answered 500","created_at":"2024-01-15T10:31:00Z"},
			{"http_status":200,"response":"{\"status\":\"ok\"}","created_at":"2024-01-15T10:31:05Z"}]}]`, string(callbacks))

	w.api = w.newAPI(t, func(c *itispay.Config) { c.Store = nil })
	require.NotContains(t, w.do(t, "GET", "/admin/invoices/"+id, w.admin, "").object(t), "callbacks")
}

func TestAnAdministratorSeesARecordAndWhatIsNobodys(t *testing.T) {
	w := newWorld(t, options{})
	id := w.do(t, "POST", "/archived", w.key, `{"order_id":"old","crypto_amount":1,"currency":"SIM"}`).text(t, "invoice_id")
	record := w.do(t, "GET", "/admin/invoices/"+id, w.admin, "")
	require.Equal(t, http.StatusOK, record.status)
	require.Equal(t, "owner", record.text(t, "user_id"))
	require.NotContains(t, record.object(t), "transactions")
	inv, err := w.service.Create(t.Context(), invoice.Request{Project: "nobody", Format: itispay.FormatName, Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(7)}})
	require.NoError(t, err)
	got := w.do(t, "GET", "/admin/invoices/"+inv.ID, w.admin, "")
	require.Equal(t, "nobody", got.text(t, "project_id"))
	require.NotContains(t, got.object(t), "user_id")
	require.NotContains(t, got.object(t), "rate_created")
}
