// Package page has what the pages for people share: the headers under which a browser runs nothing but what the page
// brought, and embedded styles and scripts under names that change with their contents.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// Policy describes what a page may do beside showing itself. The zero value allows forms to its own origin and nothing else.
type Policy struct {
	FrameAncestors []string // origins that may show the page in a frame; empty: none
	Images         []string // origins, beside its own and data URLs, that images come from
}

// Set sets the headers of a page. Nothing is loaded from another host, no script or style stands in the page itself, no
// cache keeps it, and no link tells another site its address.
func (p Policy) Set(h http.Header) {
	ancestors := "'none'"
	if len(p.FrameAncestors) > 0 {
		ancestors = strings.Join(p.FrameAncestors, " ")
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "+
		strings.Join(append([]string{"'self'", "data:"}, p.Images...), " ")+"; form-action 'self'; base-uri 'none'; frame-ancestors "+ancestors+
		"; require-trusted-types-for 'script'; trusted-types 'none'")
	// Without any referrer, browsers would send forms with the origin "null", which the guard against other sites refuses
	// where they do not send Sec-Fetch-Site either: over plain HTTP.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Permissions-Policy", "clipboard-write=(self), camera=(), geolocation=(), microphone=(), payment=()")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if len(p.FrameAncestors) == 0 {
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
	}
}

// Up returns the relative URL of the root of a mounted handler from a path below it: "../" for each folder that the path is
// in. So a page works under any prefix.
func Up(urlPath string) string {
	if n := strings.Count(strings.TrimPrefix(urlPath, "/"), "/"); n > 0 {
		return strings.Repeat("../", n)
	}
	return "./"
}

// Assets serves files under names that contain a hash of their contents, so that a browser keeps them for ever and never
// shows a page with the style of another version. Once all files are added it is safe for concurrent use.
type Assets struct {
	files map[string]*asset // by the plain name
}

type asset struct {
	name         string // with the hash
	kind         string
	body, zipped []byte
}

// File is a file that is not embedded.
type File struct {
	Name string
	Body []byte
}

// NewAssets reads all files of the root of files, none of its folders, and adds others.
func NewAssets(files fs.FS, others ...File) (*Assets, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("list the embedded files: %w", err)
	}
	a := &Assets{files: map[string]*asset{}}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		body, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the embedded file %s: %w", e.Name(), err)
		}
		if a.files[e.Name()], err = newAsset(e.Name(), body); err != nil {
			return nil, err
		}
	}
	for _, f := range others {
		if a.files[f.Name], err = newAsset(f.Name, f.Body); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func newAsset(name string, body []byte) (*asset, error) {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	f := &asset{name: strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext, kind: mime.TypeByExtension(ext), body: body}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if zipped.Len() < len(body) {
		f.zipped = zipped.Bytes()
	}
	return f, nil
}

// Name returns the name under which the file is served, or an error if there is none: a template that names one does not
// render.
func (a *Assets) Name(file string) (string, error) {
	f, there := a.files[file]
	if !there {
		return "", fmt.Errorf("no embedded file %q", file)
	}
	return f.name, nil
}

// Serve writes the file with the served name. For a name with another hash, which another version of the program has given
// out, it writes the file that this version has, to be asked for again next time.
func (a *Assets) Serve(w http.ResponseWriter, r *http.Request, name string) {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	f, there := a.files[stem[:max(0, strings.LastIndex(stem, "-"))]+ext]
	if !there {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if name == f.name {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := f.body
	if f.zipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = w.Write(body) // a client that has gone away needs no answer
}

// acceptsGzip reports whether a header Accept-Encoding names gzip (RFC 9110, section 12.5.3) with a weight other than 0.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, has := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			return !has || strings.Trim(q, "0.") != ""
		}
	}
	return false
}
