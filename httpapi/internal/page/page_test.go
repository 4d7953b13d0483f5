package page_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/internal/page"
)

func TestAPageRunsNothingThatItDidNotBring(t *testing.T) {
	h := http.Header{}
	page.Policy{}.Set(h)
	csp := h.Get("Content-Security-Policy")
	require.NotContains(t, csp, "unsafe")
	require.NotContains(t, csp, "http")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		require.Contains(t, csp, want)
	}
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.Equal(t, "same-origin", h.Get("Referrer-Policy"))

	page.Policy{FrameAncestors: []string{"https://shop.example"}}.Set(h)
	require.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors https://shop.example")
}

func TestTheRootIsFoundFromAnyDepth(t *testing.T) {
	for path, want := range map[string]string{"/": "./", "/a": "./", "/a/b": "../", "/a/b/": "../../", "a": "./"} {
		require.Equal(t, want, page.Up(path), path)
	}
}

func TestAnAssetIsKeptForEverUnderItsOwnName(t *testing.T) {
	body := strings.Repeat("p { color: CanvasText }\n", 100)
	a, err := page.NewAssets(fstest.MapFS{"page.css": {Data: []byte(body)}, "deep/x.css": {Data: []byte("x")}})
	require.NoError(t, err)
	name, err := a.Name("page.css")
	require.NoError(t, err)
	require.Regexp(t, `^page-[0-9a-f]{12}\.css$`, name)
	_, err = a.Name("other.css")
	require.ErrorContains(t, err, "other.css")

	get := func(name, accept string) *http.Response {
		r := httptest.NewRequest("GET", "/assets/"+name, nil)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		a.Serve(w, r, name)
		return w.Result()
	}
	plain := get(name, "br, gzip;q=0")
	said, _ := io.ReadAll(plain.Body)
	require.Equal(t, body, string(said))
	require.Equal(t, "text/css; charset=utf-8", plain.Header.Get("Content-Type"))
	require.Contains(t, plain.Header.Get("Cache-Control"), "immutable")

	zipped := get(name, "gzip, deflate")
	require.Equal(t, "gzip", zipped.Header.Get("Content-Encoding"))
	r, err := gzip.NewReader(zipped.Body)
	require.NoError(t, err)
	said, _ = io.ReadAll(r)
	require.Equal(t, body, string(said))

	// The page of another version, of which one process runs beside this one while they are being replaced.
	older := get("page-000000000000.css", "")
	require.Equal(t, http.StatusOK, older.StatusCode)
	require.Equal(t, "no-cache", older.Header.Get("Cache-Control"))
	require.Equal(t, http.StatusNotFound, get("x-000000000000.css", "").StatusCode)
	require.Equal(t, http.StatusNotFound, get("..", "").StatusCode)
}
