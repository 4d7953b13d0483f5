package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/storetest"
)

// BenchmarkSettled reads an invoice in the ways of a step, and pays it once more, with 10, 1,000 and 100,000 payments that
// settled before:
//
//	go test -run '^$' -bench Settled ./store/sqlite
//
// On two busy cores, in microseconds, of which most of the last line is the disk:
//
//	         10    1,000  100,000
//	read     81       99      103
//	match   238      283      527
//	above    83      109      171
//	page    177      375      309  (of 10 payments; there are 6 where 10 settled)
//	pay   3,636    2,437    2,795
func BenchmarkSettled(b *testing.B) {
	storetest.Settled(b, func(b *testing.B) store.Backend {
		s, _ := openAt(b, filepath.Join(b.TempDir(), "shop.db"))
		return s
	})
}
