package observe

import "github.com/prometheus/client_golang/prometheus"

// By what callers were identified. What became of others is the code of a problem.
const (
	ByPassword = "password"
	ByToken    = "token"
)

// ofCallers makes the metrics of callers.
func (m *Metrics) ofCallers() {
	m.callers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_callers_total",
		Help: "Callers of services and sites for users, by how they were identified, or why they were refused.",
	}, []string{"service", "result"})
}

// CallerMetrics counts the callers of one service or site.
type CallerMetrics struct {
	results bound[string, prometheus.Counter]
	done    func()
}

// Callers binds the metrics of the callers of a service. The caller closes them when it is gone.
func (m *Metrics) Callers(service string) *CallerMetrics {
	c := &CallerMetrics{done: m.take(lease{kind: ofCaller, service: service})}
	c.results.bind = func(result string) prometheus.Counter { return m.callers.WithLabelValues(service, result) }
	return c
}

// Caller counts one caller: ByPassword, ByToken, or the code of the problem that it was answered.
func (c *CallerMetrics) Caller(result string) { c.results.get(result).Inc() }

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (c *CallerMetrics) Close() { c.done() }
