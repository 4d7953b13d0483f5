package queue_test

import (
	"testing"

	"github.com/cointill/cointill/store/internal/queue"
	"github.com/stretchr/testify/require"
)

func never() bool { return false }

func TestOneCallerLeadsUntilNobodyWaits(t *testing.T) {
	var q queue.Queue[string]
	require.True(t, q.Join("a"))
	require.False(t, q.Join("b"))
	require.Equal(t, []string{"a"}, q.Take(1))
	require.False(t, q.Join("c"), "there is a leader")
	var next string
	require.True(t, q.Pass(func(j string) { next = j }))
	require.Equal(t, "b", next)
	require.False(t, q.Join("d"), "who was given the lead leads")
	require.Equal(t, []string{"b", "c", "d"}, q.Take(10))
	require.False(t, q.Pass(func(string) { t.Error("nobody waits") }))
	require.True(t, q.Join("e"))
}

func TestAJobIsWithdrawnOnlyBeforeItIsBegun(t *testing.T) {
	var q queue.Queue[string]
	for _, j := range []string{"a", "b", "c"} {
		q.Join(j)
	}
	require.Equal(t, []string{"a"}, q.Take(1))
	require.False(t, q.Withdraw("a", never), "it is begun")
	require.False(t, q.Withdraw("b", func() bool { return true }), "it must lead")
	require.True(t, q.Withdraw("c", never))
	require.False(t, q.Withdraw("c", never), "it is gone")
	waiting, taken := q.Len()
	require.Equal(t, []int{1, 1}, []int{waiting, taken})
	require.Equal(t, []string{"b"}, q.Take(10))
}

func TestGatheringEndsAlthoughNobodyComes(t *testing.T) {
	var q queue.Queue[int]
	for j := range 3 {
		q.Join(j)
	}
	q.Take(3)
	q.Join(3)
	q.Gather()
	require.Equal(t, []int{3}, q.Take(3))
}
