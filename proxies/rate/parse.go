package rate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// most is the highest number of a limit, longest its longest time.
	most    = 1_000_000
	longest = 31 * day
	day     = 24 * time.Hour
)

// usage is how a limit is written.
const usage = "rate 100/m by address"

// ParseWord reads the arguments of the word rate: a number per unit, and perhaps whose.
//
//	100/m               100/15m by caller
//
// Units are s, m, h, d, second, minute, hour, day and durations.
func ParseWord(args ...string) (Limit, error) {
	if len(args) == 0 {
		return Limit{}, fmt.Errorf("rate takes how many requests in which time: %s", usage)
	}
	l, err := parseRate(args[0])
	if err != nil {
		return Limit{}, err
	}
	switch rest := args[1:]; {
	case len(rest) == 0:
	case rest[0] != "by":
		return Limit{}, fmt.Errorf("rate does not know %q; what follows the number is by caller or by address: %s", cut(rest[0]), usage)
	case len(rest) != 2:
		return Limit{}, fmt.Errorf("rate takes one word after by, caller or address: %s", usage)
	case rest[1] != string(ByCaller) && rest[1] != string(ByAddress):
		return Limit{}, fmt.Errorf("a rate is by caller or by address, not by %q", cut(rest[1]))
	default:
		l.By = By(rest[1])
	}
	return l, l.Check()
}

// Parse is ParseWord of a text: "100/m by caller".
func Parse(s string) (Limit, error) { return ParseWord(strings.Fields(s)...) }

func parseRate(s string) (Limit, error) {
	number, unit, ok := strings.Cut(s, "/")
	if !ok {
		return Limit{}, fmt.Errorf("%q says no time; write how many requests in which: %s", cut(s), usage)
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return Limit{}, fmt.Errorf("a rate has a whole number from 1 to %d before the slash, not %q", most, cut(number))
	}
	per, ok := parseUnit(unit)
	if !ok {
		return Limit{}, fmt.Errorf("%q is no unit of a rate; it is s, m, h, d, second, minute, hour, day, or a duration as 15m", cut(unit))
	}
	return Limit{N: int(n), Per: per}, nil
}

// parseUnit gives the time that a unit is, or false.
func parseUnit(s string) (time.Duration, bool) {
	switch s {
	case "s", "second":
		return time.Second, true
	case "m", "minute":
		return time.Minute, true
	case "h", "hour":
		return time.Hour, true
	case "d", "day":
		return day, true
	}
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	var days time.Duration
	if number, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return 0, false
		}
		if days, s = time.Duration(n)*day, rest; rest == "" {
			return days, true
		}
	}
	d, err := time.ParseDuration(s)
	return days + d, err == nil && d >= 0
}

// unitOf is the shortest unit that is a time.
func unitOf(d time.Duration) string {
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		switch {
		case d == u.d:
			return u.name
		case d > 0 && d%u.d == 0:
			return strconv.FormatInt(int64(d/u.d), 10) + u.name
		}
	}
	return d.String()
}

// cut is somebody's word as a message may have it.
func cut(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
