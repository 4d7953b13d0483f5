package desk_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func furnish(w *world) {
	exact := w.create(w.shop, "A-1001", "40", nil)
	over := w.create(w.shop, "A-1002", "100", nil)
	under := w.create(w.shop, "A-1003", "80", nil)
	w.create(w.shop, "A-1004", "25", nil)
	late := w.create(w.shop, "A-1005", "60", func(r *invoice.Request) { r.Window = time.Minute })
	gone := w.create(w.rival, "B-1", "12", nil)
	w.pay(exact, 100)
	w.pay(over, 150)
	w.pay(under, 40)
	w.confirm()
	w.wait(40 * time.Minute)
	w.chain.AdjustTime(time.Hour)
	w.confirm()
	w.pay(late, 100)
	w.pay(gone, 50)
	w.confirm()
	w.request(w.shop, "rent", "1", "carl")
	w.request(w.shop, "wages", "6", "carl")
	w.look()
	w.chain.Mine(1)
	w.see()
}

func TestServe(t *testing.T) {
	addr := os.Getenv("DESK_SERVE")
	if addr == "" {
		t.Skip()
	}
	w := newWorld(t, nil)
	furnish(w)
	mux := http.NewServeMux()
	mux.Handle("/office/", http.StripPrefix("/office", w.desk))
	require.NoError(t, http.ListenAndServe(addr, mux))
}

func TestFirst(t *testing.T) {
	w := newWorld(t, nil)
	furnish(w)
	for _, p := range []string{"/", "/invoices", "/payouts", "/money", "/projects", "/webhooks", "/audit", "/projects/" + w.shop} {
		a := w.fetch(p)
		if a.Code != 200 {
			t.Error(p, a.Code, w.log.String())
		}
	}
	_ = httptest.NewRecorder
}
