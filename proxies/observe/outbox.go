package observe

import "github.com/prometheus/client_golang/prometheus"

// What became of an attempt to have a letter leave the gateway.
const (
	LetterSent    = "sent"
	LetterRetried = "retried" // it failed and is tried again
	LetterDead    = "dead"    // it failed for good and is laid aside
	LetterLost    = "lost"    // its lease ended meanwhile: somebody else has it
)

// ofOutboxes makes the metrics of the outbox.
func (m *Metrics) ofOutboxes() {
	m.letters = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_outbox_attempts_total",
		Help: "Attempts to have a letter of the outbox leave, by what became of it: sent, retried, dead, lost.",
	}, []string{"topic", "result"})
	m.lettersHeld = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fairway_outbox_letters",
		Help: "Letters in the outbox of the store, of all gateways: those that wait or are worked on (pending), and those laid aside (dead).",
	}, []string{"topic", "state"})
}

// OutboxMetrics measures the letters of one topic.
type OutboxMetrics struct {
	attempts      bound[string, prometheus.Counter]
	pending, dead prometheus.Gauge
	done          func()
}

// Outbox binds the metrics of a topic, all of them from the beginning: what counts from nothing is not seen by who asks for
// its increase. The caller closes them when its worker is gone.
func (m *Metrics) Outbox(topic string) *OutboxMetrics {
	o := &OutboxMetrics{done: m.take(lease{kind: ofOutbox, topic: topic})}
	o.attempts.bind = func(result string) prometheus.Counter { return m.letters.WithLabelValues(topic, result) }
	for _, result := range []string{LetterSent, LetterRetried, LetterDead, LetterLost} {
		o.attempts.get(result)
	}
	o.pending, o.dead = m.lettersHeld.WithLabelValues(topic, "pending"), m.lettersHeld.WithLabelValues(topic, "dead")
	return o
}

// Attempt counts one attempt, by what became of it.
func (o *OutboxMetrics) Attempt(result string) { o.attempts.get(result).Inc() }

// Held shows how many letters of the topic the store has.
func (o *OutboxMetrics) Held(pending, dead int64) {
	o.pending.Set(float64(pending))
	o.dead.Set(float64(dead))
}

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (o *OutboxMetrics) Close() { o.done() }
