package store_test

import (
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/desktest"
	"github.com/cointill/cointill/store"
)

func TestRecordsInMemoryKeepTheContract(t *testing.T) {
	desktest.Records(t, func(*testing.T) desk.Records { return store.NewMemory().Records() })
}
