package contract_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/stretchr/testify/require"
)

const document = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/teas/{id}":{"get":{"operationId":"getTea",
	"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],
	"responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Tea"}}}}}}}},
	"components":{"schemas":{"Tea":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"note":{"type":["string","null"]}}}}}}`

func TestAnAnswerMustBeAsDeclared(t *testing.T) {
	doc, err := contract.Read([]byte(document))
	require.NoError(t, err)
	require.Equal(t, []string{"GET /teas/{id} getTea"}, doc.Operations())
	require.Equal(t, []string{"200"}, contract.Statuses(doc.Operation("GET", "/teas/black")))
	require.Nil(t, doc.Operation("PUT", "/teas/black"))
	json := http.Header{"Content-Type": {"application/json"}}
	r := httptest.NewRequest("GET", "/teas/green", nil)
	require.NoError(t, doc.Request(r, nil))
	for _, good := range []string{`{"name":"x"}`, `{"name":"x","note":null}`} {
		operation, err := doc.Answer(r, 200, json, []byte(good))
		require.NoError(t, err, good)
		require.Equal(t, "getTea", operation)
	}
	for _, bad := range []string{`{}`, `{"name":1}`, `{"name":"x","note":2}`, `{"name":"x","more":1}`, `[]`, `{"name":"x"`, ``} {
		_, err := doc.Answer(r, 200, json, []byte(bad))
		require.Error(t, err, bad)
	}
	_, err = doc.Answer(r, 404, json, []byte(`{"name":"x"}`))
	require.Error(t, err, "an undeclared status")
	_, err = doc.Answer(r, 200, http.Header{"Content-Type": {"text/html"}}, []byte(`{"name":"x"}`))
	require.Error(t, err, "an undeclared type")
	for _, other := range []*http.Request{httptest.NewRequest("PUT", "/teas/green", nil), httptest.NewRequest("GET", "/teas", nil)} {
		operation, err := doc.Answer(other, 200, json, []byte(`[]`))
		require.NoError(t, err)
		require.Empty(t, operation)
		require.Error(t, doc.Request(other, nil))
	}
}

func TestADocumentMustBeValid(t *testing.T) {
	for _, bad := range []string{``, `{}`, `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{}}`, `{"openapi":"3.1.0","paths":{}}`} {
		_, err := contract.Read([]byte(bad))
		require.Error(t, err, bad)
	}
}
