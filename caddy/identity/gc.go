package identity

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The gateway keeps a few megabytes and allocates some kilobytes for each request. With Go's rule, to collect when as
// much was allocated as lives, it would collect dozens of times a second under load, a tenth of its CPU time. So it
// collects when at least headroom bytes were allocated, or as much as lives, whichever is more: a large configuration,
// whose old half is garbage after a reload, takes no more memory than in other Go programs. The memory limit that Caddy
// sets (GOMEMLIMIT) still holds.
const (
	headroom       = 12 << 20 // bytes
	leastPercent   = 100      // Go's own
	largestPercent = 1000
)

// It stands here and not in main because a binary that xcaddy makes has another main.
func init() {
	if os.Getenv("GOGC") == "" {
		new(collections).watch()
	}
}

// collections sets the percentage after each collection, by what lives then.
type collections struct {
	percent int
}

// mark is garbage from the start: its cleanup runs at each collection. It is not tiny, since tiny objects are freed
// together with their neighbours.
type mark struct{ _ [64]byte }

func (c *collections) watch() {
	c.adjust()
	runtime.AddCleanup(new(mark), func(c *collections) { c.watch() }, c)
}

func (c *collections) adjust() {
	// The percentage is of what lives in the heap and of all else that is searched.
	base := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(base)
	var sum uint64
	for _, s := range base {
		sum += s.Value.Uint64()
	}
	// Setting it stops the world for some microseconds, so a small change is none.
	if p := percentFor(sum); p < c.percent*9/10 || p > c.percent*11/10 {
		c.percent = p
		debug.SetGCPercent(p)
	}
}

// percentFor gives GOGC where base bytes are searched by a collection.
func percentFor(base uint64) int {
	return int(min(largestPercent, max(leastPercent, headroom*100/max(base, 1))))
}
