package listing

import "sync"

// Cache remembers what nearly every query reads: the sets that are selected by, and the orders. What is of a writing
// never changes, so nothing of it is ever out of date. The zero value is ready for use; it takes up to 16 MB, which is
// what about three million invoices need. It is safe for concurrent use.
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
	entrySize  = 128 // about what an entry takes beside its value and its name
)

// get answers what was put.
func (c *Cache) get(w Writing, part string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.parts[cacheKey{w, part}]
	return found.value, ok
}

// put remembers a value that takes so many bytes, at the cost of any others if they become too many.
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
