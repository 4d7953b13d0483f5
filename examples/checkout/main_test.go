package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/checkout/checkouttest"
)

func TestEveryStateIsServed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	said, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, "127.0.0.1:0", out) }()
	names := checkouttest.New(time.Now()).Names()
	var links []string
	for lines := bufio.NewScanner(said); len(links) < len(names) && lines.Scan(); {
		links = append(links, lines.Text()) // the program serves once all are read
	}
	require.Len(t, links, len(names))
	for i, name := range names {
		label, url, _ := strings.Cut(links[i], " ")
		require.Equal(t, name, label)
		response, err := http.Get(strings.TrimSpace(url))
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
