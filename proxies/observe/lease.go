package observe

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// kind says which labels a lease has.
type kind int

const (
	ofRoute kind = iota
	ofFetch
	ofBackend
	ofBreaker
	ofQuery
	ofDatabase
	ofLogin
	ofPass
	ofOutbox
	ofCaller
	ofExecution
	ofEvents
	ofSchedule
)

// lease names the series that one handle writes to. Old and new config hold the same one for a while.
type lease struct {
	kind                                                     kind
	service, route, fetch, backend, address, database, topic string
	publisher                                                string
}

func (l lease) labels() prometheus.Labels {
	labels := prometheus.Labels{"service": l.service}
	switch l.kind {
	case ofRoute:
		labels["route"] = l.route
	case ofFetch:
		labels["route"], labels["fetch"], labels["backend"] = l.route, l.fetch, l.backend
	case ofBackend, ofLogin:
		labels["backend"] = l.backend
	case ofBreaker:
		labels["backend"], labels["address"] = l.backend, l.address
	case ofQuery:
		labels["route"], labels["fetch"], labels["database"] = l.route, l.fetch, l.database
	case ofPass, ofCaller:
	case ofDatabase:
		return prometheus.Labels{"database": l.database}
	case ofOutbox:
		return prometheus.Labels{"topic": l.topic}
	case ofEvents:
		return prometheus.Labels{"publisher": l.publisher}
	case ofExecution, ofSchedule:
		return nil
	}
	return labels
}

// take counts one more holder of l and gives the function that ends it; ending twice does nothing.
func (m *Metrics) take(l lease) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leases[l]++
	return sync.OnceFunc(func() { m.giveUp(l) })
}

// giveUp drops the series of l when nobody else holds it. The lock is kept while they are dropped: a new holder
// must not bind series that are about to go.
func (m *Metrics) giveUp(l lease) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leases[l]--
	if m.leases[l] > 0 {
		return
	}
	delete(m.leases, l)
	labels := l.labels()
	switch l.kind {
	case ofRoute:
		m.requests.DeletePartialMatch(labels)
		m.drift.DeletePartialMatch(labels)
		m.long.DeletePartialMatch(labels)
	case ofFetch:
		m.fetches.DeletePartialMatch(labels)
		delete(labels, "backend")
		m.decodeFailures.DeletePartialMatch(labels)
		m.cached.DeletePartialMatch(labels)
	case ofBackend:
		m.attempts.DeletePartialMatch(labels)
		m.retries.DeletePartialMatch(labels)
	case ofBreaker:
		m.breakerState.DeletePartialMatch(labels)
		m.breakerChanges.DeletePartialMatch(labels)
	case ofQuery:
		m.queries.DeletePartialMatch(labels)
	case ofLogin:
		m.logins.DeletePartialMatch(labels)
		m.sessions.DeletePartialMatch(labels)
	case ofPass:
		m.passes.DeletePartialMatch(labels)
	case ofCaller:
		m.callers.DeletePartialMatch(labels)
	case ofDatabase:
		m.databaseState.DeletePartialMatch(labels)
		m.databaseTurns.DeletePartialMatch(labels)
	case ofOutbox:
		m.letters.DeletePartialMatch(labels)
		m.lettersHeld.DeletePartialMatch(labels)
	case ofSchedule:
		m.schedules.Reset()
	case ofEvents:
		m.events.DeletePartialMatch(labels)
		m.eventsFailed.DeletePartialMatch(labels)
		m.eventsBehind.DeletePartialMatch(labels)
	case ofExecution:
		m.executions.reset()
	}
}
