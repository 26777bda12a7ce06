package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-gateway/fairway/bench/process"
	"github.com/fairway-gateway/fairway/bench/report"
	"github.com/fairway-gateway/fairway/bench/stats"
)

// jobFigures are what one round of a job may find out; see bench/executions.
type jobFigures struct {
	Made, Done, P50, P99, Start, Process, Lines, Last, Told float64
}

// job is something that executions, or what they are compared with, are measured by.
type job struct {
	workload, name string
	// engine is that of its store; empty: it has none.
	engine string
	args   []string
	// run measures a round. Default: the program executions with args.
	run    func(context.Context) (jobFigures, error)
	rounds []jobFigures
}

// celeryPython has Celery, by Debian's python3-celery.
const celeryPython = "/usr/bin/python3"

// measureJobs measures executions, each kind beside its peers, in rounds and in random order. All of it has all CPUs.
func (b *bench) measureJobs(ctx context.Context) error {
	if !slices.ContainsFunc(b.workloads, isJob) {
		return nil
	}
	dsn, err := b.startPostgres(ctx)
	if err != nil {
		b.fail("executions", err)
		return nil
	}
	jobs := b.jobs()
	dropped := map[*job]bool{}
	for round := range b.rounds {
		for _, i := range rand.Perm(len(jobs)) { //nolint:gosec // no secret
			j := jobs[i]
			if dropped[j] {
				continue
			}
			got, err := b.measureJob(ctx, dsn, j)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				dropped[j] = true
				b.fail(j.workload+" "+j.name, err)
				continue
			}
			j.rounds = append(j.rounds, got)
			b.say("round %d %-3s %-24s %+v, load %s", round+1, j.workload, j.name, got, loadAverage())
		}
	}
	b.summarizeJobs(jobs)
	return nil
}

func isJob(workload string) bool {
	return slices.Contains([]string{"W16", "W17", "W18", "W19", "W20", "W22", "W23", "W24"}, workload)
}

// jobs are those that are wanted.
func (b *bench) jobs() []*job {
	all := []*job{
		{workload: "W16", name: "PostgreSQL", engine: "postgres", args: []string{"-sleep", "100ms", "drain"}},
		{workload: "W16", name: "SQLite", engine: "sqlite", args: []string{"-sleep", "100ms", "drain"}},
		{workload: "W16", name: "River", engine: "postgres", args: []string{"-sleep", "100ms", "river"}},
		{workload: "W17", name: "PostgreSQL", engine: "postgres", args: []string{"drain"}},
		{workload: "W17", name: "SQLite", engine: "sqlite", args: []string{"drain"}},
		{workload: "W17", name: "Celery", run: b.celery},
		{workload: "W18", name: "PostgreSQL", engine: "postgres", args: []string{"-count", "100", "first"}},
		{workload: "W18", name: "River and a process", engine: "postgres", args: []string{"-count", "100", "start"}},
		{workload: "W19", name: "PostgreSQL", engine: "postgres", args: []string{"-count", "4000000", "lines"}},
		{workload: "W19", name: "SQLite", engine: "sqlite", args: []string{"-count", "4000000", "lines"}},
		{workload: "W22", name: "PostgreSQL", engine: "postgres", args: []string{"-count", "1000", "schedules"}},
		{workload: "W22", name: "SQLite", engine: "sqlite", args: []string{"-count", "1000", "schedules"}},
		{workload: "W24", name: "PostgreSQL", engine: "postgres", args: []string{"-sleep", "100ms", "drain"}},
		{workload: "W24", name: "PostgreSQL, events", engine: "postgres", args: []string{"-sleep", "100ms", "-events", "10000", "drain"}},
		{workload: "W24", name: "SQLite", engine: "sqlite", args: []string{"-sleep", "100ms", "drain"}},
		{workload: "W24", name: "SQLite, events", engine: "sqlite", args: []string{"-sleep", "100ms", "-events", "10000", "drain"}},
		{workload: "W23", name: "containers", args: []string{"-count", "20", "containers"}},
	}
	if b.wants("W20") {
		if info, err := os.Stat(b.programs.fairway); err == nil {
			b.targets = append(b.targets, report.Target{Name: "W20 the stripped binary", Value: float64(info.Size()) / 1e6, Limit: 90, Unit: " MB"})
		}
	}
	return slices.DeleteFunc(all, func(j *job) bool { return !b.wants(j.workload) })
}

// measureJob runs one round, in a store of its own.
func (b *bench) measureJob(ctx context.Context, dsn string, j *job) (got jobFigures, err error) {
	if j.run != nil {
		return j.run(ctx)
	}
	name := "jobs" + strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // no secret
	// Every user may enter it, since scripts run as one of their own.
	directory, err := os.MkdirTemp("", "fairway-"+name)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	if err := os.Chmod(directory, 0o711); err != nil { //nolint:gosec // it is meant so
		return got, err
	}
	store := "sqlite:" + filepath.Join(directory, "store.db")
	if j.engine == "postgres" {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return got, err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		if _, err := conn.Exec(ctx, "create database "+name); err != nil {
			return got, err
		}
		defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), "drop database "+name) }() // it goes with the server at the latest
		store = strings.Replace(dsn, "/postgres?", "/"+name+"?", 1)
	}
	args := append([]string{"-store", store, "-directory", directory}, j.args...)
	return figures(exec.CommandContext(ctx, "taskset", append([]string{"-c", b.allCPUs(), b.programs.executions}, args...)...)) //nolint:gosec // ours
}

func figures(command *exec.Cmd) (got jobFigures, err error) {
	out, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return got, fmt.Errorf("%w: %.600s", err, exit.Stderr)
	}
	if err != nil {
		return got, err
	}
	return got, json.Unmarshal(out, &got)
}

// allCPUs are those of this run.
func (b *bench) allCPUs() string {
	return strings.Trim(b.cores.gateway+","+b.cores.rest, ",")
}

// celery works off tasks that do nothing: four processes of Celery that acknowledge late, and a Redis that writes nothing to the disk.
func (b *bench) celery(ctx context.Context) (got jobFigures, err error) {
	ports, err := process.FreePorts(1)
	if err != nil {
		return got, err
	}
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		return got, fmt.Errorf("%w (Debian: redis-server, python3-celery)", err)
	}
	p, err := process.Start(process.Spec{Name: "redis", Path: redis, Args: []string{"--port", ports[0], "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", b.directory}, Cores: b.allCPUs(), Log: filepath.Join(b.directory, "redis.log")})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	command := exec.CommandContext(ctx, "taskset", "-c", b.allCPUs(), celeryPython, "drive.py", "10000") //nolint:gosec // ours
	command.Dir = filepath.Join("peers", "celery")
	command.Env = append(os.Environ(), "BROKER=redis://127.0.0.1:"+ports[0]+"/0", "PYTHONDONTWRITEBYTECODE=1")
	return figures(command)
}

// summarizeJobs makes targets and notes of what was measured.
func (b *bench) summarizeJobs(jobs []*job) {
	values := func(workload, name string, of func(jobFigures) float64) (out []float64) {
		for _, j := range jobs {
			if j.workload != workload || j.name != name {
				continue
			}
			for _, r := range j.rounds {
				out = append(out, of(r))
			}
		}
		return out
	}
	done := func(r jobFigures) float64 { return r.Done }
	median := func(all []float64) float64 { return stats.Of(all).Median }
	// What is to be at least so much is told as its part that is missing: a limit is never to be exceeded.
	least := func(name string, value, least float64) {
		b.targets = append(b.targets, report.Target{Name: name + fmt.Sprintf(" (at least %g; told is what is wanted over what is)", least), Value: least / value, Limit: 1})
	}
	if b.wants("W16") {
		least("W16 PostgreSQL / bare River", median(stats.Ratios(values("W16", "PostgreSQL", done), values("W16", "River", done))), 1.1)
		least("W16 SQLite, executions/s", median(values("W16", "SQLite", done)), 900)
	}
	if b.wants("W17") {
		least("W17 PostgreSQL / Celery", median(stats.Ratios(values("W17", "PostgreSQL", done), values("W17", "Celery", done))), 3)
		least("W17 SQLite / Celery", median(stats.Ratios(values("W17", "SQLite", done), values("W17", "Celery", done))), 2)
	}
	if b.wants("W18") {
		first := values("W18", "PostgreSQL", func(r jobFigures) float64 { return r.P50 })
		yardstick := values("W18", "River and a process", func(r jobFigures) float64 { return r.Start + r.Process })
		b.targets = append(b.targets, report.Target{Name: "W18 p50 to the first line / bare River's start and one of a process", Value: median(stats.Ratios(first, yardstick)), Limit: 2})
	}
	if b.wants("W19") {
		for _, engine := range []string{"PostgreSQL", "SQLite"} {
			least("W19 "+engine+", lines/s", median(values("W19", engine, func(r jobFigures) float64 { return r.Lines })), 500_000)
		}
	}
	if b.wants("W22") {
		for _, engine := range []string{"PostgreSQL", "SQLite"} {
			b.targets = append(b.targets, report.Target{Name: "W22 " + engine + ", 1,000 schedules due at once, in two gateways: until the last is fired", Value: median(values("W22", engine, func(r jobFigures) float64 { return r.Last })) / 1000, Limit: 2, Unit: " s"})
		}
	}
	if b.wants("W24") {
		for _, engine := range []string{"PostgreSQL", "SQLite"} {
			least("W24 "+engine+", executions/s while events are told / without a publisher", median(stats.Ratios(values("W24", engine+", events", done), values("W24", engine, done))), 0.9)
			least("W24 "+engine+", events told within the process a second", median(values("W24", engine+", events", func(r jobFigures) float64 { return r.Told })), 10_000)
		}
	}
	if b.wants("W23") {
		ours := values("W23", "containers", func(r jobFigures) float64 { return r.P50 })
		theirs := values("W23", "containers", func(r jobFigures) float64 { return r.Process })
		b.targets = append(b.targets, report.Target{Name: "W23 p50 from a container's start to its first line / docker run's", Value: median(stats.Ratios(ours, theirs)), Limit: 1.3})
	}
	for _, j := range jobs {
		spread := func(name, unit string, of func(jobFigures) float64) {
			var all []float64
			for _, r := range j.rounds {
				if v := of(r); v > 0 {
					all = append(all, v)
				}
			}
			if len(all) > 0 {
				s := stats.Of(all)
				b.notes = append(b.notes, fmt.Sprintf("%s %s: %s %.4g (%.4g–%.4g) %s", j.workload, j.name, name, s.Median, s.Min, s.Max, unit))
			}
		}
		spread("asked for", "/s", func(r jobFigures) float64 { return r.Made })
		spread("ended", "/s", done)
		spread("p50", "ms", func(r jobFigures) float64 { return r.P50 })
		spread("p99", "ms", func(r jobFigures) float64 { return r.P99 })
		spread("River's start", "ms", func(r jobFigures) float64 { return r.Start })
		spread("a process, or docker run", "ms", func(r jobFigures) float64 { return r.Process })
		spread("lines", "/s", func(r jobFigures) float64 { return r.Lines })
		spread("events told", "/s", func(r jobFigures) float64 { return r.Told })
		spread("until the last is fired", "ms", func(r jobFigures) float64 { return r.Last })
	}
	b.notes = append(b.notes, "W17: Celery's Redis writes nothing to the disk, while PostgreSQL syncs every transaction; "+time.Now().UTC().Format("2006-01-02"))
}
