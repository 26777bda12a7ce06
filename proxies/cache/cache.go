// Package cache keeps values for a while, and has one caller load what many want at once.
//
// A value is fresh for its time, may then be used for a while longer where its loader says so, during which it is loaded
// again in the background or kept for the case that loading fails. What is kept is bounded in bytes; the store is otter's.
package cache

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// Key names a value. It is a keyed hash of everything that the value depends on, so that nobody can guess another's.
type Key [32]byte

// Tag says what a value is of, for those who purge.
type Tag struct {
	Service, Route, Fetch, Target string
}

// matches says whether a tag is of what a filter names; empty fields of the filter match all.
func (t Tag) matches(filter Tag) bool {
	return (filter.Service == "" || filter.Service == t.Service) && (filter.Route == "" || filter.Route == t.Route) &&
		(filter.Fetch == "" || filter.Fetch == t.Fetch) && (filter.Target == "" || filter.Target == t.Target)
}

// Request is what Get is asked for. It is not changed and may be shared.
type Request struct {
	Key Key
	Tag Tag
	// WhileRevalidate is how long after its time a value is given while it is loaded again in the background, IfError how
	// long it is given where loading fails. Default 0: not at all.
	WhileRevalidate, IfError time.Duration
	// Until is how long the caller waits. Default: as long as its context.
	Until time.Time
	// Load loads the value. Its context ends when nobody waits any more. It must not panic.
	Load func(ctx context.Context) Loaded

	renew bool // what is kept does not count
}

// Loaded is a value as it is loaded, or the failure to.
type Loaded struct {
	Value any
	// Size in bytes, as it takes them in memory.
	Size int64
	// TTL is how long the value, or the failure, is fresh. 0: it is not kept.
	TTL time.Duration
	// Err says that there is no value. Lasting says that an older one may not stand in for it.
	Err     error
	Lasting bool
}

// How a value was come by.
const (
	Hit       = "hit"       // it was kept and fresh
	Stale     = "stale"     // it was kept, and is older than its time
	Miss      = "miss"      // it was loaded for this caller
	Coalesced = "coalesced" // it was loaded for another one who asked at the same time
)

// Found is what Get gives.
type Found struct {
	Value any
	// How is one of the constants above.
	How string
	// Age is how old the value is, TTL how long it will still be fresh, negative where it is stale.
	Age, TTL time.Duration
	// Stored says that a value that was loaded is kept.
	Stored bool
	// Failed is why a stale value was given instead of a new one; nil: because it is loaded in the background.
	Failed error
}

// entry is a value, or a failure, that is kept.
type entry struct {
	tag    Tag
	value  any
	err    error
	stored time.Time
	fresh  time.Time // until
	until  time.Time // it is kept
	size   int64
}

func (e *entry) found(now time.Time, how string) Found {
	return Found{Value: e.value, How: how, Age: now.Sub(e.stored), TTL: e.fresh.Sub(now)}
}

// stale is the value in the place of one that could not be loaded.
func (e *entry) stale(now time.Time, err error) Found {
	found := e.found(now, Stale)
	found.Failed = err
	return found
}

// overhead is what an entry takes beside its value, in bytes.
const overhead = 512

// Cache keeps values. It is used concurrently; it must be closed.
type Cache struct {
	store  *otter.Cache[Key, *entry]
	now    func() time.Time
	secret [sha256.Size]byte // of the keys

	mu      sync.Mutex
	flights map[Key]*flight
	// purged are flights that nobody joins any more and whose value is not kept.
	purged map[*flight]bool
	closed bool
	tasks  sync.WaitGroup
}

// New makes a Cache for so many bytes.
func New(limit int64) *Cache {
	c := &Cache{now: time.Now, flights: map[Key]*flight{}, purged: map[*flight]bool{}}
	rand.Read(c.secret[:])
	c.store = otter.Must(&otter.Options[Key, *entry]{
		MaximumWeight: uint64(max(limit, 0)),
		Weigher: func(_ Key, e *entry) uint32 {
			return uint32(min(e.size+overhead, 1<<31)) //nolint:gosec // bounded
		},
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[Key, *entry]) time.Duration {
			return max(time.Until(e.Value.until), time.Nanosecond)
		}),
		Executor: func(f func()) { f() }, // no goroutines of its own
	})
	return c
}

// SetLimit changes how many bytes are kept.
func (c *Cache) SetLimit(limit int64) { c.store.SetMaximum(uint64(max(limit, 0))) }

// Bytes is how many bytes the kept values take, Entries how many there are. Both are estimates.
func (c *Cache) Bytes() int64 {
	return int64(c.store.WeightedSize()) //nolint:gosec // bounded by the limit
}

// Entries is how many values are kept.
func (c *Cache) Entries() int { return c.store.EstimatedSize() }

// Purge forgets what matches a filter, and says how many values that were. What is being loaded is given to those who wait for it,
// but not kept: it may have been read before whatever it was that made it old.
func (c *Cache) Purge(filter Tag) int {
	c.mu.Lock()
	for key, f := range c.flights {
		if f.tag.matches(filter) {
			c.purged[f] = true
			delete(c.flights, key)
		}
	}
	c.mu.Unlock()
	n := 0
	for key, e := range c.store.All() {
		if e.tag.matches(filter) {
			if _, ok := c.store.Invalidate(key); ok {
				n++
			}
		}
	}
	return n
}

// Get gives the value of a request: the one that is kept, or the one that is loaded, for all who ask at the same time at once.
// The error is that of Load, or of ctx.
func (c *Cache) Get(ctx context.Context, r *Request) (Found, error) {
	e, kept := c.store.GetIfPresent(r.Key)
	now := c.now()
	if kept && now.Before(e.fresh) {
		return e.found(now, Hit), e.err
	}
	old := kept && e.err == nil
	if old && now.Before(e.fresh.Add(r.WhileRevalidate)) {
		f, _ := c.join(ctx, r)
		f.leave(nil) // it stays in the air without anybody
		return e.found(now, Stale), nil
	}
	f, others := c.join(ctx, r)
	var why error
	defer func() { f.leave(why) }()
	instead := func() bool { return old && c.now().Before(e.fresh.Add(r.IfError)) } // of what cannot be loaded
	if why = f.wait(ctx, r.Until); why != nil {
		err := why
		if ctx.Err() == nil && instead() {
			return e.stale(c.now(), err), nil
		}
		return Found{How: Miss}, err
	}
	got := f.found
	if others && got.How == Miss {
		got.How = Coalesced
	}
	if f.err != nil && !f.lasting && instead() {
		return e.stale(c.now(), f.err), nil
	}
	return got, f.err
}

// Refresh loads a value whatever is kept, and keeps what comes of it.
func (c *Cache) Refresh(ctx context.Context, r *Request) error {
	anew := *r
	anew.renew = true
	f, _ := c.join(ctx, &anew)
	why := f.wait(ctx, r.Until)
	defer f.leave(why)
	if why != nil {
		return why
	}
	return f.err
}

// Key makes a key of everything that a value depends on, in its order.
func (c *Cache) Key(parts ...string) Key {
	h := hmac.New(sha256.New, c.secret[:])
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		io.WriteString(h, p) //nolint:errcheck // a hash takes everything
	}
	var key Key
	h.Sum(key[:0])
	return key
}

// Close ends what is being loaded and forgets everything.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	for _, f := range c.flights {
		f.cancel(nil)
	}
	for f := range c.purged {
		f.cancel(nil)
	}
	c.mu.Unlock()
	c.tasks.Wait()
	c.store.InvalidateAll()
	c.store.StopAllGoroutines()
}
