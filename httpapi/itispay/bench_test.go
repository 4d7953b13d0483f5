package itispay_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/cointill/cointill/httpapi/itispay"
)

const benchURI = "ethereum:0xdAC17F958D2ee523a2206206994597C13D831ec7@1/transfer?address=0x8ba1f109551bD432803012645Ac136ddd64DBA72&uint256=123456789012345678"

func BenchmarkQRCode(b *testing.B) {
	size := 0
	for b.Loop() {
		code, err := itispay.QRCode(benchURI)
		if err != nil {
			b.Fatal(err)
		}
		size = len(code)
	}
	b.ReportMetric(float64(size), "bytes")
}

func BenchmarkCreate(b *testing.B) {
	w := newWorld(b, options{})
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			rec := httptest.NewRecorder()
			body := fmt.Sprintf(`{"order_id":"%d","fiat_amount":100,"currency":"SIM"}`, n.Add(1))
			w.api.ServeHTTP(rec, w.request("POST", "/invoices", w.key, body))
			if rec.Code != http.StatusCreated {
				b.Errorf("%d: %s", rec.Code, rec.Body)
			}
		}
	})
}
