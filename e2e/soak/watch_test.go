package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/fleet"
)

// tally counts what came of things.
type tally struct {
	mu    sync.Mutex
	count map[[2]string]int
}

func newTally() *tally { return &tally{count: map[[2]string]int{}} }

func (t *tally) add(what, how string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count[[2]string{what, how}]++
}

// report is a line for each.
func (t *tally) report() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := make([]string, 0, len(t.count))
	for k, n := range t.count {
		lines = append(lines, fmt.Sprintf("%-10s %-18s %8d\n", k[0], k[1], n))
	}
	slices.Sort(lines)
	return "(0: no answer, as of who is killed)\n" + strings.Join(lines, "")
}

const (
	// sampleEvery is how often it is looked, enough for how long what is seen is held to anything.
	sampleEvery = 5 * time.Second
	enough      = 10 * time.Minute
	// mostGrowth is what of the median may have been added from the beginning to the end of what is seen, by a line through it.
	mostGrowth = 0.15
	// fewGoroutines and littleMemory are what nobody counts.
	fewGoroutines = 40
	littleMemory  = 20
)

// watch sees how large the gateway and the runner are that are left alone.
type watch struct {
	s     *soak
	names []string
	seen  map[string][]point
}

type point struct{ at, value float64 }

func newWatch(s *soak) *watch { return &watch{s: s, seen: map[string][]point{}} }

// sample looks once.
func (w *watch) sample(ctx context.Context, _ *rand.Rand) {
	w.s.rest(sampleEvery)
	if time.Since(w.s.begun) < *duration/4+min(time.Minute, *duration/4) {
		return
	}
	g, r := w.s.f.Gateways[0], w.s.f.Runners[0]
	for _, p := range []struct {
		name, metrics string
		pid           int
	}{{"gateway 1", g.Admin + "/metrics", g.PID()}, {"runner 1", r.URL + "/metrics", r.PID()}} {
		at := time.Since(w.s.begun).Minutes()
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid)); err == nil {
			w.see(p.name+", resident memory, MB", at, regexp.MustCompile(`VmRSS:\s*(\d+)`), string(status), 1.0/1024)
		}
		if _, body, err := fleet.Get(ctx, w.s.by, p.metrics); err == nil {
			w.see(p.name+", heap, MB", at, regexp.MustCompile(`(?m)^go_memstats_heap_inuse_bytes (\S+)`), body, 1.0/(1<<20))
			w.see(p.name+", goroutines", at, regexp.MustCompile(`(?m)^go_goroutines (\S+)`), body, 1)
		}
	}
}

func (w *watch) see(name string, at float64, pattern *regexp.Regexp, text string, factor float64) {
	found := pattern.FindStringSubmatch(text)
	if found == nil {
		return
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return
	}
	if _, ok := w.seen[name]; !ok {
		w.names = append(w.names, name)
	}
	w.seen[name] = append(w.seen[name], point{at, value * factor})
}

// report is a line for each, and holds what was seen for long to be flat.
func (w *watch) report(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, name := range w.names {
		points := w.seen[name]
		values := make([]float64, len(points))
		for i, p := range points {
			values[i] = p.value
		}
		slices.Sort(values)
		slope := slopeOf(points)
		span := points[len(points)-1].at - points[0].at
		growth, median := slope*span, values[len(values)/2]
		_, _ = fmt.Fprintf(&out, "%-32s median %8.1f, %.1f to %.1f, slope %+.3f a minute, over %.1f minutes %+.1f\n", name, median, values[0], values[len(values)-1], slope, span, growth)
		little := float64(littleMemory)
		if strings.HasSuffix(name, "goroutines") {
			little = fewGoroutines
		}
		if span >= enough.Minutes() && growth > max(median*mostGrowth, little) {
			t.Errorf("%s grows: by %.1f of %.1f", name, growth, median)
		}
	}
	return out.String()
}

// slopeOf is that of the line that fits best.
func slopeOf(points []point) float64 {
	var n, x, y, xx, xy float64
	for _, p := range points {
		n, x, y, xx, xy = n+1, x+p.at, y+p.value, xx+p.at*p.at, xy+p.at*p.value
	}
	if d := n*xx - x*x; d != 0 {
		return (n*xy - x*y) / d
	}
	return 0
}
