package observe

import "github.com/prometheus/client_golang/prometheus"

// ofSchedules makes the metric of schedules.
func (m *Metrics) ofSchedules() {
	m.schedules = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_schedule_times_total",
		Help: "Times of schedules of which something became, by what became of them.",
	}, []string{"outcome"})
}

// ScheduleMetrics measure what this process does of schedules.
type ScheduleMetrics struct {
	outcomes bound[string, prometheus.Counter]
	done     func()
}

// Schedules binds the metric of schedules, with all outcomes from the beginning. The caller closes it.
func (m *Metrics) Schedules(outcomes []string) *ScheduleMetrics {
	s := &ScheduleMetrics{done: m.take(lease{kind: ofSchedule})}
	s.outcomes.bind = func(outcome string) prometheus.Counter { return m.schedules.WithLabelValues(outcome) }
	for _, o := range outcomes {
		s.outcomes.get(o)
	}
	return s
}

// Counted counts times of which something became.
func (s *ScheduleMetrics) Counted(outcome string, n int) { s.outcomes.get(outcome).Add(float64(n)) }

// Close drops the series unless another handle is open. It may be called twice.
func (s *ScheduleMetrics) Close() { s.done() }
