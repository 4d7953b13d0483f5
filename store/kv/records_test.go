package kv_test

import (
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/desktest"
	"github.com/cointill/cointill/store/kv"
)

// keptRecords remembers its database, to be opened again.
type keptRecords struct {
	*kv.Records
	db *sorted
}

func TestRecordsKeepTheContract(t *testing.T) {
	desktest.Records(t, func(*testing.T) desk.Records {
		db := &sorted{}
		return keptRecords{kv.New(db).Records(), db}
	}, desktest.WithReopen(func(_ *testing.T, old desk.Records) desk.Records {
		db := old.(keptRecords).db
		return keptRecords{kv.New(db).Records(), db}
	}))
}
