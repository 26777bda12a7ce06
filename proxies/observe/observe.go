// Package observe holds the gateway's Prometheus metrics and the helpers for its spans.
//
// Metrics are bound once: whoever measures asks for a handle when it is built and closes it when it is gone. A handle
// costs no label lookup when it is used, and the series go when the last handle of their labels is closed, so that
// a config reload, which builds the new parts before it closes the old, loses nothing.
package observe

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// OK is the outcome of what went well; other outcomes are words for what went wrong.
const OK = "ok"

// Budget is the process-wide budget for buffered bytes, as metrics see it.
type Budget interface {
	// InUse and Limit are in bytes; a Limit of 0 or less is none.
	InUse() int64
	Limit() int64
}

// Store is the cache, as metrics see it.
type Store interface {
	Bytes() int64
	Entries() int
}

// Metrics are all metrics of the gateway. One value lives as long as the process and may be registered with one
// registry after another. It is safe for concurrent use.
type Metrics struct {
	requests       *prometheus.HistogramVec
	fetches        *prometheus.HistogramVec
	attempts       *prometheus.CounterVec
	retries        *prometheus.CounterVec
	decodeFailures *prometheus.CounterVec
	drift          *prometheus.CounterVec
	long           *prometheus.CounterVec
	cached         *prometheus.CounterVec
	cacheBytes     prometheus.GaugeFunc
	cacheEntries   prometheus.GaugeFunc
	breakerState   *prometheus.GaugeVec
	breakerChanges *prometheus.CounterVec
	queries        *prometheus.HistogramVec
	databases      *databases
	databaseState  *prometheus.GaugeVec
	databaseTurns  *prometheus.CounterVec
	logins         *prometheus.HistogramVec
	sessions       *prometheus.CounterVec
	passes         *prometheus.HistogramVec
	letters        *prometheus.CounterVec
	lettersHeld    *prometheus.GaugeVec
	events         *prometheus.CounterVec
	eventsFailed   *prometheus.CounterVec
	eventsBehind   *prometheus.GaugeVec
	schedules      *prometheus.CounterVec
	callers        *prometheus.CounterVec
	executions     executions
	followers      prometheus.Gauge
	slots          prometheus.GaugeFunc
	slotsUsed      prometheus.GaugeFunc
	buffered       prometheus.GaugeFunc
	bufferedLimit  prometheus.GaugeFunc

	budget  atomic.Pointer[Budget]
	store   atomic.Pointer[Store]
	runners atomic.Pointer[Slots]

	mu     sync.Mutex
	leases map[lease]int
}

// New makes the metrics, registered nowhere.
func New() *Metrics {
	m := &Metrics{leases: make(map[lease]int)}
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairway_request_duration_seconds",
		Help:    "Time from a request's arrival at its route to the written answer.",
		Buckets: prometheus.DefBuckets,
	}, []string{"service", "route", "code"})
	m.fetches = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairway_fetch_duration_seconds",
		Help:    "Time of one fetch with all its attempts.",
		Buckets: prometheus.DefBuckets,
	}, []string{"service", "route", "fetch", "backend", "outcome"})
	m.attempts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_attempts_total",
		Help: "Attempts to fetch from a backend, by outcome.",
	}, []string{"service", "backend", "outcome"})
	m.retries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_retries_total",
		Help: "Attempts that followed a failed one.",
	}, []string{"service", "backend"})
	m.decodeFailures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_decode_failures_total",
		Help: "Bodies that were not of their charset or format.",
	}, []string{"service", "route", "fetch", "format"})
	m.drift = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_drift_total",
		Help: "Answers, and records of streamed ones, that were not of the shape that their route promises.",
	}, []string{"service", "route"})
	m.long = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_long_answers_total",
		Help: "Answers that took longer than their callers waited: begun or refused as executions, and how they ended.",
	}, []string{"service", "route", "outcome"})
	m.cached = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_cache_total",
		Help: "Values looked for in the cache, by how they were come by: hit, stale, miss, coalesced.",
	}, []string{"service", "route", "fetch", "result"})
	m.cacheBytes = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairway_cache_bytes",
		Help: "Bytes that the values in the cache take, estimated.",
	}, func() float64 { return m.ofStore(func(s Store) float64 { return float64(s.Bytes()) }) })
	m.cacheEntries = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairway_cache_entries",
		Help: "Values in the cache, estimated.",
	}, func() float64 { return m.ofStore(func(s Store) float64 { return float64(s.Entries()) }) })
	m.breakerState = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_breaker_state",
		Help: "State of the breaker of a backend's address: 0 closed, 1 half-open, 2 open.",
	}, []string{"service", "backend", "address"})
	m.breakerChanges = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_breaker_changes_total",
		Help: "Changes of a breaker's state.",
	}, []string{"service", "backend", "address", "to"})
	m.ofDatabases()
	m.ofLogins()
	m.ofPasses()
	m.ofOutboxes()
	m.ofEvent()
	m.ofSchedules()
	m.ofCallers()
	m.ofExecution()
	m.buffered = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairway_buffered_bytes",
		Help: "Bytes charged to the budget for buffered bodies.",
	}, func() float64 { return m.ofBudget(Budget.InUse) })
	m.bufferedLimit = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairway_buffered_bytes_limit",
		Help: "The budget for buffered bodies in bytes; 0 is no limit.",
	}, func() float64 { return m.ofBudget(Budget.Limit) })
	return m
}

// Register adds all metrics to reg. It may be called again with the same registry. An error means that another
// Metrics, or somebody else's metric of the same name, is registered there: what this one measures would not be seen.
func (m *Metrics) Register(reg prometheus.Registerer) error {
	for _, c := range append(m.executions.all(),
		m.requests, m.fetches, m.attempts, m.retries, m.decodeFailures, m.drift, m.long, m.cached, m.cacheBytes, m.cacheEntries,
		m.breakerState, m.breakerChanges, m.queries, m.databases, m.databaseState, m.databaseTurns, m.logins, m.sessions, m.passes, m.callers, m.letters, m.lettersHeld, m.events, m.eventsFailed, m.eventsBehind, m.schedules, m.buffered, m.bufferedLimit,
		m.followers, m.slots, m.slotsUsed,
	) {
		err := reg.Register(c)
		if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok && already.ExistingCollector == c {
			continue
		}
		if err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}

// Watch shows b as the budget for buffered bytes from now on.
func (m *Metrics) Watch(b Budget) {
	if b == nil {
		return
	}
	m.budget.Store(&b)
}

// WatchStore shows s as the cache from now on.
func (m *Metrics) WatchStore(s Store) {
	if s == nil {
		return
	}
	m.store.Store(&s)
}

func (m *Metrics) ofStore(f func(Store) float64) float64 {
	s := m.store.Load()
	if s == nil {
		return 0
	}
	return f(*s)
}

func (m *Metrics) ofBudget(f func(Budget) int64) float64 {
	b := m.budget.Load()
	if b == nil {
		return 0
	}
	return float64(max(0, f(*b)))
}
