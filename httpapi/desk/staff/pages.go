package staff

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"strings"
	"time"

	"github.com/cointill/cointill/httpapi/internal/page"
)

//go:embed pages/*.html assets/*
var files embed.FS

// pages renders the pages.
type pages struct {
	templates *template.Template
	assets    *page.Assets
}

func newPages() (*pages, error) {
	embedded, err := fs.Sub(files, "assets")
	if err != nil {
		return nil, err
	}
	p := &pages{}
	if p.assets, err = page.NewAssets(embedded); err != nil {
		return nil, err
	}
	functions := template.FuncMap{
		"when": when, "datetime": func(t time.Time) string { return t.UTC().Format(time.RFC3339) }, "asset": p.assets.Name,
		"join": func(texts []string) string { return strings.Join(texts, "\n") },
	}
	if p.templates, err = template.New("").Funcs(functions).ParseFS(files, "pages/*.html"); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return p, nil
}

// content is what a template gets.
type content map[string]any

// With returns the content with another entry.
func (c content) With(key string, value any) content {
	more := maps.Clone(c)
	more[key] = value
	return more
}

// render returns a page. It is written only once it is whole.
func (p *pages) render(name, urlPath string, data map[string]any) ([]byte, error) {
	data["Up"], data["Page"] = page.Up(urlPath), name
	var out bytes.Buffer
	if err := p.templates.ExecuteTemplate(&out, name+".html", content(data)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// imageURL marks a data URI that the package has made itself.
func imageURL(made string) template.URL { return template.URL(made) }

// browser returns what a person recognizes of how a browser names itself. It is shown, and decides nothing.
func browser(agent string) string {
	name, system := "Unknown browser", ""
	for _, known := range [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(agent, known[0]) {
			name = known[1]
			break
		}
	}
	for _, known := range [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, known[0]) {
			system = " on " + known[1]
			break
		}
	}
	return name + system
}
