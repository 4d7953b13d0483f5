package desk

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
)

//go:embed templates
var templateFiles embed.FS

// pages are the templates by their names, each with the layout and the parts that pages share.
type pages map[string]*template.Template

// parse parses the embedded templates.
func (d *Desk) parse() (pages, error) {
	shared, err := template.New("layout").Funcs(d.funcs()).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	out := pages{}
	for _, file := range files {
		t, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if out[strings.TrimSuffix(path.Base(file), ".html")], err = t.ParseFS(templateFiles, file); err != nil {
			return nil, fmt.Errorf("parse %s: %w", file, err)
		}
	}
	return out, nil
}

// funcs are what templates call. None of them writes markup.
func (d *Desk) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":   d.assets.Name,
		"words":   func(s any) string { return words(fmt.Sprint(s)) },
		"clock":   clock,
		"stamp":   stamp,
		"ago":     func(t time.Time) string { return ago(d.cfg.Now(), t) },
		"day":     func(t time.Time) string { return t.UTC().Format(day) },
		"short":   short,
		"deed":    actText,
		"took":    func(t time.Duration) string { return t.Round(time.Millisecond).String() },
		"counted": counted,
		"shown":   shownURL,
		"tone":    statusTone,
	}
}

// statusTone returns the tone of an invoice's status.
func statusTone(s invoice.Status) tone {
	switch s {
	case invoice.StatusCompleted:
		return toneGood
	case invoice.StatusPending:
		return toneWait
	case invoice.StatusPaidPartial:
		return toneWarn
	default:
		return toneIdle
	}
}
