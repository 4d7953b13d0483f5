package invoice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// WithChecks returns a copy of ps that checks the URLs and formats of endpoints by c, which is the [Service] or its
// notifier. Without it, any absolute http or https URL is valid, and no format but the default. The copy works on the
// same store, and both see each other's changes at once.
func (ps *Projects) WithChecks(c EndpointChecker) *Projects {
	out := *ps
	out.checks = c
	return &out
}

// NewEndpoint describes an endpoint of a project.
type NewEndpoint struct {
	URL      string   // required; checked as callback URLs are
	Events   []string // see Endpoint.Events; at most 64 entries of at most 64 bytes
	Format   string   // see Endpoint.Format
	Disabled bool
}

// AddEndpoint adds an endpoint to the project and returns it with its secret, which [Projects.EndpointSecrets] returns
// as well. It is told all events that are decided from now on, except that services of other processes, and those whose
// [Config.Receivers] is not ps, may miss it for [ReceiversAge]. It refuses with an [InvalidError], which
// is for Endpoints when the project has 16 already, with ErrNotFound, or with [ErrConflict] when the project keeps being
// changed concurrently.
func (ps *Projects) AddEndpoint(ctx context.Context, project string, in NewEndpoint) (Endpoint, error) {
	if err := ps.checkEndpoint(in); err != nil {
		return Endpoint{}, err
	}
	added := Endpoint{
		ID: "ep_" + randomHex(8), URL: in.URL, Secrets: []Secret{{Value: newSecret()}},
		Events: slices.Clone(in.Events), Format: in.Format, Disabled: in.Disabled, CreatedAt: ps.now().UTC(),
	}
	err := ps.change(ctx, project, func(p *Project) error {
		if len(p.Endpoints) >= maxEndpoints {
			return refuse("Endpoints", publicURL(in.URL), fmt.Sprintf("has %d entries, and no room for more", len(p.Endpoints)))
		}
		p.Endpoints = append(slices.Clip(p.Endpoints), added)
		return distinctURLs(p.Endpoints, added)
	})
	if err != nil {
		return Endpoint{}, fmt.Errorf("invoice: add endpoint: %w", err)
	}
	added.Secrets = slices.Clone(added.Secrets)
	return added, nil
}

// ReplaceEndpoint changes all that in describes of the endpoint, which keeps its ID and its secrets. Messages of events
// before the change are still sent to the URL that they were made for. A URL that has answered 410 takes nothing until
// a message to it is resent, whichever endpoint has it. It is idempotent. It refuses as AddEndpoint does, and with
// [ErrNoEndpoint].
func (ps *Projects) ReplaceEndpoint(ctx context.Context, project, id string, in NewEndpoint) error {
	if err := ps.checkEndpoint(in); err != nil {
		return err
	}
	err := ps.changeEndpoint(ctx, project, id, func(e *Endpoint) {
		e.URL, e.Events, e.Format, e.Disabled = in.URL, slices.Clone(in.Events), in.Format, in.Disabled
	})
	if err != nil {
		return fmt.Errorf("invoice: replace endpoint %q: %w", id, err)
	}
	return nil
}

// RotateEndpointSecret gives the endpoint a new secret and returns it. The older ones sign beside it for the overlap, as
// [Projects.RotateSecret] documents. It refuses with ErrNotFound, [ErrNoEndpoint], or [ErrConflict].
func (ps *Projects) RotateEndpointSecret(ctx context.Context, project, id string, overlap time.Duration) (string, error) {
	now := ps.now().UTC()
	fresh := Secret{Value: newSecret()}
	err := ps.changeEndpoint(ctx, project, id, func(e *Endpoint) { e.Secrets = rotated(e.Secrets, fresh, now, overlap) })
	if err != nil {
		return "", fmt.Errorf("invoice: rotate secret of endpoint %q: %w", id, err)
	}
	return fresh.Value, nil
}

// RemoveEndpoint removes the endpoint. It is told nothing more: its secrets are gone, and so messages that were not sent
// yet are dead at their next attempt. It is idempotent. It refuses with ErrNotFound for an unknown project, or with
// [ErrConflict].
func (ps *Projects) RemoveEndpoint(ctx context.Context, project, id string) error {
	err := ps.change(ctx, project, func(p *Project) error {
		p.Endpoints = slices.DeleteFunc(slices.Clone(p.Endpoints), func(e Endpoint) bool { return e.ID == id })
		return nil
	})
	if err != nil {
		return fmt.Errorf("invoice: remove endpoint %q: %w", id, err)
	}
	return nil
}

// Endpoints returns the project's endpoints without their secrets, oldest first, or ErrNotFound.
func (ps *Projects) Endpoints(ctx context.Context, project string) ([]Endpoint, error) {
	p, err := ps.store.Project(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("invoice: endpoints of project: %w", err)
	}
	return withoutSecrets(p.Endpoints), nil
}

// EndpointSecrets returns the secrets that sign what is sent to the endpoint now, newest first. It refuses with
// ErrNotFound for an unknown project, or with [ErrNoEndpoint].
func (ps *Projects) EndpointSecrets(ctx context.Context, project, id string) ([]string, error) {
	p, err := ps.store.Project(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("invoice: secrets of endpoint %q: %w", id, err)
	}
	i := p.endpoint(id)
	if i < 0 {
		return nil, fmt.Errorf("invoice: secrets of endpoint %q: %w", id, ErrNoEndpoint)
	}
	return p.Endpoints[i].ActiveSecrets(ps.now()), nil
}

// endpoint returns the index of the endpoint with the ID, or -1.
func (p Project) endpoint(id string) int {
	return slices.IndexFunc(p.Endpoints, func(e Endpoint) bool { return e.ID == id })
}

func (ps *Projects) changeEndpoint(ctx context.Context, project, id string, f func(*Endpoint)) error {
	return ps.change(ctx, project, func(p *Project) error {
		i := p.endpoint(id)
		if i < 0 {
			return ErrNoEndpoint
		}
		p.Endpoints = slices.Clone(p.Endpoints)
		f(&p.Endpoints[i])
		return distinctURLs(p.Endpoints, p.Endpoints[i])
	})
}

func (ps *Projects) checkEndpoint(in NewEndpoint) error {
	var check func(string) error
	var formats []string
	if ps.checks != nil {
		check, formats = ps.checks.CheckCallback, ps.checks.Formats()
	}
	if err := checkURL("URL", in.URL, check); err != nil {
		return err
	}
	if in.Format != "" && !slices.Contains(formats, in.Format) {
		return refuse("Format", in.Format, "is unknown")
	}
	return checkFilters(in.Events)
}

// distinctURLs refuses the endpoint if another one has its URL: the same messages would arrive there twice.
func distinctURLs(all []Endpoint, of Endpoint) error {
	for _, e := range all {
		if e.ID != of.ID && e.URL == of.URL {
			return refuse("URL", publicURL(of.URL), "is the URL of "+e.String())
		}
	}
	return nil
}

func withoutSecrets(endpoints []Endpoint) []Endpoint {
	out := slices.Clone(endpoints)
	for i := range out {
		out[i].Secrets, out[i].Events = nil, slices.Clone(out[i].Events)
	}
	return out
}

// ReceiversAge is how old the endpoints may be that [Projects.Receivers] returns, if another process has changed them.
const ReceiversAge = 2 * time.Second

// Receivers implements [Receivers], without secrets. It remembers what it has read of a project for [ReceiversAge], so
// that a batch rarely waits for it. Changes made through ps are seen at once.
func (ps *Projects) Receivers(ctx context.Context, project string) ([]Endpoint, error) {
	now := ps.now()
	list, known, change := ps.recent.get(project, now)
	if known {
		return withoutSecrets(list), nil
	}
	p, err := ps.store.Project(ctx, project)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("invoice: endpoints of project: %w", err)
	}
	ps.recent.put(project, receivers{withoutSecrets(p.Endpoints), now}, change)
	return withoutSecrets(p.Endpoints), nil
}

// receivers are the endpoints of a project as they were read.
type receivers struct {
	list []Endpoint
	at   time.Time // when reading began
}

// maxRecent bounds how many projects are remembered.
const maxRecent = 10_000

// recent remembers the endpoints of projects for a short while.
type recent struct {
	mu      sync.Mutex // guards what follows
	held    map[string]receivers
	changes int64 // how often something was forgotten
}

// get returns the endpoints if they are known, and else what put needs.
func (r *recent) get(project string, now time.Time) (list []Endpoint, known bool, change int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, has := r.held[project]
	if age := now.Sub(held.at); !has || age < 0 || age >= ReceiversAge {
		return nil, false, r.changes
	}
	return held.list, true, 0
}

// put remembers what was read since get, unless a project has been changed meanwhile: it may have been this one.
func (r *recent) put(project string, read receivers, change int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes != change {
		return
	}
	if len(r.held) >= maxRecent {
		clear(r.held)
	}
	r.held[project] = read
}

// forget makes the next call read the project again.
func (r *recent) forget(project string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, project)
	r.changes++
}
