package invoicetest

import (
	"runtime"
	"strings"
	"sync"
)

// goroutines returns the number of goroutines that run the core, a dispatcher or a watcher. A store may have its own.
func goroutines() int {
	stacks := make([]runtime.StackRecord, 64)
	for {
		n, ok := runtime.GoroutineProfile(stacks)
		if ok {
			stacks = stacks[:n]
			break
		}
		stacks = make([]runtime.StackRecord, n+16)
	}
	n := 0
	for i := range stacks {
		for _, pc := range stacks[i].Stack() {
			if ours(pc) {
				n++
				break
			}
		}
	}
	return n
}

// known caches which program counters belong to the core, a dispatcher or a watcher, so that not every world has to look
// them up.
var known sync.Map

func ours(pc uintptr) bool {
	if is, ok := known.Load(pc); ok {
		return is.(bool)
	}
	is := false
	frames := runtime.CallersFrames([]uintptr{pc})
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		for _, room := range []string{"/invoice.", "/webhook.", "/chain."} {
			is = is || strings.Contains(f.Function, room)
		}
	}
	known.Store(pc, is)
	return is
}
