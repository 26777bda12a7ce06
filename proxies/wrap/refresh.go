package wrap

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Times of a fetch that is loaded in the background.
const (
	refreshRetry   = 5 * time.Second // after the first failure; doubled for each further one, up to the period
	DefaultRefresh = 24 * time.Hour  // how long an old value is used where no new one comes
)

// refresher loads the value of a fetch again and again.
type refresher struct {
	f     *fetch
	route *route
	every time.Duration
	ready bool          // nobody is to be told that the service is ready before
	first chan struct{} // closed when the first value is there
}

func (rt *route) compileRefresh(f *fetch, at place) error {
	r := f.Fetch.Refresh
	if r == nil {
		return nil
	}
	at = at.field("refresh")
	switch {
	case r.Every <= 0:
		return at.errf("refresh takes how often: refresh every 1h")
	case f.Fetch.Cache != nil:
		return at.errf("refresh keeps the value itself; leave cache out")
	case f.Method != http.MethodGet:
		return at.errf("only a GET is loaded in the background")
	}
	every := time.Duration(r.Every)
	f.cache.ttl = every + every/10 + rt.budget
	if f.cache.ifError == 0 {
		f.cache.ifError = DefaultRefresh
	}
	return nil
}

// settleRefresh refuses a fetch into which something of a request goes: nobody asks in the background.
func (rt *route) settleRefresh(f *fetch, at place) error {
	if f.Fetch.Refresh == nil {
		return nil
	}
	asks := len(f.waits) > 0 || f.failWhen != nil && len(f.failWhen.bind) > 0 || f.plan.owner != nil
	if asks || !f.constant() {
		return at.field("refresh").errf("refresh loads the value when nobody asks for it, so nothing of a request or of another fetch may go into it")
	}
	rt.service.refreshers = append(rt.service.refreshers, &refresher{
		f: f, route: rt, every: time.Duration(f.Fetch.Refresh.Every), ready: f.Fetch.Refresh.Ready, first: make(chan struct{}),
	})
	return nil
}

// Start begins what the service does in the background. Close ends it.
func (s *Service) Start() {
	if len(s.refreshers) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	for _, r := range s.refreshers {
		s.tasks.Go(func() { r.run(ctx) })
	}
	s.stop = func() {
		cancel()
		s.tasks.Wait()
	}
}

// Loading lists the fetches that are to be loaded before the service is ready, and are not yet.
func (s *Service) Loading() []string {
	var out []string
	for _, r := range s.refreshers {
		select {
		case <-r.first:
		default:
			if r.ready {
				out = append(out, s.Name+" "+r.route.method+" "+r.route.pattern+" "+r.f.path)
			}
		}
	}
	return out
}

// run loads until ctx ends.
func (r *refresher) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		wait := r.every
		if err := r.load(ctx); err != nil && ctx.Err() == nil {
			wait = min(r.every, refreshRetry<<min(failures, 10))
			failures++
			r.route.service.log.LogAttrs(ctx, slog.LevelWarn, "loading in the background failed",
				slog.String("service", r.route.service.Name), slog.String("route", r.route.method+" "+r.route.pattern),
				slog.String("fetch", r.f.path), slog.Duration("again_in", wait), slog.Any("cause", err))
		} else if failures = 0; ctx.Err() == nil {
			select {
			case <-r.first:
			default:
				close(r.first)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// load loads once, as if somebody had asked.
func (r *refresher) load(ctx context.Context) error {
	now := time.Now()
	x := &exchange{ctx: ctx, r: &http.Request{Method: http.MethodGet, URL: new(url.URL), Header: http.Header{}}, route: r.route, start: now}
	x.root = frame{exchange: x, plan: r.f.plan, deadline: now.Add(r.route.budget), results: make([]result, len(r.f.plan.steps))}
	to := destination{backend: r.f.backend, strategy: r.f.strategy, target: r.f.target.static}
	req, p := r.f.cacheRequest(ctx, &x.root, to)
	if p != nil {
		return p
	}
	return r.f.cache.store.Refresh(ctx, req)
}
