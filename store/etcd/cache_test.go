package etcd

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func has(t *testing.T, c *cache, key string, at int64, value string) {
	t.Helper()
	got, known := c.get(key, at)
	require.Equal(t, value, string(got))
	require.Equal(t, value != "", known)
}

func TestTheCacheKnowsAValueSinceItWasWritten(t *testing.T) {
	c := newCache()
	has(t, c, "a", 5, "")
	c.add("a", []byte("old"), 5)
	has(t, c, "a", 5, "old")
	c.wrote(writes{pairs: map[string][]byte{"a": []byte("new"), "gone": nil}}, 6)
	has(t, c, "a", 5, "")
	has(t, c, "a", 6, "new")
	has(t, c, "a", 7, "new")
	value, known := c.get("gone", 6)
	require.True(t, known)
	require.Nil(t, value)
}

func TestWhatOthersChangedIsReadAnewAndNeverInItsOldState(t *testing.T) {
	c := newCache()
	c.add("a", []byte("1"), 5)
	changed := []uint64{hashOf("a"), hashOf("b")}
	c.changed(changed, 8)
	c.changed(changed, 6) // heard of later
	c.add("a", []byte("of 6"), 7)
	c.add("b", []byte("of 6"), 7)
	for _, key := range []string{"a", "b"} {
		has(t, c, key, 7, "")
		has(t, c, key, 8, "")
	}
	c.add("a", []byte("of 8"), 9)
	has(t, c, "a", 9, "of 8")
	c.wrote(writes{pairs: map[string][]byte{"a": []byte("of 7")}}, 7)
	has(t, c, "a", 9, "of 8")
}

func TestTheCacheKnowsHowLargeItIs(t *testing.T) {
	c := newCache()
	for range 3 {
		c.wrote(writes{pairs: map[string][]byte{"key": make([]byte, 1000)}}, 1)
		require.Equal(t, 1003+overhead, c.bytes())
	}
	c.changed([]uint64{hashOf("key")}, 2)
	require.Equal(t, overhead, c.bytes())
}
