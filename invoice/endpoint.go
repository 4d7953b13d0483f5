package invoice

import (
	"slices"
	"strings"
	"time"
)

// Endpoint is a webhook endpoint of a project. It is told the events of all of the project's invoices, standing and
// archived ones included, beside the callback URL of each invoice.
type Endpoint struct {
	ID  string `json:"id"`  // "ep_" and 16 hexadecimal digits; never used again
	URL string `json:"url"` // no two endpoints of a project have the same
	// Secrets sign what is sent to the endpoint, and nothing else; newest first, at least one.
	Secrets []Secret `json:"secrets,omitempty"`
	// Events selects what the endpoint is told: types of events, and prefixes of types that end in ".*", such as
	// "invoice.*". Empty means every event.
	Events []string `json:"events,omitempty"`
	// Format is the format of what it is told; empty means the library's own, whose bodies decode into [Payload].
	Format string `json:"format,omitempty"`
	// Disabled endpoints are told nothing of the events that happen meanwhile. What happened before is still sent.
	Disabled  bool      `json:"disabled,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// String returns the ID alone, because a URL may contain a secret.
func (e Endpoint) String() string { return "endpoint " + e.ID }

// GoString returns the same as String.
func (e Endpoint) GoString() string { return e.String() }

// Takes reports whether the endpoint is told events of the type.
func (e Endpoint) Takes(t EventType) bool {
	if e.Disabled {
		return false
	}
	return len(e.Events) == 0 || slices.ContainsFunc(e.Events, func(filter string) bool {
		prefix, wild := strings.CutSuffix(filter, "*")
		return filter == string(t) || wild && strings.HasPrefix(string(t), prefix)
	})
}

// ActiveSecrets returns the secrets that sign at the given time, newest first.
func (e Endpoint) ActiveSecrets(now time.Time) []string { return active(e.Secrets, now) }

// active returns the secrets that sign at the given time, in their order.
func active(secrets []Secret, now time.Time) []string {
	var out []string
	for _, s := range secrets {
		if s.Until.IsZero() || now.Before(s.Until) {
			out = append(out, s.Value)
		}
	}
	return out
}

// rotated returns the secrets after a new one has come: the older ones sign beside it for the overlap.
func rotated(secrets []Secret, fresh Secret, now time.Time, overlap time.Duration) []Secret {
	out := []Secret{fresh}
	for _, s := range secrets {
		if end := now.Add(overlap); s.Until.IsZero() || s.Until.After(end) {
			s.Until = end
		}
		if now.Before(s.Until) {
			out = append(out, s)
		}
	}
	return out
}

const (
	maxEndpoints = 16 // of a project: every event makes as many messages
	maxFilters   = 64 // entries of Endpoint.Events
	maxFilter    = 64 // bytes of an entry
)

// checkFilters refuses entries that are no event type or prefix. Those that begin with "invoice." must be known, so
// that a misspelt one is noticed; other packages have types of their own.
func checkFilters(events []string) error {
	const field = "Events"
	if len(events) > maxFilters {
		return refuse(field, events[maxFilters], "has more than 64 entries")
	}
	for i, filter := range events {
		name, wild := strings.CutSuffix(filter, ".*")
		switch {
		case len(filter) > maxFilter || !plainType(name):
			return refuse(field, filter, `has an entry that is neither an event type nor a prefix that ends in ".*"`)
		case slices.Contains(events[:i], filter):
			return refuse(field, filter, "has an entry twice")
		case !wild && strings.HasPrefix(filter, "invoice.") && !slices.Contains(eventTypes(), EventType(filter)),
			wild && strings.HasPrefix(name, "invoice."):
			return refuse(field, filter, "has an entry that matches no event")
		}
	}
	return nil
}

// plainType reports whether the text has the form of an event type, such as "invoice.paid_partial".
func plainType(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == "" && !slices.Contains(strings.Split(name, "."), "")
}
