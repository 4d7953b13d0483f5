package store_test

import (
	"testing"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/storetest"
)

// BenchmarkSettled does what the one of store/sqlite does:
//
//	go test -run '^$' -bench Settled ./store
//
// On two busy cores, in microseconds:
//
//	        10  1,000  100,000
//	read     3      2        4
//	match   11      9       12
//	above    6      8        8
//	page     9     19       29  (of 10 payments; there are 6 where 10 settled)
//	pay     31     40       32
func BenchmarkSettled(b *testing.B) {
	storetest.Settled(b, func(*testing.B) store.Backend { return store.NewMemory() })
}
