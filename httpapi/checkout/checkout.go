package checkout

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/internal/page"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
)

//go:embed words/*.json
var wordFiles embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// Checkout is the payment page. It is an http.Handler whose paths begin at its own root. Its methods may be called
// concurrently.
type Checkout struct {
	cfg    Config
	words  *dictionary
	pages  *template.Template
	assets *page.Assets
	names  assetNames
	mux    *http.ServeMux
	hub    *hub
}

// New checks the configuration and returns the page. It starts nothing: without [Checkout.Run] the pages ask for news from
// time to time instead of being told.
func New(cfg Config) (*Checkout, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	c := &Checkout{cfg: cfg, mux: http.NewServeMux()}
	c.hub = newHub(cfg)
	own, err := fs.Sub(wordFiles, "words")
	if err != nil {
		return nil, fmt.Errorf("checkout: %w", err)
	}
	if c.words, err = newDictionary(own, cfg.Words); err != nil {
		return nil, fmt.Errorf("checkout: %w", err)
	}
	if c.pages, err = parse(cfg.Templates); err != nil {
		return nil, fmt.Errorf("checkout: %w", err)
	}
	if c.assets, c.names, err = newAssets(cfg.Style); err != nil {
		return nil, fmt.Errorf("checkout: %w", err)
	}
	c.mux.HandleFunc("GET /assets/{what}", func(w http.ResponseWriter, r *http.Request) {
		c.assets.Serve(w, r, r.PathValue("what"))
	})
	c.mux.HandleFunc("GET /{id}", c.named(c.servePage))
	c.mux.HandleFunc("GET /{id}/{what}", c.named(c.serveGet))
	act := http.NewCrossOriginProtection()
	c.mux.Handle("POST /{id}/{what}", act.Handler(c.named(c.servePost)))
	return c, nil
}

// parse reads the templates, those of the host in place of the embedded ones.
func parse(host fs.FS) (*template.Template, error) {
	pages, err := template.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the embedded templates: %w", err)
	}
	if host == nil {
		return pages, nil
	}
	found, err := fs.Glob(host, "*.html")
	if err != nil || len(found) == 0 {
		return pages, err
	}
	if pages, err = pages.ParseFS(host, found...); err != nil {
		return nil, fmt.Errorf("parse Templates: %w", err)
	}
	return pages, nil
}

// assetNames are the served names of the assets, relative to the root. Own is empty if the host has no style.
type assetNames struct{ Style, Own, Script string }

func newAssets(style []byte) (*page.Assets, assetNames, error) {
	own, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		return nil, assetNames{}, err
	}
	assets, err := page.NewAssets(own, page.File{Name: "shop.css", Body: style})
	if err != nil {
		return nil, assetNames{}, err
	}
	var names assetNames
	for file, name := range map[string]*string{"page.css": &names.Style, "shop.css": &names.Own, "page.js": &names.Script} {
		served, err := assets.Name(file)
		if err != nil {
			return nil, assetNames{}, err
		}
		*name = "assets/" + served
	}
	if len(style) == 0 {
		names.Own = ""
	}
	return assets, names, nil
}

// ServeHTTP serves a page, or what belongs to it.
func (c *Checkout) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

func (c *Checkout) serveGet(w http.ResponseWriter, r *http.Request) {
	id, what := r.PathValue("id"), r.PathValue("what")
	switch {
	case id == "claim" && c.cfg.Refunds != nil:
		c.serveClaim(w, r, what)
	case what == "live":
		c.serveLive(w, r, id)
	case what == "state":
		c.serveState(w, r, id)
	case what == "receipt":
		c.serveReceipt(w, r)
	default:
		c.fail(w, r, http.StatusNotFound, "error.found")
	}
}

func (c *Checkout) servePost(w http.ResponseWriter, r *http.Request) {
	id, what := r.PathValue("id"), r.PathValue("what")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, "error.busy")
		return
	}
	switch {
	case id == "claim" && c.cfg.Refunds != nil:
		c.claim(w, r, what)
	case what == "method":
		c.act(w, r, id, func(ctx context.Context) error {
			_, err := c.cfg.Invoices.Choose(ctx, "", id, r.PostForm.Get("asset"))
			return err
		})
	case what == "renew" && c.cfg.Renew:
		c.act(w, r, id, func(ctx context.Context) error {
			_, err := c.cfg.Invoices.Requote(ctx, invoice.Act{Invoice: id, Actor: "payer"}, 0)
			return err
		})
	default:
		c.fail(w, r, http.StatusNotFound, "error.found")
	}
}

// maxForm bounds the body of a request, in bytes.
const maxForm = 4096

// patience bounds the work for one request.
const patience = 20 * time.Second

// ids match what may be the id of an invoice, or a token: nothing else is looked up.
var ids = regexp.MustCompile(`^[A-Za-z0-9_-]{8,128}$`)

// named calls the handler if the path may name an invoice or a claim.
func (c *Checkout) named(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if id == "claim" {
			id = r.PathValue("what")
		}
		if !ids.MatchString(id) {
			c.fail(w, r, http.StatusNotFound, "error.found")
			return
		}
		h(w, r)
	}
}

// act does what the payer has asked for, and shows the page with the outcome.
func (c *Checkout) act(w http.ResponseWriter, r *http.Request, id string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	err := do(ctx)
	if errors.Is(err, invoice.ErrNotFound) {
		c.fail(w, r, http.StatusNotFound, "error.found")
		return
	}
	if err == nil {
		// Reloading the page does nothing again. The URL is relative, because the handler does not know where it is mounted.
		w.Header().Set("Location", "../"+url.PathEscape(id)+query(r))
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	status, word := refusal(err)
	if status >= 500 {
		c.cfg.Logger.Error("checkout: an act of a payer failed", "invoice", id, "error", err)
	}
	c.servePageWith(w, r, status, word)
}

// query returns the parameters of the request that the next page keeps.
func query(r *http.Request) string {
	q := url.Values{}
	for _, name := range []string{"lang", "frame"} {
		if v := r.FormValue(name); v != "" && len(v) < 20 {
			q.Set(name, v)
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// refusal returns the status and the word for why something was refused.
func refusal(err error) (status int, word string) {
	var invalid *invoice.InvalidError
	var transition *invoice.TransitionError
	switch {
	case errors.Is(err, invoice.ErrHeldBack):
		return http.StatusServiceUnavailable, "error.held"
	case errors.Is(err, invoice.ErrBelowMinimum):
		return http.StatusUnprocessableEntity, "error.minimum"
	case errors.Is(err, rates.ErrNoRate):
		return http.StatusServiceUnavailable, "error.rate"
	case errors.As(err, &invalid), errors.Is(err, invoice.ErrNoAddress):
		return http.StatusUnprocessableEntity, "error.choice"
	case errors.As(err, &transition):
		return http.StatusConflict, "error.renew"
	}
	return http.StatusServiceUnavailable, "error.busy"
}

func (c *Checkout) servePage(w http.ResponseWriter, r *http.Request) {
	c.servePageWith(w, r, http.StatusOK, "")
}

// servePageWith shows the page with a word of refusal, or none.
func (c *Checkout) servePageWith(w http.ResponseWriter, r *http.Request, status int, refused string) {
	v, ok := c.look(w, r)
	if !ok {
		return
	}
	if refused != "" {
		v.Error = v.T(refused)
	}
	c.render(w, "page.html", status, v)
}

func (c *Checkout) serveReceipt(w http.ResponseWriter, r *http.Request) {
	if v, ok := c.look(w, r); ok {
		c.render(w, "receipt.html", http.StatusOK, v)
	}
}

// look reads what the page of the request shows, and sets the headers. It has answered the request if ok is false.
func (c *Checkout) look(w http.ResponseWriter, r *http.Request) (v view, ok bool) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	id := r.PathValue("id")
	s, err := c.read(ctx, id)
	switch {
	case errors.Is(err, invoice.ErrNotFound):
		c.fail(w, r, http.StatusNotFound, "error.found")
		return view{}, false
	case err != nil:
		c.cfg.Logger.Error("checkout: read an invoice", "invoice", id, "error", err)
		c.fail(w, r, http.StatusServiceUnavailable, "error.busy")
		return view{}, false
	}
	v = c.show(s, c.tongue(r))
	c.dress(w, r, &v)
	return v, true
}

// dress fills in what the request alone decides, and sets the headers of the page.
func (c *Checkout) dress(w http.ResponseWriter, r *http.Request, v *view) {
	v.Up = page.Up(r.URL.Path)
	v.Here = v.Up + url.PathEscape(r.PathValue("id"))
	if what := r.PathValue("what"); what != "" && r.Method == http.MethodGet || r.PathValue("id") == "claim" {
		v.Here += "/" + url.PathEscape(what)
	}
	v.Root = c.names
	policy := page.Policy{}
	if frame := origin(v.Shop.Frame); frame != "" {
		policy.FrameAncestors = []string{frame}
		if r.FormValue("frame") != "" {
			v.Frame = frame
		}
	}
	if logo := origin(v.Shop.Logo); logo != "" {
		policy.Images = []string{logo}
	} else if !strings.HasPrefix(v.Shop.Logo, "/") || strings.HasPrefix(v.Shop.Logo, "//") {
		v.Shop.Logo = ""
	}
	policy.Set(w.Header())
	w.Header().Set("Content-Language", v.Lang)
	w.Header().Set("Vary", "Accept-Language")
}

func (c *Checkout) tongue(r *http.Request) *tongue {
	return c.words.match(r.FormValue("lang"), r.Header.Get("Accept-Language"))
}

// read reads the facts that a page shows.
func (c *Checkout) read(ctx context.Context, id string) (scene, error) {
	inv, err := c.cfg.Invoices.Invoice(ctx, "", id)
	if err != nil {
		return scene{}, err
	}
	s := scene{inv: inv, choices: c.cfg.Invoices.Choices(inv), now: c.cfg.Now().UTC()}
	s.chain, _ = c.cfg.Invoices.Chain(inv.Network())
	if s.heads, err = c.heads(ctx, inv); err != nil {
		return scene{}, err
	}
	s.uri, err = c.cfg.Invoices.PaymentURI(inv)
	return s, err
}

// heads returns the last blocks of the networks on which the invoice has payments.
func (c *Checkout) heads(ctx context.Context, inv invoice.Invoice) (map[chain.Network]chain.Head, error) {
	out := map[chain.Network]chain.Head{}
	for _, p := range inv.Payments {
		network := p.Key.Network
		if _, known := out[network]; known {
			continue
		}
		head, err := c.cfg.Invoices.Head(ctx, network)
		if err != nil && !errors.Is(err, invoice.ErrNotFound) {
			return nil, fmt.Errorf("read the head of %s: %w", network, err)
		}
		out[network] = head
	}
	return out, nil
}

// nameOf returns the name of a network.
func (c *Checkout) nameOf(id chain.Network) string {
	if n, known := c.cfg.Invoices.Chain(id); known && n.Name != "" {
		return n.Name
	}
	return string(id)
}

// asset returns an asset that invoices may ask for.
func (c *Checkout) asset(inv invoice.Invoice, id chain.AssetID) (chain.Asset, bool) {
	if inv.Quote != nil && inv.Quote.Asset.ID == id {
		return inv.Quote.Asset, true
	}
	if n, known := c.cfg.Invoices.Chain(id.Network()); known {
		for _, a := range n.Assets {
			if a.ID == id {
				return a.Asset, true
			}
		}
	}
	return chain.Asset{}, false
}

// render writes a page whole or not at all.
func (c *Checkout) render(w http.ResponseWriter, name string, status int, data any) {
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, name, data); err != nil {
		c.cfg.Logger.Error("checkout: render a page", "template", name, "error", err)
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that has gone away needs no answer
}

// fail shows a page that says what went wrong.
func (c *Checkout) fail(w http.ResponseWriter, r *http.Request, status int, word string) {
	v := view{tongue: c.tongue(r)}
	v.Error = v.T(word)
	c.dress(w, r, &v)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	c.render(w, "failure.html", status, v)
}
