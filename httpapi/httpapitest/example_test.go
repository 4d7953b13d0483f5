package httpapitest_test

import (
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/httpapitest"
)

// A custom store of replies proves in a test of its own package that it keeps the contract.
func ExampleReplies() {
	var t *testing.T // that of a function TestReplies
	httpapitest.Replies(t, func(_ *testing.T, perScope int) httpapi.Replies {
		return httpapi.NewReplies(perScope)
	})
}
