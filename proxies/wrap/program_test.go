package wrap

import (
	"strings"
	"testing"
)

// TestProgramIsRefusedWithAdvice misspells variables: the error says where, and what was meant.
func TestProgramIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source string
		body   bool // of the fetch user
		offset int
		says   []string
	}{
		{`{a: $usr}`, false, 4, []string{"nothing binds the variable $usr", "user"}},
		{`$sation`, false, 0, []string{"nothing binds the variable $sation", "station"}},
		{`.x | $qurey.a`, false, 5, []string{"nothing binds the variable $qurey", "query"}},
		{`1 | $user`, true, 4, []string{"nothing binds the variable $user"}}, // a body is made before its answer is there
		{`$xyzzy`, false, 0, []string{"nothing binds the variable $xyzzy"}},
		{`.a | ]`, false, 5, []string{"unexpected token"}},
	} {
		rt := &route{names: []string{"station"}, plan: newPlan([]Fetch{{Name: "user"}}, nil)}
		var of *step
		if c.body {
			of = rt.plan.steps[0]
		}
		p, err := rt.compileProgram("reply", c.source, of, rt.plan.without(of), place{})
		if err == nil {
			t.Errorf("%s is accepted: %v", c.source, p)
			continue
		}
		if err.Offset != c.offset {
			t.Errorf("%s: offset %d, want %d", c.source, err.Offset, c.offset)
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", c.source, err, want)
			}
		}
	}
}

// TestProgramTakesWhatItUses: a fetch that no program names need not become a tree.
func TestProgramTakesWhatItUses(t *testing.T) {
	t.Parallel()
	rt := &route{names: []string{"station"}, plan: newPlan([]Fetch{{Name: "user"}, {Name: "users"}}, nil)}
	user, users := rt.plan.steps[0], rt.plan.steps[1]
	p, err := rt.compileProgram("reply", `{$station, u: $users, n: $now}`, nil, rt.plan.steps, place{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.bind) != 3 || user.tree || user.used || !users.tree || !users.used {
		t.Errorf("%d bound, user %t, users %t", len(p.bind), user.used, users.used)
	}
}
