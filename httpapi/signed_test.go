package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/stretchr/testify/require"
)

type anyBody struct {
	A int `json:"a"`
}

type anyAnswer struct {
	Members int     `json:"members"`
	Raw     string  `json:"raw"`
	Nothing *string `json:"nothing" schema:"nullable"`
}

func TestARouteMayTakeABodyOfAnyTypeAndASchemeTwoHeaders(t *testing.T) {
	scheme := &httpapi.Scheme{
		Name: "sign", Header: "sign", With: &httpapi.Scheme{Name: "merchant", Header: "merchant"}, Faults: []int{http.StatusUnauthorized},
		Check: func(r *httpapi.Request) error {
			_, err := r.Raw()
			return err
		},
	}
	api, err := httpapi.New(httpapi.Config{
		Title: "T", Version: "1", MaxBody: 100,
		Routes: []httpapi.Route{{
			Method: "POST", Path: "/any", OperationID: "any", Summary: "Any", Tag: "T", Auth: scheme, Body: anyBody{}, AnyType: true,
			Answer: anyAnswer{}, Handler: func(r *httpapi.Request) (any, error) {
				members, err := r.Members()
				if err != nil {
					return nil, err
				}
				raw, err := r.Raw()
				return anyAnswer{Members: len(members), Raw: string(raw)}, err
			},
		}},
		Fault: func(err error) (int, any) {
			if refused, ok := err.(*httpapi.Error); ok { //nolint:errorlint // it is not wrapped here
				return refused.Status, refused.Message
			}
			return 500, err.Error()
		},
		FaultBody: "",
	})
	require.NoError(t, err)
	for body, want := range map[string]int{
		"": 200, "{}": 200, "[]": 200, `{"a":1,"b":[2]}`: 200, "[1]": 400, " ": 200, "null": 200, " [ ]": 400, "nul": 400, `{"a":1,"a":2}`: 400,
		`{"a":"` + strings.Repeat("x", 100) + `"}`: 413,
	} {
		for _, typ := range []string{"", "text/plain", "application/json"} {
			r := httptest.NewRequest("POST", "/any", strings.NewReader(body))
			r.Header.Set("Content-Type", typ)
			rec := httptest.NewRecorder()
			api.ServeHTTP(rec, r)
			require.Equal(t, want, rec.Code, "%q: %s", body, rec.Body)
			if want == 200 {
				var got anyAnswer
				require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
				require.Equal(t, body, got.Raw)
				require.Equal(t, strings.Count(body, ":"), got.Members)
			}
		}
	}
	document := string(api.OpenAPI())
	require.Contains(t, document, `"415"`, "of a body that is compressed")
	var doc struct {
		Paths map[string]map[string]struct{ Security []map[string][]string }
	}
	require.NoError(t, json.Unmarshal(api.OpenAPI(), &doc))
	require.Equal(t, []map[string][]string{{"merchant": {}, "sign": {}}}, doc.Paths["/any"]["post"].Security)
}
