// Package report writes what was measured as Markdown.
package report

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/fairway-gateway/fairway/bench/stats"
)

// The markers between which Replace puts the report.
const (
	begin = "<!-- bench:begin -->"
	end   = "<!-- bench:end -->"
)

// ErrMarkers tells that a file has no pair of markers for the report.
var ErrMarkers = errors.New("no " + begin + " before " + end)

// Row is one gateway under one workload.
type Row struct {
	Workload, Gateway, Note string
	CPU                     stats.Spread // µs of CPU time per request
	Ratio                   stats.Spread // of CPU, to plain Caddy's W1 in the same round
	Rate                    stats.Spread // requests per second
	P50, P99                stats.Spread // latency in ms, closed loop
}

// Scale is one gateway with a number of services.
type Scale struct {
	Services int
	Gateway  string
	Start    stats.Spread // ms from start to the first right answer
	Reload   stats.Spread // ms of POST /load under load
	Command  stats.Spread // ms of the reload command under load
	// Failed and Reconnects are of the load during all reloads.
	Answers, Failed, Reconnects int64
	RSSStart                    stats.Spread // MB after the start
	RSSAfter                    stats.Spread // MB after the reloads
	Peak                        stats.Spread // MB at most
}

// Target is what a figure must not exceed.
type Target struct {
	Name  string
	Value float64 // NaN: not measured
	Limit float64
	Aim   float64 // 0: none
	Unit  string
	// Below makes the limit itself too much.
	Below bool
}

// Verdict returns "ok", "MISSED" or "not measured", and whether the aim was reached.
func (t Target) Verdict() string {
	switch {
	case math.IsNaN(t.Value):
		return "not measured"
	case t.Value > t.Limit, t.Below && t.Value == t.Limit:
		return "MISSED"
	case t.Aim != 0 && t.Value > t.Aim:
		return fmt.Sprintf("ok (aim of %s%s not reached)", number(t.Aim), t.Unit)
	default:
		return "ok"
	}
}

// Summary is all that one run found out.
type Summary struct {
	// Conditions are lines on machine, versions and settings.
	Conditions []string
	Rows       []Row
	Scales     []Scale
	Targets    []Target
	// Notes explain figures; Failures say what could not be measured and why.
	Notes, Failures []string
}

// Markdown returns the summary as lists and tables.
func (s Summary) Markdown() string {
	var b strings.Builder
	list(&b, s.Conditions)
	if len(s.Failures) > 0 {
		b.WriteString("\n**Not measured:**\n\n")
		list(&b, s.Failures)
	}
	if len(s.Targets) > 0 {
		b.WriteString("\n| target | limit | measured | |\n| --- | --- | --- | --- |\n")
		for _, t := range s.Targets {
			sign := "≤"
			if t.Below {
				sign = "<"
			}
			fmt.Fprintf(&b, "| %s | %s %s%s | %s | %s |\n", t.Name, sign, number(t.Limit), t.Unit, measured(t.Value, t.Unit), t.Verdict())
		}
	}
	if len(s.Rows) > 0 {
		b.WriteString("\n| workload | gateway | CPU µs/request | ratio to Caddy W1 | requests/s | p50 ms | p99 ms | |\n" +
			"| --- | --- | --- | --- | --- | --- | --- | --- |\n")
		for _, r := range s.Rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n",
				r.Workload, r.Gateway, spread(r.CPU), spread(r.Ratio), spread(r.Rate), number(r.P50.Median), number(r.P99.Median), r.Note)
		}
	}
	if len(s.Scales) > 0 {
		b.WriteString("\n| services | gateway | start ms | POST /load ms | `reload` ms | failed of answers | resent | MB after start | MB after reloads | MB peak |\n" +
			"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
		for _, c := range s.Scales {
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %d of %d | %d | %s | %s | %s |\n",
				c.Services, c.Gateway, spread(c.Start), spread(c.Reload), spread(c.Command), c.Failed, c.Answers, c.Reconnects,
				spread(c.RSSStart), spread(c.RSSAfter), spread(c.Peak))
		}
	}
	if len(s.Notes) > 0 {
		b.WriteString("\n")
		list(&b, s.Notes)
	}
	return b.String()
}

func list(b *strings.Builder, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(b, "- %s\n", line)
	}
}

func measured(value float64, unit string) string {
	if math.IsNaN(value) {
		return "–"
	}
	return number(value) + unit
}

// spread writes "median (min–max)", or one number when all are the same, or a dash when there are none.
func spread(s stats.Spread) string {
	middle, low, high := number(s.Median), number(s.Min), number(s.Max)
	if low == high {
		return middle
	}
	return fmt.Sprintf("%s (%s–%s)", middle, low, high)
}

// number writes three significant digits, whole numbers from 100 on.
func number(v float64) string {
	switch magnitude := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case magnitude >= 100:
		return fmt.Sprintf("%.0f", v)
	case magnitude >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// Replace puts text between the markers of the file at path. Without markers it changes nothing and returns ErrMarkers.
func Replace(path, text string) error {
	content, err := os.ReadFile(path) //nolint:gosec // the file the user named
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	changed, err := between(string(content), text)
	if err != nil {
		return fmt.Errorf("report: %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil { //nolint:gosec // documentation is for all to read
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func between(content, text string) (string, error) {
	before, rest, ok := strings.Cut(content, begin)
	if !ok {
		return "", ErrMarkers
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", ErrMarkers
	}
	return before + begin + "\n" + strings.TrimSpace(text) + "\n" + end + after, nil
}
