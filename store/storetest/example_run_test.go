package storetest_test

import "testing"

func TestTheAdapterOfTheExampleKeepsThePromisesOfABackend(t *testing.T) { testStore(t) }
