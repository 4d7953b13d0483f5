package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/desktest"
	"github.com/stretchr/testify/require"
)

func TestRecordsKeepTheContract(t *testing.T) {
	type file struct {
		path string
		db   *sql.DB
	}
	files := map[desk.Records]file{}
	open := func(t *testing.T, path string) desk.Records {
		s, db := openAt(t, path)
		r := s.Records()
		files[r] = file{path, db}
		return r
	}
	desktest.Records(t, func(t *testing.T) desk.Records {
		return open(t, filepath.Join(t.TempDir(), "shop.db"))
	}, desktest.WithReopen(func(t *testing.T, old desk.Records) desk.Records {
		require.NoError(t, files[old].db.Close())
		return open(t, files[old].path)
	}))
}
