// Package docs renders an OpenAPI document as a page for people. The page is one response: it loads nothing, has a policy
// without unsafe-inline, and is readable without JavaScript, which only adds a search, buttons that copy, and the URL of the
// API in the samples.
//
// It supports what documents of package httpapi contain: JSON bodies, keys in headers, and named schemas.
package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// Page is the page of one document. It may be served concurrently.
type Page struct {
	html   []byte
	policy string
}

var _ http.Handler = (*Page)(nil)

// New returns the page of an OpenAPI 3.1 document.
func New(openapi []byte) (*Page, error) {
	var d document
	if err := json.Unmarshal(openapi, &d); err != nil {
		return nil, fmt.Errorf("docs: read the document: %w", err)
	}
	view, err := newView(&d)
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	page, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("docs: parse the page: %w", err)
	}
	view.CSS, view.JS = template.CSS(pageCSS), template.JS(pageJS)
	var out bytes.Buffer
	if err := page.Execute(&out, view); err != nil {
		return nil, fmt.Errorf("docs: write the page: %w", err)
	}
	return &Page{html: out.Bytes(), policy: "default-src 'none'; style-src " + hashed(pageCSS) + "; script-src " + hashed(pageJS) +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, nil
}

// hashed returns the source in a Content-Security-Policy that allows exactly this inline text.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// ServeHTTP writes the page.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodHead {
		_, _ = w.Write(p.html) // fails only when the client is gone
	}
}
