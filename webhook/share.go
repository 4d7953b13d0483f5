package webhook

import "slices"

// shares keeps one project from taking every worker. It belongs to the goroutine of Run and needs no lock.
type shares struct {
	most, mostLate int            // of one project
	prompt, late   map[string]int // deliveries in flight by project: those that count among the workers, and those beside them
}

func newShares(most, mostLate int) *shares {
	return &shares{most: most, mostLate: mostLate, prompt: map[string]int{}, late: map[string]int{}}
}

// ration returns which projects the next claim must leave out and how many messages it may take, so that whatever it
// brings may be sent at once.
func (s *shares) ration(free int) (skip []string, limit int) {
	limit = min(free, s.most)
	for project, n := range s.prompt {
		if n >= s.most {
			skip = append(skip, project)
			continue
		}
		limit = min(limit, s.most-n)
	}
	slices.Sort(skip)
	return skip, limit
}

// begin counts a delivery in.
func (s *shares) begin(project string) { s.prompt[project]++ }

// setAside moves a delivery from among the workers, and reports whether the project had room for it beside them.
func (s *shares) setAside(project string) bool {
	if s.late[project] >= s.mostLate {
		return false
	}
	less(s.prompt, project)
	s.late[project]++
	return true
}

// end counts a delivery out.
func (s *shares) end(project string, late bool) {
	if late {
		less(s.late, project)
		return
	}
	less(s.prompt, project)
}

// less forgets a project that has nothing in flight.
func less(counts map[string]int, project string) {
	if counts[project]--; counts[project] <= 0 {
		delete(counts, project)
	}
}
