package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/stretchr/testify/require"
)

type nullablePart struct {
	Name string `json:"name"`
}

type nullableAnswer struct {
	Text *string       `json:"text" schema:"nullable,format=date-time" doc:"when"`
	Part *nullablePart `json:"part" schema:"nullable" doc:"what"`
}

type nullableBody struct {
	Text string `json:"text"`
}

func TestWhatMayBeNullAndTheStatusOfBadValuesAreDeclared(t *testing.T) {
	route := httpapi.Route{
		Method: "POST", Path: "/x", OperationID: "x", Summary: "x", Tag: "x", Body: nullableBody{}, Answer: nullableAnswer{},
		Handler: func(*httpapi.Request) (any, error) { return nullableAnswer{}, nil },
	}
	declared := func(invalid int) (statuses []string, schemas string) {
		api, err := httpapi.New(httpapi.Config{
			Title: "x", Version: "1", Routes: []httpapi.Route{route}, Invalid: invalid, FaultBody: nullablePart{},
			Fault: func(error) (int, any) { return http.StatusTeapot, nullablePart{} },
		})
		require.NoError(t, err)
		var doc struct {
			Paths map[string]map[string]struct {
				Responses map[string]any `json:"responses"`
			} `json:"paths"`
			Components struct {
				Schemas map[string]json.RawMessage `json:"schemas"`
			} `json:"components"`
		}
		require.NoError(t, json.Unmarshal(api.OpenAPI(), &doc))
		for status := range doc.Paths["/x"]["post"].Responses {
			statuses = append(statuses, status)
		}
		return statuses, string(doc.Components.Schemas["NullableAnswer"])
	}
	statuses, schema := declared(0)
	require.Contains(t, statuses, "422")
	require.JSONEq(t, `{"type":"object","required":["text","part"],"properties":{
		"text":{"type":["string","null"],"format":"date-time","description":"when"},
		"part":{"description":"what","oneOf":[{"$ref":"#/components/schemas/NullablePart"},{"type":"null"}]}}}`, schema)
	statuses, _ = declared(http.StatusBadRequest)
	require.NotContains(t, statuses, "422")
	require.Contains(t, statuses, "400")
}
