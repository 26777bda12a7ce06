package wrap

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// Execute has an answer that takes long become an execution: the caller is told where to come back for it.
type Execute struct {
	// After is how long a caller waits before that. Required.
	After Duration `json:"after,omitempty"`
	// Timeout is the time for the whole answer, with all attempts of its fetches; the budget of the route ends only what does not
	// become an execution. Default 1h.
	Timeout Duration `json:"timeout,omitempty"`
	// AtOnce is how many of the route's answers may be executions at once in one gateway. Default 100.
	AtOnce int `json:"at_once,omitempty"`
	// PerCaller is how many of them may be one caller's, or one address's where callers are not known. Default 10.
	PerCaller int `json:"per_caller,omitempty"`
	// Keep is for how long an answer is kept after its end. Default 24h.
	Keep Duration `json:"keep,omitempty"`
}

// Defaults and bounds of Execute.
const (
	DefaultLongTimeout   = time.Hour
	DefaultLongAtOnce    = 100
	DefaultLongPerCaller = 10
	DefaultLongKeep      = 24 * time.Hour

	mostLongTimeout = 7 * 24 * time.Hour
	mostLongKeep    = 90 * 24 * time.Hour
	leastLongKeep   = time.Minute
	mostLongAtOnce  = 100_000
	// mostAgain is how often a long answer is asked for whose gateways are lost.
	mostAgain = 3
)

// executing is a compiled Execute.
type executing struct {
	after, timeout, keep time.Duration
	atOnce, perCaller    int
	// again says that another gateway may ask again; personal that only who shows the same password is given the answer.
	again, personal bool
}

// compileExecute is the last thing that is compiled of a route.
func (rt *route) compileExecute(r *Route, segments []segment, at place) error {
	e := r.Execute
	if e == nil {
		return nil
	}
	at = at.field("execute")
	if len(segments) == 2 && !segments[0].wildcard && "/"+segments[0].text == longPath {
		return at.errf("the paths below %s/ are where long answers are fetched; give the route another pattern", longPath)
	}
	switch {
	case r.Each != nil:
		return at.errf("reply each begins to answer at once, and what has begun cannot become an execution; leave one of them out")
	case e.After <= 0:
		return at.errf("execute takes how long a caller waits: execute after 5s")
	case time.Duration(e.After) >= rt.budget:
		return at.errf("the budget of the route, %s, is over before its callers have waited for %s; give it a longer one, or let them wait for less", rt.budget, time.Duration(e.After))
	case e.Timeout < 0 || e.Timeout > Duration(mostLongTimeout):
		return at.field("timeout").errf("timeout is at most 7d")
	case e.Timeout != 0 && e.Timeout <= e.After:
		return at.field("timeout").errf("the timeout is for the whole answer, and longer than what callers wait for")
	case e.Timeout == 0 && e.After >= Duration(DefaultLongTimeout):
		return at.errf("the timeout is for the whole answer, and longer than what callers wait for")
	case e.AtOnce < 0 || e.AtOnce > mostLongAtOnce || e.PerCaller < 0 || e.PerCaller > mostLongAtOnce:
		return at.errf("at_once and per_caller are from 1 to %d", mostLongAtOnce)
	case e.Keep != 0 && (e.Keep < Duration(leastLongKeep) || e.Keep > Duration(mostLongKeep)):
		return at.field("keep").errf("keep is from 1m to 90d")
	}
	if longest, bounded := rt.longest(); bounded && longest <= time.Duration(e.After) {
		return at.errf("no answer takes as long as %s: all attempts of all fetches are over after %s; give a fetch a longer timeout: timeout 10m", time.Duration(e.After), longest)
	}
	x := &executing{
		after: time.Duration(e.After), timeout: cmp.Or(time.Duration(e.Timeout), DefaultLongTimeout), keep: cmp.Or(time.Duration(e.Keep), DefaultLongKeep),
		atOnce: cmp.Or(e.AtOnce, DefaultLongAtOnce), perCaller: cmp.Or(e.PerCaller, DefaultLongPerCaller),
	}
	x.personal = rt.creds || rt.usesCaller()
	x.again = !x.personal && rt.repeatable()
	rt.execute = x
	rt.service.executes = true
	return nil
}

// longest is how long all attempts of all fetches take at most; false: nobody can say.
func (rt *route) longest() (sum time.Duration, bounded bool) {
	for _, s := range rt.plan.steps {
		f, ok := s.work.(*fetch)
		if !ok || f.pages != nil || f.url != nil {
			return 0, false
		}
		own := f.longest()
		if s.budget > 0 {
			own = min(own, s.budget)
		}
		sum += own
	}
	return sum, true
}

// usesCaller says whether anything of the route depends on who calls.
func (rt *route) usesCaller() bool {
	for _, p := range append([]*program{rt.failWhen, rt.reply, rt.status}, rt.headerPrograms()...) {
		if p != nil && slices.ContainsFunc(p.bind, func(b binding) bool { return b.kind == bindCaller }) {
			return true
		}
	}
	return rt.plan.any(func(s *step) bool { return s.caller })
}

func (rt *route) headerPrograms() []*program {
	out := make([]*program, len(rt.header))
	for i, h := range rt.header {
		out[i] = h.program
	}
	return out
}

// repeatable says whether the fetches do no harm when they are made twice, and have nothing of the caller's headers, which may be
// credentials that nobody but the caller knows to be some.
func (rt *route) repeatable() bool {
	return !rt.plan.any(func(s *step) bool {
		switch work := s.work.(type) {
		case *fetch:
			return !work.idempotent() || s.header
		case *query:
			return work.Exec || s.header
		}
		return s.header
	})
}

// any says whether something holds for a step of the plan, or of the plans of its fan-outs.
func (pl *plan) any(is func(*step) bool) bool {
	return slices.ContainsFunc(pl.steps, func(s *step) bool {
		if is(s) {
			return true
		}
		e, ok := s.work.(*fanOut)
		return ok && e.plan.any(is)
	})
}

// LongRoutes are those of whose long answers other gateways may take over, by method and pattern.
func (s *Service) LongRoutes() map[string]int {
	out := map[string]int{}
	for _, rt := range s.routes {
		if rt.execute != nil && rt.execute.again {
			out[rt.method+" "+rt.pattern] = rt.execute.atOnce
		}
	}
	return out
}

// TellsSecrets says whether answers may have an address in Location that is good for whoever has it.
func (s *Service) TellsSecrets() bool { return s.executes && !s.users }

// Executes says whether a route has answers that become executions.
func (s *Service) Executes() bool { return s.executes }

// noBody is what a request has that sends nothing.
func noBody(r *http.Request) bool { return r.Body == nil || r.Body == http.NoBody }
