package queries

import (
	"fmt"
	"time"
)

const (
	// mostCounted is how many times are counted that were missed.
	mostCounted = 1000
	// firstWindow is in what time before another it is looked for times first.
	firstWindow = time.Minute
)

// lost are times that were missed.
type lost struct {
	// last are the last of them, in order.
	last []time.Time
	// count is how many there are, of which more says that there are more.
	count int
	more  bool
}

// without leaves out the last ones, which are fired.
func (l *lost) without(n int) {
	l.last = l.last[:len(l.last)-n]
	l.count -= n
}

func (l *lost) text(first time.Time) string {
	at := first.UTC().Format(time.RFC3339)
	switch {
	case l.more:
		return fmt.Sprintf("no gateway ran: more than %d times from %s on", mostCounted, at)
	case l.count == 1:
		return "no gateway ran"
	}
	return fmt.Sprintf("no gateway ran: %d times from %s on", l.count, at)
}

// missedBetween gives the times from one on until another, the last ones of them by themselves.
func missedBetween(t Times, from, until time.Time, most int) lost {
	var out lost
	at := from.Add(-time.Nanosecond)
	for {
		next, ok := t.Next(at)
		if !ok || next.After(until) {
			break
		}
		if out.count++; out.count > mostCounted {
			out.count, out.more = mostCounted, true
			break
		}
		at = next
	}
	out.last = latest(t, from, until, most)
	return out
}

// latest gives the last times from one on until another, at most so many, in order. Not all are gone
// through: the times before until are, in windows that grow.
func latest(t Times, from, until time.Time, most int) []time.Time {
	out := make([]time.Time, 0, most)
	for window := firstWindow; ; window *= 4 {
		begin := until.Add(-window)
		whole := !begin.After(from) || window < 0
		if whole {
			begin = from
		}
		out = out[:0]
		n := 0
		for at := begin.Add(-time.Nanosecond); ; {
			next, ok := t.Next(at)
			if !ok || next.After(until) {
				break
			}
			if n++; len(out) == most {
				out = append(out[:0], out[1:]...)
			}
			out, at = append(out, next), next
		}
		if whole || n >= most {
			return out
		}
	}
}
