package remote

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFormattingAClientShowsNoToken(t *testing.T) {
	const bearer = "0123456789abcdef0123456789abcdef"
	c, err := New(Config{URL: "https://signer/", Token: bearer})
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, value := range []any{c, *c} {
			require.NotContains(t, fmt.Sprintf(verb, value), bearer)
			require.NotContains(t, fmt.Sprintf(verb, value), fmt.Sprintf("%x", bearer))
		}
	}
}

func TestPlainIsOneBoundedLine(t *testing.T) {
	require.Equal(t, "ab", Plain("a\n\x1bb\xff"))
	require.Len(t, Plain(fmt.Sprintf("%0300d", 1)), maxReason)
}
