// Package known remembers for a second which projects were let in, so that who asks much is not looked up each time.
// Who was refused is not remembered: it costs the store the same call each time, whoever it is.
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

// Projects are what is remembered, by something that only one project has, such as the hash of a key, or its id. The
// zero value is ready for use. It is safe for concurrent use.
type Projects struct {
	mu    sync.Mutex // guards what follows
	known map[string]entry
	since time.Time // what was asked for before is out of date
}

type entry struct {
	project invoice.Project
	till    time.Time
}

// Get answers the project that is remembered by this.
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

// Keep remembers a project that the store was asked for at that time.
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

// Forget is for a project that has changed, or is not to be let in any more. What the store was asked for before is
// not remembered afterwards.
func (p *Projects) Forget(by string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, by)
	p.since = time.Now()
}
