package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// executions are the metrics of what this process does to executions. Those without labels are vectors too, since a process that has
// nothing to do with executions shows none of them.
type executions struct {
	moves    *prometheus.CounterVec
	attempts *prometheus.CounterVec
	waits    *prometheus.HistogramVec
	runs     *prometheus.HistogramVec
	lost     *prometheus.CounterVec
	logBytes *prometheus.CounterVec
	logLines *prometheus.CounterVec
	builds   *prometheus.CounterVec
}

// ofExecution makes the metrics of executions and runners.
func (m *Metrics) ofExecution() {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	// From what a gateway that has nothing else to do adds, to what is run over night.
	buckets := []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600}
	m.executions = executions{
		moves:    counter("fairway_executions_total", "Executions that this process made or moved, by the status that they have since.", "status"),
		attempts: counter("fairway_execution_attempts_total", "Attempts at executions of which this process wrote how they ended, by outcome.", "outcome"),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairway_execution_wait_seconds", Help: "Time from when an execution was asked for to the start of its first attempt, by this process.", Buckets: buckets,
		}, nil),
		runs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fairway_execution_run_seconds", Help: "Time from the start to the end of an attempt that this process ran, by outcome.", Buckets: buckets,
		}, []string{"outcome"}),
		lost:     counter("fairway_execution_leases_lost_total", "Attempts that the runner of this process gave up since they were somebody else's, or had ended."),
		logBytes: counter("fairway_execution_log_bytes_total", "Bytes that this process added to logs of executions, as the store keeps them."),
		logLines: counter("fairway_execution_log_lines_total", "Lines that this process added to logs of executions."),
		builds:   counter("fairway_script_builds_total", "Versions of scripts that the runner of this process made ready (ok), or that it found cannot be (failed).", "result"),
	}
	m.followers = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "fairway_execution_followers",
		Help: "Who is told by this process now what happens to an execution.",
	})
	m.slots = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairway_runner_slots",
		Help: "How many executions the runner of this process runs at once; 0: there is none.",
	}, func() float64 { _, all := m.ofSlots(); return float64(all) })
	m.slotsUsed = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairway_runner_slots_used",
		Help: "Slots in use, of all runners of this process: one that takes nothing more may have some.",
	}, func() float64 { used, _ := m.ofSlots(); return float64(used) })
}

// all are those that have series.
func (e *executions) all() []prometheus.Collector {
	return []prometheus.Collector{e.moves, e.attempts, e.waits, e.runs, e.lost, e.logBytes, e.logLines, e.builds}
}

// reset drops all series.
func (e *executions) reset() {
	for _, c := range []*prometheus.CounterVec{e.moves, e.attempts, e.lost, e.logBytes, e.logLines, e.builds} {
		c.Reset()
	}
	e.waits.Reset()
	e.runs.Reset()
}

// ExecutionMetrics measure what this process does to the executions of a store.
type ExecutionMetrics struct {
	moves, attempts, builds  bound[string, prometheus.Counter]
	runs                     bound[string, prometheus.Observer]
	waits                    prometheus.Observer
	lost, logBytes, logLines prometheus.Counter
	done                     func()
}

// Executions binds the metrics of executions, those of all statuses and outcomes from the beginning: what counts from nothing is not
// seen by who asks for its increase. The caller closes them when the store is gone.
func (m *Metrics) Executions(statuses, outcomes []string) *ExecutionMetrics {
	e := &ExecutionMetrics{done: m.take(lease{kind: ofExecution})}
	of := &m.executions
	e.moves.bind = func(status string) prometheus.Counter { return of.moves.WithLabelValues(status) }
	e.attempts.bind = func(outcome string) prometheus.Counter { return of.attempts.WithLabelValues(outcome) }
	e.runs.bind = func(outcome string) prometheus.Observer { return of.runs.WithLabelValues(outcome) }
	e.builds.bind = func(result string) prometheus.Counter { return of.builds.WithLabelValues(result) }
	for _, s := range statuses {
		e.moves.get(s)
	}
	for _, o := range outcomes {
		e.attempts.get(o)
	}
	for _, ok := range []bool{true, false} {
		e.builds.get(built(ok))
	}
	e.waits, e.lost = of.waits.WithLabelValues(), of.lost.WithLabelValues()
	e.logBytes, e.logLines = of.logBytes.WithLabelValues(), of.logLines.WithLabelValues()
	return e
}

func built(ok bool) string {
	if ok {
		return OK
	}
	return "failed"
}

// Moved counts n executions that have a status since now.
func (e *ExecutionMetrics) Moved(status string, n int) { e.moves.get(status).Add(float64(n)) }

// Ended counts an attempt that ended, and how long it ran; below 0: nobody knows.
func (e *ExecutionMetrics) Ended(outcome string, ran time.Duration) {
	e.attempts.get(outcome).Inc()
	if ran >= 0 {
		e.runs.get(outcome).Observe(ran.Seconds())
	}
}

// Logged counts what is in logs more.
func (e *ExecutionMetrics) Logged(lines, bytes int64) {
	e.logLines.Add(float64(lines))
	e.logBytes.Add(float64(bytes))
}

// Started counts an execution that was started for the first time, so long after it was asked for.
func (e *ExecutionMetrics) Started(waited time.Duration) { e.waits.Observe(waited.Seconds()) }

// LeaseLost counts an attempt that was given up.
func (e *ExecutionMetrics) LeaseLost() { e.lost.Inc() }

// Built counts a version of a script.
func (e *ExecutionMetrics) Built(ok bool) { e.builds.get(built(ok)).Inc() }

// Close drops the series unless another handle is open. It may be called twice.
func (e *ExecutionMetrics) Close() { e.done() }

// Follow shows that so many follow executions more, or fewer.
func (m *Metrics) Follow(more int) { m.followers.Add(float64(more)) }

// Slots are those of the runners of the process, as metrics see them.
type Slots interface {
	// Slots says how many are in use, and how many there are.
	Slots() (used, all int)
}

// WatchSlots shows s as the slots from now on.
func (m *Metrics) WatchSlots(s Slots) {
	if s == nil {
		return
	}
	m.runners.Store(&s)
}

func (m *Metrics) ofSlots() (used, all int) {
	s := m.runners.Load()
	if s == nil {
		return 0, 0
	}
	return (*s).Slots()
}
