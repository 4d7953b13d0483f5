package desk_test

import (
	"iter"
	"maps"
	"regexp"
	"strings"
	"testing"

	"encoding/json"
	"github.com/stretchr/testify/require"
	"html"
)

func unescape(s string) string { return html.UnescapeString(s) }

func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v) }

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

func mapsValues[K comparable, V any](m map[K]V) iter.Seq[V] { return maps.Values(m) }

var (
	invoiceLinks = regexp.MustCompile(`<td data-label="Order" class="first"><a href="[./]*invoices/([^"]+)">`)
	nextLink     = regexp.MustCompile(`<a class="button" href="([^"]+)" rel="next">`)
	hrefs        = regexp.MustCompile(`(?:href|src)="([^"]+)"`)
)

// nextOf returns the path of the next page, or "".
func nextOf(page, path string) string {
	m := nextLink.FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return path + unescape(m[1])
}

// localLinks returns what a page links to.
func localLinks(t testing.TB, page string) []string {
	t.Helper()
	var out []string
	for _, m := range hrefs.FindAllStringSubmatch(page, -1) {
		if link := unescape(m[1]); !strings.HasPrefix(link, "#") && !strings.HasPrefix(link, "https://") && link != "" {
			out = append(out, link)
		}
	}
	return out
}
