package wrap

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

func TestStatusOfFailure(t *testing.T) {
	t.Parallel()
	own := session.Basic{User: "svc", Password: "s"}
	for _, c := range []struct {
		failure   upstream.Failure
		strategy  session.Strategy
		want      int
		challenge bool
	}{
		{failure: upstream.Failure{Kind: upstream.Unreachable}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Timeout}, want: 504},
		{failure: upstream.Failure{Kind: upstream.Cut}, want: 502},
		{failure: upstream.Failure{Kind: upstream.TooLarge}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Redirected, Status: 302}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Empty}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Undecodable}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Judged}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Judged, Verdict: 404}, want: 404},
		{failure: upstream.Failure{Kind: upstream.BreakerOpen}, want: 503},
		{failure: upstream.Failure{Kind: upstream.MemorySpent}, want: 503},
		{failure: upstream.Failure{Kind: upstream.Cancelled}, want: 499},
		{failure: upstream.Failure{Kind: upstream.Login}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Login, Err: &session.LoginError{Kind: session.BadCredentials}}, strategy: session.Basic{}, want: 401, challenge: true},
		{failure: upstream.Failure{Kind: upstream.Login, Err: &session.LoginError{Kind: session.NotAllowed}}, strategy: session.Basic{}, want: 403},
		{failure: upstream.Failure{Kind: upstream.Login, Err: &session.LoginError{Kind: session.BadCredentials}}, strategy: own, want: 502},
		{failure: upstream.Failure{Kind: upstream.Unsendable}, want: 500},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 404}, want: 404},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 408}, want: 504},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 429}, want: 503},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 407}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 500}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 101}, want: 502},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 401}, strategy: session.Basic{}, want: 401, challenge: true},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 403}, strategy: session.Basic{}, want: 403},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 401}, strategy: own, want: 502},
		{failure: upstream.Failure{Kind: upstream.Status, Status: 403}, strategy: own, want: 502},
	} {
		if c.strategy == nil {
			c.strategy = session.None{}
		}
		f := &fetch{backend: &backend{Backend: Backend{Name: "main"}}, strategy: c.strategy}
		p := f.problem(f.backend, &c.failure)
		type said struct {
			Status    int
			Challenge bool
			Later     bool
		}
		want := said{c.want, c.challenge, c.want == 503}
		got := said{p.Status, p.Header.Get("WWW-Authenticate") != "", p.RetryAfter > 0}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %d: %s", c.failure.Kind, c.failure.Status, diff)
		}
	}
}

func FuzzProgram(f *testing.F) {
	for _, s := range []string{".", "$id", "$nope", "[", "error(1)", "\"\\(", "def f: f; f", "reduce"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		rt := &route{names: []string{"id"}, plan: newPlan([]Fetch{{Name: "user"}}, nil)}
		p, err := rt.compileProgram("reply", source, nil, rt.plan.steps, place{})
		if (p == nil) == (err == nil) {
			t.Errorf("%q gave %v and %v", source, p, err)
		}
		if err != nil && err.Offset > len(source) {
			t.Errorf("%q has no byte %d", source, err.Offset)
		}
	})
}
