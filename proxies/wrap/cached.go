package wrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// DefaultNegative is how long it is remembered that a backend has no such thing, where a value would be longer.
const DefaultNegative = 10 * time.Second

// caching is a compiled Cache: how the value of a fetch is kept.
type caching struct {
	Cache
	store    *cache.Cache // nil while a configuration is only checked
	ttl      time.Duration
	negative time.Duration
	ifError  time.Duration
	identity string     // of the fetch as it is configured: what is decoded otherwise is another value
	caller   bool       // whose value it is matters
	programs []*program // whose values are not among what is sent
	static   *cache.Key // where nothing of a request goes in
}

// kept is the value of a fetch in the cache. Many answers use it at once: nothing of it is changed, nor appended to.
type kept struct {
	json   []byte
	tree   any
	status int
	parts  []*problem.Problem
}

func (rt *route) compileCache(f *fetch, deps Deps, at place) error {
	c := f.Fetch.Cache
	if c == nil && f.Fetch.Stale == 0 && f.Fetch.Refresh == nil {
		return nil
	}
	out := &caching{store: deps.Cache, ifError: time.Duration(f.Fetch.Stale)}
	if c != nil {
		at := at.field("cache")
		out.Cache, out.ttl = *c, time.Duration(c.TTL)
		out.ifError = max(out.ifError, time.Duration(c.StaleIfError))
		switch {
		case c.TTL <= 0:
			return at.errf("cache takes how long a value is fresh: cache 1m")
		case c.StaleIfError > 0 && f.Fetch.Stale > 0:
			return at.errf("stale and stale_if_error say the same; one of them is enough")
		case c.StaleIfError < 0 || c.StaleWhileRevalidate < 0 || c.Negative < 0:
			return at.errf("a duration below 0 has no meaning here")
		}
		out.negative = min(out.ttl, DefaultNegative)
		switch {
		case c.NegativeOff:
			out.negative = 0
		case c.Negative > 0:
			out.negative = time.Duration(c.Negative)
		}
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost}, f.Method) {
		return at.errf("what a %s gives is not kept: leave cache and stale out", f.Method)
	}
	f.cache = out
	if err := rt.compileRefresh(f, at); err != nil {
		return err
	}
	return rt.identify(f, at)
}

// identify finds what the value depends on.
func (rt *route) identify(f *fetch, at place) error {
	c := f.cache
	c.caller = f.strategy.PerCaller() || f.step.caller
	if f.pages != nil {
		for _, p := range []*program{f.pages.next, f.pages.items, f.failWhen} { // no page is kept that it could be asked of again
			if p != nil && len(p.bind) > 0 {
				c.programs = append(c.programs, p)
			}
		}
	}
	for _, p := range c.programs {
		if slices.ContainsFunc(p.bind, func(b binding) bool { return b.kind == bindNow }) {
			return at.errf("a program of paginate, or fail_when of its pages, uses $now, with which no value is ever found again: leave cache and stale out")
		}
	}
	config, err := json.Marshal(struct {
		Fetch   Fetch
		Backend upstream.Config
	}{f.Fetch, f.backend.config})
	if err != nil {
		return at.errf("the fetch cannot be cached: %v", err)
	}
	c.identity = rt.service.Name + " " + rt.method + " " + rt.pattern + " " + f.path + " " + string(config)
	return nil
}

// settleCache makes the key of a fetch of which nothing depends on the request. It needs to know what its value is used for.
func (f *fetch) settleCache() {
	c := f.cache
	if c == nil {
		return
	}
	c.identity += fmt.Sprintf(" %t %t", f.text, f.tree)
	if c.store != nil && f.constant() {
		key := c.store.Key(f.keyParts(nil, destination{backend: f.backend, target: f.target.static}, f.fixed, nil)...)
		c.static = &key
	}
}

// constant says that every request of the fetch is the same.
func (f *fetch) constant() bool {
	return f.target != nil && f.target.static != "" && f.fixed != nil && f.body == nil && !f.cache.caller && len(f.cache.programs) == 0
}

// keyParts is everything that a value depends on: how it is decoded, what is sent, and to whom it belongs.
func (f *fetch) keyParts(fr *frame, to destination, header http.Header, body []byte) []string {
	c := f.cache
	parts := []string{c.identity, f.Method, to.backend.Name, to.target, string(body)}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range header {
			if !yield(name) {
				return
			}
		}
	}) {
		parts = append(parts, name, strings.Join(header[name], "\x00"))
	}
	for _, p := range c.programs {
		for _, b := range p.bind {
			text, err := reply.Marshal(fr.bound(b))
			parts = append(parts, string(text), strconv.FormatBool(err == nil))
		}
	}
	if c.caller {
		parts = append(parts, fr.whose()...)
	}
	return parts
}

// cached gives the value that is kept, or has it loaded, once for all who ask for it at the same time.
func (f *fetch) cached(ctx context.Context, fr *frame, to destination) *problem.Problem {
	req, p := f.cacheRequest(ctx, fr, to)
	if p != nil {
		return p
	}
	found, err := f.cache.store.Get(ctx, req)
	if f.metrics != nil {
		f.metrics.Cached(found.How)
	}
	own := f.failWhen != nil && len(f.failWhen.bind) > 0 && f.pages == nil
	if err != nil && own && found.How == cache.Coalesced && problem.Of(err).Code == problem.BackendFailed {
		return f.load(ctx, fr, to) // it failed by what another one asks
	}
	if err != nil {
		return f.uncached(err) //nolint:contextcheck // what it decodes is an excerpt of 1 KiB
	}
	v, ok := found.Value.(*kept)
	if !ok {
		return problem.Of(fmt.Errorf("the cache has %T", found.Value))
	}
	res := &fr.results[f.index]
	*res = result{json: v.json, tree: v.tree, status: v.status, parts: v.parts, found: &found}
	if found.Failed != nil {
		res.parts = append(slices.Clip(res.parts), f.uncached(found.Failed)) //nolint:contextcheck // as above
	}
	if own && found.How != cache.Miss { // what it was judged by may have been another's
		if err := f.failWhen.judge(ctx, fr, v.tree); err != nil {
			return f.problem(to.backend, err) //nolint:contextcheck // as above
		}
	}
	return nil
}

// uncached is the problem of a value that is not there.
func (f *fetch) uncached(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		own := *p // it is everybody's
		return &own
	}
	kind := upstream.Cancelled
	if errors.Is(err, context.DeadlineExceeded) {
		kind = upstream.Timeout
	}
	return f.problem(f.backend, &upstream.Failure{Kind: kind, Err: err})
}

func (f *fetch) cacheRequest(ctx context.Context, fr *frame, to destination) (*cache.Request, *problem.Problem) {
	c := f.cache
	req := &cache.Request{
		Tag:             cache.Tag{Service: fr.route.service.Name, Route: fr.route.method + " " + fr.route.pattern, Fetch: f.path, Target: to.target},
		WhileRevalidate: time.Duration(c.StaleWhileRevalidate), IfError: c.ifError, Until: f.until(fr).Add(landing),
		Load: func(ctx context.Context) cache.Loaded { return f.fill(ctx, fr, to) },
	}
	if c.static != nil {
		req.Key = *c.static
		return req, nil
	}
	var call upstream.Call
	if p := f.prepare(ctx, fr, to, &call); p != nil {
		return nil, p
	}
	req.Key = c.store.Key(f.keyParts(fr, to, call.Header, call.Body)...)
	return req, nil
}

// fill loads the value. It may go on when the caller who began it has left, so it has a frame of its own.
func (f *fetch) fill(ctx context.Context, fr *frame, to destination) (out cache.Loaded) {
	own := &frame{exchange: fr.exchange, plan: fr.plan, deadline: fr.deadline, outer: fr.outer, item: fr.item, results: make([]result, len(fr.results))}
	for _, i := range f.waits {
		own.results[i] = fr.results[i]
	}
	var panicked *problem.Problem
	defer func() {
		if panicked != nil {
			out = cache.Loaded{Err: panicked, Lasting: true}
		}
	}()
	defer recovered(&panicked, func() string { return "fetch " + f.path }) // deferred itself, or it would not see the panic
	res := &own.results[f.index]
	defer func() {
		res.answer.Release()
		releasePages(res.pages)
	}()
	if p := f.load(ctx, own, to); p != nil {
		return f.unfilled(p)
	}
	v := &kept{json: slices.Clip(res.json), tree: res.tree, status: res.status, parts: res.parts}
	ttl := f.cache.ttl
	if f.cache.Honour {
		ttl = cache.Freshness(f.headerOf(res), time.Now(), ttl, f.cache.caller)
	}
	if ttl == 0 && f.cache.ifError > 0 && !f.cache.Honour {
		ttl = time.Nanosecond // it is kept for the case of a failure alone
	}
	return cache.Loaded{Value: v, TTL: ttl, Size: f.sizeOf(res)}
}

func (f *fetch) headerOf(res *result) http.Header {
	switch {
	case res.answer != nil:
		return res.answer.Header
	case len(res.pages) > 0 && res.pages[0] != nil:
		return res.pages[0].Header
	}
	return nil
}

// sizeOf is what a value takes in memory, in bytes.
func (f *fetch) sizeOf(res *result) int64 {
	bodies := 0
	for _, a := range append(slices.Clip(res.pages), res.answer) {
		if a != nil {
			bodies += len(a.Body)
		}
	}
	return int64(float64(bodies) * f.factor())
}

// unfilled says what becomes of a failure: that the backend has no such thing is remembered for a while, and that the caller
// or the gateway is refused, or that something is not there any more, no older value hides.
func (f *fetch) unfilled(p *problem.Problem) cache.Loaded {
	out := cache.Loaded{Err: p, Size: cacheFailureSize}
	if p.BackendStatus == http.StatusNotFound || p.BackendStatus == http.StatusGone {
		out.TTL = f.cache.negative
	}
	answered := p.BackendStatus >= 400 && p.BackendStatus < 500 && p.BackendStatus != http.StatusTooManyRequests && p.BackendStatus != http.StatusRequestTimeout
	out.Lasting = answered || p.Status < 500 || p.Code == problem.Internal
	return out
}

// landing is how long after its deadline a load is waited for: who leaves at the same moment ends it as if nobody had wanted it,
// and then neither the breaker counts it nor an older value stands in.
const landing = 10 * time.Millisecond

// cacheFailureSize is what a failure takes, in bytes.
const cacheFailureSize = 1 << 10

// mostCacheMembers is how many fetches an answer's Cache-Status tells of.
const mostCacheMembers = 20

// tellCache says in an answer's header what came out of the cache (RFC 9211), and how old the oldest of it is.
func (x *exchange) tellCache(h http.Header) {
	if !x.route.caches {
		return
	}
	var members []string
	age := time.Duration(-1)
	x.root.each(func(s *step, res *result) {
		if res.found == nil {
			return
		}
		if res.found.How == cache.Hit || res.found.How == cache.Stale {
			age = max(age, res.found.Age)
		}
		if len(members) < mostCacheMembers {
			members = append(members, cacheStatus(s.path(), res.found))
		}
	})
	if len(members) > 0 {
		h["Cache-Status"] = []string{strings.Join(members, ", ")}
	}
	if age >= 0 {
		h["Age"] = []string{strconv.FormatInt(int64(age/time.Second), 10)}
	}
}

func cacheStatus(path string, found *cache.Found) string {
	ttl := ";ttl=" + strconv.FormatInt(int64(found.TTL/time.Second), 10)
	out := "fairway"
	switch {
	case found.How == cache.Hit, found.How == cache.Stale && found.Failed == nil:
		out += ";hit" + ttl
	case found.How == cache.Stale:
		out += ";fwd=stale"
		if status := problem.Of(found.Failed).BackendStatus; status != 0 {
			out += ";fwd-status=" + strconv.Itoa(status)
		}
		out += ttl
	case found.How == cache.Coalesced:
		out += ";fwd=miss;collapsed"
	default:
		out += ";fwd=miss"
		if found.Stored {
			out += ";stored"
		}
	}
	if path == "" {
		return out
	}
	return out + `;detail="` + path + `"`
}

// each calls f with every result of the frame, those of the items of a fan-out too.
func (fr *frame) each(f func(*step, *result)) {
	for i := range fr.results {
		f(fr.plan.steps[i], &fr.results[i])
		for j := range fr.results[i].frames {
			fr.results[i].frames[j].each(f)
		}
	}
}
