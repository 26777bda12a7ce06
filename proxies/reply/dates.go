package reply

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	_ "time/tzdata" // a container may have no zones

	"github.com/itchyny/gojq"
	"github.com/itchyny/timefmt-go"
)

// longestZone is how long the name of a zone may be.
const longestZone = 64

// zoneOf gives the zone of a name of the IANA database; Local, the gateway's own, is none.
func zoneOf(v any) (*time.Location, error) {
	name, ok := v.(string)
	if !ok || name == "" || name == "Local" || len(name) > longestZone {
		return nil, errors.New("a zone is a name like Europe/Berlin, or UTC")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errors.New("there is no such zone; its name is one like Europe/Berlin, or UTC")
	}
	return zone, nil
}

// parseDate reads a text by a format of strftime and gives the time in RFC 3339, with the offset of the zone. The text is in the zone
// unless the format reads its own offset, or seconds since 1970.
func parseDate(v any, args []any) any {
	text, okText := v.(string)
	format, okFormat := args[0].(string)
	if !okText || !okFormat {
		return fmt.Errorf("parse_date is for a text, with a format that is one, not for: %s", gojq.TypeOf(v))
	}
	zone, err := zoneOf(args[1])
	if err != nil {
		return err
	}
	t, err := timefmt.Parse(text, format)
	if err != nil {
		return errors.New("parse_date cannot read the text by its format")
	}
	if !absolute(format) {
		t = wall(t, zone)
	}
	return rfc3339(t.In(zone))
}

// absolute says whether a format reads what names one moment in every zone.
func absolute(format string) bool {
	format = strings.ReplaceAll(format, "%%", "")
	for i := range len(format) - 1 {
		if format[i] != '%' {
			continue
		}
		verb := strings.TrimLeft(format[i+1:], "-_^#0:")
		if verb != "" && strings.IndexByte("zZs", verb[0]) >= 0 {
			return true
		}
	}
	return false
}

// wall gives the time at which clocks of a zone show what t shows. Where they show it twice it is the first time; where they never
// do, since the clock is put forward, it is as much later as the clock is put forward.
func wall(t time.Time, zone *time.Location) time.Time {
	t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	_, before := t.AddDate(0, 0, -1).In(zone).Zone() // no zone changes twice within two days
	_, after := t.AddDate(0, 0, 1).In(zone).Zone()
	early, late := t.Add(-seconds(before)).In(zone), t.Add(-seconds(after)).In(zone)
	if _, is := early.Zone(); is == before {
		return early
	}
	if _, is := late.Zone(); is == after {
		return late
	}
	return early
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// rfc3339 writes a time, with as many digits of a second as it has.
func rfc3339(t time.Time) any {
	if t.Year() < 0 || t.Year() > 9999 {
		return errors.New("the time is not of a year from 0 to 9999, which RFC 3339 can write")
	}
	return t.Format(time.RFC3339Nano)
}

// moment reads a time: RFC 3339, a date alone, or seconds since 1970.
func moment(function string, v any) (time.Time, error) {
	if s, ok := v.(string); ok {
		if t, err := time.Parse(time.RFC3339, strings.ToUpper(s)); err == nil {
			return t, nil
		}
		return time.Time{}, fmt.Errorf("%s is for a time of RFC 3339, or seconds since 1970; parse_date makes one of other texts", function)
	}
	n, ok := gojq.ToFloat64(v)
	if !ok || math.IsNaN(n) || math.Abs(n) > 1e12 {
		return time.Time{}, fmt.Errorf("%s is for a time of RFC 3339, or seconds since 1970, not for: %s", function, gojq.TypeOf(v))
	}
	whole, fraction := math.Modf(n)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1e3), nil
}

// formatDate writes a time by a format of strftime, as clocks of the zone show it.
func formatDate(v any, args []any) any {
	t, err := moment("format_date", v)
	if err != nil {
		return err
	}
	zone, err := zoneOf(args[1])
	if err != nil {
		return err
	}
	format, ok := args[0].(string)
	if !ok {
		return errors.New("format_date takes a format that is a text")
	}
	if err := formatFits(format); err != nil {
		return err
	}
	return timefmt.Format(t.In(zone), format)
}

// inZone writes a time in RFC 3339 with the offset of another zone.
func inZone(v any, args []any) any {
	t, err := moment("in_zone", v)
	if err != nil {
		return err
	}
	zone, err := zoneOf(args[0])
	if err != nil {
		return err
	}
	return rfc3339(t.In(zone))
}
