package httpapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// table serves one route that writes lines of ten bytes, and then ends with an error or without.
func table(t *testing.T, log io.Writer, lines int, end error) *httpapi.API {
	t.Helper()
	r := route("GET", "/table", func(*httpapi.Request) (any, error) {
		return httpapi.Text{Type: "text/csv; charset=utf-8", Write: func(w io.Writer) error {
			for i := range lines {
				if _, err := fmt.Fprintf(w, "%09d\n", i); err != nil {
					return err
				}
			}
			return end
		}}, nil
	})
	r.Answer = httpapi.Text{Type: "text/csv; charset=utf-8"}
	api, err := httpapi.New(config(log, r))
	require.NoError(t, err)
	return api
}

func TestATextIsSentAsItIs(t *testing.T) {
	for _, lines := range []int{0, 3, 6553, 6554, 20_000} {
		server := httptest.NewServer(table(t, io.Discard, lines, nil))
		res, err := http.Get(server.URL + "/table")
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, "text/csv; charset=utf-8", res.Header.Get("Content-Type"))
		require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		require.Len(t, body, 10*lines)
		require.Equal(t, lines <= 6553, res.ContentLength >= 0, "a long one has no length")
		head, err := http.Head(server.URL + "/table")
		require.NoError(t, err)
		require.NoError(t, head.Body.Close())
		require.Equal(t, res.Header.Get("Content-Type"), head.Header.Get("Content-Type"))
		server.Close()
	}
}

func TestATextThatFailsIsARefusalOrIsCut(t *testing.T) {
	var log bytes.Buffer
	rec := httptest.NewRecorder()
	table(t, &log, 5, invoice.ErrNotFound).ServeHTTP(rec, httptest.NewRequest("GET", "/table", nil))
	require.Equal(t, 404, rec.Code)
	require.Equal(t, `{"text":"no such thing"}`+"\n", rec.Body.String())
	require.Equal(t, "application/json", rec.Header().Get("Content-Type"))

	server := httptest.NewServer(table(t, &log, 20_000, errors.New("the disk is gone")))
	defer server.Close()
	res, err := http.Get(server.URL + "/table")
	require.NoError(t, err)
	defer res.Body.Close()
	_, err = io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	server.Close() // the handler has ended
	require.Contains(t, log.String(), "the disk is gone")
}

func TestATextIsDocumentedByItsType(t *testing.T) {
	api := table(t, io.Discard, 1, nil)
	require.Contains(t, string(api.OpenAPI()), `"text/csv": {
                "schema": {
                  "type": "string"
                }
              }`)
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, httptest.NewRequest("GET", "/docs", nil))
	require.Contains(t, rec.Body.String(), "text/csv")
	for method, answer := range map[string]httpapi.Text{"GET": {}, "POST": {Type: "text/csv"}} {
		r := route(method, "/x", func(*httpapi.Request) (any, error) { return answer, nil })
		r.Answer = answer
		_, err := httpapi.New(config(io.Discard, r))
		require.ErrorContains(t, err, "Text", method)
	}
}
