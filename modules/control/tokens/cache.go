package tokens

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"
)

// cache keeps tokens that were checked, by their hash: whoever reads this memory has no token.
type cache struct {
	size int

	mu      sync.RWMutex
	entries map[[sha256.Size]byte]*entry
	// changes counts what the feed has told; what was looked up before the last is not kept.
	changes uint64
}

type entry struct {
	access *Access
	until  time.Time
	// used since somebody last looked for one to throw away.
	used atomic.Bool
}

// looked is how many entries are looked at to find one to throw away.
const looked = 16

func newCache(size int) *cache {
	return &cache{size: size, entries: map[[sha256.Size]byte]*entry{}}
}

func (c *cache) get(sum [sha256.Size]byte, now time.Time) *Access {
	c.mu.RLock()
	e := c.entries[sum]
	c.mu.RUnlock()
	if e == nil || !now.Before(e.until) {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.access
}

func (c *cache) epoch() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.changes
}

func (c *cache) put(sum [sha256.Size]byte, access *Access, until time.Time, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != epoch || c.size == 0 {
		return
	}
	if _, there := c.entries[sum]; !there && len(c.entries) >= c.size {
		c.makeRoom(time.Now())
	}
	c.entries[sum] = &entry{access: access, until: until}
}

// makeRoom throws one away: of some that Go's map gives in no order one that has expired, that nobody used, or the last.
func (c *cache) makeRoom(now time.Time) {
	var victim [sha256.Size]byte
	n := 0
	for sum, e := range c.entries {
		victim = sum
		if !now.Before(e.until) || !e.used.Swap(false) {
			break
		}
		if n++; n == looked {
			break
		}
	}
	delete(c.entries, victim)
}

// drop forgets what the revocations speak of.
func (c *cache) drop(all []Revocation) {
	if len(all) == 0 {
		return
	}
	gone := make(map[[2]string]bool, len(all))
	for _, r := range all {
		gone[[2]string{r.Kind, r.ID}] = true
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for sum, e := range c.entries {
		a := e.access
		if !now.Before(e.until) || gone[[2]string{RevokedAccess, a.ID}] || gone[[2]string{RevokedFamily, a.Family}] ||
			gone[[2]string{RevokedClient, a.Client}] || a.ByAPIToken && gone[[2]string{RevokedToken, a.ID}] || gone[[2]string{RevokedUser, a.User.ID}] {
			delete(c.entries, sum)
		}
	}
}

// clear forgets everything.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	clear(c.entries)
}

func (c *cache) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}
