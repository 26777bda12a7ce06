package observe

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// RouteMetrics measures the requests of one route.
type RouteMetrics struct {
	durations bound[int, prometheus.Observer]
	drift     func() prometheus.Counter
	long      bound[string, prometheus.Counter]
	done      func()
}

// Route binds the metrics of a route. The caller closes them when the route is gone.
func (m *Metrics) Route(service, route string) *RouteMetrics {
	r := &RouteMetrics{done: m.take(lease{kind: ofRoute, service: service, route: route})}
	// Bound late: most routes promise nothing.
	r.drift = sync.OnceValue(func() prometheus.Counter { return m.drift.WithLabelValues(service, route) })
	r.durations.bind = func(code int) prometheus.Observer {
		return m.requests.WithLabelValues(service, route, strconv.Itoa(code))
	}
	r.long.bind = func(outcome string) prometheus.Counter { return m.long.WithLabelValues(service, route, outcome) }
	return r
}

// Observe counts one request that was answered with code after d.
func (r *RouteMetrics) Observe(code int, d time.Duration) { r.durations.get(code).Observe(d.Seconds()) }

// Drift counts one answer, or one record of a streamed one, that was not of the shape that the route promises.
func (r *RouteMetrics) Drift() { r.drift().Inc() }

// Long counts one answer that took longer than its caller waited. Outcomes are words of a fixed list.
func (r *RouteMetrics) Long(outcome string) { r.long.get(outcome).Inc() }

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (r *RouteMetrics) Close() { r.done() }

// FetchMetrics measures one fetch of a route.
type FetchMetrics struct {
	durations bound[string, prometheus.Observer]
	undecoded bound[string, prometheus.Counter]
	cached    bound[string, prometheus.Counter]
	done      func()
}

// Fetch binds the metrics of a fetch. The caller closes them when the route is gone.
func (m *Metrics) Fetch(service, route, fetch, backend string) *FetchMetrics {
	f := &FetchMetrics{done: m.take(lease{kind: ofFetch, service: service, route: route, fetch: fetch, backend: backend})}
	f.durations.bind = func(outcome string) prometheus.Observer {
		return m.fetches.WithLabelValues(service, route, fetch, backend, outcome)
	}
	f.cached.bind = func(how string) prometheus.Counter {
		return m.cached.WithLabelValues(service, route, fetch, how)
	}
	f.undecoded.bind = func(format string) prometheus.Counter {
		return m.decodeFailures.WithLabelValues(service, route, fetch, format)
	}
	return f
}

// Observe counts one fetch that ended with outcome after d, all its attempts together.
// Outcomes are OK and the words of a fixed list, never of a backend's or a caller's making.
func (f *FetchMetrics) Observe(outcome string, d time.Duration) {
	f.durations.get(outcome).Observe(d.Seconds())
}

// Cached counts one value that was looked for in the cache, by how it was come by.
func (f *FetchMetrics) Cached(how string) { f.cached.get(how).Inc() }

// DecodeFailed counts one body that was not of the format.
func (f *FetchMetrics) DecodeFailed(format string) { f.undecoded.get(format).Inc() }

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (f *FetchMetrics) Close() { f.done() }

// BackendMetrics measures the attempts at one backend.
type BackendMetrics struct {
	m                *Metrics
	service, backend string
	attempts         bound[string, prometheus.Counter]
	retries          prometheus.Counter
	done             func()
}

// Backend binds the metrics of a backend. The caller closes them when the backend is gone.
func (m *Metrics) Backend(service, backend string) *BackendMetrics {
	b := &BackendMetrics{m: m, service: service, backend: backend}
	b.done = m.take(lease{kind: ofBackend, service: service, backend: backend})
	b.attempts.bind = func(outcome string) prometheus.Counter {
		return m.attempts.WithLabelValues(service, backend, outcome)
	}
	b.retries = m.retries.WithLabelValues(service, backend)
	return b
}

// Attempt counts one attempt that ended with outcome.
func (b *BackendMetrics) Attempt(outcome string) { b.attempts.get(outcome).Inc() }

// Retry counts one attempt that follows a failed one.
func (b *BackendMetrics) Retry() { b.retries.Inc() }

// Close drops the series unless another handle of the same labels is open. It may be called twice.
// Those of its breakers are closed each on its own.
func (b *BackendMetrics) Close() { b.done() }

// BreakerState is a breaker's state as the gauge shows it.
type BreakerState int

// The states of a breaker.
const (
	BreakerClosed   BreakerState = 0
	BreakerHalfOpen BreakerState = 1
	BreakerOpen     BreakerState = 2
)

// String gives the word for labels, logs and documents.
func (s BreakerState) String() string {
	switch s {
	case BreakerClosed:
		return "closed"
	case BreakerHalfOpen:
		return "half-open"
	case BreakerOpen:
		return "open"
	}
	return "unknown"
}

// BreakerMetrics shows the breaker of one address.
type BreakerMetrics struct {
	state   prometheus.Gauge
	changes bound[BreakerState, prometheus.Counter]
	done    func()
}

// Breaker binds the metrics of the breaker of address, which begins closed.
func (b *BackendMetrics) Breaker(address string) *BreakerMetrics {
	k := &BreakerMetrics{done: b.m.take(lease{kind: ofBreaker, service: b.service, backend: b.backend, address: address})}
	k.state = b.m.breakerState.WithLabelValues(b.service, b.backend, address)
	k.state.Set(float64(BreakerClosed))
	k.changes.bind = func(to BreakerState) prometheus.Counter {
		return b.m.breakerChanges.WithLabelValues(b.service, b.backend, address, to.String())
	}
	return k
}

// Change shows the new state and counts the change.
func (k *BreakerMetrics) Change(to BreakerState) {
	k.state.Set(float64(to))
	k.changes.get(to).Inc()
}

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (k *BreakerMetrics) Close() { k.done() }
