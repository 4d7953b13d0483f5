// Package repliestest has tests of replies that need to know how many rows a store has.
package repliestest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Beginner is the part of replies that the tests use.
type Beginner interface {
	Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) (held []byte, err error)
}

// DoNotPileUp requires that entries that have ended are removed, a few with each new one. The replies have none at first;
// count returns their number.
func DoNotPileUp(t *testing.T, replies Beginner, count func() int) {
	now := time.Unix(1_700_000_000, 0)
	begin := func(n int) {
		_, err := replies.Begin(t.Context(), "scope", fmt.Sprint(n), []byte("run"), now, now.Add(time.Minute))
		require.NoError(t, err)
	}
	for n := range 100 {
		begin(n)
	}
	require.Equal(t, 100, count())
	now = now.Add(time.Minute)
	begin(100)
	require.Less(t, count(), 100)
	require.Greater(t, count(), 50, "not all at once")
	for n := range 20 {
		begin(101 + n)
	}
	require.Equal(t, 21, count(), "those that have not ended")
}
