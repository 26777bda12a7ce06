package rate

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// prefixSize and identitySize are the two parts of a bucket's key, in bytes: which limit, and who.
	prefixSize   = 16
	identitySize = 24
	// believed is for how long a gateway believes that a shared bucket is full without asking again, so that who does not
	// wait costs the store one statement in a second. A reset is late by no more.
	believed = time.Second
)

// Options are what a Limiter counts with.
type Options struct {
	// Shared are counters that gateways share. Nil: each counts for itself.
	Shared Counters
	// Key makes the names of buckets. Gateways that share Counters share it. Default: a random one.
	Key []byte
	// Patience is how long the shared counters may take for one request. Default 250ms.
	Patience time.Duration
	// Buckets is how many the process keeps; those that were used longest ago go. Default 100000, about 25 MB.
	Buckets int
	// Logger is told when the shared counters fail, and when they are back. Default none.
	Logger *slog.Logger
}

// Limiter counts requests, and knows the limits that there are. It is used concurrently and has no goroutine.
type Limiter struct {
	hashes sync.Pool // of hash.Hash with the key
	local  *Local
	shared Counters
	guard  *Guard

	mu     sync.Mutex
	limits map[string]*known // by name of the scope and limit
}

// known is a limit that scopes have.
type known struct {
	scope  string
	limit  Limit
	prefix []byte
	users  int
}

// New makes a Limiter.
func New(o Options) *Limiter {
	if len(o.Key) == 0 {
		o.Key = make([]byte, sha256.Size)
		_, _ = rand.Read(o.Key) // never fails
	}
	l := &Limiter{local: NewLocal(o.Buckets), shared: o.Shared, limits: map[string]*known{}}
	l.hashes.New = func() any { return hmac.New(sha256.New, o.Key) }
	if o.Shared != nil {
		log := cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
		l.guard = NewGuard(GuardOptions{
			Patience: o.Patience,
			Away: func(ctx context.Context, err error) {
				log.WarnContext(ctx, "each gateway counts requests for itself, since the shared counters fail", slog.Any("error", err))
			},
			Back: func(ctx context.Context) { log.InfoContext(ctx, "requests are counted by all gateways again") },
		})
	}
	return l
}

// ScopeOptions are limits that hold for the same requests.
type ScopeOptions struct {
	// Name is that of the buckets: scopes with the same name, in whichever gateway, share those of equal limits.
	Name string
	// Policy is what callers are told that the limit is of: "service". Of several limits the second is "service-2".
	Policy string
	// Limits are asked in the order of their times, the shortest first, so that what that one refuses no other has counted.
	Limits []Limit
}

// Scope is limits that hold for the same requests. Nil has none.
type Scope struct {
	limiter *Limiter
	limits  []*bound
}

// bound is a limit with all that does not change.
type bound struct {
	Limit
	name   string // quoted, as the headers have it
	policy string
	prefix []byte
	known  *known
}

// Scope makes one, which is to be closed. A nil Limiter gives a nil Scope, and so do no limits.
func (l *Limiter) Scope(o ScopeOptions) *Scope {
	if l == nil || len(o.Limits) == 0 {
		return nil
	}
	s := &Scope{limiter: l}
	sorted := slices.SortedStableFunc(slices.Values(o.Limits), func(a, b Limit) int { return cmp.Compare(a.Per, b.Per) })
	for i, limit := range sorted {
		limit.By = cmp.Or(limit.By, ByAddress)
		name := o.Policy
		if i > 0 {
			name = fmt.Sprintf("%s-%d", o.Policy, i+1)
		}
		name = `"` + name + `"`
		k := l.know(o.Name, limit)
		s.limits = append(s.limits, &bound{
			Limit: limit, name: name, prefix: k.prefix, known: k,
			policy: fmt.Sprintf("%s;q=%d;w=%d", name, limit.N, int64(limit.Per/time.Second)),
		})
	}
	return s
}

func (l *Limiter) know(scope string, limit Limit) *known {
	name := scope + "\x00" + limit.String()
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.limits[name]
	if !ok {
		k = &known{scope: scope, limit: limit, prefix: l.hash("limit\x00", name)[:prefixSize:prefixSize]}
		l.limits[name] = k
	}
	k.users++
	return k
}

// Close takes the scope's limits from those that the Limiter knows.
func (s *Scope) Close() {
	if s == nil {
		return
	}
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	for _, b := range s.limits {
		if b.known.users--; b.known.users == 0 {
			delete(s.limiter.limits, b.known.scope+"\x00"+b.Limit.String())
		}
	}
}

// hash is the name of something in a store.
func (l *Limiter) hash(kind, name string) []byte {
	h, _ := l.hashes.Get().(hash.Hash)
	defer l.hashes.Put(h)
	h.Reset()
	_, _ = io.WriteString(h, kind)
	_, _ = io.WriteString(h, name)
	return h.Sum(nil)
}

// identity is the part of a key that says who.
func (l *Limiter) identity(name string) []byte { return l.hash("identity\x00", name)[:identitySize] }

// Has says whether the scope has a limit by these.
func (s *Scope) Has(by By) bool {
	return s != nil && slices.ContainsFunc(s.limits, func(b *bound) bool { return b.By == by })
}

// Take counts a request of somebody, "user:…" or what Address gives, with those limits of the scope that are by these, and
// adds what became of it to v. False: one of them refuses it, and those after it were not asked.
func (s *Scope) Take(ctx context.Context, by By, identity string, v *Verdict) bool {
	if !s.Has(by) {
		return true
	}
	key := make([]byte, prefixSize+identitySize)
	copy(key[prefixSize:], s.limiter.identity(identity))
	for _, b := range s.limits {
		if b.By != by {
			continue
		}
		copy(key, b.prefix)
		t := s.limiter.take(ctx, key, b.N, b.Per)
		v.add(b, t)
		if !t.OK {
			return false
		}
	}
	return true
}

func (l *Limiter) take(ctx context.Context, key []byte, n int, per time.Duration) Taken {
	if l.shared != nil {
		if t, ok := l.local.refused(key, n, per); ok {
			return t
		}
		var t Taken
		if l.guard.Try(ctx, func(ctx context.Context) (err error) {
			t, err = l.shared.Take(ctx, key, n, per)
			return err
		}) {
			l.local.follow(key, t, believed)
			return t
		}
	}
	t, _ := l.local.Take(ctx, key, n, per) // never fails
	return t
}

// Status is a limit as it stands.
type Status struct {
	// Scope is the name of what it is of.
	Scope string
	Limit Limit
	// Used is how many callers or addresses have made requests that still count, Full how many of them are refused now.
	Used, Full int
}

// Status tells the limits that there are, by name. The error is that of the shared counters.
func (l *Limiter) Status(ctx context.Context) ([]Status, error) {
	known := l.all()
	out := make([]Status, 0, len(known))
	for _, k := range known {
		used, full, err := l.truth().Count(ctx, k.prefix, k.limit.N, k.limit.Per)
		if err != nil {
			return nil, fmt.Errorf("counting buckets: %w", err)
		}
		out = append(out, Status{Scope: k.scope, Limit: k.limit, Used: used, Full: full})
	}
	return out, nil
}

// Reset has all limits forget somebody, and says how many counted requests of him. Other gateways may refuse him for one
// second more.
func (l *Limiter) Reset(ctx context.Context, identity string) (int, error) {
	return l.clear(ctx, l.identity(identity))
}

// ResetAll has all limits that there are forget everybody, and says how many buckets those were.
func (l *Limiter) ResetAll(ctx context.Context) (int, error) { return l.clear(ctx, nil) }

func (l *Limiter) clear(ctx context.Context, identity []byte) (int, error) {
	n := 0
	all := l.all()
	errs := make([]error, 0, len(all))
	for _, k := range all {
		key := slices.Concat(k.prefix, identity)
		cleared, err := l.truth().Clear(ctx, key)
		if l.shared != nil {
			_, _ = l.local.Clear(ctx, key) // never fails
		}
		n += cleared
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return n, fmt.Errorf("clearing buckets: %w", err)
	}
	return n, nil
}

// truth is who counts where nothing fails.
func (l *Limiter) truth() Counters {
	if l.shared != nil {
		return l.shared
	}
	return l.local
}

// all are the limits that there are, by name.
func (l *Limiter) all() []known {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]known, 0, len(l.limits))
	for _, k := range l.limits {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b known) int {
		return cmp.Or(strings.Compare(a.scope, b.scope), cmp.Compare(a.limit.Per, b.limit.Per), strings.Compare(a.limit.String(), b.limit.String()))
	})
	return out
}
