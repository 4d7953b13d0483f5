package main

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheStoryIsToldToTheEnd(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), options{dir: t.TempDir()}, &out))
	story := out.String()
	for _, line := range []string{
		`ether-1 +created +25\.00 EUR`, `ether-1 +quoted +0\.01 ETH to 0x`, `ether-1 +seen +0\.006 ETH in block \d+, with it under`,
		`ether-1 +paid_partial`, `ether-1 +seen +0\.004 ETH .* exact`, `ether-1 +confirming +\d/4`, `ether-1 +completed +received 0\.01, .* \(exact\)`,
		`token-1 +quoted +25\.050101 TEUR`, `token-1 +seen .* over`, `token-1 +completed .* \(over\)`,
		`ether-1 +webhook +"completed" delivered and its signature verified`, `token-1 +webhook +"completed" delivered and its signature verified`,
	} {
		require.Regexp(t, regexp.MustCompile(line), story)
	}
}

func TestASecondStartGoesOnWhereTheFirstEnded(t *testing.T) {
	dir := t.TempDir()
	var first, second bytes.Buffer
	require.NoError(t, run(t.Context(), options{dir: dir}, &first))
	require.NoError(t, run(t.Context(), options{dir: dir}, &second))
	require.Equal(t, 2, strings.Count(second.String(), " created "), "no other invoices")
	require.Equal(t, 3, strings.Count(second.String(), " seen "), "nothing is paid again")
}

// Every line that -serve prints works as it is pasted into a shell.
func TestThePrintedCurlLinesWork(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &safeBuffer{}
	done := make(chan error, 1)
	go func() { done <- run(ctx, options{dir: t.TempDir(), serve: true}, out) }()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "Second shop") }, time.Minute, 50*time.Millisecond)
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "curl ") {
			answer, err := exec.Command("sh", "-c", strings.Replace(line, "curl -s", "curl -s -f", 1)).CombinedOutput()
			require.NoError(t, err, "%s%s", line, answer)
			require.NotEmpty(t, answer)
			require.NotEqual(t, http.StatusText(http.StatusNotFound), string(answer))
		}
	}
	cancel()
	require.NoError(t, <-done)
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
