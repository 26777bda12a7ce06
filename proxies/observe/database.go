package observe

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ofDatabases makes the metrics of databases.
func (m *Metrics) ofDatabases() {
	m.queries = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairway_query_duration_seconds",
		Help:    "Time of one query of a database, from waiting for a connection to the last row.",
		Buckets: prometheus.DefBuckets,
	}, []string{"service", "route", "fetch", "database", "outcome"})
	m.databaseState = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_database_breaker_state",
		Help: "State of the breaker of a database: 0 closed, 1 half-open, 2 open.",
	}, []string{"database"})
	m.databaseTurns = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_database_breaker_changes_total",
		Help: "Changes of the state of a database's breaker.",
	}, []string{"database", "to"})
	m.databases = &databases{
		open:        make(map[*DatabaseMetrics]struct{}),
		connections: prometheus.NewDesc("fairway_database_connections", "Connections of a database's pool, by what they do.", []string{"database", "state"}, nil),
		waits:       prometheus.NewDesc("fairway_database_waits_total", "Queries that had to wait for a connection.", []string{"database"}, nil),
		waiting:     prometheus.NewDesc("fairway_database_wait_seconds_total", "Time that queries waited for a connection.", []string{"database"}, nil),
	}
}

// QueryMetrics measures one query of a route.
type QueryMetrics struct {
	durations bound[string, prometheus.Observer]
	done      func()
}

// Query binds the metrics of a query. The caller closes them when the route is gone.
func (m *Metrics) Query(service, route, fetch, database string) *QueryMetrics {
	q := &QueryMetrics{done: m.take(lease{kind: ofQuery, service: service, route: route, fetch: fetch, database: database})}
	q.durations.bind = func(outcome string) prometheus.Observer {
		return m.queries.WithLabelValues(service, route, fetch, database, outcome)
	}
	return q
}

// Observe counts one query that ended with outcome after d. Outcomes are those of a fetch.
func (q *QueryMetrics) Observe(outcome string, d time.Duration) {
	q.durations.get(outcome).Observe(d.Seconds())
}

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (q *QueryMetrics) Close() { q.done() }

// PoolStats is what a pool of connections has done and does.
type PoolStats struct {
	InUse, Idle int
	// Waits is how often there was no connection at once, Waited for how long altogether.
	Waits  int64
	Waited time.Duration
}

// DatabaseMetrics shows the pool and the breaker of one database.
type DatabaseMetrics struct {
	name    string
	stats   func() PoolStats
	state   prometheus.Gauge
	changes bound[BreakerState, prometheus.Counter]
	done    func()
}

// Database binds the metrics of a database, whose pool is asked for its stats when somebody reads them. The caller closes
// them when the pool is gone.
func (m *Metrics) Database(name string, stats func() PoolStats) *DatabaseMetrics {
	d := &DatabaseMetrics{name: name, stats: stats}
	give := m.take(lease{kind: ofDatabase, database: name})
	d.done = sync.OnceFunc(func() {
		m.databases.remove(d)
		give()
	})
	m.databases.add(d)
	d.state = m.databaseState.WithLabelValues(name)
	d.state.Set(float64(BreakerClosed))
	d.changes.bind = func(to BreakerState) prometheus.Counter {
		return m.databaseTurns.WithLabelValues(name, to.String())
	}
	return d
}

// Change shows the new state of the breaker and counts the change.
func (d *DatabaseMetrics) Change(to BreakerState) {
	d.state.Set(float64(to))
	d.changes.get(to).Inc()
}

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (d *DatabaseMetrics) Close() { d.done() }

// databases collects the stats of all pools when they are read.
type databases struct {
	connections, waits, waiting *prometheus.Desc

	mu   sync.Mutex
	open map[*DatabaseMetrics]struct{}
}

func (c *databases) add(d *DatabaseMetrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[d] = struct{}{}
}

func (c *databases) remove(d *DatabaseMetrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, d)
}

// Describe implements prometheus.Collector.
func (c *databases) Describe(to chan<- *prometheus.Desc) {
	to <- c.connections
	to <- c.waits
	to <- c.waiting
}

// Collect implements prometheus.Collector. While a configuration takes the place of another there may be two pools of one
// name.
func (c *databases) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	sums := make(map[string]PoolStats, len(c.open))
	for d := range c.open {
		s, sum := d.stats(), sums[d.name]
		sums[d.name] = PoolStats{InUse: sum.InUse + s.InUse, Idle: sum.Idle + s.Idle, Waits: sum.Waits + s.Waits, Waited: sum.Waited + s.Waited}
	}
	c.mu.Unlock()
	for name, s := range sums {
		to <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(s.InUse), name, "in_use")
		to <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(s.Idle), name, "idle")
		to <- prometheus.MustNewConstMetric(c.waits, prometheus.CounterValue, float64(s.Waits), name)
		to <- prometheus.MustNewConstMetric(c.waiting, prometheus.CounterValue, s.Waited.Seconds(), name)
	}
}

var _ prometheus.Collector = (*databases)(nil)
