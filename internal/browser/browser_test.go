package browser_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/internal/browser"
)

// What the harness reports as bad must be reported, or the tests of the pages cannot fail.
func TestABadPageIsFoundInChromium(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(map[string]string{
			"/good": `<!doctype html><html lang="en"><head><title>Good</title></head><body><main><h1>Good</h1></main></body></html>`,
			"/axe":  `<!doctype html><html><head><title>No language</title></head><body><main><h1>Bad</h1><img></main></body></html>`,
			"/csp":  `<!doctype html><html lang="en"><head><title>Script</title></head><body><main><h1>Bad</h1><script>1</script></main></body></html>`,
			"/far":  `<!doctype html><html lang="en"><head><title>Far</title></head><body><main><h1>Bad</h1><img alt="x" src="http://127.0.0.2:9/x.png"></main></body></html>`,
		}[r.URL.Path]))
	}))
	defer server.Close()
	said := browser.Play(t, "testdata/bad.mjs", map[string]string{"url": server.URL})
	require.JSONEq(t, `{"good": "", "axe": "axe", "csp": "faults", "far": "faults"}`, string(said))
}

func TestABadPageIsFoundByLighthouse(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><html><body><main><h1>No language, no title</h1><img src="data:,"></main></body></html>`))
	}))
	defer server.Close()
	said := browser.Lighthouse(t, server.URL)
	require.Len(t, said.Scores, 3)
	require.Less(t, said.Scores["accessibility"], 100)
	require.Contains(t, said.Faults, "html-has-lang: `<html>` element does not have a `[lang]` attribute")
}
