package httpapitest_test

import "testing"

func TestTheAdapterOfTheExampleKeepsTheContract(t *testing.T) { testReplies(t) }
