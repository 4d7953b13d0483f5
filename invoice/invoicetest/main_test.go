package invoicetest_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// Worlds are small and many: most of what the collector would look through it would have to keep.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}
