package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// How a session was come by.
const (
	FromProcess = "process" // it was pooled in the process
	FromStore   = "store"   // another gateway, or an earlier process, has logged in
	FromLogin   = "login"   // by a login or a refresh
	Refused     = "refused" // not at all: the credentials were wrong a moment ago
)

// Outcomes of a refresh, beside those of a login.
const (
	Refreshed     = "refreshed"
	RefreshFailed = "refresh_failed"
)

// ofLogins makes the metrics of logins.
func (m *Metrics) ofLogins() {
	m.logins = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairway_login_duration_seconds",
		Help:    "Time of one login to a backend, by outcome.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
	}, []string{"service", "backend", "outcome"})
	m.sessions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fairway_sessions_total",
		Help: "Sessions with backends that were asked for, by how they were come by: process, store, login, refused.",
	}, []string{"service", "backend", "result"})
}

// LoginMetrics measures logins to one backend.
type LoginMetrics struct {
	logins   bound[string, prometheus.Observer]
	sessions bound[string, prometheus.Counter]
	done     func()
}

// Login binds the metrics of logins to a backend. The caller closes them when the backend is gone.
func (m *Metrics) Login(service, backend string) *LoginMetrics {
	l := &LoginMetrics{done: m.take(lease{kind: ofLogin, service: service, backend: backend})}
	l.logins.bind = func(outcome string) prometheus.Observer {
		return m.logins.WithLabelValues(service, backend, outcome)
	}
	l.sessions.bind = func(result string) prometheus.Counter {
		return m.sessions.WithLabelValues(service, backend, result)
	}
	return l
}

// Login counts one login that ended with outcome after d: OK, a session.LoginKind, Refreshed, RefreshFailed, or panic.
func (l *LoginMetrics) Login(outcome string, d time.Duration) {
	l.logins.get(outcome).Observe(d.Seconds())
}

// Session counts one session that was asked for, by how it was come by.
func (l *LoginMetrics) Session(result string) { l.sessions.get(result).Inc() }

// Close drops the series unless another handle of the same labels is open. It may be called twice.
func (l *LoginMetrics) Close() { l.done() }
