// Package docstest tests the page for people of an API: that all operations are on it, aliases with what they are aliases
// of, that it loads nothing, and that the commands on it are requests of the API.
package docstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
)

var (
	ids        = regexp.MustCompile(` id="([^"]*)"`)
	references = regexp.MustCompile(` href="([^"]*)"`)
	foreign    = regexp.MustCompile(` src=| srcset=| style=| on[a-z]+=|@import|url\(|<(?:link|iframe|object|embed|form|img|base)\b`)
	empty      = regexp.MustCompile(`<(ul|li|nav|details|table|pre|code|section|div|h[1-6]|p|summary)\b[^>]*>\s*</(ul|li|nav|details|table|pre|code|section|div|h[1-6]|p|summary)>`)
	labels     = regexp.MustCompile(`<h4>[^<]*</h4>\s*<(h4|/div)`)
	inline     = regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)
)

// Page returns the page of an API and checks it.
func Page(t *testing.T, api *httpapi.API) string {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/docs", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	page := w.Body.String()
	checkPolicy(t, w.Header().Get("Content-Security-Policy"), page)
	checkLinks(t, page)
	require.Empty(t, empty.FindString(page), "nothing on the page is empty")
	require.Empty(t, labels.FindString(page), "every heading has something under it")

	last, unserved := map[string]int{}, strings.Index(page, ` id="unserved"`)
	for _, r := range api.Routes() {
		shown := shownWith(api, page, r)
		at := strings.Index(page, heading(shown))
		require.Positive(t, at, r.OperationID)
		group := r.Tag
		if unserved > 0 && at > unserved {
			group = "unserved"
		}
		require.GreaterOrEqual(t, at, last[group], "%s comes before an operation that is before it in the table", r.OperationID)
		last[group] = at
		section, _, _ := strings.Cut(page[at:], "</section>")
		for _, want := range []string{html.EscapeString(r.Summary), r.Method, html.EscapeString(r.Path), "curl "} {
			require.Contains(t, section, want)
		}
	}
	return page
}

// heading returns how the section of an operation begins.
func heading(operationID string) string { return `<section class="operation" id="` + operationID + `"` }

// shownWith returns the id of the operation whose section shows a route: its own, or that of an earlier one with the same
// method and summary, of which it is an alias.
func shownWith(api *httpapi.API, page string, r httpapi.Route) string {
	if strings.Contains(page, heading(r.OperationID)) {
		return r.OperationID
	}
	for _, other := range api.Routes() {
		if other.Method == r.Method && other.Summary == r.Summary {
			return other.OperationID
		}
	}
	return r.OperationID
}

// checkPolicy requires a policy that allows the inline style and script of the page, and nothing else.
func checkPolicy(t *testing.T, policy, page string) {
	t.Helper()
	want := []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"}
	found := inline.FindAllStringSubmatch(page, -1)
	require.Len(t, found, 2)
	for _, part := range found {
		sum := sha256.Sum256([]byte(part[2]))
		want = append(want, part[1]+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	require.ElementsMatch(t, want, strings.Split(policy, "; "))
	rest := inline.ReplaceAllString(page, "")
	require.Empty(t, foreign.FindString(rest))
	require.NotContains(t, rest, "<script")
	for _, part := range found {
		require.NotRegexp(t, `https?://|@import|url\(|fetch\(|import\(|eval\(|innerHTML`, part[2])
	}
}

// checkLinks requires that all links lead to a place of the page, or to the document.
func checkLinks(t *testing.T, page string) {
	t.Helper()
	known := map[string]bool{}
	for _, id := range ids.FindAllStringSubmatch(page, -1) {
		require.False(t, known[id[1]], "id %q is there twice", id[1])
		known[id[1]] = true
	}
	for _, to := range references.FindAllStringSubmatch(page, -1) {
		place, here := strings.CutPrefix(to[1], "#")
		require.True(t, here && known[place] || to[1] == "openapi.json", "link to %q", to[1])
	}
}

// Sample returns the command that the page has for an operation.
func Sample(t *testing.T, page, operationID string) string {
	t.Helper()
	_, section, found := strings.Cut(page, heading(operationID))
	require.True(t, found, operationID)
	section, _, _ = strings.Cut(section, "</section>")
	_, sample, found := strings.Cut(section, "<pre tabindex=\"0\"><code>")
	require.True(t, found, operationID)
	sample, _, _ = strings.Cut(sample, "</code></pre>")
	return html.UnescapeString(sample)
}

// Paste has a shell run a command, with variables as "API_KEY=secret", and returns what the API responds to it. API is set.
func Paste(t *testing.T, api http.Handler, sample string, variables ...string) (status int, body string) {
	t.Helper()
	server := httptest.NewServer(api)
	defer server.Close()
	return paste(t, server.URL, sample, variables...)
}

func paste(t *testing.T, url, sample string, variables ...string) (status int, body string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-c", "set -e\n"+strings.Replace(sample, "curl ", `curl -sS -w '\n%{http_code}' `, 1))
	command.Env = append(command.Environ(), append(slices.Clone(variables), "API="+url, "no_proxy=127.0.0.1")...)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s\n%s", sample, out)
	at := bytes.LastIndexByte(out, '\n')
	status, err = strconv.Atoi(string(out[at+1:]))
	require.NoError(t, err, "%s", out)
	return status, string(out[:at])
}

// Samples runs the command of every operation, and requires that the document declares the request that it makes.
func Samples(t *testing.T, api *httpapi.API) {
	t.Helper()
	page := Page(t, api)
	doc := contract.Of(t, api)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = doc.Request(r, body)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "%s %s %s: %v", r.Method, r.URL, body, err)
			return
		}
		io.WriteString(w, doc.Operation(r.Method, r.URL.Path).OperationID)
	}))
	defer server.Close()
	for _, route := range api.Routes() {
		if shownWith(api, page, route) != route.OperationID {
			continue // one sample is for both
		}
		status, asked := paste(t, server.URL, Sample(t, page, route.OperationID))
		require.Equal(t, http.StatusOK, status, asked)
		require.Equal(t, route.OperationID, asked)
	}
}
