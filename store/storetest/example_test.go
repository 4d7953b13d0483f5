package storetest_test

import (
	"fmt"
	"testing"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/storetest"
)

// adapter stands for the adapter that is to be proved.
type adapter struct{ *store.Memory }

// testStore is the test of the adapter.
func testStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Backend {
		return adapter{store.NewMemory()} // a new, empty backend
	}, storetest.WithReopen(func(t *testing.T, old store.Backend) store.Backend {
		database := old.(adapter).Memory
		return adapter{database} // the same data, as after a restart
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
