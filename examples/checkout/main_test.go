package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/checkout/checkouttest"
)

// safeBuffer is a bytes.Buffer for concurrent use.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestEveryStateIsServed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out safeBuffer
	done := make(chan error, 1)
	go func() { done <- run(ctx, "127.0.0.1:0", &out) }()
	names := checkouttest.New(time.Now()).Names()
	link := regexp.MustCompile(`http://\S+\n`)
	require.Eventually(t, func() bool { return len(link.FindAllString(out.String(), -1)) == len(names) }, 10*time.Second, 5*time.Millisecond)
	for _, url := range link.FindAllString(out.String(), -1) {
		response, err := http.Get(url[:len(url)-1])
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode, url)
		require.Contains(t, string(body), "Corner Books")
	}
	cancel()
	require.NoError(t, <-done)
}
