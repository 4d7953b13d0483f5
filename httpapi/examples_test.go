package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
)

type shownState string

func (shownState) Enum() []string { return []string{"new", "paid"} }

type shownBody struct {
	Amount  httpapi.Number `json:"amount" schema:"required,exclusiveMinimum=0"`
	Title   string         `json:"title" schema:"required,minLength=8"`
	State   shownState     `json:"state"`
	Note    string         `json:"note"`
	Minutes int            `json:"minutes" schema:"required,minimum=5,maximum=60,default=30"`
}

type shownAnswer struct {
	State    shownState                `json:"state"`
	Known    string                    `json:"known,omitempty"`
	Unknown  string                    `json:"unknown,omitempty"`
	At       httpapi.Time              `json:"at"`
	Link     string                    `json:"link" schema:"format=uri"`
	Nothing  *string                   `json:"nothing" schema:"nullable"`
	Children []shownAnswer             `json:"children"`
	Values   map[string]httpapi.Number `json:"values"`
	Raw      json.RawMessage           `json:"raw"`
	Done     bool                      `json:"done"`
}

type shownPath struct {
	ID string `json:"id" in:"path" schema:"required"`
	Of string `json:"of"`
}

func shownAPI(t *testing.T, examples map[string]any) (*httpapi.API, error) {
	t.Helper()
	handler := func(*httpapi.Request) (any, error) { return shownAnswer{}, nil }
	return httpapi.New(httpapi.Config{
		Title: "x", Version: "1", Examples: examples, FaultBody: nullablePart{},
		Fault: func(error) (int, any) { return http.StatusTeapot, nullablePart{} },
		Routes: []httpapi.Route{
			{Method: "POST", Path: "/z", OperationID: "z", Summary: "x", Tag: "x", Body: shownBody{}, Answer: shownAnswer{}, Handler: handler},
			{Method: "GET", Path: "/z/{id}", OperationID: "one", Summary: "x", Tag: "x", Params: shownPath{}, Answer: shownAnswer{}, Handler: handler},
			{Method: "GET", Path: "/a", OperationID: "a", Summary: "x", Tag: "x", Answer: httpapi.AnyOf{shownAnswer{}, nullablePart{}}, Handler: handler},
			{Method: "DELETE", Path: "/z", OperationID: "d", Summary: "x", Tag: "x", Ignored: true, Answer: []shownAnswer{}, Handler: handler},
		},
	})
}

// shownDocument is the part of a document that has examples.
type shownDocument struct {
	Paths map[string]map[string]struct {
		Parameters []struct {
			Name    string          `json:"name"`
			Example json.RawMessage `json:"example"`
		} `json:"parameters"`
		RequestBody struct {
			Content map[string]struct{ Example json.RawMessage }
		} `json:"requestBody"`
		Responses map[string]struct {
			Content map[string]struct{ Example json.RawMessage }
		} `json:"responses"`
	} `json:"paths"`
}

func TestTheDocumentHasExamplesThatFitItsSchemas(t *testing.T) {
	api, err := shownAPI(t, map[string]any{
		"amount": "12.5", "known": "word", "state": "unknown state", "id": "one", "of": "never", "title": "short", "ShownBody.note": "chosen",
		"values": map[string]any{"BTC": 2},
	})
	require.NoError(t, err)
	_, err = contract.Read(api.OpenAPI()) // it refuses invalid examples
	require.NoError(t, err)
	wrong := strings.Replace(string(api.OpenAPI()), `"amount": "12.5"`, `"amount": "much"`, 1)
	require.NotEqual(t, wrong, string(api.OpenAPI()))
	_, err = contract.Read([]byte(wrong))
	require.Error(t, err)

	var doc shownDocument
	require.NoError(t, json.Unmarshal(api.OpenAPI(), &doc))
	create := doc.Paths["/z"]["post"]
	require.JSONEq(t, `{"amount": "12.5", "title": "textxxxx", "note": "chosen", "minutes": 30}`, string(create.RequestBody.Content["application/json"].Example))
	answer := `{"state": "new", "known": "word", "at": "2026-03-02T12:00:00Z", "link": "https://shop.example/", "nothing": null,
		"children": [], "values": {"BTC": 2}, "raw": {}, "done": true}`
	require.JSONEq(t, answer, string(create.Responses["200"].Content["application/json"].Example))
	require.JSONEq(t, answer, string(doc.Paths["/a"]["get"].Responses["200"].Content["application/json"].Example), "the first of several")
	require.JSONEq(t, "["+answer+"]", string(doc.Paths["/z"]["delete"].Responses["200"].Content["application/json"].Example))
	require.Empty(t, doc.Paths["/z"]["delete"].RequestBody.Content["application/json"].Example, "nothing is known of an ignored body")
	require.JSONEq(t, `{"name": "text"}`, string(create.Responses["400"].Content["application/json"].Example))
	one := doc.Paths["/z/{id}"]["get"].Parameters
	require.Len(t, one, 2)
	require.JSONEq(t, `"one"`, string(one[0].Example))
	require.Empty(t, one[1].Example, "what may be absent is absent")
}

func TestTheDocumentKeepsTheOrderOfTheTable(t *testing.T) {
	api, err := shownAPI(t, nil)
	require.NoError(t, err)
	last := 0
	for _, path := range []string{`"/z": {`, `"/z/{id}": {`, `"/a": {`} {
		at := strings.Index(string(api.OpenAPI()), path)
		require.Greater(t, at, last, path)
		last = at
	}
}

func TestExamplesThatCannotBeWrittenAreRefused(t *testing.T) {
	_, err := shownAPI(t, map[string]any{"amount": func() {}})
	require.ErrorContains(t, err, `Examples["amount"]`)
}
