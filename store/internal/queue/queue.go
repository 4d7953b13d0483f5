// Package queue lets concurrent callers share one transaction: one of them does the work of all that wait.
package queue

import (
	"runtime"
	"slices"
	"sync"
)

// Queue has the jobs that wait. A caller that finds no leader becomes it: it takes the waiting jobs, including its own, and
// hands the lead to the first that has come meanwhile. A leader that ends without [Queue.Pass] stops the queue. The zero
// Queue is ready for use. It may be used concurrently.
type Queue[J comparable] struct {
	mu      sync.Mutex // guards what follows
	waiting []J
	leading bool // there is a leader
	taken   int  // size of the last group
}

// Join adds a job, and reports whether its caller leads.
func (q *Queue[J]) Join(j J) (leads bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, j)
	leads = !q.leading
	q.leading = true
	return leads
}

// Withdraw takes back a job that is not begun, and reports whether it did. A job that was given the lead must use it; given
// reports whether it was.
func (q *Queue[J]) Withdraw(j J, given func() bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, j)
	if i < 0 || given() {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// Gather lets the callers of the last group, which may be about to come again, join this one. It yields a few times but does
// not sleep; with a single caller it does nothing. The leader calls it.
func (q *Queue[J]) Gather() {
	for range 8 {
		q.mu.Lock()
		enough := len(q.waiting) >= q.taken
		q.mu.Unlock()
		if enough {
			return
		}
		runtime.Gosched()
	}
}

// Take takes the jobs that have waited longest. The first of them is the leader's own: it has waited longest, or alone. The
// leader calls it.
func (q *Queue[J]) Take(most int) []J {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(most, len(q.waiting))
	group := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	q.taken = n
	return group
}

// Pass hands the lead on. It calls give with the first job that waits, which may be begun as soon as give tells its caller,
// and reports whether there is one. If not, nobody leads. The leader calls it last.
func (q *Queue[J]) Pass(give func(J)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.leading = len(q.waiting) > 0; q.leading {
		give(q.waiting[0])
	}
	return q.leading
}

// Len returns how many jobs wait, and how many were taken last.
func (q *Queue[J]) Len() (waiting, taken int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), q.taken
}
