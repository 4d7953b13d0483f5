package listing

import "sync"

// Cache remembers what nearly every query reads: the sets that select, and the orders. The contents of a writing never
// change, so no entry is ever out of date. The zero value is ready for use. A Cache takes up to 16 MB, which is about
// what three million invoices need. It is safe for concurrent use.
type Cache struct {
	mu    sync.Mutex // guards what follows
	parts map[cacheKey]cached
	size  int
	most  int // default mostCached
}

type cacheKey struct {
	Writing
	part string
}

type cached struct {
	value any
	size  int
}

const (
	mostCached = 16 << 20
	entrySize  = 128 // roughly the size of an entry without its value and its name
)

// get returns the value that was put, and reports whether there is one.
func (c *Cache) get(w Writing, part string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.parts[cacheKey{w, part}]
	return found.value, ok
}

// put stores a value that takes size bytes, and drops others if they become too many.
func (c *Cache) put(w Writing, part string, value any, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parts == nil {
		c.parts = map[cacheKey]cached{}
	}
	key, size := cacheKey{w, part}, size+len(part)+entrySize
	c.size += size - c.parts[key].size
	c.parts[key] = cached{value, size}
	most := c.most
	if most == 0 {
		most = mostCached
	}
	for other, entry := range c.parts { // in no order
		if c.size <= most {
			break
		}
		delete(c.parts, other)
		c.size -= entry.size
	}
}
