package itispay_test

import (
	"testing"

	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/itispay"
)

// FuzzRequests: nothing makes an operation of 1.1.0 fail.
func FuzzRequests(f *testing.F) { contract.Fuzz(f, subjectOf(itispay.New), shortBodies()...) }

// FuzzRequestsV1: nor one of 1.0.0.
func FuzzRequestsV1(f *testing.F) { contract.Fuzz(f, subjectOf(itispay.NewV1), shortBodies()...) }

// shortBodies are the bad creations that are worth varying.
func shortBodies() (out []string) {
	for _, c := range badCreations {
		if len(c.body) < 300 {
			out = append(out, c.body)
		}
	}
	return out
}
