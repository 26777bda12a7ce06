package schedules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/schedules/calendar"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// ScheduleSettings are what can be said of a schedule.
type ScheduleSettings struct {
	Name         string          `json:"name" maxLength:"120" doc:"For people" example:"nightly"`
	Description  string          `json:"description" maxLength:"4000"`
	Version      *int64          `json:"script_version" minimum:"1" doc:"A version of the script; null: the newest one that is built"`
	Params       json.RawMessage `json:"params" doc:"What the script is run with, an object of at most 64 KiB"`
	Cron         *string         `json:"cron" maxLength:"256" doc:"Minute, hour, the month's day, month, the week's day; or @hourly, @daily, @weekly, @monthly, @yearly" example:"30 2 * * *"`
	Every        *string         `json:"every" doc:"A length of time, at least 1m; 1s for administrators" example:"15m"`
	At           *string         `json:"at" doc:"Once, at a time with its offset" example:"2026-12-24T18:00:00+01:00"`
	Zone         string          `json:"zone" doc:"Of the clocks by which cron is read" example:"Europe/Berlin"`
	Skipped      string          `json:"skipped" enum:"later,drop" doc:"Of times that do not exist since clocks jump over them: later, when they have; drop: they are not due"`
	Repeated     *string         `json:"repeated" enum:"first,second,both" doc:"Of times that come twice: which is due. null: both where cron is due in every hour, else first"`
	CatchUp      string          `json:"catch_up" enum:"none,one,all" doc:"Of times that went by while no gateway ran"`
	CatchUpMost  int64           `json:"catch_up_most" minimum:"1" maximum:"100" doc:"How many of them are fired at most, with all"`
	Overlap      string          `json:"overlap" enum:"skip,queue,replace" doc:"Of times at which the one before is not over"`
	Queue        string          `json:"queue" maxLength:"64" doc:"Whose runners run it"`
	Priority     int64           `json:"priority" minimum:"-1000" maximum:"1000" doc:"Above 0 for administrators"`
	Timeout      string          `json:"timeout" doc:"How long an attempt may run; empty: as the script says" example:"10m"`
	Retries      *int            `json:"retries" minimum:"0" maximum:"10" doc:"How often it is tried again; null: as the script says"`
	AlertFailed  int64           `json:"alert_failures" minimum:"0" maximum:"1000" doc:"After how many failures in a row its owner is told; 0: never"`
	AlertSilence string          `json:"alert_silence" doc:"After what time without a success its owner is told; empty: never" example:"26h"`
}

// NewSchedule is a schedule that is to be made.
type NewSchedule struct {
	Script string `json:"script" required:"true" doc:"The id of a script, or its slug" example:"land-productivity"`
	Paused bool   `json:"paused" doc:"It fires when it is resumed"`
	ScheduleSettings
}

// Limits of texts, in characters, and of other things.
const (
	mostName        = 120
	mostDescription = 4000
	mostParams      = 64 << 10
	mostCaughtUp    = 100
	mostFailures    = 1000
	// leastEvery is how short the time between two may be for who is no administrator.
	leastEvery = time.Minute
	// leastSilence and mostSilence are how short and how long the time without a success may be.
	leastSilence, mostSilence = time.Minute, 366 * 24 * time.Hour
)

// usual are the settings of a schedule of which nothing is said.
func usual() ScheduleSettings {
	return ScheduleSettings{
		Params: []byte("{}"), Zone: "UTC", Skipped: calendar.Later, CatchUp: queries.CatchUpOne, CatchUpMost: 10, Overlap: queries.OverlapSkip,
	}
}

// rules are those of a patch of settings, with further members.
func rules(more ...string) patch.Rules {
	r := patch.Rules{Fields: map[string]patch.Field{}, RemoveByValue: true}
	for _, name := range append([]string{"name", "description", "params", "zone", "skipped", "catch_up", "catch_up_most", "overlap", "queue", "priority", "timeout", "alert_failures", "alert_silence"}, more...) {
		r.Fields[name] = patch.Field{NotNull: true}
	}
	for _, name := range []string{"script_version", "cron", "every", "at", "repeated", "retries"} {
		r.Fields[name] = patch.Field{}
	}
	return r
}

// wishes are what a row has of how something is run.
type wishes struct {
	Queue    string        `json:"queue,omitempty"`
	Priority int64         `json:"priority,omitempty"`
	Timeout  time.Duration `json:"timeout,omitempty"`
	Retries  *int          `json:"retries,omitempty"`
	// Repeated: it was said.
	Repeated bool `json:"repeated,omitempty"`
}

func (w wishes) wished() executions.Later {
	return executions.Later{Queue: w.Queue, Priority: w.Priority, Timeout: w.Timeout, Retries: w.Retries}
}

// settingsOf are those of a row.
func settingsOf(row db.Schedule) (ScheduleSettings, error) {
	var w wishes
	if err := json.Unmarshal(row.Wishes, &w); err != nil {
		return ScheduleSettings{}, fmt.Errorf("the wishes of a schedule: %w", err)
	}
	out := ScheduleSettings{
		Name: row.Name, Description: row.Description, Version: row.ScriptVersion, Params: row.Params, Zone: row.Zone, Skipped: row.Skipped,
		CatchUp: row.CatchUp, CatchUpMost: row.CatchUpMost, Overlap: row.Overlap, Queue: w.Queue, Priority: w.Priority, Retries: w.Retries,
		Timeout: span(w.Timeout), AlertFailed: row.AlertFailures, AlertSilence: span(time.Duration(row.AlertSilenceMs) * time.Millisecond),
	}
	switch {
	case row.Cron != "":
		out.Cron = &row.Cron
	case row.EveryMs > 0:
		text := span(time.Duration(row.EveryMs) * time.Millisecond)
		out.Every = &text
	default:
		out.At = moment(row.OnceAt)
	}
	if w.Repeated {
		out.Repeated = &row.Repeated
	}
	return out, nil
}

// span writes a length of time without what is zero; empty: there is none.
func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

// write has a row be as settings say, but for its plan and when it is due. The error is for the caller.
func (c *ScheduleSettings) write(row *db.Schedule, zones *calendar.Zones, admin bool) error {
	if err := c.checkTexts(); err != nil {
		return err
	}
	w := wishes{Queue: c.Queue, Priority: c.Priority, Retries: c.Retries, Repeated: c.Repeated != nil}
	var silence time.Duration
	for _, one := range []struct {
		name, text  string
		to          *time.Duration
		least, most time.Duration
	}{{"timeout", c.Timeout, &w.Timeout, time.Millisecond, 100 * mostSilence}, {"alert_silence", c.AlertSilence, &silence, leastSilence, mostSilence}} {
		if one.text == "" {
			continue
		}
		d, err := time.ParseDuration(one.text)
		if err != nil || d < one.least || d > one.most {
			return wrong(one.name, fmt.Sprintf("it is a length of time, as 90s or 2h, from %s to %s", span(one.least), span(one.most)))
		}
		*one.to = d.Truncate(time.Millisecond)
	}
	for _, one := range []struct {
		name        string
		is          int64
		least, most int64
	}{{"catch_up_most", c.CatchUpMost, 1, mostCaughtUp}, {"alert_failures", c.AlertFailed, 0, mostFailures}} {
		if one.is < one.least || one.is > one.most {
			return wrong(one.name, fmt.Sprintf("it is a whole number from %d to %d", one.least, one.most))
		}
	}
	if c.Version != nil && *c.Version < 1 {
		return wrong("script_version", "it is a whole number from 1, or null")
	}
	for _, one := range []struct {
		name, is string
		words    []string
	}{
		{"skipped", c.Skipped, []string{calendar.Later, calendar.Drop}},
		{"catch_up", c.CatchUp, []string{queries.CatchUpNone, queries.CatchUpOne, queries.CatchUpAll}},
		{"overlap", c.Overlap, []string{queries.OverlapSkip, queries.OverlapQueue, queries.OverlapReplace}},
	} {
		if err := oneOf(one.name, one.is, one.words...); err != nil {
			return err
		}
	}
	said, err := json.Marshal(w)
	if err != nil {
		return err
	}
	row.Name, row.Description, row.ScriptVersion, row.Params = c.Name, c.Description, c.Version, c.Params
	row.Zone, row.Skipped, row.CatchUp, row.CatchUpMost, row.Overlap, row.Wishes = c.Zone, c.Skipped, c.CatchUp, c.CatchUpMost, c.Overlap, said
	row.AlertFailures, row.AlertSilenceMs = c.AlertFailed, silence.Milliseconds()
	return c.writeTimes(row, zones, admin)
}

func oneOf(name, is string, words ...string) error {
	if slices.Contains(words, is) {
		return nil
	}
	return wrong(name, "it is one of "+strings.Join(words, ", "))
}

func (c *ScheduleSettings) checkTexts() error {
	control := func(text, but string) bool {
		return !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(but, r) })
	}
	c.Name = strings.TrimSpace(c.Name)
	switch {
	case c.Name == "":
		return wrong("name", "it is missing")
	case utf8.RuneCountInString(c.Name) > mostName:
		return wrong("name", fmt.Sprintf("it has more than %d characters", mostName))
	case control(c.Name, ""):
		return wrong("name", "it has control characters")
	case utf8.RuneCountInString(c.Description) > mostDescription:
		return wrong("description", fmt.Sprintf("it has more than %d characters", mostDescription))
	case control(c.Description, "\n\r\t"):
		return wrong("description", "it has control characters")
	case len(c.Params) > mostParams:
		return wrong("params", fmt.Sprintf("they have more than %d bytes", mostParams))
	case len(c.Params) == 0 || c.Params[0] != '{':
		return wrong("params", "they are an object")
	}
	if err := queries.CheckJSON(c.Params); err != nil {
		return wrong("params", err.Error())
	}
	return nil
}
