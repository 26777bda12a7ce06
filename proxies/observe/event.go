package observe

import "github.com/prometheus/client_golang/prometheus"

// ofEvent makes the metrics of events.
func (m *Metrics) ofEvent() {
	m.events = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_events_published_total",
		Help: "Events that were told, by publisher; webhooks: they are in the outbox.",
	}, []string{"publisher"})
	m.eventsFailed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_events_failed_total",
		Help: "Batches of events that could not be told and are tried again, by publisher.",
	}, []string{"publisher"})
	m.eventsBehind = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_events_behind",
		Help: "About how many events of the store a publisher has not told yet, as the gateway saw that told last.",
	}, []string{"publisher"})
}

// EventMetrics measures one publisher.
type EventMetrics struct {
	published, failed prometheus.Counter
	behind            prometheus.Gauge
	done              func()
}

// Events binds the metrics of a publisher. The caller closes them.
func (m *Metrics) Events(publisher string) *EventMetrics {
	return &EventMetrics{
		done:      m.take(lease{kind: ofEvents, publisher: publisher}),
		published: m.events.WithLabelValues(publisher), failed: m.eventsFailed.WithLabelValues(publisher), behind: m.eventsBehind.WithLabelValues(publisher),
	}
}

// Published counts events that were told.
func (e *EventMetrics) Published(n int) { e.published.Add(float64(n)) }

// Failed counts a batch that was not.
func (e *EventMetrics) Failed() { e.failed.Inc() }

// Behind shows how many are still to be told.
func (e *EventMetrics) Behind(n int64) { e.behind.Set(float64(n)) }

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (e *EventMetrics) Close() { e.done() }
