package scrub_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/internal/scrub"
)

func secrets(t *testing.T, raw string, keys ...string) scrub.Secrets {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return scrub.Of([]*url.URL{u, nil}, keys...)
}

func TestText_HasNoneOfTheSecrets(t *testing.T) {
	s := secrets(t, "https://someuser:pass%20word@host.example/v3/0123456789abcdef/a%2Fbcdefg?key=querykey&x=&other=p%40ssed&bare-key", "apikey")
	for _, told := range []string{
		"someuser", "pass word", "pass%20word", "pass+word", "c29tZXVzZXI6cGFzcyB3b3Jk", "0123456789abcdef", "a/bcdefg", "a%2Fbcdefg", "querykey",
		"p@ssed", "p%40ssed", "bare-key", "apikey",
	} {
		require.Equal(t, "no "+scrub.Mask+" here", s.Text("no "+told+" here"), told)
	}
	require.Equal(t, "... of ...", s.And("later one").Text("later one of querykey"))
	require.Equal(t, "v3 of host.example is down", s.Text("v3 of host.example is down"))
	require.Equal(t, "https://...:...@host.example/v3/...?key=...",
		s.Text("https://someuser:pass%20word@host.example/v3/0123456789abcdef?key=querykey"))
}

func TestText_KeepsWhatIsTooShortForASecret(t *testing.T) {
	s := secrets(t, "https://rpc@host.example/v3?chain=eth&network=main&eth", "key")
	require.Equal(t, "eth_call of main by rpc: ...", s.Text("eth_call of main by rpc: key"))
	s = secrets(t, "https://rpc:pwd@host.example/")
	require.Equal(t, "rpc and ...", s.Text("rpc and pwd"))
}

func TestText_IsMaskedBeforeItIsCutAndStaysValid(t *testing.T) {
	s := secrets(t, "https://host.example/0123456789abcdef")
	long := s.Text(strings.Repeat("a", 190) + "0123456789abcdef")
	require.NotContains(t, long, "0")
	for _, text := range []string{strings.Repeat("é", 200), strings.Repeat("x", 199) + "é", "\xff\xfe", strings.Repeat("x", 199) + "\xff"} {
		require.LessOrEqual(t, len(s.Text(text)), 200)
		require.True(t, utf8.ValidString(s.Text(text)))
	}
	require.Equal(t, "as it is", scrub.Secrets{}.Text("as it is"))
}

func TestError_KeepsWhatItWraps(t *testing.T) {
	s := secrets(t, "https://host.example/0123456789abcdef")
	require.NoError(t, s.Error(nil))
	plain := errors.New("plain")
	require.Equal(t, plain, s.Error(plain))
	told := s.Error(fmt.Errorf("at 0123456789abcdef: %w", context.DeadlineExceeded))
	require.ErrorIs(t, told, context.DeadlineExceeded)
	require.NotContains(t, told.Error(), "0123456789abcdef")
	wrapped := s.Error(fmt.Errorf("ask: %w", &url.Error{Op: "Post", URL: "https://host.example/0123456789abcdef", Err: context.Canceled}))
	require.ErrorIs(t, wrapped, context.Canceled)
	require.NotContains(t, wrapped.Error(), "host.example")
}

func TestParseURLDoesNotRepeatTheURL(t *testing.T) {
	u, err := scrub.ParseURL("https://user:password@node.example/key?a=b", "http", "https")
	require.NoError(t, err)
	require.Equal(t, "/key", u.Path)
	for _, raw := range []string{"", "topsecret", "https:///topsecret", "ftp://node.example/topsecret", "https://topsecret\x7f/", "http:topsecret"} {
		_, err := scrub.ParseURL(raw, "http", "https")
		require.ErrorContains(t, err, "scheme http or https", raw)
		require.NotContains(t, err.Error(), "topsecret")
	}
}
