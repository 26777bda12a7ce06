// Package calendar says when a schedule is due: by a cron expression in a time zone, each so long, or once.
//
// A cron expression is about clocks on walls. Twice a year most of them jump: then some times do not exist, and others come twice, and
// what is to be done of that is said by Skipped and Repeated. The library that reads expressions is only asked about walls without
// jumps; which moment a time on a wall is, is reckoned here, by the periods in which a zone has one offset. So shifts of half an hour
// and days that were left out need no case of their own.
package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// What happens to times that do not exist.
const (
	// Later: they are due at once when the clocks have jumped over them, all together once.
	Later = "later"
	// Drop: they are not due on that day.
	Drop = "drop"
)

// What happens to times that come twice.
const (
	First  = "first"  // the first of the two is due
	Second = "second" // the second is
	Both   = "both"   // both are
)

const (
	// MostText is how long an expression may be, in bytes.
	MostText = 256
	// LeastEvery and MostEvery are how short and how long the time between two may be.
	LeastEvery, MostEvery = time.Second, 366 * 24 * time.Hour
)

// Cron is an expression of five fields (minute, hour, month's day, month, week's day), or @yearly, @monthly, @weekly, @daily or
// @hourly. It is used concurrently.
type Cron struct {
	text string
	spec *cron.SpecSchedule
}

// ReadCron reads an expression. The error is for who wrote it.
func ReadCron(text string) (Cron, error) {
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case text == "":
		return Cron{}, errors.New("it is empty")
	case len(text) > MostText:
		return Cron{}, fmt.Errorf("it has more than %d characters", MostText)
	case strings.HasPrefix(text, "@every"):
		return Cron{}, errors.New("it has no @every: what comes each so long is written as every")
	case strings.Contains(text, "TZ="):
		return Cron{}, errors.New("it has no time zone in it: that is the member zone")
	}
	fields := strings.Fields(text)
	if !strings.HasPrefix(text, "@") {
		if len(fields) != 5 {
			return Cron{}, fmt.Errorf("it has %d fields and not 5: minute, hour, the month's day, month, the week's day", len(fields))
		}
		fields[4] = sundays(fields[4])
	}
	parsed, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(strings.Join(fields, " "))
	if err != nil {
		return Cron{}, errors.New(strings.ToValidUTF8(err.Error(), "?"))
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Cron{}, errors.New("it is no expression of five fields")
	}
	c := Cron{text: text, spec: spec}
	if c.after(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Cron{}, errors.New("it names a day that never comes")
	}
	return c, nil
}

// String is the expression as it was written, with one blank between its fields.
func (c Cron) String() string { return c.text }

// Hourly says that it is due in every hour: such an expression means an interval, and no time of the day.
func (c Cron) Hourly() bool {
	const all = 1<<24 - 1
	return c.spec.Hour&all == all
}

// after gives the next time on a wall whose clock never jumps; zero: there is none in five years.
func (c Cron) after(wall time.Time) time.Time { return c.spec.Next(wall) }

// sundays has day 7 of the week be day 0, as it is elsewhere. What it does not understand it leaves.
func sundays(field string) string {
	if !strings.Contains(field, "7") {
		return field
	}
	parts := strings.Split(field, ",")
	for i, part := range parts {
		days, step, stepped := strings.Cut(part, "/")
		from, to, ranged := strings.Cut(days, "-")
		first, err := strconv.Atoi(from)
		if err != nil || first > 7 || first < 0 {
			continue
		}
		last := first
		if ranged {
			if last, err = strconv.Atoi(to); err != nil || last != 7 && first != 7 || last > 7 || last < first {
				continue
			}
		}
		by := 1
		if stepped {
			if by, err = strconv.Atoi(step); err != nil || by < 1 {
				continue
			}
			if !ranged {
				last = 7
			}
		}
		if last != 7 {
			continue
		}
		var each []string
		for day := first; day <= last; day += min(by, 8) {
			each = append(each, strconv.Itoa(day%7))
		}
		parts[i] = strings.Join(each, ",")
	}
	return strings.Join(parts, ",")
}
