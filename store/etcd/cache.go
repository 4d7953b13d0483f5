package etcd

import (
	"hash/fnv"
	"sync"
)

// hashOf names a key in the list of what a commit changed. Two keys with one hash cost a read, and nothing else.
func hashOf(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return h.Sum64()
}

// cache has values of keys since a first state. It knows every key that was changed since, so what it has not heard of is in
// the newest state what it was in any of them. It is for states one after the other, of which each has its place (the revision
// of its commit).
type cache struct {
	mu      sync.Mutex
	entries map[uint64]entry
	size    int
}

// entry is the value of a key since a commit, or, if it is not known, the word that the commit changed it.
type entry struct {
	key   string
	value []byte // nil: there is none
	known bool
	since int64
}

// overhead is about what an entry takes beside its key and value.
const overhead = 100

func newCache() *cache { return &cache{entries: map[uint64]entry{}} }

func (c *cache) set(hash uint64, e entry) {
	if old, is := c.entries[hash]; is {
		c.size -= overhead + len(old.key) + len(old.value)
	}
	c.entries[hash] = e
	c.size += overhead + len(e.key) + len(e.value)
}

// raise sets what a commit did, unless a later one is known: they may be heard of in any order.
func (c *cache) raise(hash uint64, e entry) {
	if c.entries[hash].since <= e.since {
		c.set(hash, e)
	}
}

// get returns the value of a key in the state at a place.
func (c *cache) get(key string, at int64) (value []byte, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[hashOf(key)]
	if !e.known || e.key != key || e.since > at {
		return nil, false
	}
	return e.value, true
}

// add adds what was read in the state at a place.
func (c *cache) add(key string, value []byte, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hash := hashOf(key)
	if e, is := c.entries[hash]; !is || !e.known && e.since <= at {
		c.set(hash, entry{key, value, true, e.since})
	}
}

// wrote takes in the writes of a commit.
func (c *cache) wrote(w writes, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, value := range w.pairs {
		c.raise(hashOf(key), entry{key, value, true, at})
	}
}

// changed takes in what a commit of somebody else has changed.
func (c *cache) changed(hashes []uint64, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, hash := range hashes {
		c.raise(hash, entry{since: at})
	}
}

func (c *cache) bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}
