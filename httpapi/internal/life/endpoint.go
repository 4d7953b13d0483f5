package life

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Endpoint is the shop's server for webhooks, as a transport. The zero value accepts everything.
type Endpoint struct {
	mu      sync.Mutex // guards what follows
	answers []int
	hooks   []Hook
}

// Hook is a received webhook.
type Hook struct {
	At     time.Time
	URL    string
	Header http.Header
	Body   string
}

// Answer sets the statuses of the responses to the next webhooks. Later ones get 200.
func (e *Endpoint) Answer(statuses ...int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers = statuses
}

// Hooks returns the received webhooks.
func (e *Endpoint) Hooks() []Hook {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.hooks)
}

// RoundTrip implements [http.RoundTripper].
func (e *Endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hooks = append(e.hooks, Hook{time.Now(), r.URL.String(), r.Header.Clone(), string(body)})
	status := http.StatusOK
	if len(e.answers) > 0 {
		status, e.answers = e.answers[0], e.answers[1:]
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
}
