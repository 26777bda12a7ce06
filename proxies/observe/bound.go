package observe

import (
	"slices"
	"sync"
	"sync/atomic"
)

// bound is a short list of metrics by one last label, each bound when it is first used. Finding one takes a scan
// without a lock, which is quicker than a map for the few outcomes that there are.
type bound[K comparable, V any] struct {
	bind func(K) V

	known atomic.Pointer[[]entry[K, V]]
	mu    sync.Mutex
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func (b *bound[K, V]) get(key K) V {
	if known := b.known.Load(); known != nil {
		for i := range *known {
			if (*known)[i].key == key {
				return (*known)[i].value
			}
		}
	}
	return b.add(key)
}

func (b *bound[K, V]) add(key K) V {
	b.mu.Lock()
	defer b.mu.Unlock()
	var known []entry[K, V]
	if p := b.known.Load(); p != nil {
		known = *p
	}
	if i := slices.IndexFunc(known, func(e entry[K, V]) bool { return e.key == key }); i >= 0 {
		return known[i].value
	}
	value := b.bind(key)
	known = append(slices.Clip(known), entry[K, V]{key, value})
	b.known.Store(&known)
	return value
}
