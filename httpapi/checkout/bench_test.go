package checkout_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/checkout"
	"github.com/cointill/cointill/httpapi/checkout/checkouttest"
	"github.com/cointill/cointill/internal/browser"
	"github.com/cointill/cointill/invoice"
)

// BenchmarkOpenPages opens the streams of 9,500 pages (1,000 with -short), for which 20,000 files suffice, over TCP in one process, and reports the memory of
// the process for each, sockets of the readers included, beside that of the same number of connections that were answered
// and are idle:
//
//	go test -run '^$' -bench OpenPages -benchtime 1x ./httpapi/checkout
func BenchmarkOpenPages(b *testing.B) {
	pages := 9500
	if testing.Short() {
		pages = 1000
	}
	c, err := checkout.New(checkout.Config{Invoices: many{checkouttest.New(time.Now())}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	server := httptest.NewServer(c)
	for b.Loop() {
		idle := measure(b, server, pages, func(i int) string { return fmt.Sprintf("/sample-confirming_%d/state", i) })
		open := measure(b, server, pages, func(i int) string { return fmt.Sprintf("/sample-confirming_%d/live", i) })
		b.ReportMetric(open/float64(pages), "B/page")
		b.ReportMetric(open/(1<<20), "MiB")
		b.ReportMetric(open/idle, "open/idle")
	}
	cancel()
	<-ended
	server.Close()
}

// BenchmarkLighthouse has Lighthouse rate the time until the page is there, 0 to 100, as a phone on a slow network sees it:
//
//	go test -run '^$' -bench Lighthouse -benchtime 1x ./httpapi/checkout
func BenchmarkLighthouse(b *testing.B) {
	server := samples(b, nil)
	for b.Loop() {
		b.ReportMetric(float64(browser.Lighthouse(b, server.URL+"/pay/sample-pay-token").Scores["performance"]), "of-100")
	}
}

// many is a sample with an id of its own for each page.
type many struct{ *checkouttest.Invoices }

func (m many) Invoice(ctx context.Context, project, id string) (invoice.Invoice, error) {
	name, _, _ := strings.Cut(id, "_")
	inv, err := m.Invoices.Invoice(ctx, project, name)
	inv.ID = id
	return inv, err
}

// measure returns by how much the memory of the process has grown with n answered connections.
func measure(b *testing.B, server *httptest.Server, n int, path func(i int) string) float64 {
	b.Helper()
	before := inUse()
	address := strings.TrimPrefix(server.URL, "http://")
	conns := make([]net.Conn, n)
	for i := range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		conns[i] = conn
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path(i), address); err != nil {
			b.Fatal(err)
		}
		line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
		if err != nil || !strings.Contains(line, fmt.Sprint(http.StatusOK)) {
			b.Fatal(line, err)
		}
	}
	used := inUse() - before
	for _, conn := range conns {
		_ = conn.Close() // only read from
	}
	time.Sleep(100 * time.Millisecond)
	return used
}

// inUse returns the memory of heap and stacks in bytes.
func inUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}

// BenchmarkPage renders the page of an invoice that is to be paid, QR code included.
func BenchmarkPage(b *testing.B) {
	c, err := checkout.New(checkout.Config{Invoices: checkouttest.New(time.Now())})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sample-pay-token", nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
