package executions

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/bundle"
)

// Headers by which who runs a script says how. What is in the query and the body are the script's parameters.
const (
	queueHeader    = "Fairway-Queue"
	priorityHeader = "Fairway-Priority"
	timeoutHeader  = "Fairway-Timeout"
	retriesHeader  = "Fairway-Retries"
	keyHeader      = "Idempotency-Key"
)

const (
	// mostPriority is how high and how low a priority may be, mostRetries how often a caller may have something tried again.
	mostPriority, mostRetries = 1000, 10
	// retryDelay is how long the second attempt waits.
	retryDelay = 10 * time.Second
	// mostQueue is how long the name of a queue is, in bytes.
	mostQueue = 64
	// mostKey is how long an idempotency key is, in bytes.
	mostKey = 255
)

// wishes are what a caller says of how a script is to be run.
type wishes struct {
	queue    string
	priority int64
	timeout  time.Duration
	retries  int // below 0: what the script says
	key      string
}

// saysHow says that something is wished of how it is run.
func (w wishes) saysHow() bool {
	return w.queue != "" || w.priority != 0 || w.timeout > 0 || w.retries >= 0
}

// text tells wishes from others.
func (w wishes) text() string {
	return fmt.Sprint(w.queue, " ", w.priority, " ", w.timeout, " ", w.retries)
}

// wishesOf reads headers. The error is for the caller.
func wishesOf(h http.Header, admin bool) (w wishes, err error) {
	w.retries = -1
	one := func(name string, read func(text string) error) {
		values := h.Values(name)
		if err != nil || len(values) == 0 {
			return
		}
		if len(values) > 1 {
			err = refused(name + ": it is there twice")
			return
		}
		err = read(strings.TrimSpace(values[0]))
	}
	one(queueHeader, func(text string) error {
		if !isQueue(text) {
			return refused(queueHeader + ": the name of a queue has small letters and digits, with - or _ between them, at most 64")
		}
		w.queue = text
		return nil
	})
	one(priorityHeader, func(text string) error {
		if w.priority, err = strconv.ParseInt(text, 10, 64); err != nil || w.priority < -mostPriority || w.priority > mostPriority {
			return refused(fmt.Sprintf("%s: it is a whole number from %d to %d", priorityHeader, -mostPriority, mostPriority))
		}
		if w.priority > 0 && !admin {
			return api.Failure{Status: http.StatusForbidden, Detail: priorityHeader + ": only administrators run something before others"}
		}
		return nil
	})
	one(timeoutHeader, func(text string) error {
		var ok bool
		if w.timeout, ok = span(text); !ok {
			return refused(timeoutHeader + ": it is a length of time, as 90s or 2h, or seconds")
		}
		return nil
	})
	one(retriesHeader, func(text string) error {
		if w.retries, err = strconv.Atoi(text); err != nil || w.retries < 0 || w.retries > mostRetries {
			return refused(fmt.Sprintf("%s: it is a whole number from 0 to %d", retriesHeader, mostRetries))
		}
		return nil
	})
	one(keyHeader, func(text string) error {
		if text == "" || len(text) > mostKey || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			return refused(keyHeader + ": it has 1 to 255 characters of ASCII that can be seen")
		}
		w.key = text
		return nil
	})
	return w, err
}

// isQueue says whether a text can be the name of a queue.
func isQueue(text string) bool {
	if text == "" || len(text) > mostQueue {
		return false
	}
	between := true
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			between = false
		case (c == '-' || c == '_') && !between:
			between = true
		default:
			return false
		}
	}
	return !between
}

// span reads a length of time that is at least a millisecond: as Go writes it, or seconds.
func span(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds > 0) || seconds > math.MaxInt64/float64(time.Second)/2 {
			return 0, false
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	return d, d >= time.Millisecond
}

// plan says how a version of a script is run: as it says, and as its caller wishes, within what the gateway allows.
func (x *Executions) plan(ctx context.Context, configuration json.RawMessage, w wishes) (queries.NewExecution, error) {
	var n queries.NewExecution
	var c bundle.Configuration
	if len(configuration) > 0 && string(configuration) != "null" {
		var err error
		if c, err = bundle.ReadConfiguration(configuration); err != nil { // it was checked when it was uploaded
			return n, fmt.Errorf("the configuration of a script cannot be read: %w", err)
		}
	}
	n.Timeout = x.options.Timeout
	if c.Timeout > 0 {
		n.Timeout = min(c.Timeout, n.Timeout)
	}
	if w.timeout > n.Timeout {
		return n, refused(fmt.Sprintf("%s: the script may run for %s at most", timeoutHeader, n.Timeout))
	}
	if w.timeout > 0 {
		n.Timeout = w.timeout
	}
	retries := c.Retries
	if w.retries >= 0 {
		retries = w.retries
	}
	if n.MaxAttempts = 1 + retries; retries > 0 {
		n.RetryOn, n.RetryDelay = []queries.Outcome{queries.OutcomeFailed, queries.OutcomeLost}, retryDelay
	}
	n.Priority = w.priority
	var err error
	n.Queue, err = x.queue(ctx, c.Labels, w.queue)
	return n, err
}

// queue is whose runners run a script: those that have its labels, or else those that its caller wishes, if there are any.
func (x *Executions) queue(ctx context.Context, labels []string, wished string) (string, error) {
	if len(labels) > 0 {
		labels = slices.Compact(slices.Sorted(slices.Values(labels)))
		name := strings.Join(labels, "-")
		switch {
		case !isQueue(name):
			return "", refused("the script's labels are no name of a queue: small letters and digits, with - or _ between them, at most 64 in all")
		case wished != "" && wished != name:
			return "", refused(queueHeader + ": the script runs in the queue " + name + " alone")
		}
		return name, nil
	}
	if wished == "" || wished == queries.DefaultQueue {
		return queries.DefaultQueue, nil
	}
	here, err := x.store.RunnersHere(ctx, mostRunners)
	if err != nil {
		return "", err
	}
	known := []string{queries.DefaultQueue}
	for _, r := range here {
		var queues []string
		if err := json.Unmarshal(r.Queues, &queues); err != nil {
			return "", fmt.Errorf("the queues of a runner: %w", err)
		}
		known = append(known, queues...)
	}
	if !slices.Contains(known, wished) {
		return "", refused(queueHeader + ": no runner takes from this queue; there are " + strings.Join(slices.Compact(slices.Sorted(slices.Values(known))), ", "))
	}
	return wished, nil
}

// mostRunners is how many runners are asked for their queues.
const mostRunners = 1000
