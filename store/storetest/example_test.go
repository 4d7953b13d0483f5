package storetest_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/store/storetest"
)

// adapter is a backend that can be closed and opened again.
type adapter struct {
	*sqlite.Store
	db   *sql.DB
	path string
}

func open(t *testing.T, path string) adapter {
	db, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := sqlite.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.New(db)
	if err != nil {
		t.Fatal(err)
	}
	return adapter{s, db, path}
}

// testStore is the test of the adapter.
func testStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Backend {
		return open(t, filepath.Join(t.TempDir(), "shop.db")) // a new, empty backend
	}, storetest.WithReopen(func(t *testing.T, old store.Backend) store.Backend {
		a := old.(adapter)
		if err := a.db.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, a.path) // the same data, as after a restart
	}))
}

// An adapter proves itself in one call, in a test of its own.
func ExampleRun() {
	// The adapter has, in a file whose name ends with _test.go:
	//
	//	func TestStore(t *testing.T) { testStore(t) }
	fmt.Printf("%T\n", testStore)
	// Output: func(*testing.T)
}
