package calendar

import "time"

// Times are when something is due. It is used concurrently.
type Times interface {
	// Next gives the first time after another; false: there is none.
	Next(after time.Time) (time.Time, bool)
}

// Once is due at one time.
type Once time.Time

// Next implements Times.
func (o Once) Next(after time.Time) (time.Time, bool) { return time.Time(o), time.Time(o).After(after) }

// Every is due each so long after a time, whatever clocks say. Each is above 0.
type Every struct {
	From time.Time
	Each time.Duration
}

// Next implements Times.
func (e Every) Next(after time.Time) (time.Time, bool) {
	if after.Before(e.From) {
		return e.From.Add(e.Each), true
	}
	since := after.Sub(e.From)
	return e.From.Add(since - since%e.Each + e.Each), true
}

// Walls is due by an expression and the clocks of a zone.
type Walls struct {
	Cron Cron
	Zone *time.Location
	// Skipped is Later or Drop; Repeated is First, Second or Both.
	Skipped, Repeated string
}

// mostPeriods is how many periods of one offset are looked through: those of some ten years where there are two in a year.
const mostPeriods = 24

// Next implements Times.
func (w Walls) Next(after time.Time) (time.Time, bool) {
	p := w.period(after)
	wall := p.wall(after)
	for range mostPeriods {
		for {
			if wall = w.Cron.after(wall); wall.IsZero() {
				return time.Time{}, false
			}
			at := p.moment(wall)
			if !p.end.IsZero() && !at.Before(p.end) {
				break
			}
			if p.counts(wall, w.Repeated) {
				return at, true
			}
		}
		if w.Skipped == Later && p.next > p.offset {
			// The walls between the end and the beginning of the next one do not exist.
			if gone := w.Cron.after(p.wall(p.end).Add(-time.Second)); !gone.IsZero() && gone.Before(p.end.UTC().Add(p.next)) {
				return p.end.UTC(), true
			}
		}
		p = w.period(p.end)
		wall = p.wall(p.start).Add(-time.Second)
	}
	return time.Time{}, false
}

// period is a time in which a zone has one offset.
type period struct {
	start, end time.Time // zero: there is none
	// The offsets before it, in it, and after it.
	last, offset, next time.Duration
}

func (w Walls) period(at time.Time) period {
	local := at.In(w.Zone)
	var p period
	p.start, p.end = local.ZoneBounds()
	p.offset = offsetOf(local)
	p.last, p.next = p.offset, p.offset
	if !p.start.IsZero() {
		p.last = offsetOf(p.start.Add(-time.Second))
	}
	if !p.end.IsZero() {
		p.next = offsetOf(p.end)
	}
	return p
}

func offsetOf(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

// wall is what the clock says at a moment, as if it were UTC.
func (p period) wall(at time.Time) time.Time { return at.UTC().Add(p.offset) }

func (p period) moment(wall time.Time) time.Time { return wall.Add(-p.offset) }

// counts says whether a time on the wall is due in this period, which may be there in the one before or after, too.
func (p period) counts(wall time.Time, repeated string) bool {
	switch {
	case repeated == First && !p.start.IsZero() && p.last > p.offset:
		return !wall.Before(p.start.UTC().Add(p.last)) // it was before
	case repeated == Second && !p.end.IsZero() && p.next < p.offset:
		return wall.Before(p.end.UTC().Add(p.next)) // it comes again
	}
	return true
}
