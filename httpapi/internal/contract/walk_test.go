package contract

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi"
)

func TestAWalkThatComparesNothingFails(t *testing.T) {
	require.ErrorContains(t, compared{}.enough(false), "without access")
	require.ErrorContains(t, compared{refused: 3}.enough(true), "another API")
	require.NoError(t, compared{refused: 3}.enough(false))
	require.NoError(t, compared{refused: 3, siblings: 1}.enough(true))
}

type tea struct {
	Name string `json:"name"`
}

// failing is a test that records its failure.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Fatalf(string, ...any) { f.failed = true }

func TestATakenRequestMustBelongToAnOperation(t *testing.T) {
	api, err := httpapi.New(httpapi.Config{
		Title: "x", Version: "1", FaultBody: tea{}, Fault: func(error) (int, any) { return http.StatusTeapot, tea{} },
		Routes: []httpapi.Route{{
			Method: "POST", Path: "/teas", OperationID: "brew", Summary: "x", Tag: "x", Body: tea{}, Answer: "",
			Handler: func(*httpapi.Request) (any, error) { return "", nil },
		}},
	})
	require.NoError(t, err)
	for path, fails := range map[string]bool{"/teas": false, "/coffees": true} {
		f := &failing{TB: t}
		Takes(f, api, httptest.NewRequest(http.MethodPost, path, nil), []byte(`{}`))
		require.Equal(t, fails, f.failed, path)
	}
}
