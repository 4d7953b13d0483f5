package store_test

import (
	"testing"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/storetest"
)

func TestMemoryKeepsThePromisesOfABackend(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Backend { return store.NewMemory() }, storetest.WithListers())
}
