package httpapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAKeyIsAStringOfVisibleASCIIWithQuotesOrWithout(t *testing.T) {
	long := strings.Repeat("x", 255)
	for text, want := range map[string]string{
		`8e03978e-40d5`: "8e03978e-40d5", `"8e03978e-40d5"`: "8e03978e-40d5", `"a\"b\\c"`: `a"b\c`, `"~!"`: "~!", `a"b`: `a"b`, `a\b`: `a\b`,
		long: long, `"` + long + `"`: long,
	} {
		got, ok := replyKey(text)
		require.True(t, ok, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		"", `""`, `"`, `"a`, `"a"b`, `"a";p=1`, `"a\n"`, `"a\`, `"a b"`, "a b", " a", "a, b", "ä", `"ä"`, "a\x7f", "a\tb", "a\x00", "\xff",
		long + "x", `"` + long + `x"`,
	} {
		_, ok := replyKey(text)
		require.False(t, ok, text)
	}
}

// FuzzReplyKey tests that a parsed key can be parsed again when it is written with quotes.
func FuzzReplyKey(f *testing.F) {
	for _, text := range []string{`a`, `"a"`, `"a\"\\"`, `"`, `"\`, "ä"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, ok := replyKey(text)
		if !ok {
			return
		}
		require.NotEmpty(t, key)
		require.LessOrEqual(t, len(key), 255)
		again, ok := replyKey(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`)
		require.True(t, ok)
		require.Equal(t, key, again)
	})
}
