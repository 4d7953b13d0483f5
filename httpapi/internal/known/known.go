// Package known caches authenticated projects for a second, so that frequent requests do not each read the store. Refusals
// are not cached, so that each costs the store the same call.
package known

import (
	"sync"
	"time"

	"github.com/cointill/cointill/invoice"
)

const (
	most  = 1000
	lasts = time.Second
)

// Projects is a cache of projects, by something unique to a project, such as the hash of a key or its id. The zero value is
// ready for use. It may be used concurrently.
type Projects struct {
	mu    sync.Mutex // guards what follows
	known map[string]entry
	since time.Time // projects that were read before are out of date
}

type entry struct {
	project invoice.Project
	till    time.Time
}

// Get returns the cached project, and reports whether there is one.
func (p *Projects) Get(by string) (invoice.Project, bool) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.known[by]
	if !ok || !now.Before(found.till) {
		return invoice.Project{}, false
	}
	return found.project, true
}

// Keep caches a project whose read began at the given time.
func (p *Projects) Keep(by string, project invoice.Project, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !asked.After(p.since) {
		return
	}
	if p.known == nil || len(p.known) >= most {
		p.known = map[string]entry{}
	}
	p.known[by] = entry{project, asked.Add(lasts)}
}

// Forget removes a project that has changed or may no longer be authenticated. Reads that began before are not cached
// afterwards.
func (p *Projects) Forget(by string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, by)
	p.since = time.Now()
}
