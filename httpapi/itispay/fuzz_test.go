package itispay_test

import (
	"testing"

	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/itispay"
)

// FuzzRequests tests that no request to 1.1.0 causes an internal error.
func FuzzRequests(f *testing.F) { contract.Fuzz(f, subjectOf(itispay.New), shortBodies()...) }

// FuzzRequestsV1 is FuzzRequests for 1.0.0.
func FuzzRequestsV1(f *testing.F) { contract.Fuzz(f, subjectOf(itispay.NewV1), shortBodies()...) }

// FuzzRequestsPaying is FuzzRequests for an API that pays out.
func FuzzRequestsPaying(f *testing.F) { contract.Fuzz(f, paying) }

// shortBodies returns the bad creations that are worth varying.
func shortBodies() (out []string) {
	for _, c := range badCreations {
		if len(c.body) < 300 {
			out = append(out, c.body)
		}
	}
	return out
}
