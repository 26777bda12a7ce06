package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ofPasses makes the metrics of pass-through.
func (m *Metrics) ofPasses() {
	m.passes = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairway_pass_duration_seconds",
		Help:    "Time from a request's arrival at a transport of pass-through to the header of the answer, a login included.",
		Buckets: prometheus.DefBuckets,
	}, []string{"service", "outcome"})
}

// PassMetrics measures one transport of pass-through.
type PassMetrics struct {
	durations bound[string, prometheus.Observer]
	done      func()
}

// Pass binds the metrics of a transport. The caller closes them when it is gone.
func (m *Metrics) Pass(service string) *PassMetrics {
	p := &PassMetrics{done: m.take(lease{kind: ofPass, service: service})}
	p.durations.bind = func(outcome string) prometheus.Observer { return m.passes.WithLabelValues(service, outcome) }
	return p
}

// Observe counts one request that ended with outcome after d: OK, whatever the backend's status, the code of a problem, or
// cancelled.
func (p *PassMetrics) Observe(outcome string, d time.Duration) {
	p.durations.get(outcome).Observe(d.Seconds())
}

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (p *PassMetrics) Close() { p.done() }
