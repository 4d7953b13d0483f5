package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/devchain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// shop creates invoices through any worker, and receives webhooks from all of them.
type shop struct {
	projects *invoice.Projects
	project  string
	key      string
	tills    []string
	hooks    string // URL for webhooks
	floors   string // URL of the workers' floors
	server   *http.Server

	mu        sync.Mutex        // guards what follows
	orders    map[string]*order // by invoice
	lost      map[string]*order // those whose invoices the database has lost, by these invoices
	seen      map[string]string // body by message id
	newest    map[string]int64  // highest number of a message, by invoice
	completed map[string]int    // number of messages with this event, by invoice
	repeated  int               // number of messages that had been seen before
	retried   int               // number of retried requests
	restored  bool              // the database has lost its end, so that the same may come about again, in other words
	wrong     []string          // violations
}

type order struct {
	id      string
	invoice string
	address chain.Address
	due     *big.Int
	sent    *big.Int
}

func openShop(ctx context.Context, projects *invoice.Projects) (*shop, error) {
	p, key, err := projects.Create(ctx, invoice.NewProject{Owner: "cluster", Name: fmt.Sprint("Shop of ", time.Now().UnixNano())})
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &shop{
		projects: projects, project: p.ID, key: key, hooks: "http://" + l.Addr().String() + "/hook",
		floors: "http://" + l.Addr().String() + "/floors",
		orders: map[string]*order{}, lost: map[string]*order{}, seen: map[string]string{}, newest: map[string]int64{}, completed: map[string]int{},
	}
	secrets, err := projects.Secrets(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /floors", &floors{next: map[string]uint32{}})
	mux.HandleFunc("POST /hook", func(w http.ResponseWriter, r *http.Request) { s.hear(w, r, secrets) })
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// buy creates all invoices, several at a time, and passes each on for payment.
func (s *shop) buy(ctx context.Context, o options, orders chan<- *order) error {
	defer close(orders)
	numbers := make(chan int)
	errs := make(chan error, 8)
	for buyer := range uint64(8) {
		go func() {
			rng := rand.New(rand.NewPCG(o.seed, 100+buyer))
			for n := range numbers {
				bought, err := s.order(ctx, rng, fmt.Sprintf("order-%d", n))
				if err != nil {
					errs <- err
					return
				}
				orders <- bought
			}
			errs <- nil
		}()
	}
	for n := range o.invoices {
		select {
		case numbers <- n:
		case <-ctx.Done():
		}
	}
	close(numbers)
	var all []error
	for range 8 {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// order creates one invoice. If a worker dies meanwhile, the shop repeats the request with the same order id, possibly to
// another worker.
func (s *shop) order(ctx context.Context, rng *rand.Rand, id string) (*order, error) {
	return s.orderAt(ctx, func() string { return s.tills[rng.IntN(len(s.tills))] }, id)
}

// orderAt is order at chosen workers.
func (s *shop) orderAt(ctx context.Context, till func() string, id string) (*order, error) {
	for ctx.Err() == nil {
		inv, err := s.ask(ctx, till(), id)
		if err == nil {
			due, err := inv.units()
			if err != nil {
				return nil, err
			}
			o := &order{id: id, invoice: inv.ID, address: chain.Address(inv.Details.Address), due: due, sent: new(big.Int)}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.orders[inv.ID] = o
			return o, nil
		}
		s.mu.Lock()
		s.retried++
		s.mu.Unlock()
		pause(ctx, 50*time.Millisecond)
	}
	return nil, ctx.Err()
}

// apiInvoice is the part of the API's invoices that the shop reads.
type apiInvoice struct {
	ID      string      `json:"invoice_id"`
	Amount  json.Number `json:"crypto_amount"`
	Message string      `json:"message"`
	Details struct {
		Address string `json:"blockchainAddress"`
	} `json:"blockchain_details"`
}

// units returns the amount in wei.
func (inv apiInvoice) units() (*big.Int, error) {
	amount, ok := new(big.Rat).SetString(inv.Amount.String())
	if !ok {
		return nil, fmt.Errorf("amount %q", inv.Amount)
	}
	amount.Mul(amount, new(big.Rat).SetInt(big.NewInt(1e18)))
	return amount.Num(), nil
}

// ask requests the order's invoice from one worker: a new one, or the existing one.
func (s *shop) ask(ctx context.Context, till, id string) (apiInvoice, error) {
	body, err := json.Marshal(map[string]any{"order_id": id, "fiat_amount": 25, "currency": "ETH", "callback_url": s.hooks})
	if err != nil {
		return apiInvoice{}, err
	}
	inv, status, err := s.call(ctx, http.MethodPost, till+"/invoices", body)
	if err == nil && status == http.StatusConflict {
		first := inv.Message[strings.LastIndex(inv.Message, " ")+1:]
		inv, status, err = s.call(ctx, http.MethodGet, till+"/invoices/"+first, nil)
	}
	if err == nil && status >= 300 {
		err = fmt.Errorf("status %d: %s", status, inv.Message)
	}
	return inv, err
}

func (s *shop) call(ctx context.Context, method, url string, body []byte) (apiInvoice, int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return apiInvoice{}, 0, err
	}
	req.Header.Set("Api-Key", s.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return apiInvoice{}, 0, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return apiInvoice{}, 0, err
	}
	var inv apiInvoice
	return inv, res.StatusCode, json.Unmarshal(raw, &inv)
}

// hear receives a webhook, and records violations.
func (s *shop) hear(w http.ResponseWriter, r *http.Request, secrets []string) {
	id, body, err := webhook.VerifyRequest(r, secrets, time.Now())
	if err != nil {
		http.Error(w, "not signed", http.StatusUnauthorized)
		return
	}
	var told struct {
		Invoice string `json:"invoice_id"`
		Status  string `json:"status"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	number, err := numberOf(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	before, again := s.seen[id]
	switch {
	case err != nil:
		s.wrong = append(s.wrong, fmt.Sprintf("message %s has no number", id))
	case again && before != string(body):
		s.wrong = append(s.wrong, fmt.Sprintf("message %s has two contents", id))
	case again:
		s.repeated++
		return
	case number <= s.newest[told.Invoice] && !s.restored:
		s.wrong = append(s.wrong, fmt.Sprintf("message %s came after number %d", id, s.newest[told.Invoice]))
	}
	s.seen[id], s.newest[told.Invoice] = string(body), number
	if told.Status == string(invoice.StatusCompleted) {
		s.completed[told.Invoice]++
	}
}

// told returns the number of orders that were reported as completed.
func (s *shop) told() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := map[string]bool{}
	for _, orders := range []map[string]*order{s.orders, s.lost} {
		for id, o := range orders {
			if s.completed[id] > 0 {
				told[o.id] = true
			}
		}
	}
	return len(told)
}

// recover asks for its invoices once the database has lost its end. An order whose invoice is lost gets another one, which is
// paid again, unless it was reported as completed: then the shop has delivered. What was paid at the lost address is in the
// wallet, and the shop knows whose it is.
func (s *shop) recover(ctx context.Context, o options, payer *payer) error {
	rng := rand.New(rand.NewPCG(o.seed, 3))
	for pause(ctx, 200*time.Millisecond) {
		for _, bought := range s.open() {
			_, status, err := s.call(ctx, http.MethodGet, s.tills[rng.IntN(len(s.tills))]+"/invoices/"+bought.invoice, nil)
			if err != nil || status != http.StatusNotFound {
				continue
			}
			s.mu.Lock()
			s.lost[bought.invoice] = bought
			delete(s.orders, bought.invoice)
			s.mu.Unlock()
			again, err := s.order(ctx, rng, bought.id)
			if err != nil {
				return err
			}
			if err := payer.pay(ctx, again); err != nil {
				return err
			}
		}
	}
	return nil
}

// open returns the orders that are not reported as completed, if the database has lost its end.
func (s *shop) open() (out []*order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.orders {
		if s.restored && s.completed[id] == 0 {
			out = append(out, o)
		}
	}
	return out
}

// payer pays the invoices that it gets, sometimes in two parts, sometimes too much.
type payer struct {
	node *devchain.Chain
	rng  *rand.Rand
}

func (p *payer) pay(ctx context.Context, o *order) error {
	parts := []*big.Int{o.due}
	switch p.rng.IntN(10) {
	case 0:
		half := new(big.Int).Rsh(o.due, 1)
		parts = []*big.Int{half, new(big.Int).Sub(o.due, half)}
	case 1:
		parts = []*big.Int{new(big.Int).Add(o.due, big.NewInt(1+p.rng.Int64N(1e15)))}
	}
	for _, units := range parts {
		if _, err := p.node.Pay(ctx, p.node.Native(), o.address, units); err != nil {
			return fmt.Errorf("pay %s: %w", o.id, err)
		}
		o.sent.Add(o.sent, units)
	}
	return nil
}

// numberOf returns the number of an event within its invoice, which is part of its id: evt_, the invoice, the number, and a
// part of the hash of its contents.
func numberOf(id string) (int64, error) {
	parts := strings.Split(id, "_")
	if len(parts) != 4 {
		return 0, fmt.Errorf("%s is no id of an event", id)
	}
	return strconv.ParseInt(parts[2], 10, 64)
}
