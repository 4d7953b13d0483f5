package docs_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/internal/docs"
)

// hostile is a text that is markup, a script, a template or a command unless it is escaped.
const hostile = `</code></style></script><script>alert(1)</script>"'&{{.}}$(id)` + "`id`" + `\u2028 onload=x`

func text(t *testing.T, s string) string {
	t.Helper()
	out, err := json.Marshal(s)
	require.NoError(t, err)
	return string(out)
}

func get(t *testing.T, page *docs.Page, method string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(method, "/docs", nil))
	return w
}

// document has one operation, all of whose texts are s.
func document(t *testing.T, s string) string {
	t.Helper()
	return strings.ReplaceAll(`{"openapi": "3.1.0",
		"info": {"title": TEXT, "version": TEXT, "description": TEXT}, "tags": [{"name": TEXT, "description": TEXT}],
		"paths": {"/things/{id}": {"post": {"operationId": TEXT, "summary": TEXT, "description": TEXT, "tags": [TEXT], "security": [{"keyAuth": []}],
			"parameters": [{"name": "id", "in": "path", "required": true, "description": TEXT, "schema": {"type": "string"}, "example": TEXT},
				{"name": "X-Note", "in": "header", "schema": {"type": "string"}, "example": TEXT},
				{"name": "q", "in": "query", "schema": {"type": ["string", "null"], "enum": [TEXT], "format": TEXT, "default": TEXT}, "example": TEXT}],
			"requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}, "example": {"note": TEXT}}}},
			"responses": {"200": {"description": TEXT, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}, "example": {"note": TEXT}}}},
				"404": {"description": TEXT, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}, "example": {"error": TEXT}}}}}}}},
		"components": {"securitySchemes": {"keyAuth": {"type": "apiKey", "in": "header", "name": "Key", "description": TEXT}},
			"schemas": {"Thing": {"type": "object", "properties": {"note": {"type": "string", "description": TEXT}}, "required": ["note"]},
				"Fault": {"type": "object", "properties": {"error": {"type": "string"}}}}}}`, "TEXT", text(t, s))
}

func TestTextsAreEscaped(t *testing.T) {
	page, err := docs.New([]byte(document(t, hostile)))
	require.NoError(t, err)
	w := get(t, page, http.MethodGet)
	require.Equal(t, http.StatusOK, w.Code)
	body := w.Body.String()
	require.Equal(t, 1, strings.Count(body, "<script"))
	require.Equal(t, 1, strings.Count(body, "</script>"))
	require.Equal(t, 1, strings.Count(body, "</style>"))
	require.NotContains(t, body, "alert(1)</script>")
	require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
	require.Equal(t, get(t, page, http.MethodGet).Body.String(), body)
}

func TestTheCommandIsEscapedForTheShell(t *testing.T) {
	page, err := docs.New([]byte(document(t, hostile)))
	require.NoError(t, err)
	body := get(t, page, http.MethodGet).Body.String()
	_, sample, _ := strings.Cut(body, "Request</p>\n<pre tabindex=\"0\"><code>")
	sample, _, found := strings.Cut(sample, "</code></pre>")
	require.True(t, found)
	// Instead of curl, a function prints its arguments, one a line.
	script := "curl() { for a; do printf '%s\\n--\\n' \"$a\"; done; }\n" + html.UnescapeString(sample)
	command := exec.CommandContext(t.Context(), "sh", "-c", script)
	command.Env = []string{"API=https://api.example", "KEY=secret"}
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	arguments := strings.Split(strings.TrimSuffix(string(out), "\n--\n"), "\n--\n")
	require.Len(t, arguments, 11)
	require.Equal(t, []string{"-X", "POST"}, arguments[:2])
	require.True(t, strings.HasPrefix(arguments[2], "https://api.example/things/%3C%2Fcode%3E"), arguments[2])
	require.Equal(t, []string{"-H", "X-Note: " + hostile, "-H", "Key: secret", "-H", "Content-Type: application/json", "-d"}, arguments[3:10])
	var sent struct{ Note string }
	require.NoError(t, json.Unmarshal([]byte(arguments[10]), &sent))
	require.Equal(t, hostile, sent.Note)
}

func TestWhatARequestNeedsIsMarked(t *testing.T) {
	page, err := docs.New([]byte(document(t, "a")))
	require.NoError(t, err)
	body := get(t, page, http.MethodGet).Body.String()
	require.Contains(t, body, `<code class="name">id</code> <span class="type">string in the path</span> <span class="required">required</span>`)
	require.Contains(t, body, `<code class="name">note</code> <span class="type">string</span> <span class="required">required</span>`)
	require.NotContains(t, body, `<span class="type">string in the header</span> <span`)
	require.Contains(t, body, `Needs <a href="#key-keyAuth"><code>Key</code></a>`)
}

func TestHeadHasNoBody(t *testing.T) {
	page, err := docs.New([]byte(document(t, "a")))
	require.NoError(t, err)
	w := get(t, page, http.MethodHead)
	require.Equal(t, http.StatusOK, w.Code)
	require.Zero(t, w.Body.Len())
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
}

func TestADocumentThatCannotBeShownIsAnError(t *testing.T) {
	good := document(t, "a")
	for name, bad := range map[string]string{
		"no JSON":         "openapi: 3.1.0",
		"paths as a list": `{"paths": []}`,
		"a type":          strings.Replace(good, `"type": ["string", "null"]`, `"type": 1`, 1),
		"no tag":          strings.Replace(good, `"tags": ["a"]`, `"tags": []`, 1),
		"unknown tag":     strings.Replace(good, `"tags": ["a"]`, `"tags": ["b"]`, 1),
		"unknown key":     strings.Replace(good, `"security": [{"keyAuth": []}]`, `"security": [{"otherAuth": []}]`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, good, bad)
			_, err := docs.New([]byte(bad))
			require.ErrorContains(t, err, "docs: ")
		})
	}
	_, err := docs.New([]byte(good))
	require.NoError(t, err)
}

func TestWhatSeveralPlacesUseIsShownOnce(t *testing.T) {
	shared := `{"tags": [{"name": "A"}, {"name": "Unused"}],
		"paths": {"/z": {"get": {"operationId": "z", "tags": ["A"], "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Shared"}}}}}}},
			"/a": {"get": {"operationId": "a", "tags": ["A"], "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Shared"}}}}}},
				"delete": {"operationId": "own", "tags": ["A"], "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Own"}}}}}}}},
		"components": {"schemas": {
			"Own": {"type": "object", "properties": {"second": {"type": "string"}, "first": {"type": "array", "items": {"$ref": "#/components/schemas/Shared"}}}},
			"Shared": {"type": "object", "properties": {"itself": {"oneOf": [{"$ref": "#/components/schemas/Shared"}, {"type": "null"}]}}}}}}`
	page, err := docs.New([]byte(shared))
	require.NoError(t, err)
	body := get(t, page, http.MethodGet).Body.String()
	require.Equal(t, 1, strings.Count(body, `>itself</code>`))
	require.Contains(t, body, `id="object-Shared"`)
	require.NotContains(t, body, `id="object-Own"`)
	require.NotContains(t, body, "Unused")
	require.NotContains(t, body, `id="authentication"`)
	require.Less(t, strings.Index(body, ">second<"), strings.Index(body, ">first<"), "members keep their order")
	require.Less(t, strings.Index(body, `id="z"`), strings.Index(body, `id="a"`), "operations keep their order")
	require.Contains(t, body, `<a href="#object-Shared">Shared</a> or null</span> <span class="type">may be absent</span>`)
}

func TestWhatIsNotServedComesLastAndIsFoldedInTheMenu(t *testing.T) {
	some := `{"tags": [{"name": "A"}, {"name": "B"}], "paths": {
		"/refund": {"post": {"operationId": "refund", "summary": "Refund", "tags": ["A"], "responses": {"501": {"description": "Not Implemented"}}}},
		"/payout": {"post": {"operationId": "payout", "summary": "Pay out", "tags": ["B"], "responses": {"422": {"description": "Unprocessable"}}}},
		"/pay": {"post": {"operationId": "pay", "summary": "Pay", "tags": ["A"], "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": {"type": "string"}}}}}}}}}`
	page, err := docs.New([]byte(some))
	require.NoError(t, err)
	body := get(t, page, http.MethodGet).Body.String()
	require.NotContains(t, body, "group-b", "nothing of this group is served")
	menu, content, _ := strings.Cut(body, `<section class="operation"`)
	_, fold, found := strings.Cut(menu, `<details class="fold"><summary>Not served <span class="type">2</span></summary>`)
	require.True(t, found)
	fold, _, _ = strings.Cut(fold, "</details>")
	require.Contains(t, fold, `href="#refund"`)
	require.Contains(t, fold, `href="#payout"`)
	require.NotContains(t, fold, `href="#pay"`)
	_, content, found = strings.Cut(content, `id="unserved"`)
	require.True(t, found)
	require.Contains(t, content, `id="refund"`)
	require.Contains(t, content, `id="payout"`)
	require.NotContains(t, content, `id="pay"`)
}

func TestAnAliasIsShownWithWhatItIsAnAliasOf(t *testing.T) {
	operation := func(id, summary string) string {
		return `{"operationId": "` + id + `", "summary": "` + summary + `", "tags": ["A"],
			"responses": {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Own"}}}}}}`
	}
	some := `{"tags": [{"name": "A"}], "paths": {
		"/old": {"post": ` + operation("old", "Pay") + `}, "/new": {"post": ` + operation("new", "Pay") + `, "get": ` + operation("read", "Pay") + `},
		"/other": {"post": ` + operation("other", "Pay more") + `}}, "components": {"schemas": {"Own": {"type": "object", "properties": {"a": {"type": "string"}}}}}}`
	page, err := docs.New([]byte(some))
	require.NoError(t, err)
	body := get(t, page, http.MethodGet).Body.String()
	require.Contains(t, body, `<code>/old</code> or <code>/new</code>`)
	require.NotContains(t, body, `id="new"`)
	for _, id := range []string{"old", "read", "other"} {
		require.Contains(t, body, `<section class="operation" id="`+id+`"`, "another method or summary is another operation")
	}
}
