// Package callers runs calls at the same time.
package callers

import "sync"

// Together runs f n times concurrently, begun at once, and returns the errors in the order of the calls.
func Together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			errs[i] = f(i)
		})
	}
	close(begin)
	wg.Wait()
	return errs
}
