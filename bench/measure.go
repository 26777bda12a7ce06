package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairway-gateway/fairway/bench/load"
	"github.com/fairway-gateway/fairway/bench/proc"
	"github.com/fairway-gateway/fairway/bench/report"
	"github.com/fairway-gateway/fairway/bench/stats"
)

// measure runs everything that is wanted. Parts that fail are left out and named in the summary.
func (b *bench) measure(ctx context.Context) (report.Summary, error) {
	var cells []*cell
	if slices.ContainsFunc(b.workloads, func(w string) bool { return w != "W8" && w != "W10" && !isJob(w) }) || b.profile != "" {
		f, err := b.startField(ctx)
		if err != nil {
			return report.Summary{}, err
		}
		if cells, err = b.cells(ctx, f); err != nil {
			return report.Summary{}, err
		}
		if err := b.measureCells(ctx, cells); err != nil {
			return report.Summary{}, err
		}
		if b.wants("W4") {
			if err := b.measureStreams(ctx, f); err != nil {
				b.fail("W4 memory", err)
			}
		}
		if b.profile != "" && f.fairway != nil {
			if err := b.takeProfiles(ctx, f); err != nil {
				return report.Summary{}, err
			}
		}
	}
	if b.wants("W8") {
		if err := b.measureExpiries(ctx); err != nil {
			return report.Summary{}, err
		}
	}
	if err := b.measureIdle(ctx); err != nil {
		return report.Summary{}, err
	}
	if err := b.measureJobs(ctx); err != nil {
		return report.Summary{}, err
	}
	var scales []*scale
	if b.wants("W10") {
		var err error
		if scales, err = b.measureScales(ctx); err != nil {
			return report.Summary{}, err
		}
	}
	if len(b.foreign) > 0 {
		others := stats.Of(b.foreign)
		b.conditions = append(b.conditions, fmt.Sprintf("Other programs, or the hypervisor, took %.0f %% (%.0f–%.0f) of the gateway's CPUs while it was measured", others.Median, others.Min, others.Max))
	}
	b.conditions = append(b.conditions, "Load average after: "+loadAverage()+"; "+time.Now().UTC().Format("2006-01-02 15:04 UTC"))

	rows, targets := summarize(cells)
	targets = append(targets, b.targets...)
	scaleRows, scaleTargets := summarizeScales(scales)
	return report.Summary{
		Conditions: b.conditions, Rows: rows, Scales: scaleRows,
		Targets: append(targets, scaleTargets...), Notes: b.notes, Failures: b.failures,
	}, nil
}

// measureCells measures every cell once per round; a cell that fails is dropped.
func (b *bench) measureCells(ctx context.Context, cells []*cell) error {
	for round := range b.rounds {
		for _, i := range rand.Perm(len(cells)) { // so that no gateway always has the same neighbour
			c := cells[i]
			if c.dropped {
				continue
			}
			err := b.measureCell(ctx, c)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				c.dropped = true
				b.fail(c.workload+" "+c.gateway, err)
				continue
			}
			last := len(c.samples.cpu) - 1
			b.say("round %d %-3s %-20s %7.1f µs/request %8.0f requests/s", round+1, c.workload, c.gateway, c.samples.cpu[last], c.samples.rate[last])
		}
	}
	return nil
}

func (b *bench) measureCell(ctx context.Context, c *cell) error {
	finish := func(context.Context) error { return nil }
	if c.prepare != nil {
		var err error
		if finish, err = c.prepare(ctx); err != nil {
			return err
		}
	}
	check, err := c.verify(ctx)
	if err != nil {
		return err
	}
	logBefore, err := c.process.LogSize()
	if err != nil {
		return err
	}
	options := load.Options{Address: c.address, Path: c.path, Header: c.header, Connections: b.connections, Check: check}
	if c.connections > 0 {
		options.Connections = c.connections
	}
	// how busy the gateway's CPUs were at both ends of the window
	var ends []proc.Busy
	cpu := func() (time.Duration, error) {
		busy, err := proc.CPUs(b.cores.gatewayCPUs)
		if err != nil {
			return 0, err
		}
		ends = append(ends, busy)
		return proc.TreeCPU(c.process.PID())
	}
	window, result, err := load.Measure(ctx, options, b.warmUp, b.duration, cpu)
	if err != nil {
		return err
	}
	if err := finish(ctx); err != nil {
		return err
	}
	logAfter, err := c.process.LogSize()
	if err != nil {
		return err
	}
	if written := logAfter - logBefore; written > result.Correct {
		b.noteOnce(fmt.Sprintf("%s %s wrote about %d bytes of log for each request.", c.workload, c.gateway, written/result.Correct))
	}

	if c.gateway != directName { // which does not run on the gateway's CPUs
		b.foreign = append(b.foreign, foreignShare(ends[0], ends[1], window, len(b.cores.gatewayCPUs)))
	}

	requests := float64(window.Requests)
	s := &c.samples
	s.cpu = append(s.cpu, window.CPU.Seconds()*1e6/requests)
	s.rate = append(s.rate, requests/window.Elapsed.Seconds())
	s.p50 = append(s.p50, milliseconds(result.Latency.Quantile(0.5)))
	s.p99 = append(s.p99, milliseconds(result.Latency.Quantile(0.99)))
	return nil
}

// foreignShare is how much of the CPUs others had, the hypervisor included, in percent.
func foreignShare(before, after proc.Busy, window load.Window, cpus int) float64 {
	others := after.Programs - before.Programs + after.Stolen - before.Stolen - window.CPU
	return 100 * max(0, others.Seconds()) / (window.Elapsed.Seconds() * float64(cpus))
}

func (b *bench) noteOnce(line string) {
	if !slices.Contains(b.notes, line) {
		b.notes = append(b.notes, line)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// summarize turns the cells into rows and the targets that go with them.
func summarize(cells []*cell) ([]report.Row, []report.Target) {
	cpu := make(map[string][]float64) // by workload and gateway
	for _, c := range cells {
		if !c.dropped {
			cpu[c.workload+" "+c.gateway] = c.samples.cpu
		}
	}
	caddy := cpu["W1 "+caddyName]

	var rows []report.Row
	for _, c := range cells {
		if c.dropped {
			continue
		}
		rows = append(rows, report.Row{
			Workload: c.workload, Gateway: c.gateway, Note: c.note,
			CPU: stats.Of(c.samples.cpu), Ratio: stats.Of(stats.Ratios(c.samples.cpu, caddy)), Rate: stats.Of(c.samples.rate),
			P50: stats.Of(c.samples.p50), P99: stats.Of(c.samples.p99),
		})
	}
	slices.SortStableFunc(rows, func(a, b report.Row) int {
		return slices.Index(allWorkloads(), a.Workload) - slices.Index(allWorkloads(), b.Workload)
	})

	ratio := func(a, b string) float64 { return stats.Of(stats.Ratios(cpu[a], cpu[b])).Median }
	var targets []report.Target
	within := func(name, a, b string, limit float64) report.Target {
		return report.Target{Name: name, Value: ratio(a, b), Limit: limit}
	}
	if len(cells) > 0 {
		plain, withReply, sameGC := "W2 "+fairwayName, "W2 "+fairwayReplyName, "W2 "+fairwayGCName
		targets = []report.Target{
			{Name: "W2 / plain Caddy's W1, CPU per request", Value: ratio(plain, "W1 "+caddyName), Limit: 0.85, Aim: 0.70},
			{Name: "W2 with reply / plain Caddy's W1", Value: ratio(withReply, "W1 "+caddyName), Limit: 0.85, Aim: 0.70},
			{Name: "W2 at GOGC=100 / plain Caddy's W1, both at Go's default", Value: ratio(sameGC, "W1 "+caddyName), Limit: 0.85, Aim: 0.70},
			{Name: "W2 / Lura's W2", Value: ratio(plain, "W2 "+luraName), Limit: 1, Below: true},
			{Name: "W2 with reply / Lura's W2", Value: ratio(withReply, "W2 "+luraName), Limit: 1, Below: true},
			{Name: "W2 at GOGC=100 / Lura's W2, both at Go's default", Value: ratio(sameGC, "W2 "+luraName), Limit: 1, Below: true},
			{Name: "W9 / W2", Value: ratio("W9 "+fairwayName, plain), Limit: 0.5},
			within("W3 / Lura's with mxj", "W3 "+fairwayName, "W3 "+luraName, 0.35),
			within("W4 streamed / bare encoding/csv, CPU", "W4 "+streamName, "W4 "+bareCSVName, 2),
			within("W6 / njs with regular expressions", "W6 "+fairwayName, "W6 "+njsName, 1),
		}
		targets = append(targets, joinTargets(cells, ratio)...)
		targets = append(targets, callerTargets(within)...)
		targets = append(targets, peopleTarget(within), documentTarget(cpu["W15 "+fairwayName]))
		targets = append(targets, within("W2 with a pooled session / W2", "W2 "+sessionName, plain, 1.08))
	}
	return rows, targets
}

// higher returns the larger of two numbers, or the one that is a number.
func higher(a, b float64) float64 {
	if math.IsNaN(a) {
		return b
	}
	if math.IsNaN(b) {
		return a
	}
	return max(a, b)
}
