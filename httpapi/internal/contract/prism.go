package contract

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
)

// PrismEnv is the environment variable with the path of Prism, a foreign OpenAPI validator in another language.
const PrismEnv = "COINTILL_PRISM"

// Proxied is an API behind Prism, which validates every request and every response.
type Proxied struct {
	testing.TB
	proxy *url.URL
}

// Prism puts an API behind Prism. The test is skipped with -short, and if there is no Prism, which fails it in CI. Prism rewrites bodies: an API
// that depends on their bytes needs a handler around it, which may be nil otherwise.
func Prism(t testing.TB, api *httpapi.API, around func(http.Handler) http.Handler) *Proxied {
	t.Helper()
	if testing.Short() {
		t.Skip("another program: not with -short")
	}
	prism := os.Getenv(PrismEnv)
	if prism == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(PrismEnv + " does not name Prism")
		}
		t.Skip(PrismEnv + " does not name Prism")
	}
	document := filepath.Join(t.TempDir(), "openapi.json")
	text := bytes.ReplaceAll(api.OpenAPI(), []byte(`"format": "int64"`), []byte(`"format": "exact"`)) // Prism takes 53 bits for 64
	if err := os.WriteFile(document, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var handler http.Handler = api
	if around != nil {
		handler = around(api)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	nobody := httptest.NewServer(nil) // for a port that is free
	address := nobody.Listener.Addr().String()
	nobody.Close()
	host, port, _ := strings.Cut(address, ":")
	var log bytes.Buffer // not read before the process has ended
	cmd := exec.CommandContext(t.Context(), prism, "proxy", "--errors", "--host", host, "--port", port, document, server.URL)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // it was ended with the test
		if t.Failed() {
			t.Logf("%s", log.Bytes())
		}
	})
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return &Proxied{t, &url.URL{Scheme: "http", Host: address}}
		}
		if time.Since(began) > time.Minute {
			t.Fatal("Prism does not start")
		}
	}
}

// Send makes a request. The API must respond with the status, and Prism must not report an error.
func (p *Proxied) Send(r *http.Request, status int) {
	p.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.Fatal(err)
	}
	out, err := http.NewRequestWithContext(p.Context(), r.Method, p.proxy.String()+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	out.Header = r.Header.Clone()
	res, err := http.DefaultClient.Do(out)
	if err != nil {
		p.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		p.Fatal(err)
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") || res.StatusCode != status {
		p.Errorf("%s %s %s: %d %s", r.Method, r.URL, body, res.StatusCode, answer)
	}
}
