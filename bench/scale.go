package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/fairway-gateway/fairway/bench/load"
	"github.com/fairway-gateway/fairway/bench/proc"
	"github.com/fairway-gateway/fairway/bench/process"
	"github.com/fairway-gateway/fairway/bench/report"
	"github.com/fairway-gateway/fairway/bench/stats"
)

// What W10 does with each number of services.
const (
	reloads = 3 // by POST /load, each round
	// The load while reloading is far below what the gateway can take: reload times are compared, not throughput.
	scaleConnections = 16
	scalePause       = 4 * time.Millisecond
	settle           = 500 * time.Millisecond
)

func serviceCounts() []int { return []int{1, 100, 1000} }

// scale is one gateway with a number of services.
type scale struct {
	gateway, binary, template string
	services                  int
	start, reload, command    []float64 // ms, one of each per round; reload is the median of its reloads
	rssStart, rssAfter, peak  []float64 // MB
	answers, failed, resent   int64
	dropped                   bool
}

// measureScales measures W10, gateways interleaved.
func (b *bench) measureScales(ctx context.Context) ([]*scale, error) {
	_, backendPorts, err := b.startBackend(ctx)
	if err != nil {
		return nil, err
	}
	var scales []*scale
	for _, n := range serviceCounts() {
		scales = append(scales,
			&scale{gateway: caddyName, binary: b.programs.caddy, template: "scale-caddy.Caddyfile", services: n},
			&scale{gateway: fairwayName, binary: b.programs.fairway, template: "scale-fairway.Caddyfile", services: n})
	}
	for round := range b.rounds {
		for _, s := range scales {
			if s.dropped {
				continue
			}
			err := b.measureScale(ctx, s, backendPorts[0])
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil {
				s.dropped = true
				b.fail(fmt.Sprintf("W10 %s with %d services", s.gateway, s.services), err)
				continue
			}
			b.say("round %d W10 %-20s %4d services: start %.0f ms, reload %.0f ms, command %.0f ms, %.0f MB, after reloads %.0f MB, %d of %d failed", round+1,
				s.gateway, s.services, s.start[round], s.reload[round], s.command[round], s.rssStart[round], s.rssAfter[round], s.failed, s.answers)
		}
	}
	return scales, nil
}

// measureScale starts the gateway, reloads it under load and stops it.
func (b *bench) measureScale(ctx context.Context, s *scale, backendPort string) (err error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return err
	}
	var names []string
	for i := range s.services {
		names = append(names, fmt.Sprintf("s%04d", i+1))
	}
	path, err := b.configure(s.template, s.template, map[string]any{"Admin": ports[1], "Port": ports[0], "Backend": backendPort, "Names": names})
	if err != nil {
		return err
	}
	adapted, err := exec.CommandContext(ctx, s.binary, "adapt", "--config", path, "--adapter", "caddyfile").Output() //nolint:gosec // built by this command
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %.500s", err, exit.Stderr)
		}
		return fmt.Errorf("adapt: %w", err)
	}

	address, target := local(ports[0]), "/"+names[len(names)-1]+"/kv"
	began := time.Now()
	p, err := process.Start(b.gatewaySpec(filepath.Base(s.binary)+"-scale", s.binary, "run", "--config", path, "--adapter", "caddyfile"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	first, err := p.AwaitOK(ctx, "http://"+address+target, startLimit)
	if err != nil {
		return err
	}
	started := time.Since(began)

	if err := pause(ctx, settle); err != nil {
		return err
	}
	before, err := proc.TreeMemory(p.PID())
	if err != nil {
		return err
	}
	reload, command, result, err := b.reloadUnderLoad(ctx, s, load.Options{
		Address: address, Path: target, Connections: scaleConnections, Pause: scalePause,
		Check: func(a load.Answer) error {
			if a.Status != http.StatusOK || !bytes.Equal(a.Body, first) {
				return fmt.Errorf("%d %.300q: %w", a.Status, a.Body, errAnswer)
			}
			return nil
		},
	}, local(ports[1]), adapted, path)
	if err != nil {
		return err
	}
	after, err := proc.TreeMemory(p.PID())
	if err != nil {
		return err
	}

	s.answers += result.Correct + result.Failed
	s.failed += result.Failed
	s.resent += result.Reconnects
	if result.FirstFailure != nil {
		b.noteOnce(fmt.Sprintf("W10 %s with %d services, a failed request: %v", s.gateway, s.services, result.FirstFailure))
	}
	s.start = append(s.start, milliseconds(started))
	s.reload = append(s.reload, stats.Of(reload).Median)
	s.command = append(s.command, milliseconds(command))
	s.rssStart = append(s.rssStart, megabytes(before.RSS))
	s.rssAfter = append(s.rssAfter, megabytes(after.RSS))
	s.peak = append(s.peak, megabytes(after.Peak))
	return nil
}

// reloadUnderLoad reloads through the admin endpoint at admin and once with the reload command, and returns how long each took.
func (b *bench) reloadUnderLoad(ctx context.Context, s *scale, options load.Options, admin string, adapted []byte, path string) (posted []float64, command time.Duration, result *load.Result, err error) {
	run := load.Start(options)
	defer func() { result = run.Stop() }()

	for range reloads {
		if err := pause(ctx, settle); err != nil {
			return nil, 0, nil, err
		}
		took, err := postConfig(ctx, admin, adapted)
		if err != nil {
			return nil, 0, nil, err
		}
		posted = append(posted, milliseconds(took))
	}
	if err := pause(ctx, settle); err != nil {
		return nil, 0, nil, err
	}
	began := time.Now()
	out, err := exec.CommandContext(ctx, s.binary, "reload", "--force", "--config", path, "--adapter", "caddyfile", "--address", admin).CombinedOutput() //nolint:gosec // built by this command
	command = time.Since(began)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("reload: %w: %.500s", err, out)
	}
	return posted, command, nil, pause(ctx, settle)
}

// postConfig loads a configuration through the admin endpoint, the same one too, and returns how long that took.
func postConfig(ctx context.Context, admin string, adapted []byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+admin+"/load", bytes.NewReader(adapted))
	if err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Cache-Control", "must-revalidate")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("load: %s: %.500s", response.Status, body)
	}
	return time.Since(began), nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// summarizeScales turns what was measured into rows and targets.
func summarizeScales(scales []*scale) ([]report.Scale, []report.Target) {
	if len(scales) == 0 {
		return nil, nil
	}
	find := func(gateway string, services int) *scale {
		i := slices.IndexFunc(scales, func(s *scale) bool { return s.gateway == gateway && s.services == services && !s.dropped })
		if i < 0 {
			return new(scale)
		}
		return scales[i]
	}
	var rows []report.Scale
	for _, s := range scales {
		if s.dropped {
			continue
		}
		rows = append(rows, report.Scale{
			Services: s.services, Gateway: s.gateway, Start: stats.Of(s.start), Reload: stats.Of(s.reload), Command: stats.Of(s.command),
			Answers: s.answers, Failed: s.failed, Reconnects: s.resent,
			RSSStart: stats.Of(s.rssStart), RSSAfter: stats.Of(s.rssAfter), Peak: stats.Of(s.peak),
		})
	}

	most := serviceCounts()[len(serviceCounts())-1]
	one, all, caddy := find(fairwayName, serviceCounts()[0]), find(fairwayName, most), find(caddyName, most)
	added := func(one, all []float64) float64 { return stats.Of(all).Median - stats.Of(one).Median }
	failed := math.NaN()
	for _, n := range serviceCounts() {
		if s := find(fairwayName, n); s.answers > 0 {
			failed = higher(failed, float64(s.failed))
		}
	}
	return rows, []report.Target{
		{Name: fmt.Sprintf("W10 memory that %d services add to 1, after start", most), Value: added(one.rssStart, all.rssStart), Limit: 100, Unit: " MB", Below: true},
		{Name: "W10 the same after reloads under load", Value: added(one.rssAfter, all.rssAfter), Limit: 100, Unit: " MB", Below: true},
		{Name: fmt.Sprintf("W10 reload with %d services / Caddy's with as many routes", most), Value: stats.Of(stats.Ratios(all.reload, caddy.reload)).Median, Limit: 2},
		{Name: "W10 failed requests during reloads", Value: failed, Limit: 0},
	}
}
