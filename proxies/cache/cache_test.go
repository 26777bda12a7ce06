package cache

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that only the test moves. It begins now: the store's own clock must not be far from it.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func newCache(t *testing.T, limit int64) (*Cache, *clock) {
	t.Helper()
	c, at := New(limit), new(clock)
	c.now = at.now
	t.Cleanup(c.Close)
	return c, at
}

// loads counts, and gives the number of the load as its value.
type loads struct {
	n    atomic.Int64
	ttl  time.Duration
	err  atomic.Pointer[error]
	last bool
}

func (l *loads) load(context.Context) Loaded {
	n := int(l.n.Add(1))
	if err := l.err.Load(); err != nil {
		return Loaded{Err: *err, Lasting: l.last}
	}
	return Loaded{Value: n, Size: 100, TTL: l.ttl}
}

func (l *loads) fail(err error) {
	if err == nil {
		l.err.Store(nil)
		return
	}
	l.err.Store(&err)
}

func get(t *testing.T, c *Cache, r *Request, want any, how string) Found {
	t.Helper()
	f, err := c.Get(t.Context(), r)
	if err != nil || f.Value != want || f.How != how {
		t.Errorf("%v %s, %v; want %v %s", f.Value, f.How, err, want, how)
	}
	return f
}

func TestFresh(t *testing.T) {
	t.Parallel()
	c, at := newCache(t, 1<<20)
	l := &loads{ttl: time.Hour}
	r := &Request{Key: Key{1}, Load: l.load}
	if f := get(t, c, r, 1, Miss); !f.Stored {
		t.Error("it is not stored")
	}
	at.advance(time.Minute)
	if f := get(t, c, r, 1, Hit); f.Age < time.Minute || f.TTL > 59*time.Minute || f.TTL < 58*time.Minute {
		t.Errorf("age %s, ttl %s", f.Age, f.TTL)
	}
	get(t, c, &Request{Key: Key{2}, Load: l.load}, 2, Miss)
	at.advance(time.Hour)
	get(t, c, r, 3, Miss)
}

func TestNotKept(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, 1<<20)
	l := &loads{}
	for n := range 3 {
		if f := get(t, c, &Request{Key: Key{1}, Load: l.load}, n+1, Miss); f.Stored {
			t.Error("it is stored")
		}
	}
	huge := func(context.Context) Loaded { return Loaded{Value: 1, Size: 2 << 20, TTL: time.Hour} }
	if f := get(t, c, &Request{Key: Key{2}, Load: huge}, 1, Miss); f.Stored || c.Entries() != 0 {
		t.Error("what is larger than the cache is stored")
	}
}

func TestWhileRevalidate(t *testing.T) {
	t.Parallel()
	c, at := newCache(t, 1<<20)
	l := &loads{ttl: time.Hour}
	loaded := make(chan struct{}, 1)
	r := &Request{Key: Key{1}, WhileRevalidate: time.Hour, Load: func(ctx context.Context) Loaded {
		defer func() { loaded <- struct{}{} }()
		return l.load(ctx)
	}}
	get(t, c, r, 1, Miss)
	<-loaded
	at.advance(90 * time.Minute)
	if f := get(t, c, r, 1, Stale); f.TTL > -29*time.Minute || f.Failed != nil {
		t.Errorf("ttl %s, %v", f.TTL, f.Failed)
	}
	<-loaded
	deadline := time.Now().Add(2 * time.Minute)
	for f, _ := c.Get(t.Context(), r); f.Value != 2; f, _ = c.Get(t.Context(), r) {
		if time.Now().After(deadline) {
			t.Fatal("the new value does not come")
		}
		runtime.Gosched()
	}
	at.advance(3 * time.Hour)
	got, err := c.Get(t.Context(), r)
	if err != nil || got.How != Miss {
		t.Errorf("past the time it is %s, %v", got.How, err)
	}
}

func TestIfError(t *testing.T) {
	t.Parallel()
	c, at := newCache(t, 1<<20)
	broken := errors.New("broken")
	l := &loads{ttl: time.Hour}
	r := &Request{Key: Key{1}, IfError: 2 * time.Hour, Load: l.load}
	get(t, c, r, 1, Miss)
	at.advance(90 * time.Minute)
	l.fail(broken)
	if f := get(t, c, r, 1, Stale); !errors.Is(f.Failed, broken) {
		t.Errorf("%v", f.Failed)
	}
	l.last = true
	if _, err := c.Get(t.Context(), r); !errors.Is(err, broken) {
		t.Errorf("a lasting failure gives %v", err)
	}
	l.last = false
	get(t, c, r, 1, Stale)
	l.fail(nil)
	get(t, c, r, 5, Miss)
	at.advance(4 * time.Hour)
	l.fail(broken)
	if _, err := c.Get(t.Context(), r); !errors.Is(err, broken) {
		t.Errorf("past the time it gives %v", err)
	}
}

func TestFailuresAreKept(t *testing.T) {
	t.Parallel()
	c, at := newCache(t, 1<<20)
	broken := errors.New("no such thing")
	var n atomic.Int64
	r := &Request{Key: Key{1}, IfError: 10 * time.Hour, Load: func(context.Context) Loaded {
		if n.Add(1) == 2 {
			return Loaded{Value: 2, TTL: time.Minute}
		}
		return Loaded{Err: broken, TTL: time.Minute}
	}}
	for range 3 {
		if _, err := c.Get(t.Context(), r); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	at.advance(2 * time.Minute)
	get(t, c, r, 2, Miss)
	at.advance(2 * time.Minute)
	get(t, c, r, 2, Stale) // the failure does not take the place of the value
	if n.Load() != 3 {
		t.Errorf("%d loads", n.Load())
	}
}

// TestManyCallersOneLoad: whoever asks for a cold key while it is loaded waits for the one load.
func TestManyCallersOneLoad(t *testing.T) {
	t.Parallel()
	const callers = 10_000
	c, _ := newCache(t, 1<<20)
	release := make(chan struct{})
	var n atomic.Int64
	r := &Request{Key: Key{1}, Load: func(context.Context) Loaded {
		n.Add(1)
		<-release
		return Loaded{Value: "v", TTL: time.Hour}
	}}
	var all sync.WaitGroup
	var miss, coalesced, hit atomic.Int64
	for range callers {
		all.Go(func() {
			f, err := c.Get(context.Background(), r)
			if err != nil || f.Value != "v" {
				t.Errorf("%v %v", f.Value, err)
			}
			map[string]*atomic.Int64{Miss: &miss, Coalesced: &coalesced, Hit: &hit}[f.How].Add(1)
		})
	}
	for n.Load() == 0 {
		runtime.Gosched()
	}
	close(release)
	all.Wait()
	if n.Load() != 1 || miss.Load() != 1 || miss.Load()+coalesced.Load()+hit.Load() != callers {
		t.Errorf("%d loads, %d misses, %d coalesced, %d hits", n.Load(), miss.Load(), coalesced.Load(), hit.Load())
	}
}

// TestCallersLeave: the load goes on for those who stay, and ends with the last of them.
func TestCallersLeave(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, 1<<20)
	started, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	r := &Request{Key: Key{1}, Load: func(ctx context.Context) Loaded {
		close(started)
		select {
		case <-release:
		case <-ctx.Done():
			ended <- ctx.Err()
			return Loaded{Err: ctx.Err()}
		}
		return Loaded{Value: 1, TTL: time.Hour}
	}}
	first, leave := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := c.Get(first, r)
		gone <- err
	}()
	<-started
	second := make(chan Found)
	go func() {
		f, _ := c.Get(context.Background(), r)
		second <- f
	}()
	for waiting := 0; waiting != 2; {
		c.mu.Lock()
		f := c.flights[r.Key]
		c.mu.Unlock()
		f.mu.Lock()
		waiting = f.waiting
		f.mu.Unlock()
		runtime.Gosched()
	}
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(release)
	if f := <-second; f.Value != 1 {
		t.Errorf("who stayed gets %v", f.Value)
	}

	started, release = make(chan struct{}), nil
	r.Key = Key{2}
	only, leave := context.WithCancel(t.Context())
	go func() {
		_, err := c.Get(only, r)
		gone <- err
	}()
	<-started
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, 100*(overhead+1000))
	for i := range 10_000 {
		key := Key{byte(i), byte(i >> 8)}
		if _, err := c.Get(t.Context(), &Request{Key: key, Load: func(context.Context) Loaded {
			return Loaded{Value: i, Size: 1000, TTL: time.Hour}
		}}); err != nil {
			t.Fatal(err)
		}
	}
	if c.Bytes() > 110*(overhead+1000) || c.Entries() > 110 || c.Entries() < 50 {
		t.Errorf("%d bytes in %d entries", c.Bytes(), c.Entries())
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, 1<<20)
	tags := []Tag{{"a", "GET /x", "f", "/1"}, {"a", "GET /x", "g", "/1"}, {"a", "GET /y", "f", "/2"}, {"b", "GET /x", "f", "/1"}}
	fill := func() {
		for i, tag := range tags {
			if _, err := c.Get(t.Context(), &Request{Key: Key{byte(i)}, Tag: tag, Load: func(context.Context) Loaded { return Loaded{Value: i, TTL: time.Hour} }}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for filter, want := range map[Tag]int{
		{}: 4, {Service: "a"}: 3, {Service: "b"}: 1, {Fetch: "f"}: 3, {Service: "a", Route: "GET /x"}: 2, {Target: "/1", Fetch: "f"}: 2, {Service: "c"}: 0,
	} {
		c.Purge(Tag{})
		fill()
		if n := c.Purge(filter); n != want {
			t.Errorf("%+v: %d, want %d", filter, n, want)
		}
	}
}

// TestPurgeOfWhatIsLoaded holds that what was being loaded when it was purged is given to who waits, and not kept; that who comes
// after the purge waits for another load; and that both end with the cache.
func TestPurgeOfWhatIsLoaded(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, 1<<20)
	begun, going := make(chan struct{}), make(chan struct{})
	request := func(value int) *Request {
		return &Request{Key: Key{1}, Tag: Tag{Service: "a"}, Load: func(ctx context.Context) Loaded {
			begun <- struct{}{}
			select {
			case <-going:
			case <-ctx.Done():
				return Loaded{Err: ctx.Err()}
			}
			return Loaded{Value: value, TTL: time.Hour}
		}}
	}
	var wg sync.WaitGroup
	get := func(value, want int, how string, stored bool) {
		wg.Go(func() {
			found, err := c.Get(context.Background(), request(value))
			if err != nil || found.Value != want || found.How != how || found.Stored != stored {
				t.Errorf("%+v, %v; want %d, a %s", found, err, want, how)
			}
		})
	}
	get(1, 1, Miss, false)
	<-begun
	if n := c.Purge(Tag{Service: "b"}) + c.Purge(Tag{Service: "a"}); n != 0 {
		t.Error(n)
	}
	get(2, 2, Miss, true)
	<-begun
	going <- struct{}{}
	going <- struct{}{}
	wg.Wait()
	if found, err := c.Get(t.Context(), request(3)); err != nil || found.Value != 2 || found.How != Hit {
		t.Errorf("%+v, %v", found, err)
	}
	c.Purge(Tag{})
	wg.Go(func() {
		if _, err := c.Get(context.Background(), request(4)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	<-begun
	c.Purge(Tag{})
	c.Close()
	wg.Wait()
}

func TestClosed(t *testing.T) {
	t.Parallel()
	c := New(1 << 20)
	started := make(chan struct{})
	go func() {
		<-started
		c.Close()
	}()
	_, err := c.Get(t.Context(), &Request{Load: func(ctx context.Context) Loaded {
		close(started)
		<-ctx.Done()
		return Loaded{Err: ctx.Err()}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := c.Get(t.Context(), &Request{Load: func(context.Context) Loaded { return Loaded{Value: 1} }}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	const dflt = 7 * time.Second
	for _, c := range []struct {
		name    string
		header  http.Header
		private bool
		want    time.Duration
	}{
		{name: "nothing", header: http.Header{}, want: dflt},
		{name: "max-age", header: http.Header{"Cache-Control": {"public, max-age=60"}}, want: time.Minute},
		{name: "max-age with age", header: http.Header{"Cache-Control": {"max-age=60"}, "Age": {"50"}}, want: 10 * time.Second},
		{name: "older than its age", header: http.Header{"Cache-Control": {"max-age=60"}, "Age": {"500"}}, want: 0},
		{name: "shared", header: http.Header{"Cache-Control": {"max-age=60, s-maxage=5"}}, want: 5 * time.Second},
		{name: "private cache", header: http.Header{"Cache-Control": {"max-age=60, s-maxage=5"}}, private: true, want: time.Minute},
		{name: "no-store", header: http.Header{"Cache-Control": {"max-age=60", "no-store"}}, want: 0},
		{name: "no-cache", header: http.Header{"Cache-Control": {"no-cache"}}, want: 0},
		{name: "private", header: http.Header{"Cache-Control": {"private, max-age=60"}}, want: 0},
		{name: "private to its user", header: http.Header{"Cache-Control": {"private, max-age=60"}}, private: true, want: time.Minute},
		{name: "zero", header: http.Header{"Cache-Control": {"max-age=0"}}, want: 0},
		{name: "nonsense", header: http.Header{"Cache-Control": {"max-age=\"x"}}, want: 0},
		{name: "expires", header: http.Header{"Expires": {"Sat, 21 Nov 2026 12:01:00 GMT"}}, want: time.Minute},
		{name: "expires by its own clock", header: http.Header{"Expires": {"Sat, 21 Nov 2026 10:01:00 GMT"}, "Date": {"Sat, 21 Nov 2026 10:00:00 GMT"}}, want: time.Minute},
		{name: "expired", header: http.Header{"Expires": {"Thu, 19 Nov 1981 08:52:00 GMT"}}, want: 0},
		{name: "expires 0", header: http.Header{"Expires": {"0"}}, want: 0},
		{name: "pragma", header: http.Header{"Pragma": {"no-cache"}}, want: 0},
		{name: "vary on all", header: http.Header{"Vary": {"*"}, "Cache-Control": {"max-age=60"}}, want: 0},
	} {
		if got := Freshness(c.header, now, dflt, c.private); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestUntil(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, 1<<20)
	_, err := c.Get(t.Context(), &Request{Key: Key{1}, Until: time.Now().Add(time.Millisecond), Load: func(ctx context.Context) Loaded {
		<-ctx.Done()
		return Loaded{Err: ctx.Err()}
	}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, 1<<20)
	l := &loads{ttl: time.Hour}
	r := &Request{Key: Key{1}, Load: l.load}
	for n := range 3 {
		if err := c.Refresh(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		get(t, c, r, n+1, Hit)
	}
	l.fail(errors.New("broken"))
	if c.Refresh(t.Context(), r) == nil {
		t.Error("no error")
	}
	get(t, c, r, 3, Hit)
}

func TestKey(t *testing.T) {
	t.Parallel()
	c, other := New(1), New(1)
	t.Cleanup(c.Close)
	t.Cleanup(other.Close)
	keys := map[Key]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"a", "", "b"}, {"b", "a"}} {
		for name, c := range map[string]*Cache{"one": c, "other": other} {
			key := c.Key(parts...)
			if key != c.Key(parts...) {
				t.Error("a key differs from itself")
			}
			if before, ok := keys[key]; ok {
				t.Errorf("%s %q and %s have one key", name, parts, before)
			}
			keys[key] = name
		}
	}
}

// TestWhyTheLastOneLeft: a load knows whether it ends because the time of all who wanted it is over, which is the backend's
// fault, or because nobody is there any more.
func TestWhyTheLastOneLeft(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{"late": context.DeadlineExceeded, "gone": context.Canceled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := New(1 << 20)
				defer c.Close()
				causes := make(chan error, 1)
				r := &Request{Key: Key{7}, Load: func(ctx context.Context) Loaded {
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return Loaded{Err: ctx.Err()}
				}}
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if name == "late" {
					r.Until = time.Now().Add(time.Second)
				} else {
					time.AfterFunc(time.Second, leave)
				}
				if _, err := c.Get(ctx, r); !errors.Is(err, want) {
					t.Errorf("%v", err)
				}
				if got := <-causes; !errors.Is(got, want) {
					t.Errorf("the cause is %v, want %v", got, want)
				}
			})
		})
	}
}
