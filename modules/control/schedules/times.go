package schedules

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/schedules/calendar"
	"github.com/fairway-gateway/fairway/queries/db"
)

// writeTimes has a row be due as settings say. The error is for the caller.
func (c *ScheduleSettings) writeTimes(row *db.Schedule, zones *calendar.Zones, admin bool) error {
	row.Cron, row.EveryMs, row.OnceAt = "", 0, nil
	if _, err := zones.Zone(c.Zone); err != nil {
		return wrong("zone", err.Error())
	}
	row.Repeated = calendar.First
	if c.Repeated != nil {
		if err := oneOf("repeated", *c.Repeated, calendar.First, calendar.Second, calendar.Both); err != nil {
			return err
		}
		row.Repeated = *c.Repeated
	}
	said := 0
	for _, one := range []*string{c.Cron, c.Every, c.At} {
		if one != nil {
			said++
		}
	}
	switch {
	case said != 1:
		return wrong("cron", "there is one of cron, every and at")
	case c.Cron != nil:
		parsed, err := calendar.ReadCron(*c.Cron)
		if err != nil {
			return wrong("cron", err.Error())
		}
		if row.Cron = parsed.String(); c.Repeated == nil && parsed.Hourly() {
			row.Repeated = calendar.Both
		}
	case c.Every != nil:
		least := leastEvery
		if admin {
			least = calendar.LeastEvery
		}
		d, err := time.ParseDuration(strings.TrimSpace(*c.Every))
		if err != nil || d < least || d > calendar.MostEvery {
			return wrong("every", fmt.Sprintf("it is a length of time, as 15m or 6h, from %s to %s", span(least), span(calendar.MostEvery)))
		}
		row.EveryMs = d.Milliseconds()
	default:
		at, err := time.Parse(time.RFC3339, strings.TrimSpace(*c.At))
		if err != nil || at.Year() < 2000 || at.Year() > 9999 {
			return wrong("at", "it is a time with its offset, like 2026-12-24T18:00:00+01:00 or 2026-12-24T17:00:00Z")
		}
		at = at.UTC().Truncate(time.Microsecond)
		row.OnceAt = &at
	}
	return nil
}

// TimesOf are those of a row of the store. An error: this version does not understand it, or this machine knows no such zone.
func TimesOf(zones *calendar.Zones, row db.Schedule) (calendar.Times, error) {
	switch {
	case row.OnceAt != nil:
		return calendar.Once(*row.OnceAt), nil
	case row.EveryMs > 0:
		return calendar.Every{From: row.CreatedAt.Truncate(time.Millisecond), Each: time.Duration(row.EveryMs) * time.Millisecond}, nil
	}
	parsed, err := calendar.ReadCron(row.Cron)
	if err != nil {
		return nil, errors.New("its cron: " + err.Error())
	}
	zone, err := zones.Zone(row.Zone)
	if err != nil {
		return nil, err
	}
	return calendar.Walls{Cron: parsed, Zone: zone, Skipped: row.Skipped, Repeated: row.Repeated}, nil
}

// due has a row be due next after a time.
func (s *Schedules) due(row *db.Schedule, after time.Time) error {
	row.DueAt = nil
	if row.PausedAt != nil {
		return nil
	}
	times, err := TimesOf(&s.zones, *row)
	if err != nil {
		return err
	}
	next, ok := times.Next(after)
	switch {
	case ok:
		row.DueAt = &next
	case row.OnceAt != nil:
		return wrong("at", "it is not to come")
	}
	return nil
}

// upcoming are the times at which a row is due next, as its zone writes them.
func (s *Schedules) upcoming(row db.Schedule, most int) []string {
	out := []string{}
	if row.PausedAt != nil || row.DueAt == nil {
		return out
	}
	times, err := TimesOf(&s.zones, row)
	if err != nil {
		return out
	}
	zone, err := s.zones.Zone(row.Zone)
	if err != nil {
		zone = time.UTC
	}
	at := *row.DueAt
	for ok := true; ok && len(out) < most; at, ok = times.Next(at) {
		if out = append(out, at.In(zone).Format(time.RFC3339Nano)); row.OnceAt != nil {
			break
		}
	}
	return out
}
