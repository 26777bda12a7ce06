package calendar_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/schedules/calendar"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	var zones calendar.Zones
	z, err := zones.Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func read(t testing.TB, text string) calendar.Cron {
	t.Helper()
	c, err := calendar.ReadCron(text)
	if err != nil {
		t.Fatal(text, err)
	}
	return c
}

// nextOf are the first times after one, in the zone.
func nextOf(w calendar.Walls, after string, n int) []string {
	at, err := time.Parse(time.RFC3339, after)
	out := []string{}
	for ok := err == nil; ok && len(out) < n; {
		if at, ok = w.Next(at); !ok {
			break
		}
		out = append(out, at.In(w.Zone).Format("01-02T15:04-0700"))
	}
	return out
}

// TestSaving holds what each rule says of both changes of the clocks, in zones of the north, of the south, of half an hour, and where
// a day was left out.
func TestSaving(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cron, zone, skipped, repeated, after string
		want                                 []string
	}{
		// Berlin: 02:00 to 03:00 on 29 March; 03:00 to 02:00 on 25 October.
		{"30 2 * * *", "Europe/Berlin", "later", "first", "2026-03-27T12:00:00Z", []string{"03-28T02:30+0100", "03-29T03:00+0200", "03-30T02:30+0200"}},
		{"30 2 * * *", "Europe/Berlin", "drop", "first", "2026-03-27T12:00:00Z", []string{"03-28T02:30+0100", "03-30T02:30+0200"}},
		{"30 2 * * *", "Europe/Berlin", "later", "first", "2026-10-24T12:00:00Z", []string{"10-25T02:30+0200", "10-26T02:30+0100"}},
		{"30 2 * * *", "Europe/Berlin", "later", "second", "2026-10-24T12:00:00Z", []string{"10-25T02:30+0100", "10-26T02:30+0100"}},
		{"30 2 * * *", "Europe/Berlin", "later", "both", "2026-10-24T12:00:00Z", []string{"10-25T02:30+0200", "10-25T02:30+0100", "10-26T02:30+0100"}},
		{"*/20 2 * * *", "Europe/Berlin", "later", "first", "2026-03-28T12:00:00Z", []string{"03-29T03:00+0200", "03-30T02:00+0200"}},
		{"*/30 * * * *", "Europe/Berlin", "later", "both", "2026-03-29T00:30:00Z", []string{"03-29T03:00+0200", "03-29T03:30+0200"}},
		{"*/30 * * * *", "Europe/Berlin", "later", "both", "2026-10-25T00:00:00Z", []string{"10-25T02:30+0200", "10-25T02:00+0100", "10-25T02:30+0100", "10-25T03:00+0100"}},
		{"0 2 * * *", "Europe/Berlin", "later", "first", "2026-03-28T12:00:00Z", []string{"03-29T03:00+0200", "03-30T02:00+0200"}},
		{"0 3 * * *", "Europe/Berlin", "later", "first", "2026-10-24T12:00:00Z", []string{"10-25T03:00+0100"}},
		// Who asks between the two is given the second, or not.
		{"30 2 * * *", "Europe/Berlin", "later", "first", "2026-10-25T00:45:00Z", []string{"10-26T02:30+0100"}},
		{"30 2 * * *", "Europe/Berlin", "later", "second", "2026-10-25T00:45:00Z", []string{"10-25T02:30+0100"}},
		// New York: 02:00 to 03:00 on 8 March; 02:00 to 01:00 on 1 November.
		{"15 2 * * 0", "America/New_York", "later", "first", "2026-03-07T12:00:00Z", []string{"03-08T03:00-0400", "03-15T02:15-0400"}},
		{"30 1 1 11 *", "America/New_York", "later", "second", "2026-10-01T12:00:00Z", []string{"11-01T01:30-0500"}},
		// Sydney: 02:00 to 03:00 on 4 October; 03:00 to 02:00 on 5 April.
		{"30 2 * * *", "Australia/Sydney", "later", "first", "2026-10-02T20:00:00Z", []string{"10-04T03:00+1100", "10-05T02:30+1100"}},
		{"30 2 * * *", "Australia/Sydney", "later", "second", "2026-04-04T12:00:00Z", []string{"04-05T02:30+1000"}},
		// Lord Howe: 02:00 to 02:30 on 4 October; 02:00 to 01:30 on 5 April.
		{"15 2 * * *", "Australia/Lord_Howe", "later", "first", "2026-10-02T20:00:00Z", []string{"10-04T02:30+1100", "10-05T02:15+1100"}},
		{"45 2 * * *", "Australia/Lord_Howe", "later", "first", "2026-10-02T20:00:00Z", []string{"10-04T02:45+1100", "10-05T02:45+1100"}},
		{"45 1 * * *", "Australia/Lord_Howe", "later", "both", "2026-04-04T12:00:00Z", []string{"04-05T01:45+1100", "04-05T01:45+1030", "04-06T01:45+1030"}},
		{"15 1 * * *", "Australia/Lord_Howe", "later", "both", "2026-04-04T12:00:00Z", []string{"04-05T01:15+1100", "04-06T01:15+1030"}},
		// Apia had no 30 December 2011.
		{"0 12 * * *", "Pacific/Apia", "later", "first", "2011-12-29T12:00:00Z", []string{"12-29T12:00-1000", "12-31T00:00+1400", "12-31T12:00+1400"}},
		{"0 12 * * *", "Pacific/Apia", "drop", "first", "2011-12-29T12:00:00Z", []string{"12-29T12:00-1000", "12-31T12:00+1400"}},
		// Beirut and Havana change at midnight.
		{"@daily", "America/Havana", "later", "first", "2026-03-07T12:00:00Z", []string{"03-08T01:00-0400", "03-09T00:00-0400"}},
		{"@daily", "America/Havana", "later", "first", "2026-10-31T12:00:00Z", []string{"11-01T00:00-0400", "11-02T00:00-0500"}},
		{"0 0 29 2 *", "UTC", "later", "first", "2026-01-01T00:00:00Z", []string{"02-29T00:00+0000", "02-29T00:00+0000"}},
	} {
		w := calendar.Walls{Cron: read(t, c.cron), Zone: zone(t, c.zone), Skipped: c.skipped, Repeated: c.repeated}
		if diff := cmp.Diff(c.want, nextOf(w, c.after, len(c.want))); diff != "" {
			t.Errorf("%s in %s, %s, %s (-want +got):\n%s", c.cron, c.zone, c.skipped, c.repeated, diff)
		}
	}
}

// oracle says by going through every minute when something is due, in a time in which its zone has offsets of whole minutes.
func oracle(w calendar.Walls, plain func(wall time.Time) bool, from, until time.Time) (out []time.Time) {
	at := map[time.Time][]time.Time{} // by what the clock on the wall shows
	var walls []time.Time
	wallOf := func(t time.Time) time.Time {
		_, offset := t.In(w.Zone).Zone()
		return t.Add(time.Duration(offset) * time.Second).UTC()
	}
	for t := from; t.Before(until); t = t.Add(time.Minute) {
		wall := wallOf(t)
		if at[wall] == nil {
			walls = append(walls, wall)
		}
		at[wall] = append(at[wall], t)
	}
	for wall := walls[0]; wall.Before(walls[len(walls)-1]); wall = wall.Add(time.Minute) {
		if !plain(wall) {
			continue
		}
		times := at[wall]
		switch {
		case len(times) == 0 && w.Skipped == calendar.Later:
			// The first moment at which the clock shows something later.
			i := slices.IndexFunc(walls, func(o time.Time) bool { return o.After(wall) })
			out = append(out, at[walls[i]][0])
		case len(times) == 0:
		case w.Repeated == calendar.First:
			out = append(out, times[0])
		case w.Repeated == calendar.Second:
			out = append(out, times[len(times)-1])
		default:
			out = append(out, times...)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// matcher reads an expression of numbers, lists and steps by itself.
func matcher(text string) func(wall time.Time) bool {
	f := strings.Fields(text)
	in := func(field string, value int) bool {
		for part := range strings.SplitSeq(field, ",") {
			var n, step int
			if part == "*" {
				return true
			}
			if _, err := fmt.Sscanf(part, "*/%d", &step); err == nil {
				if value%step == 0 {
					return true
				}
				continue
			}
			if _, err := fmt.Sscanf(part, "%d", &n); err == nil && n%60 == value {
				return true
			}
		}
		return false
	}
	return func(w time.Time) bool { return in(f[0], w.Minute()) && in(f[1], w.Hour()) }
}

// TestAgainstEveryMinute compares it with going through every minute of days around both changes of four zones.
func TestAgainstEveryMinute(t *testing.T) {
	t.Parallel()
	for name, days := range map[string][]string{
		"Europe/Berlin": {"2026-03-29", "2026-10-25"}, "America/New_York": {"2026-03-08", "2026-11-01"}, "Australia/Sydney": {"2026-10-04", "2026-04-05"},
		"Australia/Lord_Howe": {"2026-10-04", "2026-04-05"}, "America/Havana": {"2026-03-08", "2026-11-01"}, "Asia/Kathmandu": {"2026-03-08", "2026-11-01"}, "Pacific/Apia": {"2011-12-30"},
	} {
		z := zone(t, name)
		seed := rand.New(rand.NewPCG(1, uint64(len(name))))
		for _, day := range days {
			middle, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}
			from, until := middle.AddDate(0, 0, -4), middle.AddDate(0, 0, 4)
			for range 12 {
				minute := []string{"*", "*/7", "*/15", "0", fmt.Sprint(seed.IntN(60)), fmt.Sprintf("%d,%d", seed.IntN(60), seed.IntN(60))}[seed.IntN(6)]
				hour := []string{"*", "*/2", "0", "1", "2", "3", fmt.Sprintf("%d,%d", seed.IntN(4), seed.IntN(24))}[seed.IntN(7)]
				text := minute + " " + hour + " * * *"
				w := calendar.Walls{Cron: read(t, text), Zone: z, Skipped: []string{"later", "drop"}[seed.IntN(2)], Repeated: []string{"first", "second", "both"}[seed.IntN(3)]}
				var want, got []time.Time
				for _, at := range oracle(w, matcher(text), from, until) {
					if at.After(from.AddDate(0, 0, 2)) && at.Before(until.AddDate(0, 0, -2)) {
						want = append(want, at)
					}
				}
				for at, ok := w.Next(from.AddDate(0, 0, 2)); ok && at.Before(until.AddDate(0, 0, -2)); at, ok = w.Next(at) {
					got = append(got, at)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s in %s around %s, %s, %s (-want +got):\n%s", text, name, day, w.Skipped, w.Repeated, diff)
				}
				// Whoever asks from any time on is given the next one.
				for range 20 {
					after := from.AddDate(0, 0, 2).Add(time.Duration(seed.Int64N(int64(4 * 24 * time.Hour))))
					i := slices.IndexFunc(want, func(t time.Time) bool { return t.After(after) })
					if at, ok := w.Next(after); i >= 0 && (!ok || !at.Equal(want[i])) {
						t.Fatalf("%s in %s, %s, %s: after %s it is %s, want %s", text, name, w.Skipped, w.Repeated, after, at, want[i])
					}
				}
			}
		}
	}
}

func TestReadCron(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"  5  4 * * mon-FRI ": "5 4 * * mon-FRI", "@daily": "@daily", "0 0 * * 7": "0 0 * * 7", "0 0 29 2 *": "0 0 29 2 *", "0,30 */2 1-15/3 jan,DEC 5-7": "0,30 */2 1-15/3 jan,DEC 5-7",
	} {
		if c := read(t, text); c.String() != want {
			t.Errorf("%q is %q", text, c)
		}
	}
	for text, want := range map[string]string{
		"": "empty", "* * * *": "4 fields", "* * * * * *": "6 fields", "@every 5m": "every", "@reboot": "", "TZ=UTC * * * * *": "zone", "CRON_TZ=Asia/Tokyo 0 0 * * *": "zone", "TZ=": "zone",
		"60 * * * *": "", "* 24 * * *": "", "* * 0 * *": "", "* * * 13 *": "", "* * * * 8": "", "0 0 30 2 *": "never", "0 0 31 4,6 *": "never", "*/0 * * * *": "", "a * * * *": "", "5-1 * * * *": "",
		strings.Repeat("1,", 200) + "1 * * * *": "256", "* * * * 5-8": "", "* * * * 9-7": "", "* * * * 6-7/0": "",
	} {
		if _, err := calendar.ReadCron(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	// 7 is Sunday, alone, in lists, ranges and steps.
	for text, days := range map[string]string{"7": "Sun", "5-7": "Fri Sat Sun", "1,7": "Mon Sun", "7,0": "Sun", "5-7/2": "Fri Sun", "0-7": "Mon Tue Wed Thu Fri Sat Sun", "7-7": "Sun"} {
		w := calendar.Walls{Cron: read(t, "0 0 * * "+text), Zone: time.UTC, Skipped: "later", Repeated: "first"}
		var got []string
		at := time.Date(2026, 1, 4, 12, 0, 0, 0, time.UTC) // a Sunday
		for ok := true; ok; {
			if at, ok = w.Next(at); at.After(time.Date(2026, 1, 11, 12, 0, 0, 0, time.UTC)) {
				break
			}
			got = append(got, at.Weekday().String()[:3])
		}
		if strings.Join(got, " ") != days {
			t.Errorf("%s is %v, want %s", text, got, days)
		}
	}
	if !read(t, "*/5 * * * *").Hourly() || !read(t, "@hourly").Hourly() || !read(t, "0 0-23 * * *").Hourly() || read(t, "0 */2 * * *").Hourly() {
		t.Error("what is due in every hour is told wrong")
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	var zones calendar.Zones
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Australia/Lord_Howe"} {
		if z, err := zones.Zone(name); err != nil || z.String() != name {
			t.Error(name, z, err)
		}
	}
	for _, name := range []string{"", "Local", "local", "localtime", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "posix/UTC", "posixrules", "right/UTC", "UTC\x00", "Europe/Berlin ", strings.Repeat("a", 100)} {
		if z, err := zones.Zone(name); err == nil {
			t.Error(name, z)
		}
	}
}

func TestOthers(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := calendar.Every{From: from, Each: 90 * time.Minute}
	for after, want := range map[time.Duration]time.Duration{-time.Hour: 90 * time.Minute, 0: 90 * time.Minute, 90 * time.Minute: 180 * time.Minute, 91 * time.Minute: 180 * time.Minute} {
		if at, ok := e.Next(from.Add(after)); !ok || at.Sub(from) != want {
			t.Error(after, at)
		}
	}
	once := calendar.Once(from)
	if at, ok := once.Next(from.Add(-1)); !ok || !at.Equal(from) {
		t.Error(at, ok)
	}
	if _, ok := once.Next(from); ok {
		t.Error("it is due twice")
	}
}

func FuzzCron(f *testing.F) {
	for _, s := range []string{"0 0 * * *", "@daily", "*/5 1-7/2 29 2 7", "TZ=", "@every 1h", "? ? ? ? ?", "0 0 * * 5-7/2", "*/9223372036854775807 * * * *"} {
		f.Add(s, "Europe/Berlin", int64(1_774_700_000))
	}
	f.Fuzz(func(t *testing.T, text, name string, seconds int64) {
		var zones calendar.Zones
		z, err := zones.Zone(name)
		if err != nil {
			z = time.UTC
		}
		c, err := calendar.ReadCron(text)
		if err != nil {
			return
		}
		after := time.Unix(seconds%4_000_000_000, 0)
		for _, repeated := range []string{"first", "second", "both"} {
			w := calendar.Walls{Cron: c, Zone: z, Skipped: "later", Repeated: repeated}
			at := after
			for range 5 {
				next, ok := w.Next(at)
				if !ok {
					break
				}
				if !next.After(at) || next.Second() != 0 && z == time.UTC {
					t.Fatalf("%q in %s: after %s it is %s", text, z, at, next)
				}
				at = next
			}
		}
		if again, err := calendar.ReadCron(c.String()); err != nil || again.String() != c.String() {
			t.Fatalf("%q: %v", c, err)
		}
	})
}
