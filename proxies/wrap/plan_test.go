package wrap

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// scripted is a worker whose value names those that it waited for, or that fails.
type scripted struct {
	s       *step
	fails   bool
	started *atomic.Int32
}

func (w *scripted) run(_ context.Context, fr *frame) *problem.Problem {
	w.started.Add(1)
	if w.fails {
		return &problem.Problem{Code: problem.BackendStatus, Status: http.StatusBadGateway, Fetch: w.s.name}
	}
	var seen []string
	for _, i := range w.s.waits {
		seen = append(seen, fmt.Sprint(fr.results[i].tree))
	}
	fr.results[w.s.index].tree = w.s.name + "(" + strings.Join(seen, " ") + ")"
	return nil
}

// random makes a plan: every step waits for some of those before it in a hidden order.
func random(rng *rand.Rand, started *atomic.Int32) *plan {
	n := 1 + rng.IntN(9)
	fetches := make([]Fetch, n)
	for i := range fetches {
		fetches[i].Name = "s" + itoa(i)
	}
	pl := newPlan(fetches, nil)
	order := rng.Perm(n)
	for at, i := range order {
		s := pl.steps[i]
		for _, before := range order[:at] {
			if rng.IntN(3) == 0 {
				s.need(pl.steps[before])
			}
		}
		s.policy.optional = rng.IntN(2) == 0
		s.work = &scripted{s: s, fails: rng.IntN(6) == 0, started: started}
	}
	return pl
}

// inTurn is what a plan gives when its steps run one after the other: their values, those that failed, and whether a
// required one did.
func inTurn(pl *plan) (values []any, failed []bool, fails bool) {
	values, failed = make([]any, len(pl.steps)), make([]bool, len(pl.steps))
	done := make([]bool, len(pl.steps))
	for range pl.steps {
		i := slices.IndexFunc(pl.steps, func(s *step) bool {
			return !done[s.index] && !slices.ContainsFunc(s.waits, func(w int) bool { return !done[w] })
		})
		s := pl.steps[i]
		done[i] = true
		if s.work.(*scripted).fails {
			failed[i] = true
			if !s.policy.optional {
				return nil, nil, true
			}
			continue
		}
		var seen []string
		for _, w := range s.waits {
			seen = append(seen, fmt.Sprint(values[w]))
		}
		values[i] = s.name + "(" + strings.Join(seen, " ") + ")"
	}
	return values, failed, false
}

// TestPlanGivesWhatOneAfterTheOtherGives holds the plan's concurrent order to a sequential one.
func TestPlanGivesWhatOneAfterTheOtherGives(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	failures := 0
	for range 3000 {
		var started atomic.Int32
		pl := random(rng, &started)
		if err := pl.link(place{}); err != nil {
			t.Fatal(err)
		}
		wantValues, wantFailed, fails := inTurn(pl)
		fr := &frame{exchange: &exchange{ctx: t.Context(), route: &route{service: &Service{log: slog.New(slog.DiscardHandler)}}}, plan: pl}
		p := fr.run(t.Context())
		if fails != (p != nil) {
			t.Fatalf("it fails: %t, want %t", p != nil, fails)
		}
		if fails {
			failures++
			continue
		}
		var values []any
		var failed []bool
		for _, r := range fr.results {
			values, failed = append(values, r.tree), append(failed, r.failed != nil)
		}
		if diff := cmp.Diff(wantValues, values) + cmp.Diff(wantFailed, failed); diff != "" {
			t.Fatal(diff)
		}
		if int(started.Load()) != len(pl.steps) {
			t.Fatalf("%d of %d steps ran", started.Load(), len(pl.steps))
		}
	}
	if failures < 100 || failures > 2900 {
		t.Errorf("%d of 3000 plans failed: the test shows little", failures)
	}
}

// TestCycleIsRefused: the error names the way round.
func TestCycleIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		waits map[int]int
		want  string
	}{
		{map[int]int{0: 1, 1: 0}, "fetch a: it waits for its own value: a -> b -> a"},
		{map[int]int{1: 2, 2: 3, 3: 1}, "fetch b: it waits for its own value: b -> c -> d -> b"},
		{map[int]int{0: 1, 1: 2, 2: 3}, ""},
	} {
		pl := newPlan([]Fetch{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}, nil)
		for s, other := range c.waits {
			pl.steps[s].need(pl.steps[other])
		}
		err := pl.link(place{})
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.waits, err, c.want)
		}
	}
}

// TestStepHasABudget of its own, inside that of the request.
func TestStepHasABudget(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fr := &frame{deadline: now.Add(time.Minute)}
	for budget, most := range map[time.Duration]time.Time{0: fr.deadline, time.Hour: fr.deadline, time.Second: now.Add(30 * time.Second)} {
		if until := (&step{budget: budget}).until(fr); until.After(most) || until.Before(now) {
			t.Errorf("with a budget of %s it ends %s later", budget, until.Sub(now))
		}
	}
}
