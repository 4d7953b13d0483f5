package life

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Endpoint is the shop's server for webhooks, as a transport. The zero value takes everything.
type Endpoint struct {
	mu      sync.Mutex // guards what follows
	answers []int
	hooks   []Hook
}

// Hook is a webhook as it arrived.
type Hook struct {
	At     time.Time
	URL    string
	Header http.Header
	Body   string
}

// Answer says how the next webhooks are answered; those after them with 200.
func (e *Endpoint) Answer(statuses ...int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers = statuses
}

// Hooks are those that arrived.
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
