package httpapi

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

//go:embed page.html
var pageHTML string

// renderPage writes the document for people.
func renderPage(d *document) ([]byte, error) {
	page, err := template.New("page").Funcs(template.FuncMap{"shape": d.shapeOf, "type": typeOf}).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	type operation struct {
		Method, Path string
		*described
	}
	byTag := map[string][]operation{}
	for path, methods := range d.Paths {
		for method, described := range methods {
			byTag[described.Tags[0]] = append(byTag[described.Tags[0]], operation{strings.ToUpper(method), path, described})
		}
	}
	for _, list := range byTag {
		slices.SortFunc(list, func(a, b operation) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	}
	var out bytes.Buffer
	if err := page.Execute(&out, map[string]any{"Doc": d, "ByTag": byTag}); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return out.Bytes(), nil
}

// shapeOf answers the members of an object's schema, with references followed.
func (d *document) shapeOf(s *schema) *schema {
	if len(s.AnyOf) > 0 {
		s = s.AnyOf[0]
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.Components.Schemas[name]
	}
	return s
}

// typeOf says in a few words what a value may be.
func typeOf(s *schema) string {
	words := strings.Join(s.Type, " or ")
	switch {
	case len(s.AnyOf) > 0:
		return typeOf(s.AnyOf[0])
	case len(s.OneOf) > 0:
		return typeOf(s.OneOf[0]) + " or null"
	case s.Ref != "":
		words = strings.TrimPrefix(s.Ref, "#/components/schemas/")
	case s.Items != nil:
		words = "array of " + typeOf(s.Items)
	case s.Additional != nil:
		words = "object of " + typeOf(s.Additional)
	case words == "":
		words = "any"
	}
	if len(s.Enum) > 0 {
		words += ": " + strings.Join(s.Enum, ", ")
	}
	return words
}

// Name and Schema are for the page.
func (p property) Name() string    { return p.name }
func (p property) Schema() *schema { return p.schema }

// servePage answers the page. It runs no script and loads nothing.
func servePage(page []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodHead {
			_, _ = w.Write(page) // fails only when nobody listens any more
		}
	})
}
