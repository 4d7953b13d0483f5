package main

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// shop is the client of the API. It keeps its orders, and the webhooks that it received, in its own tables beside those of
// the library.
type shop struct {
	house    *house
	projects *invoice.Projects
	project  string
	key      string
	payment  string // key that signs requests of the Cryptomus API, and payout the one for money out
	payout   string
	told     chan hook // verified webhooks, for the timeline
}

// order is one order of the shop.
type order struct {
	kind     string
	ID       string
	Currency string
	Invoice  string
	Address  string
	Amount   decimal.Decimal
	parts    []int64 // the payer's payments, in percent of the amount
}

// hook is a decoded webhook.
type hook struct {
	ID     string
	Order  string `json:"order_id"`
	Other  string `json:"externalId"` // name in CryptoSteroid's API
	Status string `json:"status"`
}

const shopTables = `
CREATE TABLE IF NOT EXISTS shop_orders (id TEXT PRIMARY KEY, kind TEXT NOT NULL, paid INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS shop_hooks (id TEXT PRIMARY KEY, order_id TEXT NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL, times INTEGER NOT NULL);`

// openShop reads the shop's project and API key from the directory, or creates them.
func openShop(ctx context.Context, h *house, projects *invoice.Projects) (*shop, error) {
	s := &shop{house: h, projects: projects, told: make(chan hook, 64)}
	if _, err := h.db.ExecContext(ctx, shopTables); err != nil {
		return nil, err
	}
	file := filepath.Join(h.dir, "api-key")
	if key, err := os.ReadFile(file); err == nil {
		s.key = strings.TrimSpace(string(key))
		project, err := projects.Authenticate(ctx, s.key)
		if s.project = project.ID; err != nil {
			return nil, err
		}
		return s, s.signs(ctx)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	project, key, err := projects.Create(ctx, invoice.NewProject{Owner: "quickstart", Name: fmt.Sprint("Shop of ", time.Now().UnixNano())})
	if err != nil {
		return nil, err
	}
	s.project, s.key = project.ID, key
	if err := replaceFile(file, key); err != nil {
		return nil, err
	}
	return s, s.signs(ctx)
}

// signs reads the project's keys for the Cryptomus API. It creates those that are missing.
func (s *shop) signs(ctx context.Context) error {
	for name, key := range map[string]*string{cryptomus.PaymentKey: &s.payment, cryptomus.PayoutKey: &s.payout} {
		var err error
		if *key, err = s.projects.Key(ctx, s.project, name); errors.Is(err, invoice.ErrNotFound) {
			*key, err = s.projects.MakeKey(ctx, s.project, name, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// place ensures that there is an order of this kind with an invoice that can still be paid, or is paid.
func (s *shop) place(ctx context.Context, o *order) error {
	for number := 1; ; number++ {
		o.ID = fmt.Sprintf("%s-%d", o.kind, number)
		if _, err := s.house.db.ExecContext(ctx, `INSERT OR IGNORE INTO shop_orders (id, kind) VALUES (?, ?)`, o.ID, o.kind); err != nil {
			return err
		}
		status, err := s.invoice(ctx, o)
		if err != nil || status != string(invoice.StatusExpired) {
			return err
		}
	}
}

// trial returns the id of an invoice for a person with a browser, who chooses what to pay it in.
func (s *shop) trial(ctx context.Context) (string, error) {
	inv, err := s.house.invoices.Create(ctx, invoice.Request{
		Project: s.project, Name: "Something to try", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(15)}, Window: time.Hour,
	})
	return inv.ID, err
}

// apiInvoice is the part of the API's invoices that the shop reads.
type apiInvoice struct {
	InvoiceID string          `json:"invoice_id"`
	OrderID   string          `json:"order_id"`
	Status    string          `json:"status"`
	Amount    decimal.Decimal `json:"crypto_amount"`
	Details   struct {
		Address string `json:"blockchainAddress"`
	} `json:"blockchain_details"`
}

// invoice requests the order's invoice from the API: a new one, or the existing one.
func (s *shop) invoice(ctx context.Context, o *order) (status string, err error) {
	var inv apiInvoice
	code, err := s.call(ctx, http.MethodPost, "/invoices", map[string]any{
		"order_id": o.ID, "fiat_amount": 25, "fiat_currency": "EUR", "currency": o.Currency,
		"order_name": "Quickstart " + o.ID, "callback_url": s.house.url() + hookPath,
	}, &inv)
	if code == http.StatusConflict {
		inv, err = s.find(ctx, o.ID)
	}
	if err != nil {
		return "", err
	}
	o.Invoice, o.Address, o.Amount = inv.InvoiceID, inv.Details.Address, inv.Amount
	return inv.Status, nil
}

// find searches the API's list for the invoice of an order.
func (s *shop) find(ctx context.Context, orderID string) (apiInvoice, error) {
	for page := 1; ; page++ {
		var list struct {
			Items      []apiInvoice `json:"items"`
			Pagination struct {
				HasNext bool `json:"has_next"`
			} `json:"pagination"`
		}
		if _, err := s.call(ctx, http.MethodGet, fmt.Sprint("/invoices?page_size=100&page=", page), nil, &list); err != nil {
			return apiInvoice{}, err
		}
		for _, inv := range list.Items {
			if inv.OrderID == orderID {
				return inv, nil
			}
		}
		if !list.Pagination.HasNext {
			return apiInvoice{}, fmt.Errorf("no invoice for order %s", orderID)
		}
	}
}

// call sends a request to the API as any client would.
func (s *shop) call(ctx context.Context, method, path string, body, answer any) (int, error) {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.house.apiURL()+path, &payload)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Api-Key", s.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		var refusal struct{ Message string }
		err := json.NewDecoder(res.Body).Decode(&refusal)
		return res.StatusCode, errors.Join(fmt.Errorf("%s %s: %s: %s", method, path, res.Status, refusal.Message), err)
	}
	return res.StatusCode, json.NewDecoder(res.Body).Decode(answer)
}

// hook receives webhooks. It verifies signatures, and ignores repetitions.
func (s *shop) hook(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(itispay.HeaderSimulated) != "" { // it reports nothing; a real shop accepts it only in tests
		fmt.Fprintln(w, `{"status":"ok"}`)
		return
	}
	secrets, err := s.projects.Secrets(r.Context(), s.project)
	if err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	id, body, err := webhook.VerifyRequest(r, secrets, time.Now())
	if err != nil {
		http.Error(w, "not signed by the till", http.StatusUnauthorized)
		return
	}
	told := hook{ID: id}
	if err := json.Unmarshal(body, &told); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	told.Order = cmp.Or(told.Order, told.Other)
	if err := s.remember(r.Context(), told, body); err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, `{"status":"ok"}`)
	select {
	case s.told <- told:
	default: // nobody is watching the timeline
	}
}

// remember stores a webhook, and that the order is paid, in one transaction.
func (s *shop) remember(ctx context.Context, told hook, body []byte) error {
	tx, err := s.house.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, `INSERT INTO shop_hooks (id, order_id, status, body, times) VALUES (?, ?, ?, ?, 1)
		ON CONFLICT (id) DO UPDATE SET times = times + 1`, told.ID, told.Order, told.Status, string(body)); err != nil {
		return err
	}
	if told.Status == string(invoice.StatusCompleted) {
		if _, err := tx.ExecContext(ctx, `UPDATE shop_orders SET paid = 1 WHERE id = ?`, told.Order); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// paid reports whether a webhook has said that the order is paid.
func (s *shop) paid(ctx context.Context, orderID string) (bool, error) {
	var paid bool
	err := s.house.db.QueryRowContext(ctx, `SELECT paid FROM shop_orders WHERE id = ?`, orderID).Scan(&paid)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return paid, err
}
