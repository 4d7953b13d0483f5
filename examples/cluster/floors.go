package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/cointill/cointill/invoice"
)

// floors keeps the floors of all workers outside of the database, in the process of the shop. They are gone with it, as is
// everything else here.
type floors struct {
	mu   sync.Mutex
	next map[string]uint32
}

// ServeHTTP raises a floor, if it is told one, and responds with it.
func (f *floors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wallet := r.FormValue("wallet")
	if next, err := strconv.ParseUint(r.FormValue("next"), 10, 32); err == nil {
		f.next[wallet] = max(f.next[wallet], uint32(next))
	}
	_ = json.NewEncoder(w).Encode(f.next[wallet]) // a client that is gone
}

// remoteFloors is the URL of floors. It implements [invoice.Floors].
type remoteFloors string

var _ invoice.Floors = remoteFloors("")

// Floor implements [invoice.Floors].
func (f remoteFloors) Floor(ctx context.Context, wallet string) (uint32, error) {
	return f.ask(ctx, url.Values{"wallet": {wallet}})
}

// Raise implements [invoice.Floors].
func (f remoteFloors) Raise(ctx context.Context, wallet string, next uint32) error {
	_, err := f.ask(ctx, url.Values{"wallet": {wallet}, "next": {strconv.FormatUint(uint64(next), 10)}})
	return err
}

func (f remoteFloors) ask(ctx context.Context, values url.Values) (floor uint32, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, string(f)+"?"+values.Encode(), nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("floors: status %d", res.StatusCode)
	}
	return floor, json.NewDecoder(res.Body).Decode(&floor)
}
