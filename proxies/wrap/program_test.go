package wrap

import (
	"strings"
	"testing"
)

// TestProgramIsRefusedWithAdvice misspells variables: the error says where, and what was meant.
func TestProgramIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source  string
		fetches bool
		offset  int
		says    []string
	}{
		{`{a: $usr}`, true, 4, []string{"nothing binds the variable $usr", "user"}},
		{`$sation`, true, 0, []string{"nothing binds the variable $sation", "station"}},
		{`.x | $qurey.a`, true, 5, []string{"nothing binds the variable $qurey", "query"}},
		{`1 | $user`, false, 4, []string{"nothing binds the variable $user"}}, // a body is made before anything is fetched
		{`$xyzzy`, true, 0, []string{"nothing binds the variable $xyzzy"}},
		{`.a | ]`, true, 5, []string{"unexpected token"}},
	} {
		rt := &route{names: []string{"station"}, fetches: []*fetch{{Fetch: Fetch{Name: "user"}}}}
		p, err := rt.compileProgram("reply", c.source, c.fetches, place{})
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
	rt := &route{names: []string{"station"}, fetches: []*fetch{{Fetch: Fetch{Name: "user"}}, {Fetch: Fetch{Name: "users"}}}}
	p, err := rt.compileProgram("reply", `{$station, u: $users, n: $now}`, true, place{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.bind) != 3 || rt.fetches[0].tree || rt.fetches[0].used || !rt.fetches[1].tree || !rt.fetches[1].used {
		t.Errorf("%d bound, user %t, users %t", len(p.bind), rt.fetches[0].used, rt.fetches[1].used)
	}
}
