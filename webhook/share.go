package webhook

import "slices"

// shares limits the workers of each project. It belongs to the goroutine of Run and needs no lock.
type shares struct {
	most, mostLate int            // maxima for one project
	prompt, late   map[string]int // deliveries in flight by project: those that count as workers, and those beside them
}

func newShares(most, mostLate int) *shares {
	return &shares{most: most, mostLate: mostLate, prompt: map[string]int{}, late: map[string]int{}}
}

// ration returns the projects that the next claim must leave out, and how many messages it may claim, so that all of them
// may be sent at once.
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

// begin counts a delivery that begins.
func (s *shares) begin(project string) { s.prompt[project]++ }

// setAside moves a delivery from the workers to the late ones, and reports whether the project had room for it.
func (s *shares) setAside(project string) bool {
	if s.late[project] >= s.mostLate {
		return false
	}
	less(s.prompt, project)
	s.late[project]++
	return true
}

// end counts a delivery that ends.
func (s *shares) end(project string, late bool) {
	if late {
		less(s.late, project)
		return
	}
	less(s.prompt, project)
}

// less decrements a project's count, and removes it at 0.
func less(counts map[string]int, project string) {
	if counts[project]--; counts[project] <= 0 {
		delete(counts, project)
	}
}
