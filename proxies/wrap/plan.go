package wrap

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// plan is the steps of a route, and what each of them waits for.
type plan struct {
	steps []*step
	owner *step // of a fan-out, whose items the plan is for; nil: it is the route's
}

// step gives one value of a plan. What it needs of other steps is found while its templates and programs are compiled.
type step struct {
	plan  *plan
	name  string // empty: its value is the dot
	index int
	// waits are the steps of the same plan whose values it needs, wanted those that need its own.
	waits, wanted []int
	work          worker
	policy        policy
	budget        time.Duration // of all its attempts; 0: the request's

	// caller says that whose request it is goes into what is sent, or into the verdict.
	caller bool
	// header says that a header of the request goes into what is sent.
	header bool
	// used says that something of the answer depends on the value; tree that a jq program or a template reads it; text
	// that it is answered as it was decoded; checked that the route's promise is checked, for which the answer becomes a
	// tree once more.
	used, tree, text, checked bool
}

// worker makes the value of a step.
type worker interface {
	// run keeps the value among the frame's results. A problem is the step's failure.
	run(ctx context.Context, fr *frame) *problem.Problem
}

func newPlan(fetches []Fetch, owner *step) *plan {
	pl := &plan{steps: make([]*step, len(fetches)), owner: owner}
	for i := range fetches {
		pl.steps[i] = &step{plan: pl, name: fetches[i].Name, index: i, budget: time.Duration(fetches[i].Budget)}
	}
	return pl
}

// names lists the names of the steps that a step of the plan may use.
func (pl *plan) names() []string {
	var out []string
	for _, s := range pl.without(nil) {
		if s.name != "" {
			out = append(out, s.name)
		}
	}
	return out
}

// without lists the steps whose values a step of the plan may use: the others, and those around a fan-out.
func (pl *plan) without(s *step) []*step {
	all := slices.DeleteFunc(slices.Clone(pl.steps), func(other *step) bool { return other == s })
	if pl.owner != nil {
		all = append(all, pl.owner.plan.without(pl.owner)...)
	}
	return all
}

// find gives the step of a name among those that a step of the plan may use, or nil.
func (pl *plan) find(name string) *step {
	for _, s := range pl.without(nil) {
		if name != "" && s.name == name {
			return s
		}
	}
	return nil
}

// single says that the plan is one step without a name: its value is the dot and the default answer.
func (pl *plan) single() bool { return len(pl.steps) == 1 && pl.steps[0].name == "" }

// need notes that s, or the route where it is nil, reads the value of other as a tree. A step inside a fan-out has the whole
// of it wait for what is outside.
func (s *step) need(other *step) {
	other.used, other.tree = true, true
	if s != nil && s.plan != other.plan {
		s = s.plan.owner
	}
	if s != nil && !slices.Contains(s.waits, other.index) {
		s.waits = append(s.waits, other.index)
	}
}

// link turns around what steps wait for, and refuses steps that wait for each other.
func (pl *plan) link(at place) error {
	for _, s := range pl.steps {
		slices.Sort(s.waits)
		for _, i := range s.waits {
			pl.steps[i].wanted = append(pl.steps[i].wanted, s.index)
		}
	}
	for _, s := range pl.steps {
		if way := pl.way(s.index, s.index, make([]bool, len(pl.steps))); way != nil {
			return at.in("fetches/"+itoa(s.index), s.where()).errf("it waits for its own value: %s", strings.Join(way, " -> "))
		}
	}
	return nil
}

// way gives the names on a way along what is waited for, nil if there is none. Seen are the steps that were looked at.
func (pl *plan) way(from, to int, seen []bool) []string {
	for _, next := range pl.steps[from].waits {
		if next == to {
			return []string{pl.steps[from].label(), pl.steps[to].label()}
		}
		if seen[next] {
			continue
		}
		seen[next] = true
		if rest := pl.way(next, to, seen); rest != nil {
			return append([]string{pl.steps[from].label()}, rest...)
		}
	}
	return nil
}

// path is the step's name, with that of the fan-out around it.
func (s *step) path() string {
	switch {
	case s.plan.owner == nil:
		return s.name
	case s.name == "":
		return s.plan.owner.name
	}
	return s.plan.owner.name + "." + s.name
}

// label is the step's name in a sentence.
func (s *step) label() string {
	if s.name == "" {
		return "the fetch without a name"
	}
	return s.name
}
